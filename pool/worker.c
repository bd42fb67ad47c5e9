/*
 * A worker's loop: run what is in its rings, look elsewhere, park. See pool.h for the shape and the invariants. Runs on
 * worker threads only, but for the questions about the current one.
 */
#include "worker.h"

static const int64_t idle_timeout_ns = 20000000000; /* after which a thread beyond the minimum ends, as in .NET */

static APM__THREAD_LOCAL struct apm__worker *current;
static APM__THREAD_LOCAL bool abandoning;

struct apm__worker *apm__worker_current(void)
{
    return current;
}

bool apm__pool_is_worker_thread(void)
{
    return current != NULL;
}

bool apm__pool_is_abandoning(void)
{
    return abandoning;
}

/* -- Running ------------------------------------------------------------------------------------------------------- */

/* The worker has found something: it no longer searches, and if there is more, somebody else shall. */
static void stop_searching(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    struct apm__parker *unpark = NULL;
    apm__os_mutex_lock(&pool->lock);
    worker->searching = false;
    pool->searching--;
    if (pool->queue_head || apm__pool_is_worth_helping(pool, worker))
        apm__pool_wake_locked(pool, apm__pool_wanted_locked(pool), &unpark);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
}

static void begin_item(struct apm__worker *worker)
{
    uint32_t progress = apm__atomic_load(&worker->progress, APM__RELAXED);
    apm__atomic_store(&worker->progress, progress + 1, APM__RELAXED); /* the monitor only compares */
    if (worker->searching)                                            /* set by others only while the worker is idle */
        stop_searching(worker);
}

static void run_work(struct apm__worker *worker, struct apm__work *work)
{
    begin_item(worker);
    worker->running = work;
    work->run(work);
    worker->running = NULL;
}

static void handle_event(struct apm__worker *worker, uint64_t event)
{
    begin_item(worker);
    worker->pool->poller->dispatch(worker->pool->poller, event);
}

/* -- Looking elsewhere --------------------------------------------------------------------------------------------- */

/* Takes one thing from another worker's rings: *work, or else *event. */
static bool steal(struct apm__worker *thief, struct apm__work **work, uint64_t *event)
{
    uint64_t entry;
    /* Acquire pairs with the release of the push: the structures are initialised. */
    for (struct apm__worker *victim = apm__atomic_load(&thief->pool->workers, APM__ACQUIRE); victim;
         victim = victim->next_worker) {
        if (victim == thief)
            continue;
        *work = NULL;
        if (apm__ring_take(&victim->work, &entry)) {
            *work = apm__worker_to_work(entry);
            return true;
        }
        if (apm__ring_take(&victim->events, event))
            return true;
    }
    return false;
}

static void run_stolen(struct apm__worker *thief, struct apm__work *work, uint64_t event)
{
    if (work)
        run_work(thief, work);
    else
        handle_event(thief, event);
}

/* Parks until woken. False if the thread is to end: it has been idle for long, and there are enough. */
static bool park_idle(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__os_mutex_lock(&pool->lock);
    /* The role may have become free since the worker looked; then it must look again, or nobody would poll. */
    bool idle = apm__atomic_load(&pool->role, APM__SEQ_CST) == 1 && apm__worker_become_idle_locked(worker);
    /* It looks at the time only if there are more threads than the minimum: waits that end make some superfluous. */
    bool timed = pool->threads > apm__pool_wanted_locked(pool) - pool->waiting;
    if (idle) {
        worker->next_idle = pool->idle;
        pool->idle = worker;
        apm__atomic_add(&pool->idle_count, 1, APM__RELAXED);
    }
    apm__os_mutex_unlock(&pool->lock);
    if (!idle)
        return true;

    uint64_t since_ns = apm__os_monotonic_ns();
    bool stay = true;
    for (bool still_idle = true; still_idle && stay;) {
        apm__parker_park(&worker->parker, timed ? idle_timeout_ns : -1);
        apm__os_mutex_lock(&pool->lock);
        struct apm__worker **link = &pool->idle;
        while (*link && *link != worker)
            link = &(*link)->next_idle;
        still_idle = *link == worker; /* who wakes a worker takes it from the list first */
        bool expired = timed && apm__os_monotonic_ns() - since_ns >= (uint64_t)idle_timeout_ns;
        bool surplus = pool->threads > apm__pool_wanted_locked(pool);
        timed = pool->threads > apm__pool_wanted_locked(pool) - pool->waiting;
        if (still_idle && (apm__pool_is_stopping(pool) || (expired && surplus))) {
            *link = worker->next_idle;
            apm__atomic_subtract(&pool->idle_count, 1, APM__RELAXED);
            stay = false;
        }
        apm__os_mutex_unlock(&pool->lock);
    }
    if (stay)
        apm__worker_become_running(worker);
    return stay;
}

/* Takes what lies behind a stuck worker, if the monitor has seen such a one. */
static bool rescue(struct apm__worker *worker)
{
    struct apm__work *work;
    uint64_t event;
    if (apm__atomic_load(&worker->pool->rescue, APM__RELAXED) == 0)
        return false;
    if (!steal(worker, &work, &event)) {
        apm__atomic_store(&worker->pool->rescue, 0, APM__RELAXED);
        return false;
    }
    run_stolen(worker, work, event);
    return true;
}

/* Does something from where every worker looks, or sleeps until there may be something. False: the thread ends. */
static bool look_elsewhere(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    if (rescue(worker))
        return true;
    struct apm__work *work = apm__pool_take(pool);
    uint64_t event;
    if (work) {
        run_stolen(worker, work, 0);
        return true;
    }
    if (apm__pool_is_stopping(pool))
        return false;
    if (!apm__pool_take_role(pool)) {
        if (!steal(worker, &work, &event))
            return park_idle(worker);
        run_stolen(worker, work, event);
        return true;
    }
    if (apm__worker_poll_now(worker))
        return true;
    if (steal(worker, &work, &event)) {
        apm__pool_give_role(pool);
        run_stolen(worker, work, event);
        return true;
    }
    apm__worker_poll_until_something(worker);
    return true;
}

/* -- The loop ------------------------------------------------------------------------------------------------------ */

/* After a turn of work items the worker looks at all other sources once: no chain of completions starves them. */
static bool take_turn(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    uint64_t event;
    worker->turn = 0;
    struct apm__work *work = apm__pool_take(pool);
    if (work)
        run_work(worker, work);
    if (apm__ring_count(&worker->events) == 0 && apm__pool_take_role(pool) && !apm__worker_poll_now(worker))
        apm__pool_give_role(pool);
    if (!apm__ring_take(&worker->events, &event))
        return work != NULL;
    handle_event(worker, event);
    return true;
}

/* Runs one thing of the worker's own. What an event completes runs before the next event: its data is still warm. */
static bool run_own(struct apm__worker *worker)
{
    uint64_t entry;
    if (worker->turn >= APM__TURN && take_turn(worker))
        return true;
    if (apm__ring_take(&worker->work, &entry)) {
        worker->turn++;
        run_work(worker, apm__worker_to_work(entry));
        return true;
    }
    worker->turn = 0;
    if (!apm__ring_take(&worker->events, &entry))
        return false;
    handle_event(worker, entry);
    return true;
}

/* The last thing that a thread does: afterwards the structure is free for another. */
static void leave(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__parker_use(NULL);
    current = NULL;
    apm__os_mutex_lock(&pool->lock);
    if (worker->searching)
        pool->searching--;
    worker->searching = false;
    pool->threads--;
    apm__atomic_store(&worker->state, APM__WORKER_GONE, APM__SEQ_CST);
    apm__os_mutex_unlock(&pool->lock);
}

void apm__worker_main(void *argument)
{
    struct apm__worker *worker = argument;
    current = worker;
    worker->turn = 0;
    worker->batch_size = 0;
    worker->running = NULL;
    apm__parker_use(&worker->parker);
    apm__monitor_notice(worker->pool);
    while (run_own(worker) || look_elsewhere(worker))
        continue;
    leave(worker);
}

void apm__worker_exited(void *argument)
{
    struct apm__worker *worker = argument;
    struct apm__pool *pool = worker->pool;
    apm__os_log("apm: a callback ended its pool thread by pthread_exit or cancellation; callbacks must return");
    if (worker->running) {
        abandoning = true;
        worker->running->run(worker->running);
    }
    uint64_t entry;
    struct apm__work *left = NULL;
    while (apm__ring_take(&worker->work, &entry)) {
        apm__worker_to_work(entry)->next = left;
        left = apm__worker_to_work(entry);
    }
    while (apm__ring_take(&worker->events, &entry))
        pool->poller->dispatch(pool->poller, entry);
    leave(worker);
    while (left) { /* no longer a worker: this goes to the global queue, and a thread is found for it */
        struct apm__work *work = left;
        left = work->next;
        apm__pool_submit(pool, work);
    }
    apm__pool_wake(pool);
}
