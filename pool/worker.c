/*
 * What a worker does: run what is in its rings, look elsewhere, poll, sleep. And what it does in a wait of the library.
 * See pool.h for the shape and the invariants. Runs on worker threads only, but for the questions about the current
 * one.
 */
#include "check.h"
#include "pool.h"

enum {
    SPIN_NS = 50000,            /* how long a worker polls before it sleeps, where that has been paying off */
    SPIN_SCORE_FULL = 8,        /* spins that paid off, or not, move the score by one */
    SPIN_PROBE = 64,            /* with a score of 0, one sleep in so many is preceded by a spin all the same */
    SPIN_BATCH_SIXTEENTHS = 20, /* it does so with batches of at most 1.25 events, on average */
    BATCH_LIMIT = APM__RING_SIZE / 2,
    BATCH_NS = 500000 /* a batch is what can be run in about this time */
};

static const int64_t idle_timeout_ns = 20000000000; /* after which a thread beyond the minimum ends, as in .NET */

static APM__THREAD_LOCAL struct apm__worker *current;
static APM__THREAD_LOCAL bool abandoning;

/* The tables whose free slots workers cache. Registered before the first worker starts. */
static struct apm__slot_table *cached_tables[APM__KIND_LIMIT];

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

void apm__pool_share_cache_of(struct apm__slot_table *table)
{
    cached_tables[table->kind] = table;
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

static struct apm__work *to_work(uint64_t entry)
{
    return (struct apm__work *)(uintptr_t)entry;
}

/* -- Polling ------------------------------------------------------------------------------------------------------- */

/* How many events to take: what can be run soon, so that the rest stays where every thread can get it. */
static size_t batch_capacity(struct apm__pool *pool)
{
    uint64_t capacity = BATCH_NS / (apm__atomic_load(&pool->item_ns, APM__RELAXED) + 1);
    return capacity < 2 ? 2 : capacity > BATCH_LIMIT ? BATCH_LIMIT : (size_t)capacity;
}

/* Measures what the last batch took for each event, as an average that forgets. */
static void measure_batch(struct apm__worker *worker, uint64_t now_ns)
{
    if (worker->batch_size == 0)
        return;
    uint64_t each_ns = (now_ns - worker->batch_started_ns) / worker->batch_size;
    uint64_t average_ns = apm__atomic_load(&worker->pool->item_ns, APM__RELAXED);
    average_ns = (7 * average_ns + (each_ns < 100000000 ? each_ns : 100000000)) / 8;
    apm__atomic_store(&worker->pool->item_ns, (uint32_t)average_ns, APM__RELAXED);
    worker->batch_size = 0;
}

/* Polls, and puts what there is into the worker's ring, which is empty. The worker has the role. */
static size_t poll_events(struct apm__worker *worker, int64_t timeout_ns)
{
    struct apm__pool *pool = worker->pool;
    uint64_t events[BATCH_LIMIT];
    size_t count = pool->poller->wait(pool->poller, events, batch_capacity(pool), timeout_ns);
    for (size_t i = 0; i < count; i++) {
        bool pushed = apm__ring_push(&worker->events, events[i]);
        APM__CHECK(pushed);
    }
    return count;
}

/* After a poll, whatever it brought: deadlines that are due are expired, and a batch is begun. */
static void begin_batch(struct apm__worker *worker, size_t count)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    worker->batch_started_ns = now_ns;
    worker->batch_size = (uint32_t)count;
    if (count > 0) {
        uint32_t average = apm__atomic_load(&worker->pool->batch_sixteenths, APM__RELAXED);
        apm__atomic_store(&worker->pool->batch_sixteenths, (7 * average + 16 * (uint32_t)count) / 8, APM__RELAXED);
    }
    if (apm__deadline_next(&worker->pool->deadlines) <= now_ns)
        apm__deadline_expire(&worker->pool->deadlines, now_ns);
}

/* A poll that does not wait; the worker has the role, and has given it back afterwards if there were events. */
static bool poll_now(struct apm__worker *worker)
{
    measure_batch(worker, apm__os_monotonic_ns());
    size_t count = poll_events(worker, 0);
    if (count == 0)
        return false;
    apm__pool_give_role(worker->pool);
    begin_batch(worker, count);
    if (apm__atomic_load(&worker->pool->idle_count, APM__RELAXED) > 0 &&
        apm__pool_is_worth_helping(worker->pool, worker))
        apm__pool_wake(worker->pool);
    return true;
}

/*
 * Whether to spin before this sleep: where it has been paying off, and now and then to find out. Not where events come
 * in batches: then there is throughput to be had by waiting for more of them, and no latency to be gained.
 */
static bool shall_spin(struct apm__worker *worker)
{
    if (apm__atomic_load(&worker->pool->batch_sixteenths, APM__RELAXED) > SPIN_BATCH_SIXTEENTHS)
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
    if (paid_off)
        score = score < SPIN_PROBE + SPIN_SCORE_FULL ? score + 1 : score;
    else
        score = score > SPIN_PROBE ? score - 1 : 0;
    apm__atomic_store(&worker->pool->spin_score, score, APM__RELAXED);
}

/* Polls for a while without sleeping. True if something has come. */
static bool spin(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    uint64_t now_ns = apm__os_monotonic_ns();
    uint64_t end_ns = now_ns + SPIN_NS;
    while (now_ns < end_ns) {
        size_t count = poll_events(worker, 0);
        if (count > 0) {
            apm__pool_give_role(pool);
            begin_batch(worker, count);
            score_spin(worker, true);
            return true;
        }
        if (apm__atomic_load(&pool->queued, APM__RELAXED) > 0) {
            apm__pool_give_role(pool);
            return true;
        }
        now_ns = apm__os_monotonic_ns();
    }
    score_spin(worker, false);
    return false;
}

static int64_t until(uint64_t due_ns)
{
    if (due_ns == APM__DEADLINE_NEVER)
        return -1;
    uint64_t now_ns = apm__os_monotonic_ns();
    return due_ns > now_ns ? (int64_t)(due_ns - now_ns) : 0;
}

static bool is_stopping(struct apm__pool *pool)
{
    return apm__atomic_load(&pool->phase, APM__RELAXED) == APM__POOL_STOPPING;
}

/* Stops searching without having found anything, under the lock. False if there is work after all. */
static bool become_idle_locked(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    if (pool->queue_head || is_stopping(pool))
        return false;
    if (worker->searching) {
        worker->searching = false;
        pool->searching--;
    }
    apm__atomic_store(&worker->state, APM__WORKER_IDLE, APM__SEQ_CST);
    return true;
}

static void become_running(struct apm__worker *worker)
{
    apm__atomic_store(&worker->state, APM__WORKER_RUNNING, APM__SEQ_CST);
    apm__monitor_notice(worker->pool);
}

/* Sleeps in the poller until there is an event, a deadline or a wake. The worker has the role, and gives it back. */
static void sleep_in_poller(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    apm__os_mutex_lock(&pool->lock);
    bool idle = become_idle_locked(worker);
    if (idle) {
        pool->sleeper = worker;
        pool->polling = &worker->parker;
    }
    apm__os_mutex_unlock(&pool->lock);
    if (!idle) {
        apm__pool_give_role(pool);
        return;
    }
    size_t count = 0;
    if (apm__parker_begin_polling(&worker->parker, pool->poller)) {
        count = poll_events(worker, until(apm__deadline_next(&pool->deadlines)));
        apm__parker_end_polling(&worker->parker);
    }
    become_running(worker);
    apm__os_mutex_lock(&pool->lock);
    if (pool->sleeper == worker)
        pool->sleeper = NULL;
    pool->polling = NULL;
    apm__os_mutex_unlock(&pool->lock);
    apm__pool_give_role(pool);
    begin_batch(worker, count);
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
            *work = to_work(entry);
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
    bool idle = apm__atomic_load(&pool->role, APM__SEQ_CST) == 1 && become_idle_locked(worker);
    bool surplus = pool->threads > apm__pool_wanted_locked(pool);
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
        apm__parker_park(&worker->parker, surplus ? idle_timeout_ns : -1);
        apm__os_mutex_lock(&pool->lock);
        struct apm__worker **link = &pool->idle;
        while (*link && *link != worker)
            link = &(*link)->next_idle;
        still_idle = *link == worker; /* who wakes a worker takes it from the list first */
        bool expired = surplus && apm__os_monotonic_ns() - since_ns >= (uint64_t)idle_timeout_ns;
        surplus = pool->threads > apm__pool_wanted_locked(pool);
        if (still_idle && (is_stopping(pool) || (expired && surplus))) {
            *link = worker->next_idle;
            apm__atomic_subtract(&pool->idle_count, 1, APM__RELAXED);
            stay = false;
        }
        apm__os_mutex_unlock(&pool->lock);
    }
    if (stay)
        become_running(worker);
    return stay;
}

/* Does something from where every worker looks, or sleeps until there may be something. False: the thread ends. */
static bool look_elsewhere(struct apm__worker *worker)
{
    struct apm__pool *pool = worker->pool;
    struct apm__work *work = apm__pool_take(pool);
    uint64_t event;
    if (work) {
        run_stolen(worker, work, 0);
        return true;
    }
    if (is_stopping(pool))
        return false;
    if (!apm__pool_take_role(pool)) {
        if (!steal(worker, &work, &event))
            return park_idle(worker);
        run_stolen(worker, work, event);
        return true;
    }
    if (poll_now(worker))
        return true;
    if (steal(worker, &work, &event)) {
        apm__pool_give_role(pool);
        run_stolen(worker, work, event);
        return true;
    }
    if (!shall_spin(worker) || !spin(worker))
        sleep_in_poller(worker);
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
    if (apm__ring_count(&worker->events) == 0 && apm__pool_take_role(pool) && !poll_now(worker))
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
        run_work(worker, to_work(entry));
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
    for (int kind = 0; kind < APM__KIND_LIMIT; kind++)
        if (cached_tables[kind])
            apm__slot_cache_flush(cached_tables[kind]);
    apm__slot_cache_use(NULL);
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
    apm__slot_cache_use(&worker->cache);
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
        to_work(entry)->next = left;
        left = to_work(entry);
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

/* -- Waits of the library ------------------------------------------------------------------------------------------ */

void apm__pool_begin_wait(bool breakable)
{
    struct apm__worker *worker = current;
    if (!worker)
        return;
    struct apm__pool *pool = worker->pool;
    struct apm__parker *unpark = NULL;
    uint64_t entry;
    apm__os_mutex_lock(&pool->lock);
    apm__atomic_store(&worker->state, APM__WORKER_WAITING, APM__SEQ_CST);
    pool->waiting++;
    pool->breakable += breakable;
    worker->breakable = breakable;
    while (apm__ring_take(&worker->work, &entry)) /* what waits behind this wait is everybody's */
        apm__pool_append_locked(pool, to_work(entry));
    bool needs_cover = pool->queue_head || apm__ring_count(&worker->events) > 0 ||
                       apm__atomic_load(&pool->role, APM__SEQ_CST) == 0;
    bool covered = !needs_cover || apm__pool_wake_locked(pool, apm__pool_wanted_locked(pool), &unpark);
    apm__atomic_store(&worker->shall_poll, !covered, APM__RELAXED);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
}

bool apm__pool_is_deadlocked(void)
{
    return current && apm__atomic_load(&current->deadlocked, APM__RELAXED);
}

void apm__pool_end_wait(void)
{
    struct apm__worker *worker = current;
    if (!worker)
        return;
    struct apm__pool *pool = worker->pool;
    struct apm__worker *next = NULL;
    apm__os_mutex_lock(&pool->lock);
    pool->waiting--;
    pool->breakable -= worker->breakable;
    worker->breakable = false;
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

/* Handles the events in every worker's ring, since none of their owners may come back to them soon. */
static void handle_all_events(struct apm__pool *pool)
{
    uint64_t event;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        while (apm__ring_take(&worker->events, &event))
            pool->poller->dispatch(pool->poller, event);
}

/* Polls in the middle of a wait: completes operations, and leaves their callbacks to whoever comes to run them. */
static void poll_while_waiting(struct apm__worker *worker, int64_t timeout_ns)
{
    struct apm__pool *pool = worker->pool;
    uint64_t events[BATCH_LIMIT];
    size_t count = 0;
    handle_all_events(pool);
    apm__os_mutex_lock(&pool->lock);
    pool->polling = &worker->parker;
    apm__os_mutex_unlock(&pool->lock);
    if (apm__parker_begin_polling(&worker->parker, pool->poller)) {
        int64_t deadline_ns = until(apm__deadline_next(&pool->deadlines));
        if (deadline_ns >= 0 && (timeout_ns < 0 || deadline_ns < timeout_ns))
            timeout_ns = deadline_ns;
        count = pool->poller->wait(pool->poller, events, BATCH_LIMIT, timeout_ns);
        apm__parker_end_polling(&worker->parker);
    }
    apm__os_mutex_lock(&pool->lock);
    pool->polling = NULL;
    apm__os_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < count; i++)
        pool->poller->dispatch(pool->poller, events[i]);
    apm__pool_give_role(pool);
    apm__deadline_expire(&pool->deadlines, apm__os_monotonic_ns());
}

void apm__pool_park(struct apm__parker *parker, int64_t timeout_ns)
{
    struct apm__worker *worker = current;
    if (worker && apm__atomic_load(&worker->shall_poll, APM__RELAXED) && apm__pool_take_role(worker->pool))
        poll_while_waiting(worker, timeout_ns);
    else
        apm__parker_park(parker, timeout_ns);
}
