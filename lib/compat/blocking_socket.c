/*
 * CSocket: calls that wait for a watch of the socket, and pump the owner's queue meanwhile. The owner's thread.
 *
 * A call that waits takes, of its queue, the message of the watch that it waits for, which it absorbs without calling a
 * handler, and messages that are no socket's, which it dispatches. What it dispatches may close the socket, and even
 * free the object: so it holds a reference on the core, and learns from the core that the object has gone.
 */
#include "apm/compat/blocking_socket.h"

#include "async_socket.h"

static apm_blocking_socket *of(apm_async_socket *base)
{
    return (apm_blocking_socket *)(void *)base; /* its first member */
}

/* -- Waiting ----------------------------------------------------------------------------------------------------- */

struct wait {
    struct apm__async_socket *core;
    struct apm__async_watch *watch;
};

static bool is_of_watch(const apm_event_message *message, const struct wait *wait)
{
    return message->target.bits == wait->core->target.bits && apm__async_watch_of(wait->core, message) == wait->watch;
}

static enum apm__event_choice choose(const apm_event_message *message, void *context)
{
    bool sockets = message->message == APM_EVENT_MESSAGE_SOCKET_NOTIFY || message->message == APM__MESSAGE_SOCKET_SENT;
    return !sockets || is_of_watch(message, context) ? APM__EVENT_TAKE : APM__EVENT_LEAVE;
}

/* Waits for the watch, which is pending, and takes its outcome in. INTERRUPTED: cancelled, or the object is closed. */
static apm_error await(apm_blocking_socket *socket, struct apm__async_socket *core, struct apm__async_watch *watch)
{
    struct wait wait = {.core = core, .watch = watch};
    for (;;) {
        apm_event_message message;
        apm_error error = apm__event_queue_take(core->queue, choose, &wait, false, APM_TIMEOUT_INFINITE, &message);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (is_of_watch(&message, &wait))
            return apm__async_absorb(core, &message);
        if (!socket->on_message_pending || !socket->on_message_pending(socket, &message))
            apm_event_queue_dispatch(&message);
        if (!core->object || core->cancelled)
            return APM_ERROR_INTERRUPTED;
    }
}

/* The beginning of each blocking call: the core, with a reference; NULL with the last error set. */
static struct apm__async_socket *enter(apm_blocking_socket *socket)
{
    struct apm__async_socket *core = apm__async_socket_core(socket ? &socket->base : NULL);
    if (!socket || !core)
        return NULL;
    if (core->waiting) {
        apm__wsa_fail(APM_ERROR_IN_PROGRESS);
        return NULL;
    }
    core->waiting = true;
    core->cancelled = false;
    apm__atomic_add(&core->references, 1, APM__RELAXED); /* the object has one */
    return core;
}

/* And the end: sets the last error, if there is one. */
static bool leave(struct apm__async_socket *core, apm_error error)
{
    core->waiting = false;
    apm__async_socket_release(core);
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

/* -- Life -------------------------------------------------------------------------------------------------------- */

void apm_blocking_socket_initialize(apm_blocking_socket *socket, apm_event_queue queue,
                                    const apm_async_socket_handlers *handlers, void *state)
{
    if (!socket)
        return;
    *socket = (apm_blocking_socket){.on_message_pending = NULL};
    apm_async_socket_initialize(&socket->base, queue, handlers, state);
}

void apm_blocking_socket_destroy(apm_blocking_socket *socket)
{
    apm_blocking_socket_close(socket);
}

/* A core knows whether its object is a blocking one. */
static bool mark(apm_blocking_socket *socket, bool made)
{
    if (made && socket && socket->base.core)
        socket->base.core->object_blocks = true;
    return made;
}

bool apm_blocking_socket_create(apm_blocking_socket *socket, int port, apm_socket_type type, const char *address)
{
    return mark(socket, apm_async_socket_create(socket ? &socket->base : NULL, port, type, APM_FD_ALL, address));
}

bool apm_blocking_socket_attach(apm_blocking_socket *socket, apm_socket handle)
{
    return mark(socket, apm_async_socket_attach(socket ? &socket->base : NULL, handle, APM_FD_ALL));
}

apm_blocking_socket *apm_blocking_socket_from_handle(apm_event_queue queue, apm_socket handle)
{
    apm_async_socket *base = apm_async_socket_from_handle(queue, handle);
    return base && base->core->object_blocks ? of(base) : NULL;
}

bool apm_blocking_socket_is_blocking(const apm_blocking_socket *socket)
{
    return socket && socket->base.core && socket->base.core->waiting;
}

void apm_blocking_socket_cancel_blocking_call(apm_blocking_socket *socket)
{
    if (socket && socket->base.core)
        socket->base.core->cancelled = true;
}

void apm_blocking_socket_close(apm_blocking_socket *socket)
{
    if (socket)
        apm_async_socket_close(&socket->base);
}

/* -- Connecting and accepting ------------------------------------------------------------------------------------ */

static bool connect_to(apm_blocking_socket *socket, const char *host, int port, apm_endpoint remote)
{
    struct apm__async_socket *core = enter(socket);
    if (!core)
        return false;
    bool done = host ? apm_async_socket_connect(&socket->base, host, port)
                     : apm_async_socket_connect_endpoint(&socket->base, remote);
    apm_error error = done ? APM_ERROR_SUCCESS : (apm_error)apm_wsa_get_last_error();
    if (error == APM_ERROR_WOULD_BLOCK)
        error = await(socket, core, &core->connect);
    if (error == APM_ERROR_SUCCESS && core->object)
        apm__async_watch_all(core);
    return leave(core, error);
}

bool apm_blocking_socket_connect(apm_blocking_socket *socket, const char *host, int port)
{
    return host ? connect_to(socket, host, port, (apm_endpoint){.port = 0}) : apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
}

bool apm_blocking_socket_connect_endpoint(apm_blocking_socket *socket, apm_endpoint remote)
{
    return connect_to(socket, NULL, 0, remote);
}

bool apm_blocking_socket_accept(apm_blocking_socket *socket, apm_blocking_socket *connected, apm_endpoint *peer)
{
    if (peer)
        *peer = (apm_endpoint){.port = 0};
    struct apm__async_socket *core = enter(socket);
    if (!core)
        return false;
    apm_error error = APM_ERROR_SUCCESS;
    while (!apm_async_socket_accept(&socket->base, connected ? &connected->base : NULL, peer)) {
        error = (apm_error)apm_wsa_get_last_error();
        if (error != APM_ERROR_WOULD_BLOCK)
            break;
        apm__async_watch_accept(core, true);
        error = await(socket, core, &core->accept);
        if (error == APM_ERROR_INTERRUPTED || error == APM_ERROR_OBJECT_DISPOSED)
            break; /* another error is the next accept's */
        error = APM_ERROR_SUCCESS;
    }
    if (error == APM_ERROR_SUCCESS)
        mark(connected, true);
    return leave(core, error);
}

/* -- Receiving and sending --------------------------------------------------------------------------------------- */

int apm_blocking_socket_receive_from(apm_blocking_socket *socket, void *buffer, int size, apm_endpoint *sender,
                                     int flags)
{
    int received;
    if (sender)
        *sender = (apm_endpoint){.port = 0};
    struct apm__async_socket *core = enter(socket);
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    apm_error error = APM_ERROR_SUCCESS;
    while ((received = sender ? apm_async_socket_receive_from(&socket->base, buffer, size, sender, flags)
                              : apm_async_socket_receive(&socket->base, buffer, size, flags)) < 0) {
        error = (apm_error)apm_wsa_get_last_error();
        if (error != APM_ERROR_WOULD_BLOCK)
            break;
        apm__async_watch_read(core, true);
        error = await(socket, core, &core->read);
        if (error == APM_ERROR_OPERATION_ABORTED) /* to make room: see apm__async_quiet_read */
            error = APM_ERROR_SUCCESS;
        if (error != APM_ERROR_SUCCESS) {
            if (core->type == APM_SOCKET_TYPE_STREAM && error != APM_ERROR_INTERRUPTED && core->object)
                core->failure = error; /* the system tells it once */
            break;
        }
    }
    return leave(core, error) ? received : APM_SOCKET_ERROR_RESULT;
}

int apm_blocking_socket_receive(apm_blocking_socket *socket, void *buffer, int size, int flags)
{
    return apm_blocking_socket_receive_from(socket, buffer, size, NULL, flags);
}

static int send_all(apm_blocking_socket *socket, const void *buffer, int size, const apm_endpoint *remote, int flags)
{
    struct apm__async_socket *core = enter(socket);
    int total = 0;
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    apm_error error = APM_ERROR_SUCCESS;
    do {
        const char *rest = buffer ? (const char *)buffer + total : NULL;
        int sent = remote ? apm_async_socket_send_to_endpoint(&socket->base, rest, size - total, *remote, flags)
                          : apm_async_socket_send(&socket->base, rest, size - total, flags);
        if (sent >= 0) {
            total += sent;
            continue;
        }
        error = (apm_error)apm_wsa_get_last_error();
        if (error != APM_ERROR_WOULD_BLOCK)
            break;
        core->want_write = false; /* this call waits, and on_send does not come for it */
        error = await(socket, core, &core->sent);
    } while (error == APM_ERROR_SUCCESS && total < size);
    return leave(core, error) ? total : APM_SOCKET_ERROR_RESULT;
}

int apm_blocking_socket_send(apm_blocking_socket *socket, const void *buffer, int size, int flags)
{
    return send_all(socket, buffer, size, NULL, flags);
}

int apm_blocking_socket_send_to_endpoint(apm_blocking_socket *socket, const void *buffer, int size, apm_endpoint remote,
                                         int flags)
{
    return send_all(socket, buffer, size, &remote, flags);
}

int apm_blocking_socket_send_to(apm_blocking_socket *socket, const void *buffer, int size, int port, const char *host,
                                int flags)
{
    apm_endpoint remote;
    struct apm__async_socket *core = apm__async_socket_core(socket ? &socket->base : NULL);
    if (!core)
        return APM_SOCKET_ERROR_RESULT;
    apm_error error = APM_ERROR_INVALID_ARGUMENT;
    if (port >= 1 && port <= APM_ENDPOINT_MAX_PORT)
        error = host ? apm__async_lookup(core, host, port, &remote)
                     : apm_endpoint_create(apm_ip_address_broadcast(), port, &remote);
    if (error != APM_ERROR_SUCCESS) {
        apm__wsa_fail(error);
        return APM_SOCKET_ERROR_RESULT;
    }
    return send_all(socket, buffer, size, &remote, flags);
}
