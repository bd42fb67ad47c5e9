/*
 * Barriers as in .NET: the case evt-026 of its recorded behaviour, and what else it was seen to do.
 */
#include "support.h"

enum { PARTICIPANTS = 3, PHASES = 2 };

static apm_error count_phase(apm_barrier barrier, void *state)
{
    int64_t phase;

    CHECK_SUCCESS(apm_barrier_current_phase_number(barrier, &phase));
    CHECK_EQ(latch_count(state), (size_t)phase);
    latch_add(state, 1);
    return APM_ERROR_SUCCESS;
}

static apm_error fail(apm_barrier barrier, void *state)
{
    (void)barrier;
    (void)state;
    return APM_ERROR_INVALID_OPERATION;
}

static apm_barrier barrier_create(int participants, apm_barrier_post_phase_action *action, void *state)
{
    apm_barrier barrier;

    CHECK_SUCCESS(apm_barrier_create(participants, action, state, &barrier));
    return barrier;
}

static void check_barrier(apm_barrier barrier, int participants, int remaining, int64_t phase)
{
    int64_t number;
    int count;

    CHECK_SUCCESS(apm_barrier_participant_count(barrier, &count));
    CHECK_EQ(count, participants);
    CHECK_SUCCESS(apm_barrier_participants_remaining(barrier, &count));
    CHECK_EQ(count, remaining);
    CHECK_SUCCESS(apm_barrier_current_phase_number(barrier, &number));
    CHECK_EQ(number, phase);
}

static void take_part(void *argument)
{
    for (int i = 0; i < PHASES; i++) {
        CHECK_SUCCESS(apm_barrier_signal_and_wait(*(apm_barrier *)argument, PATIENCE_MS));
    }
}

TEST(a_barrier_ends_a_phase_when_all_have_arrived_and_runs_its_action_once_evt_026)
{
    struct latch posts = LATCH_INITIALIZER;
    apm_barrier barrier = barrier_create(PARTICIPANTS, count_phase, &posts);
    struct thread threads[PARTICIPANTS];

    for (size_t i = 0; i < PARTICIPANTS; i++) {
        thread_start(&threads[i], take_part, &barrier);
    }
    for (size_t i = 0; i < PARTICIPANTS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_EQ(latch_count(&posts), PHASES);
    check_barrier(barrier, PARTICIPANTS, PARTICIPANTS, PHASES);
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 50), APM_ERROR_WAIT_TIMEOUT);
    check_barrier(barrier, PARTICIPANTS, PARTICIPANTS, PHASES);
    CHECK_SUCCESS(apm_barrier_close(barrier));
}

TEST(a_barrier_refuses_what_makes_no_sense_evt_026)
{
    apm_barrier alone = barrier_create(1, NULL, NULL);
    apm_barrier nobody = barrier_create(0, NULL, NULL);
    apm_barrier failing = barrier_create(1, fail, NULL);
    apm_barrier refused;

    CHECK_SUCCESS(apm_barrier_signal_and_wait(alone, 0));
    CHECK_ERROR(apm_barrier_signal_and_wait(alone, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_signal_and_wait(nobody, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_barrier_remove_participants(alone, 2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_remove_participants(alone, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_add_participants(alone, 0, NULL), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_add_participants(alone, 32768, NULL), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_add_participants(alone, 32767, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_barrier_signal_and_wait(failing, 0), APM_ERROR_BARRIER_POST_PHASE);
    check_barrier(failing, 1, 1, 1);
    CHECK_ERROR(apm_barrier_create(-1, NULL, NULL, &refused), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_barrier_create(32768, NULL, NULL, &refused), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_barrier_is_null(refused));
    CHECK_SUCCESS(apm_barrier_close(alone));
    CHECK_SUCCESS(apm_barrier_close(nobody));
    CHECK_SUCCESS(apm_barrier_close(failing));
}

/* A participant in a thread of its own that arrives once. */
struct participant {
    apm_barrier barrier;
    int timeout_ms;
    apm_error error;
    struct thread thread;
};

static void arrive(void *argument)
{
    struct participant *participant = argument;

    participant->error = apm_barrier_signal_and_wait(participant->barrier, participant->timeout_ms);
}

/* Returns when it has arrived. */
static void participant_start(struct participant *participant, apm_barrier barrier, int timeout_ms)
{
    int before;
    int remaining;

    CHECK_SUCCESS(apm_barrier_participants_remaining(barrier, &before));
    participant->barrier = barrier;
    participant->timeout_ms = timeout_ms;
    thread_start(&participant->thread, arrive, participant);
    do {
        CHECK_SUCCESS(apm_barrier_participants_remaining(barrier, &remaining));
    } while (remaining == before);
}

TEST(every_participant_hears_that_the_action_failed)
{
    apm_barrier barrier = barrier_create(2, fail, NULL);
    struct participant participant;

    participant_start(&participant, barrier, PATIENCE_MS);
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, PATIENCE_MS), APM_ERROR_BARRIER_POST_PHASE);
    thread_join(&participant.thread);
    CHECK_ERROR(participant.error, APM_ERROR_BARRIER_POST_PHASE);
    check_barrier(barrier, 2, 2, 1);
    CHECK_SUCCESS(apm_barrier_close(barrier));
}

TEST(removing_the_last_who_has_not_arrived_ends_the_phase)
{
    struct latch posts = LATCH_INITIALIZER;
    apm_barrier barrier = barrier_create(3, count_phase, &posts);
    struct participant participants[2];
    int64_t phase = 99;

    participant_start(&participants[0], barrier, PATIENCE_MS);
    participant_start(&participants[1], barrier, PATIENCE_MS);
    check_barrier(barrier, 3, 1, 0);
    CHECK_ERROR(apm_barrier_remove_participants(barrier, 2), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_barrier_remove_participants(barrier, 1));
    for (size_t i = 0; i < 2; i++) {
        thread_join(&participants[i].thread);
        CHECK_SUCCESS(participants[i].error);
    }
    CHECK_EQ(latch_count(&posts), 1);
    check_barrier(barrier, 2, 2, 1);
    CHECK_SUCCESS(apm_barrier_add_participants(barrier, 2, &phase));
    CHECK_EQ(phase, 1);
    check_barrier(barrier, 4, 4, 1);
    CHECK_SUCCESS(apm_barrier_remove_participants(barrier, 4));
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_barrier_close(barrier));
}

/* An action that lets other threads try things while it runs. */
struct slow_action {
    struct latch entered;
    struct latch released;
};

static apm_error run_slowly(apm_barrier barrier, void *state)
{
    struct slow_action *slow = state;

    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_barrier_add_participants(barrier, 1, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_barrier_remove_participants(barrier, 1), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_barrier_close(barrier), APM_ERROR_INVALID_OPERATION);
    latch_add(&slow->entered, 1);
    LATCH_AWAIT(&slow->released, 1);
    return APM_ERROR_SUCCESS;
}

struct adder {
    apm_barrier barrier;
    int64_t phase;
    struct latch entered;
};

static void add_one(void *argument)
{
    struct adder *adder = argument;

    latch_add(&adder->entered, 1);
    CHECK_SUCCESS(apm_barrier_add_participants(adder->barrier, 1, &adder->phase));
}

TEST(while_the_action_runs_nobody_arrives_or_leaves_and_who_joins_waits)
{
    struct slow_action slow = {LATCH_INITIALIZER, LATCH_INITIALIZER};
    apm_barrier barrier = barrier_create(2, run_slowly, &slow);
    struct adder adder = {.barrier = barrier, .entered = LATCH_INITIALIZER};
    struct participant first;
    struct participant last = {.barrier = barrier, .timeout_ms = PATIENCE_MS};
    struct thread thread;

    participant_start(&first, barrier, 1500);
    thread_start(&last.thread, arrive, &last);
    LATCH_AWAIT(&slow.entered, 1);
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 0), APM_ERROR_INVALID_OPERATION);
    check_barrier(barrier, 2, 2, 0);
    thread_start(&thread, add_one, &adder);
    LATCH_AWAIT(&adder.entered, 1);

    /* The time of the first one is up meanwhile, but it is too late for it to leave. */
    CHECK(!latch_wait(&slow.entered, 2, 1600));
    latch_add(&slow.released, 1);
    thread_join(&first.thread);
    thread_join(&last.thread);
    thread_join(&thread);
    CHECK_SUCCESS(first.error);
    CHECK_SUCCESS(last.error);
    CHECK_EQ(adder.phase, 1);
    check_barrier(barrier, 3, 3, 1);
    CHECK_SUCCESS(apm_barrier_close(barrier));
}

TEST(a_closed_barrier_is_disposed_and_closing_it_again_succeeds)
{
    apm_barrier barrier = barrier_create(1, NULL, NULL);
    apm_barrier none = APM_NULL_HANDLE;
    apm_wait_handle handle = {barrier.bits};
    int count = 99;

    CHECK_ERROR(apm_wait_handle_wait_one(handle, 0), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_barrier_close(barrier));
    CHECK_SUCCESS(apm_barrier_close(barrier));
    CHECK_ERROR(apm_barrier_close(none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_barrier_add_participants(barrier, 1, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_barrier_remove_participants(barrier, 1), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_barrier_participant_count(barrier, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_barrier_participant_count(barrier, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_barrier_create(1, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
}

LIBRARY_TEST_MAIN()
