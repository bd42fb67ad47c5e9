/*
 * Races about the end of an operation: several Ends, End and the callback's return, End and completion.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct ends {
    peered_socket pair;
    struct operation receive;
    apm_error rival_error;
    size_t rival_received;
};

static void end_as_well(void *argument)
{
    struct ends *ends = argument;

    ends->rival_error = apm_socket_end_receive(ends->pair.socket, ends->receive.result, &ends->rival_received);
}

TEST(of_two_ends_exactly_one_wins)
{
    struct ends ends = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, end_as_well, &ends);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_error error;
        bool mine;

        CHECK_SUCCESS(
            apm_socket_begin_receive(ends.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&ends.receive)));
        raw_write(ends.pair.peer, "abcd", 4);
        race_clash(&race);
        error = apm_socket_end_receive(ends.pair.socket, ends.receive.result, &received);
        race_settle(&race);
        mine = error == APM_ERROR_SUCCESS;
        CHECK_ERROR(mine ? ends.rival_error : error, APM_ERROR_INVALID_OPERATION);
        CHECK_ERROR(mine ? error : ends.rival_error, APM_ERROR_SUCCESS);
        CHECK_EQ(mine ? received : ends.rival_received, 4);
        LATCH_AWAIT(&ends.receive.called, 1);
    }
    race_stop(&race);
    peered_socket_close(ends.pair);
}

static void write_four_bytes(void *argument)
{
    raw_write(((struct ends *)argument)->pair.peer, "abcd", 4);
}

TEST(end_and_completion_at_the_same_time_give_the_bytes)
{
    struct ends ends = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, write_four_bytes, &ends);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        size_t received;
        apm_async_result result;

        CHECK_SUCCESS(
            apm_socket_begin_receive(ends.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_end_receive(ends.pair.socket, result, &received));
        race_settle(&race);
        CHECK_EQ(received, 4);
    }
    race_stop(&race);
    peered_socket_close(ends.pair);
}

TEST(wait_and_completion_at_the_same_time_lose_no_wake_up)
{
    struct ends ends = {.pair = peered_socket_create()};
    struct race race;

    race_start(&race, write_four_bytes, &ends);
    while (race_goes_on(&race)) {
        uint8_t buffer[4];
        apm_async_result result;
        apm_wait_handle handles[2];
        size_t index;

        CHECK_SUCCESS(
            apm_socket_begin_receive(ends.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
        handles[0] = apm_async_result_async_wait_handle(result);
        race_clash(&race);
        CHECK_SUCCESS(apm_wait_handle_wait_any(handles, 1, PATIENCE_MS, &index));
        race_settle(&race);
        CHECK(apm_async_result_is_completed(result));
        CHECK_SUCCESS(apm_socket_end_receive(ends.pair.socket, result, NULL));
    }
    race_stop(&race);
    peered_socket_close(ends.pair);
}

/* -- The callback's return --------------------------------------------------------------------------------------- */

struct returning {
    apm_socket socket;
    uint8_t buffer[4];
    _Atomic bool gone; /* set before the callback returns: whoever ends then races with the return itself */
};

static void return_at_once(apm_async_result result)
{
    struct returning *returning = apm_async_result_async_state(result);

    CHECK(returning != NULL);
    atomic_store(&returning->gone, true);
}

TEST(end_at_the_moment_when_the_callback_returns_frees_the_result_once)
{
    peered_socket pair = peered_socket_create();
    struct returning returning = {.socket = pair.socket};
    int64_t deadline_ms = race_deadline_ms();

    while (harness_now_ms() < deadline_ms) {
        apm_async_result result;

        atomic_store(&returning.gone, false);
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, returning.buffer, 4, APM_SOCKET_FLAGS_NONE, return_at_once,
                                               &returning, &result));
        raw_write(pair.peer, "abcd", 4);
        while (!atomic_load(&returning.gone)) {
            continue;
        }
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, result, NULL));
        CHECK_ERROR(apm_socket_end_receive(pair.socket, result, NULL), APM_ERROR_INVALID_OPERATION);
    }
    peered_socket_close(pair);
}

/*
 * The two sides of this one share nothing but the result, and relaxed atomics, which put nothing in order: so
 * ThreadSanitizer sees whether the result alone does.
 */
struct staying {
    _Atomic bool may_return;
    _Atomic bool returns;
};

static void stay(apm_async_result result)
{
    struct staying *staying = apm_async_result_async_state(result);

    while (!atomic_load_explicit(&staying->may_return, memory_order_relaxed)) {
        sched_yield();
    }
    atomic_store(&staying->returns, true);
}

TEST(who_polls_sees_the_outcome_and_the_bytes_while_the_callback_still_runs)
{
    peered_socket pair = peered_socket_create();
    struct staying staying;
    int64_t deadline_ms = race_deadline_ms();

    while (harness_now_ms() < deadline_ms) {
        uint8_t buffer[4];
        size_t received;
        apm_async_result result;

        atomic_store(&staying.may_return, false);
        atomic_store(&staying.returns, false);
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, stay, &staying, &result));
        raw_write(pair.peer, "abcd", 4);
        while (!apm_async_result_is_completed(result)) {
            sched_yield();
        }
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, result, &received));
        CHECK_EQ(received, 4);
        CHECK(memcmp(buffer, "abcd", 4) == 0);
        atomic_store_explicit(&staying.may_return, true, memory_order_relaxed);
        while (!atomic_load(&staying.returns)) {
            sched_yield();
        }
    }
    peered_socket_close(pair);
}

/* -- Everybody at once ------------------------------------------------------------------------------------------- */

enum { ENDERS = 4 };

struct many_ends {
    apm_socket socket;
    apm_async_result result;
    struct meeting meeting;
    _Atomic size_t winners;
    _Atomic bool over;
};

static void end_again_and_again(void *argument)
{
    struct many_ends *ends = argument;

    for (;;) {
        apm_error error;

        meeting_attend(&ends->meeting);
        if (atomic_load(&ends->over)) {
            return;
        }
        error = apm_socket_end_receive(ends->socket, ends->result, NULL);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
        atomic_fetch_add(&ends->winners, error == APM_ERROR_SUCCESS ? 1 : 0);
        (void)apm_async_result_async_state(ends->result);
        (void)apm_async_result_socket(ends->result);
        /* Who lost may be early: the winner still waits for the completion, and the buffer is not the caller's yet. */
        CHECK(error != APM_ERROR_SUCCESS || apm_async_result_is_completed(ends->result));
        meeting_attend(&ends->meeting);
    }
}

TEST(of_many_ends_before_completion_exactly_one_wins_and_all_return)
{
    peered_socket pair = peered_socket_create();
    struct many_ends ends = {.socket = pair.socket};
    struct thread threads[ENDERS];
    int64_t deadline_ms = race_deadline_ms();

    meeting_init(&ends.meeting, ENDERS + 1);
    for (size_t i = 0; i < ENDERS; i++) {
        thread_start(&threads[i], end_again_and_again, &ends);
    }
    while (harness_now_ms() < deadline_ms) {
        uint8_t buffer[4];

        atomic_store(&ends.winners, 0);
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &ends.result));
        meeting_attend(&ends.meeting);
        raw_write(pair.peer, "abcd", 4);
        meeting_attend(&ends.meeting);
        CHECK_EQ(atomic_load(&ends.winners), 1);
    }
    atomic_store(&ends.over, true);
    meeting_attend(&ends.meeting);
    for (size_t i = 0; i < ENDERS; i++) {
        thread_join(&threads[i]);
    }
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
