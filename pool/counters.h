/*
 * Counters and notes: what is written for whoever looks at a pool from outside, and for no other purpose. Nothing that
 * the library does depends on them.
 *
 * Each set has one writer at a time: a worker writes its own, and a pool's is written under the pool's lock. So
 * counting is a load, an addition and a store, and no locked instruction. Anybody may read at any time; a number that
 * is read is one that was there, and numbers of several counters need not be of one moment. A snapshot (statistics.h)
 * adds up the sets of the pool and of its workers.
 */
#ifndef APM__COUNTERS_H
#define APM__COUNTERS_H

#include <stdint.h>

#include "atomic.h"

enum apm__counter {
    /* of a worker */
    APM__COUNT_POLLS,          /* questions to the poller */
    APM__COUNT_EVENTS,         /* what it answered */
    APM__COUNT_SLEEPS,         /* as an idle thread, on the parker or in the poller */
    APM__COUNT_SPINS_PAID_OFF, /* something came */
    APM__COUNT_SPINS_IN_VAIN,
    APM__COUNT_STEALS, /* calls and events taken from other workers */
    APM__COUNT_WAITS,  /* of the library, in the middle of work */
    APM__COUNT_BLOCKS, /* elsewhere, announced by the hint */

    /* of the pool */
    APM__COUNT_WAKE_UPS, /* of idle threads */
    APM__COUNT_THREADS_STARTED,
    APM__COUNT_THREADS_ENDED,
    APM__COUNT_THREADS_INJECTED, /* started by the monitor */
    APM__COUNT_DEADLOCKS,        /* waits that the monitor has ended */

    APM__COUNTERS
};

struct apm__counters {
    _Atomic uint64_t values[APM__COUNTERS];
};

static inline void apm__count(struct apm__counters *counters, enum apm__counter which, uint64_t amount)
{
    apm__note(&counters->values[which], apm__noted(&counters->values[which]) + amount);
}

static inline uint64_t apm__counters_read(struct apm__counters *counters, enum apm__counter which)
{
    return apm__noted(&counters->values[which]);
}

/* Makes them zero again, while nobody writes. */
static inline void apm__counters_clear(struct apm__counters *counters)
{
    for (int which = 0; which < APM__COUNTERS; which++)
        apm__note(&counters->values[which], 0);
}

#endif
