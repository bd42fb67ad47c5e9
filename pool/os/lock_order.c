/*
 * What locks each thread holds: a number for each rank, its own.
 */
#include "lock_order.h"

#include "check.h"

#ifdef APM__LOCK_ORDER

static APM__THREAD_LOCAL unsigned char held[APM__RANKS];

static bool is_above(enum apm__lock_rank rank, enum apm__lock_rank other)
{
    if (other == APM__RANK_LEAF)
        return false;
    if (rank == APM__RANK_LEAF)
        return other < APM__RANK_GATE;
    return rank > other || (rank == APM__RANK_WAIT && held[APM__RANK_GATE] > 0);
}

void apm__lock_order_enter(enum apm__lock_rank rank)
{
    for (int other = 0; other < APM__RANKS; other++)
        if (held[other] > 0 && !is_above(rank, (enum apm__lock_rank)other)) {
            apm__os_log("apm: a lock of rank %d is taken under one of rank %d", (int)rank, other);
            apm__os_fail(__FILE__, __LINE__, "locks are taken in their order");
        }
    held[rank]++;
}

void apm__lock_order_leave(enum apm__lock_rank rank)
{
    APM__CHECK(held[rank] > 0);
    held[rank]--;
}

bool apm__lock_order_is_clear(void)
{
    for (int rank = 0; rank < APM__RANKS; rank++)
        if (held[rank] > 0)
            return false;
    return true;
}

#endif
