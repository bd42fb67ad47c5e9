/*
 * Inet sockets: reading ahead, and writing. See inet_socket.h. Callbacks run on pool threads, the program's calls on
 * its own.
 */
#include <string.h>

#include "apm/datagram.h"
#include "apm/ssl_stream.h"
#include "inet_socket.h"

/* -- Reading ahead ------------------------------------------------------------------------------------------------- */

/* What a read, or an accept, has brought. With the reference that it held. */
static void take_in(struct apm__inet *inet, apm_error error, size_t size, apm_socket arrived)
{
    bool end = inet->kind == APM__INET_STREAM && (error != APM_ERROR_SUCCESS || size == 0);
    apm__os_mutex_lock(&inet->lock);
    inet->reading = false;
    bool closed = inet->closed;
    if (!closed && arrived.bits != 0) {
        inet->arrived = arrived;
        arrived = (apm_socket)APM_NULL_HANDLE;
    }
    inet->in_error = error;
    inet->ended = end;
    inet->full = !end;
    inet->in_start = 0;
    inet->in_end = size;
    unsigned event = end                                ? APM_INET_EVENT_DISCONNECT
                     : inet->kind == APM__INET_LISTENER ? APM_INET_EVENT_ACCEPT
                                                        : APM_INET_EVENT_READ;
    struct apm__inet_notice notice = apm__inet_notice_locked(inet, end || !inet->told ? 1u << event : 0);
    inet->told = inet->full;
    apm__os_mutex_unlock(&inet->lock);
    if (arrived.bits != 0)
        apm_socket_close(arrived);
    apm__inet_wake(inet);
    apm__inet_post(&notice);
    apm__inet_release(inet);
}

static void on_read(apm_async_result result)
{
    static const apm_socket none = APM_NULL_HANDLE;
    struct apm__inet *inet = apm_async_result_async_state(result);
    size_t size = 0;
    apm_error error = apm_stream_end_read(apm_async_result_stream(result), result, &size);
    take_in(inet, error, size, none);
}

static void on_datagram(apm_async_result result)
{
    static const apm_socket none = APM_NULL_HANDLE;
    struct apm__inet *inet = apm_async_result_async_state(result);
    size_t size = 0;
    apm_endpoint from = {.port = 0};
    apm_error error = apm_socket_end_receive_from(apm_async_result_socket(result), result, &from, &size);
    apm__os_mutex_lock(&inet->lock);
    inet->from = from;
    apm__os_mutex_unlock(&inet->lock);
    take_in(inet, error, size, none);
}

static void on_accepted(apm_async_result result)
{
    struct apm__inet *inet = apm_async_result_async_state(result);
    apm_socket arrived;
    apm_error error = apm_socket_end_accept(apm_async_result_socket(result), result, &arrived);
    take_in(inet, error, 0, arrived);
}

void apm__inet_read_ahead(struct apm__inet *inet)
{
    apm__os_mutex_lock(&inet->lock);
    bool begins = inet->stage == APM__INET_OPEN && !inet->closed && !inet->reading && !inet->full && !inet->ended;
    if (begins)
        inet->reading = true;
    apm_socket socket = inet->socket;
    apm_stream stream = inet->stream;
    apm__os_mutex_unlock(&inet->lock);
    if (!begins)
        return;
    apm_async_result result;
    apm_error error;
    apm__inet_retain(inet);
    if (inet->kind == APM__INET_STREAM)
        error = apm_stream_begin_read(stream, inet->in, inet->capacity, on_read, inet, &result);
    else if (inet->kind == APM__INET_DATAGRAM)
        error = apm_socket_begin_receive_from(socket, inet->in, inet->capacity, APM_SOCKET_FLAGS_NONE, on_datagram,
                                              inet, &result);
    else
        error = apm_socket_begin_accept(socket, on_accepted, inet, &result);
    if (error != APM_ERROR_SUCCESS)
        take_in(inet, error, 0, (apm_socket)APM_NULL_HANDLE);
}

/* -- Reading ------------------------------------------------------------------------------------------------------- */

bool apm__inet_can_read(const struct apm__inet *inet)
{
    return inet->full || inet->ended || inet->stage != APM__INET_OPEN;
}

bool apm__inet_can_write(const struct apm__inet *inet)
{
    return !inet->writing || inet->stage != APM__INET_OPEN;
}

apm_error apm__inet_check_open_locked(const struct apm__inet *inet)
{
    if (inet->stage == APM__INET_OPEN && inet->kind != APM__INET_LISTENER)
        return APM_ERROR_SUCCESS;
    if (inet->kind == APM__INET_LISTENER)
        return APM_ERROR_NOT_SUPPORTED;
    return APM_ERROR_NOT_CONNECTED;
}

/* Copies from `in`, and takes away unless it only looks; what does not fit of a datagram is MESSAGE_SIZE. */
static apm_error copy_in_locked(struct apm__inet *inet, void *buffer, size_t size, bool takes, size_t *copied)
{
    if (!inet->full)
        return inet->ended ? inet->in_error : APM_ERROR_WOULD_BLOCK;
    apm_error error = inet->in_error;
    size_t there = inet->in_end - inet->in_start;
    *copied = there < size ? there : size;
    memcpy(buffer, inet->in + inet->in_start, *copied);
    if (!takes)
        return error;
    if (inet->kind == APM__INET_DATAGRAM) {
        if (error == APM_ERROR_SUCCESS)
            inet->sender = inet->from;
        if (error == APM_ERROR_SUCCESS && there > size)
            error = APM_ERROR_MESSAGE_SIZE;
        inet->in_start = inet->in_end;
    } else {
        inet->in_start += *copied;
    }
    inet->full = inet->in_start < inet->in_end;
    return error;
}

struct apm__inet_notice apm__inet_taken_locked(struct apm__inet *inet)
{
    inet->told = inet->full;
    return apm__inet_notice_locked(inet, inet->full ? 1u << APM_INET_EVENT_READ : 0);
}

void apm__inet_go_on(struct apm__inet *inet, const struct apm__inet_notice *notice)
{
    apm__inet_post(notice);
    apm__inet_read_ahead(inet); /* does nothing if there is more */
}

/* One attempt to read. WOULD_BLOCK: there is nothing. */
static apm_error take(struct apm__inet *inet, void *buffer, size_t size, size_t *copied)
{
    apm__os_mutex_lock(&inet->lock);
    apm_error error = apm__inet_check_open_locked(inet);
    if (error == APM_ERROR_SUCCESS)
        error = copy_in_locked(inet, buffer, size, true, copied);
    struct apm__inet_notice notice = apm__inet_taken_locked(inet);
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_go_on(inet, &notice);
    return error;
}

/* Whether calls block, and for how long. */
static bool blocks(struct apm__inet *inet, int64_t *timeout_ms)
{
    apm__os_mutex_lock(&inet->lock);
    bool answer = inet->blocks;
    *timeout_ms = (int64_t)inet->timeout_s * 1000;
    apm__os_mutex_unlock(&inet->lock);
    return answer;
}

int apm_inet_read_ex(apm_inet socket, void *buffer, int size, apm_inet_address *address, unsigned *port)
{
    int64_t timeout_ms;
    size_t copied = 0;
    apm__inet_address_of(NULL, address, port);
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm_error error = buffer && size > 0 ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS)
        error = take(inet, buffer, (size_t)size, &copied);
    if (error == APM_ERROR_WOULD_BLOCK && blocks(inet, &timeout_ms)) {
        error = apm__inet_wait(inet, apm__inet_can_read, timeout_ms);
        if (error == APM_ERROR_SUCCESS)
            error = take(inet, buffer, (size_t)size, &copied);
    }
    if (error == APM_ERROR_SUCCESS) {
        apm_endpoint from = {.port = 0};
        apm__os_mutex_lock(&inet->lock);
        apm_socket connected = inet->socket;
        if (inet->kind == APM__INET_DATAGRAM)
            from = inet->sender;
        apm__os_mutex_unlock(&inet->lock);
        if (inet->kind == APM__INET_STREAM && apm_socket_remote_endpoint(connected, &from) != APM_ERROR_SUCCESS)
            from = (apm_endpoint){.port = 0}; /* the connection has gone already */
        apm__inet_address_of(&from, address, port);
    }
    apm__inet_release(inet);
    return error == APM_ERROR_SUCCESS ? (int)copied : apm__inet_fail(error);
}

int apm_inet_read(apm_inet socket, void *buffer, int size)
{
    return apm_inet_read_ex(socket, buffer, size, NULL, NULL);
}

int apm_inet_peek(apm_inet socket, void *buffer, int size)
{
    size_t copied = 0;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm_error error = buffer && size > 0 ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
    apm__os_mutex_lock(&inet->lock);
    if (error == APM_ERROR_SUCCESS)
        error = apm__inet_check_open_locked(inet);
    if (error == APM_ERROR_SUCCESS)
        error = copy_in_locked(inet, buffer, (size_t)size, false, &copied);
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    return error == APM_ERROR_SUCCESS || error == APM_ERROR_WOULD_BLOCK ? (int)copied : apm__inet_fail(error);
}

/* -- Writing ------------------------------------------------------------------------------------------------------- */

/* The end of a write, with the reference that it held. */
static void put_out(struct apm__inet *inet, apm_error error)
{
    apm__os_mutex_lock(&inet->lock);
    inet->writing = false;
    inet->out_result = (apm_async_result)APM_NULL_HANDLE;
    inet->out_error = error; /* a stream that has broken stays so; a datagram's error is told once */
    struct apm__inet_notice notice = apm__inet_notice_locked(inet, inet->want_write ? 1u << APM_INET_EVENT_WRITE : 0);
    inet->want_write = false;
    bool lingers = inet->lingers;
    apm_stream stream = inet->stream;
    apm_socket socket = inet->socket;
    apm__os_mutex_unlock(&inet->lock);
    if (lingers && stream.bits != 0)
        apm_stream_close(stream);
    else if (lingers)
        apm_socket_close(socket);
    apm__inet_wake(inet);
    apm__inet_post(&notice);
    apm__inet_release(inet);
}

static void on_written(apm_async_result result)
{
    put_out(apm_async_result_async_state(result), apm_stream_end_write(apm_async_result_stream(result), result));
}

static void on_sent(apm_async_result result)
{
    put_out(apm_async_result_async_state(result),
            apm_socket_end_send_to(apm_async_result_socket(result), result, NULL));
}

/* Takes the buffer for a write. WOULD_BLOCK: there is one, and WRITE will be posted when it has ended. */
static apm_error claim(struct apm__inet *inet, apm_endpoint *remote)
{
    apm__os_mutex_lock(&inet->lock);
    apm_error error = apm__inet_check_open_locked(inet);
    if (error == APM_ERROR_SUCCESS && inet->writing) {
        inet->want_write = true;
        error = APM_ERROR_WOULD_BLOCK;
    }
    if (error == APM_ERROR_SUCCESS)
        error = inet->out_error;
    if (inet->kind == APM__INET_DATAGRAM) {
        inet->out_error = APM_ERROR_SUCCESS;
        if (apm_endpoint_is_null(*remote))
            *remote = apm_endpoint_is_null(inet->peer) ? inet->sender : inet->peer;
        if (error == APM_ERROR_SUCCESS && apm_endpoint_is_null(*remote))
            error = APM_ERROR_NOT_CONNECTED;
    }
    inet->writing = inet->writing || error == APM_ERROR_SUCCESS;
    apm__os_mutex_unlock(&inet->lock);
    return error;
}

/* Keeps what a close has to limit; a close that came before it was known has left that to the caller. */
static void remember(struct apm__inet *inet, apm_async_result result)
{
    apm__os_mutex_lock(&inet->lock);
    if (inet->writing)
        inet->out_result = result; /* or it has completed, and is nobody's any more */
    bool lingers = inet->lingers;
    int64_t left_ms = (int64_t)inet->timeout_s * 1000;
    apm__os_mutex_unlock(&inet->lock);
    if (!lingers)
        return;
    apm_error ignored = apm_async_result_cancel_after(result, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    (void)ignored; /* it has completed */
}

/* Begins writing what fits; *written is how much. */
static apm_error write_some(struct apm__inet *inet, const void *bytes, size_t size, apm_endpoint remote,
                            size_t *written)
{
    bool datagrams = inet->kind == APM__INET_DATAGRAM;
    *written = 0;
    if (datagrams && size > inet->capacity)
        return APM_ERROR_MESSAGE_SIZE;
    apm_error error = claim(inet, &remote);
    if (error != APM_ERROR_SUCCESS)
        return error;
    size_t taken = size < inet->capacity ? size : inet->capacity;
    memcpy(inet->out, bytes, taken);
    apm__inet_retain(inet);
    apm_async_result result;
    error = datagrams ? apm_socket_begin_send_to(inet->socket, inet->out, taken, APM_SOCKET_FLAGS_NONE, remote, on_sent,
                                                 inet, &result)
                      : apm_stream_begin_write(inet->stream, inet->out, taken, on_written, inet, &result);
    if (error != APM_ERROR_SUCCESS) {
        put_out(inet, error);
        return error;
    }
    remember(inet, result);
    *written = taken;
    return APM_ERROR_SUCCESS;
}

apm_error apm__inet_write_all(struct apm__inet *inet, const uint8_t *bytes, size_t size, apm_endpoint remote,
                              int64_t timeout_ms)
{
    uint64_t start = apm__os_monotonic_ns();
    size_t total = 0;
    apm_error error;
    for (;;) {
        int64_t left_ms = timeout_ms - (int64_t)((apm__os_monotonic_ns() - start) / 1000000u);
        error = apm__inet_wait(inet, apm__inet_can_write, left_ms > 0 ? left_ms : 1);
        if (error != APM_ERROR_SUCCESS || total == size)
            break;
        size_t written;
        error = write_some(inet, bytes + total, size - total, remote, &written);
        if (error != APM_ERROR_SUCCESS)
            return error;
        total += written;
    }
    apm__os_mutex_lock(&inet->lock);
    if (error == APM_ERROR_SUCCESS)
        error = inet->out_error;
    if (inet->kind == APM__INET_DATAGRAM)
        inet->out_error = APM_ERROR_SUCCESS;
    apm__os_mutex_unlock(&inet->lock);
    return error;
}

static int write_to(apm_inet socket, const void *buffer, int size, const apm_inet_address *address, unsigned port,
                    bool addressed)
{
    apm_endpoint remote = {.port = 0};
    int64_t timeout_ms;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm_error error = buffer && size > 0 ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS && addressed)
        error = inet->kind == APM__INET_DATAGRAM ? apm__inet_endpoint_of(address, port, &remote)
                                                 : APM_ERROR_NOT_SUPPORTED;
    size_t written = (size_t)size;
    if (error == APM_ERROR_SUCCESS)
        error = blocks(inet, &timeout_ms) ? apm__inet_write_all(inet, buffer, (size_t)size, remote, timeout_ms)
                                          : write_some(inet, buffer, (size_t)size, remote, &written);
    apm__inet_release(inet);
    return error == APM_ERROR_SUCCESS ? (int)written : apm__inet_fail(error);
}

int apm_inet_write(apm_inet socket, const void *buffer, int size)
{
    return write_to(socket, buffer, size, NULL, 0, false);
}

int apm_inet_write_ex(apm_inet socket, const void *buffer, int size, const apm_inet_address *address, unsigned port)
{
    return write_to(socket, buffer, size, address, port, true);
}

static void on_shut(apm_async_result result)
{
    put_out(apm_async_result_async_state(result), apm_ssl_stream_end_shutdown(apm_async_result_stream(result), result));
}

/* Ends the sending direction, which of TLS is a write that may have to wait as others do. */
static apm_error shut_down(struct apm__inet *inet)
{
    apm_endpoint nobody = {.port = 0};
    apm_error error = inet->kind == APM__INET_STREAM ? claim(inet, &nobody) : APM_ERROR_NOT_SUPPORTED;
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__inet_retain(inet);
    if (inet->context.bits == 0) {
        error = apm_socket_shutdown(inet->socket, APM_SOCKET_SHUTDOWN_SEND);
        put_out(inet, error);
        return error;
    }
    apm_async_result result;
    error = apm_ssl_stream_begin_shutdown(inet->stream, on_shut, inet, &result);
    if (error == APM_ERROR_SUCCESS)
        remember(inet, result);
    else
        put_out(inet, error);
    return error;
}

int apm_inet_shutdown(apm_inet socket)
{
    int64_t timeout_ms;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    bool waits = blocks(inet, &timeout_ms);
    apm_error error = waits ? apm__inet_wait(inet, apm__inet_can_write, timeout_ms) : APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS)
        error = shut_down(inet);
    if (error == APM_ERROR_SUCCESS && waits)
        error = apm__inet_wait(inet, apm__inet_can_write, timeout_ms);
    apm__inet_release(inet);
    return error == APM_ERROR_SUCCESS ? 0 : apm__inet_fail(error);
}
