/*
 * What a worker does in a wait of the library: it tells the pool, has itself covered, and where nobody can take over
 * polls meanwhile. Any thread may call; on one that is no worker these do nothing but park. See pool.h.
 */
#include "probe.h"
#include "worker.h"

void apm__pool_have_a_waiter_poll_locked(struct apm__pool *pool, struct apm__parker **unpark)
{
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker) {
        if (apm__atomic_load(&worker->state, APM__RELAXED) != APM__WORKER_WAITING || worker->blocked)
            continue;
        apm__atomic_store(&worker->shall_poll, 1, APM__RELAXED);
        *unpark = &worker->parker;
        return;
    }
}

/* The worker stops running; another one takes its place where there is something to do. */
static void enter_wait(struct apm__worker *worker, bool breakable, bool blocked)
{
    struct apm__pool *pool = worker->pool;
    struct apm__parker *unpark = NULL;
    if (pool->poller->catch_up)
        pool->poller->catch_up(pool->poller);
    apm__note(&worker->wait_began_ns, apm__os_monotonic_coarse_ns());
    apm__os_mutex_lock(&pool->lock);
    apm__atomic_store(&worker->state, APM__WORKER_WAITING, APM__SEQ_CST);
    pool->waiting++;
    pool->breakable += breakable;
    pool->blocking += blocked;
    worker->breakable = breakable;
    worker->blocked = blocked;
    apm__pool_publish_locked(pool);
    apm__pool_leave_work_locked(worker);
    bool needs_cover = apm__pool_queued(pool) > 0 || apm__pool_has_left_work_locked(pool) ||
                       apm__atomic_load(&pool->role, APM__SEQ_CST) == 0;
    bool covered = !needs_cover || apm__pool_wake_locked(pool, apm__pool_wanted_locked(pool), &unpark);
    if (!covered && blocked)
        apm__pool_have_a_waiter_poll_locked(pool, &unpark);
    else
        apm__atomic_store(&worker->shall_poll, !covered, APM__RELAXED);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
}

static void leave_wait(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    struct apm__worker *next = NULL;
    apm__os_mutex_lock(&pool->lock);
    pool->waiting--;
    apm__pool_publish_locked(pool);
    pool->breakable -= worker->breakable;
    pool->blocking -= worker->blocked;
    worker->breakable = false;
    worker->blocked = false;
    apm__atomic_store(&worker->deadlocked, 0, APM__RELAXED);
    apm__atomic_store(&worker->shall_poll, 0, APM__RELAXED);
    apm__atomic_store(&worker->state, APM__WORKER_RUNNING, APM__SEQ_CST);
    if (apm__atomic_load(&pool->role, APM__SEQ_CST) == 0) /* another waiter polls from now on */
        for (next = apm__atomic_load(&pool->workers, APM__RELAXED); next; next = next->next_worker)
            if (apm__atomic_load(&next->shall_poll, APM__RELAXED))
                break;
    apm__os_mutex_unlock(&pool->lock);
    if (next)
        apm__parker_unpark(&next->parker);
    apm__monitor_notice(pool);
}

void apm__pool_begin_wait(bool breakable)
{
    struct apm__worker *worker = apm__worker_current();
    if (!worker)
        return;
    if (worker->blocking > 0)
        leave_wait(worker); /* a wait of the library in it can do more than one that blocks elsewhere */
    apm__count(&worker->counters, APM__COUNT_WAITS, 1);
    enter_wait(worker, breakable, false);
}

void apm__pool_note_wait(uint64_t bits, size_t count)
{
    struct apm__worker *worker = apm__worker_current();
    if (!worker)
        return;
    apm__note(&worker->waits_for, bits);
    apm__note(&worker->waits_for_count, (uint32_t)count);
}

void apm__pool_end_wait(void)
{
    struct apm__worker *worker = apm__worker_current();
    if (!worker)
        return;
    leave_wait(worker);
    if (worker->blocking > 0)
        enter_wait(worker, false, true);
}

bool apm__pool_is_deadlocked(void)
{
    struct apm__worker *worker = apm__worker_current();
    return worker && apm__atomic_load(&worker->deadlocked, APM__RELAXED);
}

void apm__pool_report_deadlock(void)
{
    struct apm__worker *worker = apm__worker_current();
    if (worker)
        apm__deadlock_report(worker->pool, worker->number);
}

void apm__pool_begin_blocking(void)
{
    struct apm__worker *worker = apm__worker_current();
    if (worker && worker->blocking++ == 0) {
        apm__count(&worker->counters, APM__COUNT_BLOCKS, 1);
        enter_wait(worker, false, true);
    }
}

void apm__pool_end_blocking(void)
{
    struct apm__worker *worker = apm__worker_current();
    if (worker && worker->blocking > 0 && --worker->blocking == 0)
        leave_wait(worker);
}

/* Handles the events in every worker's ring, since none of their owners may come back to them soon. */
static void handle_all_events(struct apm__pool *pool)
{
    struct apm__entry event;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        while (apm__ring_take(&worker->events, &event))
            pool->poller->dispatch(pool->poller, event.first);
}

/* Polls in the middle of a wait: completes operations, and leaves their callbacks to whoever comes to run them. */
static void poll_while_waiting(struct apm__worker *worker, int64_t timeout_ns)
{
    struct apm__pool *pool = worker->pool;
    uint64_t events[APM__BATCH_LIMIT];
    size_t count = 0;
    handle_all_events(pool);
    apm__os_mutex_lock(&pool->lock);
    pool->polling = &worker->parker;
    apm__os_mutex_unlock(&pool->lock);
    if (apm__parker_begin_polling(&worker->parker, pool->poller)) {
        int64_t deadline_ns = apm__worker_until(apm__deadline_next(&pool->deadlines));
        if (deadline_ns >= 0 && (timeout_ns < 0 || deadline_ns < timeout_ns))
            timeout_ns = deadline_ns;
        APM__PROBE2(park, &worker->parker, timeout_ns);
        count = pool->poller->wait(pool->poller, events, APM__BATCH_LIMIT, timeout_ns);
        APM__PROBE2(poll, count, timeout_ns);
        apm__parker_end_polling(&worker->parker);
        apm__count(&worker->counters, APM__COUNT_POLLS, 1);
        apm__count(&worker->counters, APM__COUNT_EVENTS, count);
    }
    apm__os_mutex_lock(&pool->lock);
    pool->polling = NULL;
    apm__os_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < count; i++)
        pool->poller->dispatch(pool->poller, events[i]);
    apm__pool_give_role(pool);
    apm__deadline_expire(&pool->deadlines, apm__os_monotonic_ns(), APM__EXPIRE_MANY);
}

void apm__pool_park(struct apm__parker *parker, int64_t timeout_ns)
{
    struct apm__worker *worker = apm__worker_current();
    if (worker && apm__atomic_load(&worker->shall_poll, APM__RELAXED) && apm__pool_take_role(worker->pool))
        poll_while_waiting(worker, timeout_ns);
    else
        apm__parker_park(parker, timeout_ns);
}
