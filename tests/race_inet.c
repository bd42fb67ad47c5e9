/*
 * Races of Inet sockets: closing, freezing, moving events and cancelling while the peer writes, and the end of the
 * library while other threads connect. Nothing comes after the end, nothing is lost, nothing leaks.
 */
#include <stdlib.h>

#include "support_inet.h"

/* A connected pair whose handles any thread may use. */
static void free_pair(SOCKET listener, SOCKET *client, SOCKET *server)
{
    *client = InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, INET_OPTION_FREETHREAD,
                           NULL);
    CHECK_MADE(*client);
    *server = InetAcceptExA(listener, INET_PATIENCE_S, INET_OPTION_FREETHREAD, NULL);
    CHECK_MADE(*server);
}

static void pump_what_is_there(apm_event_queue queue)
{
    apm_error error = apm_event_queue_pump(queue, 0, NULL);

    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
}

struct rival {
    SOCKET socket;
    unsigned choice;
};

/* Writes something, or ends the connection. */
static void use_peer(void *argument)
{
    struct rival *rival = argument;
    BYTE block[3000] = {0};

    if (rival->choice % 3 != 0) {
        INT size = (INT)(rival->choice % sizeof block) + 1;
        INT written = InetWrite(rival->socket, block, size);

        CHECK(written == size || written == INET_ERROR); /* the other end may have gone */
    }
    if (rival->choice % 3 != 1) {
        CHECK_EQ(InetDisconnect(rival->socket), 0);
    }
}

/* -- Closing ------------------------------------------------------------------------------------------------------- */

struct watched {
    SOCKET closed; /* of which nothing may come any more */
    int count;
};

static void on_watched(const apm_event_message *message, void *context)
{
    struct watched *watched = context;

    CHECK((SOCKET)message->w_param != watched->closed);
    watched->count++;
}

INET_TEST(disconnect_races_with_what_the_peer_does_and_no_event_comes_after_it)
{
    struct rival rival = {.choice = 0};
    struct watched watched = {.closed = INVALID_SOCKET};
    struct race race;
    apm_event_queue queue;
    HWND window;
    SOCKET listener = inet_listener(), client;

    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    CHECK_SUCCESS(apm_event_target_create(queue, on_watched, &watched, &window));
    race_start(&race, use_peer, &rival);
    while (race_goes_on(&race)) {
        SOCKET peer;

        free_pair(listener, &client, &peer);
        rival.socket = peer;
        rival.choice = (unsigned)harness_random(&race.random);
        CHECK_EQ(InetEnableEvents(client, window, INET_MESSAGE), 0);
        race_clash(&race);
        if (rival.choice % 2 == 0) {
            pump_what_is_there(queue);
            (void)InetWrite(client, "x", 1);
        }
        CHECK_EQ(InetDisconnect(client), 0);
        watched.closed = client;
        pump_what_is_there(queue);
        race_settle(&race);
        pump_what_is_there(queue);
        if (rival.choice % 3 == 1) {
            CHECK_EQ(InetDisconnect(peer), 0);
        }
    }
    race_stop(&race);
    CHECK(watched.count > 0);
    CHECK_SUCCESS(apm_event_target_close(window));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

/* -- Freezing and moving ------------------------------------------------------------------------------------------- */

struct reader {
    SOCKET socket;
    int64_t total;
    bool ended;
};

static void on_read(const apm_event_message *message, void *context)
{
    struct reader *reader = context;
    BYTE buffer[700];
    int got;

    if (LOWORD(message->l_param) == INET_EVENT_DISCONNECT) {
        reader->ended = true;
    } else if (LOWORD(message->l_param) == INET_EVENT_READ) {
        got = InetRead((SOCKET)message->w_param, buffer, sizeof buffer);
        CHECK(got >= 0 || InetGetLastError() == ST_ERROR_OPERATION_WOULD_BLOCK);
        reader->total += got > 0 ? got : 0;
    }
}

struct writer {
    SOCKET socket;
    int64_t total;
};

static void write_pieces(void *argument)
{
    struct writer *writer = argument;
    uint64_t random = harness_seed();
    BYTE block[2000] = {0};

    for (int i = 0; i < 300; i++) {
        INT size = (INT)(harness_random(&random) % sizeof block) + 1;

        CHECK_EQ(InetWrite(writer->socket, block, size), size);
        writer->total += size;
    }
    CHECK_EQ(InetDisconnect(writer->socket), 0);
}

INET_TEST(freezing_and_moving_events_loses_none_of_them)
{
    int64_t deadline = race_deadline_ms();
    uint64_t random = harness_seed();
    SOCKET listener = inet_listener();

    do {
        struct reader reader = {.total = 0};
        struct writer writer = {.total = 0};
        struct thread thread;
        apm_event_queue queues[2];
        HWND windows[2];
        SOCKET client;

        for (int i = 0; i < 2; i++) {
            CHECK_SUCCESS(apm_event_queue_create(0, &queues[i]));
            CHECK_SUCCESS(apm_event_target_create(queues[i], on_read, &reader, &windows[i]));
        }
        free_pair(listener, &client, &writer.socket);
        CHECK_EQ(InetEnableEvents(client, windows[0], INET_MESSAGE), 0);
        thread_start(&thread, write_pieces, &writer);
        for (int i = 0; i < 200 && !reader.ended; i++) {
            switch (harness_random(&random) % 4) {
            case 0: CHECK_EQ(InetFreezeEvents(client, TRUE), 0); break;
            case 1: CHECK_EQ(InetFreezeEvents(client, FALSE), 0); break;
            case 2: CHECK_EQ(InetEnableEvents(client, windows[i % 2], INET_MESSAGE), 0); break;
            default: CHECK_EQ(InetDisableEvents(client), 0); break;
            }
            pump_what_is_there(queues[0]);
            pump_what_is_there(queues[1]);
        }
        CHECK_EQ(InetFreezeEvents(client, FALSE), 0);
        CHECK_EQ(InetEnableEvents(client, windows[0], INET_MESSAGE), 0);
        PUMP_UNTIL(queues[0], reader.ended);
        thread_join(&thread);
        CHECK_EQ(reader.total, writer.total);
        CHECK_EQ(InetDisconnect(client), 0);
        for (int i = 0; i < 2; i++) {
            CHECK_SUCCESS(apm_event_target_close(windows[i]));
            CHECK_SUCCESS(apm_event_queue_close(queues[i]));
        }
    } while (harness_now_ms() < deadline);
}

/* -- Cancelling ---------------------------------------------------------------------------------------------------- */

static void write_byte(void *argument)
{
    struct rival *rival = argument;

    CHECK_EQ(InetWrite(rival->socket, "x", 1), 1);
    CHECK_EQ(InetCancel(rival->choice % 2 ? rival->socket : INVALID_SOCKET), rival->choice % 2 ? 0 : INET_ERROR);
}

struct cancelling {
    SOCKET socket;
    atomic_bool over;
};

static void cancel_always(void *argument)
{
    struct cancelling *cancelling = argument;

    while (!atomic_load(&cancelling->over)) {
        CHECK_EQ(InetCancel(cancelling->socket), 0);
    }
}

INET_TEST(a_read_that_is_cancelled_leaves_its_data_to_the_next)
{
    struct rival rival = {.choice = 0};
    struct cancelling cancelling;
    struct thread thread;
    struct race race;
    SOCKET client, listener = inet_listener();

    free_pair(listener, &client, &rival.socket);
    cancelling.socket = client;
    atomic_init(&cancelling.over, false);
    thread_start(&thread, cancel_always, &cancelling);
    race_start(&race, write_byte, &rival);
    while (race_goes_on(&race)) {
        BYTE buffer[4];
        int got;

        rival.choice = (unsigned)race.rounds;
        race_clash(&race);
        do {
            got = InetRead(client, buffer, sizeof buffer);
            CHECK(got == 1 || InetGetLastError() == ST_ERROR_OPERATION_CANCELED);
        } while (got != 1);
        race_settle(&race);
    }
    race_stop(&race);
    atomic_store(&cancelling.over, true);
    thread_join(&thread);
}

/* -- The end of the library ---------------------------------------------------------------------------------------- */

struct connector {
    UINT port;
    apm_event_queue queue;
    HWND window;
};

static void connect_and_use(void *argument)
{
    struct connector *connector = argument;
    SOCKET blocking = InetConnectA("127.0.0.1", connector->port, INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    SOCKET posting = InetAsyncConnectA("localhost", connector->port, INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL,
                                       connector->window, INET_MESSAGE);
    SOCKET listening = InetAsyncListenA("127.0.0.1", 0, connector->window, INET_MESSAGE);
    BYTE byte;

    (void)InetPeek(blocking, &byte, 1);
    (void)InetWrite(posting, "x", 1);
    (void)InetDisconnect(listening);
}

INET_TEST(uninitialize_races_with_connects_of_other_threads_and_leaves_no_handle)
{
    struct connector connector;
    struct watched watched = {.closed = INVALID_SOCKET};
    struct race race;
    struct apm_thread_pool_statistics statistics;
    apm_socket listener;
    apm_endpoint local;

    /* A listener of its own, which uninitialize does not close; what it has accepted goes with it. */
    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener));
    CHECK_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), 0, &local));
    CHECK_SUCCESS(apm_socket_bind(listener, local));
    CHECK_SUCCESS(apm_socket_listen(listener, -1));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &local));
    connector.port = local.port;
    CHECK_SUCCESS(apm_event_queue_create(0, &connector.queue));
    CHECK_SUCCESS(apm_event_target_create(connector.queue, on_watched, &watched, &connector.window));
    race_start(&race, connect_and_use, &connector);
    while (race_goes_on(&race)) {
        apm_socket accepted;

        CHECK(InetInitialize(NULL, NULL));
        race_clash(&race);
        InetUninitialize();
        race_settle(&race);
        InetUninitialize(); /* nothing: that was the last */
        pump_what_is_there(connector.queue);
        CHECK_SUCCESS(apm_socket_set_blocking(listener, false));
        while (apm_socket_accept(listener, &accepted) == APM_ERROR_SUCCESS) {
            apm_socket_close(accepted);
        }
        do {
            CHECK_SUCCESS(apm_thread_pool_statistics((apm_thread_pool)APM_NULL_HANDLE, &statistics));
        } while (statistics.sockets_open > 1); /* or the test comes to its time-out */
    }
    race_stop(&race);
    apm_socket_close(listener);
    CHECK_SUCCESS(apm_event_target_close(connector.window));
    CHECK_SUCCESS(apm_event_queue_close(connector.queue));
}

LIBRARY_TEST_MAIN()
