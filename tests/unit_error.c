/*
 * Owns the tests of errors' names and messages: .NET's names, and that no value of the enum is without.
 */
#include <string.h>

#include "apm/error.h"

#include "harness.h"

enum { FIRST_CODE = -2000, LAST_CODE = 30000 };

typedef struct recorded_name {
    int code;
    const char *name;
} recorded_name;

/* SocketError as .NET 10 numbers and prints it. */
static const recorded_name socket_errors[] = {
    {0, "Success"},
    {-1, "SocketError"},
    {995, "OperationAborted"},
    {997, "IOPending"},
    {10004, "Interrupted"},
    {10013, "AccessDenied"},
    {10014, "Fault"},
    {10022, "InvalidArgument"},
    {10024, "TooManyOpenSockets"},
    {10035, "WouldBlock"},
    {10036, "InProgress"},
    {10037, "AlreadyInProgress"},
    {10038, "NotSocket"},
    {10039, "DestinationAddressRequired"},
    {10040, "MessageSize"},
    {10041, "ProtocolType"},
    {10042, "ProtocolOption"},
    {10043, "ProtocolNotSupported"},
    {10044, "SocketNotSupported"},
    {10045, "OperationNotSupported"},
    {10046, "ProtocolFamilyNotSupported"},
    {10047, "AddressFamilyNotSupported"},
    {10048, "AddressAlreadyInUse"},
    {10049, "AddressNotAvailable"},
    {10050, "NetworkDown"},
    {10051, "NetworkUnreachable"},
    {10052, "NetworkReset"},
    {10053, "ConnectionAborted"},
    {10054, "ConnectionReset"},
    {10055, "NoBufferSpaceAvailable"},
    {10056, "IsConnected"},
    {10057, "NotConnected"},
    {10058, "Shutdown"},
    {10060, "TimedOut"},
    {10061, "ConnectionRefused"},
    {10064, "HostDown"},
    {10065, "HostUnreachable"},
    {10067, "ProcessLimit"},
    {10091, "SystemNotReady"},
    {10092, "VersionNotSupported"},
    {10093, "NotInitialized"},
    {10101, "Disconnecting"},
    {10109, "TypeNotFound"},
    {11001, "HostNotFound"},
    {11002, "TryAgain"},
    {11003, "NoRecovery"},
    {11004, "NoData"},
};

/* The codes that are not .NET's numbers; the names are those of its exceptions. */
static const recorded_name other_errors[] = {
    {258, "WaitTimeout"},   {20001, "Argument"},         {20002, "ArgumentNull"},   {20003, "ArgumentOutOfRange"},
    {20004, "Format"},      {20005, "InvalidOperation"}, {20006, "ObjectDisposed"}, {20007, "NotSupported"},
    {20008, "OutOfMemory"}, {20009, "Deadlock"},
    {20010, "AbandonedMutex"}, {20011, "Application"}, {20012, "SemaphoreFull"}, {20013, "BarrierPostPhase"},
    {20020, "IO"}, {20021, "EndOfStream"}, {20022, "FileNotFound"},
    {20030, "Authentication"}, {20031, "Cryptographic"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Without a default, so that the compiler names a value of the enum that is missing here. */
static bool is_value(apm_error error)
{
    switch (error) {
    case APM_ERROR_SUCCESS:
    case APM_ERROR_SOCKET_ERROR:
    case APM_ERROR_OPERATION_ABORTED:
    case APM_ERROR_IO_PENDING:
    case APM_ERROR_INTERRUPTED:
    case APM_ERROR_ACCESS_DENIED:
    case APM_ERROR_FAULT:
    case APM_ERROR_INVALID_ARGUMENT:
    case APM_ERROR_TOO_MANY_OPEN_SOCKETS:
    case APM_ERROR_WOULD_BLOCK:
    case APM_ERROR_IN_PROGRESS:
    case APM_ERROR_ALREADY_IN_PROGRESS:
    case APM_ERROR_NOT_SOCKET:
    case APM_ERROR_DESTINATION_ADDRESS_REQUIRED:
    case APM_ERROR_MESSAGE_SIZE:
    case APM_ERROR_PROTOCOL_TYPE:
    case APM_ERROR_PROTOCOL_OPTION:
    case APM_ERROR_PROTOCOL_NOT_SUPPORTED:
    case APM_ERROR_SOCKET_NOT_SUPPORTED:
    case APM_ERROR_OPERATION_NOT_SUPPORTED:
    case APM_ERROR_PROTOCOL_FAMILY_NOT_SUPPORTED:
    case APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED:
    case APM_ERROR_ADDRESS_ALREADY_IN_USE:
    case APM_ERROR_ADDRESS_NOT_AVAILABLE:
    case APM_ERROR_NETWORK_DOWN:
    case APM_ERROR_NETWORK_UNREACHABLE:
    case APM_ERROR_NETWORK_RESET:
    case APM_ERROR_CONNECTION_ABORTED:
    case APM_ERROR_CONNECTION_RESET:
    case APM_ERROR_NO_BUFFER_SPACE_AVAILABLE:
    case APM_ERROR_IS_CONNECTED:
    case APM_ERROR_NOT_CONNECTED:
    case APM_ERROR_SHUTDOWN:
    case APM_ERROR_TIMED_OUT:
    case APM_ERROR_CONNECTION_REFUSED:
    case APM_ERROR_HOST_DOWN:
    case APM_ERROR_HOST_UNREACHABLE:
    case APM_ERROR_PROCESS_LIMIT:
    case APM_ERROR_SYSTEM_NOT_READY:
    case APM_ERROR_VERSION_NOT_SUPPORTED:
    case APM_ERROR_NOT_INITIALIZED:
    case APM_ERROR_DISCONNECTING:
    case APM_ERROR_TYPE_NOT_FOUND:
    case APM_ERROR_HOST_NOT_FOUND:
    case APM_ERROR_TRY_AGAIN:
    case APM_ERROR_NO_RECOVERY:
    case APM_ERROR_NO_DATA:
    case APM_ERROR_WAIT_TIMEOUT:
    case APM_ERROR_ARGUMENT:
    case APM_ERROR_ARGUMENT_NULL:
    case APM_ERROR_ARGUMENT_OUT_OF_RANGE:
    case APM_ERROR_FORMAT:
    case APM_ERROR_INVALID_OPERATION:
    case APM_ERROR_OBJECT_DISPOSED:
    case APM_ERROR_NOT_SUPPORTED:
    case APM_ERROR_OUT_OF_MEMORY:
    case APM_ERROR_DEADLOCK:
    case APM_ERROR_ABANDONED_MUTEX:
    case APM_ERROR_APPLICATION:
    case APM_ERROR_SEMAPHORE_FULL:
    case APM_ERROR_BARRIER_POST_PHASE:
    case APM_ERROR_IO:
    case APM_ERROR_END_OF_STREAM:
    case APM_ERROR_FILE_NOT_FOUND:
    case APM_ERROR_AUTHENTICATION:
    case APM_ERROR_CRYPTOGRAPHIC: return true;
    }
    return false;
}

TEST(socket_errors_have_the_numbers_and_names_of_dotnet)
{
    for (size_t i = 0; i < COUNT_OF(socket_errors); i++) {
        CHECK_STR(apm_error_name((apm_error)socket_errors[i].code), socket_errors[i].name);
    }
}

TEST(other_errors_have_the_names_of_exceptions)
{
    for (size_t i = 0; i < COUNT_OF(other_errors); i++) {
        CHECK_STR(apm_error_name((apm_error)other_errors[i].code), other_errors[i].name);
    }
}

TEST(every_value_of_the_enum_has_a_name_and_nothing_else_has_one)
{
    size_t named = 0;
    for (int code = FIRST_CODE; code <= LAST_CODE; code++) {
        bool is_named = strcmp(apm_error_name((apm_error)code), "Unknown") != 0;
        CHECK_EQ(is_named, is_value((apm_error)code));
        named += is_named;
    }
    CHECK_EQ(named, COUNT_OF(socket_errors) + COUNT_OF(other_errors));
    CHECK_STR(apm_error_name((apm_error)INT32_MIN), "Unknown");
    CHECK_STR(apm_error_name((apm_error)INT32_MAX), "Unknown");
}

TEST(messages_are_sentences_and_tell_errors_apart)
{
    for (int code = FIRST_CODE; code <= LAST_CODE; code++) {
        if (!is_value((apm_error)code)) {
            CHECK_STR(apm_error_message((apm_error)code), "Unknown error");
            continue;
        }
        const char *message = apm_error_message((apm_error)code);
        CHECK(message[0] >= 'A' && message[0] <= 'Z' && strchr(message, ' ') != NULL);
        for (int other = FIRST_CODE; other < code; other++) {
            CHECK(!is_value((apm_error)other) || strcmp(apm_error_message((apm_error)other), message) != 0);
        }
    }
}

TEST_MAIN()
