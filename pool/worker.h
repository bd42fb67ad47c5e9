/*
 * What the files that make up a worker share: worker.c (the loop), worker_poll.c (polling, spinning, sleeping) and
 * worker_wait.c (the library's waits on a worker).
 */
#ifndef APM__WORKER_H
#define APM__WORKER_H

#include "pool.h"

/* A batch of events is no larger; half a ring, so that it always fits into an empty one. */
enum { APM__BATCH_LIMIT = APM__RING_SIZE / 2 };

static inline bool apm__pool_is_stopping(struct apm__pool *pool)
{
    return apm__atomic_load(&pool->phase, APM__RELAXED) == APM__POOL_STOPPING;
}

/* Nanoseconds until the time, for a wait: negative for APM__DEADLINE_NEVER. */
int64_t apm__worker_until(uint64_t due_ns);

/*
 * A poll that does not wait, into the worker's ring, which is empty. The worker has the polling role, and has given it
 * back afterwards if there were events, or deadlines that were due.
 */
bool apm__worker_poll_now(struct apm__worker *worker);

/* Waits in the poller, spinning first where that pays off, until there may be something. The role is given back. */
void apm__worker_poll_until_something(struct apm__worker *worker);

/* How many items to take at once: what can be run soon, so that the rest stays where every thread can get it. */
uint32_t apm__worker_capacity(struct apm__pool *pool);

/* Notes that a batch begins, and what the one before it took. */
void apm__worker_begin_batch(struct apm__worker *worker, uint32_t size);

/*
 * Makes the worker idle, for the caller to put it where it can be woken. False if there is work after all, or the pool
 * is being stopped. The caller holds the pool's lock; once it is released it calls apm__worker_become_running, at once
 * if this was false, or else when the worker has been woken and is no longer counted as idle.
 */
bool apm__worker_become_idle_locked(struct apm__worker *worker);
void apm__worker_become_running(struct apm__worker *worker);

#endif
