/*
 * Accept: order, exhausted descriptors, listeners that close.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

CONTRACT_TEST(a_pending_accept_completes_when_somebody_connects)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    struct operation accept;
    int peer;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_PENDING(&accept);
    peer = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK(apm_socket_connected(accepted));
    CHECK(apm_socket_is_bound(accepted));
    CHECK_EQ(local_port(accepted), local.port);
    CHECK_SUCCESS(apm_socket_remote_endpoint(accepted, &remote));
    CHECK(apm_ip_address_is_loopback(remote.address));
    raw_write(peer, "ping", 4);
    receive_exactly(accepted, buffer, 4);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(connections_go_to_pending_accepts_in_the_order_begun)
{
    enum { COUNT = 16 };
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accepts[COUNT];
    int peers[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accepts[i])));
    }
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t number = (uint8_t)i;

        peers[i] = raw_connect(local);
        raw_write(peers[i], &number, 1);
    }
    for (size_t i = 0; i < COUNT; i++) {
        apm_socket accepted;
        uint8_t number;

        CHECK_SUCCESS(finish_accept(listener, &accepts[i], &accepted));
        receive_exactly(accepted, &number, 1);
        CHECK_EQ(number, i);
        CHECK_SUCCESS(apm_socket_close(accepted));
        raw_close(peers[i]);
    }
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(an_accept_that_completed_before_its_listener_closed_gives_the_connection)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    struct operation accept;
    int peer;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    peer = raw_connect(local);
    AWAIT(&accept);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_end_accept(listener, accept.result, &accepted));
    send_all(accepted, "hello", 5);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_ORDERLY_END(peer, 5);
    raw_close(peer);
}

/* -- No descriptor left ------------------------------------------------------------------------------------------ */

/* Takes every descriptor but `spare` ones; returns what it took and how many. */
static int *take_descriptors(size_t spare, size_t *count)
{
    struct rlimit limit = {.rlim_cur = 256, .rlim_max = 256};
    int *taken = calloc(256, sizeof *taken);
    struct rlimit old;

    CHECK(taken != NULL);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    limit.rlim_max = old.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    *count = 0;
    for (;;) {
        int descriptor = dup(STDERR_FILENO);

        if (descriptor < 0) {
            CHECK_EQ(errno, EMFILE);
            break;
        }
        taken[(*count)++] = descriptor;
    }
    for (; spare > 0; spare--) {
        raw_close(taken[--*count]);
    }
    return taken;
}

static void give_descriptors_back(int *taken, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        raw_close(taken[i]);
    }
    free(taken);
}

static void check_echo(apm_socket accepted, int peer)
{
    uint8_t buffer[4];

    raw_write(peer, "ping", 4);
    receive_exactly(accepted, buffer, 4);
    send_all(accepted, buffer, 4);
    raw_read_exactly(peer, buffer, 4);
    CHECK_EQ(memcmp(buffer, "ping", 4), 0);
}

CONTRACT_TEST(accept_with_descriptors_exhausted_fails_and_recovers)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    apm_socket none;
    struct operation accept;
    size_t count;
    int *taken;
    int peer;

    /* One pending accept and one descriptor, for the client. */
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_PENDING(&accept);
    taken = take_descriptors(1, &count);
    peer = raw_connect(local);
    CHECK_ERROR(finish_accept(listener, &accept, &accepted), APM_ERROR_TOO_MANY_OPEN_SOCKETS);
    CHECK(apm_socket_is_null(accepted));
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &none),
        APM_ERROR_TOO_MANY_OPEN_SOCKETS);
    CHECK(apm_socket_is_null(none));
    CHECK_ERROR(apm_socket_accept(listener, &none), APM_ERROR_TOO_MANY_OPEN_SOCKETS);

    /* The connection has stayed with the system. */
    give_descriptors_back(taken, count);
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    check_echo(accepted, peer);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(exhausted_descriptors_do_not_disturb_operations_that_are_pending)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t count;
    int *taken;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    taken = take_descriptors(0, &count);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    check_echo(pair.socket, pair.peer);
    give_descriptors_back(taken, count);
    peered_socket_close(pair);
}

/* -- Never ended ------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_connection_whose_accept_is_never_ended_is_closed_by_cleanup)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    int peer;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    peer = raw_connect(local);
    AWAIT(&accept);
    CHECK(!raw_readable(peer, 0));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ORDERLY_END(peer, 0);
    raw_close(peer);
}

LIBRARY_TEST_MAIN()
