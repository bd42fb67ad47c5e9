/*
 * The worker pool: the threads that run callbacks and wait for I/O.
 *
 * The default pool starts at first use. A null handle names it; pools of one's own come with the functions that create
 * them.
 */
#ifndef APM_THREAD_POOL_H
#define APM_THREAD_POOL_H

#include <stdbool.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Sets how many worker threads the pool starts without delay (at first the number of processors that the process may
 * use) and how many it has at most (at first 32767). Threads beyond the minimum replace blocked ones, and retire after
 * 20 s without work.
 *
 * Threads  any, at any time.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT no pool; APM_ERROR_ARGUMENT_OUT_OF_RANGE `threads` is below 1 or above 32767, the
 *          minimum would be above the maximum, or the maximum below the minimum; APM_ERROR_INVALID_OPERATION in a child
 *          after fork.
 * .NET     ThreadPool.SetMinThreads, ThreadPool.SetMaxThreads (which return false for a value out of range)
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_set_min_threads(apm_thread_pool pool, int threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_set_max_threads(apm_thread_pool pool, int threads);

/*
 * Reads the limits, and the number of worker threads that exist now.
 *
 * Errors   APM_ERROR_ARGUMENT no pool; APM_ERROR_ARGUMENT_NULL `threads` is NULL; APM_ERROR_INVALID_OPERATION in a
 *          child after fork.
 * .NET     ThreadPool.GetMinThreads, ThreadPool.GetMaxThreads, ThreadPool.ThreadCount
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_min_threads(apm_thread_pool pool, int *threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_max_threads(apm_thread_pool pool, int *threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_thread_count(apm_thread_pool pool, int *threads);

/* Whether the calling thread is a worker of a pool. .NET: Thread.IsThreadPoolThread */
APM_API bool apm_thread_pool_is_pool_thread(void);

APM_END_DECLARATIONS

#endif
