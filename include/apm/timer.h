/*
 * Timers: a callback at a time, once or again and again.
 *
 * A timer belongs to a pool, whose workers run its callbacks. Times are in milliseconds of the monotonic clock, from 0
 * to APM_TIMER_MAX_MS; APM_TIMEOUT_INFINITE (-1) is never. A callback is never early. It does not wait for the one
 * before: if a callback takes longer than the period, several run at the same time, on several workers.
 *
 * Nothing in a timer's life but its creation needs memory, so nothing else fails for want of it.
 */
#ifndef APM_TIMER_H
#define APM_TIMER_H

#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/wait_handle.h"

APM_BEGIN_DECLARATIONS

/* The longest due time, and the longest period: about 49 days. */
#define APM_TIMER_MAX_MS INT64_C(4294967294)

/*
 * What a timer calls: on a pool thread, under no lock of the library. It may call every function of the library but
 * apm_cleanup, closing its own timer included. It must return: pthread_exit, cancellation, longjmp and C++ exceptions
 * may not leave it.
 *
 * .NET     TimerCallback
 */
typedef void apm_timer_callback(void *state);

/*
 * Creates a timer, and arms it unless `due_time_ms` is -1: it first fires `due_time_ms` from now, 0 being at once, and
 * then each `period_ms`; with a period of 0 or -1 it fires once. Its periods do not drift: the next time is the one
 * before plus the period, however late a callback was. Only a timer that has missed a whole period fires a millisecond
 * later instead, and counts on from there.
 *
 * A callback that is due while the one before has not begun, because no worker is free, does not come in addition.
 *
 * Success  *timer is the handle, before the first callback can run; apm_timer_close ends it.
 * Failure  *timer is the null handle.
 * Borrows  state, until no callback runs or will run: see apm_timer_close_and_signal.
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL `timer` or `callback` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE a time is below -1 or
 *          above APM_TIMER_MAX_MS; APM_ERROR_ARGUMENT no pool; APM_ERROR_OBJECT_DISPOSED it has been destroyed;
 *          APM_ERROR_OUT_OF_MEMORY, also where the pool cannot be started; APM_ERROR_INVALID_OPERATION during
 *          apm_cleanup, or in a child after fork.
 * .NET     Timer(TimerCallback, object, long, long)
 */
APM_API APM_MUST_CHECK apm_error apm_timer_create(apm_thread_pool pool, apm_timer_callback *callback, void *state,
                                                  int64_t due_time_ms, int64_t period_ms, apm_timer *timer);

/*
 * Creates a timer that has itself as its state, not armed: `state` points to the timer's handle, an apm_timer, which
 * may be read until the callback returns.
 *
 * Success, failure, threads, blocks as apm_timer_create.
 * Errors   those of apm_timer_create.
 * .NET     Timer(TimerCallback)
 */
APM_API APM_MUST_CHECK apm_error apm_timer_create_callback(apm_thread_pool pool, apm_timer_callback *callback,
                                                           apm_timer *timer);

/*
 * Arms the timer anew, as apm_timer_create does, whatever it was armed for; -1 disarms it. A callback that has become
 * due but has not begun does not come any more; callbacks that run are not disturbed.
 *
 * Threads  any, the timer's own callback included.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE a time is below -1 or above APM_TIMER_MAX_MS; APM_ERROR_ARGUMENT_NULL a null
 *          handle; APM_ERROR_ARGUMENT no handle that was ever issued; APM_ERROR_OBJECT_DISPOSED the timer is closed
 *          (.NET returns false); APM_ERROR_INVALID_OPERATION in a child after fork.
 * .NET     Timer.Change(long, long)
 */
APM_API APM_MUST_CHECK apm_error apm_timer_change(apm_timer timer, int64_t due_time_ms, int64_t period_ms);

/*
 * Closes the timer: no callback begins any more, but one that a worker has already taken up may still be running, or
 * just about to. Closing it again succeeds and does nothing.
 *
 * Threads  any, the timer's own callback included.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_INVALID_OPERATION in a child after fork.
 * .NET     Timer.Dispose()
 */
APM_API apm_error apm_timer_close(apm_timer timer);

/*
 * Closes the timer, and sets the event as soon as no callback of the timer runs or will run: at once, or when the last
 * one returns. That is the moment to free what the callbacks use. In the timer's own callback it is set when that has
 * returned. The event may be closed meanwhile.
 *
 * Failure  the timer is as it was, and the event will not be set.
 * Threads  any, the timer's own callback included.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued, or one of
 *          something that is no event; APM_ERROR_OBJECT_DISPOSED the timer was closed before (.NET returns false), or
 *          the event is; APM_ERROR_INVALID_OPERATION in a child after fork.
 * .NET     Timer.Dispose(WaitHandle)
 */
APM_API APM_MUST_CHECK apm_error apm_timer_close_and_signal(apm_timer timer, apm_wait_handle event);

/*
 * How many timers of the process are armed: those that will fire, or are due and have not begun to.
 *
 * .NET     Timer.ActiveCount
 */
APM_API int64_t apm_timer_active_count(void);

APM_END_DECLARATIONS

#endif
