/*
 * Good arguments of what is about streams, TCP clients and listeners: see arguments.h.
 *
 * The streams are of the program's own: one that has every method, and gives a few bytes before it ends; and one whose
 * reads begin and stay pending. What their methods share is atomic, since they run on any thread.
 */
#include "arguments.h"

#include <string.h>

/* -- A stream that can do everything ------------------------------------------------------------------------------ */

static _Atomic size_t left;

static apm_error read_bytes(void *context, void *buffer, size_t size, size_t *read)
{
    _Atomic size_t *bytes = context;
    size_t count = atomic_load(bytes);

    *read = size < count ? size : count;
    memset(buffer, 0, *read);
    atomic_store(bytes, count - *read);
    return APM_ERROR_SUCCESS;
}

static apm_error write_bytes(void *context, const void *buffer, size_t size)
{
    (void)context;
    (void)buffer;
    (void)size;
    return APM_ERROR_SUCCESS;
}

static apm_error flush(void *context)
{
    (void)context;
    return APM_ERROR_SUCCESS;
}

static apm_error get_length(void *context, int64_t *length)
{
    (void)context;
    *length = ARGUMENTS_GOOD_SIZE;
    return APM_ERROR_SUCCESS;
}

static apm_error set_length(void *context, int64_t length)
{
    (void)context;
    (void)length;
    return APM_ERROR_SUCCESS;
}

static apm_error seek(void *context, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    (void)context;
    (void)origin;
    if (offset < 0) {
        return APM_ERROR_IO;
    }
    *position = offset;
    return APM_ERROR_SUCCESS;
}

static apm_error get_timeout(void *context, int *timeout_ms)
{
    (void)context;
    *timeout_ms = -1;
    return APM_ERROR_SUCCESS;
}

static apm_error set_timeout(void *context, int timeout_ms)
{
    (void)context;
    (void)timeout_ms;
    return APM_ERROR_SUCCESS;
}

const apm_stream_methods *arguments_stream_methods(void)
{
    static const apm_stream_methods methods = {.read = read_bytes,
                                               .write = write_bytes,
                                               .flush = flush,
                                               .length = get_length,
                                               .set_length = set_length,
                                               .seek = seek,
                                               .read_timeout = get_timeout,
                                               .set_read_timeout = set_timeout,
                                               .write_timeout = get_timeout,
                                               .set_write_timeout = set_timeout};

    return &methods;
}

void *arguments_stream_context(void)
{
    atomic_store(&left, 2 * ARGUMENTS_GOOD_SIZE);
    return &left;
}

/* -- An operation that a method has begun -------------------------------------------------------------------------- */

static struct latch begun = LATCH_INITIALIZER;
static size_t begun_awaited;

static apm_error begin_read(void *context, void *buffer, size_t size, apm_async_result operation)
{
    (void)context;
    (void)buffer;
    (void)size;
    (void)operation;
    latch_add(&begun, 1);
    return APM_ERROR_SUCCESS;
}

static void close_stream(uint64_t bits)
{
    (void)apm_stream_close((apm_stream){bits});
}

/* The call that was tried may have completed it. */
static void end_read(uint64_t bits)
{
    apm_async_result operation = {bits};
    apm_stream stream = apm_async_result_stream(operation);
    apm_error error = apm_stream_complete(operation, APM_ERROR_OPERATION_ABORTED, 0);

    error = apm_stream_end_read(stream, operation, NULL);
    (void)error;
}

apm_async_result arguments_begun_operation(void)
{
    static const apm_stream_methods methods = {.begin_read = begin_read};
    static uint8_t buffer[ARGUMENTS_GOOD_SIZE];
    static const apm_thread_pool default_pool = APM_NULL_HANDLE;
    apm_stream stream;
    apm_async_result operation;

    CHECK_SUCCESS(apm_stream_create(default_pool, &methods, NULL, &stream));
    arguments_keep(stream.bits, close_stream);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, sizeof buffer, NULL, NULL, &operation));
    arguments_keep(operation.bits, end_read);
    begun_awaited++;
    LATCH_AWAIT(&begun, begun_awaited);
    return operation;
}

/* -- Listeners ----------------------------------------------------------------------------------------------------- */

void arguments_start_listener(apm_tcp_listener listener)
{
    apm_endpoint local;

    CHECK_SUCCESS(apm_tcp_listener_start(listener));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, &local));
    /* It may listen on all addresses, of which this is one. */
    arguments_keep_descriptor(raw_connect(loopback_endpoint(local.port)));
}
