/*
 * The process: cleanup and restart, fork and exec.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* -- Cleanup ----------------------------------------------------------------------------------------------------- */

TEST(cleanup_of_a_library_that_was_never_used_succeeds_as_often_as_one_likes)
{
    CHECK_SUCCESS(apm_cleanup(0));
    CHECK_SUCCESS(apm_cleanup(-1));
    CHECK_ERROR(apm_cleanup(-2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

CONTRACT_TEST(cleanup_completes_what_is_pending_and_handles_from_before_stay_stale)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    peered_socket pair = peered_socket_create();
    apm_manual_reset_event event;
    struct operation receive;
    struct operation accept;
    apm_socket accepted;
    static uint8_t buffer[4];

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
    if (harness_get_flavour() == HARNESS_FLAVOUR_CALLBACK) {
        CHECK_EQ(latch_count(&receive.called), 1);
        CHECK_EQ(latch_count(&accept.called), 1);
    }
    for (int round = 0; round < 3; round++) {
        peered_socket next;

        CHECK_ERROR(apm_socket_set_no_delay(listener, true), APM_ERROR_OBJECT_DISPOSED);
        CHECK_ERROR(apm_socket_set_no_delay(pair.socket, true), APM_ERROR_OBJECT_DISPOSED);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        CHECK_ERROR(apm_manual_reset_event_set(event), APM_ERROR_OBJECT_DISPOSED);
        CHECK_ERROR(apm_socket_end_receive(pair.socket, receive.result, NULL), APM_ERROR_INVALID_OPERATION);
        CHECK_ERROR(apm_socket_end_accept(listener, accept.result, &accepted), APM_ERROR_INVALID_OPERATION);
        CHECK(apm_async_result_is_completed(receive.result));

        /* And the library is as good as new. */
        next = peered_socket_create();
        raw_write(next.peer, "ping", 4);
        receive_exactly(next.socket, buffer, 4);
        peered_socket_close(next);
        CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    }
}

struct occupied {
    uint8_t buffer[1];
    apm_error cleanup_error;
    struct latch entered;
    struct latch released;
};

static void stay_until_released(apm_async_result result)
{
    struct occupied *occupied = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    occupied->cleanup_error = apm_cleanup(0);
    latch_add(&occupied->entered, 1);
    LATCH_AWAIT(&occupied->released, 1);
}

TEST(cleanup_times_out_while_a_callback_runs_is_refused_inside_it_and_succeeds_afterwards)
{
    peered_socket pair = peered_socket_create();
    struct occupied occupied = {.entered = LATCH_INITIALIZER, .released = LATCH_INITIALIZER};

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, occupied.buffer, 1, APM_SOCKET_FLAGS_NONE, stay_until_released,
                                           &occupied, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&occupied.entered, 1);
    CHECK_ERROR(occupied.cleanup_error, APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_cleanup(0), APM_ERROR_TIMED_OUT);
    CHECK_ERROR(apm_cleanup(SHORT_WHILE_MS), APM_ERROR_TIMED_OUT);
    latch_add(&occupied.released, 1);
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    raw_close(pair.peer);
}

struct cleanup_waiter {
    apm_manual_reset_event event;
    apm_error error;
    struct latch entered;
    struct latch left;
};

static void wait_for_ever(void *argument)
{
    struct cleanup_waiter *waiter = argument;

    latch_add(&waiter->entered, 1);
    waiter->error = apm_manual_reset_event_wait_one(waiter->event, -1);
    latch_add(&waiter->left, 1);
}

TEST(cleanup_times_out_while_another_thread_waits_on_an_event)
{
    struct cleanup_waiter waiter = {.entered = LATCH_INITIALIZER, .left = LATCH_INITIALIZER};
    struct thread thread;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &waiter.event));
    thread_start(&thread, wait_for_ever, &waiter);
    LATCH_AWAIT(&waiter.entered, 1);
    CHECK(!latch_wait(&waiter.left, 1, SHORT_WHILE_MS));
    CHECK_ERROR(apm_cleanup(SHORT_WHILE_MS), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_manual_reset_event_set(waiter.event));
    thread_join(&thread);
    CHECK_SUCCESS(waiter.error);
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
}

struct cleanup_ender {
    apm_socket socket;
    struct operation receive;
};

static void end_in_thread(void *argument)
{
    struct cleanup_ender *ender = argument;
    apm_error error = apm_socket_end_receive(ender->socket, ender->receive.result, NULL);

    /* The latter if the thread came too late. */
    CHECK(error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_INVALID_OPERATION);
}

TEST(cleanup_releases_threads_that_wait_in_end)
{
    peered_socket pair = peered_socket_create();
    struct cleanup_ender ender = {.socket = pair.socket};
    struct thread thread;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&ender.receive)));
    thread_start(&thread, end_in_thread, &ender);
    CHECK(!latch_wait(&ender.receive.called, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    thread_join(&thread);
    CHECK_EQ(latch_count(&ender.receive.called), 1);
    raw_close(pair.peer);
}

TEST(cleanup_and_restart_many_times_leaves_no_descriptor)
{
    size_t before = harness_open_descriptors();

    for (size_t i = 0; i < harness_scaled(100); i++) {
        socket_pair pair = socket_pair_create();
        uint8_t buffer[4];

        send_all(pair.client, "ping", 4);
        receive_exactly(pair.server, buffer, 4);
        CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
        CHECK_EQ(harness_open_descriptors(), before);
    }
}

/* -- Fork -------------------------------------------------------------------------------------------------------- */

struct forked {
    apm_socket socket;
    apm_async_result result;
    apm_manual_reset_event event;
    apm_timer timer;
    apm_registered_wait_handle registered;
};

static void ignore_timer(void *state)
{
    (void)state;
}

static void ignore_wait(void *state, bool timed_out)
{
    (void)state;
    (void)timed_out;
}

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* Runs in the child, too. */
static void call_timers_and_registered_waits(struct forked *forked)
{
    apm_wait_handle event = apm_manual_reset_event_to_wait_handle(forked->event);
    apm_registered_wait_handle registered;
    apm_timer timer;

    CHECK_ERROR(apm_timer_create(default_pool, ignore_timer, NULL, 1, 1, &timer), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_timer_is_null(timer));
    CHECK_ERROR(apm_timer_change(forked->timer, 1, 1), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_timer_close_and_signal(forked->timer, event), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_timer_close(forked->timer), APM_ERROR_INVALID_OPERATION);
    CHECK_EQ(apm_timer_active_count(), 0);
    CHECK_ERROR(
        apm_thread_pool_register_wait_for_single_object(default_pool, event, ignore_wait, NULL, 1, true, &registered),
        APM_ERROR_INVALID_OPERATION);
    CHECK(apm_registered_wait_handle_is_null(registered));
    CHECK_ERROR(apm_registered_wait_handle_unregister(forked->registered, event), APM_ERROR_INVALID_OPERATION);
}

/* Runs in the child: every call is refused, none blocks or crashes. */
static int call_everything(void *argument)
{
    struct forked *forked = argument;
    apm_socket created;
    apm_async_result result;
    apm_manual_reset_event event;
    apm_host_entry *entry;
    uint8_t buffer[4];
    size_t count;
    int threads;

    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &created),
        APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_set_no_delay(forked->socket, true), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_receive(forked->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result),
                APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(result));
    CHECK_ERROR(apm_socket_receive(forked->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_send(forked->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_end_receive(forked->socket, forked->result, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_async_result_cancel(forked->result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_async_result_cancel_after(forked->result, 10), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_close(forked->socket), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_close_and_wait(forked->socket, -1), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_manual_reset_event_create(true, &event), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_manual_reset_event_set(forked->event), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_manual_reset_event_wait_one(forked->event, -1), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_manual_reset_event_close(forked->event), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_dns_get_host_addresses("127.0.0.1", &entry), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_thread_pool_thread_count((apm_thread_pool)APM_NULL_HANDLE, &threads), APM_ERROR_INVALID_OPERATION);
    call_timers_and_registered_waits(forked);
    CHECK_ERROR(apm_cleanup(-1), APM_ERROR_INVALID_OPERATION);
    return 0;
}

TEST(after_fork_every_call_in_the_child_is_an_invalid_operation_and_the_parent_goes_on)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct forked forked = {.socket = pair.socket};
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &forked.event));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    forked.result = receive.result;
    CHECK_SUCCESS(apm_timer_create(default_pool, ignore_timer, NULL, 1000000, -1, &forked.timer));
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(default_pool,
                                                                  apm_manual_reset_event_to_wait_handle(forked.event),
                                                                  ignore_wait, NULL, -1, true, &forked.registered));
    for (size_t i = 0; i < harness_scaled(20); i++) {
        join_child(fork_child(call_everything, &forked));
    }
    CHECK_ERROR(apm_manual_reset_event_wait_one(forked.event, 0), APM_ERROR_WAIT_TIMEOUT);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    CHECK_EQ(apm_timer_active_count(), 1);
    CHECK_SUCCESS(apm_timer_close(forked.timer));
    CHECK_SUCCESS(apm_registered_wait_handle_unregister(forked.registered, (apm_wait_handle)APM_NULL_HANDLE));
    CHECK_SUCCESS(apm_manual_reset_event_close(forked.event));
    peered_socket_close(pair);
}

static int wait_for_end_of_pipe(void *argument)
{
    int *pipe_ends = argument;
    uint8_t byte;

    close(pipe_ends[1]);
    return read(pipe_ends[0], &byte, 1) == 0 ? 0 : 1;
}

TEST(events_of_a_closed_socket_of_which_a_forked_child_holds_a_copy_disturb_nobody)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    int pipe_ends[2];
    uint8_t buffer[4];
    pid_t child;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_EQ(pipe2(pipe_ends, 0), 0);
    child = fork_child(wait_for_end_of_pipe, pipe_ends);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_write(pair.peer, "late", 4);
    raw_close(pipe_ends[0]);
    raw_close(pipe_ends[1]);
    join_child(child);
    raw_close(pair.peer);
}

/* -- Exec -------------------------------------------------------------------------------------------------------- */

/* How many descriptors a program executed from here finds open. */
static int descriptors_after_exec(void)
{
    FILE *output = popen("ls /proc/self/fd | wc -l", "re");
    int count = 0;

    CHECK(output != NULL);
    CHECK_EQ(fscanf(output, "%d", &count), 1);
    CHECK_EQ(pclose(output), 0);
    return count;
}

TEST(a_program_that_is_executed_inherits_no_descriptor_of_the_library)
{
    int before = descriptors_after_exec();
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    socket_pair pair = socket_pair_create();
    struct operation accept;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    CHECK(harness_open_descriptors() > 3);
    CHECK_EQ(descriptors_after_exec(), before);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(finish_accept(listener, &accept, &(apm_socket){0}), APM_ERROR_OPERATION_ABORTED);
    socket_pair_close(pair);
}

LIBRARY_TEST_MAIN()
