/*
 * Manual-reset and auto-reset events. Any thread.
 *
 * An event is a slot and nothing else. The creator has one reference, which close drops; each wait in progress has one,
 * so that a closed event can be set until its last waiter has gone, as in .NET.
 */
#include "event.h"

#include "apm/wait_handle.h"
#include "process.h"
#include "wait.h"

struct apm__slot_table apm__manual_reset_events = APM__SLOT_TABLE(APM__KIND_MANUAL_RESET_EVENT, struct apm__slot, NULL);
struct apm__slot_table apm__auto_reset_events = APM__SLOT_TABLE(APM__KIND_AUTO_RESET_EVENT, struct apm__slot, NULL);

static apm_error create(struct apm__slot_table *table, bool initial_state, uint32_t flags, uint64_t *bits)
{
    if (!bits)
        return APM_ERROR_ARGUMENT_NULL;
    *bits = 0;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    apm__process_watch_forks();
    struct apm__slot *slot = apm__slot_allocate(table);
    if (!slot)
        return APM_ERROR_OUT_OF_MEMORY;
    apm__slot_publish(slot, 1, flags | (initial_state ? (uint32_t)APM__SLOT_SIGNALLED : 0));
    *bits = apm__slot_handle(table, slot);
    return APM_ERROR_SUCCESS;
}

static apm_error change(struct apm__slot_table *table, uint64_t bits, void (*action)(struct apm__slot *))
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(table, bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    action(slot);
    apm__event_release(table, slot);
    return APM_ERROR_SUCCESS;
}

static apm_error close_event(struct apm__slot_table *table, uint64_t bits)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(table, bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    uint64_t before = apm__atomic_or(&slot->control, APM__SLOT_CLOSED, APM__ACQ_REL);
    if (!(before & APM__SLOT_CLOSED))
        apm__event_release(table, slot);
    apm__event_release(table, slot);
    return APM_ERROR_SUCCESS;
}

void apm__event_release(struct apm__slot_table *table, struct apm__slot *slot)
{
    if (apm__slot_release(slot))
        apm__slot_free(table, slot);
}

apm_error apm__event_acquire(uint64_t bits, struct apm__slot **slot)
{
    apm_error error = apm__slot_acquire(&apm__manual_reset_events, bits, 0, slot);
    return error == APM_ERROR_ARGUMENT ? apm__slot_acquire(&apm__auto_reset_events, bits, 0, slot) : error;
}

void apm__event_forget(struct apm__slot *slot)
{
    /* Relaxed: the flag does not change while there is a reference. */
    bool automatic = (apm__atomic_load(&slot->control, APM__RELAXED) & APM__SLOT_AUTO_RESET) != 0;
    apm__event_release(automatic ? &apm__auto_reset_events : &apm__manual_reset_events, slot);
}

void apm__event_set_and_release(struct apm__slot *slot)
{
    apm__wait_signal(slot);
    apm__event_forget(slot);
}

apm_error apm_manual_reset_event_create(bool initial_state, apm_manual_reset_event *event)
{
    return create(&apm__manual_reset_events, initial_state, 0, event ? &event->bits : NULL);
}

apm_error apm_auto_reset_event_create(bool initial_state, apm_auto_reset_event *event)
{
    return create(&apm__auto_reset_events, initial_state, APM__SLOT_AUTO_RESET, event ? &event->bits : NULL);
}

apm_error apm_manual_reset_event_set(apm_manual_reset_event event)
{
    return change(&apm__manual_reset_events, event.bits, apm__wait_signal);
}

apm_error apm_manual_reset_event_reset(apm_manual_reset_event event)
{
    return change(&apm__manual_reset_events, event.bits, apm__wait_reset);
}

apm_error apm_auto_reset_event_set(apm_auto_reset_event event)
{
    return change(&apm__auto_reset_events, event.bits, apm__wait_signal);
}

apm_error apm_auto_reset_event_reset(apm_auto_reset_event event)
{
    return change(&apm__auto_reset_events, event.bits, apm__wait_reset);
}

apm_error apm_manual_reset_event_close(apm_manual_reset_event event)
{
    return close_event(&apm__manual_reset_events, event.bits);
}

apm_error apm_auto_reset_event_close(apm_auto_reset_event event)
{
    return close_event(&apm__auto_reset_events, event.bits);
}
