/*
 * The cells whose items are a function and a state. Their numbers travel in the state itself, so no item needs memory
 * of the benchmark's.
 */
#include "pool_cells.h"

#include "pool_count.h"
#include "pool_peer.h"

static void *to_state(uint64_t number)
{
    return (void *)(uintptr_t)number;
}

static uint64_t to_number(void *state)
{
    return (uint64_t)(uintptr_t)state;
}

static void count(void *state)
{
    pool_count_add(to_number(state));
}

static void produce(uint64_t first, uint64_t items)
{
    for (uint64_t i = first; i < first + items; i++)
        pool_queue(count, to_state(i), false);
}

static uint64_t one_producer(uint64_t items)
{
    return pool_produce_by_one(produce, items);
}

static uint64_t four_producers(uint64_t items)
{
    return pool_produce_by_four(produce, items);
}

/* Every item counts as one, and a leaf has the number 1, so the sum is the number of leaves. */
static void branch(void *state)
{
    struct pool_fork fork = pool_fork_unpack(to_number(state));

    if (fork.depth > 0) {
        pool_queue(branch, to_state(pool_fork_pack(pool_fork_left(fork))), true);
        pool_queue(branch, to_state(pool_fork_pack(pool_fork_right(fork))), true);
    } else if (fork.is_left && fork.trees_after > 0) {
        struct pool_fork next = {POOL_FORK_DEPTH, true, fork.trees_after - 1};
        pool_queue(branch, to_state(pool_fork_pack(next)), true);
    }
    pool_count_add(fork.depth == 0);
}

static uint64_t fork_join(uint64_t items)
{
    uint64_t trees;
    struct pool_fork root = pool_fork_root(items, &trees);

    pool_queue(branch, to_state(pool_fork_pack(root)), false);
    pool_drain();
    pool_count_wait(trees * POOL_FORK_ITEMS, trees << POOL_FORK_DEPTH);
    return trees * POOL_FORK_ITEMS;
}

/* Counted before it is signalled, so that the waiter finds it counted. */
static void answer(void *state)
{
    count(state);
    pool_signal_set(POOL_SIGNAL);
}

static void answer_slim(void *state)
{
    count(state);
    pool_signal_set(POOL_SIGNAL_SLIM);
}

static uint64_t play(pool_work *work, enum pool_signal signal, uint64_t items)
{
    for (uint64_t i = 0; i < items; i++) {
        pool_queue(work, to_state(i), false);
        pool_signal_wait(signal);
    }
    pool_count_wait(items, items * (items - 1) / 2);
    return items;
}

static uint64_t ping_pong(uint64_t items)
{
    return play(answer, POOL_SIGNAL, items);
}

static uint64_t ping_pong_slim(uint64_t items)
{
    return play(answer_slim, POOL_SIGNAL_SLIM, items);
}

static bool slim_is_there(void)
{
    return pool_peer.has_slim_signal;
}

const struct pool_cell pool_cells[] = {
    {"one_producer", NULL, one_producer},
    {"four_producers", NULL, four_producers},
    {"fork_join", NULL, fork_join},
    {"ping_pong", NULL, ping_pong},
    {"ping_pong_slim", slim_is_there, ping_pong_slim},
    {"one_producer_intrusive", pool_intrusive_is_there, pool_intrusive_one_producer},
    {"four_producers_intrusive", pool_intrusive_is_there, pool_intrusive_four_producers},
    {"fork_join_intrusive", pool_intrusive_is_there, pool_intrusive_fork_join},
};

const size_t pool_cell_count = sizeof pool_cells / sizeof pool_cells[0];
