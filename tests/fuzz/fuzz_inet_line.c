/*
 * Lines of Inet sockets whose peer sends anything: the first bytes say how the lines are read, the rest is sent. Narrow
 * lines put together are what was sent, without the characters that lines do not have; no line is longer than its room.
 */
#include <string.h>
#include <wchar.h>

#include "apm/compat/inet.h"
#include "fuzz.h"

enum { SENT_LIMIT = 4096, ROOM_LIMIT = 65, TIMEOUT_S = 50 };

static void connect_pair(apm_inet *client, apm_inet *server)
{
    apm_inet_address address;
    unsigned port;
    apm_inet listener = apm_inet_listen_a("127.0.0.1", 0);

    FUZZ_CHECK(listener != APM_INET_INVALID_SOCKET);
    FUZZ_CHECK(apm_inet_get_local_address(listener, &address, &port) == 0);
    *client = apm_inet_connect_a("127.0.0.1", port, APM_INET_PROTOCOL_TCP, TIMEOUT_S, APM_INET_OPTION_NONE, NULL);
    FUZZ_CHECK(*client != APM_INET_INVALID_SOCKET);
    *server = apm_inet_accept(listener, TIMEOUT_S);
    FUZZ_CHECK(*server != APM_INET_INVALID_SOCKET);
}

/* In two pieces, so that a line may come in parts. */
static void send_all(apm_inet server, const uint8_t *bytes, size_t size, size_t first)
{
    if (first > size)
        first = size;
    FUZZ_CHECK(first == 0 || apm_inet_write(server, bytes, (int)first) == (int)first);
    FUZZ_CHECK(first == size || apm_inet_write(server, bytes + first, (int)(size - first)) == (int)(size - first));
    FUZZ_CHECK(apm_inet_disconnect(server) == 0);
}

/* Reads to the end; how many characters that were. */
static size_t read_narrow(apm_inet client, char *text, int room)
{
    size_t total = 0;

    for (;;) {
        char line[ROOM_LIMIT];
        int length = room;

        memset(line, '\n', sizeof line);
        if (!apm_inet_read_line_a(client, line, &length)) {
            break;
        }
        FUZZ_CHECK(length >= 0 && length < room && strlen(line) == (size_t)length);
        FUZZ_CHECK(!strpbrk(line, "\r\n") && total + (size_t)length <= SENT_LIMIT);
        memcpy(text + total, line, (size_t)length);
        total += (size_t)length;
    }
    return total;
}

static void read_wide(apm_inet client, int room)
{
    for (;;) {
        wchar_t line[ROOM_LIMIT];
        int length = room;

        if (!apm_inet_read_line_w(client, line, &length)) {
            break;
        }
        FUZZ_CHECK(length >= 0 && length < room && wcslen(line) == (size_t)length);
    }
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    static char text[SENT_LIMIT];
    struct fuzz_input input = {bytes, size};
    bool wide = fuzz_byte(&input) % 4 == 0;
    int room = 2 + fuzz_byte(&input) % (ROOM_LIMIT - 1);
    size_t first = fuzz_byte(&input);
    size_t sent = input.left < SENT_LIMIT ? input.left : SENT_LIMIT;
    size_t expected = 0, total;
    apm_inet client, server;

    FUZZ_CHECK(apm_inet_initialize_a(NULL, NULL) != 0);
    connect_pair(&client, &server);
    send_all(server, input.at, sent, first);
    if (wide) {
        read_wide(client, room);
    } else {
        total = read_narrow(client, text, room);
        for (size_t i = 0; i < sent; i++) {
            if (input.at[i] != '\n' && input.at[i] != '\r' && input.at[i] != '\0') {
                FUZZ_CHECK(expected < total && (uint8_t)text[expected] == input.at[i]);
                expected++;
            }
        }
        FUZZ_CHECK(expected == total);
    }
    FUZZ_CHECK(apm_inet_get_last_error() == APM_INET_E_NOT_CONNECTED);
    apm_inet_uninitialize(); /* which closes the rest */
    return 0;
}
