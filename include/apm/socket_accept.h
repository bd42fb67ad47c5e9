/*
 * Accepts that also receive, and accepts into a socket that exists. What apm/socket.h says of every Begin and End holds
 * here, too.
 *
 * An accept with a receive size completes when the first data has come on the connection that it has taken, or the peer
 * has ended its stream. While it waits for that it holds up no other accept, and it does not lose the connection:
 * cancelling it, a deadline, closing the listener, or an error of the connection end the waiting, and it completes with
 * success, the connection and 0 bytes. An error of the connection is the first thing that its next receive gives. A
 * drain of the listener (apm/serving.h) ends the waiting, too.
 */
#ifndef APM_SOCKET_ACCEPT_H
#define APM_SOCKET_ACCEPT_H

#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * Starts accepting a connection and receiving its first data, up to `receive_size` bytes, into `buffer`. With a size of
 * 0 it completes with the connection. To be ended by apm_socket_end_accept_receive.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   those of apm_socket_begin_accept; APM_ERROR_ARGUMENT_NULL `buffer` is NULL and the size is not 0;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the size is above INT_MAX.
 * .NET     Socket.BeginAccept(int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_accept_receive(apm_socket socket, void *buffer, size_t receive_size,
                                                                 apm_async_callback *callback, void *state,
                                                                 apm_async_result *result);

/*
 * The same, and `accept_socket` becomes the connection: a socket of the listener's family that is neither bound nor
 * connected. Its options and time-outs are those of an accepted socket afterwards, and it is one of its listener's
 * connections; it stays on its own pool, and what apm/serving.h lets one set of it stays as it is.
 * Meanwhile it cannot connect, and receives that are begun on it wait. Without an accept socket, the null handle, this
 * is apm_socket_begin_accept_receive.
 *
 * Errors   those of apm_socket_begin_accept_receive; APM_ERROR_OBJECT_DISPOSED or APM_ERROR_ARGUMENT `accept_socket` is
 *          closed, or none; APM_ERROR_NOT_SUPPORTED its family or type is not the listener's.
 * .NET     Socket.BeginAccept(Socket, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_accept_socket(apm_socket socket, apm_socket accept_socket,
                                                                void *buffer, size_t receive_size,
                                                                apm_async_callback *callback, void *state,
                                                                apm_async_result *result);

/*
 * Ends either: *accepted is the connection, which apm_socket_close ends, and *transferred the number of bytes received,
 * which may be 0 (see above). `accepted` may not be NULL.
 *
 * Errors   those of apm_socket_end_accept; APM_ERROR_INVALID_OPERATION the accept socket was bound or connected, or
 *          another accept had it; APM_ERROR_OPERATION_ABORTED also if the accept socket was closed before a connection
 *          came, which is closed then.
 * .NET     Socket.EndAccept(out byte[], IAsyncResult), Socket.EndAccept(out byte[], out int, IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_accept_receive(apm_socket socket, apm_async_result result,
                                                               apm_socket *accepted, size_t *transferred);

APM_END_DECLARATIONS

#endif
