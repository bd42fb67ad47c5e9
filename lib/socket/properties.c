/*
 * The properties and options of sockets. Any thread; each takes the channel's lock for as long as its system call
 * lasts, which never waits.
 */
#include <stdint.h>

#include "apm/socket.h"
#include "apm/socket_options.h"
#include "channel.h"

/* -- Endpoints and state -- */

apm_error apm_socket_local_endpoint(apm_socket socket, apm_endpoint *endpoint)
{
    if (!endpoint)
        return APM_ERROR_ARGUMENT_NULL;
    *endpoint = (apm_endpoint){0};
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->bound)
        error = apm__os_socket_local_endpoint(channel->descriptor, endpoint);
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_remote_endpoint(apm_socket socket, apm_endpoint *endpoint)
{
    if (!endpoint)
        return APM_ERROR_ARGUMENT_NULL;
    *endpoint = (apm_endpoint){0};
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->has_peer)
        error = apm__os_socket_remote_endpoint(channel->descriptor, endpoint);
    apm__channel_unlock(channel);
    return error;
}

bool apm_socket_connected(apm_socket socket)
{
    struct apm__channel *channel;
    if (apm__channel_lock(socket.bits, &channel) != APM_ERROR_SUCCESS)
        return false;
    bool connected = channel->connected;
    apm__channel_unlock(channel);
    return connected;
}

bool apm_socket_is_bound(apm_socket socket)
{
    struct apm__channel *channel;
    if (apm__channel_lock(socket.bits, &channel) != APM_ERROR_SUCCESS)
        return false;
    bool bound = channel->bound;
    apm__channel_unlock(channel);
    return bound;
}

apm_error apm_socket_available(apm_socket socket, size_t *available)
{
    if (!available)
        return APM_ERROR_ARGUMENT_NULL;
    *available = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_available(channel->descriptor, available);
    apm__channel_unlock(channel);
    return error;
}

/* Copies a field of the channel. */
static apm_error read_field(apm_socket socket, size_t offset, void *value, size_t size)
{
    if (!value)
        return APM_ERROR_ARGUMENT_NULL;
    unsigned char *to = value;
    for (size_t i = 0; i < size; i++)
        to[i] = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    const unsigned char *from = (const unsigned char *)channel + offset;
    for (size_t i = 0; i < size; i++)
        to[i] = from[i];
    apm__channel_unlock(channel);
    return APM_ERROR_SUCCESS;
}

#define READ_FIELD(socket, field, value) \
    read_field((socket), offsetof(struct apm__channel, field), (value), sizeof *(value))

apm_error apm_socket_address_family(apm_socket socket, apm_address_family *address_family)
{
    return READ_FIELD(socket, family, address_family);
}

apm_error apm_socket_socket_type(apm_socket socket, apm_socket_type *socket_type)
{
    return READ_FIELD(socket, type, socket_type);
}

apm_error apm_socket_protocol_type(apm_socket socket, apm_protocol_type *protocol_type)
{
    return READ_FIELD(socket, protocol, protocol_type);
}

apm_error apm_socket_reuse_address(apm_socket socket, bool *reuse_address)
{
    return READ_FIELD(socket, reuse_address, reuse_address);
}

apm_error apm_socket_dual_mode(apm_socket socket, bool *dual_mode)
{
    return READ_FIELD(socket, dual_mode, dual_mode);
}

_Static_assert(sizeof(int) == sizeof(int32_t), "the time-outs are read as int");

apm_error apm_socket_receive_timeout(apm_socket socket, int *timeout_ms)
{
    return READ_FIELD(socket, receive_timeout_ms, timeout_ms);
}

apm_error apm_socket_send_timeout(apm_socket socket, int *timeout_ms)
{
    return READ_FIELD(socket, send_timeout_ms, timeout_ms);
}

/* -- Time-outs -- */

apm_error apm_socket_set_receive_timeout(apm_socket socket, int timeout_ms)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (timeout_ms < -1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        channel->receive_timeout_ms = timeout_ms == -1 ? 0 : timeout_ms;
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_set_send_timeout(apm_socket socket, int timeout_ms)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (timeout_ms < -1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        channel->send_timeout_ms = timeout_ms == -1 ? 0 : timeout_ms;
    apm__channel_unlock(channel);
    return error;
}

/* -- Options of the system -- */

static apm_error read_option(apm_socket socket, apm__os_option option, int *value)
{
    *value = 0;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_option(channel->descriptor, option, value);
    apm__channel_unlock(channel);
    return error;
}

static apm_error set_option(apm_socket socket, apm__os_option option, int value)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__os_socket_set_option(channel->descriptor, option, value);
    if (error == APM_ERROR_SUCCESS) {
        channel->receive_buffer_set = channel->receive_buffer_set || option == APM__OS_OPTION_RECEIVE_BUFFER_SIZE;
        channel->send_buffer_set = channel->send_buffer_set || option == APM__OS_OPTION_SEND_BUFFER_SIZE;
        channel->lingers = channel->lingers || option == APM__OS_OPTION_LINGER;
    }
    apm__channel_unlock(channel);
    return error;
}

apm_error apm_socket_no_delay(apm_socket socket, bool *no_delay)
{
    int value;
    if (!no_delay)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = read_option(socket, APM__OS_OPTION_NO_DELAY, &value);
    *no_delay = value != 0;
    return error;
}

apm_error apm_socket_set_no_delay(apm_socket socket, bool no_delay)
{
    return set_option(socket, APM__OS_OPTION_NO_DELAY, no_delay);
}

apm_error apm_socket_receive_buffer_size(apm_socket socket, int *size)
{
    return size ? read_option(socket, APM__OS_OPTION_RECEIVE_BUFFER_SIZE, size) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_socket_set_receive_buffer_size(apm_socket socket, int size)
{
    if (size < 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return set_option(socket, APM__OS_OPTION_RECEIVE_BUFFER_SIZE, size);
}

apm_error apm_socket_send_buffer_size(apm_socket socket, int *size)
{
    return size ? read_option(socket, APM__OS_OPTION_SEND_BUFFER_SIZE, size) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_socket_set_send_buffer_size(apm_socket socket, int size)
{
    if (size < 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return set_option(socket, APM__OS_OPTION_SEND_BUFFER_SIZE, size);
}

apm_error apm_socket_linger_state(apm_socket socket, apm_linger_option *linger_state)
{
    int seconds;
    if (!linger_state)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = read_option(socket, APM__OS_OPTION_LINGER, &seconds);
    bool enabled = error == APM_ERROR_SUCCESS && seconds >= 0;
    *linger_state = (apm_linger_option){.enabled = enabled, .linger_time = enabled ? seconds : 0};
    return error;
}

apm_error apm_socket_set_linger_state(apm_socket socket, apm_linger_option linger_state)
{
    if (linger_state.linger_time < 0 || linger_state.linger_time > UINT16_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return set_option(socket, APM__OS_OPTION_LINGER, linger_state.enabled ? linger_state.linger_time : -1);
}

apm_error apm_socket_set_reuse_address(apm_socket socket, bool reuse_address)
{
    return apm_socket_set_socket_option(socket, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_REUSE_ADDRESS,
                                        reuse_address);
}

apm_error apm_socket_set_dual_mode(apm_socket socket, bool dual_mode)
{
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->family != APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
        error = APM_ERROR_NOT_SUPPORTED;
    else
        error = apm__os_socket_set_option(channel->descriptor, APM__OS_OPTION_IPV6_ONLY, !dual_mode);
    if (error == APM_ERROR_SUCCESS)
        channel->dual_mode = dual_mode;
    apm__channel_unlock(channel);
    return error;
}
