/*
 * Mutexes: one thread owns it at a time. The owner may take it again, and has to release it as often.
 *
 * A thread that ends while it owns a mutex abandons it. The next wait takes it all the same, and says so by
 * APM_ERROR_ABANDONED_MUTEX: what the mutex guards may be half done. A pool thread does not end when a callback
 * returns, so a callback must release what it has taken.
 *
 * What is said of events in apm/wait_handle.h about time-outs, pool threads and closing during a wait holds for
 * mutexes, too. Waits get the mutex in the order in which they came.
 */
#ifndef APM_MUTEX_H
#define APM_MUTEX_H

#include <stdbool.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Creates a mutex, which the calling thread owns if `initially_owned`.
 *
 * Success  *mutex is the handle; apm_mutex_close ends it.
 * Failure  *mutex is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `mutex` is NULL; APM_ERROR_OUT_OF_MEMORY.
 * .NET     Mutex(bool)
 */
APM_API APM_MUST_CHECK apm_error apm_mutex_create(bool initially_owned, apm_mutex *mutex);

/*
 * apm_wait_handle_wait_one on the mutex: takes it, or takes it once more if the calling thread owns it.
 *
 * Errors   those of apm_wait_handle_wait_one; APM_ERROR_ABANDONED_MUTEX the owner before has ended without releasing
 *          it, and the calling thread owns it now.
 */
APM_API APM_MUST_CHECK apm_error apm_mutex_wait_one(apm_mutex mutex, int timeout_ms);

/*
 * Releases the mutex once. If the calling thread has then released it as often as it has taken it, it goes to the
 * thread that has waited longest.
 *
 * Threads  the owner.
 * Blocks   never.
 * Errors   APM_ERROR_APPLICATION the calling thread does not own it; APM_ERROR_ARGUMENT_NULL a null handle;
 *          APM_ERROR_ARGUMENT no handle that was ever issued; APM_ERROR_OBJECT_DISPOSED the mutex is closed and nobody
 *          waits for it; if the calling thread owned it, it does so once less all the same.
 * .NET     Mutex.ReleaseMutex()
 */
APM_API apm_error apm_mutex_release_mutex(apm_mutex mutex);

/*
 * Closes the mutex. Closing it again succeeds and does nothing. A mutex for which nobody waits is released by that if
 * the calling thread owns it.
 *
 * Threads  any. Waits in progress go on: the owner can still release it, or abandon it.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL a null handle; APM_ERROR_ARGUMENT no handle that was ever issued.
 * .NET     WaitHandle.Close(), WaitHandle.Dispose()
 */
APM_API apm_error apm_mutex_close(apm_mutex mutex);

/* The mutex as a wait handle, for waits over several objects. It is the same object: closing it ends it. */
static inline apm_wait_handle apm_mutex_to_wait_handle(apm_mutex mutex)
{
    apm_wait_handle handle = {mutex.bits};
    return handle;
}

APM_END_DECLARATIONS

#endif
