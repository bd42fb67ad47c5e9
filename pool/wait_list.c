/*
 * The lists of waiters, and what changes an object and releases them. Any thread. See wait.h for the invariants.
 */
#include "wait_list.h"

#include "check.h"

enum { LOCK_COUNT = 64 };

#define LOCK APM__OS_MUTEX_OF_RANK(APM__RANK_WAIT)
#define FOUR_LOCKS LOCK, LOCK, LOCK, LOCK
#define SIXTEEN_LOCKS FOUR_LOCKS, FOUR_LOCKS, FOUR_LOCKS, FOUR_LOCKS

static apm__os_mutex wait_locks[LOCK_COUNT] = {SIXTEEN_LOCKS, SIXTEEN_LOCKS, SIXTEEN_LOCKS, SIXTEEN_LOCKS};
static apm__os_mutex gate = APM__OS_MUTEX_OF_RANK(APM__RANK_GATE);

static const struct apm__wait_kind *const kinds[APM__KIND_LIMIT] = {
    [APM__KIND_SOCKET] = &apm__wait_result, /* for the end of its callbacks */
    [APM__KIND_OPERATION] = &apm__wait_result,
    [APM__KIND_MANUAL_RESET_EVENT] = &apm__wait_manual_reset,
    [APM__KIND_AUTO_RESET_EVENT] = &apm__wait_auto_reset,
    [APM__KIND_SEMAPHORE] = &apm__wait_semaphore,
    [APM__KIND_MUTEX] = &apm__wait_mutex,
    [APM__KIND_COUNTDOWN_EVENT] = &apm__wait_countdown_event,
    [APM__KIND_BARRIER] = &apm__wait_barrier,
};

const struct apm__wait_kind *apm__wait_kind_of(const struct apm__slot *slot)
{
    return kinds[apm__slot_kind(slot)];
}

_Atomic uint64_t *apm__wait_word_of(struct apm__slot *slot)
{
    return (_Atomic uint64_t *)(void *)((unsigned char *)slot + kinds[apm__slot_kind(slot)]->word);
}

bool apm__wait_is_guarded(struct apm__slot *slot)
{
    return (apm__atomic_load(apm__wait_word_of(slot), APM__RELAXED) & kinds[apm__slot_kind(slot)]->guard) != 0;
}

/* -- Locks: which are held is in `locks`, and not in the text -- */

void apm__wait_lock_gate(struct apm__wait_locks *locks) APM__UNCHECKED_LOCKS
{
    APM__ASSERT(locks->held == 0);
    apm__os_mutex_lock(&gate);
    locks->gate = true;
}

void apm__wait_lock(struct apm__wait_locks *locks, const struct apm__slot *slot) APM__UNCHECKED_LOCKS
{
    size_t index = (uintptr_t)slot / APM__LINE_SIZE % LOCK_COUNT;
    uint64_t bit = (uint64_t)1 << index;
    if (locks->held & bit)
        return;
    APM__ASSERT(locks->held == 0 || locks->gate);
    apm__os_mutex_lock(&wait_locks[index]);
    locks->held |= bit;
}

void apm__wait_unlock(struct apm__wait_locks *locks) APM__UNCHECKED_LOCKS
{
    for (size_t index = 0; locks->held; index++, locks->held >>= 1)
        if (locks->held & 1)
            apm__os_mutex_unlock(&wait_locks[index]);
    if (locks->gate)
        apm__os_mutex_unlock(&gate);
    locks->gate = false;
    while (locks->released) {
        struct apm__watcher *watcher = locks->released;
        locks->released = watcher->next_released; /* before it is its owner's again */
        watcher->released(watcher);
    }
}

/* The lock of a slot whose waiters are to be released, and the gate before it where one of them waits for others. */
static void lock_for_release(struct apm__wait_locks *locks, struct apm__slot *slot)
{
    apm__wait_lock(locks, slot);
    if (slot->all_waiters == 0)
        return;
    apm__wait_unlock(locks);
    apm__wait_lock_gate(locks);
    apm__wait_lock(locks, slot);
}

/* -- Words -- */

bool apm__wait_is_available_locked(struct apm__slot *slot, const struct apm__thread *thread)
{
    /* Acquire pairs with the release of the change: what was done before it is seen by whoever gets the object. */
    return kinds[apm__slot_kind(slot)]->is_available(apm__atomic_load(apm__wait_word_of(slot), APM__ACQUIRE), thread);
}

void apm__wait_take_locked(struct apm__slot *slot, const struct apm__thread *thread)
{
    const struct apm__wait_kind *kind = kinds[apm__slot_kind(slot)];
    _Atomic uint64_t *word = apm__wait_word_of(slot);
    uint64_t found = apm__atomic_load(word, APM__ACQUIRE);
    /* The control word's references change under every lock. */
    while (kind->take && !apm__atomic_replace(word, &found, kind->take(found, thread), APM__ACQ_REL))
        continue;
}

void apm__wait_guard_locked(struct apm__slot *slot)
{
    apm__atomic_or(apm__wait_word_of(slot), kinds[apm__slot_kind(slot)]->guard, APM__ACQ_REL);
}

void apm__wait_unguard_locked(struct apm__slot *slot)
{
    /* Release: what was changed under the lock is seen by who now changes the word without it. */
    if (!slot->waiters)
        apm__atomic_and(apm__wait_word_of(slot), ~kinds[apm__slot_kind(slot)]->guard, APM__RELEASE);
}

/* -- The list of a slot -- */

void apm__wait_link_locked(struct apm__slot *slot, struct apm__wait_link *link)
{
    struct apm__wait_link *first = slot->waiters;
    if (first) {
        link->next = first;
        link->previous = first->previous;
        first->previous->next = link;
        first->previous = link;
    } else {
        link->next = link;
        link->previous = link;
        slot->waiters = link;
    }
    link->linked = true;
    slot->all_waiters += link->waiter && link->waiter->for_all;
}

void apm__wait_unlink_locked(struct apm__slot *slot, struct apm__wait_link *link)
{
    if (!link->linked)
        return;
    APM__ASSERT(link->next && link->previous);
    link->linked = false;
    slot->all_waiters -= link->waiter && link->waiter->for_all;
    link->next->previous = link->previous;
    link->previous->next = link->next;
    if (slot->waiters == link)
        slot->waiters = link->next == link ? NULL : link->next;
    apm__wait_unguard_locked(slot);
}

/* -- Releasing -- */

/* Gives the slot to a waiter for it or another one; false if the waiter has got one already, or has given up. */
static bool release_for_any(struct apm__slot *slot, struct apm__wait_link *link)
{
    if (!apm__wait_claim(link->waiter, link->index))
        return false;
    apm__wait_take_locked(slot, link->waiter->thread);
    apm__wait_unlink_locked(slot, link); /* from the lists of other slots it takes itself out */
    return true;
}

/* Gives a waiter all its slots if all can be had. The gate is held, and all the locks are from here on. */
static bool release_for_all(struct apm__wait_locks *locks, struct apm__waiter *waiter)
{
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i])
            apm__wait_lock(locks, waiter->slots[i]);
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i] && !apm__wait_is_available_locked(waiter->slots[i], waiter->thread))
            return false;
    if (!apm__wait_claim(waiter, 0))
        return false;
    for (size_t i = 0; i < waiter->count; i++) {
        if (!waiter->slots[i])
            continue;
        apm__wait_take_locked(waiter->slots[i], waiter->thread);
        apm__wait_unlink_locked(waiter->slots[i], &waiter->links[i]);
    }
    return true;
}

/* Gives the slot to a watcher, which is told once the locks are given back. */
static void release_watcher(struct apm__wait_locks *locks, struct apm__slot *slot, struct apm__wait_link *link)
{
    struct apm__watcher *watcher =
        (struct apm__watcher *)(void *)((unsigned char *)link - offsetof(struct apm__watcher, link));
    apm__wait_take_locked(slot, NULL);
    apm__wait_unlink_locked(slot, link);
    watcher->next_released = NULL;
    if (locks->released)
        *locks->released_end = watcher;
    else
        locks->released = watcher;
    locks->released_end = &watcher->next_released;
}

/* Releases whom it can, the longest waiter first. */
static void release_locked(struct apm__wait_locks *locks, struct apm__slot *slot)
{
    struct apm__wait_link *next;
    for (struct apm__wait_link *link = slot->waiters; link; link = next) {
        next = link->next == slot->waiters ? NULL : link->next;
        struct apm__waiter *waiter = link->waiter;
        if (!apm__wait_is_available_locked(slot, waiter ? waiter->thread : NULL)) {
            if (!apm__wait_is_available_locked(slot, NULL))
                return;
            continue;
        }
        if (!waiter) {
            release_watcher(locks, slot, link);
            continue;
        }
        APM__ASSERT(!waiter->for_all || locks->gate);
        if (waiter->for_all ? release_for_all(locks, waiter) : release_for_any(slot, link))
            apm__parker_unpark(waiter->parker); /* under the lock, without which the thread does not go */
    }
}

void apm__wait_release_waiters(struct apm__slot *slot)
{
    struct apm__wait_locks locks = {0};
    lock_for_release(&locks, slot);
    release_locked(&locks, slot);
    apm__wait_unlock(&locks);
}

void apm__wait_signal(struct apm__slot *slot)
{
    /* Release: what was done before is seen by whoever waits. */
    if (apm__atomic_or(&slot->control, APM__SLOT_SIGNALLED, APM__ACQ_REL) & APM__SLOT_HAS_WAITERS)
        apm__wait_release_waiters(slot);
}

/* -- Changes -- */

/*
 * One atomic step from *before. Without `locked` it leaves a word alone whose guard is set, so that *before shows it.
 */
static apm_error apply(struct apm__slot *slot, apm__wait_step *step, uint64_t argument, bool locked, uint64_t *before)
{
    const struct apm__wait_kind *kind = kinds[apm__slot_kind(slot)];
    _Atomic uint64_t *word = apm__wait_word_of(slot);
    uint64_t changed;
    *before = apm__atomic_load(word, APM__RELAXED);
    do {
        if (!locked && (*before & kind->guard))
            return APM_ERROR_SUCCESS;
        apm_error error = step(*before, argument, &changed);
        if (error != APM_ERROR_SUCCESS)
            return error;
        /* Release, also where nothing changes: whoever gets the object sees what was done before. */
    } while (!apm__atomic_replace(word, before, changed, APM__ACQ_REL));
    return APM_ERROR_SUCCESS;
}

apm_error apm__wait_change_locked(struct apm__wait_locks *locks, struct apm__slot *slot, apm__wait_step *step,
                                  uint64_t argument, uint64_t *before)
{
    apm_error error = apply(slot, step, argument, true, before);
    if (error == APM_ERROR_SUCCESS)
        release_locked(locks, slot);
    return error;
}

apm_error apm__wait_change_from(struct apm__slot *slot, apm__wait_step *step, uint64_t argument, uint64_t *before)
{
    apm_error error = apply(slot, step, argument, false, before);
    if (error != APM_ERROR_SUCCESS || !(*before & kinds[apm__slot_kind(slot)]->guard))
        return error;
    struct apm__wait_locks locks = {0};
    lock_for_release(&locks, slot);
    error = apm__wait_change_locked(&locks, slot, step, argument, before);
    apm__wait_unlock(&locks);
    return error;
}

apm_error apm__wait_change(struct apm__slot *slot, apm__wait_step *step, uint64_t argument)
{
    uint64_t before;
    return apm__wait_change_from(slot, step, argument, &before);
}

/* -- Watchers -- */

enum apm__watch apm__wait_watch(struct apm__slot *slot, struct apm__watcher *watcher)
{
    enum apm__watch found = APM__WATCH_LINKED;
    struct apm__wait_locks locks = {0};
    apm__wait_lock(&locks, slot);
    APM__ASSERT(!watcher->link.linked);
    apm__wait_guard_locked(slot); /* first: a change that is not seen below comes to the lock */
    if (apm__wait_is_available_locked(slot, NULL)) {
        found = kinds[apm__slot_kind(slot)]->take ? APM__WATCH_TAKEN : APM__WATCH_SIGNALLED;
        apm__wait_take_locked(slot, NULL);
        apm__wait_unguard_locked(slot);
    } else {
        watcher->link.waiter = NULL;
        apm__wait_link_locked(slot, &watcher->link);
    }
    apm__wait_unlock(&locks);
    return found;
}

bool apm__wait_withdraw(struct apm__slot *slot, struct apm__watcher *watcher)
{
    struct apm__wait_locks locks = {0};
    apm__wait_lock(&locks, slot);
    bool linked = watcher->link.linked;
    apm__wait_unlink_locked(slot, &watcher->link);
    apm__wait_unlock(&locks);
    return linked;
}
