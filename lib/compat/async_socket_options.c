/*
 * CAsyncSocket: names, options and modes. The owner's thread.
 */
#include <string.h>

#include "apm/socket_options.h"
#include "async_socket.h"

/* Windows' LINGER. */
struct linger_value {
    uint16_t on;
    uint16_t seconds;
};

int apm_async_socket_get_last_error(void)
{
    return apm_wsa_get_last_error();
}

bool apm_async_socket_get_peer_name(apm_async_socket *socket, apm_endpoint *peer)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (peer)
        *peer = (apm_endpoint){.port = 0};
    if (!core)
        return false;
    if (!peer)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    apm_error error = apm_socket_remote_endpoint(core->socket, peer);
    if (error == APM_ERROR_SUCCESS && apm_endpoint_is_null(*peer))
        error = APM_ERROR_NOT_CONNECTED;
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

bool apm_async_socket_get_sock_name(apm_async_socket *socket, apm_endpoint *local)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (local)
        *local = (apm_endpoint){.port = 0};
    if (!core)
        return false;
    if (!local)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    apm_error error = apm_socket_local_endpoint(core->socket, local);
    if (error == APM_ERROR_SUCCESS && apm_endpoint_is_null(*local))
        error = APM_ERROR_INVALID_ARGUMENT;
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

/* -- Options ----------------------------------------------------------------------------------------------------- */

static bool is_linger(int name, int level)
{
    return level == APM_SOCKET_OPTION_LEVEL_SOCKET && name == APM_SOCKET_OPTION_NAME_LINGER;
}

/* What the library says of an option that there is none of, as Windows does. */
static bool option_outcome(apm_error error)
{
    if (error == APM_ERROR_OPERATION_NOT_SUPPORTED || error == APM_ERROR_NOT_SUPPORTED)
        error = APM_ERROR_PROTOCOL_OPTION;
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}

bool apm_async_socket_get_sock_opt(apm_async_socket *socket, int name, void *value, int *size, int level)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    if (!value || !size || *size < (int)sizeof(int))
        return apm__wsa_fail(APM_ERROR_FAULT);
    if (is_linger(name, level)) {
        apm_linger_option linger;
        apm_error error = apm_socket_linger_state(core->socket, &linger);
        struct linger_value found = {.on = linger.enabled, .seconds = (uint16_t)linger.linger_time};
        memcpy(value, &found, sizeof found);
        *size = (int)sizeof found;
        return option_outcome(error);
    }
    int number;
    apm_error error = apm_socket_get_socket_option(core->socket, (apm_socket_option_level)level,
                                                   (apm_socket_option_name)name, &number);
    if (error == APM_ERROR_SUCCESS && level == APM_SOCKET_OPTION_LEVEL_SOCKET && name == APM_SOCKET_OPTION_NAME_ERROR)
        number = apm_wsa_error((apm_error)number);
    memcpy(value, &number, sizeof number);
    *size = (int)sizeof number;
    return option_outcome(error);
}

bool apm_async_socket_set_sock_opt(apm_async_socket *socket, int name, const void *value, int size, int level)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    if (!core)
        return false;
    if (!value || size < (int)sizeof(int))
        return apm__wsa_fail(APM_ERROR_FAULT);
    if (is_linger(name, level)) {
        struct linger_value asked;
        memcpy(&asked, value, sizeof asked);
        return option_outcome(apm_socket_set_linger_state(
            core->socket, (apm_linger_option){.enabled = asked.on != 0, .linger_time = asked.seconds}));
    }
    int number;
    memcpy(&number, value, sizeof number);
    return option_outcome(apm_socket_set_socket_option(core->socket, (apm_socket_option_level)level,
                                                       (apm_socket_option_name)name, number));
}

/* -- Modes ------------------------------------------------------------------------------------------------------- */

static apm_error set_non_blocking(struct apm__async_socket *core, bool non_blocking)
{
    if (!non_blocking && core->events != 0)
        return APM_ERROR_INVALID_ARGUMENT;
    return apm_socket_set_blocking(core->socket, !non_blocking);
}

bool apm_async_socket_io_ctl(apm_async_socket *socket, long command, uint32_t *argument)
{
    struct apm__async_socket *core = apm__async_socket_core(socket);
    apm_error error = APM_ERROR_SUCCESS;
    size_t written;
    int32_t mark = 0;
    if (!core)
        return false;
    if (!argument)
        return apm__wsa_fail(APM_ERROR_ARGUMENT_NULL);
    if (command == APM_FIONBIO) {
        error = set_non_blocking(core, *argument != 0);
    } else if (command == APM_FIONREAD) {
        size_t available = 0;
        error = apm_socket_available(core->socket, &available);
        *argument = (uint32_t)available;
    } else if (command == APM_SIOCATMARK) {
        error = apm_socket_io_control(core->socket, APM_IO_CONTROL_CODE_OOB_DATA_READ, NULL, 0, &mark, sizeof mark,
                                      &written);
        *argument = mark != 0;
    } else {
        error = APM_ERROR_OPERATION_NOT_SUPPORTED;
    }
    return error == APM_ERROR_SUCCESS || apm__wsa_fail(error);
}
