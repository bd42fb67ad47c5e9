/*
 * Deadlines: what is to happen at a time, ordered by that time. A heap, so arming and disarming are O(log n), and no
 * system call each.
 *
 * Memory. Arming takes a place in the heap's array, for which the array may have to grow. What must not fail when it
 * arms, because it does so while it fires, reserves its place beforehand; a place that is not reserved is taken when
 * the deadline is armed, and that may fail.
 */
#ifndef APM__DEADLINE_H
#define APM__DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "os.h"

#define APM__DEADLINE_NEVER UINT64_MAX

/* A place in the heap; part of what it is the deadline of. Zero is not armed. Guarded by the heap's lock. */
struct apm__deadline {
    uint64_t due_ns;
    uint32_t position;                              /* place in the heap plus one; 0 is not armed */
    bool reserved;                                  /* its place is there also while it is not armed */
    bool placed;                                    /* for alarm.h; guarded by the lock of its owner */
    void (*expire)(struct apm__deadline *deadline); /* called once it is due and disarmed, under no lock */
};

/* The time stands beside the pointer, so that comparing does not touch the deadlines themselves. */
struct apm__deadline_entry {
    uint64_t due_ns;
    struct apm__deadline *deadline;
};

/* How late deadlines have been expired. */
struct apm__lateness {
    uint64_t expired; /* how many */
    uint64_t total_ns;
    uint64_t max_ns;
};

struct apm__deadline_heap {
    apm__os_mutex lock;                  /* a leaf */
    struct apm__deadline_entry *entries; /* guarded by lock, as are the numbers */
    uint32_t count;
    uint32_t promised; /* places of armed deadlines and reserved ones; never above the capacity */
    uint32_t capacity;
    struct apm__lateness lateness; /* guarded by lock; zero at first, and kept from one use of the heap to the next */
    _Atomic uint64_t next_due_ns; /* atomic: the earliest, or APM__DEADLINE_NEVER; written under lock */
};

void apm__deadline_heap_initialise(struct apm__deadline_heap *heap);
void apm__deadline_heap_finish(struct apm__deadline_heap *heap); /* nothing may be armed or reserved */

/* Has the deadline's place reserved from now on; it is not armed. OUT_OF_MEMORY. */
apm_error apm__deadline_reserve(struct apm__deadline_heap *heap, struct apm__deadline *deadline);
void apm__deadline_unreserve(struct apm__deadline_heap *heap, struct apm__deadline *deadline);

/*
 * Arms or re-arms. *was_armed tells which; *is_first, whether it is now the earliest, so that a thread which sleeps
 * until the one before must be woken. OUT_OF_MEMORY, but not for a deadline that is reserved or armed.
 */
apm_error apm__deadline_set(struct apm__deadline_heap *heap, struct apm__deadline *deadline, uint64_t due_ns,
                            bool *was_armed, bool *is_first);

/* Disarms; false if it was not armed, perhaps because it is expiring now. */
bool apm__deadline_clear(struct apm__deadline_heap *heap, struct apm__deadline *deadline);

/* Expires what is due at `now_ns`, earliest first, but no more than `limit`. Any thread; several may. */
void apm__deadline_expire(struct apm__deadline_heap *heap, uint64_t now_ns, uint32_t limit);

/* How many are armed, and how late those that have expired were. */
size_t apm__deadline_count(struct apm__deadline_heap *heap, struct apm__lateness *lateness);

static inline uint64_t apm__deadline_next(struct apm__deadline_heap *heap)
{
    return apm__atomic_load(&heap->next_due_ns, APM__SEQ_CST);
}

#endif
