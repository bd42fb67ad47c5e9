/*
 * Network streams: a socket as a stream. Any thread.
 *
 * Operations are those of the socket's channel, with the stream as their owner: they hold the channel, and nothing of
 * the stream. So closing a stream that does not own its socket has nothing to do, and closing one that does closes the
 * channel, which ends them.
 */
#include "apm/network_stream.h"

#include "begin.h"
#include "network_stream.h"
#include "stream.h"

static uint32_t abilities(const struct apm__stream *stream)
{
    uint32_t able = APM__STREAM_CAN_TIMEOUT;
    if ((int)stream->network.access & APM_FILE_ACCESS_READ)
        able |= APM__STREAM_CAN_READ;
    if ((int)stream->network.access & APM_FILE_ACCESS_WRITE)
        able |= APM__STREAM_CAN_WRITE;
    return able;
}

static uint64_t bits_of(const struct apm__stream *stream)
{
    return apm__slot_handle(&stream->slot);
}

static apm_error begin_read(struct apm__stream *stream, void *buffer, size_t size, apm_async_callback *callback,
                            void *state, apm_async_result *result)
{
    return apm__begin_receive_for(bits_of(stream), stream->network.socket, buffer, size, callback, state, result);
}

static apm_error begin_write(struct apm__stream *stream, const void *buffer, size_t size, apm_async_callback *callback,
                             void *state, apm_async_result *result)
{
    return apm__begin_send_for(bits_of(stream), stream->network.socket, buffer, size, callback, state, result);
}

static apm_error read_stream(struct apm__stream *stream, void *buffer, size_t size, size_t *read)
{
    return apm_socket_receive(stream->network.socket, buffer, size, APM_SOCKET_FLAGS_NONE, read);
}

static apm_error write_stream(struct apm__stream *stream, const void *buffer, size_t size)
{
    return apm_socket_send(stream->network.socket, buffer, size, APM_SOCKET_FLAGS_NONE, NULL);
}

/* There is nothing between the stream and the system. */
static apm_error flush(struct apm__stream *stream)
{
    (void)stream;
    return APM_ERROR_SUCCESS;
}

static apm_error get_timeout(struct apm__stream *stream, bool of_writes, int *timeout_ms)
{
    apm_error error = of_writes ? apm_socket_send_timeout(stream->network.socket, timeout_ms)
                                : apm_socket_receive_timeout(stream->network.socket, timeout_ms);
    if (error == APM_ERROR_SUCCESS && *timeout_ms == 0)
        *timeout_ms = -1;
    return error;
}

static apm_error set_timeout(struct apm__stream *stream, bool of_writes, int timeout_ms)
{
    return of_writes ? apm_socket_set_send_timeout(stream->network.socket, timeout_ms)
                     : apm_socket_set_receive_timeout(stream->network.socket, timeout_ms);
}

/*
 * Closes a socket as .NET's helper classes do, which end the stream in order before they close it: so the peer sees the
 * end also where received data was left unread, for which the system would reset the connection. Not where a send is
 * pending or was cut short: an orderly end would pass a part of it off as the whole.
 */
void apm__network_close_socket(apm_socket socket)
{
    struct apm__channel *channel;
    if (apm__channel_lock(socket.bits, &channel) != APM_ERROR_SUCCESS)
        return;
    if (channel->connected && !channel->cut_short && !channel->out.head) {
        apm_error ignored = apm__os_socket_shutdown(channel->descriptor, APM_SOCKET_SHUTDOWN_SEND);
        (void)ignored; /* the peer has been quicker */
    }
    apm__engine_close_and_unlock(channel);
}

static void close_stream(struct apm__stream *stream)
{
    if (stream->network.owns_socket)
        apm__network_close_socket(stream->network.socket);
}

static const struct apm__stream_class network_class = {
    .misuse = APM_ERROR_INVALID_OPERATION,
    .abilities = abilities,
    .begin_read = begin_read,
    .begin_write = begin_write,
    .read = read_stream,
    .write = write_stream,
    .flush = flush,
    .timeout = get_timeout,
    .set_timeout = set_timeout,
    .close = close_stream,
};

/* -- The public functions ------------------------------------------------------------------------------------------ */

apm_error apm_network_stream_create(apm_socket socket, apm_file_access access, bool owns_socket, apm_stream *created)
{
    struct apm__channel *channel;
    if (!created)
        return APM_ERROR_ARGUMENT_NULL;
    *created = (apm_stream)APM_NULL_HANDLE;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__pool *pool = channel->pool;
    bool fits = channel->connected && channel->type == APM_SOCKET_TYPE_STREAM && !channel->non_blocking;
    apm__channel_unlock(channel);
    if (!fits)
        return APM_ERROR_IO;
    if ((int)access < APM_FILE_ACCESS_READ || (int)access > APM_FILE_ACCESS_READ_WRITE)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct apm__stream *stream = apm__stream_allocate(&network_class, pool);
    if (!stream)
        return APM_ERROR_OUT_OF_MEMORY;
    stream->network.socket = socket;
    stream->network.access = access;
    stream->network.owns_socket = owns_socket;
    return apm__stream_open(stream, created);
}

/* Holds a stream if it is a network stream. */
static apm_error hold(apm_stream handle, struct apm__stream **stream)
{
    apm_error error = apm__stream_hold(handle, stream);
    if (error != APM_ERROR_SUCCESS || (*stream)->type == &network_class)
        return error;
    apm__stream_release(*stream);
    return APM_ERROR_ARGUMENT;
}

apm_error apm_network_stream_socket(apm_stream handle, apm_socket *socket)
{
    struct apm__stream *stream;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *socket = stream->network.socket;
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}

apm_error apm_network_stream_data_available(apm_stream stream, bool *data_available)
{
    apm_socket socket;
    size_t available = 0;
    if (!data_available)
        return APM_ERROR_ARGUMENT_NULL;
    *data_available = false;
    apm_error error = apm_network_stream_socket(stream, &socket);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_available(socket, &available);
    *data_available = available > 0;
    return error;
}

apm_error apm_network_stream_close(apm_stream handle, int timeout_ms)
{
    struct apm__stream *stream;
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    apm__stream_release(stream);
    return apm_stream_close(handle);
}
