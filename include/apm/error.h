/*
 * Errors: one enum for every call that can fail.
 *
 * The values of .NET's SocketError keep their numbers; what .NET reports by other exceptions has codes from 20001 on.
 */
#ifndef APM_ERROR_H
#define APM_ERROR_H

#include <stdint.h>

#include "apm/export.h"

APM_BEGIN_DECLARATIONS

typedef enum apm_error {
    APM_ERROR_SUCCESS = 0,

    /* System.Net.Sockets.SocketError */
    APM_ERROR_SOCKET_ERROR = -1, /* the system's code has no counterpart; see apm_native_error_code() */
    APM_ERROR_OPERATION_ABORTED = 995,
    APM_ERROR_IO_PENDING = 997,
    APM_ERROR_INTERRUPTED = 10004,
    APM_ERROR_ACCESS_DENIED = 10013,
    APM_ERROR_FAULT = 10014,
    APM_ERROR_INVALID_ARGUMENT = 10022,
    APM_ERROR_TOO_MANY_OPEN_SOCKETS = 10024,
    APM_ERROR_WOULD_BLOCK = 10035,
    APM_ERROR_IN_PROGRESS = 10036,
    APM_ERROR_ALREADY_IN_PROGRESS = 10037,
    APM_ERROR_NOT_SOCKET = 10038,
    APM_ERROR_DESTINATION_ADDRESS_REQUIRED = 10039,
    APM_ERROR_MESSAGE_SIZE = 10040,
    APM_ERROR_PROTOCOL_TYPE = 10041,
    APM_ERROR_PROTOCOL_OPTION = 10042,
    APM_ERROR_PROTOCOL_NOT_SUPPORTED = 10043,
    APM_ERROR_SOCKET_NOT_SUPPORTED = 10044,
    APM_ERROR_OPERATION_NOT_SUPPORTED = 10045,
    APM_ERROR_PROTOCOL_FAMILY_NOT_SUPPORTED = 10046,
    APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED = 10047,
    APM_ERROR_ADDRESS_ALREADY_IN_USE = 10048,
    APM_ERROR_ADDRESS_NOT_AVAILABLE = 10049,
    APM_ERROR_NETWORK_DOWN = 10050,
    APM_ERROR_NETWORK_UNREACHABLE = 10051,
    APM_ERROR_NETWORK_RESET = 10052,
    APM_ERROR_CONNECTION_ABORTED = 10053,
    APM_ERROR_CONNECTION_RESET = 10054,
    APM_ERROR_NO_BUFFER_SPACE_AVAILABLE = 10055,
    APM_ERROR_IS_CONNECTED = 10056,
    APM_ERROR_NOT_CONNECTED = 10057,
    APM_ERROR_SHUTDOWN = 10058,
    APM_ERROR_TIMED_OUT = 10060,
    APM_ERROR_CONNECTION_REFUSED = 10061,
    APM_ERROR_HOST_DOWN = 10064,
    APM_ERROR_HOST_UNREACHABLE = 10065,
    APM_ERROR_PROCESS_LIMIT = 10067,
    APM_ERROR_SYSTEM_NOT_READY = 10091,
    APM_ERROR_VERSION_NOT_SUPPORTED = 10092,
    APM_ERROR_NOT_INITIALIZED = 10093,
    APM_ERROR_DISCONNECTING = 10101,
    APM_ERROR_TYPE_NOT_FOUND = 10109,
    APM_ERROR_HOST_NOT_FOUND = 11001,
    APM_ERROR_TRY_AGAIN = 11002,
    APM_ERROR_NO_RECOVERY = 11003,
    APM_ERROR_NO_DATA = 11004,

    /* WaitHandle.WaitTimeout: a wait ended because its time was up, where .NET's WaitOne returns false. */
    APM_ERROR_WAIT_TIMEOUT = 258,

    /* .NET exceptions that are not a SocketException */
    APM_ERROR_ARGUMENT = 20001,              /* ArgumentException */
    APM_ERROR_ARGUMENT_NULL = 20002,         /* ArgumentNullException; also a null handle */
    APM_ERROR_ARGUMENT_OUT_OF_RANGE = 20003, /* ArgumentOutOfRangeException */
    APM_ERROR_FORMAT = 20004,                /* FormatException */
    APM_ERROR_INVALID_OPERATION = 20005,     /* InvalidOperationException; a result already ended; a call after fork */
    APM_ERROR_OBJECT_DISPOSED = 20006,       /* ObjectDisposedException */
    APM_ERROR_NOT_SUPPORTED = 20007,         /* NotSupportedException */
    APM_ERROR_OUT_OF_MEMORY = 20008,         /* OutOfMemoryException; also a thread that could not be created */
    APM_ERROR_DEADLOCK = 20009,              /* a wait that only a callback which no thread can run could end */
    APM_ERROR_ABANDONED_MUTEX = 20010,       /* AbandonedMutexException: the wait has succeeded, and took the mutex */
    APM_ERROR_APPLICATION = 20011,           /* ApplicationException: a mutex that the calling thread does not own */
    APM_ERROR_SEMAPHORE_FULL = 20012,        /* SemaphoreFullException */
    APM_ERROR_BARRIER_POST_PHASE = 20013,    /* BarrierPostPhaseException: the post-phase action returned an error */
    APM_ERROR_IO = 20020,                    /* IOException without a SocketException in it */
    APM_ERROR_END_OF_STREAM = 20021,         /* EndOfStreamException: the stream ended before what was asked for */
    APM_ERROR_FILE_NOT_FOUND = 20022,        /* FileNotFoundException, DirectoryNotFoundException */
    APM_ERROR_AUTHENTICATION = 20030,        /* AuthenticationException: a handshake of TLS has failed */
    APM_ERROR_CRYPTOGRAPHIC = 20031          /* CryptographicException: no certificate, no key, or a wrong password */
} apm_error;

/*
 * Returns .NET's name of the error, such as "ConnectionRefused" or "ObjectDisposed"; "Unknown" for no value of the
 * enum.
 *
 * Borrows  the string is static.
 * Threads  any.
 * .NET     SocketException.SocketErrorCode.ToString(), or the exception's name without "Exception".
 */
APM_API const char *apm_error_name(apm_error error);

/*
 * Returns a sentence that describes the error, for logs.
 *
 * Borrows  the string is static.
 * Threads  any.
 * .NET     SocketException.Message.
 */
APM_API const char *apm_error_message(apm_error error);

/*
 * Returns the operating system's code (errno on Linux) behind the last error that this thread got from a call of this
 * library and that came from the system: for logs, right after that call. An End gives the code of its operation.
 *
 * Threads  any; the value belongs to the calling thread.
 * .NET     SocketException.NativeErrorCode.
 */
APM_API int32_t apm_native_error_code(void);

APM_END_DECLARATIONS

#endif
