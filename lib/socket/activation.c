/*
 * Descriptors that a service manager has opened for this process: systemd's protocol, by which they are numbered from 3
 * on, and the environment says how many there are, for which process, and what they are called. Any thread.
 *
 * Each is taken once: a bit of `taken` is set by who takes it, before it does.
 */
#include <string.h>

#include "apm/socket_handle.h"
#include "handle.h"

enum { FIRST_DESCRIPTOR = 3, LIMIT = 1024, BITS = 32 };

static _Atomic uint32_t taken[LIMIT / BITS];

/* The number in the environment variable, which is digits only; 0 if there is none. */
static uint64_t number_in(const char *variable)
{
    const char *text = apm__os_environment(variable);
    uint64_t number = 0;
    if (!text || *text == '\0' || strlen(text) > 18)
        return 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    return *text == '\0' ? number : 0;
}

size_t apm_socket_activation_count(void)
{
    if (number_in("LISTEN_PID") != apm__os_process_id())
        return 0;
    uint64_t count = number_in("LISTEN_FDS");
    return count < LIMIT ? (size_t)count : LIMIT;
}

apm_error apm_socket_activation_name(size_t index, char *buffer, size_t size)
{
    if (!buffer)
        return APM_ERROR_ARGUMENT_NULL;
    if (size > 0)
        buffer[0] = '\0';
    if (index >= apm_socket_activation_count())
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    const char *name = apm__os_environment("LISTEN_FDNAMES");
    for (size_t i = 0; name && i < index; i++) {
        name = strchr(name, ':');
        name = name ? name + 1 : NULL;
    }
    if (!name)
        name = "unknown";
    size_t length = strcspn(name, ":");
    if (length >= size)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    memcpy(buffer, name, length);
    buffer[length] = '\0';
    return APM_ERROR_SUCCESS;
}

apm_error apm_socket_activation_take(size_t index, apm_socket *socket)
{
    if (!socket)
        return APM_ERROR_ARGUMENT_NULL;
    *socket = (apm_socket)APM_NULL_HANDLE;
    if (index >= apm_socket_activation_count())
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    uint32_t bit = (uint32_t)1 << (index % BITS);
    if (apm__atomic_or(&taken[index / BITS], bit, APM__ACQ_REL) & bit)
        return APM_ERROR_INVALID_OPERATION;
    apm_error error = apm_socket_create_from_handle((intptr_t)(FIRST_DESCRIPTOR + index), socket);
    if (error != APM_ERROR_SUCCESS && error != APM_ERROR_OPERATION_ABORTED) /* then it is closed */
        apm__atomic_and(&taken[index / BITS], ~bit, APM__ACQ_REL);
    return error;
}
