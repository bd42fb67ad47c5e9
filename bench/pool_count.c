/*
 * Owns the counters of all threads that have run an item. A place is taken by a thread once and never given back, so
 * what a thread has counted stays when the thread ends.
 */
#define _GNU_SOURCE 1
#include "pool_count.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES 4096
#define LOOK_INTERVAL_NS 100000

uint64_t pool_count_limit_ns = 60 * NANOSECONDS_PER_SECOND;
_Thread_local struct pool_count *pool_count_own;

struct total {
    uint64_t items;
    uint64_t sum;
};

static struct pool_count places[PLACES];
static atomic_uint places_taken;
static struct total expected; /* the main thread's */

struct pool_count *pool_count_take(void)
{
    unsigned place = atomic_fetch_add(&places_taken, 1);

    if (place >= PLACES) {
        fprintf(stderr, "pool benchmark: more than %d threads have run items\n", PLACES);
        exit(1);
    }
    pool_count_own = &places[place];
    return pool_count_own;
}

static struct total read_total(void)
{
    struct total total = {0, 0};
    unsigned taken = atomic_load(&places_taken);

    for (unsigned i = 0; i < taken && i < PLACES; i++) {
        /* Pairs with the release in pool_count_add. */
        total.items += atomic_load_explicit(&places[i].items, memory_order_acquire);
        total.sum += atomic_load_explicit(&places[i].sum, memory_order_relaxed);
    }
    return total;
}

void pool_count_wait(uint64_t items, uint64_t sum)
{
    uint64_t start_ns = clock_now_ns();
    struct total now = read_total();

    expected.items += items;
    expected.sum += sum;
    while (now.items < expected.items && clock_now_ns() - start_ns < pool_count_limit_ns) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_INTERVAL_NS}, NULL);
        now = read_total();
    }
    if (now.items == expected.items && now.sum == expected.sum)
        return;
    fprintf(stderr,
            "pool benchmark: %" PRIu64 " items with sum %" PRIu64 " have run, not %" PRIu64 " with %" PRIu64 "\n",
            now.items, now.sum, expected.items, expected.sum);
    exit(1);
}
