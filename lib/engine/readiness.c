/*
 * The readiness engine: operations wait in their channel's directions until the kernel reports that an attempt may
 * succeed. See channel.h for what a direction is, and engine.h for the contract.
 *
 * An operation's way. Begin queues it. If it is the head, and nothing shows that the attempt would be in vain, the
 * thread that began it performs it at once; otherwise the first report of readiness after that makes a worker perform
 * it. The thread that performs a direction goes on until the queue is empty or an attempt would block.
 *
 * No report is missed. A report that comes during an attempt finds `running` and only counts up `edges`; the performer
 * compares, under the lock, before it stops. A report that comes after it has stopped finds the queue and performs. The
 * first watch of a descriptor reports what it is ready for already.
 *
 * Runs on workers (reports) and on the threads that call Begin, cancel, close and shutdown.
 */
#include "readiness.h"

#include "accept_receive.h"
#include "batch.h"
#include "check.h"
#include "connect_race.h"
#include "engine.h"
#include "gather.h"
#include "outcome.h"
#include "perform.h"
#include "select.h"
#include "transfer.h"

static struct apm__channel *channel_of(const struct apm__operation *operation)
{
    return operation->place_owner;
}

/* -- The queue of a direction -------------------------------------------------------------------------------------- */

static void append_locked(struct apm__direction *direction, struct apm__operation *operation)
{
    operation->next = NULL;
    operation->previous = direction->tail;
    if (APM__UNLIKELY(direction->tail))
        direction->tail->next = operation;
    else
        apm__atomic_store(&direction->head, operation, APM__RELAXED);
    direction->tail = operation;
    operation->place = APM__PLACE_QUEUED;
}

apm_error apm__engine_watch_locked(struct apm__channel *channel, uint32_t interest)
{
    struct apm__watcher *watcher = apm__watcher_of(channel);
    if (watcher->keeps_watching && (channel->watched & interest) == interest)
        return APM_ERROR_SUCCESS;
    apm_error error = watcher->watch_locked(watcher, channel, interest);
    if (error == APM_ERROR_SUCCESS)
        channel->watched |= interest;
    return error;
}

apm_error apm__readiness_watch_locked(struct apm__channel *channel, struct apm__direction *direction)
{
    uint32_t interest = direction == &channel->in ? APM__OS_READY_IN : APM__OS_READY_OUT;
    if (channel->connecting)
        interest |= APM__OS_READY_IN; /* it will be wanted, and registering once is cheaper */
    return apm__engine_watch_locked(channel, interest);
}

/*
 * Has the direction reported once more, although it is watched already and may not have stopped being ready: for an
 * attempt that has stopped halfway, so that whoever comes by continues it.
 */
static apm_error watch_again_locked(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__watcher *watcher = apm__watcher_of(channel);
    uint32_t interest = direction == &channel->in ? APM__OS_READY_IN : APM__OS_READY_OUT;
    apm_error error = watcher->watch_locked(watcher, channel, interest);
    if (error == APM_ERROR_SUCCESS)
        channel->watched |= interest;
    return error;
}

/* -- Performing ---------------------------------------------------------------------------------------------------- */

/* Whether receives are pending or being performed: they have to meet the end of the stream before it is gone. */
static bool has_receives_locked(const struct apm__channel *channel)
{
    return channel->in.running || channel->in.head;
}

/* The same while a connect or a disconnect is in progress. */
APM__COLD static bool shall_perform_meanwhile_locked(const struct apm__channel *channel,
                                                     const struct apm__direction *direction)
{
    const struct apm__operation *head = direction->head;
    if (apm__kind_of(head) == APM__OPERATION_CONNECT && head->plan && head->plan->unresolved)
        return false; /* the answer to the look-up stirs the channel */
    if (direction == &channel->in && channel->connecting)
        return false; /* the outcome of the connect does */
    if (direction == &channel->out && channel->renewing && has_receives_locked(channel))
        return false; /* the end of the receives does */
    return true;
}

/* Whether the head of the direction is to be attempted now. */
static bool shall_perform_locked(const struct apm__channel *channel, const struct apm__direction *direction)
{
    if (!direction->head || APM__UNLIKELY(channel->closed))
        return false;
    if (APM__UNLIKELY(channel->connecting || channel->renewing))
        return shall_perform_meanwhile_locked(channel, direction);
    return true;
}

/* Makes the caller the direction's performer, if there is something to perform and nobody does. */
static bool become_performer_locked(struct apm__channel *channel, struct apm__direction *direction)
{
    if (direction->running || !shall_perform_locked(channel, direction))
        return false;
    direction->running = true;
    channel->users++;
    return true;
}

/* Whether a disconnect that has ended the connection cannot renew the descriptor yet, because of the receives on it. */
static bool must_wait_to_renew_locked(struct apm__channel *channel, const struct apm__operation *operation)
{
    if (!apm__outcome_disconnects(operation) || operation->wish != APM_ERROR_SUCCESS)
        return false;
    if (channel->type != APM_SOCKET_TYPE_STREAM)
        return false; /* it is not renewed */
    channel->renewing = has_receives_locked(channel) && !channel->closed;
    return channel->renewing;
}

static bool is_raced(const struct apm__operation *operation)
{
    return apm__kind_of(operation) == APM__OPERATION_CONNECT && operation->plan && operation->plan->race;
}

/* Sees to it that the operation, which would block, is looked at again when that may have changed. */
static apm_error wait_locked(struct apm__channel *channel, struct apm__direction *direction,
                             struct apm__operation *operation)
{
    bool raced = is_raced(operation);
    apm_error error = APM_ERROR_SUCCESS;
    if (!raced || apm__connect_race_uses_own(operation->plan->race))
        error = apm__readiness_watch_locked(channel, direction);
    if (raced && error == APM_ERROR_SUCCESS)
        error = apm__connect_race_wait_locked(channel, operation);
    return error;
}

/*
 * Whether the operation, which has found nothing, ends because the connection's group is being drained. An accept that
 * waits for data on its connection does, and leaves it to the connection's first receive to say so.
 */
static bool is_told_locked(struct apm__channel *channel, const struct apm__operation *operation)
{
    if (!channel->drain_untold)
        return false;
    bool is_receive = apm__kind_of(operation) == APM__OPERATION_RECEIVE;
    if (is_receive)
        channel->drain_untold = false;
    return is_receive || channel_of(operation) != channel;
}

/* What an attempt at the head of a direction has come to. */
enum attempt {
    ATTEMPT_ENDS,  /* it has an outcome */
    ATTEMPT_WAITS, /* for a report */
    ATTEMPT_AGAIN
};

/* Whether the operation ends without an attempt, because of what has been found before. */
APM__APART static bool is_foregone_locked(struct apm__channel *channel, const struct apm__operation *operation,
                                          apm_error *error)
{
    if (channel->cut_short && apm__outcome_is_send(operation)) {
        *error = APM_ERROR_SHUTDOWN;
    } else if (channel->unread_error && apm__kind_of(operation) == APM__OPERATION_RECEIVE) {
        *error = channel->unread_error;
        channel->unread_error = APM_ERROR_SUCCESS;
    } else {
        return false;
    }
    apm__os_set_native_error(0);
    return true;
}

/* The attempt at the head would block; `edges` are those from before it. */
APM__APART static enum attempt find_nothing_locked(struct apm__channel *channel, struct apm__direction *direction,
                                                   uint32_t edges, apm_error *error, bool *by_wish)
{
    struct apm__operation *operation = direction->head;
    if (operation->wish != APM_ERROR_SUCCESS) {
        *error = operation->wish;
        *by_wish = true;
        return ATTEMPT_ENDS;
    }
    const struct apm__file_transfer *transfer = apm__file_transfer_of(operation);
    if (transfer && transfer->paused) {
        operation->place = APM__PLACE_QUEUED;
        *error = watch_again_locked(channel, direction);
        return *error == APM_ERROR_SUCCESS ? ATTEMPT_WAITS : ATTEMPT_ENDS;
    }
    if (direction->edges != edges) { /* it became ready during the attempt */
        operation->place = APM__PLACE_QUEUED;
        return ATTEMPT_AGAIN;
    }
    if (is_told_locked(channel, operation)) {
        *error = APM_ERROR_DISCONNECTING;
        *by_wish = true;
        return ATTEMPT_ENDS;
    }
    direction->drained = true;
    operation->place = APM__PLACE_QUEUED;
    *error = wait_locked(channel, direction, operation);
    return *error == APM_ERROR_SUCCESS ? ATTEMPT_WAITS : ATTEMPT_ENDS;
}

/* One attempt at the head, outside the lock. If it ends, *error is its outcome. */
static enum attempt attempt_locked(struct apm__channel *channel, struct apm__direction *direction, apm_error *error,
                                   bool *by_wish)
{
    struct apm__operation *operation = direction->head;
    *by_wish = false;
    if (APM__UNLIKELY(channel->cut_short || channel->unread_error) && is_foregone_locked(channel, operation, error))
        return ATTEMPT_ENDS;
    apm__os_socket descriptor = channel->descriptor;
    bool is_ipv6 = channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    uint32_t edges = direction->edges;
    if (APM__UNLIKELY(is_raced(operation)))
        apm__connect_race_extend_locked(channel, operation);
    operation->place = APM__PLACE_RUNNING;
    apm__channel_unlock(channel);
    *error = apm__perform(operation, descriptor, is_ipv6);
    apm__os_mutex_lock(&channel->lock);
    if (APM__UNLIKELY(*error == APM_ERROR_WOULD_BLOCK))
        return find_nothing_locked(channel, direction, edges, error, by_wish);
    if (APM__UNLIKELY(operation->reuse_socket) && *error == APM_ERROR_SUCCESS &&
        must_wait_to_renew_locked(channel, operation)) {
        operation->place = APM__PLACE_QUEUED;
        return ATTEMPT_WAITS;
    }
    direction->drained = direction->edges == edges && !channel->must_try && channel->type == APM_SOCKET_TYPE_STREAM &&
                         apm__perform_was_short(operation);
    return ATTEMPT_ENDS;
}

/* Takes out every operation of the direction that is not being performed; those that are get the wish. */
APM__APART static void take_queue_locked(struct apm__channel *channel, struct apm__direction *direction,
                                         struct apm__settled *taken)
{
    struct apm__operation *operation = direction->head;
    while (operation) {
        struct apm__operation *next = operation->next;
        if (operation->place == APM__PLACE_RUNNING) {
            if (operation->wish == APM_ERROR_SUCCESS)
                operation->wish = APM_ERROR_OPERATION_ABORTED;
        } else {
            apm__outcome_settle_locked(channel, operation, APM_ERROR_OPERATION_ABORTED, true);
            apm__settled_add(taken, operation);
        }
        operation = next;
    }
}

/*
 * Completes what has been settled, outside the lock, before the performer goes on. It takes a reference of its own the
 * first time: the last operation may go, and the channel with it.
 */
APM__APART static void complete_meanwhile_locked(struct apm__channel *channel, struct apm__settled *settled, bool *held)
{
    if (!*held)
        apm__slot_retain(&channel->slot);
    *held = true;
    apm__channel_unlock(channel);
    apm__settled_complete(settled);
    apm__os_mutex_lock(&channel->lock);
}

void apm__readiness_perform_and_unlock(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__settled settled = {0};
    bool connect_settled = false;
    bool held = false;
    while (shall_perform_locked(channel, direction)) {
        if (APM__UNLIKELY(settled.first)) {
            complete_meanwhile_locked(channel, &settled, &held);
            continue;
        }
        if (APM__UNLIKELY(apm__batch_may_locked(channel, direction))) {
            if (!apm__batch_attempt_locked(channel, direction, &settled))
                break;
            continue;
        }
        apm_error error;
        bool by_wish;
        struct apm__operation *operation = direction->head;
        enum attempt attempt = attempt_locked(channel, direction, &error, &by_wish);
        if (APM__UNLIKELY(attempt == ATTEMPT_AGAIN))
            continue;
        if (APM__UNLIKELY(attempt == ATTEMPT_WAITS))
            break;
        connect_settled = connect_settled || apm__kind_of(operation) == APM__OPERATION_CONNECT;
        apm__outcome_settle_locked(channel, operation, error, by_wish);
        apm__settled_add(&settled, operation);
        /* No end of a stream tells those that wait for datagrams of the peer. */
        if (APM__UNLIKELY(apm__kind_of(operation) == APM__OPERATION_DISCONNECT) &&
            channel->type != APM_SOCKET_TYPE_STREAM)
            take_queue_locked(channel, &channel->in, &settled);
    }
    direction->running = false;
    channel->users--;
    apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
    /* Receives have waited for the outcome of a connect; or they and a disconnect wait for each other, in turn. */
    struct apm__direction *other = direction == &channel->in ? &channel->out : &channel->in;
    if (APM__UNLIKELY(connect_settled || channel->renewing) && become_performer_locked(channel, other))
        apm__readiness_perform_and_unlock(channel, other);
    else
        apm__channel_unlock(channel);
    apm__outcome_close_taken(descriptor);
    apm__settled_complete(&settled);
    if (APM__UNLIKELY(held))
        apm__channel_release(channel);
}

/* Looks at the directions for which something has changed. The lock is held, and released. */
static void stir_and_unlock(struct apm__channel *channel, bool in, bool out)
{
    apm__select_wake_locked(channel);
    if (in) {
        channel->in.edges++;
        channel->in.drained = false;
    }
    if (out) {
        channel->out.edges++;
        channel->out.drained = false;
    }
    bool perform_out = out && become_performer_locked(channel, &channel->out);
    bool perform_in = in && become_performer_locked(channel, &channel->in);
    if (APM__UNLIKELY(perform_out && perform_in)) { /* this order: what is received may depend on a connect */
        apm__slot_retain(&channel->slot);           /* the last operation, and with it the channel, may go in between */
        apm__readiness_perform_and_unlock(channel, &channel->out);
        apm__os_mutex_lock(&channel->lock);
        apm__readiness_perform_and_unlock(channel, &channel->in);
        apm__channel_release(channel);
    } else if (perform_out || perform_in) {
        apm__readiness_perform_and_unlock(channel, perform_out ? &channel->out : &channel->in);
    } else {
        apm__channel_unlock(channel);
    }
}

/* -- The contract -------------------------------------------------------------------------------------------------- */

static void finished(struct apm__operation *operation)
{
    apm__channel_release(channel_of(operation));
}

static void finished_in_turn(struct apm__operation *operation)
{
    apm__strand_return(channel_of(operation));
    apm__channel_release(channel_of(operation));
}

/* Makes the operation the channel's. */
static void admit_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    operation->in_turn = channel->serialised && operation->callback;
    operation->finished = operation->in_turn ? finished_in_turn : finished;
    apm__slot_retain(&channel->slot);
}

static void queue_locked(struct apm__channel *channel, struct apm__direction *direction,
                         struct apm__operation *operation)
{
    admit_locked(channel, operation);
    append_locked(direction, operation);
    if (APM__UNLIKELY(channel->serving))
        apm__serving_admitted_locked(channel, operation);
}

void apm__engine_wait_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    queue_locked(channel, apm__direction_of(channel, operation), operation);
}

/*
 * Whether what was found of the stream before says that an attempt would be in vain. It says nothing about a connect, a
 * disconnect, or out-of-band data, which is not in the stream; those are always attempted.
 */
static bool depends_on_stream(const struct apm__operation *operation)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    switch (kind) {
    case APM__OPERATION_RECEIVE:
    case APM__OPERATION_RECEIVE_FROM:
    case APM__OPERATION_RECEIVE_MESSAGE_FROM:
    case APM__OPERATION_RECEIVE_TRAIN: return !(operation->flags & APM_SOCKET_FLAGS_OUT_OF_BAND);
    case APM__OPERATION_CONNECT:
    case APM__OPERATION_DISCONNECT: return false;
    default: return true;
    }
}

void apm__engine_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__direction *direction = apm__direction_of(channel, operation);
    queue_locked(channel, direction, operation);
    if (APM__UNLIKELY(direction->deferred)) {
        apm__gather_join_and_unlock(channel, direction, operation);
        return;
    }
    if (APM__UNLIKELY(direction->head != operation || direction->running) ||
        !shall_perform_locked(channel, direction)) {
        apm__channel_unlock(channel);
        return;
    }
    if (direction->drained && !channel->drain_untold && depends_on_stream(operation) &&
        apm__readiness_watch_locked(channel, direction) == APM_ERROR_SUCCESS) {
        apm__channel_unlock(channel);
        return;
    }
    direction->running = true;
    channel->users++;
    if (apm__gather_put_off_locked(channel, direction, operation))
        apm__channel_unlock(channel);
    else
        apm__readiness_perform_and_unlock(channel, direction);
}

void apm__engine_refuse_and_unlock(struct apm__channel *channel, struct apm__operation *operation, apm_error error)
{
    admit_locked(channel, operation);
    operation->place = APM__PLACE_DETACHED;
    if (operation->in_turn)
        apm__strand_enter_locked(&channel->serving->strand, operation);
    apm__channel_unlock(channel);
    operation->error = error;
    apm__outcome_complete(operation);
}

void apm__engine_cancel(struct apm__operation *operation, apm_error reason)
{
    struct apm__channel *channel = apm__accept_receive_lock_place(operation);
    if (operation->place != APM__PLACE_QUEUED) {
        if (operation->place == APM__PLACE_RUNNING && operation->wish == APM_ERROR_SUCCESS)
            operation->wish = reason;
        apm__channel_unlock(channel);
        return;
    }
    bool connect = apm__kind_of(operation) == APM__OPERATION_CONNECT;
    apm__outcome_settle_locked(channel, operation, reason, true);
    /* Those behind it may have waited for its outcome only. */
    if (connect || channel->cut_short)
        stir_and_unlock(channel, connect, true);
    else
        apm__channel_unlock(channel);
    apm__outcome_complete(operation);
}

void apm__engine_stir_and_unlock(struct apm__channel *channel)
{
    channel->must_try = true;
    stir_and_unlock(channel, true, true);
}

void apm__engine_stir_connect_and_unlock(struct apm__channel *channel)
{
    stir_and_unlock(channel, false, true);
}

void apm__engine_requeue_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    append_locked(apm__direction_of(channel, operation), operation);
    stir_and_unlock(channel, true, false);
}

void apm__engine_resolved_and_unlock(struct apm__channel *channel, struct apm__operation *operation,
                                     struct apm__connect_plan *plan, apm_error error)
{
    if (error == APM_ERROR_SUCCESS) {
        apm__os_free(operation->plan);
        operation->plan = plan;
        apm__connect_race_prepare_locked(channel, operation);
        stir_and_unlock(channel, false, true);
        return;
    }
    apm__outcome_settle_locked(channel, operation, error, false);
    stir_and_unlock(channel, true, true);
    apm__outcome_complete(operation);
}

void apm__engine_close_and_unlock(struct apm__channel *channel)
{
    APM__ASSERT(!channel->closed);
    uint64_t key = channel->key;
    bool caught_up = apm__engine_catch_up_locked(channel); /* what was begun before is sent */
    if (caught_up && channel->key != key) {                /* closed by somebody else meanwhile */
        apm__channel_unlock(channel);
        apm__channel_release(channel);
        return;
    }
    channel->closed = true;
    channel->key = 0;
    apm__atomic_or(&channel->slot.control, APM__SLOT_CLOSED, APM__ACQ_REL);
    struct apm__settled taken = {0};
    if (channel->serving) /* first, or the sends' end would end those that wait for it with success */
        take_queue_locked(channel, &channel->serving->waits, &taken);
    take_queue_locked(channel, &channel->in, &taken);
    take_queue_locked(channel, &channel->out, &taken);
    apm__select_wake_locked(channel);
    apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
    bool receiving = channel->serving && channel->serving->receiving; /* a closed listener gets no more of them */
    struct apm__group *group = channel->group;
    struct apm__os_socket_file *file = channel->file;
    channel->group = NULL;
    channel->file = NULL;
    apm__channel_unlock(channel);
    apm__outcome_close_taken(descriptor);
    apm__os_socket_file_remove(file);
    apm__settled_complete(&taken);
    if (receiving)
        apm__accept_receive_end_all(channel);
    if (group)
        apm__group_leave(group);
    if (caught_up)
        apm__channel_release(channel);
    apm__channel_release(channel);
}

/* The channel that such an event is of, or was. */
static struct apm__channel *channel_of_event(uint64_t event, uint64_t *key)
{
    *key = (event & ~(uint64_t)63) | APM__KIND_SOCKET;
    struct apm__slot *slot = apm__slot_find(&apm__channels, *key);
    APM__CHECK(slot);
    return (struct apm__channel *)slot;
}

APM__HOT void apm__readiness_expect(uint64_t next, uint64_t after)
{
    uint64_t key;
    if (next) { /* relaxed: what is found may be gone, but the memory of slots stays */
        struct apm__channel *channel = channel_of_event(next, &key);
        apm__slot_expect((const struct apm__slot *)apm__atomic_load(&channel->in.head, APM__RELAXED),
                         APM__OPERATION_HOT_SIZE);
    }
    if (after)
        apm__slot_expect(&channel_of_event(after, &key)->slot, sizeof(struct apm__channel));
}

APM__HOT void apm__readiness_dispatch(struct apm__poller *poller, uint64_t event)
{
    (void)poller;
    uint64_t key;
    uint32_t ready = (uint32_t)(event & 63);
    struct apm__channel *channel = channel_of_event(event, &key);
    apm__os_mutex_lock(&channel->lock);
    if (APM__UNLIKELY(channel->key != key)) { /* closed since */
        apm__channel_unlock(channel);
        return;
    }
    const uint32_t both = APM__OS_READY_HANG_UP | APM__OS_READY_FAILURE;
    if (APM__UNLIKELY(ready & (both | APM__OS_READY_URGENT)))
        channel->must_try = true;
    stir_and_unlock(channel, ready & (both | APM__OS_READY_IN | APM__OS_READY_URGENT),
                    ready & (both | APM__OS_READY_OUT));
}
