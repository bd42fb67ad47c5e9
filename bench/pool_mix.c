/*
 * The main thread queues items at times that are drawn beforehand, whether the pool keeps up or not, so that a slow
 * pool is not spared the items that come while it is slow. Each item computes: 99 of 100 for 10 us, one for 10 ms. What
 * is reported is how long the short ones waited.
 *
 * A record belongs to the main thread until it is queued, then to the item until it is counted, and to the main thread
 * again.
 */
#define _GNU_SOURCE 1
#include "pool_mix.h"

#include "clock.h"
#include "pool_count.h"
#include "pool_peer.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOAD 0.6
#define LONG_ITEMS_PERCENT 1.0
#define LONG_NS 10000000.0
#define SHORT_NS 10000.0
#define SEED 1
#define LEAD_NS 1000000 /* the first item is queued so long after the start */
#define CALIBRATION_ROUNDS 2000000u

struct record {
    uint64_t due_ns; /* after the start */
    uint64_t queued_ns;
    uint64_t started_ns;
    bool is_long;
};

static struct record *records;
static double rounds_per_ns;

/* A number that depends on each round, so that the compiler can leave none out. */
static uint64_t compute(uint64_t rounds, uint64_t number)
{
    for (uint64_t i = 0; i < rounds; i++) {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
    }
    return number;
}

static void calibrate(void)
{
    static volatile uint64_t sink;

    /* The best of several: the others were interrupted. */
    for (int i = 0; i < 10; i++) {
        uint64_t start_ns = clock_now_ns();
        sink = compute(CALIBRATION_ROUNDS, 1);
        double rate = CALIBRATION_ROUNDS / (double)(clock_now_ns() - start_ns);
        rounds_per_ns = fmax(rounds_per_ns, rate);
    }
    (void)sink;
}

/* SplitMix64: the same sequence in every peer. */
static double draw(uint64_t *state)
{
    uint64_t bits = (*state += 0x9e3779b97f4a7c15u);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return (double)((bits ^ (bits >> 31)) >> 11) * 0x1p-53;
}

static size_t prepare(int workers, double seconds)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    double capacity = workers < processors ? workers : (double)processors; /* more workers compute no faster */
    double mean_ns = (LONG_ITEMS_PERCENT * LONG_NS + (100 - LONG_ITEMS_PERCENT) * SHORT_NS) / 100;
    double interval_ns = mean_ns / (LOAD * capacity);
    size_t count = (size_t)(seconds * 1e9 / interval_ns) + 1;
    uint64_t state = SEED;
    double due_ns = LEAD_NS;

    records = calloc(count, sizeof *records);
    if (records == NULL) {
        fprintf(stderr, "%s: no memory\n", pool_peer.program);
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        due_ns -= log(1 - draw(&state)) * interval_ns;
        records[i].due_ns = (uint64_t)due_ns;
        records[i].is_long = draw(&state) * 100 < LONG_ITEMS_PERCENT;
    }
    return count;
}

static void execute(void *state)
{
    struct record *record = state;
    static _Thread_local volatile uint64_t sink;

    record->started_ns = clock_now_ns();
    sink = compute((uint64_t)(rounds_per_ns * (record->is_long ? LONG_NS : SHORT_NS)), record->due_ns | 1);
    (void)sink;
    pool_count_add((uint64_t)(record - records));
}

static void queue_all(size_t count)
{
    uint64_t start_ns = clock_now_ns();

    for (size_t i = 0; i < count; i++) {
        uint64_t due_ns = start_ns + records[i].due_ns;
        struct timespec due = {.tv_sec = (time_t)(due_ns / NANOSECONDS_PER_SECOND),
                               .tv_nsec = (long)(due_ns % NANOSECONDS_PER_SECOND)};
        if (clock_now_ns() < due_ns)
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        records[i].queued_ns = clock_now_ns();
        pool_queue(execute, &records[i], false);
    }
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void report(size_t count)
{
    uint64_t *waits = malloc(count * sizeof *waits);
    size_t short_items = 0;

    if (waits == NULL)
        exit(1);
    for (size_t i = 0; i < count; i++)
        if (!records[i].is_long)
            waits[short_items++] = records[i].started_ns - records[i].queued_ns;
    qsort(waits, short_items, sizeof *waits, compare);
    printf("mix short_items %zu\n", short_items);
    printf("mix long_items %zu\n", count - short_items);
    printf("mix p50_us %.1f\n", (double)waits[short_items / 2] / 1e3);
    printf("mix p99_us %.1f\n", (double)waits[short_items * 99 / 100] / 1e3);
    printf("mix max_us %.1f\n", (double)waits[short_items - 1] / 1e3);
    free(waits);
}

void pool_mix(int workers, double seconds)
{
    size_t count = prepare(workers, seconds);

    calibrate();
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul); /* only this thread's: the workers exist by now */
    queue_all(count);
    pool_count_wait(count, (uint64_t)count * (count - 1) / 2);
    report(count);
    free(records);
}
