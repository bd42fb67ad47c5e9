/*
 * The worker pool: the threads that run callbacks and work items, and wait for I/O.
 *
 * The default pool is named by the null handle: `apm_thread_pool pool = APM_NULL_HANDLE;`. A program may have others,
 * each with its own threads, limits and sockets. A pool starts at first use.
 */
#ifndef APM_THREAD_POOL_H
#define APM_THREAD_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/* -- Pools ------------------------------------------------------------------------------------------------------- */

/*
 * Creates a pool. `min_threads` and `max_threads` are as for the functions that set them; 0 is what the default pool
 * begins with.
 *
 * Success  *pool is the handle; apm_thread_pool_destroy ends it.
 * Failure  *pool is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL `pool` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE a number is below 0, or the minimum
 *          above the maximum; APM_ERROR_OUT_OF_MEMORY; APM_ERROR_INVALID_OPERATION in a child after fork.
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_create(int min_threads, int max_threads, apm_thread_pool *pool);

/*
 * Ends a pool: closes its sockets, so that what is pending completes with APM_ERROR_OPERATION_ABORTED, runs what is
 * queued, waits until no callback runs, and ends the threads. Results that have not been ended can still be.
 *
 * Threads  any but a worker of the pool.
 * Blocks   until all is done, at most `timeout_ms` (-1: no limit).
 * Errors   APM_ERROR_ARGUMENT_NULL the default pool, which apm_cleanup ends; APM_ERROR_ARGUMENT no pool;
 *          APM_ERROR_OBJECT_DISPOSED it has been destroyed, or is being; APM_ERROR_ARGUMENT_OUT_OF_RANGE
 *          `timeout_ms` is below -1; APM_ERROR_INVALID_OPERATION on a worker of the pool, or in a child after fork;
 *          APM_ERROR_TIMED_OUT something was still running: the pool goes on, without its sockets.
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_destroy(apm_thread_pool pool, int timeout_ms);

/* -- Work items --------------------------------------------------------------------------------------------------- */

/* A work item's function. It must return, as an apm_async_callback must. .NET: WaitCallback */
typedef void apm_wait_callback(void *state);

/*
 * Has `callback` called once with `state` on a worker of the pool. Items start in the order in which they were queued,
 * as far as several threads can; one that has started is not waited for. `prefer_local`: an item queued by work of the
 * same pool goes to the worker's own items, which it runs next, the newest first, unless another worker is free sooner;
 * elsewhere it makes no difference.
 *
 * Threads  any, callbacks included.
 * Blocks   never.
 * State    is only passed on; it must live until `callback` has returned.
 * Errors   APM_ERROR_ARGUMENT no pool; APM_ERROR_OBJECT_DISPOSED it has been destroyed; APM_ERROR_ARGUMENT_NULL
 *          `callback` is NULL; APM_ERROR_OUT_OF_MEMORY; APM_ERROR_INVALID_OPERATION while the pool is being ended, or
 *          in a child after fork; what the system says if the pool cannot be started. Then `callback` is not called.
 * .NET     ThreadPool.QueueUserWorkItem(Action<T>, T, bool), ThreadPool.UnsafeQueueUserWorkItem
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_queue_user_work_item(apm_thread_pool pool, apm_wait_callback *callback,
                                                                      void *state, bool prefer_local);

/*
 * A work item that is part of what it is about, so that queueing it allocates nothing. `execute` is the program's, all
 * else zero at first and then the library's. .NET: IThreadPoolWorkItem
 */
typedef struct apm_thread_pool_work_item apm_thread_pool_work_item;
struct apm_thread_pool_work_item {
    void *reserved[3];
    void (*execute)(apm_thread_pool_work_item *item);
};

/*
 * Has item->execute called once, as apm_thread_pool_queue_user_work_item does. The item is the library's until then;
 * `execute` may free it or queue it again. Such items keep their order among themselves; they and those without memory
 * of their own take turns.
 *
 * Errors   those of apm_thread_pool_queue_user_work_item, but for OUT_OF_MEMORY if the pool runs;
 *          APM_ERROR_ARGUMENT_NULL `item` or its `execute` is NULL; APM_ERROR_INVALID_OPERATION the item is queued.
 * .NET     ThreadPool.UnsafeQueueUserWorkItem(IThreadPoolWorkItem, bool)
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_queue_work_item(apm_thread_pool pool, apm_thread_pool_work_item *item,
                                                                 bool prefer_local);

/*
 * Say that the calling work item or callback begins to block in something that the library does not know, and that it
 * goes on: another worker takes its place at once, where otherwise the pool would find out after some milliseconds.
 * They come in pairs and may be nested. On a thread that is no worker they do nothing.
 */
APM_API void apm_thread_pool_blocking_begin(void);
APM_API void apm_thread_pool_blocking_end(void);

/* -- Size -------------------------------------------------------------------------------------------------------- */

/*
 * Sets how many worker threads the pool starts without delay (at first the number of processors that the process may
 * use; 0 is taken as 1) and how many it has at most (at first 32767; more is taken as that). Threads beyond the minimum
 * replace blocked ones. A thread without work ends after 20 s.
 *
 * Threads  any, at any time.
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT no pool; APM_ERROR_OBJECT_DISPOSED it has been destroyed;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE a minimum below 0 or above the maximum, a maximum below 1 or below a minimum
 *          that has been set; APM_ERROR_INVALID_OPERATION in a child after fork. Then nothing is changed.
 * .NET     ThreadPool.SetMinThreads, ThreadPool.SetMaxThreads (which return false for a value out of range)
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_set_min_threads(apm_thread_pool pool, int threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_set_max_threads(apm_thread_pool pool, int threads);

/*
 * Read the limits, the number of worker threads that exist now, and how many more than are busy now there may be.
 *
 * Errors   APM_ERROR_ARGUMENT no pool; APM_ERROR_OBJECT_DISPOSED it has been destroyed; APM_ERROR_ARGUMENT_NULL
 *          `threads` is NULL; APM_ERROR_INVALID_OPERATION in a child after fork.
 * .NET     ThreadPool.GetMinThreads, ThreadPool.GetMaxThreads, ThreadPool.ThreadCount, ThreadPool.GetAvailableThreads
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_min_threads(apm_thread_pool pool, int *threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_max_threads(apm_thread_pool pool, int *threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_thread_count(apm_thread_pool pool, int *threads);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_available_threads(apm_thread_pool pool, int *threads);

/*
 * Read how many work items and callbacks wait for a worker, and how many have been run so far: exact while nothing
 * moves, a moment's view otherwise.
 *
 * Errors   as apm_thread_pool_thread_count, of `count`.
 * .NET     ThreadPool.PendingWorkItemCount, ThreadPool.CompletedWorkItemCount
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_pending_work_item_count(apm_thread_pool pool, int64_t *count);
APM_API APM_MUST_CHECK apm_error apm_thread_pool_completed_work_item_count(apm_thread_pool pool, int64_t *count);

/* Whether the calling thread is a worker of a pool. .NET: Thread.IsThreadPoolThread */
APM_API bool apm_thread_pool_is_pool_thread(void);

APM_END_DECLARATIONS

#endif
