/*
 * Inet sockets: lines of text, calls that are cancelled, and connections that are refused.
 */
#include <stdlib.h>
#include <wchar.h>

#include "support_inet.h"

/* -- Lines --------------------------------------------------------------------------------------------------------- */

static void check_line(SOCKET socket, const char *expected)
{
    char line[64];
    INT length = sizeof line;

    CHECK(InetReadLineA(socket, line, &length));
    CHECK_STR(line, expected);
    CHECK_EQ(length, (INT)strlen(expected));
}

static void send_text(SOCKET socket, const char *text)
{
    CHECK_EQ(InetWrite(socket, text, (INT)strlen(text)), (INT)strlen(text));
}

INET_TEST(lines_come_without_their_ends_and_mix_with_reads)
{
    SOCKET client, server;
    BYTE byte;

    inet_pair(&client, &server);
    send_text(server, "one\r\ntwo\n\nx\r\r\nafter");
    check_line(client, "one");
    check_line(client, "two");
    check_line(client, "");
    check_line(client, "x");
    CHECK_EQ(InetRead(client, &byte, 1), 1);
    CHECK_EQ(byte, 'a');
    send_text(server, " that\n");
    check_line(client, "fter that");
    CHECK_EQ(InetWrite(server, "a\0b\n", 4), 4);
    check_line(client, "ab");
}

INET_TEST(what_does_not_fit_is_the_next_line)
{
    SOCKET client, server;
    char line[5];
    INT length = sizeof line;

    inet_pair(&client, &server);
    send_text(server, "abcdefgh\nij\n");
    CHECK(InetReadLineA(client, line, &length));
    CHECK_STR(line, "abcd");
    CHECK_EQ(length, 4);
    length = sizeof line;
    CHECK(InetReadLineA(client, line, &length));
    CHECK_STR(line, "efgh");
    check_line(client, "");
    check_line(client, "ij");
}

INET_TEST(the_last_line_needs_no_end_and_there_is_none_after_it)
{
    SOCKET client, server;
    char line[16];
    INT length = sizeof line;

    inet_pair(&client, &server);
    send_text(server, "first\nlast");
    CHECK_EQ(InetDisconnect(server), 0);
    check_line(client, "first");
    check_line(client, "last");
    CHECK_INET_FALSE(InetReadLineA(client, line, &length), ST_ERROR_NOT_CONNECTED);
    CHECK_EQ(length, 0);
    CHECK_STR(line, "");
}

INET_TEST(a_line_that_does_not_end_in_time_leaves_what_has_come)
{
    SOCKET client, server;
    char line[16];
    INT length = sizeof line;

    inet_pair(&client, &server);
    CHECK_EQ(InetSetTimeout(client, 1), 0);
    send_text(server, "half");
    CHECK_INET_FALSE(InetReadLineA(client, line, &length), ST_ERROR_OPERATION_TIMEOUT);
    CHECK_STR(line, "half");
    CHECK_EQ(length, 4);
}

INET_TEST(lines_wait_on_a_handle_with_events_too)
{
    struct inet_window window;
    SOCKET client, server;
    char byte;

    inet_open_window(&window);
    inet_pair(&client, &server);
    CHECK_EQ(InetEnableEvents(client, window.window, INET_MESSAGE), 0);
    send_text(server, "line\nmore");
    check_line(client, "line");
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] > 0);
    CHECK(InetWriteLineA(client, "answer", NULL));
    check_line(server, "answer");
    CHECK_EQ(InetRead(client, (LPBYTE)&byte, 1), 1);
    inet_close_window(&window);
}

INET_TEST(wide_lines_are_utf_8_on_the_wire_and_no_character_is_cut)
{
    SOCKET client, server;
    wchar_t wide[8];
    INT length = 4;

    inet_pair(&client, &server);
    CHECK(InetWriteLineW(server, L"gr\xfc\xdf \x20ac", &length));
    CHECK_EQ(length, 12);
    length = 4;
    CHECK(InetReadLineW(client, wide, &length));
    CHECK_EQ(length, 3);
    CHECK(wcscmp(wide, L"gr\xfc") == 0);
    length = 8;
    CHECK(InetReadLineW(client, wide, &length));
    CHECK(wcscmp(wide, L"\xdf \x20ac") == 0);
    send_text(server, "a\xff\xe2\x82z\n");
    length = 8;
    CHECK(InetReadLineW(client, wide, &length));
    CHECK(wide[0] == L'a' && wide[1] == 0xfffd && wide[length - 1] == L'z');
}

INET_TEST(a_line_is_written_with_one_end_whatever_it_had)
{
    static const char *const texts[] = {"x", "x\n", "x\r", "x\r\n", ""};
    SOCKET client, server;
    BYTE buffer[64];
    int total = 0, got;
    INT length;

    inet_pair(&client, &server);
    for (int i = 0; i < 5; i++) {
        CHECK(InetWriteLineA(client, texts[i], &length));
        CHECK_EQ(length, i < 4 ? 3 : 2);
    }
    CHECK_EQ(InetDisconnect(client), 0);
    while ((got = InetRead(server, buffer + total, (INT)sizeof buffer - total)) > 0) {
        total += got;
    }
    CHECK_EQ(total, 14);
    CHECK(memcmp(buffer, "x\r\nx\r\nx\r\nx\r\n\r\n", 14) == 0);
}

INET_TEST(lines_have_the_errors_of_reads_and_writes)
{
    SOCKET client, server, datagrams;
    char line[16];
    wchar_t wide[16];
    INT length = 1;

    inet_pair(&client, &server);
    datagrams = InetConnectA("127.0.0.1", 9, INET_PROTOCOL_UDP, 5, 0, NULL);
    CHECK_MADE(datagrams);
    CHECK_INET_FALSE(InetReadLineA(client, line, &length), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetReadLineA(client, line, NULL), ST_ERROR_INVALID_PARAMETER);
    length = 16;
    CHECK_INET_FALSE(InetReadLineA(client, NULL, &length), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetReadLineW(client, NULL, &length), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetWriteLineA(client, NULL, &length), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetWriteLineW(client, NULL, NULL), ST_ERROR_INVALID_PARAMETER);
    length = 16;
    CHECK_INET_FALSE(InetReadLineA(datagrams, line, &length), ST_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_INET_FALSE(InetWriteLineA(datagrams, "x", NULL), ST_ERROR_OPERATION_NOT_SUPPORTED);
    length = 16;
    CHECK_INET_FALSE(InetReadLineW(INVALID_SOCKET, wide, &length), ST_ERROR_INVALID_HANDLE);
    CHECK_EQ(length, 0);
    CHECK_INET_FALSE(InetWriteLineW(INVALID_SOCKET, L"x", NULL), ST_ERROR_INVALID_HANDLE);
    CHECK_EQ(InetDisconnect(server), 0);
    length = 16;
    CHECK_INET_FALSE(InetReadLineA(client, line, &length), ST_ERROR_NOT_CONNECTED);
}

/* -- Cancelling ---------------------------------------------------------------------------------------------------- */

struct canceller {
    SOCKET socket;
    atomic_bool over;
    struct thread thread;
};

/* Cancels again and again: once the call waits it is met. */
static void cancel_until_over(void *argument)
{
    struct canceller *canceller = argument;

    while (!atomic_load(&canceller->over)) {
        CHECK_EQ(InetCancel(canceller->socket), 0);
    }
}

static void start_cancelling(struct canceller *canceller, SOCKET socket)
{
    canceller->socket = socket;
    atomic_init(&canceller->over, false);
    thread_start(&canceller->thread, cancel_until_over, canceller);
}

static void stop_cancelling(struct canceller *canceller)
{
    atomic_store(&canceller->over, true);
    thread_join(&canceller->thread);
}

INET_TEST(a_call_that_waits_is_cancelled_by_another_thread_and_nothing_is_lost)
{
    SOCKET client, server, listener;
    struct canceller canceller;
    BYTE buffer[8];
    char line[8];
    INT length = sizeof line;

    inet_pair(&client, &server);
    listener = inet_listener();
    start_cancelling(&canceller, client);
    CHECK_INET_ERROR(InetRead(client, buffer, 8), ST_ERROR_OPERATION_CANCELED);
    CHECK_INET_FALSE(InetIsReadable(client, INET_PATIENCE_S, NULL), ST_ERROR_OPERATION_CANCELED);
    CHECK_INET_FALSE(InetReadLineA(client, line, &length), ST_ERROR_OPERATION_CANCELED);
    stop_cancelling(&canceller);
    start_cancelling(&canceller, listener);
    CHECK_INET_SOCKET(InetAccept(listener, INET_PATIENCE_S), ST_ERROR_OPERATION_CANCELED);
    stop_cancelling(&canceller);
    send_text(server, "late");
    CHECK_EQ(InetCancel(client), 0); /* nobody waits, so nothing is cancelled */
    CHECK(InetIsReadable(client, INET_PATIENCE_S, NULL));
    CHECK_EQ(InetRead(client, buffer, 8), 4);
    CHECK_INET_ERROR(InetCancel(INVALID_SOCKET), ST_ERROR_INVALID_HANDLE);
}

INET_TEST(a_write_that_waits_is_cancelled)
{
    SOCKET client, server;
    struct canceller canceller;
    BYTE *bytes = calloc(1, 64 << 20);

    CHECK(bytes);
    inet_pair(&client, &server);
    start_cancelling(&canceller, client);
    CHECK_INET_ERROR(InetWrite(client, bytes, 64 << 20), ST_ERROR_OPERATION_CANCELED);
    stop_cancelling(&canceller);
    CHECK_EQ(InetSetTimeout(client, 1), 0); /* how long what is written may take to go out */
    free(bytes);
}

/* -- Refusing ------------------------------------------------------------------------------------------------------ */

INET_TEST(a_connection_that_is_refused_is_reset)
{
    struct inet_window window;
    SOCKET listener, client;
    BYTE byte;

    inet_open_window(&window);
    listener = InetAsyncListenA("127.0.0.1", 0, window.window, INET_MESSAGE);
    CHECK_MADE(listener);
    CHECK_INET_ERROR(InetReject(listener), ST_ERROR_OPERATION_WOULD_BLOCK);
    client = InetConnectA("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_ACCEPT] == 1);
    CHECK_EQ(InetReject(listener), 0);
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_CONNECTION_RESET);
    CHECK_INET_ERROR(InetReject(client), ST_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_INET_ERROR(InetReject(INVALID_SOCKET), ST_ERROR_INVALID_HANDLE);
    CHECK_EQ(InetDisableEvents(listener), 0);
    CHECK_INET_ERROR(InetReject(listener), ST_ERROR_OPERATION_WOULD_BLOCK); /* it never waits */
    inet_close_window(&window);
}

LIBRARY_TEST_MAIN()
