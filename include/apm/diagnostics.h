/*
 * Seeing inside: what a pool is doing, and what is pending and since when.
 *
 * Nothing here changes what the library does, and none of it has to be switched on. docs/diagnostics.md shows how to
 * use it, and has the probes for tracing.
 */
#ifndef APM_DIAGNOSTICS_H
#define APM_DIAGNOSTICS_H

#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * What apm_thread_pool_statistics tells. The signed numbers are of the moment; the unsigned ones count what has
 * happened since the pool was made, over its restarts, and never go down.
 */
struct apm_thread_pool_statistics {
    /* Worker threads. `threads` is the sum of the four below it, all of one moment. */
    int64_t threads;
    int64_t threads_running;  /* do work, or look for some */
    int64_t threads_idle;     /* sleep until something comes */
    int64_t threads_waiting;  /* are in a wait of the library, in the middle of their work */
    int64_t threads_blocking; /* have said that they block elsewhere: apm_thread_pool_blocking_begin */

    /* Of those that run, as the monitor has seen them in the last milliseconds: at the same work all the time, */
    int64_t threads_computing; /* and using the processor */
    int64_t threads_stuck;     /* and hardly using it: they block somewhere */

    /* What waits for a thread. */
    int64_t queued_callbacks; /* of operations that threads outside the pool have completed */
    int64_t queued_items;     /* work items, not taken by any worker yet */
    int64_t queued_taken;     /* callbacks and items that a worker has taken, and not begun */
    int64_t queued_local;     /* items queued with `prefer_local` */
    int64_t queued_events;    /* reports of readiness that have not been acted upon */

    /* Operations of the pool by kind: begun, and not completed. */
    int64_t pending_accepts;
    int64_t pending_connects;
    int64_t pending_disconnects;
    int64_t pending_receives;
    int64_t pending_sends;
    int64_t pending_look_ups; /* of names, begun as such */
    int64_t pending_invokes;  /* of delegates */

    int64_t results_completed; /* operations that have completed and have not been ended */
    int64_t sockets_open;      /* of the pool */
    int64_t deadlines_armed;   /* of operations, timers and waits */

    /* Threads that have been started, of these by the monitor in the place of stuck ones, and that have ended. */
    uint64_t threads_started;
    uint64_t threads_injected;
    uint64_t threads_ended;

    uint64_t items_completed; /* callbacks and work items that have returned */
    uint64_t steals;          /* callbacks, items and events that a worker took from another one */
    uint64_t wake_ups;        /* of idle threads, because there was work */
    uint64_t sleeps;          /* of threads that found nothing to do */
    uint64_t polls;           /* questions to the kernel which sockets are ready */
    uint64_t events;          /* its answers */
    uint64_t spins_paid_off;  /* times that a thread kept polling before it slept, and something came */
    uint64_t spins_in_vain;   /* and nothing did */
    uint64_t waits;           /* of the library, on worker threads */
    uint64_t blocks;          /* announced with apm_thread_pool_blocking_begin */
    uint64_t deadlocks;       /* waits that have ended with APM_ERROR_DEADLOCK */

    /* How late deadlines and timers were noticed; the mean is the sum divided by their number. */
    uint64_t deadlines_expired;
    uint64_t deadline_lateness_ns;
    uint64_t deadline_lateness_max_ns;
};

/*
 * Takes a snapshot of the pool's counters. It is exact while nothing moves. Otherwise each number is one that was true
 * at a moment during the call, and the moments may differ, but for those of the threads.
 *
 * Threads  any, callbacks included. It takes time with the number of results and sockets that there have been at once,
 *          about 10 ns each, and holds nobody up.
 * Blocks   never.
 * Failure  *statistics is all zero.
 * Errors   APM_ERROR_ARGUMENT_NULL `statistics` is NULL; APM_ERROR_ARGUMENT no pool; APM_ERROR_OBJECT_DISPOSED the pool
 *          has been destroyed; APM_ERROR_INVALID_OPERATION in a child after fork.
 */
APM_API APM_MUST_CHECK apm_error apm_thread_pool_statistics(apm_thread_pool pool,
                                                            struct apm_thread_pool_statistics *statistics);

/* Gets a line of a listing, without a line end. The text is the library's, and gone when the function returns. */
typedef void apm_diagnostics_write_callback(const char *line, void *state);

/*
 * Lists what is pending, and since when: the answer to "what keeps my program from ending". There is a line for
 *
 * - each callback or work item that runs: which worker runs it, since when, and whether it computes, blocks or waits;
 * - the callbacks and work items that wait for a thread, all together;
 * - each open socket, with its endpoints;
 * - each operation that has not completed, whose callback has not returned, or that has not been ended: its socket and
 *   result, its age, what it waits for, and its callback;
 * - the system's resolver, while it is at work;
 * - each timer and registered wait that has not been closed: when it is due, what it waits for, and its callback;
 * - each event, semaphore, mutex, countdown event or barrier that threads wait for;
 * - what was said of the last wait that has ended with APM_ERROR_DEADLOCK, until the library is cleaned up: when it
 *   was, and for each worker of the pool, up to 32, what it ran and waited for then.
 *
 * `write` is called once for each line, in the calling thread, and under no lock: it may call any function of the
 * library, and what it changes may be listed or not. If it is NULL the lines go to standard error. The text is meant
 * for people: programs should not take it to pieces.
 *
 * Threads  any, callbacks included.
 * Blocks   never.
 * Errors   APM_ERROR_INVALID_OPERATION in a child after fork.
 */
APM_API apm_error apm_diagnostics_write_pending(apm_diagnostics_write_callback *write, void *state);

APM_END_DECLARATIONS

#endif
