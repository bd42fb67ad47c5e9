/*
 * What the tests of Inet sockets share. They use the original's names.
 */
#ifndef APM_TESTS_SUPPORT_INET_H
#define APM_TESTS_SUPPORT_INET_H

#include <string.h>

#include "apm/apm.h"
#include "apm/compat/inet.h"
#include "support_compat.h"

/* That a call has failed with the number. */
#define CHECK_INET(call, failure, expected)                         \
    do {                                                            \
        InetSetLastError(0);                                        \
        CHECK((call) == (failure));                                 \
        CHECK_EQ(InetGetLastError(), (expected));                   \
    } while (0)

#define CHECK_INET_ERROR(call, expected) CHECK_INET(call, INET_ERROR, expected)
#define CHECK_INET_FALSE(call, expected) CHECK_INET(call, FALSE, expected)
#define CHECK_INET_SOCKET(call, expected) CHECK_INET(call, INVALID_SOCKET, expected)

/* A handle, or the test fails with the error's number. */
#define CHECK_MADE(handle)                                                                      \
    do {                                                                                        \
        if ((handle) == INVALID_SOCKET) {                                                       \
            harness_fail(__FILE__, __LINE__, #handle ": error %#x", (unsigned)InetGetLastError()); \
        }                                                                                       \
    } while (0)

enum { INET_MESSAGE = WM_USER + 1, INET_PATIENCE_S = 50 };

/* Closes every handle, and waits until none of the system's sockets is left. */
static inline void inet_finish(void)
{
    struct apm_thread_pool_statistics statistics;
    int64_t start = harness_now_ms();

    do {
        InetUninitialize();
        InetSetLastError(0);
        (void)InetDisconnect(0);
    } while (InetGetLastError() != ST_ERROR_NETWORK_NOT_INITIALIZED);
    do {
        CHECK_SUCCESS(apm_thread_pool_statistics((apm_thread_pool)APM_NULL_HANDLE, &statistics));
        CHECK(harness_now_ms() - start < PATIENCE_MS);
    } while (statistics.sockets_open > 0);
}

/* A test that leaves no handle behind, though it closes none. Its queues are its own to close. */
#define INET_TEST(test_name)           \
    static void test_name##_body(void); \
    TEST(test_name)                    \
    {                                  \
        test_name##_body();            \
        inet_finish();                 \
    }                                  \
    static void test_name##_body(void)

static inline UINT inet_port(SOCKET socket)
{
    INTERNET_ADDRESS address;
    UINT port;

    CHECK_EQ(InetGetLocalAddress(socket, &address, &port), 0);
    return port;
}

/* A listener on loopback that blocks. */
static inline SOCKET inet_listener(void)
{
    SOCKET listener;

    CHECK(InetInitialize(NULL, NULL));
    listener = apm_inet_listen_a("127.0.0.1", 0);
    CHECK_MADE(listener);
    return listener;
}

/* Two ends that block. */
static inline void inet_pair(SOCKET *client, SOCKET *server)
{
    SOCKET listener = inet_listener();

    *client = apm_inet_connect_a("127.0.0.1", inet_port(listener), INET_PROTOCOL_TCP, INET_PATIENCE_S,
                                 INET_OPTION_DEFAULT, NULL);
    CHECK_MADE(*client);
    *server = InetAccept(listener, INET_PATIENCE_S);
    CHECK_MADE(*server);
    CHECK_EQ(InetDisconnect(listener), 0);
}

/* A target that counts the events of one handle. */
struct inet_window {
    apm_event_queue queue;
    HWND window;
    SOCKET socket; /* of the last event */
    int counts[8];
    int errors[8];
};

static inline void inet_on_message(const apm_event_message *message, void *context)
{
    struct inet_window *window = context;
    WORD event = LOWORD(message->l_param);

    CHECK_EQ(message->message, INET_MESSAGE);
    CHECK(event < 8);
    window->socket = (SOCKET)message->w_param;
    window->counts[event]++;
    window->errors[event] = HIWORD(message->l_param);
}

static inline void inet_open_window(struct inet_window *window)
{
    CHECK(InetInitialize(NULL, NULL));
    memset(window, 0, sizeof *window);
    CHECK_SUCCESS(apm_event_queue_create(0, &window->queue));
    CHECK_SUCCESS(apm_event_target_create(window->queue, inet_on_message, window, &window->window));
}

static inline void inet_close_window(struct inet_window *window)
{
    CHECK_SUCCESS(apm_event_target_close(window->window));
    CHECK_SUCCESS(apm_event_queue_close(window->queue));
}

#endif
