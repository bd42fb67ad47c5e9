/*
 * Sends and receives of datagrams that are gathered.
 *
 * The callbacks of receives that have completed together often begin a send each, and those of sends a receive. These
 * are put off until the last of the callbacks, to go out, or be served, by one system call. The direction is
 * `running` and `deferred` meanwhile: it has a performer, a call that lies behind the callbacks, which holds a
 * reference to the slot and is a user of the descriptor. Whoever finds `deferred` set, under the lock, may clear it,
 * and is the performer from then on. That is the operation that the last callback begins, or anybody else; close, and
 * shutdown; a worker that is about to wait; and at the latest the call. If the worker is stuck in a callback, another
 * one takes the call, as it takes the callbacks.
 *
 * Receives that are not gathered would never be served together while there is more to receive than can be handled:
 * each would find the queue empty and a datagram waiting, and take that alone.
 */
#ifndef APM__GATHER_H
#define APM__GATHER_H

#include "channel.h"
#include "operation.h"

/*
 * Puts the operation off, which is the head of a direction that was at rest; the caller has made itself its performer,
 * and a user of the descriptor. False if it is not one to be put off, or that cannot be.
 */
bool apm__gather_put_off_locked(struct apm__channel *channel, struct apm__direction *direction,
                                const struct apm__operation *operation);

/* The operation has joined others that are put off: they go on waiting, or all go out. The lock is released. */
void apm__gather_join_and_unlock(struct apm__channel *channel, struct apm__direction *direction,
                                 const struct apm__operation *operation);

#endif
