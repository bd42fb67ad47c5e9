/*
 * The engine: how operations meet the kernel. A proactor's contract: start, cancel, completion.
 *
 * What is above knows only this. The engine that there is performs operations itself, when the kernel reports readiness
 * (readiness.c), which it learns from epoll or poll (watcher.h). One that hands operations to the kernel (io_uring) or
 * gets completions from it fits behind the same functions.
 */
#ifndef APM__ENGINE_H
#define APM__ENGINE_H

#include "channel.h"
#include "operation.h"

/*
 * Admits an operation to its channel and starts it. The caller holds the channel's lock, which this releases, and owns
 * the operation, which belongs to the engine from then on: it may have completed by the time this returns.
 */
void apm__engine_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation);

/*
 * Performs what of the channel is put off until the end of a batch of callbacks, if there are such. The lock
 * is held, and held again afterwards; true if it was released meanwhile: then the channel may be closed, and the caller
 * has a reference to its slot, for apm__channel_release once it has let go of the lock.
 */
bool apm__engine_catch_up_locked(struct apm__channel *channel);

/* Completes an operation of the channel with an error, without ever queueing it. Locks as above. */
void apm__engine_refuse_and_unlock(struct apm__channel *channel, struct apm__operation *operation, apm_error error);

/*
 * Admits an operation that waits for the channel and not for its descriptor (serving.h): it is settled by whoever
 * brings what it waits for. The lock is held, and stays so.
 */
void apm__engine_wait_locked(struct apm__channel *channel, struct apm__operation *operation);

/* Asks for an early end, for `reason`. The caller holds a reference to the operation, and no lock. */
void apm__engine_cancel(struct apm__operation *operation, apm_error reason);

/* Makes sure that the next readiness of that kind (APM__OS_READY_IN, _OUT) is reported. The lock is held. */
apm_error apm__engine_watch_locked(struct apm__channel *channel, uint32_t interest);

/* Looks at a channel's pending operations as if its descriptor had become ready. The lock is held, and released. */
void apm__engine_stir_and_unlock(struct apm__channel *channel);

/* The same for a connect that may try another address. */
void apm__engine_stir_connect_and_unlock(struct apm__channel *channel);

/*
 * Queues an operation that is in its second phase (accept_receive.h) behind the receives of its connection. Locks as
 * for the start; the caller holds a reference to the channel for it.
 */
void apm__engine_requeue_and_unlock(struct apm__channel *channel, struct apm__operation *operation);

/*
 * Gives a connect whose name has been looked up, and which is still QUEUED, its plan, which it owns then; or
 * completes it with `error` if that failed. The lock is held, and released; the caller holds a reference to the
 * operation.
 */
void apm__engine_resolved_and_unlock(struct apm__channel *channel, struct apm__operation *operation,
                                     struct apm__connect_plan *plan, apm_error error);

/*
 * Closes the channel: every operation that is not being performed completes with OPERATION_ABORTED, and those that are
 * will see it. The lock is held, and released; the channel was open.
 */
void apm__engine_close_and_unlock(struct apm__channel *channel);

/*
 * Replaces the descriptor of a channel whose connection has ended by a new one with the same options, and if `rebind`
 * with the same local endpoint. The lock is held.
 */
apm_error apm__engine_renew_locked(struct apm__channel *channel, bool rebind);

#endif
