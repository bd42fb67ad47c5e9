/*
 * A thousand notification sockets on one queue: they echo, and no notification is lost over many messages. Nightly runs
 * make it ten millions, and say on standard error how far they are: that takes minutes, or much longer where other
 * programs have the processors, and a run that is slow is not one that is stuck.
 */
#include "support_compat.h"

#include <stdio.h>
#include <sys/resource.h>

enum { CONNECTIONS = 500, MESSAGE = 16 }; /* two sockets each */

struct end {
    apm_async_socket socket;
    bool echoes;
    uint64_t messages; /* that have come back */
    char rest[MESSAGE];
    size_t have;
};

static apm_async_socket listener;
static struct end clients[CONNECTIONS], servers[CONNECTIONS];
static size_t accepted, connected, ended;
static uint64_t goal, notifications, sent, received;

static void send_message(struct end *end)
{
    static const char message[MESSAGE] = "fifteen letters";

    CHECK_EQ(apm_async_socket_send(&end->socket, message, MESSAGE, 0), MESSAGE);
    sent++;
}

static void on_receive(apm_async_socket *socket, int error)
{
    struct end *end = (struct end *)(void *)socket;
    int got = apm_async_socket_receive(socket, end->rest + end->have, (int)(MESSAGE - end->have), 0);

    CHECK_EQ(error, 0);
    CHECK(got > 0);
    notifications++;
    end->have += (size_t)got;
    if (end->have < MESSAGE) {
        return;
    }
    end->have = 0;
    received++;
    if (end->echoes || ++end->messages < goal) {
        send_message(end);
    } else {
        apm_async_socket_close(socket);
        ended++;
    }
}

static void on_close(apm_async_socket *socket, int error)
{
    CHECK_EQ(error, 0);
    CHECK(((struct end *)(void *)socket)->echoes);
    apm_async_socket_close(socket);
    ended++;
}

static void on_connect(apm_async_socket *socket, int error)
{
    CHECK_EQ(error, 0);
    connected++;
    send_message((struct end *)(void *)socket);
}

static const apm_async_socket_handlers end_handlers = {
    .on_receive = on_receive, .on_connect = on_connect, .on_close = on_close};

static void on_accept(apm_async_socket *socket, int error)
{
    struct end *end = &servers[accepted++];

    CHECK_EQ(error, 0);
    end->echoes = true;
    apm_async_socket_initialize(&end->socket, socket->queue, &end_handlers, NULL);
    CHECK(apm_async_socket_accept(socket, &end->socket, NULL));
}

static const apm_async_socket_handlers listener_handlers = {.on_accept = on_accept};

/* Seconds of processor time that the process has used. */
static double used_s(void)
{
    struct rusage usage;

    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Dispatches until all connections have ended; returns how many messages that were. */
static uint64_t pump_to_the_end(apm_event_queue queue)
{
    uint64_t all = 2 * CONNECTIONS * goal, next = all / 20;
    uint64_t total = 0;
    int64_t start = harness_now_us();

    while (ended < 2 * CONNECTIONS) {
        size_t dispatched;

        CHECK_SUCCESS(apm_event_queue_pump(queue, PATIENCE_MS, &dispatched));
        total += dispatched;
        if (all >= 1000000 && received >= next) {
            fprintf(stderr, "%llu of %llu messages after %lld s\n", (unsigned long long)received,
                    (unsigned long long)all, (long long)(harness_now_us() - start) / 1000000);
            next += all / 20;
        }
    }
    return total;
}

TEST_WITH_TIMEOUT(thousand_sockets_on_one_queue_echo_and_lose_no_notification, 120)
{
    apm_event_queue queue;
    apm_endpoint local;
    uint64_t total;
    int64_t start;
    double seconds;

    /* Each round trip is two messages of the queue; at length they are ten millions. */
    goal = (harness_scaled(100) >= 1000 ? 5000000 : harness_scaled(20000)) / CONNECTIONS + 1;
    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    apm_async_socket_initialize(&listener, queue, &listener_handlers, NULL);
    CHECK(apm_async_socket_create(&listener, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1"));
    CHECK(apm_async_socket_listen(&listener, -1));
    CHECK(apm_async_socket_get_sock_name(&listener, &local));
    start = harness_now_us();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        apm_async_socket_initialize(&clients[i].socket, queue, &end_handlers, NULL);
        CHECK(apm_async_socket_create(&clients[i].socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1"));
        CHECK_WSA(apm_async_socket_connect_endpoint(&clients[i].socket, local), APM_WSAEWOULDBLOCK);
    }
    total = pump_to_the_end(queue);
    seconds = (double)(harness_now_us() - start) / 1e6;
    CHECK_EQ(accepted, CONNECTIONS);
    CHECK_EQ(connected, CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK_EQ(clients[i].messages, goal);
    }
    CHECK_EQ(sent, 2 * CONNECTIONS * goal);
    CHECK_EQ(received, sent);
    printf(
        "%llu messages of sockets, %llu receives, %llu messages of the queue, %.1f s, %.2f us of processor time each\n",
        (unsigned long long)received, (unsigned long long)notifications, (unsigned long long)total, seconds,
        used_s() * 1e6 / (double)total);
    apm_async_socket_destroy(&listener);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

LIBRARY_TEST_MAIN()
