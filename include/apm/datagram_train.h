/*
 * Trains of datagrams: several datagrams of one size in one buffer, one after another, of which the last may be
 * shorter. They are begun and ended as one operation, and where the system can, they go through it as one, too: it cuts
 * a train into datagrams as late as possible (on Linux UDP_SEGMENT), and gives what has come from one sender as a train
 * (UDP_GRO). Where it cannot, the same calls send each datagram for itself, and receive one at a time. .NET has nothing
 * of the kind.
 *
 * On the wire there are datagrams like any others: who sends a train need not know whether the other side receives
 * trains, nor the other way round.
 *
 * What is said of Begin and End in apm/socket.h and of datagrams in apm/datagram.h holds here.
 */
#ifndef APM_DATAGRAM_TRAIN_H
#define APM_DATAGRAM_TRAIN_H

#include <stddef.h>

#include "apm/datagram.h"

APM_BEGIN_DECLARATIONS

/* The room that a receive needs: no train that comes is larger, so that none is cut. */
#define APM_DATAGRAM_TRAIN_SIZE 65535

/* -- Sending ----------------------------------------------------------------------------------------------------- */

/*
 * Starts sending `size` bytes as datagrams of `datagram_size` each, and a last one with the rest. A `size` of 0 is one
 * empty datagram. They leave in their order, and none of another send comes in between. Those that are larger than what
 * the network takes at once are sent in fragments, as other datagrams are.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL, or the endpoint is none; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is
 *          above INT_MAX, or `datagram_size` is below 1; APM_ERROR_WOULD_BLOCK the socket's water marks (apm/serving.h)
 *          are reached; APM_ERROR_OPERATION_NOT_SUPPORTED the socket is not one of IP datagrams.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_send_train_to(apm_socket socket, const void *buffer, size_t size,
                                                                size_t datagram_size, apm_endpoint remote,
                                                                apm_async_callback *callback, void *state,
                                                                apm_async_result *result);

/*
 * Ends it: *sent is `size`; with an error the bytes of those that had been sent before. `sent` may be NULL.
 *
 * Errors   those of apm_socket_end_send_to.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_send_train_to(apm_socket socket, apm_async_result result, size_t *sent);

/*
 * Sends a train and waits for it, no longer than the send time-out; behind the sends that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send_train_to(apm_socket socket, const void *buffer, size_t size,
                                                          size_t datagram_size, apm_endpoint remote, size_t *sent);

/* -- Receiving --------------------------------------------------------------------------------------------------- */

/*
 * Starts receiving a train: as many datagrams of one sender and one size as the system has joined, or one alone.
 *
 * The first of these calls makes the socket one that receives trains, and it stays one: from then on every receive of
 * another kind is refused (APM_ERROR_INVALID_OPERATION), because it could not tell where a datagram ends.
 *
 * Borrows  buffer, until the callback is invoked or a wait on the result returns.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is below 65535
 *          (APM_DATAGRAM_TRAIN_SIZE), or above INT_MAX; APM_ERROR_OPERATION_NOT_SUPPORTED the socket is not one of
 *          datagrams; APM_ERROR_INVALID_OPERATION the socket is neither bound, nor has it sent or connected; or
 *          receives of another kind are pending.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_receive_train_from(apm_socket socket, void *buffer, size_t size,
                                                                     apm_async_callback *callback, void *state,
                                                                     apm_async_result *result);

/*
 * Ends it: *remote is the sender, *received the number of bytes in the buffer, and *datagram_size that of each datagram
 * but the last, which is the rest; both are 0 for an empty datagram. After a failure *remote is no endpoint, and the
 * sizes are 0. Each of the three may be NULL.
 *
 * Errors   those of apm_socket_end_receive_from.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_receive_train_from(apm_socket socket, apm_async_result result,
                                                                   apm_endpoint *remote, size_t *datagram_size,
                                                                   size_t *received);

/*
 * Receives a train and waits for it, no longer than the receive time-out; behind the receives that are pending.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_CONNECTION_ABORTED the socket was closed meanwhile.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_receive_train_from(apm_socket socket, void *buffer, size_t size,
                                                               apm_endpoint *remote, size_t *datagram_size,
                                                               size_t *received);

APM_END_DECLARATIONS

#endif
