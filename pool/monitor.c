/*
 * The monitor: a thread that looks each few milliseconds while any worker runs, and finds another worker where one is
 * stuck in a callback: for what lies in its rings, and for polling. Where every worker is stuck it adds a thread, up to
 * the pool's maximum: one for each that is blocked, and one for each that computes for long, but of these at most
 * COMPUTING_SPARES a processor: they make short work share the processors with long, which otherwise it waits for, and
 * beyond that each thread would only get less of them. A blocked thread is one whose processor time stands still, and
 * of which the system says that it is not for want of a processor: on a busy machine threads that compute get little.
 *
 * It is dormant while no worker runs and nothing waits for one. The first worker that runs wakes it: the worker stores
 * RUNNING and then reads the monitor's word, the monitor stores DORMANT and then reads the workers' states, all
 * sequentially consistent, so one of the two sees the other. In the same way it is woken by whoever queues something
 * while no worker runs and none can be woken: then all of them wait, perhaps for what has been queued.
 */
#include "pool.h"

#include "probe.h"

enum {
    TICK_NS = 2000000, /* between two looks; up to CALM_TICKS of it while all get on, for each costs up to 30 us */
    CALM_TICKS = 4,
    CALM_AFTER = 16, /* looks, one after another, that have shown nothing to do make the time one tick longer */
    CALM_MOST = CALM_AFTER * (CALM_TICKS - 1),
    LONG_TICKS = 2, /* for how long work computes before another thread may take its place */
    COMPUTING_SPARES = 2,
    DORMANT_AFTER = 4,   /* ticks without a running worker */
    DEADLOCK_AFTER = 500 /* ticks in which nobody could run what is queued */
};

void apm__monitor_notice(struct apm__pool *pool)
{
    uint32_t dormant = APM__MONITOR_DORMANT;
    if (apm__atomic_load(&pool->monitor_word, APM__SEQ_CST) == APM__MONITOR_DORMANT &&
        apm__atomic_replace(&pool->monitor_word, &dormant, APM__MONITOR_AWAKE, APM__SEQ_CST))
        apm__os_wake_by_address(&pool->monitor_word);
}

void apm__monitor_end(struct apm__pool *pool)
{
    apm__atomic_store(&pool->monitor_word, APM__MONITOR_ENDING, APM__SEQ_CST);
    apm__os_wake_by_address(&pool->monitor_word);
    apm__os_thread_join(pool->monitor);
}

/* What one look has shown. */
struct sight {
    bool running; /* some worker runs */
    bool stuck;   /* some worker is at the item it was at a tick ago */
    bool needy;   /* some worker's rings hold what it cannot run soon */
};

/* Notes since when the worker has been at its item, for listings. */
static void note_progress(struct apm__worker *worker, uint32_t progress)
{
    if (progress == apm__noted(&worker->noted_progress))
        return;
    apm__note(&worker->noted_ns, apm__os_monotonic_coarse_ns());
    apm__note(&worker->noted_progress, progress);
}

static void look_at(struct apm__pool *pool, struct apm__worker *worker, struct sight *sight)
{
    uint32_t progress = apm__atomic_load(&worker->progress, APM__RELAXED);
    worker->seems_blocked = false;
    note_progress(worker, progress);
    if (apm__atomic_load(&worker->state, APM__SEQ_CST) != APM__WORKER_RUNNING) {
        worker->stuck_ticks = 0;
        worker->seen_progress = progress - 1; /* not the same as whatever it runs next */
        return;
    }
    sight->running = true;
    if (progress != worker->seen_progress) {
        worker->seen_progress = progress;
        worker->stuck_ticks = 0;
        if (apm__atomic_load(&pool->wakeable, APM__RELAXED) > 0 && apm__pool_is_worth_helping(pool, worker))
            sight->needy = true;
        return;
    }
    sight->stuck = true;
    if (apm__worker_has_work(worker)) {
        sight->needy = true;
        /* Workers that are awake may be too busy to come to stealing of their own accord. */
        apm__atomic_store(&pool->rescue, 1, APM__RELAXED);
    }
    /* The lock keeps the thread from ending between the question and the answer. */
    apm__os_mutex_lock(&pool->lock);
    bool exists = apm__atomic_load(&worker->state, APM__RELAXED) == APM__WORKER_RUNNING && worker->joinable;
    uint64_t cpu_ns = exists ? apm__os_thread_cpu_ns(worker->thread) : 0;
    apm__os_mutex_unlock(&pool->lock);
    worker->last_cpu_ns = cpu_ns;
    if (worker->stuck_ticks++ == 0) {
        worker->first_cpu_ns = cpu_ns;
        worker->blocked_cpu_ns = UINT64_MAX;
    } else {
        worker->seems_blocked = cpu_ns - worker->first_cpu_ns < (uint64_t)(worker->stuck_ticks - 1) * (TICK_NS / 4);
    }
    apm__note(&worker->verdict,
              apm__verdict(progress, worker->seems_blocked ? APM__FINDING_BLOCKED : APM__FINDING_COMPUTES));
}

/*
 * Whether a worker that seems blocked is so, and not only short of a processor. What the system has said once holds
 * until the thread runs again.
 */
static bool is_blocked(struct apm__worker *worker)
{
    if (!worker->seems_blocked)
        return false;
    if (worker->blocked_cpu_ns == worker->last_cpu_ns)
        return true;
    uint32_t number = apm__atomic_load(&worker->system_number, APM__RELAXED);
    if (number == 0 || apm__os_thread_is_ready(number))
        return false;
    worker->blocked_cpu_ns = worker->last_cpu_ns;
    return true;
}

/* How many threads there may be in place of stuck ones. It is found out only where it matters, as it takes time. */
static int count_replaceable(struct apm__pool *pool)
{
    int blocked = 0;
    int computing = 0;
    if (apm__atomic_load(&pool->wakeable, APM__RELAXED) > 0)
        return 0;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker) {
        if (is_blocked(worker))
            blocked++;
        else if (worker->stuck_ticks >= LONG_TICKS)
            computing++;
    }
    int spares = COMPUTING_SPARES * pool->processors;
    return blocked + (computing < spares ? computing : spares);
}

static void find_a_thread(struct apm__pool *pool)
{
    struct apm__parker *unpark;
    int replaceable = count_replaceable(pool);
    apm__os_mutex_lock(&pool->lock);
    int limit = apm__pool_wanted_locked(pool) + replaceable;
    int threads = pool->threads;
    bool covered = apm__pool_wake_locked(pool, limit, &unpark);
    apm__count(&pool->counters, APM__COUNT_THREADS_INJECTED, pool->threads > threads);
    APM__PROBE3(inject, pool, replaceable, pool->threads - threads);
    if (!covered && apm__atomic_load(&pool->role, APM__RELAXED) == 0)
        apm__pool_have_a_waiter_poll_locked(pool, &unpark);
    apm__os_mutex_unlock(&pool->lock);
    if (unpark)
        apm__parker_unpark(unpark);
}

/* What the monitor remembers from tick to tick. */
struct memory {
    int quiet;          /* ticks without a running worker */
    int unattended;     /* ticks at which nobody had the polling role, nor had polled since the one before */
    int locked;         /* ticks at which every worker waited and work was there, one after another */
    int calm;           /* looks at which every worker that ran was getting on, and nothing else waited for one */
    bool had_queue;     /* work was queued at the last tick */
    uint64_t polled_ns; /* when somebody had polled last, then */
};

/* Ends one of the waits, if for long enough nothing else could go on. */
static void break_deadlock(struct apm__pool *pool, struct memory *memory)
{
    struct apm__worker *victim = NULL;
    apm__os_mutex_lock(&pool->lock);
    bool locked = (apm__pool_queued(pool) > 0 || apm__pool_has_left_work_locked(pool)) &&
                  (pool->threads >= pool->max_threads || pool->exhausted) && pool->breakable == pool->threads;
    memory->locked = locked ? memory->locked + 1 : 0;
    if (memory->locked >= DEADLOCK_AFTER) {
        victim = apm__atomic_load(&pool->workers, APM__RELAXED);
        while (victim && !victim->breakable)
            victim = victim->next_worker;
    }
    if (victim) {
        memory->locked = 0;
        apm__atomic_store(&victim->deadlocked, 1, APM__RELAXED);
        apm__count(&pool->counters, APM__COUNT_DEADLOCKS, 1);
    }
    apm__os_mutex_unlock(&pool->lock);
    if (victim)
        apm__parker_unpark(&victim->parker);
}

/*
 * Whether something waits for a worker, or there is none that could poll. What lies in the rings of those that run,
 * `look_at` sees.
 */
static bool has_work(struct apm__pool *pool, bool running)
{
    if (apm__pool_queued(pool) > 0)
        return true;
    if (running && apm__atomic_load(&pool->left_work, APM__RELAXED) == 0)
        return false;
    apm__os_mutex_lock(&pool->lock);
    bool left = pool->threads == 0 || apm__pool_has_left_work_locked(pool);
    apm__os_mutex_unlock(&pool->lock);
    return left;
}

/* Looks at every worker, and sees to what is needed; true if there is a reason to look again soon. */
static bool tick(struct apm__pool *pool, struct memory *memory)
{
    struct sight sight = {0};
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__ACQUIRE); worker;
         worker = worker->next_worker)
        look_at(pool, worker, &sight);

    bool has_queue = has_work(pool, sight.running);
    uint64_t polled_ns = apm__atomic_load(&pool->polled_ns, APM__RELAXED);
    bool attended = polled_ns != memory->polled_ns || apm__atomic_load(&pool->role, APM__RELAXED) != 0;
    memory->unattended = attended ? 0 : memory->unattended + 1;
    memory->polled_ns = polled_ns;
    if (apm__atomic_load(&pool->hurry, APM__RELAXED) != (has_queue && sight.stuck))
        apm__atomic_store(&pool->hurry, has_queue && sight.stuck, APM__RELAXED);
    bool nobody_polls = sight.running && memory->unattended > 0 && (sight.stuck || memory->unattended > 1);
    if (sight.needy || nobody_polls || (has_queue && (sight.stuck || memory->had_queue)))
        find_a_thread(pool);
    memory->had_queue = has_queue;
    if (sight.stuck || sight.needy || has_queue)
        memory->calm = 0;
    else if (sight.running && memory->calm < CALM_MOST)
        memory->calm++;
    if (has_queue && !sight.running)
        break_deadlock(pool, memory);
    else
        memory->locked = 0;

    if (memory->unattended > 0) { /* or else whoever polls sees to it */
        uint64_t now_ns = apm__os_monotonic_ns();
        if (apm__deadline_next(&pool->deadlines) <= now_ns)
            apm__deadline_expire(&pool->deadlines, now_ns, APM__EXPIRE_MANY);
    }
    return sight.running || has_queue;
}

static bool any_worker_runs(struct apm__pool *pool)
{
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__SEQ_CST); worker;
         worker = worker->next_worker)
        if (apm__atomic_load(&worker->state, APM__SEQ_CST) == APM__WORKER_RUNNING)
            return true;
    return false;
}

/* Sleeps until a worker runs, or something comes that no worker may come to. */
static void be_dormant(struct apm__pool *pool)
{
    uint32_t awake = APM__MONITOR_AWAKE;
    if (!apm__atomic_replace(&pool->monitor_word, &awake, APM__MONITOR_DORMANT, APM__SEQ_CST))
        return;
    if (any_worker_runs(pool) || has_work(pool, false)) {
        uint32_t dormant = APM__MONITOR_DORMANT;
        apm__atomic_replace(&pool->monitor_word, &dormant, APM__MONITOR_AWAKE, APM__SEQ_CST);
        return;
    }
    while (apm__atomic_load(&pool->monitor_word, APM__SEQ_CST) == APM__MONITOR_DORMANT)
        apm__os_wait_on_address(&pool->monitor_word, APM__MONITOR_DORMANT, -1);
}

void apm__monitor_main(void *argument)
{
    struct apm__pool *pool = argument;
    struct memory memory = {0};
    while (apm__atomic_load(&pool->monitor_word, APM__SEQ_CST) != APM__MONITOR_ENDING) {
        apm__os_wait_on_address(&pool->monitor_word, APM__MONITOR_AWAKE,
                                (int64_t)TICK_NS * (1 + memory.calm / CALM_AFTER));
        memory.quiet = tick(pool, &memory) ? 0 : memory.quiet + 1;
        if (memory.quiet >= DORMANT_AFTER) {
            be_dormant(pool);
            memory = (struct memory){0};
        }
    }
}
