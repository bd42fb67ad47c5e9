/*
 * Owns the sending of a connection over a stream socket.
 *
 * Without TLS a send is made at once, on a socket that does not block, and only what the system does not take is begun;
 * any number of sends may be pending. With TLS bytes are queued until work_send has given all of them, and one write is
 * pending at a time.
 */
#include "clock.h"
#include "load_figures.h"
#include "load_stream.h"

/* A send has ended. The time is asked for only where it matters. */
static void return_send_locked(struct stream *stream, apm_error error)
{
    if (error == APM_ERROR_SUCCESS && !stream->is_closing) {
        stream->base.operations--;
    } else {
        uint64_t now_ns = clock_now_ns();
        if (stream_return_locked(stream, now_ns))
            stream_fail_locked(stream, "send", apm_error_name(error), now_ns);
    }
}

/* -- Sending with TLS --------------------------------------------------------------------------------------------- */

static void on_written(apm_async_result result);

apm_error stream_write_locked(struct stream *stream)
{
    bool has_begun;
    apm_error error = tls_begin_write(stream->tls, on_written, stream, &has_begun);

    stream->base.operations += has_begun;
    return error;
}

static void on_written(apm_async_result result)
{
    struct stream *stream = apm_async_result_async_state(result);
    apm_error error = apm_stream_end_write(stream->tls->stream, result);

    pthread_mutex_lock(&stream->base.lock);
    if (error == APM_ERROR_SUCCESS)
        figures_add_sent(stream->tls->writing);
    stream->tls->writing = 0;
    return_send_locked(stream, error);
    if (stream->base.is_open) {
        error = stream_write_locked(stream);
        if (error != APM_ERROR_SUCCESS)
            stream_fail_locked(stream, "send", apm_error_name(error), clock_now_ns());
    }
    pthread_mutex_unlock(&stream->base.lock);
}

/* -- Sending without TLS ------------------------------------------------------------------------------------------ */

static void on_sent(apm_async_result result)
{
    struct stream *stream = apm_async_result_async_state(result);
    size_t sent;
    apm_error error = apm_socket_end_send(stream->socket, result, &sent);

    figures_add_sent(sent);
    pthread_mutex_lock(&stream->base.lock);
    return_send_locked(stream, error);
    pthread_mutex_unlock(&stream->base.lock);
}

/*
 * Most messages fit into the system's buffer at once. Such a send is synchronous, on a socket that does not block: it
 * has no callback, for which a worker would have to be woken. Where it does not fit, or others are pending, the rest is
 * begun, and goes behind those.
 */
static bool send_at_once(struct stream *stream, const apm_array_segment *segments, size_t count, size_t *sent)
{
    apm_error error =
        count == 1 ? apm_socket_send(stream->socket, segments[0].buffer, segments[0].size, APM_SOCKET_FLAGS_NONE, sent)
                   : apm_socket_send_buffers(stream->socket, segments, count, APM_SOCKET_FLAGS_NONE, sent);

    figures_add_sent(*sent);
    if (error == APM_ERROR_SUCCESS || error == APM_ERROR_WOULD_BLOCK)
        return true;
    stream->send_error = error;
    return false;
}

static void send_segments(struct stream *stream, apm_array_segment *segments, size_t count)
{
    apm_error error;
    size_t sent;

    if (stream->tls != NULL) {
        for (size_t i = 0; i < count; i++)
            tls_queue(stream->tls, segments[i].buffer, segments[i].size);
        return;
    }
    if (stream->send_error != APM_ERROR_SUCCESS || !send_at_once(stream, segments, count, &sent))
        return;
    for (; count > 0 && sent >= segments->size; segments++, count--)
        sent -= segments->size;
    if (count == 0)
        return;
    segments->buffer = (char *)segments->buffer + sent;
    segments->size -= sent;
    error = apm_socket_begin_send_buffers(stream->socket, segments, count, APM_SOCKET_FLAGS_NONE, on_sent, stream,
                                          NULL);
    if (error == APM_ERROR_SUCCESS)
        stream->base.operations++;
    else
        stream->send_error = error;
}

/* A segment is of a buffer that may also be received into, so it does not say const. */
static apm_array_segment segment_of(const void *bytes, size_t size)
{
    return (apm_array_segment){.buffer = (void *)(uintptr_t)bytes, .size = size};
}

void stream_send(struct stream *stream, const void *bytes, size_t size)
{
    send_segments(stream, (apm_array_segment[]){segment_of(bytes, size)}, 1);
}

void stream_send_two(struct stream *stream, const void *first, size_t first_size, const void *second,
                     size_t second_size)
{
    send_segments(stream, (apm_array_segment[]){segment_of(first, first_size), segment_of(second, second_size)}, 2);
}
