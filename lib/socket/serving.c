/*
 * Serialised sockets and water marks: their properties, and the operations that go with them. Any thread.
 */
#include "serving.h"

#include "begin.h"
#include "outcome.h"

/* -- Serialised -- */

apm_error apm_socket_serialised(apm_socket socket, bool *serialised)
{
    if (!serialised)
        return APM_ERROR_ARGUMENT_NULL;
    *serialised = false;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *serialised = channel->serialised;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_set_serialised(apm_socket socket, bool serialised)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (serialised)
        error = apm__serving_make_locked(channel); /* the strand */
    if (error == APM_ERROR_SUCCESS)
        channel->serialised = serialised;
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_begin_post(apm_socket socket, apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_POST, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_SUCCESS); /* there is nothing to wait for */
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_post(apm_socket socket, apm_async_result result)
{
    return apm__end(socket, result, APM__OPERATION_POST);
}

/* -- Water marks -- */

static bool is_sound(size_t high, size_t low)
{
    return high == 0 ? low == 0 : low < high;
}

apm_error apm_socket_send_water_marks(apm_socket socket, apm_send_water_marks *marks)
{
    if (!marks)
        return APM_ERROR_ARGUMENT_NULL;
    *marks = (apm_send_water_marks){0};
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *marks = apm__serving_settings_locked(channel).marks;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_set_send_water_marks(apm_socket socket, apm_send_water_marks marks)
{
    struct apm__channel *channel;
    struct apm__operation *ended = NULL;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!is_sound(marks.high_bytes, marks.low_bytes) || !is_sound(marks.high_sends, marks.low_sends))
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = apm__serving_make_locked(channel);
    if (error == APM_ERROR_SUCCESS)
        ended = apm__serving_set_marks_locked(channel, marks);
    apm__channel_unlock(channel);
    apm__outcome_complete_list(ended);
    return error;
}

apm_error apm_socket_pending_sends(apm_socket socket, size_t *bytes, size_t *sends)
{
    size_t unwanted_bytes = 0;
    size_t unwanted_sends = 0;
    if (!bytes && !sends)
        return APM_ERROR_ARGUMENT_NULL;
    bytes = bytes ? bytes : &unwanted_bytes;
    sends = sends ? sends : &unwanted_sends;
    *bytes = 0;
    *sends = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__serving_count_sends_locked(channel, bytes, sends);
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_wait_sendable(apm_socket socket, apm_async_callback *callback, void *state,
                                         apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_WAIT_SENDABLE, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!channel->serving || apm__serving_is_sendable_locked(channel)) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_SUCCESS);
        return APM_ERROR_SUCCESS;
    }
    apm__engine_wait_locked(channel, operation);
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_wait_sendable(apm_socket socket, apm_async_result result)
{
    return apm__end(socket, result, APM__OPERATION_WAIT_SENDABLE);
}

apm_error apm_socket_wait_sendable(apm_socket socket)
{
    apm_async_result result;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_wait_sendable(socket, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_within(socket, result, APM__OPERATION_WAIT_SENDABLE, timeout_ms, APM_ERROR_CONNECTION_ABORTED);
}
