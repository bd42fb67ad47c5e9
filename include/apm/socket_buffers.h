/*
 * Lists of buffers: one receive that fills several, one send that takes its bytes from several. What apm/socket.h says
 * of every Begin and End holds here, too.
 *
 * The list is copied by Begin; the buffers are not, and are borrowed as the buffer of a plain receive or send is. Empty
 * buffers may stand anywhere in it.
 */
#ifndef APM_SOCKET_BUFFERS_H
#define APM_SOCKET_BUFFERS_H

#include "apm/array_segment.h"
#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * Starts receiving into `count` buffers, which are filled one after another. A list whose sizes add up to 0 completes
 * when there is something to receive. To be ended by apm_socket_end_receive.
 *
 * Borrows  the buffers, until the callback is invoked or a wait on the result returns; not the list.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffers`, or a buffer in it, is NULL; APM_ERROR_ARGUMENT `count` is 0;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the sizes add up to more than INT_MAX.
 * .NET     Socket.BeginReceive(IList<ArraySegment<byte>>, SocketFlags, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_receive_buffers(apm_socket socket, const apm_array_segment *buffers,
                                                                  size_t count, apm_socket_flags flags,
                                                                  apm_async_callback *callback, void *state,
                                                                  apm_async_result *result);

/*
 * Receives into several buffers and waits for it, no longer than the receive time-out. `received` may be NULL.
 *
 * Errors   those of Begin; those of apm_socket_receive.
 * .NET     Socket.Receive(IList<ArraySegment<byte>>, SocketFlags)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_buffers(apm_socket socket, const apm_array_segment *buffers,
                                                            size_t count, apm_socket_flags flags, size_t *received);

/*
 * Starts sending the bytes of `count` buffers, one after another, as one send: it completes when the system has
 * accepted all of them, and they are contiguous in the stream. To be ended by apm_socket_end_send.
 *
 * Borrows  the buffers, until the callback is invoked or a wait on the result returns; not the list.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffers`, or a buffer in it, is NULL; APM_ERROR_ARGUMENT `count` is 0;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the sizes add up to more than INT_MAX; APM_ERROR_WOULD_BLOCK the socket's
 *          water marks (apm/serving.h) are reached.
 * .NET     Socket.BeginSend(IList<ArraySegment<byte>>, SocketFlags, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_buffers(apm_socket socket, const apm_array_segment *buffers,
                                                               size_t count, apm_socket_flags flags,
                                                               apm_async_callback *callback, void *state,
                                                               apm_async_result *result);

/*
 * Sends the bytes of several buffers and waits for it, no longer than the send time-out. `sent` may be NULL.
 *
 * Errors   those of Begin; those of apm_socket_send, with *sent as there.
 * .NET     Socket.Send(IList<ArraySegment<byte>>, SocketFlags)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send_buffers(apm_socket socket, const apm_array_segment *buffers,
                                                         size_t count, apm_socket_flags flags, size_t *sent);

APM_END_DECLARATIONS

#endif
