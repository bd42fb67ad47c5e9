/*
 * Asynchronous results: the handle of an operation between its Begin and its End, and the callback.
 *
 * Every Begin that returns APM_ERROR_SUCCESS is matched by exactly one End, in the callback, in a waiter or in any
 * other thread. A result that has been ended is refused by a second End, and is "completed" to every question.
 */
#ifndef APM_ASYNC_RESULT_H
#define APM_ASYNC_RESULT_H

#include <stdbool.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * What a Begin calls when its operation has completed: once, on a pool thread, never inside Begin, under no lock of the
 * library. `result` is bit-identical to what Begin stored. Every function of the library may be called in it but
 * apm_cleanup, and apm_socket_close_and_wait on its own socket. It must return: pthread_exit, cancellation, longjmp and
 * C++ exceptions may not leave it.
 *
 * .NET     AsyncCallback
 */
typedef void apm_async_callback(apm_async_result result);

/*
 * The `state` that Begin was given, or NULL if the handle names no result that is still held. A result is held until
 * End has been called and its callback has returned.
 *
 * .NET     IAsyncResult.AsyncState
 */
APM_API void *apm_async_result_async_state(apm_async_result result);

/*
 * The socket that the operation was begun on; the null handle if it had none (a name look-up) or the handle names no
 * result that is still held. The socket may be closed.
 */
APM_API apm_socket apm_async_result_socket(apm_async_result result);

/*
 * The same for operations of a stream, a TCP client or a TCP listener, which have no socket in this sense: the null
 * handle if the operation was begun on something else.
 */
APM_API apm_stream apm_async_result_stream(apm_async_result result);
APM_API apm_tcp_client apm_async_result_tcp_client(apm_async_result result);
APM_API apm_tcp_listener apm_async_result_tcp_listener(apm_async_result result);

/*
 * Whether the operation has completed. True also for a result that has been ended, and for no handle at all: there is
 * nothing left to wait for. When it is true, the operation's buffer is the caller's again.
 *
 * .NET     IAsyncResult.IsCompleted
 */
APM_API bool apm_async_result_is_completed(apm_async_result result);

/* Always false: callbacks never run inside Begin. .NET: IAsyncResult.CompletedSynchronously */
APM_API bool apm_async_result_completed_synchronously(apm_async_result result);

/*
 * The result as a wait handle, signalled when the operation has completed and ever after. It is a view of the result,
 * not an object of its own: there is nothing to close.
 *
 * .NET     IAsyncResult.AsyncWaitHandle
 */
APM_API apm_wait_handle apm_async_result_async_wait_handle(apm_async_result result);

/*
 * Asks for the operation to end now. If it has not completed by then it completes with APM_ERROR_OPERATION_ABORTED, as
 * always with its callback; a completion that came first stands.
 *
 * A send that is cut short after some of its bytes were accepted reports their number with the error; further sends on
 * that socket fail, and closing it resets the connection, so that the peer cannot take a part for the whole.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no result that was ever issued;
 *          APM_ERROR_INVALID_OPERATION the result has been ended.
 */
APM_API apm_error apm_async_result_cancel(apm_async_result result);

/*
 * Sets the operation's deadline: if it has not completed `timeout_ms` milliseconds from now it is cancelled and
 * completes with APM_ERROR_TIMED_OUT. A second call replaces the deadline; -1 takes it away; 0 is now.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   those of apm_async_result_cancel; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1;
 *          APM_ERROR_OUT_OF_MEMORY the deadline could not be recorded, and the operation goes on without.
 */
APM_API APM_MUST_CHECK apm_error apm_async_result_cancel_after(apm_async_result result, int timeout_ms);

APM_END_DECLARATIONS

#endif
