/*
 * What the pool needs of an I/O engine: to wait for events, to be woken from that, and to handle an event.
 *
 * An event is one word whose meaning is the engine's alone. The pool keeps events that it has taken in queues, from
 * which any worker may handle them, at any later time: the engine must be able to tell that an event has become stale.
 */
#ifndef APM__POLLER_H
#define APM__POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"

struct apm__poller {
    /*
     * Takes up to `capacity` events. Blocks until there is one, a wake, or `timeout_ns` has passed (negative: no
     * limit). One thread at a time.
     */
    size_t (*wait)(struct apm__poller *poller, uint64_t *events, size_t capacity, int64_t timeout_ns);

    /* Makes the wait in progress return, or else the next one. Any thread. */
    void (*wake)(struct apm__poller *poller);

    /*
     * Brings into the processor's cache what `dispatch` looks at: of the event that is handled next, and of the one
     * after that. Either may be 0, for none, and stale. NULL: it is not worth it.
     */
    void (*expect)(uint64_t next, uint64_t after);

    /* Handles an event: completes what it completes, and runs no callback. Any worker; never blocks. */
    void (*dispatch)(struct apm__poller *poller, uint64_t event);

    /*
     * Does what the calling worker has put off until the end of its batch of callbacks: called before it waits, or says
     * that it blocks, under no lock. NULL: nothing is ever put off.
     */
    void (*catch_up)(struct apm__poller *poller);

    /* Ends the poller, when nothing is registered with it any more. */
    void (*destroy)(struct apm__poller *poller);
};

/* Makes the poller of a pool that starts. One of the pool's two calls upwards: lib/engine supplies it. */
apm_error apm__poller_create(struct apm__poller **poller);

#endif
