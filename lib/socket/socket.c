/*
 * Sockets: creating, binding, listening, shutting down, closing. Any thread.
 */
#include "apm/socket.h"

#include "channel.h"
#include "engine.h"
#include "pools.h"
#include "serving.h"

static apm_error create(struct apm__pool *pool, apm_address_family family, apm_socket_type type,
                        apm_protocol_type protocol, bool dual_mode, apm_socket *socket)
{
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_socket descriptor;
    error = apm__os_socket_create(family, (int)type, (int)protocol, &descriptor);
    if (error != APM_ERROR_SUCCESS)
        return error;
    /* .NET says which; the system's default is a setting. A raw socket of IPv6 has IPv6 only, and no such option. */
    if (family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 && (dual_mode || type != APM_SOCKET_TYPE_RAW))
        error = apm__os_socket_set_option(descriptor, APM__OS_OPTION_IPV6_ONLY, !dual_mode);
    if (error != APM_ERROR_SUCCESS)
        goto close_descriptor;
    struct apm__channel *channel = apm__channel_create(pool, family, type, protocol);
    if (!channel) {
        error = APM_ERROR_OUT_OF_MEMORY;
        goto close_descriptor;
    }
    channel->dual_mode = dual_mode;
    apm__channel_open(channel, descriptor);
    socket->bits = apm__slot_handle(&channel->slot);
    if (apm__pool_is_still_open(pool))
        return APM_ERROR_SUCCESS;
    apm_socket_close(*socket); /* the pool's end may have missed it */
    *socket = (apm_socket)APM_NULL_HANDLE;
    return APM_ERROR_INVALID_OPERATION;

close_descriptor:
    apm__os_socket_close(descriptor);
    return error;
}

apm_error apm_socket_create(apm_address_family address_family, apm_socket_type socket_type,
                            apm_protocol_type protocol_type, apm_socket *socket)
{
    return create(apm__pool_default(), address_family, socket_type, protocol_type, false, socket);
}

apm_error apm_socket_create_on_pool(apm_thread_pool handle, apm_address_family address_family,
                                    apm_socket_type socket_type, apm_protocol_type protocol_type, apm_socket *socket)
{
    struct apm__pool *pool;
    if (socket)
        *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = create(pool, address_family, socket_type, protocol_type, false, socket);
    apm__pool_release(pool);
    return error;
}

apm_error apm_socket_create_dual_mode(apm_socket_type socket_type, apm_protocol_type protocol_type, apm_socket *socket)
{
    return create(apm__pool_default(), APM_ADDRESS_FAMILY_INTER_NETWORK_V6, socket_type, protocol_type, true, socket);
}

apm_error apm_socket_close(apm_socket socket)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    apm__engine_close_and_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_close_timeout(apm_socket socket, int timeout_ms)
{
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    if (timeout_ms == 0) {
        apm_error ignored = apm__os_socket_set_option(channel->descriptor, APM__OS_OPTION_LINGER, 0);
        (void)ignored; /* at worst the peer sees an orderly end */
    }
    apm__engine_close_and_unlock(channel);
    return APM_ERROR_SUCCESS;
}

/* Whether the calling thread runs the callback of an operation on the socket, which may be one of a stream over it. */
static bool is_in_callback_of(apm_socket socket)
{
    const struct apm__operation *current = apm__operation_current();
    if (!current || current->cancel != apm__engine_cancel)
        return false;
    const struct apm__channel *channel = current->place_owner; /* held until the callback has returned */
    return apm__slot_handle(&channel->slot) == socket.bits;
}

apm_error apm_socket_close_and_wait(apm_socket socket, int timeout_ms)
{
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (is_in_callback_of(socket))
        return APM_ERROR_INVALID_OPERATION;
    apm_error error = apm_socket_close(socket);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__slot *slot;
    if (apm__slot_acquire(&apm__channels, socket.bits, 0, &slot) != APM_ERROR_SUCCESS)
        return APM_ERROR_SUCCESS; /* its last operation is gone already */
    return apm__channel_wait((struct apm__channel *)slot, timeout_ms);
}

apm_error apm_socket_bind(apm_socket socket, apm_endpoint local)
{
    struct apm__os_socket_file *replaced = NULL;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (apm_endpoint_is_null(local)) {
        error = APM_ERROR_ARGUMENT_NULL;
        goto unlock;
    }
    if (channel->dual_mode)
        local.address = apm_ip_address_map_to_ipv6(local.address);
    if (local.address.family != channel->family) {
        error = APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED;
        goto unlock;
    }
    /* As .NET does: a server that is started again does not wait for TIME_WAIT. Datagrams would share the port. */
    if (channel->family != APM_ADDRESS_FAMILY_UNIX && channel->type == APM_SOCKET_TYPE_STREAM)
        error = apm__os_socket_set_option(channel->descriptor, APM__OS_OPTION_REUSE_ADDRESS, 1);
    struct apm__os_socket_file *made = NULL;
    if (error == APM_ERROR_SUCCESS)
        error = apm__os_socket_bind_file(channel->descriptor, local, &made);
    if (error == APM_ERROR_SUCCESS) {
        replaced = channel->file; /* bound before it was disconnected */
        channel->file = made;
        channel->bound = true;
    }
unlock:
    apm__channel_unlock(channel);
    apm__os_socket_file_remove(replaced);
    return error;
}

/* A listener has a group, of the connections that it accepts. One that has been drained has had its time. */
static apm_error prepare_to_listen_locked(struct apm__channel *channel)
{
    if (channel->draining)
        return APM_ERROR_INVALID_OPERATION;
    return apm__serving_make_group_locked(channel);
}

apm_error apm_socket_listen(apm_socket socket, int backlog)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = prepare_to_listen_locked(channel);
    if (error == APM_ERROR_SUCCESS)
        error = apm__os_socket_listen(channel->descriptor, backlog);
    if (error == APM_ERROR_SUCCESS)
        channel->listening = true;
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_shutdown(apm_socket socket, apm_socket_shutdown_how how)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if ((int)how < APM_SOCKET_SHUTDOWN_RECEIVE || (int)how > APM_SOCKET_SHUTDOWN_BOTH) {
        apm__channel_unlock(channel);
        return APM_ERROR_INVALID_ARGUMENT;
    }
    if (apm__engine_catch_up_locked(channel)) { /* what was begun before is sent; then all once more */
        apm__channel_unlock(channel);
        apm__channel_release(channel);
        return apm_socket_shutdown(socket, how);
    }
    error = apm__os_socket_shutdown(channel->descriptor, (int)how);
    if (error == APM_ERROR_NOT_CONNECTED && channel->has_peer)
        error = APM_ERROR_SUCCESS; /* both sides have ended it already, or the peer has reset it */
    if (error != APM_ERROR_SUCCESS) {
        apm__channel_unlock(channel);
        return error;
    }
    channel->receive_ended = channel->receive_ended || how != APM_SOCKET_SHUTDOWN_SEND;
    channel->send_ended = channel->send_ended || how != APM_SOCKET_SHUTDOWN_RECEIVE;
    if (channel->receive_ended && channel->send_ended)
        channel->connected = false;
    /* Whatever the kernel reports of it, pending operations shall see it. */
    apm__engine_stir_and_unlock(channel);
    return APM_ERROR_SUCCESS;
}
