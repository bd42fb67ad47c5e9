/*
 * Sending. Any thread.
 */
#include <limits.h>

#include "begin.h"
#include "serving.h"

/* `waits`: the caller's thread waits for the send, and so is let past the high mark. */
static apm_error begin_send(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                            apm_async_callback *callback, void *state, bool waits, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_SEND, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_NULL);
    if (size > INT_MAX)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    if (APM__UNLIKELY(channel->serving) && !waits && !apm__serving_admits_send_locked(channel))
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_WOULD_BLOCK);
    operation->buffer = (void *)(uintptr_t)buffer; /* a send only reads it */
    operation->size = size;
    operation->flags = (int32_t)flags;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_send(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                                apm_async_callback *callback, void *state, apm_async_result *result)
{
    return begin_send(socket, buffer, size, flags, callback, state, false, result);
}

apm_error apm_socket_end_send(apm_socket socket, apm_async_result result, size_t *sent)
{
    return apm__end_transfer(socket, result, APM__OPERATION_SEND, 0, APM_ERROR_OPERATION_ABORTED, sent);
}

apm_error apm_socket_send(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags, size_t *sent)
{
    apm_async_result result;
    int timeout_ms;
    if (sent)
        *sent = 0;
    apm_error error = apm__begin_synchronous(socket, APM__WAY_OUT, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = begin_send(socket, buffer, size, flags, NULL, NULL, true, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__end_transfer(socket, result, APM__OPERATION_SEND, timeout_ms, APM_ERROR_CONNECTION_ABORTED, sent);
}
