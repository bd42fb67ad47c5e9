/*
 * Inet sockets: UDP, the options one by one, and the wide functions.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support_inet.h"

/* -- UDP ----------------------------------------------------------------------------------------------------------- */

static SOCKET datagrams(UINT options)
{
    SOCKET socket;

    CHECK(InetInitialize(NULL, NULL));
    socket = InetConnectEx(NULL, 0, INET_PROTOCOL_UDP, INET_PATIENCE_S, options, "127.0.0.1", 0, NULL);
    CHECK_MADE(socket);
    return socket;
}

INET_TEST(datagrams_go_to_the_host_and_the_answer_to_whoever_sent)
{
    SOCKET server = datagrams(0);
    SOCKET client = InetConnect("127.0.0.1", inet_port(server), INET_PROTOCOL_UDP, INET_PATIENCE_S, 0, NULL);
    INTERNET_ADDRESS peer;
    BYTE buffer[16];
    UINT port;

    CHECK_MADE(client);
    CHECK(InetIsConnected(client));
    CHECK_INET_ERROR(InetWrite(server, "x", 1), ST_ERROR_NOT_CONNECTED); /* nobody has sent yet */
    CHECK_INET_ERROR(InetGetPeerAddress(server, &peer, &port), ST_ERROR_NOT_CONNECTED);
    CHECK_EQ(InetWrite(client, "one", 3), 3);
    CHECK_EQ(InetWrite(client, "three", 5), 5);
    CHECK_EQ(InetReadEx(server, buffer, sizeof buffer, &peer, &port), 3);
    CHECK_EQ(port, inet_port(client));
    CHECK_EQ(peer.ipNumber[0], 127);
    CHECK_EQ(InetGetPeerAddress(server, &peer, &port), 0);
    CHECK_EQ(port, inet_port(client));
    CHECK_INET_ERROR(InetRead(server, buffer, 2), ST_ERROR_INVALID_SIZE);
    CHECK(memcmp(buffer, "th", 2) == 0);
    CHECK_EQ(InetWrite(server, "yes", 3), 3);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 3);
    CHECK_EQ(InetWriteEx(server, "to", 2, &peer, port), 2);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 2);
    peer.ipFamily = INET_ADDRESS_UNKNOWN;
    CHECK_INET_ERROR(InetWriteEx(server, "to", 2, &peer, port), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetWriteEx(server, "to", 2, NULL, port), ST_ERROR_INVALID_PARAMETER);
}

INET_TEST(a_datagram_that_is_too_large_is_refused)
{
    static BYTE large[70000];
    SOCKET server = datagrams(0);
    SOCKET client = InetConnect("127.0.0.1", inet_port(server), INET_PROTOCOL_UDP, INET_PATIENCE_S, 0, NULL);

    CHECK_MADE(client);
    CHECK_INET_ERROR(InetWrite(client, large, sizeof large), ST_ERROR_INVALID_SIZE);
    CHECK_INET_ERROR(InetWrite(client, large, 65530), ST_ERROR_INVALID_SIZE);
    CHECK_EQ(InetWrite(client, large, 1000), 1000);
}

INET_TEST(datagrams_post_events)
{
    struct inet_window window;
    SOCKET server = datagrams(0), client;
    BYTE buffer[16];

    inet_open_window(&window);
    client = InetAsyncConnect("127.0.0.1", inet_port(server), INET_PROTOCOL_UDP, 5, 0, NULL, window.window,
                              INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1 && window.counts[INET_EVENT_WRITE] == 1);
    CHECK_EQ(InetWrite(client, "ping", 4), 4);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 4);
    CHECK_EQ(InetWrite(server, "pong", 4), 4);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_READ] == 1);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 4);
    CHECK_INET_ERROR(InetRead(client, buffer, sizeof buffer), ST_ERROR_OPERATION_WOULD_BLOCK);
    inet_close_window(&window);
}

/* -- Options ------------------------------------------------------------------------------------------------------- */

INET_TEST(options_of_the_other_protocol_are_refused)
{
    static const DWORD not_tcp[] = {INET_OPTION_BROADCAST};
    static const DWORD not_udp[] = {INET_OPTION_KEEPALIVE, INET_OPTION_SECURE, INET_OPTION_INLINE};
    SOCKET listener = inet_listener();
    UINT port = inet_port(listener);

    CHECK_INET_SOCKET(InetConnect("127.0.0.1", port, INET_PROTOCOL_TCP, 5, not_tcp[0], NULL),
                      ST_ERROR_INVALID_OPTION);
    for (int i = 0; i < 3; i++) {
        CHECK_INET_SOCKET(InetConnect("127.0.0.1", port, INET_PROTOCOL_UDP, 5, not_udp[i], NULL),
                          ST_ERROR_INVALID_OPTION);
    }
    CHECK_INET_SOCKET(InetConnect("127.0.0.1", port, INET_PROTOCOL_TCP, 5, 0x10000000u, NULL),
                      ST_ERROR_INVALID_OPTION);
    CHECK_INET_SOCKET(InetConnectEx("127.0.0.1", port, INET_PROTOCOL_TCP, 5, INET_OPTION_RESERVEDPORT, NULL, 700, NULL),
                      ST_ERROR_INVALID_OPTION);
}

/* The socket's number in the system: the one that has its local port. */
static int descriptor_of(SOCKET socket)
{
    UINT port = inet_port(socket);

    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in address;
        socklen_t size = sizeof address;

        if (getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.sin_family == AF_INET &&
            ntohs(address.sin_port) == port) {
            return fd;
        }
    }
    harness_fail(__FILE__, __LINE__, "there is no descriptor with port %u", port);
}

static int option_of(SOCKET socket, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    CHECK_EQ(getsockopt(descriptor_of(socket), level, name, &value, &size), 0);
    return value;
}

INET_TEST(options_of_a_stream_reach_the_system)
{
    SOCKET listener = inet_listener();
    UINT port = inet_port(listener);
    SOCKET plain = InetConnect("127.0.0.1", port, INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    SOCKET all = InetConnect("127.0.0.1", port, INET_PROTOCOL_TCP, INET_PATIENCE_S,
                             INET_OPTION_DONTROUTE | INET_OPTION_KEEPALIVE | INET_OPTION_NODELAY | INET_OPTION_INLINE |
                                 INET_OPTION_REUSEADDRESS | INET_OPTION_NOINHERIT,
                             NULL);

    CHECK_MADE(plain);
    CHECK_MADE(all);
    CHECK_EQ(option_of(plain, SOL_SOCKET, SO_DONTROUTE), 0);
    CHECK_EQ(option_of(plain, SOL_SOCKET, SO_KEEPALIVE), 0);
    CHECK_EQ(option_of(plain, IPPROTO_TCP, TCP_NODELAY), 0);
    CHECK_EQ(option_of(plain, SOL_SOCKET, SO_OOBINLINE), 0);
    CHECK(option_of(all, SOL_SOCKET, SO_DONTROUTE) > 0);
    CHECK(option_of(all, SOL_SOCKET, SO_KEEPALIVE) > 0);
    CHECK(option_of(all, IPPROTO_TCP, TCP_NODELAY) > 0);
    CHECK(option_of(all, SOL_SOCKET, SO_OOBINLINE) > 0);
    CHECK(option_of(all, SOL_SOCKET, SO_REUSEADDR) > 0);
    CHECK(fcntl(descriptor_of(all), F_GETFD) & FD_CLOEXEC);
    CHECK(fcntl(descriptor_of(plain), F_GETFD) & FD_CLOEXEC); /* with NOINHERIT or without */
}

INET_TEST(broadcast_is_allowed_where_it_is_asked_for)
{
    SOCKET plain = datagrams(0), broadcasts = datagrams(INET_OPTION_BROADCAST | INET_OPTION_NODELAY);
    INTERNET_ADDRESS everybody;

    CHECK_EQ(InetGetAddress("127.255.255.255", &everybody), 0);
    CHECK_EQ(option_of(plain, SOL_SOCKET, SO_BROADCAST), 0);
    CHECK(option_of(broadcasts, SOL_SOCKET, SO_BROADCAST) > 0);
    CHECK_INET_ERROR(InetWriteEx(plain, "x", 1, &everybody, 9), ST_ERROR_ACCESS_DENIED);
    CHECK_EQ(InetWriteEx(broadcasts, "x", 1, &everybody, 9), 1);
}

INET_TEST(a_reserved_port_is_one_below_1024_or_access_is_denied)
{
    SOCKET listener = inet_listener();
    SOCKET client = InetConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S,
                                INET_OPTION_RESERVEDPORT, NULL);

    if (client == INVALID_SOCKET) {
        CHECK_EQ(InetGetLastError(), ST_ERROR_ACCESS_DENIED);
        return;
    }
    CHECK(inet_port(client) >= 512 && inet_port(client) < 1024);
}

INET_TEST(ipv6_is_preferred_where_it_is_asked_for)
{
    SOCKET listener, client;
    INTERNET_ADDRESS peer;

    CHECK(InetInitialize(NULL, NULL));
    listener = InetListen("::", 0);
    if (listener == INVALID_SOCKET) {
        SKIP("this machine has no IPv6");
    }
    client = InetConnect("localhost", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S,
                         INET_OPTION_PREFER_IPV6, NULL);
    CHECK_MADE(client);
    CHECK_EQ(InetGetPeerAddress(client, &peer, NULL), 0);
    if (peer.ipFamily == INET_ADDRESS_IPV4) {
        SKIP("localhost has no address of IPv6 here");
    }
    CHECK_EQ(peer.ipFamily, INET_ADDRESS_IPV6);
    client = InetConnect("localhost", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    CHECK_EQ(InetGetPeerAddress(client, &peer, NULL), 0);
    CHECK_EQ(peer.ipFamily, INET_ADDRESS_IPV4);
}

/* -- Wide text ----------------------------------------------------------------------------------------------------- */

INET_TEST(wide_functions_do_what_the_narrow_ones_do)
{
    struct inet_window window;
    SOCKET listener, client;

    inet_open_window(&window);
    listener = InetListenW(L"127.0.0.1", 0);
    CHECK_MADE(listener);
    client = InetConnectW(L"127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    client = InetConnectExW(L"localhost", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, L"127.0.0.1", 0,
                            NULL);
    CHECK_MADE(client);
    client = InetAsyncConnectW(L"127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL,
                               window.window, INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 1);
    client = InetAsyncConnectExW(L"127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0,
                                 L"127.0.0.1", 0, NULL, window.window, INET_MESSAGE);
    CHECK_MADE(client);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_CONNECT] == 2);
    CHECK_MADE(InetAcceptExW(listener, INET_PATIENCE_S, 0, NULL));
    CHECK_MADE(InetListenExW(L"127.0.0.1", 0, 5, 0));
    CHECK_MADE(InetAsyncListenW(L"127.0.0.1", 0, window.window, INET_MESSAGE));
    CHECK_MADE(InetAsyncListenExW(NULL, 0, 5, 0, window.window, INET_MESSAGE));
    CHECK_EQ(InetEnableEvents(listener, window.window, INET_MESSAGE), 0);
    PUMP_UNTIL(window.queue, window.counts[INET_EVENT_ACCEPT] > 0);
    CHECK_MADE(InetAsyncAcceptExW(listener, INET_PATIENCE_S, 0, NULL, window.window, INET_MESSAGE));
    CHECK_INET_SOCKET(InetConnectW(L"\xd800\x263a", 1, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_HOST_NAME_NOT_FOUND);
    inet_close_window(&window);
}

LIBRARY_TEST_MAIN()
