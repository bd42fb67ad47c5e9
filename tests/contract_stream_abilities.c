/*
 * Streams of the program's own that can do a part of what streams do: what they have no method for is refused, and
 * disturbs nothing else.
 */
#include "support_stream.h"

static apm_error read_a(void *context, void *buffer, size_t size, size_t *read)
{
    (void)context;
    *read = size > 0;
    if (size > 0) {
        *(char *)buffer = 'a';
    }
    return APM_ERROR_SUCCESS;
}

static apm_error seek_nowhere(void *context, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    (void)offset;
    (void)origin;
    *position = *(int64_t *)context;
    return APM_ERROR_SUCCESS;
}

static apm_error timeout_of(void *context, int *timeout_ms)
{
    (void)context;
    *timeout_ms = 1;
    return APM_ERROR_SUCCESS;
}

static apm_stream create(apm_stream_methods methods, int64_t *context)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    apm_stream stream;

    CHECK_SUCCESS(apm_stream_create(pool, &methods, context, &stream));
    return stream;
}

TEST(a_stream_that_only_reads_refuses_everything_else_and_reads_on)
{
    apm_stream stream = create((apm_stream_methods){.read = read_a}, NULL);
    int64_t number = 5;
    int timeout_ms;
    int byte;

    CHECK(apm_stream_can_read(stream) && !apm_stream_can_write(stream));
    CHECK(!apm_stream_can_seek(stream) && !apm_stream_can_timeout(stream));
    CHECK_ERROR(apm_stream_write(stream, "x", 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_length(stream, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(stream, 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_position(stream, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_seek(stream, 0, APM_SEEK_ORIGIN_BEGIN, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_read_timeout(stream, &timeout_ms), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_set_write_timeout(stream, 1), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_stream_flush(stream)); /* there is nothing to hand on */
    CHECK_SUCCESS(apm_stream_read_byte(stream, &byte));
    CHECK_EQ(byte, 'a');
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_stream_flush(stream), APM_ERROR_OBJECT_DISPOSED);
}

TEST(a_stream_that_can_seek_and_knows_no_length_refuses_that_alone)
{
    int64_t where = 42;
    apm_stream stream = create((apm_stream_methods){.read = read_a, .seek = seek_nowhere}, &where);
    int64_t number = 0;

    CHECK(apm_stream_can_seek(stream));
    CHECK_SUCCESS(apm_stream_position(stream, &number));
    CHECK_EQ(number, 42);
    CHECK_ERROR(apm_stream_length(stream, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(stream, 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_stream_close(stream));
}

TEST(a_stream_that_has_some_of_the_time_outs_is_not_made)
{
    const apm_stream_methods methods = {.read = read_a, .read_timeout = timeout_of, .write_timeout = timeout_of};
    apm_thread_pool pool = APM_NULL_HANDLE;
    apm_stream stream;

    CHECK_ERROR(apm_stream_create(pool, &methods, NULL, &stream), APM_ERROR_ARGUMENT);
    CHECK(apm_stream_is_null(stream));
}

LIBRARY_TEST_MAIN()
