/*
 * The queue of work items. See calls.h for the rules.
 */
#include "calls.h"

#include "check.h"

apm_error apm__calls_put(struct apm__calls *calls, apm__function *function, void *argument)
{
    apm_error error = APM_ERROR_SUCCESS;
    apm__os_mutex_lock(&calls->lock);
    uint64_t put = apm__atomic_load(&calls->put, APM__RELAXED);
    uint32_t place = (uint32_t)(put % APM__CALLS_SEGMENT);
    if (calls->closed) {
        error = APM_ERROR_INVALID_OPERATION;
        goto unlock;
    }
    if (place == 0) {
        struct apm__calls_segment *segment = apm__os_allocate(sizeof *segment);
        if (!segment) {
            error = APM_ERROR_OUT_OF_MEMORY;
            goto unlock;
        }
        if (calls->last)
            calls->last->next = segment;
        else
            calls->root = segment;
        calls->last = segment;
    }
    calls->last->entries[place] = apm__call_entry(function, argument);
    apm__atomic_store(&calls->put, put + 1, APM__SEQ_CST); /* pairs with the load in take */
unlock:
    apm__os_mutex_unlock(&calls->lock);
    return error;
}

uint32_t apm__calls_take_locked(struct apm__calls *calls, struct apm__entry *entries, uint32_t limit)
{
    uint64_t taken = apm__atomic_load(&calls->taken, APM__RELAXED);
    uint64_t available = apm__atomic_load(&calls->put, APM__ACQUIRE) - taken;
    uint32_t count = available < limit ? (uint32_t)available : limit;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = (uint32_t)((taken + i) % APM__CALLS_SEGMENT);
        if (place == 0) { /* only now is the segment before left by those who put, too */
            struct apm__calls_segment *before = calls->first;
            calls->first = before ? before->next : calls->root;
            apm__os_free(before);
        }
        entries[i] = calls->first->entries[place];
    }
    apm__atomic_store(&calls->taken, taken + count, APM__SEQ_CST);
    return count;
}

void apm__calls_open(struct apm__calls *calls, bool open)
{
    apm__os_mutex_lock(&calls->lock);
    calls->closed = !open;
    apm__os_mutex_unlock(&calls->lock);
}

void apm__calls_finish(struct apm__calls *calls)
{
    APM__ASSERT(calls->closed && apm__calls_count(calls) == 0);
    apm__os_free(calls->first ? calls->first : calls->root); /* the two are one, unless nothing was ever taken */
    calls->first = NULL;
    calls->root = NULL;
    calls->last = NULL;
    apm__atomic_store(&calls->taken, 0, APM__RELAXED);
    apm__atomic_store(&calls->put, 0, APM__RELAXED);
}
