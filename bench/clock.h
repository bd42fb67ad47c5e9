/*
 * The one clock of the load generator: nanoseconds of CLOCK_MONOTONIC, which no adjustment of the wall clock moves.
 */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000ull
#define NANOSECONDS_PER_MILLISECOND 1000000ull

static inline uint64_t clock_nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)time->tv_nsec;
}

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return clock_nanoseconds(&now);
}

#endif
