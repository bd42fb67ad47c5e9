/*
 * The connections of a run and what they have in common: one epoll, the counters, the latency histogram.
 * Single threaded: everything here belongs to the thread that calls traffic_poll.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "connection.h"
#include "histogram.h"
#include "options.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

struct traffic {
    const struct options *options;
    int epoll;
    uint8_t *scratch;       /* where bytes are received, only until they have been compared */
    uint8_t *stuck_message; /* what the stuck connection sends, or null */

    struct connection *connections; /* connection_count of them; with --stuck the last one is the stuck one */
    uint32_t connection_count;
    uint64_t *issue_times; /* the connections' rings of issue times */
    uint64_t next_number;  /* of the next connection opened, which selects its bytes */

    bool issuing;   /* an echo is answered with the next message */
    bool recording; /* latencies go to the histogram */

    uint32_t opening;   /* connections whose handshake is not done */
    uint32_t open;      /* connections that can carry messages */
    uint64_t in_flight; /* messages issued and not yet echoed */

    struct histogram latency;
    uint64_t stuck_echoes; /* echoes of the stuck connection while recording */
    struct tally errors;
};

/* Exits where memory or descriptors are missing: without them there is no run. */
void traffic_init(struct traffic *traffic, const struct options *options);
void traffic_fini(struct traffic *traffic);

/* Opens every connection and waits for the handshakes. What fails is counted in traffic->errors. */
void traffic_open(struct traffic *traffic);

/* Issues the first messages on the open connections (with --churn opens them), the stuck one's excepted. */
void traffic_start(struct traffic *traffic);

/* Issues the stuck connection's message. */
void traffic_start_stuck(struct traffic *traffic);

/* Waits for events until deadline_ns at the latest and handles one batch of them. */
void traffic_poll(struct traffic *traffic, uint64_t deadline_ns);

/* Handles events until deadline_ns, or until no connection is left. */
void traffic_run(struct traffic *traffic, uint64_t deadline_ns);

/* Stops issuing and waits for the echoes still due. Each one that does not come is counted as an error. */
void traffic_drain(struct traffic *traffic);

#endif
