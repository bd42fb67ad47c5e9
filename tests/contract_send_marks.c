/*
 * Backpressure: water marks of pending sends, the refusal beyond the high one, and the wait for the low one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

enum { FULL_SIZE = 2 << 20 }; /* far more than the buffers of such a connection hold */

/* A connection whose buffers are small and full, with one send of a block pending. */
struct full {
    peered_socket pair;
    uint8_t *block;
    struct operation send;
};

static void full_create(struct full *full)
{
    const int little = 128 << 10;

    full->pair = peered_socket_create();
    full->block = calloc(1, FULL_SIZE);
    CHECK(full->block != NULL);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(full->pair.socket, little));
    CHECK_EQ(setsockopt(full->pair.peer, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    CHECK_SUCCESS(apm_socket_begin_send(full->pair.socket, full->block, FULL_SIZE, APM_SOCKET_FLAGS_NONE,
                                        ON_COMPLETION(&full->send)));
}

/* The peer reads the block, so that its send completes. */
static void full_empty(struct full *full)
{
    size_t sent;

    raw_read_zeros(full->pair.peer, FULL_SIZE);
    CHECK_SUCCESS(finish_send(full->pair.socket, &full->send, &sent));
    CHECK_EQ(sent, FULL_SIZE);
}

static void full_destroy(struct full *full)
{
    peered_socket_close(full->pair);
    free(full->block);
}

static apm_send_water_marks bytes_marks(size_t high, size_t low)
{
    return (apm_send_water_marks){.high_bytes = high, .low_bytes = low};
}

static void check_pending(apm_socket socket, size_t bytes, size_t sends)
{
    size_t found_bytes = 1;
    size_t found_sends = 1;

    CHECK_SUCCESS(apm_socket_pending_sends(socket, &found_bytes, &found_sends));
    CHECK_EQ(found_bytes, bytes);
    CHECK_EQ(found_sends, sends);
}

CONTRACT_TEST(a_send_is_refused_from_the_high_mark_on_and_the_wait_ends_at_the_low_one)
{
    struct full full;
    struct operation refused;
    struct operation wait;
    uint8_t data[4] = {1, 2, 3, 4};
    uint8_t copy[4];
    size_t sent;

    full_create(&full);
    check_pending(full.pair.socket, FULL_SIZE, 1); /* also without marks */
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(FULL_SIZE, 1000)));
    CHECK_ERROR(apm_socket_begin_send(full.pair.socket, data, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&refused)),
                APM_ERROR_WOULD_BLOCK);
    CHECK(apm_async_result_is_null(refused.result));
    check_pending(full.pair.socket, FULL_SIZE, 1);
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    CHECK_PENDING(&wait);
    full_empty(&full);
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    check_pending(full.pair.socket, 0, 0);
    CHECK_SUCCESS(apm_socket_begin_send(full.pair.socket, data, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&refused)));
    CHECK_SUCCESS(finish_send(full.pair.socket, &refused, &sent));
    raw_read_exactly(full.pair.peer, copy, 4);
    CHECK_EQ(memcmp(data, copy, 4), 0);
    full_destroy(&full);
}

CONTRACT_TEST(below_the_high_mark_a_send_of_any_size_is_taken)
{
    struct full full;
    struct operation more;

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(FULL_SIZE + 1, 0)));
    CHECK_SUCCESS(
        apm_socket_begin_send(full.pair.socket, full.block, FULL_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&more)));
    check_pending(full.pair.socket, 2 * (size_t)FULL_SIZE, 2);
    CHECK_SUCCESS(apm_async_result_cancel(more.result));
    CHECK_ERROR(finish_send(full.pair.socket, &more, NULL), APM_ERROR_OPERATION_ABORTED);
    check_pending(full.pair.socket, FULL_SIZE, 1);
    full_empty(&full);
    full_destroy(&full);
}

CONTRACT_TEST(a_wait_ends_at_the_low_mark_to_the_byte)
{
    struct full full;
    struct operation wait;

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(FULL_SIZE + 1, FULL_SIZE - 1)));
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    CHECK_PENDING(&wait);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(FULL_SIZE + 1, FULL_SIZE)));
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    full_empty(&full);
    full_destroy(&full);
}

CONTRACT_TEST(the_number_of_sends_has_marks_of_its_own)
{
    enum { SENDS = 5 };
    struct full full;
    struct operation sends[SENDS];
    struct operation wait;
    const uint8_t byte = 0;

    full_create(&full);
    CHECK_SUCCESS(
        apm_socket_set_send_water_marks(full.pair.socket, (apm_send_water_marks){.high_sends = 4, .low_sends = 2}));
    for (size_t i = 0; i < SENDS; i++) {
        CHECK_ERROR(apm_socket_begin_send(full.pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[i])),
                    i < 3 ? APM_ERROR_SUCCESS : APM_ERROR_WOULD_BLOCK);
    }
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    CHECK_SUCCESS(apm_async_result_cancel(sends[2].result)); /* now there are three */
    CHECK_ERROR(finish_send(full.pair.socket, &sends[2], NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_PENDING(&wait);
    CHECK_SUCCESS(apm_async_result_cancel(sends[1].result));
    CHECK_ERROR(finish_send(full.pair.socket, &sends[1], NULL), APM_ERROR_OPERATION_ABORTED);
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    full_empty(&full);
    CHECK_SUCCESS(finish_send(full.pair.socket, &sends[0], NULL));
    full_destroy(&full);
}

CONTRACT_TEST(a_wait_is_cancelled_and_closed_like_any_operation)
{
    struct full full;
    struct operation waits[3];

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(1, 0)));
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&waits[i])));
    }
    CHECK_SUCCESS(apm_async_result_cancel(waits[0].result));
    AWAIT(&waits[0]);
    CHECK_ERROR(apm_socket_end_wait_sendable(full.pair.socket, waits[0].result), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_async_result_cancel_after(waits[1].result, 0));
    AWAIT(&waits[1]);
    CHECK_ERROR(apm_socket_end_wait_sendable(full.pair.socket, waits[1].result), APM_ERROR_TIMED_OUT);
    CHECK_PENDING(&waits[2]);
    CHECK_SUCCESS(apm_socket_close(full.pair.socket));
    AWAIT(&waits[2]);
    CHECK_ERROR(apm_socket_end_wait_sendable(full.pair.socket, waits[2].result), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_send(full.pair.socket, &full.send, NULL), APM_ERROR_OPERATION_ABORTED);
    full_destroy(&full);
}

CONTRACT_TEST(a_wait_ends_when_the_connection_breaks)
{
    struct full full;
    struct operation wait;
    apm_error error;

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(1, 0)));
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    CHECK_PENDING(&wait);
    raw_reset(full.pair.peer);
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    error = finish_send(full.pair.socket, &full.send, NULL);
    CHECK(error != APM_ERROR_SUCCESS);
    CHECK_SUCCESS(apm_socket_close(full.pair.socket));
    free(full.block);
}

CONTRACT_TEST(a_wait_ends_when_the_marks_go)
{
    struct full full;
    struct operation wait;

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(1, 0)));
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    CHECK_PENDING(&wait);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(0, 0)));
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    full_empty(&full);
    full_destroy(&full);
}

CONTRACT_TEST(without_marks_a_wait_ends_at_once)
{
    struct full full;
    struct operation wait;
    apm_socket idle = tcp_create();

    full_create(&full);
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(full.pair.socket, ON_COMPLETION(&wait)));
    AWAIT(&wait);
    CHECK_SUCCESS(apm_socket_end_wait_sendable(full.pair.socket, wait.result));
    CHECK_SUCCESS(apm_socket_wait_sendable(idle));
    CHECK_SUCCESS(apm_socket_close(idle));
    full_empty(&full);
    full_destroy(&full);
}

/* -- Synchronous calls -- */

static void read_the_block(void *argument)
{
    raw_read_zeros(*(int *)argument, FULL_SIZE + 4);
}

TEST(a_synchronous_send_waits_instead_of_being_refused)
{
    struct full full;
    struct thread reader;
    const uint8_t zeros[4] = {0};
    size_t sent;

    full_create(&full);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(full.pair.socket, bytes_marks(1, 0)));
    CHECK_SUCCESS(apm_socket_set_send_timeout(full.pair.socket, 1));
    CHECK_ERROR(apm_socket_send(full.pair.socket, zeros, 4, APM_SOCKET_FLAGS_NONE, &sent), APM_ERROR_TIMED_OUT);
    CHECK_ERROR(apm_socket_wait_sendable(full.pair.socket), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_socket_set_send_timeout(full.pair.socket, 0));
    thread_start(&reader, read_the_block, &full.pair.peer);
    CHECK_SUCCESS(apm_socket_send(full.pair.socket, zeros, 4, APM_SOCKET_FLAGS_NONE, &sent));
    CHECK_EQ(sent, 4);
    CHECK_SUCCESS(apm_socket_wait_sendable(full.pair.socket));
    thread_join(&reader);
    CHECK_SUCCESS(finish_send(full.pair.socket, &full.send, NULL));
    full_destroy(&full);
}

/* -- A fast producer and a slow reader -- */

enum { BLOCK = 32 << 10, HIGH = 8 * BLOCK, LOW = 2 * BLOCK };

struct producer {
    peered_socket pair;
    size_t total; /* bytes to send */
    size_t begun; /* the producer's, of which there is one at a time: a wait's callback, or the main thread */
    _Atomic size_t held;
    _Atomic size_t most_held;
    _Atomic size_t refusals;
    struct latch sent; /* bytes whose sends have completed */
};

struct block {
    struct producer *producer;
    uint8_t bytes[BLOCK];
};

static void on_block_sent(apm_async_result result)
{
    struct block *block = apm_async_result_async_state(result);
    size_t sent;

    CHECK_SUCCESS(apm_socket_end_send(block->producer->pair.socket, result, &sent));
    CHECK_EQ(sent, BLOCK);
    latch_add(&block->producer->sent, sent);
    atomic_fetch_sub(&block->producer->held, BLOCK);
    free(block);
}

static void on_room(apm_async_result result);

/* Begins sends until one is refused, and then waits for room. */
static void produce(struct producer *producer)
{
    while (producer->begun < producer->total) {
        struct block *block = malloc(sizeof *block);
        size_t held = atomic_fetch_add(&producer->held, BLOCK) + BLOCK;
        apm_error error;

        CHECK(block != NULL);
        if (held > producer->most_held) {
            producer->most_held = held;
        }
        block->producer = producer;
        pattern_fill(block->bytes, BLOCK, producer->begun);
        error = apm_socket_begin_send(producer->pair.socket, block->bytes, BLOCK, APM_SOCKET_FLAGS_NONE, on_block_sent,
                                      block, NULL);
        if (error == APM_ERROR_SUCCESS) {
            producer->begun += BLOCK;
            continue;
        }
        CHECK_ERROR(error, APM_ERROR_WOULD_BLOCK);
        free(block);
        atomic_fetch_sub(&producer->held, BLOCK);
        producer->refusals++;
        CHECK_SUCCESS(apm_socket_begin_wait_sendable(producer->pair.socket, on_room, producer, NULL));
        return; /* the rest is the callback's */
    }
}

static void on_room(apm_async_result result)
{
    struct producer *producer = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_wait_sendable(producer->pair.socket, result));
    produce(producer);
}

TEST(a_slow_reader_bounds_what_a_producer_holds_and_loses_nothing)
{
    struct producer *producer = calloc(1, sizeof *producer);
    uint8_t chunk[7001];
    size_t read = 0;

    CHECK(producer != NULL);
    producer->pair = peered_socket_create();
    producer->total = harness_scaled(512) * BLOCK;
    latch_init(&producer->sent);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(producer->pair.socket, BLOCK));
    CHECK_SUCCESS(apm_socket_set_serialised(producer->pair.socket, true));
    CHECK_SUCCESS(apm_socket_set_send_water_marks(producer->pair.socket, bytes_marks(HIGH, LOW)));
    CHECK_SUCCESS(apm_socket_begin_wait_sendable(producer->pair.socket, on_room, producer, NULL));
    while (read < producer->total) {
        size_t size = producer->total - read < sizeof chunk ? producer->total - read : sizeof chunk;

        raw_read_exactly(producer->pair.peer, chunk, size);
        pattern_check(chunk, size, read);
        read += size;
    }
    LATCH_AWAIT(&producer->sent, producer->total);
    CHECK(producer->refusals > 0);
    CHECK_SUCCESS(apm_socket_close_and_wait(producer->pair.socket, PATIENCE_MS));
    CHECK_EQ(producer->held, 0);
    /* What is pending, the block whose send is refused, and one whose callback runs: in turn, so there is one. */
    CHECK(producer->most_held <= HIGH + 2 * (size_t)BLOCK);
    raw_close(producer->pair.peer);
    free(producer);
}

/* -- The property -- */

CONTRACT_TEST(an_accepted_socket_has_its_listeners_marks)
{
    apm_send_water_marks marks = {.high_bytes = 100, .low_bytes = 50, .high_sends = 10, .low_sends = 5};
    apm_send_water_marks found;
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    struct operation accept;
    int client = raw_connect(local);

    CHECK_SUCCESS(apm_socket_send_water_marks(listener, &found));
    CHECK_EQ(found.high_bytes + found.low_bytes + found.high_sends + found.low_sends, 0);
    CHECK_SUCCESS(apm_socket_set_send_water_marks(listener, marks));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_send_water_marks(accepted, &found));
    CHECK_EQ(memcmp(&marks, &found, sizeof marks), 0);
    check_pending(accepted, 0, 0);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(client);
}

TEST(marks_that_make_no_sense_are_refused)
{
    apm_socket socket = tcp_create();
    apm_send_water_marks wrong[] = {{.high_bytes = 5, .low_bytes = 5},
                                    {.high_sends = 5, .low_sends = 6},
                                    {.low_bytes = 1},
                                    {.low_sends = 1, .high_bytes = 9}};
    apm_send_water_marks found = {.high_bytes = 1};
    size_t count;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_ERROR(apm_socket_set_send_water_marks(socket, wrong[i]), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    }
    CHECK_SUCCESS(apm_socket_send_water_marks(socket, &found));
    CHECK_EQ(found.high_bytes, 0);
    CHECK_ERROR(apm_socket_send_water_marks(socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_pending_sends(socket, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_pending_sends(socket, &count, NULL));
    CHECK_ERROR(apm_socket_begin_wait_sendable(socket, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_set_send_water_marks(socket, wrong[0]), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_send_water_marks(socket, &found), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_pending_sends(socket, &count, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_wait_sendable(socket), APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
