/*
 * What the two halves of the waits share: wait_list.c (locks, lists, changes and whom they release) and wait.c (the
 * waiting thread). See wait.h for the invariants.
 */
#ifndef APM__WAIT_LIST_H
#define APM__WAIT_LIST_H

#include "parker.h"
#include "wait.h"

enum {
    APM__WAIT_LIMIT = 64, /* objects of one wait, as APM_WAIT_HANDLE_MAX_COUNT */
    APM__WAIT_NOT_CLAIMED = -1,
    APM__WAIT_GAVE_UP = -2,
    APM__WAIT_DEADLOCKED = -3
};

/* A thread in a wait. Immutable while it is linked, but for `claimed`. */
struct apm__waiter {
    struct apm__parker *parker;
    const struct apm__thread *thread;
    struct apm__slot *const *slots;
    struct apm__wait_link *links; /* one for each slot; used for those that are not NULL */
    size_t count;
    bool for_all;
    _Atomic int32_t claimed; /* index of the slot that it got, 0 for all of them; or one of those above */
};

/* The wait locks that a thread holds, and the watchers that it has released meanwhile, the first one first. */
struct apm__wait_locks {
    uint64_t held; /* a bit for each */
    bool gate;
    struct apm__watcher *released;
    struct apm__watcher **released_end;
};

static inline bool apm__wait_claim(struct apm__waiter *waiter, int32_t index)
{
    int32_t not_claimed = APM__WAIT_NOT_CLAIMED;
    return apm__atomic_replace_strongly(&waiter->claimed, &not_claimed, index, APM__ACQ_REL);
}

const struct apm__wait_kind *apm__wait_kind_of(const struct apm__slot *slot);
_Atomic uint64_t *apm__wait_word_of(struct apm__slot *slot);

/* Takes the gate; before any wait lock. */
void apm__wait_lock_gate(struct apm__wait_locks *locks);

/* Takes the slot's lock unless it is held. It is the first one, or the gate is held. */
void apm__wait_lock(struct apm__wait_locks *locks, const struct apm__slot *slot);

/* Gives all locks back, and then tells the watchers. */
void apm__wait_unlock(struct apm__wait_locks *locks);

/* Whether the thread can have the slot; and has it do so if it can. Under its lock. */
bool apm__wait_is_available_locked(struct apm__slot *slot, const struct apm__thread *thread);
void apm__wait_take_locked(struct apm__slot *slot, const struct apm__thread *thread);

/* Sets the guard; and clears it if nobody is linked. */
void apm__wait_guard_locked(struct apm__slot *slot);
void apm__wait_unguard_locked(struct apm__slot *slot);

/* Puts the link at the end of the list; takes it out if it is in. */
void apm__wait_link_locked(struct apm__slot *slot, struct apm__wait_link *link);
void apm__wait_unlink_locked(struct apm__slot *slot, struct apm__wait_link *link);

/* A change under the slot's lock, and the release of those whom it releases; the gate is held if any waits for all. */
apm_error apm__wait_change_locked(struct apm__wait_locks *locks, struct apm__slot *slot, apm__wait_step *step,
                                  uint64_t argument, uint64_t *before);

#endif
