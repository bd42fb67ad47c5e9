/*
 * The port of os.h to the simulated machine: files that are sent. There is one, "book.test", whose byte at a place is
 * what sim_file_byte says, so that it need not be stored; and "pipe.test", which has no places.
 */
#include <errno.h>
#include <string.h>

#include "machine.h"
#include "network.h"
#include "os.h"
#include "os_posix_error.h"
#include "shortage.h"

enum { PAGE = 256 };

unsigned char sim_file_byte(uint64_t place)
{
    return (unsigned char)(((uint32_t)place * 2654435761u) >> 24);
}

static apm_error open_one(struct sim_file *named, apm__os_file *file)
{
    *file = sim_runs_out(SIM_DESCRIPTORS) ? -1 : sim_descriptor_open(named);
    return *file < 0 ? apm__os_translate(EMFILE) : APM_ERROR_SUCCESS;
}

apm_error apm__os_file_open_to_send(const char *name, apm__os_file *file)
{
    SIM_POINT();
    *file = APM__OS_NO_FILE;
    if (strcmp(name, "pipe.test") == 0)
        return APM_ERROR_NOT_SUPPORTED;
    if (strcmp(name, "book.test") != 0)
        return APM_ERROR_FILE_NOT_FOUND;
    sim_trace("opens %s", name);
    return open_one(sim_file_create(SIM_FILE), file);
}

apm_error apm__os_file_duplicate_to_send(int descriptor, apm__os_file *file)
{
    SIM_POINT();
    return open_one(sim_file_of(descriptor), file);
}

void apm__os_file_close(apm__os_file file)
{
    SIM_POINT();
    if (file == APM__OS_NO_FILE)
        return;
    SIM_CHECK(sim_file_of(file)->kind == SIM_FILE);
    sim_descriptor_close(file);
}

apm_error apm__os_file_length(apm__os_file file, int64_t *length)
{
    SIM_POINT();
    SIM_CHECK(sim_file_of(file)->kind == SIM_FILE);
    *length = SIM_FILE_SIZE;
    return APM_ERROR_SUCCESS;
}

/* As much as the socket has room for, or less. */
apm_error apm__os_socket_send_file(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                   size_t *sent)
{
    unsigned char page[PAGE];
    SIM_POINT();
    *sent = 0;
    SIM_CHECK(sim_file_of(file)->kind == SIM_FILE);
    struct sim_file *to = sim_socket_of(socket);
    if (offset >= SIM_FILE_SIZE)
        return APM_ERROR_SUCCESS;
    size_t left = SIM_FILE_SIZE - (size_t)offset;
    count = count < left ? count : left;
    int error = 0;
    while (*sent < count) {
        size_t size = count - *sent < PAGE ? count - *sent : PAGE;
        size_t part = 0;
        for (size_t i = 0; i < size; i++)
            page[i] = sim_file_byte(offset + *sent + i);
        error = sim_stream_send(to, page, size, &part);
        *sent += part;
        if (error || part < size || sim_one_in(4))
            break;
    }
    sim_trace("sends %zu of %zu bytes of a file over descriptor %d: %d", *sent, count, socket, error);
    return *sent > 0 ? APM_ERROR_SUCCESS : apm__os_translate(error);
}

apm_error apm__os_socket_send_file_copy(apm__os_socket socket, apm__os_file file, uint64_t offset, size_t count,
                                        size_t *sent)
{
    return apm__os_socket_send_file(socket, file, offset, count, sent);
}
