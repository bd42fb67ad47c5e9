/*
 * Streams in memory and files, reading exactly so much, and copying.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_stream.h"

/* -- Memory ------------------------------------------------------------------------------------------------------ */

TEST(a_stream_in_memory_grows_and_is_sought_as_dotnets)
{
    apm_stream stream;
    uint8_t bytes[16];
    size_t count;
    int64_t position;
    int byte;

    CHECK_SUCCESS(apm_memory_stream_create(0, &stream));
    CHECK(apm_stream_can_read(stream) && apm_stream_can_write(stream));
    CHECK(apm_stream_can_seek(stream) && !apm_stream_can_timeout(stream));
    CHECK_ERROR(apm_stream_set_position(stream, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_seek(stream, -1, APM_SEEK_ORIGIN_BEGIN, &position), APM_ERROR_IO);
    CHECK_ERROR(apm_stream_seek(stream, 0, (apm_seek_origin)7, &position), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_stream_set_length(stream, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_stream_set_position(stream, 10));
    CHECK_SUCCESS(apm_stream_read(stream, bytes, 2, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_write_byte(stream, 7));
    CHECK_SUCCESS(apm_stream_length(stream, &position));
    CHECK_EQ(position, 11);
    CHECK_SUCCESS(apm_stream_set_position(stream, 9));
    CHECK_SUCCESS(apm_stream_read_byte(stream, &byte));
    CHECK_EQ(byte, 0);
    CHECK_SUCCESS(apm_stream_read_byte(stream, &byte));
    CHECK_EQ(byte, 7);
    CHECK_SUCCESS(apm_stream_read_byte(stream, &byte));
    CHECK_EQ(byte, -1);
    CHECK_SUCCESS(apm_stream_set_length(stream, 5));
    CHECK_SUCCESS(apm_stream_position(stream, &position));
    CHECK_EQ(position, 5);
    CHECK_SUCCESS(apm_stream_seek(stream, -1, APM_SEEK_ORIGIN_END, &position));
    CHECK_EQ(position, 4);
    CHECK_SUCCESS(apm_memory_stream_to_array(stream, bytes, sizeof bytes, &count));
    CHECK_EQ(count, 5);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_memory_stream_to_array(stream, bytes, sizeof bytes, &count), APM_ERROR_OBJECT_DISPOSED);
}

TEST(memory_of_the_programs_does_not_grow_and_may_be_for_reading_only)
{
    uint8_t bytes[4] = {1, 2, 3, 4};
    apm_stream stream;

    CHECK_SUCCESS(apm_memory_stream_create_buffer(bytes, 4, true, &stream));
    CHECK_ERROR(apm_stream_write(stream, "abcde", 5), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(stream, 9), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_write(stream, "abcd", 4));
    CHECK_EQ(memcmp(bytes, "abcd", 4), 0);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_SUCCESS(apm_memory_stream_create_buffer(bytes, 4, false, &stream));
    CHECK(!apm_stream_can_write(stream));
    CHECK_ERROR(apm_stream_write(stream, "x", 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(stream, 2), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_memory_stream_create_buffer(NULL, 4, false, &stream), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_memory_stream_create(SIZE_MAX, &stream), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

CONTRACT_TEST(reads_and_writes_of_memory_come_one_after_another_in_the_order_begun)
{
    apm_stream stream;
    struct operation writes[3];
    struct operation read;
    uint8_t bytes[8];
    size_t count;

    CHECK_SUCCESS(apm_memory_stream_create(1, &stream));
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_stream_begin_write(stream, &"abcdef"[2 * i], 2, ON_COMPLETION(&writes[i])));
    }
    CHECK_SUCCESS(apm_stream_begin_read(stream, bytes, 8, ON_COMPLETION(&read)));
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(finish_write(stream, &writes[i]));
    }
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 0); /* it is at the end, behind the writes */
    CHECK_SUCCESS(apm_memory_stream_to_array(stream, bytes, sizeof bytes, &count));
    CHECK_EQ(count, 6);
    CHECK_EQ(memcmp(bytes, "abcdef", 6), 0);
    CHECK_SUCCESS(apm_stream_close(stream));
}

/* -- Files ------------------------------------------------------------------------------------------------------- */

TEST(files_are_opened_as_their_mode_says)
{
    char folder[] = "/tmp/apm_test_XXXXXX";
    char path[64];
    apm_stream stream;
    int64_t number;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK_ERROR(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream),
                APM_ERROR_FILE_NOT_FOUND);
    CHECK(apm_stream_is_null(stream));
    CHECK_ERROR(apm_file_stream_create(folder, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream),
                APM_ERROR_ACCESS_DENIED);
    CHECK_ERROR(apm_file_stream_create("", APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_file_stream_create(NULL, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_READ, &stream),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_file_stream_create(path, (apm_file_mode)9, APM_FILE_ACCESS_READ, &stream),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_file_stream_create(path, APM_FILE_MODE_CREATE, APM_FILE_ACCESS_READ, &stream), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_file_stream_create(path, APM_FILE_MODE_APPEND, APM_FILE_ACCESS_READ_WRITE, &stream),
                APM_ERROR_ARGUMENT);

    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_CREATE_NEW, APM_FILE_ACCESS_WRITE, &stream));
    CHECK_SUCCESS(apm_stream_write(stream, "abc", 3));
    CHECK_ERROR(apm_stream_read(stream, folder, 1, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_file_stream_create(path, APM_FILE_MODE_CREATE_NEW, APM_FILE_ACCESS_WRITE, &stream), APM_ERROR_IO);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_APPEND, APM_FILE_ACCESS_WRITE, &stream));
    CHECK_SUCCESS(apm_stream_position(stream, &number));
    CHECK_EQ(number, 3);
    CHECK_ERROR(apm_stream_seek(stream, 0, APM_SEEK_ORIGIN_BEGIN, &number), APM_ERROR_IO);
    CHECK_SUCCESS(apm_stream_write(stream, "de", 2));
    CHECK_SUCCESS(apm_stream_length(stream, &number));
    CHECK_EQ(number, 5);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
}

TEST(writing_to_a_pipe_that_nobody_reads_is_an_error_and_raises_no_signal)
{
    int ends[2];
    char path[64];
    apm_stream stream;

    CHECK_EQ(pipe(ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    CHECK_SUCCESS(apm_file_stream_create(path, APM_FILE_MODE_OPEN, APM_FILE_ACCESS_WRITE, &stream));
    raw_close(ends[0]);
    CHECK_ERROR(apm_stream_write(stream, "abc", 3), APM_ERROR_IO);
    CHECK_SUCCESS(apm_stream_close(stream));
    raw_close(ends[1]);
}

/* -- Exactly so much --------------------------------------------------------------------------------------------- */

CONTRACT_TEST(reading_exactly_goes_on_until_it_has_all)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[6];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.stream, buffer, 6, ON_COMPLETION(&read)));
    CHECK_EQ(apm_async_result_stream(read.result).bits, pair.stream.bits);
    raw_write(pair.peer, "ab", 2);
    CHECK_PENDING(&read);
    raw_write(pair.peer, "cdefgh", 6);
    AWAIT(&read);
    CHECK_ERROR(apm_stream_end_read(pair.stream, read.result, &count), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_stream_end_read_exactly(pair.stream, read.result, &count));
    CHECK_EQ(count, 6);
    CHECK_EQ(memcmp(buffer, "abcdef", 6), 0);
    CHECK_SUCCESS(apm_stream_read_exactly(pair.stream, buffer, 2));
    CHECK_EQ(memcmp(buffer, "gh", 2), 0);
    CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.stream, buffer, 0, ON_COMPLETION(&read)));
    AWAIT(&read);
    CHECK_SUCCESS(apm_stream_end_read_exactly(pair.stream, read.result, &count));
    peered_stream_close(pair);
}

CONTRACT_TEST(reading_exactly_beyond_the_end_says_so_with_what_there_was)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[6];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.stream, buffer, 6, ON_COMPLETION(&read)));
    raw_write(pair.peer, "ab", 2);
    raw_close(pair.peer);
    AWAIT(&read);
    CHECK_ERROR(apm_stream_end_read_exactly(pair.stream, read.result, &count), APM_ERROR_END_OF_STREAM);
    CHECK_EQ(count, 2);
    CHECK_ERROR(apm_stream_read_exactly(pair.stream, buffer, 6), APM_ERROR_END_OF_STREAM);
    CHECK_SUCCESS(apm_stream_read_exactly(pair.stream, buffer, 0));
    CHECK_ERROR(apm_stream_read_at_least(pair.stream, buffer, 6, 7, true, &count), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_read_at_least(pair.stream, buffer, 6, 1, true, &count), APM_ERROR_END_OF_STREAM);
    CHECK_SUCCESS(apm_stream_read_at_least(pair.stream, buffer, 6, 1, false, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_close(pair.stream));
}

CONTRACT_TEST(reading_exactly_is_cancelled_timed_out_and_closed_as_a_read_is)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[6];
    size_t count;

    for (int way = 0; way < 3; way++) {
        CHECK_SUCCESS(apm_stream_begin_read_exactly(pair.stream, buffer, 6, ON_COMPLETION(&read)));
        if (way == 0) {
            CHECK_SUCCESS(apm_async_result_cancel(read.result));
        } else if (way == 1) {
            CHECK_SUCCESS(apm_async_result_cancel_after(read.result, 10));
        } else {
            CHECK_SUCCESS(apm_stream_close(pair.stream));
        }
        AWAIT(&read);
        CHECK_ERROR(apm_stream_end_read_exactly(pair.stream, read.result, &count),
                    way == 0   ? APM_ERROR_OPERATION_ABORTED
                    : way == 1 ? APM_ERROR_TIMED_OUT
                               : APM_ERROR_OBJECT_DISPOSED);
        CHECK_EQ(count, 0);
    }
    CHECK_ERROR(apm_stream_begin_read_exactly(pair.stream, buffer, 6, NULL, NULL, &read.result),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_async_result_is_null(read.result));
    raw_close(pair.peer);
}

/* -- Copying ----------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(copying_goes_to_the_end_of_the_source_through_a_small_buffer)
{
    enum { SIZE = 100000 };
    struct peered_stream pair = peered_stream_create();
    uint8_t *data = malloc(SIZE);
    apm_stream memory;
    struct operation copy;
    size_t count;

    CHECK(data != NULL);
    pattern_fill(data, SIZE, 0);
    CHECK_SUCCESS(apm_memory_stream_create(0, &memory));
    CHECK_SUCCESS(apm_stream_begin_copy_to(pair.stream, memory, 1000, ON_COMPLETION(&copy)));
    raw_write(pair.peer, data, SIZE);
    CHECK_PENDING(&copy);
    raw_close(pair.peer);
    AWAIT(&copy);
    CHECK_SUCCESS(apm_stream_end_copy_to(pair.stream, copy.result, &count));
    CHECK_EQ(count, SIZE);
    memset(data, 0, SIZE);
    CHECK_SUCCESS(apm_memory_stream_to_array(memory, data, SIZE, &count));
    CHECK_EQ(count, SIZE);
    pattern_check(data, SIZE, 0);
    CHECK_SUCCESS(apm_stream_close(memory));
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    free(data);
}

TEST(copying_synchronously_takes_what_is_left_and_checks_both_streams)
{
    uint8_t bytes[8] = {0};
    apm_stream source;
    apm_stream destination;
    apm_async_result result;
    size_t count;

    CHECK_SUCCESS(apm_memory_stream_create(0, &source));
    CHECK_SUCCESS(apm_memory_stream_create(0, &destination));
    CHECK_SUCCESS(apm_stream_write(source, "abcdef", 6));
    CHECK_SUCCESS(apm_stream_set_position(source, 2));
    CHECK_ERROR(apm_stream_copy_to(source, destination, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_stream_copy_to(source, destination, 3));
    CHECK_SUCCESS(apm_memory_stream_to_array(destination, bytes, sizeof bytes, &count));
    CHECK_EQ(count, 4);
    CHECK_EQ(memcmp(bytes, "cdef", 4), 0);
    CHECK_SUCCESS(apm_stream_close(destination));
    CHECK_ERROR(apm_stream_copy_to(source, destination, 3), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_memory_stream_create_buffer(bytes, 8, false, &destination));
    CHECK_ERROR(apm_stream_copy_to(source, destination, 3), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_begin_copy_to(source, destination, 3, NULL, NULL, &result), APM_ERROR_NOT_SUPPORTED);
    CHECK(apm_async_result_is_null(result));
    CHECK_SUCCESS(apm_stream_close(destination));
    CHECK_SUCCESS(apm_stream_close(source));
}

CONTRACT_TEST(a_copy_ends_with_the_error_of_either_stream_and_can_be_cancelled)
{
    struct peered_stream pair = peered_stream_create();
    uint8_t bytes[4];
    apm_stream small;
    struct operation copy;
    size_t count = 99;

    CHECK_SUCCESS(apm_memory_stream_create_buffer(bytes, 4, true, &small));
    CHECK_SUCCESS(apm_stream_begin_copy_to(pair.stream, small, 4, ON_COMPLETION(&copy)));
    CHECK_PENDING(&copy);
    CHECK_SUCCESS(apm_async_result_cancel(copy.result));
    AWAIT(&copy);
    CHECK_ERROR(apm_stream_end_copy_to(pair.stream, copy.result, &count), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(count, 0);

    CHECK_SUCCESS(apm_stream_begin_copy_to(pair.stream, small, 4, ON_COMPLETION(&copy)));
    raw_write(pair.peer, "abcdef", 6);
    AWAIT(&copy);
    CHECK_ERROR(apm_stream_end_copy_to(pair.stream, copy.result, &count), APM_ERROR_NOT_SUPPORTED);
    CHECK_EQ(count, 4);
    CHECK_SUCCESS(apm_stream_close(small));
    peered_stream_close(pair);
}

LIBRARY_TEST_MAIN()
