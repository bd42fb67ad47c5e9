/*
 * The public waits, over handles of every kind. Any thread.
 *
 * A wait holds a reference to each object for as long as it lasts. The handle of a result that has been ended stands
 * for something that is signalled for ever.
 */
#include "wait_handle.h"

#include "apm/countdown_event.h"
#include "apm/mutex.h"
#include "apm/semaphore.h"
#include "operation.h"
#include "wait.h"
#include "waitable.h"

/* What a wait has resolved its handles to. */
struct held {
    struct apm__slot *slots[APM_WAIT_HANDLE_MAX_COUNT];
    size_t count;
};

void apm__wait_object_release(struct apm__slot *slot)
{
    if (slot && apm__slot_kind(slot) == APM__KIND_OPERATION)
        apm__operation_release((struct apm__operation *)slot);
    else if (slot)
        apm__waitable_release(slot);
}

apm_error apm__wait_object_hold(apm_wait_handle handle, struct apm__slot **slot)
{
    if ((handle.bits & ((1u << APM__SLOT_KIND_BITS) - 1)) != APM__KIND_OPERATION)
        return apm__waitable_hold(handle.bits, slot);
    apm_error error = apm__slot_acquire(&apm__operations, handle.bits, 0, slot);
    return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error; /* ended: signalled for ever */
}

static void release_all(struct held *held)
{
    for (size_t i = 0; i < held->count; i++)
        apm__wait_object_release(held->slots[i]);
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
        apm_error error = apm__wait_object_hold(handles[i], &held->slots[i]);
        if (error != APM_ERROR_SUCCESS) {
            release_all(held);
            return error;
        }
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
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct apm__slot *slot;
    apm_error error = apm__wait_object_hold(handle, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__wait_one(slot, to_ns(timeout_ms));
    apm__wait_object_release(slot);
    return error;
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

apm_error apm_wait_handle_signal_and_wait(apm_wait_handle to_signal, apm_wait_handle to_wait_on, int timeout_ms)
{
    apm_wait_handle handles[2] = {to_signal, to_wait_on};
    struct held held;
    apm_error error = hold_all(&held, handles, 2, timeout_ms);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__wait_signal_and_wait(held.slots[0], held.slots[1], to_ns(timeout_ms));
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

apm_error apm_semaphore_wait_one(apm_semaphore semaphore, int timeout_ms)
{
    return apm_wait_handle_wait_one(apm_semaphore_to_wait_handle(semaphore), timeout_ms);
}

apm_error apm_mutex_wait_one(apm_mutex mutex, int timeout_ms)
{
    return apm_wait_handle_wait_one(apm_mutex_to_wait_handle(mutex), timeout_ms);
}

apm_error apm_countdown_event_wait(apm_countdown_event event, int timeout_ms)
{
    return apm_wait_handle_wait_one(apm_countdown_event_wait_handle(event), timeout_ms);
}
