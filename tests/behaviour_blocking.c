/*
 * Sockets that do not block, and what their time-outs and asynchronous operations do then, as in .NET: the cases of its
 * recorded behaviour about Blocking, and pol-021 and pol-025.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "support.h"

static bool poll_now(apm_socket socket, apm_select_mode mode)
{
    bool ready = false;

    CHECK_SUCCESS(apm_socket_poll(socket, 0, mode, &ready));
    return ready;
}

#define CHECK_POLL(socket, read, write, error)                           \
    do {                                                                 \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_READ), read);   \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_WRITE), write); \
        CHECK_EQ(poll_now(socket, APM_SELECT_MODE_SELECT_ERROR), error); \
    } while (0)

/* Waits until the socket is ready, as long as that may take. */
static void await_ready(apm_socket socket, apm_select_mode mode)
{
    bool ready;

    CHECK_SUCCESS(apm_socket_poll(socket, PATIENCE_MS * 1000LL, mode, &ready));
    CHECK(ready);
}

static void set_blocking(apm_socket socket, bool blocking)
{
    CHECK_SUCCESS(apm_socket_set_blocking(socket, blocking));
}

TEST(the_synchronous_calls_of_a_socket_that_does_not_block_say_so_pol_025_acc_013)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted = {1};
    struct operation accept;
    peered_socket pair = peered_socket_create();
    char byte;
    size_t received = 99;
    bool blocking = true;

    set_blocking(listener, false);
    CHECK_ERROR(apm_socket_accept(listener, &accepted), APM_ERROR_WOULD_BLOCK);
    CHECK(apm_socket_is_null(accepted));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    CHECK_PENDING(&accept);
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_blocking(accepted, &blocking));
    CHECK(!blocking);

    set_blocking(pair.socket, false);
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, &received), APM_ERROR_WOULD_BLOCK);
    CHECK_EQ(received, 0);
    CHECK(apm_socket_connected(pair.socket));
    peered_socket_close(pair);
    raw_close(peer);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(a_send_that_does_not_block_sends_what_there_is_room_for_and_harms_no_later_one_pol_025)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    size_t total = 0;
    size_t sent = 0;

    set_blocking(pair.socket, false);
    CHECK_SUCCESS(apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, 0, &sent));
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);
    total = sent;
    while (apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, 0, &sent) == APM_ERROR_SUCCESS)
        total += sent;
    CHECK_ERROR(apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, 0, &sent), APM_ERROR_WOULD_BLOCK);
    CHECK_EQ(sent, 0);
    CHECK(apm_socket_connected(pair.socket));
    raw_read_zeros(pair.peer, total);
    await_ready(pair.socket, APM_SELECT_MODE_SELECT_WRITE);
    send_all(pair.socket, block, 1);
    raw_read_zeros(pair.peer, 1);
    free(block);
    peered_socket_close(pair);
}

TEST(what_poll_has_seen_a_socket_that_does_not_block_receives_at_once)
{
    peered_socket pair = peered_socket_create();
    char byte;
    size_t received;

    set_blocking(pair.socket, false);
    for (int i = 0; i < 1000; i++) {
        CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, &received), APM_ERROR_WOULD_BLOCK);
        raw_write(pair.peer, "x", 1);
        while (!poll_now(pair.socket, APM_SELECT_MODE_SELECT_READ))
            continue;
        CHECK_SUCCESS(apm_socket_receive(pair.socket, &byte, 1, 0, &received));
        CHECK_EQ(received, 1);
    }
    peered_socket_close(pair);
}

TEST(asynchronous_operations_wait_whether_the_socket_blocks_or_not_io_040_io_041)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    char bytes[2];
    size_t received;
    bool blocking = false;

    set_blocking(pair.socket, false);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, bytes, 2, 0, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_ERROR(apm_socket_receive(pair.socket, bytes, 2, 0, &received), APM_ERROR_WOULD_BLOCK);
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);

    set_blocking(pair.socket, true);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, bytes, 2, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_blocking(pair.socket, &blocking));
    CHECK(blocking);
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    peered_socket_close(pair);
}

TEST(blocking_again_the_receive_time_out_holds_opt_036)
{
    peered_socket pair = peered_socket_create();
    char byte;

    set_blocking(pair.socket, false);
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, NULL), APM_ERROR_WOULD_BLOCK);
    set_blocking(pair.socket, true);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 100));
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, NULL), APM_ERROR_TIMED_OUT);
    peered_socket_close(pair);
}

TEST(a_unix_domain_socket_that_does_not_block_connects_at_once_or_says_that_it_would_block)
{
    apm_endpoint local = unix_abstract_endpoint();
    apm_socket listener = unix_listen(local, 0);
    apm_socket first = unix_create();
    apm_socket second = unix_create();

    set_blocking(first, false);
    set_blocking(second, false);
    CHECK_SUCCESS(apm_socket_connect(first, local));
    CHECK(apm_socket_connected(first));
    CHECK_ERROR(apm_socket_connect(second, local), APM_ERROR_WOULD_BLOCK);
    CHECK_POLL(second, true, true, false); /* nothing is under way */
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(the_receive_time_out_holds_after_asynchronous_operations_pol_021)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    char byte;
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, 0, ON_CALLBACK(&receive)));
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 100));
    int64_t before_ms = harness_now_ms();
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, 0, &received), APM_ERROR_TIMED_OUT);
    CHECK(harness_now_ms() - before_ms >= 99);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
