/*
 * A worker's loop: run what is in its rings, look elsewhere, park. See pool.h for the shape and the invariants. Runs on
 * worker threads only, but for the questions about the current one.
 */
#include "worker.h"

#include "check.h"
#include "probe.h"

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

bool apm__pool_is_worker_of(struct apm__pool *pool)
{
    return current && current->pool == pool;
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
    worker->searching = false;
    apm__atomic_subtract(&pool->searching, 1, APM__SEQ_CST);
    if (apm__pool_queued(pool) > 0)
        apm__pool_wake_for_queue(pool);
    else if (apm__atomic_load(&pool->wakeable, APM__RELAXED) > 0 && apm__pool_is_worth_helping(pool, worker))
        apm__pool_wake(pool);
}

static void begin_item(struct apm__worker *worker)
{
    uint32_t progress = apm__atomic_load(&worker->progress, APM__RELAXED);
    apm__atomic_store(&worker->progress, progress + 1, APM__RELAXED); /* the monitor only compares */
    if (worker->searching)
        stop_searching(worker);
}

/* Work has ended without saying that its blocking has. */
static void end_blocking(struct apm__worker *worker)
{
    while (worker->blocking > 0)
        apm__pool_end_blocking();
}

/* In line, or the compiler makes a call of it, since it takes the probes for long; that is ten instructions an item. */
__attribute__((always_inline)) static inline void run_call(struct apm__worker *worker, struct apm__entry call)
{
    begin_item(worker);
    apm__note(&worker->running.first, call.first);
    apm__note(&worker->running.second, call.second);
    APM__PROBE2(item_start, call.first, call.second);
    APM__ASSERT(apm__lock_order_is_clear());
    ((apm__function *)(uintptr_t)call.first)((void *)(uintptr_t)call.second);
    APM__PROBE2(item_end, call.first, call.second);
    apm__note(&worker->running.first, 0);
    end_blocking(worker);
    uint64_t completed = apm__atomic_load(&worker->completed, APM__RELAXED);
    apm__atomic_store(&worker->completed, completed + 1, APM__RELEASE); /* who counts it sees what the item did */
}

/* Of many connections little is in the cache: what the next events need comes while this one's system calls run. */
static void expect_events(struct apm__worker *worker)
{
    const struct apm__poller *poller = worker->pool->poller;
    if (poller->expect)
        poller->expect(apm__ring_look(&worker->events, 0).first, apm__ring_look(&worker->events, 1).first);
}

static void handle_event(struct apm__worker *worker, uint64_t event)
{
    begin_item(worker);
    expect_events(worker);
    worker->pool->poller->dispatch(worker->pool->poller, event);
}

/* -- Looking elsewhere --------------------------------------------------------------------------------------------- */

/* Takes a fair share of the queue into the worker's ring, which is empty. */
static bool take_share(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    uint64_t count = apm__pool_queued(pool);
    if (count == 0)
        return false;
    uint32_t takers = apm__atomic_load(&pool->running, APM__RELAXED) + apm__atomic_load(&pool->wakeable, APM__RELAXED);
    uint64_t share = takers > 1 ? (count + takers - 1) / takers : count;
    /* No more than is run before another thread could come to it: one of them may take long. */
    uint32_t soon = APM__WAKE_NS / (apm__atomic_load(&pool->item_ns, APM__RELAXED) + 1) + 1;
    uint32_t limit = soon < APM__BATCH_LIMIT ? soon : APM__BATCH_LIMIT;
    uint32_t taken = apm__pool_take(pool, worker, share < limit ? (uint32_t)share : limit);
    apm__worker_begin_batch(worker, taken);
    return taken > 0;
}

struct stolen {
    struct apm__entry entry;
    bool is_event;
};

/*
 * Takes something of another worker's for the caller to run at once: in its ring another thief could have it again, and
 * so on. More of the same goes into its ring, which is empty.
 */
static bool steal(struct apm__worker *thief, struct stolen *stolen)
{
    struct apm__entry entries[APM__BATCH_LIMIT];
    /* Acquire pairs with the release of the push: the structures are initialised. */
    for (struct apm__worker *victim = apm__atomic_load(&thief->pool->workers, APM__ACQUIRE); victim;
         victim = victim->next_worker) {
        if (victim == thief)
            continue;
        uint32_t count = apm__ring_take_half(&victim->work, entries, APM__BATCH_LIMIT);
        if (count == 0)
            count = apm__deque_steal(&victim->local, entries);
        stolen->is_event = count == 0 && apm__ring_take(&victim->events, entries);
        if (count == 0 && !stolen->is_event)
            continue;
        stolen->entry = entries[0];
        for (uint32_t i = 1; i < count; i++) {
            bool pushed = apm__ring_push(&thief->work, entries[i]);
            APM__CHECK(pushed);
        }
        apm__count(&thief->counters, APM__COUNT_STEALS, count + stolen->is_event);
        APM__PROBE3(steal, thief->number, victim->number, count + stolen->is_event);
        return true;
    }
    return false;
}

static void run_stolen(struct apm__worker *thief, const struct stolen *stolen)
{
    if (stolen->is_event)
        handle_event(thief, stolen->entry.first);
    else
        run_call(thief, stolen->entry);
}

/* -- Ending and parking -------------------------------------------------------------------------------------------- */

/*
 * The thread is no worker any more: what it runs at its end, such as destructors of the program, is on its own. Its
 * structure is free for another thread once this one is gone.
 */
static void leave_locked(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__parker_use(NULL);
    current = NULL;
    if (worker->searching)
        apm__atomic_subtract(&pool->searching, 1, APM__SEQ_CST);
    worker->searching = false;
    if (apm__atomic_load(&worker->state, APM__RELAXED) == APM__WORKER_IDLE)
        pool->idle_count--; /* together with `threads`: it does not count as running for a moment */
    pool->threads--;
    apm__count(&pool->counters, APM__COUNT_THREADS_ENDED, 1);
    apm__pool_publish_locked(pool);
    apm__pool_leave_work_locked(worker);
    apm__atomic_store(&worker->state, APM__WORKER_GONE, APM__SEQ_CST);
}

/*
 * Parks until woken. False if the thread ends, because it has been idle for long: then it has left the pool. It leaves
 * in the step in which it stops being idle: whoever looks for a thread finds it idle, or room for another one.
 */
static bool park_idle(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__os_mutex_lock(&pool->lock);
    /* The role may have become free since the worker looked; then it must look again, or nobody would poll. */
    bool look_again = apm__atomic_load(&pool->role, APM__SEQ_CST) == 0;
    bool idle = !look_again && apm__worker_become_idle_locked(worker);
    if (idle) {
        worker->next_idle = pool->idle;
        pool->idle = worker;
    }
    apm__os_mutex_unlock(&pool->lock);
    if (look_again)
        return true;

    uint64_t since_ns = apm__os_monotonic_ns();
    bool stay = true;
    if (idle)
        apm__count(&worker->counters, APM__COUNT_SLEEPS, 1);
    for (bool still_idle = idle; still_idle && stay;) {
        apm__parker_park(&worker->parker, pool->idle_timeout_ns);
        apm__os_mutex_lock(&pool->lock);
        struct apm__worker **link = &pool->idle;
        while (*link && *link != worker)
            link = &(*link)->next_idle;
        still_idle = *link == worker; /* who wakes a worker takes it from the list first */
        bool expired = apm__os_monotonic_ns() - since_ns >= (uint64_t)pool->idle_timeout_ns;
        if (still_idle && (apm__pool_is_stopping(pool) || expired)) {
            *link = worker->next_idle;
            leave_locked(worker);
            stay = false;
        }
        apm__os_mutex_unlock(&pool->lock);
    }
    if (!stay)
        return false;
    apm__worker_become_running(worker);
    worker->turn = APM__TURN; /* it looks at the poller first */
    return true;
}

/* Takes what lies behind a stuck worker, if the monitor has seen such a one. */
static bool rescue(struct apm__worker *worker)
{
    if (apm__atomic_load(&worker->pool->rescue, APM__RELAXED) == 0)
        return false;
    struct stolen stolen;
    if (!steal(worker, &stolen)) {
        apm__atomic_store(&worker->pool->rescue, 0, APM__RELAXED);
        return false;
    }
    run_stolen(worker, &stolen);
    return true;
}

/* Gets something from where every worker looks, or sleeps until there may be something. False: the thread ends. */
static bool look_elsewhere(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    struct stolen stolen;
    if (rescue(worker) || take_share(worker))
        return true;
    if (apm__pool_is_stopping(pool))
        return false;
    worker->turn = 0; /* all sources are looked at now */
    bool has_role = apm__pool_take_role(pool);
    if (has_role && apm__worker_poll_now(worker))
        return true;
    if (steal(worker, &stolen)) {
        if (has_role)
            apm__pool_give_role(pool);
        run_stolen(worker, &stolen);
        return true;
    }
    if (!has_role)
        return park_idle(worker);
    apm__worker_poll_until_something(worker);
    return true;
}

/* -- The loop ------------------------------------------------------------------------------------------------------ */

/*
 * After a turn of work items the worker looks at all sources once, so that no chain of completions starves them. What
 * comes from the poller goes first: items may block, and then nobody polls until the monitor finds out.
 */
static bool take_turn(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    struct apm__entry entry;
    worker->turn = 0;
    if (apm__ring_count(&worker->events) == 0 && apm__pool_take_role(pool) && !apm__worker_poll_now(worker))
        apm__pool_give_role(pool);
    bool handled = apm__ring_take(&worker->events, &entry);
    if (handled)
        handle_event(worker, entry.first);
    apm__pool_take(pool, worker, apm__ring_count(&worker->work) < APM__RING_SIZE);
    if (!apm__ring_take(&worker->work, &entry))
        return handled;
    run_call(worker, entry);
    return true;
}

/*
 * Runs one thing of the worker's own, or handles events until some calls wait: each kind of code runs several times in
 * a row, while it is in the near caches, and what the calls need still is.
 */
static bool run_own(struct apm__worker *worker)
{
    const uint32_t calls_in_a_row = 16;
    struct apm__entry entry;
    if (worker->turn >= APM__TURN && take_turn(worker))
        return true;
    if (apm__deque_take(&worker->local, &entry) || apm__ring_take(&worker->work, &entry)) {
        worker->turn++;
        run_call(worker, entry);
        return true;
    }
    if (!apm__ring_take(&worker->events, &entry))
        return false; /* the turn goes on with what the queues have, or that could keep it from polling for ever */
    worker->turn = 0;
    do
        handle_event(worker, entry.first);
    while (apm__ring_count(&worker->work) < calls_in_a_row && apm__ring_take(&worker->events, &entry));
    return true;
}

void apm__worker_main(void *argument)
{
    struct apm__worker *worker = argument;
    current = worker;
    apm__atomic_store(&worker->system_number, apm__os_thread_number(), APM__RELAXED);
    worker->turn = APM__TURN; /* it looks at the poller first: see take_turn */
    worker->batch_size = 0;
    apm__note(&worker->running.first, 0);
    apm__parker_use(&worker->parker);
    apm__monitor_notice(worker->pool);
    while (run_own(worker) || look_elsewhere(worker))
        continue;
    if (!current)
        return; /* it has left in park_idle */
    struct apm__pool *pool = worker->pool;
    apm__os_mutex_lock(&pool->lock);
    leave_locked(worker);
    apm__os_mutex_unlock(&pool->lock);
}

void apm__worker_exited(void *argument)
{
    struct apm__worker *worker = argument;
    struct apm__pool *pool = worker->pool;
    apm__os_log("apm: a callback ended its pool thread by pthread_exit or cancellation; callbacks must return");
    end_blocking(worker);
    if (apm__noted(&worker->running.first) == (uint64_t)(uintptr_t)apm__work_run) {
        abandoning = true;
        apm__work_run((void *)(uintptr_t)apm__noted(&worker->running.second));
    }
    struct apm__parker *unpark;
    apm__os_mutex_lock(&pool->lock);
    leave_locked(worker); /* what it had to run is taken by others */
    bool found = apm__pool_wake_locked(pool, apm__pool_wanted_locked(pool), &unpark);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
    if (!found)
        apm__monitor_notice(pool); /* it tries again */
}
