/*
 * Inet sockets with events: which messages come, when, how often, with what in them, and when none comes any more.
 */
#include <stdlib.h>

#include "support_inet.h"

/* A pair whose client has events; the server blocks. */
static void async_pair(struct inet_window *window, SOCKET *client, SOCKET *server)
{
    SOCKET listener;

    inet_open_window(window);
    listener = inet_listener();
    *client = InetAsyncConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL,
                               window->window, INET_MESSAGE);
    CHECK_MADE(*client);
    *server = InetAccept(listener, INET_PATIENCE_S);
    CHECK_MADE(*server);
    CHECK_EQ(InetDisconnect(listener), 0);
    PUMP_UNTIL(window->queue, window->counts[INET_EVENT_WRITE] == 1);
    CHECK_EQ(window->counts[INET_EVENT_CONNECT], 1);
    CHECK_EQ(window->errors[INET_EVENT_CONNECT], 0);
    CHECK(window->socket == *client);
}

INET_TEST(connect_and_write_come_once_when_the_connection_is_there)
{
    struct inet_window window;
    SOCKET client, server;

    async_pair(&window, &client, &server);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_CONNECT], 1);
    CHECK_EQ(window.counts[INET_EVENT_WRITE], 1);
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    CHECK_EQ(window.counts[INET_EVENT_DISCONNECT], 0);
    inet_close_window(&window);
}

INET_TEST(connect_brings_the_low_word_of_its_error_in_the_high_word)
{
    struct inet_window window;
    UINT port = closed_endpoint().port;
    SOCKET client;
    BYTE byte = 0;

    CHECK(InetInitialize(NULL, NULL));
    inet_open_window(&window);
    client = InetAsyncConnectEx("127.0.0.1", port, INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL, 0, NULL, window.window,
                                INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1);
    CHECK_EQ(window.errors[INET_EVENT_CONNECT], LOWORD(ST_ERROR_CONNECTION_REFUSED));
    CHECK_EQ(window.counts[INET_EVENT_WRITE], 0);
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_NOT_CONNECTED);
    CHECK_INET_ERROR(InetWrite(client, &byte, 1), ST_ERROR_NOT_CONNECTED);
    CHECK_EQ(InetDisconnect(client), 0);
    inet_close_window(&window);
}

INET_TEST(a_message_has_the_number_the_handle_and_the_event_and_a_loop_of_ones_own_may_take_it)
{
    struct inet_window window;
    SOCKET client, server;
    apm_event_message message;

    async_pair(&window, &client, &server);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    CHECK_SUCCESS(apm_event_queue_get(window.queue, PATIENCE_MS, &message));
    CHECK_EQ(message.message, INET_MESSAGE);
    CHECK(message.w_param == client);
    CHECK_EQ(message.l_param, MAKELPARAM(INET_EVENT_READ, 0));
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    CHECK_SUCCESS(apm_event_queue_dispatch(&message));
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    inet_close_window(&window);
}

INET_TEST(read_comes_once_until_something_is_read_and_again_while_there_is_more)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE buffer[16];

    async_pair(&window, &client, &server);
    CHECK_INET_ERROR(InetRead(client, buffer, 1), ST_ERROR_OPERATION_WOULD_BLOCK);
    CHECK_EQ(InetWrite(server, "abc", 3), 3);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetWrite(server, "def", 3), 3);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    CHECK_EQ(InetPeek(client, buffer, 1), 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    CHECK_EQ(InetRead(client, buffer, 1), 1);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 2);
    CHECK_EQ(InetRead(client, buffer, 2), 2);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 3);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 3);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 3);
    inet_close_window(&window);
}

INET_TEST(disconnect_comes_once_and_after_all_data_has_been_read)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE buffer[1000];
    int total = 0;

    async_pair(&window, &client, &server);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(InetWrite(server, buffer, sizeof buffer), (int)sizeof buffer);
    }
    CHECK_EQ(InetDisconnect(server), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_DISCONNECT], 0);
    while (window.counts[INET_EVENT_DISCONNECT] == 0) {
        int got = InetRead(client, buffer, 300);

        if (got > 0) {
            total += got;
        } else if (got < 0) {
            CHECK_EQ(InetGetLastError(), ST_ERROR_OPERATION_WOULD_BLOCK);
            CHECK_SUCCESS(apm_event_queue_pump(window.queue, PATIENCE_MS, NULL));
        } else {
            PUMP_UNTIL(window.queue, window.counts[INET_EVENT_DISCONNECT] == 1);
        }
    }
    CHECK_EQ(total, 20000);
    CHECK_EQ(window.errors[INET_EVENT_DISCONNECT], 0);
    CHECK_EQ(InetRead(client, buffer, 1), 0);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_DISCONNECT], 1);
    inet_close_window(&window);
}

INET_TEST(write_comes_again_when_a_write_would_have_blocked_and_no_longer_does)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE *buffer = calloc(1, 100000);
    int64_t written = 0, read = 0;

    CHECK(buffer);
    async_pair(&window, &client, &server);
    for (;;) {
        int some = InetWrite(client, buffer, 100000);

        if (some < 0) {
            CHECK_EQ(InetGetLastError(), ST_ERROR_OPERATION_WOULD_BLOCK);
            if (apm_event_queue_pump(window.queue, SHORT_WHILE_MS, NULL) != APM_ERROR_SUCCESS) {
                break; /* nobody reads, and the system's buffers are full */
            }
            continue;
        }
        CHECK(some > 0);
        written += some;
    }
    window.counts[INET_EVENT_WRITE] = 0;
    CHECK_INET_FALSE(InetIsWritable(client, 0), ST_ERROR_OPERATION_TIMEOUT);
    while (read < written) {
        int got = InetRead(server, buffer, 100000);

        CHECK(got > 0);
        read += got;
    }
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_WRITE] == 1);
    CHECK(InetIsWritable(client, 0));
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_WRITE], 1);
    free(buffer);
    inet_close_window(&window);
}

INET_TEST(no_message_comes_after_disconnect)
{
    struct inet_window window;
    SOCKET client, server;
    DWORD available;

    async_pair(&window, &client, &server);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    CHECK(InetIsReadable(client, INET_PATIENCE_S, &available));
    CHECK_EQ(InetDisconnect(client), 0);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    inet_close_window(&window);
}

INET_TEST(a_listener_posts_accept_once_until_one_is_accepted)
{
    struct inet_window window;
    SOCKET listener, clients[2], server;

    inet_open_window(&window);
    listener = InetAsyncListen("127.0.0.1", 0, window.window, INET_MESSAGE);
    CHECK_MADE(listener);
    CHECK_INET_SOCKET(InetAccept(listener, 1), ST_ERROR_OPERATION_WOULD_BLOCK);
    for (int i = 0; i < 2; i++) {
        clients[i] = InetConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
        CHECK_MADE(clients[i]);
    }
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_ACCEPT] == 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_ACCEPT], 1);
    CHECK(window.socket == listener);
    server = InetAsyncAccept(listener, window.window, INET_MESSAGE);
    CHECK_MADE(server);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_ACCEPT] == 2);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_WRITE] == 1);
    CHECK(InetAsyncAcceptEx(listener, 5, INET_OPTION_NODELAY, NULL, window.window, INET_MESSAGE) != INVALID_SOCKET);
    CHECK_INET_SOCKET(InetAsyncAccept(listener, window.window, INET_MESSAGE), ST_ERROR_OPERATION_WOULD_BLOCK);
    inet_close_window(&window);
}

INET_TEST(enabled_events_tell_how_the_socket_stands_and_disabled_ones_have_it_block)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE byte;

    inet_open_window(&window);
    inet_pair(&client, &server);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    CHECK(InetIsReadable(client, INET_PATIENCE_S, NULL));
    CHECK_EQ(InetEnableEvents(client, window.window, INET_MESSAGE), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1 && window.counts[INET_EVENT_WRITE] == 1);
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_OPERATION_WOULD_BLOCK);
    CHECK_EQ(InetDisableEvents(client), 0);
    CHECK_EQ(InetWrite(server, "y", 1), 1);
    CHECK_EQ(InetRead(client, &byte, 1), 1); /* waits for it */
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    CHECK_INET_ERROR(InetEnableEvents(client, window.window, WM_USER), ST_ERROR_INVALID_PARAMETER);
    CHECK_SUCCESS(apm_event_target_close(window.window));
    CHECK_INET_ERROR(InetEnableEvents(client, window.window, INET_MESSAGE), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetAsyncListen("127.0.0.1", 0, window.window, INET_MESSAGE), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetAsyncConnect("127.0.0.1", 1, INET_PROTOCOL_TCP, 1, 0, NULL, window.window, INET_MESSAGE),
                      ST_ERROR_INVALID_PARAMETER);
    inet_close_window(&window);
}

INET_TEST(events_move_to_another_queue_though_the_first_is_never_pumped_again)
{
    struct inet_window first, second;
    SOCKET client, server;
    BYTE byte;

    async_pair(&first, &client, &server);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    CHECK(InetIsReadable(client, INET_PATIENCE_S, NULL));
    inet_open_window(&second);
    CHECK_EQ(InetEnableEvents(client, second.window, INET_MESSAGE), 0);
    PUMP_UNTIL(second.queue, second.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    inet_close_window(&first);
    inet_close_window(&second);
}

INET_TEST(frozen_events_come_when_thawed_each_kind_once)
{
    struct inet_window window;
    SOCKET client, server;
    BYTE byte;

    async_pair(&window, &client, &server);
    CHECK_EQ(InetFreezeEvents(client, TRUE), 0);
    CHECK_EQ(InetWrite(server, "abc", 3), 3);
    CHECK(InetIsReadable(client, INET_PATIENCE_S, NULL));
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    CHECK_EQ(InetFreezeEvents(client, FALSE), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    pump_a_while(window.queue);
    CHECK_EQ(window.counts[INET_EVENT_READ], 1);
    inet_close_window(&window);
}

struct called {
    SOCKET socket;
    UINT event;
    DWORD error;
    int times;
};

static void on_event(SOCKET socket, UINT event, DWORD error, DWORD_PTR parameter)
{
    struct called *called = (struct called *)parameter;

    called->socket = socket;
    called->event = event;
    called->error = error;
    called->times++;
    CHECK_EQ(InetDisconnect(socket), 0); /* with no lock held */
}

INET_TEST(a_registered_procedure_is_called_instead_of_the_message)
{
    struct inet_window window;
    SOCKET client, server;
    struct called called = {.times = 0};

    async_pair(&window, &client, &server);
    CHECK_INET_ERROR(InetRegisterEvent(client, 99, on_event, 0), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetRegisterEvent(client, 0, on_event, 0), ST_ERROR_INVALID_PARAMETER);
    CHECK_EQ(InetRegisterEvent(client, INET_EVENT_READ, on_event, (DWORD_PTR)&called), 0);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    PUMP_UNTIL(window.queue, called.times == 1);
    CHECK(called.socket == client);
    CHECK_EQ(called.event, INET_EVENT_READ);
    CHECK_EQ(called.error, 0);
    CHECK_EQ(window.counts[INET_EVENT_READ], 0);
    inet_close_window(&window);
}

INET_TEST(a_procedure_of_null_has_the_message_come_again)
{
    struct inet_window window;
    SOCKET client, server;
    struct called called = {.times = 0};

    async_pair(&window, &client, &server);
    CHECK_EQ(InetRegisterEvent(client, INET_EVENT_READ, on_event, (DWORD_PTR)&called), 0);
    CHECK_EQ(InetRegisterEvent(client, INET_EVENT_READ, NULL, 0), 0);
    CHECK_EQ(InetWrite(server, "x", 1), 1);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(called.times, 0);
    inet_close_window(&window);
}

LIBRARY_TEST_MAIN()
