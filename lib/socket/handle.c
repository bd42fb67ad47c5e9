/*
 * Sockets of descriptors from elsewhere, and descriptors of sockets. Any thread.
 *
 * A socket is released by duplicating its descriptor and closing the socket: the threads that use the old number at
 * that moment are done with it as they are when a socket is closed, and what the number stands for goes on.
 */
#include "apm/socket_handle.h"

#include "handle.h"
#include "options.h"
#include "pools.h"
#include "serving.h"

/* The types that apm_socket_create has, whose numbers are the system's. */
static bool is_known(const apm__os_description *description)
{
    return description->type == APM_SOCKET_TYPE_STREAM || description->type == APM_SOCKET_TYPE_DGRAM ||
           description->type == APM_SOCKET_TYPE_RAW;
}

apm_error apm__handle_adopt(struct apm__pool *pool, apm__os_socket descriptor, apm_socket *socket)
{
    apm__os_description description;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__pool_start(pool);
    if (error == APM_ERROR_SUCCESS)
        error = apm__os_socket_describe(descriptor, &description);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!is_known(&description))
        return APM_ERROR_SOCKET_NOT_SUPPORTED;
    struct apm__channel *channel = apm__channel_create(pool, description.family, (apm_socket_type)description.type,
                                                       (apm_protocol_type)description.protocol);
    if (!channel)
        return APM_ERROR_OUT_OF_MEMORY;
    error = apm__os_socket_prepare(descriptor);
    if (error != APM_ERROR_SUCCESS) {
        apm__channel_discard(channel);
        return error;
    }
    channel->bound = description.bound;
    channel->listening = description.listening;
    channel->connected = description.connected;
    channel->has_peer = description.connected;
    channel->joins = channel->type == APM_SOCKET_TYPE_DGRAM && apm__os_socket_joins(descriptor);
    /* Nobody has the handle yet, so whoever locks the channel now finds what is set here. */
    apm__channel_open(channel, descriptor);
    uint64_t bits = apm__slot_handle(&channel->slot);
    if (apm__channel_lock(bits, &channel) == APM_ERROR_SUCCESS) {
        apm__option_refresh_locked(channel);
        if (channel->listening)
            error = apm__serving_make_group_locked(channel);
        if (error != APM_ERROR_SUCCESS) {
            channel->descriptor = APM__OS_NO_SOCKET; /* it is the caller's again */
            apm__engine_close_and_unlock(channel);
            return error;
        }
        apm__channel_unlock(channel);
    }
    socket->bits = bits;
    return APM_ERROR_SUCCESS;
}

static apm_error create(struct apm__pool *pool, intptr_t handle, apm_socket *socket)
{
    if (handle < 0 || handle > INT32_MAX)
        return APM_ERROR_ARGUMENT;
    apm_error error = apm__handle_adopt(pool, (apm__os_socket)handle, socket);
    if (error != APM_ERROR_SUCCESS || apm__pool_is_still_open(pool))
        return error;
    apm_socket_close(*socket); /* the pool's end may have missed it, or may have closed it */
    *socket = (apm_socket)APM_NULL_HANDLE;
    return APM_ERROR_OPERATION_ABORTED;
}

apm_error apm_socket_create_from_handle(intptr_t handle, apm_socket *socket)
{
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    return create(apm__pool_default(), handle, socket);
}

apm_error apm_socket_create_from_handle_on_pool(apm_thread_pool handle_of_pool, intptr_t handle, apm_socket *socket)
{
    struct apm__pool *pool;
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__pool_acquire(handle_of_pool, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = create(pool, handle, socket);
    apm__pool_release(pool);
    return error;
}

apm_error apm_socket_duplicate_handle(apm_socket socket, intptr_t *handle)
{
    struct apm__channel *channel;
    apm__os_socket duplicate;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = -1;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_duplicate(channel->descriptor, &duplicate);
    apm__channel_unlock(channel);
    *handle = duplicate;
    return error;
}

void apm__handle_give_up_and_unlock(struct apm__channel *channel)
{
    struct apm__os_socket_file *file = channel->file;
    channel->file = NULL;
    channel->lingers = false;
    apm__engine_close_and_unlock(channel);
    apm__os_free(file);
}

apm_error apm_socket_release_handle(apm_socket socket, intptr_t *handle)
{
    struct apm__channel *channel;
    apm__os_socket duplicate;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = -1;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_duplicate(channel->descriptor, &duplicate);
    if (error != APM_ERROR_SUCCESS) {
        apm__channel_unlock(channel);
        return error;
    }
    apm__handle_give_up_and_unlock(channel);
    *handle = duplicate;
    return APM_ERROR_SUCCESS;
}
