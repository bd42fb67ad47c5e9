/*
 * Memberships of groups, and the options of multicast and broadcast. Any thread; each takes the channel's lock for as
 * long as its system call lasts, which never waits.
 */
#include "multicast.h"

#include "channel.h"

enum { MAX_INTERFACE = 0xffffff };

/* -- Memberships -- */

static bool is_null(apm_ip_address address)
{
    return address.family == APM_ADDRESS_FAMILY_UNSPECIFIED;
}

static apm_error check_option(apm_multicast_option option)
{
    bool is_v4 = option.group.family == APM_ADDRESS_FAMILY_INTER_NETWORK;
    if (is_null(option.group))
        return APM_ERROR_ARGUMENT_NULL;
    if (option.interface_index < 0 || option.interface_index > MAX_INTERFACE)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!is_null(option.local_address) && (!is_v4 || option.local_address.family != option.group.family))
        return APM_ERROR_ARGUMENT;
    return APM_ERROR_SUCCESS;
}

static apm_error set_membership(apm_socket socket, apm_multicast_option option, apm_ip_address source, bool member)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = check_option(option);
    if (error == APM_ERROR_SUCCESS) {
        apm__os_membership membership = {.group = option.group,
                                         .source = source,
                                         .local = option.local_address,
                                         .interface = (uint32_t)option.interface_index};
        error = apm__os_socket_set_membership(channel->descriptor, &membership, member);
    }
    apm__channel_unlock(channel);
    return error;
}

static apm_error set_source_membership(apm_socket socket, apm_multicast_option option, apm_ip_address source,
                                       bool member)
{
    if (is_null(source))
        return APM_ERROR_ARGUMENT_NULL;
    if (!is_null(option.group) && source.family != option.group.family)
        return APM_ERROR_ARGUMENT;
    return set_membership(socket, option, source, member);
}

apm_error apm_socket_add_membership(apm_socket socket, apm_multicast_option option)
{
    return set_membership(socket, option, (apm_ip_address){0}, true);
}

apm_error apm_socket_drop_membership(apm_socket socket, apm_multicast_option option)
{
    return set_membership(socket, option, (apm_ip_address){0}, false);
}

apm_error apm_socket_add_source_membership(apm_socket socket, apm_multicast_option option, apm_ip_address source)
{
    return set_source_membership(socket, option, source, true);
}

apm_error apm_socket_drop_source_membership(apm_socket socket, apm_multicast_option option, apm_ip_address source)
{
    return set_source_membership(socket, option, source, false);
}

/* -- Options -- */

apm_error apm__multicast_option(apm_socket socket, apm__os_multicast_option option, int *value)
{
    struct apm__channel *channel;
    *value = 0;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_multicast_option(channel->descriptor, channel->family, option, value);
    apm__channel_unlock(channel);
    return error;
}

apm_error apm__set_multicast_option(apm_socket socket, apm__os_multicast_option option, int value)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_set_multicast_option(channel->descriptor, channel->family, option, value);
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_multicast_time_to_live(apm_socket socket, int *time_to_live)
{
    return time_to_live ? apm__multicast_option(socket, APM__OS_MULTICAST_HOPS, time_to_live) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_socket_set_multicast_time_to_live(apm_socket socket, int time_to_live)
{
    return apm__set_multicast_option(socket, APM__OS_MULTICAST_HOPS, time_to_live);
}

apm_error apm_socket_set_multicast_interface(apm_socket socket, int interface_index)
{
    if (interface_index < 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return apm__set_multicast_option(socket, APM__OS_MULTICAST_INTERFACE, interface_index);
}

apm_error apm_socket_set_multicast_interface_address(apm_socket socket, apm_ip_address local)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = is_null(local) ? APM_ERROR_ARGUMENT_NULL
            : local.family != APM_ADDRESS_FAMILY_INTER_NETWORK
                ? APM_ERROR_ARGUMENT
                : apm__os_socket_set_multicast_address(channel->descriptor, local);
    apm__channel_unlock(channel);
    return error;
}
