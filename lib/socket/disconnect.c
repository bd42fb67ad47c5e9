/*
 * Disconnecting. Any thread.
 */
#include "begin.h"

apm_error apm_socket_begin_disconnect(apm_socket socket, bool reuse_socket, apm_async_callback *callback, void *state,
                                      apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_DISCONNECT, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!channel->has_peer && !channel->listening)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_NOT_CONNECTED);
    operation->reuse_socket = reuse_socket;
    operation->dissolves = reuse_socket && channel->type != APM_SOCKET_TYPE_STREAM;
    operation->size = 0; /* not performed yet */
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_end_disconnect(apm_socket socket, apm_async_result result)
{
    return apm__end(socket, result, APM__OPERATION_DISCONNECT);
}

apm_error apm_socket_disconnect(apm_socket socket, bool reuse_socket)
{
    apm_async_result result;
    apm_error error = apm_socket_begin_disconnect(socket, reuse_socket, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_socket_end_disconnect(socket, result);
}
