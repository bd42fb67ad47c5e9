/*
 * Inet sockets: events. Posting is any thread's; dispatching the queue's owner's. See inet_socket.h.
 */
#include <stddef.h>

#include "event_target.h"
#include "inet_socket.h"

static void release_events(struct apm__inet_events *events)
{
    /* Acquire and release: whoever frees it comes after all that the others did. */
    if (apm__atomic_subtract(&events->references, 1, APM__ACQ_REL) != 1)
        return;
    apm__event_queue_release(events->queue);
    apm__os_free(events);
}

/* The queue has taken or dropped the node. */
static void release_node(struct apm__event_node *node)
{
    uint32_t event = apm_inet_event(node->message.l_param);
    char *first = (char *)(node - event);
    struct apm__inet_events *events =
        (struct apm__inet_events *)(void *)(first - offsetof(struct apm__inet_events, nodes));
    /* Release pairs with the acquire of who posts it next, and writes to it. */
    apm__atomic_and(&events->posted, ~(1u << event), APM__RELEASE);
    release_events(events);
}

/* The handler of a subscription's target: calls what is registered for the event, or hands the message on. */
static void dispatch(const apm_event_message *message, void *context)
{
    (void)context; /* may be gone by now: the message has the handle */
    unsigned event = apm_inet_event(message->l_param);
    struct apm__inet *inet = event < APM__INET_EVENTS ? apm__inet_find((apm_inet)message->w_param) : NULL;
    if (!inet)
        return;
    apm__os_mutex_lock(&inet->lock);
    bool frozen = inet->frozen;
    if (frozen)
        inet->due |= 1u << event;
    apm_inet_event_procedure *procedure = inet->procedures[event];
    uintptr_t parameter = inet->parameters[event];
    apm_event_target program = inet->events ? inet->events->program : (apm_event_target)APM_NULL_HANDLE;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_release(inet); /* the program may close it */
    if (frozen)
        return;
    unsigned error = apm_inet_event_error(message->l_param);
    apm_event_message handed_on = *message;
    handed_on.target = program;
    if (procedure)
        procedure((apm_inet)message->w_param, event, error > 0 ? 0x80040000u | error : 0, parameter);
    else
        apm_event_queue_dispatch(&handed_on);
}

/* Checks a target and makes a subscription of it; *events is NULL after an error. */
static apm_error create_events(apm_inet socket, apm_event_target target, unsigned message,
                               struct apm__inet_events **events)
{
    *events = NULL;
    if (message <= APM_EVENT_MESSAGE_USER)
        return APM_ERROR_ARGUMENT;
    struct apm__event_queue *queue;
    apm_error error = apm__event_target_queue(target, &queue);
    if (error != APM_ERROR_SUCCESS)
        return APM_ERROR_ARGUMENT;
    struct apm__inet_events *created = apm__os_allocate(sizeof *created);
    if (!created) {
        apm__event_queue_release(queue);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    apm_event_queue of_target = {apm__slot_handle(&queue->slot)};
    created->queue = queue;
    created->program = target;
    apm__atomic_store(&created->references, 1, APM__RELAXED); /* nobody else knows it */
    error = apm_event_target_create(of_target, dispatch, NULL, &created->own);
    if (error != APM_ERROR_SUCCESS) {
        release_events(created);
        return error == APM_ERROR_OUT_OF_MEMORY ? error : APM_ERROR_ARGUMENT;
    }
    for (int event = 0; event < APM__INET_EVENTS; event++) {
        created->nodes[event].release = release_node;
        created->nodes[event].message =
            (apm_event_message){.target = created->own, .message = message, .w_param = socket, .l_param = event};
    }
    *events = created;
    return APM_ERROR_SUCCESS;
}

void apm__inet_events_close(struct apm__inet_events *events)
{
    if (!events)
        return;
    apm_event_target_close(events->own);
    release_events(events);
}

apm_error apm__inet_subscribe(struct apm__inet *inet, apm_event_target target, unsigned message)
{
    struct apm__inet_events *events;
    apm_error error = create_events(apm__inet_handle(inet), target, message, &events);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&inet->lock);
    bool closed = inet->closed;
    if (!closed)
        inet->events = events;
    inet->blocks = false;
    apm__os_mutex_unlock(&inet->lock);
    if (closed)
        apm__inet_events_close(events);
    return closed ? APM_ERROR_OPERATION_ABORTED : APM_ERROR_SUCCESS;
}

static void post(struct apm__inet_events *events, unsigned event, apm_error error)
{
    uint32_t bit = 1u << event;
    /* Acquire pairs with the release in release_node: the node is nobody else's. */
    if (apm__atomic_or(&events->posted, bit, APM__ACQ_REL) & bit)
        return;                                            /* the message on its way will do */
    apm__atomic_add(&events->references, 1, APM__RELAXED); /* the caller has one */
    struct apm__event_node *node = &events->nodes[event];
    node->message.l_param = (intptr_t)((uintptr_t)event | (uintptr_t)(apm__inet_error(error) & 0xffffu) << 16);
    if (!apm__event_queue_post_node(events->queue, node))
        release_node(node);
}

struct apm__inet_notice apm__inet_notice_locked(struct apm__inet *inet, uint32_t which)
{
    struct apm__inet_notice notice = {.which = which, .connect_error = inet->error, .end_error = inet->in_error};
    if (inet->events && inet->frozen)
        inet->due |= which;
    else if (inet->events && which != 0)
        notice.events = inet->events;
    if (notice.events)
        apm__atomic_add(&notice.events->references, 1, APM__RELAXED); /* the socket has one */
    return notice;
}

void apm__inet_post(const struct apm__inet_notice *notice)
{
    if (!notice->events)
        return;
    for (unsigned event = 1; event < APM__INET_EVENTS; event++) {
        apm_error error = event == APM_INET_EVENT_CONNECT      ? notice->connect_error
                          : event == APM_INET_EVENT_DISCONNECT ? notice->end_error
                                                               : APM_ERROR_SUCCESS;
        if (notice->which & 1u << event)
            post(notice->events, event, error);
    }
    release_events(notice->events);
}

/* -- The program's calls ------------------------------------------------------------------------------------------- */

/* The events that tell how the socket stands. */
static uint32_t standing_locked(struct apm__inet *inet)
{
    uint32_t standing = inet->stage == APM__INET_FAILED ? 1u << APM_INET_EVENT_CONNECT : 0;
    if (inet->stage == APM__INET_OPEN && inet->kind != APM__INET_LISTENER && !inet->writing)
        standing |= 1u << APM_INET_EVENT_WRITE;
    if (inet->full)
        standing |= 1u << (inet->kind == APM__INET_LISTENER ? APM_INET_EVENT_ACCEPT : APM_INET_EVENT_READ);
    if (inet->ended && inet->kind == APM__INET_STREAM)
        standing |= 1u << APM_INET_EVENT_DISCONNECT;
    inet->told = inet->full;
    inet->want_write = inet->writing;
    return standing;
}

int apm_inet_enable_events(apm_inet socket, apm_event_target target, unsigned message)
{
    struct apm__inet_events *events;
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm_error error = create_events(socket, target, message, &events);
    if (error != APM_ERROR_SUCCESS) {
        apm__inet_release(inet);
        return apm__inet_fail(error);
    }
    apm__os_mutex_lock(&inet->lock);
    bool closed = inet->closed;
    struct apm__inet_events *former = closed ? events : inet->events;
    struct apm__inet_notice notice = {.which = 0};
    inet->due = 0;
    if (!closed) {
        inet->events = events;
        inet->blocks = false;
        notice = apm__inet_notice_locked(inet, standing_locked(inet));
    }
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_events_close(former);
    apm__inet_post(&notice);
    apm__inet_release(inet);
    return 0;
}

int apm_inet_disable_events(apm_inet socket)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__os_mutex_lock(&inet->lock);
    struct apm__inet_events *events = inet->events;
    inet->events = NULL;
    inet->blocks = true;
    inet->due = 0;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_events_close(events);
    apm__inet_release(inet);
    return 0;
}

int apm_inet_freeze_events(apm_inet socket, int freeze)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__os_mutex_lock(&inet->lock);
    inet->frozen = freeze != 0;
    struct apm__inet_notice notice = apm__inet_notice_locked(inet, inet->due);
    if (!inet->frozen)
        inet->due = 0;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_post(&notice);
    apm__inet_release(inet);
    return 0;
}

int apm_inet_register_event(apm_inet socket, unsigned event, apm_inet_event_procedure *procedure, uintptr_t parameter)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    bool known = event >= APM_INET_EVENT_CONNECT && event < APM__INET_EVENTS;
    if (known) {
        apm__os_mutex_lock(&inet->lock);
        inet->procedures[event] = procedure;
        inet->parameters[event] = parameter;
        apm__os_mutex_unlock(&inet->lock);
    }
    apm__inet_release(inet);
    return known ? 0 : apm__inet_fail(APM_ERROR_ARGUMENT);
}
