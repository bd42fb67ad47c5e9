/*
 * The inner stream of a stream of TLS: its reads and writes. See ssl_stream.h. Begun by the pump; their callbacks run
 * on workers.
 */
#include <string.h>

#include "ssl_stream.h"

static void on_read(apm_async_result result);
static void on_written(apm_async_result result);

uint64_t apm__ssl_time_left_ms(const struct apm__ssl *ssl)
{
    uint64_t now = apm__os_monotonic_ns();
    return now < ssl->close_deadline_ns ? (ssl->close_deadline_ns - now) / 1000000 : 0;
}

/* While the stream closes, whatever is pending ends in time. */
static void limit(const struct apm__ssl *ssl, apm_async_result result)
{
    if (ssl->close_deadline_ns == 0)
        return;
    apm_error error = apm_async_result_cancel_after(result, (int)apm__ssl_time_left_ms(ssl));
    if (error == APM_ERROR_OUT_OF_MEMORY)
        error = apm_async_result_cancel(result);
    (void)error; /* it has completed */
}

void apm__ssl_limit_transport(struct apm__ssl *ssl)
{
    apm__os_mutex_lock(&ssl->stream->lock);
    apm_async_result results[] = {ssl->transport_read, ssl->transport_write};
    apm__os_mutex_unlock(&ssl->stream->lock);
    limit(ssl, results[0]);
    limit(ssl, results[1]);
}

/* An inner stream that was closed under the stream has aborted what came a moment later, too. */
static apm_error outcome_of(apm_error error)
{
    return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_OPERATION_ABORTED : error;
}

/* Has the next read take more, where the last one was filled. What has not been looked at are the bytes held. */
static void grow_input(struct apm__ssl *ssl)
{
    unsigned char *grown = apm__os_allocate(APM__SSL_INPUT_SIZE);
    if (!grown)
        return; /* a short one will do */
    memcpy(grown, ssl->input, ssl->held);
    apm__os_free(ssl->input);
    ssl->input = grown;
    ssl->input_size = APM__SSL_INPUT_SIZE;
}

void apm__ssl_begin_transport_read(struct apm__ssl *ssl)
{
    apm_async_result result = APM_NULL_HANDLE;
    if (ssl->filled && ssl->input_size < APM__SSL_INPUT_SIZE && !ssl->lingering)
        grow_input(ssl);
    ssl->asked = ssl->input_size - ssl->held;
    apm__os_mutex_lock(&ssl->stream->lock);
    ssl->reading = true;
    apm__os_mutex_unlock(&ssl->stream->lock);
    apm__slot_retain(&ssl->stream->slot);      /* the read's */
    apm_error error = APM_ERROR_OUT_OF_MEMORY; /* to grow, which it has to where all of it is held */
    if (ssl->asked > 0)
        error = apm_stream_begin_read(ssl->inner, ssl->input + ssl->held, ssl->asked, on_read, ssl, &result);
    apm__os_mutex_lock(&ssl->stream->lock);
    if (error == APM_ERROR_SUCCESS) {
        ssl->transport_read = result;
    } else {
        ssl->reading = false;
        ssl->input_error = outcome_of(error);
        ssl->again = true;
    }
    apm__os_mutex_unlock(&ssl->stream->lock);
    if (error != APM_ERROR_SUCCESS)
        apm__stream_release(ssl->stream); /* the pump has another reference */
    else
        limit(ssl, result);
}

void apm__ssl_begin_transport_write(struct apm__ssl *ssl)
{
    apm_async_result result = APM_NULL_HANDLE;
    const void *bytes;
    size_t size = apm__tls_engine_take_records(ssl->engine, &bytes);
    apm__os_mutex_lock(&ssl->stream->lock);
    ssl->writing = true;
    apm__os_mutex_unlock(&ssl->stream->lock);
    apm__slot_retain(&ssl->stream->slot); /* the write's */
    apm_error error = apm_stream_begin_write(ssl->inner, bytes, size, on_written, ssl, &result);
    apm__os_mutex_lock(&ssl->stream->lock);
    if (error == APM_ERROR_SUCCESS) {
        ssl->transport_write = result;
    } else {
        ssl->writing = false;
        ssl->output_error = outcome_of(error);
        ssl->again = true;
    }
    apm__os_mutex_unlock(&ssl->stream->lock);
    if (error != APM_ERROR_SUCCESS)
        apm__stream_release(ssl->stream);
    else
        limit(ssl, result);
}

static void on_read(apm_async_result result)
{
    struct apm__ssl *ssl = apm_async_result_async_state(result);
    size_t size;
    apm_error error = apm_stream_end_read(ssl->inner, result, &size);
    apm__os_mutex_lock(&ssl->stream->lock);
    ssl->reading = false;
    ssl->arrived = size;
    ssl->input_error = error;
    ssl->input_ended = error == APM_ERROR_SUCCESS && size == 0;
    apm__os_mutex_unlock(&ssl->stream->lock);
    apm__ssl_stir(ssl);
    apm__stream_release(ssl->stream); /* the read's */
}

static void on_written(apm_async_result result)
{
    struct apm__ssl *ssl = apm_async_result_async_state(result);
    apm_error error = apm_stream_end_write(ssl->inner, result);
    apm__os_mutex_lock(&ssl->stream->lock);
    ssl->writing = false;
    if (ssl->output_error == APM_ERROR_SUCCESS)
        ssl->output_error = error;
    apm__os_mutex_unlock(&ssl->stream->lock);
    apm__ssl_stir(ssl);
    apm__stream_release(ssl->stream); /* the write's */
}
