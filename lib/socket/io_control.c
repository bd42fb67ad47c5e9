/*
 * Control codes. Any thread; locks as options.c.
 */
#include <string.h>

#include "apm/socket_options.h"
#include "options.h"

static apm_error ask_locked(struct apm__channel *channel, apm_io_control_code code, int *answer)
{
    if (code == APM_IO_CONTROL_CODE_DATA_TO_READ) {
        size_t available;
        apm_error error = apm__os_socket_available(channel->descriptor, &available);
        *answer = (int)available;
        return error;
    }
    bool at_mark;
    apm_error error = apm__os_socket_at_mark(channel->descriptor, &at_mark);
    *answer = at_mark;
    return error;
}

/* The times are milliseconds there, and seconds in the system's options. */
static apm_error set_keep_alive_locked(struct apm__channel *channel, const void *value)
{
    uint32_t wanted[3]; /* on, time, interval */
    memcpy(wanted, value, sizeof wanted);
    apm_error error = apm__option_set_locked(channel, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE,
                                             wanted[0] != 0);
    if (error != APM_ERROR_SUCCESS || wanted[0] == 0)
        return error;
    error = apm__option_set_locked(channel, APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_TIME,
                                   (int)(wanted[1] / 1000 + (wanted[1] % 1000 != 0)));
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm__option_set_locked(channel, APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_INTERVAL,
                                  (int)(wanted[2] / 1000 + (wanted[2] % 1000 != 0)));
}

apm_error apm_socket_io_control(apm_socket socket, apm_io_control_code io_control_code, const void *option_in_value,
                                size_t option_in_size, void *option_out_value, size_t option_out_size, size_t *written)
{
    struct apm__channel *channel;
    int answer = 0;
    if (written)
        *written = 0;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    switch (io_control_code) {
    case APM_IO_CONTROL_CODE_NON_BLOCKING_IO: error = APM_ERROR_INVALID_OPERATION; break;
    case APM_IO_CONTROL_CODE_DATA_TO_READ:
    case APM_IO_CONTROL_CODE_OOB_DATA_READ:
        error = APM_ERROR_FAULT;
        if (option_out_value && option_out_size >= sizeof answer)
            error = ask_locked(channel, io_control_code, &answer);
        break;
    case APM_IO_CONTROL_CODE_KEEP_ALIVE_VALUES:
        error = APM_ERROR_FAULT;
        if (option_in_value && option_in_size >= 3 * sizeof(uint32_t))
            error = set_keep_alive_locked(channel, option_in_value);
        break;
    default: error = APM_ERROR_NOT_SUPPORTED; break;
    }
    apm__channel_unlock(channel);
    if (error != APM_ERROR_SUCCESS || io_control_code == APM_IO_CONTROL_CODE_KEEP_ALIVE_VALUES)
        return error;
    memcpy(option_out_value, &answer, sizeof answer);
    if (written)
        *written = sizeof answer;
    return APM_ERROR_SUCCESS;
}
