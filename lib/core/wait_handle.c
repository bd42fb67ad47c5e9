/*
 * The public waits, over handles of every kind. Any thread.
 *
 * A wait holds a reference to each object for as long as it lasts. The handle of a result that has been ended stands
 * for something that is signalled for ever.
 */
#include "wait_handle.h"

#include "event.h"
#include "operation.h"
#include "wait.h"

/* What a wait has resolved its handles to. */
struct held {
    struct apm__wait_object objects[APM_WAIT_HANDLE_MAX_COUNT];
    struct apm__slot *slots[APM_WAIT_HANDLE_MAX_COUNT]; /* those of the objects */
    size_t count;
};

void apm__wait_object_release(const struct apm__wait_object *object)
{
    if (!object->slot)
        return;
    if (object->table == &apm__operations)
        apm__operation_release((struct apm__operation *)object->slot);
    else
        apm__event_release(object->table, object->slot);
}

apm_error apm__wait_object_hold(apm_wait_handle handle, struct apm__wait_object *object)
{
    static struct apm__slot_table *const tables[] = {&apm__manual_reset_events, &apm__auto_reset_events,
                                                     &apm__operations};
    apm_error error = handle.bits == 0 ? APM_ERROR_ARGUMENT_NULL : APM_ERROR_ARGUMENT;
    *object = (struct apm__wait_object){0};
    for (size_t kind = 0; error == APM_ERROR_ARGUMENT && kind < sizeof tables / sizeof tables[0]; kind++) {
        object->table = tables[kind];
        error = apm__slot_acquire(tables[kind], handle.bits, 0, &object->slot);
    }
    if (error == APM_ERROR_OBJECT_DISPOSED && object->table == &apm__operations)
        error = APM_ERROR_SUCCESS; /* ended: signalled for ever */
    return error;
}

static void release_all(struct held *held)
{
    for (size_t i = 0; i < held->count; i++)
        apm__wait_object_release(&held->objects[i]);
}

static apm_error hold_all(struct held *held, const apm_wait_handle *handles, size_t count, int timeout_ms)
{
    held->count = 0;
    if (!handles)
        return APM_ERROR_ARGUMENT_NULL;
    if (count == 0)
        return APM_ERROR_ARGUMENT;
    if (count > APM_WAIT_HANDLE_MAX_COUNT)
        return APM_ERROR_NOT_SUPPORTED;
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    for (size_t i = 0; i < count; i++) {
        apm_error error = apm__wait_object_hold(handles[i], &held->objects[i]);
        if (error != APM_ERROR_SUCCESS) {
            release_all(held);
            return error;
        }
        held->slots[i] = held->objects[i].slot;
        held->count++;
    }
    return APM_ERROR_SUCCESS;
}

static int64_t to_ns(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : (int64_t)timeout_ms * 1000000;
}

apm_error apm_wait_handle_wait_any(const apm_wait_handle *handles, size_t count, int timeout_ms, size_t *index)
{
    if (!index)
        return APM_ERROR_ARGUMENT_NULL;
    *index = count;
    struct held held;
    apm_error error = hold_all(&held, handles, count, timeout_ms);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__wait_any(held.slots, count, to_ns(timeout_ms), index);
    release_all(&held);
    return error;
}

apm_error apm_wait_handle_wait_one(apm_wait_handle handle, int timeout_ms)
{
    size_t index;
    return apm_wait_handle_wait_any(&handle, 1, timeout_ms, &index);
}

apm_error apm_wait_handle_wait_all(const apm_wait_handle *handles, size_t count, int timeout_ms)
{
    struct held held;
    apm_error error = hold_all(&held, handles, count, timeout_ms);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t i = 0; i < count && error == APM_ERROR_SUCCESS; i++)
        for (size_t j = 0; j < i; j++)
            if (handles[i].bits == handles[j].bits)
                error = APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS)
        error = apm__wait_all(held.slots, count, to_ns(timeout_ms));
    release_all(&held);
    return error;
}

apm_error apm_manual_reset_event_wait_one(apm_manual_reset_event event, int timeout_ms)
{
    return apm_wait_handle_wait_one(apm_manual_reset_event_to_wait_handle(event), timeout_ms);
}

apm_error apm_auto_reset_event_wait_one(apm_auto_reset_event event, int timeout_ms)
{
    return apm_wait_handle_wait_one(apm_auto_reset_event_to_wait_handle(event), timeout_ms);
}
