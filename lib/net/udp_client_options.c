/*
 * UdpClient: groups and properties. Any thread.
 */
#include "udp_client.h"

#include "apm/multicast.h"
#include "apm/socket_options.h"

static apm_socket socket_of(apm_udp_client client)
{
    return (apm_socket){client.bits};
}

/* -- Groups -- */

/* An address of the client's own family. */
static apm_error check_group(apm_udp_client client, apm_ip_address group, apm_address_family *family)
{
    struct apm__channel *channel;
    *family = APM_ADDRESS_FAMILY_UNSPECIFIED;
    apm_error error = apm__udp_client_lock(client, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *family = channel->family; /* immutable */
    apm__channel_unlock(channel);
    if (group.family == APM_ADDRESS_FAMILY_UNSPECIFIED)
        return APM_ERROR_ARGUMENT_NULL;
    return group.family == *family ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
}

apm_error apm_udp_client_join_multicast_group(apm_udp_client client, apm_ip_address group)
{
    apm_address_family family;
    apm_error error = check_group(client, group, &family);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_socket_add_membership(socket_of(client), (apm_multicast_option){.group = group});
}

apm_error apm_udp_client_join_multicast_group_time_to_live(apm_udp_client client, apm_ip_address group,
                                                           int time_to_live)
{
    apm_address_family family;
    apm_error error = check_group(client, group, &family);
    if (error == APM_ERROR_SUCCESS && (time_to_live < 0 || time_to_live > UINT8_MAX))
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (error == APM_ERROR_SUCCESS)
        error = apm_udp_client_join_multicast_group(client, group);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_socket_set_multicast_time_to_live(socket_of(client), time_to_live);
}

apm_error apm_udp_client_join_multicast_group_local(apm_udp_client client, apm_ip_address group, apm_ip_address local)
{
    apm_address_family family;
    apm_error error = check_group(client, group, &family);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (family != APM_ADDRESS_FAMILY_INTER_NETWORK)
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    if (local.family == APM_ADDRESS_FAMILY_UNSPECIFIED)
        return APM_ERROR_ARGUMENT_NULL;
    apm_multicast_option option = {.group = group, .local_address = local};
    return apm_socket_add_membership(socket_of(client), option);
}

/* Joins or leaves on an interface of an index, which only IPv6 has here. */
static apm_error check_interface(apm_udp_client client, apm_ip_address group, int interface_index)
{
    apm_address_family family;
    apm_error error = check_group(client, group, &family);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (interface_index < 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? APM_ERROR_SUCCESS : APM_ERROR_OPERATION_NOT_SUPPORTED;
}

apm_error apm_udp_client_join_multicast_group_interface(apm_udp_client client, int interface_index,
                                                        apm_ip_address group)
{
    apm_multicast_option option = {.group = group, .interface_index = interface_index};
    apm_error error = check_interface(client, group, interface_index);
    return error == APM_ERROR_SUCCESS ? apm_socket_add_membership(socket_of(client), option) : error;
}

apm_error apm_udp_client_drop_multicast_group(apm_udp_client client, apm_ip_address group)
{
    apm_address_family family;
    apm_error error = check_group(client, group, &family);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_socket_drop_membership(socket_of(client), (apm_multicast_option){.group = group});
}

apm_error apm_udp_client_drop_multicast_group_interface(apm_udp_client client, apm_ip_address group,
                                                        int interface_index)
{
    apm_multicast_option option = {.group = group, .interface_index = interface_index};
    apm_error error = check_interface(client, group, interface_index);
    return error == APM_ERROR_SUCCESS ? apm_socket_drop_membership(socket_of(client), option) : error;
}

/* -- Properties -- */

apm_socket apm_udp_client_client(apm_udp_client client)
{
    apm_socket socket;
    return apm__udp_client_socket(client, &socket) == APM_ERROR_SUCCESS ? socket : (apm_socket)APM_NULL_HANDLE;
}

bool apm_udp_client_active(apm_udp_client client)
{
    struct apm__channel *channel;
    if (apm__udp_client_lock(client, &channel) != APM_ERROR_SUCCESS)
        return false;
    bool active = channel->has_peer;
    apm__channel_unlock(channel);
    return active;
}

apm_error apm_udp_client_available(apm_udp_client client, size_t *available)
{
    apm_socket socket;
    if (!available)
        return APM_ERROR_ARGUMENT_NULL;
    *available = 0;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_available(socket, available) : error;
}

apm_error apm_udp_client_ttl(apm_udp_client client, int *ttl)
{
    apm_socket socket;
    if (!ttl)
        return APM_ERROR_ARGUMENT_NULL;
    *ttl = 0;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_ttl(socket, ttl) : error;
}

apm_error apm_udp_client_set_ttl(apm_udp_client client, int ttl)
{
    apm_socket socket;
    if (ttl == 0)
        return APM_ERROR_INVALID_ARGUMENT; /* which IPv6 would let through */
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_set_ttl(socket, ttl) : error;
}

static apm_error get_flag(apm_udp_client client, apm_error (*get)(apm_socket socket, bool *value), bool *value)
{
    apm_socket socket;
    if (!value)
        return APM_ERROR_ARGUMENT_NULL;
    *value = false;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? get(socket, value) : error;
}

apm_error apm_udp_client_dont_fragment(apm_udp_client client, bool *dont_fragment)
{
    return get_flag(client, apm_socket_dont_fragment, dont_fragment);
}

apm_error apm_udp_client_set_dont_fragment(apm_udp_client client, bool dont_fragment)
{
    apm_socket socket;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_set_dont_fragment(socket, dont_fragment) : error;
}

apm_error apm_udp_client_multicast_loopback(apm_udp_client client, bool *multicast_loopback)
{
    return get_flag(client, apm_socket_multicast_loopback, multicast_loopback);
}

apm_error apm_udp_client_set_multicast_loopback(apm_udp_client client, bool multicast_loopback)
{
    apm_socket socket;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_set_multicast_loopback(socket, multicast_loopback) : error;
}

apm_error apm_udp_client_enable_broadcast(apm_udp_client client, bool *enable_broadcast)
{
    return get_flag(client, apm_socket_enable_broadcast, enable_broadcast);
}

apm_error apm_udp_client_set_enable_broadcast(apm_udp_client client, bool enable_broadcast)
{
    apm_socket socket;
    apm_error error = apm__udp_client_socket(client, &socket);
    return error == APM_ERROR_SUCCESS ? apm_socket_set_enable_broadcast(socket, enable_broadcast) : error;
}

apm_error apm_udp_client_exclusive_address_use(apm_udp_client client, bool *exclusive)
{
    if (!exclusive)
        return APM_ERROR_ARGUMENT_NULL;
    bool reuse_address;
    apm_error error = get_flag(client, apm_socket_reuse_address, &reuse_address);
    *exclusive = error == APM_ERROR_SUCCESS && !reuse_address;
    return error;
}

apm_error apm_udp_client_set_exclusive_address_use(apm_udp_client client, bool exclusive)
{
    struct apm__channel *channel;
    apm_error error = apm__udp_client_lock(client, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    bool bound = channel->bound;
    apm__channel_unlock(channel);
    return bound ? APM_ERROR_INVALID_OPERATION : apm_socket_set_reuse_address(socket_of(client), !exclusive);
}
