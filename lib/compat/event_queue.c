/*
 * Queues: posting, getting, waiting. Any thread posts, the owner gets; event_queue.h has the invariants.
 */
#include "event_queue.h"

#include <string.h>

#include "check.h"
#include "event_target.h"

enum {
#ifdef APM_DEBUG
    FREE_LIMIT = 4, /* nodes that are kept for the next messages */
#else
    FREE_LIMIT = 4096,
#endif
};

static struct apm__slot_table queues = APM__SLOT_TABLE(APM__KIND_EVENT_QUEUE, struct apm__event_queue, NULL);

/* -- Life -------------------------------------------------------------------------------------------------------- */

/* What tells threads apart: the address of a variable of which each has its own. */
static uintptr_t self(void)
{
    static APM__THREAD_LOCAL char mark;
    return (uintptr_t)&mark;
}

apm_error apm__event_queue_acquire(apm_event_queue queue, struct apm__event_queue **found)
{
    struct apm__slot *slot = NULL;
    apm_error error = apm__slot_acquire(&queues, queue.bits, APM__SLOT_CLOSED, &slot);
    *found = (struct apm__event_queue *)slot;
    return error;
}

void apm__event_queue_release(struct apm__event_queue *queue)
{
    if (!apm__slot_release(&queue->slot))
        return;
    apm_auto_reset_event_close(queue->wake);
    if (queue->bell >= 0)
        apm__os_bell_destroy(queue->bell);
    apm__slot_free(&queues, &queue->slot);
}

bool apm__event_queue_is_owner(struct apm__event_queue *queue)
{
    /* Relaxed: who asks whether it is the owner itself has written that, or nobody has. */
    return apm__atomic_load(&queue->owner, APM__RELAXED) == self();
}

apm_error apm_event_queue_create(size_t capacity, apm_event_queue *queue)
{
    if (!queue)
        return APM_ERROR_ARGUMENT_NULL;
    *queue = (apm_event_queue)APM_NULL_HANDLE;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    apm_auto_reset_event wake;
    apm_error error = apm_auto_reset_event_create(false, &wake);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__slot *slot = apm__slot_allocate(&queues);
    if (!slot) {
        apm_auto_reset_event_close(wake);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    struct apm__event_queue *created = (struct apm__event_queue *)slot;
    memset((char *)created + sizeof created->slot, 0, sizeof *created - sizeof created->slot);
    apm__os_mutex_initialise(&created->lock);
    created->wake = wake;
    created->capacity = capacity;
    created->bell = -1;
    apm__atomic_store(&created->owner, self(), APM__RELAXED); /* published with the slot */
    apm__slot_publish(slot, 1, 0);
    queue->bits = apm__slot_handle(slot);
    return APM_ERROR_SUCCESS;
}

/* Gives back nodes that have been taken out. Under no lock. */
static void release_nodes(struct apm__event_queue *queue, struct apm__event_node *nodes)
{
    while (nodes) {
        struct apm__event_node *node = nodes;
        nodes = node->next;
        if (node->release) {
            node->release(node);
            continue;
        }
        apm__os_mutex_lock(&queue->lock);
        bool keep = queue->free_count < FREE_LIMIT && !queue->closed;
        if (keep) {
            node->next = queue->free;
            queue->free = node;
            queue->free_count++;
        }
        apm__os_mutex_unlock(&queue->lock);
        if (!keep)
            apm__os_free(node);
    }
}

static bool is_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm_event_queue_close(apm_event_queue handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&queues, handle.bits, APM__SLOT_CLOSED, is_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    struct apm__event_queue *queue = (struct apm__event_queue *)slot;
    apm__os_mutex_lock(&queue->lock);
    struct apm__event_node *nodes = queue->first;
    struct apm__event_node *unused = queue->free;
    queue->first = queue->last = queue->free = NULL;
    queue->count = queue->posted = queue->free_count = 0;
    queue->closed = true;
    apm__os_mutex_unlock(&queue->lock);
    release_nodes(queue, nodes);
    release_nodes(queue, unused);
    apm_auto_reset_event_set(queue->wake); /* the owner, if it waits, finds the queue closed */
    apm__event_queue_release(queue);
    return APM_ERROR_SUCCESS;
}

apm_error apm_event_queue_attach_thread(apm_event_queue handle)
{
    struct apm__event_queue *queue;
    apm_error error = apm__event_queue_acquire(handle, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&queue->lock);
    if (queue->sleeping)
        error = APM_ERROR_INVALID_OPERATION;
    else
        apm__atomic_store(&queue->owner, self(), APM__RELAXED); /* see apm__event_queue_is_owner */
    apm__os_mutex_unlock(&queue->lock);
    apm__event_queue_release(queue);
    return error;
}

/* -- Posting ----------------------------------------------------------------------------------------------------- */

/* Has the owner look: the bell rings at once; true if the event has to be set, outside the lock. */
static bool rouse_locked(struct apm__event_queue *queue)
{
    if (queue->bell >= 0 && !queue->ringing) {
        queue->ringing = true;
        apm__os_bell_ring(queue->bell);
    }
    bool asleep = queue->sleeping;
    queue->sleeping = false;
    return asleep;
}

/* Silences the bell if there is nothing any more. */
static void silence_locked(struct apm__event_queue *queue)
{
    if (!queue->ringing || queue->first || queue->quitting)
        return;
    queue->ringing = false;
    apm__os_bell_clear(queue->bell);
}

static bool append_locked(struct apm__event_queue *queue, struct apm__event_node *node)
{
    node->next = NULL;
    if (queue->last)
        queue->last->next = node;
    else
        queue->first = node;
    queue->last = node;
    queue->count++;
    return rouse_locked(queue);
}

bool apm__event_queue_post_node(struct apm__event_queue *queue, struct apm__event_node *node)
{
    apm__os_mutex_lock(&queue->lock);
    bool open = !queue->closed;
    bool asleep = open && append_locked(queue, node);
    apm__os_mutex_unlock(&queue->lock);
    if (asleep)
        apm_auto_reset_event_set(queue->wake);
    return open;
}

apm_error apm__event_queue_post_message(struct apm__event_queue *queue, const apm_event_message *message)
{
    apm__os_mutex_lock(&queue->lock);
    struct apm__event_node *node = queue->free;
    if (!node) {
        apm__os_mutex_unlock(&queue->lock);
        node = apm__os_allocate(sizeof *node);
        if (!node)
            return APM_ERROR_OUT_OF_MEMORY;
        apm__os_mutex_lock(&queue->lock);
    } else {
        queue->free = node->next;
        queue->free_count--;
    }
    node->message = *message;
    node->release = NULL;
    apm_error error = queue->closed ? APM_ERROR_OBJECT_DISPOSED : APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS && queue->capacity > 0 && queue->posted >= queue->capacity)
        error = APM_ERROR_WOULD_BLOCK;
    bool asleep = false;
    if (error == APM_ERROR_SUCCESS) {
        queue->posted++;
        asleep = append_locked(queue, node);
    }
    apm__os_mutex_unlock(&queue->lock);
    if (error != APM_ERROR_SUCCESS) {
        node->next = NULL;
        release_nodes(queue, node);
    }
    if (asleep)
        apm_auto_reset_event_set(queue->wake);
    return error;
}

apm_error apm_event_queue_post(apm_event_queue handle, uint32_t message, uintptr_t w_param, intptr_t l_param)
{
    struct apm__event_queue *queue;
    apm_error error = apm__event_queue_acquire(handle, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm_event_message posted = {.message = message, .w_param = w_param, .l_param = l_param};
    error = apm__event_queue_post_message(queue, &posted);
    apm__event_queue_release(queue);
    return error;
}

apm_error apm_event_queue_post_quit(apm_event_queue handle, int exit_code)
{
    struct apm__event_queue *queue;
    apm_error error = apm__event_queue_acquire(handle, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&queue->lock);
    queue->quitting = true;
    queue->exit_code = exit_code;
    bool asleep = rouse_locked(queue);
    apm__os_mutex_unlock(&queue->lock);
    if (asleep)
        apm_auto_reset_event_set(queue->wake);
    apm__event_queue_release(queue);
    return APM_ERROR_SUCCESS;
}

/* -- Getting ----------------------------------------------------------------------------------------------------- */

/*
 * Takes the oldest message that the filter wants out of the list; those of closed targets that are passed go to
 * *passed.
 */
static struct apm__event_node *find_locked(struct apm__event_queue *queue, apm__event_filter *filter, void *context,
                                           bool remove, struct apm__event_node **passed)
{
    struct apm__event_node **link = &queue->first;
    struct apm__event_node *before = NULL;
    for (struct apm__event_node *node; (node = *link) != NULL;) {
        bool dead = node->message.target.bits != 0 && !apm__event_target_is_open(node->message.target);
        bool wanted = !dead && (!filter || filter(&node->message, context) == APM__EVENT_TAKE);
        if (wanted && !remove)
            return node;
        if (!dead && !wanted) {
            before = node;
            link = &node->next;
            continue;
        }
        *link = node->next;
        if (queue->last == node)
            queue->last = before;
        queue->count--;
        if (!node->release)
            queue->posted--;
        node->next = NULL;
        if (wanted)
            return node;
        node->next = *passed;
        *passed = node;
    }
    return NULL;
}

/* One look: a message, quit, or WAIT_TIMEOUT, after which the owner counts as asleep if `sleep`. */
static apm_error look(struct apm__event_queue *queue, apm__event_filter *filter, void *context, bool quit, bool remove,
                      bool sleep, apm_event_message *message)
{
    struct apm__event_node *passed = NULL;
    apm__os_mutex_lock(&queue->lock);
    queue->sleeping = false;
    apm_error error = queue->closed ? APM_ERROR_OBJECT_DISPOSED : APM_ERROR_SUCCESS;
    struct apm__event_node *node = error ? NULL : find_locked(queue, filter, context, remove, &passed);
    if (node) {
        *message = node->message;
    } else if (error == APM_ERROR_SUCCESS && queue->quitting && quit) {
        *message = (apm_event_message){.message = APM_EVENT_MESSAGE_QUIT, .w_param = (uintptr_t)queue->exit_code};
        queue->quitting = !remove;
    } else if (error == APM_ERROR_SUCCESS) {
        error = queue->quitting ? APM_ERROR_OPERATION_ABORTED : APM_ERROR_WAIT_TIMEOUT;
        queue->sleeping = sleep && (error == APM_ERROR_WAIT_TIMEOUT || filter);
        silence_locked(queue);
    }
    apm__os_mutex_unlock(&queue->lock);
    release_nodes(queue, passed);
    if (node && remove)
        release_nodes(queue, node);
    return error;
}

apm_error apm__event_queue_take(struct apm__event_queue *queue, apm__event_filter *filter, void *context, bool quit,
                                int timeout_ms, apm_event_message *message)
{
    uint64_t start = timeout_ms > 0 ? apm__os_monotonic_ns() : 0;
    int left_ms = timeout_ms;
    memset(message, 0, sizeof *message);
    for (;;) {
        apm_error error = look(queue, filter, context, quit, true, left_ms != 0, message);
        /* A filtered take does not end for quit: the call that waits has to come to its own end. */
        bool waits = error == APM_ERROR_WAIT_TIMEOUT || (error == APM_ERROR_OPERATION_ABORTED && filter);
        if (!waits || left_ms == 0)
            return waits ? APM_ERROR_WAIT_TIMEOUT : error;
        error = apm_auto_reset_event_wait_one(queue->wake, left_ms);
        if (error != APM_ERROR_SUCCESS && error != APM_ERROR_WAIT_TIMEOUT) {
            apm__os_mutex_lock(&queue->lock);
            queue->sleeping = false;
            apm__os_mutex_unlock(&queue->lock);
            return error;
        }
        if (timeout_ms > 0) {
            uint64_t gone_ms = (apm__os_monotonic_ns() - start) / 1000000;
            left_ms = gone_ms >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)gone_ms;
        }
    }
}

/* What all functions of the owner begin with. */
static apm_error enter(apm_event_queue handle, int timeout_ms, struct apm__event_queue **queue)
{
    apm_error error = apm__event_queue_acquire(handle, queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm__event_queue_is_owner(*queue))
        error = APM_ERROR_INVALID_OPERATION;
    else if (timeout_ms < -1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (error != APM_ERROR_SUCCESS)
        apm__event_queue_release(*queue);
    return error;
}

apm_error apm_event_queue_get(apm_event_queue handle, int timeout_ms, apm_event_message *message)
{
    struct apm__event_queue *queue;
    if (!message)
        return APM_ERROR_ARGUMENT_NULL;
    memset(message, 0, sizeof *message);
    apm_error error = enter(handle, timeout_ms, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__event_queue_take(queue, NULL, NULL, true, timeout_ms, message);
    apm__event_queue_release(queue);
    return error;
}

apm_error apm_event_queue_peek(apm_event_queue handle, apm_event_message *message)
{
    struct apm__event_queue *queue;
    if (!message)
        return APM_ERROR_ARGUMENT_NULL;
    memset(message, 0, sizeof *message);
    apm_error error = enter(handle, 0, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = look(queue, NULL, NULL, true, false, false, message);
    apm__event_queue_release(queue);
    return error;
}

apm_error apm_event_queue_pump(apm_event_queue handle, int timeout_ms, size_t *dispatched)
{
    struct apm__event_queue *queue;
    if (dispatched)
        *dispatched = 0;
    apm_error error = enter(handle, timeout_ms, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    size_t done = 0;
    apm_event_message message;
    error = apm__event_queue_take(queue, NULL, NULL, false, timeout_ms, &message);
    if (error == APM_ERROR_SUCCESS) {
        apm__os_mutex_lock(&queue->lock);
        size_t there = queue->count;
        apm__os_mutex_unlock(&queue->lock);
        do {
            done++;
            apm_event_queue_dispatch(&message);
        } while (done <= there && apm__event_queue_take(queue, NULL, NULL, false, 0, &message) == APM_ERROR_SUCCESS);
        /* So a foreign loop need not come once more for nothing. */
        apm__os_mutex_lock(&queue->lock);
        silence_locked(queue);
        apm__os_mutex_unlock(&queue->lock);
    }
    if (dispatched)
        *dispatched = done;
    apm__event_queue_release(queue);
    return error;
}

apm_error apm_event_queue_run(apm_event_queue queue, int *exit_code)
{
    apm_event_message message;
    if (exit_code)
        *exit_code = 0;
    for (;;) {
        apm_error error = apm_event_queue_get(queue, APM_TIMEOUT_INFINITE, &message);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (message.target.bits == 0 && message.message == APM_EVENT_MESSAGE_QUIT)
            break;
        apm_event_queue_dispatch(&message);
    }
    if (exit_code)
        *exit_code = (int)message.w_param;
    return APM_ERROR_SUCCESS;
}

/* -- Looking from outside ---------------------------------------------------------------------------------------- */

apm_error apm_event_queue_descriptor(apm_event_queue handle, intptr_t *descriptor)
{
    struct apm__event_queue *queue;
    if (!descriptor)
        return APM_ERROR_ARGUMENT_NULL;
    *descriptor = -1;
    apm_error error = apm__event_queue_acquire(handle, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&queue->lock);
    if (queue->bell < 0) {
        int bell;
        error = apm__os_bell_create(&bell);
        if (error == APM_ERROR_SUCCESS) {
            queue->bell = bell;
            queue->ringing = queue->first || queue->quitting;
            if (queue->ringing)
                apm__os_bell_ring(bell);
        }
    }
    if (error == APM_ERROR_SUCCESS)
        *descriptor = queue->bell;
    apm__os_mutex_unlock(&queue->lock);
    apm__event_queue_release(queue);
    return error;
}

apm_error apm_event_queue_count(apm_event_queue handle, size_t *count)
{
    struct apm__event_queue *queue;
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    *count = 0;
    apm_error error = apm__event_queue_acquire(handle, &queue);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&queue->lock);
    *count = queue->count;
    apm__os_mutex_unlock(&queue->lock);
    apm__event_queue_release(queue);
    return APM_ERROR_SUCCESS;
}
