/*
 * What a run has counted. Each thread counts for itself, so that no answer costs a contended cache line; the sums are
 * made by the main thread. Errors are rare, and share one table.
 */
#ifndef BENCH_TOOLS_LOAD_FIGURES_H
#define BENCH_TOOLS_LOAD_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "tally.h"

/* What one thread, or all of them, have counted up to now. */
struct load_counts {
    uint64_t answers;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint64_t reconnects; /* connections that were opened again after an orderly end */

    /* Of TLS, those that succeeded. */
    uint64_t full_handshakes;
    uint64_t resumed_handshakes;
};

/* Counted by the calling thread. */
void figures_add_received(uint64_t bytes);
void figures_add_sent(uint64_t bytes);
void figures_add_reconnect(void);
void figures_add_handshake(bool is_resumed);

/* An answer that came now, to a message whose latency counts from `intended_ns`. */
void figures_add_answer(uint64_t intended_ns, uint64_t now_ns);

/* Open loop: a message was sent now. */
void figures_add_send(uint64_t intended_ns, uint64_t now_ns);

/* A message that was never answered, or never sent, has had this latency at least. Not counted as an answer. */
void figures_add_unanswered(uint64_t intended_ns, uint64_t now_ns);

/* Counts errors; both texts live as long as the program. */
void figures_add_error(const char *operation, const char *name, uint64_t count);

/* Any thread, at any time. */
struct load_counts figures_counts(void);
struct tally figures_errors(void);

/* The latencies of the messages of the window, and how late messages of the open loop were sent. No thread counts. */
void figures_merge(struct histogram *latency, struct histogram *lateness);

#endif
