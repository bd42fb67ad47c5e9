/*
 * Inet sockets that block: the library's beginning and end, errors and their texts, connecting, reading, writing,
 * listening, time-outs, and whose a handle is.
 */
#include <pthread.h>
#include <stdlib.h>
#include <wchar.h>

#include "support_inet.h"

struct body {
    void (*run)(void *argument);
    void *argument;
};

static void *run_body(void *argument)
{
    struct body *body = argument;

    body->run(body->argument);
    return NULL;
}

/* Runs a function on a thread of its own, and waits for it. */
static void inet_on_thread(void (*run)(void *), void *argument)
{
    struct body body = {run, argument};
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, run_body, &body), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* -- The library --------------------------------------------------------------------------------------------------- */

INET_TEST(nothing_works_before_initialize_and_after_uninitialize)
{
    BYTE byte = 0;

    CHECK_INET_SOCKET(InetConnect("127.0.0.1", 1, INET_PROTOCOL_TCP, 1, 0, NULL), ST_ERROR_NETWORK_NOT_INITIALIZED);
    CHECK_INET_SOCKET(InetListen("127.0.0.1", 0), ST_ERROR_NETWORK_NOT_INITIALIZED);
    CHECK_INET_ERROR(InetRead(1, &byte, 1), ST_ERROR_NETWORK_NOT_INITIALIZED);
    InetUninitialize(); /* one too many does nothing */
    CHECK(InetInitialize("a licence", NULL));
    CHECK(InetInitializeW(NULL, NULL));
    InetUninitialize();
    CHECK_INET_ERROR(InetRead(1, &byte, 1), ST_ERROR_INVALID_HANDLE);
    InetUninitialize();
    CHECK_INET_ERROR(InetRead(1, &byte, 1), ST_ERROR_NETWORK_NOT_INITIALIZED);
}

INET_TEST(the_last_uninitialize_closes_every_handle)
{
    SOCKET client, server;
    BYTE byte;

    inet_pair(&client, &server);
    InetUninitialize();
    CHECK(InetInitialize(NULL, NULL));
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_INVALID_HANDLE);
    CHECK_INET_ERROR(InetDisconnect(server), ST_ERROR_INVALID_HANDLE);
}

static void fail_on_thread(void *argument)
{
    (void)argument;
    CHECK_EQ(InetGetLastError(), 0);
    CHECK_INET_ERROR(InetDisconnect(INVALID_SOCKET), ST_ERROR_INVALID_HANDLE);
}

INET_TEST(the_last_error_is_each_threads_own)
{
    CHECK(InetInitialize(NULL, NULL));
    InetSetLastError(ST_ERROR_NOT_CONNECTED);
    inet_on_thread(fail_on_thread, NULL);
    CHECK_EQ(InetGetLastError(), ST_ERROR_NOT_CONNECTED);
}

INET_TEST(errors_have_texts_narrow_and_wide)
{
    char text[128], shorter[4];
    wchar_t wide[128];
    int length = InetGetErrorStringA(ST_ERROR_NOT_HANDLE_OWNER, text, sizeof text);

    CHECK_EQ(length, (int)strlen(text));
    CHECK(strstr(text, "another thread"));
    CHECK_EQ(InetGetErrorStringW(ST_ERROR_NOT_HANDLE_OWNER, wide, 128), length);
    for (int i = 0; i <= length; i++) {
        CHECK_EQ(wide[i], text[i]);
    }
    InetSetLastError(ST_ERROR_OPERATION_TIMEOUT);
    CHECK(InetGetErrorStringA(0, text, sizeof text) > 0);
    CHECK(strstr(text, "timed out"));
    CHECK_EQ(InetGetErrorStringA(ST_ERROR_OPERATION_TIMEOUT, shorter, sizeof shorter), 3);
    CHECK_STR(shorter, "The");
    CHECK(InetGetErrorStringA(0x80042733u + 29, text, sizeof text) > 0); /* one that only the system has */
    CHECK_INET_ERROR(InetGetErrorStringA(1, NULL, 5), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetGetErrorStringA(1, text, 0), ST_ERROR_INVALID_PARAMETER);
}

INET_TEST(error_numbers_are_windows_sockets_with_the_originals_high_word)
{
    CHECK_EQ(LOWORD(ST_ERROR_OPERATION_WOULD_BLOCK), APM_WSAEWOULDBLOCK);
    CHECK_EQ(LOWORD(ST_ERROR_OPERATION_TIMEOUT), APM_WSAETIMEDOUT);
    CHECK_EQ(LOWORD(ST_ERROR_CONNECTION_REFUSED), APM_WSAECONNREFUSED);
    CHECK_EQ(LOWORD(ST_ERROR_CONNECTION_RESET), APM_WSAECONNRESET);
    CHECK_EQ(LOWORD(ST_ERROR_CONNECTION_ABORTED), APM_WSAECONNABORTED);
    CHECK_EQ(LOWORD(ST_ERROR_NOT_CONNECTED), APM_WSAENOTCONN);
    CHECK_EQ(LOWORD(ST_ERROR_INVALID_HANDLE), APM_WSAENOTSOCK);
    CHECK_EQ(LOWORD(ST_ERROR_INVALID_SIZE), APM_WSAEMSGSIZE);
    CHECK_EQ(LOWORD(ST_ERROR_ADDRESS_IN_USE), APM_WSAEADDRINUSE);
    CHECK_EQ(LOWORD(ST_ERROR_ADDRESS_UNAVAILABLE), APM_WSAEADDRNOTAVAIL);
    CHECK_EQ(LOWORD(ST_ERROR_ACCESS_DENIED), APM_WSAEACCES);
    CHECK_EQ(LOWORD(ST_ERROR_INVALID_PARAMETER), APM_WSAEINVAL);
    CHECK_EQ(LOWORD(ST_ERROR_INVALID_PROTOCOL), APM_WSAEPROTONOSUPPORT);
    CHECK_EQ(LOWORD(ST_ERROR_INVALID_OPTION), APM_WSAENOPROTOOPT);
    CHECK_EQ(LOWORD(ST_ERROR_OPERATION_NOT_SUPPORTED), APM_WSAEOPNOTSUPP);
    CHECK_EQ(LOWORD(ST_ERROR_NETWORK_NOT_INITIALIZED), APM_WSANOTINITIALISED);
    CHECK_EQ(LOWORD(ST_ERROR_HOST_NAME_NOT_FOUND), APM_WSAHOST_NOT_FOUND);
    CHECK_EQ(HIWORD(ST_ERROR_NOT_CONNECTED), 0x8004);
}

/* -- Connecting ---------------------------------------------------------------------------------------------------- */

INET_TEST(bytes_go_both_ways_and_the_end_is_zero)
{
    SOCKET client, server;
    BYTE buffer[16];

    inet_pair(&client, &server);
    CHECK(InetIsConnected(client));
    CHECK(InetIsConnected(server));
    CHECK_EQ(InetWrite(client, "hello", 5), 5);
    CHECK(InetIsReadable(server, INET_PATIENCE_S, NULL));
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 5);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQ(InetWrite(server, "ok", 2), 2);
    CHECK_EQ(InetDisconnect(server), 0);
    CHECK_EQ(InetRead(client, buffer, 1), 1);
    CHECK_EQ(InetRead(client, buffer, 1), 1);
    CHECK_EQ(InetRead(client, buffer, 1), 0);
    CHECK_EQ(InetRead(client, buffer, 1), 0);
    CHECK(!InetIsConnected(client));
    CHECK_EQ(InetDisconnect(client), 0);
    CHECK_INET_ERROR(InetDisconnect(client), ST_ERROR_INVALID_HANDLE);
    CHECK_INET_FALSE(InetIsConnected(client), ST_ERROR_INVALID_HANDLE);
}

INET_TEST(a_name_is_looked_up)
{
    SOCKET listener = inet_listener();
    SOCKET client = InetConnect("localhost", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    INTERNET_ADDRESS peer;
    UINT port;

    CHECK_MADE(client);
    CHECK_EQ(InetGetPeerAddress(client, &peer, &port), 0);
    CHECK_EQ(peer.ipFamily, INET_ADDRESS_IPV4); /* unless IPv6 is preferred */
    CHECK_EQ(port, inet_port(listener));
}

INET_TEST(a_connect_that_cannot_be_is_refused_with_the_reason)
{
    char name[300];
    SOCKET listener = inet_listener();
    UINT port = inet_port(listener);

    CHECK_EQ(InetDisconnect(listener), 0);
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    CHECK_INET_SOCKET(InetConnect("127.0.0.1", port, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_CONNECTION_REFUSED);
    CHECK_INET_SOCKET(InetConnect("127.0.0.1", 0, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnect("127.0.0.1", 65536, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnect(NULL, port, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnect("", port, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnect(name, port, INET_PROTOCOL_TCP, 5, 0, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnect("127.0.0.1", port, 99, 5, 0, NULL), ST_ERROR_INVALID_PROTOCOL);
    CHECK_INET_SOCKET(InetConnectEx("127.0.0.1", port, INET_PROTOCOL_TCP, 5, 0, "no address", 0, NULL),
                      ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetConnectEx("127.0.0.1", port, INET_PROTOCOL_TCP, 5, 0, "::1", 0, NULL),
                      ST_ERROR_ADDRESS_UNAVAILABLE);
}

INET_TEST(a_connect_ends_when_its_time_is_up)
{
    SOCKET listener, fillers[8], client = INVALID_SOCKET;
    int64_t start;

    /* A backlog that is full takes no further connection, and does not answer. */
    CHECK(InetInitialize(NULL, NULL));
    listener = InetListenEx("127.0.0.1", 0, 1, 0);
    CHECK_MADE(listener);
    start = harness_now_ms();
    for (int i = 0; i < 8; i++) {
        fillers[i] = InetConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, 1, 0, NULL);
        client = fillers[i];
        if (client == INVALID_SOCKET) {
            break;
        }
        start = harness_now_ms();
    }
    CHECK(client == INVALID_SOCKET);
    CHECK_EQ(InetGetLastError(), ST_ERROR_OPERATION_TIMEOUT);
    CHECK(harness_now_ms() - start >= 900);
    CHECK(harness_now_ms() - start < 10000);
}

INET_TEST(the_local_address_and_port_are_those_asked_for)
{
    SOCKET listener = inet_listener(), first, second, probe = inet_listener();
    UINT port = inet_port(probe), here;
    INTERNET_ADDRESS address;

    CHECK_EQ(InetDisconnect(probe), 0);
    first = InetConnectEx("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, "127.0.0.2", port,
                          NULL);
    CHECK_MADE(first);
    CHECK_EQ(InetGetLocalAddress(first, &address, &here), 0);
    CHECK_EQ(here, port);
    CHECK_EQ(address.ipFamily, INET_ADDRESS_IPV4);
    CHECK_EQ(address.ipNumber[3], 2);
    second = InetConnectEx("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, 5, 0, "192.0.2.1", 0, NULL);
    CHECK(second == INVALID_SOCKET);
    CHECK_EQ(InetGetLastError(), ST_ERROR_ADDRESS_UNAVAILABLE);
    CHECK_INET_SOCKET(InetListen("127.0.0.1", inet_port(listener)), ST_ERROR_ADDRESS_IN_USE);
    CHECK_INET_ERROR(InetGetLocalAddress(first, NULL, NULL), ST_ERROR_INVALID_PARAMETER);
}

INET_TEST(addresses_become_text_and_back)
{
    INTERNET_ADDRESS address;
    char text[64];
    wchar_t wide[64];

    CHECK_EQ(InetGetAddressA("10.1.2.3", &address), 0);
    CHECK_EQ(address.ipFamily, INET_ADDRESS_IPV4);
    CHECK_EQ(address.ipNumber[0], 10);
    CHECK_EQ(InetFormatAddressA(&address, text, sizeof text), 8);
    CHECK_STR(text, "10.1.2.3");
    CHECK_EQ(InetGetAddressW(L"fe80::1", &address), 0);
    CHECK_EQ(address.ipFamily, INET_ADDRESS_IPV6);
    CHECK_EQ(InetFormatAddressW(&address, wide, 64), 7);
    CHECK(wcscmp(wide, L"fe80::1") == 0);
    CHECK_INET_ERROR(InetFormatAddressA(&address, text, 7), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetFormatAddressA(NULL, text, 7), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetGetAddressA("localhost", &address), ST_ERROR_INVALID_PARAMETER);
    CHECK_EQ(address.ipFamily, INET_ADDRESS_UNKNOWN);
    CHECK_INET_ERROR(InetFormatAddressA(&address, text, 64), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetGetAddressA(NULL, &address), ST_ERROR_INVALID_PARAMETER);
}

/* -- Reading and writing ------------------------------------------------------------------------------------------- */

INET_TEST(peek_looks_and_takes_nothing_and_never_waits)
{
    SOCKET client, server;
    BYTE buffer[16];
    DWORD available = 77;

    inet_pair(&client, &server);
    CHECK_EQ(InetPeek(server, buffer, sizeof buffer), 0);
    CHECK_INET_FALSE(InetIsReadable(server, 0, &available), ST_ERROR_OPERATION_TIMEOUT);
    CHECK_EQ(available, 0);
    CHECK_EQ(InetWrite(client, "abc", 3), 3);
    CHECK(InetIsReadable(server, INET_PATIENCE_S, &available));
    CHECK_EQ(available, 3);
    CHECK_EQ(InetPeek(server, buffer, 2), 2);
    CHECK_EQ(InetPeek(server, buffer, sizeof buffer), 3);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 3);
    CHECK_EQ(InetPeek(server, buffer, sizeof buffer), 0);
    CHECK_INET_ERROR(InetPeek(server, NULL, 3), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetIsReadable(server, -1, NULL), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_FALSE(InetIsWritable(server, -1), ST_ERROR_INVALID_PARAMETER);
    CHECK(InetIsWritable(server, 0));
    CHECK_INET_ERROR(InetRead(server, buffer, 0), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetRead(server, buffer, -1), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetRead(server, NULL, 1), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetWrite(server, NULL, 1), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_ERROR(InetWrite(server, buffer, -1), ST_ERROR_INVALID_PARAMETER);
}

static void on_timeout(SOCKET socket, UINT event, DWORD error, DWORD_PTR parameter)
{
    CHECK_EQ(event, INET_EVENT_TIMEOUT);
    CHECK_EQ(error, ST_ERROR_OPERATION_TIMEOUT);
    *(SOCKET *)parameter = socket;
}

INET_TEST(a_read_that_times_out_loses_nothing_and_calls_what_is_registered_for_it)
{
    SOCKET client, server, told = INVALID_SOCKET;
    BYTE buffer[16];

    inet_pair(&client, &server);
    CHECK_EQ(InetGetTimeout(client), INET_PATIENCE_S);
    CHECK_EQ(InetSetTimeout(client, 1), 0);
    CHECK_EQ(InetGetTimeout(client), 1);
    CHECK_INET_ERROR(InetSetTimeout(client, 0), ST_ERROR_INVALID_PARAMETER);
    CHECK_EQ(InetRegisterEvent(client, INET_EVENT_TIMEOUT, on_timeout, (DWORD_PTR)&told), 0);
    CHECK_INET_ERROR(InetRead(client, buffer, sizeof buffer), ST_ERROR_OPERATION_TIMEOUT);
    CHECK(told == client);
    CHECK_EQ(InetWrite(server, "late", 4), 4);
    CHECK_EQ(InetSetTimeout(client, INET_PATIENCE_S), 0);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 4);
}

enum { LARGE = 300000 };

static void write_large(void *argument)
{
    SOCKET socket = *(SOCKET *)argument;
    BYTE *bytes = malloc(LARGE);

    CHECK(bytes);
    for (int i = 0; i < LARGE; i++) {
        bytes[i] = (BYTE)(i * 7 / 3);
    }
    CHECK(InetAttachThread(socket, 0) != 0);
    CHECK_EQ(InetWrite(socket, bytes, LARGE), LARGE);
    CHECK_EQ(InetDisconnect(socket), 0);
    free(bytes);
}

static void *run_write_large(void *argument)
{
    write_large(argument);
    return NULL;
}

INET_TEST(a_large_write_is_whole_and_its_last_bytes_come_before_the_end)
{
    SOCKET client, server;
    pthread_t thread;
    BYTE buffer[4096];
    int total = 0, got;

    inet_pair(&client, &server);
    CHECK_EQ(pthread_create(&thread, NULL, run_write_large, &client), 0);
    while ((got = InetRead(server, buffer, sizeof buffer)) > 0) {
        for (int i = 0; i < got; i++) {
            CHECK_EQ(buffer[i], (BYTE)((total + i) * 7 / 3));
        }
        total += got;
    }
    CHECK_EQ(got, 0);
    CHECK_EQ(total, LARGE);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

INET_TEST(a_write_that_nobody_reads_times_out)
{
    SOCKET client, server;
    BYTE *bytes = calloc(1, 64 << 20);

    CHECK(bytes);
    inet_pair(&client, &server);
    CHECK_EQ(InetSetTimeout(client, 1), 0);
    CHECK_INET_ERROR(InetWrite(client, bytes, 64 << 20), ST_ERROR_OPERATION_TIMEOUT);
    CHECK_INET_FALSE(InetIsWritable(client, 0), ST_ERROR_OPERATION_TIMEOUT);
    free(bytes);
}

INET_TEST(shutdown_ends_one_direction)
{
    SOCKET client, server;
    BYTE buffer[8];

    inet_pair(&client, &server);
    CHECK_EQ(InetWrite(client, "last", 4), 4);
    CHECK_EQ(InetShutdown(client, INET_SHUTDOWN_WRITE), 0);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 4);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 0);
    CHECK_EQ(InetWrite(server, "answer", 6), 6);
    CHECK_EQ(InetRead(client, buffer, sizeof buffer), 6);
    CHECK(InetWrite(client, "more", 4) == INET_ERROR);
    CHECK_INET_ERROR(InetShutdown(INVALID_SOCKET, INET_SHUTDOWN_WRITE), ST_ERROR_INVALID_HANDLE);
}

/* -- Listening ----------------------------------------------------------------------------------------------------- */

INET_TEST(accept_waits_for_its_time_and_only_a_listener_accepts)
{
    SOCKET listener = inet_listener(), client, server;
    BYTE byte = 0;
    INTERNET_ADDRESS peer;

    CHECK_INET_SOCKET(InetAccept(listener, 1), ST_ERROR_OPERATION_TIMEOUT);
    CHECK_INET_ERROR(InetRead(listener, &byte, 1), ST_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_INET_ERROR(InetWrite(listener, &byte, 1), ST_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK(!InetIsConnected(listener));
    CHECK_INET_ERROR(InetGetPeerAddress(listener, &peer, NULL), ST_ERROR_NOT_CONNECTED);
    client = InetConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, 0, NULL);
    CHECK_MADE(client);
    CHECK(InetIsReadable(listener, INET_PATIENCE_S, NULL));
    server = InetAcceptEx(listener, 0, INET_OPTION_NODELAY | INET_OPTION_KEEPALIVE, NULL);
    CHECK_MADE(server);
    CHECK_INET_SOCKET(InetAccept(client, 1), ST_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_INET_SOCKET(InetAccept(INVALID_SOCKET, 1), ST_ERROR_INVALID_HANDLE);
    CHECK_INET_SOCKET(InetAcceptEx(listener, 1, INET_OPTION_BROADCAST, NULL), ST_ERROR_INVALID_OPTION);
    CHECK_INET_SOCKET(InetListenEx("127.0.0.1", 0, 0, INET_OPTION_SECURE), ST_ERROR_INVALID_OPTION);
    CHECK_INET_SOCKET(InetListen("no address", 0), ST_ERROR_INVALID_PARAMETER);
    CHECK_INET_SOCKET(InetListen("127.0.0.1", 65536), ST_ERROR_INVALID_PARAMETER);
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

static void use_foreign(void *argument)
{
    SOCKET socket = *(SOCKET *)argument;
    BYTE byte = 0;

    CHECK_INET_ERROR(InetRead(socket, &byte, 1), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetPeek(socket, &byte, 1), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetWrite(socket, &byte, 1), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetDisconnect(socket), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_FALSE(InetIsConnected(socket), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_FALSE(InetIsReadable(socket, 0, NULL), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_FALSE(InetIsWritable(socket, 0), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetGetTimeout(socket), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetDisableEvents(socket), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_ERROR(InetFreezeEvents(socket, TRUE), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_INET_SOCKET(InetAccept(socket, 1), ST_ERROR_NOT_HANDLE_OWNER);
}

INET_TEST(only_the_owner_uses_a_handle)
{
    SOCKET client, server;

    inet_pair(&client, &server);
    inet_on_thread(use_foreign, &client);
    CHECK(InetIsConnected(client));
}

struct attached {
    SOCKET socket;
    DWORD former;
    DWORD own;
};

static void attach(void *argument)
{
    struct attached *attached = argument;

    attached->own = GetCurrentThreadId();
    attached->former = InetAttachThread(attached->socket, 0);
    CHECK_EQ(InetWrite(attached->socket, "x", 1), 1);
}

INET_TEST(a_handle_is_handed_to_another_thread_and_back)
{
    SOCKET client, server;
    struct attached attached;
    BYTE byte;

    inet_pair(&client, &server);
    attached = (struct attached){.socket = client};
    inet_on_thread(attach, &attached);
    CHECK_EQ(attached.former, GetCurrentThreadId());
    CHECK(attached.own != attached.former);
    CHECK_INET_ERROR(InetRead(client, &byte, 1), ST_ERROR_NOT_HANDLE_OWNER);
    CHECK_EQ(InetAttachThread(client, GetCurrentThreadId()), attached.own);
    CHECK_EQ(InetRead(server, &byte, 1), 1);
    CHECK_EQ(InetDisconnect(client), 0);
    CHECK_INET(InetAttachThread(client, 0), 0, ST_ERROR_INVALID_HANDLE);
}

static void use_free(void *argument)
{
    CHECK_EQ(InetWrite(*(SOCKET *)argument, "free", 4), 4);
}

INET_TEST(a_free_threaded_handle_is_any_threads)
{
    SOCKET listener = inet_listener(), client, server;
    BYTE buffer[8];

    client = InetConnect("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S, INET_OPTION_FREETHREAD,
                         NULL);
    CHECK_MADE(client);
    server = InetAccept(listener, INET_PATIENCE_S);
    CHECK_MADE(server);
    inet_on_thread(use_free, &client);
    CHECK_EQ(InetRead(server, buffer, sizeof buffer), 4);
    CHECK(InetAttachThread(client, 0) != 0);
    inet_on_thread(use_free, &client);
    CHECK(InetIsConnected(client));
}

LIBRARY_TEST_MAIN()
