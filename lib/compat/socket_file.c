/*
 * CSocketFile: a blocking socket as a file. The thread of the socket's owner.
 */
#include "apm/compat/socket_file.h"

#include <limits.h>

void apm_socket_file_initialize(apm_socket_file *file, apm_blocking_socket *socket, bool archive_compatible)
{
    if (file)
        *file = (apm_socket_file){.socket = socket, .archive_compatible = archive_compatible};
}

apm_error apm_socket_file_read(apm_socket_file *file, void *buffer, size_t size, size_t *read)
{
    if (read)
        *read = 0;
    if (!file || !read || (!buffer && size > 0))
        return APM_ERROR_ARGUMENT_NULL;
    if (!file->socket)
        return APM_ERROR_NOT_SOCKET;
    while (*read < size) {
        size_t part = size - *read < INT_MAX ? size - *read : INT_MAX;
        int got = apm_blocking_socket_receive(file->socket, (char *)buffer + *read, (int)part, 0);
        if (got < 0)
            return (apm_error)apm_wsa_get_last_error();
        *read += (size_t)got;
        if (got == 0 || file->archive_compatible)
            break;
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_file_write(apm_socket_file *file, const void *buffer, size_t size)
{
    if (!file || (!buffer && size > 0))
        return APM_ERROR_ARGUMENT_NULL;
    if (!file->socket)
        return APM_ERROR_NOT_SOCKET;
    for (size_t done = 0; done < size;) {
        size_t part = size - done < INT_MAX ? size - done : INT_MAX;
        int sent = apm_blocking_socket_send(file->socket, (const char *)buffer + done, (int)part, 0);
        if (sent < 0)
            return (apm_error)apm_wsa_get_last_error();
        done += (size_t)sent;
    }
    return APM_ERROR_SUCCESS;
}

void apm_socket_file_close(apm_socket_file *file)
{
    if (file)
        file->socket = NULL;
}

apm_error apm_socket_file_seek(apm_socket_file *file, int64_t offset, int origin)
{
    (void)file;
    (void)offset;
    (void)origin;
    return APM_ERROR_NOT_SUPPORTED;
}

apm_error apm_socket_file_get_length(apm_socket_file *file, uint64_t *length)
{
    (void)file;
    if (length)
        *length = 0;
    return APM_ERROR_NOT_SUPPORTED;
}

apm_error apm_socket_file_set_length(apm_socket_file *file, uint64_t length)
{
    (void)file;
    (void)length;
    return APM_ERROR_NOT_SUPPORTED;
}

static apm_error read_for_archive(void *context, void *buffer, size_t size, size_t *read)
{
    return apm_socket_file_read(context, buffer, size, read);
}

static apm_error write_for_archive(void *context, const void *buffer, size_t size)
{
    return apm_socket_file_write(context, buffer, size);
}

apm_archive_file apm_socket_file_archive_file(apm_socket_file *file)
{
    return (apm_archive_file){.context = file, .read = read_for_archive, .write = write_for_archive};
}
