/*
 * Options that .NET has properties for, and what of a socket is no option of the system's: blocking, and the
 * descriptor's number. Any thread; locks as options.c.
 */
#include "apm/socket_options.h"

#include "options.h"

/* What an option of IP is called for the socket's family; false if that has none. */
static bool is_ip_locked(const struct apm__channel *channel, int *level)
{
    *level = channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK ? APM_SOCKET_OPTION_LEVEL_IP
                                                                 : APM_SOCKET_OPTION_LEVEL_IPV6;
    return channel->family != APM_ADDRESS_FAMILY_UNIX;
}

/* Reads or sets an option of IP by its name, which is the same at both levels. */
static apm_error get_ip_option(apm_socket socket, int name, int *value)
{
    struct apm__channel *channel;
    int level;
    *value = 0;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = is_ip_locked(channel, &level) ? apm__option_get_locked(channel, level, name, value)
                                          : APM_ERROR_NOT_SUPPORTED;
    apm__channel_unlock(channel);
    return error;
}

static apm_error set_ip_option(apm_socket socket, int name, int value)
{
    struct apm__channel *channel;
    int level;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = is_ip_locked(channel, &level) ? apm__option_set_locked(channel, level, name, value)
                                          : APM_ERROR_NOT_SUPPORTED;
    apm__channel_unlock(channel);
    return error;
}

/* A switch at the level of sockets. */
static apm_error get_switch(apm_socket socket, apm_socket_option_name name, bool *value)
{
    int number;
    if (!value)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm_socket_get_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, name, &number);
    *value = number != 0;
    return error;
}

apm_error apm_socket_ttl(apm_socket socket, int *ttl)
{
    return ttl ? get_ip_option(socket, APM_SOCKET_OPTION_NAME_IP_TIME_TO_LIVE, ttl) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_socket_set_ttl(apm_socket socket, int ttl)
{
    if (ttl < 0 || ttl > UINT8_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return set_ip_option(socket, APM_SOCKET_OPTION_NAME_IP_TIME_TO_LIVE, ttl);
}

apm_error apm_socket_multicast_loopback(apm_socket socket, bool *multicast_loopback)
{
    int value;
    if (!multicast_loopback)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = get_ip_option(socket, APM_SOCKET_OPTION_NAME_MULTICAST_LOOPBACK, &value);
    *multicast_loopback = value != 0;
    return error;
}

apm_error apm_socket_set_multicast_loopback(apm_socket socket, bool multicast_loopback)
{
    return set_ip_option(socket, APM_SOCKET_OPTION_NAME_MULTICAST_LOOPBACK, multicast_loopback);
}

/* Only the packets of IPv4 say whether they may be fragmented. */
static bool sends_ipv4(const struct apm__channel *channel)
{
    return channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK || channel->dual_mode;
}

apm_error apm_socket_dont_fragment(apm_socket socket, bool *dont_fragment)
{
    struct apm__channel *channel;
    if (!dont_fragment)
        return APM_ERROR_ARGUMENT_NULL;
    *dont_fragment = false;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (sends_ipv4(channel))
        error = apm__os_socket_dont_fragment(channel->descriptor, dont_fragment);
    else
        error = APM_ERROR_NOT_SUPPORTED;
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_set_dont_fragment(apm_socket socket, bool dont_fragment)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (sends_ipv4(channel))
        error = apm__os_socket_set_dont_fragment(channel->descriptor, dont_fragment);
    else
        error = APM_ERROR_NOT_SUPPORTED;
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_enable_broadcast(apm_socket socket, bool *enable_broadcast)
{
    return get_switch(socket, APM_SOCKET_OPTION_NAME_BROADCAST, enable_broadcast);
}

apm_error apm_socket_set_enable_broadcast(apm_socket socket, bool enable_broadcast)
{
    return apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_BROADCAST,
                                        enable_broadcast);
}

apm_error apm_socket_exclusive_address_use(apm_socket socket, bool *exclusive_address_use)
{
    return get_switch(socket, APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE, exclusive_address_use);
}

apm_error apm_socket_set_exclusive_address_use(apm_socket socket, bool exclusive_address_use)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->bound)
        error = APM_ERROR_INVALID_OPERATION;
    else
        error = apm__option_set_locked(channel, APM_SOCKET_OPTION_LEVEL_SOCKET,
                                       APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE, exclusive_address_use);
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_blocking(apm_socket socket, bool *blocking)
{
    struct apm__channel *channel;
    if (!blocking)
        return APM_ERROR_ARGUMENT_NULL;
    *blocking = false;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *blocking = !channel->non_blocking;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_set_blocking(apm_socket socket, bool blocking)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    channel->non_blocking = !blocking;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_handle(apm_socket socket, intptr_t *handle)
{
    struct apm__channel *channel;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = -1;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *handle = channel->descriptor;
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

/* Whether the system makes a socket of the family. */
static bool os_supports(apm_address_family family)
{
    apm__os_socket socket;
    apm_error error = apm__os_socket_create(family, APM_SOCKET_TYPE_STREAM, 0, &socket);
    if (error == APM_ERROR_SUCCESS)
        apm__os_socket_close(socket);
    return error != APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED;
}

bool apm_socket_os_supports_ipv4(void)
{
    return os_supports(APM_ADDRESS_FAMILY_INTER_NETWORK);
}

bool apm_socket_os_supports_ipv6(void)
{
    return os_supports(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
}

bool apm_socket_os_supports_unix_domain_sockets(void)
{
    return os_supports(APM_ADDRESS_FAMILY_UNIX);
}
