/*
 * A worker's polling: taking batches of events, spinning where that pays off, and sleeping in the poller. Runs on
 * workers that have the polling role. See pool.h for the shape and the invariants.
 */
#include "check.h"
#include "probe.h"
#include "worker.h"

enum {
    SPIN_PAUSES = 8,            /* looks at the queues between two polls, which take much longer */
    SPIN_NS = 50000,            /* how long a worker polls before it sleeps, where that has been paying off */
    SPIN_SCORE_FULL = 8,        /* spins that paid off, or not, move the score by one */
    SPIN_PROBE = 64,            /* with a score of 0, one sleep in so many is preceded by a spin all the same */
    SPIN_BATCH_SIXTEENTHS = 20, /* it does so with batches of at most 1.25 events, on average */
    BATCH_NS = 500000           /* a batch is what can be run in about this time */
};

uint32_t apm__worker_capacity(struct apm__pool *pool)
{
    uint32_t capacity = BATCH_NS / (apm__atomic_load(&pool->item_ns, APM__RELAXED) + 1);
    return capacity < 2 ? 2 : capacity > APM__BATCH_LIMIT ? APM__BATCH_LIMIT : capacity;
}

/* Measures what the last batch took for each item, as an average that rises faster than it falls. */
static void measure_batch(struct apm__worker *worker, uint64_t now_ns)
{
    if (worker->batch_size == 0)
        return;
    uint64_t each_ns = (now_ns - worker->batch_started_ns) / worker->batch_size;
    uint64_t average_ns = apm__atomic_load(&worker->pool->item_ns, APM__RELAXED);
    each_ns = each_ns < 100000000 ? each_ns : 100000000;
    average_ns = each_ns > average_ns ? (average_ns + each_ns) / 2 : (7 * average_ns + each_ns) / 8;
    apm__atomic_store(&worker->pool->item_ns, (uint32_t)average_ns, APM__RELAXED);
    worker->batch_size = 0;
}

void apm__worker_begin_batch(struct apm__worker *worker, uint32_t size)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    measure_batch(worker, now_ns);
    worker->batch_started_ns = now_ns;
    worker->batch_size = size;
}

/* Polls, and puts what there is into the worker's ring, which is empty. The worker has the role. */
static size_t poll_events(struct apm__worker *worker, int64_t timeout_ns)
{
    struct apm__pool *pool = worker->pool;
    uint64_t events[APM__BATCH_LIMIT];
    size_t count = pool->poller->wait(pool->poller, events, apm__worker_capacity(pool), timeout_ns);
    apm__count(&worker->counters, APM__COUNT_POLLS, 1);
    apm__count(&worker->counters, APM__COUNT_EVENTS, count);
    APM__PROBE2(poll, count, timeout_ns);
    for (size_t i = 0; i < count; i++) {
        bool pushed = apm__ring_push(&worker->events, (struct apm__entry){.first = events[i]});
        APM__CHECK(pushed);
    }
    return count;
}

void apm__pool_note_arrivals(struct apm__pool *pool, uint32_t count)
{
    uint32_t average = apm__atomic_load(&pool->batch_sixteenths, APM__RELAXED);
    apm__atomic_store(&pool->batch_sixteenths, (7 * average + 16 * count) / 8, APM__RELAXED);
}

/* After a poll, whatever it brought: deadlines that are due are expired, and a batch is begun. */
static void note_poll(struct apm__worker *worker, size_t count)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    worker->batch_started_ns = now_ns;
    apm__atomic_store(&worker->pool->polled_ns, now_ns, APM__RELAXED);
    worker->batch_size = (uint32_t)count;
    if (count > 0)
        apm__pool_note_arrivals(worker->pool, (uint32_t)count);
    if (apm__deadline_next(&worker->pool->deadlines) <= now_ns)
        apm__deadline_expire(&worker->pool->deadlines, now_ns, APM__BATCH_LIMIT);
}

/* A poll that does not wait; the worker has the role, and has given it back if there were events or deadlines. */
bool apm__worker_poll_now(struct apm__worker *worker)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    measure_batch(worker, now_ns);
    apm__atomic_store(&worker->pool->polled_ns, now_ns, APM__RELAXED);
    size_t count = poll_events(worker, 0);
    if (count == 0 && apm__deadline_next(&worker->pool->deadlines) > now_ns)
        return false;
    apm__pool_give_role(worker->pool);
    note_poll(worker, count);
    if (apm__atomic_load(&worker->pool->wakeable, APM__RELAXED) > 0 && apm__pool_is_worth_helping(worker->pool, worker))
        apm__pool_wake(worker->pool);
    return true;
}

/*
 * Whether to spin before this sleep: where it has been paying off, and now and then to find out. Not where things come
 * in batches: then there is throughput to be had by waiting for more of them, and no latency to be gained.
 */
static bool shall_spin(struct apm__worker *worker)
{
    if (worker->pool->never_spins ||
        apm__atomic_load(&worker->pool->batch_sixteenths, APM__RELAXED) > SPIN_BATCH_SIXTEENTHS)
        return false;
    uint32_t score = apm__atomic_load(&worker->pool->spin_score, APM__RELAXED);
    if (score >= SPIN_PROBE) /* below that it counts sleeps since the last try */
        return true;
    apm__atomic_store(&worker->pool->spin_score, score + 1, APM__RELAXED);
    return score + 1 == SPIN_PROBE;
}

static void score_spin(struct apm__worker *worker, bool paid_off)
{
    uint32_t score = apm__atomic_load(&worker->pool->spin_score, APM__RELAXED);
    apm__count(&worker->counters, paid_off ? APM__COUNT_SPINS_PAID_OFF : APM__COUNT_SPINS_IN_VAIN, 1);
    if (paid_off)
        score = score < SPIN_PROBE + SPIN_SCORE_FULL ? score + 1 : score;
    else
        score = score > SPIN_PROBE ? score - 1 : 0;
    apm__atomic_store(&worker->pool->spin_score, score, APM__RELAXED);
}

static bool is_queued_soon(struct apm__pool *pool)
{
    for (int i = 0; i < SPIN_PAUSES; i++) {
        if (apm__pool_queued(pool) > 0)
            return true;
        apm__os_spin_pause();
    }
    return false;
}

/* Polls for a while without sleeping. True if something has come. */
static bool spin(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    uint64_t now_ns = apm__os_monotonic_ns();
    uint64_t end_ns = now_ns + SPIN_NS;
    if (!worker->searching) { /* what is submitted meanwhile needs no other thread */
        worker->searching = true;
        apm__atomic_add(&pool->searching, 1, APM__SEQ_CST);
    }
    while (now_ns < end_ns) {
        size_t count = poll_events(worker, 0);
        if (count > 0) {
            apm__pool_give_role(pool);
            note_poll(worker, count);
            score_spin(worker, true);
            return true;
        }
        if (is_queued_soon(pool)) {
            apm__pool_give_role(pool);
            score_spin(worker, true);
            return true;
        }
        now_ns = apm__os_monotonic_ns();
    }
    score_spin(worker, false);
    return false;
}

int64_t apm__worker_until(uint64_t due_ns)
{
    if (due_ns == APM__DEADLINE_NEVER)
        return -1;
    uint64_t now_ns = apm__os_monotonic_ns();
    return due_ns > now_ns ? (int64_t)(due_ns - now_ns) : 0;
}

bool apm__worker_become_idle_locked(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    if (worker->searching) {
        worker->searching = false;
        apm__atomic_subtract(&pool->searching, 1, APM__SEQ_CST);
    }
    apm__atomic_store(&worker->state, APM__WORKER_IDLE, APM__SEQ_CST);
    pool->idle_count++;
    apm__pool_publish_locked(pool);
    /* Only now: what is counted up later is seen to need a thread. */
    if (apm__pool_queued(pool) == 0 && !apm__pool_has_left_work_locked(pool) && !apm__pool_is_stopping(pool))
        return true;
    pool->idle_count--;
    apm__pool_publish_locked(pool);
    /* Who submitted it may have relied on this worker to find it, and to wake the next one if there is more. */
    worker->searching = true;
    apm__atomic_add(&pool->searching, 1, APM__SEQ_CST);
    return false;
}

void apm__worker_become_running(struct apm__worker *worker)
{
    apm__atomic_store(&worker->state, APM__WORKER_RUNNING, APM__SEQ_CST);
    apm__monitor_notice(worker->pool);
}

/* Sleeps in the poller until there is an event, a deadline or a wake. The worker has the role, and gives it back. */
static void sleep_in_poller(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__os_mutex_lock(&pool->lock);
    bool idle = apm__worker_become_idle_locked(worker);
    if (idle) {
        pool->sleeper = worker;
        pool->polling = &worker->parker;
    }
    apm__os_mutex_unlock(&pool->lock);
    if (!idle) {
        apm__worker_become_running(worker);
        apm__pool_give_role(pool);
        return;
    }
    size_t count = 0;
    apm__count(&worker->counters, APM__COUNT_SLEEPS, 1);
    if (apm__parker_begin_polling(&worker->parker, pool->poller)) {
        int64_t timeout_ns = apm__worker_until(apm__deadline_next(&pool->deadlines));
        APM__PROBE2(park, &worker->parker, timeout_ns);
        count = poll_events(worker, timeout_ns);
        apm__parker_end_polling(&worker->parker);
    }
    apm__worker_become_running(worker);
    apm__os_mutex_lock(&pool->lock);
    if (pool->sleeper == worker) { /* or else whoever has woken it has done this */
        pool->sleeper = NULL;
        pool->idle_count--;
        apm__pool_publish_locked(pool);
    }
    pool->polling = NULL;
    apm__os_mutex_unlock(&pool->lock);
    apm__pool_give_role(pool);
    note_poll(worker, count);
}

void apm__worker_poll_until_something(struct apm__worker *worker)
{
    if (!shall_spin(worker) || !spin(worker))
        sleep_in_poller(worker);
}
