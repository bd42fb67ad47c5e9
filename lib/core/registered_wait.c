/*
 * What comes to registered waits, and what it brings. Any thread; callbacks run on workers. Who makes, lists and ends
 * them all is in registration.c.
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
#include "wait_handle.h"
#include "waitable.h"

static void run(struct apm__work *work);
static void expire(struct apm__deadline *deadline);
static void released(struct apm__watcher *watcher);

/* What is the same for all waits that a slot will ever hold. */
static void prepare(struct apm__slot *slot)
{
    struct apm__registered_wait *wait = (struct apm__registered_wait *)slot;
    apm__os_mutex_initialise(&wait->lock);
    apm__os_mutex_set_rank(&wait->lock, APM__RANK_OBJECT);
    wait->work.run = run;
    wait->deadline.expire = expire;
    wait->watcher.released = released;
}

struct apm__slot_table apm__registered_waits = APM__SLOT_TABLE(APM__KIND_REGISTERED_WAIT, struct apm__registered_wait,
                                                               prepare);

bool apm__registered_wait_release(struct apm__registered_wait *wait)
{
    if (!apm__slot_release(&wait->slot))
        return false;
    apm__wait_object_release(wait->object);
    apm__alarm_dismiss(wait->pool, &wait->deadline);
    apm__slot_free(&apm__registered_waits, &wait->slot);
    return true;
}

/* -- What has come, under the lock ------------------------------------------------------------------------------- */

static bool is_pending_locked(const struct apm__registered_wait *wait)
{
    return wait->signals > 0 || wait->timed_out;
}

/* True: the caller has to submit the work, once it has released the lock; the reference for that is taken. */
static bool queue_locked(struct apm__registered_wait *wait)
{
    if (wait->queued || !is_pending_locked(wait))
        return false;
    wait->queued = true;
    apm__slot_retain(&wait->slot);
    return true;
}

static void place_alarm_locked(struct apm__registered_wait *wait)
{
    if (apm__alarm_place(wait->pool, &wait->deadline, wait->due_ns))
        apm__slot_retain(&wait->slot); /* the lock keeps whoever asks from giving it back before */
}

static void start_time_locked(struct apm__registered_wait *wait)
{
    wait->due_ns = apm__os_monotonic_ns() + (uint64_t)wait->timeout_ns;
    place_alarm_locked(wait);
}

static void deactivate_locked(struct apm__registered_wait *wait)
{
    wait->active = false;
    if (apm__alarm_withdraw(wait->pool, &wait->deadline))
        apm__registered_wait_release(wait); /* the alarm's; the caller has another */
}

/* False if the watcher is being released: then there is a signal. */
static bool stop_watching_locked(struct apm__registered_wait *wait)
{
    if (!wait->watching)
        return true;
    if (!apm__wait_withdraw(wait->object, &wait->watcher))
        return false;
    wait->watching = false;
    apm__registered_wait_release(wait); /* the watcher's; the caller has another */
    return true;
}

static void note_signal_locked(struct apm__registered_wait *wait)
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
static void watch_locked(struct apm__registered_wait *wait, bool at_callback)
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
static void time_out_locked(struct apm__registered_wait *wait)
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
static void time_out_at_once_locked(struct apm__registered_wait *wait)
{
    if (wait->timeout_ns == 0 && wait->active && !is_pending_locked(wait))
        time_out_locked(wait);
}

/* The event to set if the wait is at its end. */
static struct apm__slot *take_event_locked(struct apm__registered_wait *wait)
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
    struct apm__registered_wait *wait =
        (struct apm__registered_wait *)(void *)((unsigned char *)watcher -
                                                offsetof(struct apm__registered_wait, watcher));
    apm__os_mutex_lock(&wait->lock);
    wait->watching = false;
    note_signal_locked(wait);
    watch_locked(wait, false);
    bool submit = queue_locked(wait);
    apm__os_mutex_unlock(&wait->lock);
    if (submit)
        apm__pool_submit(wait->pool, &wait->work);
    apm__registered_wait_release(wait);
}

static void expire(struct apm__deadline *deadline)
{
    struct apm__registered_wait *wait =
        (struct apm__registered_wait *)(void *)((unsigned char *)deadline -
                                                offsetof(struct apm__registered_wait, deadline));
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
    apm__registered_wait_release(wait);
}

/* Takes up one of the things that have come, and tells whether it is a time-out. */
static bool begin_callback(struct apm__registered_wait *wait)
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

static void end_callback(struct apm__registered_wait *wait)
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
    struct apm__registered_wait *wait =
        (struct apm__registered_wait *)(void *)((unsigned char *)work - offsetof(struct apm__registered_wait, work));
    if (!apm__pool_is_abandoning()) { /* or else it is the callback that has ended the thread */
        bool timed_out = begin_callback(wait);
        wait->callback(wait->callback_state, timed_out);
    }
    end_callback(wait);
    apm__registered_wait_release(wait);
}

/* -- Beginning and end -- */

apm_error apm__registered_wait_start(struct apm__registered_wait *wait)
{
    apm_error error = apm__alarm_admit(wait->pool, &wait->deadline);
    if (error != APM_ERROR_SUCCESS) {
        apm__registered_wait_release(wait);
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

apm_error apm__registered_wait_unregister(struct apm__registered_wait *wait, struct apm__slot *event)
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
    apm__registered_wait_release(wait); /* the creator's */
    return APM_ERROR_SUCCESS;
}
