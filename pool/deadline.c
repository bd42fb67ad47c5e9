/*
 * The heap of deadlines: each entry has four children, which lie side by side, so that a million entries are ten levels
 * deep; the deadlines know their places. Any thread; the lock is a leaf.
 */
#include "deadline.h"

#include "check.h"

enum { CHILDREN = 4 };

void apm__deadline_heap_initialise(struct apm__deadline_heap *heap)
{
    apm__os_mutex_initialise(&heap->lock);
    heap->entries = NULL;
    heap->count = 0;
    heap->promised = 0;
    heap->capacity = 0;
    apm__atomic_store(&heap->next_due_ns, APM__DEADLINE_NEVER, APM__SEQ_CST);
}

void apm__deadline_heap_finish(struct apm__deadline_heap *heap)
{
    APM__ASSERT(heap->count == 0 && heap->promised == 0);
    apm__os_free(heap->entries);
    heap->entries = NULL;
    heap->capacity = 0;
}

/* -- The heap -- */

static void place(struct apm__deadline_heap *heap, uint32_t index, struct apm__deadline_entry entry)
{
    heap->entries[index] = entry;
    entry.deadline->position = index + 1;
}

/* The earliest of the entry's children, or the count if it has none. */
static uint32_t earliest_child(const struct apm__deadline_heap *heap, uint32_t index)
{
    uint64_t first = (uint64_t)index * CHILDREN + 1; /* wider than an index, since it may lie far beyond the last */
    if (first >= heap->count)
        return heap->count;
    uint32_t earliest = (uint32_t)first;
    for (uint64_t child = first + 1; child < heap->count && child < first + CHILDREN; child++)
        if (heap->entries[child].due_ns < heap->entries[earliest].due_ns)
            earliest = (uint32_t)child;
    return earliest;
}

/* Puts an entry where it belongs, up or down from `index`, which is free. */
static void settle(struct apm__deadline_heap *heap, uint32_t index, struct apm__deadline_entry moved)
{
    while (index > 0 && heap->entries[(index - 1) / CHILDREN].due_ns > moved.due_ns) {
        place(heap, index, heap->entries[(index - 1) / CHILDREN]);
        index = (index - 1) / CHILDREN;
    }
    for (;;) {
        uint32_t child = earliest_child(heap, index);
        if (child == heap->count || heap->entries[child].due_ns >= moved.due_ns)
            break;
        place(heap, index, heap->entries[child]);
        index = child;
    }
    place(heap, index, moved);
}

static void publish_next(struct apm__deadline_heap *heap)
{
    uint64_t next = heap->count > 0 ? heap->entries[0].due_ns : APM__DEADLINE_NEVER;
    if (next != apm__atomic_load(&heap->next_due_ns, APM__RELAXED)) /* written under the lock only */
        apm__atomic_store(&heap->next_due_ns, next, APM__SEQ_CST);
}

static void take_out(struct apm__deadline_heap *heap, struct apm__deadline *deadline)
{
    uint32_t index = deadline->position - 1;
    deadline->position = 0;
    heap->promised -= !deadline->reserved;
    heap->count--;
    if (index < heap->count)
        settle(heap, index, heap->entries[heap->count]);
    publish_next(heap);
}

/* -- Places -- */

/* Makes sure that there is room for one place more, and promises it. */
static bool promise(struct apm__deadline_heap *heap)
{
    if (heap->promised == heap->capacity) {
        uint32_t capacity = heap->capacity ? heap->capacity * 2 : 64;
        if (capacity < heap->capacity)
            return false;
        struct apm__deadline_entry *entries = apm__os_resize(heap->entries, (size_t)capacity * sizeof *entries);
        if (!entries)
            return false;
        heap->entries = entries;
        heap->capacity = capacity;
    }
    heap->promised++;
    return true;
}

apm_error apm__deadline_reserve(struct apm__deadline_heap *heap, struct apm__deadline *deadline)
{
    apm__os_mutex_lock(&heap->lock);
    APM__ASSERT(!deadline->reserved && deadline->position == 0);
    deadline->reserved = promise(heap);
    bool reserved = deadline->reserved;
    apm__os_mutex_unlock(&heap->lock);
    return reserved ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

void apm__deadline_unreserve(struct apm__deadline_heap *heap, struct apm__deadline *deadline)
{
    apm__os_mutex_lock(&heap->lock);
    APM__ASSERT(deadline->reserved && deadline->position == 0);
    deadline->reserved = 0;
    heap->promised--;
    apm__os_mutex_unlock(&heap->lock);
}

/* -- Arming and expiring -- */

apm_error apm__deadline_set(struct apm__deadline_heap *heap, struct apm__deadline *deadline, uint64_t due_ns,
                            bool *was_armed, bool *is_first)
{
    apm_error error = APM_ERROR_SUCCESS;
    *is_first = false;
    apm__os_mutex_lock(&heap->lock);
    *was_armed = deadline->position != 0;
    if (!*was_armed) {
        if (!deadline->reserved && !promise(heap)) {
            error = APM_ERROR_OUT_OF_MEMORY;
            goto unlock;
        }
        deadline->position = ++heap->count;
    }
    deadline->due_ns = due_ns;
    settle(heap, deadline->position - 1, (struct apm__deadline_entry){due_ns, deadline});
    publish_next(heap);
    *is_first = deadline->position == 1;
unlock:
    apm__os_mutex_unlock(&heap->lock);
    return error;
}

bool apm__deadline_clear(struct apm__deadline_heap *heap, struct apm__deadline *deadline)
{
    apm__os_mutex_lock(&heap->lock);
    bool armed = deadline->position != 0;
    if (armed)
        take_out(heap, deadline);
    apm__os_mutex_unlock(&heap->lock);
    return armed;
}

static void note_lateness(struct apm__lateness *lateness, uint64_t late_ns)
{
    lateness->expired++;
    lateness->total_ns += late_ns;
    if (late_ns > lateness->max_ns)
        lateness->max_ns = late_ns;
}

void apm__deadline_expire(struct apm__deadline_heap *heap, uint64_t now_ns, uint32_t limit)
{
    while (limit-- > 0 && apm__deadline_next(heap) <= now_ns) {
        struct apm__deadline *due = NULL;
        apm__os_mutex_lock(&heap->lock);
        if (heap->count > 0 && heap->entries[0].due_ns <= now_ns) {
            due = heap->entries[0].deadline;
            note_lateness(&heap->lateness, now_ns - due->due_ns);
            take_out(heap, due);
        }
        apm__os_mutex_unlock(&heap->lock);
        if (due)
            due->expire(due);
    }
}

size_t apm__deadline_count(struct apm__deadline_heap *heap, struct apm__lateness *lateness)
{
    apm__os_mutex_lock(&heap->lock);
    size_t count = heap->count;
    *lateness = heap->lateness;
    apm__os_mutex_unlock(&heap->lock);
    return count;
}
