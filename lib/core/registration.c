/*
 * Registering and unregistering waits, their end with that of their pool, and listing them. Any thread. What comes of
 * a wait in between is in registered_wait.c, with the invariants.
 */
#include "apm/registered_wait.h"

#include "pools.h"
#include "registered_wait.h"
#include "wait_handle.h"
#include "waitable.h"

/* A wait that is unregistered, until the pool has taken it; with references for the creator and the caller. */
static struct apm__registered_wait *make(struct apm__pool *pool, struct apm__slot *object, int64_t timeout_ms,
                                         bool once, apm_wait_or_timer_callback *callback, void *state)
{
    struct apm__registered_wait *wait = (struct apm__registered_wait *)apm__slot_allocate(&apm__registered_waits);
    if (!wait)
        return NULL;
    wait->callback = callback;
    wait->callback_state = state;
    wait->pool = pool;
    wait->object = object;
    wait->timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * 1000000;
    wait->once = once;
    wait->event = NULL;
    wait->signals = 0;
    wait->running = 0;
    wait->timed_out = false;
    wait->active = false;
    wait->watching = false;
    wait->queued = false;
    wait->unregistered = true;
    wait->deadline.placed = false;
    apm__slot_publish(&wait->slot, 2, 0);
    return wait;
}

apm_error apm_thread_pool_register_wait_for_single_object(apm_thread_pool handle, apm_wait_handle wait_handle,
                                                          apm_wait_or_timer_callback *callback, void *state,
                                                          int64_t timeout_ms, bool execute_only_once,
                                                          apm_registered_wait_handle *registered)
{
    struct apm__pool *pool;
    struct apm__slot *object;
    if (!registered)
        return APM_ERROR_ARGUMENT_NULL;
    *registered = (apm_registered_wait_handle)APM_NULL_HANDLE;
    if (timeout_ms < APM_TIMEOUT_INFINITE || timeout_ms > INT32_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!callback)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__wait_object_hold(wait_handle, &object);
    if (error != APM_ERROR_SUCCESS)
        goto release_pool;
    if (object && apm__slot_kind(object) == APM__KIND_MUTEX) {
        error = APM_ERROR_NOT_SUPPORTED;
        goto release_object;
    }
    error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        goto release_object;
    struct apm__registered_wait *wait = make(pool, object, timeout_ms, execute_only_once, callback, state);
    if (!wait) {
        error = APM_ERROR_OUT_OF_MEMORY;
        goto release_object;
    }
    registered->bits = apm__slot_handle(&wait->slot);
    error = apm__registered_wait_start(wait);
    if (error != APM_ERROR_SUCCESS)
        *registered = (apm_registered_wait_handle)APM_NULL_HANDLE;
    apm__registered_wait_release(wait); /* the object with it, if it was the last */
    goto release_pool;

release_object:
    apm__wait_object_release(object);
release_pool:
    apm__pool_release(pool);
    return error;
}

apm_error apm_registered_wait_handle_unregister(apm_registered_wait_handle registered, apm_wait_handle completion_event)
{
    struct apm__slot *slot;
    struct apm__slot *event = NULL;
    apm_error error = apm__slot_acquire(&apm__registered_waits, registered.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm_wait_handle_is_null(completion_event))
        error = apm__event_acquire(completion_event.bits, &event);
    if (error == APM_ERROR_SUCCESS) {
        error = apm__registered_wait_unregister((struct apm__registered_wait *)slot, event);
        if (error != APM_ERROR_SUCCESS && event)
            apm__waitable_release(event);
    }
    apm__registered_wait_release((struct apm__registered_wait *)slot);
    return error;
}

/* -- The end of a pool ------------------------------------------------------------------------------------------- */

bool apm__registered_wait_end_all(struct apm__pool *pool, bool report)
{
    bool gone = true;
    struct apm__slot *slot;
    for (uint32_t place = 0; (slot = apm__slot_next(&apm__registered_waits, &place));) {
        struct apm__registered_wait *wait = (struct apm__registered_wait *)slot;
        uint64_t bits = apm__slot_handle(slot);
        bool ours = wait->pool == pool;
        if (ours && apm__registered_wait_unregister(wait, NULL) == APM_ERROR_SUCCESS && report)
            apm__os_log("apm: cleanup: registered wait %016llx was not unregistered", (unsigned long long)bits);
        if (!apm__registered_wait_release(wait) && ours)
            gone = false;
    }
    return gone;
}

bool apm__registered_wait_view_next(uint32_t *place, struct apm__registered_wait_view *view)
{
    struct apm__slot *slot = apm__slot_next(&apm__registered_waits, place);
    struct apm__registered_wait *wait = (struct apm__registered_wait *)slot;
    if (!wait)
        return false;
    apm__os_mutex_lock(&wait->lock);
    *view = (struct apm__registered_wait_view){
        .bits = apm__slot_handle(slot),
        .object = wait->object ? apm__slot_handle(wait->object) : 0,
        .callback = wait->callback,
        .state = wait->callback_state,
        .due_ns = wait->timeout_ns < 0 ? UINT64_MAX : wait->due_ns,
        .running = wait->running,
        .active = wait->active,
        .unregistered = wait->unregistered,
    };
    apm__os_mutex_unlock(&wait->lock);
    apm__registered_wait_release(wait);
    return true;
}
