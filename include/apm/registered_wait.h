/*
 * Registered waits: a callback when an object is signalled, or when a time is up, without a thread that waits.
 */
#ifndef APM_REGISTERED_WAIT_H
#define APM_REGISTERED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/wait_handle.h"

APM_BEGIN_DECLARATIONS

/*
 * What a registered wait calls: on a pool thread, under no lock of the library. `timed_out` is false if the object was
 * signalled, and true if the time was up before. It may call every function of the library but apm_cleanup,
 * unregistering its own wait included. It must return: pthread_exit, cancellation, longjmp and C++ exceptions may not
 * leave it.
 *
 * .NET     WaitOrTimerCallback
 */
typedef void apm_wait_or_timer_callback(void *state, bool timed_out);

/*
 * Waits for an event, a semaphore, a countdown event or a result, and calls `callback` on the pool when it is
 * signalled, or when `timeout_ms` milliseconds have passed without that (0: at once, if it is not signalled; -1: no
 * limit). It waits in line with the threads that wait for the object, and takes its signal as they do: each signal of
 * an auto-reset event, each count of a semaphore, goes to one of them.
 *
 * With `execute_only_once` that is all. Otherwise it waits again at once, and the time starts anew, until it is
 * unregistered. Each signal that is taken brings a callback, also while others run: callbacks may overlap. An object
 * that stays signalled, such as a manual-reset event that nobody resets, brings one callback after the other, each
 * begun when the one before has been. A time-out does not come in addition to a callback that has not begun yet.
 *
 * It holds what it waits for: an event that is closed can still be set as long as it is registered.
 *
 * Success  *registered is the handle, before the callback can run. It must be unregistered, also if it executes once.
 * Failure  *registered is the null handle.
 * Borrows  state, until no callback runs or will run: see apm_registered_wait_handle_unregister.
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `registered` or `callback` is NULL, or a null wait handle; APM_ERROR_ARGUMENT no
 *          wait handle that was ever issued, or no pool; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1 or
 *          above INT32_MAX; APM_ERROR_OBJECT_DISPOSED the event is closed; APM_ERROR_NOT_SUPPORTED a mutex, which
 *          only a thread can own; APM_ERROR_OUT_OF_MEMORY, also where the pool cannot be started;
 *          APM_ERROR_INVALID_OPERATION during apm_cleanup, or in a child after fork.
 * .NET     ThreadPool.RegisterWaitForSingleObject(WaitHandle, WaitOrTimerCallback, object, long, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_register_wait_for_single_object(
    apm_thread_pool pool, apm_wait_handle handle, apm_wait_or_timer_callback *callback, void *state, int64_t timeout_ms,
    bool execute_only_once, apm_registered_wait_handle *registered);

/*
 * Ends the wait: it takes no signal any more and does not time out. A callback whose signal it has taken, or whose time
 * was up, still comes; `completion_event`, unless it is the null handle, is set when none runs or will run, which may
 * be at once. In the wait's own callback it is set when that has returned. That is the moment to free what the
 * callbacks use.
 *
 * Failure  the wait is as it was, and the event will not be set.
 * Threads  any, the wait's own callback included.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null `registered`; APM_ERROR_ARGUMENT one that was never issued, or
 *          `completion_event` is the handle of something that is no event; APM_ERROR_OBJECT_DISPOSED it has been
 *          unregistered before (.NET returns false), or the event is closed; APM_ERROR_INVALID_OPERATION in a child
 *          after fork.
 * .NET     RegisteredWaitHandle.Unregister(WaitHandle)
 */
APM_API APM_MUST_CHECK apm_error apm_registered_wait_handle_unregister(apm_registered_wait_handle registered,
                                                                       apm_wait_handle completion_event);

APM_END_DECLARATIONS

#endif
