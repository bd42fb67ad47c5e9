/*
 * The order of the library's locks, which ARCHITECTURE.md explains: a thread takes a lock only above all those that it
 * holds. A lock that is given no rank is a leaf: nothing is taken under it, and it is taken under no wait lock.
 *
 * Debug builds check that before each lock is taken, so a wrong order is found when it happens, and not only when two
 * threads meet in it. Other builds have none of this. (Models lock as they like.)
 */
#ifndef APM__LOCK_ORDER_H
#define APM__LOCK_ORDER_H

#include <stdbool.h>

#if defined APM_DEBUG && !defined APM__MODEL
#define APM__LOCK_ORDER
#endif

enum apm__lock_rank {
    APM__RANK_LEAF, /* the last in the order; 0, so that it need not be given */
    APM__RANK_CLEANUP,
    APM__RANK_START,
    APM__RANK_OBJECT, /* a channel's, a timer's, a registered wait's; one at a time */
    APM__RANK_POOL,
    APM__RANK_GATE,
    APM__RANK_WAIT, /* the only ones of which a thread may hold several, if it holds the gate */
    APM__RANKS
};

#ifdef APM__LOCK_ORDER

/* The calling thread is about to take a lock, or gives one back. */
void apm__lock_order_enter(enum apm__lock_rank rank);
void apm__lock_order_leave(enum apm__lock_rank rank);

/* Whether the calling thread holds none, as it shall where it runs code of the program. */
bool apm__lock_order_is_clear(void);

#else

static inline bool apm__lock_order_is_clear(void)
{
    return true;
}

#endif

#endif
