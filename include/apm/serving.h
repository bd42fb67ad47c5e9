/*
 * What servers need beyond operations: callbacks of a connection that never overlap, a bound for what is waiting to be
 * sent, and an orderly end. docs/serving.md says how they are used together.
 *
 * What is said in apm/socket.h of all its functions, of Begins and of Ends, holds here as well. .NET has none of this
 * in System.Net.Sockets; what comes nearest in its servers is named.
 */
#ifndef APM_SERVING_H
#define APM_SERVING_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* -- Serialised sockets ------------------------------------------------------------------------------------------ */

/*
 * Whether the callbacks of the socket's operations run one after another, in the order in which the operations
 * completed (a strand, in other libraries). False at first. Setting it holds for the operations that are begun from
 * then on, and for the sockets that accepts begun from then on give: each of them is serialised by itself.
 *
 * An operation completes when its outcome is there, and does not wait for its callback's turn: in a callback, an End or
 * a wait for another operation of the socket returns as it does elsewhere. What a callback may not wait for is
 * something that another callback of the same socket does: that one runs when this one has returned.
 *
 * Threads  any. Callbacks run on any worker of the pool, and a callback sees what those before it did. No thread is
 *          blocked by one that waits for its turn.
 * Errors   APM_ERROR_OUT_OF_MEMORY.
 * .NET     ConcurrentExclusiveSchedulerPair.ExclusiveScheduler, in effect
 */
APM_API APM_MUST_CHECK apm_error apm_socket_serialised(apm_socket socket, bool *serialised);
APM_API APM_MUST_CHECK apm_error apm_socket_set_serialised(apm_socket socket, bool serialised);

/*
 * Has the callback run like that of an operation that has just completed: of a serialised socket, in its turn. So
 * timers and other connections come to the state of this one without a lock. The result has completed when this
 * returns; its End gives success.
 *
 * .NET     SynchronizationContext.Post(SendOrPostCallback, object), in effect
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_post(apm_socket socket, apm_async_callback *callback, void *state,
                                                       apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_socket_end_post(apm_socket socket, apm_async_result result);

/* -- Backpressure ------------------------------------------------------------------------------------------------ */

/*
 * How much may be waiting to be sent. A send is pending, with its whole size, from its Begin until its callback is
 * called, or, if it has none, until it has completed: what the program keeps in memory for it. A high mark of 0 is
 * none.
 */
typedef struct apm_send_water_marks {
    size_t high_bytes; /* from this many pending bytes on, apm_socket_begin_send is refused */
    size_t low_bytes;  /* below high_bytes: at this many or less, a wait for room ends */
    size_t high_sends; /* the same for the number of pending sends */
    size_t low_sends;
} apm_send_water_marks;

/*
 * The socket's water marks; none at first. While a mark is reached apm_socket_begin_send fails with
 * APM_ERROR_WOULD_BLOCK: so less than `high_bytes` and the size of one send are ever pending. A synchronous send is let
 * through, since its thread waits for it; it counts. Sockets that accepts begun from then on give have the same marks.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE a low mark is not below its high mark, or there is one without a high mark;
 *          APM_ERROR_OUT_OF_MEMORY.
 * .NET     PipeOptions.PauseWriterThreshold, PipeOptions.ResumeWriterThreshold
 */
APM_API APM_MUST_CHECK apm_error apm_socket_send_water_marks(apm_socket socket, apm_send_water_marks *marks);
APM_API APM_MUST_CHECK apm_error apm_socket_set_send_water_marks(apm_socket socket, apm_send_water_marks marks);

/* How much is pending now, with marks or without. `bytes` or `sends` may be NULL, but not both. */
APM_API APM_MUST_CHECK apm_error apm_socket_pending_sends(apm_socket socket, size_t *bytes, size_t *sends);

/*
 * Starts waiting for room to send: completes when the pending sends are at the low mark or below, at once if they are.
 * A send begun then is not refused, unless others have been begun before it. Several waits end together. A connection
 * that breaks ends its sends, and so the waits with success; the next send says what has happened.
 *
 * .NET     PipeWriter.FlushAsync()
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_wait_sendable(apm_socket socket, apm_async_callback *callback,
                                                                void *state, apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_socket_end_wait_sendable(apm_socket socket, apm_async_result result);

/* The same, waiting; at most for the socket's send time-out. Also APM_ERROR_CONNECTION_ABORTED closed meanwhile. */
APM_API APM_MUST_CHECK apm_error apm_socket_wait_sendable(apm_socket socket);

/* -- Draining ---------------------------------------------------------------------------------------------------- */

/*
 * Starts draining a listener: no further connections, and an end for those that it has accepted, which completes when
 * all of them are closed, or after `timeout_ms` milliseconds (-1: no limit).
 *
 *   The listener   Connections that are waiting in the backlog are still given to accepts, pending or begun now. The
 *                  first accept that finds none ends with APM_ERROR_OPERATION_ABORTED: then the listener refuses
 *                  connections, accepts are APM_ERROR_INVALID_OPERATION, and what is left is to close it.
 *   A connection   is told once: the first of its receives that would have to wait, one that is pending already
 *                  included, completes with APM_ERROR_DISCONNECTING. What has arrived comes first, nothing is lost,
 *                  and the socket works on as before: a program that is in the middle of a request receives again,
 *                  one that is between two closes the connection. Also, apm_socket_is_draining is true.
 *
 * To cancel the result is to end the time limit early. A drain cannot be taken back.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the socket is not listening; APM_ERROR_ALREADY_IN_PROGRESS it is being drained;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1.
 * .NET     IHost.StopAsync(), as Kestrel does it
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_drain(apm_socket listener, int timeout_ms,
                                                        apm_async_callback *callback, void *state,
                                                        apm_async_result *result);

/*
 * Ends a drain: closes the connections that are still open, as apm_socket_close does, and gives their number in
 * *closed, which is set on failure as well. Success: there were none. The listener stays the program's to close.
 *
 * Errors   APM_ERROR_TIMED_OUT the time was up; APM_ERROR_OPERATION_ABORTED cancelled, or the listener closed.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_end_drain(apm_socket listener, apm_async_result result, size_t *closed);

/*
 * Drains and waits for it. Not in a callback that would have to return before a connection can be closed.
 *
 * Errors   those of Begin and End.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_drain(apm_socket listener, int timeout_ms, size_t *closed);

/*
 * Whether a listener, or the listener that has accepted the socket, is being drained: an answer that is sent now should
 * be its connection's last. False for anything that is not an open socket.
 */
APM_API bool apm_socket_is_draining(apm_socket socket);

/*
 * How many of the connections that a listener has accepted are open. One whose accept has not been ended counts.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the socket has never been a listener.
 */
APM_API APM_MUST_CHECK apm_error apm_socket_connection_count(apm_socket listener, size_t *count);

APM_END_DECLARATIONS

#endif
