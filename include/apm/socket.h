/*
 * Sockets: System.Net.Sockets.Socket in the Begin/End style, with its synchronous twins.
 *
 * Every function may be called on any thread, and a Begin never blocks. Unless a function says otherwise its errors
 * include APM_ERROR_ARGUMENT_NULL for a null handle or a NULL pointer that is needed, APM_ERROR_ARGUMENT for a handle
 * that was never issued, APM_ERROR_OBJECT_DISPOSED for a socket that is closed, APM_ERROR_OUT_OF_MEMORY, and
 * APM_ERROR_INVALID_OPERATION in a child process after fork and while apm_cleanup runs. A Begin on a socket with some
 * eight million pending operations is APM_ERROR_NO_BUFFER_SPACE_AVAILABLE.
 *
 * What all Begins share:
 *   Success  the operation is started; *result, if `result` is not NULL, was set before the callback could run. The
 *            callback, if there is one, runs exactly once on a pool thread, and exactly one End must follow.
 *   Failure  nothing was started, no callback comes, and *result is the null handle.
 *   Borrows  the data buffer, until the callback is invoked, End returns, a wait on the result returns, or
 *            apm_async_result_is_completed is true. Endpoints, addresses and strings are copied. `state` is only
 *            handed through, and must live until the callback has returned.
 *   Errors   APM_ERROR_ARGUMENT_NULL `callback` and `result` are both NULL.
 *
 * What all Ends share:
 *   Ends the operation: returns its outcome and gives the result back. Waits if the operation has not completed.
 *   Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no result that was ever issued, or one of
 *            another socket or another kind, which is left as it was; APM_ERROR_INVALID_OPERATION the result has been
 *            ended. All others are the operation's own outcome: APM_ERROR_OPERATION_ABORTED cancelled, or the socket
 *            closed; APM_ERROR_TIMED_OUT its deadline came.
 *   An out-parameter may be NULL where the value is not wanted; a failure sets it to zero unless said otherwise.
 */
#ifndef APM_SOCKET_H
#define APM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/async_result.h"
#include "apm/dns_endpoint.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* .NET's SocketType, with its numbers. */
typedef enum apm_socket_type {
    APM_SOCKET_TYPE_STREAM = 1,
    APM_SOCKET_TYPE_DGRAM = 2,
    APM_SOCKET_TYPE_RAW = 3
} apm_socket_type;

/* .NET's ProtocolType, with its numbers. */
typedef enum apm_protocol_type {
    APM_PROTOCOL_TYPE_UNSPECIFIED = 0,
    APM_PROTOCOL_TYPE_IP = 0,
    APM_PROTOCOL_TYPE_ICMP = 1,
    APM_PROTOCOL_TYPE_IGMP = 2,
    APM_PROTOCOL_TYPE_TCP = 6,
    APM_PROTOCOL_TYPE_UDP = 17,
    APM_PROTOCOL_TYPE_ICMP_V6 = 58,
    APM_PROTOCOL_TYPE_RAW = 255
} apm_protocol_type;

/* .NET's SocketFlags, with its numbers; they combine by |. */
typedef enum apm_socket_flags {
    APM_SOCKET_FLAGS_NONE = 0,
    APM_SOCKET_FLAGS_OUT_OF_BAND = 1,
    APM_SOCKET_FLAGS_PEEK = 2,
    APM_SOCKET_FLAGS_DONT_ROUTE = 4,
    APM_SOCKET_FLAGS_TRUNCATED = 0x100,
    APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED = 0x200,
    APM_SOCKET_FLAGS_BROADCAST = 0x400,
    APM_SOCKET_FLAGS_MULTICAST = 0x800,
    APM_SOCKET_FLAGS_PARTIAL = 0x8000
} apm_socket_flags;

/* .NET's SocketShutdown, whose own name is that of the function. */
typedef enum apm_socket_shutdown_how {
    APM_SOCKET_SHUTDOWN_RECEIVE = 0,
    APM_SOCKET_SHUTDOWN_SEND = 1,
    APM_SOCKET_SHUTDOWN_BOTH = 2
} apm_socket_shutdown_how;

/* .NET's LingerOption; `linger_time` in seconds. */
typedef struct apm_linger_option {
    bool enabled;
    int linger_time;
} apm_linger_option;

/* -- Creating and closing ---------------------------------------------------------------------------------------- */

/*
 * Creates a socket on the default pool.
 *
 * Success  *socket is the handle; apm_socket_close ends it.
 * Failure  *socket is the null handle.
 * Errors   APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED, APM_ERROR_SOCKET_NOT_SUPPORTED, APM_ERROR_PROTOCOL_NOT_SUPPORTED the
 *          combination does not exist; APM_ERROR_TOO_MANY_OPEN_SOCKETS no descriptor is left;
 *          APM_ERROR_NOT_SUPPORTED the environment's APM_ENGINE names no engine.
 * .NET     Socket(AddressFamily, SocketType, ProtocolType)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_create(apm_address_family address_family, apm_socket_type socket_type,
                                                   apm_protocol_type protocol_type, apm_socket *socket);

/*
 * The same on a pool: callbacks of the socket, and of the connections that it accepts, run on its workers.
 *
 * Errors   also APM_ERROR_ARGUMENT no pool, APM_ERROR_OBJECT_DISPOSED it has been destroyed.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_create_on_pool(apm_thread_pool pool, apm_address_family address_family,
                                                           apm_socket_type socket_type, apm_protocol_type protocol_type,
                                                           apm_socket *socket);

/*
 * Creates a dual-mode socket: IPv6 that also speaks IPv4, whose addresses it shows as ::ffff:a.b.c.d.
 *
 * Success, failure and errors as apm_socket_create.
 * .NET     Socket(SocketType, ProtocolType)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_create_dual_mode(apm_socket_type socket_type,
                                                             apm_protocol_type protocol_type, apm_socket *socket);

/*
 * Closes the socket. Its handle is refused from then on; each pending operation completes, with its callback, with
 * APM_ERROR_OPERATION_ABORTED unless it had completed already. Data that sends have accepted is still delivered, and
 * the peer sees an orderly end, unless the linger time is 0, received data was left unread, or a send was cut short:
 * then the connection is reset. Closing again succeeds and does nothing.
 *
 * Threads  any, callbacks of the socket included.
 * Blocks   never, whatever the linger time: the system goes on sending in the background.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 * .NET     Socket.Close(), Socket.Dispose()
 */
APM_API apm_error apm_socket_close(apm_socket socket);

/*
 * Closes the socket, and with a time-out of 0 resets the connection: what has not been sent is discarded. With any
 * other it is apm_socket_close, which delivers what has been sent in the background, however long that takes.
 *
 * Blocks   never, unlike .NET's, which waits for the peer.
 * Errors   those of apm_socket_close; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1.
 * .NET     Socket.Close(int)
 */
APM_API apm_error apm_socket_close_timeout(apm_socket socket, int timeout_ms);

/*
 * Closes the socket, if it is not closed yet, and waits until no callback of its operations runs or will run: the safe
 * moment to free what the callbacks use.
 *
 * Blocks   at most `timeout_ms` milliseconds; -1 without limit.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1;
 *          APM_ERROR_INVALID_OPERATION called in a callback of the socket, which is then left as it was;
 *          APM_ERROR_WAIT_TIMEOUT the time is up: the socket is closed, but a callback has not returned;
 *          APM_ERROR_DEADLOCK as apm_wait_handle_wait_one; the socket is closed.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_close_and_wait(apm_socket socket, int timeout_ms);

/*
 * Binds the socket to a local endpoint; port 0 lets the system choose. An address in TIME_WAIT may be bound again. The
 * file that binding a unix domain socket to a path makes is removed when the socket is closed.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL the endpoint is none; APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED its family is not the
 *          socket's; APM_ERROR_ADDRESS_ALREADY_IN_USE; APM_ERROR_ADDRESS_NOT_AVAILABLE; APM_ERROR_ACCESS_DENIED;
 *          APM_ERROR_INVALID_ARGUMENT the socket is bound already.
 * .NET     Socket.Bind(EndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_bind(apm_socket socket, apm_endpoint local);

/*
 * Makes the socket a listener; a negative backlog stands for the system's largest. It may be called again to change the
 * backlog.
 *
 * Errors   APM_ERROR_INVALID_ARGUMENT the socket is connected; APM_ERROR_ADDRESS_ALREADY_IN_USE;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED it is of datagrams;
 *          APM_ERROR_INVALID_OPERATION it has been drained (apm/serving.h).
 * .NET     Socket.Listen(int)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_listen(apm_socket socket, int backlog);

/*
 * Ends one or both directions of the connection. Pending receives complete with 0 bytes if the receiving direction
 * ends, pending sends with APM_ERROR_SHUTDOWN if the sending one does.
 *
 * Errors   APM_ERROR_NOT_CONNECTED; APM_ERROR_INVALID_ARGUMENT `how` is no such value.
 * .NET     Socket.Shutdown(SocketShutdown)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_shutdown(apm_socket socket, apm_socket_shutdown_how how);

/* -- Properties -------------------------------------------------------------------------------------------------- */

/*
 * The local and the remote endpoint; no endpoint (apm_endpoint_is_null) where .NET has null: not bound, not connected.
 *
 * Errors   APM_ERROR_NOT_CONNECTED the connection has been reset (remote endpoint only).
 * .NET     Socket.LocalEndPoint, Socket.RemoteEndPoint
 */
APM_API APM_MUST_CHECK apm_error apm_socket_local_endpoint(apm_socket socket, apm_endpoint *endpoint);
APM_API APM_MUST_CHECK apm_error apm_socket_remote_endpoint(apm_socket socket, apm_endpoint *endpoint);

/*
 * Whether the socket is connected as far as its operations have shown: true from the completed connect or accept until
 * a disconnect, a shutdown of both directions, or an operation that found the connection broken. False for anything
 * that is not an open socket.
 *
 * .NET     Socket.Connected
 */
APM_API bool apm_socket_connected(apm_socket socket);

/* Whether the socket has a local endpoint. False for anything that is not an open socket. .NET: Socket.IsBound */
APM_API bool apm_socket_is_bound(apm_socket socket);

/*
 * The number of received bytes that can be read without waiting.
 *
 * Errors   APM_ERROR_INVALID_ARGUMENT the socket is a listener.
 * .NET     Socket.Available
 */
APM_API APM_MUST_CHECK apm_error apm_socket_available(apm_socket socket, size_t *available);

/* What the socket was created as. .NET: Socket.AddressFamily, Socket.SocketType, Socket.ProtocolType */
APM_API APM_MUST_CHECK apm_error apm_socket_address_family(apm_socket socket, apm_address_family *address_family);
APM_API APM_MUST_CHECK apm_error apm_socket_socket_type(apm_socket socket, apm_socket_type *socket_type);
APM_API APM_MUST_CHECK apm_error apm_socket_protocol_type(apm_socket socket, apm_protocol_type *protocol_type);

/*
 * Whether small sends go out at once instead of being gathered. False at first.
 *
 * Errors   APM_ERROR_OPERATION_NOT_SUPPORTED, APM_ERROR_PROTOCOL_OPTION the socket's protocol is not TCP.
 * .NET     Socket.NoDelay
 */
APM_API APM_MUST_CHECK apm_error apm_socket_no_delay(apm_socket socket, bool *no_delay);
APM_API APM_MUST_CHECK apm_error apm_socket_set_no_delay(apm_socket socket, bool no_delay);

/*
 * The sizes of the system's buffers, in bytes. Linux doubles what is set, for its own bookkeeping.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is negative.
 * .NET     Socket.ReceiveBufferSize, Socket.SendBufferSize
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_buffer_size(apm_socket socket, int *size);
APM_API APM_MUST_CHECK apm_error apm_socket_set_receive_buffer_size(apm_socket socket, int size);
APM_API APM_MUST_CHECK apm_error apm_socket_send_buffer_size(apm_socket socket, int *size);
APM_API APM_MUST_CHECK apm_error apm_socket_set_send_buffer_size(apm_socket socket, int size);

/*
 * What close does with data that has not been sent: a time of 0 discards it and resets the connection. With another
 * time apm_socket_close still does not wait for it.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE the time is not from 0 to 65535.
 * .NET     Socket.LingerState
 */
APM_API APM_MUST_CHECK apm_error apm_socket_linger_state(apm_socket socket, apm_linger_option *linger_state);
APM_API APM_MUST_CHECK apm_error apm_socket_set_linger_state(apm_socket socket, apm_linger_option linger_state);

/*
 * Whether several sockets may bind and listen on one endpoint (SO_REUSEADDR and SO_REUSEPORT on Linux, as in .NET). To
 * be set before bind.
 *
 * .NET     Socket.GetSocketOption and SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_reuse_address(apm_socket socket, bool *reuse_address);
APM_API APM_MUST_CHECK apm_error apm_socket_set_reuse_address(apm_socket socket, bool reuse_address);

/*
 * Whether an IPv6 socket also speaks IPv4. To be set before bind and connect.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED setting it on an IPv4 socket; APM_ERROR_INVALID_ARGUMENT the socket is bound.
 * .NET     Socket.DualMode
 */
APM_API APM_MUST_CHECK apm_error apm_socket_dual_mode(apm_socket socket, bool *dual_mode);
APM_API APM_MUST_CHECK apm_error apm_socket_set_dual_mode(apm_socket socket, bool dual_mode);

/*
 * How long the synchronous receive and send wait, in milliseconds, before they fail with APM_ERROR_TIMED_OUT; 0, as at
 * first, is without limit. The send time-out also holds for the synchronous connect. Setting -1 is setting 0.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1.
 * .NET     Socket.ReceiveTimeout, Socket.SendTimeout
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_timeout(apm_socket socket, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_socket_set_receive_timeout(apm_socket socket, int timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_socket_send_timeout(apm_socket socket, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_socket_set_send_timeout(apm_socket socket, int timeout_ms);

/* -- Accept ------------------------------------------------------------------------------------------------------ */

/*
 * Starts accepting a connection. Several accepts may be pending; connections go to them in the order they were begun.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the socket is not bound, or not listening.
 * .NET     Socket.BeginAccept(AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_accept(apm_socket socket, apm_async_callback *callback, void *state,
                                                         apm_async_result *result);

/*
 * Ends an accept: *accepted is the new socket, on the listener's pool; apm_socket_close ends it. `accepted` may not be
 * NULL. A connection that was accepted but whose accept is never ended is closed by apm_cleanup.
 *
 * Errors   APM_ERROR_TOO_MANY_OPEN_SOCKETS no descriptor was left; the connection stays with the system, and a later
 *          accept can have it.
 * .NET     Socket.EndAccept(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_accept(apm_socket socket, apm_async_result result,
                                                       apm_socket *accepted);

/*
 * Accepts a connection and waits for it.
 *
 * Errors   those of Begin and End; APM_ERROR_INTERRUPTED the socket was closed meanwhile.
 * .NET     Socket.Accept()
 */
APM_API APM_MUST_CHECK apm_error apm_socket_accept(apm_socket socket, apm_socket *accepted);

/* -- Connect ----------------------------------------------------------------------------------------------------- */

/*
 * Starts connecting to an endpoint. After a failure the socket may try again.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL the endpoint is none; APM_ERROR_NOT_SUPPORTED its family is not the socket's;
 *          APM_ERROR_IS_CONNECTED; APM_ERROR_INVALID_OPERATION the socket is a listener.
 * .NET     Socket.BeginConnect(EndPoint, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect(apm_socket socket, apm_endpoint remote,
                                                          apm_async_callback *callback, void *state,
                                                          apm_async_result *result);

/*
 * Starts looking a host name up and connecting to its addresses of the socket's family. An address as text is a name,
 * too.
 *
 * Several addresses are tried as RFC 8305 has it ("Happy Eyeballs"): IPv6 and IPv4 in turn, beginning with the family
 * that the resolver names first; the next one when the last has failed, or has had the attempt delay and not answered;
 * the first that connects is the connection, and the other attempts end. See docs/connecting.md for a socket that is
 * bound, and for what else bears on it.
 *
 * Errors   those of apm_socket_begin_connect; APM_ERROR_ARGUMENT an empty name; APM_ERROR_ARGUMENT_OUT_OF_RANGE `port`
 *          is not from 0 to 65535, or the name longer than 255 bytes.
 * .NET     Socket.BeginConnect(string, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect_host(apm_socket socket, const char *host, int port,
                                                               apm_async_callback *callback, void *state,
                                                               apm_async_result *result);

/*
 * The same for a DNS endpoint: of the host's addresses those of its family. An address as text is looked up, too.
 *
 * Errors   those of apm_socket_begin_connect_host; APM_ERROR_NOT_SUPPORTED the endpoint's family is not the socket's.
 * .NET     Socket.BeginConnect(EndPoint, AsyncCallback, object), with a DnsEndPoint
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect_dns_endpoint(apm_socket socket, apm_dns_endpoint remote,
                                                                       apm_async_callback *callback, void *state,
                                                                       apm_async_result *result);

/*
 * The attempt delay: how long an attempt to connect to one of a name's addresses has to itself, in milliseconds, before
 * the next one is begun beside it; APM_CONNECT_ATTEMPT_DELAY_MS at first. -1: the next one is begun when the last has
 * failed, in the resolver's order, as .NET does. Holds for the connects begun afterwards.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `delay_ms` is neither -1 nor APM_CONNECT_ATTEMPT_DELAY_MIN_MS or more, less
 *          than which RFC 8305 forbids. No .NET counterpart.
 */
#define APM_CONNECT_ATTEMPT_DELAY_MS 250
#define APM_CONNECT_ATTEMPT_DELAY_MIN_MS 10
APM_API APM_MUST_CHECK apm_error apm_socket_connect_attempt_delay(apm_socket socket, int *delay_ms);
APM_API APM_MUST_CHECK apm_error apm_socket_set_connect_attempt_delay(apm_socket socket, int delay_ms);

/*
 * Starts connecting to one of `count` addresses, tried one after another until one accepts; those of another family
 * than the socket's are passed over.
 *
 * Errors   those of apm_socket_begin_connect; APM_ERROR_ARGUMENT no address fits the socket;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0 to 65535.
 * .NET     Socket.BeginConnect(IPAddress[], int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect_addresses(apm_socket socket, const apm_ip_address *addresses,
                                                                    size_t count, int port,
                                                                    apm_async_callback *callback, void *state,
                                                                    apm_async_result *result);

/*
 * The same for a list of endpoints, each with its port.
 *
 * Errors   those of apm_socket_begin_connect_addresses.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect_endpoints(apm_socket socket, const apm_endpoint *endpoints,
                                                                    size_t count, apm_async_callback *callback,
                                                                    void *state, apm_async_result *result);

/*
 * Ends a connect of any form.
 *
 * Errors   APM_ERROR_CONNECTION_REFUSED, APM_ERROR_CONNECTION_RESET, APM_ERROR_TIMED_OUT, APM_ERROR_HOST_UNREACHABLE,
 *          APM_ERROR_NETWORK_UNREACHABLE and others of the network, of the last address of the list;
 *          APM_ERROR_HOST_NOT_FOUND, APM_ERROR_TRY_AGAIN of the name look-up; APM_ERROR_NO_DATA the name has no address
 *          of the socket's family; APM_ERROR_ARGUMENT a DNS endpoint that is 0.0.0.0 or ::;
 *          APM_ERROR_ALREADY_IN_PROGRESS another connect of the socket was pending;
 *          APM_ERROR_ADDRESS_NOT_AVAILABLE there is no such path; APM_ERROR_WOULD_BLOCK the backlog of a unix domain
 *          socket is full; APM_ERROR_IS_CONNECTED the system still has a connection whose both directions have been
 *          shut down.
 * .NET     Socket.EndConnect(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_connect(apm_socket socket, apm_async_result result);

/*
 * Connects and waits for it, no longer than the send time-out.
 *
 * Errors   those of Begin and End, but APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED for a family that is not the socket's,
 *          and APM_ERROR_ARGUMENT for a name without an address of it; APM_ERROR_NOT_SOCKET the socket was closed
 *          meanwhile.
 * .NET     Socket.Connect(EndPoint), Connect(string, int), Connect(IPAddress[], int)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_connect(apm_socket socket, apm_endpoint remote);
APM_API APM_MUST_CHECK apm_error apm_socket_connect_host(apm_socket socket, const char *host, int port);
APM_API APM_MUST_CHECK apm_error apm_socket_connect_dns_endpoint(apm_socket socket, apm_dns_endpoint remote);
APM_API APM_MUST_CHECK apm_error apm_socket_connect_addresses(apm_socket socket, const apm_ip_address *addresses,
                                                              size_t count, int port);

/* -- Disconnect -------------------------------------------------------------------------------------------------- */

/*
 * Starts disconnecting: once the sends begun before are done both directions end. With `reuse_socket` the socket can
 * connect again afterwards; it keeps its options.
 *
 * Errors   APM_ERROR_NOT_CONNECTED.
 * .NET     Socket.BeginDisconnect(bool, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_disconnect(apm_socket socket, bool reuse_socket,
                                                             apm_async_callback *callback, void *state,
                                                             apm_async_result *result);

/*
 * Ends a disconnect.
 *
 * Errors   APM_ERROR_NOT_CONNECTED the connection had been shut down, or reset.
 * .NET     Socket.EndDisconnect(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_disconnect(apm_socket socket, apm_async_result result);

/* Disconnects and waits for it. Errors: those of Begin and End. .NET: Socket.Disconnect(bool) */
APM_API APM_MUST_CHECK apm_error apm_socket_disconnect(apm_socket socket, bool reuse_socket);

/* -- Receive ----------------------------------------------------------------------------------------------------- */

/*
 * Starts receiving up to `size` bytes into `buffer`. A size of 0 completes when there is something to receive.
 *
 * Several receives may be pending; they complete in the order they were begun. The callback runs once, on a pool
 * thread.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX.
 * .NET     Socket.BeginReceive(byte[], int, int, SocketFlags, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_receive(apm_socket socket, void *buffer, size_t size,
                                                          apm_socket_flags flags, apm_async_callback *callback,
                                                          void *state, apm_async_result *result);

/*
 * Ends a receive: *received is the number of bytes, 0 at the end of the stream (or for a size of 0).
 *
 * Errors   APM_ERROR_CONNECTION_RESET; APM_ERROR_NOT_CONNECTED the socket is not connected;
 *          APM_ERROR_INVALID_ARGUMENT out-of-band data asked for where there is none; APM_ERROR_OPERATION_NOT_SUPPORTED
 *          flags that a receive does not know; APM_ERROR_DISCONNECTING, once, the listener that has accepted the socket
 *          is being drained (apm/serving.h), and there was nothing to receive.
 * .NET     Socket.EndReceive(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_receive(apm_socket socket, apm_async_result result, size_t *received);

/*
 * Receives and waits for it, no longer than the receive time-out; behind the receives that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 * .NET     Socket.Receive(byte[], int, int, SocketFlags)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive(apm_socket socket, void *buffer, size_t size,
                                                    apm_socket_flags flags, size_t *received);

/* -- Send -------------------------------------------------------------------------------------------------------- */

/*
 * Starts sending `size` bytes. It completes when the system has accepted all of them, or with an error.
 *
 * Several sends may be pending, begun by any threads; the bytes of each are contiguous, in the order of the Begins.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns; the bytes are not copied before.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX;
 *          APM_ERROR_WOULD_BLOCK the socket's water marks (apm/serving.h) are reached.
 * .NET     Socket.BeginSend(byte[], int, int, SocketFlags, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send(apm_socket socket, const void *buffer, size_t size,
                                                       apm_socket_flags flags, apm_async_callback *callback,
                                                       void *state, apm_async_result *result);

/*
 * Ends a send: *sent is `size`, or with an error the number of bytes that the system had accepted before.
 *
 * Errors   APM_ERROR_CONNECTION_RESET; APM_ERROR_SHUTDOWN the socket is not connected, or the connection or its sending
 *          direction has ended, or an earlier send was cut short; APM_ERROR_OPERATION_NOT_SUPPORTED flags that a send
 *          does not know; of datagrams APM_ERROR_DESTINATION_ADDRESS_REQUIRED, APM_ERROR_NOT_CONNECTED the socket has
 *          no peer, and those of apm_socket_end_send_to.
 * .NET     Socket.EndSend(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_send(apm_socket socket, apm_async_result result, size_t *sent);

/*
 * Sends and waits for it, no longer than the send time-out; behind the sends that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT, with *sent as apm_socket_end_send;
 *          APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 * .NET     Socket.Send(byte[], int, int, SocketFlags)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send(apm_socket socket, const void *buffer, size_t size,
                                                 apm_socket_flags flags, size_t *sent);

APM_END_DECLARATIONS

#endif
