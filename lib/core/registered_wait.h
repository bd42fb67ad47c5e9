/*
 * Registered waits, for the end of a pool, and for listings.
 */
#ifndef APM__REGISTERED_WAIT_H
#define APM__REGISTERED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/registered_wait.h"
#include "pool.h"

/*
 * Unregisters each wait of the pool, which takes no new ones, and tells whether all are gone: no callback runs, and
 * none will. `report`: those that the program has not unregistered are listed on standard error.
 */
bool apm__registered_wait_end_all(struct apm__pool *pool, bool report);

/* What a registered wait does at a moment. */
struct apm__registered_wait_view {
    uint64_t bits;
    uint64_t object; /* the handle's bits of what it waits for; 0 if that is signalled for ever */
    apm_wait_or_timer_callback *callback;
    void *state;
    uint64_t due_ns;  /* of its time-out; UINT64_MAX without one */
    uint32_t running; /* callbacks */
    bool active;      /* it waits */
    bool unregistered;
};

/* A view of the next registered wait from place *place on, 0 at first; false at the end. Any thread. */
bool apm__registered_wait_view_next(uint32_t *place, struct apm__registered_wait_view *view);

#endif
