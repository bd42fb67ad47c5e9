/*
 * Registered waits as in .NET: the cases rw-001 to rw-017 of its recorded behaviour.
 */
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;
static const apm_wait_handle no_event = APM_NULL_HANDLE;

/* A registered wait and what its callbacks have seen. */
struct watch {
    apm_registered_wait_handle registered;
    struct latch calls;
    struct latch returned;
    struct latch gate; /* callbacks wait for it, if `gated` */
    bool gated;
    _Atomic size_t time_outs;
    _Atomic int running;
    _Atomic bool off_pool;
};

static void on_wait(void *state, bool timed_out)
{
    struct watch *watch = state;

    atomic_fetch_add(&watch->running, 1);
    if (timed_out) {
        atomic_fetch_add(&watch->time_outs, 1);
    }
    if (!apm_thread_pool_is_pool_thread()) {
        atomic_store(&watch->off_pool, true);
    }
    latch_add(&watch->calls, 1);
    if (watch->gated) {
        LATCH_AWAIT(&watch->gate, 1);
    }
    atomic_fetch_sub(&watch->running, 1);
    latch_add(&watch->returned, 1);
}

static void watch_init(struct watch *watch)
{
    memset(watch, 0, sizeof *watch);
    latch_init(&watch->calls);
    latch_init(&watch->returned);
    latch_init(&watch->gate);
}

static void watch_start(struct watch *watch, apm_wait_handle handle, int64_t timeout_ms, bool once)
{
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(default_pool, handle, on_wait, watch, timeout_ms,
                                                                  once, &watch->registered));
}

/* Unregisters the wait, and waits until nothing of it runs or will run. */
static void watch_stop(struct watch *watch)
{
    apm_manual_reset_event done;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &done));
    CHECK_SUCCESS(
        apm_registered_wait_handle_unregister(watch->registered, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    CHECK_EQ(atomic_load(&watch->running), 0);
    CHECK(!atomic_load(&watch->off_pool));
}

static apm_manual_reset_event manual_create(bool state)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(state, &event));
    return event;
}

static apm_auto_reset_event auto_create(bool state)
{
    apm_auto_reset_event event;

    CHECK_SUCCESS(apm_auto_reset_event_create(state, &event));
    return event;
}

static apm_wait_handle of_manual(apm_manual_reset_event event)
{
    return apm_manual_reset_event_to_wait_handle(event);
}

static apm_wait_handle of_auto(apm_auto_reset_event event)
{
    return apm_auto_reset_event_to_wait_handle(event);
}

static struct watch watch;

/* -- Signals ----------------------------------------------------------------------------------------------------- */

TEST(an_event_that_is_set_already_brings_one_callback_rw_001)
{
    apm_manual_reset_event event = manual_create(true);

    watch_init(&watch);
    watch_start(&watch, of_manual(event), APM_TIMEOUT_INFINITE, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK(!latch_wait(&watch.calls, 2, SHORT_WHILE_MS));
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(an_auto_reset_event_that_is_set_later_is_taken_rw_002)
{
    apm_auto_reset_event event = auto_create(false);

    watch_init(&watch);
    watch_start(&watch, of_auto(event), APM_TIMEOUT_INFINITE, true);
    CHECK(!latch_wait(&watch.calls, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    LATCH_AWAIT(&watch.calls, 1);
    CHECK_ERROR(apm_auto_reset_event_wait_one(event, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(event, 0)); /* the wait, which executes once, has left the line */
    CHECK_EQ(latch_count(&watch.calls), 1);
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(a_repeating_wait_has_a_callback_for_each_set_of_an_auto_reset_event_rw_005)
{
    apm_auto_reset_event event = auto_create(false);

    watch_init(&watch);
    watch_start(&watch, of_auto(event), APM_TIMEOUT_INFINITE, false);
    for (size_t i = 1; i <= 5; i++) {
        CHECK_SUCCESS(apm_auto_reset_event_set(event));
        LATCH_AWAIT(&watch.calls, i);
    }
    CHECK(!latch_wait(&watch.calls, 6, SHORT_WHILE_MS));
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

TEST(a_manual_reset_event_left_set_brings_callback_after_callback_rw_006)
{
    apm_manual_reset_event event = manual_create(true);

    watch_init(&watch);
    watch_start(&watch, of_manual(event), APM_TIMEOUT_INFINITE, false);
    LATCH_AWAIT(&watch.calls, 1000);
    CHECK_SUCCESS(apm_manual_reset_event_reset(event));
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

/* -- Time-outs --------------------------------------------------------------------------------------------------- */

TEST(a_wait_whose_time_is_up_brings_a_callback_that_says_so_rw_003)
{
    apm_manual_reset_event event = manual_create(false);
    int64_t before_us = harness_now_us();

    watch_init(&watch);
    watch_start(&watch, of_manual(event), 100, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK(harness_now_us() - before_us >= 100000);
    CHECK_EQ(atomic_load(&watch.time_outs), 1);
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK(!latch_wait(&watch.calls, 2, 3 * SHORT_WHILE_MS));
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(a_repeating_wait_times_out_again_and_again_rw_004)
{
    enum { CALLS = 10, PERIOD_MS = 20 };
    apm_manual_reset_event event = manual_create(false);
    int64_t before_us = harness_now_us();

    watch_init(&watch);
    watch_start(&watch, of_manual(event), PERIOD_MS, false);
    LATCH_AWAIT(&watch.calls, CALLS);
    CHECK(harness_now_us() - before_us >= CALLS * PERIOD_MS * 1000);
    watch_stop(&watch);
    CHECK_EQ(atomic_load(&watch.time_outs), latch_count(&watch.calls));
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(a_time_out_of_0_looks_and_calls_at_once_rw_007)
{
    apm_manual_reset_event unset = manual_create(false);
    apm_manual_reset_event set = manual_create(true);

    watch_init(&watch);
    watch_start(&watch, of_manual(unset), 0, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK(!latch_wait(&watch.calls, 2, SHORT_WHILE_MS));
    CHECK_EQ(atomic_load(&watch.time_outs), 1);
    watch_stop(&watch);

    watch_init(&watch);
    watch_start(&watch, of_manual(set), 0, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK(!latch_wait(&watch.calls, 2, SHORT_WHILE_MS));
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(unset));
    CHECK_SUCCESS(apm_manual_reset_event_close(set));
}

TEST(callbacks_of_a_repeating_wait_overlap_rw_015)
{
    apm_manual_reset_event event = manual_create(false);

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 8));
    watch_init(&watch);
    watch.gated = true;
    watch_start(&watch, of_manual(event), 10, false);
    LATCH_AWAIT(&watch.calls, 4); /* none of them returns before */
    CHECK(atomic_load(&watch.running) >= 4);
    latch_add(&watch.gate, 1);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

/* -- Arguments --------------------------------------------------------------------------------------------------- */

static apm_error try_register(apm_wait_handle handle, apm_wait_or_timer_callback *callback, int64_t timeout_ms)
{
    apm_registered_wait_handle registered;
    apm_error error = apm_thread_pool_register_wait_for_single_object(default_pool, handle, callback, NULL, timeout_ms,
                                                                      true, &registered);

    CHECK(apm_registered_wait_handle_is_null(registered));
    return error;
}

TEST(arguments_are_checked_as_in_dotnet_rw_008)
{
    apm_manual_reset_event event = manual_create(false);

    CHECK_ERROR(try_register(no_event, on_wait, -1), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(try_register(of_manual(event), NULL, -1), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(try_register(of_manual(event), on_wait, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(try_register(of_manual(event), NULL, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(try_register(of_manual(event), on_wait, (int64_t)INT32_MAX + 1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_ERROR(try_register(of_manual(event), on_wait, -1), APM_ERROR_OBJECT_DISPOSED);
}

/* -- Unregister -------------------------------------------------------------------------------------------------- */

TEST(a_wait_that_is_unregistered_calls_nobody_and_only_the_first_succeeds_rw_009)
{
    apm_manual_reset_event event = manual_create(false);

    watch_init(&watch);
    watch_start(&watch, of_manual(event), APM_TIMEOUT_INFINITE, true);
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(watch.registered, no_event));
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK(!latch_wait(&watch.calls, 1, SHORT_WHILE_MS));
    CHECK_ERROR(apm_registered_wait_handle_unregister(watch.registered, no_event), APM_ERROR_OBJECT_DISPOSED);

    watch_init(&watch);
    watch_start(&watch, of_manual(event), APM_TIMEOUT_INFINITE, true);
    LATCH_AWAIT(&watch.returned, 1);
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(watch.registered, no_event)); /* it has fired */
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
}

TEST(the_completion_event_is_set_when_the_callback_has_returned_rw_010)
{
    apm_manual_reset_event event = manual_create(true);
    apm_manual_reset_event done = manual_create(false);

    watch_init(&watch);
    watch.gated = true;
    watch_start(&watch, of_manual(event), APM_TIMEOUT_INFINITE, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(watch.registered, of_manual(done)));
    CHECK_ERROR(apm_manual_reset_event_wait_one(done, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);
    latch_add(&watch.gate, 1);
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_EQ(latch_count(&watch.returned), 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
}

struct self_ender {
    apm_registered_wait_handle registered;
    apm_manual_reset_event done;
    _Atomic apm_error seen;
    struct latch calls;
};

static void unregister_own_wait(void *state, bool timed_out)
{
    struct self_ender *ender = state;

    CHECK(!timed_out);
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(ender->registered, of_manual(ender->done)));
    atomic_store(&ender->seen, apm_manual_reset_event_wait_one(ender->done, SHORT_WHILE_MS));
    latch_add(&ender->calls, 1);
}

TEST(a_wait_unregistered_in_its_own_callback_is_over_when_that_has_returned_rw_012)
{
    struct self_ender ender = {.done = manual_create(false), .calls = LATCH_INITIALIZER};
    apm_auto_reset_event event = auto_create(false);

    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
        default_pool, of_auto(event), unregister_own_wait, &ender, APM_TIMEOUT_INFINITE, false, &ender.registered));
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(ender.done, PATIENCE_MS));
    CHECK_EQ(latch_count(&ender.calls), 1);
    CHECK_ERROR(atomic_load(&ender.seen), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_auto_reset_event_set(event));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(event, 0)); /* nobody else takes it */
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    CHECK_SUCCESS(apm_manual_reset_event_close(ender.done));
}

/* -- Many, and others -------------------------------------------------------------------------------------------- */

TEST(two_hundred_registered_waits_cost_no_thread_rw_014)
{
    enum { WAITS = 200 };
    static struct watch watches[WAITS];
    apm_manual_reset_event events[WAITS];
    int first;
    int threads;

    watch_init(&watch);
    events[0] = manual_create(true);
    watch_start(&watch, of_manual(events[0]), APM_TIMEOUT_INFINITE, true); /* the pool starts */
    watch_stop(&watch);
    CHECK_SUCCESS(apm_manual_reset_event_close(events[0]));
    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &first));
    for (int i = 0; i < WAITS; i++) {
        events[i] = manual_create(false);
        watch_init(&watches[i]);
        watch_start(&watches[i], of_manual(events[i]), APM_TIMEOUT_INFINITE, true);
    }
    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &threads));
    CHECK_EQ(threads, first); /* .NET has four that wait */
    for (int i = 0; i < WAITS; i++) {
        CHECK_SUCCESS(apm_manual_reset_event_set(events[i]));
    }
    for (int i = 0; i < WAITS; i++) {
        LATCH_AWAIT(&watches[i].calls, 1);
        watch_stop(&watches[i]);
        CHECK_EQ(latch_count(&watches[i].calls), 1);
        CHECK_SUCCESS(apm_manual_reset_event_close(events[i]));
    }
}

TEST(a_semaphore_brings_a_callback_for_each_count_and_a_mutex_is_refused_rw_013)
{
    apm_semaphore semaphore;
    apm_mutex mutex;
    apm_registered_wait_handle registered;

    watch_init(&watch);
    CHECK_SUCCESS(apm_semaphore_create(2, 10, &semaphore));
    watch_start(&watch, apm_semaphore_to_wait_handle(semaphore), -1, false);
    LATCH_AWAIT(&watch.calls, 2);
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_semaphore_release(semaphore, 3, NULL));
    LATCH_AWAIT(&watch.calls, 5);
    watch_stop(&watch);
    CHECK_EQ(latch_count(&watch.calls), 5);
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    CHECK_SUCCESS(apm_semaphore_close(semaphore));

    CHECK_SUCCESS(apm_mutex_create(false, &mutex));
    CHECK_ERROR(apm_thread_pool_register_wait_for_single_object(default_pool, apm_mutex_to_wait_handle(mutex), on_wait,
                                                                &watch, -1, true, &registered),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_mutex_wait_one(mutex, 0)); /* nobody has taken it */
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

TEST(a_registered_wait_limits_the_time_of_a_receive_rw_017)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    watch_init(&watch);
    watch_start(&watch, apm_async_result_async_wait_handle(receive.result), 150, true);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK_EQ(atomic_load(&watch.time_outs), 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(apm_socket_end_receive(pair.socket, receive.result, &received), APM_ERROR_OPERATION_ABORTED);
    LATCH_AWAIT(&receive.called, 1);
    watch_stop(&watch);
    CHECK_EQ(latch_count(&watch.calls), 1);
    raw_close(pair.peer);
}

TEST(a_registered_wait_for_a_result_is_called_when_it_completes_rw_017)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    watch_init(&watch);
    watch_start(&watch, apm_async_result_async_wait_handle(receive.result), PATIENCE_MS, true);
    raw_write(pair.peer, "data", 4);
    LATCH_AWAIT(&watch.calls, 1);
    CHECK_EQ(atomic_load(&watch.time_outs), 0);
    watch_stop(&watch);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
    LATCH_AWAIT(&receive.called, 1);

    /* And of one that has been ended it is called at once. */
    watch_init(&watch);
    watch_start(&watch, apm_async_result_async_wait_handle(receive.result), APM_TIMEOUT_INFINITE, true);
    LATCH_AWAIT(&watch.calls, 1);
    watch_stop(&watch);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
