/*
 * CAsyncSocket: receiving and sending. The owner's thread.
 *
 * A send is tried at once, without a copy. What the system does not take, up to a limit, is copied and sent behind, as
 * Windows buffers; until that has gone further sends are WSAEWOULDBLOCK.
 */
#include "apm/datagram.h"
#include "async_socket.h"

/* What a function returns that has failed. */
static int fail(apm_error error)
{
    apm__wsa_fail(error);
    return APM_SOCKET_ERROR_RESULT;
}

/* -- Receiving --------------------------------------------------------------------------------------------------- */

static apm_error receive_datagram(struct apm__async_socket *core, void *buffer, size_t size, int flags,
                                  apm_endpoint *sender, size_t *received)
{
    apm_socket_flags of_datagram = (apm_socket_flags)flags;
    apm_error error = apm_socket_receive_message_from(core->socket, buffer, size, &of_datagram, sender, NULL, received);
    if (error == APM_ERROR_SUCCESS && (of_datagram & APM_SOCKET_FLAGS_TRUNCATED))
        error = APM_ERROR_MESSAGE_SIZE;
    return error == APM_ERROR_INVALID_OPERATION ? APM_ERROR_INVALID_ARGUMENT : error;
}

/* Whether an error of a receive is the connection's end, rather than the call's. */
static bool is_end(apm_error error)
{
    return error == APM_ERROR_CONNECTION_RESET || error == APM_ERROR_CONNECTION_ABORTED ||
           error == APM_ERROR_TIMED_OUT || error == APM_ERROR_NETWORK_RESET || error == APM_ERROR_HOST_UNREACHABLE ||
           error == APM_ERROR_NETWORK_UNREACHABLE;
}

static apm_error receive_stream(struct apm__async_socket *core, void *buffer, size_t size, int flags, size_t *received)
{
    *received = 0;
    if (!core->connected)
        return APM_ERROR_NOT_CONNECTED;
    if (core->failure != APM_ERROR_SUCCESS)
        return core->failure;
    if (flags & APM_SOCKET_FLAGS_OUT_OF_BAND)
        apm__async_quiet_read(core); /* or it would wait behind the receive that watches */
    apm_error error = apm_socket_receive(core->socket, buffer, size, (apm_socket_flags)flags, received);
    if (error == APM_ERROR_SUCCESS && *received == 0 && size > 0 && core->read.pending && !core->ended_early) {
        core->ended_early = true; /* it was before this receive in the socket, and has completed */
        core->early_error = apm__async_end_read(core, core->read.result);
        error = is_end(core->early_error) ? core->early_error : APM_ERROR_SUCCESS;
    }
    if (is_end(error))
        core->failure = error;
    if (flags & APM_SOCKET_FLAGS_OUT_OF_BAND)
        apm__async_watch_urgent(core);
    return error;
}

static int receive(apm_async_socket *socket, void *buffer, int size, apm_endpoint *sender, int flags)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    size_t received = 0;
    if (sender)
        *sender = (apm_endpoint){.port = 0};
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    if (!buffer)
        return fail(APM_ERROR_ARGUMENT_NULL);
    if (size < 0)
        return fail(APM_ERROR_INVALID_ARGUMENT);
    apm_error error = core->type == APM_SOCKET_TYPE_DGRAM
                          ? receive_datagram(core, buffer, (size_t)size, flags, sender, &received)
                          : receive_stream(core, buffer, (size_t)size, flags, &received);
    apm__async_watch_read(core, false);
    return error == APM_ERROR_SUCCESS ? (int)received : fail(error);
}

int apm_async_socket_receive(apm_async_socket *socket, void *buffer, int size, int flags)
{
    return receive(socket, buffer, size, NULL, flags);
}

int apm_async_socket_receive_from(apm_async_socket *socket, void *buffer, int size, apm_endpoint *sender, int flags)
{
    int received = receive(socket, buffer, size, sender, flags);
    /* Of a stream the sender is the peer. */
    if (received >= 0 && sender && socket->core && socket->core->type != APM_SOCKET_TYPE_DGRAM &&
        apm_socket_remote_endpoint(socket->core->socket, sender) != APM_ERROR_SUCCESS)
        *sender = (apm_endpoint){.port = 0};
    return received;
}

/* -- Sending ----------------------------------------------------------------------------------------------------- */

static apm_error send_stream(struct apm__async_socket *core, const void *buffer, size_t size, int flags, size_t *sent)
{
    apm_error error = apm_socket_send(core->socket, buffer, size, (apm_socket_flags)flags, sent);
    if (error != APM_ERROR_SUCCESS && error != APM_ERROR_WOULD_BLOCK)
        return error;
    size_t left = size - *sent;
    if (left == 0)
        return error;
    if (left > APM__OUT_LIMIT)
        left = APM__OUT_LIMIT;
    error = apm__async_begin_out(core, (const char *)buffer + *sent, left, flags, NULL);
    if (error == APM_ERROR_SUCCESS)
        *sent += left;
    return *sent > 0 ? APM_ERROR_SUCCESS : error;
}

static apm_error send_datagram(struct apm__async_socket *core, const void *buffer, size_t size, int flags,
                               const apm_endpoint *remote, size_t *sent)
{
    if (!remote && !core->connected)
        return APM_ERROR_NOT_CONNECTED;
    apm_error error = remote ? apm_socket_send_to(core->socket, buffer, size, (apm_socket_flags)flags, *remote, sent)
                             : apm_socket_send(core->socket, buffer, size, (apm_socket_flags)flags, sent);
    if (error == APM_ERROR_WOULD_BLOCK && size <= APM__DATAGRAM_LIMIT) {
        error = apm__async_begin_out(core, buffer, size, flags, remote);
        *sent = error == APM_ERROR_SUCCESS ? size : 0;
    }
    if (error == APM_ERROR_SUCCESS && !core->bound) {
        core->bound = true; /* the first send binds */
        apm__async_watch_read(core, false);
    }
    return error;
}

static int send_bytes(apm_async_socket *socket, const void *buffer, int size, const apm_endpoint *remote, int flags)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    size_t sent = 0;
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    if (!buffer)
        return fail(APM_ERROR_ARGUMENT_NULL);
    if (size < 0)
        return fail(APM_ERROR_INVALID_ARGUMENT);
    if (core->shut)
        return fail(APM_ERROR_SHUTDOWN);
    if (core->type == APM_SOCKET_TYPE_STREAM && !core->connected)
        return fail(APM_ERROR_NOT_CONNECTED);
    if (core->send_failure != APM_ERROR_SUCCESS)
        return fail(core->send_failure);
    if (core->sent.pending) {
        core->want_write = true;
        return fail(APM_ERROR_WOULD_BLOCK);
    }
    apm_error error = core->type == APM_SOCKET_TYPE_DGRAM
                          ? send_datagram(core, buffer, (size_t)size, flags, remote, &sent)
                          : send_stream(core, buffer, (size_t)size, flags, &sent);
    if (error == APM_ERROR_SHUTDOWN && core->type == APM_SOCKET_TYPE_STREAM)
        error = APM_ERROR_CONNECTION_ABORTED; /* not the program has shut it, but the peer has gone */
    return error == APM_ERROR_SUCCESS ? (int)sent : fail(error);
}

int apm_async_socket_send(apm_async_socket *socket, const void *buffer, int size, int flags)
{
    return send_bytes(socket, buffer, size, NULL, flags);
}

int apm_async_socket_send_to_endpoint(apm_async_socket *socket, const void *buffer, int size, apm_endpoint remote,
                                      int flags)
{
    return send_bytes(socket, buffer, size, &remote, flags);
}

int apm_async_socket_send_to(apm_async_socket *socket, const void *buffer, int size, int port, const char *host,
                             int flags)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    apm_endpoint remote;
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    apm_error error = APM_ERROR_SUCCESS;
    if (port < 1 || port > APM_ENDPOINT_MAX_PORT)
        error = APM_ERROR_INVALID_ARGUMENT;
    else if (host)
        error = apm__async_lookup(core, host, port, &remote);
    else
        error = apm_endpoint_create(apm_ip_address_broadcast(), port, &remote);
    return error == APM_ERROR_SUCCESS ? send_bytes(socket, buffer, size, &remote, flags) : fail(error);
}

/* -- Ending and selecting ---------------------------------------------------------------------------------------- */

bool apm_async_socket_shut_down(apm_async_socket *socket, int how)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    if (how < APM_SOCKET_SHUTDOWN_RECEIVE || how > APM_SOCKET_SHUTDOWN_BOTH)
        return apm__wsa_fail(APM_ERROR_INVALID_ARGUMENT);
    if (core->type == APM_SOCKET_TYPE_STREAM && !core->connected)
        return apm__wsa_fail(APM_ERROR_NOT_CONNECTED);
    bool sends = how != APM_SOCKET_SHUTDOWN_RECEIVE;
    apm_error error = APM_ERROR_SUCCESS;
    if (sends && core->sent.pending) {
        core->shut_later = true; /* what has been taken goes first */
        if (how == APM_SOCKET_SHUTDOWN_BOTH)
            error = apm_socket_shutdown(core->socket, APM_SOCKET_SHUTDOWN_RECEIVE);
    } else {
        error = apm_socket_shutdown(core->socket, (apm_socket_shutdown_how)how);
    }
    core->shut = core->shut || sends;
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

bool apm_async_socket_async_select(apm_async_socket *socket, long events)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    core->events = events & APM_FD_ALL;
    apm__async_watch_all(core);
    if (!core->sent.pending)
        apm__async_notify_write(core);
    else if (core->events & APM_FD_WRITE)
        core->want_write = true;
    return true;
}
