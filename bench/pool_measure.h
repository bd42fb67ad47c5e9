/*
 * Measures a cell of the pool benchmark. The pool has been started.
 */
#ifndef BENCH_POOL_MEASURE_H
#define BENCH_POOL_MEASURE_H

#include "pool_cells.h"

/* Runs more and more items until the time is up, and returns how long an item took in the last, longest run. */
double pool_warm_up(const struct pool_cell *cell, double seconds);

/* Warms up, runs items for about `seconds`, and prints `cell ns_per_item cpu_ns_per_item`. */
void pool_measure(const struct pool_cell *cell, double seconds, double warmup_s);

#endif
