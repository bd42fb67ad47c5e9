/*
 * Owns the set of connections, their epoll and the phases that a run is made of: open, start, run, drain.
 */
#define _GNU_SOURCE 1
#include "traffic.h"

#include "clock.h"
#include "pattern.h"
#include "stuck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_A_POLL 256

/* Handshakes under way at once: fewer than any server's accept queue holds, so that none is dropped and retried. */
#define OPENING_AT_ONCE 256

#define OPEN_LIMIT_NS (30 * NANOSECONDS_PER_SECOND)
#define DRAIN_LIMIT_NS (5 * NANOSECONDS_PER_SECOND)

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        perror("load: memory");
        exit(EXIT_FAILURE);
    }
    return memory;
}

void traffic_init(struct traffic *traffic, const struct options *options)
{
    memset(traffic, 0, sizeof *traffic);
    traffic->options = options;
    traffic->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (traffic->epoll < 0) {
        perror("load: epoll_create1");
        exit(EXIT_FAILURE);
    }
    pattern_init();
    traffic->scratch = allocate(1, CONNECTION_RECEIVE_BYTES);
    traffic->connection_count = options->connections + options->stuck;
    traffic->connections = allocate(traffic->connection_count, sizeof *traffic->connections);
    traffic->issue_times = allocate((size_t)traffic->connection_count * options->depth, sizeof *traffic->issue_times);
    for (uint32_t i = 0; i < traffic->connection_count; i++) {
        traffic->connections[i].descriptor = -1;
        traffic->connections[i].issue_times = traffic->issue_times + (size_t)i * options->depth;
    }
    if (options->stuck) {
        struct connection *stuck = &traffic->connections[options->connections];
        stuck->stuck = true;
        traffic->stuck_message = allocate(1, options->size);
        for (uint32_t i = 0; i < options->size; i++)
            traffic->stuck_message[i] = *pattern_at(options->connections, i);
        memcpy(traffic->stuck_message, STUCK_MARK, STUCK_MARK_BYTES);
    }
}

void traffic_fini(struct traffic *traffic)
{
    for (uint32_t i = 0; i < traffic->connection_count; i++)
        connection_close(traffic, &traffic->connections[i]);
    free(traffic->stuck_message);
    free(traffic->issue_times);
    free(traffic->connections);
    free(traffic->scratch);
    close(traffic->epoll);
}

void traffic_poll(struct traffic *traffic, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    int timeout_ms = (int)((left_ns + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND);
    if (traffic->options->spin)
        timeout_ms = 0;
    struct epoll_event events[EVENTS_A_POLL];
    int count = epoll_wait(traffic->epoll, events, EVENTS_A_POLL, timeout_ms);
    for (int i = 0; i < count; i++)
        connection_handle(traffic, events[i].data.ptr, events[i].events);
}

void traffic_open(struct traffic *traffic)
{
    uint64_t limit_ns = clock_now_ns() + OPEN_LIMIT_NS;
    for (uint32_t i = 0; i < traffic->connection_count; i++) {
        connection_open(traffic, &traffic->connections[i]);
        bool last = i + 1 == traffic->connection_count;
        while (traffic->opening >= (last ? 1 : OPENING_AT_ONCE) && clock_now_ns() < limit_ns)
            traffic_poll(traffic, limit_ns);
    }
    if (traffic->opening > 0)
        tally_add(&traffic->errors, "connect", "no_answer", traffic->opening);
}

void traffic_start(struct traffic *traffic)
{
    traffic->issuing = true;
    for (uint32_t i = 0; i < traffic->options->connections; i++) {
        struct connection *connection = &traffic->connections[i];
        if (traffic->options->mode == LOAD_CHURN)
            connection_open(traffic, connection);
        else
            connection_issue(traffic, connection);
    }
}

void traffic_start_stuck(struct traffic *traffic)
{
    connection_issue(traffic, &traffic->connections[traffic->connection_count - 1]);
}

void traffic_run(struct traffic *traffic, uint64_t deadline_ns)
{
    while (traffic->open + traffic->opening > 0 && clock_now_ns() < deadline_ns)
        traffic_poll(traffic, deadline_ns);
}

void traffic_drain(struct traffic *traffic)
{
    traffic->issuing = false;
    uint64_t limit_ns = clock_now_ns() + DRAIN_LIMIT_NS;
    while (traffic->in_flight > 0 && clock_now_ns() < limit_ns)
        traffic_poll(traffic, limit_ns);
    if (traffic->in_flight > 0)
        tally_add(&traffic->errors, "receive", "echo_missing", traffic->in_flight);
}
