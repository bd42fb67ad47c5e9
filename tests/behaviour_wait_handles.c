/*
 * Semaphores, mutexes, countdown events, barriers and signal-and-wait as in .NET: the cases evt-014 to evt-030 of its
 * recorded behaviour. Those of events and of waits for several objects are in contract_event.c and contract_wait.c.
 */
#include "support.h"

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

static apm_mutex mutex_create(bool initially_owned)
{
    apm_mutex mutex;

    CHECK_SUCCESS(apm_mutex_create(initially_owned, &mutex));
    return mutex;
}

static apm_countdown_event countdown_create(int initial_count)
{
    apm_countdown_event event;

    CHECK_SUCCESS(apm_countdown_event_create(initial_count, &event));
    return event;
}

/* -- Signal and wait --------------------------------------------------------------------------------------------- */

TEST(signal_and_wait_signals_one_and_waits_for_another_evt_014)
{
    apm_auto_reset_event first = auto_create(false);
    apm_auto_reset_event second = auto_create(true);
    apm_mutex mutex = mutex_create(false);
    apm_semaphore full = semaphore_create(1, 1);
    apm_wait_handle a = apm_auto_reset_event_to_wait_handle(first);
    apm_wait_handle b = apm_auto_reset_event_to_wait_handle(second);
    apm_wait_handle none = APM_NULL_HANDLE;

    CHECK_SUCCESS(apm_wait_handle_signal_and_wait(a, b, 1000));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(first, 0));
    CHECK_ERROR(apm_wait_handle_signal_and_wait(a, b, 20), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(first, 0));
    CHECK_SUCCESS(apm_wait_handle_signal_and_wait(a, a, 0));
    CHECK_ERROR(apm_wait_handle_signal_and_wait(none, b, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_wait_handle_signal_and_wait(a, none, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_wait_handle_signal_and_wait(apm_mutex_to_wait_handle(mutex), b, 0), APM_ERROR_APPLICATION);
    CHECK_ERROR(apm_wait_handle_signal_and_wait(apm_semaphore_to_wait_handle(full), b, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_auto_reset_event_wait_one(first, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(first));
    CHECK_SUCCESS(apm_auto_reset_event_close(second));
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_SUCCESS(apm_semaphore_close(full));
}

/* -- Countdown events -------------------------------------------------------------------------------------------- */

static void check_counts(apm_countdown_event event, int initial, int current)
{
    int count;

    CHECK_SUCCESS(apm_countdown_event_initial_count(event, &count));
    CHECK_EQ(count, initial);
    CHECK_SUCCESS(apm_countdown_event_current_count(event, &count));
    CHECK_EQ(count, current);
}

TEST(a_countdown_event_is_set_when_its_count_is_zero_evt_020)
{
    apm_countdown_event event = countdown_create(2);
    apm_countdown_event zero = countdown_create(0);
    bool flag = true;
    int count = 99;

    CHECK_SUCCESS(apm_countdown_event_signal(event, 1, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_countdown_event_signal(event, 1, &flag));
    CHECK(flag);
    CHECK(apm_countdown_event_is_set(event));
    CHECK_ERROR(apm_countdown_event_signal(event, 1, &flag), APM_ERROR_INVALID_OPERATION);
    CHECK(!flag);
    CHECK_ERROR(apm_countdown_event_add_count(event, 1), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_countdown_event_try_add_count(event, 1, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_countdown_event_reset(event, 2));
    check_counts(event, 2, 2);
    CHECK_ERROR(apm_countdown_event_signal(event, 5, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_countdown_event_signal(event, 0, NULL), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_countdown_event_reset(event, 4));
    check_counts(event, 4, 4);
    CHECK_SUCCESS(apm_countdown_event_add_count(event, 3));
    check_counts(event, 4, 7);
    CHECK(apm_countdown_event_is_set(zero));
    CHECK_SUCCESS(apm_countdown_event_close(zero));
    CHECK_ERROR(apm_countdown_event_create(-1, &zero), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_countdown_event_is_null(zero));
    CHECK_ERROR(apm_countdown_event_wait(event, 20), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_countdown_event_wait(event, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_countdown_event_close(event));
    CHECK_ERROR(apm_countdown_event_wait(event, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_countdown_event_signal(event, 1, NULL), APM_ERROR_OBJECT_DISPOSED);

    /* .NET still knows the count. */
    CHECK_ERROR(apm_countdown_event_current_count(event, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(count, 0);
}

TEST(the_count_of_a_countdown_event_never_exceeds_the_largest_int)
{
    apm_countdown_event event = countdown_create(INT32_MAX);
    bool added = true;

    CHECK_ERROR(apm_countdown_event_add_count(event, 1), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_countdown_event_try_add_count(event, 1, &added), APM_ERROR_INVALID_OPERATION);
    CHECK(!added);
    CHECK_SUCCESS(apm_countdown_event_signal(event, INT32_MAX, &added));
    CHECK(added);
    CHECK_SUCCESS(apm_countdown_event_close(event));
}

TEST(the_wait_handle_of_a_countdown_event_is_signalled_with_it_evt_030)
{
    apm_countdown_event event = countdown_create(1);
    apm_wait_handle handle = apm_countdown_event_wait_handle(event);

    CHECK_ERROR(apm_wait_handle_wait_one(handle, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_countdown_event_signal(event, 1, NULL));
    CHECK_SUCCESS(apm_wait_handle_wait_one(handle, 0));
    CHECK_SUCCESS(apm_wait_handle_wait_one(handle, 0));
    CHECK_SUCCESS(apm_countdown_event_close(event));
}

/* -- Semaphores -------------------------------------------------------------------------------------------------- */

TEST(a_semaphore_gives_as_many_as_were_released_evt_021)
{
    apm_semaphore semaphore = semaphore_create(1, 3);
    apm_semaphore refused;
    int previous = 99;

    CHECK_SUCCESS(apm_semaphore_release(semaphore, 1, &previous));
    CHECK_EQ(previous, 1);
    CHECK_SUCCESS(apm_semaphore_release(semaphore, 1, &previous));
    CHECK_EQ(previous, 2);
    CHECK_ERROR(apm_semaphore_release(semaphore, 1, &previous), APM_ERROR_SEMAPHORE_FULL);
    CHECK_EQ(previous, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_semaphore_wait_one(semaphore, 0));
    }
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_semaphore_release(semaphore, 2, &previous));
    CHECK_EQ(previous, 0);
    CHECK_ERROR(apm_semaphore_release(semaphore, 2, NULL), APM_ERROR_SEMAPHORE_FULL);
    CHECK_SUCCESS(apm_semaphore_wait_one(semaphore, 0));
    CHECK_SUCCESS(apm_semaphore_wait_one(semaphore, 0));
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_semaphore_release(semaphore, 0, NULL), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_semaphore_create(2, 1, &refused), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_semaphore_create(0, 0, &refused), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_semaphore_create(-1, 1, &refused), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_semaphore_is_null(refused));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

/* A thread that waits once for a handle, and in which place it was released. */
struct waiter {
    apm_wait_handle handle;
    struct latch *entered;
    struct latch *released;
    size_t place;
    apm_error error;
    struct thread thread;
};

static void wait_for_handle(void *argument)
{
    struct waiter *waiter = argument;

    latch_add(waiter->entered, 1);
    waiter->error = apm_wait_handle_wait_one(waiter->handle, PATIENCE_MS);
    waiter->place = latch_count(waiter->released);
    latch_add(waiter->released, 1);
}

TEST(a_semaphore_releases_its_waiters_first_in_first_out_evt_028)
{
    enum { WAITERS = 3 };
    apm_semaphore semaphore = semaphore_create(0, WAITERS);
    struct waiter waiters[WAITERS];
    struct latch entered = LATCH_INITIALIZER;
    struct latch released = LATCH_INITIALIZER;

    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i].handle = apm_semaphore_to_wait_handle(semaphore);
        waiters[i].entered = &entered;
        waiters[i].released = &released;
        thread_start(&waiters[i].thread, wait_for_handle, &waiters[i]);
        LATCH_AWAIT(&entered, i + 1);
        latch_wait(&released, SIZE_MAX, SHORT_WHILE_MS); /* nothing shows from outside that it waits */
    }
    for (size_t i = 0; i < WAITERS; i++) {
        CHECK_SUCCESS(apm_semaphore_release(semaphore, 1, NULL));
        LATCH_AWAIT(&released, i + 1);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        thread_join(&waiters[i].thread);
        CHECK_SUCCESS(waiters[i].error);
        CHECK_EQ(waiters[i].place, i);
    }
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

/* -- Mutexes ----------------------------------------------------------------------------------------------------- */

static void run_in_a_thread(void (*body)(void *argument), void *argument)
{
    struct thread thread;

    thread_start(&thread, body, argument);
    thread_join(&thread);
}

static void find_it_owned(void *argument)
{
    apm_mutex *mutex = argument;

    CHECK_ERROR(apm_mutex_wait_one(*mutex, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_mutex_release_mutex(*mutex), APM_ERROR_APPLICATION);
}

TEST(a_mutex_counts_how_often_its_owner_has_taken_it_evt_022)
{
    apm_mutex mutex = mutex_create(false);
    apm_mutex owned = mutex_create(true);

    CHECK_SUCCESS(apm_mutex_wait_one(mutex, 0));
    CHECK_SUCCESS(apm_mutex_wait_one(mutex, 0));
    run_in_a_thread(find_it_owned, &mutex);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    run_in_a_thread(find_it_owned, &mutex);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_APPLICATION);
    CHECK_SUCCESS(apm_mutex_release_mutex(owned));
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_SUCCESS(apm_mutex_close(owned));
}

static void take_and_end(void *argument)
{
    CHECK_SUCCESS(apm_mutex_wait_one(*(apm_mutex *)argument, 0));
}

TEST(an_abandoned_mutex_is_taken_and_reported_once_evt_023)
{
    apm_mutex mutex = mutex_create(false);
    apm_auto_reset_event event = auto_create(true);
    apm_auto_reset_event idle = auto_create(false);
    apm_wait_handle any[3] = {apm_auto_reset_event_to_wait_handle(idle), apm_mutex_to_wait_handle(mutex),
                              apm_auto_reset_event_to_wait_handle(event)};
    apm_wait_handle all[2] = {apm_auto_reset_event_to_wait_handle(event), apm_mutex_to_wait_handle(mutex)};
    size_t index = 99;

    run_in_a_thread(take_and_end, &mutex);
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_ABANDONED_MUTEX);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_SUCCESS(apm_mutex_wait_one(mutex, 0));
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));

    run_in_a_thread(take_and_end, &mutex);
    CHECK_ERROR(apm_wait_handle_wait_any(any, 3, 0, &index), APM_ERROR_ABANDONED_MUTEX);
    CHECK_EQ(index, 1);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));

    run_in_a_thread(take_and_end, &mutex);
    CHECK_ERROR(apm_wait_handle_wait_all(all, 2, 0), APM_ERROR_ABANDONED_MUTEX);
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    CHECK_SUCCESS(apm_auto_reset_event_close(idle));
}

TEST(wait_any_over_an_event_a_semaphore_and_a_mutex_takes_what_there_is_evt_027)
{
    apm_auto_reset_event event = auto_create(false);
    apm_semaphore semaphore = semaphore_create(1, 1);
    apm_mutex mutex = mutex_create(false);
    apm_wait_handle handles[3] = {apm_auto_reset_event_to_wait_handle(event), apm_semaphore_to_wait_handle(semaphore),
                                  apm_mutex_to_wait_handle(mutex)};
    static const size_t expected[] = {1, 2, 2, 0};

    for (size_t i = 0; i < 4; i++) {
        size_t index = 99;

        if (i == 3) {
            CHECK_SUCCESS(apm_auto_reset_event_set(event));
        }
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 3, 0, &index));
        CHECK_EQ(index, expected[i]);
    }
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_APPLICATION);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

LIBRARY_TEST_MAIN()
