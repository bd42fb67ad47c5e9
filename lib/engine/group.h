/*
 * Groups: a listener and the connections that it has accepted, so that they can be counted and drained together.
 *
 * A connection joins in the step that settles its accept, under the listener's lock, and leaves when it is closed. The
 * group's memory is held by the listener's slot, and by each member until it has left.
 *
 * Draining. `drain` is set before the sockets are walked. A connection whose accept has been settled but which is not
 * open yet is not found by the walk; so whoever opens one looks at the group, under the connection's lock that the walk
 * takes, too: either the walk finds it open, or it finds the drain.
 *
 * The end of a drain: the last member to leave, or the last accept to end, settles the drain's operation, under the
 * listener's lock. Members are counted down before `drain` is read, and `drain` is set before they are counted: whoever
 * comes second sees the other.
 */
#ifndef APM__GROUP_H
#define APM__GROUP_H

#include <stdint.h>

#include "atomic.h"

struct apm__channel;

enum apm__group_drain {
    APM__GROUP_SERVES,
    APM__GROUP_DRAINS, /* members are told so, once each */
    APM__GROUP_ENDS    /* the drain was cut short: what is open is closed */
};

struct apm__group {
    /* immutable; the listener's slot outlives the listener, and the key tells whether it is still this one */
    struct apm__channel *listener;
    uint64_t listener_key;

    _Atomic uint32_t references;
    _Atomic uint32_t members; /* goes up under the listener's lock */
    _Atomic uint32_t drain;   /* enum apm__group_drain; goes up, under the listener's lock */
};

/* A group without members, with one reference; NULL if there is no memory. */
struct apm__group *apm__group_create(struct apm__channel *listener, uint64_t listener_key);

void apm__group_join_locked(struct apm__group *group);

/* A member's end. No lock is held: this may take the listener's and complete its drain. */
void apm__group_leave(struct apm__group *group);

void apm__group_release(struct apm__group *group);

static inline enum apm__group_drain apm__group_drain(struct apm__group *group)
{
    return (enum apm__group_drain)apm__atomic_load(&group->drain, APM__SEQ_CST);
}

#endif
