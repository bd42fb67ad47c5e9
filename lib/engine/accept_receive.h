/*
 * Accepts that receive: one operation with two phases.
 *
 * In the first it is an accept in its listener's queue, like any other. When it has taken a connection it leaves that
 * queue, so that it holds up no other accept, and enters the queue of the connection's receives, where it waits for
 * the first data. From the moment in which it has a connection it ends with success, whatever happens: a cancel, a
 * deadline, the end of the listener, of the connection, or an error of it, all end the waiting only, and the connection
 * is the program's. An error that the wait has met is left for the connection's next receive (channel.unread_error).
 *
 * Whose lock. The place of the operation, and its wish, are guarded by the listener's lock in the first phase and by
 * the connection's in the second. `receiving`, which says which of the two it is, is guarded by the listener's; whoever
 * wants to cancel looks there first. It is set while the operation is RUNNING, so a wish of that moment is recorded
 * under either lock, and the thread that moves the operation looks at it under the connection's lock, in one step with
 * queueing it. Never are both locks held.
 *
 * The listener has a list of the operations in their second phase (serving.receiving), for its close; an operation is
 * on it until it is about to complete.
 *
 * Serving. It is the listener's operation from Begin to End: its callback has its turn in the listener's strand, which
 * it enters once: in the step that settles it, if that is its end, and else in the one that takes it off the list. The
 * connection joins the listener's group in the step that settles the first phase, as that of a plain accept does, and
 * looks at the group's drain in the step that opens it. What waits for data on a connection that is told of a drain
 * ends; the connection's first receive that finds nothing says why (channel.drain_untold stays). A socket that is
 * accepted into keeps its own settings of docs/serving.md.
 */
#ifndef APM__ACCEPT_RECEIVE_H
#define APM__ACCEPT_RECEIVE_H

#include "channel.h"
#include "operation.h"

struct apm__accept_request {
    /* immutable from Begin on */
    void *buffer;
    size_t size;
    struct apm__channel *into; /* the socket that becomes the connection, with a reference to its slot; NULL for none */

    /* owned by whoever owns the operation */
    struct apm__channel *connection; /* once there is one; with a reference to its slot in the second phase */
    struct apm__inheritance inheritance; /* the connection's, once that is open */
    bool waits;                          /* for data, once the connection is taken */

    /* guarded by the listener's lock */
    bool receiving; /* in the second phase */
    bool linked;
    struct apm__operation *next;
    struct apm__operation *previous;
};

/* An attempt, as apm__perform. */
apm_error apm__accept_receive_perform(struct apm__operation *operation, apm__os_socket descriptor);

/* Locks the channel whose lock guards the place of an operation, of whatever kind: the connection, or its own one. */
struct apm__channel *apm__accept_receive_lock_place(const struct apm__operation *operation);

/* What an outcome means, for either phase. The lock of the phase's channel is held. */
void apm__accept_receive_settle_locked(struct apm__channel *channel, struct apm__operation *operation, bool by_wish);

/* Goes on to the second phase, or completes the operation. The caller owns it, and holds no lock. */
void apm__accept_receive_go_on(struct apm__operation *operation);

/* Ends the waiting of all that wait for data on connections of a listener that is closed. No lock is held. */
void apm__accept_receive_end_all(struct apm__channel *listener);

/* Reserves a socket as the one that an accept makes a connection of, and takes that back. No lock is held. */
apm_error apm__accept_receive_reserve(apm_socket socket, const struct apm__channel *listener,
                                      struct apm__channel **into);
void apm__accept_receive_unreserve(struct apm__channel *into);

#endif
