/*
 * Connecting to an address and a port, and waiting for one of several endpoints. Any thread.
 */
#include "apm/socket_connect.h"
#include "begin.h"

apm_error apm_socket_begin_connect_address(apm_socket socket, apm_ip_address address, int port,
                                           apm_async_callback *callback, void *state, apm_async_result *result)
{
    apm_endpoint remote = {.address = address};
    if (port >= APM_ENDPOINT_MIN_PORT && port <= APM_ENDPOINT_MAX_PORT) {
        remote.port = (uint16_t)port;
        return apm_socket_begin_connect(socket, remote, callback, state, result);
    }
    /* The list's form says what is wrong in the order of all Begins: the handle, the arguments, the port. */
    return apm_socket_begin_connect_addresses(socket, &address, 1, port, callback, state, result);
}

static apm_error wait_for(apm_socket socket, apm_async_result result, int timeout_ms)
{
    return apm__end_within(socket, result, APM__OPERATION_CONNECT, timeout_ms, APM_ERROR_NOT_SOCKET);
}

apm_error apm_socket_connect_address(apm_socket socket, apm_ip_address address, int port)
{
    apm_endpoint remote = {.address = address};
    if (port < APM_ENDPOINT_MIN_PORT || port > APM_ENDPOINT_MAX_PORT)
        return apm_socket_connect_addresses(socket, &address, 1, port); /* which says what is wrong, in its order */
    remote.port = (uint16_t)port;
    apm_error error = apm_socket_connect(socket, remote);
    return error == APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED ? APM_ERROR_NOT_SUPPORTED : error;
}

apm_error apm_socket_connect_endpoints(apm_socket socket, const apm_endpoint *endpoints, size_t count)
{
    apm_async_result result;
    int timeout_ms;
    apm_error error = apm_socket_send_timeout(socket, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_socket_begin_connect_endpoints(socket, endpoints, count, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? wait_for(socket, result, timeout_ms) : error;
}
