/*
 * What all Begins and Ends of sockets share. Any thread.
 */
#include "begin.h"

APM__HOT apm_error apm__begin(apm_socket socket, enum apm__operation_kind kind, apm_async_callback *callback,
                              void *state, apm_async_result *result, struct apm__channel **channel,
                              struct apm__operation **operation)
{
    return apm__begin_for(socket.bits, socket, kind, callback, state, result, channel, operation);
}

static bool is_receive(enum apm__operation_kind kind)
{
    return kind == APM__OPERATION_RECEIVE ||
           (kind >= APM__OPERATION_RECEIVE_FROM && kind != APM__OPERATION_SEND_TO && kind != APM__OPERATION_SEND_TRAIN);
}

APM__HOT apm_error apm__begin_for(uint64_t owner, apm_socket socket, enum apm__operation_kind kind,
                                  apm_async_callback *callback, void *state, apm_async_result *result,
                                  struct apm__channel **channel, struct apm__operation **operation)
{
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__channel_lock(socket.bits, channel);
    if (APM__UNLIKELY(error != APM_ERROR_SUCCESS))
        return error;
    if (APM__UNLIKELY((*channel)->joins) && is_receive(kind) && kind != APM__OPERATION_RECEIVE_TRAIN) {
        apm__channel_unlock(*channel);
        return APM_ERROR_INVALID_OPERATION; /* it would lose where a datagram ends */
    }
    /* One reference for each pending operation: there is an end to them, if none to memory. */
    uint64_t control = apm__atomic_load(&(*channel)->slot.control, APM__RELAXED);
    if (APM__UNLIKELY((control & APM__SLOT_REFERENCES) >= APM__SLOT_MANY_REFERENCES)) {
        apm__channel_unlock(*channel);
        return APM_ERROR_NO_BUFFER_SPACE_AVAILABLE;
    }
    struct apm__operation_origin origin = {
        .kind = kind, .owner = owner, .pool = (*channel)->pool, .place_owner = *channel, .cancel = apm__engine_cancel};
    error = apm__operation_create(&origin, callback, state, result, operation);
    if (APM__UNLIKELY(error != APM_ERROR_SUCCESS))
        apm__channel_unlock(*channel);
    return error;
}

apm_error apm__begin_discard_and_unlock(struct apm__channel *channel, struct apm__operation *operation,
                                        apm_async_result *result, apm_error error)
{
    apm__channel_unlock(channel);
    apm__operation_discard(operation, result);
    return error;
}

apm_error apm__begin_synchronous(apm_socket socket, enum apm__way way, int *timeout_ms)
{
    struct apm__channel *channel;
    *timeout_ms = 0;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->non_blocking) {
        *timeout_ms = APM__DO_NOT_WAIT;
        (way == APM__WAY_IN ? &channel->in : &channel->out)->drained = false;
    } else {
        *timeout_ms = way == APM__WAY_IN ? channel->receive_timeout_ms : channel->send_timeout_ms;
    }
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm__end_refusal(uint64_t owner, apm_error error)
{
    return error == APM_ERROR_ARGUMENT && owner == 0 ? APM_ERROR_ARGUMENT_NULL : error;
}

apm_error apm__end_transfer(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                            apm_error closed, size_t *transferred)
{
    if (transferred)
        *transferred = 0;
    struct apm__operation *operation;
    apm_error error = apm__operation_end_within(result, kind, socket.bits, timeout_ms, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(socket.bits, error);
    if (transferred)
        *transferred = operation->transferred;
    error = operation->error;
    if (error != APM_ERROR_SUCCESS)
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED ? closed : error;
}

apm_error apm__end_within(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                          apm_error closed)
{
    return apm__end_transfer(socket, result, kind, timeout_ms, closed, NULL);
}

apm_error apm__end(apm_socket socket, apm_async_result result, enum apm__operation_kind kind)
{
    return apm__end_within(socket, result, kind, 0, APM_ERROR_OPERATION_ABORTED);
}
