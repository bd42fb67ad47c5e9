/*
 * Races of semaphores, mutexes and the waits over several objects.
 */
#include <stdio.h>

#include "support.h"

enum { WORKERS = 4 };

static apm_auto_reset_event auto_create(bool initial_state)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(initial_state, &event));
    return event;
}

static apm_semaphore semaphore_create(int initial_count, int maximum_count)
{
    apm_semaphore semaphore;

    CHECK_SUCCESS(apm_semaphore_create(initial_count, maximum_count, &semaphore));
    return semaphore;
}

static apm_mutex mutex_create(void)
{
    apm_mutex mutex;

    CHECK_SUCCESS(apm_mutex_create(false, &mutex));
    return mutex;
}

/* -- Several objects, two threads -------------------------------------------------------------------------------- */

struct pair {
    apm_auto_reset_event first;
    apm_auto_reset_event second;
    apm_manual_reset_event manual;
};

static void set_first_and_then_second(void *argument)
{
    struct pair *pair = argument;

    CHECK_SUCCESS(apm_auto_reset_event_set(pair->first));
    CHECK_SUCCESS(apm_auto_reset_event_set(pair->second));
}

TEST(wait_any_never_takes_the_second_when_the_first_was_set_before_it)
{
    struct pair pair = {.first = auto_create(false), .second = auto_create(false)};
    apm_wait_handle handles[2] = {apm_auto_reset_event_to_wait_handle(pair.first),
                                  apm_auto_reset_event_to_wait_handle(pair.second)};
    struct race race;

    race_start(&race, set_first_and_then_second, &pair);
    while (race_goes_on(&race)) {
        size_t index = 99;

        race_clash(&race);
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 2, PATIENCE_MS, &index));
        CHECK_EQ(index, 0);
        race_settle(&race);
        CHECK_SUCCESS(apm_auto_reset_event_wait_one(pair.second, 0));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(pair.first));
    CHECK_SUCCESS(apm_auto_reset_event_close(pair.second));
}

static void answer_by_set_and_reset(void *argument)
{
    struct pair *pair = argument;

    CHECK_SUCCESS(apm_auto_reset_event_wait_one(pair->first, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_set(pair->manual));
    CHECK_SUCCESS(apm_manual_reset_event_reset(pair->manual));
}

TEST(signal_and_wait_misses_no_answer_however_short_it_is)
{
    struct pair pair = {.first = auto_create(false)};
    struct race race;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &pair.manual));
    race_start(&race, answer_by_set_and_reset, &pair);
    while (race_goes_on(&race)) {
        race_clash(&race);
        CHECK_SUCCESS(apm_wait_handle_signal_and_wait(apm_auto_reset_event_to_wait_handle(pair.first),
                                                      apm_manual_reset_event_to_wait_handle(pair.manual), PATIENCE_MS));
        race_settle(&race);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_auto_reset_event_close(pair.first));
    CHECK_SUCCESS(apm_manual_reset_event_close(pair.manual));
}

/* -- Several objects, many threads ------------------------------------------------------------------------------- */

struct objects {
    apm_semaphore semaphore;
    apm_mutex mutex;
    apm_auto_reset_event event;
    apm_wait_handle handles[3];
    _Atomic bool over;
    _Atomic size_t got_all;
    size_t guarded; /* by the mutex */
};

static void objects_create(struct objects *objects, bool event_is_set)
{
    objects->semaphore = semaphore_create(1, 1);
    objects->mutex = mutex_create();
    objects->event = auto_create(event_is_set);
    objects->handles[0] = apm_semaphore_to_wait_handle(objects->semaphore);
    objects->handles[1] = apm_mutex_to_wait_handle(objects->mutex);
    objects->handles[2] = apm_auto_reset_event_to_wait_handle(objects->event);
    atomic_init(&objects->over, false);
    atomic_init(&objects->got_all, 0);
    objects->guarded = 0;
}

static void objects_close(struct objects *objects)
{
    CHECK_SUCCESS(apm_semaphore_close(objects->semaphore));
    CHECK_SUCCESS(apm_mutex_close(objects->mutex));
    CHECK_SUCCESS(apm_auto_reset_event_close(objects->event));
}

static void want_all(void *argument)
{
    struct objects *objects = argument;
    int timeout_ms = 0;

    while (!atomic_load(&objects->over)) {
        CHECK_ERROR(apm_wait_handle_wait_all(objects->handles, 3, timeout_ms), APM_ERROR_WAIT_TIMEOUT);
        timeout_ms = !timeout_ms;
    }
}

TEST(a_wait_all_that_cannot_have_all_never_takes_a_part)
{
    struct objects objects;
    struct thread threads[2];
    int64_t deadline_ms = race_deadline_ms();

    objects_create(&objects, false);
    for (size_t i = 0; i < 2; i++) {
        thread_start(&threads[i], want_all, &objects);
    }
    while (harness_now_ms() < deadline_ms) {
        /* Nobody else can have them, so they can be had at every moment. */
        CHECK_SUCCESS(apm_semaphore_wait_one(objects.semaphore, 0));
        CHECK_SUCCESS(apm_mutex_wait_one(objects.mutex, 0));
        CHECK_SUCCESS(apm_semaphore_release(objects.semaphore, 1, NULL));
        CHECK_SUCCESS(apm_mutex_release_mutex(objects.mutex));
    }
    atomic_store(&objects.over, true);
    for (size_t i = 0; i < 2; i++) {
        thread_join(&threads[i]);
    }
    objects_close(&objects);
}

struct token {
    apm_semaphore semaphore;
    apm_manual_reset_event set;
    _Atomic int holders;
    _Atomic bool over;
};

static void hold_and_release(struct token *token)
{
    CHECK_EQ(atomic_fetch_add(&token->holders, 1), 0);
    atomic_fetch_sub(&token->holders, 1);
    CHECK_SUCCESS(apm_semaphore_release(token->semaphore, 1, NULL));
}

static void take_it_alone(void *argument)
{
    struct token *token = argument;

    while (!atomic_load(&token->over)) {
        if (apm_semaphore_wait_one(token->semaphore, 0) == APM_ERROR_SUCCESS) {
            hold_and_release(token);
        }
    }
}

TEST(a_wait_for_one_and_a_wait_for_all_never_get_the_same_token)
{
    struct token token = {.semaphore = semaphore_create(1, 1)};
    apm_wait_handle handles[2];
    struct thread thread;
    int64_t deadline_ms = race_deadline_ms();
    size_t taken = 0;

    CHECK_SUCCESS(apm_manual_reset_event_create(true, &token.set));
    handles[0] = apm_semaphore_to_wait_handle(token.semaphore);
    handles[1] = apm_manual_reset_event_to_wait_handle(token.set);
    thread_start(&thread, take_it_alone, &token);
    while (harness_now_ms() < deadline_ms) {
        for (int i = 0; i < 1000; i++) {
            if (apm_wait_handle_wait_all(handles, 2, 0) == APM_ERROR_SUCCESS) {
                taken++;
                hold_and_release(&token);
            }
        }
    }
    atomic_store(&token.over, true);
    thread_join(&thread);
    CHECK(taken > 0);
    CHECK_SUCCESS(apm_semaphore_wait_one(token.semaphore, 0));
    CHECK_SUCCESS(apm_semaphore_close(token.semaphore));
    CHECK_SUCCESS(apm_manual_reset_event_close(token.set));
}

static void give_back(struct objects *objects, size_t index)
{
    int previous = 99;

    switch (index) {
    case 0:
        CHECK_SUCCESS(apm_semaphore_release(objects->semaphore, 1, &previous));
        CHECK_EQ(previous, 0);
        break;
    case 1: CHECK_SUCCESS(apm_mutex_release_mutex(objects->mutex)); break;
    default: CHECK_SUCCESS(apm_auto_reset_event_set(objects->event)); break;
    }
}

static void take_and_give_back(void *argument)
{
    struct objects *objects = argument;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&random;

    while (!atomic_load(&objects->over)) {
        size_t index = harness_random(&random) % 5;
        int timeout_ms = (int)(harness_random(&random) % 3);

        if (index < 3) {
            if (apm_wait_handle_wait_one(objects->handles[index], timeout_ms) != APM_ERROR_SUCCESS) {
                continue;
            }
        } else if (index == 3) {
            if (apm_wait_handle_wait_any(objects->handles, 3, timeout_ms, &index) != APM_ERROR_SUCCESS) {
                continue;
            }
        } else {
            if (apm_wait_handle_wait_all(objects->handles, 3, timeout_ms) == APM_ERROR_SUCCESS) {
                objects->guarded++;
                atomic_fetch_add(&objects->got_all, 1);
                give_back(objects, 2);
                give_back(objects, 1);
                give_back(objects, 0);
            }
            continue;
        }
        if (index == 1) {
            objects->guarded++;
        }
        give_back(objects, index);
    }
}

TEST(waits_of_every_kind_over_every_kind_conserve_what_there_is)
{
    struct objects objects;
    struct thread threads[WORKERS];
    int64_t deadline_ms = race_deadline_ms();

    objects_create(&objects, true);
    for (size_t i = 0; i < WORKERS; i++) {
        thread_start(&threads[i], take_and_give_back, &objects);
    }
    while (harness_now_ms() < deadline_ms) {
        if (apm_wait_handle_wait_all(objects.handles, 3, PATIENCE_MS) == APM_ERROR_SUCCESS) {
            objects.guarded++;
            give_back(&objects, 0);
            give_back(&objects, 2);
            give_back(&objects, 1);
        }
    }
    atomic_store(&objects.over, true);
    for (size_t i = 0; i < WORKERS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_SUCCESS(apm_wait_handle_wait_all(objects.handles, 3, 0));
    CHECK_SUCCESS(apm_mutex_release_mutex(objects.mutex));
    printf("%zu times the mutex, %zu times all\n", objects.guarded, (size_t)atomic_load(&objects.got_all));
    objects_close(&objects);
}

/* -- Semaphores -------------------------------------------------------------------------------------------------- */

static void release_one(void *argument)
{
    CHECK_SUCCESS(apm_semaphore_release(*(apm_semaphore *)argument, 1, NULL));
}

TEST(a_wait_that_times_out_as_a_token_is_released_takes_it_or_leaves_it)
{
    apm_semaphore semaphore = semaphore_create(0, 1);
    struct race race;

    race_start(&race, release_one, &semaphore);
    while (race_goes_on(&race)) {
        apm_error error;

        race_clash(&race);
        error = apm_semaphore_wait_one(semaphore, (int)(race.rounds % 2));
        race_settle(&race);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
        CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0),
                    error == APM_ERROR_SUCCESS ? APM_ERROR_WAIT_TIMEOUT : APM_ERROR_SUCCESS);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

/* -- Mutexes ----------------------------------------------------------------------------------------------------- */

struct abandonment {
    apm_mutex mutex;
    size_t abandoned; /* guarded by the mutex */
    size_t found;     /* likewise */
};

static void take(struct abandonment *abandonment)
{
    apm_error error = apm_mutex_wait_one(abandonment->mutex, PATIENCE_MS);

    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ABANDONED_MUTEX);
    abandonment->found += error == APM_ERROR_ABANDONED_MUTEX;
}

static void take_and_abandon(void *argument)
{
    struct abandonment *abandonment = argument;

    take(abandonment);
    CHECK_SUCCESS(apm_mutex_release_mutex(abandonment->mutex));
    take(abandonment);
    abandonment->abandoned++;
}

TEST(every_abandonment_of_a_mutex_is_reported_once)
{
    struct abandonment abandonment = {.mutex = mutex_create()};
    int64_t deadline_ms = race_deadline_ms();

    while (harness_now_ms() < deadline_ms) {
        struct thread threads[WORKERS];

        for (size_t i = 0; i < WORKERS; i++) {
            thread_start(&threads[i], take_and_abandon, &abandonment);
        }
        for (size_t i = 0; i < WORKERS; i++) {
            thread_join(&threads[i]);
        }
    }
    take(&abandonment);
    CHECK(abandonment.abandoned > 0);
    CHECK_EQ(abandonment.found, abandonment.abandoned);
    CHECK_SUCCESS(apm_mutex_release_mutex(abandonment.mutex));
    CHECK_SUCCESS(apm_mutex_close(abandonment.mutex));
}

static void close_mutex(void *argument)
{
    CHECK_SUCCESS(apm_mutex_close(*(apm_mutex *)argument));
}

TEST(taking_releasing_and_closing_a_mutex_are_all_answered)
{
    apm_mutex mutex = mutex_create();
    struct race race;

    race_start(&race, close_mutex, &mutex);
    while (race_goes_on(&race)) {
        apm_error waited;
        apm_error released;

        race_clash(&race);
        waited = apm_mutex_wait_one(mutex, 0);
        released = apm_mutex_release_mutex(mutex);
        race_settle(&race);
        CHECK(waited == APM_ERROR_SUCCESS || waited == APM_ERROR_OBJECT_DISPOSED);
        CHECK(released == APM_ERROR_OBJECT_DISPOSED || released == waited);
        CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_OBJECT_DISPOSED);
        mutex = mutex_create();
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

LIBRARY_TEST_MAIN()
