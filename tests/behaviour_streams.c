/*
 * Streams as .NET's: the cases msc-* of its recorded behaviour, but for those of tasks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_stream.h"

enum { TEXT_SIZE = 100 };

/* A file of 100 bytes, which is gone when the test ends. */
static void make_file(char *path, size_t size)
{
    uint8_t bytes[TEXT_SIZE];
    apm_stream stream;
    int file;

    snprintf(path, size, "/tmp/apm_test_XXXXXX");
    file = mkstemp(path);
    CHECK(file >= 0);
    CHECK_EQ(close(file), 0);
    pattern_fill(bytes, TEXT_SIZE, 0);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_TRUNCATE, APM_FILE_ACCESS_WRITE, &stream));
    CHECK_SUCCESS(apm_stream_write(stream, bytes, TEXT_SIZE));
    CHECK_SUCCESS(apm_stream_close(stream));
}

TEST(reads_of_a_file_complete_on_pool_threads_and_advance_the_position_msc_002)
{
    char path[64];
    apm_stream stream;
    struct operation read;
    uint8_t buffer[TEXT_SIZE];
    size_t count;

    make_file(path, sizeof path);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream));
    /* The callback of an operation checks the thread. */
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 60, ON_CALLBACK(&read)));
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 60);
    CHECK_ERROR(apm_stream_end_read(stream, read.result, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer + 60, 60, ON_CALLBACK(&read)));
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 40);
    pattern_check(buffer, TEXT_SIZE, 0);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 60, ON_CALLBACK(&read)));
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_EQ(unlink(path), 0);
}

TEST(a_write_to_a_file_advances_position_and_length_msc_003)
{
    char path[64];
    apm_stream stream;
    struct operation write;
    apm_async_result result;
    uint8_t buffer[50] = {1};
    int64_t number;

    make_file(path, sizeof path);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_CREATE, APM_FILE_ACCESS_READ_WRITE, &stream));
    CHECK_SUCCESS(apm_stream_begin_write(stream, buffer, 50, ON_CALLBACK(&write)));
    CHECK_SUCCESS(finish_write(stream, &write));
    CHECK_SUCCESS(apm_stream_position(stream, &number));
    CHECK_EQ(number, 50);
    CHECK_SUCCESS(apm_stream_length(stream, &number));
    CHECK_EQ(number, 50);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_stream_begin_read(stream, buffer, 1, NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream));
    CHECK_ERROR(apm_stream_begin_write(stream, buffer, 1, NULL, NULL, &result), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_EQ(unlink(path), 0);
}

TEST(a_second_begin_on_a_stream_of_the_programs_own_waits_for_its_turn_without_blocking_msc_004)
{
    struct pipe pipe;
    struct operation first;
    struct operation second;
    uint8_t buffer[3];
    size_t count;
    apm_stream stream;
    apm_async_result none = APM_NULL_HANDLE;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, false, false);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 3, ON_CALLBACK(&first)));
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 3, ON_CALLBACK(&second)));
    pipe_put(&pipe, "abc", 3);
    AWAIT(&first);
    CHECK(PIPE_LOOK(&pipe, read_on_pool_thread));
    LATCH_AWAIT(&pipe.read_entered, 2); /* the first has completed; nobody has ended it */
    CHECK_ERROR(apm_stream_end_write(stream, first.result), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_stream_end_read(stream, first.result, &count));
    CHECK_EQ(count, 3);
    CHECK_ERROR(apm_stream_end_read(stream, first.result, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_end_read(stream, none, &count), APM_ERROR_ARGUMENT_NULL);
    pipe_put(&pipe, "def", 3);
    CHECK_SUCCESS(finish_read(stream, &second, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_stream_close(stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

TEST(a_read_of_memory_completes_on_a_pool_thread_msc_005)
{
    uint8_t memory[4] = "abc";
    uint8_t buffer[8];
    apm_stream stream;
    struct operation read;
    size_t count;

    CHECK_SUCCESS(apm_memory_stream_create_buffer(memory, 4, false, &stream));
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 8, ON_CALLBACK(&read)));
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 4);
    CHECK_EQ(memcmp(buffer, memory, 4), 0);
    CHECK_SUCCESS(apm_stream_close(stream));
}

TEST(a_read_of_a_systems_pipe_waits_for_data_and_for_the_end_msc_009)
{
    int ends[2];
    char path[64];
    apm_stream stream;
    struct operation read;
    uint8_t buffer[8];
    size_t count;

    CHECK_EQ(pipe(ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream));
    CHECK(!apm_stream_can_seek(stream));
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 8, ON_CALLBACK(&read)));
    CHECK_PENDING(&read);
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 8, ON_CALLBACK(&read)));
    CHECK_PENDING(&read);
    raw_close(ends[1]);
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_close(stream));
    raw_close(ends[0]);
}

LIBRARY_TEST_MAIN()
