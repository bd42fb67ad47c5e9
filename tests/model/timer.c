/*
 * Changing and closing a timer against its fire (pool/timer.c, pool/alarm.c, pool/deadline.c): the last change decides,
 * nothing fires early or twice for one time, and nothing of a timer runs when the event of its end is set.
 *
 * The pool is a simulated one (simulated_pool.h): its deadlines are real, and each callback has a thread of its own.
 * When the threads have ended, `check` lets the time pass that is left, so that what is armed fires.
 */
#include "timer.h"
#include "apm/wait_handle.h"
#include "model.h"
#include "simulated_pool.h"
#include "waitable.h"

enum { ONCE = 0, SOON_MS = 1, LATER_MS = 5, LONG_MS = 20 };

static apm_timer timer;
static apm_manual_reset_event event;
static struct apm__slot *event_slot;
static _Atomic uint32_t fired; /* callbacks that have begun */
static _Atomic uint32_t over;  /* 1: the event of the timer's end has been seen */
static uint32_t before_change; /* callbacks that had begun before the change did; written by who changes it */
static bool refused;           /* what was asked of the timer came after its end; written by who asks */
static bool signals;           /* the event will be set; likewise */

static void callback(void *state)
{
    MODEL_CHECK(state == &timer);
    apm__atomic_add(&fired, 1, APM__SEQ_CST);
    MODEL_CHECK(apm__atomic_load(&over, APM__SEQ_CST) == 0);
}

static void create(int64_t due_ms, int64_t period_ms)
{
    model_pool_create();
    MODEL_CHECK(apm_timer_create((apm_thread_pool)APM_NULL_HANDLE, callback, &timer, due_ms, period_ms, &timer) == 0);
    MODEL_CHECK(apm_manual_reset_event_create(false, &event) == APM_ERROR_SUCCESS);
    MODEL_CHECK(apm__event_acquire(event.bits, &event_slot) == APM_ERROR_SUCCESS); /* until the program ends */
    model_name(event_slot, sizeof *event_slot, "the event's");
}

static void soon_once(void)
{
    create(SOON_MS, ONCE);
}

static void later_once(void)
{
    create(LATER_MS, ONCE);
}

static void soon_and_again(void)
{
    create(SOON_MS, SOON_MS);
}

/* -- What threads do -- */

static void soon_comes(void)
{
    model_pool_pass_ms(SOON_MS);
}

static void soon_comes_twice(void)
{
    model_pool_pass_ms(SOON_MS);
    model_pool_pass_ms(SOON_MS);
}

static void change(int64_t due_ms)
{
    before_change = apm__atomic_load(&fired, APM__SEQ_CST);
    apm_error error = apm_timer_change(timer, due_ms, ONCE);
    refused = error != APM_ERROR_SUCCESS;
    MODEL_CHECK(!refused || error == APM_ERROR_OBJECT_DISPOSED);
}

static void put_off(void)
{
    change(LATER_MS);
}

static void change_to_soon(void)
{
    change(SOON_MS);
}

static void change_to_now(void)
{
    change(0);
}

static void stop(void)
{
    MODEL_CHECK(apm_timer_change(timer, APM_TIMEOUT_INFINITE, ONCE) == APM_ERROR_SUCCESS);
}

static void close_timer(void)
{
    MODEL_CHECK(apm_timer_close(timer) == APM_ERROR_SUCCESS);
}

/* Nothing of the timer runs when the event is set. */
static void close_and_wait(void)
{
    apm_error error = apm_timer_close_and_signal(timer, apm_manual_reset_event_to_wait_handle(event));
    MODEL_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    signals = error == APM_ERROR_SUCCESS;
    if (!signals)
        return;
    while (!(apm__atomic_load(&event_slot->control, APM__ACQUIRE) & APM__SLOT_SIGNALLED))
        apm__os_spin_pause();
    apm__atomic_store(&over, 1, APM__SEQ_CST);
}

/* -- What must hold in the end -- */

/* How the timer stands; and that somebody asks when it is due. False: it is gone. */
static bool view(struct apm__timer_view *found)
{
    uint32_t place = 0;
    if (!apm__timer_view_next(&place, found))
        return false;
    MODEL_CHECK(found->bits == timer.bits && found->running == 0 && !found->due && !found->closed);
    MODEL_CHECK(!found->armed || apm__deadline_next(&apm__pool_default()->deadlines) <= found->due_ns);
    MODEL_CHECK(apm_timer_active_count() == found->armed);
    return true;
}

static void check_gone(void)
{
    struct apm__timer_view found;
    uint32_t events = (uint32_t)apm__atomic_load(&event_slot->control, APM__RELAXED) & APM__SLOT_REFERENCES;
    MODEL_CHECK(!view(&found) && apm_timer_active_count() == 0 && model_pool_has_no_deadlines());
    MODEL_CHECK(events == 2); /* the creator's, and the model's own */
}

/* Lets the time pass that a timer which fires once may have to wait: it fires if it is armed, and not otherwise. */
static void check_fires_if_armed(void)
{
    struct apm__timer_view found;
    MODEL_CHECK(view(&found));
    uint32_t expected = apm__atomic_load(&fired, APM__RELAXED) + found.armed;
    model_pool_pass_ms(LONG_MS);
    MODEL_CHECK(apm__atomic_load(&fired, APM__RELAXED) == expected);
    close_timer();
    check_gone();
}

/* It fires once after the change, and before it at most once. */
static void check_fires_for_the_change(void)
{
    check_fires_if_armed();
    uint32_t count = apm__atomic_load(&fired, APM__RELAXED);
    MODEL_CHECK(!refused && before_change <= 1 && (count == 1 || count == 2) && count > before_change);
}

/* The clock has not come to that time. */
static void check_armed_for_later(void)
{
    struct apm__timer_view found;
    MODEL_CHECK(view(&found) && found.armed && apm__atomic_load(&fired, APM__RELAXED) <= 1);
    check_fires_for_the_change();
}

/* The one before the changes, and that of a change for later which came last. */
static void check_fires_at_most_twice(void)
{
    check_fires_if_armed();
    MODEL_CHECK(apm__atomic_load(&fired, APM__RELAXED) <= 2);
}

static void check_signalled(void)
{
    bool set = (apm__atomic_load(&event_slot->control, APM__RELAXED) & APM__SLOT_SIGNALLED) != 0;
    MODEL_CHECK(set == signals);
    check_gone();
}

static void check_fired_unless_refused(void)
{
    MODEL_CHECK(signals && apm__atomic_load(&fired, APM__RELAXED) <= !refused);
    check_signalled();
}

static const struct model models[] = {
    {
        .name = "a_timer_that_is_put_off_beside_its_fire_fires_for_the_new_time",
        .set_up = soon_once,
        .threads = {MODEL_THREAD(soon_comes), MODEL_THREAD(put_off)},
        .check = check_armed_for_later,
    },
    {
        .name = "a_timer_that_is_due_and_put_off_is_not_submitted_twice",
        .set_up = soon_once,
        .threads = {MODEL_THREAD(soon_comes_twice), MODEL_THREAD(change_to_soon)},
        .check = check_fires_for_the_change,
    },
    {
        .name = "a_timer_that_is_brought_forward_beside_expiries_fires_for_the_new_time",
        .set_up = later_once,
        .threads = {MODEL_THREAD(soon_comes_twice), MODEL_THREAD(change_to_soon)},
        .check = check_fires_for_the_change,
    },
    {
        .name = "of_two_changes_beside_a_fire_the_last_one_decides",
        .set_up = soon_once,
        .threads = {MODEL_THREAD(soon_comes), MODEL_THREAD(stop), MODEL_THREAD(put_off)},
        .check = check_fires_at_most_twice,
        .preemptions = 2,
    },
    {
        .name = "nothing_of_a_timer_runs_when_its_end_is_signalled",
        .set_up = soon_once,
        .threads = {MODEL_THREAD(soon_comes), MODEL_THREAD(close_and_wait)},
        .check = check_signalled,
    },
    {
        .name = "nothing_of_a_periodic_timer_runs_when_its_end_is_signalled",
        .set_up = soon_and_again,
        .threads = {MODEL_THREAD(soon_comes_twice), MODEL_THREAD(close_and_wait)},
        .check = check_signalled,
        .preemptions = 3,
    },
    {
        .name = "of_two_that_close_a_timer_beside_its_fire_one_does",
        .set_up = soon_once,
        .threads = {MODEL_THREAD(soon_comes), MODEL_THREAD(close_timer), MODEL_THREAD(close_and_wait)},
        .check = check_signalled,
        .preemptions = 3,
    },
    {
        .name = "a_change_beside_the_end_fires_before_it_or_is_refused",
        .set_up = later_once,
        .threads = {MODEL_THREAD(change_to_now), MODEL_THREAD(close_and_wait)},
        .check = check_fired_unless_refused,
    },
};

MODEL_MAIN(models)
