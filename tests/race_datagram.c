/*
 * Batches of datagrams against cancels, closes, and sends of other threads: each operation completes once, what was
 * received is what was sent, and nothing is lost in between.
 */
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

enum { PENDING = 12 };

/* -- Receives ------------------------------------------------------------------------------------------------------ */

struct receiver {
    apm_socket socket;
    apm_endpoint local;
    apm_async_result results[PENDING];
    uint32_t numbers[PENDING];
    bool close;
};

static void cancel_or_close(void *argument)
{
    struct receiver *receiver = argument;

    if (receiver->close) {
        CHECK_SUCCESS(apm_socket_close(receiver->socket));
        return;
    }
    for (size_t i = 0; i < PENDING; i += 2) {
        CHECK_SUCCESS(apm_async_result_cancel(receiver->results[i]));
    }
}

/* Ends all, checks that numbers only go up, and returns how many datagrams have come. */
static size_t end_receives(struct receiver *receiver)
{
    size_t received = 0;
    uint32_t last = 0;

    for (size_t i = 0; i < PENDING; i++) {
        apm_error error = apm_socket_end_receive_from(receiver->socket, receiver->results[i], NULL, NULL);

        if (error == APM_ERROR_SUCCESS) {
            CHECK(receiver->numbers[i] > last);
            last = receiver->numbers[i];
            received++;
        } else {
            CHECK_ERROR(error, APM_ERROR_OPERATION_ABORTED);
            CHECK_EQ(receiver->numbers[i], 0);
        }
    }
    return received;
}

static void receive_while(bool close)
{
    struct receiver receiver = {.close = close};
    apm_socket sender = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct race race;

    receiver.socket = udp_bind(&receiver.local);
    race_start(&race, cancel_or_close, &receiver);
    while (race_goes_on(&race)) {
        size_t received;

        memset(receiver.numbers, 0, sizeof receiver.numbers);
        for (size_t i = 0; i < PENDING; i++) {
            CHECK_SUCCESS(apm_socket_begin_receive_from(receiver.socket, &receiver.numbers[i], 4, 0, NULL, NULL,
                                                        &receiver.results[i]));
        }
        race_clash(&race);
        for (uint32_t number = 1; number <= PENDING; number++) {
            CHECK_SUCCESS(apm_socket_send_to(sender, &number, 4, APM_SOCKET_FLAGS_NONE, receiver.local, NULL));
        }
        race_settle(&race);
        received = end_receives(&receiver);
        if (close) {
            receiver.socket = udp_bind(&receiver.local);
            continue;
        }
        /* What no receive has got, because it was cancelled, is there for the next one. */
        for (; received < PENDING; received++) {
            uint32_t number;

            CHECK_SUCCESS(apm_socket_receive(receiver.socket, &number, 4, APM_SOCKET_FLAGS_NONE, NULL));
        }
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(receiver.socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

TEST(cancel_against_a_batch_of_datagrams)
{
    receive_while(false);
}

TEST(close_against_a_batch_of_datagrams)
{
    receive_while(true);
}

/* -- Sends that are gathered ------------------------------------------------------------------------------------- */

struct echo {
    apm_socket socket;
    struct latch ended; /* callbacks that will begin nothing more */
};

struct slot {
    struct echo *echo;
    uint32_t number;
    apm_endpoint remote;
};

static struct slot slots[PENDING];

static void on_echo_received(apm_async_result result);

static void on_echo_sent(apm_async_result result)
{
    struct slot *slot = apm_async_result_async_state(result);

    if (apm_socket_end_send_to(slot->echo->socket, result, NULL) != APM_ERROR_SUCCESS ||
        apm_socket_begin_receive_from(slot->echo->socket, &slot->number, 4, APM_SOCKET_FLAGS_NONE, on_echo_received,
                                      slot, NULL) != APM_ERROR_SUCCESS) {
        latch_add(&slot->echo->ended, 1);
    }
}

static void on_echo_received(apm_async_result result)
{
    struct slot *slot = apm_async_result_async_state(result);

    if (apm_socket_end_receive_from(slot->echo->socket, result, &slot->remote, NULL) != APM_ERROR_SUCCESS ||
        apm_socket_begin_send_to(slot->echo->socket, &slot->number, 4, APM_SOCKET_FLAGS_NONE, slot->remote,
                                 on_echo_sent, slot, NULL) != APM_ERROR_SUCCESS) {
        latch_add(&slot->echo->ended, 1);
    }
}

static void start_echo(struct echo *echo, apm_endpoint *local)
{
    latch_init(&echo->ended);
    echo->socket = udp_bind(local);
    for (size_t i = 0; i < PENDING; i++) {
        slots[i].echo = echo;
        CHECK_SUCCESS(apm_socket_begin_receive_from(echo->socket, &slots[i].number, 4, APM_SOCKET_FLAGS_NONE,
                                                    on_echo_received, &slots[i], NULL));
    }
}

/* Each round sends a burst and wants all of it back: a reply that is put off and forgotten would be missed. */
static void send_bursts(void *argument)
{
    apm_endpoint server = *(const apm_endpoint *)argument;
    apm_endpoint local;
    apm_socket client = udp_bind(&local);
    int64_t deadline_ms = race_deadline_ms();
    uint64_t random = harness_seed();

    CHECK_SUCCESS(apm_socket_set_receive_timeout(client, PATIENCE_MS));
    do {
        uint32_t burst = 1 + (uint32_t)(harness_random(&random) % PENDING);
        uint32_t sum = 0;

        for (uint32_t i = 1; i <= burst; i++) {
            CHECK_SUCCESS(apm_socket_send_to(client, &i, 4, APM_SOCKET_FLAGS_NONE, server, NULL));
        }
        for (uint32_t i = 1; i <= burst; i++) {
            uint32_t number;

            CHECK_SUCCESS(apm_socket_receive(client, &number, 4, APM_SOCKET_FLAGS_NONE, NULL));
            sum += number;
        }
        CHECK_EQ(sum, burst * (burst + 1) / 2);
    } while (harness_now_ms() < deadline_ms);
    CHECK_SUCCESS(apm_socket_close(client));
}

TEST(every_datagram_of_a_burst_is_echoed)
{
    struct echo echo = {0};
    apm_endpoint local;
    struct thread threads[2];

    start_echo(&echo, &local);
    for (size_t i = 0; i < 2; i++) {
        thread_start(&threads[i], send_bursts, &local);
    }
    for (size_t i = 0; i < 2; i++) {
        thread_join(&threads[i]);
    }
    CHECK_SUCCESS(apm_socket_close(echo.socket));
    LATCH_AWAIT(&echo.ended, PENDING);
}

static void close_echo(void *argument)
{
    CHECK_SUCCESS(apm_socket_close(((struct echo *)argument)->socket));
}

TEST(close_against_an_echo_ends_every_operation)
{
    struct echo echo = {0};
    apm_endpoint local;
    apm_socket client = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct race race;

    race_start(&race, close_echo, &echo);
    while (race_goes_on(&race)) {
        start_echo(&echo, &local);
        for (uint32_t i = 0; i < PENDING / 2; i++) {
            CHECK_SUCCESS(apm_socket_send_to(client, &i, 4, APM_SOCKET_FLAGS_NONE, local, NULL));
        }
        race_clash(&race);
        for (uint32_t i = 0; i < PENDING / 2; i++) {
            CHECK_SUCCESS(apm_socket_send_to(client, &i, 4, APM_SOCKET_FLAGS_NONE, local, NULL));
        }
        race_settle(&race);
        LATCH_AWAIT(&echo.ended, PENDING);
    }
    race_stop(&race);
    CHECK_SUCCESS(apm_socket_close(client));
}

LIBRARY_TEST_MAIN()
