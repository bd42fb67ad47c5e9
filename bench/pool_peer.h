/*
 * What a peer of the pool benchmark supplies. The cells, their checks and the main program are the same for all peers
 * in C and C++; dotnet/pool has them once more in C#.
 *
 * Every function ends the process with a message if it fails, so that a figure never stands for work that was not done.
 */
#ifndef BENCH_POOL_PEER_H
#define BENCH_POOL_PEER_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void pool_work(void *state);

/* What the ping-pong's waiter waits for. */
enum pool_signal {
    POOL_SIGNAL,     /* the event that most users of the peer would take */
    POOL_SIGNAL_SLIM /* a second kind, if the peer has one */
};

struct pool_peer {
    const char *program;
    bool has_slim_signal;
    bool has_items; /* pool_queue_item is there, see pool_item.h */
    bool has_mix;   /* any thread may queue at any time, so that an open loop makes sense */
    void (*blocking)(int workers, double limit_s); /* the blocking cells, or null */
};

extern const struct pool_peer pool_peer;

/* Starts the pool with this many workers; `fixed`: it never has more. Called once, before anything else. */
void pool_start(int workers, bool fixed);

/* Queues one item; `local`: by an item, and preferably for the worker that runs it. Any thread. */
void pool_queue(pool_work *work, void *state, bool local);

/*
 * Called by a thread outside the pool that has queued items, before it waits for them. Where completions are delivered
 * to the thread that has queued, this delivers them, and returns when all are; elsewhere it returns at once.
 */
void pool_drain(void);

/* One thread waits; an item sets. The wait takes the signal back. */
void pool_signal_set(enum pool_signal kind);
void pool_signal_wait(enum pool_signal kind);

#ifdef __cplusplus
}
#endif

#endif
