/*
 * The pool's life, its queues, and the choice of a thread to wake. See pool.h for the invariants. Any thread.
 */
#include "pool.h"

#include "check.h"
#include "process.h"

static struct apm__pool default_pool = {
    .lock = APM__OS_MUTEX_INITIALIZER,
    .max_threads = APM__MAX_THREADS,
    .idle_timeout_ns = APM__IDLE_TIMEOUT_NS,
    .queue = APM__QUEUE_INITIALIZER(default_pool.queue),
};

static apm__os_mutex start_lock = APM__OS_MUTEX_INITIALIZER; /* one start or stop at a time; before any pool's lock */

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

/* Starts a thread. It is done under the lock, so that a stop never meets half a thread; it is rare. */
static bool create_worker_locked(struct apm__pool *pool)
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
    return pool->threads < limit && pool->threads < pool->max_threads && create_worker_locked(pool);
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

void apm__pool_submit(struct apm__pool *pool, struct apm__work *work)
{
    struct apm__worker *worker = own_worker(pool);
    if (worker && apm__ring_push(&worker->work, apm__call_entry(apm__work_run, work)))
        return;
    apm__queue_put(&pool->queue, work);
    apm__pool_wake_for_queue(pool);
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
    apm__process_watch_forks();
    error = apm__poller_create(&pool->poller);
    if (error != APM_ERROR_SUCCESS)
        goto unlock;
    apm__deadline_heap_initialise(&pool->deadlines);
    pool->processors = apm__os_processor_count();
    apm__atomic_store(&pool->item_ns, 1000, APM__RELAXED);
    apm__atomic_store(&pool->polled_ns, apm__os_monotonic_ns(), APM__RELAXED);
    apm__atomic_store(&pool->monitor_word, APM__MONITOR_AWAKE, APM__SEQ_CST);
    error = apm__os_thread_create(&pool->monitor, "apm monitor", apm__monitor_main, NULL, pool);
    if (error != APM_ERROR_SUCCESS)
        goto destroy_poller;
    apm__os_mutex_lock(&pool->lock);
    bool created = create_worker_locked(pool);
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
    apm__os_mutex_lock(&pool->lock); /* the workers' structures stay: see find_structure_locked */
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
