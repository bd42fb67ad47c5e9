/*
 * Owns the measuring of a cell: how many items a run has, and by which clocks it is timed. Single threaded.
 */
#define _GNU_SOURCE 1
#include "pool_measure.h"

#include <stdio.h>

#include "clock.h"

#define WARMUP_ITEMS 100u /* of the first run; each is twice as long as the one before */

static uint64_t cpu_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return clock_nanoseconds(&now);
}

double pool_warm_up(const struct pool_cell *cell, double seconds)
{
    uint64_t start_ns = clock_now_ns();
    double item_ns = 0;

    for (uint64_t items = WARMUP_ITEMS;; items *= 2) {
        uint64_t before_ns = clock_now_ns();
        uint64_t run = cell->run(items);
        uint64_t now_ns = clock_now_ns();
        item_ns = (double)(now_ns - before_ns) / (double)run;
        /* The first run is no measure: it also prepares what the cell needs. */
        if (items > WARMUP_ITEMS && (double)(now_ns - start_ns) >= seconds * 1e9)
            return item_ns;
    }
}

void pool_measure(const struct pool_cell *cell, double seconds, double warmup_s)
{
    double item_ns = pool_warm_up(cell, warmup_s);
    uint64_t start_ns = clock_now_ns();
    uint64_t cpu_start_ns = cpu_now_ns();
    uint64_t items = cell->run((uint64_t)(seconds * 1e9 / item_ns) + 1);
    double wall_ns = (double)(clock_now_ns() - start_ns);
    double cpu_ns = (double)(cpu_now_ns() - cpu_start_ns);

    printf("%s %.1f %.1f\n", cell->name, wall_ns / (double)items, cpu_ns / (double)items);
    fflush(stdout);
}
