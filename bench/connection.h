/*
 * One connection of the load generator: it issues messages, compares what comes back, and times it.
 */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct traffic;

enum connection_state {
    CONNECTION_CLOSED, /* no descriptor, nothing in flight */
    CONNECTION_OPENING,
    CONNECTION_OPEN
};

/* The largest piece received at once: as much as the pattern gives in one piece, and it stays in the cache. */
#define CONNECTION_RECEIVE_BYTES 65536u

struct connection {
    enum connection_state state;
    int descriptor;
    bool stuck; /* sends the stuck message and stays out of the histogram */
    uint64_t number;

    uint64_t issued; /* messages; each completes when its last byte has been echoed */
    uint64_t completed;
    uint64_t sent_bytes; /* stream offsets */
    uint64_t received_bytes;
    uint64_t *issue_times; /* of the messages in flight: message i at i modulo the depth */
};

/* Starts to connect. With --churn the message is issued at once. */
void connection_open(struct traffic *traffic, struct connection *connection);

/* Issues as many messages as the depth allows and sends what the kernel takes. */
void connection_issue(struct traffic *traffic, struct connection *connection);

/* Handles what epoll reported. */
void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t events);

/* Closes the descriptor; messages in flight are forgotten. */
void connection_close(struct traffic *traffic, struct connection *connection);

#endif
