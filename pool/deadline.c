/*
 * The heap of deadlines: a binary heap whose entries know their places. Any thread; the lock is a leaf.
 */
#include "deadline.h"

#include "check.h"

void apm__deadline_heap_initialise(struct apm__deadline_heap *heap)
{
    apm__os_mutex_initialise(&heap->lock);
    heap->entries = NULL;
    heap->count = 0;
    heap->capacity = 0;
    apm__atomic_store(&heap->next_due_ns, APM__DEADLINE_NEVER, APM__SEQ_CST);
}

void apm__deadline_heap_finish(struct apm__deadline_heap *heap)
{
    APM__ASSERT(heap->count == 0);
    apm__os_free(heap->entries);
    heap->entries = NULL;
    heap->capacity = 0;
}

static void place(struct apm__deadline_heap *heap, size_t index, struct apm__deadline *deadline)
{
    heap->entries[index] = deadline;
    deadline->position = index + 1;
}

/* Moves the entry at `index` to where it belongs, up or down. */
static void settle(struct apm__deadline_heap *heap, size_t index)
{
    struct apm__deadline *moved = heap->entries[index];
    while (index > 0 && heap->entries[(index - 1) / 2]->due_ns > moved->due_ns) {
        place(heap, index, heap->entries[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->entries[child + 1]->due_ns < heap->entries[child]->due_ns)
            child++;
        if (heap->entries[child]->due_ns >= moved->due_ns)
            break;
        place(heap, index, heap->entries[child]);
        index = child;
    }
    place(heap, index, moved);
}

static void publish_next(struct apm__deadline_heap *heap)
{
    uint64_t next = heap->count > 0 ? heap->entries[0]->due_ns : APM__DEADLINE_NEVER;
    apm__atomic_store(&heap->next_due_ns, next, APM__SEQ_CST);
}

static void take_out(struct apm__deadline_heap *heap, struct apm__deadline *deadline)
{
    size_t index = deadline->position - 1;
    deadline->position = 0;
    heap->count--;
    if (index < heap->count) {
        heap->entries[index] = heap->entries[heap->count];
        settle(heap, index);
    }
    publish_next(heap);
}

static bool reserve(struct apm__deadline_heap *heap)
{
    if (heap->count < heap->capacity)
        return true;
    size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
    struct apm__deadline **entries = apm__os_resize(heap->entries, capacity * sizeof(struct apm__deadline *));
    if (!entries)
        return false;
    heap->entries = entries;
    heap->capacity = capacity;
    return true;
}

apm_error apm__deadline_set(struct apm__deadline_heap *heap, struct apm__deadline *deadline, uint64_t due_ns,
                            bool *was_armed, bool *is_first)
{
    apm_error error = APM_ERROR_SUCCESS;
    *is_first = false;
    apm__os_mutex_lock(&heap->lock);
    *was_armed = deadline->position != 0;
    if (!*was_armed) {
        if (!reserve(heap)) {
            error = APM_ERROR_OUT_OF_MEMORY;
            goto unlock;
        }
        place(heap, heap->count++, deadline);
    }
    deadline->due_ns = due_ns;
    settle(heap, deadline->position - 1);
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

void apm__deadline_expire(struct apm__deadline_heap *heap, uint64_t now_ns)
{
    while (apm__deadline_next(heap) <= now_ns) {
        struct apm__deadline *due = NULL;
        apm__os_mutex_lock(&heap->lock);
        if (heap->count > 0 && heap->entries[0]->due_ns <= now_ns) {
            due = heap->entries[0];
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
