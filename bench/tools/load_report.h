/*
 * What apm-load prints: the report as text, JSON or CSV, the distribution of latencies, and the line of progress.
 * Called by the main thread.
 */
#ifndef BENCH_TOOLS_LOAD_REPORT_H
#define BENCH_TOOLS_LOAD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "load_figures.h"
#include "tally.h"

/* The state at one edge of the window. */
struct load_reading {
    uint64_t time_ns;
    uint64_t cpu_ns; /* of this process */
    struct load_counts counts;
};

struct load_outcome {
    struct load_reading start;
    struct load_reading end;
    struct histogram latency;  /* of the messages of the window */
    struct histogram lateness; /* open loop: how long after its time a message was sent */
    struct tally errors;       /* of the whole run */
    uint64_t unsent;           /* open loop: messages of the window that were never sent */
};

/* Writes the report. False, with a message, if a file cannot be written. */
bool report(const struct load_outcome *outcome);

/* Says on a terminal how far the run is. */
void report_progress(uint64_t elapsed_ns, uint64_t open);

#endif
