/*
 * TCP listeners: a socket for as long as the listener listens, and a new one each time. Any thread.
 *
 * An accept is an operation of the listening socket with the listener as its owner. Accepts that give clients and those
 * that give sockets must not be ended for each other, so the former have as their owner the listener's bits with
 * another kind of object in them, which no handle has.
 *
 * The slot's references: one for the open listener, which close drops, and one for each call that has resolved the
 * handle. The flag CLOSED refuses the handle; who sets it closes the socket, once.
 *
 * Lock: a listener's, before the start lock and a channel's. It guards which socket the listener has, and is held while
 * that is made, bound and made to listen, none of which waits. Sockets are closed outside it.
 */
#include "tcp_listener.h"

#include "channel.h"
#include "inventory.h"
#include "tcp_client.h"

struct listener {
    struct apm__slot slot; /* first: the table's view */
    apm__os_mutex lock;    /* initialised once for the slot */

    /* immutable from creation on */
    apm_endpoint local;
    bool dual_mode;

    /* guarded by lock */
    apm_socket server; /* the null handle after a stop, until one is needed again */
    bool active;
    bool exclusive;
    bool closed;
};

static void prepare(struct apm__slot *slot)
{
    apm__os_mutex_initialise(&((struct listener *)slot)->lock);
    apm__os_mutex_set_rank(&((struct listener *)slot)->lock, APM__RANK_HELPER);
}

static struct apm__slot_table listeners = APM__SLOT_TABLE(APM__KIND_TCP_LISTENER, struct listener, prepare);

static void release(struct listener *listener)
{
    if (apm__slot_release(&listener->slot))
        apm__slot_free(&listeners, &listener->slot);
}

static apm_error hold(apm_tcp_listener handle, struct listener **listener)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&listeners, handle.bits, APM__SLOT_CLOSED, &slot);
    *listener = (struct listener *)slot;
    return error;
}

static bool fits_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

/* -- The socket ---------------------------------------------------------------------------------------------------- */

/* Sees to it that the listener has a socket. */
static apm_error need_server_locked(struct listener *listener)
{
    if (listener->closed)
        return APM_ERROR_OBJECT_DISPOSED;
    if (!apm_socket_is_null(listener->server))
        return APM_ERROR_SUCCESS;
    if (listener->dual_mode)
        return apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener->server);
    return apm_socket_create(listener->local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                             &listener->server);
}

/* Takes the socket away from the listener, for the caller to close; or the null handle. */
static apm_socket take_server_locked(struct listener *listener)
{
    apm_socket server = listener->server;
    listener->server = (apm_socket)APM_NULL_HANDLE;
    listener->active = false;
    return server;
}

static apm_error start_locked(struct listener *listener, int backlog)
{
    apm_error error = need_server_locked(listener);
    if (error == APM_ERROR_SUCCESS && listener->exclusive)
        error = apm_socket_set_reuse_address(listener->server, false);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_bind(listener->server, listener->local);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_listen(listener->server, backlog);
    listener->active = error == APM_ERROR_SUCCESS;
    return error;
}

static apm_error start(apm_tcp_listener handle, int backlog)
{
    struct listener *listener;
    apm_socket failed = APM_NULL_HANDLE;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    if (!listener->active) {
        error = start_locked(listener, backlog);
        if (error != APM_ERROR_SUCCESS)
            failed = take_server_locked(listener);
    }
    apm__os_mutex_unlock(&listener->lock);
    if (!apm_socket_is_null(failed))
        apm_socket_close(failed);
    release(listener);
    return error;
}

apm_error apm_tcp_listener_start(apm_tcp_listener listener)
{
    return start(listener, -1);
}

apm_error apm_tcp_listener_start_backlog(apm_tcp_listener listener, int backlog)
{
    return backlog < 0 ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : start(listener, backlog);
}

static void stop(struct listener *listener, bool closes)
{
    apm__os_mutex_lock(&listener->lock);
    listener->closed = listener->closed || closes;
    apm_socket server = take_server_locked(listener);
    apm__os_mutex_unlock(&listener->lock);
    if (!apm_socket_is_null(server))
        apm_socket_close(server);
}

apm_error apm_tcp_listener_stop(apm_tcp_listener handle)
{
    struct listener *listener;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    stop(listener, false);
    release(listener);
    return APM_ERROR_SUCCESS;
}

/* -- Creating and closing ------------------------------------------------------------------------------------------ */

static apm_error create(apm_endpoint local, bool dual_mode, apm_tcp_listener *handle)
{
    struct listener *listener = (struct listener *)apm__slot_allocate(&listeners);
    if (!listener)
        return APM_ERROR_OUT_OF_MEMORY;
    listener->local = local;
    listener->dual_mode = dual_mode;
    listener->server = (apm_socket)APM_NULL_HANDLE;
    listener->active = false;
    listener->exclusive = false;
    listener->closed = false;
    apm__slot_publish(&listener->slot, 1, 0);
    handle->bits = apm__slot_handle(&listener->slot);
    apm__os_mutex_lock(&listener->lock);
    apm_error error = need_server_locked(listener);
    apm__os_mutex_unlock(&listener->lock);
    if (error == APM_ERROR_SUCCESS && !apm__pool_is_still_open(apm__pool_default()))
        error = APM_ERROR_INVALID_OPERATION; /* the end of everything may have missed it */
    if (error != APM_ERROR_SUCCESS) {
        apm_tcp_listener_close(*handle);
        *handle = (apm_tcp_listener)APM_NULL_HANDLE;
    }
    return error;
}

apm_error apm_tcp_listener_create_endpoint(apm_endpoint local, apm_tcp_listener *listener)
{
    if (!listener)
        return APM_ERROR_ARGUMENT_NULL;
    *listener = (apm_tcp_listener)APM_NULL_HANDLE;
    return apm_endpoint_is_null(local) ? APM_ERROR_ARGUMENT_NULL : create(local, false, listener);
}

apm_error apm_tcp_listener_create_address(apm_ip_address local, int port, apm_tcp_listener *listener)
{
    apm_endpoint endpoint;
    if (!listener)
        return APM_ERROR_ARGUMENT_NULL;
    *listener = (apm_tcp_listener)APM_NULL_HANDLE;
    apm_error error = apm_endpoint_create(local, port, &endpoint);
    return error == APM_ERROR_SUCCESS ? create(endpoint, false, listener) : error;
}

apm_error apm_tcp_listener_create(int port, apm_tcp_listener *listener)
{
    apm_endpoint endpoint;
    if (!listener)
        return APM_ERROR_ARGUMENT_NULL;
    *listener = (apm_tcp_listener)APM_NULL_HANDLE;
    apm_error error = apm_endpoint_create(apm_ip_address_ipv6_any(), port, &endpoint);
    if (error == APM_ERROR_SUCCESS)
        error = create(endpoint, true, listener);
    if (error == APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED) /* there is no IPv6 here */
        error = apm_tcp_listener_create_address(apm_ip_address_any(), port, listener);
    return error;
}

apm_error apm_tcp_listener_close(apm_tcp_listener handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&listeners, handle.bits, APM__SLOT_CLOSED, fits_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    struct listener *listener = (struct listener *)slot;
    stop(listener, true);
    release(listener); /* that of the open listener */
    return APM_ERROR_SUCCESS;
}

void apm__tcp_listener_close_all(bool report)
{
    uint64_t bits;
    for (uint32_t place = 0; (bits = apm__inventory_next_handle(&listeners, &place));) {
        struct listener *listener;
        if (hold((apm_tcp_listener){bits}, &listener) != APM_ERROR_SUCCESS)
            continue;
        release(listener);
        if (report)
            apm__os_log("apm: cleanup: TCP listener %016llx was not closed", (unsigned long long)bits);
        apm_tcp_listener_close((apm_tcp_listener){bits});
    }
}

/* -- Properties ---------------------------------------------------------------------------------------------------- */

apm_error apm__tcp_listener_socket(apm_tcp_listener handle, apm_socket *server)
{
    struct listener *listener;
    *server = (apm_socket)APM_NULL_HANDLE;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    if (listener->active)
        *server = listener->server;
    else
        error = APM_ERROR_INVALID_OPERATION;
    apm__os_mutex_unlock(&listener->lock);
    release(listener);
    return error;
}

bool apm_tcp_listener_active(apm_tcp_listener listener)
{
    apm_socket server;
    return apm__tcp_listener_socket(listener, &server) == APM_ERROR_SUCCESS;
}

apm_error apm_tcp_listener_pending(apm_tcp_listener listener, bool *pending)
{
    apm_socket server;
    struct apm__channel *channel;
    if (!pending)
        return APM_ERROR_ARGUMENT_NULL;
    *pending = false;
    apm_error error = apm__tcp_listener_socket(listener, &server);
    if (error == APM_ERROR_SUCCESS)
        error = apm__channel_lock(server.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_poll_entry entry = {.socket = channel->descriptor, .interest = APM__OS_READY_IN};
    *pending = apm__os_poll(&entry, 1, 0) == 1;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_tcp_listener_local_endpoint(apm_tcp_listener handle, apm_endpoint *endpoint)
{
    struct listener *listener;
    if (!endpoint)
        return APM_ERROR_ARGUMENT_NULL;
    *endpoint = (apm_endpoint){0};
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    if (listener->active)
        error = apm_socket_local_endpoint(listener->server, endpoint);
    else
        *endpoint = listener->local;
    apm__os_mutex_unlock(&listener->lock);
    release(listener);
    return error;
}

apm_error apm_tcp_listener_server(apm_tcp_listener handle, apm_socket *socket)
{
    struct listener *listener;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    error = need_server_locked(listener);
    *socket = listener->server;
    apm__os_mutex_unlock(&listener->lock);
    release(listener);
    return error;
}

apm_error apm_tcp_listener_exclusive_address_use(apm_tcp_listener handle, bool *exclusive)
{
    struct listener *listener;
    if (!exclusive)
        return APM_ERROR_ARGUMENT_NULL;
    *exclusive = false;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    bool reuse_address = false;
    if (apm_socket_is_null(listener->server))
        *exclusive = listener->exclusive;
    else if ((error = apm_socket_reuse_address(listener->server, &reuse_address)) == APM_ERROR_SUCCESS)
        *exclusive = !reuse_address;
    apm__os_mutex_unlock(&listener->lock);
    release(listener);
    return error;
}

apm_error apm_tcp_listener_set_exclusive_address_use(apm_tcp_listener handle, bool exclusive)
{
    struct listener *listener;
    apm_error error = hold(handle, &listener);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&listener->lock);
    error = listener->active ? APM_ERROR_INVALID_OPERATION : need_server_locked(listener);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_set_reuse_address(listener->server, !exclusive);
    if (error == APM_ERROR_SUCCESS)
        listener->exclusive = exclusive;
    apm__os_mutex_unlock(&listener->lock);
    release(listener);
    return error;
}
