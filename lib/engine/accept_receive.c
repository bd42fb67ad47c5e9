/*
 * The two phases of an accept that receives. See accept_receive.h for what must hold. Any thread.
 */
#include "accept_receive.h"

#include "check.h"
#include "engine.h"
#include "outcome.h"
#include "select.h"
#include "serving.h"

static struct apm__accept_request *request_of(const struct apm__operation *operation)
{
    return operation->buffer;
}

static struct apm__channel *listener_of(const struct apm__operation *operation)
{
    return operation->place_owner;
}

/* -- The list of the listener -- */

static void link_locked(struct apm__channel *listener, struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    request->linked = true;
    request->previous = NULL;
    request->next = listener->serving->receiving;
    if (request->next)
        request_of(request->next)->previous = operation;
    listener->serving->receiving = operation;
}

static void unlink_locked(struct apm__channel *listener, struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    if (!request->linked)
        return;
    request->linked = false;
    if (request->previous)
        request_of(request->previous)->next = request->next;
    else
        listener->serving->receiving = request->next;
    if (request->next)
        request_of(request->next)->previous = request->previous;
}

/* An operation on the list has not completed: what is taken off it is held by a reference. */
static struct apm__operation *take_one(struct apm__channel *listener)
{
    apm__os_mutex_lock(&listener->lock);
    struct apm__operation *operation = listener->serving->receiving;
    if (operation) {
        unlink_locked(listener, operation);
        apm__slot_retain(&operation->slot);
    }
    apm__channel_unlock(listener);
    return operation;
}

void apm__accept_receive_end_all(struct apm__channel *listener)
{
    struct apm__operation *operation;
    while ((operation = take_one(listener))) {
        apm__engine_cancel(operation, APM_ERROR_OPERATION_ABORTED);
        apm__operation_release(operation);
    }
}

/* -- The socket to accept into -- */

apm_error apm__accept_receive_reserve(apm_socket socket, const struct apm__channel *listener,
                                      struct apm__channel **into)
{
    *into = NULL;
    struct apm__channel *channel;
    apm_error error = apm__channel_lock(socket.bits, &channel);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (channel->bound || channel->listening || channel->connected || channel->connecting) {
        error = APM_ERROR_INVALID_OPERATION;
    } else if (channel->family != listener->family || channel->type != listener->type) { /* immutable */
        error = APM_ERROR_NOT_SUPPORTED;
    } else {
        channel->connecting = true; /* so that its receives wait, and nothing else connects it */
        apm__slot_retain(&channel->slot);
        *into = channel;
    }
    apm__channel_unlock(channel);
    return error;
}

void apm__accept_receive_unreserve(struct apm__channel *into)
{
    apm__os_mutex_lock(&into->lock);
    into->connecting = false;
    if (into->closed)
        apm__channel_unlock(into);
    else
        apm__engine_stir_and_unlock(into);
    apm__channel_release(into);
}

/* The connection's descriptor takes the place of the reserved socket's; on failure it is closed. */
static apm_error replace_descriptor_locked(struct apm__channel *into, struct apm__operation *operation)
{
    if (into->closed) { /* and so is the connection that it was to become */
        apm__os_socket_close(operation->descriptor);
        return APM_ERROR_OPERATION_ABORTED;
    }
    apm__outcome_unwatch_locked(into);
    /* The number stays: a thread may be in a system call with it. */
    apm_error error = apm__os_socket_replace(into->descriptor, operation->descriptor);
    if (error != APM_ERROR_SUCCESS)
        operation->native_error = apm__os_native_error();
    apm__select_wake_locked(into);
    return error;
}

/* Makes the reserved socket the connection. */
static apm_error adopt(struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    struct apm__channel *into = request->into;
    apm__os_mutex_lock(&into->lock);
    apm_error error = replace_descriptor_locked(into, operation);
    if (error != APM_ERROR_SUCCESS) {
        apm__channel_unlock(into);
        apm__group_leave(request->inheritance.group);
        return error;
    }
    APM__ASSERT(!into->group); /* what has been accepted is bound */
    apm__channel_inherit_locked(into, &request->inheritance);
    operation->accepted = into->key;
    into->listening = false;
    into->cut_short = false;
    into->send_ended = false;
    into->receive_ended = false;
    into->receive_buffer_set = false;
    into->send_buffer_set = false;
    into->receive_timeout_ms = 0;
    into->send_timeout_ms = 0;
    into->unread_error = APM_ERROR_SUCCESS;
    into->connect_error = APM_ERROR_SUCCESS;
    into->out.drained = false;
    apm__serving_opened_and_unlock(into);
    return APM_ERROR_SUCCESS;
}

/* -- The phases -- */

apm_error apm__accept_receive_perform(struct apm__operation *operation, apm__os_socket descriptor)
{
    const struct apm__accept_request *request = request_of(operation);
    if (!request->receiving)
        return apm__os_socket_accept(descriptor, &operation->descriptor);
    return apm__os_socket_receive(descriptor, request->buffer, request->size, APM_SOCKET_FLAGS_NONE,
                                  &operation->transferred);
}

struct apm__channel *apm__accept_receive_lock_place(const struct apm__operation *operation)
{
    struct apm__channel *channel = operation->place_owner;
    apm__os_mutex_lock(&channel->lock);
    if (operation->form != APM__FORM_ACCEPT || !request_of(operation)->receiving)
        return channel;
    apm__channel_unlock(channel);
    channel = request_of(operation)->connection;
    apm__os_mutex_lock(&channel->lock);
    return channel;
}

void apm__accept_receive_settle_locked(struct apm__channel *channel, struct apm__operation *operation, bool by_wish)
{
    if (operation->form != APM__FORM_ACCEPT)
        return; /* refused before it had anything */
    struct apm__accept_request *request = request_of(operation);
    if (request->receiving) {
        if (operation->error != APM_ERROR_SUCCESS && !by_wish)
            channel->unread_error = operation->error;
        operation->error = APM_ERROR_SUCCESS;
        operation->native_error = 0;
        return;
    }
    if (operation->error == APM_ERROR_SUCCESS) {
        request->inheritance = apm__channel_bequeath_locked(channel);
        request->waits = request->size > 0 && !channel->closed && operation->wish == APM_ERROR_SUCCESS;
    }
    if (request->waits) {
        operation->place = APM__PLACE_RUNNING; /* it is not its end, and a wish shall be recorded */
        link_locked(channel, operation);
    } else if (operation->in_turn) {
        apm__strand_enter_locked(&channel->serving->strand, operation);
    }
}

/* Gives the connection its channel. */
static apm_error open_connection(struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    struct apm__channel *reserved = operation->reserved;
    if (!reserved) {
        request->connection = request->into;
        return adopt(operation);
    }
    operation->reserved = NULL;
    apm__channel_inherit_locked(reserved, &request->inheritance); /* nobody has been shown it yet */
    request->connection = reserved;
    apm__os_mutex_lock(&reserved->lock);
    apm__channel_open_locked(reserved, operation->descriptor);
    operation->accepted = reserved->key;
    apm__serving_opened_and_unlock(reserved);
    return APM_ERROR_SUCCESS;
}

/* The operation is over: nothing of it is anywhere any more but with its owner. */
static void complete(struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    struct apm__channel *listener = listener_of(operation);
    struct apm__channel *held = request->receiving ? request->connection : NULL;
    struct apm__channel *into = request->into;
    request->into = NULL;
    if (into)
        apm__accept_receive_unreserve(into);
    if (held)
        apm__channel_release(held);
    if (request->waits) {
        apm__os_mutex_lock(&listener->lock);
        unlink_locked(listener, operation);
        if (operation->in_turn) /* whose place was with the connection until now */
            apm__strand_enter_locked(&listener->serving->strand, operation);
        apm__channel_unlock(listener);
    }
    apm__outcome_publish(operation);
}

/* The first phase has taken a connection, for which the operation is to wait for data. */
static void move(struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    struct apm__channel *listener = listener_of(operation);
    struct apm__channel *connection = request->connection;
    struct apm__slot *held; /* until it completes: the socket's own reference may go before, or has gone already */
    if (apm__slot_acquire(&apm__channels, operation->accepted, 0, &held) != APM_ERROR_SUCCESS) {
        complete(operation);
        return;
    }
    apm__os_mutex_lock(&listener->lock);
    request->receiving = true;
    apm__channel_unlock(listener);

    apm__os_mutex_lock(&connection->lock);
    if (operation->wish == APM_ERROR_SUCCESS && connection->key == operation->accepted) {
        if (request->into) { /* it is no longer reserved, but the connection, which is held */
            connection->connecting = false;
            request->into = NULL;
            bool last = apm__slot_release(&connection->slot);
            APM__ASSERT(!last);
            (void)last;
        }
        apm__engine_requeue_and_unlock(connection, operation);
        return;
    }
    operation->place = APM__PLACE_DETACHED;
    apm__channel_unlock(connection);
    complete(operation);
}

void apm__accept_receive_go_on(struct apm__operation *operation)
{
    struct apm__accept_request *request = request_of(operation);
    if (request->receiving) {
        complete(operation);
        return;
    }
    if (operation->error == APM_ERROR_SUCCESS)
        operation->error = open_connection(operation);
    else if (operation->reserved)
        apm__channel_discard(operation->reserved);
    operation->reserved = NULL;
    if (operation->error == APM_ERROR_SUCCESS && request->waits)
        move(operation);
    else
        complete(operation);
}
