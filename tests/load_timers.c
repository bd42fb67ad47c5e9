/*
 * A million timers, and ten thousand registered waits: both at size, with what they cost.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* As many timers as the tables of the library hold with room to spare; they are small where it checks itself. */
static size_t timer_count(void)
{
#ifdef APM_DEBUG
    size_t most = 60000;
#else
    size_t most = 1000000;
#endif
    size_t scaled = harness_scaled(1000000);

    return scaled < most ? scaled : most;
}

static struct latch fires = LATCH_INITIALIZER;
static _Atomic size_t early;

static void count_fire(void *state)
{
    (void)state;
    latch_add(&fires, 1);
}

static void print_cost(const char *what, int64_t since_us, size_t count)
{
    printf("%s: %.0f ns each, %zu of them\n", what, (double)(harness_now_us() - since_us) * 1000 / (double)count,
           count);
}

static void change_all(const apm_timer *timers, size_t count, int64_t due_time_ms, uint64_t spread_ms)
{
    uint64_t random = harness_seed();

    for (size_t i = 0; i < count; i++) {
        int64_t spread = spread_ms > 0 ? (int64_t)(harness_random(&random) % spread_ms) : 0;

        CHECK_SUCCESS(apm_timer_change(timers[i], due_time_ms + spread, APM_TIMEOUT_INFINITE));
    }
}

TEST_WITH_TIMEOUT(a_million_timers_are_armed_put_off_cancelled_and_fire_once_each, 600)
{
    enum { HOUR_MS = 3600000 };
    size_t count = timer_count();
    apm_timer *timers = calloc(count, sizeof *timers);
    uint64_t random = harness_seed();
    int64_t since_us = harness_now_us();

    CHECK(timers != NULL);
    for (size_t i = 0; i < count; i++) {
        int64_t due_time_ms = HOUR_MS + (int64_t)(harness_random(&random) % HOUR_MS);

        CHECK_SUCCESS(apm_timer_create(default_pool, count_fire, NULL, due_time_ms, -1, &timers[i]));
    }
    print_cost("create and arm", since_us, count);
    CHECK_EQ(apm_timer_active_count(), count);

    since_us = harness_now_us();
    change_all(timers, count, 3 * HOUR_MS, 0);
    print_cost("put off", since_us, count);

    since_us = harness_now_us();
    change_all(timers, count, 60000, HOUR_MS);
    print_cost("bring forward", since_us, count);

    since_us = harness_now_us();
    change_all(timers, count, APM_TIMEOUT_INFINITE, 0);
    print_cost("disarm", since_us, count);
    CHECK_EQ(apm_timer_active_count(), 0);
    CHECK_EQ(latch_count(&fires), 0);

    since_us = harness_now_us();
    change_all(timers, count, 1, 1000);
    CHECK(latch_wait(&fires, count, 300000));
    print_cost("arm and fire within a second", since_us, count);
    CHECK(!latch_wait(&fires, count + 1, SHORT_WHILE_MS));
    CHECK_EQ(apm_timer_active_count(), 0);

    since_us = harness_now_us();
    for (size_t i = 0; i < count; i++) {
        CHECK_SUCCESS(apm_timer_close(timers[i]));
    }
    print_cost("close", since_us, count);
    free(timers);
}

struct punctual {
    int64_t due_us;
};

static void look_at_clock(void *state)
{
    struct punctual *punctual = state;

    if (harness_now_us() < punctual->due_us) {
        atomic_fetch_add(&early, 1);
    }
    latch_add(&fires, 1);
}

TEST_WITH_TIMEOUT(of_many_timers_none_is_early, 600)
{
    size_t count = harness_scaled(20000);
    struct punctual *punctuals = calloc(count, sizeof *punctuals);
    apm_timer *timers = calloc(count, sizeof *timers);
    uint64_t random = harness_seed();

    CHECK(punctuals != NULL && timers != NULL);
    for (size_t i = 0; i < count; i++) {
        int64_t due_time_ms = (int64_t)(harness_random(&random) % 500);

        punctuals[i].due_us = harness_now_us() + due_time_ms * 1000;
        CHECK_SUCCESS(apm_timer_create(default_pool, look_at_clock, &punctuals[i], due_time_ms, -1, &timers[i]));
    }
    CHECK(latch_wait(&fires, count, 300000));
    CHECK_EQ(atomic_load(&early), 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_SUCCESS(apm_timer_close(timers[i]));
    }
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS)); /* no callback runs: what they use can go */
    free(punctuals);
    free(timers);
}

static void count_signal(void *state, bool timed_out)
{
    CHECK(!timed_out);
    latch_add(state, 1);
}

TEST_WITH_TIMEOUT(ten_thousand_registered_waits_cost_no_thread_and_all_fire, 600)
{
    enum { WAITS = 10000 };
    static apm_manual_reset_event events[WAITS];
    static apm_registered_wait_handle waits[WAITS];
    apm_wait_handle no_event = APM_NULL_HANDLE;
    apm_manual_reset_event common;
    int most_threads;
    int threads;

    CHECK_SUCCESS(apm_thread_pool_min_threads(default_pool, &most_threads));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &common));
    for (size_t i = 0; i < WAITS; i++) {
        apm_wait_handle handle = apm_manual_reset_event_to_wait_handle(common);

        if (i % 2 == 0) {
            CHECK_SUCCESS(apm_manual_reset_event_create(false, &events[i]));
            handle = apm_manual_reset_event_to_wait_handle(events[i]);
        }
        CHECK_SUCCESS(apm_thread_pool_register_wait_for_single_object(
            default_pool, handle, count_signal, &fires, i % 3 == 0 ? 1000000 : APM_TIMEOUT_INFINITE, true, &waits[i]));
    }
    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &threads));
    CHECK(threads <= most_threads);
    CHECK_EQ(latch_count(&fires), 0);
    CHECK_SUCCESS(apm_manual_reset_event_set(common));
    for (size_t i = 0; i < WAITS; i += 2) {
        CHECK_SUCCESS(apm_manual_reset_event_set(events[i]));
    }
    CHECK(latch_wait(&fires, WAITS, 300000));
    CHECK(!latch_wait(&fires, WAITS + 1, SHORT_WHILE_MS));
    for (size_t i = 0; i < WAITS; i++) {
        CHECK_SUCCESS(apm_registered_wait_handle_unregister(waits[i], no_event));
        CHECK(i % 2 != 0 || apm_manual_reset_event_close(events[i]) == APM_ERROR_SUCCESS);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(common));
}

LIBRARY_TEST_MAIN()
