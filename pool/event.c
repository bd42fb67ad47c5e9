/*
 * Manual-reset and auto-reset events, and what a wait sees of a result. Any thread.
 *
 * An event is a slot and nothing else: its word is the control word, in which SIGNALLED is the state.
 */
#include "apm/wait_handle.h"
#include "check.h"
#include "waitable.h"

struct apm__slot_table apm__manual_reset_events = APM__SLOT_TABLE(APM__KIND_MANUAL_RESET_EVENT, struct apm__slot, NULL);
struct apm__slot_table apm__auto_reset_events = APM__SLOT_TABLE(APM__KIND_AUTO_RESET_EVENT, struct apm__slot, NULL);

/* -- What a wait sees -- */

static bool is_signalled(uint64_t word, const struct apm__thread *thread)
{
    (void)thread;
    return (word & APM__SLOT_SIGNALLED) != 0;
}

static uint64_t take_signal(uint64_t word, const struct apm__thread *thread)
{
    (void)thread;
    return word & ~(uint64_t)APM__SLOT_SIGNALLED;
}

static apm_error set_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word | APM__SLOT_SIGNALLED;
    return APM_ERROR_SUCCESS;
}

static apm_error reset_step(uint64_t word, uint64_t unused, uint64_t *changed)
{
    (void)unused;
    *changed = word & ~(uint64_t)APM__SLOT_SIGNALLED;
    return APM_ERROR_SUCCESS;
}

static apm_error begin_signal(struct apm__slot *slot, apm__wait_step **step)
{
    (void)slot;
    *step = set_step;
    return APM_ERROR_SUCCESS;
}

const struct apm__wait_kind apm__wait_manual_reset = {
    .word = offsetof(struct apm__slot, control),
    .guard = APM__SLOT_HAS_WAITERS,
    .is_available = is_signalled,
    .begin_signal = begin_signal,
};

const struct apm__wait_kind apm__wait_auto_reset = {
    .word = offsetof(struct apm__slot, control),
    .guard = APM__SLOT_HAS_WAITERS,
    .is_available = is_signalled,
    .take = take_signal,
    .begin_signal = begin_signal,
};

const struct apm__wait_kind apm__wait_result = {
    .word = offsetof(struct apm__slot, control),
    .guard = APM__SLOT_HAS_WAITERS,
    .is_available = is_signalled,
};

/* -- Events that tell of the end of something -- */

apm_error apm__event_acquire(uint64_t bits, struct apm__slot **slot)
{
    apm_error error = apm__slot_acquire(&apm__manual_reset_events, bits, 0, slot);
    return error == APM_ERROR_ARGUMENT ? apm__slot_acquire(&apm__auto_reset_events, bits, 0, slot) : error;
}

void apm__event_set_and_release(struct apm__slot *slot)
{
    apm_error error = apm__wait_change(slot, set_step, 0);
    APM__CHECK(error == APM_ERROR_SUCCESS);
    apm__waitable_release(slot);
}

/* -- The public functions -- */

static apm_error create(struct apm__slot_table *table, bool initial_state, uint64_t *bits)
{
    struct apm__slot *slot;
    apm_error error = apm__waitable_allocate(table, bits, &slot);
    if (error == APM_ERROR_SUCCESS)
        apm__waitable_publish(slot, initial_state ? (uint32_t)APM__SLOT_SIGNALLED : 0, bits);
    return error;
}

apm_error apm_manual_reset_event_create(bool initial_state, apm_manual_reset_event *event)
{
    return create(&apm__manual_reset_events, initial_state, event ? &event->bits : NULL);
}

apm_error apm_auto_reset_event_create(bool initial_state, apm_auto_reset_event *event)
{
    return create(&apm__auto_reset_events, initial_state, event ? &event->bits : NULL);
}

apm_error apm_manual_reset_event_set(apm_manual_reset_event event)
{
    return apm__waitable_change(&apm__manual_reset_events, event.bits, 0, set_step, 0);
}

apm_error apm_manual_reset_event_reset(apm_manual_reset_event event)
{
    return apm__waitable_change(&apm__manual_reset_events, event.bits, 0, reset_step, 0);
}

apm_error apm_auto_reset_event_set(apm_auto_reset_event event)
{
    return apm__waitable_change(&apm__auto_reset_events, event.bits, 0, set_step, 0);
}

apm_error apm_auto_reset_event_reset(apm_auto_reset_event event)
{
    return apm__waitable_change(&apm__auto_reset_events, event.bits, 0, reset_step, 0);
}

apm_error apm_manual_reset_event_close(apm_manual_reset_event event)
{
    return apm__waitable_close(&apm__manual_reset_events, event.bits);
}

apm_error apm_auto_reset_event_close(apm_auto_reset_event event)
{
    return apm__waitable_close(&apm__auto_reset_events, event.bits);
}
