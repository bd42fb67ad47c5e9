/*
 * A worker's queue: first in, first out, of fixed size. The owner pushes; the owner and thieves take.
 *
 * `tail` is written by the owner only, `head` by whoever takes, with compare-and-swap. A taker reads the entry before
 * it moves the head; the owner can overwrite that entry only when the head has passed it, and then the compare-and-swap
 * fails, because the head never comes back (it would have to go round 2^32 entries during one take).
 */
#ifndef APM__RING_H
#define APM__RING_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"

enum {
#ifdef APM_DEBUG
    APM__RING_SIZE = 8,
#else
    APM__RING_SIZE = 256,
#endif
    APM__RING_MASK = APM__RING_SIZE - 1
};

/* What is queued: two words, whose meaning is the user's. */
struct apm__entry {
    uint64_t first;
    uint64_t second;
};

/* The same where others may overwrite it while it is read; then what was read is not used. */
struct apm__shared_entry {
    _Atomic uint64_t first;
    _Atomic uint64_t second;
};

static inline struct apm__entry apm__entry_read(struct apm__shared_entry *shared)
{
    return (struct apm__entry){apm__atomic_load(&shared->first, APM__RELAXED),
                               apm__atomic_load(&shared->second, APM__RELAXED)};
}

static inline void apm__entry_write(struct apm__shared_entry *shared, struct apm__entry entry)
{
    apm__atomic_store(&shared->first, entry.first, APM__RELAXED);
    apm__atomic_store(&shared->second, entry.second, APM__RELAXED);
}

struct apm__ring {
    _Atomic uint32_t head; /* atomic: the next entry to take */
    _Atomic uint32_t tail; /* atomic: the next entry to fill; written by the owner */
    struct apm__shared_entry entries[APM__RING_SIZE];
};

/* The number of entries; a guess unless the caller is the owner and nobody steals. */
static inline uint32_t apm__ring_count(struct apm__ring *ring)
{
    uint32_t head = apm__atomic_load(&ring->head, APM__RELAXED);
    return apm__atomic_load(&ring->tail, APM__RELAXED) - head;
}

/* Puts an entry in; false if the ring is full. Owner only. */
static inline bool apm__ring_push(struct apm__ring *ring, struct apm__entry entry)
{
    uint32_t tail = apm__atomic_load(&ring->tail, APM__RELAXED);
    /* Acquire pairs with the release of a take: the taker has read the entry that is overwritten. */
    if (tail - apm__atomic_load(&ring->head, APM__ACQUIRE) >= APM__RING_SIZE)
        return false;
    apm__entry_write(&ring->entries[tail & APM__RING_MASK], entry);
    apm__atomic_store(&ring->tail, tail + 1, APM__RELEASE); /* pairs with the acquire in apm__ring_take */
    return true;
}

/* Takes the oldest entry; false if there is none. Any thread. */
static inline bool apm__ring_take(struct apm__ring *ring, struct apm__entry *entry)
{
    uint32_t head = apm__atomic_load(&ring->head, APM__ACQUIRE);
    for (;;) {
        uint32_t tail = apm__atomic_load(&ring->tail, APM__ACQUIRE);
        if ((int32_t)(tail - head) <= 0)
            return false;
        *entry = apm__entry_read(&ring->entries[head & APM__RING_MASK]);
        if (apm__atomic_replace(&ring->head, &head, head + 1, APM__ACQ_REL))
            return true;
    }
}

/* The entry with so many before it, or zeroes; a guess unless nobody steals. Owner only. */
static inline struct apm__entry apm__ring_look(struct apm__ring *ring, uint32_t before)
{
    uint32_t place = apm__atomic_load(&ring->head, APM__RELAXED) + before;
    if ((int32_t)(apm__atomic_load(&ring->tail, APM__RELAXED) - place) <= 0)
        return (struct apm__entry){.first = 0};
    return apm__entry_read(&ring->entries[place & APM__RING_MASK]);
}

/* Takes the older half of the entries, at least one, at most `limit`; the number of them. Any thread. */
static inline uint32_t apm__ring_take_half(struct apm__ring *ring, struct apm__entry *entries, uint32_t limit)
{
    uint32_t head = apm__atomic_load(&ring->head, APM__ACQUIRE);
    for (;;) {
        uint32_t tail = apm__atomic_load(&ring->tail, APM__ACQUIRE);
        int32_t count = (int32_t)(tail - head);
        if (count <= 0)
            return 0;
        uint32_t wanted = ((uint32_t)count + 1) / 2;
        wanted = wanted < limit ? wanted : limit;
        for (uint32_t i = 0; i < wanted; i++)
            entries[i] = apm__entry_read(&ring->entries[(head + i) & APM__RING_MASK]);
        if (apm__atomic_replace(&ring->head, &head, head + wanted, APM__ACQ_REL))
            return wanted;
    }
}

#endif
