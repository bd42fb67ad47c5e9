/*
 * The waits. Any thread; on a worker they go through the pool (apm__pool_park). See wait.h for why no wake-up is lost.
 */
#include "wait.h"

#include "check.h"
#include "pool.h"

enum {
    LOCK_COUNT = 64,
    MAX_SLOTS = 64, /* as APM_WAIT_HANDLE_MAX_COUNT */
    NOT_CLAIMED = -1,
    GAVE_UP = -2,
    DEADLOCKED = -3
};

#define FOUR_LOCKS \
    APM__OS_MUTEX_INITIALIZER, APM__OS_MUTEX_INITIALIZER, APM__OS_MUTEX_INITIALIZER, APM__OS_MUTEX_INITIALIZER
#define SIXTEEN_LOCKS FOUR_LOCKS, FOUR_LOCKS, FOUR_LOCKS, FOUR_LOCKS

static apm__os_mutex locks[LOCK_COUNT] = {SIXTEEN_LOCKS, SIXTEEN_LOCKS, SIXTEEN_LOCKS, SIXTEEN_LOCKS};

/* A thread in a wait. It stays until its links are out of every list, so whoever finds it in one may use it. */
struct apm__waiter {
    struct apm__parker *parker;
    bool for_all;
    _Atomic int32_t
        claimed; /* index of the slot whose signal it got; or one of those above. It leaves NOT_CLAIMED once */
};

static size_t lock_index(const struct apm__slot *slot)
{
    return ((uintptr_t)slot >> 6) % LOCK_COUNT;
}

static apm__os_mutex *lock_of(const struct apm__slot *slot)
{
    return &locks[lock_index(slot)];
}

/* -- The list of a slot -- */

static void link_locked(struct apm__slot *slot, struct apm__wait_link *link)
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
}

static void unlink_locked(struct apm__slot *slot, struct apm__wait_link *link)
{
    if (!link->linked)
        return;
    link->linked = false;
    link->next->previous = link->previous;
    link->previous->next = link->next;
    if (slot->waiters == link)
        slot->waiters = link->next == link ? NULL : link->next;
    if (!slot->waiters)
        apm__atomic_and(&slot->control, ~(uint64_t)APM__SLOT_HAS_WAITERS, APM__RELAXED); /* under the lock */
}

/* -- Signals -- */

/* Gives the signal to the waiter; false if it has another one already, or has given up. */
static bool claim(struct apm__waiter *waiter, int32_t index)
{
    int32_t not_claimed = NOT_CLAIMED;
    while (!apm__atomic_replace(&waiter->claimed, &not_claimed, index, APM__ACQ_REL))
        if (not_claimed != NOT_CLAIMED)
            return false;
    return true;
}

/* Takes the signal of an auto-reset event, and only looks at that of any other. Acquire: what was signalled is seen. */
static bool try_take(struct apm__slot *slot)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__ACQUIRE);
    while (control & APM__SLOT_SIGNALLED) {
        if (!(control & APM__SLOT_AUTO_RESET))
            return true;
        if (apm__atomic_replace(&slot->control, &control, control & ~(uint64_t)APM__SLOT_SIGNALLED, APM__ACQ_REL))
            return true;
    }
    return false;
}

/*
 * Watchers that a signal has released, in the order of the list. They are told once the lock is given back: what they
 * do then takes locks of their own, under which they look at slots.
 */
struct released {
    struct apm__watcher *first;
    struct apm__watcher **end;
};

static void release_watcher_locked(struct apm__slot *slot, struct apm__wait_link *link, struct released *released)
{
    struct apm__watcher *watcher =
        (struct apm__watcher *)(void *)((unsigned char *)link - offsetof(struct apm__watcher, link));
    unlink_locked(slot, link);
    watcher->next_released = NULL;
    if (released->first)
        *released->end = watcher;
    else
        released->first = watcher;
    released->end = &watcher->next_released;
}

static void tell(const struct released *released)
{
    for (struct apm__watcher *watcher = released->first, *next; watcher; watcher = next) {
        next = watcher->next_released; /* before it is its owner's again */
        watcher->released(watcher);
    }
}

/* Releases the owner of the link, who gets this slot's signal; false if it wants none, or all at once. */
static bool release_locked(struct apm__slot *slot, struct apm__wait_link *link, struct released *released)
{
    if (!link->waiter)
        release_watcher_locked(slot, link, released);
    else if (!link->waiter->for_all && claim(link->waiter, link->index))
        apm__parker_unpark(link->waiter->parker);
    else
        return false;
    return true;
}

void apm__wait_release_waiters(struct apm__slot *slot)
{
    struct released released = {0};
    apm__os_mutex_lock(lock_of(slot));
    struct apm__wait_link *last = slot->waiters ? slot->waiters->previous : NULL;
    for (struct apm__wait_link *link = slot->waiters, *next; link; link = next) {
        next = link == last ? NULL : link->next; /* before a watcher is taken out */
        if (!release_locked(slot, link, &released) && link->waiter->for_all)
            apm__parker_unpark(link->waiter->parker);
    }
    apm__os_mutex_unlock(lock_of(slot));
    tell(&released);
}

/* Hands an auto-reset event's signal to the longest waiter, or leaves it set for the next wait. */
static void signal_one_locked(struct apm__slot *slot, struct released *released)
{
    struct apm__wait_link *link = slot->waiters;
    while (link) {
        if (release_locked(slot, link, released))
            return;
        link = link->next == slot->waiters ? NULL : link->next;
    }
    apm__atomic_or(&slot->control, APM__SLOT_SIGNALLED, APM__ACQ_REL);
    for (link = slot->waiters; link; link = link->next == slot->waiters ? NULL : link->next)
        if (link->waiter->for_all)
            apm__parker_unpark(link->waiter->parker);
}

void apm__wait_signal(struct apm__slot *slot)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED);
    do {
        if ((control & APM__SLOT_AUTO_RESET) && (control & APM__SLOT_HAS_WAITERS)) {
            struct released released = {0};
            apm__os_mutex_lock(lock_of(slot));
            signal_one_locked(slot, &released);
            apm__os_mutex_unlock(lock_of(slot));
            tell(&released);
            return;
        }
        /* Release, also where it is set already: whoever waits sees what was done before this signal. */
    } while (!apm__atomic_replace(&slot->control, &control, control | APM__SLOT_SIGNALLED, APM__ACQ_REL));
    if (control & APM__SLOT_HAS_WAITERS)
        apm__wait_release_waiters(slot);
}

void apm__wait_reset(struct apm__slot *slot)
{
    apm__atomic_and(&slot->control, ~(uint64_t)APM__SLOT_SIGNALLED, APM__ACQ_REL);
}

/* -- Watchers -- */

enum apm__watch apm__wait_watch(struct apm__slot *slot, struct apm__watcher *watcher)
{
    enum apm__watch found = APM__WATCH_LINKED;
    apm__os_mutex_lock(lock_of(slot));
    APM__ASSERT(!watcher->link.linked);
    /* As a thread does: linked first, so that HAS_WAITERS is set when SIGNALLED is looked for. */
    uint64_t control = apm__atomic_or(&slot->control, APM__SLOT_HAS_WAITERS, APM__ACQ_REL);
    watcher->link.waiter = NULL;
    link_locked(slot, &watcher->link);
    if (try_take(slot)) {
        found = control & APM__SLOT_AUTO_RESET ? APM__WATCH_TAKEN : APM__WATCH_SIGNALLED;
        unlink_locked(slot, &watcher->link);
    }
    apm__os_mutex_unlock(lock_of(slot));
    return found;
}

bool apm__wait_withdraw(struct apm__slot *slot, struct apm__watcher *watcher)
{
    apm__os_mutex_lock(lock_of(slot));
    bool linked = watcher->link.linked;
    unlink_locked(slot, &watcher->link);
    apm__os_mutex_unlock(lock_of(slot));
    return linked;
}

/* -- Waits -- */

static uint64_t end_of(int64_t timeout_ns)
{
    return timeout_ns < 0 ? UINT64_MAX : apm__os_monotonic_ns() + (uint64_t)timeout_ns;
}

/* Parks for the rest of the time; false if it is up. */
static bool park_until(struct apm__parker *parker, uint64_t end_ns)
{
    if (end_ns == UINT64_MAX) {
        apm__pool_park(parker, -1);
        return true;
    }
    uint64_t now_ns = apm__os_monotonic_ns();
    if (now_ns >= end_ns)
        return false;
    apm__pool_park(parker, (int64_t)(end_ns - now_ns));
    return true;
}

/* Whether one of the slots is signalled by a completion, which needs no worker to run. */
static bool ended_by_io(struct apm__slot *const *slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slots[i] && (apm__atomic_load(&slots[i]->control, APM__RELAXED) & APM__SLOT_BY_IO))
            return true;
    return false;
}

static void unlink_all(struct apm__slot *const *slots, struct apm__wait_link *links, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!slots[i])
            continue;
        apm__os_mutex_lock(lock_of(slots[i]));
        unlink_locked(slots[i], &links[i]);
        apm__os_mutex_unlock(lock_of(slots[i]));
    }
}

/* Links the waiter into the list of a slot, or takes its signal if it has come. False: there is no need to wait. */
static bool enlist(struct apm__slot *slot, struct apm__wait_link *link)
{
    struct released released = {0};
    apm__os_mutex_lock(lock_of(slot));
    apm__atomic_or(&slot->control, APM__SLOT_HAS_WAITERS, APM__ACQ_REL);
    link_locked(slot, link);
    bool signalled = try_take(slot);
    if (signalled && !claim(link->waiter, link->index)) {
        /* Another slot's signal came first: this one goes to the next waiter, if it is of the kind that is used up. */
        if (apm__atomic_load(&slot->control, APM__RELAXED) & APM__SLOT_AUTO_RESET)
            signal_one_locked(slot, &released);
    }
    apm__os_mutex_unlock(lock_of(slot));
    tell(&released);
    return !signalled;
}

apm_error apm__wait_any(struct apm__slot *const *slots, size_t count, int64_t timeout_ns, size_t *index)
{
    APM__ASSERT(count > 0 && count <= MAX_SLOTS);
    for (size_t i = 0; i < count; i++) {
        if (!slots[i] || try_take(slots[i])) {
            *index = i;
            return APM_ERROR_SUCCESS;
        }
    }
    *index = count;
    if (timeout_ns == 0)
        return APM_ERROR_WAIT_TIMEOUT;

    struct apm__wait_link links[MAX_SLOTS];
    struct apm__waiter waiter = {.parker = apm__parker_current(), .claimed = NOT_CLAIMED};
    uint64_t end_ns = end_of(timeout_ns);
    size_t enlisted = 0;
    bool wait = true;
    apm__pool_begin_wait(timeout_ns < 0 && !ended_by_io(slots, count));
    while (wait && enlisted < count) {
        links[enlisted] = (struct apm__wait_link){.waiter = &waiter, .index = (int32_t)enlisted};
        wait = enlist(slots[enlisted], &links[enlisted]);
        enlisted++;
    }
    /* Acquire pairs with the release of the claim: what was signalled is seen. */
    while (apm__atomic_load(&waiter.claimed, APM__ACQUIRE) == NOT_CLAIMED) {
        if (!park_until(waiter.parker, end_ns))
            claim(&waiter, GAVE_UP);
        else if (apm__pool_is_deadlocked())
            claim(&waiter, DEADLOCKED);
    }
    apm__pool_end_wait();
    unlink_all(slots, links, enlisted);
    int32_t claimed = apm__atomic_load(&waiter.claimed, APM__ACQUIRE);
    if (claimed < 0)
        return claimed == GAVE_UP ? APM_ERROR_WAIT_TIMEOUT : APM_ERROR_DEADLOCK;
    *index = (size_t)claimed;
    return APM_ERROR_SUCCESS;
}

apm_error apm__wait_one(struct apm__slot *slot, int64_t timeout_ns)
{
    size_t index;
    return apm__wait_any(&slot, 1, timeout_ns, &index);
}

/* Takes all signals if all are there; under all locks, so that no other wait gets one meanwhile. */
static bool take_all(struct apm__slot *const *slots, size_t count, const bool *locked)
{
    for (size_t i = 0; i < LOCK_COUNT; i++)
        if (locked[i])
            apm__os_mutex_lock(&locks[i]);
    bool all = true;
    for (size_t i = 0; i < count && all; i++)
        all = !slots[i] || (apm__atomic_load(&slots[i]->control, APM__ACQUIRE) & APM__SLOT_SIGNALLED);
    size_t taken = 0;
    while (all && taken < count)
        if (!slots[taken] || try_take(slots[taken]))
            taken++;
        else
            all = false; /* a wait that needs no lock was quicker: those taken so far go back */
    while (!all && taken-- > 0)
        if (slots[taken])
            apm__atomic_or(&slots[taken]->control, APM__SLOT_SIGNALLED, APM__ACQ_REL);
    for (size_t i = 0; i < LOCK_COUNT; i++)
        if (locked[i])
            apm__os_mutex_unlock(&locks[i]);
    return all;
}

apm_error apm__wait_all(struct apm__slot *const *slots, size_t count, int64_t timeout_ns)
{
    APM__ASSERT(count > 0 && count <= MAX_SLOTS);
    bool locked[LOCK_COUNT] = {false};
    for (size_t i = 0; i < count; i++)
        if (slots[i])
            locked[lock_index(slots[i])] = true;
    if (take_all(slots, count, locked))
        return APM_ERROR_SUCCESS;
    if (timeout_ns == 0)
        return APM_ERROR_WAIT_TIMEOUT;

    struct apm__wait_link links[MAX_SLOTS];
    struct apm__waiter waiter = {.parker = apm__parker_current(), .for_all = true, .claimed = NOT_CLAIMED};
    uint64_t end_ns = end_of(timeout_ns);
    apm__pool_begin_wait(timeout_ns < 0 && !ended_by_io(slots, count));
    for (size_t i = 0; i < count; i++) {
        links[i] = (struct apm__wait_link){.waiter = &waiter, .index = (int32_t)i};
        if (!slots[i])
            continue;
        apm__os_mutex_lock(lock_of(slots[i]));
        apm__atomic_or(&slots[i]->control, APM__SLOT_HAS_WAITERS, APM__ACQ_REL);
        link_locked(slots[i], &links[i]);
        apm__os_mutex_unlock(lock_of(slots[i]));
    }
    apm_error error = APM_ERROR_WAIT_TIMEOUT;
    bool all;
    while (!(all = take_all(slots, count, locked)) && park_until(waiter.parker, end_ns)) {
        if (apm__pool_is_deadlocked()) {
            error = APM_ERROR_DEADLOCK;
            break;
        }
    }
    apm__pool_end_wait();
    unlink_all(slots, links, count);
    return all ? APM_ERROR_SUCCESS : error;
}
