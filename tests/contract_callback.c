/*
 * Where and when callbacks run: never inside Begin, never under a lock, in chains without end, beside stuck ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* -- Never inside Begin ------------------------------------------------------------------------------------------ */

struct guarded {
    pthread_mutex_t mutex;
    pthread_t beginner;
    uint8_t buffer[4];
    struct latch done;
};

/* Deadlocks if it runs inside the Begin, under whose caller's lock it would be. */
static void take_the_mutex(apm_async_result result)
{
    struct guarded *guarded = apm_async_result_async_state(result);

    CHECK(!pthread_equal(pthread_self(), guarded->beginner));
    CHECK(apm_thread_pool_is_pool_thread());
    CHECK_EQ(pthread_mutex_lock(&guarded->mutex), 0);
    CHECK_EQ(pthread_mutex_unlock(&guarded->mutex), 0);
    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&guarded->done, 1);
}

TEST(the_callback_never_runs_inside_begin_also_with_data_waiting)
{
    peered_socket pair = peered_socket_create();
    struct guarded guarded = {PTHREAD_MUTEX_INITIALIZER, pthread_self(), {0}, LATCH_INITIALIZER};
    size_t rounds = harness_scaled(2000);

    CHECK(!apm_thread_pool_is_pool_thread());
    for (size_t i = 1; i <= rounds; i++) {
        raw_write(pair.peer, "x", 1);
        await_available(pair.socket, 1);
        CHECK_EQ(pthread_mutex_lock(&guarded.mutex), 0);
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, guarded.buffer, 4, APM_SOCKET_FLAGS_NONE, take_the_mutex,
                                               &guarded, NULL));
        CHECK_EQ(pthread_mutex_unlock(&guarded.mutex), 0);
        LATCH_AWAIT(&guarded.done, i);
    }
    peered_socket_close(pair);
}

struct nested {
    uint8_t buffer[1];
    struct latch done;
};

static _Thread_local bool thread_is_inside_begin;

static void check_that_begin_has_returned(apm_async_result result)
{
    struct nested *nested = apm_async_result_async_state(result);

    /* Another worker may run this while the Begin has not returned, but not the one that is inside it. */
    CHECK(!thread_is_inside_begin);
    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&nested->done, 1);
}

static void begin_again_with_data_waiting(apm_async_result result)
{
    struct nested *nested = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);

    CHECK_SUCCESS(apm_socket_end_receive(socket, result, NULL));
    thread_is_inside_begin = true;
    CHECK_SUCCESS(apm_socket_begin_receive(socket, nested->buffer, 1, APM_SOCKET_FLAGS_NONE,
                                           check_that_begin_has_returned, nested, NULL));
    thread_is_inside_begin = false;
    latch_add(&nested->done, 1);
}

TEST(a_begin_inside_a_callback_does_not_nest_the_next_callback)
{
    peered_socket pair = peered_socket_create();
    struct nested nested = {.done = LATCH_INITIALIZER};

    raw_write(pair.peer, "xy", 2);
    await_available(pair.socket, 2);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, nested.buffer, 1, APM_SOCKET_FLAGS_NONE,
                                           begin_again_with_data_waiting, &nested, NULL));
    LATCH_AWAIT(&nested.done, 2);
    peered_socket_close(pair);
}

/* -- Chains ------------------------------------------------------------------------------------------------------ */

enum {
    STACK_BOUND = 64 * 1024,
    /* What takes up to some 100 ms on a busy machine is the test's own thread. */
    STARVED_US = 2000000,
    /* The one chain lasts longer, however fast the machine is, so that what it starves is late. */
    CHAIN_US = 2 * STARVED_US
};

/* A chain of operations that complete at once: each callback begins the next. */
struct chain {
    apm_socket socket;
    size_t length;  /* it has that many operations, and more */
    int64_t end_us; /* up to then */
    _Atomic size_t done;
    uint8_t byte;
    struct latch ended;
};

/* How deep callbacks of this thread have been seen to run. */
static _Thread_local const char *highest_frame;

static void check_stack_depth(void)
{
    char here = 0;
    const char *volatile frame = &here;

    if (highest_frame == NULL || frame > highest_frame) {
        CHECK(highest_frame == NULL || frame - highest_frame < STACK_BOUND);
        highest_frame = frame;
    }
    CHECK(highest_frame - frame < STACK_BOUND);
}

static void receive_nothing_again(apm_async_result result)
{
    struct chain *chain = apm_async_result_async_state(result);
    size_t done = atomic_fetch_add_explicit(&chain->done, 1, memory_order_relaxed) + 1;

    check_stack_depth();
    CHECK_SUCCESS(apm_socket_end_receive(chain->socket, result, NULL));
    if (done >= chain->length && done % 64 == 0 && harness_now_us() >= chain->end_us) {
        latch_add(&chain->ended, 1);
        return;
    }
    /* Nothing is received, so the byte that waits lets every one of the chain complete at once. */
    CHECK_SUCCESS(apm_socket_begin_receive(chain->socket, &chain->byte, 0, APM_SOCKET_FLAGS_NONE, receive_nothing_again,
                                           chain, NULL));
}

static void chain_start(struct chain *chain, apm_socket socket, size_t length, int64_t duration_us)
{
    chain->socket = socket;
    chain->length = length;
    chain->end_us = harness_now_us() + duration_us;
    atomic_init(&chain->done, 0);
    latch_init(&chain->ended);
    CHECK_SUCCESS(
        apm_socket_begin_receive(socket, &chain->byte, 0, APM_SOCKET_FLAGS_NONE, receive_nothing_again, chain, NULL));
}

/* The round trips of one byte that are made while chains run, and how long the longest took. */
static int64_t longest_round_trip_us(socket_pair pair, size_t rounds)
{
    int64_t longest = 0;

    for (size_t i = 0; i < rounds; i++) {
        struct operation receive;
        int64_t start = harness_now_us();
        int64_t time;
        uint8_t byte;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.server, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        send_all(pair.client, "x", 1);
        CHECK_SUCCESS(finish_receive(pair.server, &receive, NULL));
        time = harness_now_us() - start;
        longest = time > longest ? time : longest;
    }
    return longest;
}

TEST_WITH_TIMEOUT(a_chain_of_a_million_immediate_completions_neither_grows_the_stack_nor_starves_another_socket, 600)
{
    socket_pair pair = socket_pair_create();
    peered_socket hot = peered_socket_create();
    struct chain chain;
    int64_t longest_us = 0;

    raw_write(hot.peer, "x", 1);
    await_available(hot.socket, 1);
    chain_start(&chain, hot.socket, harness_scaled(1000000), CHAIN_US);
    while (!latch_wait(&chain.ended, 1, 0)) {
        int64_t time_us = longest_round_trip_us(pair, 10);

        longest_us = time_us > longest_us ? time_us : longest_us;
    }
    CHECK(atomic_load(&chain.done) >= chain.length);
    printf("the longest of the round trips beside the chain took %lld us\n", (long long)longest_us);
    CHECK(longest_us < STARVED_US);
    peered_socket_close(hot);
    socket_pair_close(pair);
}

TEST_WITH_TIMEOUT(hot_chains_on_every_worker_do_not_starve_another_socket, 300)
{
    enum { CHAINS = 8 };
    socket_pair pair = socket_pair_create();
    peered_socket hot[CHAINS];
    struct chain chains[CHAINS];
    int64_t longest_us;

    for (size_t i = 0; i < CHAINS; i++) {
        hot[i] = peered_socket_create();
        raw_write(hot[i].peer, "x", 1);
        await_available(hot[i].socket, 1);
        chain_start(&chains[i], hot[i].socket, harness_scaled(200000), 0);
    }
    longest_us = longest_round_trip_us(pair, 100);
    printf("the longest of the round trips beside the chains took %lld us\n", (long long)longest_us);
    CHECK(longest_us < STARVED_US);
    for (size_t i = 0; i < CHAINS; i++) {
        CHECK(latch_wait(&chains[i].ended, 1, 10 * PATIENCE_MS));
        peered_socket_close(hot[i]);
    }
    socket_pair_close(pair);
}

/* -- Stuck workers ----------------------------------------------------------------------------------------------- */

struct stuck {
    uint8_t buffer[1];
    struct latch entered;
    struct latch released;
    struct latch left;
};

/* Blocks where the library cannot see it. */
static void wait_for_release(apm_async_result result)
{
    struct stuck *stuck = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&stuck->entered, 1);
    LATCH_AWAIT(&stuck->released, 1);
    latch_add(&stuck->left, 1);
}

static void check_that_stuck_callbacks_do_not_stop_others(size_t count)
{
    enum { MOST = 64 };
    peered_socket pairs[MOST];
    struct stuck stuck[MOST];
    socket_pair other = socket_pair_create();
    int64_t longest_us = 0;

    CHECK(count <= MOST);
    for (size_t i = 0; i < count; i++) {
        int64_t time_us;

        pairs[i] = peered_socket_create();
        latch_init(&stuck[i].entered);
        latch_init(&stuck[i].released);
        latch_init(&stuck[i].left);
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].socket, stuck[i].buffer, 1, APM_SOCKET_FLAGS_NONE,
                                               wait_for_release, &stuck[i], NULL));
        raw_write(pairs[i].peer, "x", 1);
        LATCH_AWAIT(&stuck[i].entered, 1);
        time_us = longest_round_trip_us(other, 5);
        longest_us = time_us > longest_us ? time_us : longest_us;
    }
    printf("the longest of the round trips beside %zu stuck callbacks took %lld us\n", count, (long long)longest_us);
    CHECK(longest_us < 500000);
    for (size_t i = 0; i < count; i++) {
        latch_add(&stuck[i].released, 1);
        LATCH_AWAIT(&stuck[i].left, 1);
        peered_socket_close(pairs[i]);
    }
    socket_pair_close(other);
}

TEST(one_worker_stuck_in_a_callback_does_not_stop_other_connections)
{
    check_that_stuck_callbacks_do_not_stop_others(1);
}

TEST(more_stuck_callbacks_than_workers_do_not_stop_other_connections)
{
    check_that_stuck_callbacks_do_not_stop_others(40);
}

/* -- Once each --------------------------------------------------------------------------------------------------- */

TEST(every_callback_runs_exactly_once)
{
    enum { COUNT = 2000 };
    peered_socket pair = peered_socket_create();
    struct operation *receives = calloc(COUNT, sizeof *receives);
    static uint8_t data[COUNT];
    static uint8_t buffer[COUNT];

    CHECK(receives != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
    }
    raw_write(pair.peer, data, sizeof data);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_receive(pair.socket, &receives[i], NULL));
    }
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQ(latch_count(&receives[i].called), 1);
    }
    free(receives);
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
