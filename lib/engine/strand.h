/*
 * Strands: the callbacks of a serialised channel's operations, one after another, in the order of their outcomes.
 *
 * An operation with a callback enters the strand in the step that settles its outcome, under the channel's lock: that
 * is the order. Whoever completes it, outside the lock, publishes the outcome first, so that End and every wait see it
 * at once and wait for nobody's turn; then it marks the operation as ready. The strand gives one operation at a time to
 * the pool, as work like any other: no thread waits for a turn, and a strand that has much to do goes to the end of the
 * worker's ring after each callback, as all others do.
 *
 * Invariants, all under the channel's lock:
 *  1. At most one of the strand's operations is with the pool, from its submission until its callback has returned:
 *     `busy`. It is in no list of the strand.
 *  2. A strand that is not busy has no first operation, or one that is not ready yet. So whoever comes second, of "the
 *     first is ready" and "the one before has returned", finds the other, and submits: no callback is left behind.
 *  3. Only the first is ever taken. One that is ready waits for those before it, whose completers are between their
 *     two steps: they run no code of the program there, and wait for nothing.
 *  4. Each operation that is in the strand, or out of it and running, has its reference to the channel; the last use of
 *     the channel comes before that is given back.
 *
 * A callback that ends its thread counts as returned, as everywhere.
 */
#ifndef APM__STRAND_H
#define APM__STRAND_H

#include <stdbool.h>

#include "operation.h"

struct apm__channel;

/* Guarded by the channel's lock. Linked by the operations' `previous`, which a detached one has no use for. */
struct apm__strand {
    struct apm__operation *head;
    struct apm__operation *tail;
    bool busy;
};

/* Puts an operation, whose outcome is being settled, at the end. The lock is held. */
void apm__strand_enter_locked(struct apm__strand *strand, struct apm__operation *operation);

/* The operation's outcome is published: it may have its turn. Its completer may not touch it afterwards. No lock. */
void apm__strand_complete(struct apm__channel *channel, struct apm__operation *operation);

/* The callback that had its turn has returned; its operation still holds the channel. No lock. */
void apm__strand_return(struct apm__channel *channel);

#endif
