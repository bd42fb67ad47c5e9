/*
 * Order: several operations of one socket and direction complete in the order begun, and their bytes are contiguous.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

CONTRACT_TEST(several_pending_receives_get_the_stream_in_the_order_begun)
{
    enum { COUNT = 100, SIZE = 7 };
    peered_socket pair = peered_socket_create();
    struct operation receives[COUNT];
    uint8_t data[COUNT * SIZE];
    uint8_t buffer[COUNT * SIZE];
    size_t received;

    pattern_fill(data, sizeof data, 0);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer + i * SIZE, SIZE, APM_SOCKET_FLAGS_NONE,
                                               ON_COMPLETION(&receives[i])));
    }
    /* All of it is there before any can be short. */
    raw_write(pair.peer, data, sizeof data);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_receive(pair.socket, &receives[i], &received));
        CHECK_EQ(received, SIZE);
    }
    pattern_check(buffer, sizeof buffer, 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(several_pending_sends_arrive_whole_and_in_the_order_begun)
{
    enum { COUNT = 8, SIZE = 1 << 20 };
    peered_socket pair = peered_socket_create();
    struct operation sends[COUNT];
    uint8_t *data = malloc((size_t)COUNT * SIZE);
    uint8_t *copy = malloc((size_t)COUNT * SIZE);
    size_t sent;

    CHECK(data != NULL && copy != NULL);
    pattern_fill(data, (size_t)COUNT * SIZE, 0);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_send(pair.socket, data + i * SIZE, SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[i])));
    }
    raw_read_exactly(pair.peer, copy, (size_t)COUNT * SIZE);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_send(pair.socket, &sends[i], &sent));
        CHECK_EQ(sent, SIZE);
    }
    pattern_check(copy, (size_t)COUNT * SIZE, 0);
    peered_socket_close(pair);
    free(data);
    free(copy);
}

CONTRACT_TEST(completion_of_a_later_receive_means_completion_of_the_earlier_ones)
{
    enum { COUNT = 50 };
    peered_socket pair = peered_socket_create();
    struct operation receives[COUNT];
    uint8_t buffer[COUNT];
    uint8_t data[COUNT] = {0};

    for (size_t round = 0; round < harness_scaled(20); round++) {
        for (size_t i = 0; i < COUNT; i++) {
            CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE,
                                                   ON_COMPLETION(&receives[i])));
        }
        raw_write(pair.peer, data, COUNT);
        AWAIT(&receives[COUNT - 1]);
        for (size_t i = 0; i < COUNT; i++) {
            CHECK(apm_async_result_is_completed(receives[i].result));
        }
        for (size_t i = 0; i < COUNT; i++) {
            CHECK_SUCCESS(finish_receive(pair.socket, &receives[i], NULL));
        }
    }
    peered_socket_close(pair);
}

/* -- Threads that send at once ----------------------------------------------------------------------------------- */

enum { SENDERS = 4, BLOCKS = 8, BLOCK_SIZE = 256 << 10 };

struct block_sender {
    apm_socket socket;
    uint8_t fill;
    uint8_t *block;
};

static void send_blocks(void *argument)
{
    struct block_sender *sender = argument;
    struct operation sends[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK_SUCCESS(apm_socket_begin_send(sender->socket, sender->block, BLOCK_SIZE, APM_SOCKET_FLAGS_NONE,
                                            ON_COMPLETION(&sends[i])));
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t sent;

        CHECK_SUCCESS(finish_send(sender->socket, &sends[i], &sent));
        CHECK_EQ(sent, BLOCK_SIZE);
    }
}

static void check_block_is_whole(const uint8_t *block)
{
    CHECK(block[0] >= 1 && block[0] <= SENDERS);
    for (size_t i = 1; i < BLOCK_SIZE; i++) {
        CHECK(block[i] == block[0]);
    }
}

CONTRACT_TEST(sends_begun_at_once_by_several_threads_are_each_contiguous)
{
    peered_socket pair = peered_socket_create();
    struct block_sender senders[SENDERS];
    struct thread threads[SENDERS];
    uint8_t *block = malloc(BLOCK_SIZE);

    CHECK(block != NULL);
    for (size_t i = 0; i < SENDERS; i++) {
        senders[i].socket = pair.socket;
        senders[i].fill = (uint8_t)(i + 1);
        senders[i].block = malloc(BLOCK_SIZE);
        CHECK(senders[i].block != NULL);
        memset(senders[i].block, senders[i].fill, BLOCK_SIZE);
        thread_start(&threads[i], send_blocks, &senders[i]);
    }
    for (size_t i = 0; i < (size_t)SENDERS * BLOCKS; i++) {
        raw_read_exactly(pair.peer, block, BLOCK_SIZE);
        check_block_is_whole(block);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        thread_join(&threads[i]);
        free(senders[i].block);
    }
    peered_socket_close(pair);
    free(block);
}

/* -- Both directions --------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_send_that_waits_does_not_hold_up_receives_nor_the_other_way_round)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    struct operation receive;
    struct operation small;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "abcd", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&small)));
    CHECK_SUCCESS(finish_send(pair.socket, &small, NULL));
    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    CHECK(!apm_async_result_is_completed(send.result));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(pair.peer);
    free(block);
}

/* -- Synchronous calls behind asynchronous ones ------------------------------------------------------------------ */

struct sync_receiver {
    apm_socket socket;
    uint8_t buffer[4];
    size_t received;
    struct latch started;
};

static void receive_synchronously(void *argument)
{
    struct sync_receiver *receiver = argument;

    latch_add(&receiver->started, 1);
    CHECK_SUCCESS(
        apm_socket_receive(receiver->socket, receiver->buffer, 4, APM_SOCKET_FLAGS_NONE, &receiver->received));
}

CONTRACT_TEST(a_synchronous_receive_queues_behind_a_pending_one)
{
    peered_socket pair = peered_socket_create();
    struct sync_receiver receiver = {.socket = pair.socket, .started = LATCH_INITIALIZER};
    struct operation receive;
    struct thread thread;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    thread_start(&thread, receive_synchronously, &receiver);
    LATCH_AWAIT(&receiver.started, 1);
    raw_write(pair.peer, "aaaa", 4);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 4);
    CHECK_EQ(memcmp(buffer, "aaaa", 4), 0);
    raw_write(pair.peer, "bbbb", 4);
    thread_join(&thread);
    CHECK_EQ(receiver.received, 4);
    CHECK_EQ(memcmp(receiver.buffer, "bbbb", 4), 0);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
