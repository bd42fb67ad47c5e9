/*
 * Accepts that also receive, and accepts into a socket that exists: neither holds up others, and no connection is lost.
 */
#include <string.h>
#include <sys/socket.h>

#include "support.h"

static apm_error finish(apm_socket listener, struct operation *operation, apm_socket *accepted, size_t *transferred)
{
    AWAIT(operation);
    return apm_socket_end_accept_receive(listener, operation->result, accepted, transferred);
}

/*
 * Waits until the accepts begun before have taken their connections: they are served in their order, so they have when
 * another one, begun now, has taken one that comes now.
 */
static void await_taken(apm_socket listener, apm_endpoint local)
{
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);
}

/* A listener with one accept of 8 bytes, which has taken the connection of a silent peer. */
struct waiting {
    apm_endpoint local;
    apm_socket listener;
    struct operation accept;
    uint8_t buffer[8];
    int peer;
};

static void waiting_start(struct waiting *waiting)
{
    waiting->listener = tcp_listen(&waiting->local);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(waiting->listener, waiting->buffer, sizeof waiting->buffer,
                                                  ON_COMPLETION(&waiting->accept)));
    waiting->peer = raw_connect(waiting->local);
    await_taken(waiting->listener, waiting->local);
    CHECK_PENDING(&waiting->accept);
}

/* The accept has given the connection, without data; it works, and all is closed. */
static void waiting_end(struct waiting *waiting)
{
    apm_socket accepted;
    size_t transferred = 99;
    uint8_t byte;

    CHECK_SUCCESS(finish(waiting->listener, &waiting->accept, &accepted, &transferred));
    CHECK_EQ(transferred, 0);
    raw_write(waiting->peer, "x", 1);
    receive_exactly(accepted, &byte, 1);
    CHECK_EQ(byte, 'x');
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(waiting->listener));
    raw_close(waiting->peer);
}

/* -- Data -------------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(an_accept_with_a_size_completes_with_the_first_data)
{
    struct waiting waiting;
    apm_socket accepted;
    size_t transferred;
    uint8_t rest[4];

    waiting_start(&waiting);
    raw_write(waiting.peer, "0123456789ab", 12);
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, &transferred));
    CHECK_EQ(transferred, 8);
    CHECK_EQ(memcmp(waiting.buffer, "01234567", 8), 0);
    CHECK(apm_socket_connected(accepted));
    receive_exactly(accepted, rest, 4);
    CHECK_EQ(memcmp(rest, "89ab", 4), 0);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
    raw_close(waiting.peer);
}

CONTRACT_TEST(a_silent_connection_holds_up_no_other_accept)
{
    struct waiting waiting;
    struct operation next;
    apm_socket accepted;
    size_t transferred = 99;
    uint8_t buffer[8];

    waiting_start(&waiting);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(waiting.listener, buffer, sizeof buffer, ON_COMPLETION(&next)));
    int peer = raw_connect(waiting.local);
    raw_write(peer, "abc", 3);
    CHECK_SUCCESS(finish(waiting.listener, &next, &accepted, &transferred));
    CHECK_EQ(transferred, 3);
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);

    CHECK_SUCCESS(apm_socket_begin_accept(waiting.listener, ON_COMPLETION(&next)));
    peer = raw_connect(waiting.local);
    CHECK_SUCCESS(finish_accept(waiting.listener, &next, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);
    CHECK(!apm_async_result_is_completed(waiting.accept.result));
    CHECK_SUCCESS(apm_async_result_cancel(waiting.accept.result));
    waiting_end(&waiting);
}

CONTRACT_TEST(an_end_of_stream_before_any_data_completes_with_0_bytes)
{
    struct waiting waiting;
    apm_socket accepted;
    size_t transferred = 99;
    size_t received = 99;
    uint8_t byte;

    waiting_start(&waiting);
    raw_close(waiting.peer);
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, &transferred));
    CHECK_EQ(transferred, 0);
    CHECK_SUCCESS(apm_socket_receive(accepted, &byte, 1, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
}

CONTRACT_TEST(a_reset_before_any_data_gives_the_connection_and_is_what_its_next_receive_says)
{
    struct waiting waiting;
    struct operation receive;
    apm_socket accepted;
    size_t received = 99;
    uint8_t byte;

    waiting_start(&waiting);
    raw_reset(waiting.peer);
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, &received));
    CHECK_EQ(received, 0);
    CHECK(!apm_socket_connected(accepted));
    CHECK_SUCCESS(apm_socket_begin_receive(accepted, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_ERROR(finish_receive(accepted, &receive, &received), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
}

/* -- Early ends -------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(cancelling_an_accept_that_waits_for_data_gives_the_connection)
{
    struct waiting waiting;

    waiting_start(&waiting);
    CHECK_SUCCESS(apm_async_result_cancel(waiting.accept.result));
    waiting_end(&waiting);
}

CONTRACT_TEST(a_deadline_of_an_accept_that_waits_for_data_gives_the_connection)
{
    struct waiting waiting;

    waiting_start(&waiting);
    CHECK_SUCCESS(apm_async_result_cancel_after(waiting.accept.result, 1));
    waiting_end(&waiting);
}

CONTRACT_TEST(closing_the_listener_gives_the_connections_of_accepts_that_wait_for_data)
{
    enum { COUNT = 5 };
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accepts[COUNT];
    struct operation without_connection;
    apm_socket accepted;
    uint8_t buffer[COUNT + 1];
    int peers[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[i], 1, ON_COMPLETION(&accepts[i])));
        peers[i] = raw_connect(local);
    }
    await_taken(listener, local);
    CHECK_PENDING(&accepts[COUNT - 1]);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[COUNT], 1, ON_COMPLETION(&without_connection)));
    CHECK_SUCCESS(apm_socket_close_and_wait(listener, PATIENCE_MS));
    CHECK_ERROR(finish(listener, &without_connection, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t byte;

        CHECK_SUCCESS(finish(listener, &accepts[i], &accepted, NULL));
        raw_write(peers[i], "y", 1);
        receive_exactly(accepted, &byte, 1);
        CHECK_SUCCESS(apm_socket_close(accepted));
        raw_close(peers[i]);
    }
}

/* -- Into a socket ----------------------------------------------------------------------------------------------- */

CONTRACT_TEST(the_accept_socket_becomes_the_connection_and_its_receives_get_what_comes_after)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket accepted;
    struct operation accept;
    struct operation receive;
    uint8_t byte = 0;
    size_t received;
    int timeout_ms;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(own, 77));
    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own, NULL, 0, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_receive(own, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK(apm_socket_equals(accepted, own));
    CHECK(apm_socket_connected(own));
    CHECK_EQ(local_port(own), local.port);
    CHECK_SUCCESS(apm_socket_receive_timeout(own, &timeout_ms));
    CHECK_EQ(timeout_ms, 0);
    CHECK_PENDING(&receive);
    raw_write(peer, "z", 1);
    CHECK_SUCCESS(finish_receive(own, &receive, &received));
    CHECK_EQ(byte, 'z');
    send_all(own, "q", 1);
    raw_read_exactly(peer, &byte, 1);
    CHECK_EQ(byte, 'q');
    CHECK_SUCCESS(apm_socket_close(own));
    CHECK_ORDERLY_END(peer, 0);
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(the_accept_socket_receives_the_first_data)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket accepted;
    struct operation accept;
    uint8_t buffer[4] = {0};
    size_t transferred;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own, buffer, sizeof buffer, ON_COMPLETION(&accept)));
    int peer = raw_connect(local);
    CHECK_PENDING(&accept);
    raw_write(peer, "abc", 3);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, &transferred));
    CHECK(apm_socket_equals(accepted, own));
    CHECK_EQ(transferred, 3);
    CHECK_EQ(memcmp(buffer, "abc", 3), 0);
    CHECK_SUCCESS(apm_socket_close(own));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(closing_the_accept_socket_first_closes_the_connection_that_comes)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket accepted;
    struct operation accept;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own, NULL, 0, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_close(own));
    int peer = raw_connect(local);
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK(apm_socket_is_null(accepted));
    CHECK_ORDERLY_END(peer, 0);
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(an_accept_socket_can_connect_again_when_its_accept_has_been_cancelled)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket accepted;
    struct operation accept;
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own, NULL, 0, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_connect(own, local, ON_COMPLETION(&connect)));
    CHECK_ERROR(finish_connect(own, &connect), APM_ERROR_ALREADY_IN_PROGRESS);
    CHECK_SUCCESS(apm_async_result_cancel(accept.result));
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_socket_begin_connect(own, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(own, &connect));
    CHECK_SUCCESS(apm_socket_close(own));
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- What is refused --------------------------------------------------------------------------------------------- */

CONTRACT_TEST(what_cannot_be_accepted_is_refused)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket own = tcp_create();
    apm_socket closed = tcp_create();
    apm_socket v6;
    apm_socket accepted;
    struct operation accept;
    uint8_t byte;
    size_t too_much = (size_t)INT32_MAX + 1;

    CHECK_SUCCESS(apm_socket_close(closed));
    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &v6));
    CHECK_ERROR(apm_socket_begin_accept_receive(own, &byte, 1, ON_COMPLETION(&accept)), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(accept.result));
    CHECK_ERROR(apm_socket_begin_accept_receive(listener, NULL, 1, ON_COMPLETION(&accept)), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_accept_receive(listener, &byte, too_much, ON_COMPLETION(&accept)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_accept_socket(listener, closed, NULL, 0, ON_COMPLETION(&accept)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_accept_socket(listener, v6, NULL, 0, ON_COMPLETION(&accept)), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &byte, 1, ON_COMPLETION(&accept)));
    CHECK_ERROR(apm_socket_end_accept(listener, accept.result, &accepted), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_accept_receive(listener, accept.result, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_async_result_cancel(accept.result));
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_socket_close(v6));
    CHECK_SUCCESS(apm_socket_close(own));
    CHECK_SUCCESS(apm_socket_close(listener));
}

LIBRARY_TEST_MAIN()
