/*
 * The counters of a pool: those of operations, sockets, polling and deadlines. See contract_statistics.c for the rest.
 */
#include <stdlib.h>

#include "support_diagnostics.h"

typedef struct apm_thread_pool_statistics statistics_t;

TEST(operations_are_counted_by_kind_while_they_are_pending)
{
    enum { ACCEPTS = 2, RECEIVES = 3 };
    peered_socket pair = peered_socket_create();
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    uint8_t *block = big_block_create();
    apm_async_result accepts[ACCEPTS];
    apm_async_result receives[RECEIVES];
    apm_async_result send;
    uint8_t buffer[RECEIVES];
    statistics_t now;

    for (size_t i = 0; i < ACCEPTS; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept(listener, NULL, NULL, &accepts[i]));
    }
    for (size_t i = 0; i < RECEIVES; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receives[i]));
    }
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, NULL, NULL, &send));
    now = statistics_now();
    CHECK_EQ(now.sockets_open, 2);
    CHECK_EQ(now.pending_accepts, ACCEPTS);
    CHECK_EQ(now.pending_receives, RECEIVES);
    CHECK_EQ(now.pending_sends, 1);
    CHECK_EQ(now.pending_connects + now.pending_disconnects + now.pending_look_ups + now.pending_invokes, 0);
    CHECK_EQ(now.results_completed, 0);

    apm_socket_close(listener);
    peered_socket_close(pair);
    now = statistics_now();
    CHECK_EQ(now.sockets_open, 0);
    CHECK_EQ(now.pending_accepts + now.pending_receives + now.pending_sends, 0);
    CHECK_EQ(now.results_completed, ACCEPTS + RECEIVES + 1);
    for (size_t i = 0; i < ACCEPTS; i++) {
        apm_socket accepted;

        CHECK_ERROR(apm_socket_end_accept(listener, accepts[i], &accepted), APM_ERROR_OPERATION_ABORTED);
    }
    for (size_t i = 0; i < RECEIVES; i++) {
        CHECK_ERROR(apm_socket_end_receive(pair.socket, receives[i], NULL), APM_ERROR_OPERATION_ABORTED);
    }
    CHECK_ERROR(apm_socket_end_send(pair.socket, send, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(statistics_now().results_completed, 0);
    free(block);
}

TEST(connects_and_look_ups_are_counted_while_they_are_pending)
{
    apm_async_result connect;
    apm_async_result look_up;
    apm_host_entry *entry;
    apm_socket socket;

    enter_private_network_with_names();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.1:7000"), NULL, NULL, &connect));
    CHECK_SUCCESS(apm_dns_begin_get_host_entry("slow.example", NULL, NULL, &look_up));
    CHECK_EQ(statistics_now().pending_connects, 1);
    CHECK_EQ(statistics_now().pending_look_ups, 1);
    CHECK_SUCCESS(apm_dns_end_get_host_entry(look_up, &entry));
    CHECK_EQ(statistics_now().pending_look_ups, 0);
    apm_host_entry_free(entry);
    apm_socket_close(socket);
    CHECK_EQ(statistics_now().pending_connects, 0);
    CHECK_ERROR(apm_socket_end_connect(socket, connect), APM_ERROR_OPERATION_ABORTED);
}

TEST(a_report_of_readiness_is_an_event_of_a_poll)
{
    peered_socket pair = peered_socket_create();
    apm_async_result receive;
    statistics_t before;
    statistics_t now;
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive));
    AWAIT_STATISTICS(before, before.threads_idle == before.threads);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive, NULL));
    now = statistics_now();
    CHECK(now.events > before.events);
    CHECK(now.polls > before.polls);
    peered_socket_close(pair);
}

TEST(polling_on_before_a_sleep_is_counted_whether_it_pays_off_or_not)
{
    peered_socket pair = peered_socket_create();
    statistics_t now = statistics_now();

    for (size_t i = 0; now.spins_paid_off + now.spins_in_vain == 0 && i < 10000; i++) {
        apm_async_result receive;
        uint8_t buffer[1];

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive));
        raw_write(pair.peer, "x", 1);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive, NULL));
        now = statistics_now();
    }
    CHECK(now.spins_paid_off + now.spins_in_vain > 0);
    peered_socket_close(pair);
}

TEST(with_APM_SPIN_0_a_worker_never_polls_on_before_it_sleeps)
{
    setenv("APM_SPIN", "0", 1);
    peered_socket pair = peered_socket_create();
    statistics_t now;

    /* Many times as many sleeps as one of which would be put off otherwise. */
    for (size_t i = 0; i < 2000; i++) {
        apm_async_result receive;
        uint8_t buffer[1];

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive));
        raw_write(pair.peer, "x", 1);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive, NULL));
    }
    now = statistics_now();
    CHECK(now.polls > 0);
    CHECK_EQ(now.spins_paid_off + now.spins_in_vain, 0);
    peered_socket_close(pair);
}

TEST(deadlines_are_counted_while_they_are_armed_and_with_their_lateness_when_they_expire)
{
    peered_socket pair = peered_socket_create();
    apm_async_result receive;
    statistics_t now;
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &receive));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive, 10 * PATIENCE_MS));
    now = statistics_now();
    CHECK_EQ(now.deadlines_armed, 1);
    CHECK_EQ(now.deadlines_expired, 0);
    CHECK_EQ(now.deadline_lateness_max_ns, 0);
    CHECK_SUCCESS(apm_async_result_cancel_after(receive, 1));
    CHECK_ERROR(apm_socket_end_receive(pair.socket, receive, NULL), APM_ERROR_TIMED_OUT);
    now = statistics_now();
    CHECK_EQ(now.deadlines_armed, 0);
    CHECK_EQ(now.deadlines_expired, 1);
    CHECK(now.deadline_lateness_max_ns > 0);
    CHECK_EQ(now.deadline_lateness_ns, now.deadline_lateness_max_ns);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
