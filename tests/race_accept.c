/*
 * Races of accepts against connecting clients, close of the listener, and cancel.
 */
#include "support.h"

struct client {
    apm_endpoint remote;
    int descriptor;
    apm_async_result accept;
};

static void connect_the_client(void *argument)
{
    struct client *client = argument;

    client->descriptor = raw_connect(client->remote);
}

TEST(a_connection_that_comes_as_its_accept_begins_is_not_missed)
{
    struct client client;
    struct race race;
    apm_socket listener = tcp_listen(&client.remote);

    race_start(&race, connect_the_client, &client);
    while (race_goes_on(&race)) {
        struct operation accept;
        apm_socket accepted;

        race_clash(&race);
        CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
        CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
        race_settle(&race);
        raw_close(client.descriptor);
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* Reads what the other side of the client has to say: its end or its reset, whichever the listener's close gave. */
static void check_client_ends(int descriptor)
{
    stream_end end = raw_read_to_end(descriptor);

    CHECK_EQ(end.bytes, 0);
    raw_close(descriptor);
}

static void try_to_connect(void *argument)
{
    struct client *client = argument;
    apm_socket socket = tcp_create();
    apm_error error = apm_socket_connect(socket, client->remote);

    if (error != APM_ERROR_CONNECTION_REFUSED && error != APM_ERROR_CONNECTION_RESET) {
        CHECK_SUCCESS(error);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(accept_and_close_of_the_listener_complete_every_accept_once)
{
    enum { ACCEPTS = 3 };
    struct client client;
    struct race race;

    race_start(&race, try_to_connect, &client);
    while (race_goes_on(&race)) {
        struct operation accepts[ACCEPTS];
        apm_socket listener = tcp_listen(&client.remote);
        size_t accepted_count = 0;

        for (size_t i = 0; i < ACCEPTS; i++) {
            CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accepts[i])));
        }
        race_clash(&race);
        CHECK_SUCCESS(apm_socket_close(listener));
        race_settle(&race);
        for (size_t i = 0; i < ACCEPTS; i++) {
            apm_socket accepted;
            apm_error error = finish_accept(listener, &accepts[i], &accepted);

            CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
            CHECK_EQ(apm_socket_is_null(accepted), error != APM_ERROR_SUCCESS);
            if (error == APM_ERROR_SUCCESS) {
                accepted_count++;
                CHECK_SUCCESS(apm_socket_close(accepted));
            }
        }
        CHECK(accepted_count <= 1);
    }
    race_stop(&race);
}

static void cancel_the_accept(void *argument)
{
    CHECK_SUCCESS(apm_async_result_cancel(((struct client *)argument)->accept));
}

TEST(cancel_of_an_accept_as_a_client_connects_does_not_lose_the_connection)
{
    struct client client;
    struct race race;
    apm_socket listener = tcp_listen(&client.remote);

    race_start(&race, cancel_the_accept, &client);
    while (race_goes_on(&race)) {
        apm_socket accepted;
        apm_error error;
        int descriptor;

        CHECK_SUCCESS(apm_socket_begin_accept(listener, NULL, NULL, &client.accept));
        race_clash(&race);
        descriptor = raw_connect(client.remote);
        race_settle(&race);
        error = apm_socket_end_accept(listener, client.accept, &accepted);
        if (error != APM_ERROR_SUCCESS) {
            CHECK_ERROR(error, APM_ERROR_OPERATION_ABORTED);
            CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
        }
        CHECK_SUCCESS(apm_socket_close(accepted));
        check_client_ends(descriptor);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- A server -------------------------------------------------------------------------------------------------- */

enum { CLIENTS = 4 };

struct server {
    apm_socket listener;
    apm_endpoint local;
    int64_t deadline_ms;
    _Atomic size_t accepted;
    _Atomic size_t connected;
    struct latch aborted;
};

static void accept_on_and_on(apm_async_result result)
{
    struct server *server = apm_async_result_async_state(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(server->listener, result, &accepted);

    if (error == APM_ERROR_OPERATION_ABORTED) {
        latch_add(&server->aborted, 1);
        return;
    }
    CHECK_SUCCESS(error);
    atomic_fetch_add(&server->accepted, 1);
    CHECK_SUCCESS(apm_socket_close(accepted));
    error = apm_socket_begin_accept(server->listener, accept_on_and_on, server, NULL);
    if (error != APM_ERROR_SUCCESS) {
        CHECK_ERROR(error, APM_ERROR_OBJECT_DISPOSED);
        latch_add(&server->aborted, 1);
    }
}

static void connect_on_and_on(void *argument)
{
    struct server *server = argument;

    while (harness_now_ms() < server->deadline_ms) {
        int descriptor = raw_connect(server->local);

        atomic_fetch_add(&server->connected, 1);
        check_client_ends(descriptor);
    }
}

TEST(several_accept_chains_serve_several_clients_without_losing_one)
{
    struct server server = {.deadline_ms = race_deadline_ms(), .aborted = LATCH_INITIALIZER};
    struct thread threads[CLIENTS];

    server.listener = tcp_listen(&server.local);
    for (size_t i = 0; i < CLIENTS; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept(server.listener, accept_on_and_on, &server, NULL));
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        thread_start(&threads[i], connect_on_and_on, &server);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_SUCCESS(apm_socket_close(server.listener));
    LATCH_AWAIT(&server.aborted, CLIENTS);
    CHECK_EQ(atomic_load(&server.accepted), atomic_load(&server.connected));
}

LIBRARY_TEST_MAIN()
