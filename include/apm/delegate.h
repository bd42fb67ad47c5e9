/*
 * Delegates: any function on the pool, with an asynchronous result.
 *
 * What .NET Framework's delegates had as BeginInvoke and EndInvoke (later .NETs throw PlatformNotSupportedException).
 * The Begin and End contract is that of apm/socket.h.
 */
#ifndef APM_DELEGATE_H
#define APM_DELEGATE_H

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* A function of one argument and one value. It runs on a pool thread and must return, as a callback must. */
typedef void *apm_delegate(void *argument);

/*
 * Queues a call of `delegate` with `argument` on the pool. apm_async_result_cancel and a deadline end it with
 * APM_ERROR_OPERATION_ABORTED or APM_ERROR_TIMED_OUT if it has not started; one that has is not interrupted.
 *
 * `argument` is only passed on.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `delegate` is NULL, or neither `callback` nor `result` is given; APM_ERROR_ARGUMENT
 *          no pool; APM_ERROR_OBJECT_DISPOSED it has been destroyed; APM_ERROR_OUT_OF_MEMORY;
 *          APM_ERROR_INVALID_OPERATION the pool is being ended, or in a child after fork.
 * .NET     delegate.BeginInvoke(..., AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_delegate_begin_invoke(apm_thread_pool pool, apm_delegate *delegate, void *argument,
                                                           apm_async_callback *callback, void *state,
                                                           apm_async_result *result);

/*
 * Ends a call: waits until it has returned, and gives its value.
 *
 * Success  *value is what `delegate` returned. `value` may be NULL.
 * Failure  *value is NULL.
 * Errors   APM_ERROR_OPERATION_ABORTED, APM_ERROR_TIMED_OUT it was ended before it started;
 *          APM_ERROR_ARGUMENT the result is that of another call; and those of every End.
 * .NET     delegate.EndInvoke(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_delegate_end_invoke(apm_delegate *delegate, apm_async_result result, void **value);

APM_END_DECLARATIONS

#endif
