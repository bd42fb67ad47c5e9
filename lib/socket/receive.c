/*
 * Receiving. Any thread.
 */
#include <limits.h>

#include "begin.h"

apm_error apm_socket_begin_receive(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags,
                                   apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_RECEIVE, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_NULL);
    if (size > INT_MAX)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    operation->buffer = buffer;
    operation->size = size;
    operation->flags = (int32_t)flags;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_receive(apm_socket socket, apm_async_result result, size_t *received)
{
    return apm__end_transfer(socket, result, APM__OPERATION_RECEIVE, 0, APM_ERROR_OPERATION_ABORTED, received);
}

apm_error apm_socket_receive(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags, size_t *received)
{
    apm_async_result result;
    int timeout_ms;
    if (received)
        *received = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_receive(socket, buffer, size, flags, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_RECEIVE, timeout_ms, APM_ERROR_CONNECTION_ABORTED,
                             received);
}
