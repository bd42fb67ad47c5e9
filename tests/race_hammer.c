/*
 * Many threads do everything at once to few sockets: nothing is lost, nothing crashes, and all of it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* -- One connection, many threads -------------------------------------------------------------------------------- */

enum { HAMMERS = 4, MESSAGE_SIZE = 512 };

struct hammered {
    socket_pair pair;
    int64_t deadline_ms;
    _Atomic size_t sent;
    _Atomic size_t received;
    _Atomic uint64_t sent_sum;
    _Atomic uint64_t received_sum;
};

static uint64_t sum_of(const uint8_t *bytes, size_t size)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum += (uint64_t)bytes[i] + 1;
    }
    return sum;
}

static void send_messages(void *argument)
{
    struct hammered *hammered = argument;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&hammered;

    while (harness_now_ms() < hammered->deadline_ms) {
        struct operation send;
        uint8_t message[MESSAGE_SIZE];
        size_t size = harness_random(&random) % MESSAGE_SIZE;
        size_t sent;

        memset(message, (int)(harness_random(&random) % 256), sizeof message);
        if (harness_random(&random) % 4 == 0) {
            CHECK_SUCCESS(apm_socket_send(hammered->pair.client, message, size, APM_SOCKET_FLAGS_NONE, &sent));
        } else {
            CHECK_SUCCESS(
                apm_socket_begin_send(hammered->pair.client, message, size, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
            CHECK_SUCCESS(finish_send(hammered->pair.client, &send, &sent));
        }
        CHECK_EQ(sent, size);
        atomic_fetch_add(&hammered->sent, sent);
        atomic_fetch_add(&hammered->sent_sum, sum_of(message, sent));
    }
}

/* Receives in every way, with cancels and deadlines in between, until the stream ends. */
static void receive_messages(void *argument)
{
    struct hammered *hammered = argument;
    apm_socket socket = hammered->pair.server;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&hammered;
    bool ended = false;

    while (!ended) {
        uint8_t buffer[MESSAGE_SIZE];
        apm_async_result result;
        size_t received = 0;
        apm_error error;

        CHECK_SUCCESS(
            apm_socket_begin_receive(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
        switch (harness_random(&random) % 4) {
        case 0: CHECK_SUCCESS(apm_async_result_cancel(result)); break;
        case 1: CHECK_SUCCESS(apm_async_result_cancel_after(result, (int)(harness_random(&random) % 3))); break;
        case 2: (void)apm_async_result_async_wait_handle(result); break;
        default: break;
        }
        error = apm_socket_end_receive(socket, result, &received);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_TIMED_OUT);
        CHECK(error == APM_ERROR_SUCCESS || received == 0);
        atomic_fetch_add(&hammered->received, received);
        atomic_fetch_add(&hammered->received_sum, sum_of(buffer, received));
        ended = error == APM_ERROR_SUCCESS && received == 0;
    }
}

TEST(many_threads_send_and_receive_on_one_connection_and_no_byte_is_lost)
{
    struct hammered hammered = {.pair = socket_pair_create(), .deadline_ms = race_deadline_ms()};
    struct thread senders[HAMMERS];
    struct thread receivers[HAMMERS];

    for (size_t i = 0; i < HAMMERS; i++) {
        thread_start(&senders[i], send_messages, &hammered);
        thread_start(&receivers[i], receive_messages, &hammered);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        thread_join(&senders[i]);
    }
    CHECK_SUCCESS(apm_socket_shutdown(hammered.pair.client, APM_SOCKET_SHUTDOWN_SEND));
    for (size_t i = 0; i < HAMMERS; i++) {
        thread_join(&receivers[i]);
    }
    CHECK_EQ(atomic_load(&hammered.received), atomic_load(&hammered.sent));
    CHECK_EQ(atomic_load(&hammered.received_sum), atomic_load(&hammered.sent_sum));
    socket_pair_close(hammered.pair);
}

/* -- Few sockets, anything at all -------------------------------------------------------------------------------- */

enum { SLOTS = 4 };

/* Sockets that threads take, use and replace without asking each other: most handles are stale when they are used. */
struct chaos {
    _Atomic uint64_t sockets[SLOTS];
    apm_endpoint remote;
    int64_t deadline_ms;
    _Atomic size_t begun;
    struct latch completed;
    uint8_t buffer[1]; /* for receives of zero bytes, which write nothing */
};

static void end_and_count_completion(apm_async_result result)
{
    struct chaos *chaos = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);
    size_t count;

    /* It is a receive or a send; the wrong End leaves it as it was. */
    if (apm_socket_end_receive(socket, result, &count) == APM_ERROR_ARGUMENT) {
        CHECK(apm_socket_end_send(socket, result, &count) != APM_ERROR_ARGUMENT);
    }
    latch_add(&chaos->completed, 1);
}

static void replace_socket(struct chaos *chaos, size_t slot)
{
    apm_socket socket;
    apm_socket old;

    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_connect(socket, chaos->remote));
    old.bits = atomic_exchange(&chaos->sockets[slot], socket.bits);
    if (old.bits != 0) {
        CHECK_SUCCESS(apm_socket_close(old));
    }
}

static void do_anything(struct chaos *chaos, apm_socket socket, uint64_t random)
{
    static uint8_t data[64];
    apm_error error = APM_ERROR_OBJECT_DISPOSED;
    apm_endpoint endpoint;
    size_t count;

    switch (random % 8) {
    case 0:
    case 1:
        error = apm_socket_begin_receive(socket, chaos->buffer, 0, APM_SOCKET_FLAGS_NONE, end_and_count_completion,
                                         chaos, NULL);
        break;
    case 2:
    case 3:
        error = apm_socket_begin_send(socket, data, sizeof data, APM_SOCKET_FLAGS_NONE, end_and_count_completion, chaos,
                                      NULL);
        break;
    case 4: CHECK_SUCCESS(apm_socket_close(socket)); break;
    case 5: CHECK(apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_SEND) != APM_ERROR_ARGUMENT); break;
    case 6: CHECK(apm_socket_remote_endpoint(socket, &endpoint) != APM_ERROR_ARGUMENT); break;
    default: CHECK(apm_socket_available(socket, &count) != APM_ERROR_ARGUMENT); break;
    }
    atomic_fetch_add(&chaos->begun, error == APM_ERROR_SUCCESS ? 1 : 0);
}

static void make_chaos(void *argument)
{
    struct chaos *chaos = argument;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&chaos;

    while (harness_now_ms() < chaos->deadline_ms) {
        size_t slot = harness_random(&random) % SLOTS;
        apm_socket socket = {atomic_load(&chaos->sockets[slot])};

        if (harness_random(&random) % 16 == 0) {
            replace_socket(chaos, slot);
        } else {
            do_anything(chaos, socket, harness_random(&random));
        }
    }
}

static void accept_and_drop(apm_async_result result)
{
    apm_socket listener = apm_async_result_socket(result);
    apm_socket accepted;

    if (apm_socket_end_accept(listener, result, &accepted) == APM_ERROR_SUCCESS) {
        apm_error error = apm_socket_begin_accept(listener, accept_and_drop, NULL, NULL);

        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
}

TEST(threads_that_use_close_and_replace_each_others_sockets_lose_no_operation)
{
    struct chaos chaos = {.deadline_ms = race_deadline_ms(), .completed = LATCH_INITIALIZER};
    struct thread threads[HAMMERS];
    apm_socket listener = tcp_listen(&chaos.remote);

    CHECK_SUCCESS(apm_socket_begin_accept(listener, accept_and_drop, NULL, NULL));
    for (size_t i = 0; i < SLOTS; i++) {
        replace_socket(&chaos, i);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        thread_start(&threads[i], make_chaos, &chaos);
    }
    for (size_t i = 0; i < HAMMERS; i++) {
        thread_join(&threads[i]);
    }
    for (size_t i = 0; i < SLOTS; i++) {
        apm_socket socket = {atomic_load(&chaos.sockets[i])};

        CHECK_SUCCESS(apm_socket_close_and_wait(socket, PATIENCE_MS));
    }
    LATCH_AWAIT(&chaos.completed, atomic_load(&chaos.begun));
    CHECK_SUCCESS(apm_socket_close_and_wait(listener, PATIENCE_MS));
    CHECK_EQ(latch_count(&chaos.completed), atomic_load(&chaos.begun));
}

LIBRARY_TEST_MAIN()
