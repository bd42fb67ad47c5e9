/*
 * The pool: limits, waits on workers, and the one way to deadlock.
 */
#include <stdlib.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void set_threads(int min_threads, int max_threads)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, min_threads));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, max_threads));
}

static apm_manual_reset_event manual_create(void)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    return event;
}

/* -- Limits ------------------------------------------------------------------------------------------------------ */

TEST(limits_are_checked_and_read_back)
{
    apm_thread_pool invented = {UINT64_C(0x7123456789abcdef)};
    int threads = 0;

    CHECK_SUCCESS(apm_thread_pool_min_threads(default_pool, &threads));
    CHECK(threads >= 1);
    CHECK_SUCCESS(apm_thread_pool_max_threads(default_pool, &threads));
    CHECK_EQ(threads, 32767);
    set_threads(3, 10);
    CHECK_SUCCESS(apm_thread_pool_min_threads(default_pool, &threads));
    CHECK_EQ(threads, 3);
    CHECK_SUCCESS(apm_thread_pool_max_threads(default_pool, &threads));
    CHECK_EQ(threads, 10);
    CHECK_ERROR(apm_thread_pool_set_min_threads(default_pool, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_set_min_threads(default_pool, 11), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_set_max_threads(default_pool, 2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_set_max_threads(default_pool, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_min_threads(default_pool, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_max_threads(default_pool, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_thread_count(default_pool, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_set_max_threads(invented, 5), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_thread_pool_thread_count(invented, &threads), APM_ERROR_ARGUMENT);
    CHECK(!apm_thread_pool_is_pool_thread());
}

/* -- All workers wait in End ------------------------------------------------------------------------------------- */

enum { WORKERS = 4 };

/* A callback that begins an operation on another socket and waits for it in End. */
struct ender {
    apm_socket socket;
    uint8_t trigger[1];
    uint8_t buffer[1];
    bool use_wait_handle;
    struct latch *waiting;
    struct latch *done;
};

static void wait_in_end(apm_async_result result)
{
    struct ender *ender = apm_async_result_async_state(result);
    apm_async_result inner;

    CHECK_SUCCESS(apm_socket_end_receive(ender->socket, result, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(ender->socket, ender->buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &inner));
    latch_add(ender->waiting, 1);
    if (ender->use_wait_handle) {
        CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(inner), -1));
    }
    CHECK_SUCCESS(apm_socket_end_receive(ender->socket, inner, NULL));
    latch_add(ender->done, 1);
}

static void check_that_every_wait_returns(bool use_wait_handle)
{
    peered_socket pairs[WORKERS];
    struct ender enders[WORKERS];
    struct latch waiting = LATCH_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;

    set_threads(1, WORKERS);
    for (size_t i = 0; i < WORKERS; i++) {
        pairs[i] = peered_socket_create();
        enders[i] = (struct ender){pairs[i].socket, {0}, {0}, use_wait_handle, &waiting, &done};
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].socket, enders[i].trigger, 1, APM_SOCKET_FLAGS_NONE,
                                               wait_in_end, &enders[i], NULL));
    }
    for (size_t i = 0; i < WORKERS; i++) {
        raw_write(pairs[i].peer, "x", 1);
    }
    LATCH_AWAIT(&waiting, WORKERS);
    CHECK(!latch_wait(&done, 1, SHORT_WHILE_MS));
    for (size_t i = WORKERS; i-- > 0;) {
        raw_write(pairs[i].peer, "y", 1);
        LATCH_AWAIT(&done, WORKERS - i);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        peered_socket_close(pairs[i]);
    }
}

TEST(all_workers_at_the_maximum_wait_in_end_and_every_wait_returns)
{
    check_that_every_wait_returns(false);
}

TEST(all_workers_at_the_maximum_wait_for_results_and_every_wait_returns)
{
    check_that_every_wait_returns(true);
}

TEST(deadlines_and_cancels_end_waits_of_all_workers_at_the_maximum)
{
    peered_socket pairs[WORKERS];
    struct ender enders[WORKERS];
    struct latch waiting = LATCH_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;
    struct operation receive;
    uint8_t buffer[1];

    /* While all workers wait, a deadline of an operation that a thread outside waits for comes nonetheless. */
    set_threads(1, WORKERS);
    for (size_t i = 0; i < WORKERS; i++) {
        pairs[i] = peered_socket_create();
        enders[i] = (struct ender){pairs[i].socket, {0}, {0}, false, &waiting, &done};
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].socket, enders[i].trigger, 1, APM_SOCKET_FLAGS_NONE,
                                               wait_in_end, &enders[i], NULL));
        raw_write(pairs[i].peer, "x", 1);
    }
    LATCH_AWAIT(&waiting, WORKERS);
    CHECK_SUCCESS(
        apm_socket_begin_receive(pairs[0].socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive.result));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 50));
    CHECK_ERROR(apm_socket_end_receive(pairs[0].socket, receive.result, NULL), APM_ERROR_TIMED_OUT);
    for (size_t i = 0; i < WORKERS; i++) {
        raw_write(pairs[i].peer, "y", 1);
    }
    LATCH_AWAIT(&done, WORKERS);
    for (size_t i = 0; i < WORKERS; i++) {
        peered_socket_close(pairs[i]);
    }
}

/* -- Waits for other callbacks ----------------------------------------------------------------------------------- */

struct event_waiter {
    apm_manual_reset_event event;
    apm_error error;
    int timeout_ms;
    uint8_t buffer[1];
    struct latch waiting;
    struct latch done;
};

static void wait_for_the_event(apm_async_result result)
{
    struct event_waiter *waiter = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&waiter->waiting, 1);
    waiter->error = apm_manual_reset_event_wait_one(waiter->event, waiter->timeout_ms);
    latch_add(&waiter->done, 1);
}

static void set_the_event(apm_async_result result)
{
    struct event_waiter *waiter = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    CHECK_SUCCESS(apm_manual_reset_event_set(waiter->event));
    latch_add(&waiter->done, 1);
}

static void event_waiter_start(struct event_waiter *waiter, peered_socket pair, int timeout_ms)
{
    waiter->event = manual_create();
    waiter->timeout_ms = timeout_ms;
    latch_init(&waiter->waiting);
    latch_init(&waiter->done);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, waiter->buffer, 1, APM_SOCKET_FLAGS_NONE, wait_for_the_event,
                                           waiter, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&waiter->waiting, 1);
}

/* Has the callback that sets the event become ready while the one that waits for it runs. */
static apm_error wait_for_another_callback(int max_threads, int timeout_ms)
{
    peered_socket first = peered_socket_create();
    peered_socket second = peered_socket_create();
    struct event_waiter waiter;
    uint8_t buffer[1];

    set_threads(1, max_threads);
    event_waiter_start(&waiter, first, timeout_ms);
    CHECK_SUCCESS(
        apm_socket_begin_receive(second.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, set_the_event, &waiter, NULL));
    raw_write(second.peer, "x", 1);
    LATCH_AWAIT(&waiter.done, 2);
    CHECK_SUCCESS(apm_manual_reset_event_close(waiter.event));
    peered_socket_close(first);
    peered_socket_close(second);
    return waiter.error;
}

TEST(a_wait_for_another_callback_below_the_maximum_is_ended_by_it)
{
    CHECK_SUCCESS(wait_for_another_callback(2, -1));
}

TEST(a_wait_for_another_callback_at_the_maximum_is_a_deadlock)
{
    CHECK_ERROR(wait_for_another_callback(1, -1), APM_ERROR_DEADLOCK);
}

TEST(a_wait_with_a_time_out_at_the_maximum_ends_in_time)
{
    apm_error error = wait_for_another_callback(1, 300);

    CHECK(error == APM_ERROR_WAIT_TIMEOUT || error == APM_ERROR_DEADLOCK);
}

TEST(a_wait_at_the_maximum_that_a_thread_outside_ends_is_no_deadlock)
{
    peered_socket pair = peered_socket_create();
    struct event_waiter waiter;

    set_threads(1, 1);
    event_waiter_start(&waiter, pair, -1);
    CHECK(!latch_wait(&waiter.done, 1, 300));
    CHECK_SUCCESS(apm_manual_reset_event_set(waiter.event));
    LATCH_AWAIT(&waiter.done, 1);
    CHECK_SUCCESS(waiter.error);
    CHECK_SUCCESS(apm_manual_reset_event_close(waiter.event));
    peered_socket_close(pair);
}

/* -- Threads come and go ----------------------------------------------------------------------------------------- */

TEST(blocked_workers_are_replaced_up_to_the_maximum_and_not_beyond)
{
    enum { BLOCKED = 20 };
    peered_socket pairs[BLOCKED];
    struct event_waiter waiters[BLOCKED];
    int threads = 0;

    set_threads(1, BLOCKED);
    for (size_t i = 0; i < BLOCKED; i++) {
        pairs[i] = peered_socket_create();
        event_waiter_start(&waiters[i], pairs[i], -1);
    }
    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &threads));
    CHECK_EQ(threads, BLOCKED);
    for (size_t i = 0; i < BLOCKED; i++) {
        CHECK_SUCCESS(apm_manual_reset_event_set(waiters[i].event));
        LATCH_AWAIT(&waiters[i].done, 1);
        CHECK_SUCCESS(waiters[i].error);
        CHECK_SUCCESS(apm_manual_reset_event_close(waiters[i].event));
        peered_socket_close(pairs[i]);
    }
}

TEST(blocked_workers_are_replaced_at_once)
{
    enum { BLOCKED = 32 };
    peered_socket pairs[BLOCKED];
    struct event_waiter waiters[BLOCKED];
    int64_t start = harness_now_ms();

    for (size_t i = 0; i < BLOCKED; i++) {
        pairs[i] = peered_socket_create();
        event_waiter_start(&waiters[i], pairs[i], -1);
    }
    /* .NET took half a second and more for each. */
    CHECK(harness_now_ms() - start < 2000);
    for (size_t i = 0; i < BLOCKED; i++) {
        CHECK_SUCCESS(apm_manual_reset_event_set(waiters[i].event));
        LATCH_AWAIT(&waiters[i].done, 1);
        CHECK_SUCCESS(apm_manual_reset_event_close(waiters[i].event));
        peered_socket_close(pairs[i]);
    }
}

/* -- Work without end -------------------------------------------------------------------------------------------- */

struct endless {
    _Atomic bool over;
    struct latch ended;
};

static void queue_again(void *state)
{
    struct endless *endless = state;

    if (atomic_load(&endless->over)) {
        latch_add(&endless->ended, 1);
    } else {
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, queue_again, state, false));
    }
}

TEST(work_that_queues_itself_again_and_again_on_the_only_worker_starves_no_socket)
{
    struct endless endless = {.ended = LATCH_INITIALIZER};
    peered_socket pair = peered_socket_create();
    uint8_t buffer[4];

    set_threads(1, 1);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, queue_again, &endless, false));
    for (int i = 0; i < 20; i++) {
        struct operation receive;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(pair.peer, "data", 4);
        CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    }
    atomic_store(&endless.over, true);
    LATCH_AWAIT(&endless.ended, 1);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
