/*
 * Wait handles: manual-reset and auto-reset events, and the waits over them, over asynchronous results, semaphores,
 * mutexes and countdown events.
 *
 * Time-outs are in milliseconds: -1 waits for ever, 0 only looks. A wait may be made on any thread; on a pool thread it
 * tells the pool first, which puts another thread in its place, so that a wait never stops completions.
 *
 * A wait in progress holds the object: an event that is closed while somebody waits on it can still be set until the
 * last waiter has gone, as in .NET.
 */
#ifndef APM_WAIT_HANDLE_H
#define APM_WAIT_HANDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* Timeout.Infinite */
#define APM_TIMEOUT_INFINITE (-1)

/* The most handles that one wait takes. */
#define APM_WAIT_HANDLE_MAX_COUNT 64

/*
 * Waits until the object is signalled; an auto-reset event, a token of a semaphore or a mutex is taken by the wait.
 * Waits for one object are served in the order in which they came.
 *
 * Threads  any, but not where it may not block.
 * Blocks   until signalled, at most `timeout_ms`.
 * Errors   APM_ERROR_WAIT_TIMEOUT the time is up (.NET returns false);
 *          APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1; APM_ERROR_OBJECT_DISPOSED the object is closed;
 *          APM_ERROR_ABANDONED_MUTEX the wait has succeeded, and took a mutex that its owner had abandoned;
 *          APM_ERROR_OUT_OF_MEMORY the thread's first wait for a mutex could not be provided for;
 *          APM_ERROR_DEADLOCK a wait without limit for an event, on a pool thread: for a second every thread of the
 *          pool, at its maximum, was in such a wait, while callbacks that might end it were ready and no thread could
 *          run them.
 * .NET     WaitHandle.WaitOne(int)
 */
APM_API APM_MUST_CHECK apm_error apm_wait_handle_wait_one(apm_wait_handle handle, int timeout_ms);

/*
 * Waits until one of `count` objects is signalled and takes that one only; *index is its place, the lowest one if
 * several are signalled.
 *
 * Failure  *index is `count`; but after APM_ERROR_ABANDONED_MUTEX it is the place of the mutex, which has been taken.
 * Errors   those of apm_wait_handle_wait_one for any of the handles; APM_ERROR_ARGUMENT_NULL a pointer is NULL;
 *          APM_ERROR_ARGUMENT `count` is 0; APM_ERROR_NOT_SUPPORTED more than APM_WAIT_HANDLE_MAX_COUNT handles.
 * .NET     WaitHandle.WaitAny(WaitHandle[], int)
 */
APM_API APM_MUST_CHECK apm_error apm_wait_handle_wait_any(const apm_wait_handle *handles, size_t count, int timeout_ms,
                                                          size_t *index);

/*
 * Waits until all of `count` objects are signalled at the same moment, and takes them together; until then it takes
 * nothing. It is released in the moment in which the last one is signalled, also if that is taken back at once.
 *
 * Errors   those of apm_wait_handle_wait_any, with APM_ERROR_ABANDONED_MUTEX if one of several mutexes was abandoned:
 *          all objects have been taken; APM_ERROR_ARGUMENT the same handle twice (.NET: DuplicateWaitObject).
 * .NET     WaitHandle.WaitAll(WaitHandle[], int)
 */
APM_API APM_MUST_CHECK apm_error apm_wait_handle_wait_all(const apm_wait_handle *handles, size_t count, int timeout_ms);

/*
 * Signals an object and in the same moment begins to wait for another one, or the same: nothing that another thread
 * does because of the signal can come before the wait.
 *
 * Failure  the object has been signalled if the error is APM_ERROR_WAIT_TIMEOUT, APM_ERROR_DEADLOCK or
 *          APM_ERROR_ABANDONED_MUTEX, and has not otherwise.
 * Errors   those of apm_wait_handle_wait_one for either handle; APM_ERROR_INVALID_OPERATION the object to signal is a
 *          semaphore that is full, or neither an event, a semaphore nor a mutex; APM_ERROR_APPLICATION it is a mutex
 *          that the calling thread does not own; APM_ERROR_ABANDONED_MUTEX as for apm_mutex_wait_one.
 * .NET     WaitHandle.SignalAndWait(WaitHandle, WaitHandle, int, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_wait_handle_signal_and_wait(apm_wait_handle to_signal, apm_wait_handle to_wait_on,
                                                                 int timeout_ms);

/*
 * Creates an event that stays signalled until it is reset.
 *
 * Success  *event is the handle; apm_manual_reset_event_close ends it.
 * Failure  *event is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `event` is NULL; APM_ERROR_OUT_OF_MEMORY.
 * .NET     ManualResetEvent(bool)
 */
APM_API APM_MUST_CHECK apm_error apm_manual_reset_event_create(bool initial_state, apm_manual_reset_event *event);

/*
 * Creates an event that one wait takes each time it is set.
 *
 * Success  *event is the handle; apm_auto_reset_event_close ends it.
 * Failure  *event is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `event` is NULL; APM_ERROR_OUT_OF_MEMORY.
 * .NET     AutoResetEvent(bool)
 */
APM_API APM_MUST_CHECK apm_error apm_auto_reset_event_create(bool initial_state, apm_auto_reset_event *event);

/*
 * Signals the event: a manual-reset event releases every wait in progress, an auto-reset event the longest one, or
 * stays signalled for the next. Reset takes the signal back.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_OBJECT_DISPOSED the event is closed and nobody waits on it.
 * .NET     EventWaitHandle.Set(), EventWaitHandle.Reset()
 */
APM_API apm_error apm_manual_reset_event_set(apm_manual_reset_event event);
APM_API apm_error apm_manual_reset_event_reset(apm_manual_reset_event event);
APM_API apm_error apm_auto_reset_event_set(apm_auto_reset_event event);
APM_API apm_error apm_auto_reset_event_reset(apm_auto_reset_event event);

/* apm_wait_handle_wait_one on the event. */
APM_API APM_MUST_CHECK apm_error apm_manual_reset_event_wait_one(apm_manual_reset_event event, int timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_auto_reset_event_wait_one(apm_auto_reset_event event, int timeout_ms);

/*
 * Closes the event. Closing it again succeeds and does nothing.
 *
 * Threads  any. Waits in progress go on and can still be released by set.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued.
 * .NET     WaitHandle.Close(), WaitHandle.Dispose()
 */
APM_API apm_error apm_manual_reset_event_close(apm_manual_reset_event event);
APM_API apm_error apm_auto_reset_event_close(apm_auto_reset_event event);

/* The event as a wait handle, for waits over several objects. It is the same object: closing the event ends it. */
static inline apm_wait_handle apm_manual_reset_event_to_wait_handle(apm_manual_reset_event event)
{
    apm_wait_handle handle = {event.bits};
    return handle;
}

static inline apm_wait_handle apm_auto_reset_event_to_wait_handle(apm_auto_reset_event event)
{
    apm_wait_handle handle = {event.bits};
    return handle;
}

APM_END_DECLARATIONS

#endif
