/*
 * Countdown events: signalled while their count is zero. Any thread.
 *
 * The word has the guard in bit 0, the count in bits 1 to 31, and the count that it was given at first, or by the last
 * reset, from bit 32 on. Count and signal are one, so there is no moment at which they disagree.
 */
#include "apm/countdown_event.h"

#include <limits.h>

#include "check.h"
#include "waitable.h"

enum { ONE = 2, INITIAL_SHIFT = 32 }; /* one of the count */

struct apm__slot_table apm__countdown_events = APM__SLOT_TABLE(APM__KIND_COUNTDOWN_EVENT, struct apm__waitable, NULL);

static uint64_t count_of(uint64_t word)
{
    return (word & UINT32_MAX) / ONE;
}

static bool is_available(uint64_t word, const struct apm__thread *thread)
{
    (void)thread;
    return count_of(word) == 0;
}

const struct apm__wait_kind apm__wait_countdown_event = {
    .word = offsetof(struct apm__waitable, word),
    .guard = APM__WAITABLE_GUARD,
    .is_available = is_available,
};

static uint64_t word_with(int count)
{
    return (uint64_t)(unsigned)count << INITIAL_SHIFT | (uint64_t)(unsigned)count * ONE;
}

static apm_error signal_step(uint64_t word, uint64_t amount, uint64_t *changed)
{
    if (amount > count_of(word))
        return APM_ERROR_INVALID_OPERATION;
    *changed = word - amount * ONE;
    return APM_ERROR_SUCCESS;
}

static apm_error add_step(uint64_t word, uint64_t amount, uint64_t *changed)
{
    if (count_of(word) == 0 || amount > INT_MAX - count_of(word))
        return APM_ERROR_INVALID_OPERATION;
    *changed = word + amount * ONE;
    return APM_ERROR_SUCCESS;
}

/* The same, but leaves a count of zero as it is. */
static apm_error try_add_step(uint64_t word, uint64_t amount, uint64_t *changed)
{
    *changed = word;
    return count_of(word) == 0 ? APM_ERROR_SUCCESS : add_step(word, amount, changed);
}

static apm_error reset_step(uint64_t word, uint64_t fresh, uint64_t *changed)
{
    *changed = fresh | (word & APM__WAITABLE_GUARD);
    return APM_ERROR_SUCCESS;
}

/* Signals or adds; *before is the word as it was. */
static apm_error change(apm_countdown_event event, apm__wait_step *step, int amount, uint64_t *before)
{
    struct apm__slot *slot;
    *before = 0;
    apm_error error = apm__slot_acquire(&apm__countdown_events, event.bits, APM__SLOT_CLOSED, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (amount < 1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = apm__wait_change_from(slot, step, (uint64_t)(unsigned)amount, before);
    apm__waitable_release(slot);
    return error;
}

apm_error apm_countdown_event_create(int initial_count, apm_countdown_event *event)
{
    if (!event)
        return APM_ERROR_ARGUMENT_NULL;
    event->bits = 0;
    if (initial_count < 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    return apm__waitable_create(&apm__countdown_events, word_with(initial_count), &event->bits);
}

apm_error apm_countdown_event_signal(apm_countdown_event event, int signal_count, bool *is_set)
{
    uint64_t before;
    apm_error error = change(event, signal_step, signal_count, &before);
    if (is_set)
        *is_set = error == APM_ERROR_SUCCESS && count_of(before) == (uint64_t)(unsigned)signal_count;
    return error;
}

apm_error apm_countdown_event_add_count(apm_countdown_event event, int signal_count)
{
    uint64_t before;
    return change(event, add_step, signal_count, &before);
}

apm_error apm_countdown_event_try_add_count(apm_countdown_event event, int signal_count, bool *added)
{
    uint64_t before;
    if (!added)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = change(event, try_add_step, signal_count, &before);
    *added = error == APM_ERROR_SUCCESS && count_of(before) > 0;
    return error;
}

apm_error apm_countdown_event_reset(apm_countdown_event event, int count)
{
    if (count < 0) {
        apm_error error = apm__slot_check(&apm__countdown_events, event.bits);
        return error == APM_ERROR_SUCCESS ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : error;
    }
    return apm__waitable_change(&apm__countdown_events, event.bits, APM__SLOT_CLOSED, reset_step, word_with(count));
}

apm_error apm_countdown_event_current_count(apm_countdown_event event, int *count)
{
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    uint64_t word = 0;
    apm_error error = apm__waitable_read(&apm__countdown_events, event.bits, &word);
    *count = (int)count_of(word);
    return error;
}

apm_error apm_countdown_event_initial_count(apm_countdown_event event, int *count)
{
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    uint64_t word = 0;
    apm_error error = apm__waitable_read(&apm__countdown_events, event.bits, &word);
    *count = (int)(word >> INITIAL_SHIFT);
    return error;
}

bool apm_countdown_event_is_set(apm_countdown_event event)
{
    uint64_t word;
    return apm__waitable_read(&apm__countdown_events, event.bits, &word) == APM_ERROR_SUCCESS && count_of(word) == 0;
}

apm_error apm_countdown_event_close(apm_countdown_event event)
{
    return apm__waitable_close(&apm__countdown_events, event.bits);
}
