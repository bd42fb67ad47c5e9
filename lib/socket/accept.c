/*
 * Accepting. Any thread.
 *
 * The channel of the connection is allocated when the accept begins, so that completion has nothing left to fail at.
 */
#include "begin.h"
#include "serving.h"

apm_error apm_socket_begin_accept(apm_socket socket, apm_async_callback *callback, void *state,
                                  apm_async_result *result)
{
    return apm__begin_accept_for(socket.bits, socket, callback, state, result);
}

apm_error apm__begin_accept_for(uint64_t owner, apm_socket socket, apm_async_callback *callback, void *state,
                                apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin_for(owner, socket, APM__OPERATION_ACCEPT, callback, state, result, &channel,
                                     &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!channel->bound || !channel->listening)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_INVALID_OPERATION);
    struct apm__pool *pool = channel->pool;
    apm_address_family family = channel->family;
    apm_socket_type type = channel->type;
    apm_protocol_type protocol = channel->protocol;
    struct apm__serving_settings settings = apm__serving_settings_locked(channel);
    apm__channel_unlock(channel);

    /* Outside the lock: a channel is never locked under another one's lock. */
    struct apm__channel *reserved = apm__channel_create(pool, family, type, protocol);
    if (!reserved) {
        apm__operation_discard(operation, result);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    error = apm__serving_inherit(reserved, &settings);
    if (error == APM_ERROR_SUCCESS)
        error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS) {
        apm__channel_discard(reserved);
        apm__operation_discard(operation, result);
        return error;
    }
    operation->reserved = reserved;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

/* Ends an accept, with `closed` in the place of OPERATION_ABORTED; `timeout_ms` as for a synchronous call. */
static apm_error end_accept(apm_socket socket, apm_async_result result, int timeout_ms, apm_error closed,
                            apm_socket *accepted)
{
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_socket)APM_NULL_HANDLE;
    struct apm__operation *operation;
    apm_error error = apm__operation_end_within(result, APM__OPERATION_ACCEPT, socket.bits, timeout_ms, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(socket.bits, error);
    error = operation->error;
    if (error == APM_ERROR_SUCCESS)
        accepted->bits = operation->accepted;
    else
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED ? closed : error;
}

apm_error apm_socket_end_accept(apm_socket socket, apm_async_result result, apm_socket *accepted)
{
    return end_accept(socket, result, 0, APM_ERROR_OPERATION_ABORTED, accepted);
}

apm_error apm_socket_accept(apm_socket socket, apm_socket *accepted)
{
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_socket)APM_NULL_HANDLE;
    apm_async_result result;
    int timeout_ms;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_accept(socket, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    /* The receive time-out does not hold for an accept. */
    return end_accept(socket, result, timeout_ms < 0 ? timeout_ms : 0, APM_ERROR_INTERRUPTED, accepted);
}
