/*
 * How an operation of a channel ends: what its outcome does to the channel, and the end of the descriptor.
 */
#ifndef APM__OUTCOME_H
#define APM__OUTCOME_H

#include "channel.h"
#include "operation.h"
#include "serving.h"
#include "watcher.h"

static inline struct apm__watcher *apm__watcher_of(struct apm__channel *channel)
{
    return (struct apm__watcher *)apm__pool_poller(channel->pool);
}

static inline enum apm__operation_kind apm__kind_of(const struct apm__operation *operation)
{
    return (enum apm__operation_kind)apm__atomic_load(&operation->kind, APM__RELAXED);
}

/* Whether the operation sends, in whatever form. */
static inline bool apm__outcome_is_send(const struct apm__operation *operation)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    return kind == APM__OPERATION_SEND || kind == APM__OPERATION_SEND_FILE || kind == APM__OPERATION_SEND_TO ||
           kind == APM__OPERATION_SEND_TRAIN;
}

/* Whether it ends the connection when it succeeds. */
bool apm__outcome_disconnects(const struct apm__operation *operation);

/* The direction in which the operation queues. */
static inline struct apm__direction *apm__direction_of(struct apm__channel *channel,
                                                       const struct apm__operation *operation)
{
    const uint32_t inward = 1u << APM__OPERATION_ACCEPT | 1u << APM__OPERATION_ACCEPT_RECEIVE |
                            1u << APM__OPERATION_RECEIVE | 1u << APM__OPERATION_RECEIVE_FROM |
                            1u << APM__OPERATION_RECEIVE_MESSAGE_FROM | 1u << APM__OPERATION_RECEIVE_DATAGRAM |
                            1u << APM__OPERATION_RECEIVE_TRAIN;
    const uint32_t waits = 1u << APM__OPERATION_WAIT_SENDABLE | 1u << APM__OPERATION_DRAIN;
    uint32_t kind = 1u << apm__kind_of(operation);
    if (APM__UNLIKELY(kind & waits))
        return &channel->serving->waits;
    return kind & inward ? &channel->in : &channel->out;
}

/*
 * Takes the operation out of its queue with its outcome, and has the channel follow. `by_wish`: the outcome is a
 * cancel's, a deadline's or close's, and not the system's. The caller owns the operation then.
 */
void apm__outcome_settle_locked(struct apm__channel *channel, struct apm__operation *operation, apm_error error,
                                bool by_wish);

/*
 * Completes a settled operation, outside the lock, and what has been settled along with it; an accept opens the channel
 * of its connection first.
 */
void apm__outcome_complete(struct apm__operation *operation);

/* The same for several, linked by `next`. */
void apm__outcome_complete_list(struct apm__operation *operation);

/* The last step of that, for an operation that has nothing else to be done: publishes it, and its callback comes. */
void apm__outcome_publish(struct apm__operation *operation);

/* Takes the descriptor of a closed channel that nobody uses any more, to be closed outside the lock; or none. */
apm__os_socket apm__outcome_take_descriptor_locked(struct apm__channel *channel);

static inline void apm__outcome_close_taken(apm__os_socket descriptor)
{
    if (APM__UNLIKELY(descriptor != APM__OS_NO_SOCKET))
        apm__os_socket_close(descriptor);
}

/* Makes a descriptor like the channel's own: of its kind, and with its options. */
apm_error apm__outcome_create_sibling_locked(struct apm__channel *channel, apm__os_socket *sibling);

/* Puts a sibling that has connected in the place of the channel's own; on failure it is closed. */
apm_error apm__outcome_install_sibling_locked(struct apm__channel *channel, apm__os_socket sibling);

/* Ends the registration with the poller. */
void apm__outcome_unwatch_locked(struct apm__channel *channel);

#endif
