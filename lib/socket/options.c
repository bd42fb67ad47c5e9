/*
 * Options by number: .NET's level and name, or the system's. Any thread; each call takes the channel's lock for as long
 * as its system calls last, which never wait.
 *
 * The channel's fields about options are what the library relies on (see channel.h), so whatever sets an option brings
 * them up to date before it lets go of the lock.
 */
#include "options.h"

#include <string.h>

#include "apm/socket_options.h"

static const int SOCKET_LEVEL = APM_SOCKET_OPTION_LEVEL_SOCKET;

/* The options that the library has itself, or that are not what the system has under that name; no others. */
static bool is_own(int level, int name)
{
    if (level == SOCKET_LEVEL)
        return name == APM_SOCKET_OPTION_NAME_REUSE_ADDRESS || name == APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE ||
               name == APM_SOCKET_OPTION_NAME_SEND_TIMEOUT || name == APM_SOCKET_OPTION_NAME_RECEIVE_TIMEOUT ||
               name == APM_SOCKET_OPTION_NAME_ERROR;
    return level == APM_SOCKET_OPTION_LEVEL_IP && name == APM_SOCKET_OPTION_NAME_DONT_FRAGMENT;
}

/* The error that is pending: of a connect that nobody has waited for, or the system's. */
static apm_error take_error_locked(struct apm__channel *channel, int *value)
{
    apm_error pending = channel->connect_error;
    channel->connect_error = APM_ERROR_SUCCESS;
    apm_error error = APM_ERROR_SUCCESS;
    if (pending == APM_ERROR_SUCCESS)
        error = apm__os_socket_take_error(channel->descriptor, &pending);
    *value = (int)pending;
    return error;
}

static apm_error get_own_locked(struct apm__channel *channel, int name, int *value)
{
    bool flag = false;
    apm_error error = APM_ERROR_SUCCESS;
    switch (name) {
    case APM_SOCKET_OPTION_NAME_REUSE_ADDRESS: *value = channel->reuse_address; break;
    case APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE: *value = !channel->reuse_address; break;
    case APM_SOCKET_OPTION_NAME_SEND_TIMEOUT: *value = channel->send_timeout_ms; break;
    case APM_SOCKET_OPTION_NAME_RECEIVE_TIMEOUT: *value = channel->receive_timeout_ms; break;
    case APM_SOCKET_OPTION_NAME_ERROR: return take_error_locked(channel, value);
    default:
        error = apm__os_socket_dont_fragment(channel->descriptor, &flag);
        *value = flag;
        break;
    }
    return error;
}

static apm_error set_reuse_locked(struct apm__channel *channel, bool reuse)
{
    apm_error error = apm__os_socket_set_option(channel->descriptor, APM__OS_OPTION_REUSE_ADDRESS, reuse);
    if (error == APM_ERROR_SUCCESS)
        error = apm__os_socket_set_option(channel->descriptor, APM__OS_OPTION_REUSE_PORT, reuse);
    if (error == APM_ERROR_SUCCESS)
        channel->reuse_address = reuse;
    return error;
}

static apm_error set_own_locked(struct apm__channel *channel, int name, int value)
{
    switch (name) {
    case APM_SOCKET_OPTION_NAME_REUSE_ADDRESS: return set_reuse_locked(channel, value != 0);
    case APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE: return set_reuse_locked(channel, value == 0);
    case APM_SOCKET_OPTION_NAME_ERROR: return APM_ERROR_PROTOCOL_OPTION;
    case APM_SOCKET_OPTION_NAME_SEND_TIMEOUT:
    case APM_SOCKET_OPTION_NAME_RECEIVE_TIMEOUT:
        if (value < 0)
            return APM_ERROR_INVALID_ARGUMENT;
        if (name == APM_SOCKET_OPTION_NAME_SEND_TIMEOUT)
            channel->send_timeout_ms = value;
        else
            channel->receive_timeout_ms = value;
        return APM_ERROR_SUCCESS;
    default: return apm__os_socket_set_dont_fragment(channel->descriptor, value != 0);
    }
}

apm_error apm__option_get_locked(struct apm__channel *channel, int level, int name, int *value)
{
    int system_level;
    int system_name;
    size_t size = sizeof *value;
    *value = 0;
    if (is_own(level, name))
        return get_own_locked(channel, name, value);
    if (!apm__os_option_of(level, name, &system_level, &system_name))
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    return apm__os_socket_raw_option(channel->descriptor, system_level, system_name, value, &size);
}

void apm__option_refresh_locked(struct apm__channel *channel)
{
    int value;
    channel->lingers = true; /* it may be so; close looks */
    if (channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 &&
        apm__os_socket_option(channel->descriptor, APM__OS_OPTION_IPV6_ONLY, &value) == APM_ERROR_SUCCESS)
        channel->dual_mode = value == 0;
    /* The other half of the option is also set by bind. */
    if (apm__os_socket_option(channel->descriptor, APM__OS_OPTION_REUSE_PORT, &value) == APM_ERROR_SUCCESS)
        channel->reuse_address = value != 0;
}

static apm_error set_bytes_locked(struct apm__channel *channel, int level, int name, const void *value, size_t size)
{
    int system_level;
    int system_name;
    if (!apm__os_option_of(level, name, &system_level, &system_name))
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    apm_error error = apm__os_socket_set_raw_option(channel->descriptor, system_level, system_name, value, size);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (level == SOCKET_LEVEL && name == APM_SOCKET_OPTION_NAME_RECEIVE_BUFFER)
        channel->receive_buffer_set = true;
    if (level == SOCKET_LEVEL && name == APM_SOCKET_OPTION_NAME_SEND_BUFFER)
        channel->send_buffer_set = true;
    if ((level == SOCKET_LEVEL && name == APM_SOCKET_OPTION_NAME_LINGER) ||
        (level == APM_SOCKET_OPTION_LEVEL_IPV6 && name == APM_SOCKET_OPTION_NAME_IPV6_ONLY))
        apm__option_refresh_locked(channel);
    return APM_ERROR_SUCCESS;
}

apm_error apm__option_set_locked(struct apm__channel *channel, int level, int name, int value)
{
    if (is_own(level, name))
        return set_own_locked(channel, name, value);
    if (level == SOCKET_LEVEL && name == APM_SOCKET_OPTION_NAME_BROADCAST && channel->type == APM_SOCKET_TYPE_STREAM)
        return APM_ERROR_SUCCESS; /* a stream has nothing to broadcast; as in .NET it is let through, and reads false */
    return set_bytes_locked(channel, level, name, &value, sizeof value);
}

/* -- By .NET's level and name -- */

apm_error apm_socket_get_socket_option(apm_socket socket, apm_socket_option_level option_level,
                                       apm_socket_option_name option_name, int *option_value)
{
    if (!option_value)
        return APM_ERROR_ARGUMENT_NULL;
    *option_value = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__option_get_locked(channel, (int)option_level, (int)option_name, option_value);
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_set_socket_option(apm_socket socket, apm_socket_option_level option_level,
                                       apm_socket_option_name option_name, int option_value)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__option_set_locked(channel, (int)option_level, (int)option_name, option_value);
    apm__channel_unlock(channel);
    return error;
}

static apm_error get_bytes_locked(struct apm__channel *channel, int level, int name, void *value, size_t *size)
{
    int system_level;
    int system_name;
    int number;
    if (is_own(level, name)) {
        if (*size < sizeof number)
            return APM_ERROR_INVALID_ARGUMENT;
        apm_error error = get_own_locked(channel, name, &number);
        memcpy(value, &number, sizeof number);
        *size = sizeof number;
        return error;
    }
    if (!apm__os_option_of(level, name, &system_level, &system_name))
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    return apm__os_socket_raw_option(channel->descriptor, system_level, system_name, value, size);
}

apm_error apm_socket_get_socket_option_bytes(apm_socket socket, apm_socket_option_level option_level,
                                             apm_socket_option_name option_name, void *option_value,
                                             size_t *option_size)
{
    if (!option_value || !option_size)
        return APM_ERROR_ARGUMENT_NULL;
    size_t room = *option_size;
    *option_size = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = get_bytes_locked(channel, (int)option_level, (int)option_name, option_value, &room);
    apm__channel_unlock(channel);
    *option_size = error == APM_ERROR_SUCCESS ? room : 0;
    return error;
}

apm_error apm_socket_set_socket_option_bytes(apm_socket socket, apm_socket_option_level option_level,
                                             apm_socket_option_name option_name, const void *option_value,
                                             size_t option_size)
{
    int number;
    if (!option_value)
        return APM_ERROR_ARGUMENT_NULL;
    if (is_own((int)option_level, (int)option_name)) {
        if (option_size < sizeof number)
            return APM_ERROR_INVALID_ARGUMENT;
        memcpy(&number, option_value, sizeof number);
        return apm_socket_set_socket_option(socket, option_level, option_name, number);
    }
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = set_bytes_locked(channel, (int)option_level, (int)option_name, option_value, option_size);
    apm__channel_unlock(channel);
    return error;
}

static bool is_linger(apm_socket_option_level level, apm_socket_option_name name)
{
    return level == APM_SOCKET_OPTION_LEVEL_SOCKET && name == APM_SOCKET_OPTION_NAME_LINGER;
}

/* That the option is another one; or what is wrong with the handle. */
static apm_error refuse_option(apm_socket socket)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__channel_unlock(channel);
    return APM_ERROR_ARGUMENT;
}

apm_error apm_socket_get_socket_option_linger(apm_socket socket, apm_socket_option_level option_level,
                                              apm_socket_option_name option_name, apm_linger_option *option_value)
{
    if (!option_value)
        return APM_ERROR_ARGUMENT_NULL;
    *option_value = (apm_linger_option){0};
    return is_linger(option_level, option_name) ? apm_socket_linger_state(socket, option_value) : refuse_option(socket);
}

apm_error apm_socket_set_socket_option_linger(apm_socket socket, apm_socket_option_level option_level,
                                              apm_socket_option_name option_name, apm_linger_option option_value)
{
    if (!is_linger(option_level, option_name))
        return refuse_option(socket);
    apm_error error = apm_socket_set_linger_state(socket, option_value);
    return error == APM_ERROR_ARGUMENT_OUT_OF_RANGE ? APM_ERROR_ARGUMENT : error;
}

/* -- By the system's numbers -- */

apm_error apm_socket_get_raw_socket_option(apm_socket socket, int option_level, int option_name, void *option_value,
                                           size_t *option_size)
{
    if (!option_value || !option_size)
        return APM_ERROR_ARGUMENT_NULL;
    size_t room = *option_size;
    *option_size = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_raw_option(channel->descriptor, option_level, option_name, option_value, &room);
    apm__channel_unlock(channel);
    *option_size = error == APM_ERROR_SUCCESS ? room : 0;
    return error;
}

apm_error apm_socket_set_raw_socket_option(apm_socket socket, int option_level, int option_name,
                                           const void *option_value, size_t option_size)
{
    if (!option_value)
        return APM_ERROR_ARGUMENT_NULL;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_set_raw_option(channel->descriptor, option_level, option_name, option_value, option_size);
    if (error == APM_ERROR_SUCCESS)
        apm__option_refresh_locked(channel);
    apm__channel_unlock(channel);
    return error;
}
