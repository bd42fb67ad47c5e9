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
#include "check.h"
#include "connect_race.h"
#include "engine.h"
#include "outcome.h"
#include "perform.h"

static struct apm__channel *channel_of(const struct apm__operation *operation)
{
    return operation->place_owner;
}

/* -- The queue of a direction -------------------------------------------------------------------------------------- */

static void append_locked(struct apm__direction *direction, struct apm__operation *operation)
{
    operation->next = NULL;
    operation->previous = direction->tail;
    if (direction->tail)
        direction->tail->next = operation;
    else
        direction->head = operation;
    direction->tail = operation;
    operation->place = APM__PLACE_QUEUED;
}

/* Makes sure that the next readiness of the direction is reported. */
static apm_error watch_locked(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__watcher *watcher = apm__watcher_of(channel);
    uint32_t interest = direction == &channel->in ? APM__OS_READY_IN : APM__OS_READY_OUT;
    if (channel->connecting)
        interest |= APM__OS_READY_IN; /* it will be wanted, and registering once is cheaper */
    if (watcher->keeps_watching && (channel->watched & interest) == interest)
        return APM_ERROR_SUCCESS;
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

/* Whether the head of the direction is to be attempted now. */
static bool shall_perform_locked(const struct apm__channel *channel, const struct apm__direction *direction)
{
    const struct apm__operation *head = direction->head;
    if (!head || channel->closed)
        return false;
    if (head->plan && head->plan->unresolved)
        return false; /* the answer to the look-up stirs the channel */
    if (direction == &channel->in && channel->connecting)
        return false; /* the outcome of the connect does */
    if (direction == &channel->out && channel->renewing && has_receives_locked(channel))
        return false; /* the end of the receives does */
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
    if (apm__kind_of(operation) != APM__OPERATION_DISCONNECT || operation->wish != APM_ERROR_SUCCESS)
        return false;
    channel->renewing = has_receives_locked(channel) && !channel->closed;
    return channel->renewing;
}

static bool is_raced(const struct apm__operation *operation)
{
    return operation->plan && operation->plan->race;
}

/* Sees to it that the operation, which would block, is looked at again when that may have changed. */
static apm_error wait_locked(struct apm__channel *channel, struct apm__direction *direction,
                             struct apm__operation *operation)
{
    bool raced = is_raced(operation);
    apm_error error = APM_ERROR_SUCCESS;
    if (!raced || apm__connect_race_uses_own(operation->plan->race))
        error = watch_locked(channel, direction);
    if (raced && error == APM_ERROR_SUCCESS)
        error = apm__connect_race_wait_locked(channel, operation);
    return error;
}

/* One attempt at the head, outside the lock. False if it has to wait for a report. Otherwise *error is its outcome. */
static bool attempt_locked(struct apm__channel *channel, struct apm__direction *direction, apm_error *error,
                           bool *by_wish)
{
    struct apm__operation *operation = direction->head;
    *by_wish = false;
    for (;;) {
        if (apm__kind_of(operation) == APM__OPERATION_SEND && channel->cut_short) {
            apm__os_set_native_error(0);
            *error = APM_ERROR_SHUTDOWN;
            return true;
        }
        apm__os_socket descriptor = channel->descriptor;
        bool is_ipv6 = channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        uint32_t edges = direction->edges;
        if (is_raced(operation))
            apm__connect_race_extend_locked(channel, operation);
        operation->place = APM__PLACE_RUNNING;
        apm__channel_unlock(channel);
        *error = apm__perform(operation, descriptor, is_ipv6);
        apm__os_mutex_lock(&channel->lock);
        if (*error == APM_ERROR_SUCCESS && operation->reuse_socket && must_wait_to_renew_locked(channel, operation)) {
            operation->place = APM__PLACE_QUEUED;
            return false;
        }
        if (*error != APM_ERROR_WOULD_BLOCK) {
            direction->drained = direction->edges == edges && !channel->must_try && apm__perform_was_short(operation);
            return true;
        }
        if (operation->wish != APM_ERROR_SUCCESS) {
            *error = operation->wish;
            *by_wish = true;
            return true;
        }
        if (direction->edges != edges)
            continue; /* it became ready during the attempt */
        if (channel->drain_untold && apm__kind_of(operation) == APM__OPERATION_RECEIVE) {
            channel->drain_untold = false;
            *error = APM_ERROR_DISCONNECTING;
            *by_wish = true;
            return true;
        }
        direction->drained = true;
        operation->place = APM__PLACE_QUEUED;
        *error = wait_locked(channel, direction, operation);
        return *error != APM_ERROR_SUCCESS;
    }
}

/* Performs the direction until nothing is left to do now. The caller is its performer; the lock is released. */
static void perform_and_unlock(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__operation *settled = NULL; /* completed outside the lock, when that is released anyway */
    bool connect_settled = false;
    bool held = false; /* a reference of our own, once we come back to the channel after a completion */
    while (shall_perform_locked(channel, direction)) {
        if (settled) {
            if (!held)
                apm__slot_retain(&channel->slot);
            held = true;
            apm__channel_unlock(channel);
            apm__outcome_complete(settled);
            settled = NULL;
            apm__os_mutex_lock(&channel->lock);
            continue;
        }
        apm_error error;
        bool by_wish;
        struct apm__operation *operation = direction->head;
        if (!attempt_locked(channel, direction, &error, &by_wish))
            break;
        connect_settled = connect_settled || apm__kind_of(operation) == APM__OPERATION_CONNECT;
        apm__outcome_settle_locked(channel, operation, error, by_wish);
        settled = operation;
    }
    direction->running = false;
    channel->users--;
    apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
    /* Receives have waited for the outcome of a connect; or they and a disconnect wait for each other, in turn. */
    struct apm__direction *other = direction == &channel->in ? &channel->out : &channel->in;
    if ((connect_settled || channel->renewing) && become_performer_locked(channel, other))
        perform_and_unlock(channel, other);
    else
        apm__channel_unlock(channel);
    apm__outcome_close_taken(descriptor);
    if (settled)
        apm__outcome_complete(settled);
    if (held)
        apm__channel_release(channel);
}

/* Looks at the directions for which something has changed. The lock is held, and released. */
static void stir_and_unlock(struct apm__channel *channel, bool in, bool out)
{
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
    if (perform_out && perform_in) {      /* this order: what is received may depend on a connect */
        apm__slot_retain(&channel->slot); /* the last operation, and with it the channel, may go in between */
        perform_and_unlock(channel, &channel->out);
        apm__os_mutex_lock(&channel->lock);
        perform_and_unlock(channel, &channel->in);
        apm__channel_release(channel);
    } else if (perform_out || perform_in) {
        perform_and_unlock(channel, perform_out ? &channel->out : &channel->in);
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

static void queue_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    admit_locked(channel, operation);
    append_locked(apm__direction_of(channel, operation), operation);
    if (channel->serving)
        apm__serving_admitted_locked(channel, operation);
}

void apm__engine_wait_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    queue_locked(channel, operation);
}

/*
 * Whether what was found of the stream before says that an attempt would be in vain. It says nothing about a connect, a
 * disconnect, or out-of-band data, which is not in the stream; those are always attempted.
 */
static bool depends_on_stream(const struct apm__operation *operation)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    if (kind == APM__OPERATION_RECEIVE)
        return !(operation->flags & APM_SOCKET_FLAGS_OUT_OF_BAND);
    return kind == APM__OPERATION_ACCEPT || kind == APM__OPERATION_SEND;
}

void apm__engine_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__direction *direction = apm__direction_of(channel, operation);
    queue_locked(channel, operation);
    if (direction->head != operation || direction->running || !shall_perform_locked(channel, direction)) {
        apm__channel_unlock(channel);
        return;
    }
    if (direction->drained && !channel->drain_untold && depends_on_stream(operation) &&
        watch_locked(channel, direction) == APM_ERROR_SUCCESS) {
        apm__channel_unlock(channel);
        return;
    }
    direction->running = true;
    channel->users++;
    perform_and_unlock(channel, direction);
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
    struct apm__channel *channel = channel_of(operation);
    apm__os_mutex_lock(&channel->lock);
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

/* Takes out every operation that is not being performed; one that is gets the wish. Linked by `next`. */
static struct apm__operation *take_queue_locked(struct apm__channel *channel, struct apm__direction *direction,
                                                struct apm__operation *taken)
{
    struct apm__operation *operation = direction->head;
    while (operation) {
        struct apm__operation *next = operation->next;
        if (operation->place == APM__PLACE_RUNNING) {
            if (operation->wish == APM_ERROR_SUCCESS)
                operation->wish = APM_ERROR_OPERATION_ABORTED;
        } else {
            apm__outcome_settle_locked(channel, operation, APM_ERROR_OPERATION_ABORTED, true);
            operation->next = taken;
            taken = operation;
        }
        operation = next;
    }
    return taken;
}

static struct apm__operation *reverse(struct apm__operation *list)
{
    struct apm__operation *reversed = NULL;
    while (list) {
        struct apm__operation *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

void apm__engine_close_and_unlock(struct apm__channel *channel)
{
    APM__ASSERT(!channel->closed);
    channel->closed = true;
    channel->key = 0;
    apm__atomic_or(&channel->slot.control, APM__SLOT_CLOSED, APM__ACQ_REL);
    struct apm__operation *taken = NULL;
    if (channel->serving) /* first, or the sends' end would end those that wait for it with success */
        taken = take_queue_locked(channel, &channel->serving->waits, NULL);
    taken = take_queue_locked(channel, &channel->in, taken);
    taken = reverse(take_queue_locked(channel, &channel->out, taken));
    apm__os_socket descriptor = apm__outcome_take_descriptor_locked(channel);
    struct apm__group *group = channel->group;
    channel->group = NULL;
    apm__channel_unlock(channel);
    apm__outcome_close_taken(descriptor);
    apm__outcome_complete_list(taken);
    if (group)
        apm__group_leave(group);
    apm__channel_release(channel);
}

void apm__readiness_dispatch(struct apm__poller *poller, uint64_t event)
{
    (void)poller;
    uint64_t key = (event & ~(uint64_t)63) | APM__KIND_SOCKET;
    uint32_t ready = (uint32_t)(event & 63);
    struct apm__channel *channel = (struct apm__channel *)apm__slot_find(&apm__channels, key);
    APM__CHECK(channel);
    apm__os_mutex_lock(&channel->lock);
    if (channel->key != key) { /* closed since */
        apm__channel_unlock(channel);
        return;
    }
    const uint32_t both = APM__OS_READY_HANG_UP | APM__OS_READY_FAILURE;
    if (ready & (both | APM__OS_READY_URGENT))
        channel->must_try = true;
    stir_and_unlock(channel, ready & (both | APM__OS_READY_IN | APM__OS_READY_URGENT),
                    ready & (both | APM__OS_READY_OUT));
}
