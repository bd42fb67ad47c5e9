/*
 * Receives and sends that belong to another object than the socket: those of streams. Any thread.
 */
#include <limits.h>

#include "begin.h"

static apm_error start(uint64_t owner, apm_socket socket, enum apm__operation_kind kind, void *buffer, size_t size,
                       apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin_for(owner, socket, kind, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!buffer)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_NULL);
    if (size > INT_MAX)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    operation->buffer = buffer;
    operation->size = size;
    operation->flags = APM_SOCKET_FLAGS_NONE;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm__begin_receive_for(uint64_t owner, apm_socket socket, void *buffer, size_t size,
                                 apm_async_callback *callback, void *state, apm_async_result *result)
{
    return start(owner, socket, APM__OPERATION_RECEIVE, buffer, size, callback, state, result);
}

apm_error apm__begin_send_for(uint64_t owner, apm_socket socket, const void *buffer, size_t size,
                              apm_async_callback *callback, void *state, apm_async_result *result)
{
    /* A send only reads it. */
    return start(owner, socket, APM__OPERATION_SEND, (void *)(uintptr_t)buffer, size, callback, state, result);
}
