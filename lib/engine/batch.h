/*
 * Batches: several operations of a direction in one system call, and what settles several at once.
 *
 * The performer of a direction takes the head and those behind it, as far as they are of datagrams and ask for nothing
 * special, and marks them RUNNING: they stay in the queue, where cancel and close leave them alone, and record a wish.
 * Those that the call has served are settled with that, in order; of the others those with a wish are settled with it,
 * and the rest is QUEUED again. A call that fails has served nobody, and its error is the first one's.
 */
#ifndef APM__BATCH_H
#define APM__BATCH_H

#include "channel.h"
#include "operation.h"
#include "outcome.h"

/* Operations that have been settled, linked by `next` in the order begun: completed when the lock is released. */
struct apm__settled {
    struct apm__operation *first;
    struct apm__operation *last;
};

static inline void apm__settled_add(struct apm__settled *settled, struct apm__operation *operation)
{
    operation->next = NULL;
    if (APM__UNLIKELY(settled->last))
        settled->last->next = operation;
    else
        settled->first = operation;
    settled->last = operation;
}

static inline void apm__settled_complete(struct apm__settled *settled)
{
    struct apm__operation *first = settled->first;
    *settled = (struct apm__settled){0};
    apm__outcome_complete_list(first);
}

/* Whether the head, and at least the one behind it, go into one system call. */
bool apm__batch_may_locked(const struct apm__channel *channel, const struct apm__direction *direction);

/*
 * One attempt at them, outside the lock; what it settles is added to `settled`. False if what is left has to wait for a
 * report. The caller is the direction's performer.
 */
APM__APART bool apm__batch_attempt_locked(struct apm__channel *channel, struct apm__direction *direction,
                                          struct apm__settled *settled);

#endif
