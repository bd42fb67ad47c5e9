/*
 * The life that waitable objects share. Any thread; no locks of its own. See waitable.h.
 */
#include "waitable.h"

#include "process.h"

static struct apm__slot_table *const tables[APM__KIND_LIMIT] = {
    [APM__KIND_MANUAL_RESET_EVENT] = &apm__manual_reset_events,
    [APM__KIND_AUTO_RESET_EVENT] = &apm__auto_reset_events,
    [APM__KIND_SEMAPHORE] = &apm__semaphores,
    [APM__KIND_MUTEX] = &apm__mutexes,
    [APM__KIND_COUNTDOWN_EVENT] = &apm__countdown_events,
    [APM__KIND_BARRIER] = &apm__barriers,
};

apm_error apm__waitable_allocate(struct apm__slot_table *table, uint64_t *bits, struct apm__slot **slot)
{
    if (!bits)
        return APM_ERROR_ARGUMENT_NULL;
    *bits = 0;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    *slot = apm__process_watch_forks() ? apm__slot_allocate(table) : NULL;
    return *slot ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

void apm__waitable_publish(struct apm__slot *slot, uint32_t flags, uint64_t *bits)
{
    apm__slot_publish(slot, 1, flags);
    *bits = apm__slot_handle(slot);
}

apm_error apm__waitable_create(struct apm__slot_table *table, uint64_t word, uint64_t *bits)
{
    struct apm__slot *slot;
    apm_error error = apm__waitable_allocate(table, bits, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    /* Relaxed: publishing the slot comes after it. */
    apm__atomic_store(&((struct apm__waitable *)slot)->word, word, APM__RELAXED);
    apm__waitable_publish(slot, 0, bits);
    return APM_ERROR_SUCCESS;
}

apm_error apm__waitable_hold(uint64_t bits, struct apm__slot **slot)
{
    uint32_t kind = (uint32_t)bits & ((1u << APM__SLOT_KIND_BITS) - 1);
    *slot = NULL;
    if (kind == APM__KIND_MUTEX)
        return apm__mutex_hold(bits, slot);
    if (bits == 0)
        return APM_ERROR_ARGUMENT_NULL;
    if (kind >= APM__KIND_LIMIT || !tables[kind] || kind == APM__KIND_BARRIER)
        return APM_ERROR_ARGUMENT;
    uint32_t refused = kind == APM__KIND_COUNTDOWN_EVENT ? (uint32_t)APM__SLOT_CLOSED : 0;
    return apm__slot_acquire(tables[kind], bits, refused, slot);
}

void apm__waitable_release(struct apm__slot *slot)
{
    if (apm__slot_release(slot))
        apm__slot_free(tables[apm__slot_kind(slot)], slot);
}

apm_error apm__waitable_close(struct apm__slot_table *table, uint64_t bits)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(table, bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    uint64_t before = apm__atomic_or(&slot->control, APM__SLOT_CLOSED, APM__ACQ_REL);
    if (!(before & APM__SLOT_CLOSED))
        apm__waitable_release(slot);
    apm__waitable_release(slot);
    return APM_ERROR_SUCCESS;
}

apm_error apm__waitable_change(struct apm__slot_table *table, uint64_t bits, uint32_t refused, apm__wait_step *step,
                               uint64_t argument)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(table, bits, refused, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__wait_change(slot, step, argument);
    apm__waitable_release(slot);
    return error;
}

apm_error apm__waitable_read(struct apm__slot_table *table, uint64_t bits, uint64_t *word)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(table, bits, APM__SLOT_CLOSED, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *word = apm__atomic_load(&((struct apm__waitable *)slot)->word, APM__ACQUIRE);
    apm__waitable_release(slot);
    return APM_ERROR_SUCCESS;
}
