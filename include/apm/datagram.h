/*
 * Datagrams: the members of System.Net.Sockets.Socket that send to and receive from an address.
 *
 * A socket of APM_SOCKET_TYPE_DGRAM sends each buffer as one datagram and receives one datagram at a time. Connected
 * (apm_socket_connect, which only records the peer) it also has apm_socket_begin_send and apm_socket_begin_receive, and
 * only datagrams of its peer reach it; it may be connected again, to another peer.
 *
 * What is said of Begin and End in apm/socket.h holds here. Any number of receives and of sends may be pending on one
 * socket; datagrams go to the receives in the order in which they were begun, and sends leave in that order. Several
 * that are pending at once are served by one system call where the system can do that. Those that are begun in
 * callbacks of receives that have completed together go out together, at the latest when the last of these callbacks
 * returns, or any of them waits in the library, closes the socket or shuts it down.
 *
 * A datagram that is larger than the buffer is cut to its size, and the rest is lost, without an error. A datagram may
 * be empty: 0 bytes are no end of anything.
 *
 * Datagrams of the unix domain go to a path or an abstract name, or from a connected socket to its peer, and none is
 * lost: a send for which the receiver has no room waits if the receiver is the peer, and fails otherwise. Sockets of
 * APM_SOCKET_TYPE_RAW have the same calls, where the system allows them; what they receive begins, over IPv4, with the
 * header of IP.
 */
#ifndef APM_DATAGRAM_H
#define APM_DATAGRAM_H

#include <stddef.h>

#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * Where a datagram came in: System.Net.Sockets.IPPacketInformation. `address` is the one that it was sent to, no
 * address if the system does not say; `interface_index` is 0 then, and for a datagram that came before the first
 * apm_socket_begin_receive_message_from of the socket.
 */
typedef struct apm_ip_packet_information {
    apm_ip_address address;
    int interface_index;
} apm_ip_packet_information;

/* Whether both are the same. .NET: IPPacketInformation.Equals */
APM_API bool apm_ip_packet_information_equals(apm_ip_packet_information left, apm_ip_packet_information right);

/* -- Sending to an endpoint -------------------------------------------------------------------------------------- */

/*
 * Starts sending `size` bytes as one datagram. A socket that is not bound gets a port of the system's. An IPv6 socket
 * takes an IPv4 endpoint as ::ffff:a.b.c.d, which only a dual-mode socket can reach. A connected stream sends to its
 * peer, whatever the endpoint.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL, or the endpoint is none; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is
 *          above INT_MAX; APM_ERROR_WOULD_BLOCK the socket's water marks (apm/serving.h) are reached.
 * .NET     Socket.BeginSendTo(byte[], int, int, SocketFlags, EndPoint, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_to(apm_socket socket, const void *buffer, size_t size,
                                                          apm_socket_flags flags, apm_endpoint remote,
                                                          apm_async_callback *callback, void *state,
                                                          apm_async_result *result);

/*
 * Ends a send to an endpoint: *sent is `size`, 0 with an error.
 *
 * Errors   APM_ERROR_MESSAGE_SIZE the datagram is larger than the protocol allows (65507 bytes of UDP over IPv4);
 *          APM_ERROR_ACCESS_DENIED a broadcast address, which apm_socket_set_enable_broadcast has not allowed;
 *          APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED an IPv6 endpoint on an IPv4 socket, or a path on one of IP;
 *          APM_ERROR_INVALID_ARGUMENT port 0, or an address on a socket of the unix domain; APM_ERROR_WOULD_BLOCK a
 *          receiver of the unix domain that is not the peer has no room; APM_ERROR_ADDRESS_NOT_AVAILABLE there is no
 *          such path; APM_ERROR_PROTOCOL_TYPE it is a stream's; APM_ERROR_CONNECTION_REFUSED an earlier datagram of a
 *          connected socket found nobody, or nobody has the path; APM_ERROR_NETWORK_UNREACHABLE and others of the
 *          network; APM_ERROR_SHUTDOWN a stream that is not connected, or a socket whose sending direction has ended;
 *          APM_ERROR_CONNECTION_RESET a stream whose peer has reset it; APM_ERROR_IS_CONNECTED a stream of the unix
 *          domain; APM_ERROR_OPERATION_NOT_SUPPORTED flags that a send does not know.
 * .NET     Socket.EndSendTo(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_send_to(apm_socket socket, apm_async_result result, size_t *sent);

/*
 * Sends to an endpoint and waits for it, no longer than the send time-out; behind the sends that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 * .NET     Socket.SendTo(byte[], int, int, SocketFlags, EndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send_to(apm_socket socket, const void *buffer, size_t size,
                                                    apm_socket_flags flags, apm_endpoint remote, size_t *sent);

/* -- Receiving with the sender's endpoint ------------------------------------------------------------------------ */

/*
 * Starts receiving one datagram of at most `size` bytes; what does not fit is lost. A size of 0 completes when there is
 * a datagram, and leaves it.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is above INT_MAX;
 *          APM_ERROR_INVALID_OPERATION the socket is neither bound, nor has it sent or connected.
 * .NET     Socket.BeginReceiveFrom(byte[], int, int, SocketFlags, ref EndPoint, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_receive_from(apm_socket socket, void *buffer, size_t size,
                                                               apm_socket_flags flags, apm_async_callback *callback,
                                                               void *state, apm_async_result *result);

/*
 * Ends it: *remote is the sender, *received the number of bytes in the buffer. Where the system names no sender, as of
 * a stream, *remote is the family's any address with port 0, or a unix domain socket without a name. After a failure it
 * is no endpoint.
 *
 * Errors   APM_ERROR_CONNECTION_REFUSED a datagram of a connected socket found nobody; APM_ERROR_NOT_CONNECTED a stream
 *          that is not connected; APM_ERROR_CONNECTION_RESET one whose peer has reset it;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED flags that a receive does not know.
 * .NET     Socket.EndReceiveFrom(IAsyncResult, ref EndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_receive_from(apm_socket socket, apm_async_result result,
                                                             apm_endpoint *remote, size_t *received);

/*
 * Receives a datagram and waits for it, no longer than the receive time-out; behind the receives that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 * .NET     Socket.ReceiveFrom(byte[], int, int, SocketFlags, ref EndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_from(apm_socket socket, void *buffer, size_t size,
                                                         apm_socket_flags flags, apm_endpoint *remote,
                                                         size_t *received);

/* -- Receiving with packet information --------------------------------------------------------------------------- */

/*
 * Starts receiving one datagram with what is known of it: whether it was cut, its sender, and where it came in. A size
 * of 0 takes a datagram and loses all of it.
 *
 * Borrows, blocks and errors as apm_socket_begin_receive_from.
 * .NET     Socket.BeginReceiveMessageFrom(byte[], int, int, SocketFlags, ref EndPoint, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_receive_message_from(apm_socket socket, void *buffer, size_t size,
                                                                       apm_socket_flags flags,
                                                                       apm_async_callback *callback, void *state,
                                                                       apm_async_result *result);

/*
 * Ends it. *flags has APM_SOCKET_FLAGS_TRUNCATED if the datagram did not fit, and
 * APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED if the system had more to say of it than there was room for.
 *
 * Errors   those of apm_socket_end_receive_from.
 * .NET     Socket.EndReceiveMessageFrom(IAsyncResult, ref SocketFlags, ref EndPoint, out IPPacketInformation)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_receive_message_from(apm_socket socket, apm_async_result result,
                                                                     apm_socket_flags *flags, apm_endpoint *remote,
                                                                     apm_ip_packet_information *packet_information,
                                                                     size_t *received);

/*
 * Receives so and waits for it, no longer than the receive time-out. *flags, which may be NULL for none, has the flags
 * to receive with, and then those of the datagram; a failure sets it to none. `remote`,
 * `packet_information` and `received` may be NULL.
 *
 * Errors   those of apm_socket_receive_from.
 * .NET     Socket.ReceiveMessageFrom(byte[], int, int, ref SocketFlags, ref EndPoint, out IPPacketInformation)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_message_from(apm_socket socket, void *buffer, size_t size,
                                                                 apm_socket_flags *flags, apm_endpoint *remote,
                                                                 apm_ip_packet_information *packet_information,
                                                                 size_t *received);

APM_END_DECLARATIONS

#endif
