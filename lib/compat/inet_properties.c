/*
 * Inet sockets: addresses, the time-out, and how a handle stands. Any thread, as the handle allows.
 */
#include <string.h>

#include "inet_socket.h"

/* -- Addresses ----------------------------------------------------------------------------------------------------- */

void apm__inet_address_of(const apm_endpoint *endpoint, apm_inet_address *address, unsigned *port)
{
    size_t count = 0;
    if (port)
        *port = endpoint ? endpoint->port : 0;
    if (!address)
        return;
    memset(address, 0, sizeof *address);
    if (!endpoint || !apm_ip_address_try_write_bytes(endpoint->address, address->ipNumber, 16, &count))
        return;
    address->ipFamily = count == 4 ? APM_INET_ADDRESS_IPV4 : APM_INET_ADDRESS_IPV6;
}

apm_error apm__inet_endpoint_of(const apm_inet_address *address, unsigned port, apm_endpoint *endpoint)
{
    apm_ip_address parsed;
    *endpoint = (apm_endpoint){.port = 0};
    if (!address || port > APM_ENDPOINT_MAX_PORT)
        return APM_ERROR_ARGUMENT;
    size_t size = address->ipFamily == APM_INET_ADDRESS_IPV4 ? 4 : 16;
    if (size == 16 && address->ipFamily != APM_INET_ADDRESS_IPV6)
        return APM_ERROR_ARGUMENT;
    apm_error error = apm_ip_address_from_bytes(address->ipNumber, size, 0, &parsed);
    return error == APM_ERROR_SUCCESS ? apm_endpoint_create(parsed, (int)port, endpoint) : error;
}

static int tell(apm_inet socket, bool peer, apm_inet_address *address, unsigned *port)
{
    apm_endpoint endpoint = {.port = 0};
    apm__inet_address_of(NULL, address, port);
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__os_mutex_lock(&inet->lock);
    bool open = inet->stage == APM__INET_OPEN && !(peer && inet->kind == APM__INET_LISTENER);
    apm_socket handle = inet->socket;
    bool datagrams = inet->kind == APM__INET_DATAGRAM;
    if (datagrams && peer)
        endpoint = apm_endpoint_is_null(inet->sender) ? inet->peer : inet->sender;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    apm_error error = open ? APM_ERROR_SUCCESS : APM_ERROR_NOT_CONNECTED;
    if (!address)
        error = APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS && !peer)
        error = apm_socket_local_endpoint(handle, &endpoint);
    else if (error == APM_ERROR_SUCCESS && !datagrams)
        error = apm_socket_remote_endpoint(handle, &endpoint);
    else if (error == APM_ERROR_SUCCESS && apm_endpoint_is_null(endpoint))
        error = APM_ERROR_NOT_CONNECTED;
    if (error != APM_ERROR_SUCCESS)
        return apm__inet_fail(error);
    apm__inet_address_of(&endpoint, address, port);
    return 0;
}

int apm_inet_get_local_address(apm_inet socket, apm_inet_address *address, unsigned *port)
{
    return tell(socket, false, address, port);
}

int apm_inet_get_peer_address(apm_inet socket, apm_inet_address *address, unsigned *port)
{
    return tell(socket, true, address, port);
}

/* -- The time-out -------------------------------------------------------------------------------------------------- */

int apm_inet_get_timeout(apm_inet socket)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__os_mutex_lock(&inet->lock);
    unsigned timeout_s = inet->timeout_s;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    return timeout_s > INT32_MAX ? INT32_MAX : (int)timeout_s;
}

int apm_inet_set_timeout(apm_inet socket, unsigned timeout_s)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__os_mutex_lock(&inet->lock);
    if (timeout_s > 0)
        inet->timeout_s = timeout_s;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    return timeout_s > 0 ? 0 : apm__inet_fail(APM_ERROR_ARGUMENT);
}

/* -- How a handle stands ------------------------------------------------------------------------------------------- */

int apm_inet_is_connected(apm_inet socket)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return 0;
    apm__os_mutex_lock(&inet->lock);
    bool connected = apm__inet_check_open_locked(inet) == APM_ERROR_SUCCESS && !inet->ended;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    return connected;
}

static int stands(apm_inet socket, int timeout_s, apm__inet_condition *condition, uint32_t *available)
{
    if (available)
        *available = 0;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return 0;
    apm_error error = timeout_s >= 0 ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS)
        error = apm__inet_wait(inet, condition, (int64_t)timeout_s * 1000);
    apm__os_mutex_lock(&inet->lock);
    if (error == APM_ERROR_SUCCESS && inet->stage != APM__INET_OPEN)
        error = APM_ERROR_NOT_CONNECTED;
    if (error == APM_ERROR_SUCCESS && available && inet->full)
        *available = (uint32_t)(inet->in_end - inet->in_start);
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet);
    if (error == APM_ERROR_SUCCESS)
        return 1;
    apm__inet_fail(error);
    return 0;
}

int apm_inet_is_readable(apm_inet socket, int timeout_s, uint32_t *available)
{
    return stands(socket, timeout_s, apm__inet_can_read, available);
}

int apm_inet_is_writable(apm_inet socket, int timeout_s)
{
    return stands(socket, timeout_s, apm__inet_can_write, NULL);
}
