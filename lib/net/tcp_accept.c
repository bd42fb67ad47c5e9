/*
 * Accepting by TCP listeners: see tcp_listener.c for the owners of these operations. Any thread.
 */
#include "begin.h"
#include "tcp_client.h"
#include "tcp_listener.h"

/* The owner of accepts that give clients. */
static uint64_t clients_of(apm_tcp_listener listener)
{
    bool is_listener = (listener.bits & ((1u << APM__SLOT_KIND_BITS) - 1)) == APM__KIND_TCP_LISTENER;
    return is_listener ? listener.bits - APM__KIND_TCP_LISTENER + APM__KIND_TCP_LISTENER_CLIENTS : listener.bits;
}

static apm_error begin_accept(apm_tcp_listener listener, uint64_t owner, apm_async_callback *callback, void *state,
                              apm_async_result *result)
{
    apm_socket server;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__tcp_listener_socket(listener, &server);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__begin_accept_for(owner, server, callback, state, result);
}

apm_error apm_tcp_listener_begin_accept_socket(apm_tcp_listener listener, apm_async_callback *callback, void *state,
                                               apm_async_result *result)
{
    return begin_accept(listener, listener.bits, callback, state, result);
}

apm_error apm_tcp_listener_begin_accept_tcp_client(apm_tcp_listener listener, apm_async_callback *callback, void *state,
                                                   apm_async_result *result)
{
    return begin_accept(listener, clients_of(listener), callback, state, result);
}

static apm_error end_accept(apm_tcp_listener listener, uint64_t owner, apm_async_result result, apm_socket *accepted)
{
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, APM__OPERATION_ACCEPT, owner, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(listener.bits, error);
    error = operation->error;
    if (error == APM_ERROR_SUCCESS)
        accepted->bits = operation->accepted;
    else
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    /* As .NET: whatever an accept fails with once the listener has been stopped is the end of the listener. */
    return error != APM_ERROR_SUCCESS && !apm_tcp_listener_active(listener) ? APM_ERROR_OBJECT_DISPOSED : error;
}

apm_error apm_tcp_listener_end_accept_socket(apm_tcp_listener listener, apm_async_result result, apm_socket *accepted)
{
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_socket)APM_NULL_HANDLE;
    return end_accept(listener, listener.bits, result, accepted);
}

apm_error apm_tcp_listener_end_accept_tcp_client(apm_tcp_listener listener, apm_async_result result,
                                                 apm_tcp_client *accepted)
{
    apm_socket socket = APM_NULL_HANDLE;
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_tcp_client)APM_NULL_HANDLE;
    apm_error error = end_accept(listener, clients_of(listener), result, &socket);
    return error == APM_ERROR_SUCCESS ? apm__tcp_client_adopt(socket, accepted) : error;
}

apm_error apm_tcp_listener_accept_socket(apm_tcp_listener listener, apm_socket *accepted)
{
    apm_socket server;
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_socket)APM_NULL_HANDLE;
    apm_error error = apm__tcp_listener_socket(listener, &server);
    return error == APM_ERROR_SUCCESS ? apm_socket_accept(server, accepted) : error;
}

apm_error apm_tcp_listener_accept_tcp_client(apm_tcp_listener listener, apm_tcp_client *accepted)
{
    apm_socket socket;
    if (!accepted)
        return APM_ERROR_ARGUMENT_NULL;
    *accepted = (apm_tcp_client)APM_NULL_HANDLE;
    apm_error error = apm_tcp_listener_accept_socket(listener, &socket);
    return error == APM_ERROR_SUCCESS ? apm__tcp_client_adopt(socket, accepted) : error;
}
