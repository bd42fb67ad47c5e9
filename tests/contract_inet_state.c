/*
 * Inet sockets at their edges: events that are frozen or moved while they are under way, errors that come late, the end
 * of the library while a thread waits, and what happens when descriptors have run out.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support_inet.h"

/* -- Events -------------------------------------------------------------------------------------------------------- */

INET_TEST(a_message_in_the_queue_is_held_back_by_freezing)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE byte;

    inet_open_window(&window);
    inet_pair(&client, &server);
    CHECK_EQ(InetEnableEvents(client, window.window, INET_MESSAGE), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_WRITE] == 1);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    CHECK(InetIsReadable(client, INET_PATIENCE_S, NULL));
    CHECK_EQ(InetFreezeEvents(client, TRUE), 0);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    CHECK_EQ(InetFreezeEvents(client, FALSE), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    inet_close_window(&window);
}

INET_TEST(an_accept_without_tls_has_no_connect_event)
{
    struct inet_window window;
    SOCKET listener, client, server;

    inet_open_window(&window);
    listener = InetAsyncListenA("127.0.0.1", 0, window.window, INET_MESSAGE);
    CHECK_MADE(listener);
    client = InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_ACCEPT] == 1);
    server = InetAsyncAccept(listener, window.window, INET_MESSAGE);
    CHECK_MADE(server);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_WRITE] == 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_CONNECT], 0);
    inet_close_window(&window);
}

INET_TEST(events_that_are_enabled_after_a_connect_has_failed_tell_of_it)
{
    struct inet_window first, second;
    SOCKET listener = inet_listener(), client;
    UINT port = inet_port(listener);

    CHECK_EQ(InetDisconnect(listener), 0);
    inet_open_window(&first);
    inet_open_window(&second);
    client = InetAsyncConnectA("127.0.0.1", port, INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL, first.window,
                               INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(first.queue, first.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(InetEnableEvents(client, second.window, INET_MESSAGE), 0);
    PUMP_UNTIL(second.queue, second.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(second.errors[INET_EVENT_CONNECT], LOWORD(ST_ERROR_CONNECTION_REFUSED));
    inet_close_window(&first);
    inet_close_window(&second);
}

INET_TEST(a_connection_that_breaks_has_its_error_in_disconnect_and_then_in_read)
{
    struct inet_window window;
    SOCKET client, listener;
    BYTE byte;

    inet_open_window(&window);
    listener = inet_listener();
    client = InetAsyncConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL,
                               window.window, INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1); /* or the connect might be what breaks */
    CHECK_EQ(window.errors[INET_EVENT_CONNECT], 0);
    CHECK(InetIsReadable(listener, INET_PATIENCE_S, NULL));
    /* Or else the reset may come before this end has seen that it is connected, and be the connect's. */
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(InetReject(listener), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_DISCONNECT] == 1);
    CHECK_EQ(window.errors[INET_EVENT_DISCONNECT], LOWORD(ST_ERROR_CONNECTION_RESET));
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_CONNECTION_RESET);
    CHECK(!InetIsConnected(client));
    inet_close_window(&window);
}

INET_TEST(with_events_a_datagram_that_could_not_be_sent_is_the_next_writes_error)
{
    struct inet_window window;
    SOCKET socket;
    BYTE byte = 0;

    inet_open_window(&window);
    socket = InetAsyncConnectA("127.255.255.255", 9, INET_PROTOCOL_UDP, 5, 0, NULL, window.window, INET_MESSAGE);
    CHECK_MADE(socket);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(InetWrite(socket, &byte, 1), 1);
    CHECK(InetIsWritable(socket, INET_PATIENCE_S));
    CHECK_INET_ERROR(InetWrite(socket, &byte, 1), ST_ERROR_ACCESS_DENIED);
    CHECK_EQ(InetWrite(socket, &byte, 1), 1); /* it is told once */
    inet_close_window(&window);
}

/* -- Time-outs ----------------------------------------------------------------------------------------------------- */

struct slow_reader {
    SOCKET socket;
    apm_manual_reset_event over;
};

/* Reads so slowly that each piece of a large write is in time, and the whole would not be. */
static void read_slowly(void *argument)
{
    struct slow_reader *reader = argument;
    BYTE buffer[1000];

    CHECK(InetAttachThread(reader->socket, 0) != 0);
    while (apm_manual_reset_event_wait_one(reader->over, 2) == APM_ERROR_WAIT_TIMEOUT) {
        CHECK(InetRead(reader->socket, buffer, sizeof buffer) > 0);
    }
}

INET_TEST(the_time_out_is_that_of_a_whole_write)
{
    struct slow_reader reader;
    struct thread thread;
    SOCKET client;
    BYTE *bytes = calloc(1, 64 << 20);
    int64_t start;

    CHECK(bytes);
    inet_pair(&client, &reader.socket);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &reader.over));
    thread_start(&thread, read_slowly, &reader);
    CHECK_EQ(InetSetTimeout(client, 1), 0);
    start = harness_now_ms();
    CHECK_INET_ERROR(InetWrite(client, bytes, 64 << 20), ST_ERROR_OPERATION_TIMEOUT);
    CHECK(harness_now_ms() - start < 10000);
    apm_manual_reset_event_set(reader.over);
    thread_join(&thread);
    apm_manual_reset_event_close(reader.over);
    free(bytes);
}

/* -- The end of the library ---------------------------------------------------------------------------------------- */

struct waiting {
    SOCKET socket;
    DWORD error;
};

static void wait_for_nothing(void *argument)
{
    struct waiting *waiting = argument;
    BYTE byte;

    CHECK(InetAttachThread(waiting->socket, 0) != 0);
    InetSetLastError(ST_ERROR_OPERATION_CANCELED);
    /* The other end may be closed first, which is the end of the stream. */
    CHECK(InetRead(waiting->socket, &byte, 1) <= 0);
    waiting->error = InetGetLastError();
}

INET_TEST(uninitialize_ends_a_call_that_waits)
{
    struct waiting waiting;
    struct thread thread;
    SOCKET listener = inet_listener();
    /* Not one of this library, which would be closed as well, and perhaps first: that is the end of the stream. */
    int peer = raw_connect(loopback_endpoint((uint16_t)inet_port(listener)));

    waiting.socket = InetAccept(listener, INET_PATIENCE_S);
    CHECK_MADE(waiting.socket);
    thread_start(&thread, wait_for_nothing, &waiting);
    while (InetGetTimeout(waiting.socket) >= 0) { /* until the thread has it */
    }
    do {
        InetUninitialize();
        InetSetLastError(0);
        (void)InetDisconnect(0);
    } while (InetGetLastError() != ST_ERROR_NETWORK_NOT_INITIALIZED);
    thread_join(&thread);
    CHECK(waiting.error == ST_ERROR_OPERATION_CANCELED || waiting.error == ST_ERROR_NETWORK_NOT_INITIALIZED);
    raw_close(peer);
}

/* -- Descriptors that have run out --------------------------------------------------------------------------------- */

enum { MOST_DESCRIPTORS = 256 };

#define TOO_MANY 0x80042728u /* WSAEMFILE */

static int taken[MOST_DESCRIPTORS];
static int taken_count;

/* Takes all that are left but so many. */
static void take_descriptors(int left)
{
    struct rlimit limit;
    int fd;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = MOST_DESCRIPTORS;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        taken[taken_count++] = fd;
    }
    while (left-- > 0) {
        close(taken[--taken_count]);
    }
}

static void give_descriptors_back(void)
{
    while (taken_count > 0) {
        close(taken[--taken_count]);
    }
}

INET_TEST(without_descriptors_connects_and_listens_fail_and_work_again_afterwards)
{
    struct inet_window window;
    SOCKET client, server, listener;

    inet_open_window(&window);
    inet_pair(&client, &server); /* the engine has its descriptors */
    listener = inet_listener();
    take_descriptors(0);
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, 5, 0, NULL), TOO_MANY);
    CHECK_INET_SOCKET(InetConnectA("127.0.0.1", 9, INET_PROTOCOL_UDP, 5, 0, NULL), TOO_MANY);
    CHECK_INET_SOCKET(InetListenA("127.0.0.1", 0), TOO_MANY);
    client = InetAsyncConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, 5, 0, NULL, window.window,
                               INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(window.errors[INET_EVENT_CONNECT], LOWORD(TOO_MANY));
    give_descriptors_back();
    client = InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    inet_close_window(&window);
}

INET_TEST(without_descriptors_an_accept_fails_and_the_connection_is_accepted_afterwards)
{
    SOCKET listener, client, server;

    CHECK(InetInitialize(NULL, NULL));
    listener = inet_listener();
    take_descriptors(1);
    client = InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    server = InetAccept(listener, INET_PATIENCE_S);
    CHECK(server == INVALID_SOCKET);
    CHECK_EQ(InetGetLastError(), TOO_MANY);
    give_descriptors_back();
    do {
        server = InetAccept(listener, INET_PATIENCE_S); /* one attempt may have been made before */
    } while (server == INVALID_SOCKET && InetGetLastError() == TOO_MANY);
    CHECK_MADE(server);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
}

LIBRARY_TEST_MAIN()
