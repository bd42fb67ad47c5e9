/*
 * Races of close against Begin, completion, callbacks, other closes, and the next user of the descriptor.
 */
#include <stdlib.h>

#include "support.h"

/* -- Begin ------------------------------------------------------------------------------------------------------- */

struct begin_rival {
    peered_socket pair;
    struct operation receive;
    struct operation send;
    apm_error receive_begun;
    apm_error send_begun;
    uint8_t buffer[4];
};

static void begin_both(void *argument)
{
    struct begin_rival *rival = argument;

    rival->receive_begun = apm_socket_begin_receive(rival->pair.socket, rival->buffer, 4, APM_SOCKET_FLAGS_NONE,
                                                    ON_CALLBACK(&rival->receive));
    rival->send_begun = apm_socket_begin_send(rival->pair.socket, "abcd", 4, APM_SOCKET_FLAGS_NONE,
                                              ON_CALLBACK(&rival->send));
}

TEST(begin_and_close_leave_nothing_pending)
{
    struct begin_rival rival;
    struct race race;

    race_start(&race, begin_both, &rival);
    while (race_goes_on(&race)) {
        rival.pair = peered_socket_create();
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close(rival.pair.socket));
        race_settle(&race);
        if (rival.receive_begun == APM_ERROR_SUCCESS) {
            CHECK_ERROR(finish_receive(rival.pair.socket, &rival.receive, NULL), APM_ERROR_OPERATION_ABORTED);
        } else {
            CHECK_ERROR(rival.receive_begun, APM_ERROR_OBJECT_DISPOSED);
            CHECK(apm_async_result_is_null(rival.receive.result));
        }
        if (rival.send_begun == APM_ERROR_SUCCESS) {
            apm_error error = finish_send(rival.pair.socket, &rival.send, NULL);

            CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
            CHECK_ORDERLY_END(rival.pair.peer, error == APM_ERROR_SUCCESS ? 4 : 0);
        } else {
            CHECK_ERROR(rival.send_begun, APM_ERROR_OBJECT_DISPOSED);
            CHECK_ORDERLY_END(rival.pair.peer, 0);
        }
        raw_close(rival.pair.peer);
    }
    race_stop(&race);
}

/* -- Completion -------------------------------------------------------------------------------------------------- */

struct data_rival {
    peered_socket pair;
    bool reset;
};

static void write_or_reset(void *argument)
{
    struct data_rival *rival = argument;

    if (rival->reset) {
        raw_reset(rival->pair.peer);
    } else {
        raw_write(rival->pair.peer, "abcd", 4);
    }
}

TEST(data_or_reset_and_close_complete_a_receive_once)
{
    struct data_rival rival;
    struct race race;

    race_start(&race, write_or_reset, &rival);
    while (race_goes_on(&race)) {
        struct operation receive;
        uint8_t buffer[4];
        apm_error error;

        rival.pair = peered_socket_create();
        rival.reset = race.rounds % 2 == 0;
        CHECK_SUCCESS(
            apm_socket_begin_receive(rival.pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close(rival.pair.socket));
        race_settle(&race);
        error = finish_receive(rival.pair.socket, &receive, NULL);
        CHECK(error == APM_ERROR_OPERATION_ABORTED ||
              error == (rival.reset ? APM_ERROR_CONNECTION_RESET : APM_ERROR_SUCCESS));
        if (!rival.reset) {
            raw_close(rival.pair.peer);
        }
    }
    race_stop(&race);
}

/* -- Connect and disconnect -------------------------------------------------------------------------------------- */

struct connect_rival {
    apm_socket socket;
};

static void close_the_socket(void *argument)
{
    CHECK_SUCCESS(apm_socket_close(((struct connect_rival *)argument)->socket));
}

TEST(connect_and_close_complete_the_connect_once)
{
    struct connect_rival rival;
    struct race race;
    apm_endpoint local;
    int listener = raw_listen(1024, &local);

    race_start(&race, close_the_socket, &rival);
    while (race_goes_on(&race)) {
        struct operation connect;
        apm_error begun;

        rival.socket = tcp_create();
        race_clash(&race);
        begun = apm_socket_begin_connect(rival.socket, local, ON_CALLBACK(&connect));
        if (begun == APM_ERROR_SUCCESS) {
            apm_error error = finish_connect(rival.socket, &connect);

            CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
        } else {
            CHECK_ERROR(begun, APM_ERROR_OBJECT_DISPOSED);
        }
        race_settle(&race);
        /* Whatever has come to the listener is taken, so that its queue does not fill. */
        while (raw_readable(listener, 0)) {
            raw_close(raw_accept(listener));
        }
    }
    race_stop(&race);
    raw_close(listener);
}

/* -- Callbacks --------------------------------------------------------------------------------------------------- */

struct callback_rival {
    peered_socket pair;
    uint8_t buffer[4];
    _Atomic int inside;
};

static void receive_on_until_closed(apm_async_result result)
{
    struct callback_rival *rival = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);

    atomic_fetch_add(&rival->inside, 1);
    if (apm_socket_end_receive(socket, result, NULL) == APM_ERROR_SUCCESS) {
        apm_error error = apm_socket_begin_receive(socket, rival->buffer, 1, APM_SOCKET_FLAGS_NONE,
                                                   receive_on_until_closed, rival, NULL);

        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    }
    atomic_fetch_sub(&rival->inside, 1);
}

static void write_much(void *argument)
{
    struct callback_rival *rival = argument;
    static uint8_t data[200];

    raw_write(rival->pair.peer, data, sizeof data);
}

TEST(close_and_wait_returns_only_when_no_callback_runs_or_will_run)
{
    struct callback_rival rival;
    struct race race;

    race_start(&race, write_much, &rival);
    while (race_goes_on(&race)) {
        rival.pair = peered_socket_create();
        atomic_init(&rival.inside, 0);
        CHECK_SUCCESS(apm_socket_begin_receive(rival.pair.socket, rival.buffer, 1, APM_SOCKET_FLAGS_NONE,
                                               receive_on_until_closed, &rival, NULL));
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close_and_wait(rival.pair.socket, PATIENCE_MS));
        CHECK_EQ(atomic_load(&rival.inside), 0);
        race_settle(&race);
        CHECK_EQ(atomic_load(&rival.inside), 0);
        raw_close(rival.pair.peer);
    }
    race_stop(&race);
}

/* -- Other closes and properties --------------------------------------------------------------------------------- */

static void close_or_ask(void *argument)
{
    struct data_rival *rival = argument;
    apm_endpoint endpoint;
    size_t available;
    apm_error error;

    if (rival->reset) {
        CHECK_SUCCESS(apm_socket_close(rival->pair.socket));
        return;
    }
    /* Each reaches the descriptor, which must not be another's by then. */
    error = apm_socket_remote_endpoint(rival->pair.socket, &endpoint);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    error = apm_socket_available(rival->pair.socket, &available);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    error = apm_socket_shutdown(rival->pair.socket, APM_SOCKET_SHUTDOWN_BOTH);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
}

TEST(two_closes_and_questions_meanwhile_never_reach_the_next_socket)
{
    peered_socket bystander = peered_socket_create();
    struct data_rival rival;
    struct race race;
    uint8_t byte;

    race_start(&race, close_or_ask, &rival);
    while (race_goes_on(&race)) {
        apm_socket next;

        rival.pair = peered_socket_create();
        rival.reset = race.rounds % 4 == 0;
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close(rival.pair.socket));
        next = tcp_create();
        race_settle(&race);
        /* A shutdown that hit the new socket's descriptor would show here. */
        CHECK_SUCCESS(apm_socket_bind(next, loopback_endpoint(0)));
        CHECK_SUCCESS(apm_socket_listen(next, 1));
        CHECK_SUCCESS(apm_socket_close(next));
        raw_close(rival.pair.peer);
    }
    race_stop(&race);
    raw_write(bystander.peer, "x", 1);
    receive_exactly(bystander.socket, &byte, 1);
    peered_socket_close(bystander);
}

LIBRARY_TEST_MAIN()
