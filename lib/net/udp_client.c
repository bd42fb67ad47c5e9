/*
 * UdpClient: a datagram socket in .NET's simpler dress. Any thread.
 *
 * A client is its socket under another type of handle, so that there is no second object to keep alive: whether it has
 * a peer is what the socket knows. A receive has memory of the operation's own, taken at Begin, which End hands over;
 * the operation frees it if nobody asks for it.
 */
#include "udp_client.h"

#include "apm/dns.h"
#include "apm/socket_options.h"
#include "datagram.h"

enum { LARGEST_DATAGRAM = 65536 };

static apm_socket socket_of(apm_udp_client client)
{
    return (apm_socket){client.bits};
}

apm_error apm__udp_client_lock(apm_udp_client client, struct apm__channel **channel)
{
    apm_error error = apm__channel_lock(client.bits, channel);
    if (error != APM_ERROR_SUCCESS || (*channel)->is_udp_client)
        return error;
    apm__channel_unlock(*channel);
    return APM_ERROR_ARGUMENT;
}

apm_error apm__udp_client_socket(apm_udp_client client, apm_socket *socket)
{
    struct apm__channel *channel;
    *socket = socket_of(client);
    apm_error error = apm__udp_client_lock(client, &channel);
    if (error == APM_ERROR_SUCCESS)
        apm__channel_unlock(channel);
    return error;
}

static bool is_port(int port)
{
    return port >= APM_ENDPOINT_MIN_PORT && port <= APM_ENDPOINT_MAX_PORT;
}

static apm_error disposed(apm_error error)
{
    return error == APM_ERROR_OPERATION_ABORTED ? APM_ERROR_OBJECT_DISPOSED : error;
}

/* The socket's family, and whether it has a peer. */
struct state {
    apm_address_family family;
    bool has_peer;
    bool bound;
};

static apm_error look(apm_udp_client client, struct state *state)
{
    struct apm__channel *channel;
    *state = (struct state){0};
    apm_error error = apm__udp_client_lock(client, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *state = (struct state){.family = channel->family, .has_peer = channel->has_peer, .bound = channel->bound};
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

/* -- Creating -- */

apm_error apm_udp_client_create_family(apm_address_family family, apm_udp_client *client)
{
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_udp_client)APM_NULL_HANDLE;
    if (family != APM_ADDRESS_FAMILY_INTER_NETWORK && family != APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
        return APM_ERROR_ARGUMENT;
    apm_socket socket;
    apm_error error = apm_socket_create(family, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket);
    return error == APM_ERROR_SUCCESS ? apm_udp_client_create_socket(socket, client) : error;
}

apm_error apm_udp_client_create_socket(apm_socket socket, apm_udp_client *client)
{
    struct apm__channel *channel;
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_udp_client)APM_NULL_HANDLE;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    bool fits = channel->type == APM_SOCKET_TYPE_DGRAM && channel->family != APM_ADDRESS_FAMILY_UNIX;
    channel->is_udp_client = channel->is_udp_client || fits;
    apm__channel_unlock(channel);
    if (!fits)
        return APM_ERROR_SOCKET_NOT_SUPPORTED;
    client->bits = socket.bits;
    return APM_ERROR_SUCCESS;
}

apm_error apm_udp_client_create(apm_udp_client *client)
{
    return apm_udp_client_create_family(APM_ADDRESS_FAMILY_INTER_NETWORK, client);
}

apm_error apm_udp_client_create_endpoint(apm_endpoint local, apm_udp_client *client)
{
    if (client)
        *client = (apm_udp_client)APM_NULL_HANDLE;
    if (apm_endpoint_is_null(local))
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm_udp_client_create_family(local.address.family, client);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_socket_bind(socket_of(*client), local);
    if (error == APM_ERROR_SUCCESS)
        return APM_ERROR_SUCCESS;
    apm_socket_close(socket_of(*client));
    *client = (apm_udp_client)APM_NULL_HANDLE;
    return error;
}

apm_error apm_udp_client_create_port_family(int port, apm_address_family family, apm_udp_client *client)
{
    bool is_v6 = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    if (client)
        *client = (apm_udp_client)APM_NULL_HANDLE;
    if (!is_port(port))
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!is_v6 && family != APM_ADDRESS_FAMILY_INTER_NETWORK)
        return APM_ERROR_ARGUMENT;
    apm_endpoint local = {.address = is_v6 ? apm_ip_address_ipv6_any() : apm_ip_address_any(), .port = (uint16_t)port};
    return apm_udp_client_create_endpoint(local, client);
}

apm_error apm_udp_client_create_port(int port, apm_udp_client *client)
{
    return apm_udp_client_create_port_family(port, APM_ADDRESS_FAMILY_INTER_NETWORK, client);
}

apm_error apm_udp_client_create_host(const char *host, int port, apm_udp_client *client)
{
    if (!client)
        return APM_ERROR_ARGUMENT_NULL;
    *client = (apm_udp_client)APM_NULL_HANDLE;
    if (!host)
        return APM_ERROR_ARGUMENT_NULL;
    if (!is_port(port))
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_host_entry *entry;
    apm_error error = apm_dns_get_host_addresses(host, &entry);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = APM_ERROR_HOST_NOT_FOUND;
    for (size_t i = 0; i < entry->address_count; i++) {
        apm_endpoint remote = {.address = entry->address_list[i], .port = (uint16_t)port};
        error = apm_udp_client_create_family(remote.address.family, client);
        if (error == APM_ERROR_SUCCESS)
            error = apm_udp_client_connect(*client, remote);
        if (error == APM_ERROR_SUCCESS)
            break;
        apm_udp_client_close(*client);
        *client = (apm_udp_client)APM_NULL_HANDLE;
    }
    apm_host_entry_free(entry);
    return error;
}

apm_error apm_udp_client_close(apm_udp_client client)
{
    apm_socket socket;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED ? apm_socket_close(socket) : error;
}

/* -- Connecting -- */

apm_error apm_udp_client_connect(apm_udp_client client, apm_endpoint remote)
{
    struct state state;
    apm_error error = look(client, &state);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm_endpoint_is_null(remote) && remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        apm_error ignored = APM_ERROR_SUCCESS; /* the connect says what is wrong with a broadcast address */
        if (apm_ip_address_equals(remote.address, apm_ip_address_broadcast()))
            ignored = apm_socket_set_enable_broadcast(socket_of(client), true);
        (void)ignored;
    }
    return apm_socket_connect(socket_of(client), remote);
}

apm_error apm_udp_client_connect_address(apm_udp_client client, apm_ip_address address, int port)
{
    apm_endpoint remote;
    apm_error error = apm_endpoint_create(address, port, &remote);
    return error == APM_ERROR_SUCCESS ? apm_udp_client_connect(client, remote) : error;
}

/* The first address of the host that is of the family; `misfit` if there is none. */
static apm_error look_up(const char *host, int port, apm_address_family family, apm_error misfit, apm_endpoint *remote)
{
    *remote = (apm_endpoint){0};
    if (!is_port(port))
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_host_entry *entry;
    apm_error error = apm_dns_get_host_addresses(host, &entry);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = misfit;
    for (size_t i = 0; i < entry->address_count && error != APM_ERROR_SUCCESS; i++) {
        if (entry->address_list[i].family == family) {
            *remote = (apm_endpoint){.address = entry->address_list[i], .port = (uint16_t)port};
            error = APM_ERROR_SUCCESS;
        }
    }
    apm_host_entry_free(entry);
    return error;
}

apm_error apm_udp_client_connect_host(apm_udp_client client, const char *host, int port)
{
    struct state state;
    apm_endpoint remote;
    apm_error error = look(client, &state);
    if (error == APM_ERROR_SUCCESS && !host)
        error = APM_ERROR_ARGUMENT_NULL;
    if (error == APM_ERROR_SUCCESS)
        error = look_up(host, port, state.family, APM_ERROR_NOT_CONNECTED, &remote);
    return error == APM_ERROR_SUCCESS ? apm_udp_client_connect(client, remote) : error;
}

/* -- Sending -- */

/* To `remote`, or where that is no endpoint to the peer. `waits` as in datagram.h. */
static apm_error begin_send(apm_udp_client client, const void *datagram, size_t bytes, apm_endpoint remote,
                            apm_async_callback *callback, void *state, bool waits, apm_async_result *result)
{
    struct state client_state;
    bool to_peer = apm_endpoint_is_null(remote);
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = look(client, &client_state);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!datagram)
        return APM_ERROR_ARGUMENT_NULL;
    if (!to_peer && client_state.has_peer)
        return APM_ERROR_INVALID_OPERATION;
    if (!to_peer && apm_ip_address_equals(remote.address, apm_ip_address_broadcast()))
        error = apm_socket_set_enable_broadcast(socket_of(client), true);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__begin_send_to(socket_of(client), datagram, bytes, APM_SOCKET_FLAGS_NONE, to_peer ? NULL : &remote,
                              callback, state, waits, result);
}

apm_error apm_udp_client_begin_send(apm_udp_client client, const void *datagram, size_t bytes,
                                    apm_async_callback *callback, void *state, apm_async_result *result)
{
    return begin_send(client, datagram, bytes, (apm_endpoint){0}, callback, state, false, result);
}

apm_error apm_udp_client_begin_send_endpoint(apm_udp_client client, const void *datagram, size_t bytes,
                                             apm_endpoint remote, apm_async_callback *callback, void *state,
                                             apm_async_result *result)
{
    return begin_send(client, datagram, bytes, remote, callback, state, false, result);
}

static apm_error begin_send_host(apm_udp_client client, const void *datagram, size_t bytes, const char *host, int port,
                                 apm_async_callback *callback, void *state, bool waits, apm_async_result *result)
{
    struct state client_state;
    apm_endpoint remote = {0};
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = look(client, &client_state);
    if (error == APM_ERROR_SUCCESS && !datagram)
        error = APM_ERROR_ARGUMENT_NULL;
    if (error == APM_ERROR_SUCCESS && host && client_state.has_peer)
        error = APM_ERROR_INVALID_OPERATION;
    if (error == APM_ERROR_SUCCESS && host)
        error = look_up(host, port, client_state.family, APM_ERROR_ARGUMENT, &remote);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return begin_send(client, datagram, bytes, remote, callback, state, waits, result);
}

apm_error apm_udp_client_begin_send_host(apm_udp_client client, const void *datagram, size_t bytes, const char *host,
                                         int port, apm_async_callback *callback, void *state, apm_async_result *result)
{
    return begin_send_host(client, datagram, bytes, host, port, callback, state, false, result);
}

apm_error apm_udp_client_end_send(apm_udp_client client, apm_async_result result, size_t *sent)
{
    return disposed(apm_socket_end_send_to(socket_of(client), result, sent));
}

/* Ends a send that was begun with `error`. A synchronous one asks for a destination sooner than the system does. */
static apm_error finish_send(apm_udp_client client, apm_error error, apm_async_result result, size_t *sent)
{
    int timeout_ms = 0;
    if (sent)
        *sent = 0;
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (apm__begin_synchronous(socket_of(client), APM__WAY_OUT, &timeout_ms) != APM_ERROR_SUCCESS)
        timeout_ms = 0; /* closed meanwhile: the send has ended, or is about to */
    error = apm__end_transfer(socket_of(client), result, APM__OPERATION_SEND_TO, timeout_ms, APM_ERROR_INTERRUPTED,
                              sent);
    return error == APM_ERROR_DESTINATION_ADDRESS_REQUIRED ? APM_ERROR_INVALID_OPERATION : error;
}

apm_error apm_udp_client_send(apm_udp_client client, const void *datagram, size_t bytes, size_t *sent)
{
    return apm_udp_client_send_endpoint(client, datagram, bytes, (apm_endpoint){0}, sent);
}

apm_error apm_udp_client_send_endpoint(apm_udp_client client, const void *datagram, size_t bytes, apm_endpoint remote,
                                       size_t *sent)
{
    apm_async_result result;
    apm_error error = begin_send(client, datagram, bytes, remote, NULL, NULL, true, &result);
    return finish_send(client, error, result, sent);
}

apm_error apm_udp_client_send_host(apm_udp_client client, const void *datagram, size_t bytes, const char *host,
                                   int port, size_t *sent)
{
    apm_async_result result;
    apm_error error = begin_send_host(client, datagram, bytes, host, port, NULL, NULL, true, &result);
    return finish_send(client, error, result, sent);
}

/* -- Receiving -- */

apm_error apm_udp_client_begin_receive(apm_udp_client client, apm_async_callback *callback, void *state,
                                       apm_async_result *result)
{
    void *memory = apm__os_resize(NULL, LARGEST_DATAGRAM); /* not zeroed: few datagrams need it all */
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    if (!memory)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__begin_receive_datagram(socket_of(client), APM__OPERATION_RECEIVE_DATAGRAM, memory,
                                                  LARGEST_DATAGRAM, APM_SOCKET_FLAGS_NONE, callback, state, result);
    if (error != APM_ERROR_SUCCESS)
        apm__os_free(memory);
    return error;
}

static apm_error end_receive(apm_udp_client client, apm_async_result result, int timeout_ms, apm_error closed,
                             apm_endpoint *remote, uint8_t **datagram, size_t *size)
{
    struct apm__datagram_outcome outcome = {.remote = remote, .memory = datagram, .received = size};
    apm_error error = apm__end_datagram(socket_of(client), result, APM__OPERATION_RECEIVE_DATAGRAM, timeout_ms, closed,
                                        &outcome);
    if (error != APM_ERROR_SUCCESS)
        return error;
    uint8_t *fitting = apm__os_resize(*datagram, *size > 0 ? *size : 1);
    if (fitting) /* otherwise it stays as large as it is */
        *datagram = fitting;
    return APM_ERROR_SUCCESS;
}

/* What End needs to write to; a result must not be lost for want of it. */
static apm_error check_places(apm_endpoint *remote, uint8_t **datagram, size_t *size)
{
    if (remote)
        *remote = (apm_endpoint){0};
    if (datagram)
        *datagram = NULL;
    if (size)
        *size = 0;
    return datagram && size ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_udp_client_end_receive(apm_udp_client client, apm_async_result result, apm_endpoint *remote,
                                     uint8_t **datagram, size_t *size)
{
    apm_error error = check_places(remote, datagram, size);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return end_receive(client, result, 0, APM_ERROR_OBJECT_DISPOSED, remote, datagram, size);
}

apm_error apm_udp_client_receive(apm_udp_client client, apm_endpoint *remote, uint8_t **datagram, size_t *size)
{
    apm_async_result result;
    int timeout_ms;
    apm_error error = check_places(remote, datagram, size);
    if (error == APM_ERROR_SUCCESS)
        error = apm__begin_synchronous(socket_of(client), APM__WAY_IN, &timeout_ms);
    if (error == APM_ERROR_SUCCESS)
        error = apm_udp_client_begin_receive(client, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return end_receive(client, result, timeout_ms, APM_ERROR_INTERRUPTED, remote, datagram, size);
}

void apm_udp_client_free_datagram(uint8_t *datagram)
{
    apm__os_free(datagram);
}
