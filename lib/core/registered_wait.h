/*
 * Registered waits: what one is, for its two files (registered_wait.c, registration.c); and all of them, for the end of
 * a pool and for listings.
 */
#ifndef APM__REGISTERED_WAIT_H
#define APM__REGISTERED_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "apm/registered_wait.h"
#include "pool.h"
#include "slot.h"
#include "wait.h"

/* -- One ----------------------------------------------------------------------------------------------------------- */

struct apm__registered_wait {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work;
    struct apm__deadline deadline; /* an alarm, under the lock */
    struct apm__watcher watcher;

    /* immutable */
    apm_wait_or_timer_callback *callback;
    void *callback_state;
    struct apm__pool *pool;
    struct apm__slot *object; /* NULL if it is signalled for ever */
    int64_t timeout_ns;       /* -1: no limit */
    bool once;

    apm__os_mutex lock;

    /* guarded by lock */
    uint64_t due_ns;         /* of the time-out */
    uint64_t signals;        /* taken, and their callbacks have not begun */
    struct apm__slot *event; /* to be set at the end; NULL unless unregistered */
    uint32_t running;        /* callbacks */
    bool timed_out;          /* the time was up, and that callback has not begun */
    bool active;             /* it takes signals and times out */
    bool watching;
    bool queued;
    bool unregistered;
};

extern struct apm__slot_table apm__registered_waits;

/* Gives a reference back; true if that was the last one. */
bool apm__registered_wait_release(struct apm__registered_wait *wait);

/* Begins to wait, or drops the creator's reference: INVALID_OPERATION if the pool takes no new ones, OUT_OF_MEMORY. */
apm_error apm__registered_wait_start(struct apm__registered_wait *wait);

/*
 * Unregisters the wait unless it is, which is OBJECT_DISPOSED; `event`, or NULL, is to be set when nothing of it comes
 * any more. The caller has a reference besides the creator's.
 */
apm_error apm__registered_wait_unregister(struct apm__registered_wait *wait, struct apm__slot *event);

/* -- All of them --------------------------------------------------------------------------------------------------- */

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
