/*
 * UdpClient: groups and properties. Any thread.
 */
#include "apm/socket_options.h"
#include "apm/udp_client.h"
#include "channel.h"
#include "multicast.h"

static apm_socket socket_of(apm_udp_client client)
{
    return (apm_socket){client.bits};
}

/* -- Groups -- */

/* An address of the client's own family. */
static apm_error check_group(apm_udp_client client, apm_ip_address group, apm_address_family *family)
{
    apm_error error = apm_socket_address_family(socket_of(client), family);
    if (error != APM_ERROR_SUCCESS)
        return error;
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
    struct apm__channel *channel;
    if (apm__channel_lock(client.bits, &channel) != APM_ERROR_SUCCESS)
        return (apm_socket)APM_NULL_HANDLE;
    apm__channel_unlock(channel);
    return socket_of(client);
}

bool apm_udp_client_active(apm_udp_client client)
{
    struct apm__channel *channel;
    if (apm__channel_lock(client.bits, &channel) != APM_ERROR_SUCCESS)
        return false;
    bool active = channel->has_peer;
    apm__channel_unlock(channel);
    return active;
}

apm_error apm_udp_client_available(apm_udp_client client, size_t *available)
{
    return apm_socket_available(socket_of(client), available);
}

apm_error apm_udp_client_ttl(apm_udp_client client, int *ttl)
{
    return apm_socket_ttl(socket_of(client), ttl);
}

apm_error apm_udp_client_set_ttl(apm_udp_client client, int ttl)
{
    if (ttl == 0)
        return APM_ERROR_INVALID_ARGUMENT; /* which IPv6 would let through */
    return apm_socket_set_ttl(socket_of(client), ttl);
}

apm_error apm_udp_client_dont_fragment(apm_udp_client client, bool *dont_fragment)
{
    return apm_socket_dont_fragment(socket_of(client), dont_fragment);
}

apm_error apm_udp_client_set_dont_fragment(apm_udp_client client, bool dont_fragment)
{
    return apm_socket_set_dont_fragment(socket_of(client), dont_fragment);
}

apm_error apm_udp_client_multicast_loopback(apm_udp_client client, bool *multicast_loopback)
{
    return apm_socket_multicast_loopback(socket_of(client), multicast_loopback);
}

apm_error apm_udp_client_set_multicast_loopback(apm_udp_client client, bool multicast_loopback)
{
    return apm_socket_set_multicast_loopback(socket_of(client), multicast_loopback);
}

apm_error apm_udp_client_enable_broadcast(apm_udp_client client, bool *enable_broadcast)
{
    return apm_socket_enable_broadcast(socket_of(client), enable_broadcast);
}

apm_error apm_udp_client_set_enable_broadcast(apm_udp_client client, bool enable_broadcast)
{
    return apm_socket_set_enable_broadcast(socket_of(client), enable_broadcast);
}

apm_error apm_udp_client_exclusive_address_use(apm_udp_client client, bool *exclusive)
{
    if (!exclusive)
        return APM_ERROR_ARGUMENT_NULL;
    bool reuse_address;
    apm_error error = apm_socket_reuse_address(socket_of(client), &reuse_address);
    *exclusive = error == APM_ERROR_SUCCESS && !reuse_address;
    return error;
}

apm_error apm_udp_client_set_exclusive_address_use(apm_udp_client client, bool exclusive)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(client.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    bool bound = channel->bound;
    apm__channel_unlock(channel);
    return bound ? APM_ERROR_INVALID_OPERATION : apm_socket_set_reuse_address(socket_of(client), !exclusive);
}
