/*
 * The listing of what is pending: timers, registered waits, pools of the program's and delegates.
 */
#include <stdio.h>

#include "support_diagnostics.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* -- Timers and registered waits --------------------------------------------------------------------------------- */

static void ignore_timer(void *state)
{
    (void)state;
}

static void ignore_wait(void *state, bool timed_out)
{
    (void)state;
    (void)timed_out;
}

TEST(timers_and_registered_waits_are_listed_with_what_they_wait_for)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    struct listing listing;
    apm_timer armed;
    apm_timer disarmed;
    apm_auto_reset_event event;
    apm_registered_wait_handle wait;
    const char *line;
    char text[128];

    CHECK_SUCCESS(apm_timer_create(pool, ignore_timer, &listing, 100 * PATIENCE_MS, 70, &armed));
    CHECK_SUCCESS(apm_timer_create(pool, ignore_timer, NULL, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE, &disarmed));
    CHECK_SUCCESS(apm_auto_reset_event_create(false, &event));
    CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(pool, apm_auto_reset_event_to_wait_handle(event),
                                                                  ignore_wait, NULL, 100 * PATIENCE_MS, true, &wait));
    list_pending(&listing);
    CHECK_EQ(listing.count, 4);
    line = line_of_handle(&listing, "timer", armed.bits, ": due in ");
    CHECK(number_after(line, "due in ") > 99 * PATIENCE_MS);
    check_says(line, ", every 70 ms");
    check_says_address(line, ", callback ", (const void *)(uintptr_t)ignore_timer);
    check_says_address(line, " with state ", &listing);
    line_of_handle(&listing, "timer", disarmed.bits, ": not armed");
    line = line_of_handle(&listing, "registered wait", wait.bits, ": for auto-reset event ");
    snprintf(text, sizeof text, "%016llx, times out in ", (unsigned long long)event.bits);
    check_says(line, text);
    line_of_handle(&listing, "auto-reset event", event.bits, ": waits for it: 1");

    CHECK_SUCCESS(apm_registered_wait_handle_unregister(wait, (apm_wait_handle)APM_NULL_HANDLE));
    CHECK_SUCCESS(apm_timer_close(armed));
    CHECK_SUCCESS(apm_timer_close(disarmed));
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
    await_nothing(&listing);
}

/* -- Pools ------------------------------------------------------------------------------------------------------- */

TEST(what_runs_and_waits_on_a_pool_of_the_programs_is_listed_with_that_pool)
{
    struct guest guest = GUEST_INITIALIZER;
    struct latch done = LATCH_INITIALIZER;
    struct listing listing;
    apm_thread_pool pool;
    const char *line;
    char text[128];

    CHECK_SUCCESS(apm_thread_pool_create(1, 1, &pool));
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, guest_stay, &guest, false));
    LATCH_AWAIT(&guest.entered, 1);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, count_latch, &done, false));
    list_pending(&listing);
    CHECK_EQ(listing.count, 2);
    line = line_that_begins(&listing, "worker 1 of pool ");
    snprintf(text, sizeof text, " of pool %016llx: work item ", (unsigned long long)pool.bits);
    check_says(line, text);
    line_of_handle(&listing, "queue of pool", pool.bits, ": 1 callbacks and work items wait for a thread");
    guest_let_go(&guest);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
    list_pending(&listing);
    CHECK_EQ(listing.count, 0);
}

static void *stay_and_return(void *state)
{
    guest_stay(state);
    return NULL;
}

TEST(an_invocation_is_listed_with_its_function_and_counted)
{
    struct guest guest = GUEST_INITIALIZER;
    struct listing listing;
    apm_async_result result;
    const char *line;

    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, stay_and_return, &guest, NULL, NULL, &result));
    LATCH_AWAIT(&guest.entered, 1);
    CHECK_EQ(statistics_now().pending_invokes, 1);
    list_pending(&listing);
    line = line_that_begins(&listing, "invoke of function ");
    check_says_address(line, "function ", (const void *)(uintptr_t)stay_and_return);
    guest_let_go(&guest);
    CHECK_SUCCESS(apm_delegate_end_invoke(stay_and_return, result, NULL));
    CHECK_EQ(statistics_now().pending_invokes, 0);
    await_nothing(&listing);
}

LIBRARY_TEST_MAIN()
