/*
 * Timers, for the end of a pool, and for listings.
 */
#ifndef APM__TIMER_H
#define APM__TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/timer.h"
#include "pool.h"

/*
 * Closes each timer of the pool, which takes no new ones, and tells whether all are gone: no callback runs, and none
 * will. `report`: those that the program has not closed are listed on standard error.
 */
bool apm__timer_end_all(struct apm__pool *pool, bool report);

/* What a timer does at a moment. */
struct apm__timer_view {
    uint64_t bits;
    apm_timer_callback *callback;
    void *state;
    uint64_t due_ns; /* if it is armed */
    uint32_t period_ms;
    uint32_t running; /* callbacks */
    bool armed;
    bool due; /* its callback waits for a thread */
    bool closed;
};

/* A view of the next timer from place *place on, 0 at first; false at the end. Any thread. */
bool apm__timer_view_next(uint32_t *place, struct apm__timer_view *view);

#endif
