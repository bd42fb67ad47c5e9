/*
 * Draining a listener with the connections that it has accepted. Any thread. lib/engine/group.h has the rules.
 *
 * Which connections those are is found by a walk over the table of sockets, once when a drain begins and once if it is
 * cut short; so accepting and closing keep no list.
 */
#include "apm/serving.h"
#include "begin.h"
#include "inventory.h"
#include "outcome.h"
#include "serving.h"

/* The next open socket, from place *place on, that the listener has accepted, its channel locked; NULL at the end. */
static struct apm__channel *next_member(uint64_t listener_key, uint32_t *place)
{
    struct apm__channel *channel;
    while ((channel = apm__inventory_next_socket(place))) {
        if (channel->group && channel->group->listener_key == listener_key)
            return channel;
        apm__channel_unlock(channel);
    }
    return NULL;
}

static apm_error check_locked(const struct apm__channel *channel, int timeout_ms)
{
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!channel->listening)
        return APM_ERROR_INVALID_OPERATION;
    return channel->draining ? APM_ERROR_ALREADY_IN_PROGRESS : APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_drain(apm_socket listener, int timeout_ms, apm_async_callback *callback, void *state,
                                 apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(listener, APM__OPERATION_DRAIN, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check_locked(channel, timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm__serving_make_group_locked(channel);
    /* Whoever expires it has to take the lock first, and finds the operation in its queue. */
    if (error == APM_ERROR_SUCCESS && timeout_ms >= 0)
        error = apm_async_result_cancel_after(apm__operation_handle(operation), timeout_ms);
    if (error != APM_ERROR_SUCCESS)
        return apm__begin_discard_and_unlock(channel, operation, result, error);

    apm__serving_drain_locked(channel, operation);
    struct apm__operation *drained = apm__serving_finish_drain_locked(channel);
    if (drained) {
        apm__channel_unlock(channel);
        apm__outcome_complete(drained);
        return APM_ERROR_SUCCESS;
    }
    apm__engine_stir_and_unlock(channel);
    for (uint32_t place = 0; (channel = next_member(listener.bits, &place));)
        apm__serving_tell_and_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_drain(apm_socket listener, apm_async_result result, size_t *closed)
{
    size_t count = 0;
    if (closed)
        *closed = 0;
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, APM__OPERATION_DRAIN, listener.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(listener.bits, error);
    error = operation->error;
    apm__operation_release(operation);
    if (error == APM_ERROR_SUCCESS)
        return error;
    struct apm__channel *channel;
    for (uint32_t place = 0; (channel = next_member(listener.bits, &place)); count++)
        apm__engine_close_and_unlock(channel);
    if (closed)
        *closed = count;
    return error;
}

apm_error apm_socket_drain(apm_socket listener, int timeout_ms, size_t *closed)
{
    apm_async_result result;
    if (closed)
        *closed = 0;
    apm_error error = apm_socket_begin_drain(listener, timeout_ms, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? apm_socket_end_drain(listener, result, closed) : error;
}

bool apm_socket_is_draining(apm_socket socket)
{
    struct apm__channel *channel;
    if (apm__channel_lock(socket.bits, &channel) != APM_ERROR_SUCCESS)
        return false;
    bool draining = channel->draining || (channel->group && apm__group_drain(channel->group) != APM__GROUP_SERVES);
    apm__channel_unlock(channel);
    return draining;
}

apm_error apm_socket_connection_count(apm_socket listener, size_t *count)
{
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    *count = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(listener.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->serving && channel->serving->group)
        *count = apm__atomic_load(&channel->serving->group->members, APM__RELAXED);
    else
        error = APM_ERROR_INVALID_OPERATION;
    apm__channel_unlock(channel);
    return error;
}
