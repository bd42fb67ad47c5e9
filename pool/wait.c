/*
 * The waiting thread. Any thread; on a worker the waits go through the pool (apm__pool_park). See wait.h for why no
 * wake-up is lost.
 */
#include "wait.h"

#include "check.h"
#include "pool.h"
#include "wait_list.h"

static APM__THREAD_LOCAL struct apm__thread this_thread;

struct apm__thread *apm__thread_current(void)
{
    return &this_thread;
}

/* -- Without a lock -- */

enum attempt {
    TAKEN,
    UNAVAILABLE,
    CONTENDED /* it can be had, but others wait: the lock decides */
};

/* Takes the object in one step, or only looks at one that stays available. Acquire: see what was done before. */
static enum attempt try_take(struct apm__slot *slot)
{
    const struct apm__wait_kind *kind = apm__wait_kind_of(slot);
    _Atomic uint64_t *word = apm__wait_word_of(slot);
    uint64_t found = apm__atomic_load(word, APM__ACQUIRE);
    while (kind->is_available(found, &this_thread)) {
        uint64_t changed = kind->take ? kind->take(found, &this_thread) : found;
        if (changed == found)
            return TAKEN;
        if (found & kind->guard)
            return CONTENDED;
        if (apm__atomic_replace(word, &found, changed, APM__ACQ_REL))
            return TAKEN;
    }
    return UNAVAILABLE;
}

/* -- Under the locks of all the slots -- */

/* Takes what is waited for if it can be had at this moment. The guards are set, so that the moment lasts. */
static bool take_locked(struct apm__waiter *waiter)
{
    int32_t lowest = waiter->for_all ? 0 : APM__WAIT_NOT_CLAIMED;
    /* From the last to the first: a result that completes meanwhile can only make the lowest one lower. */
    for (size_t i = waiter->count; i-- > 0;) {
        struct apm__slot *slot = waiter->slots[i];
        bool available = !slot || apm__wait_is_available_locked(slot, waiter->thread);
        if (waiter->for_all && !available)
            return false;
        if (!waiter->for_all && available)
            lowest = (int32_t)i;
    }
    if (lowest == APM__WAIT_NOT_CLAIMED)
        return false;
    apm__atomic_store(&waiter->claimed, lowest, APM__RELAXED); /* it is linked nowhere */
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i] && (waiter->for_all || (int32_t)i == lowest))
            apm__wait_take_locked(waiter->slots[i], waiter->thread);
    return true;
}

/* Takes what is waited for, or has the waiter linked to every slot if it is to stay; true if it is linked. */
static bool take_or_link_locked(struct apm__waiter *waiter, bool stay)
{
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i])
            apm__wait_guard_locked(waiter->slots[i]);
    bool link = !take_locked(waiter) && stay;
    for (size_t i = 0; i < waiter->count; i++) {
        if (!waiter->slots[i])
            continue;
        if (link) {
            waiter->links[i] = (struct apm__wait_link){.waiter = waiter, .index = (int32_t)i};
            apm__wait_link_locked(waiter->slots[i], &waiter->links[i]);
        } else {
            apm__wait_unguard_locked(waiter->slots[i]);
        }
    }
    return link;
}

static bool take_or_link(struct apm__waiter *waiter, bool stay)
{
    struct apm__wait_locks locks = {0};
    if (waiter->count > 1)
        apm__wait_lock_gate(&locks);
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i])
            apm__wait_lock(&locks, waiter->slots[i]);
    bool linked = take_or_link_locked(waiter, stay);
    apm__wait_unlock(&locks);
    return linked;
}

static void unlink_all(struct apm__waiter *waiter)
{
    for (size_t i = 0; i < waiter->count; i++) {
        if (!waiter->slots[i])
            continue;
        struct apm__wait_locks locks = {0};
        apm__wait_lock(&locks, waiter->slots[i]);
        apm__wait_unlink_locked(waiter->slots[i], &waiter->links[i]);
        apm__wait_unlock(&locks);
    }
}

/* -- Linked -- */

static bool is_claimed(struct apm__waiter *waiter)
{
    /* Acquire pairs with the release of the claim: what was done before the release is seen. */
    return apm__atomic_load(&waiter->claimed, APM__ACQUIRE) != APM__WAIT_NOT_CLAIMED;
}

enum {
    SPIN_NS = 40000,    /* a little more than a wake-up costs */
    SPIN_PAUSES = 16,   /* between two looks at the clock */
    SPIN_PROBE = 64,    /* below that the score counts waits since the last try; from there on it is spun */
    SPIN_SCORE_FULL = 8 /* a spin that paid off raises the score by one, one that did not lowers it by two */
};

/* Whether another processor could be about to release the thread while this one spins. */
static bool has_processors(void)
{
    static _Atomic int processors;
    int count = apm__atomic_load(&processors, APM__RELAXED);
    if (count == 0) {
        count = apm__os_processor_count();
        apm__atomic_store(&processors, count, APM__RELAXED);
    }
    return count > 1;
}

/*
 * Spins for a while before the thread parks, where that has been paying off, and once in a while to find out. Not on
 * workers: they have their own work to hand over first.
 */
static void spin(struct apm__waiter *waiter)
{
    struct apm__thread *thread = &this_thread;
    if (apm__pool_is_worker_thread() || !has_processors())
        return;
    if (thread->spin_score < SPIN_PROBE && ++thread->spin_score < SPIN_PROBE)
        return;
    uint64_t end_ns = apm__os_monotonic_ns() + SPIN_NS;
    bool claimed = false;
    do {
        for (int i = 0; i < SPIN_PAUSES && !claimed; i++) {
            apm__os_spin_pause();
            claimed = is_claimed(waiter);
        }
    } while (!claimed && apm__os_monotonic_ns() < end_ns);
    if (claimed && thread->spin_score < SPIN_PROBE + SPIN_SCORE_FULL)
        thread->spin_score++;
    else if (!claimed)
        thread->spin_score = thread->spin_score >= SPIN_PROBE + 2 ? thread->spin_score - 2 : 0;
}

/* Whether one of the slots is signalled by a completion, which needs no worker to run. */
static bool ended_by_io(const struct apm__waiter *waiter)
{
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->slots[i] && (apm__atomic_load(&waiter->slots[i]->control, APM__RELAXED) & APM__SLOT_BY_IO))
            return true;
    return false;
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

/* Says what it waits for, for listings. */
static void note_wait(const struct apm__waiter *waiter)
{
    size_t first = 0;
    while (first < waiter->count && !waiter->slots[first])
        first++;
    apm__pool_note_wait(first < waiter->count ? apm__slot_handle(waiter->slots[first]) : 0, waiter->count);
}

/* Waits until the waiter, which is linked, is claimed, and unlinks it. */
static void await(struct apm__waiter *waiter, int64_t timeout_ns)
{
    uint64_t end_ns = timeout_ns < 0 ? UINT64_MAX : apm__os_monotonic_ns() + (uint64_t)timeout_ns;
    spin(waiter);
    if (!is_claimed(waiter)) {
        note_wait(waiter);
        apm__pool_begin_wait(timeout_ns < 0 && !ended_by_io(waiter));
        while (!is_claimed(waiter)) {
            if (!park_until(waiter->parker, end_ns))
                apm__wait_claim(waiter, APM__WAIT_GAVE_UP);
            else if (apm__pool_is_deadlocked() && apm__wait_claim(waiter, APM__WAIT_DEADLOCKED))
                apm__pool_report_deadlock();
        }
        apm__pool_end_wait();
        apm__pool_note_wait(0, 0);
    }
    unlink_all(waiter);
}

/* -- Waits -- */

static apm_error settle(struct apm__slot *slot)
{
    const struct apm__wait_kind *kind = slot ? apm__wait_kind_of(slot) : &apm__wait_result;
    return kind->taken ? kind->taken(slot) : APM_ERROR_SUCCESS;
}

/* What came of a wait, once nothing of it is linked any more. */
static apm_error conclude(struct apm__waiter *waiter, size_t *index)
{
    int32_t claimed = apm__atomic_load(&waiter->claimed, APM__ACQUIRE);
    if (claimed == APM__WAIT_DEADLOCKED)
        return APM_ERROR_DEADLOCK;
    if (claimed < 0)
        return APM_ERROR_WAIT_TIMEOUT;
    *index = (size_t)claimed;
    if (!waiter->for_all)
        return settle(waiter->slots[claimed]);
    apm_error error = APM_ERROR_SUCCESS;
    for (size_t i = 0; i < waiter->count; i++) {
        apm_error settled = settle(waiter->slots[i]);
        if (error == APM_ERROR_SUCCESS)
            error = settled;
    }
    return error;
}

/* A waiter of the calling thread, linked nowhere yet. */
static struct apm__waiter create_waiter(struct apm__slot *const *slots, struct apm__wait_link *links, size_t count)
{
    APM__ASSERT(count > 0 && count <= APM__WAIT_LIMIT);
    return (struct apm__waiter){.parker = apm__parker_current(),
                                .thread = &this_thread,
                                .slots = slots,
                                .links = links,
                                .count = count,
                                .claimed = APM__WAIT_NOT_CLAIMED};
}

apm_error apm__wait_any(struct apm__slot *const *slots, size_t count, int64_t timeout_ns, size_t *index)
{
    *index = 0; /* the first is the lowest, whatever the others are */
    enum attempt attempt = slots[0] ? try_take(slots[0]) : TAKEN;
    if (attempt == TAKEN)
        return settle(slots[0]);
    *index = count;
    if (count == 1 && timeout_ns == 0 && attempt == UNAVAILABLE)
        return APM_ERROR_WAIT_TIMEOUT;
    struct apm__wait_link links[APM__WAIT_LIMIT];
    struct apm__waiter waiter = create_waiter(slots, links, count);
    if (take_or_link(&waiter, timeout_ns != 0))
        await(&waiter, timeout_ns);
    return conclude(&waiter, index);
}

apm_error apm__wait_one(struct apm__slot *slot, int64_t timeout_ns)
{
    size_t index;
    return apm__wait_any(&slot, 1, timeout_ns, &index);
}

apm_error apm__wait_all(struct apm__slot *const *slots, size_t count, int64_t timeout_ns)
{
    size_t index;
    if (count == 1)
        return apm__wait_any(slots, 1, timeout_ns, &index);
    struct apm__wait_link links[APM__WAIT_LIMIT];
    struct apm__waiter waiter = create_waiter(slots, links, count);
    waiter.for_all = true;
    if (take_or_link(&waiter, timeout_ns != 0))
        await(&waiter, timeout_ns);
    return conclude(&waiter, &index);
}

apm_error apm__wait_signal_and_wait(struct apm__slot *signal, struct apm__slot *slot, int64_t timeout_ns)
{
    const struct apm__wait_kind *kind = signal ? apm__wait_kind_of(signal) : &apm__wait_result;
    apm__wait_step *step;
    apm_error error = kind->begin_signal ? kind->begin_signal(signal, &step) : APM_ERROR_INVALID_OPERATION;
    if (error != APM_ERROR_SUCCESS)
        return error;

    struct apm__wait_link link;
    struct apm__waiter waiter = create_waiter(&slot, &link, 1);
    struct apm__wait_locks locks = {0};
    bool linked = false;
    apm__wait_lock_gate(&locks);
    apm__wait_lock(&locks, signal);
    if (slot) {
        apm__wait_lock(&locks, slot);
        apm__wait_guard_locked(slot); /* before others can know of the signal: what they do to the slot comes after */
    }
    uint64_t before;
    error = apm__wait_change_locked(&locks, signal, step, 1, &before);
    if (error == APM_ERROR_SUCCESS)
        linked = take_or_link_locked(&waiter, timeout_ns != 0);
    else if (slot)
        apm__wait_unguard_locked(slot);
    apm__wait_unlock(&locks);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_SEMAPHORE_FULL ? APM_ERROR_INVALID_OPERATION : error; /* as .NET has it here */
    size_t index;
    if (linked)
        await(&waiter, timeout_ns);
    return conclude(&waiter, &index);
}
