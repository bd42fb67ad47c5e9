/*
 * The public functions of the thread pool. Any thread.
 */
#include "apm/thread_pool.h"

#include "pool.h"
#include "process.h"

/* So far only the default pool, which the null handle names. */
apm_error apm__pool_resolve(apm_thread_pool handle, struct apm__pool **pool)
{
    *pool = apm__pool_default();
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    return apm_thread_pool_is_null(handle) ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT;
}

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
    apm_error error = apm__pool_resolve(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    if (threads < 1 || threads > pool->max_threads)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        pool->min_threads = threads;
    apm__os_mutex_unlock(&pool->lock);
    return error;
}

apm_error apm_thread_pool_set_max_threads(apm_thread_pool handle, int threads)
{
    struct apm__pool *pool;
    apm_error error = apm__pool_resolve(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    if (threads < 1 || threads > APM__MAX_THREADS || threads < pool->min_threads)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        pool->max_threads = threads;
    apm__os_mutex_unlock(&pool->lock);
    return error;
}

/* Reads a number under the pool's lock. */
static apm_error read_count(apm_thread_pool handle, int (*count_locked)(const struct apm__pool *), int *threads)
{
    if (!threads)
        return APM_ERROR_ARGUMENT_NULL;
    *threads = 0;
    struct apm__pool *pool;
    apm_error error = apm__pool_resolve(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&pool->lock);
    *threads = count_locked(pool);
    apm__os_mutex_unlock(&pool->lock);
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

bool apm_thread_pool_is_pool_thread(void)
{
    return apm__pool_is_worker_thread();
}
