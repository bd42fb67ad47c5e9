/*
 * Looking at a pool from outside. Any thread. A snapshot holds the pool's lock for a moment, so that the numbers of
 * threads are of that moment; all else is read without, by walking the workers, which are never freed. Views of workers
 * are taken under the lock.
 */
#include "statistics.h"

/*
 * What the monitor has found of the worker, if it is still at the same call. One that runs none looks for work, and the
 * processor's not having got round to it is no finding about the program.
 */
static enum apm__finding finding_of(struct apm__worker *worker)
{
    uint64_t verdict = apm__noted(&worker->verdict);
    bool is_current = verdict >> 32 == apm__atomic_load(&worker->progress, APM__RELAXED);
    bool runs = apm__atomic_load(&worker->state, APM__RELAXED) == APM__WORKER_RUNNING &&
                apm__noted(&worker->running.first) != 0;
    if (!is_current || !runs)
        return APM__FINDING_NONE;
    return (enum apm__finding)(verdict & UINT32_MAX);
}

static void add_counters(struct apm__counters *sum, struct apm__counters *counters)
{
    for (int which = 0; which < APM__COUNTERS; which++)
        apm__count(sum, (enum apm__counter)which, apm__counters_read(counters, (enum apm__counter)which));
}

static void add_worker(struct apm__worker *worker, struct apm__counters *sum,
                       struct apm_thread_pool_statistics *statistics)
{
    enum apm__finding finding = finding_of(worker);
    statistics->threads_computing += finding == APM__FINDING_COMPUTES;
    statistics->threads_stuck += finding == APM__FINDING_BLOCKED;
    statistics->queued_taken += apm__ring_count(&worker->work);
    statistics->queued_local += apm__deque_count(&worker->local);
    statistics->queued_events += apm__ring_count(&worker->events);
    add_counters(sum, &worker->counters);
}

static void copy_counters(struct apm__counters *sum, struct apm_thread_pool_statistics *statistics)
{
    statistics->threads_started = apm__counters_read(sum, APM__COUNT_THREADS_STARTED);
    statistics->threads_injected = apm__counters_read(sum, APM__COUNT_THREADS_INJECTED);
    statistics->threads_ended = apm__counters_read(sum, APM__COUNT_THREADS_ENDED);
    statistics->steals = apm__counters_read(sum, APM__COUNT_STEALS);
    statistics->wake_ups = apm__counters_read(sum, APM__COUNT_WAKE_UPS);
    statistics->sleeps = apm__counters_read(sum, APM__COUNT_SLEEPS);
    statistics->polls = apm__counters_read(sum, APM__COUNT_POLLS);
    statistics->events = apm__counters_read(sum, APM__COUNT_EVENTS);
    statistics->spins_paid_off = apm__counters_read(sum, APM__COUNT_SPINS_PAID_OFF);
    statistics->spins_in_vain = apm__counters_read(sum, APM__COUNT_SPINS_IN_VAIN);
    statistics->waits = apm__counters_read(sum, APM__COUNT_WAITS);
    statistics->blocks = apm__counters_read(sum, APM__COUNT_BLOCKS);
    statistics->deadlocks = apm__counters_read(sum, APM__COUNT_DEADLOCKS);
}

void apm__pool_read_statistics(struct apm__pool *pool, struct apm_thread_pool_statistics *statistics)
{
    struct apm__counters sum = {0};
    apm__os_mutex_lock(&pool->lock);
    statistics->threads = pool->threads;
    statistics->threads_idle = pool->idle_count;
    statistics->threads_blocking = pool->blocking;
    statistics->threads_waiting = pool->waiting - pool->blocking;
    statistics->threads_running = pool->threads - pool->idle_count - pool->waiting;
    add_counters(&sum, &pool->counters);
    apm__os_mutex_unlock(&pool->lock);
    statistics->queued_callbacks = apm__queue_count(&pool->queue);
    statistics->queued_items = (int64_t)apm__calls_count(&pool->calls);
    statistics->items_completed = apm__pool_completed(pool);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        add_worker(worker, &sum, statistics);
    copy_counters(&sum, statistics);

    struct apm__lateness lateness;
    statistics->deadlines_armed = (int64_t)apm__deadline_count(&pool->deadlines, &lateness);
    statistics->deadlines_expired = lateness.expired;
    statistics->deadline_lateness_ns = lateness.total_ns;
    statistics->deadline_lateness_max_ns = lateness.max_ns;
}

static struct apm__worker_view view_locked(struct apm__worker *worker)
{
    struct apm__worker_view view = {
        .number = worker->number,
        .state = (enum apm__worker_state)apm__atomic_load(&worker->state, APM__RELAXED),
        .finding = finding_of(worker),
        .blocked = worker->blocked,
        .wait_ns = apm__noted(&worker->wait_began_ns),
        .waits_for = apm__noted(&worker->waits_for),
        .waits_for_count = apm__noted(&worker->waits_for_count),
    };
    uint32_t progress = apm__atomic_load(&worker->progress, APM__ACQUIRE);
    view.call = apm__entry_read(&worker->running);
    if (view.call.first == 0)
        view.call.second = 0;
    if (apm__noted(&worker->noted_progress) == progress)
        view.call_ns = apm__noted(&worker->noted_ns);
    return view;
}

size_t apm__pool_view_workers(struct apm__pool *pool, uint32_t below, struct apm__worker_view *views, size_t capacity,
                              size_t *threads)
{
    size_t count = 0;
    apm__os_mutex_lock(&pool->lock);
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker && count < capacity;
         worker = worker->next_worker)
        if (worker->number < below && apm__atomic_load(&worker->state, APM__RELAXED) != APM__WORKER_GONE)
            views[count++] = view_locked(worker);
    *threads = (size_t)pool->threads;
    apm__os_mutex_unlock(&pool->lock);
    return count;
}
