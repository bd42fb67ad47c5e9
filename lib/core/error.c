/*
 * Owns the names and messages of errors. Constant data: no locks, any thread.
 *
 * The names of socket errors are those of .NET's SocketError, the others those of .NET's exceptions. The messages are
 * the library's own, the same on every system, which .NET's are not.
 */
#include "apm/error.h"

#include <stddef.h>

typedef struct error_description {
    apm_error error;
    const char *name;
    const char *message;
} error_description;

/* Every value of apm_error, in its order; tests/unit_error.c fails for one that is missing. */
static const error_description descriptions[] = {
    {APM_ERROR_SUCCESS, "Success", "The operation succeeded"},

    {APM_ERROR_SOCKET_ERROR, "SocketError", "A socket error that has no code of its own"},
    {APM_ERROR_OPERATION_ABORTED, "OperationAborted", "The operation was cancelled or its socket was closed"},
    {APM_ERROR_IO_PENDING, "IOPending", "The operation has begun and is not complete"},
    {APM_ERROR_INTERRUPTED, "Interrupted", "A blocking call was interrupted"},
    {APM_ERROR_ACCESS_DENIED, "AccessDenied", "Permission denied"},
    {APM_ERROR_FAULT, "Fault", "Bad address of memory"},
    {APM_ERROR_INVALID_ARGUMENT, "InvalidArgument", "The system found an argument invalid"},
    {APM_ERROR_TOO_MANY_OPEN_SOCKETS, "TooManyOpenSockets", "Too many open sockets or files"},
    {APM_ERROR_WOULD_BLOCK, "WouldBlock", "The call would block on a non-blocking socket"},
    {APM_ERROR_IN_PROGRESS, "InProgress", "Another operation is in progress"},
    {APM_ERROR_ALREADY_IN_PROGRESS, "AlreadyInProgress", "The same operation is already in progress"},
    {APM_ERROR_NOT_SOCKET, "NotSocket", "The descriptor is not a socket"},
    {APM_ERROR_DESTINATION_ADDRESS_REQUIRED, "DestinationAddressRequired", "A destination address is required"},
    {APM_ERROR_MESSAGE_SIZE, "MessageSize", "The datagram is too long for the socket or the buffer"},
    {APM_ERROR_PROTOCOL_TYPE, "ProtocolType", "The protocol does not fit the type of the socket"},
    {APM_ERROR_PROTOCOL_OPTION, "ProtocolOption", "The protocol does not have this option or level"},
    {APM_ERROR_PROTOCOL_NOT_SUPPORTED, "ProtocolNotSupported", "The protocol is not supported"},
    {APM_ERROR_SOCKET_NOT_SUPPORTED, "SocketNotSupported", "The socket type is not supported"},
    {APM_ERROR_OPERATION_NOT_SUPPORTED, "OperationNotSupported", "The socket does not support this operation"},
    {APM_ERROR_PROTOCOL_FAMILY_NOT_SUPPORTED, "ProtocolFamilyNotSupported", "The protocol family is not supported"},
    {APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED, "AddressFamilyNotSupported",
     "The address family is not supported or does not fit the socket"},
    {APM_ERROR_ADDRESS_ALREADY_IN_USE, "AddressAlreadyInUse", "The address is already in use"},
    {APM_ERROR_ADDRESS_NOT_AVAILABLE, "AddressNotAvailable", "The address is not available on this machine"},
    {APM_ERROR_NETWORK_DOWN, "NetworkDown", "The network is down"},
    {APM_ERROR_NETWORK_UNREACHABLE, "NetworkUnreachable", "No route to the network"},
    {APM_ERROR_NETWORK_RESET, "NetworkReset", "The network dropped the connection"},
    {APM_ERROR_CONNECTION_ABORTED, "ConnectionAborted", "The connection was aborted on this machine"},
    {APM_ERROR_CONNECTION_RESET, "ConnectionReset", "The peer reset the connection"},
    {APM_ERROR_NO_BUFFER_SPACE_AVAILABLE, "NoBufferSpaceAvailable", "The system has no buffer space available"},
    {APM_ERROR_IS_CONNECTED, "IsConnected", "The socket is already connected"},
    {APM_ERROR_NOT_CONNECTED, "NotConnected", "The socket is not connected"},
    {APM_ERROR_SHUTDOWN, "Shutdown", "This direction of the connection has been shut down"},
    {APM_ERROR_TIMED_OUT, "TimedOut", "The time for the operation was up, or the peer did not answer"},
    {APM_ERROR_CONNECTION_REFUSED, "ConnectionRefused", "The peer refused the connection"},
    {APM_ERROR_HOST_DOWN, "HostDown", "The host is down"},
    {APM_ERROR_HOST_UNREACHABLE, "HostUnreachable", "No route to the host"},
    {APM_ERROR_PROCESS_LIMIT, "ProcessLimit", "Too many processes use the sockets of this machine"},
    {APM_ERROR_SYSTEM_NOT_READY, "SystemNotReady", "The network subsystem is not ready"},
    {APM_ERROR_VERSION_NOT_SUPPORTED, "VersionNotSupported", "The version of the socket library is not supported"},
    {APM_ERROR_NOT_INITIALIZED, "NotInitialized", "The socket library has not been initialised"},
    {APM_ERROR_DISCONNECTING, "Disconnecting", "The connection is being shut down"},
    {APM_ERROR_TYPE_NOT_FOUND, "TypeNotFound", "The service class was not found"},
    {APM_ERROR_HOST_NOT_FOUND, "HostNotFound", "No host of this name or address is known"},
    {APM_ERROR_TRY_AGAIN, "TryAgain", "The name could not be resolved for now; try again"},
    {APM_ERROR_NO_RECOVERY, "NoRecovery", "The name server failed in a way that cannot be recovered from"},
    {APM_ERROR_NO_DATA, "NoData", "The name exists and has no address of this kind"},

    {APM_ERROR_WAIT_TIMEOUT, "WaitTimeout", "The wait ended because its time was up"},

    {APM_ERROR_ARGUMENT, "Argument", "An argument is invalid"},
    {APM_ERROR_ARGUMENT_NULL, "ArgumentNull", "An argument is null that must not be"},
    {APM_ERROR_ARGUMENT_OUT_OF_RANGE, "ArgumentOutOfRange", "An argument is out of its range"},
    {APM_ERROR_FORMAT, "Format", "The text does not have the required form"},
    {APM_ERROR_INVALID_OPERATION, "InvalidOperation", "The object's state does not allow this call"},
    {APM_ERROR_OBJECT_DISPOSED, "ObjectDisposed", "The object has been closed"},
    {APM_ERROR_NOT_SUPPORTED, "NotSupported", "The call is not supported here"},
    {APM_ERROR_OUT_OF_MEMORY, "OutOfMemory", "Out of memory, or a thread could not be created"},
    {APM_ERROR_DEADLOCK, "Deadlock", "The wait could only end by a callback that no thread is free to run"},
    {APM_ERROR_ABANDONED_MUTEX, "AbandonedMutex", "The wait took a mutex whose owner had ended without releasing it"},
    {APM_ERROR_APPLICATION, "Application", "The mutex is not owned by the calling thread"},
    {APM_ERROR_SEMAPHORE_FULL, "SemaphoreFull", "The release would exceed the maximum count of the semaphore"},
    {APM_ERROR_BARRIER_POST_PHASE, "BarrierPostPhase", "The post-phase action of the barrier returned an error"},
    {APM_ERROR_IO, "IO", "The stream cannot do this, or its medium failed"},
    {APM_ERROR_END_OF_STREAM, "EndOfStream", "The stream ended before all that was asked for had been read"},
    {APM_ERROR_FILE_NOT_FOUND, "FileNotFound", "There is no such file, or no such directory on the way to it"},
    {APM_ERROR_AUTHENTICATION, "Authentication", "The peers of a secure stream have not come to terms"},
    {APM_ERROR_CRYPTOGRAPHIC, "Cryptographic", "This is no certificate or key, or the password is wrong"},
};

static const error_description unknown = {APM_ERROR_SUCCESS, "Unknown", "Unknown error"};

static const error_description *find_description(apm_error error)
{
    for (size_t i = 0; i < sizeof descriptions / sizeof descriptions[0]; i++) {
        if (descriptions[i].error == error) {
            return &descriptions[i];
        }
    }
    return &unknown;
}

const char *apm_error_name(apm_error error)
{
    return find_description(error)->name;
}

const char *apm_error_message(apm_error error)
{
    return find_description(error)->message;
}
