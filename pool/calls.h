/*
 * The queue of the program's work items: functions with their argument, first in, first out, unbounded.
 *
 * It is a list of segments, so that both ends go through memory in order, and neither an item's memory nor its line of
 * the cache goes back and forth. Those who put share one lock and those who take another, the pool's; where the two
 * ends meet, `put` tells how far it is safe to take.
 *
 * Putting publishes `put` before the caller looks who should run the call, sequentially consistent: see invariant 1 of
 * pool.h. Closing takes the lock of those who put: afterwards every put is either complete, or refused.
 */
#ifndef APM__CALLS_H
#define APM__CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"
#include "ring.h"

typedef void apm__function(void *argument);

/* A call as an entry of a ring or deque. */
static inline struct apm__entry apm__call_entry(apm__function *function, void *argument)
{
    return (struct apm__entry){(uint64_t)(uintptr_t)function, (uint64_t)(uintptr_t)argument};
}

enum {
#ifdef APM_DEBUG
    APM__CALLS_SEGMENT = 7,
#else
    APM__CALLS_SEGMENT = 511,
#endif
};

struct apm__calls_segment {
    struct apm__calls_segment *next; /* written before `put` goes beyond the segment */
    struct apm__entry entries[APM__CALLS_SEGMENT];
};

struct apm__calls {
    apm__os_mutex lock; /* a leaf */

    /* guarded by lock */
    struct apm__calls_segment *last;
    bool closed;

    _Atomic uint64_t put; /* atomic: how many calls were ever put; written under lock */

    /* guarded by the pool's lock */
    struct apm__calls_segment *first; /* NULL until the first call is taken */
    _Atomic uint64_t taken;           /* atomic: how many were ever taken; written under the pool's lock */

    struct apm__calls_segment *root; /* the first segment ever; written before the first call is put */
};

/* How many calls wait. */
static inline uint64_t apm__calls_count(struct apm__calls *calls)
{
    uint64_t taken = apm__atomic_load(&calls->taken, APM__SEQ_CST); /* this one first: it is never the larger one */
    return apm__atomic_load(&calls->put, APM__SEQ_CST) - taken;
}

/* INVALID_OPERATION if the queue is closed; OUT_OF_MEMORY. Any thread. */
apm_error apm__calls_put(struct apm__calls *calls, apm__function *function, void *argument);

/* Takes the oldest calls, at most `limit`; the number of them. Under the pool's lock. */
uint32_t apm__calls_take_locked(struct apm__calls *calls, struct apm__entry *entries, uint32_t limit);

/* Lets calls be put, or has them refused. A new queue, all zero, is open. */
void apm__calls_open(struct apm__calls *calls, bool open);

/* Frees the memory of a queue that is empty and closed. Under the pool's lock. */
void apm__calls_finish(struct apm__calls *calls);

#endif
