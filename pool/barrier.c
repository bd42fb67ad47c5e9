/*
 * Barriers: threads that work in phases, and wait for each other at the end of each. Any thread.
 *
 * The counts are guarded by the barrier's lock, under which no code of the program runs and nothing is waited for: who
 * arrives last marks the phase as finishing, lets go of the lock, runs the action, and comes back to begin the next
 * phase. Meanwhile nobody else can arrive.
 *
 * The word is the number of phases that have been announced as ended, times two, with the guard in bit 0. A thread that
 * has arrived waits until its phase is one of them, however many have ended since. It is announced after the lock has
 * been released, so that the threads that it wakes find the lock free; two that announce overtake each other
 * harmlessly, since the number only grows.
 *
 * Lock: a barrier's, a leaf: nothing is taken under it.
 */
#include "apm/barrier.h"

#include "check.h"
#include "pool.h"
#include "waitable.h"

enum { ONE = 2 }; /* one phase, in the word */

struct apm__barrier {
    struct apm__waitable waitable;
    apm__os_mutex lock;

    /* immutable once created */
    apm_barrier_post_phase_action *action;
    void *state;

    /* guarded by lock */
    int participants;
    int arrived;
    bool finishing;                  /* everybody has arrived, and the action runs; `arrived` is 0 again */
    const struct apm__thread *actor; /* the thread on which it runs */
    uint64_t phase;
    apm_error outcomes[2]; /* of the last two phases, by the lowest bit of their number */
};

struct apm__slot_table apm__barriers = APM__SLOT_TABLE(APM__KIND_BARRIER, struct apm__barrier, NULL);

/* -- The word -- */

static bool is_available(uint64_t word, const struct apm__thread *thread)
{
    return !thread || word / ONE > thread->phase;
}

const struct apm__wait_kind apm__wait_barrier = {
    .word = offsetof(struct apm__waitable, word),
    .guard = APM__WAITABLE_GUARD,
    .is_available = is_available,
};

static apm_error announce_step(uint64_t word, uint64_t ended, uint64_t *changed)
{
    *changed = word / ONE < ended ? ended * ONE | (word & APM__WAITABLE_GUARD) : word;
    return APM_ERROR_SUCCESS;
}

/* -- Phases -- */

/* A barrier that has not been closed, with a reference and locked. */
static apm_error hold_and_lock(apm_barrier handle, struct apm__barrier **barrier)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__barriers, handle.bits, APM__SLOT_CLOSED, &slot);
    *barrier = (struct apm__barrier *)slot;
    if (error == APM_ERROR_SUCCESS)
        apm__os_mutex_lock(&(*barrier)->lock);
    return error;
}

static void unlock_and_release(struct apm__barrier *barrier)
{
    apm__os_mutex_unlock(&barrier->lock);
    apm__waitable_release(&barrier->waitable.slot);
}

/* Runs the action and begins the next phase. Everybody has arrived; the lock is released meanwhile. */
static apm_error finish_phase_locked(struct apm__barrier *barrier, apm_barrier handle)
{
    apm_error outcome = APM_ERROR_SUCCESS;
    barrier->arrived = 0;
    if (barrier->action) {
        barrier->finishing = true;
        barrier->actor = apm__thread_current();
        apm__os_mutex_unlock(&barrier->lock);
        if (barrier->action(handle, barrier->state) != APM_ERROR_SUCCESS)
            outcome = APM_ERROR_BARRIER_POST_PHASE;
        apm__os_mutex_lock(&barrier->lock);
        barrier->finishing = false;
        barrier->actor = NULL;
    }
    barrier->outcomes[barrier->phase % 2] = outcome;
    uint64_t ended = ++barrier->phase;
    apm__os_mutex_unlock(&barrier->lock);
    apm_error error = apm__wait_change(&barrier->waitable.slot, announce_step, ended);
    APM__CHECK(error == APM_ERROR_SUCCESS);
    apm__os_mutex_lock(&barrier->lock);
    return outcome;
}

/* Waits for the end of a phase, whatever that takes. */
static void wait_for_end(struct apm__barrier *barrier, uint64_t phase)
{
    apm__thread_current()->phase = phase;
    while (apm__wait_one(&barrier->waitable.slot, -1) != APM_ERROR_SUCCESS)
        continue; /* somebody runs the action, so it is no deadlock, whatever the pool says */
}

/* Waits for the others, having arrived in `phase`. The lock is released meanwhile. */
static apm_error wait_for_others_locked(struct apm__barrier *barrier, uint64_t phase, int64_t timeout_ns)
{
    apm__os_mutex_unlock(&barrier->lock);
    apm__thread_current()->phase = phase;
    apm_error error = apm__wait_one(&barrier->waitable.slot, timeout_ns);
    apm__os_mutex_lock(&barrier->lock);
    if (barrier->phase == phase && !barrier->finishing) {
        APM__ASSERT(error != APM_ERROR_SUCCESS);
        barrier->arrived--; /* it has not arrived after all */
        return error;
    }
    if (barrier->phase == phase) { /* too late to leave: the last one has come */
        apm__os_mutex_unlock(&barrier->lock);
        wait_for_end(barrier, phase);
        apm__os_mutex_lock(&barrier->lock);
    }
    return barrier->outcomes[phase % 2];
}

/* -- The public functions -- */

apm_error apm_barrier_create(int participant_count, apm_barrier_post_phase_action *post_phase_action, void *state,
                             apm_barrier *barrier)
{
    if (!barrier)
        return APM_ERROR_ARGUMENT_NULL;
    barrier->bits = 0;
    if (participant_count < 0 || participant_count > APM_BARRIER_MAX_PARTICIPANTS)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct apm__slot *slot;
    apm_error error = apm__waitable_allocate(&apm__barriers, &barrier->bits, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__barrier *created = (struct apm__barrier *)slot;
    apm__os_mutex_initialise(&created->lock);
    apm__atomic_store(&created->waitable.word, 0, APM__RELAXED);
    created->action = post_phase_action;
    created->state = state;
    created->participants = participant_count;
    created->arrived = 0;
    created->finishing = false;
    created->actor = NULL;
    created->phase = 0;
    apm__waitable_publish(slot, 0, &barrier->bits);
    return APM_ERROR_SUCCESS;
}

apm_error apm_barrier_signal_and_wait(apm_barrier handle, int timeout_ms)
{
    struct apm__barrier *barrier;
    apm_error error = hold_and_lock(handle, &barrier);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (timeout_ms < -1) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else if (barrier->participants == 0 || barrier->finishing) {
        error = APM_ERROR_INVALID_OPERATION; /* nobody takes part, or more than do; or it is the action that calls */
    } else if (barrier->arrived + 1 == barrier->participants) {
        error = finish_phase_locked(barrier, handle);
    } else {
        barrier->arrived++;
        error = wait_for_others_locked(barrier, barrier->phase, timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000000);
    }
    unlock_and_release(barrier);
    return error;
}

apm_error apm_barrier_add_participants(apm_barrier handle, int participant_count, int64_t *phase_number)
{
    if (phase_number)
        *phase_number = 0;
    struct apm__barrier *barrier;
    apm_error error = hold_and_lock(handle, &barrier);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (participant_count < 1 || participant_count > APM_BARRIER_MAX_PARTICIPANTS) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else if (barrier->actor == apm__thread_current() ||
               participant_count > APM_BARRIER_MAX_PARTICIPANTS - barrier->participants) {
        error = APM_ERROR_INVALID_OPERATION;
    } else {
        barrier->participants += participant_count;
        uint64_t phase = barrier->phase;
        if (barrier->finishing) { /* they take part from the next phase on */
            apm__os_mutex_unlock(&barrier->lock);
            wait_for_end(barrier, phase++);
            apm__os_mutex_lock(&barrier->lock);
        }
        if (phase_number)
            *phase_number = (int64_t)phase;
    }
    unlock_and_release(barrier);
    return error;
}

apm_error apm_barrier_remove_participants(apm_barrier handle, int participant_count)
{
    struct apm__barrier *barrier;
    apm_error error = hold_and_lock(handle, &barrier);
    if (error != APM_ERROR_SUCCESS)
        return error;
    int left = barrier->participants - (participant_count < 1 ? 0 : participant_count);
    if (participant_count < 1) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else if (barrier->actor == apm__thread_current()) {
        error = APM_ERROR_INVALID_OPERATION;
    } else if (left < 0) {
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    } else if (left < barrier->arrived) {
        error = APM_ERROR_INVALID_OPERATION; /* those that have arrived stay to the end of the phase */
    } else {
        barrier->participants = left;
        if (left > 0 && barrier->arrived == left)
            error = finish_phase_locked(barrier, handle);
    }
    unlock_and_release(barrier);
    return error;
}

/* Reads one of the numbers under the lock. */
static apm_error read_number(apm_barrier handle, int64_t (*number_locked)(const struct apm__barrier *), int64_t *number)
{
    struct apm__barrier *barrier;
    *number = 0;
    apm_error error = hold_and_lock(handle, &barrier);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *number = number_locked(barrier);
    unlock_and_release(barrier);
    return APM_ERROR_SUCCESS;
}

static int64_t participants_locked(const struct apm__barrier *barrier)
{
    return barrier->participants;
}

static int64_t remaining_locked(const struct apm__barrier *barrier)
{
    return barrier->participants - barrier->arrived;
}

static int64_t phase_locked(const struct apm__barrier *barrier)
{
    return (int64_t)barrier->phase;
}

apm_error apm_barrier_participant_count(apm_barrier barrier, int *count)
{
    int64_t number;
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = read_number(barrier, participants_locked, &number);
    *count = (int)number;
    return error;
}

apm_error apm_barrier_participants_remaining(apm_barrier barrier, int *count)
{
    int64_t number;
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = read_number(barrier, remaining_locked, &number);
    *count = (int)number;
    return error;
}

apm_error apm_barrier_current_phase_number(apm_barrier barrier, int64_t *phase_number)
{
    if (!phase_number)
        return APM_ERROR_ARGUMENT_NULL;
    return read_number(barrier, phase_locked, phase_number);
}

apm_error apm_barrier_close(apm_barrier handle)
{
    struct apm__barrier *barrier;
    apm_error error = hold_and_lock(handle, &barrier);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    bool acts = barrier->actor == apm__thread_current();
    unlock_and_release(barrier);
    return acts ? APM_ERROR_INVALID_OPERATION : apm__waitable_close(&apm__barriers, handle.bits);
}
