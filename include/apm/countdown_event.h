/*
 * Countdown events: signalled when something has happened a number of times, and as long as its count is zero.
 *
 * What is said of events in apm/wait_handle.h about time-outs and pool threads holds for them, too. A countdown event
 * that is closed cannot be signalled any more, as in .NET: a wait in progress ends when its time is up.
 */
#ifndef APM_COUNTDOWN_EVENT_H
#define APM_COUNTDOWN_EVENT_H

#include <stdbool.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Creates an event that is signalled after `initial_count` signals; at once if that is 0.
 *
 * Success  *event is the handle; apm_countdown_event_close ends it.
 * Failure  *event is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `event` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `initial_count` is negative;
 *          APM_ERROR_OUT_OF_MEMORY.
 * .NET     CountdownEvent(int)
 */
APM_API APM_MUST_CHECK apm_error apm_countdown_event_create(int initial_count, apm_countdown_event *event);

/*
 * Takes `signal_count` off the count. *is_set, if not NULL, is whether this call has brought it to zero, which releases
 * every wait.
 *
 * Failure  nothing changes; *is_set is false.
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_INVALID_OPERATION the count is lower than that; APM_ERROR_ARGUMENT_OUT_OF_RANGE `signal_count` is
 *          below 1; APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_OBJECT_DISPOSED the event is closed.
 * .NET     CountdownEvent.Signal(int)
 */
APM_API apm_error apm_countdown_event_signal(apm_countdown_event event, int signal_count, bool *is_set);

/*
 * Adds to the count, which must not be zero.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   those of apm_countdown_event_signal, with APM_ERROR_INVALID_OPERATION if the count is zero or would exceed
 *          INT_MAX.
 * .NET     CountdownEvent.AddCount(int)
 */
APM_API APM_MUST_CHECK apm_error apm_countdown_event_add_count(apm_countdown_event event, int signal_count);

/*
 * The same, but a count of zero is no error: nothing is added then. *added is whether it was.
 *
 * Errors   those of apm_countdown_event_add_count; APM_ERROR_ARGUMENT_NULL also if `added` is NULL.
 * .NET     CountdownEvent.TryAddCount(int)
 */
APM_API APM_MUST_CHECK apm_error apm_countdown_event_try_add_count(apm_countdown_event event, int signal_count,
                                                                   bool *added);

/*
 * Sets count and initial count. With a count of zero the event is signalled.
 *
 * Threads  any. Between this and signals of other threads there is no order but the one that the program sees to.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `count` is negative; those of the handle, as for apm_countdown_event_signal.
 * .NET     CountdownEvent.Reset(int)
 */
APM_API apm_error apm_countdown_event_reset(apm_countdown_event event, int count);

/*
 * The count, and the one that it started from.
 *
 * Failure  *count is 0.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle, or `count` is NULL; APM_ERROR_ARGUMENT no handle that was ever
 *          issued; APM_ERROR_OBJECT_DISPOSED the event is closed.
 * .NET     CountdownEvent.CurrentCount, CountdownEvent.InitialCount
 */
APM_API APM_MUST_CHECK apm_error apm_countdown_event_current_count(apm_countdown_event event, int *count);
APM_API APM_MUST_CHECK apm_error apm_countdown_event_initial_count(apm_countdown_event event, int *count);

/*
 * Whether the count is zero. False for what is no open countdown event.
 *
 * .NET     CountdownEvent.IsSet
 */
APM_API bool apm_countdown_event_is_set(apm_countdown_event event);

/*
 * Waits until the count is zero: apm_wait_handle_wait_one on the event.
 *
 * .NET     CountdownEvent.Wait(int)
 */
APM_API APM_MUST_CHECK apm_error apm_countdown_event_wait(apm_countdown_event event, int timeout_ms);

/*
 * Closes the event. Closing it again succeeds and does nothing.
 *
 * Threads  any.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued.
 * .NET     CountdownEvent.Dispose()
 */
APM_API apm_error apm_countdown_event_close(apm_countdown_event event);

/*
 * The event as a wait handle, for waits over several objects. It is the same object: closing it ends it.
 *
 * .NET     CountdownEvent.WaitHandle
 */
static inline apm_wait_handle apm_countdown_event_wait_handle(apm_countdown_event event)
{
    apm_wait_handle handle = {event.bits};
    return handle;
}

APM_END_DECLARATIONS

#endif
