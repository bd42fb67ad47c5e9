/*
 * A worker's own work: the owner puts and takes at one end, last in, first out; thieves take the oldest at the other.
 *
 * It is the deque of Chase and Lev, of fixed size. `bottom` is the owner's; `top` moves by compare-and-swap. The owner
 * that takes an entry first claims it by lowering `bottom`, and then looks at `top`: only for the last entry can a
 * thief be after the same one, and then the compare-and-swap decides. Claim and look, and the thief's look at `top` and
 * then at `bottom`, are sequentially consistent, so one of the two sees the other.
 */
#ifndef APM__DEQUE_H
#define APM__DEQUE_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

enum {
#ifdef APM_DEBUG
    APM__DEQUE_SIZE = 8,
#else
    APM__DEQUE_SIZE = 256,
#endif
    APM__DEQUE_MASK = APM__DEQUE_SIZE - 1
};

struct apm__deque {
    _Atomic uint32_t top;    /* atomic: the oldest entry */
    _Atomic uint32_t bottom; /* atomic: one after the newest; written by the owner */
    struct apm__shared_entry entries[APM__DEQUE_SIZE];
};

/* The number of entries; a guess unless the caller is the owner and nobody steals. */
static inline uint32_t apm__deque_count(struct apm__deque *deque)
{
    uint32_t top = apm__atomic_load(&deque->top, APM__RELAXED);
    int32_t count = (int32_t)(apm__atomic_load(&deque->bottom, APM__RELAXED) - top);
    return count > 0 ? (uint32_t)count : 0;
}

/* False if it is full. Owner only. */
static inline bool apm__deque_put(struct apm__deque *deque, struct apm__entry entry)
{
    uint32_t bottom = apm__atomic_load(&deque->bottom, APM__RELAXED);
    /* Acquire pairs with the release of a steal: the thief has read the entry that is overwritten. */
    if (bottom - apm__atomic_load(&deque->top, APM__ACQUIRE) >= APM__DEQUE_SIZE)
        return false;
    apm__entry_write(&deque->entries[bottom & APM__DEQUE_MASK], entry);
    apm__atomic_store(&deque->bottom, bottom + 1, APM__RELEASE); /* pairs with the load of `bottom` in a steal */
    return true;
}

/* Takes the newest entry; false if there is none. Owner only. */
static inline bool apm__deque_take(struct apm__deque *deque, struct apm__entry *entry)
{
    uint32_t bottom = apm__atomic_load(&deque->bottom, APM__RELAXED);
    if (bottom == apm__atomic_load(&deque->top, APM__RELAXED))
        return false; /* only the owner puts: it stays empty */
    bottom--;
    apm__atomic_store(&deque->bottom, bottom, APM__SEQ_CST);
    uint32_t top = apm__atomic_load(&deque->top, APM__SEQ_CST);
    int32_t left = (int32_t)(bottom - top);
    if (left >= 0)
        *entry = apm__entry_read(&deque->entries[bottom & APM__DEQUE_MASK]);
    if (left > 0)
        return true;
    bool taken = left == 0 && apm__atomic_replace_strongly(&deque->top, &top, top + 1, APM__SEQ_CST);
    apm__atomic_store(&deque->bottom, bottom + 1, APM__RELEASE);
    return taken;
}

/* Takes the oldest entry; false if there is none. Any thread. */
static inline bool apm__deque_steal(struct apm__deque *deque, struct apm__entry *entry)
{
    uint32_t top = apm__atomic_load(&deque->top, APM__SEQ_CST);
    for (;;) {
        uint32_t bottom = apm__atomic_load(&deque->bottom, APM__SEQ_CST);
        if ((int32_t)(bottom - top) <= 0)
            return false;
        *entry = apm__entry_read(&deque->entries[top & APM__DEQUE_MASK]);
        if (apm__atomic_replace_strongly(&deque->top, &top, top + 1, APM__SEQ_CST))
            return true;
    }
}

#endif
