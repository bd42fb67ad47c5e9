/*
 * Waiting for objects to be signalled: one, any of several, or all of them together.
 *
 * A waitable is a slot; its SIGNALLED and HAS_WAITERS flags stand in the control word, so that setting an event nobody
 * waits for, and waiting for one that is set, are one atomic step each. What waits is linked into the slot's list under
 * one of a fixed number of locks, chosen by the slot's address.
 *
 * No wake-up is lost: a waiter first sets HAS_WAITERS and then looks for SIGNALLED, in one atomic step under the
 * lock; a signaller sets SIGNALLED and looks for HAS_WAITERS in one step, and if it found that, takes the lock and
 * walks the list.
 *
 * Lock order: several wait locks are taken in the order of their addresses; nothing else is taken under one.
 */
#ifndef APM__WAIT_H
#define APM__WAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/error.h"
#include "slot.h"

/* Signals an event, to which the caller holds a reference: an auto-reset one releases at most one waiter. */
void apm__wait_signal(struct apm__slot *slot);

/* Takes the signal back. */
void apm__wait_reset(struct apm__slot *slot);

/* Releases the waiters of a slot whose SIGNALLED flag the caller has set itself, and found HAS_WAITERS beside it. */
void apm__wait_release_waiters(struct apm__slot *slot);

/*
 * Waits for one of the slots, in which *index is the lowest that can be had, or for all of them at the same moment. The
 * caller holds references, and a NULL among the slots stands for an object that is signalled for ever. WAIT_TIMEOUT
 * after `timeout_ns` (negative: no limit).
 */
apm_error apm__wait_any(struct apm__slot *const *slots, size_t count, int64_t timeout_ns, size_t *index);
apm_error apm__wait_all(struct apm__slot *const *slots, size_t count, int64_t timeout_ns);

/* Waits for one slot. */
apm_error apm__wait_one(struct apm__slot *slot, int64_t timeout_ns);

struct apm__waiter;

/* A place in the list of one slot: circular, the slot points at the first. Guarded by the slot's wait lock. */
struct apm__wait_link {
    struct apm__wait_link *next;
    struct apm__wait_link *previous;
    struct apm__waiter *waiter; /* the thread in a wait, or NULL: the link is that of a watcher */
    int32_t index;
    bool linked;
};

/*
 * Who waits for one slot without a thread. It is released as a thread is, in its turn, and is out of the list then.
 * Zero at first but for `released`.
 */
struct apm__watcher {
    struct apm__wait_link link;
    struct apm__watcher *next_released; /* owned by the thread that has released it, until it calls `released` */

    /* Called once for each release, by whoever has signalled, under no lock of this file. */
    void (*released)(struct apm__watcher *watcher);
};

enum apm__watch {
    APM__WATCH_LINKED,   /* the slot is not signalled: `released` will be called, unless the watcher is withdrawn */
    APM__WATCH_TAKEN,    /* it was signalled, and the signal, which can be had once only, is the caller's */
    APM__WATCH_SIGNALLED /* it is signalled, and stays so: the caller had better look again later than at once */
};

/* Looks at the slot, to which the caller holds a reference as long as the watcher, which is in no list, is in one. */
enum apm__watch apm__wait_watch(struct apm__slot *slot, struct apm__watcher *watcher);

/* Takes the watcher out of the list; false if it was in none: if it was linked before, it is being released. */
bool apm__wait_withdraw(struct apm__slot *slot, struct apm__watcher *watcher);

#endif
