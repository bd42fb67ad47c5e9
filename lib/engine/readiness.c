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
#include "engine.h"
#include "perform.h"
#include "watcher.h"

static struct apm__watcher *watcher_of(struct apm__channel *channel)
{
    return (struct apm__watcher *)apm__pool_poller(channel->pool);
}

static enum apm__operation_kind kind_of(const struct apm__operation *operation)
{
    return (enum apm__operation_kind)apm__atomic_load(&operation->kind, APM__RELAXED);
}

static struct apm__channel *channel_of(const struct apm__operation *operation)
{
    return operation->place_owner;
}

static struct apm__direction *direction_of(struct apm__channel *channel, const struct apm__operation *operation)
{
    enum apm__operation_kind kind = kind_of(operation);
    bool in = kind == APM__OPERATION_ACCEPT || kind == APM__OPERATION_RECEIVE;
    return in ? &channel->in : &channel->out;
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

static void remove_locked(struct apm__direction *direction, struct apm__operation *operation)
{
    if (operation->previous)
        operation->previous->next = operation->next;
    else
        direction->head = operation->next;
    if (operation->next)
        operation->next->previous = operation->previous;
    else
        direction->tail = operation->previous;
    operation->place = APM__PLACE_DETACHED;
}

/* -- The descriptor ------------------------------------------------------------------------------------------------ */

/* Takes the descriptor of a closed channel that nobody uses any more, for the caller to close outside the lock. */
static apm__os_socket take_descriptor_locked(struct apm__channel *channel)
{
    if (!channel->closed || channel->users > 0)
        return APM__OS_NO_SOCKET;
    apm__os_socket descriptor = channel->descriptor;
    channel->descriptor = APM__OS_NO_SOCKET;
    if (descriptor == APM__OS_NO_SOCKET)
        return descriptor;
    int linger = 0;
    apm_error ignored = APM_ERROR_SUCCESS; /* at worst the peer sees another kind of end */
    if (channel->cut_short)
        ignored = apm__os_socket_set_option(descriptor, APM__OS_OPTION_LINGER, 0);
    else if (channel->lingers &&
             apm__os_socket_option(descriptor, APM__OS_OPTION_LINGER, &linger) == APM_ERROR_SUCCESS && linger > 0)
        ignored = apm__os_socket_set_option(descriptor, APM__OS_OPTION_LINGER, -1);
    (void)ignored;
    return descriptor;
}

static void close_taken(apm__os_socket descriptor)
{
    if (descriptor != APM__OS_NO_SOCKET)
        apm__os_socket_close(descriptor);
}

static void unwatch_locked(struct apm__channel *channel)
{
    if (channel->watched)
        watcher_of(channel)->unwatch_locked(watcher_of(channel), channel);
    channel->watched = 0;
}

/* Makes sure that the next readiness of the direction is reported. */
static apm_error watch_locked(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__watcher *watcher = watcher_of(channel);
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

static void copy_option(apm__os_socket from, apm__os_socket to, apm__os_option option, bool halve)
{
    int value;
    if (apm__os_socket_option(from, option, &value) != APM_ERROR_SUCCESS)
        return;
    apm_error ignored = apm__os_socket_set_option(to, option, halve ? value / 2 : value);
    (void)ignored; /* the old socket had it, so the new one takes it */
}

apm_error apm__engine_renew_locked(struct apm__channel *channel)
{
    apm__os_socket old = channel->descriptor;
    apm__os_socket renewed;
    apm_error error = apm__os_socket_create(channel->family, (int)channel->type, (int)channel->protocol, &renewed);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
        copy_option(old, renewed, APM__OS_OPTION_IPV6_ONLY, false);
    copy_option(old, renewed, APM__OS_OPTION_NO_DELAY, false);
    copy_option(old, renewed, APM__OS_OPTION_LINGER, false);
    copy_option(old, renewed, APM__OS_OPTION_REUSE_ADDRESS, false);
    copy_option(old, renewed, APM__OS_OPTION_REUSE_PORT, false);
    if (channel->receive_buffer_set) /* Linux shows twice what was set */
        copy_option(old, renewed, APM__OS_OPTION_RECEIVE_BUFFER_SIZE, true);
    if (channel->send_buffer_set)
        copy_option(old, renewed, APM__OS_OPTION_SEND_BUFFER_SIZE, true);

    apm_endpoint local;
    bool rebind = channel->bound && apm__os_socket_local_endpoint(old, &local) == APM_ERROR_SUCCESS;
    unwatch_locked(channel);
    apm__os_socket_close(old);
    channel->descriptor = renewed;
    channel->must_try = false;
    channel->send_ended = false;
    channel->receive_ended = false;
    channel->in.drained = false;
    channel->out.drained = false;
    return rebind ? apm__os_socket_bind(renewed, local) : APM_ERROR_SUCCESS;
}

/* -- Outcomes ------------------------------------------------------------------------------------------------------ */

/* Whether the outcome shows that the connection is broken. */
static bool breaks_connection(const struct apm__channel *channel, apm_error error)
{
    switch (error) {
    case APM_ERROR_CONNECTION_RESET:
    case APM_ERROR_CONNECTION_ABORTED:
    case APM_ERROR_NOT_CONNECTED:
    case APM_ERROR_NETWORK_RESET:
    case APM_ERROR_TIMED_OUT:
    case APM_ERROR_HOST_UNREACHABLE:
    case APM_ERROR_NETWORK_UNREACHABLE: return true;
    case APM_ERROR_SHUTDOWN: return !channel->send_ended && !channel->cut_short;
    default: return false;
    }
}

static void settle_connect_locked(struct apm__channel *channel, struct apm__operation *operation, bool by_wish)
{
    channel->connecting = false;
    if (operation->error == APM_ERROR_SUCCESS) {
        channel->connected = true;
        channel->has_peer = true;
        channel->bound = true;
        return;
    }
    if (!by_wish || channel->closed || channel->in.running || !operation->plan->issued)
        return;
    /* The kernel goes on connecting a descriptor that nobody wants connected any more. */
    apm_error error = apm__engine_renew_locked(channel);
    if (error != APM_ERROR_SUCCESS)
        operation->native_error = apm__os_native_error();
}

static void settle_disconnect_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    if (operation->error != APM_ERROR_SUCCESS)
        return;
    channel->connected = false;
    channel->listening = false;
    channel->send_ended = true;
    channel->receive_ended = true;
    if (!operation->reuse_socket || channel->closed)
        return;
    channel->bound = false;
    channel->has_peer = false;
    if (channel->in.running) { /* a receive is being performed, and meets the end of the stream: too early */
        operation->error = APM_ERROR_IN_PROGRESS;
        return;
    }
    operation->error = apm__engine_renew_locked(channel);
}

/* Takes the operation out of its queue with its outcome, and has the channel follow. The caller owns it then. */
static void settle_locked(struct apm__channel *channel, struct apm__operation *operation, apm_error error, bool by_wish)
{
    remove_locked(direction_of(channel, operation), operation);
    operation->error = error;
    operation->native_error = error == APM_ERROR_SUCCESS || by_wish ? 0 : apm__os_native_error();
    switch (kind_of(operation)) {
    case APM__OPERATION_ACCEPT:
        if (error == APM_ERROR_SUCCESS) {
            struct apm__channel *accepted = operation->reserved; /* nobody has been shown it yet */
            accepted->lingers = channel->lingers;                /* the kernel hands the option on */
            accepted->dual_mode = channel->dual_mode;
            accepted->connected = true;
            accepted->has_peer = true;
            accepted->bound = true;
        }
        break;
    case APM__OPERATION_CONNECT: settle_connect_locked(channel, operation, by_wish); return;
    case APM__OPERATION_DISCONNECT: settle_disconnect_locked(channel, operation); return;
    case APM__OPERATION_SEND:
        if (error != APM_ERROR_SUCCESS && operation->transferred > 0)
            channel->cut_short = true;
        break;
    default: break;
    }
    if (!by_wish && breaks_connection(channel, error))
        channel->connected = false;
}

/* Completes a settled operation, outside the lock; an accept opens the channel of its connection first. */
static void complete(struct apm__operation *operation)
{
    struct apm__channel *accepted = operation->reserved;
    operation->reserved = NULL;
    if (accepted && operation->error == APM_ERROR_SUCCESS) {
        apm__channel_open(accepted, operation->descriptor);
        operation->accepted = accepted->key;
    } else if (accepted) {
        apm__channel_discard(accepted);
    }
    apm__operation_complete(operation);
}

/* -- Performing ---------------------------------------------------------------------------------------------------- */

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

/* One attempt at the head, outside the lock. False if it has to wait for a report. Otherwise *error is its outcome. */
static bool attempt_locked(struct apm__channel *channel, struct apm__direction *direction, apm_error *error,
                           bool *by_wish)
{
    struct apm__operation *operation = direction->head;
    *by_wish = false;
    for (;;) {
        if (kind_of(operation) == APM__OPERATION_SEND && channel->cut_short) {
            apm__os_set_native_error(0);
            *error = APM_ERROR_SHUTDOWN;
            return true;
        }
        apm__os_socket descriptor = channel->descriptor;
        bool is_ipv6 = channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        uint32_t edges = direction->edges;
        operation->place = APM__PLACE_RUNNING;
        apm__channel_unlock(channel);
        *error = apm__perform(operation, descriptor, is_ipv6);
        apm__os_mutex_lock(&channel->lock);
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
        direction->drained = true;
        operation->place = APM__PLACE_QUEUED;
        *error = watch_locked(channel, direction);
        return *error != APM_ERROR_SUCCESS;
    }
}

/* Performs the direction until nothing is left to do now. The caller is its performer; the lock is released. */
static void perform_and_unlock(struct apm__channel *channel, struct apm__direction *direction)
{
    struct apm__operation *settled = NULL; /* completed outside the lock, when that is released anyway */
    bool connect_settled = false;
    while (shall_perform_locked(channel, direction)) {
        if (settled) {
            apm__channel_unlock(channel);
            complete(settled);
            settled = NULL;
            apm__os_mutex_lock(&channel->lock);
            continue;
        }
        apm_error error;
        bool by_wish;
        struct apm__operation *operation = direction->head;
        if (!attempt_locked(channel, direction, &error, &by_wish))
            break;
        connect_settled = connect_settled || kind_of(operation) == APM__OPERATION_CONNECT;
        settle_locked(channel, operation, error, by_wish);
        settled = operation;
    }
    direction->running = false;
    channel->users--;
    apm__os_socket descriptor = take_descriptor_locked(channel);
    /* Receives have waited for the outcome of the connect. */
    if (connect_settled && become_performer_locked(channel, &channel->in))
        perform_and_unlock(channel, &channel->in);
    else
        apm__channel_unlock(channel);
    close_taken(descriptor);
    if (settled)
        complete(settled);
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
    if (perform_out) { /* first: what is received may depend on a connect */
        perform_and_unlock(channel, &channel->out);
        if (perform_in)
            apm__os_mutex_lock(&channel->lock);
    }
    if (perform_in)
        perform_and_unlock(channel, &channel->in);
    else if (!perform_out)
        apm__channel_unlock(channel);
}

/* -- The contract -------------------------------------------------------------------------------------------------- */

static void finished(struct apm__operation *operation)
{
    apm__channel_release(channel_of(operation));
}

/* Makes the operation the channel's. */
static void admit_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    operation->place_owner = channel;
    operation->finished = finished;
    apm__slot_retain(&channel->slot);
    append_locked(direction_of(channel, operation), operation);
}

void apm__engine_start_and_unlock(struct apm__channel *channel, struct apm__operation *operation)
{
    struct apm__direction *direction = direction_of(channel, operation);
    admit_locked(channel, operation);
    if (direction->head != operation || direction->running || !shall_perform_locked(channel, direction)) {
        apm__channel_unlock(channel);
        return;
    }
    /* A connect or disconnect is always attempted: what was found of the direction before says nothing about it. */
    enum apm__operation_kind kind = kind_of(operation);
    bool pointless = direction->drained && kind != APM__OPERATION_CONNECT && kind != APM__OPERATION_DISCONNECT;
    if (pointless && watch_locked(channel, direction) == APM_ERROR_SUCCESS) {
        apm__channel_unlock(channel);
        return;
    }
    direction->running = true;
    channel->users++;
    perform_and_unlock(channel, direction);
}

void apm__engine_refuse_and_unlock(struct apm__channel *channel, struct apm__operation *operation, apm_error error)
{
    operation->place_owner = channel;
    operation->finished = finished;
    apm__slot_retain(&channel->slot);
    operation->place = APM__PLACE_DETACHED;
    apm__channel_unlock(channel);
    operation->error = error;
    complete(operation);
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
    bool connect = kind_of(operation) == APM__OPERATION_CONNECT;
    settle_locked(channel, operation, reason, true);
    /* Those behind it may have waited for its outcome only. */
    if (connect || channel->cut_short)
        stir_and_unlock(channel, connect, true);
    else
        apm__channel_unlock(channel);
    complete(operation);
}

void apm__engine_stir_and_unlock(struct apm__channel *channel)
{
    channel->must_try = true;
    stir_and_unlock(channel, true, true);
}

void apm__engine_resolved_and_unlock(struct apm__channel *channel, struct apm__operation *operation,
                                     struct apm__connect_plan *plan, apm_error error)
{
    if (error == APM_ERROR_SUCCESS) {
        apm__os_free(operation->plan);
        operation->plan = plan;
        stir_and_unlock(channel, false, true);
        return;
    }
    settle_locked(channel, operation, error, false);
    stir_and_unlock(channel, true, true);
    complete(operation);
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
            settle_locked(channel, operation, APM_ERROR_OPERATION_ABORTED, true);
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
    struct apm__operation *taken = take_queue_locked(channel, &channel->in, NULL);
    taken = reverse(take_queue_locked(channel, &channel->out, taken));
    unwatch_locked(channel);
    apm__os_socket descriptor = take_descriptor_locked(channel);
    apm__channel_unlock(channel);
    close_taken(descriptor);
    while (taken) {
        struct apm__operation *next = taken->next;
        complete(taken);
        taken = next;
    }
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
