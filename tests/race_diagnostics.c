/*
 * Looking from outside while everything moves: snapshots and listings disturb nothing, and say nothing impossible.
 */
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

typedef struct apm_thread_pool_statistics statistics_t;

/* What only grows. */
static void check_growth(const statistics_t *before, const statistics_t *now)
{
    CHECK(now->threads_started >= before->threads_started);
    CHECK(now->threads_ended >= before->threads_ended);
    CHECK(now->items_completed >= before->items_completed);
    CHECK(now->steals >= before->steals);
    CHECK(now->wake_ups >= before->wake_ups);
    CHECK(now->polls >= before->polls);
    CHECK(now->events >= before->events);
    CHECK(now->waits >= before->waits);
    CHECK(now->blocks >= before->blocks);
    CHECK(now->deadlines_expired >= before->deadlines_expired);
    CHECK(now->deadline_lateness_max_ns >= before->deadline_lateness_max_ns);
}

static void look_at_numbers(void *argument)
{
    statistics_t before = {0};

    while (harness_now_ms() < *(int64_t *)argument) {
        statistics_t now;

        CHECK_SUCCESS(apm_thread_pool_statistics(default_pool, &now));
        CHECK(now.threads_running >= 0 && now.threads_idle >= 0 && now.threads_waiting >= 0);
        CHECK(now.threads_blocking >= 0 && now.threads_computing >= 0 && now.threads_stuck >= 0);
        CHECK_EQ(now.threads, now.threads_running + now.threads_idle + now.threads_waiting + now.threads_blocking);
        CHECK_EQ(now.threads, (int64_t)(now.threads_started - now.threads_ended));
        check_growth(&before, &now);
        before = now;
    }
}

static void count_line(const char *line, void *state)
{
    CHECK(strlen(line) > 0 && !strchr(line, '\n'));
    (*(size_t *)state)++;
}

static void list_again_and_again(void *argument)
{
    while (harness_now_ms() < *(int64_t *)argument) {
        size_t lines = 0;

        CHECK_SUCCESS(apm_diagnostics_write_pending(count_line, &lines));
    }
}

/* -- What moves -------------------------------------------------------------------------------------------------- */

struct movement {
    int64_t deadline_ms;
    struct latch items;
    apm_auto_reset_event event;
};

static void wait_and_block(void *state)
{
    struct movement *movement = state;

    CHECK_SUCCESS(apm_auto_reset_event_set(movement->event));
    apm_error error = apm_auto_reset_event_wait_one(movement->event, 1);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
    apm_thread_pool_blocking_begin();
    apm_thread_pool_blocking_end();
    latch_add(&movement->items, 1);
}

static void queue_items(void *argument)
{
    struct movement *movement = argument;
    size_t queued = 0;

    while (harness_now_ms() < movement->deadline_ms) {
        bool prefer_local = queued % 2;

        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, wait_and_block, movement, prefer_local));
        queued++;
        if (queued % 16 == 0) {
            LATCH_AWAIT(&movement->items, queued);
        }
    }
    LATCH_AWAIT(&movement->items, queued);
}

static void connect_and_exchange(void *argument)
{
    struct movement *movement = argument;

    while (harness_now_ms() < movement->deadline_ms) {
        socket_pair pair = socket_pair_create();
        struct operation receive;
        struct operation abandoned;
        uint8_t buffer[2];
        size_t received;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.server, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.server, buffer + 1, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&abandoned)));
        CHECK_SUCCESS(apm_async_result_cancel_after(abandoned.result, 1));
        send_all(pair.client, "x", 1);
        CHECK_SUCCESS(finish_receive(pair.server, &receive, &received));
        CHECK_ERROR(finish_receive(pair.server, &abandoned, &received), APM_ERROR_TIMED_OUT);
        socket_pair_close(pair);
    }
}

static void count_timer(void *state)
{
    latch_add(state, 1);
}

static void count_wait(void *state, bool timed_out)
{
    (void)timed_out;
    latch_add(state, 1);
}

static void set_timers_and_waits(void *argument)
{
    struct movement *movement = argument;
    size_t expected = 0;

    while (harness_now_ms() < movement->deadline_ms) {
        apm_registered_wait_handle wait;
        apm_timer timer;

        CHECK_SUCCESS(apm_timer_create(default_pool, count_timer, &movement->items, 1, 0, &timer));
        CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
            default_pool, apm_auto_reset_event_to_wait_handle(movement->event), count_wait, &movement->items,
            PATIENCE_MS, true, &wait));
        CHECK_SUCCESS(apm_auto_reset_event_set(movement->event));
        expected += 2;
        LATCH_AWAIT(&movement->items, expected);
        CHECK_SUCCESS(apm_timer_close(timer));
        CHECK_SUCCESS(apm_registered_wait_handle_unregister(wait, (apm_wait_handle)APM_NULL_HANDLE));
    }
}

TEST_WITH_TIMEOUT(snapshots_and_listings_while_everything_moves_disturb_nothing, 120)
{
    enum { MOVERS = 6 };
    static void (*const bodies[])(void *) = {connect_and_exchange, queue_items, set_timers_and_waits};
    struct movement movements[MOVERS];
    struct thread movers[MOVERS];
    struct thread lookers[2];
    int64_t deadline_ms = race_deadline_ms();

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 3));
    for (size_t i = 0; i < MOVERS; i++) {
        movements[i] = (struct movement){.deadline_ms = deadline_ms, .items = LATCH_INITIALIZER};
        CHECK_SUCCESS(apm_auto_reset_event_create(false, &movements[i].event));
        thread_start(&movers[i], bodies[i % 3], &movements[i]);
    }
    thread_start(&lookers[0], look_at_numbers, &deadline_ms);
    thread_start(&lookers[1], list_again_and_again, &deadline_ms);
    for (size_t i = 0; i < MOVERS; i++) {
        thread_join(&movers[i]);
        CHECK_SUCCESS(apm_auto_reset_event_close(movements[i].event));
    }
    thread_join(&lookers[0]);
    thread_join(&lookers[1]);
}

static void look_and_list(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < 20; i++) {
        statistics_t now;
        size_t lines = 0;

        CHECK_SUCCESS(apm_thread_pool_statistics(default_pool, &now));
        CHECK_SUCCESS(apm_diagnostics_write_pending(count_line, &lines));
    }
}

TEST_WITH_TIMEOUT(looking_while_the_library_is_cleaned_up_and_started_again_is_safe, 120)
{
    struct race race;

    race_start(&race, look_and_list, NULL);
    while (race_goes_on(&race)) {
        struct operation receive;
        peered_socket pair = peered_socket_create();
        uint8_t buffer[1];

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
        raw_close(pair.peer);
        CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
        race_settle(&race);
    }
    race_stop(&race);
}

LIBRARY_TEST_MAIN()
