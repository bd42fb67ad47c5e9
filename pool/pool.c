/*
 * The pool's life: start, close, reopen, stop; and what is asked and armed in between. Any thread. See pool.h for the
 * invariants, and schedule.c for its queues and whom they wake.
 *
 * Locks: the start lock makes one start or stop of all pools at a time, and comes before any pool's lock.
 */
#include "pool.h"

#include <string.h>

#include "check.h"
#include "process.h"

static struct apm__pool default_pool = {
    .lock = APM__OS_MUTEX_OF_RANK(APM__RANK_POOL),
    .max_threads = APM__MAX_THREADS,
    .idle_timeout_ns = APM__IDLE_TIMEOUT_NS,
    .queue = APM__QUEUE_INITIALIZER(default_pool.queue),
};

static apm__os_mutex start_lock = APM__OS_MUTEX_OF_RANK(APM__RANK_START); /* one start or stop at a time */

struct apm__pool *apm__pool_default(void)
{
    return &default_pool;
}

static uint64_t count_completed(struct apm__pool *pool)
{
    uint64_t count = 0;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        count += apm__atomic_load(&worker->completed, APM__ACQUIRE);
    return count;
}

uint64_t apm__pool_completed(struct apm__pool *pool)
{
    return count_completed(pool) - pool->completed_before;
}

uint64_t apm__pool_pending(struct apm__pool *pool)
{
    uint64_t count = apm__pool_queued(pool);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        count += apm__ring_count(&worker->work) + (uint64_t)apm__deque_count(&worker->local);
    return count;
}

void apm__pool_initialise(struct apm__pool *pool, struct apm__slot *slot, int min_threads, int max_threads)
{
    if (!pool->slot) {
        apm__os_mutex_initialise(&pool->lock);
        apm__os_mutex_set_rank(&pool->lock, APM__RANK_POOL);
        apm__os_mutex_initialise(&pool->calls.lock);
        pool->queue = (struct apm__queue)APM__QUEUE_INITIALIZER(pool->queue);
    }
    pool->slot = slot;
    pool->min_threads = min_threads;
    pool->max_threads = max_threads;
    pool->idle_timeout_ns = APM__IDLE_TIMEOUT_NS;
    pool->completed_before = count_completed(pool);
    pool->deadlines.lateness = (struct apm__lateness){0};
    apm__counters_clear(&pool->counters);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker)
        apm__counters_clear(&worker->counters);
    apm__atomic_store(&pool->phase, APM__POOL_NEW, APM__RELEASE);
}

bool apm__pool_is_open(struct apm__pool *pool)
{
    return apm__atomic_load(&pool->phase, APM__ACQUIRE) == APM__POOL_OPEN;
}

uint64_t apm__pool_recent_ns(struct apm__pool *pool)
{
    return apm__atomic_load(&pool->polled_ns, APM__RELAXED);
}

struct apm__poller *apm__pool_poller(struct apm__pool *pool)
{
    return pool->poller;
}

bool apm__pool_is_quiet(struct apm__pool *pool)
{
    apm__os_mutex_lock(&pool->lock);
    bool quiet = pool->threads == pool->idle_count && apm__pool_queued(pool) == 0 &&
                 !apm__pool_has_left_work_locked(pool);
    apm__os_mutex_unlock(&pool->lock);
    return quiet;
}

/* -- Deadlines -- */

apm_error apm__pool_set_deadline(struct apm__pool *pool, struct apm__deadline *deadline, uint64_t due_ns,
                                 bool *was_armed)
{
    bool is_first;
    apm_error error = apm__deadline_set(&pool->deadlines, deadline, due_ns, was_armed, &is_first);
    if (error != APM_ERROR_SUCCESS || !is_first)
        return error;
    /*
     * Whoever sleeps in the poller reads the earliest deadline after it has shown itself under the lock: either it sees
     * this one, or it is seen here.
     */
    apm__os_mutex_lock(&pool->lock);
    struct apm__parker *unpark = pool->polling;
    if (unpark)
        apm__parker_unpark(unpark); /* under the lock: a waiting thread's parker may not outlive its wait */
    apm__os_mutex_unlock(&pool->lock);
    return APM_ERROR_SUCCESS;
}

bool apm__pool_clear_deadline(struct apm__pool *pool, struct apm__deadline *deadline)
{
    return apm__deadline_clear(&pool->deadlines, deadline);
}

/* -- Life -- */

static bool shall_never_spin(void)
{
    const char *spin = apm__os_environment("APM_SPIN");

    return spin != NULL && strcmp(spin, "0") == 0;
}

apm_error apm__pool_start(struct apm__pool *pool)
{
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    uint32_t phase = apm__atomic_load(&pool->phase, APM__ACQUIRE);
    if (phase == APM__POOL_OPEN)
        return APM_ERROR_SUCCESS;
    if (phase == APM__POOL_STOPPING) /* who holds the start lock waits for threads to end, maybe for this one */
        return APM_ERROR_INVALID_OPERATION;

    apm_error error = APM_ERROR_SUCCESS;
    apm__os_mutex_lock(&start_lock);
    phase = apm__atomic_load(&pool->phase, APM__ACQUIRE);
    if (phase != APM__POOL_NEW || pool->refuses) {
        error = phase == APM__POOL_OPEN ? APM_ERROR_SUCCESS : APM_ERROR_INVALID_OPERATION;
        goto unlock;
    }
    error = apm__process_watch_forks() ? apm__poller_create(&pool->poller) : APM_ERROR_OUT_OF_MEMORY;
    if (error != APM_ERROR_SUCCESS)
        goto unlock;
    apm__deadline_heap_initialise(&pool->deadlines);
    pool->processors = apm__os_processor_count();
    pool->never_spins = shall_never_spin();
    apm__atomic_store(&pool->item_ns, 1000, APM__RELAXED);
    apm__atomic_store(&pool->polled_ns, apm__os_monotonic_ns(), APM__RELAXED);
    apm__atomic_store(&pool->monitor_word, APM__MONITOR_AWAKE, APM__SEQ_CST);
    error = apm__os_thread_create(&pool->monitor, "apm monitor", apm__monitor_main, NULL, pool);
    if (error != APM_ERROR_SUCCESS)
        goto destroy_poller;
    apm__os_mutex_lock(&pool->lock);
    bool created = apm__pool_create_worker_locked(pool);
    apm__os_mutex_unlock(&pool->lock);
    if (!created) {
        error = APM_ERROR_OUT_OF_MEMORY;
        goto end_monitor;
    }
    apm__calls_open(&pool->calls, true);
    apm__atomic_store(&pool->phase, APM__POOL_OPEN, APM__RELEASE);
    goto unlock;

end_monitor:
    apm__monitor_end(pool);
destroy_poller:
    pool->poller->destroy(pool->poller);
    pool->poller = NULL;
unlock:
    apm__os_mutex_unlock(&start_lock);
    return error;
}

/* Under the lock, for the sake of apm__pool_is_still_open. */
static void set_phase(struct apm__pool *pool, uint32_t phase)
{
    apm__os_mutex_lock(&pool->lock);
    apm__atomic_store(&pool->phase, phase, APM__SEQ_CST);
    apm__os_mutex_unlock(&pool->lock);
}

bool apm__pool_is_still_open(struct apm__pool *pool)
{
    apm__os_mutex_lock(&pool->lock);
    bool open = apm__pool_is_open(pool);
    apm__os_mutex_unlock(&pool->lock);
    return open;
}

void apm__pool_close(struct apm__pool *pool)
{
    apm__os_mutex_lock(&start_lock);
    pool->refuses = true;
    if (apm__pool_is_open(pool))
        set_phase(pool, APM__POOL_CLOSED);
    apm__calls_open(&pool->calls, false);
    apm__os_mutex_unlock(&start_lock);
}

void apm__pool_reopen(struct apm__pool *pool)
{
    apm__os_mutex_lock(&start_lock);
    pool->refuses = false;
    if (apm__atomic_load(&pool->phase, APM__RELAXED) == APM__POOL_CLOSED) {
        apm__calls_open(&pool->calls, true);
        apm__atomic_store(&pool->phase, APM__POOL_OPEN, APM__RELEASE);
    }
    apm__os_mutex_unlock(&start_lock);
}

static void end_workers(struct apm__pool *pool)
{
    apm__os_mutex_lock(&pool->lock);
    apm__atomic_store(&pool->phase, APM__POOL_STOPPING, APM__SEQ_CST);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker)
        apm__parker_unpark(&worker->parker);
    apm__os_mutex_unlock(&pool->lock);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker)
        if (worker->joinable) { /* no thread is created any more: nobody else writes it */
            apm__os_thread_join(worker->thread);
            worker->joinable = false;
        }
}

void apm__pool_stop(struct apm__pool *pool)
{
    apm__os_mutex_lock(&start_lock);
    uint32_t phase = apm__atomic_load(&pool->phase, APM__RELAXED);
    if (phase == APM__POOL_NEW && pool->slot)
        apm__atomic_store(&pool->phase, APM__POOL_ENDED, APM__RELEASE);
    if (phase == APM__POOL_NEW || phase == APM__POOL_ENDED)
        goto unlock;
    end_workers(pool);
    apm__monitor_end(pool);
    /* The other queue's count may be above 0 for a moment: what is announced now is not put in. */
    APM__CHECK(pool->threads == 0 && apm__calls_count(&pool->calls) == 0);
    apm__os_mutex_lock(&pool->lock); /* the workers' structures stay: see schedule.c */
    pool->idle = NULL;
    pool->sleeper = NULL;
    pool->idle_count = 0;
    apm__atomic_store(&pool->searching, 0, APM__RELAXED);
    apm__pool_publish_locked(pool);
    apm__calls_finish(&pool->calls);
    apm__os_mutex_unlock(&pool->lock);
    pool->poller->destroy(pool->poller);
    pool->poller = NULL;
    apm__deadline_heap_finish(&pool->deadlines);
    apm__atomic_store(&pool->phase, pool->slot ? APM__POOL_ENDED : APM__POOL_NEW, APM__RELEASE);
unlock:
    pool->refuses = false;
    apm__os_mutex_unlock(&start_lock);
}
