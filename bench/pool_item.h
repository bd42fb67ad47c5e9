/*
 * The intrusive work item of the peers that have one: its memory is the user's, so queueing it allocates nothing. It is
 * the user's again when `execute` is called.
 */
#ifndef BENCH_POOL_ITEM_H
#define BENCH_POOL_ITEM_H

#include <stdbool.h>

#ifdef BENCH_POOL_APM
#include <apm/thread_pool.h>
typedef apm_thread_pool_work_item pool_item;
#else
typedef struct pool_item pool_item;
struct pool_item {
    pool_item *next; /* the queue's */
    void (*execute)(pool_item *item);
};
#endif

/* As pool_queue of pool_peer.h. Only of peers whose `has_items` is set. */
void pool_queue_item(pool_item *item, bool local);

#endif
