/*
 * Accepts that also receive, and accepts into a socket that exists. Any thread.
 *
 * What the operation needs for both phases is made when it begins: its block, and the channel of the connection, or the
 * reservation of the socket that becomes it.
 */
#include "accept_receive.h"

#include <limits.h>

#include "apm/socket_accept.h"
#include "begin.h"
#include "serving.h"

/* What a Begin has made for its operation, until the operation owns it. */
struct preparation {
    struct apm__accept_request *request;
    struct apm__channel *reserved;
};

static void discard(struct preparation *preparation)
{
    if (preparation->reserved)
        apm__channel_discard(preparation->reserved);
    if (preparation->request && preparation->request->into)
        apm__accept_receive_unreserve(preparation->request->into);
    apm__os_free(preparation->request);
}

/* The listener's fields that are read here are immutable; no lock is held. `settings` are the listener's. */
static apm_error prepare(const struct apm__channel *listener, const struct apm__serving_settings *settings,
                         apm_socket accept_socket, void *buffer, size_t size, struct preparation *prepared)
{
    *prepared = (struct preparation){0};
    if (!buffer && size > 0)
        return APM_ERROR_ARGUMENT_NULL;
    if (size > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct preparation preparation = {.request = apm__os_allocate(sizeof *preparation.request)};
    apm_error error = preparation.request ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
    if (error == APM_ERROR_SUCCESS && !apm_socket_is_null(accept_socket)) {
        error = apm__accept_receive_reserve(accept_socket, listener, &preparation.request->into);
    } else if (error == APM_ERROR_SUCCESS) {
        preparation.reserved = apm__channel_create(listener->pool, listener->family, listener->type,
                                                   listener->protocol);
        error = preparation.reserved ? apm__serving_inherit(preparation.reserved, settings) : APM_ERROR_OUT_OF_MEMORY;
    }
    if (error != APM_ERROR_SUCCESS) {
        discard(&preparation);
        return error;
    }
    preparation.request->buffer = buffer;
    preparation.request->size = size;
    *prepared = preparation;
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_accept_socket(apm_socket socket, apm_socket accept_socket, void *buffer, size_t receive_size,
                                         apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__channel *channel;
    struct apm__operation *operation;
    apm_error error = apm__begin(socket, APM__OPERATION_ACCEPT_RECEIVE, callback, state, result, &channel, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!channel->bound || !channel->listening)
        return apm__begin_discard_and_unlock(channel, operation, result, APM_ERROR_INVALID_OPERATION);
    struct apm__serving_settings settings = apm__serving_settings_locked(channel);
    apm__slot_retain(&channel->slot); /* so that what is immutable of it can be read */
    apm__channel_unlock(channel);

    struct preparation preparation;
    error = prepare(channel, &settings, accept_socket, buffer, receive_size, &preparation);
    apm__channel_release(channel);
    /* As in .NET it is End that says so. */
    bool refused = error == APM_ERROR_INVALID_OPERATION && !apm_socket_is_null(accept_socket);
    if (error == APM_ERROR_SUCCESS || refused)
        error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS) {
        discard(&preparation);
        apm__operation_discard(operation, result);
        return error;
    }
    if (refused) {
        apm__engine_refuse_and_unlock(channel, operation, APM_ERROR_INVALID_OPERATION);
        return APM_ERROR_SUCCESS;
    }
    operation->form = APM__FORM_ACCEPT;
    operation->buffer = preparation.request;
    operation->reserved = preparation.reserved;
    operation->size = receive_size;
    operation->flags = APM_SOCKET_FLAGS_NONE;
    apm__engine_start_and_unlock(channel, operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_begin_accept_receive(apm_socket socket, void *buffer, size_t receive_size,
                                          apm_async_callback *callback, void *state, apm_async_result *result)
{
    return apm_socket_begin_accept_socket(socket, (apm_socket)APM_NULL_HANDLE, buffer, receive_size, callback, state,
                                          result);
}

apm_error apm_socket_end_accept_receive(apm_socket socket, apm_async_result result, apm_socket *accepted,
                                        size_t *transferred)
{
    if (transferred)
        *transferred = 0;
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_socket)APM_NULL_HANDLE;
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, APM__OPERATION_ACCEPT_RECEIVE, socket.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(socket.bits, error);
    error = operation->error;
    if (error == APM_ERROR_SUCCESS) {
        accepted->bits = operation->accepted;
        if (transferred)
            *transferred = operation->transferred;
    } else {
        apm__os_set_native_error(operation->native_error);
    }
    apm__operation_release(operation);
    return error;
}
