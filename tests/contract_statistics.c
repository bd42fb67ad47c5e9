/*
 * The counters of a pool: that each goes up for the reason that it names, and for no other.
 */
#include <string.h>

#include "support_diagnostics.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

typedef struct apm_thread_pool_statistics statistics_t;

/* -- Arguments --------------------------------------------------------------------------------------------------- */

TEST(a_pool_that_was_never_used_has_nothing_to_tell)
{
    statistics_t statistics;
    statistics_t zero;

    memset(&statistics, 0x55, sizeof statistics);
    memset(&zero, 0, sizeof zero);
    CHECK_SUCCESS(apm_thread_pool_statistics(default_pool, &statistics));
    CHECK(memcmp(&statistics, &zero, sizeof zero) == 0);
}

TEST(what_is_no_pool_is_an_error_and_all_numbers_are_zero)
{
    apm_thread_pool invented = {UINT64_C(0x7123456789abcdef)};
    statistics_t statistics;
    statistics_t zero;

    memset(&statistics, 0x55, sizeof statistics);
    memset(&zero, 0, sizeof zero);
    CHECK_ERROR(apm_thread_pool_statistics(default_pool, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_statistics(invented, &statistics), APM_ERROR_ARGUMENT);
    CHECK(memcmp(&statistics, &zero, sizeof zero) == 0);
}

static int ask_in_child(void *argument)
{
    statistics_t statistics;

    (void)argument;
    return apm_thread_pool_statistics(default_pool, &statistics) == APM_ERROR_INVALID_OPERATION ? 0 : 1;
}

TEST(a_forked_child_is_refused)
{
    struct latch done = LATCH_INITIALIZER;

    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 1);
    join_child(fork_child(ask_in_child, NULL));
}

TEST(each_pool_has_its_own_numbers_and_a_new_one_begins_with_none)
{
    struct latch done = LATCH_INITIALIZER;
    apm_thread_pool pool;
    statistics_t now;

    for (size_t round = 0; round < 2; round++) { /* the second may get the memory of the first */
        CHECK_SUCCESS(apm_thread_pool_create(1, 1, &pool));
        CHECK_SUCCESS(apm_thread_pool_statistics(pool, &now));
        CHECK_EQ(now.threads_started, 0);
        CHECK_EQ(now.items_completed, 0);
        CHECK_EQ(now.polls, 0);
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, count_latch, &done, false));
        LATCH_AWAIT(&done, round + 1);
        CHECK_SUCCESS(apm_thread_pool_statistics(pool, &now));
        CHECK_EQ(now.threads_started, 1);
        CHECK_EQ(statistics_now().threads_started, 0);
        CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
        CHECK_ERROR(apm_thread_pool_statistics(pool, &now), APM_ERROR_OBJECT_DISPOSED);
    }
}

/* -- Items ------------------------------------------------------------------------------------------------------- */

TEST(items_are_counted_while_they_wait_and_once_they_have_returned)
{
    enum { ITEMS = 20 };
    struct guest guest = GUEST_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;
    statistics_t now;

    set_threads(1, 1);
    queue_item(guest_stay, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    for (size_t i = 0; i < ITEMS; i++) {
        queue_item(count_latch, &done);
    }
    now = statistics_now();
    CHECK_EQ(now.threads, 1);
    CHECK_EQ(now.threads_running, 1);
    CHECK_EQ(now.queued_items + now.queued_taken, ITEMS);
    CHECK_EQ(now.queued_callbacks, 0);
    CHECK_EQ(now.queued_local, 0);
    CHECK_EQ(now.items_completed, 0);
    guest_let_go(&guest);
    LATCH_AWAIT(&done, ITEMS);
    AWAIT_STATISTICS(now, now.items_completed == ITEMS + 1);
    CHECK_EQ(now.queued_items + now.queued_taken, 0);
}

struct local_work {
    struct guest guest;
    struct latch done;
};

enum { LOCAL_ITEMS = 5 };

static void queue_locally_and_stay(void *state)
{
    struct local_work *work = state;

    for (size_t i = 0; i < LOCAL_ITEMS; i++) {
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, count_latch, &work->done, true));
    }
    guest_stay(&work->guest);
}

TEST(local_items_are_counted_and_each_that_another_worker_takes_is_a_steal)
{
    struct local_work work = {.guest = GUEST_INITIALIZER, .done = LATCH_INITIALIZER};
    statistics_t now;

    set_threads(1, 1);
    queue_item(queue_locally_and_stay, &work);
    LATCH_AWAIT(&work.guest.entered, 1);
    now = statistics_now();
    CHECK_EQ(now.queued_local, LOCAL_ITEMS);
    CHECK_EQ(now.steals, 0);
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 2)); /* the monitor finds somebody to take them */
    LATCH_AWAIT(&work.done, LOCAL_ITEMS);
    AWAIT_STATISTICS(now, now.items_completed == LOCAL_ITEMS);
    CHECK_EQ(now.steals, LOCAL_ITEMS);
    CHECK_EQ(now.queued_local, 0);
    guest_let_go(&work.guest);
}

static void return_at_once(apm_async_result result)
{
    latch_add(apm_async_result_async_state(result), 1);
}

TEST(callbacks_of_what_other_threads_have_completed_are_counted_while_they_wait)
{
    peered_socket pair = peered_socket_create();
    struct guest guest = GUEST_INITIALIZER;
    struct latch called = LATCH_INITIALIZER;
    apm_async_result result;
    statistics_t now;
    uint8_t buffer[1];

    set_threads(1, 1);
    queue_item(guest_stay, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, return_at_once, &called, &result));
    CHECK_EQ(statistics_now().queued_callbacks, 0);
    CHECK_SUCCESS(apm_async_result_cancel(result));
    CHECK_EQ(statistics_now().queued_callbacks + statistics_now().queued_taken, 1);
    guest_let_go(&guest);
    LATCH_AWAIT(&called, 1);
    AWAIT_STATISTICS(now, now.queued_callbacks + now.queued_taken == 0);
    CHECK_ERROR(apm_socket_end_receive(pair.socket, result, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(pair);
}

/* -- Threads ----------------------------------------------------------------------------------------------------- */

TEST(threads_are_counted_by_what_they_do)
{
    struct guest waiting = GUEST_INITIALIZER;
    struct guest hinted = GUEST_INITIALIZER;
    struct guest stuck = GUEST_INITIALIZER;
    struct guest busy = GUEST_INITIALIZER;
    statistics_t now;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &waiting.event));
    set_threads(6, 6);
    queue_item(guest_stay_in_a_wait, &waiting);
    queue_item(guest_stay_with_hint, &hinted);
    queue_item(guest_stay, &stuck);
    queue_item(guest_stay_busy, &busy);
    /* On a busy machine the one that computes may get so little of a processor that it looks stuck, too. */
    AWAIT_STATISTICS(now, now.threads_waiting == 1 && now.threads_blocking == 1 && now.threads_stuck >= 1 &&
                              now.threads_stuck + now.threads_computing == 2);
    CHECK_EQ(now.waits, 1);
    CHECK_EQ(now.blocks, 1);
    CHECK(now.threads_running >= 2);
    CHECK_SUCCESS(apm_manual_reset_event_set(waiting.event));
    LATCH_AWAIT(&waiting.left, 1);
    guest_let_go(&hinted);
    guest_let_go(&stuck);
    guest_let_go(&busy);
    AWAIT_STATISTICS(now, now.threads_idle == now.threads);
    CHECK_EQ(now.threads_computing + now.threads_stuck, 0);
    CHECK_EQ(now.waits, 1);
    CHECK_EQ(now.blocks, 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(waiting.event));
}

TEST(a_thread_that_is_at_the_same_item_for_long_is_stuck_or_computes)
{
    struct guest busy = GUEST_INITIALIZER;
    statistics_t now;

    set_threads(2, 2);
    queue_item(guest_stay_busy, &busy);
    LATCH_AWAIT(&busy.entered, 1);
    AWAIT_STATISTICS(now, now.threads_computing == 1);
    CHECK_EQ(now.threads_stuck, 0);
    guest_let_go(&busy);
    AWAIT_STATISTICS(now, now.threads_computing == 0);
}

TEST(a_thread_in_the_place_of_a_stuck_one_is_injected)
{
    struct guest guest = GUEST_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;
    statistics_t now;

    set_threads(1, 2);
    queue_item(guest_stay, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 1);
    now = statistics_now();
    CHECK_EQ(now.threads_started, 2);
    CHECK_EQ(now.threads_injected, 1);
    guest_let_go(&guest);
}

TEST(an_idle_thread_that_is_needed_is_woken_and_before_that_it_has_gone_to_sleep)
{
    struct latch done = LATCH_INITIALIZER;
    statistics_t before;
    statistics_t now;

    set_threads(1, 1);
    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 1);
    AWAIT_STATISTICS(before, before.threads_idle == 1 && before.sleeps > 0);
    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 2);
    AWAIT_STATISTICS(now, now.sleeps > before.sleeps);
    CHECK_EQ(now.wake_ups, before.wake_ups + 1);
}

TEST(cleanup_ends_every_thread_that_was_started_and_the_counts_go_on)
{
    struct latch done = LATCH_INITIALIZER;
    statistics_t now;

    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 1);
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    now = statistics_now();
    CHECK_EQ(now.threads, 0);
    CHECK(now.threads_started > 0);
    CHECK_EQ(now.threads_ended, now.threads_started);
    CHECK_EQ(now.items_completed, 1);
    queue_item(count_latch, &done);
    LATCH_AWAIT(&done, 2);
    AWAIT_STATISTICS(now, now.items_completed == 2);
    CHECK_EQ(now.threads_started - now.threads_ended, now.threads);
}

static void wait_for_a_set_that_cannot_come(void *state)
{
    struct guest *guest = state;

    latch_add(&guest->entered, 1);
    CHECK_ERROR(apm_manual_reset_event_wait_one(guest->event, -1), APM_ERROR_DEADLOCK);
    latch_add(&guest->left, 1);
}

TEST(a_deadlock_is_counted)
{
    struct guest guest = GUEST_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &guest.event));
    set_threads(1, 1);
    queue_item(wait_for_a_set_that_cannot_come, &guest);
    LATCH_AWAIT(&guest.entered, 1);
    queue_item(count_latch, &done);
    LATCH_AWAIT(&guest.left, 1);
    LATCH_AWAIT(&done, 1);
    CHECK_EQ(statistics_now().deadlocks, 1);
    CHECK_SUCCESS(apm_manual_reset_event_close(guest.event));
}

LIBRARY_TEST_MAIN()
