/*
 * Targets: a handler with a context, on a queue. Any thread; handlers run on the owner of the queue.
 *
 * Closing a target sets CLOSED in its control word, in one step. From then on no queue gives out a message of it, for
 * each is looked at again when it is taken and when it is dispatched. A dispatch in progress holds a reference, so that
 * the slot is not another target's when the handler returns; the target holds one on its queue.
 */
#include "event_target.h"

#include "check.h"

struct target {
    struct apm__slot slot;

    /* immutable once published */
    struct apm__event_queue *queue;
    apm_event_handler *handler;
    void *context;
};

static struct apm__slot_table targets = APM__SLOT_TABLE(APM__KIND_EVENT_TARGET, struct target, NULL);

static void release(struct target *target)
{
    struct apm__event_queue *queue = target->queue;
    if (!apm__slot_release(&target->slot))
        return;
    apm__slot_free(&targets, &target->slot);
    apm__event_queue_release(queue);
}

static apm_error acquire(apm_event_target handle, struct target **target)
{
    struct apm__slot *slot = NULL;
    apm_error error = apm__slot_acquire(&targets, handle.bits, APM__SLOT_CLOSED, &slot);
    *target = (struct target *)slot;
    return error;
}

bool apm__event_target_is_open(apm_event_target target)
{
    struct apm__slot *slot = apm__slot_find(&targets, target.bits);
    if (!slot)
        return false;
    /* Acquire pairs with the release of whoever has closed the target: what came before the close is seen. */
    uint64_t control = apm__atomic_load(&slot->control, APM__ACQUIRE);
    return apm__slot_judge(control, target.bits) == APM_ERROR_SUCCESS && !(control & APM__SLOT_CLOSED);
}

apm_error apm__event_target_queue(apm_event_target handle, struct apm__event_queue **queue)
{
    struct target *target;
    *queue = NULL;
    apm_error error = acquire(handle, &target);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm_event_queue of_target = {apm__slot_handle(&target->queue->slot)};
    error = apm__event_queue_acquire(of_target, queue);
    release(target);
    return error;
}

apm_error apm_event_target_create(apm_event_queue queue, apm_event_handler *handler, void *context,
                                  apm_event_target *target)
{
    struct apm__event_queue *found;
    if (target)
        *target = (apm_event_target)APM_NULL_HANDLE;
    if (!target || !handler)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm__event_queue_acquire(queue, &found);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__slot *slot = apm__slot_allocate(&targets);
    if (!slot) {
        apm__event_queue_release(found);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    struct target *created = (struct target *)slot;
    created->queue = found;
    created->handler = handler;
    created->context = context;
    apm__slot_publish(slot, 1, 0);
    target->bits = apm__slot_handle(slot);
    return APM_ERROR_SUCCESS;
}

static bool is_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm_event_target_close(apm_event_target target)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&targets, target.bits, APM__SLOT_CLOSED, is_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    release((struct target *)slot);
    return APM_ERROR_SUCCESS;
}

apm_error apm_event_target_post(apm_event_target handle, uint32_t message, uintptr_t w_param, intptr_t l_param)
{
    struct target *target;
    apm_error error = acquire(handle, &target);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm_event_message posted = {.target = handle, .message = message, .w_param = w_param, .l_param = l_param};
    error = apm__event_queue_post_message(target->queue, &posted);
    release(target);
    return error;
}

apm_error apm_event_queue_dispatch(const apm_event_message *message)
{
    struct target *target;
    if (!message)
        return APM_ERROR_ARGUMENT_NULL;
    if (message->target.bits == 0)
        return APM_ERROR_SUCCESS;
    apm_error error = acquire(message->target, &target);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm__event_queue_is_owner(target->queue))
        error = APM_ERROR_INVALID_OPERATION;
    else
        target->handler(message, target->context);
    release(target);
    return error;
}
