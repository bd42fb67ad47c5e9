/*
 * The pool: items, timers, registered waits, waits for several objects, and threads that block.
 */
#include <errno.h>

#include "torture.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void count_up(void *state)
{
    latch_add(state, 1);
}

static void on_signal(void *state, bool timed_out)
{
    (void)timed_out;
    latch_add(state, 1);
}

static void items_and_timers(void)
{
    static struct latch ran;
    apm_timer timer;
    apm_manual_reset_event event;
    apm_registered_wait_handle registered;
    size_t expected = 0;
    latch_init(&ran);
    for (int i = 0; i < 4; i++)
        expected += OK(apm_thread_pool_queue_user_work_item(default_pool, count_up, &ran, i % 2 == 0));
    LATCH_AWAIT(&ran, expected);
    if (OK(apm_timer_create(default_pool, count_up, &ran, 1, -1, &timer))) {
        LATCH_AWAIT(&ran, ++expected);
        if (OK(apm_timer_change(timer, 0, -1)))
            LATCH_AWAIT(&ran, ++expected);
        OK(apm_timer_close(timer));
    }
    if (OK(apm_manual_reset_event_create(false, &event))) {
        if (OK(apm_thread_pool_register_wait_for_single_object(
                default_pool, apm_manual_reset_event_to_wait_handle(event), on_signal, &ran, -1, true, &registered))) {
            OK(apm_manual_reset_event_set(event));
            LATCH_AWAIT(&ran, ++expected);
            OK(apm_registered_wait_handle_unregister(registered, (apm_wait_handle)APM_NULL_HANDLE));
        }
        OK(apm_manual_reset_event_close(event));
    }
}

TORTURE(items_timers_and_registered_waits_bear_every_failing_call, items_and_timers)
TORTURE(items_and_timers_bear_every_call_that_fails_from_the_start, items_and_timers, .from_the_start = true)
TORTURE(timers_on_a_kernel_that_counts_milliseconds_bear_every_failing_call, items_and_timers,
        .condition = {"apm__os_epoll_wait", "epoll_pwait2", ENOSYS})

/* Items that block all threads that there are, so that the monitor has to look at them and to start others. */
static void block_until(void *state)
{
    LATCH_AWAIT((struct latch *)state, 1);
}

static void threads_that_block(void)
{
    static struct latch gate;
    static struct latch ran;
    apm_thread_pool pool;
    size_t queued = 0;
    latch_init(&gate);
    latch_init(&ran);
    if (!OK(apm_thread_pool_create(1, 8, &pool)))
        return;
    for (int i = 0; i < 3; i++)
        queued += OK(apm_thread_pool_queue_user_work_item(pool, block_until, &gate, false));
    if (queued == 3 && OK(apm_thread_pool_queue_user_work_item(pool, count_up, &ran, false)))
        LATCH_AWAIT(&ran, 1);
    latch_add(&gate, 1);
    OK(apm_thread_pool_destroy(pool, PATIENCE_MS));
}

TORTURE(a_pool_whose_threads_block_bears_every_failing_call, threads_that_block)

/* -- Waits -- */

static void set_later(void *state)
{
    apm_manual_reset_event_set(*(apm_manual_reset_event *)state);
}

static void waits(void)
{
    static apm_manual_reset_event events[2];
    apm_mutex mutex;
    if (!OK(apm_manual_reset_event_create(false, &events[0])))
        return;
    if (OK(apm_manual_reset_event_create(false, &events[1]))) {
        const apm_wait_handle handles[] = {apm_manual_reset_event_to_wait_handle(events[0]),
                                           apm_manual_reset_event_to_wait_handle(events[1])};
        size_t index;
        bool queued = OK(apm_thread_pool_queue_user_work_item(default_pool, set_later, &events[1], false));
        if (queued && OK(apm_wait_handle_wait_any(handles, 2, PATIENCE_MS, &index)))
            CHECK_EQ(index, 1);
        if (queued && OK(apm_thread_pool_queue_user_work_item(default_pool, set_later, &events[0], false)))
            OK(apm_wait_handle_wait_all(handles, 2, PATIENCE_MS));
        OK(apm_manual_reset_event_close(events[1]));
    }
    if (OK(apm_mutex_create(false, &mutex))) {
        if (OK(apm_mutex_wait_one(mutex, PATIENCE_MS)))
            OK(apm_mutex_release_mutex(mutex));
        OK(apm_mutex_close(mutex));
    }
    OK(apm_manual_reset_event_close(events[0]));
}

TORTURE(waits_bear_every_failing_call, waits)
