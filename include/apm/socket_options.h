/*
 * The options of sockets: those that .NET has properties for, all others by .NET's level and name, and any option of
 * the system by its own numbers; blocking, the descriptor's number, and control codes.
 *
 * What socket.h says of all functions holds here, too: the errors of a handle, and threads: any. A call takes as long
 * as its system call, and never waits. A getter sets its out-parameter to zero where it fails. An option stays with the
 * socket when it is disconnected for reuse; those that are set by the system's own numbers may not.
 */
#ifndef APM_SOCKET_OPTIONS_H
#define APM_SOCKET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/* -- Properties -------------------------------------------------------------------------------------------------- */

/*
 * Whether the synchronous calls wait. If not, they fail with APM_ERROR_WOULD_BLOCK where they would have to, a send
 * that fits in part is a success with fewer bytes, and a connect goes on by itself: it has ended when apm_socket_poll
 * says that the socket is writable, and APM_SOCKET_OPTION_NAME_ERROR has its error. Begin and End are the same either
 * way. True at first; accepted sockets have their listener's.
 *
 * .NET     Socket.Blocking
 */
APM_API APM_MUST_CHECK apm_error apm_socket_blocking(apm_socket socket, bool *blocking);
APM_API APM_MUST_CHECK apm_error apm_socket_set_blocking(apm_socket socket, bool blocking);

/*
 * How many routers a packet may pass: IP's time to live, IPv6's hop limit.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `ttl` is not from 0 to 255; APM_ERROR_INVALID_ARGUMENT it is 0, for IPv4;
 *          APM_ERROR_NOT_SUPPORTED a unix domain socket.
 * .NET     Socket.Ttl
 */
APM_API APM_MUST_CHECK apm_error apm_socket_ttl(apm_socket socket, int *ttl);
APM_API APM_MUST_CHECK apm_error apm_socket_set_ttl(apm_socket socket, int ttl);

/*
 * Whether packets of IPv4 go out with the "don't fragment" bit.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED the socket is neither of IPv4 nor of both (dual mode).
 * .NET     Socket.DontFragment
 */
APM_API APM_MUST_CHECK apm_error apm_socket_dont_fragment(apm_socket socket, bool *dont_fragment);
APM_API APM_MUST_CHECK apm_error apm_socket_set_dont_fragment(apm_socket socket, bool dont_fragment);

/* Whether datagrams may be sent to a broadcast address. .NET: Socket.EnableBroadcast */
APM_API APM_MUST_CHECK apm_error apm_socket_enable_broadcast(apm_socket socket, bool *enable_broadcast);
APM_API APM_MUST_CHECK apm_error apm_socket_set_enable_broadcast(apm_socket socket, bool enable_broadcast);

/*
 * Whether this machine gets the multicasts that the socket sends, too. True at first.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED a unix domain socket.
 * .NET     Socket.MulticastLoopback
 */
APM_API APM_MUST_CHECK apm_error apm_socket_multicast_loopback(apm_socket socket, bool *multicast_loopback);
APM_API APM_MUST_CHECK apm_error apm_socket_set_multicast_loopback(apm_socket socket, bool multicast_loopback);

/*
 * Whether no other socket may bind the same endpoint: the opposite of apm_socket_reuse_address. True at first.
 *
 * Errors   APM_ERROR_INVALID_OPERATION setting it once the socket is bound or connected;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED setting false on a unix domain socket.
 * .NET     Socket.ExclusiveAddressUse
 */
APM_API APM_MUST_CHECK apm_error apm_socket_exclusive_address_use(apm_socket socket, bool *exclusive_address_use);
APM_API APM_MUST_CHECK apm_error apm_socket_set_exclusive_address_use(apm_socket socket, bool exclusive_address_use);

/*
 * The number of the socket's descriptor, for calls of the system that the library does not have. It stays the
 * library's: not to be closed, read or written, nor to be made blocking. A disconnect for reuse keeps the number, but
 * not what it stands for.
 *
 * Failure  *handle is -1.
 * .NET     Socket.Handle, Socket.SafeHandle
 */
APM_API APM_MUST_CHECK apm_error apm_socket_handle(apm_socket socket, intptr_t *handle);

/* Whether the system has IPv4, IPv6, and unix domain sockets. .NET: Socket.OSSupportsIPv4 and so on */
APM_API bool apm_socket_os_supports_ipv4(void);
APM_API bool apm_socket_os_supports_ipv6(void);
APM_API bool apm_socket_os_supports_unix_domain_sockets(void);

/* -- Options by .NET's level and name ------------------------------------------------------------------------------ */

/* .NET's SocketOptionLevel, with its numbers. */
typedef enum apm_socket_option_level {
    APM_SOCKET_OPTION_LEVEL_IP = 0,
    APM_SOCKET_OPTION_LEVEL_TCP = 6,
    APM_SOCKET_OPTION_LEVEL_UDP = 17,
    APM_SOCKET_OPTION_LEVEL_IPV6 = 41,
    APM_SOCKET_OPTION_LEVEL_SOCKET = 65535
} apm_socket_option_level;

/* .NET's SocketOptionName, with its numbers, which repeat: the level gives the meaning. Not all are Linux's, too. */
typedef enum apm_socket_option_name {
    /* APM_SOCKET_OPTION_LEVEL_SOCKET */
    APM_SOCKET_OPTION_NAME_DEBUG = 1,
    APM_SOCKET_OPTION_NAME_ACCEPT_CONNECTION = 2, /* whether the socket listens; to be read only */
    APM_SOCKET_OPTION_NAME_REUSE_ADDRESS = 4,
    APM_SOCKET_OPTION_NAME_KEEP_ALIVE = 8,
    APM_SOCKET_OPTION_NAME_DONT_ROUTE = 16,
    APM_SOCKET_OPTION_NAME_BROADCAST = 32,
    APM_SOCKET_OPTION_NAME_USE_LOOPBACK = 64, /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_LINGER = 128,
    APM_SOCKET_OPTION_NAME_DONT_LINGER = -129, /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_OUT_OF_BAND_INLINE = 256,
    APM_SOCKET_OPTION_NAME_EXCLUSIVE_ADDRESS_USE = -5,
    APM_SOCKET_OPTION_NAME_SEND_BUFFER = 4097,
    APM_SOCKET_OPTION_NAME_RECEIVE_BUFFER = 4098,
    APM_SOCKET_OPTION_NAME_SEND_LOW_WATER = 4099, /* 1, and to be read only */
    APM_SOCKET_OPTION_NAME_RECEIVE_LOW_WATER = 4100,
    APM_SOCKET_OPTION_NAME_SEND_TIMEOUT = 4101,
    APM_SOCKET_OPTION_NAME_RECEIVE_TIMEOUT = 4102,
    APM_SOCKET_OPTION_NAME_ERROR = 4103,                   /* an apm_error, which reading takes away; to be read only */
    APM_SOCKET_OPTION_NAME_TYPE = 4104,                    /* an apm_socket_type; to be read only */
    APM_SOCKET_OPTION_NAME_REUSE_UNICAST_PORT = 12295,     /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_UPDATE_ACCEPT_CONTEXT = 28683,  /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_UPDATE_CONNECT_CONTEXT = 28688, /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_MAX_CONNECTIONS = 0x7fffffff,   /* (not Linux's) */

    /* APM_SOCKET_OPTION_LEVEL_IP; some also APM_SOCKET_OPTION_LEVEL_IPV6 */
    APM_SOCKET_OPTION_NAME_IP_OPTIONS = 1,
    APM_SOCKET_OPTION_NAME_HEADER_INCLUDED = 2, /* raw sockets */
    APM_SOCKET_OPTION_NAME_TYPE_OF_SERVICE = 3,
    APM_SOCKET_OPTION_NAME_IP_TIME_TO_LIVE = 4,
    APM_SOCKET_OPTION_NAME_MULTICAST_INTERFACE = 9,
    APM_SOCKET_OPTION_NAME_MULTICAST_TIME_TO_LIVE = 10,
    APM_SOCKET_OPTION_NAME_MULTICAST_LOOPBACK = 11,
    APM_SOCKET_OPTION_NAME_ADD_MEMBERSHIP = 12,
    APM_SOCKET_OPTION_NAME_DROP_MEMBERSHIP = 13,
    APM_SOCKET_OPTION_NAME_DONT_FRAGMENT = 14,
    APM_SOCKET_OPTION_NAME_ADD_SOURCE_MEMBERSHIP = 15,
    APM_SOCKET_OPTION_NAME_DROP_SOURCE_MEMBERSHIP = 16,
    APM_SOCKET_OPTION_NAME_BLOCK_SOURCE = 17,
    APM_SOCKET_OPTION_NAME_UNBLOCK_SOURCE = 18,
    APM_SOCKET_OPTION_NAME_PACKET_INFORMATION = 19,

    /* APM_SOCKET_OPTION_LEVEL_IPV6 */
    APM_SOCKET_OPTION_NAME_HOP_LIMIT = 21,           /* (not Linux's; use apm_socket_set_ttl) */
    APM_SOCKET_OPTION_NAME_IP_PROTECTION_LEVEL = 23, /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_IPV6_ONLY = 27,

    /* APM_SOCKET_OPTION_LEVEL_TCP; the keep-alive times are seconds */
    APM_SOCKET_OPTION_NAME_NO_DELAY = 1,
    APM_SOCKET_OPTION_NAME_BSD_URGENT = 2, /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_EXPEDITED = 2,  /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_TIME = 3,
    APM_SOCKET_OPTION_NAME_FAST_OPEN = 15,
    APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_RETRY_COUNT = 16,
    APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_INTERVAL = 17,

    /* APM_SOCKET_OPTION_LEVEL_UDP */
    APM_SOCKET_OPTION_NAME_NO_CHECKSUM = 1,       /* (not Linux's) */
    APM_SOCKET_OPTION_NAME_CHECKSUM_COVERAGE = 20 /* (not Linux's) */
} apm_socket_option_name;

/*
 * Reads or sets an option that is a number; a switch is 0 or 1. Where there is a property for it, the two are the same.
 *
 * Errors   APM_ERROR_OPERATION_NOT_SUPPORTED the system has no such option, or not for such a socket;
 *          APM_ERROR_PROTOCOL_OPTION it is not to be read, or not to be set, or not for such a socket;
 *          APM_ERROR_INVALID_ARGUMENT the value is none that it can have; others of the system.
 * .NET     Socket.GetSocketOption(SocketOptionLevel, SocketOptionName), SetSocketOption(..., int), SetSocketOption(...,
 *          bool)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_get_socket_option(apm_socket socket, apm_socket_option_level option_level,
                                                              apm_socket_option_name option_name, int *option_value);
APM_API APM_MUST_CHECK apm_error apm_socket_set_socket_option(apm_socket socket, apm_socket_option_level option_level,
                                                              apm_socket_option_name option_name, int option_value);

/*
 * The same for bytes as the system has them. *option_size is the room at `option_value`, and then what was written.
 *
 * Errors   also APM_ERROR_INVALID_ARGUMENT the system wants more bytes.
 * .NET     Socket.GetSocketOption(SocketOptionLevel, SocketOptionName, byte[]) and (..., int), SetSocketOption(...,
 *          byte[])
 */
APM_API APM_MUST_CHECK apm_error apm_socket_get_socket_option_bytes(apm_socket socket,
                                                                    apm_socket_option_level option_level,
                                                                    apm_socket_option_name option_name,
                                                                    void *option_value, size_t *option_size);
APM_API APM_MUST_CHECK apm_error apm_socket_set_socket_option_bytes(apm_socket socket,
                                                                    apm_socket_option_level option_level,
                                                                    apm_socket_option_name option_name,
                                                                    const void *option_value, size_t option_size);

/*
 * The same for a linger option, which APM_SOCKET_OPTION_NAME_LINGER is.
 *
 * Errors   APM_ERROR_ARGUMENT it is another option; or the time is not from 0 to 65535.
 * .NET     Socket.GetSocketOption(SocketOptionLevel, SocketOptionName), SetSocketOption(..., object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_get_socket_option_linger(apm_socket socket,
                                                                     apm_socket_option_level option_level,
                                                                     apm_socket_option_name option_name,
                                                                     apm_linger_option *option_value);
APM_API APM_MUST_CHECK apm_error apm_socket_set_socket_option_linger(apm_socket socket,
                                                                     apm_socket_option_level option_level,
                                                                     apm_socket_option_name option_name,
                                                                     apm_linger_option option_value);

/* -- Options by the system's numbers ------------------------------------------------------------------------------- */

/*
 * Reads or sets any option of the system, by the system's level and name. *option_size is the room at `option_value`,
 * and then what was written. What the library relies on is not to be set so: not the time-outs, and not IPv6's "only"
 * on a socket in use.
 *
 * Errors   APM_ERROR_PROTOCOL_OPTION, APM_ERROR_OPERATION_NOT_SUPPORTED there is none; APM_ERROR_INVALID_ARGUMENT the
 *          system does not take the value; others of the system.
 * .NET     Socket.GetRawSocketOption(int, int, Span<byte>), SetRawSocketOption(int, int, ReadOnlySpan<byte>)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_get_raw_socket_option(apm_socket socket, int option_level, int option_name,
                                                                  void *option_value, size_t *option_size);
APM_API APM_MUST_CHECK apm_error apm_socket_set_raw_socket_option(apm_socket socket, int option_level, int option_name,
                                                                  const void *option_value, size_t option_size);

/* -- Control codes ------------------------------------------------------------------------------------------------- */

/* Those of .NET's IOControlCode that mean something here, with its numbers. */
typedef enum apm_io_control_code {
    APM_IO_CONTROL_CODE_DATA_TO_READ = 0x4004667f,  /* FIONREAD: the bytes that can be read, an int */
    APM_IO_CONTROL_CODE_OOB_DATA_READ = 0x40047307, /* SIOCATMARK: whether the mark of urgent data is reached, an int */
    APM_IO_CONTROL_CODE_NON_BLOCKING_IO = (int)0x8004667e, /* refused: use apm_socket_set_blocking */
    APM_IO_CONTROL_CODE_KEEP_ALIVE_VALUES =
        (int)0x98000004u, /* three uint32_t: on, time and interval in milliseconds */
} apm_io_control_code;

/*
 * Asks for, or sets, what the code names. *written, if `written` is not NULL, is the number of bytes written to
 * `option_out_value`. `option_in_value` and `option_out_value` may be NULL where the code needs none.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the code is APM_IO_CONTROL_CODE_NON_BLOCKING_IO; APM_ERROR_FAULT the room is
 *          less than what the code needs, or NULL; APM_ERROR_INVALID_ARGUMENT the socket is a listener;
 *          APM_ERROR_NOT_SUPPORTED any other code.
 * .NET     Socket.IOControl(IOControlCode, byte[], byte[]), IOControl(int, byte[], byte[])
 */
APM_API APM_MUST_CHECK apm_error apm_socket_io_control(apm_socket socket, apm_io_control_code io_control_code,
                                                       const void *option_in_value, size_t option_in_size,
                                                       void *option_out_value, size_t option_out_size, size_t *written);

APM_END_DECLARATIONS

#endif
