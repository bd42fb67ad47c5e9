/*
 * Timers. Any thread; callbacks run on workers.
 *
 * A timer is a slot, a deadline of its pool, and one work item. It is ARMED until its time has come, then DUE until a
 * worker takes it up, and then ARMED for the next period or DISARMED. The worker arms it before it calls the callback,
 * and gives the work item up before that: so the next callback can be submitted while this one runs, and overlap it,
 * and there never is more than one that is due and has not begun. Nothing is counted, queued or allocated for it.
 *
 * Invariants, all under the timer's lock:
 *  1. ARMED: the alarm (alarm.h) is placed at the timer's time or before, or its expiry is on the way to the lock.
 *     Whether the timer fires is decided here, by state and time; the alarm only sees to it that somebody asks.
 *  2. DUE: the work item is in the pool's hands. When it runs and the timer is not due, somebody has changed or closed
 *     it meanwhile, and nothing happens.
 *  3. A callback begins only on a timer that is not closed, and is counted in `running` from that decision until it has
 *     returned. The event of apm_timer_close_and_signal is set by whoever finds, closed, that `running` is 0.
 *
 * References to the slot: the creator's, until close; one for the alarm, which its expiry takes over; one for the work
 * item in the pool's hands, which the callback takes over. With the last one the slot is free, and with it the
 * deadline's reserved place.
 *
 * Locks: a timer's lock comes before the pool's and the heap's; no other lock is held when it is taken.
 */
#include "timer.h"

#include "alarm.h"
#include "apm/timer.h"
#include "pools.h"
#include "waitable.h"

enum state {
    DISARMED, /* it will not fire; the deadline may still be in the heap, to no effect */
    ARMED,    /* it fires at `due_ns` */
    DUE       /* it fires when the work item runs */
};

struct timer {
    struct apm__slot slot; /* first: the table's view */
    struct apm__work work;
    struct apm__deadline deadline; /* an alarm, under the lock */

    /* immutable */
    apm_timer_callback *callback;
    void *callback_state;
    struct apm__pool *pool;

    apm__os_mutex lock;

    /* guarded by lock */
    uint32_t period_ms; /* 0: it fires once */
    uint64_t due_ns;
    struct apm__slot *event; /* to be set when no callback runs any more; NULL unless closed */
    uint32_t running;        /* callbacks */
    uint8_t state;           /* enum state */
    bool queued;             /* the work item is in the pool's hands */
    bool closed;
};

static const uint64_t ms_ns = 1000000;
static char itself; /* whose address stands for the state of a timer that has itself as its state */

static void run(struct apm__work *work);
static void expire(struct apm__deadline *deadline);

/* What is the same for all timers that a slot will ever hold. */
static void prepare(struct apm__slot *slot)
{
    struct timer *timer = (struct timer *)slot;
    apm__os_mutex_initialise(&timer->lock);
    apm__os_mutex_set_rank(&timer->lock, APM__RANK_OBJECT);
    timer->work.run = run;
    timer->deadline.expire = expire;
}

static struct apm__slot_table timers = APM__SLOT_TABLE(APM__KIND_TIMER, struct timer, prepare);

static _Atomic int64_t active; /* timers that are not DISARMED; a number to look at */

/* True if that was the last reference. */
static bool release(struct timer *timer)
{
    if (!apm__slot_release(&timer->slot))
        return false;
    apm__alarm_dismiss(timer->pool, &timer->deadline);
    apm__slot_free(&timers, &timer->slot);
    return true;
}

/* -- Arming, under the timer's lock ------------------------------------------------------------------------------ */

static void set_state_locked(struct timer *timer, enum state state)
{
    int change = (state != DISARMED) - (timer->state != DISARMED);
    if (change != 0)
        apm__atomic_add(&active, change, APM__RELAXED);
    timer->state = (uint8_t)state;
}

/* Has somebody ask at `due_ns`. The caller has a reference, and the lock keeps whoever asks from giving one back. */
static void place_locked(struct timer *timer)
{
    if (apm__alarm_place(timer->pool, &timer->deadline, timer->due_ns))
        apm__slot_retain(&timer->slot);
}

static void disarm_locked(struct timer *timer)
{
    set_state_locked(timer, DISARMED);
    if (apm__alarm_withdraw(timer->pool, &timer->deadline))
        release(timer); /* the alarm's; the caller has another */
}

/* True: the caller has to submit the work, once it has released the lock; the reference for that is taken. */
static bool become_due_locked(struct timer *timer)
{
    bool submit = !timer->queued;
    set_state_locked(timer, DUE);
    timer->queued = true;
    if (submit)
        apm__slot_retain(&timer->slot);
    return submit;
}

/* The same: true if it is due at once. */
static bool arm_locked(struct timer *timer, int64_t due_time_ms, int64_t period_ms)
{
    timer->period_ms = period_ms > 0 ? (uint32_t)period_ms : 0;
    if (due_time_ms == APM_TIMEOUT_INFINITE) {
        disarm_locked(timer);
        return false;
    }
    timer->due_ns = apm__os_monotonic_ns() + (uint64_t)due_time_ms * ms_ns;
    if (due_time_ms == 0)
        return become_due_locked(timer);
    set_state_locked(timer, ARMED);
    place_locked(timer);
    return false;
}

/* -- Firing ------------------------------------------------------------------------------------------------------ */

static void expire(struct apm__deadline *deadline)
{
    struct timer *timer = (struct timer *)(void *)((unsigned char *)deadline - offsetof(struct timer, deadline));
    bool submit = false;
    apm__os_mutex_lock(&timer->lock);
    apm__alarm_rung(&timer->deadline);
    if (timer->state == ARMED) {
        if (apm__os_monotonic_ns() >= timer->due_ns)
            submit = become_due_locked(timer);
        else
            place_locked(timer);
    }
    apm__os_mutex_unlock(&timer->lock);
    if (submit)
        apm__pool_submit(timer->pool, &timer->work);
    release(timer);
}

/* The period after the one that has come. A timer that has missed one goes on in a millisecond, as in .NET. */
static uint64_t next_due_ns(const struct timer *timer)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    uint64_t next_ns = timer->due_ns + timer->period_ms * ms_ns;
    return next_ns > now_ns ? next_ns : now_ns + ms_ns;
}

/* Decides whether a callback begins. */
static bool begin_callback(struct timer *timer)
{
    apm__os_mutex_lock(&timer->lock);
    timer->queued = false;
    bool begins = timer->state == DUE;
    if (begins) {
        timer->running++;
        if (timer->period_ms > 0) {
            timer->due_ns = next_due_ns(timer);
            set_state_locked(timer, ARMED);
            place_locked(timer);
        } else {
            set_state_locked(timer, DISARMED);
        }
    }
    apm__os_mutex_unlock(&timer->lock);
    return begins;
}

static void end_callback(struct timer *timer)
{
    struct apm__slot *event = NULL;
    apm__os_mutex_lock(&timer->lock);
    if (--timer->running == 0) {
        event = timer->event; /* there is one only if the timer is closed */
        timer->event = NULL;
    }
    apm__os_mutex_unlock(&timer->lock);
    if (event)
        apm__event_set_and_release(event);
}

static void run(struct apm__work *work)
{
    struct timer *timer = (struct timer *)(void *)((unsigned char *)work - offsetof(struct timer, work));
    bool ended_thread = apm__pool_is_abandoning(); /* then it is the callback that did, and it has begun */
    if (ended_thread || begin_callback(timer)) {
        apm_timer handle = {apm__slot_handle(&timer->slot)};
        if (!ended_thread)
            timer->callback(timer->callback_state == &itself ? &handle : timer->callback_state);
        end_callback(timer);
    }
    release(timer);
}

/* -- The public functions ------------------------------------------------------------------------------------------ */

static bool is_time(int64_t ms)
{
    return ms >= APM_TIMEOUT_INFINITE && ms <= APM_TIMER_MAX_MS;
}

/* A timer that is closed, until the pool has taken it; with references for the creator and the caller. */
static struct timer *make(struct apm__pool *pool, apm_timer_callback *callback, void *state)
{
    struct timer *timer = (struct timer *)apm__slot_allocate(&timers);
    if (!timer)
        return NULL;
    timer->callback = callback;
    timer->callback_state = state;
    timer->pool = pool;
    timer->event = NULL;
    timer->running = 0;
    timer->state = DISARMED;
    timer->queued = false;
    timer->closed = true;
    timer->deadline.placed = false;
    apm__slot_publish(&timer->slot, 2, 0);
    return timer;
}

/* Opens and arms it, or drops the creator's reference. */
static apm_error open_timer(struct timer *timer, int64_t due_time_ms, int64_t period_ms)
{
    apm_error error = apm__alarm_admit(timer->pool, &timer->deadline);
    if (error != APM_ERROR_SUCCESS) {
        release(timer);
        return error;
    }
    apm__os_mutex_lock(&timer->lock);
    timer->closed = false;
    bool submit = arm_locked(timer, due_time_ms, period_ms);
    apm__os_mutex_unlock(&timer->lock);
    if (submit)
        apm__pool_submit(timer->pool, &timer->work);
    return APM_ERROR_SUCCESS;
}

apm_error apm_timer_create(apm_thread_pool handle, apm_timer_callback *callback, void *state, int64_t due_time_ms,
                           int64_t period_ms, apm_timer *created)
{
    struct apm__pool *pool;
    if (!created)
        return APM_ERROR_ARGUMENT_NULL;
    *created = (apm_timer)APM_NULL_HANDLE;
    if (!is_time(due_time_ms) || !is_time(period_ms))
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (!callback)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__pool_start(pool);
    struct timer *timer = error == APM_ERROR_SUCCESS ? make(pool, callback, state) : NULL;
    if (timer) {
        created->bits = apm__slot_handle(&timer->slot); /* before the callback can run */
        error = open_timer(timer, due_time_ms, period_ms);
        release(timer);
    } else if (error == APM_ERROR_SUCCESS) {
        error = APM_ERROR_OUT_OF_MEMORY;
    }
    if (error != APM_ERROR_SUCCESS)
        *created = (apm_timer)APM_NULL_HANDLE;
    apm__pool_release(pool);
    return error;
}

apm_error apm_timer_create_callback(apm_thread_pool pool, apm_timer_callback *callback, apm_timer *timer)
{
    return apm_timer_create(pool, callback, &itself, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE, timer);
}

apm_error apm_timer_change(apm_timer handle, int64_t due_time_ms, int64_t period_ms)
{
    struct apm__slot *slot;
    if (!is_time(due_time_ms) || !is_time(period_ms))
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = apm__slot_acquire(&timers, handle.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct timer *timer = (struct timer *)slot;
    bool submit = false;
    apm__os_mutex_lock(&timer->lock);
    if (timer->closed)
        error = APM_ERROR_OBJECT_DISPOSED;
    else
        submit = arm_locked(timer, due_time_ms, period_ms);
    apm__os_mutex_unlock(&timer->lock);
    if (submit)
        apm__pool_submit(timer->pool, &timer->work);
    release(timer);
    return error;
}

/* Closes the timer unless it is closed; `event`, or NULL, is to be set when nothing of it runs any more. */
static apm_error close_timer(struct timer *timer, struct apm__slot *event)
{
    apm__os_mutex_lock(&timer->lock);
    bool closes = !timer->closed;
    bool at_rest = timer->running == 0;
    if (closes) {
        timer->closed = true;
        disarm_locked(timer);
        if (!at_rest)
            timer->event = event;
    }
    apm__os_mutex_unlock(&timer->lock);
    if (!closes)
        return APM_ERROR_OBJECT_DISPOSED;
    if (event && at_rest)
        apm__event_set_and_release(event);
    release(timer); /* the creator's */
    return APM_ERROR_SUCCESS;
}

apm_error apm_timer_close(apm_timer handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&timers, handle.bits, 0, &slot);
    if (error == APM_ERROR_SUCCESS) {
        error = close_timer((struct timer *)slot, NULL);
        release((struct timer *)slot);
    }
    return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
}

apm_error apm_timer_close_and_signal(apm_timer handle, apm_wait_handle event_handle)
{
    struct apm__slot *slot;
    struct apm__slot *event;
    apm_error error = apm__slot_acquire(&timers, handle.bits, 0, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__event_acquire(event_handle.bits, &event);
    if (error == APM_ERROR_SUCCESS) {
        error = close_timer((struct timer *)slot, event);
        if (error != APM_ERROR_SUCCESS)
            apm__waitable_release(event);
    }
    release((struct timer *)slot);
    return error;
}

int64_t apm_timer_active_count(void)
{
    return apm__process_is_forked_child() ? 0 : apm__atomic_load(&active, APM__RELAXED);
}

/* -- The end of a pool ------------------------------------------------------------------------------------------- */

bool apm__timer_end_all(struct apm__pool *pool, bool report)
{
    bool gone = true;
    struct apm__slot *slot;
    for (uint32_t place = 0; (slot = apm__slot_next(&timers, &place));) {
        struct timer *timer = (struct timer *)slot;
        bool ours = timer->pool == pool;
        if (ours && close_timer(timer, NULL) == APM_ERROR_SUCCESS && report)
            apm__os_log("apm: cleanup: timer %016llx was not closed", (unsigned long long)apm__slot_handle(slot));
        if (!release(timer) && ours)
            gone = false;
    }
    return gone;
}

bool apm__timer_view_next(uint32_t *place, struct apm__timer_view *view)
{
    struct timer *timer = (struct timer *)apm__slot_next(&timers, place);
    if (!timer)
        return false;
    apm__os_mutex_lock(&timer->lock);
    *view = (struct apm__timer_view){
        .bits = apm__slot_handle(&timer->slot),
        .callback = timer->callback,
        .state = timer->callback_state,
        .due_ns = timer->due_ns,
        .period_ms = timer->period_ms,
        .running = timer->running,
        .armed = timer->state == ARMED,
        .due = timer->state == DUE,
        .closed = timer->closed,
    };
    apm__os_mutex_unlock(&timer->lock);
    release(timer);
    return true;
}
