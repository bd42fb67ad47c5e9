/*
 * The cells of the pool benchmark: ways of giving work to a pool.
 */
#ifndef BENCH_POOL_CELLS_H
#define BENCH_POOL_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_cell {
    const char *name;
    bool (*is_there)(void); /* null: every peer has it */
    /* Has about `items` items run, at least one, waits for them, checks them, and returns how many they were. */
    uint64_t (*run)(uint64_t items);
};

extern const struct pool_cell pool_cells[];
extern const size_t pool_cell_count;

/* The cells whose items are the user's memory, in pool_intrusive.c. */
bool pool_intrusive_is_there(void);
uint64_t pool_intrusive_one_producer(uint64_t items);
uint64_t pool_intrusive_four_producers(uint64_t items);
uint64_t pool_intrusive_fork_join(uint64_t items);

/* Producers, in pool_produce.c. Queues items with the numbers `first` to `first + count - 1`. */
typedef void pool_produce(uint64_t first, uint64_t count);

/*
 * So many items are queued before their completion is waited for. Enough of them make the waiting nothing; what a peer
 * has to keep, where the producer is ahead of it, is the other side of that. Set before the first cell.
 */
extern uint64_t pool_batch_items;
#define POOL_BATCH_ITEMS_MOST 10000000

uint64_t pool_produce_by_one(pool_produce *produce, uint64_t items);
uint64_t pool_produce_by_four(pool_produce *produce, uint64_t items);

/*
 * The state of an item of a fork-join: how many levels are below it, whether it is on the left edge of its tree, and
 * how many trees follow this one. The leftmost leaf starts the next tree, so that trees follow each other without
 * anybody outside waiting for one, and what is queued at a time stays small.
 */
struct pool_fork {
    uint32_t depth;
    bool is_left;
    uint32_t trees_after;
};

#define POOL_FORK_DEPTH 16u /* 131,071 items a tree */
#define POOL_FORK_ITEMS ((2u << POOL_FORK_DEPTH) - 1)

static inline uint64_t pool_fork_pack(struct pool_fork fork)
{
    return ((uint64_t)fork.trees_after << 9) | ((uint64_t)fork.is_left << 8) | fork.depth;
}

static inline struct pool_fork pool_fork_unpack(uint64_t bits)
{
    return (struct pool_fork){(uint32_t)(bits & 0xff), ((bits >> 8) & 1) != 0, (uint32_t)(bits >> 9)};
}

static inline struct pool_fork pool_fork_left(struct pool_fork parent)
{
    return (struct pool_fork){parent.depth - 1, parent.is_left, parent.trees_after};
}

static inline struct pool_fork pool_fork_right(struct pool_fork parent)
{
    return (struct pool_fork){parent.depth - 1, false, 0};
}

/* The root of a forest of about `items` items; *trees is how many trees it has. */
static inline struct pool_fork pool_fork_root(uint64_t items, uint64_t *trees)
{
    *trees = items / POOL_FORK_ITEMS + 1;
    return (struct pool_fork){POOL_FORK_DEPTH, true, (uint32_t)(*trees - 1)};
}

#endif
