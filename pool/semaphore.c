/*
 * Counting semaphores. Any thread.
 *
 * The word has the guard in bit 0, the count in bits 1 to 31 and the maximum, which never changes, from bit 32 on.
 */
#include "apm/semaphore.h"

#include <limits.h>

#include "check.h"
#include "waitable.h"

enum { ONE = 2, MAXIMUM_SHIFT = 32 }; /* one of the count */

struct apm__slot_table apm__semaphores = APM__SLOT_TABLE(APM__KIND_SEMAPHORE, struct apm__waitable, NULL);

static uint64_t count_of(uint64_t word)
{
    return (word & UINT32_MAX) / ONE;
}

static bool is_available(uint64_t word, const struct apm__thread *thread)
{
    (void)thread;
    return count_of(word) > 0;
}

static uint64_t take(uint64_t word, const struct apm__thread *thread)
{
    (void)thread;
    return word - ONE;
}

static apm_error release_step(uint64_t word, uint64_t amount, uint64_t *changed)
{
    if (amount > (word >> MAXIMUM_SHIFT) - count_of(word))
        return APM_ERROR_SEMAPHORE_FULL;
    *changed = word + amount * ONE;
    return APM_ERROR_SUCCESS;
}

static apm_error begin_signal(struct apm__slot *slot, apm__wait_step **step)
{
    (void)slot;
    *step = release_step;
    return APM_ERROR_SUCCESS;
}

const struct apm__wait_kind apm__wait_semaphore = {
    .word = offsetof(struct apm__waitable, word),
    .guard = APM__WAITABLE_GUARD,
    .is_available = is_available,
    .take = take,
    .begin_signal = begin_signal,
};

apm_error apm_semaphore_create(int initial_count, int maximum_count, apm_semaphore *semaphore)
{
    uint64_t *bits = semaphore ? &semaphore->bits : NULL;
    if (bits)
        *bits = 0;
    if (initial_count < 0 || maximum_count < 1)
        return bits ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_ARGUMENT_NULL;
    if (initial_count > maximum_count)
        return bits ? APM_ERROR_ARGUMENT : APM_ERROR_ARGUMENT_NULL;
    uint64_t word = (uint64_t)(unsigned)maximum_count << MAXIMUM_SHIFT | (uint64_t)(unsigned)initial_count * ONE;
    return apm__waitable_create(&apm__semaphores, word, bits);
}

apm_error apm_semaphore_release(apm_semaphore semaphore, int release_count, int *previous_count)
{
    if (previous_count)
        *previous_count = 0;
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__semaphores, semaphore.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    uint64_t before = 0;
    if (release_count < 1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = apm__wait_change_from(slot, release_step, (uint64_t)(unsigned)release_count, &before);
    if (error == APM_ERROR_SUCCESS && previous_count)
        *previous_count = (int)count_of(before);
    apm__waitable_release(slot);
    return error;
}

apm_error apm_semaphore_close(apm_semaphore semaphore)
{
    return apm__waitable_close(&apm__semaphores, semaphore.bits);
}
