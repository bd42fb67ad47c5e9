/*
 * Counting semaphores: a number of tokens, of which each wait takes one.
 *
 * What is said of events in apm/wait_handle.h about time-outs, pool threads and closing during a wait holds for them,
 * too. Waits get their tokens in the order in which they came.
 */
#ifndef APM_SEMAPHORE_H
#define APM_SEMAPHORE_H

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Creates a semaphore that has `initial_count` tokens, and never more than `maximum_count`.
 *
 * Success  *semaphore is the handle; apm_semaphore_close ends it.
 * Failure  *semaphore is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `semaphore` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `initial_count` is negative or
 *          `maximum_count` below 1; APM_ERROR_ARGUMENT the initial count exceeds the maximum; APM_ERROR_OUT_OF_MEMORY.
 * .NET     Semaphore(int, int)
 */
APM_API APM_MUST_CHECK apm_error apm_semaphore_create(int initial_count, int maximum_count, apm_semaphore *semaphore);

/*
 * Puts `release_count` tokens back, which go to the threads that wait first; *previous_count, if not NULL, is how many
 * there were.
 *
 * Failure  nothing is put back; *previous_count is 0.
 * Threads  any, whether it has taken tokens or not.
 * Blocks   never.
 * Errors   APM_ERROR_SEMAPHORE_FULL there would be more than the maximum; APM_ERROR_ARGUMENT_OUT_OF_RANGE
 *          `release_count` is below 1; APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was
 *          ever issued; APM_ERROR_OBJECT_DISPOSED the semaphore is closed and nobody waits for it.
 * .NET     Semaphore.Release(int)
 */
APM_API apm_error apm_semaphore_release(apm_semaphore semaphore, int release_count, int *previous_count);

/* apm_wait_handle_wait_one on the semaphore: takes a token. */
APM_API APM_MUST_CHECK apm_error apm_semaphore_wait_one(apm_semaphore semaphore, int timeout_ms);

/*
 * Closes the semaphore. Closing it again succeeds and does nothing.
 *
 * Threads  any. Waits in progress go on and can still be released.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued.
 * .NET     WaitHandle.Close(), WaitHandle.Dispose()
 */
APM_API apm_error apm_semaphore_close(apm_semaphore semaphore);

/* The semaphore as a wait handle, for waits over several objects. It is the same object: closing it ends it. */
static inline apm_wait_handle apm_semaphore_to_wait_handle(apm_semaphore semaphore)
{
    apm_wait_handle handle = {semaphore.bits};
    return handle;
}

APM_END_DECLARATIONS

#endif
