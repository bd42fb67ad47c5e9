/*
 * Manual-reset and auto-reset events: what .NET's do (evt-001 to evt-009 of its recorded behaviour).
 */
#include "support.h"

static apm_manual_reset_event manual_create(bool initial_state)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(initial_state, &event));
    return event;
}

static apm_auto_reset_event auto_create(bool initial_state)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(initial_state, &event));
    return event;
}

/* -- One thread -------------------------------------------------------------------------------------------------- */

TEST(a_manual_reset_event_stays_signalled_until_reset_evt_001)
{
    apm_manual_reset_event event = manual_create(false);
    apm_manual_reset_event signalled = manual_create(true);

    CHECK_ERROR(apm_manual_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(event, 0));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(event, -1));
    CHECK_SUCCESS(apm_manual_reset_event_reset(event));
    CHECK_SUCCESS(apm_manual_reset_event_reset(event));
    CHECK_ERROR(apm_manual_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(signalled, 0));
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_close(signalled));
}

TEST(an_auto_reset_event_is_taken_by_one_wait_evt_002)
{
    apm_auto_reset_event event = auto_create(false);
    apm_auto_reset_event signalled = auto_create(true);

    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(event, 0));
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(signalled, 0));
    CHECK_ERROR(apm_auto_reset_event_wait_one(signalled, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_auto_reset_event_reset(event));
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    CHECK_SUCCESS(apm_auto_reset_event_close(signalled));
}

TEST(a_wait_takes_its_time_and_never_returns_early_evt_007)
{
    static const int timeouts_ms[] = {1, 15, 50};
    apm_manual_reset_event event = manual_create(false);

    for (size_t i = 0; i < 3; i++) {
        for (int repeat = 0; repeat < 10; repeat++) {
            int64_t start = harness_now_us();
            int64_t time;

            CHECK_ERROR(apm_manual_reset_event_wait_one(event, timeouts_ms[i]), APM_ERROR_WAIT_TIMEOUT);
            time = harness_now_us() - start;
            CHECK(time >= ((int64_t)timeouts_ms[i] - 1) * 1000);
            CHECK(time < ((int64_t)timeouts_ms[i] + 500) * 1000);
        }
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(a_closed_event_is_disposed_and_closing_it_again_succeeds_evt_008)
{
    apm_manual_reset_event manual = manual_create(true);
    apm_auto_reset_event automatic = auto_create(true);
    apm_wait_handle handles[2] = {apm_manual_reset_event_to_wait_handle(manual),
                                  apm_auto_reset_event_to_wait_handle(automatic)};
    size_t index = 99;

    CHECK_SUCCESS(apm_manual_reset_event_close(manual));
    CHECK_SUCCESS(apm_auto_reset_event_close(automatic));
    CHECK_ERROR(apm_manual_reset_event_wait_one(manual, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_manual_reset_event_set(manual), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_manual_reset_event_reset(manual), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_auto_reset_event_wait_one(automatic, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_auto_reset_event_set(automatic), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_auto_reset_event_reset(automatic), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 2, 0, &index), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(index, 2);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 2, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_manual_reset_event_close(manual));
    CHECK_SUCCESS(apm_auto_reset_event_close(automatic));
}

TEST(what_is_no_event_is_refused)
{
    apm_manual_reset_event no_manual = APM_NULL_HANDLE;
    apm_auto_reset_event no_auto = APM_NULL_HANDLE;
    apm_manual_reset_event invented = {UINT64_C(0x7123456789abcdef)};
    apm_auto_reset_event automatic = auto_create(false);
    apm_manual_reset_event other_kind = {automatic.bits};

    CHECK_ERROR(apm_manual_reset_event_create(true, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_auto_reset_event_create(true, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_manual_reset_event_set(no_manual), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_manual_reset_event_wait_one(no_manual, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_manual_reset_event_close(no_manual), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_auto_reset_event_reset(no_auto), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_auto_reset_event_close(no_auto), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_manual_reset_event_set(invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_manual_reset_event_close(invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_manual_reset_event_wait_one(invented, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_manual_reset_event_set(other_kind), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_manual_reset_event_close(other_kind), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(automatic, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(automatic, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_auto_reset_event_close(automatic));
}

/* -- Several threads --------------------------------------------------------------------------------------------- */

enum { WAITERS = 5 };

struct waiter {
    apm_wait_handle handle;
    int timeout_ms;
    apm_error error;
    struct latch *entered;
    struct latch *released;
    size_t place; /* how many were released before */
    struct thread thread;
};

static void wait_for_handle(void *argument)
{
    struct waiter *waiter = argument;

    latch_add(waiter->entered, 1);
    waiter->error = apm_wait_handle_wait_one(waiter->handle, waiter->timeout_ms);
    waiter->place = latch_count(waiter->released);
    latch_add(waiter->released, 1);
}

/*
 * Starts a waiter and gives it time to be waiting. Nothing outside the library shows that it does, so that this is the
 * one place where time stands in for knowledge; a waiter that is late makes a test weaker, not wrong.
 */
static void waiter_start(struct waiter *waiter, apm_wait_handle handle, struct latch *entered, struct latch *released)
{
    size_t before = latch_count(entered);

    waiter->handle = handle;
    waiter->timeout_ms = PATIENCE_MS;
    waiter->entered = entered;
    waiter->released = released;
    thread_start(&waiter->thread, wait_for_handle, waiter);
    LATCH_AWAIT(entered, before + 1);
    latch_wait(released, SIZE_MAX, SHORT_WHILE_MS);
}

TEST(an_auto_reset_event_releases_its_waiters_first_in_first_out_evt_003)
{
    apm_auto_reset_event event = auto_create(false);
    struct waiter waiters[WAITERS];
    struct latch entered = LATCH_INITIALIZER;
    struct latch released = LATCH_INITIALIZER;

    for (size_t i = 0; i < WAITERS; i++) {
        waiter_start(&waiters[i], apm_auto_reset_event_to_wait_handle(event), &entered, &released);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
        LATCH_AWAIT(&released, i + 1);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        thread_join(&waiters[i].thread);
        CHECK_SUCCESS(waiters[i].error);
        CHECK_EQ(waiters[i].place, i);
    }
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(each_set_of_an_auto_reset_event_releases_one_waiter_and_none_is_lost_evt_004)
{
    apm_auto_reset_event event = auto_create(false);
    struct waiter waiters[WAITERS];
    struct latch entered = LATCH_INITIALIZER;
    struct latch released = LATCH_INITIALIZER;

    for (size_t i = 0; i < WAITERS; i++) {
        waiter_start(&waiters[i], apm_auto_reset_event_to_wait_handle(event), &entered, &released);
    }
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    LATCH_AWAIT(&released, 1);
    CHECK(!latch_wait(&released, 2, SHORT_WHILE_MS));
    for (size_t i = 1; i < WAITERS; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
    }
    LATCH_AWAIT(&released, WAITERS);
    for (size_t i = 0; i < WAITERS; i++) {
        thread_join(&waiters[i].thread);
        CHECK_SUCCESS(waiters[i].error);
    }
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(set_and_at_once_reset_of_a_manual_reset_event_releases_every_waiter_evt_005)
{
    apm_manual_reset_event event = manual_create(false);

    for (size_t round = 0; round < 5; round++) {
        struct waiter waiters[WAITERS];
        struct latch entered = LATCH_INITIALIZER;
        struct latch released = LATCH_INITIALIZER;

        for (size_t i = 0; i < WAITERS; i++) {
            waiter_start(&waiters[i], apm_manual_reset_event_to_wait_handle(event), &entered, &released);
        }
        CHECK_SUCCESS(apm_manual_reset_event_set(event));
        CHECK_SUCCESS(apm_manual_reset_event_reset(event));
        LATCH_AWAIT(&released, WAITERS);
        for (size_t i = 0; i < WAITERS; i++) {
            thread_join(&waiters[i].thread);
            CHECK_SUCCESS(waiters[i].error);
        }
        CHECK_ERROR(apm_manual_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(an_event_closed_while_somebody_waits_can_still_be_set_until_the_waiter_has_gone_evt_009)
{
    apm_manual_reset_event event = manual_create(false);
    struct waiter waiter;
    struct latch entered = LATCH_INITIALIZER;
    struct latch released = LATCH_INITIALIZER;

    waiter_start(&waiter, apm_manual_reset_event_to_wait_handle(event), &entered, &released);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_EQ(latch_count(&released), 0);
    CHECK_ERROR(apm_manual_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    LATCH_AWAIT(&released, 1);
    thread_join(&waiter.thread);
    CHECK_SUCCESS(waiter.error);
    CHECK_ERROR(apm_manual_reset_event_set(event), APM_ERROR_OBJECT_DISPOSED);
}

TEST(a_wait_on_an_event_that_is_closed_still_ends_when_its_time_is_up)
{
    apm_auto_reset_event event = auto_create(false);
    struct waiter waiter;
    struct latch entered = LATCH_INITIALIZER;
    struct latch released = LATCH_INITIALIZER;

    waiter.handle = apm_auto_reset_event_to_wait_handle(event);
    waiter.timeout_ms = 300;
    waiter.entered = &entered;
    waiter.released = &released;
    thread_start(&waiter.thread, wait_for_handle, &waiter);
    LATCH_AWAIT(&entered, 1);
    latch_wait(&released, 1, SHORT_WHILE_MS);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    thread_join(&waiter.thread);

    /* A waiter that came too late found it closed. */
    CHECK(waiter.error == APM_ERROR_WAIT_TIMEOUT || waiter.error == APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
