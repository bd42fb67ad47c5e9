/*
 * The public functions of the thread pool. Any thread.
 */
#include "apm/thread_pool.h"

#include "pools.h"

/* -- Pools of the program's -- */

apm_error apm_thread_pool_create(int min_threads, int max_threads, apm_thread_pool *pool)
{
    if (!pool)
        return APM_ERROR_ARGUMENT_NULL;
    *pool = (apm_thread_pool)APM_NULL_HANDLE;
    int max = max_threads == 0 || max_threads > APM__MAX_THREADS ? APM__MAX_THREADS : max_threads;
    if (min_threads < 0 || max < 1 || min_threads > max)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return apm__pool_create(min_threads, max, pool);
}

/* -- Work items -- */

apm_error apm_thread_pool_queue_user_work_item(apm_thread_pool handle, apm_wait_callback *callback, void *state,
                                               bool prefer_local)
{
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = callback ? apm__pool_call(pool, callback, state, prefer_local) : APM_ERROR_ARGUMENT_NULL;
    apm__pool_release(pool);
    return error;
}

/* How the reserved words of a public item are used. */
struct intrusive {
    struct apm__work work;
    _Atomic uint32_t queued; /* 1: the pool has it */
};

_Static_assert(sizeof(struct intrusive) <= sizeof(void *) * 3, "the reserved words");

static void run_intrusive(struct apm__work *work)
{
    if (apm__pool_is_abandoning())
        return; /* it has begun, and may be gone */
    apm_thread_pool_work_item *item = (apm_thread_pool_work_item *)(void *)work;
    /* Release pairs with the acquire of who queues it again: the queue's use of it is over. */
    apm__atomic_store(&((struct intrusive *)(void *)item)->queued, 0, APM__RELEASE);
    item->execute(item);
}

static apm_error queue_intrusive(struct apm__pool *pool, apm_thread_pool_work_item *item, bool prefer_local)
{
    struct intrusive *intrusive = (struct intrusive *)(void *)item;
    if (apm__atomic_exchange(&intrusive->queued, 1, APM__ACQUIRE) != 0)
        return APM_ERROR_INVALID_OPERATION;
    intrusive->work.run = run_intrusive;
    apm_error error = apm__pool_queue(pool, &intrusive->work, prefer_local);
    if (error != APM_ERROR_SUCCESS)
        apm__atomic_store(&intrusive->queued, 0, APM__RELEASE);
    return error;
}

apm_error apm_thread_pool_queue_work_item(apm_thread_pool handle, apm_thread_pool_work_item *item, bool prefer_local)
{
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = item && item->execute ? queue_intrusive(pool, item, prefer_local) : APM_ERROR_ARGUMENT_NULL;
    apm__pool_release(pool);
    return error;
}

/* -- Size -- */

static int min_threads_locked(const struct apm__pool *pool)
{
    if (pool->min_threads)
        return pool->min_threads;
    int processors = apm__os_processor_count();
    return processors < pool->max_threads ? processors : pool->max_threads;
}

apm_error apm_thread_pool_set_min_threads(apm_thread_pool handle, int threads)
{
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    if (threads < 0 || threads > pool->max_threads) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else {
        pool->min_threads = threads > 0 ? threads : 1;
        apm__pool_publish_locked(pool);
    }
    apm__os_mutex_unlock(&pool->lock);
    apm__pool_release(pool);
    return error;
}

apm_error apm_thread_pool_set_max_threads(apm_thread_pool handle, int threads)
{
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    if (threads < 1 || threads < pool->min_threads) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else {
        pool->max_threads = threads < APM__MAX_THREADS ? threads : APM__MAX_THREADS;
        apm__pool_publish_locked(pool);
    }
    apm__os_mutex_unlock(&pool->lock);
    apm__pool_release(pool);
    return error;
}

/* Reads a number under the pool's lock. */
static apm_error read_count(apm_thread_pool handle, int (*count_locked)(const struct apm__pool *), int *threads)
{
    if (!threads)
        return APM_ERROR_ARGUMENT_NULL;
    *threads = 0;
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    *threads = count_locked(pool);
    apm__os_mutex_unlock(&pool->lock);
    apm__pool_release(pool);
    return APM_ERROR_SUCCESS;
}

static int max_threads_locked(const struct apm__pool *pool)
{
    return pool->max_threads;
}

static int thread_count_locked(const struct apm__pool *pool)
{
    return pool->threads;
}

static int available_locked(const struct apm__pool *pool)
{
    int available = pool->max_threads - (pool->threads - pool->idle_count);
    return available > 0 ? available : 0;
}

apm_error apm_thread_pool_min_threads(apm_thread_pool handle, int *threads)
{
    return read_count(handle, min_threads_locked, threads);
}

apm_error apm_thread_pool_max_threads(apm_thread_pool handle, int *threads)
{
    return read_count(handle, max_threads_locked, threads);
}

apm_error apm_thread_pool_thread_count(apm_thread_pool handle, int *threads)
{
    return read_count(handle, thread_count_locked, threads);
}

apm_error apm_thread_pool_available_threads(apm_thread_pool handle, int *threads)
{
    return read_count(handle, available_locked, threads);
}

/* -- Counts -- */

static apm_error read_items(apm_thread_pool handle, uint64_t (*count_of)(struct apm__pool *), int64_t *count)
{
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    *count = 0;
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *count = (int64_t)count_of(pool);
    apm__pool_release(pool);
    return APM_ERROR_SUCCESS;
}

apm_error apm_thread_pool_pending_work_item_count(apm_thread_pool handle, int64_t *count)
{
    return read_items(handle, apm__pool_pending, count);
}

apm_error apm_thread_pool_completed_work_item_count(apm_thread_pool handle, int64_t *count)
{
    return read_items(handle, apm__pool_completed, count);
}

/* -- The calling thread -- */

void apm_thread_pool_blocking_begin(void)
{
    apm__pool_begin_blocking();
}

void apm_thread_pool_blocking_end(void)
{
    apm__pool_end_blocking();
}

bool apm_thread_pool_is_pool_thread(void)
{
    return apm__pool_is_worker_thread();
}
