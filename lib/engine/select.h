/*
 * Threads that wait for a channel to be ready, without an operation: Poll and Select.
 *
 * Such a thread has one object to wait for, an auto-reset event of its own, and a link in the list of each channel that
 * it looks at. Whatever may change what it would see signals the event: a report of readiness, the outcome of a
 * connect, a shutdown, a descriptor that is replaced, the channel's close. It then looks at all its channels again.
 *
 * Invariants
 *  - No wake-up is lost: the thread links itself and has the channel watched, under the channel's lock, before it
 *    looks; and whatever happens after its look takes that lock and finds the link.
 *  - A linked thread holds a reference to the channel's slot and is a user of the descriptor, so that it polls no
 *    number that has become something else's; it gives both back after it has unlinked itself.
 *  - Waiting is a wait of the library, signalled by I/O: a worker that waits so has itself covered, or polls meanwhile,
 *    and so signals its own event.
 *
 * Locks: the lists are guarded by the channel's lock; the wait locks are taken under it.
 */
#ifndef APM__SELECT_H
#define APM__SELECT_H

#include "channel.h"

struct apm__select_link {
    /* guarded by the channel's lock */
    struct apm__select_link *next;
    struct apm__select_link *previous;

    struct apm__slot *event; /* immutable while linked */
};

/* The event of a thread; NULL without memory. It may be signalled as long as it is linked anywhere. */
struct apm__slot *apm__select_event_create(void);
void apm__select_event_destroy(struct apm__slot *event);

/* Waits until the event is signalled, and takes the signal; false after `timeout_ns` (negative: no limit). */
bool apm__select_event_wait(struct apm__slot *event, int64_t timeout_ns);

void apm__select_link_locked(struct apm__channel *channel, struct apm__select_link *link);
void apm__select_unlink_locked(struct apm__channel *channel, struct apm__select_link *link);

/* Signals those who are linked. */
void apm__select_signal_locked(struct apm__channel *channel);

static inline void apm__select_wake_locked(struct apm__channel *channel)
{
    if (channel->selects)
        apm__select_signal_locked(channel);
}

#endif
