/*
 * Registered waits. Any thread; callbacks run on workers.
 *
 * A registered wait is a slot, a watcher in the list of the object that it waits for (wait.h), an alarm for its
 * time-out (alarm.h), and one work item. What the watcher and the alarm bring is decided under the wait's own lock, and
 * kept until a worker takes it up: `signals` that were taken from the object, or `timed_out`. The worker gives the work
 * item up before it calls the callback, and submits it again at once if there is more: so callbacks overlap, and
 * nothing is allocated for them.
 *
 * Invariants, all under the lock:
 *  1. `watching`: the object's list has the watcher, or `released` is on its way to the lock. An active wait watches,
 *     but for one that repeats and has found its object signalled for good: that looks again when its next callback
 *     begins, and not before, or it would never come to an end. It has signals or a time-out then, so one does begin.
 *  2. `queued`: the work item is in the pool's hands. That is so as long as there are signals, or a time-out.
 *  3. A signal that was taken from the object brings its callback, also if the wait has been unregistered meanwhile, or
 *     the signal would be lost. Of a signal and a time-out of a wait that executes once the signal wins if it was
 *     taken: the time-out gives way where it cannot withdraw the watcher.
 *  4. The completion event is set by whoever finds, unregistered, that the wait does not watch, has neither signals nor
 *     a time-out, and that no callback runs.
 *
 * References to the slot: the creator's, until it is unregistered; one for the watcher, which `released` takes over;
 * one for the alarm, which its expiry takes over; one for the work item, which the callback takes over. With the last
 * one the slot is free; so are the deadline's place and the object.
 *
 * Locks: a registered wait's lock comes before the wait locks, the pool's and the heap's; no other lock is held when it
 * is taken.
 */
#include "registered_wait.h"

#include "alarm.h"
#include "apm/registered_wait.h"
#include "pools.h"
#include "wait.h"
#include "wait_handle.h"
#include "waitable.h"

struct registered_wait {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work;
    struct apm__deadline deadline; /* an alarm, under the lock */
    struct apm__watcher watcher;

    /* immutable */
    apm_wait_or_timer_callback *callback;
    void *callback_state;
    struct apm__pool *pool;
    struct apm__slot *object; /* NULL if it is signalled for ever */
    int64_t timeout_ns;       /* -1: no limit */
    bool once;

    apm__os_mutex lock;

    /* guarded by lock */
    uint64_t due_ns;         /* of the time-out */
    uint64_t signals;        /* taken, and their callbacks have not begun */
    struct apm__slot *event; /* to be set at the end; NULL unless unregistered */
    uint32_t running;        /* callbacks */
    bool timed_out;          /* the time was up, and that callback has not begun */
    bool active;             /* it takes signals and times out */
    bool watching;
    bool queued;
    bool unregistered;
};

static void run(struct apm__work *work);
static void expire(struct apm__deadline *deadline);
static void released(struct apm__watcher *watcher);

/* What is the same for all waits that a slot will ever hold. */
static void prepare(struct apm__slot *slot)
{
    struct registered_wait *wait = (struct registered_wait *)slot;
    apm__os_mutex_initialise(&wait->lock);
    wait->work.run = run;
    wait->deadline.expire = expire;
    wait->watcher.released = released;
}

static struct apm__slot_table waits = APM__SLOT_TABLE(APM__KIND_REGISTERED_WAIT, struct registered_wait, prepare);

/* True if that was the last reference. */
static bool release(struct registered_wait *wait)
{
    if (!apm__slot_release(&wait->slot))
        return false;
    apm__wait_object_release(wait->object);
    apm__alarm_dismiss(wait->pool, &wait->deadline);
    apm__slot_free(&waits, &wait->slot);
    return true;
}

/* -- What has come, under the lock ------------------------------------------------------------------------------- */

static bool is_pending_locked(const struct registered_wait *wait)
{
    return wait->signals > 0 || wait->timed_out;
}

/* True: the caller has to submit the work, once it has released the lock; the reference for that is taken. */
static bool queue_locked(struct registered_wait *wait)
{
    if (wait->queued || !is_pending_locked(wait))
        return false;
    wait->queued = true;
    apm__slot_retain(&wait->slot);
    return true;
}

static void place_alarm_locked(struct registered_wait *wait)
{
    if (apm__alarm_place(wait->pool, &wait->deadline, wait->due_ns))
        apm__slot_retain(&wait->slot); /* the lock keeps whoever asks from giving it back before */
}

static void start_time_locked(struct registered_wait *wait)
{
    wait->due_ns = apm__os_monotonic_ns() + (uint64_t)wait->timeout_ns;
    place_alarm_locked(wait);
}

static void deactivate_locked(struct registered_wait *wait)
{
    wait->active = false;
    if (apm__alarm_withdraw(wait->pool, &wait->deadline))
        release(wait); /* the alarm's; the caller has another */
}

/* False if the watcher is being released: then there is a signal. */
static bool stop_watching_locked(struct registered_wait *wait)
{
    if (!wait->watching)
        return true;
    if (!apm__wait_withdraw(wait->object, &wait->watcher))
        return false;
    wait->watching = false;
    release(wait); /* the watcher's; the caller has another */
    return true;
}

static void note_signal_locked(struct registered_wait *wait)
{
    wait->signals++;
    if (!wait->active)
        return;
    if (wait->once)
        deactivate_locked(wait);
    else if (wait->timeout_ns > 0)
        start_time_locked(wait);
}

/*
 * Sees to it that an active wait watches, and takes the signals that are there. Of an object that stays signalled it
 * takes note only `at_callback`, that is when a callback begins, or the first time.
 */
static void watch_locked(struct registered_wait *wait, bool at_callback)
{
    while (wait->active && !wait->watching) {
        enum apm__watch found = APM__WATCH_SIGNALLED;
        if (wait->object)
            found = apm__wait_watch(wait->object, &wait->watcher);
        if (found == APM__WATCH_LINKED) {
            wait->watching = true;
            apm__slot_retain(&wait->slot); /* as for the alarm */
        } else if (found == APM__WATCH_TAKEN || (at_callback && !is_pending_locked(wait))) {
            note_signal_locked(wait);
        } else {
            return;
        }
    }
}

/* The time is up. */
static void time_out_locked(struct registered_wait *wait)
{
    if (wait->once) {
        if (!stop_watching_locked(wait))
            return;
        wait->active = false;
    } else if (wait->timeout_ns > 0) {
        start_time_locked(wait);
    }
    if (!is_pending_locked(wait))
        wait->timed_out = true;
}

/* A time-out of 0 of a wait that has found nothing comes at once. */
static void time_out_at_once_locked(struct registered_wait *wait)
{
    if (wait->timeout_ns == 0 && wait->active && !is_pending_locked(wait))
        time_out_locked(wait);
}

/* The event to set if the wait is at its end. */
static struct apm__slot *take_event_locked(struct registered_wait *wait)
{
    struct apm__slot *event = wait->event;
    if (!event || wait->watching || is_pending_locked(wait) || wait->running > 0)
        return NULL;
    wait->event = NULL;
    return event;
}

/* -- What comes -------------------------------------------------------------------------------------------------- */

static void released(struct apm__watcher *watcher)
{
    struct registered_wait *wait =
        (struct registered_wait *)(void *)((unsigned char *)watcher - offsetof(struct registered_wait, watcher));
    apm__os_mutex_lock(&wait->lock);
    wait->watching = false;
    note_signal_locked(wait);
    watch_locked(wait, false);
    bool submit = queue_locked(wait);
    apm__os_mutex_unlock(&wait->lock);
    if (submit)
        apm__pool_submit(wait->pool, &wait->work);
    release(wait);
}

static void expire(struct apm__deadline *deadline)
{
    struct registered_wait *wait =
        (struct registered_wait *)(void *)((unsigned char *)deadline - offsetof(struct registered_wait, deadline));
    bool submit = false;
    apm__os_mutex_lock(&wait->lock);
    apm__alarm_rung(&wait->deadline);
    if (wait->active) {
        if (apm__os_monotonic_ns() >= wait->due_ns)
            time_out_locked(wait);
        else
            place_alarm_locked(wait);
        submit = queue_locked(wait);
    }
    apm__os_mutex_unlock(&wait->lock);
    if (submit)
        apm__pool_submit(wait->pool, &wait->work);
    release(wait);
}

/* Takes up one of the things that have come, and tells whether it is a time-out. */
static bool begin_callback(struct registered_wait *wait)
{
    apm__os_mutex_lock(&wait->lock);
    bool timed_out = wait->timed_out; /* it comes only where there are no signals, so it is the oldest */
    if (timed_out)
        wait->timed_out = false;
    else
        wait->signals--;
    wait->running++;
    wait->queued = false;
    watch_locked(wait, true);
    time_out_at_once_locked(wait);
    bool submit = queue_locked(wait);
    apm__os_mutex_unlock(&wait->lock);
    if (submit)
        apm__pool_submit(wait->pool, &wait->work);
    return timed_out;
}

static void end_callback(struct registered_wait *wait)
{
    apm__os_mutex_lock(&wait->lock);
    wait->running--;
    struct apm__slot *event = take_event_locked(wait);
    apm__os_mutex_unlock(&wait->lock);
    if (event)
        apm__event_set_and_release(event);
}

static void run(struct apm__work *work)
{
    struct registered_wait *wait =
        (struct registered_wait *)(void *)((unsigned char *)work - offsetof(struct registered_wait, work));
    if (!apm__pool_is_abandoning()) { /* or else it is the callback that has ended the thread */
        bool timed_out = begin_callback(wait);
        wait->callback(wait->callback_state, timed_out);
    }
    end_callback(wait);
    release(wait);
}

/* -- The public functions ------------------------------------------------------------------------------------------ */

/* A wait that is unregistered, until the pool has taken it; with references for the creator and the caller. */
static struct registered_wait *make(struct apm__pool *pool, struct apm__slot *object, int64_t timeout_ms, bool once,
                                    apm_wait_or_timer_callback *callback, void *state)
{
    struct registered_wait *wait = (struct registered_wait *)apm__slot_allocate(&waits);
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

/* Begins to wait, or drops the creator's reference. */
static apm_error start(struct registered_wait *wait)
{
    apm_error error = apm__alarm_admit(wait->pool, &wait->deadline);
    if (error != APM_ERROR_SUCCESS) {
        release(wait);
        return error;
    }
    apm__os_mutex_lock(&wait->lock);
    wait->unregistered = false;
    wait->active = true;
    watch_locked(wait, true);
    if (wait->active && wait->timeout_ns > 0)
        start_time_locked(wait);
    time_out_at_once_locked(wait);
    bool submit = queue_locked(wait);
    apm__os_mutex_unlock(&wait->lock);
    if (submit)
        apm__pool_submit(wait->pool, &wait->work);
    return APM_ERROR_SUCCESS;
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
    if (object && object->kind == APM__KIND_MUTEX) {
        error = APM_ERROR_NOT_SUPPORTED;
        goto release_object;
    }
    error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        goto release_object;
    struct registered_wait *wait = make(pool, object, timeout_ms, execute_only_once, callback, state);
    if (!wait) {
        error = APM_ERROR_OUT_OF_MEMORY;
        goto release_object;
    }
    registered->bits = apm__slot_handle(&waits, &wait->slot);
    error = start(wait);
    if (error != APM_ERROR_SUCCESS)
        *registered = (apm_registered_wait_handle)APM_NULL_HANDLE;
    release(wait); /* the object with it, if it was the last */
    goto release_pool;

release_object:
    apm__wait_object_release(object);
release_pool:
    apm__pool_release(pool);
    return error;
}

/* Unregisters the wait unless it is; `event`, or NULL, is to be set when nothing of it comes any more. */
static apm_error unregister(struct registered_wait *wait, struct apm__slot *event)
{
    apm__os_mutex_lock(&wait->lock);
    bool unregisters = !wait->unregistered;
    if (unregisters) {
        wait->unregistered = true;
        deactivate_locked(wait);
        stop_watching_locked(wait); /* or else the signal that has been taken still brings its callback */
        wait->event = event;
        event = take_event_locked(wait);
    }
    apm__os_mutex_unlock(&wait->lock);
    if (!unregisters)
        return APM_ERROR_OBJECT_DISPOSED;
    if (event)
        apm__event_set_and_release(event);
    release(wait); /* the creator's */
    return APM_ERROR_SUCCESS;
}

apm_error apm_registered_wait_handle_unregister(apm_registered_wait_handle registered, apm_wait_handle completion_event)
{
    struct apm__slot *slot;
    struct apm__slot *event = NULL;
    apm_error error = apm__slot_acquire(&waits, registered.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm_wait_handle_is_null(completion_event))
        error = apm__event_acquire(completion_event.bits, &event);
    if (error == APM_ERROR_SUCCESS) {
        error = unregister((struct registered_wait *)slot, event);
        if (error != APM_ERROR_SUCCESS && event)
            apm__waitable_release(event);
    }
    release((struct registered_wait *)slot);
    return error;
}

/* -- The end of a pool ------------------------------------------------------------------------------------------- */

bool apm__registered_wait_end_all(struct apm__pool *pool, bool report)
{
    bool gone = true;
    struct apm__slot *slot;
    for (uint32_t i = 0; (slot = apm__slot_at(&waits, i)); i++) {
        struct registered_wait *wait = (struct registered_wait *)slot;
        struct apm__slot *held;
        uint64_t bits = apm__slot_handle(&waits, slot);
        if (apm__slot_acquire(&waits, bits, 0, &held) != APM_ERROR_SUCCESS)
            continue;
        bool ours = wait->pool == pool;
        if (ours && unregister(wait, NULL) == APM_ERROR_SUCCESS && report)
            apm__os_log("apm: cleanup: registered wait %016llx was not unregistered", (unsigned long long)bits);
        if (!release(wait) && ours)
            gone = false;
    }
    return gone;
}

bool apm__registered_wait_view_next(uint32_t *place, struct apm__registered_wait_view *view)
{
    struct apm__slot *slot;
    while ((slot = apm__slot_at(&waits, (*place)++))) {
        struct registered_wait *wait = (struct registered_wait *)slot;
        struct apm__slot *held;
        uint64_t bits = apm__slot_handle(&waits, slot);
        if (apm__slot_acquire(&waits, bits, 0, &held) != APM_ERROR_SUCCESS)
            continue;
        apm__os_mutex_lock(&wait->lock);
        *view = (struct apm__registered_wait_view){
            .bits = bits,
            .object = wait->object ? apm__slot_bits(wait->object) : 0,
            .callback = wait->callback,
            .state = wait->callback_state,
            .due_ns = wait->timeout_ns < 0 ? UINT64_MAX : wait->due_ns,
            .running = wait->running,
            .active = wait->active,
            .unregistered = wait->unregistered,
        };
        apm__os_mutex_unlock(&wait->lock);
        release(wait);
        return true;
    }
    return false;
}
