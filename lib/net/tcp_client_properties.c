/*
 * The properties of TCP clients: those of their sockets. Any thread.
 */
#include "apm/tcp_client.h"

bool apm_tcp_client_connected(apm_tcp_client client)
{
    apm_socket socket;
    return apm_tcp_client_client(client, &socket) == APM_ERROR_SUCCESS && apm_socket_connected(socket);
}

/* A property that is read as the socket's function `read` does, and answers nothing if there is no socket. */
#define GETTER(name, type, socket_function)                                         \
    apm_error apm_tcp_client_##name(apm_tcp_client client, type *value)             \
    {                                                                               \
        apm_socket socket;                                                          \
        if (!value)                                                                 \
            return APM_ERROR_ARGUMENT_NULL;                                         \
        *value = (type){0};                                                         \
        apm_error error = apm_tcp_client_client(client, &socket);                   \
        return error == APM_ERROR_SUCCESS ? socket_function(socket, value) : error; \
    }

#define SETTER(name, type, socket_function)                                         \
    apm_error apm_tcp_client_set_##name(apm_tcp_client client, type value)          \
    {                                                                               \
        apm_socket socket;                                                          \
        apm_error error = apm_tcp_client_client(client, &socket);                   \
        return error == APM_ERROR_SUCCESS ? socket_function(socket, value) : error; \
    }

#define PROPERTY(name, type)              \
    GETTER(name, type, apm_socket_##name) \
    SETTER(name, type, apm_socket_set_##name)

GETTER(available, size_t, apm_socket_available)

PROPERTY(no_delay, bool)
PROPERTY(linger_state, apm_linger_option)
PROPERTY(receive_buffer_size, int)
PROPERTY(send_buffer_size, int)
PROPERTY(receive_timeout, int)
PROPERTY(send_timeout, int)

static apm_error read_exclusive(apm_socket socket, bool *exclusive)
{
    bool reuse_address = false;
    apm_error error = apm_socket_reuse_address(socket, &reuse_address);
    *exclusive = error == APM_ERROR_SUCCESS && !reuse_address;
    return error;
}

static apm_error set_exclusive(apm_socket socket, bool exclusive)
{
    return apm_socket_set_reuse_address(socket, !exclusive);
}

GETTER(exclusive_address_use, bool, read_exclusive)
SETTER(exclusive_address_use, bool, set_exclusive)
