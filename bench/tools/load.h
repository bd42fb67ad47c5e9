/*
 * apm-load's run: what it was asked for, when its window is, and what all of its connections share.
 *
 * Threads. The main thread opens the connections, paces an open loop, and looks after time-outs ten times a second; the
 * library's workers run the callbacks. A connection has a lock, which guards all of it; it is a leaf but for the locks
 * of the tallies, and calls of the library may be made under it, since no Begin runs a callback.
 *
 * Each operation of a connection is counted from its Begin until its callback has taken the lock. A connection is
 * opened anew, and its buffers are used again, only when none is left of its earlier life.
 */
#ifndef BENCH_TOOLS_LOAD_H
#define BENCH_TOOLS_LOAD_H

#include <apm/apm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load_options.h"

struct connection;

/* How one kind of transport does what the main thread asks for. All are called without the connection's lock. */
struct load_driver {
    size_t connection_bytes;
    void (*prepare)(struct connection *connection); /* once; the structure is zero */
    void (*open)(struct connection *connection);
    void (*issue)(struct connection *connection, uint64_t now_ns); /* sends what may be sent now */
    void (*tend)(struct connection *connection, uint64_t now_ns);  /* time-outs, and opening again */
    void (*close)(struct connection *connection);
};

extern const struct load_driver load_stream_driver;
extern const struct load_driver load_datagram_driver;

/* What the connections of all transports have. Guarded by `lock`, but for the index, which does not change. */
struct connection {
    pthread_mutex_t lock;
    uint32_t index;
    bool is_opening;
    bool is_open;
    uint32_t operations; /* begun, and their callbacks have not come */
    uint32_t in_flight;  /* messages sent and not yet answered */
    uint64_t planned;    /* open loop: how many messages of the connection's schedule have been sent */
};

struct load {
    /* Immutable once the connections are opened. */
    struct load_options options;
    const struct load_driver *driver;
    apm_endpoint remote;
    struct connection **connections;

    /* Written before `is_running` is set, immutable afterwards. */
    uint64_t begin_ns;
    uint64_t window_start_ns;
    double period_ns; /* between two messages of the open loop; 0 in a closed one */

    /* Atomic: set and cleared by the main thread; acquire pairs with its release, for the times above. */
    atomic_bool is_running;
    _Atomic uint64_t window_end_ns; /* atomic: set to now when the user interrupts, relaxed */
    atomic_bool is_ending;          /* no connection is opened any more */
};

extern struct load load;

/*
 * Whether the connection, whose lock the caller holds, may send a message now, and from when its latency counts: in a
 * closed loop now, in an open one the time that the schedule has for it. So a message that had to wait, since those
 * before it had not been answered, counts with its waiting.
 */
bool load_take_message(struct connection *connection, uint64_t now_ns, uint64_t *intended_ns);

/* When the schedule has the next message of the connection. */
uint64_t load_intended_ns(const struct connection *connection);

/* The times of a run, and its result: EXIT_SUCCESS if there was no error. */
int load_run(void);

/* Allocates, or exits. */
void *load_allocate(size_t count, size_t size);

#endif
