/*
 * Counts the items that have run and adds up their numbers, so that a lost, doubled or mixed-up item is noticed.
 *
 * Each thread has counters on cache lines of its own, which it alone writes: what is measured is the pool and not a
 * contended counter. Nobody is told when the last item has run; the waiter looks every 100 us, which is nothing next to
 * the batches that it waits for.
 */
#ifndef BENCH_POOL_COUNT_H
#define BENCH_POOL_COUNT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct pool_count {
    _Alignas(128) _Atomic uint64_t items; /* atomic: written by the owner, read by whoever waits */
    _Atomic uint64_t sum;
};

extern _Thread_local struct pool_count *pool_count_own;

/* Gives the calling thread its counters. */
struct pool_count *pool_count_take(void);

/* An item with this number has run. */
static inline void pool_count_add(uint64_t number)
{
    struct pool_count *own = pool_count_own != NULL ? pool_count_own : pool_count_take();
    uint64_t sum = atomic_load_explicit(&own->sum, memory_order_relaxed) + number;
    uint64_t items = atomic_load_explicit(&own->items, memory_order_relaxed) + 1;

    atomic_store_explicit(&own->sum, sum, memory_order_relaxed);
    /* Pairs with the acquire in read_total: whoever sees the item counted sees its number added. */
    atomic_store_explicit(&own->items, items, memory_order_release);
}

/* How long pool_count_wait waits for items that do not come. Set before it is called. */
extern uint64_t pool_count_limit_ns;

/*
 * Waits until so many items more have run than it has waited for before, and checks their number and sum. Ends the
 * process with status 1 if either is wrong, or if the items do not come. As it counts from the beginning, an item that
 * runs once more after its batch is noticed by the next call; with 0 items, the last one. The main thread only.
 */
void pool_count_wait(uint64_t items, uint64_t sum);

#endif
