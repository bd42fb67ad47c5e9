/*
 * Races of accepts that receive and of files against cancel, close, and what the peer does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static apm_error finish(apm_socket listener, struct operation *operation, apm_socket *accepted, size_t *transferred)
{
    AWAIT(operation);
    return apm_socket_end_accept_receive(listener, operation->result, accepted, transferred);
}

/* -- Accepts that receive ---------------------------------------------------------------------------------------- */

struct client {
    apm_endpoint remote;
    int descriptor;
    uint64_t random;
};

/* Connects and sends a byte, or resets instead. */
static void connect_and_send(void *argument)
{
    struct client *client = argument;

    client->descriptor = raw_connect(client->remote);
    if (harness_random(&client->random) % 4 == 0) {
        raw_reset(client->descriptor);
        client->descriptor = -1;
    } else {
        raw_write(client->descriptor, "x", 1);
    }
}

TEST(cancel_of_an_accept_that_receives_loses_neither_the_connection_nor_its_data)
{
    struct client client = {.random = harness_seed()};
    struct race race;
    apm_socket listener = tcp_listen(&client.remote);

    race_start(&race, connect_and_send, &client);
    while (race_goes_on(&race)) {
        struct operation accept;
        apm_socket accepted;
        uint8_t buffer[4] = {0};
        size_t count = 0;

        CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, ON_CALLBACK(&accept)));
        race_clash(&race);
        for (uint64_t i = harness_random(&race.random) % 2000; i > 0; i--)
            apm_async_result_is_completed(accept.result);
        CHECK_SUCCESS(apm_async_result_cancel(accept.result));
        race_settle(&race);
        apm_error error = finish(listener, &accept, &accepted, &count);
        if (error == APM_ERROR_OPERATION_ABORTED)
            CHECK_SUCCESS(apm_socket_accept(listener, &accepted)); /* left to the next accept */
        else
            CHECK_SUCCESS(error);
        if (client.descriptor >= 0) {
            if (count == 0)
                receive_exactly(accepted, buffer, 1);
            CHECK_EQ(buffer[0], 'x');
            raw_close(client.descriptor);
        } else if (count == 0) {
            error = apm_socket_receive(accepted, buffer, 1, APM_SOCKET_FLAGS_NONE, &count);
            CHECK(error == APM_ERROR_CONNECTION_RESET);
        }
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(close_of_the_listener_completes_every_accept_that_receives_once)
{
    enum { ACCEPTS = 3 };
    struct client client = {.random = harness_seed()};
    struct race race;

    race_start(&race, connect_and_send, &client);
    while (race_goes_on(&race)) {
        struct operation accepts[ACCEPTS];
        apm_socket listener = tcp_listen(&client.remote);
        apm_endpoint unused = client.remote;
        uint8_t buffer[ACCEPTS];
        int silent = raw_connect(unused);

        for (size_t i = 0; i < ACCEPTS; i++)
            CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[i], 1, ON_CALLBACK(&accepts[i])));
        race_clash(&race);
        race_settle(&race); /* connected, and perhaps not accepted yet */
        CHECK_SUCCESS(apm_socket_close(listener));
        for (size_t i = 0; i < ACCEPTS; i++) {
            apm_socket accepted;
            apm_error error = finish(listener, &accepts[i], &accepted, NULL);

            CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
            CHECK_EQ(apm_socket_is_null(accepted), error != APM_ERROR_SUCCESS);
            if (error == APM_ERROR_SUCCESS)
                CHECK_SUCCESS(apm_socket_close(accepted));
        }
        raw_close(silent);
        if (client.descriptor >= 0)
            raw_close(client.descriptor);
    }
    race_stop(&race);
}

struct own {
    apm_socket socket;
};

static void close_own(void *argument)
{
    CHECK_SUCCESS(apm_socket_close(((struct own *)argument)->socket));
}

TEST(close_of_the_accept_socket_as_a_client_connects_ends_the_accept_and_the_connection)
{
    struct own own;
    apm_endpoint local;
    struct race race;
    apm_socket listener = tcp_listen(&local);

    race_start(&race, close_own, &own);
    while (race_goes_on(&race)) {
        struct operation accept;
        struct operation receive;
        apm_socket accepted;
        uint8_t bytes[2];

        own.socket = tcp_create();
        CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, own.socket, bytes, 1, ON_CALLBACK(&accept)));
        CHECK_SUCCESS(apm_socket_begin_receive(own.socket, &bytes[1], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        race_clash(&race);
        int peer = raw_connect(local);
        race_settle(&race);
        apm_error error = finish(listener, &accept, &accepted, NULL);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_ERROR(finish_receive(own.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
        CHECK_EQ(raw_read_to_end(peer).bytes, 0);
        raw_close(peer);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* -- Files ------------------------------------------------------------------------------------------------------- */

struct reader {
    peered_socket pair;
    apm_async_result send;
    int what;
    uint64_t random;
};

static void disturb(void *argument)
{
    struct reader *reader = argument;

    if (reader->what == 0) {
        CHECK_SUCCESS(apm_socket_close(reader->pair.socket));
        return;
    }
    if (reader->what == 1)
        CHECK_SUCCESS(apm_async_result_cancel(reader->send));
    CHECK_SUCCESS(apm_socket_shutdown(reader->pair.socket, APM_SOCKET_SHUTDOWN_SEND)); /* the reader sees an end */
}

TEST(a_file_that_is_disturbed_completes_once_and_says_how_much_went)
{
    enum { SIZE = 24 << 20 };
    char name[] = "/tmp/apm-race-XXXXXX";
    int file = mkstemp(name);
    struct reader reader = {.random = harness_seed()};
    struct race race;

    CHECK(file >= 0);
    CHECK_EQ(ftruncate(file, SIZE), 0);
    race_start(&race, disturb, &reader);
    while (race_goes_on(&race)) {
        struct operation send;
        const apm_file_range all = {0, APM_FILE_RANGE_TO_END};
        uint64_t sent = 0;

        reader.pair = peered_socket_create();
        reader.what = (int)(harness_random(&reader.random) % 3);
        CHECK_SUCCESS(apm_socket_begin_send_file_descriptor(reader.pair.socket, file, all, ON_CALLBACK(&send)));
        reader.send = send.result;
        race_clash(&race);
        stream_end end = raw_read_to_end(reader.pair.peer);
        race_settle(&race);
        AWAIT(&send);
        apm_error error = apm_socket_end_send_file(reader.pair.socket, send.result, &sent);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_SHUTDOWN);
        CHECK(end.bytes <= sent);
        CHECK_EQ(sent == SIZE, error == APM_ERROR_SUCCESS);
        if (error == APM_ERROR_SUCCESS && !end.reset)
            CHECK_EQ(end.bytes, SIZE);
        if (reader.what != 0)
            CHECK_SUCCESS(apm_socket_close(reader.pair.socket));
        raw_close(reader.pair.peer);
    }
    race_stop(&race);
    close(file);
    CHECK_EQ(unlink(name), 0);
}

LIBRARY_TEST_MAIN()
