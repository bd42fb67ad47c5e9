/*
 * Races of waits against set, reset and close.
 */
#include "support.h"

static apm_auto_reset_event auto_create(void)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(false, &event));
    return event;
}

static apm_manual_reset_event manual_create(void)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    return event;
}

/* -- Two threads ------------------------------------------------------------------------------------------------- */

struct events {
    apm_auto_reset_event automatic;
    apm_auto_reset_event other;
    apm_manual_reset_event manual;
};

static void set_automatic(void *argument)
{
    CHECK_SUCCESS(apm_auto_reset_event_set(((struct events *)argument)->automatic));
}

TEST(set_and_wait_of_an_auto_reset_event_lose_no_wake_up)
{
    struct events events = {.automatic = auto_create()};
    struct race race;

    race_start(&race, set_automatic, &events);
    while (race_goes_on(&race)) {
        race_clash(&race);
        CHECK_SUCCESS(apm_auto_reset_event_wait_one(events.automatic, PATIENCE_MS));
        race_settle(&race);
        CHECK_ERROR(apm_auto_reset_event_wait_one(events.automatic, 0), APM_ERROR_WAIT_TIMEOUT);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(events.automatic));
}

TEST(a_wait_that_times_out_as_the_event_is_set_takes_it_or_leaves_it)
{
    struct events events = {.automatic = auto_create()};
    struct race race;

    race_start(&race, set_automatic, &events);
    while (race_goes_on(&race)) {
        apm_error error;

        race_clash(&race);
        error = apm_auto_reset_event_wait_one(events.automatic, (int)(race.rounds % 2));
        race_settle(&race);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
        CHECK_ERROR(apm_auto_reset_event_wait_one(events.automatic, 0),
                    error == APM_ERROR_SUCCESS ? APM_ERROR_WAIT_TIMEOUT : APM_ERROR_SUCCESS);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(events.automatic));
}

static void set_both(void *argument)
{
    struct events *events = argument;

    CHECK_SUCCESS(apm_auto_reset_event_set(events->other));
    CHECK_SUCCESS(apm_auto_reset_event_set(events->automatic));
}

TEST(wait_any_takes_exactly_one_of_two_that_are_set_meanwhile)
{
    struct events events = {.automatic = auto_create(), .other = auto_create()};
    apm_wait_handle handles[2] = {apm_auto_reset_event_to_wait_handle(events.automatic),
                                  apm_auto_reset_event_to_wait_handle(events.other)};
    struct race race;

    race_start(&race, set_both, &events);
    while (race_goes_on(&race)) {
        size_t first = 99;
        size_t second = 99;

        race_clash(&race);
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 2, PATIENCE_MS, &first));
        race_settle(&race);
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 2, 0, &second));
        CHECK_EQ(first + second, 1);
        CHECK_ERROR(apm_wait_handle_wait_any(handles, 2, 0, &second), APM_ERROR_WAIT_TIMEOUT);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(events.automatic));
    CHECK_SUCCESS(apm_auto_reset_event_close(events.other));
}

TEST(wait_all_takes_both_when_both_are_set)
{
    struct events events = {.automatic = auto_create(), .other = auto_create()};
    apm_wait_handle handles[2] = {apm_auto_reset_event_to_wait_handle(events.automatic),
                                  apm_auto_reset_event_to_wait_handle(events.other)};
    struct race race;

    race_start(&race, set_both, &events);
    while (race_goes_on(&race)) {
        size_t index;

        race_clash(&race);
        CHECK_SUCCESS(apm_wait_handle_wait_all(handles, 2, PATIENCE_MS));
        race_settle(&race);
        CHECK_ERROR(apm_wait_handle_wait_any(handles, 2, 0, &index), APM_ERROR_WAIT_TIMEOUT);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(events.automatic));
    CHECK_SUCCESS(apm_auto_reset_event_close(events.other));
}

static void set_and_reset_manual(void *argument)
{
    struct events *events = argument;

    CHECK_SUCCESS(apm_manual_reset_event_set(events->manual));
    CHECK_SUCCESS(apm_manual_reset_event_reset(events->manual));
    CHECK_SUCCESS(apm_manual_reset_event_set(events->manual));
}

TEST(a_manual_reset_event_that_is_set_reset_and_set_releases_a_wait)
{
    struct events events = {.manual = manual_create()};
    struct race race;

    race_start(&race, set_and_reset_manual, &events);
    while (race_goes_on(&race)) {
        CHECK_SUCCESS(apm_manual_reset_event_reset(events.manual));
        race_clash(&race);
        CHECK_SUCCESS(apm_manual_reset_event_wait_one(events.manual, PATIENCE_MS));
        race_settle(&race);
        CHECK_SUCCESS(apm_manual_reset_event_wait_one(events.manual, 0));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_manual_reset_event_close(events.manual));
}

static void close_manual(void *argument)
{
    CHECK_SUCCESS(apm_manual_reset_event_close(((struct events *)argument)->manual));
}

TEST(wait_and_close_of_an_event_are_both_answered)
{
    struct events events;
    struct race race;

    race_start(&race, close_manual, &events);
    while (race_goes_on(&race)) {
        apm_error error;

        events.manual = manual_create();
        race_clash(&race);
        error = apm_manual_reset_event_wait_one(events.manual, 1);
        race_settle(&race);
        CHECK(error == APM_ERROR_WAIT_TIMEOUT || error == APM_ERROR_OBJECT_DISPOSED);
        CHECK_ERROR(apm_manual_reset_event_set(events.manual), APM_ERROR_OBJECT_DISPOSED);
    }
    race_stop(&race);
}

/* -- Many threads ------------------------------------------------------------------------------------------------ */

enum { WORKERS = 4 };

struct tokens {
    apm_auto_reset_event event;
    apm_auto_reset_event taken;
    _Atomic size_t count;
    _Atomic bool over;
    struct latch gone;
};

static void take_tokens(void *argument)
{
    struct tokens *tokens = argument;

    while (!atomic_load(&tokens->over)) {
        CHECK_SUCCESS(apm_auto_reset_event_wait_one(tokens->event, PATIENCE_MS));
        atomic_fetch_add(&tokens->count, 1);
        CHECK_SUCCESS(apm_auto_reset_event_set(tokens->taken));
    }
    latch_add(&tokens->gone, 1);
}

TEST(every_set_of_an_auto_reset_event_releases_exactly_one_of_many_waiters)
{
    struct tokens tokens = {.event = auto_create(), .taken = auto_create(), .gone = LATCH_INITIALIZER};
    struct thread threads[WORKERS];
    int64_t deadline_ms = race_deadline_ms();
    size_t set = 0;

    for (size_t i = 0; i < WORKERS; i++) {
        thread_start(&threads[i], take_tokens, &tokens);
    }
    while (harness_now_ms() < deadline_ms) {
        CHECK_SUCCESS(apm_auto_reset_event_set(tokens.event));
        CHECK_SUCCESS(apm_auto_reset_event_wait_one(tokens.taken, PATIENCE_MS));
        CHECK_EQ(atomic_load(&tokens.count), ++set);
    }
    atomic_store(&tokens.over, true);
    /* Some are about to see that it is over, others wait for one more. */
    while (!latch_wait(&tokens.gone, WORKERS, 1)) {
        CHECK_SUCCESS(apm_auto_reset_event_set(tokens.event));
    }
    for (size_t i = 0; i < WORKERS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_SUCCESS(apm_auto_reset_event_close(tokens.event));
    CHECK_SUCCESS(apm_auto_reset_event_close(tokens.taken));
}

struct mixed_waits {
    apm_auto_reset_event events[2];
    apm_wait_handle handles[2];
    _Atomic size_t sets[2];
    _Atomic size_t takes[2];
    _Atomic bool over;
};

static void wait_in_every_way(void *argument)
{
    struct mixed_waits *mixed = argument;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&mixed;

    while (!atomic_load(&mixed->over)) {
        int timeout_ms = (int)(harness_random(&random) % 3);
        size_t index = harness_random(&random) % 3;

        if (index < 2) {
            if (apm_auto_reset_event_wait_one(mixed->events[index], timeout_ms) == APM_ERROR_SUCCESS) {
                atomic_fetch_add(&mixed->takes[index], 1);
            }
        } else if (harness_random(&random) % 2 == 0) {
            if (apm_wait_handle_wait_any(mixed->handles, 2, timeout_ms, &index) == APM_ERROR_SUCCESS) {
                atomic_fetch_add(&mixed->takes[index], 1);
            }
        } else if (apm_wait_handle_wait_all(mixed->handles, 2, timeout_ms) == APM_ERROR_SUCCESS) {
            atomic_fetch_add(&mixed->takes[0], 1);
            atomic_fetch_add(&mixed->takes[1], 1);
        }
    }
}

TEST(waits_of_every_kind_take_no_more_than_was_set)
{
    struct mixed_waits mixed = {.events = {auto_create(), auto_create()}};
    struct thread threads[WORKERS];
    int64_t deadline_ms = race_deadline_ms();

    for (size_t i = 0; i < 2; i++) {
        mixed.handles[i] = apm_auto_reset_event_to_wait_handle(mixed.events[i]);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        thread_start(&threads[i], wait_in_every_way, &mixed);
    }
    for (size_t i = 0; harness_now_ms() < deadline_ms; i++) {
        /* The count goes first, so that a wait is never seen to take what was not set. */
        atomic_fetch_add(&mixed.sets[i % 2], 1);
        CHECK_SUCCESS(apm_auto_reset_event_set(mixed.events[i % 2]));
    }
    atomic_store(&mixed.over, true);
    for (size_t i = 0; i < WORKERS; i++) {
        thread_join(&threads[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK(atomic_load(&mixed.takes[i]) > 0);
        CHECK(atomic_load(&mixed.takes[i]) <= atomic_load(&mixed.sets[i]));
        CHECK_SUCCESS(apm_auto_reset_event_close(mixed.events[i]));
    }
}

LIBRARY_TEST_MAIN()
