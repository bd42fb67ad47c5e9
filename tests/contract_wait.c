/*
 * Waits over several objects, events and results mixed (evt-010 to evt-013 of .NET's recorded behaviour).
 */
#include <stdlib.h>

#include "support.h"

static apm_auto_reset_event auto_create(bool initial_state)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(initial_state, &event));
    return event;
}

static apm_manual_reset_event manual_create(bool initial_state)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(initial_state, &event));
    return event;
}

/* -- Wait any ---------------------------------------------------------------------------------------------------- */

TEST(wait_any_takes_the_lowest_one_that_is_signalled_and_only_that_evt_010)
{
    apm_auto_reset_event events[3] = {auto_create(false), auto_create(true), auto_create(true)};
    apm_wait_handle handles[3];
    size_t index = 99;

    for (size_t i = 0; i < 3; i++) {
        handles[i] = apm_auto_reset_event_to_wait_handle(events[i]);
    }
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 3, -1, &index));
    CHECK_EQ(index, 1);
    CHECK_ERROR(apm_auto_reset_event_wait_one(events[0], 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(events[1], 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(events[2], 0));
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_close(events[i]));
    }
}

TEST(wait_any_checks_its_arguments_evt_011)
{
    apm_auto_reset_event event = auto_create(false);
    apm_manual_reset_event signalled = manual_create(true);
    apm_wait_handle handles[APM_WAIT_HANDLE_MAX_COUNT + 1];
    apm_wait_handle none = APM_NULL_HANDLE;
    size_t index;

    for (size_t i = 0; i <= APM_WAIT_HANDLE_MAX_COUNT; i++) {
        handles[i] = apm_auto_reset_event_to_wait_handle(event);
    }
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 1, 10, &index), APM_ERROR_WAIT_TIMEOUT);
    CHECK_EQ(index, 1);
    CHECK_ERROR(apm_wait_handle_wait_any(NULL, 1, 0, &index), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(index, 1);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 1, 0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 0, 0, &index), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, APM_WAIT_HANDLE_MAX_COUNT + 1, 0, &index), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 1, -2, &index), APM_ERROR_ARGUMENT_OUT_OF_RANGE);

    /* The same handle twice is allowed here, a null one is not. */
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 2, 0, &index));
    CHECK_EQ(index, 0);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, APM_WAIT_HANDLE_MAX_COUNT, 0, &index));
    handles[1] = none;
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 2, 0, &index), APM_ERROR_ARGUMENT_NULL);
    handles[1].bits = UINT64_C(0x7123456789abcdef);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 2, 0, &index), APM_ERROR_ARGUMENT);
    handles[1] = apm_manual_reset_event_to_wait_handle(signalled);
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 2, 0, &index));
    CHECK_EQ(index, 1);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_close(signalled));
}

struct setter {
    apm_auto_reset_event event;
    struct latch *go;
};

static void set_when_told(void *argument)
{
    struct setter *setter = argument;

    LATCH_AWAIT(setter->go, 1);
    CHECK_SUCCESS(apm_auto_reset_event_set(setter->event));
}

TEST(wait_any_over_the_most_handles_is_woken_by_each_of_them)
{
    apm_auto_reset_event events[APM_WAIT_HANDLE_MAX_COUNT];
    apm_wait_handle handles[APM_WAIT_HANDLE_MAX_COUNT];

    for (size_t i = 0; i < APM_WAIT_HANDLE_MAX_COUNT; i++) {
        events[i] = auto_create(false);
        handles[i] = apm_auto_reset_event_to_wait_handle(events[i]);
    }
    for (size_t i = 0; i < APM_WAIT_HANDLE_MAX_COUNT; i++) {
        struct latch go = LATCH_INITIALIZER;
        struct setter setter = {events[i], &go};
        struct thread thread;
        size_t index = 99;

        thread_start(&thread, set_when_told, &setter);
        latch_add(&go, 1);
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, APM_WAIT_HANDLE_MAX_COUNT, PATIENCE_MS, &index));
        CHECK_EQ(index, i);
        thread_join(&thread);
    }
    for (size_t i = 0; i < APM_WAIT_HANDLE_MAX_COUNT; i++) {
        CHECK_ERROR(apm_auto_reset_event_wait_one(events[i], 0), APM_ERROR_WAIT_TIMEOUT);
        CHECK_SUCCESS(apm_auto_reset_event_close(events[i]));
    }
}

TEST(wait_any_over_results_and_events_gives_the_one_that_completed)
{
    peered_socket pairs[3];
    struct operation receives[3];
    apm_manual_reset_event stop = manual_create(false);
    apm_wait_handle handles[4];
    uint8_t buffers[3];
    size_t index = 99;

    for (size_t i = 0; i < 3; i++) {
        pairs[i] = peered_socket_create();
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].socket, &buffers[i], 1, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&receives[i])));
        handles[i] = apm_async_result_async_wait_handle(receives[i].result);
    }
    handles[3] = apm_manual_reset_event_to_wait_handle(stop);
    CHECK_ERROR(apm_wait_handle_wait_any(handles, 4, 0, &index), APM_ERROR_WAIT_TIMEOUT);
    raw_write(pairs[1].peer, "x", 1);
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 4, PATIENCE_MS, &index));
    CHECK_EQ(index, 1);

    /* A result is not taken by a wait, and stays signalled after its End. */
    CHECK_SUCCESS(finish_receive(pairs[1].socket, &receives[1], NULL));
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 4, PATIENCE_MS, &index));
    CHECK_EQ(index, 1);
    handles[1] = handles[3];
    CHECK_SUCCESS(apm_manual_reset_event_set(stop));
    CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 3, PATIENCE_MS, &index));
    CHECK_EQ(index, 1);
    for (size_t i = 0; i < 3; i++) {
        peered_socket_close(pairs[i]);
        if (i != 1) {
            CHECK_ERROR(finish_receive(pairs[i].socket, &receives[i], NULL), APM_ERROR_OPERATION_ABORTED);
        }
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(stop));
}

/* -- Wait all ---------------------------------------------------------------------------------------------------- */

TEST(wait_all_checks_its_arguments)
{
    apm_manual_reset_event first = manual_create(true);
    apm_manual_reset_event second = manual_create(true);
    apm_wait_handle handles[APM_WAIT_HANDLE_MAX_COUNT + 1];
    apm_wait_handle none = APM_NULL_HANDLE;

    for (size_t i = 0; i <= APM_WAIT_HANDLE_MAX_COUNT; i++) {
        handles[i] = apm_manual_reset_event_to_wait_handle(first);
    }
    CHECK_ERROR(apm_wait_handle_wait_all(NULL, 1, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 0, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, APM_WAIT_HANDLE_MAX_COUNT + 1, 0), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 2, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 1, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    handles[1] = none;
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 2, 0), APM_ERROR_ARGUMENT_NULL);
    handles[1] = apm_manual_reset_event_to_wait_handle(second);
    CHECK_SUCCESS(apm_wait_handle_wait_all(handles, 2, 0));
    CHECK_SUCCESS(apm_manual_reset_event_close(first));
    CHECK_SUCCESS(apm_manual_reset_event_close(second));
}

TEST(wait_all_takes_all_or_none)
{
    apm_auto_reset_event first = auto_create(true);
    apm_auto_reset_event second = auto_create(false);
    apm_wait_handle handles[2] = {apm_auto_reset_event_to_wait_handle(first),
                                  apm_auto_reset_event_to_wait_handle(second)};

    CHECK_ERROR(apm_wait_handle_wait_all(handles, 2, 20), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(first, 0));
    CHECK_SUCCESS(apm_auto_reset_event_set(first));
    CHECK_SUCCESS(apm_auto_reset_event_set(second));
    CHECK_SUCCESS(apm_wait_handle_wait_all(handles, 2, -1));
    CHECK_ERROR(apm_auto_reset_event_wait_one(first, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(second, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(first));
    CHECK_SUCCESS(apm_auto_reset_event_close(second));
}

struct all_waiter {
    apm_wait_handle handles[2];
    int timeout_ms;
    apm_error error;
    struct latch entered;
    struct latch released;
};

static void wait_for_both(void *argument)
{
    struct all_waiter *waiter = argument;

    latch_add(&waiter->entered, 1);
    waiter->error = apm_wait_handle_wait_all(waiter->handles, 2, waiter->timeout_ms);
    latch_add(&waiter->released, 1);
}

static void all_waiter_start(struct all_waiter *waiter, struct thread *thread, int timeout_ms)
{
    waiter->timeout_ms = timeout_ms;
    latch_init(&waiter->entered);
    latch_init(&waiter->released);
    thread_start(thread, wait_for_both, waiter);
    LATCH_AWAIT(&waiter->entered, 1);
    latch_wait(&waiter->released, 1, SHORT_WHILE_MS);
}

TEST(wait_all_wants_all_signalled_at_the_same_moment_evt_013)
{
    apm_manual_reset_event first = manual_create(false);
    apm_manual_reset_event second = manual_create(false);
    struct all_waiter waiter = {
        .handles = {apm_manual_reset_event_to_wait_handle(first), apm_manual_reset_event_to_wait_handle(second)}};
    struct thread thread;

    all_waiter_start(&waiter, &thread, 500);
    CHECK_SUCCESS(apm_manual_reset_event_set(first));
    CHECK_SUCCESS(apm_manual_reset_event_reset(first));
    CHECK_SUCCESS(apm_manual_reset_event_set(second));
    thread_join(&thread);
    CHECK_ERROR(waiter.error, APM_ERROR_WAIT_TIMEOUT);

    CHECK_SUCCESS(apm_manual_reset_event_reset(second));
    all_waiter_start(&waiter, &thread, PATIENCE_MS);
    CHECK_SUCCESS(apm_manual_reset_event_set(second));
    CHECK(!latch_wait(&waiter.released, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_set(first));
    LATCH_AWAIT(&waiter.released, 1);
    thread_join(&thread);
    CHECK_SUCCESS(waiter.error);
    CHECK_SUCCESS(apm_manual_reset_event_close(first));
    CHECK_SUCCESS(apm_manual_reset_event_close(second));
}

TEST(a_wait_all_that_waits_does_not_keep_an_auto_reset_event_from_others)
{
    apm_auto_reset_event first = auto_create(false);
    apm_auto_reset_event second = auto_create(false);
    struct all_waiter waiter = {
        .handles = {apm_auto_reset_event_to_wait_handle(first), apm_auto_reset_event_to_wait_handle(second)}};
    struct thread thread;

    all_waiter_start(&waiter, &thread, PATIENCE_MS);
    CHECK_SUCCESS(apm_auto_reset_event_set(first));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(first, 0));
    CHECK_SUCCESS(apm_auto_reset_event_set(second));
    CHECK(!latch_wait(&waiter.released, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_auto_reset_event_set(first));
    LATCH_AWAIT(&waiter.released, 1);
    thread_join(&thread);
    CHECK_SUCCESS(waiter.error);
    CHECK_ERROR(apm_auto_reset_event_wait_one(first, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_auto_reset_event_wait_one(second, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_close(first));
    CHECK_SUCCESS(apm_auto_reset_event_close(second));
}

TEST(wait_all_over_results_and_events_waits_for_the_last)
{
    enum { COUNT = 10 };
    peered_socket pair = peered_socket_create();
    struct operation receives[COUNT];
    apm_auto_reset_event event = auto_create(true);
    apm_wait_handle handles[COUNT + 1];
    uint8_t buffer[COUNT];
    uint8_t data[COUNT] = {0};

    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
        handles[i] = apm_async_result_async_wait_handle(receives[i].result);
    }
    handles[COUNT] = apm_auto_reset_event_to_wait_handle(event);
    raw_write(pair.peer, data, COUNT - 1);
    CHECK_ERROR(apm_wait_handle_wait_all(handles, COUNT + 1, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);
    raw_write(pair.peer, data, 1);
    CHECK_SUCCESS(apm_wait_handle_wait_all(handles, COUNT + 1, PATIENCE_MS));
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_receive(pair.socket, &receives[i], NULL));
    }
    peered_socket_close(pair);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

LIBRARY_TEST_MAIN()
