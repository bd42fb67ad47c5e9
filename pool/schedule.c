/*
 * Who runs what: the pool's queues, the choice of a thread to wake or start, and submitting. Any thread. See pool.h for
 * the invariants. This file keeps the first for those who submit; workers keep it in worker.c and worker_poll.c.
 *
 * Locks: the pool's. A thread that is chosen is unparked once it is given back.
 */
#include "pool.h"

#include "check.h"

/* -- The queues -- */

/* Takes completions into `entries`; the number of them. */
static uint32_t take_completions_locked(struct apm__pool *pool, struct apm__entry *entries, uint32_t limit)
{
    uint32_t taken = 0;
    struct apm__work *work;
    while (taken < limit && (work = apm__queue_take_locked(&pool->queue)))
        entries[taken++] = apm__call_entry(apm__work_run, work);
    if (taken > 0)
        apm__queue_forget(&pool->queue, taken);
    return taken;
}

uint32_t apm__pool_take(struct apm__pool *pool, struct apm__worker *worker, uint32_t limit)
{
    struct apm__entry entries[APM__RING_SIZE];
    if (limit == 0 || apm__pool_queued(pool) == 0)
        return 0;
    apm__os_mutex_lock(&pool->lock);
    /* None of the two starves the other, also where only one entry is taken at a time. */
    pool->completions_first = !pool->completions_first;
    uint32_t taken = take_completions_locked(pool, entries, (limit + pool->completions_first) / 2);
    taken += apm__calls_take_locked(&pool->calls, entries + taken, limit - taken);
    if (taken < limit)
        taken += take_completions_locked(pool, entries + taken, limit - taken);
    apm__os_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < taken; i++) {
        bool pushed = apm__ring_push(&worker->work, entries[i]);
        APM__CHECK(pushed);
    }
    return taken;
}

/* -- Waking -- */

int apm__pool_wanted_locked(struct apm__pool *pool)
{
    int wanted = (pool->min_threads ? pool->min_threads : pool->processors) + pool->waiting;
    return wanted < pool->max_threads ? wanted : pool->max_threads;
}

void apm__pool_publish_locked(struct apm__pool *pool)
{
    int growth = apm__pool_wanted_locked(pool) - pool->threads;
    int wakeable = pool->idle_count + (growth > 0 ? growth : 0);
    apm__atomic_store(&pool->wakeable, (uint32_t)wakeable, APM__SEQ_CST);
    apm__atomic_store(&pool->running, (uint32_t)(pool->threads - pool->idle_count - pool->waiting), APM__SEQ_CST);
}

/* Whether the structure is free. The thread before is not waited for: at its end it may run code of the program. */
static bool is_free_locked(struct apm__worker *worker)
{
    if (apm__atomic_load(&worker->state, APM__ACQUIRE) != APM__WORKER_GONE)
        return false;
    if (worker->joinable && apm__os_thread_try_join(worker->thread))
        worker->joinable = false;
    return !worker->joinable;
}

/*
 * A structure for one more thread: one that is free, or a new one. They are never freed: who has taken a worker from
 * the idle ones unparks it under no lock, and the pool may have been stopped by then.
 */
static struct apm__worker *find_structure_locked(struct apm__pool *pool)
{
    struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED);
    while (worker && !is_free_locked(worker))
        worker = worker->next_worker;
    if (worker)
        return worker;
    worker = apm__os_allocate(sizeof *worker);
    if (!worker)
        return NULL;
    worker->pool = pool;
    worker->number = ++pool->structures;
    worker->next_worker = apm__atomic_load(&pool->workers, APM__RELAXED);
    apm__atomic_store(&pool->workers, worker, APM__RELEASE); /* pairs with the walks' acquire */
    return worker;
}

bool apm__pool_create_worker_locked(struct apm__pool *pool)
{
    struct apm__worker *worker = find_structure_locked(pool);
    pool->exhausted = !worker;
    if (!worker)
        return false;
    /* All before the thread starts: it looks at its own fields without the lock. */
    apm__atomic_store(&worker->state, APM__WORKER_RUNNING, APM__SEQ_CST);
    apm__atomic_store(&worker->system_number, 0, APM__RELAXED);
    worker->searching = true;
    apm__atomic_add(&pool->searching, 1, APM__SEQ_CST);
    pool->threads++;
    apm__pool_publish_locked(pool);
    worker->joinable = apm__os_thread_create(&worker->thread, "apm worker", apm__worker_main, apm__worker_exited,
                                             worker) == APM_ERROR_SUCCESS;
    pool->exhausted = !worker->joinable;
    if (worker->joinable) {
        apm__count(&pool->counters, APM__COUNT_THREADS_STARTED, 1);
        return true;
    }
    worker->searching = false;
    apm__atomic_subtract(&pool->searching, 1, APM__SEQ_CST);
    pool->threads--;
    apm__atomic_store(&worker->state, APM__WORKER_GONE, APM__SEQ_CST);
    apm__pool_publish_locked(pool);
    return false;
}

bool apm__pool_wake_locked(struct apm__pool *pool, int limit, struct apm__parker **unpark)
{
    *unpark = NULL;
    if (apm__atomic_load(&pool->searching, APM__SEQ_CST) > 0)
        return true; /* it will find the work, and wake the next one if there is more */
    struct apm__worker *worker = pool->idle;
    if (worker) {
        pool->idle = worker->next_idle;
    } else {
        worker = pool->sleeper;
        pool->sleeper = NULL;
    }
    if (worker) {
        worker->searching = true;
        apm__atomic_add(&pool->searching, 1, APM__SEQ_CST);
        pool->idle_count--;
        apm__count(&pool->counters, APM__COUNT_WAKE_UPS, 1);
        apm__pool_publish_locked(pool);
        *unpark = &worker->parker;
        return true;
    }
    /* Who has queued something may come here so late that it has been done, and the pool been stopped. */
    uint32_t phase = apm__atomic_load(&pool->phase, APM__RELAXED);
    if (phase != APM__POOL_OPEN && phase != APM__POOL_CLOSED)
        return false;
    return pool->threads < limit && pool->threads < pool->max_threads && apm__pool_create_worker_locked(pool);
}

void apm__pool_wake(struct apm__pool *pool)
{
    struct apm__parker *unpark;
    apm__os_mutex_lock(&pool->lock);
    bool found = apm__pool_wake_locked(pool, apm__pool_wanted_locked(pool), &unpark);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
    if (!found)
        apm__monitor_notice(pool); /* it tries again */
}

void apm__pool_wake_for_queue(struct apm__pool *pool)
{
    if (apm__atomic_load(&pool->searching, APM__SEQ_CST) > 0)
        return;
    bool nobody_to_wake = apm__atomic_load(&pool->wakeable, APM__SEQ_CST) == 0;
    bool nobody_runs = apm__atomic_load(&pool->running, APM__SEQ_CST) == 0;
    if (nobody_to_wake && nobody_runs) {
        apm__monitor_notice(pool); /* all workers wait, and may be waiting for this */
        return;
    }
    uint64_t expected_ns = apm__pool_queued(pool) * apm__atomic_load(&pool->item_ns, APM__RELAXED);
    bool in_hurry = apm__atomic_load(&pool->hurry, APM__RELAXED); /* or else what is expected holds */
    if (!nobody_to_wake && (nobody_runs || in_hurry || expected_ns > APM__WAKE_NS))
        apm__pool_wake(pool);
}

void apm__pool_leave_work_locked(struct apm__worker *worker)
{
    if (apm__worker_has_work(worker))
        apm__atomic_store(&worker->pool->left_work, 1, APM__RELAXED);
}

bool apm__pool_has_left_work_locked(struct apm__pool *pool)
{
    if (apm__atomic_load(&pool->left_work, APM__RELAXED) == 0)
        return false;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker) {
        uint32_t state = apm__atomic_load(&worker->state, APM__RELAXED);
        if ((state == APM__WORKER_WAITING || state == APM__WORKER_GONE) && apm__worker_has_work(worker))
            return true;
    }
    apm__atomic_store(&pool->left_work, 0, APM__RELAXED); /* nobody puts anything in there until the owner runs again */
    return false;
}

bool apm__pool_is_worth_helping(struct apm__pool *pool, struct apm__worker *worker)
{
    /* Waking a thread costs about 8 us of processor time, and some 25 us until it runs. */
    const uint64_t worth_ns = 100000;
    uint64_t items = (uint64_t)apm__ring_count(&worker->events) + apm__ring_count(&worker->work) +
                     apm__deque_count(&worker->local);
    return pool->processors > 1 && items > 1 && items * apm__atomic_load(&pool->item_ns, APM__RELAXED) > worth_ns;
}

/* -- Submitting -- */

/* The calling thread, if it is a worker of the pool and will come to what it has soon. */
static struct apm__worker *own_worker(struct apm__pool *pool)
{
    struct apm__worker *worker = apm__worker_current();
    /* A worker that polls in the middle of a wait runs nothing soon. Relaxed: it is the thread's own state. */
    if (!worker || worker->pool != pool || apm__atomic_load(&worker->state, APM__RELAXED) != APM__WORKER_RUNNING)
        return NULL;
    return worker;
}

void apm__work_run(void *work)
{
    ((struct apm__work *)work)->run(work);
}

APM__APART static void submit_to_all(struct apm__pool *pool, struct apm__work *work)
{
    apm__queue_put(&pool->queue, work);
    apm__pool_wake_for_queue(pool);
}

APM__HOT void apm__pool_submit(struct apm__pool *pool, struct apm__work *work)
{
    struct apm__worker *worker = own_worker(pool);
    if (APM__UNLIKELY(!worker) || APM__UNLIKELY(!apm__ring_push(&worker->work, apm__call_entry(apm__work_run, work))))
        submit_to_all(pool, work);
}

bool apm__pool_call_behind(struct apm__pool *pool, apm__function *function, void *argument)
{
    struct apm__worker *worker = own_worker(pool);
    return worker && apm__ring_push(&worker->work, apm__call_entry(function, argument));
}

/* Puts it among the calling worker's own, if that is what it is. */
static bool put_locally(struct apm__pool *pool, struct apm__entry entry)
{
    struct apm__worker *worker = own_worker(pool);
    return worker && apm__pool_is_open(pool) && apm__deque_put(&worker->local, entry);
}

apm_error apm__pool_queue(struct apm__pool *pool, struct apm__work *work, bool prefer_local)
{
    if (prefer_local && put_locally(pool, apm__call_entry(apm__work_run, work)))
        return APM_ERROR_SUCCESS;
    for (;;) {
        apm_error error = apm__pool_start(pool);
        if (error != APM_ERROR_SUCCESS)
            return error;
        /* Announced first: who closes the pool and then finds it quiet has been seen here, or sees this. */
        apm__queue_admit(&pool->queue);
        if (apm__atomic_load(&pool->phase, APM__SEQ_CST) == APM__POOL_OPEN)
            break;
        apm__queue_forget(&pool->queue, 1);
    }
    apm__queue_link(&pool->queue, work);
    apm__pool_wake_for_queue(pool);
    return APM_ERROR_SUCCESS;
}

apm_error apm__pool_call(struct apm__pool *pool, apm__function *function, void *argument, bool prefer_local)
{
    if (prefer_local && put_locally(pool, apm__call_entry(function, argument)))
        return APM_ERROR_SUCCESS;
    apm_error error;
    do {
        error = apm__pool_start(pool);
        if (error != APM_ERROR_SUCCESS)
            return error;
        error = apm__calls_put(&pool->calls, function, argument);
    } while (error == APM_ERROR_INVALID_OPERATION); /* closed since; it is being stopped, or can be started again */
    if (error == APM_ERROR_SUCCESS)
        apm__pool_wake_for_queue(pool);
    return error;
}
