/*
 * Outcomes and descriptors. Called under the channel's lock, where the name says so, by whoever performs, cancels or
 * closes: any thread.
 */
#include "outcome.h"

#include "accept_receive.h"
#include "check.h"
#include "connect_race.h"
#include "engine.h"
#include "select.h"
#include "transfer.h"

/* -- The descriptor ------------------------------------------------------------------------------------------------ */

/* Sees to it that closing the descriptor does not wait, and resets a connection whose stream was cut short. */
static void prepare_to_close_locked(const struct apm__channel *channel, apm__os_socket descriptor)
{
    int linger = 0;
    apm_error ignored = APM_ERROR_SUCCESS; /* at worst the peer sees another kind of end */
    if (channel->cut_short)
        ignored = apm__os_socket_set_option(descriptor, APM__OS_OPTION_LINGER, 0);
    else if (channel->lingers &&
             apm__os_socket_option(descriptor, APM__OS_OPTION_LINGER, &linger) == APM_ERROR_SUCCESS && linger > 0)
        ignored = apm__os_socket_set_option(descriptor, APM__OS_OPTION_LINGER, -1);
    (void)ignored;
}

APM__APART static apm__os_socket take_descriptor_locked(struct apm__channel *channel)
{
    apm__os_socket descriptor = channel->descriptor;
    if (descriptor != APM__OS_NO_SOCKET) {
        apm__outcome_unwatch_locked(channel); /* not before: a connect may have been using it */
        prepare_to_close_locked(channel, descriptor);
    }
    channel->descriptor = APM__OS_NO_SOCKET;
    return descriptor;
}

apm__os_socket apm__outcome_take_descriptor_locked(struct apm__channel *channel)
{
    if (APM__UNLIKELY(channel->closed) && channel->users == 0)
        return take_descriptor_locked(channel);
    return APM__OS_NO_SOCKET;
}

void apm__outcome_unwatch_locked(struct apm__channel *channel)
{
    if (channel->watched)
        apm__watcher_of(channel)->unwatch_locked(apm__watcher_of(channel), channel);
    channel->watched = 0;
}

static void copy_option(apm__os_socket from, apm__os_socket to, apm__os_option option, bool halve)
{
    int value;
    if (apm__os_socket_option(from, option, &value) != APM_ERROR_SUCCESS)
        return;
    apm_error ignored = apm__os_socket_set_option(to, option, halve ? value / 2 : value);
    (void)ignored; /* the old socket had it, so the new one takes it */
}

/* Gives the options of the channel's own descriptor to another one. */
static void copy_options_locked(const struct apm__channel *channel, apm__os_socket to)
{
    apm__os_socket from = channel->descriptor;
    if (channel->family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6)
        copy_option(from, to, APM__OS_OPTION_IPV6_ONLY, false);
    copy_option(from, to, APM__OS_OPTION_NO_DELAY, false);
    copy_option(from, to, APM__OS_OPTION_LINGER, false);
    copy_option(from, to, APM__OS_OPTION_REUSE_ADDRESS, false);
    copy_option(from, to, APM__OS_OPTION_REUSE_PORT, false);
    if (channel->receive_buffer_set) /* Linux shows twice what was set */
        copy_option(from, to, APM__OS_OPTION_RECEIVE_BUFFER_SIZE, true);
    if (channel->send_buffer_set)
        copy_option(from, to, APM__OS_OPTION_SEND_BUFFER_SIZE, true);
    apm__os_socket_copy_options(from, to);
}

apm_error apm__outcome_create_sibling_locked(struct apm__channel *channel, apm__os_socket *sibling)
{
    apm_error error = apm__os_socket_create(channel->family, (int)channel->type, (int)channel->protocol, sibling);
    if (error == APM_ERROR_SUCCESS)
        copy_options_locked(channel, *sibling);
    return error;
}

/* What was found of the channel's descriptor says nothing about the one that has taken its place. */
static void forget_findings_locked(struct apm__channel *channel)
{
    channel->must_try = false;
    channel->unread_error = APM_ERROR_SUCCESS;
    channel->in.drained = false;
    channel->out.drained = false;
    apm__select_wake_locked(channel);
}

apm_error apm__outcome_install_sibling_locked(struct apm__channel *channel, apm__os_socket sibling)
{
    copy_options_locked(channel, sibling); /* they may have been changed since it was made */
    apm__outcome_unwatch_locked(channel);
    apm_error error = apm__os_socket_replace(channel->descriptor, sibling);
    if (error == APM_ERROR_SUCCESS)
        forget_findings_locked(channel);
    return error;
}

apm_error apm__engine_renew_locked(struct apm__channel *channel, bool rebind)
{
    apm__os_socket old = channel->descriptor;
    apm__os_socket renewed;
    apm_error error = apm__outcome_create_sibling_locked(channel, &renewed);
    if (error != APM_ERROR_SUCCESS)
        return error;

    apm_endpoint local;
    rebind = rebind && channel->bound && apm__os_socket_local_endpoint(old, &local) == APM_ERROR_SUCCESS;
    apm__outcome_unwatch_locked(channel);
    prepare_to_close_locked(channel, old);
    error = apm__os_socket_replace(old, renewed);
    if (error != APM_ERROR_SUCCESS)
        return error;
    channel->cut_short = false;
    channel->send_ended = false;
    channel->receive_ended = false;
    forget_findings_locked(channel);
    return rebind ? apm__os_socket_bind(old, local) : APM_ERROR_SUCCESS;
}

static void remove_locked(struct apm__direction *direction, struct apm__operation *operation)
{
    if (APM__UNLIKELY(operation->previous))
        operation->previous->next = operation->next;
    else
        apm__atomic_store(&direction->head, operation->next, APM__RELAXED);
    if (APM__UNLIKELY(operation->next))
        operation->next->previous = operation->previous;
    else
        direction->tail = operation->previous;
    operation->place = APM__PLACE_DETACHED;
}

/* -- Outcomes ------------------------------------------------------------------------------------------------------ */

/* Whether the outcome shows that the connection is broken. */
static bool breaks_connection(const struct apm__channel *channel, apm_error error)
{
    if (channel->type != APM_SOCKET_TYPE_STREAM) /* what is only recorded does not break, but */
        return error == APM_ERROR_NOT_CONNECTED; /* a unix domain socket forgets a peer that has been closed */
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
    if (operation->plan->race)
        apm__connect_race_end_locked(channel, operation);
    apm__select_wake_locked(channel);
    if (operation->error == APM_ERROR_TRY_AGAIN && operation->plan->issued)
        operation->error = APM_ERROR_WOULD_BLOCK; /* .NET's name for a full queue of a unix domain socket */
    if (operation->plan->unattended)
        channel->connect_error = operation->error;
    if (operation->error == APM_ERROR_SUCCESS) {
        channel->connected = true;
        channel->has_peer = true;
        channel->bound = true;
        return;
    }
    bool may_go_on = by_wish || operation->plan->race; /* else the system's own error has ended it */
    if (!may_go_on || channel->closed || channel->in.running || !operation->plan->issued)
        return;
    /* The kernel goes on connecting a descriptor that nobody wants connected any more. */
    apm_error error = apm__engine_renew_locked(channel, true);
    if (error != APM_ERROR_SUCCESS)
        operation->native_error = apm__os_native_error();
}

bool apm__outcome_disconnects(const struct apm__operation *operation)
{
    const struct apm__file_transfer *transfer = apm__file_transfer_of(operation);
    return transfer ? transfer->disconnects : apm__kind_of(operation) == APM__OPERATION_DISCONNECT;
}

static void settle_disconnect_locked(struct apm__channel *channel, struct apm__operation *operation)
{
    channel->renewing = false;
    if (operation->error != APM_ERROR_SUCCESS)
        return;
    channel->connected = false;
    channel->has_peer = false;
    channel->listening = false;
    if (operation->dissolves)
        return;
    channel->send_ended = true;
    channel->receive_ended = true;
    if (!operation->reuse_socket || channel->closed)
        return;
    operation->error = apm__engine_renew_locked(channel, false);
}

/*
 * Whether an operation that ends so changes nothing of the channel: of the bytes of a stream, some have been moved. One
 * whose callback comes in turn is of a channel that has `serving`.
 */
static bool only_moves_bytes(const struct apm__channel *channel, const struct apm__operation *operation,
                             apm_error error)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    return error == APM_ERROR_SUCCESS && (kind == APM__OPERATION_RECEIVE || kind == APM__OPERATION_SEND) &&
           channel->type == APM_SOCKET_TYPE_STREAM && !channel->serving;
}

/* Has the channel follow the outcome of an operation, which may also depend on the channel. */
APM__APART static void follow_locked(struct apm__channel *channel, struct apm__operation *operation, apm_error error,
                                     bool by_wish)
{
    if (operation->in_turn && operation->form != APM__FORM_ACCEPT) /* which sees to it itself, at its end */
        apm__strand_enter_locked(&channel->serving->strand, operation);
    operation->native_error = error == APM_ERROR_SUCCESS || by_wish ? 0 : apm__os_native_error();
    switch (apm__kind_of(operation)) {
    case APM__OPERATION_ACCEPT:
        if (error == APM_ERROR_SUCCESS) {
            struct apm__inheritance inheritance = apm__channel_bequeath_locked(channel);
            apm__channel_inherit_locked(operation->reserved, &inheritance);
        }
        break;
    case APM__OPERATION_DRAIN: apm__serving_drain_settled_locked(channel, operation); return;
    case APM__OPERATION_CONNECT: settle_connect_locked(channel, operation, by_wish); return;
    case APM__OPERATION_DISCONNECT: settle_disconnect_locked(channel, operation); return;
    case APM__OPERATION_SEND_TRAIN: /* what follows has nothing to do with those of it that have not been sent */
        channel->bound = channel->bound || error == APM_ERROR_SUCCESS;
        break;
    case APM__OPERATION_SEND:
    case APM__OPERATION_SEND_TO:
        if (error == APM_ERROR_TRY_AGAIN)
            operation->error = APM_ERROR_WOULD_BLOCK; /* as for a connect: there will be no sign of room */
        if (by_wish && error == APM_ERROR_WOULD_BLOCK && operation->transferred > 0)
            operation->error = APM_ERROR_SUCCESS; /* a send that does not wait has sent what there was room for */
        else if (error != APM_ERROR_SUCCESS && operation->transferred > 0)
            channel->cut_short = true;
        else if (error == APM_ERROR_SUCCESS && channel->type != APM_SOCKET_TYPE_STREAM)
            channel->bound = true; /* the system binds a socket that sends */
        break;
    case APM__OPERATION_ACCEPT_RECEIVE: apm__accept_receive_settle_locked(channel, operation, by_wish); break;
    case APM__OPERATION_SEND_FILE:
        if (by_wish && error == APM_ERROR_WOULD_BLOCK && operation->transferred > 0)
            operation->error = APM_ERROR_SUCCESS;
        else if (error != APM_ERROR_SUCCESS && operation->transferred > 0 && apm__transfer_is_unfinished(operation))
            channel->cut_short = true;
        if (apm__outcome_disconnects(operation))
            settle_disconnect_locked(channel, operation);
        break;
    default: break;
    }
    if (!by_wish && breaks_connection(channel, error))
        channel->connected = false;
    if (channel->serving)
        apm__serving_settled_locked(channel, operation, by_wish);
}

APM__HOT void apm__outcome_settle_locked(struct apm__channel *channel, struct apm__operation *operation,
                                         apm_error error, bool by_wish)
{
    remove_locked(apm__direction_of(channel, operation), operation);
    operation->error = error;
    operation->native_error = 0;
    if (APM__UNLIKELY(!only_moves_bytes(channel, operation, error)))
        follow_locked(channel, operation, error, by_wish);
}

void apm__outcome_publish(struct apm__operation *operation)
{
    if (!operation->in_turn) {
        apm__operation_complete(operation);
        return;
    }
    apm__operation_publish(operation);
    apm__strand_complete(operation->place_owner, operation);
}

/* An accept has ended: with a connection, whose channel is opened, or without. */
static void open_accepted(struct apm__operation *operation)
{
    struct apm__channel *accepted = operation->reserved;
    operation->reserved = NULL;
    if (operation->error != APM_ERROR_SUCCESS) {
        apm__channel_discard(accepted);
        return;
    }
    apm__os_mutex_lock(&accepted->lock);
    apm__channel_open_locked(accepted, operation->descriptor);
    operation->accepted = accepted->key;
    apm__serving_opened_and_unlock(accepted);
}

/* Completes one of which there is more to do than to publish it. */
APM__COLD static void complete_with_more(struct apm__operation *operation)
{
    struct apm__operation *also = operation->also;
    operation->also = NULL;
    if (operation->form == APM__FORM_ACCEPT) {
        apm__accept_receive_go_on(operation);
        apm__outcome_complete_list(also);
        return;
    }
    if (operation->form == APM__FORM_FILE)
        apm__transfer_close(operation);
    if (apm__kind_of(operation) == APM__OPERATION_ACCEPT && operation->reserved)
        open_accepted(operation);
    apm__outcome_publish(operation);
    apm__outcome_complete_list(also);
}

APM__HOT void apm__outcome_complete(struct apm__operation *operation)
{
    bool has_more = operation->also || operation->in_turn || operation->form >= APM__FORM_FILE ||
                    apm__kind_of(operation) == APM__OPERATION_ACCEPT;
    if (APM__UNLIKELY(has_more))
        complete_with_more(operation);
    else
        apm__operation_complete(operation);
}

void apm__outcome_complete_list(struct apm__operation *operation)
{
    while (operation) {
        struct apm__operation *next = operation->next;
        apm__outcome_complete(operation);
        operation = next;
    }
}
