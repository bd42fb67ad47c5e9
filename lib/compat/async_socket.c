/*
 * CAsyncSocket: objects and their sockets, from construction to close. The owner's thread; async_socket.h has the
 * invariants.
 */
#include "async_socket.h"

#include <string.h>

#include "apm/socket_options.h"
#include "apm/wait_handle.h"
#include "check.h"

bool apm__wsa_fail(apm_error error)
{
    apm_wsa_set_last_error(apm_wsa_error(error));
    return false;
}

/* -- Cores ------------------------------------------------------------------------------------------------------- */

void apm__async_socket_release(struct apm__async_socket *core)
{
    /* Release and acquire: who gives the last reference back sees all that the others did. */
    if (apm__atomic_subtract(&core->references, 1, APM__ACQ_REL) != 1)
        return;
    apm__event_queue_release(core->queue);
    apm__os_free(core->out);
    apm__os_free(core);
}

static void release_node(struct apm__event_node *node)
{
    struct apm__async_watch *watch = (struct apm__async_watch *)(void *)node; /* its first member */
    if (watch == &watch->core->read && watch->result.bits != 0)               /* otherwise it could not begin */
        watch->error = apm__async_end_read(watch->core, watch->result);
    apm__async_socket_release(watch->core);
}

static void prepare_watch(struct apm__async_socket *core, struct apm__async_watch *watch, uint32_t message, int event)
{
    watch->core = core;
    watch->node.release = release_node;
    watch->node.message = (apm_event_message){
        .target = core->target, .message = message, .w_param = (uintptr_t)core->socket.bits, .l_param = event};
}

apm_error apm__async_socket_make(apm_async_socket *socket, apm_socket handle, apm_socket_type type, long events)
{
    struct apm__async_socket *core = apm__os_allocate(sizeof *core);
    if (!core)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__event_queue_acquire(socket->queue, &core->queue);
    if (error == APM_ERROR_SUCCESS && !apm__event_queue_is_owner(core->queue)) {
        apm__event_queue_release(core->queue);
        error = APM_ERROR_INVALID_OPERATION;
    }
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(core);
        return error;
    }
    apm__atomic_store(&core->references, 1, APM__RELAXED); /* nobody else knows it */
    error = apm_event_target_create(socket->queue, apm__async_dispatch, core, &core->target);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_set_blocking(handle, false);
    if (error != APM_ERROR_SUCCESS) {
        if (core->target.bits != 0)
            apm_event_target_close(core->target);
        apm__async_socket_release(core);
        return error;
    }
    core->socket = handle;
    core->type = type;
    core->events = events & APM_FD_ALL;
    core->object = socket;
    prepare_watch(core, &core->read, APM_EVENT_MESSAGE_SOCKET_NOTIFY, APM_FD_READ);
    prepare_watch(core, &core->write, APM_EVENT_MESSAGE_SOCKET_NOTIFY, APM_FD_WRITE);
    prepare_watch(core, &core->sent, APM__MESSAGE_SOCKET_SENT, 0);
    prepare_watch(core, &core->accept, APM_EVENT_MESSAGE_SOCKET_NOTIFY, APM_FD_ACCEPT);
    prepare_watch(core, &core->connect, APM_EVENT_MESSAGE_SOCKET_NOTIFY, APM_FD_CONNECT);
    prepare_watch(core, &core->urgent, APM_EVENT_MESSAGE_SOCKET_NOTIFY, APM_FD_OOB);
    core->link = (struct apm__async_socket **)&core->queue->sockets;
    core->next = *core->link;
    if (core->next)
        core->next->link = &core->next;
    *core->link = core;
    socket->core = core;
    return APM_ERROR_SUCCESS;
}

struct apm__async_socket *apm__async_socket_core(const apm_async_socket *socket)
{
    apm_error error = APM_ERROR_SUCCESS;
    if (!socket)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (!socket->core)
        error = APM_ERROR_NOT_SOCKET;
    else if (!apm__event_queue_is_owner(socket->core->queue))
        error = APM_ERROR_INVALID_OPERATION;
    if (error == APM_ERROR_SUCCESS)
        return socket->core;
    apm__wsa_fail(error);
    return NULL;
}

/* -- Construction ------------------------------------------------------------------------------------------------ */

void apm_async_socket_initialize(apm_async_socket *socket, apm_event_queue queue,
                                 const apm_async_socket_handlers *handlers, void *state)
{
    if (socket)
        *socket = (apm_async_socket){.state = state, .handlers = handlers, .queue = queue};
}

void apm_async_socket_destroy(apm_async_socket *socket)
{
    apm_async_socket_close(socket);
}

apm_error apm__async_endpoint(const char *address, int port, apm_address_family family, apm_endpoint *endpoint)
{
    apm_ip_address parsed = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? apm_ip_address_ipv6_any()
                                                                          : apm_ip_address_any();
    *endpoint = (apm_endpoint){.port = 0};
    if (address && apm_ip_address_parse(address, &parsed) != APM_ERROR_SUCCESS)
        return APM_ERROR_INVALID_ARGUMENT;
    return apm_endpoint_create(parsed, port, endpoint) == APM_ERROR_SUCCESS ? APM_ERROR_SUCCESS
                                                                            : APM_ERROR_INVALID_ARGUMENT;
}

static apm_error construct(apm_async_socket *socket, apm_socket_type type, long events, apm_protocol_type protocol,
                           apm_address_family family)
{
    apm_socket handle;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    if (socket->core)
        return APM_ERROR_INVALID_ARGUMENT;
    if (protocol == APM_PROTOCOL_TYPE_UNSPECIFIED && family != APM_ADDRESS_FAMILY_UNIX)
        protocol = type == APM_SOCKET_TYPE_DGRAM ? APM_PROTOCOL_TYPE_UDP : APM_PROTOCOL_TYPE_TCP;
    apm_error error = apm_socket_create(family, type, protocol, &handle);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__async_socket_make(socket, handle, type, events);
    if (error != APM_ERROR_SUCCESS)
        apm_socket_close(handle);
    return error;
}

bool apm_async_socket_socket(apm_async_socket *socket, apm_socket_type type, long events, apm_protocol_type protocol,
                             apm_address_family family)
{
    apm_error error = construct(socket, type, events, protocol, family);
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

bool apm_async_socket_create_endpoint(apm_async_socket *socket, apm_socket_type type, long events, apm_endpoint local)
{
    apm_error error = construct(socket, type, events, APM_PROTOCOL_TYPE_UNSPECIFIED, local.address.family);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    if (apm_async_socket_bind_endpoint(socket, local))
        return true;
    int why = apm_wsa_get_last_error();
    apm_async_socket_close(socket);
    apm_wsa_set_last_error(why);
    return false;
}

bool apm_async_socket_create(apm_async_socket *socket, int port, apm_socket_type type, long events, const char *address)
{
    apm_endpoint local;
    apm_error error = apm__async_endpoint(address, port, APM_ADDRESS_FAMILY_INTER_NETWORK, &local);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    return apm_async_socket_create_endpoint(socket, type, events, local);
}

bool apm_async_socket_attach(apm_async_socket *socket, apm_socket handle, long events)
{
    apm_socket_type type;
    if (!socket)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    if (socket->core)
        return apm__wsa_fail(APM_ERROR_INVALID_ARGUMENT);
    apm_error error = apm_socket_socket_type(handle, &type);
    if (error == APM_ERROR_SUCCESS)
        error = apm__async_socket_make(socket, handle, type, events);
    else
        error = APM_ERROR_NOT_SOCKET;
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    struct apm__async_socket *core = socket->core;
    int listens = 0;
    error = apm_socket_get_socket_option(handle, APM_SOCKET_OPTION_LEVEL_SOCKET,
                                         APM_SOCKET_OPTION_NAME_ACCEPT_CONNECTION, &listens);
    core->listening = error == APM_ERROR_SUCCESS && listens;
    core->connected = apm_socket_connected(handle);
    core->bound = apm_socket_is_bound(handle);
    apm__async_watch_all(core);
    apm__async_notify_write(core);
    return true;
}

/* -- The end of a socket's time in an object --------------------------------------------------------------------- */

/* Parts the object from its core: no message of it comes out any more, and callbacks post none. */
static void part(struct apm__async_socket *core)
{
    apm_event_target_close(core->target);
    apm__atomic_store(&core->closed, true, APM__SEQ_CST); /* a callback that does not see it posts what is dropped */
    apm_socket arrived = apm__async_take_arrived(core);
    if (arrived.bits != 0)
        apm_socket_close(arrived);
    *core->link = core->next;
    if (core->next)
        core->next->link = core->link;
    core->object->core = NULL;
    core->object = NULL;
    if (core->accepted.bits != 0)
        apm_socket_close(core->accepted);
}

void apm_async_socket_close(apm_async_socket *socket)
{
    if (!socket || !socket->core)
        return;
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return;
    part(core);
    uint32_t sending = APM__OUT_SENDING;
    /* Both sides change the word in one step, acquire and release: the second one sees the first, and closes. */
    if (!apm__atomic_replace_strongly(&core->out_state, &sending, APM__OUT_LINGER, APM__ACQ_REL))
        apm_socket_close(core->socket);
    apm__async_socket_release(core);
}

/* Ends an operation that watches, and waits until nothing of it is in the socket: at once, for it is cancelled. */
static void end_watch(struct apm__async_watch *watch)
{
    if (!watch->pending || watch->result.bits == 0)
        return;
    apm_async_result_cancel(watch->result);
    apm_error ignored = apm_wait_handle_wait_one(apm_async_result_async_wait_handle(watch->result),
                                                 APM_TIMEOUT_INFINITE);
    (void)ignored; /* a result that has been ended is completed */
}

void apm__async_quiet_read(struct apm__async_socket *core)
{
    end_watch(&core->read);
}

apm_socket apm_async_socket_detach(apm_async_socket *socket)
{
    apm_socket handle = APM_NULL_HANDLE;
    struct apm__async_socket *core = socket && socket->core ? apm__async_socket_core(socket) : NULL;
    if (!core)
        return handle;
    part(core);
    end_watch(&core->read);
    end_watch(&core->accept);
    handle = core->socket;
    if (apm_socket_set_blocking(handle, true) != APM_ERROR_SUCCESS)
        handle = (apm_socket)APM_NULL_HANDLE;
    apm__async_socket_release(core);
    return handle;
}

apm_socket apm_async_socket_handle(const apm_async_socket *socket)
{
    static const apm_socket none = APM_NULL_HANDLE;
    return socket && socket->core ? socket->core->socket : none;
}

apm_async_socket *apm_async_socket_from_handle(apm_event_queue queue, apm_socket handle)
{
    struct apm__event_queue *found;
    apm_async_socket *object = NULL;
    if (apm__event_queue_acquire(queue, &found) != APM_ERROR_SUCCESS)
        return NULL;
    if (apm__event_queue_is_owner(found)) {
        struct apm__async_socket *core = found->sockets;
        while (core && core->socket.bits != handle.bits)
            core = core->next;
        object = core ? core->object : NULL;
    }
    apm__event_queue_release(found);
    return object;
}

/* -- Listening and connecting ------------------------------------------------------------------------------------ */

bool apm_async_socket_bind_endpoint(apm_async_socket *socket, apm_endpoint local)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    apm_error error = apm_socket_bind(core->socket, local);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    core->bound = true;
    apm__async_watch_read(core, false);
    if (core->type == APM_SOCKET_TYPE_DGRAM)
        apm__async_notify_write(core);
    return true;
}

bool apm_async_socket_bind(apm_async_socket *socket, int port, const char *address)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    apm_address_family family;
    apm_endpoint local;
    if (!core)
        return false;
    apm_error error = apm_socket_address_family(core->socket, &family);
    if (error == APM_ERROR_SUCCESS)
        error = apm__async_endpoint(address, port, family, &local);
    return error == APM_ERROR_SUCCESS ? apm_async_socket_bind_endpoint(socket, local) : apm__wsa_fail(error);
}

bool apm_async_socket_listen(apm_async_socket *socket, int backlog)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    apm_error error = APM_ERROR_SUCCESS;
    if (core->type != APM_SOCKET_TYPE_STREAM)
        error = APM_ERROR_OPERATION_NOT_SUPPORTED;
    else if (core->connected || core->connecting)
        error = APM_ERROR_IS_CONNECTED;
    else if (!core->bound)
        error = APM_ERROR_INVALID_ARGUMENT;
    else
        error = apm_socket_listen(core->socket, backlog);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    core->listening = true;
    apm__async_watch_accept(core, false);
    return true;
}

/* The connection that waits, if there is one. */
static apm_error take_accepted(struct apm__async_socket *core, apm_socket *handle)
{
    *handle = core->accepted;
    core->accepted = (apm_socket)APM_NULL_HANDLE;
    if (handle->bits != 0)
        return APM_ERROR_SUCCESS;
    apm_error error = core->accept_error;
    core->accept_error = APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS)
        error = core->accept.pending ? APM_ERROR_WOULD_BLOCK : apm_socket_accept(core->socket, handle);
    return error;
}

bool apm_async_socket_accept(apm_async_socket *socket, apm_async_socket *connected, apm_endpoint *peer)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    apm_socket handle;
    if (peer)
        *peer = (apm_endpoint){.port = 0};
    if (!core)
        return false;
    if (!connected)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    if (!core->listening || connected->core)
        return apm__wsa_fail(APM_ERROR_INVALID_ARGUMENT);
    apm_error error = take_accepted(core, &handle);
    apm__async_watch_accept(core, false);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    error = apm__async_socket_make(connected, handle, core->type, core->events);
    if (error != APM_ERROR_SUCCESS) {
        apm_socket_close(handle);
        return apm__wsa_fail(error);
    }
    connected->core->connected = connected->core->bound = true;
    if (peer && apm_socket_remote_endpoint(handle, peer) != APM_ERROR_SUCCESS)
        *peer = (apm_endpoint){.port = 0}; /* it has gone already */
    apm__async_watch_all(connected->core);
    apm__async_notify_write(connected->core);
    return true;
}

static bool connect_to(apm_async_socket *socket, const char *host, int port, apm_endpoint remote)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    if (core->listening)
        return apm__wsa_fail(APM_ERROR_INVALID_ARGUMENT);
    if (core->connecting)
        return apm__wsa_fail(APM_ERROR_ALREADY_IN_PROGRESS);
    if (core->type == APM_SOCKET_TYPE_STREAM) {
        if (core->connected)
            return apm__wsa_fail(APM_ERROR_IS_CONNECTED);
        apm_error error = apm__async_begin_connect(core, host, port, remote);
        return apm__wsa_fail(error == APM_ERROR_SUCCESS ? APM_ERROR_WOULD_BLOCK : error);
    }
    apm_error error = host ? apm__async_lookup(core, host, port, &remote) : APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_connect(core->socket, remote);
    if (error != APM_ERROR_SUCCESS)
        return apm__wsa_fail(error);
    core->connected = core->bound = true;
    apm__async_watch_read(core, false);
    return true;
}

bool apm_async_socket_connect(apm_async_socket *socket, const char *host, int port)
{
    if (!host)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    if (port < APM_ENDPOINT_MIN_PORT || port > APM_ENDPOINT_MAX_PORT)
        return apm__wsa_fail(APM_ERROR_INVALID_ARGUMENT);
    return connect_to(socket, host, port, (apm_endpoint){.port = 0});
}

bool apm_async_socket_connect_endpoint(apm_async_socket *socket, apm_endpoint remote)
{
    return connect_to(socket, NULL, 0, remote);
}
