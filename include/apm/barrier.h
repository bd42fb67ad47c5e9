/*
 * Barriers: threads that work in phases, and wait at the end of each until all have come.
 *
 * What is said of events in apm/wait_handle.h about time-outs and pool threads holds for them, too. A barrier is
 * nothing that can be waited for together with other objects.
 */
#ifndef APM_BARRIER_H
#define APM_BARRIER_H

#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* The most participants that a barrier takes. */
#define APM_BARRIER_MAX_PARTICIPANTS 32767

/*
 * What is done once at the end of each phase, on the thread that came last, while the others wait. An error that it
 * returns (where .NET's throws) is reported to all of them as APM_ERROR_BARRIER_POST_PHASE. It must return, and may not
 * change its barrier: those calls are APM_ERROR_INVALID_OPERATION.
 */
typedef apm_error apm_barrier_post_phase_action(apm_barrier barrier, void *state);

/*
 * Creates a barrier for `participant_count` threads. `post_phase_action` may be NULL; `state` is handed to it.
 *
 * Success  *barrier is the handle; apm_barrier_close ends it.
 * Failure  *barrier is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `barrier` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `participant_count` is negative
 *          or above APM_BARRIER_MAX_PARTICIPANTS; APM_ERROR_OUT_OF_MEMORY.
 * .NET     Barrier(int, Action<Barrier>)
 */
APM_API APM_MUST_CHECK apm_error apm_barrier_create(int participant_count,
                                                    apm_barrier_post_phase_action *post_phase_action, void *state,
                                                    apm_barrier *barrier);

/*
 * Arrives at the barrier and waits until all participants have. The last one runs the post-phase action and begins the
 * next phase.
 *
 * Failure  after APM_ERROR_WAIT_TIMEOUT or APM_ERROR_DEADLOCK the thread has not arrived; after
 *          APM_ERROR_BARRIER_POST_PHASE the phase has ended.
 * Threads  any.
 * Blocks   until the phase has ended, at most `timeout_ms`; once everybody has arrived, until the action has returned.
 * Errors   APM_ERROR_WAIT_TIMEOUT the time is up (.NET returns false); APM_ERROR_BARRIER_POST_PHASE the action returned
 *          an error; APM_ERROR_INVALID_OPERATION the barrier has no participants, more threads use it than it has, or
 *          the call comes from its action; APM_ERROR_ARGUMENT_OUT_OF_RANGE `timeout_ms` is below -1;
 *          APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_OBJECT_DISPOSED the barrier is closed; APM_ERROR_DEADLOCK as for apm_wait_handle_wait_one.
 * .NET     Barrier.SignalAndWait(int)
 */
APM_API APM_MUST_CHECK apm_error apm_barrier_signal_and_wait(apm_barrier barrier, int timeout_ms);

/*
 * Adds participants; *phase_number, if not NULL, is the first phase in which they take part.
 *
 * Failure  nothing changes; *phase_number is 0.
 * Threads  any.
 * Blocks   while a post-phase action runs on another thread.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `participant_count` is below 1 or above APM_BARRIER_MAX_PARTICIPANTS;
 *          APM_ERROR_INVALID_OPERATION there would be more than that, or the call comes from the action; those of the
 *          handle, as for apm_barrier_signal_and_wait.
 * .NET     Barrier.AddParticipants(int)
 */
APM_API APM_MUST_CHECK apm_error apm_barrier_add_participants(apm_barrier barrier, int participant_count,
                                                              int64_t *phase_number);

/*
 * Takes participants away. If everybody who is left has arrived, the phase ends, and the action runs on the calling
 * thread.
 *
 * Threads  any.
 * Blocks   never, but for the action that it may run.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `participant_count` is below 1 or more than there are;
 *          APM_ERROR_INVALID_OPERATION it is more than have not arrived yet, or the call comes from the action;
 *          APM_ERROR_BARRIER_POST_PHASE the action returned an error; those of the handle, as for
 *          apm_barrier_signal_and_wait.
 * .NET     Barrier.RemoveParticipants(int)
 */
APM_API APM_MUST_CHECK apm_error apm_barrier_remove_participants(apm_barrier barrier, int participant_count);

/*
 * How many participants there are, how many of them have not arrived in this phase, and the number of the phase, which
 * counts from 0.
 *
 * Failure  the number is 0.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle, or no place for the answer; APM_ERROR_ARGUMENT no handle that was
 *          ever issued; APM_ERROR_OBJECT_DISPOSED the barrier is closed.
 * .NET     Barrier.ParticipantCount, Barrier.ParticipantsRemaining, Barrier.CurrentPhaseNumber
 */
APM_API APM_MUST_CHECK apm_error apm_barrier_participant_count(apm_barrier barrier, int *count);
APM_API APM_MUST_CHECK apm_error apm_barrier_participants_remaining(apm_barrier barrier, int *count);
APM_API APM_MUST_CHECK apm_error apm_barrier_current_phase_number(apm_barrier barrier, int64_t *phase_number);

/*
 * Closes the barrier. Closing it again succeeds and does nothing.
 *
 * Threads  any. Waits in progress end when their time is up: nobody can arrive any more.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued;
 *          APM_ERROR_INVALID_OPERATION the call comes from its action.
 * .NET     Barrier.Dispose()
 */
APM_API apm_error apm_barrier_close(apm_barrier barrier);

APM_END_DECLARATIONS

#endif
