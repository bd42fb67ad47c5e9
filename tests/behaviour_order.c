/*
 * Order and concurrency as in .NET: the cases ord-* of its recorded behaviour.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* -- Receives ---------------------------------------------------------------------------------------------------- */

TEST(four_receives_get_the_blocks_of_one_send_in_begin_order_ord_001)
{
    for (size_t round = 0; round < 30; round++) {
        peered_socket pair = peered_socket_create();
        struct operation receives[4];
        char buffers[4][4];
        size_t received;

        for (size_t i = 0; i < 4; i++) {
            CHECK_SUCCESS(
                apm_socket_begin_receive(pair.socket, buffers[i], 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
        }
        raw_write(pair.peer, "aaaabbbbccccdddd", 16);
        for (size_t i = 0; i < 4; i++) {
            CHECK_SUCCESS(finish_receive(pair.socket, &receives[i], &received));
            CHECK_EQ(received, 4);
            CHECK_EQ(buffers[i][0], 'a' + (int)i);
            CHECK_EQ(buffers[i][3], 'a' + (int)i);
        }
        peered_socket_close(pair);
    }
}

struct blocking_callback {
    uint8_t buffer[4];
    struct latch entered;
    struct latch released;
    struct latch done;
};

static void block_in_callback(apm_async_result result)
{
    struct blocking_callback *blocking = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&blocking->entered, 1);
    LATCH_AWAIT(&blocking->released, 1);
    latch_add(&blocking->done, 1);
}

static void blocking_callback_start(struct blocking_callback *blocking, peered_socket pair)
{
    latch_init(&blocking->entered);
    latch_init(&blocking->released);
    latch_init(&blocking->done);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, blocking->buffer, 1, APM_SOCKET_FLAGS_NONE, block_in_callback,
                                           blocking, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&blocking->entered, 1);
}

static void blocking_callback_finish(struct blocking_callback *blocking)
{
    latch_add(&blocking->released, 1);
    LATCH_AWAIT(&blocking->done, 1);
}

TEST(the_callback_of_a_second_receive_runs_while_the_first_blocks_ord_003)
{
    peered_socket pair = peered_socket_create();
    struct blocking_callback blocking;
    struct operation second;
    uint8_t buffer[4];

    blocking_callback_start(&blocking, pair);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&second)));
    raw_write(pair.peer, "y", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &second, NULL));
    blocking_callback_finish(&blocking);
    peered_socket_close(pair);
}

TEST(the_callback_of_a_send_runs_while_that_of_a_receive_blocks_ord_004)
{
    peered_socket pair = peered_socket_create();
    struct blocking_callback blocking;
    uint8_t *block = big_block_create();
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    blocking_callback_start(&blocking, pair);
    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, NULL));
    blocking_callback_finish(&blocking);
    peered_socket_close(pair);
    free(block);
}

struct first_receiver {
    apm_socket socket;
    struct operation receive;
    uint8_t byte;
};

static void begin_the_first_receive(void *argument)
{
    struct first_receiver *first = argument;

    CHECK_SUCCESS(
        apm_socket_begin_receive(first->socket, &first->byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&first->receive)));
}

TEST(a_receive_begun_earlier_by_another_thread_gets_the_first_data_ord_010)
{
    for (size_t i = 0; i < 20; i++) {
        peered_socket pair = peered_socket_create();
        struct first_receiver first = {.socket = pair.socket};
        struct operation second;
        struct thread thread;
        uint8_t byte;

        /* The thread has ended when its operation completes: operations outlive who began them. */
        thread_start(&thread, begin_the_first_receive, &first);
        thread_join(&thread);
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&second)));
        raw_write(pair.peer, "A", 1);
        CHECK_SUCCESS(finish_receive(pair.socket, &first.receive, NULL));
        CHECK_EQ(first.byte, 'A');
        CHECK(!apm_async_result_is_completed(second.result));
        raw_write(pair.peer, "B", 1);
        CHECK_SUCCESS(finish_receive(pair.socket, &second, NULL));
        CHECK_EQ(byte, 'B');
        peered_socket_close(pair);
    }
}

/* -- Sends ------------------------------------------------------------------------------------------------------- */

TEST(four_sends_of_1_MiB_arrive_whole_and_in_begin_order_ord_005)
{
    enum { SIZE = 1 << 20 };
    peered_socket pair = peered_socket_create();
    struct operation sends[4];
    uint8_t *blocks = malloc((size_t)4 * SIZE);
    uint8_t *copy = malloc(SIZE);

    CHECK(blocks != NULL && copy != NULL);
    for (size_t i = 0; i < 4; i++) {
        memset(blocks + i * SIZE, (int)i + 1, SIZE);
        CHECK_SUCCESS(
            apm_socket_begin_send(pair.socket, blocks + i * SIZE, SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&sends[i])));
    }
    for (size_t i = 0; i < 4; i++) {
        raw_read_exactly(pair.peer, copy, SIZE);
        CHECK_EQ(memcmp(copy, blocks + i * SIZE, SIZE), 0);
        CHECK_SUCCESS(finish_send(pair.socket, &sends[i], NULL));
    }
    peered_socket_close(pair);
    free(blocks);
    free(copy);
}

enum { SENDERS = 4, BLOCKS = 8, BLOCK_SIZE = 256 << 10 };

struct block_sender {
    apm_socket socket;
    uint8_t *block;
};

static void send_blocks(void *argument)
{
    struct block_sender *sender = argument;
    struct operation sends[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK_SUCCESS(apm_socket_begin_send(sender->socket, sender->block, BLOCK_SIZE, APM_SOCKET_FLAGS_NONE,
                                            ON_CALLBACK(&sends[i])));
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK_SUCCESS(finish_send(sender->socket, &sends[i], NULL));
    }
}

TEST(sends_begun_at_once_by_four_threads_are_whole_where_net_may_mix_them_ord_006)
{
    peered_socket pair = peered_socket_create();
    struct block_sender senders[SENDERS];
    struct thread threads[SENDERS];
    uint8_t *copy = malloc(BLOCK_SIZE);

    CHECK(copy != NULL);
    for (size_t i = 0; i < SENDERS; i++) {
        senders[i].socket = pair.socket;
        senders[i].block = malloc(BLOCK_SIZE);
        CHECK(senders[i].block != NULL);
        memset(senders[i].block, (int)i, BLOCK_SIZE);
        thread_start(&threads[i], send_blocks, &senders[i]);
    }
    for (size_t i = 0; i < (size_t)SENDERS * BLOCKS; i++) {
        raw_read_exactly(pair.peer, copy, BLOCK_SIZE);
        CHECK(copy[0] < SENDERS);
        CHECK_EQ(memcmp(copy, senders[copy[0]].block, BLOCK_SIZE), 0);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        thread_join(&threads[i]);
        free(senders[i].block);
    }
    peered_socket_close(pair);
    free(copy);
}

TEST(a_thousand_small_sends_arrive_in_order_ord_007)
{
    enum { COUNT = 1000 };
    peered_socket pair = peered_socket_create();
    struct operation *sends = calloc(COUNT, sizeof *sends);
    static uint32_t numbers[COUNT];

    CHECK(sends != NULL);
    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i] = i;
        CHECK_SUCCESS(apm_socket_begin_send(pair.socket, &numbers[i], sizeof numbers[i], APM_SOCKET_FLAGS_NONE,
                                            ON_CALLBACK(&sends[i])));
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t number;

        raw_read_exactly(pair.peer, &number, sizeof number);
        CHECK_EQ(number, i);
        CHECK_SUCCESS(finish_send(pair.socket, &sends[i], NULL));
    }
    peered_socket_close(pair);
    free(sends);
}

enum { STREAM_SIZE = 200000, CHAINS = 4 };

struct counting_chain {
    apm_socket socket;
    uint8_t buffer[977];
    _Atomic size_t *bytes;
    _Atomic uint64_t *sum;
    struct latch *done;
};

static void count_and_receive_on(apm_async_result result)
{
    struct counting_chain *chain = apm_async_result_async_state(result);
    size_t received;
    uint64_t sum = 0;

    CHECK_SUCCESS(apm_socket_end_receive(chain->socket, result, &received));
    for (size_t i = 0; i < received; i++) {
        sum += (uint64_t)chain->buffer[i] * chain->buffer[i] + 1;
    }
    atomic_fetch_add(chain->sum, sum);
    atomic_fetch_add(chain->bytes, received);
    if (received == 0) {
        latch_add(chain->done, 1);
        return;
    }
    CHECK_SUCCESS(apm_socket_begin_receive(chain->socket, chain->buffer, sizeof chain->buffer, APM_SOCKET_FLAGS_NONE,
                                           count_and_receive_on, chain, NULL));
}

TEST(four_chains_of_receives_lose_and_double_no_byte_ord_008)
{
    peered_socket pair = peered_socket_create();
    struct counting_chain chains[CHAINS];
    struct latch done = LATCH_INITIALIZER;
    _Atomic size_t bytes = 0;
    _Atomic uint64_t sum = 0;
    uint64_t expected = 0;
    uint8_t *data = malloc(STREAM_SIZE);

    CHECK(data != NULL);
    pattern_fill(data, STREAM_SIZE, 0);
    for (size_t i = 0; i < STREAM_SIZE; i++) {
        expected += (uint64_t)data[i] * data[i] + 1;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        chains[i] = (struct counting_chain){.socket = pair.socket, .bytes = &bytes, .sum = &sum, .done = &done};
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, chains[i].buffer, sizeof chains[i].buffer,
                                               APM_SOCKET_FLAGS_NONE, count_and_receive_on, &chains[i], NULL));
    }
    raw_write(pair.peer, data, STREAM_SIZE);
    raw_close(pair.peer);
    LATCH_AWAIT(&done, CHAINS);
    CHECK_EQ(atomic_load(&bytes), STREAM_SIZE);
    CHECK_EQ(atomic_load(&sum), expected);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    free(data);
}

/* -- Many sockets ------------------------------------------------------------------------------------------------ */

struct flood {
    peered_socket pair;
    struct latch stopped;
};

static void send_without_end(void *argument)
{
    struct flood *flood = argument;
    static uint8_t data[65536];

    while (!latch_wait(&flood->stopped, 1, 0)) {
        raw_write(flood->pair.peer, data, sizeof data);
    }
    raw_close(flood->pair.peer);
}

TEST(a_quiet_socket_gets_its_byte_while_another_is_flooded_ord_009)
{
    struct flood flood = {.pair = peered_socket_create(), .stopped = LATCH_INITIALIZER};
    peered_socket quiet = peered_socket_create();
    struct counting_chain chain;
    struct latch done = LATCH_INITIALIZER;
    _Atomic size_t bytes = 0;
    _Atomic uint64_t sum = 0;
    struct thread thread;

    chain = (struct counting_chain){.socket = flood.pair.socket, .bytes = &bytes, .sum = &sum, .done = &done};
    CHECK_SUCCESS(apm_socket_begin_receive(chain.socket, chain.buffer, sizeof chain.buffer, APM_SOCKET_FLAGS_NONE,
                                           count_and_receive_on, &chain, NULL));
    thread_start(&thread, send_without_end, &flood);
    for (size_t i = 0; i < 20; i++) {
        struct operation receive;
        uint8_t byte;
        int64_t start = harness_now_ms();

        CHECK_SUCCESS(apm_socket_begin_receive(quiet.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(quiet.peer, "x", 1);
        CHECK_SUCCESS(finish_receive(quiet.socket, &receive, NULL));
        CHECK(harness_now_ms() - start < 1000);
    }
    latch_add(&flood.stopped, 1);
    thread_join(&thread);
    LATCH_AWAIT(&done, 1);
    CHECK_SUCCESS(apm_socket_close(flood.pair.socket));
    peered_socket_close(quiet);
}

TEST(a_thousand_sockets_with_a_pending_receive_all_get_their_byte_ord_011)
{
    enum { COUNT = 1000 };
    peered_socket *pairs = calloc(COUNT, sizeof *pairs);
    struct operation *receives = calloc(COUNT, sizeof *receives);
    static uint8_t buffer[COUNT];

    CHECK(pairs != NULL && receives != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        pairs[i] = peered_socket_create();
        CHECK_SUCCESS(
            apm_socket_begin_receive(pairs[i].socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
    }
    for (size_t i = 0; i < COUNT; i++) {
        raw_write(pairs[i].peer, "x", 1);
    }
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_receive(pairs[i].socket, &receives[i], NULL));
        peered_socket_close(pairs[i]);
    }
    free(pairs);
    free(receives);
}

static void meet_the_other(apm_async_result result)
{
    struct latch *both = apm_async_result_async_state(result);

    latch_add(both, 1);
    LATCH_AWAIT(both, 2);
    latch_add(both, 1);
}

TEST(callbacks_of_a_receive_and_a_send_that_get_ready_together_run_at_the_same_time_ord_012)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct latch both = LATCH_INITIALIZER;
    apm_async_result receive;
    apm_async_result send;
    uint8_t buffer[4];

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, meet_the_other, &both, &receive));
    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, meet_the_other, &both, &send));
    raw_write(pair.peer, "x", 1);
    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    LATCH_AWAIT(&both, 4);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive, NULL));
    CHECK_SUCCESS(apm_socket_end_send(pair.socket, send, NULL));
    peered_socket_close(pair);
    free(block);
}

LIBRARY_TEST_MAIN()
