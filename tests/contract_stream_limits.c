/*
 * Streams at their limits: in memory up to 2 GiB, which is not allocated, and pipes whose reader goes.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support_stream.h"

TEST(a_stream_in_memory_is_moved_and_made_no_longer_than_int_max)
{
    apm_stream stream;
    int64_t position = -1;

    CHECK_SUCCESS(apm_memory_stream_create(0, &stream));
    CHECK_ERROR(apm_stream_set_length(stream, (int64_t)INT_MAX + 1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_seek(stream, (int64_t)INT_MAX + 1, APM_SEEK_ORIGIN_BEGIN, &position),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_seek(stream, -(int64_t)INT_MAX - 1, APM_SEEK_ORIGIN_END, &position), APM_ERROR_IO);
    CHECK_SUCCESS(apm_stream_seek(stream, INT_MAX, APM_SEEK_ORIGIN_BEGIN, &position));
    CHECK_EQ(position, INT_MAX);
    CHECK_ERROR(apm_stream_seek(stream, 1, APM_SEEK_ORIGIN_CURRENT, &position), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_write_byte(stream, 1), APM_ERROR_IO);
    CHECK_SUCCESS(apm_stream_position(stream, &position));
    CHECK_EQ(position, INT_MAX);
    CHECK_SUCCESS(apm_stream_length(stream, &position));
    CHECK_EQ(position, 0);
    CHECK_SUCCESS(apm_stream_close(stream));
}

/* -- A pipe whose reader goes -------------------------------------------------------------------------------------- */

static void read_a_little_and_go(void *argument)
{
    const char *path = argument;
    char bytes[100];
    int file = open(path, O_RDONLY | O_CLOEXEC);

    CHECK(file >= 0);
    CHECK(read(file, bytes, sizeof bytes) > 0);
    CHECK_EQ(close(file), 0);
}

/* The system has taken as much as the pipe holds by then, so that the write is a success in part, and a signal. */
TEST(a_write_to_a_pipe_whose_reader_goes_meanwhile_fails_and_raises_no_signal)
{
    enum { SIZE = 1 << 20 };
    static uint8_t bytes[SIZE];
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    char folder[] = "/tmp/apm-pipe-XXXXXX";
    char path[64];

    CHECK_EQ(sigaction(SIGPIPE, &by_default, NULL), 0);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/pipe", folder);
    CHECK_EQ(mkfifo(path, 0600), 0);
    for (int i = 0; i < 20; i++) {
        struct thread reader;
        apm_stream stream;

        thread_start(&reader, read_a_little_and_go, path);
        CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_WRITE, &stream));
        CHECK(apm_stream_write(stream, bytes, SIZE) != APM_ERROR_SUCCESS);
        thread_join(&reader);
        CHECK_SUCCESS(apm_stream_close(stream));
    }
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
}

LIBRARY_TEST_MAIN()
