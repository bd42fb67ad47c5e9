/*
 * Races of countdown events and barriers.
 */
#include "support.h"

enum { WORKERS = 4 };

struct team {
    apm_countdown_event countdown;
    apm_barrier barrier;
    _Atomic bool over;
    size_t work[WORKERS]; /* each is written in one phase and read by all in the next */
    _Atomic size_t next;
    _Atomic size_t actions;
};

static apm_error check_the_work(apm_barrier barrier, void *state)
{
    struct team *team = state;
    int64_t phase;

    CHECK_SUCCESS(apm_barrier_current_phase_number(barrier, &phase));
    CHECK_EQ(atomic_fetch_add(&team->actions, 1), (size_t)phase);
    for (size_t i = 1; i < WORKERS; i++) {
        CHECK_EQ(team->work[i], team->work[0]);
    }
    return APM_ERROR_SUCCESS;
}

static void work_in_phases(void *argument)
{
    struct team *team = argument;
    size_t *mine = &team->work[atomic_fetch_add(&team->next, 1)];
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)mine;

    while (!atomic_load(&team->over)) {
        apm_error error;

        (*mine)++;
        do {
            error = apm_barrier_signal_and_wait(team->barrier, (int)(harness_random(&random) % 3));
        } while (error == APM_ERROR_WAIT_TIMEOUT && !atomic_load(&team->over));
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
    }
    CHECK_SUCCESS(apm_countdown_event_signal(team->countdown, 1, NULL));
}

TEST(phases_of_a_barrier_end_once_and_in_order_although_participants_give_up_and_return)
{
    struct team team = {.next = 0};
    struct thread threads[WORKERS];
    int64_t phases;

    CHECK_SUCCESS(apm_countdown_event_create(WORKERS, &team.countdown));
    CHECK_SUCCESS(apm_barrier_create(WORKERS, check_the_work, &team, &team.barrier));
    for (size_t i = 0; i < WORKERS; i++) {
        thread_start(&threads[i], work_in_phases, &team);
    }
    CHECK_ERROR(apm_countdown_event_wait(team.countdown, (int)harness_scaled(1500)), APM_ERROR_WAIT_TIMEOUT);
    atomic_store(&team.over, true);
    CHECK_SUCCESS(apm_countdown_event_wait(team.countdown, PATIENCE_MS));
    for (size_t i = 0; i < WORKERS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_SUCCESS(apm_barrier_current_phase_number(team.barrier, &phases));
    CHECK(phases > 0);
    CHECK_EQ(atomic_load(&team.actions), (size_t)phases);
    CHECK_SUCCESS(apm_barrier_close(team.barrier));
    CHECK_SUCCESS(apm_countdown_event_close(team.countdown));
}

static void signal_one(void *argument)
{
    CHECK_SUCCESS(apm_countdown_event_signal(*(apm_countdown_event *)argument, 1, NULL));
}

TEST(of_two_signals_at_the_same_moment_one_sets_a_countdown_event_and_releases_the_wait)
{
    apm_countdown_event event;
    struct race race;

    CHECK_SUCCESS(apm_countdown_event_create(2, &event));
    race_start(&race, signal_one, &event);
    while (race_goes_on(&race)) {
        bool set;

        race_clash(&race);
        CHECK_SUCCESS(apm_countdown_event_signal(event, 1, &set));
        CHECK_SUCCESS(apm_countdown_event_wait(event, PATIENCE_MS));
        race_settle(&race);
        CHECK(apm_countdown_event_is_set(event));
        CHECK_SUCCESS(apm_countdown_event_reset(event, 2));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_countdown_event_close(event));
}

LIBRARY_TEST_MAIN()
