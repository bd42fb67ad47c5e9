/*
 * Streams: of networks, of files, of memory, and what copies from one to another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torture.h"

static void network_streams(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    apm_stream out;
    apm_stream in;
    apm_stream memory;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        if (OK(apm_network_stream_create(pair.client, APM_FILE_ACCESS_READ_WRITE, false, &out))) {
            if (OK(apm_network_stream_create(pair.server, APM_FILE_ACCESS_READ_WRITE, false, &in))) {
                char bytes[8];
                struct operation read;
                if (OK(apm_stream_begin_read_exactly(in, bytes, 8, ON_COMPLETION(&read)))) {
                    if (!OK(apm_stream_write(out, "abcdefgh", 8)))
                        OK(apm_async_result_cancel(read.result));
                    AWAIT(&read);
                    OK(apm_stream_end_read_exactly(in, read.result, NULL));
                }
                if (OK(apm_memory_stream_create(0, &memory))) {
                    if (OK(apm_stream_write(out, "more", 4)) &&
                        OK(apm_socket_shutdown(pair.client, APM_SOCKET_SHUTDOWN_SEND)))
                        OK(apm_stream_copy_to(in, memory, 64));
                    OK(apm_stream_close(memory));
                }
                OK(apm_stream_close(in));
            }
            OK(apm_stream_close(out));
        }
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(network_streams_bear_every_failing_call, network_streams)

static void write_and_read(const char *path)
{
    static uint8_t bytes[3000];
    apm_stream file;
    apm_stream memory;
    size_t read;
    int64_t length;
    if (OK(apm_file_stream_create(path, APM_FILE_MODE_CREATE, APM_FILE_ACCESS_READ_WRITE, &file))) {
        struct operation write;
        if (OK(apm_stream_begin_write(file, bytes, sizeof bytes, ON_COMPLETION(&write)))) {
            AWAIT(&write);
            if (OK(apm_stream_end_write(file, write.result)) && OK(apm_stream_length(file, &length)) &&
                OK(apm_stream_set_position(file, 0)) && OK(apm_stream_read(file, bytes, 100, &read)))
                CHECK(read > 0);
        }
        OK(apm_stream_set_length(file, 10));
        if (OK(apm_memory_stream_create(0, &memory))) {
            if (OK(apm_stream_write(memory, bytes, 1000)) && OK(apm_stream_set_position(memory, 0)))
                OK(apm_stream_copy_to(memory, file, 64));
            OK(apm_stream_close(memory));
        }
        OK(apm_stream_close(file));
    }
}

static void file_streams(void)
{
    char path[48];
    snprintf(path, sizeof path, "/tmp/apm-torture-file-%d", (int)getpid());
    write_and_read(path);
    unlink(path);
}

TORTURE(file_streams_bear_every_failing_call, file_streams)

/* A FIFO, in which nothing has a place: written as a file is that cannot be sought. */
static void fifos(void)
{
    char path[48];
    apm_stream file;
    char bytes[4];
    size_t read;
    snprintf(path, sizeof path, "/tmp/apm-torture-fifo-%d", (int)getpid());
    unlink(path);
    CHECK_EQ(mkfifo(path, 0600), 0);
    int other = open(path, O_RDWR | O_CLOEXEC);
    CHECK(other >= 0);
    if (OK(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ_WRITE, &file))) {
        if (OK(apm_stream_write(file, "fifo", 4)))
            OK(apm_stream_read(file, bytes, 4, &read));
        OK(apm_stream_close(file));
    }
    close(other);
    unlink(path);
}

TORTURE(streams_of_fifos_bear_every_failing_call, fifos)
TORTURE(streams_of_fifos_that_nobody_reads_bear_every_failing_call, fifos,
        .condition = {"apm__os_file_write", "write", EPIPE})
