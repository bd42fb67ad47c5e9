/*
 * What a pool tells of itself: its counters added up, and its workers one by one.
 */
#ifndef APM__STATISTICS_H
#define APM__STATISTICS_H

#include <stddef.h>

#include "apm/diagnostics.h"
#include "pool.h"

/* Fills in what the pool knows: all but what is of operations and sockets, which is left as it is. Any thread. */
void apm__pool_read_statistics(struct apm__pool *pool, struct apm_thread_pool_statistics *statistics);

/* What a worker does at a moment. */
struct apm__worker_view {
    uint32_t number;
    enum apm__worker_state state; /* never GONE */
    enum apm__finding finding;    /* of a RUNNING one */
    bool blocked;                 /* WAITING: in something that is not the library's */
    struct apm__entry call;       /* what it runs; zero if it runs none. The memory behind it may be gone. */
    uint64_t call_ns;             /* since when, at the latest; 0: it has begun since the monitor looked last */
    uint64_t wait_ns;             /* WAITING: since when; coarse */
    uint64_t waits_for;           /* WAITING: bits of what it waits for, of several objects the first's; or 0 */
    uint32_t waits_for_count;     /* how many objects these are */
};

/*
 * Views of up to `capacity` workers that have threads, of those with numbers below `below` (UINT32_MAX: all), the
 * highest number first; how many there are. *threads is how many workers have threads altogether. Any thread.
 */
size_t apm__pool_view_workers(struct apm__pool *pool, uint32_t below, struct apm__worker_view *views, size_t capacity,
                              size_t *threads);

#endif
