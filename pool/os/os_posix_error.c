/*
 * errno to apm_error, as .NET's runtime was recorded to translate it. Any thread.
 */
#include "os_posix_error.h"

#include <errno.h>

#include "os.h"

static apm_error translate(int code)
{
    switch (code) {
    case 0: return APM_ERROR_SUCCESS;
    case EPERM:
    case EACCES: return APM_ERROR_ACCESS_DENIED;
    case ENOENT: return APM_ERROR_ADDRESS_NOT_AVAILABLE;
    case EINTR: return APM_ERROR_INTERRUPTED;
    case ENXIO: return APM_ERROR_HOST_NOT_FOUND;
    case EBADF:
    case ECANCELED: return APM_ERROR_OPERATION_ABORTED;
    case EAGAIN: return APM_ERROR_WOULD_BLOCK;
#if EWOULDBLOCK != EAGAIN
    case EWOULDBLOCK: return APM_ERROR_WOULD_BLOCK;
#endif
    case ENOMEM: return APM_ERROR_OUT_OF_MEMORY;
    case EFAULT: return APM_ERROR_FAULT;
    case EINVAL: return APM_ERROR_INVALID_ARGUMENT;
    case ENFILE:
    case EMFILE: return APM_ERROR_TOO_MANY_OPEN_SOCKETS;
    case EPIPE: return APM_ERROR_SHUTDOWN;
    case ENODATA: return APM_ERROR_NO_DATA;
    case ENOTSOCK: return APM_ERROR_NOT_SOCKET;
    case EDESTADDRREQ: return APM_ERROR_DESTINATION_ADDRESS_REQUIRED;
    case EMSGSIZE: return APM_ERROR_MESSAGE_SIZE;
    case EPROTOTYPE: return APM_ERROR_PROTOCOL_TYPE;
    case ENOPROTOOPT: return APM_ERROR_PROTOCOL_OPTION;
    case EPROTONOSUPPORT: return APM_ERROR_PROTOCOL_NOT_SUPPORTED;
    case ESOCKTNOSUPPORT: return APM_ERROR_SOCKET_NOT_SUPPORTED;
    case EOPNOTSUPP: return APM_ERROR_OPERATION_NOT_SUPPORTED;
    case EPFNOSUPPORT: return APM_ERROR_PROTOCOL_FAMILY_NOT_SUPPORTED;
    case EAFNOSUPPORT: return APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED;
    case EADDRINUSE: return APM_ERROR_ADDRESS_ALREADY_IN_USE;
    case EADDRNOTAVAIL: return APM_ERROR_ADDRESS_NOT_AVAILABLE;
    case ENETDOWN: return APM_ERROR_NETWORK_DOWN;
    case ENETUNREACH: return APM_ERROR_NETWORK_UNREACHABLE;
    case ENETRESET: return APM_ERROR_NETWORK_RESET;
    case ECONNABORTED: return APM_ERROR_CONNECTION_ABORTED;
    case ECONNRESET: return APM_ERROR_CONNECTION_RESET;
    case ENOSPC: /* the user's limit of epoll registrations */
    case ENOBUFS: return APM_ERROR_NO_BUFFER_SPACE_AVAILABLE;
    case EISCONN: return APM_ERROR_IS_CONNECTED;
    case ENOTCONN: return APM_ERROR_NOT_CONNECTED;
    case ESHUTDOWN: return APM_ERROR_DISCONNECTING;
    case ETIMEDOUT: return APM_ERROR_TIMED_OUT;
    case ECONNREFUSED: return APM_ERROR_CONNECTION_REFUSED;
    case EHOSTDOWN: return APM_ERROR_HOST_DOWN;
    case EHOSTUNREACH: return APM_ERROR_HOST_UNREACHABLE;
    case EALREADY: return APM_ERROR_ALREADY_IN_PROGRESS;
    case EINPROGRESS: return APM_ERROR_IN_PROGRESS;
    default: return APM_ERROR_SOCKET_ERROR;
    }
}

apm_error apm__os_translate(int code)
{
    apm__os_set_native_error(code);
    return translate(code);
}

apm_error apm__os_outcome(int failed)
{
    return failed ? apm__os_translate(errno) : APM_ERROR_SUCCESS;
}
