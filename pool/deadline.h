/*
 * Deadlines: what is to happen at a time, ordered by that time. A heap, so arming and disarming are O(log n), and no
 * system call each.
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
    size_t position;                                /* place in the heap plus one; 0 is not armed */
    void (*expire)(struct apm__deadline *deadline); /* called once it is due and disarmed, under no lock */
};

/* How late deadlines have been expired. */
struct apm__lateness {
    uint64_t expired; /* how many */
    uint64_t total_ns;
    uint64_t max_ns;
};

struct apm__deadline_heap {
    apm__os_mutex lock;             /* a leaf */
    struct apm__deadline **entries; /* guarded by lock, as are count and capacity */
    size_t count;
    size_t capacity;
    struct apm__lateness lateness; /* guarded by lock; zero at first, and kept from one use of the heap to the next */
    _Atomic uint64_t next_due_ns;  /* atomic: the earliest, or APM__DEADLINE_NEVER; written under lock */
};

void apm__deadline_heap_initialise(struct apm__deadline_heap *heap);
void apm__deadline_heap_finish(struct apm__deadline_heap *heap); /* nothing may be armed */

/*
 * Arms or re-arms. *was_armed tells which; *is_first, whether it is now the earliest, so that a thread which sleeps
 * until the one before must be woken.
 */
apm_error apm__deadline_set(struct apm__deadline_heap *heap, struct apm__deadline *deadline, uint64_t due_ns,
                            bool *was_armed, bool *is_first);

/* Disarms; false if it was not armed, perhaps because it is expiring now. */
bool apm__deadline_clear(struct apm__deadline_heap *heap, struct apm__deadline *deadline);

/* Expires all that is due at `now_ns`. Any thread; several may. */
void apm__deadline_expire(struct apm__deadline_heap *heap, uint64_t now_ns);

/* How many are armed, and how late those that have expired were. */
size_t apm__deadline_count(struct apm__deadline_heap *heap, struct apm__lateness *lateness);

static inline uint64_t apm__deadline_next(struct apm__deadline_heap *heap)
{
    return apm__atomic_load(&heap->next_due_ns, APM__SEQ_CST);
}

#endif
