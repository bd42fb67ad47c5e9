/*
 * Accepting as .NET does: the cases acc-* of its recorded behaviour.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

static apm_error accept_one(apm_socket listener, apm_socket *accepted)
{
    struct operation accept;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    return finish_accept(listener, &accept, accepted);
}

/* -- Wrong states ------------------------------------------------------------------------------------------------ */

static void check_that_accept_is_invalid(apm_socket socket)
{
    struct operation accept;
    apm_socket accepted;

    CHECK_ERROR(apm_socket_begin_accept(socket, ON_CALLBACK(&accept)), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(accept.result));
    CHECK_ERROR(apm_socket_accept(socket, &accepted), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_socket_is_null(accepted));
}

TEST(accept_needs_a_socket_that_is_bound_and_listens_acc_001_acc_002_acc_003)
{
    apm_socket fresh = tcp_create();
    apm_socket bound = tcp_create();
    peered_socket connected = peered_socket_create();

    check_that_accept_is_invalid(fresh);
    CHECK_SUCCESS(apm_socket_bind(bound, loopback_endpoint(0)));
    check_that_accept_is_invalid(bound);
    check_that_accept_is_invalid(connected.socket);
    CHECK_SUCCESS(apm_socket_close(fresh));
    CHECK_SUCCESS(apm_socket_close(bound));
    peered_socket_close(connected);
}

TEST(a_closed_listener_does_not_accept_but_gives_what_it_had_accepted_acc_014)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    struct operation late;
    apm_socket accepted;
    int peer;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    peer = raw_connect(local);
    AWAIT(&accept);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(apm_socket_begin_accept(listener, ON_CALLBACK(&late)), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_socket_end_accept(listener, accept.result, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);
}

/* -- The accepted socket ----------------------------------------------------------------------------------------- */

TEST(an_accepted_socket_is_connected_and_bound_acc_004)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket listener = tcp_listen(&local);
    apm_socket client = tcp_create();
    apm_socket accepted;
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;

    CHECK_SUCCESS(apm_socket_connect(client, local));
    CHECK_SUCCESS(accept_one(listener, &accepted));
    CHECK(apm_socket_connected(accepted));
    CHECK(apm_socket_is_bound(accepted));
    CHECK_SUCCESS(apm_socket_address_family(accepted, &family));
    CHECK_SUCCESS(apm_socket_socket_type(accepted, &type));
    CHECK_SUCCESS(apm_socket_protocol_type(accepted, &protocol));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_EQ(type, APM_SOCKET_TYPE_STREAM);
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_TCP);
    CHECK_EQ(local_port(accepted), local.port);
    CHECK_SUCCESS(apm_socket_remote_endpoint(accepted, &remote));
    CHECK_EQ(remote.port, local_port(client));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(an_accepted_socket_has_the_listeners_options_but_not_its_time_outs_acc_005)
{
    apm_endpoint local;
    apm_socket listener = tcp_create();
    apm_socket accepted;
    apm_linger_option linger = {.enabled = true, .linger_time = 5};
    bool no_delay = false;
    int size = 0;
    int peer;

    CHECK_SUCCESS(apm_socket_set_no_delay(listener, true));
    CHECK_SUCCESS(apm_socket_set_linger_state(listener, linger));
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(listener, 20000));
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(listener, 30000));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(listener, 1234));
    CHECK_SUCCESS(apm_socket_bind(listener, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &local));
    peer = raw_connect(local);
    CHECK_SUCCESS(accept_one(listener, &accepted));
    linger.enabled = false;
    CHECK_SUCCESS(apm_socket_no_delay(accepted, &no_delay));
    CHECK(no_delay);
    CHECK_SUCCESS(apm_socket_linger_state(accepted, &linger));
    CHECK(linger.enabled);
    CHECK_EQ(linger.linger_time, 5);
    CHECK_SUCCESS(apm_socket_receive_buffer_size(accepted, &size));
    CHECK_EQ(size, 40000);
    CHECK_SUCCESS(apm_socket_send_buffer_size(accepted, &size));
    CHECK_EQ(size, 60000);
    CHECK_SUCCESS(apm_socket_receive_timeout(accepted, &size));
    CHECK_EQ(size, 0);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

/* What .NET was asked beside its recorded cases. */
static void check_handed_on(apm_socket accepted)
{
    bool value = true;
    int number = 0;

    CHECK_SUCCESS(apm_socket_exclusive_address_use(accepted, &value));
    CHECK(!value);
    CHECK_SUCCESS(apm_socket_blocking(accepted, &value));
    CHECK(!value);
    CHECK_SUCCESS(apm_socket_dont_fragment(accepted, &value));
    CHECK(value);
    CHECK_SUCCESS(apm_socket_ttl(accepted, &number));
    CHECK_EQ(number, 33);
    CHECK_SUCCESS(apm_socket_get_socket_option(accepted, APM_SOCKET_OPTION_LEVEL_SOCKET,
                                               APM_SOCKET_OPTION_NAME_KEEP_ALIVE, &number));
    CHECK_EQ(number, 1);
    CHECK_SUCCESS(apm_socket_close(accepted));
}

TEST(sockets_accepted_in_every_way_have_what_the_listener_hands_on_acc_005)
{
    apm_endpoint local;
    apm_socket listener = tcp_create();
    apm_socket accepted;
    apm_async_result result;
    char buffer[4];
    int peers[3];

    CHECK_SUCCESS(apm_socket_set_exclusive_address_use(listener, false));
    CHECK_SUCCESS(apm_socket_set_ttl(listener, 33));
    CHECK_SUCCESS(apm_socket_set_dont_fragment(listener, true));
    CHECK_SUCCESS(
        apm_socket_set_socket_option(listener, APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE, 1));
    CHECK_SUCCESS(apm_socket_set_blocking(listener, false));
    CHECK_SUCCESS(apm_socket_bind(listener, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &local));
    for (int i = 0; i < 3; i++) {
        peers[i] = raw_connect(local);
        raw_write(peers[i], "x", 1);
    }
    CHECK_SUCCESS(accept_one(listener, &accepted));
    check_handed_on(accepted);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, NULL, NULL, &result));
    CHECK_SUCCESS(apm_socket_end_accept_receive(listener, result, &accepted, NULL));
    check_handed_on(accepted);
    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, tcp_create(), NULL, 0, NULL, NULL, &result));
    CHECK_SUCCESS(apm_socket_end_accept_receive(listener, result, &accepted, NULL));
    check_handed_on(accepted);
    CHECK_SUCCESS(apm_socket_close(listener));
    for (int i = 0; i < 3; i++) {
        raw_close(peers[i]);
    }
}

TEST(a_connection_reset_before_the_accept_is_accepted_and_fails_at_first_use_acc_012)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    uint8_t buffer[4];
    int peer = raw_connect(local);

    raw_reset(peer);
    CHECK_SUCCESS(accept_one(listener, &accepted));
    CHECK_ERROR(apm_socket_receive(accepted, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- Listen and bind --------------------------------------------------------------------------------------------- */

TEST(an_unbound_socket_listens_but_does_not_count_as_bound_acc_015)
{
    apm_socket listener = tcp_create();
    apm_endpoint endpoint;

    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK(!apm_socket_is_bound(listener));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(listen_may_be_called_again_with_any_backlog_but_not_when_connected_acc_016)
{
    static const int backlogs[] = {0, -1, 2147483647};
    peered_socket connected = peered_socket_create();

    for (size_t i = 0; i < 3; i++) {
        apm_endpoint local;
        apm_socket listener = tcp_listen(&local);
        int peer;

        CHECK_SUCCESS(apm_socket_listen(listener, 5));
        CHECK_SUCCESS(apm_socket_listen(listener, backlogs[i]));
        peer = raw_connect(local);
        raw_close(peer);
        CHECK_SUCCESS(apm_socket_close(listener));
    }
    CHECK_ERROR(apm_socket_listen(connected.socket, 4), APM_ERROR_INVALID_ARGUMENT);
    peered_socket_close(connected);
}

TEST(a_port_in_time_wait_is_bound_again_acc_018)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket again = tcp_create();
    apm_socket accepted;
    int peer = raw_connect(local);

    /* Who closes first stays in TIME_WAIT. */
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_ORDERLY_END(peer, 0);
    raw_close(peer);
    CHECK_SUCCESS(apm_socket_close_and_wait(listener, PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_bind(again, local));
    CHECK_SUCCESS(apm_socket_listen(again, 4));
    CHECK_SUCCESS(apm_socket_close(again));
}

/* -- Several accepts --------------------------------------------------------------------------------------------- */

TEST(the_kth_accept_gets_the_kth_client_acc_019_acc_020)
{
    enum { COUNT = 8 };

    for (size_t round = 0; round < 20; round++) {
        apm_endpoint local;
        apm_socket listener = tcp_listen(&local);
        struct operation accepts[COUNT];
        int peers[COUNT];

        for (size_t i = 0; i < COUNT; i++) {
            CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accepts[i])));
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
}

struct accept_callback {
    apm_socket listener;
    struct latch entered;
    struct latch released;
    struct latch done;
    _Atomic bool block;
};

static void accept_and_perhaps_block(apm_async_result result)
{
    struct accept_callback *callback = apm_async_result_async_state(result);
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_end_accept(callback->listener, result, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    if (atomic_exchange(&callback->block, false)) {
        latch_add(&callback->entered, 1);
        LATCH_AWAIT(&callback->released, 1);
    }
    latch_add(&callback->done, 1);
}

TEST(a_second_accept_callback_runs_while_the_first_blocks_acc_021)
{
    apm_endpoint local;
    struct accept_callback callback = {.listener = tcp_listen(&local),
                                       .entered = LATCH_INITIALIZER,
                                       .released = LATCH_INITIALIZER,
                                       .done = LATCH_INITIALIZER};
    int peers[2];

    atomic_init(&callback.block, true);
    CHECK_SUCCESS(apm_socket_begin_accept(callback.listener, accept_and_perhaps_block, &callback, NULL));
    CHECK_SUCCESS(apm_socket_begin_accept(callback.listener, accept_and_perhaps_block, &callback, NULL));
    peers[0] = raw_connect(local);
    LATCH_AWAIT(&callback.entered, 1);
    peers[1] = raw_connect(local);
    LATCH_AWAIT(&callback.done, 1);
    latch_add(&callback.released, 1);
    LATCH_AWAIT(&callback.done, 2);
    CHECK_SUCCESS(apm_socket_close(callback.listener));
    raw_close(peers[0]);
    raw_close(peers[1]);
}

/* -- No descriptor left ------------------------------------------------------------------------------------------ */

/* Sets the limit to the lowest number that is free now, so that no descriptor can be made; returns the old limit. */
static rlim_t forbid_descriptors(void)
{
    struct rlimit limit;
    rlim_t old;
    int lowest_free = dup(STDERR_FILENO);

    raw_close(lowest_free);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    old = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)lowest_free;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return old;
}

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(without_descriptors_accept_is_too_many_open_sockets_and_the_connection_waits_acc_022)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    int peer = raw_connect(local);
    rlim_t limit = forbid_descriptors();
    apm_socket accepted;

    CHECK_ERROR(accept_one(listener, &accepted), APM_ERROR_TOO_MANY_OPEN_SOCKETS);
    CHECK_ERROR(apm_socket_accept(listener, &accepted), APM_ERROR_TOO_MANY_OPEN_SOCKETS);
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &accepted),
        APM_ERROR_TOO_MANY_OPEN_SOCKETS);
    allow_descriptors(limit);
    CHECK_SUCCESS(accept_one(listener, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

LIBRARY_TEST_MAIN()
