/*
 * The attempts, one function a kind. They run on whatever thread owns the operation: a worker, or the caller of Begin.
 */
#include "perform.h"

#include "accept_receive.h"
#include "apm/socket.h"
#include "check.h"
#include "connect_race.h"
#include "transfer.h"

static apm_error perform_receive(struct apm__operation *operation, apm__os_socket descriptor)
{
    if (APM__UNLIKELY(operation->form == APM__FORM_SEGMENTS))
        return apm__transfer_receive_segments(operation, descriptor);
    if (APM__UNLIKELY(operation->size == 0) && !(operation->flags & APM_SOCKET_FLAGS_OUT_OF_BAND))
        return apm__os_socket_readable(descriptor); /* a receive of nothing waits for something */
    return apm__os_socket_receive(descriptor, operation->buffer, operation->size, operation->flags,
                                  &operation->transferred);
}

static apm_error perform_send(struct apm__operation *operation, apm__os_socket descriptor)
{
    if (APM__UNLIKELY(operation->form == APM__FORM_SEGMENTS))
        return apm__transfer_send_segments(operation, descriptor);
    do {
        size_t sent;
        apm_error error = apm__os_socket_send(descriptor,
                                              (const unsigned char *)operation->buffer + operation->transferred,
                                              operation->size - operation->transferred, operation->flags, &sent);
        if (error != APM_ERROR_SUCCESS)
            return error;
        operation->transferred += sent;
    } while (APM__UNLIKELY(operation->transferred < operation->size));
    return APM_ERROR_SUCCESS;
}

/* Continues the attempt at the present endpoint of the plan, and goes on to the next ones if it fails. */
static apm_error perform_connect(struct apm__operation *operation, apm__os_socket descriptor, bool is_ipv6)
{
    struct apm__connect_plan *plan = operation->plan;
    if (plan->race)
        return apm__connect_race_perform(operation, descriptor, is_ipv6);
    for (;;) {
        apm_endpoint remote = plan->endpoints[plan->next];
        bool map = is_ipv6 && remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK;
        plan->issued = true;
        apm_error error = apm__os_socket_connect(descriptor, remote, map);
        if (error == APM_ERROR_SUCCESS || error == APM_ERROR_WOULD_BLOCK || plan->next + 1 == plan->count)
            return error;
        plan->next++;
    }
}

/* Ends both directions; once only, for it may be called again when the descriptor can be renewed. */
static apm_error perform_disconnect(struct apm__operation *operation, apm__os_socket descriptor)
{
    if (operation->size > 0)
        return APM_ERROR_SUCCESS;
    apm_error error = operation->dissolves ? apm__os_socket_dissolve(descriptor)
                                           : apm__os_socket_shutdown(descriptor, APM_SOCKET_SHUTDOWN_BOTH);
    operation->size = error == APM_ERROR_SUCCESS;
    return error;
}

/* Those that are neither a receive nor a send. */
APM__APART static apm_error perform_other(struct apm__operation *operation, apm__os_socket descriptor, bool is_ipv6)
{
    switch ((enum apm__operation_kind)apm__atomic_load(&operation->kind, APM__RELAXED)) {
    case APM__OPERATION_ACCEPT: return apm__os_socket_accept(descriptor, &operation->descriptor);
    case APM__OPERATION_ACCEPT_RECEIVE: return apm__accept_receive_perform(operation, descriptor);
    case APM__OPERATION_CONNECT: return perform_connect(operation, descriptor, is_ipv6);
    case APM__OPERATION_DISCONNECT: return perform_disconnect(operation, descriptor);
    case APM__OPERATION_SEND_FILE: return apm__transfer_send_file(operation, descriptor);
    case APM__OPERATION_RECEIVE_FROM:
    case APM__OPERATION_RECEIVE_MESSAGE_FROM:
    case APM__OPERATION_RECEIVE_DATAGRAM:
    case APM__OPERATION_RECEIVE_TRAIN:
    case APM__OPERATION_SEND_TRAIN:
    case APM__OPERATION_SEND_TO: return apm__perform_datagram(operation, descriptor);
    case APM__OPERATION_RECEIVE:
    case APM__OPERATION_SEND:
    case APM__OPERATION_GET_HOST_ENTRY:
    case APM__OPERATION_GET_HOST_ADDRESSES:
    case APM__OPERATION_INVOKE:
    case APM__OPERATION_STREAM_READ:
    case APM__OPERATION_STREAM_WRITE:
    case APM__OPERATION_STREAM_READ_EXACTLY:
    case APM__OPERATION_STREAM_COPY:
    case APM__OPERATION_POST:
    case APM__OPERATION_WAIT_SENDABLE:
    case APM__OPERATION_DRAIN:
    case APM__OPERATION_AUTHENTICATE_AS_CLIENT:
    case APM__OPERATION_AUTHENTICATE_AS_SERVER:
    case APM__OPERATION_SHUTDOWN: break;
    }
    const bool is_of_sockets = false;
    APM__CHECK(is_of_sockets);
    return APM_ERROR_SOCKET_ERROR;
}

apm_error apm__perform(struct apm__operation *operation, apm__os_socket descriptor, bool is_ipv6)
{
    switch (apm__atomic_load(&operation->kind, APM__RELAXED)) {
    case APM__OPERATION_RECEIVE: return perform_receive(operation, descriptor);
    case APM__OPERATION_SEND: return perform_send(operation, descriptor);
    default: return perform_other(operation, descriptor, is_ipv6);
    }
}

bool apm__perform_was_short(const struct apm__operation *operation)
{
    return apm__atomic_load(&operation->kind, APM__RELAXED) == APM__OPERATION_RECEIVE && operation->transferred > 0 &&
           operation->transferred < operation->size && operation->flags == APM_SOCKET_FLAGS_NONE;
}
