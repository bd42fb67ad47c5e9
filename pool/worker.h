/*
 * What the files that make up a worker share: worker.c (the loop), worker_poll.c (polling, spinning, sleeping) and
 * worker_wait.c (the library's waits on a worker).
 */
#ifndef APM__WORKER_H
#define APM__WORKER_H

#include "pool.h"

/* A batch of events is no larger; half a ring, so that it always fits into an empty one. */
enum { APM__BATCH_LIMIT = APM__RING_SIZE / 2 };

static inline struct apm__work *apm__worker_to_work(uint64_t entry)
{
    return (struct apm__work *)(uintptr_t)entry;
}

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

/* Stops searching without having found anything, under the pool's lock. False if there is work after all. */
bool apm__worker_become_idle_locked(struct apm__worker *worker);
void apm__worker_become_running(struct apm__worker *worker);

#endif
