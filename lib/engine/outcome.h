/*
 * How an operation of a channel ends: what its outcome does to the channel, and the end of the descriptor.
 */
#ifndef APM__OUTCOME_H
#define APM__OUTCOME_H

#include "channel.h"
#include "operation.h"
#include "watcher.h"

static inline struct apm__watcher *apm__watcher_of(struct apm__channel *channel)
{
    return (struct apm__watcher *)apm__pool_poller(channel->pool);
}

static inline enum apm__operation_kind apm__kind_of(const struct apm__operation *operation)
{
    return (enum apm__operation_kind)apm__atomic_load(&operation->kind, APM__RELAXED);
}

/* The direction in which the operation queues. */
static inline struct apm__direction *apm__direction_of(struct apm__channel *channel,
                                                       const struct apm__operation *operation)
{
    switch (apm__kind_of(operation)) {
    case APM__OPERATION_ACCEPT:
    case APM__OPERATION_RECEIVE:
    case APM__OPERATION_RECEIVE_FROM:
    case APM__OPERATION_RECEIVE_MESSAGE_FROM:
    case APM__OPERATION_RECEIVE_DATAGRAM: return &channel->in;
    default: return &channel->out;
    }
}

/*
 * Takes the operation out of its queue with its outcome, and has the channel follow. `by_wish`: the outcome is a
 * cancel's, a deadline's or close's, and not the system's. The caller owns the operation then.
 */
void apm__outcome_settle_locked(struct apm__channel *channel, struct apm__operation *operation, apm_error error,
                                bool by_wish);

/* Completes a settled operation, outside the lock; an accept opens the channel of its connection first. */
void apm__outcome_complete(struct apm__operation *operation);

/* Takes the descriptor of a closed channel that nobody uses any more, to be closed outside the lock; or none. */
apm__os_socket apm__outcome_take_descriptor_locked(struct apm__channel *channel);

static inline void apm__outcome_close_taken(apm__os_socket descriptor)
{
    if (descriptor != APM__OS_NO_SOCKET)
        apm__os_socket_close(descriptor);
}

/* Ends the registration with the poller. */
void apm__outcome_unwatch_locked(struct apm__channel *channel);

#endif
