/*
 * The worker pool: what the layers above use of it, and what its files share.
 *
 * Shape. Workers poll for I/O themselves. One at a time has the polling role: it takes a batch of events from the
 * poller into its own ring, gives the role back and handles them; when nothing is left to do it polls again, spins a
 * little, and then sleeps in the poller. The other idle workers sleep on their parkers. While the worker that polled
 * runs callbacks nobody polls: so a message that is answered at once costs no wake-up of a second thread. What keeps
 * this work-conserving are helpers, woken when the batch is long enough to be worth a second thread, and the monitor,
 * which looks each 2 to 8 ms while any worker runs, and puts another worker in the place of one that is stuck.
 *
 * Work has three ways to a worker. What others submit goes to the pool's queues, from which workers take shares into
 * their rings: one for completions, which must not fail and so are linked, and one for the program's items, which need
 * no memory of their own. What a worker's own I/O completes goes to the end of its ring. What its own work asks for
 * with preference goes to its deque, and runs first, the newest before all else.
 *
 * Invariants:
 *  1. Work in the queues is seen. Who submits counts it up first and then looks at `searching`, `running` and
 *     `wakeable`; a worker that becomes idle, or stops searching, publishes that first and then looks at the count. So
 *     either the worker sees the work, or the submitter sees that it has to wake somebody. It need not while some
 *     worker runs and is expected to come to the queue sooner than a thread could be woken; if that one gets stuck
 *     instead, the monitor, which is awake then, sees queue and worker.
 *     A worker that retires is idle, and may be woken, up to the step in which there is room for another thread.
 *  2. Work in a ring or a deque is seen by its owner, which does not become idle while they hold anything; or, if the
 *     owner is stuck, by the thieves that the monitor wakes; or, if it waits or its thread has ended, by the worker
 *     that it wakes, and by every worker that would become idle or begins to wait: all under the pool's lock.
 *  3. If nobody has the polling role, then some worker runs, or has been woken and will look; so the monitor is awake.
 *  4. A wait of the library on a worker is covered: another worker takes over, or, at the maximum, the waiter polls.
 *
 * Locks: the pool's lock is taken with any lock of the layers above held or none; below it come only the slot tables'.
 */
#ifndef APM__POOL_H
#define APM__POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/error.h"
#include "calls.h"
#include "counters.h"
#include "deadline.h"
#include "deque.h"
#include "os.h"
#include "parker.h"
#include "poller.h"
#include "ring.h"
#include "slot.h"
#include "work.h"

/* -- For the layers above ------------------------------------------------------------------------------------------ */

struct apm__pool;
struct apm__worker;

/* The process-wide pool. It exists always; it runs from apm__pool_start to apm__pool_stop. */
struct apm__pool *apm__pool_default(void);

/* Makes a pool of the program's as new. Its memory is zero, or that of a pool that has ended and nobody holds. */
void apm__pool_initialise(struct apm__pool *pool, struct apm__slot *slot, int min_threads, int max_threads);

/*
 * Has the pool running: makes its poller and threads if it does not yet. Any thread.
 * OUT_OF_MEMORY, or what apm__poller_create says; INVALID_OPERATION while it is being stopped, when it has ended, and
 * in a forked child.
 */
apm_error apm__pool_start(struct apm__pool *pool);

/* Whether the pool runs and takes new operations. */
bool apm__pool_is_open(struct apm__pool *pool);

/* The same, for the maker of something that the pool's end looks for: either it is found there, or this is false. */
bool apm__pool_is_still_open(struct apm__pool *pool);

/*
 * Ends the pool in two steps. `close` makes it refuse new operations, and to be started, until `reopen` or `stop`; what
 * was begun goes on. `stop` ends its threads and its poller, when nothing is outstanding any more; the default pool is
 * then as new, another one has ended.
 */
void apm__pool_close(struct apm__pool *pool);
void apm__pool_reopen(struct apm__pool *pool);
void apm__pool_stop(struct apm__pool *pool);

/* Runs the work on a worker: the calling one, if it is the pool's, when it is done with what it does. Never fails. */
void apm__pool_submit(struct apm__pool *pool, struct apm__work *work);

/*
 * Has the function called behind what the calling worker has to run already; by whoever takes it, where the worker is
 * stuck. False if the caller is no worker of the pool, or there is no room.
 */
bool apm__pool_call_behind(struct apm__pool *pool, apm__function *function, void *argument);

/*
 * One event has brought so many things to do. Together with the number of events at a time it says whether a thread
 * that has nothing to do is to spin: see worker_poll.c.
 */
void apm__pool_note_arrivals(struct apm__pool *pool, uint32_t count);

/*
 * The same for work of the program's: starts the pool, and may refuse. `prefer_local`: if the calling thread is a
 * worker of the pool, it runs the work next, unless another one is free sooner. INVALID_OPERATION, OUT_OF_MEMORY, and
 * what apm__poller_create says.
 */
apm_error apm__pool_queue(struct apm__pool *pool, struct apm__work *work, bool prefer_local);

/* The same for a call of a function, which needs no memory of the caller's. Also OUT_OF_MEMORY. */
apm_error apm__pool_call(struct apm__pool *pool, apm__function *function, void *argument, bool prefer_local);

/* How many items and callbacks wait for a worker, and how many have been run. Exact while nothing moves. */
uint64_t apm__pool_pending(struct apm__pool *pool);
uint64_t apm__pool_completed(struct apm__pool *pool);

/* Whether no worker does anything, and nothing is queued. Of a closed pool: it stays so. */
bool apm__pool_is_quiet(struct apm__pool *pool);

/* Arms a deadline of the pool; `due_ns` on the monotonic clock. See apm__deadline_set. */
apm_error apm__pool_set_deadline(struct apm__pool *pool, struct apm__deadline *deadline, uint64_t due_ns,
                                 bool *was_armed);
bool apm__pool_clear_deadline(struct apm__pool *pool, struct apm__deadline *deadline);

/* The pool's poller; it runs. */
struct apm__poller *apm__pool_poller(struct apm__pool *pool);

/* The time at which the pool last polled; recent enough for a listing, and free. */
uint64_t apm__pool_recent_ns(struct apm__pool *pool);

/* Whether the calling thread is a worker of any pool, or of this one; whether it ends in the middle of its work. */
bool apm__pool_is_worker_thread(void);
bool apm__pool_is_worker_of(struct apm__pool *pool);
bool apm__pool_is_abandoning(void);

/*
 * Parks the calling thread as apm__parker_park does, but tells the pool if it is a worker: the pool is covered, and at
 * the maximum the thread polls meanwhile. `apm__pool_begin_wait` comes before the first park of a wait, and
 * `apm__pool_end_wait` after its last.
 */
void apm__pool_begin_wait(bool breakable);
void apm__pool_note_wait(uint64_t bits, size_t count); /* for listings: what it waits for, of several the first */
void apm__pool_park(struct apm__parker *parker, int64_t timeout_ns);
void apm__pool_end_wait(void);

/* Begin and end of what the program says about blocking elsewhere: apm_thread_pool_blocking_begin and _end. */
void apm__pool_begin_blocking(void);
void apm__pool_end_blocking(void);

/*
 * Whether the calling worker's wait is to end as a deadlock: for a second every worker, at the maximum, has been in a
 * `breakable` wait, one without limit that I/O alone cannot end, while callbacks that might end it could not run.
 */
bool apm__pool_is_deadlocked(void);

/* Has it said who waits for what; the calling worker is still in the wait that ends, under no lock. */
void apm__pool_report_deadlock(void);

/*
 * Says it of a pool one of whose workers is the calling thread: one of the pool's two calls upwards, because what
 * things are called is known there. lib/net supplies it.
 */
void apm__deadlock_report(struct apm__pool *pool, uint32_t worker);

/* -- Inside the pool ----------------------------------------------------------------------------------------------- */

enum {
    APM__MAX_THREADS = 32767,
    APM__EXPIRE_MANY = 1024, /* deadlines at once, for a thread that runs none of what they submit */
#ifdef APM_DEBUG
    APM__TURN = 4, /* work items that a worker runs before it looks elsewhere */
#else
    APM__TURN = 64,
#endif
    APM__WAKE_NS = 20000 /* how long it takes until a thread that is woken runs */
};

enum apm__worker_state {
    APM__WORKER_GONE,    /* no thread; the structure waits for the next one */
    APM__WORKER_IDLE,    /* parked, or asleep in the poller */
    APM__WORKER_RUNNING, /* looks for work, or does some */
    APM__WORKER_WAITING  /* in a wait of the library, in the middle of its work */
};

struct apm__worker {
    /* immutable */
    struct apm__pool *pool;
    struct apm__worker *next_worker; /* all there ever were, for walks without a lock */
    uint32_t number;                 /* from 1 on, in the order of their making */

    /* atomic: written by the worker, read by the monitor */
    _Atomic uint32_t state;         /* enum apm__worker_state */
    _Atomic uint32_t progress;      /* goes up with each item, so that "still the same" can be seen */
    _Atomic uint32_t system_number; /* of its thread, in the system; 0 until that has begun */

    /* atomic: set by whoever finds that the worker, which waits, has to poll meanwhile; cleared by the worker */
    _Atomic uint32_t shall_poll;
    _Atomic uint32_t deadlocked; /* set by the monitor, cleared by the worker when the wait ends */

    /* guarded by the pool's lock */
    struct apm__worker *next_idle;
    bool breakable; /* it waits, and the wait may be ended as a deadlock */
    bool blocked;   /* it waits in something that is not the library's, and cannot poll */
    bool joinable;  /* the thread has ended, or is about to, and is to be joined */
    apm__os_thread thread;

    /* owned by the monitor */
    uint32_t seen_progress;
    uint32_t stuck_ticks;    /* for how many ticks it has been at the same item */
    uint64_t first_cpu_ns;   /* the thread's processor time when that was first seen */
    uint64_t last_cpu_ns;    /* the same at the last tick */
    uint64_t blocked_cpu_ns; /* the same when the system said that it was blocked, if it has; or else UINT64_MAX */
    bool seems_blocked;      /* it has hardly used a processor meanwhile */

    /* notes of the monitor (counters.h) */
    _Atomic uint32_t noted_progress; /* the item that it saw last, and */
    _Atomic uint64_t noted_ns;       /* when it first saw the worker at that one; coarse */
    _Atomic uint64_t verdict;        /* what it found of a stuck worker: apm__verdict */

    /* atomic in itself; here, and not with the thread, so that a late unpark meets no freed memory */
    struct apm__parker parker;

    /* owned by the worker */
    bool searching;    /* looks for work, and has not found any yet; set by whoever wakes it while it is idle */
    uint32_t turn;     /* work items run since the worker last looked elsewhere */
    uint32_t blocking; /* how many times the work has said that it begins to block elsewhere */
    uint64_t batch_started_ns;
    uint32_t batch_size;

    _Atomic uint64_t completed; /* work items run to their end; written by the worker */

    /* notes of the worker (counters.h) */
    struct apm__shared_entry running; /* the call that it runs now; its first word is 0 if it runs none */
    _Atomic uint64_t wait_began_ns;   /* coarse; while it is WAITING */
    _Atomic uint64_t waits_for;       /* in a wait of the library: the handle's bits, of several objects the first's */
    _Atomic uint32_t waits_for_count; /* how many objects it waits for; 0 if that is not known */
    struct apm__counters counters;

    struct apm__deque local; /* calls that its own work asked for with preference */
    struct apm__ring work;   /* calls */
    struct apm__ring events; /* the poller's words */
};

/* How long a worker is parked without work before its thread ends; that of .NET. */
#define APM__IDLE_TIMEOUT_NS INT64_C(20000000000)

struct apm__pool {
    apm__os_mutex lock;
    struct apm__slot *slot; /* immutable: whose handle names it; NULL for the default pool */

    bool refuses; /* guarded by the start lock: it has been closed, and may not be started before it is reopened */

    /* immutable while the pool runs */
    struct apm__poller *poller;
    int processors;
    bool never_spins;        /* APM_SPIN=0 in the environment: a worker that finds nothing sleeps at once */
    int64_t idle_timeout_ns; /* APM__IDLE_TIMEOUT_NS; tests are less patient */

    /* written under lock, read by anybody */
    _Atomic uint32_t phase;                /* enum apm__pool_phase */
    _Atomic uint32_t wakeable;             /* idle workers, and threads that may be started without delay */
    _Atomic uint32_t running;              /* workers that are neither idle nor in a wait */
    _Atomic(struct apm__worker *) workers; /* all there ever were; only pushed to while the pool runs */

    /* guarded by lock */
    struct apm__worker *idle;    /* parked ones, latest first */
    int idle_count;              /* the sleeper included */
    struct apm__worker *sleeper; /* the idle one that is asleep in the poller, until somebody wakes it */
    struct apm__parker *polling; /* whoever is asleep in the poller: the sleeper, or a waiting worker */
    int threads;
    bool exhausted;            /* no further thread could be started when one was wanted last */
    int waiting;               /* workers in a wait of the library */
    int breakable;             /* of these, in one that may be ended as a deadlock */
    int blocking;              /* of the waiting ones, in something that is not the library's */
    uint64_t completed_before; /* work items that its workers had run before the pool was made */
    int min_threads;           /* 0 until set: the number of processors */
    int max_threads;
    uint32_t structures;           /* how many workers' structures have been made */
    struct apm__counters counters; /* written under lock */

    bool completions_first;  /* the last odd entry to take was theirs */
    struct apm__queue queue; /* completions; its taking end is guarded by lock */
    struct apm__calls calls; /* the program's items; its taking end is guarded by lock */

    /* atomic */
    _Atomic uint32_t searching; /* workers that look for work and have not found any */
    _Atomic uint32_t role;      /* 1: some thread has the polling role */
    _Atomic uint32_t left_work; /* 1: a waiting or ended worker's rings may hold something; written under lock */
    _Atomic uint32_t hurry;     /* 1: work is queued behind a stuck worker; the monitor's, a guess to others */
    _Atomic uint32_t rescue;    /* 1: a stuck worker's rings hold something; who next looks elsewhere takes it first */
    _Atomic uint64_t polled_ns; /* when a worker last polled */
    _Atomic uint32_t item_ns;   /* average time that an event takes, as measured lately */
    _Atomic uint32_t batch_sixteenths; /* average size of a batch, as measured lately, in sixteenths */
    _Atomic uint32_t spin_score;       /* whether spinning has been paying off */

    struct apm__deadline_heap deadlines;

    /* the monitor */
    apm__os_thread monitor;
    _Atomic uint32_t monitor_word; /* enum apm__monitor_state; the monitor sleeps on it */
};

enum apm__pool_phase {
    APM__POOL_NEW,      /* no threads */
    APM__POOL_OPEN,     /* runs */
    APM__POOL_CLOSED,   /* runs, but takes no new operations */
    APM__POOL_STOPPING, /* the threads end */
    APM__POOL_ENDED     /* no threads, and there will be none */
};

enum apm__monitor_state {
    APM__MONITOR_AWAKE,
    APM__MONITOR_DORMANT, /* no worker runs and nothing waits; who changes that wakes it */
    APM__MONITOR_ENDING
};

/* What the monitor finds of a worker that has been at the same item for a tick or more. */
enum apm__finding {
    APM__FINDING_NONE,
    APM__FINDING_COMPUTES,
    APM__FINDING_BLOCKED /* its processor time stands still */
};

/* The finding together with the item that it is about, so that it goes out of date by itself. */
static inline uint64_t apm__verdict(uint32_t progress, enum apm__finding finding)
{
    return (uint64_t)progress << 32 | (uint64_t)finding;
}

/*
 * Finds a thread for work that has come: one that looks for some already, an idle one, or a new one below `limit`
 * threads. False if there is none. *unpark, if not NULL, is to be unparked once the lock is released.
 */
bool apm__pool_wake_locked(struct apm__pool *pool, int limit, struct apm__parker **unpark);

/* The same for work that a caller without the lock knows of: takes the lock, and unparks. */
void apm__pool_wake(struct apm__pool *pool);

/*
 * Starts a thread, which looks for work; false if there can be none. It is done under the lock, so that a stop never
 * meets half a thread; it is rare.
 */
bool apm__pool_create_worker_locked(struct apm__pool *pool);

/* Publishes `wakeable` and `running`, after a change of what they are made of. */
void apm__pool_publish_locked(struct apm__pool *pool);

/* The same for work that is in the queue, unless it is not needed: invariant 1. */
void apm__pool_wake_for_queue(struct apm__pool *pool);

/* The number of entries in the queues. */
static inline uint64_t apm__pool_queued(struct apm__pool *pool)
{
    return apm__queue_count(&pool->queue) + apm__calls_count(&pool->calls);
}

/* Whether the worker's rings or deque hold something; a guess, unless nobody takes from them. */
static inline bool apm__worker_has_work(struct apm__worker *worker)
{
    return apm__ring_count(&worker->work) > 0 || apm__ring_count(&worker->events) > 0 ||
           apm__deque_count(&worker->local) > 0;
}

/*
 * Whether workers that wait, or whose threads have ended, have left something in their rings; and what a worker calls
 * that begins to wait, or ends. All look that need to know: the worker that was woken for it may have come to something
 * else, and wait itself.
 */
void apm__pool_leave_work_locked(struct apm__worker *worker);
bool apm__pool_has_left_work_locked(struct apm__pool *pool);

/* Takes up to `limit` entries of the queues into the calling worker's ring, which has room for them; the number. */
uint32_t apm__pool_take(struct apm__pool *pool, struct apm__worker *worker, uint32_t limit);

/* Nobody can take over: one of the workers that wait polls meanwhile. *unpark is to be unparked, unless NULL. */
void apm__pool_have_a_waiter_poll_locked(struct apm__pool *pool, struct apm__parker **unpark);

/* The number of threads that the pool should have without its waiting ones. */
int apm__pool_wanted_locked(struct apm__pool *pool);

/* Whether the worker's rings hold so much that a second thread would help. */
bool apm__pool_is_worth_helping(struct apm__pool *pool, struct apm__worker *worker);

/* The bodies of the threads. */
void apm__worker_main(void *worker);
void apm__worker_exited(void *worker);
void apm__monitor_main(void *pool);

/* Called by a worker that begins to run after it was idle, and by who finds no worker for what it has queued. */
void apm__monitor_notice(struct apm__pool *pool);

/* Ends the monitor's thread; the workers are gone. */
void apm__monitor_end(struct apm__pool *pool);

/* The calling thread's worker, or NULL. */
struct apm__worker *apm__worker_current(void);

static inline bool apm__pool_take_role(struct apm__pool *pool)
{
    /* The look before the exchange keeps the line shared while another thread has the role. */
    return apm__atomic_load(&pool->role, APM__RELAXED) == 0 && apm__atomic_exchange(&pool->role, 1, APM__ACQ_REL) == 0;
}

static inline void apm__pool_give_role(struct apm__pool *pool)
{
    apm__atomic_store(&pool->role, 0, APM__SEQ_CST);
}

#endif
