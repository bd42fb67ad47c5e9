/*
 * Timers as in .NET: the cases tmr-001 to tmr-015 of its recorded behaviour.
 */
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

enum { FIRES_LIMIT = 4096 };

/* A timer and what its callbacks have seen. */
struct ticker {
    apm_timer timer;
    struct latch begun;
    struct latch returned;
    struct latch gate; /* callbacks wait for it, if `gated` */
    bool gated;
    pthread_t creator;
    _Atomic int running;
    _Atomic int most_running;
    _Atomic bool on_creator;
    _Atomic bool off_pool;
    int64_t begun_us[FIRES_LIMIT]; /* by fire; published by `begun` */
    _Atomic size_t fires;
};

static void tick(void *state)
{
    struct ticker *ticker = state;
    size_t fire = atomic_fetch_add(&ticker->fires, 1);
    int running = atomic_fetch_add(&ticker->running, 1) + 1;
    int most = atomic_load(&ticker->most_running);

    if (fire < FIRES_LIMIT) {
        ticker->begun_us[fire] = harness_now_us();
    }
    while (running > most && !atomic_compare_exchange_weak(&ticker->most_running, &most, running)) {
        continue;
    }
    if (pthread_equal(pthread_self(), ticker->creator)) {
        atomic_store(&ticker->on_creator, true);
    }
    if (!apm_thread_pool_is_pool_thread()) {
        atomic_store(&ticker->off_pool, true);
    }
    latch_add(&ticker->begun, 1);
    if (ticker->gated) {
        LATCH_AWAIT(&ticker->gate, 1);
    }
    atomic_fetch_sub(&ticker->running, 1);
    latch_add(&ticker->returned, 1);
}

static void ticker_init(struct ticker *ticker)
{
    memset(ticker, 0, sizeof *ticker);
    latch_init(&ticker->begun);
    latch_init(&ticker->returned);
    latch_init(&ticker->gate);
    ticker->creator = pthread_self();
}

static void ticker_start(struct ticker *ticker, int64_t due_time_ms, int64_t period_ms)
{
    CHECK_SUCCESS(apm_timer_create(default_pool, tick, ticker, due_time_ms, period_ms, &ticker->timer));
}

/* Closes the timer and waits until nothing of it runs any more. */
static void ticker_stop(struct ticker *ticker)
{
    apm_manual_reset_event done;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &done));
    CHECK_SUCCESS(apm_timer_close_and_signal(ticker->timer, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    CHECK_EQ(atomic_load(&ticker->running), 0);
}

/* -- Due time and period ----------------------------------------------------------------------------------------- */

static struct ticker one;

TEST(a_due_time_without_a_period_fires_once_and_not_early_tmr_001)
{
    int64_t before_us = harness_now_us();

    ticker_init(&one);
    ticker_start(&one, 100, APM_TIMEOUT_INFINITE);
    LATCH_AWAIT(&one.begun, 1);
    CHECK(one.begun_us[0] - before_us >= 100000);
    CHECK(!latch_wait(&one.begun, 2, 3 * SHORT_WHILE_MS));
    ticker_stop(&one);
}

TEST(due_time_0_fires_at_once_tmr_001)
{
    ticker_init(&one);
    ticker_start(&one, 0, APM_TIMEOUT_INFINITE);
    CHECK(latch_wait(&one.begun, 1, 10 * SHORT_WHILE_MS));
    CHECK(!latch_wait(&one.begun, 2, SHORT_WHILE_MS));
    ticker_stop(&one);
}

TEST(an_infinite_due_time_never_fires_whatever_the_period_tmr_001)
{
    ticker_init(&one);
    ticker_start(&one, APM_TIMEOUT_INFINITE, 10);
    CHECK(!latch_wait(&one.begun, 1, 2 * SHORT_WHILE_MS));
    ticker_stop(&one);
}

TEST(period_0_fires_once_tmr_001)
{
    ticker_init(&one);
    ticker_start(&one, 10, 0);
    LATCH_AWAIT(&one.begun, 1);
    CHECK(!latch_wait(&one.begun, 2, 2 * SHORT_WHILE_MS));
    ticker_stop(&one);
}

TEST(callbacks_run_on_pool_threads_and_never_inside_create_tmr_002)
{
    ticker_init(&one);
    ticker_start(&one, 0, 1);
    LATCH_AWAIT(&one.begun, 20);
    ticker_stop(&one);
    CHECK(!atomic_load(&one.on_creator));
    CHECK(!atomic_load(&one.off_pool));
}

TEST(periods_do_not_drift_tmr_003)
{
    enum { FIRES = 20, PERIOD_MS = 50 };
    int64_t before_us = harness_now_us();
    int64_t took_us;

    ticker_init(&one);
    ticker_start(&one, PERIOD_MS, PERIOD_MS);
    LATCH_AWAIT(&one.begun, FIRES);
    took_us = one.begun_us[FIRES - 1] - before_us;
    ticker_stop(&one);
    /* Never early; and late by less than ten periods, where a machine this busy cannot tell drift from delay. */
    CHECK(took_us >= FIRES * PERIOD_MS * 1000);
    CHECK(took_us < (FIRES + 10) * PERIOD_MS * 1000);
}

TEST(callbacks_overlap_if_they_take_longer_than_the_period_tmr_004)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 8));
    ticker_init(&one);
    one.gated = true;
    ticker_start(&one, 10, 10);
    LATCH_AWAIT(&one.begun, 4); /* none of them returns before */
    CHECK(atomic_load(&one.most_running) >= 4);
    CHECK_SUCCESS(apm_timer_change(one.timer, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE));
    latch_add(&one.gate, 1);
    ticker_stop(&one);
}

/* -- Change ------------------------------------------------------------------------------------------------------ */

struct chain {
    apm_timer timer;
    struct latch fires;
    size_t wanted;
};

static void arm_again(void *state)
{
    struct chain *chain = state;

    if (latch_count(&chain->fires) + 1 < chain->wanted) {
        CHECK_SUCCESS(apm_timer_change(chain->timer, 1, APM_TIMEOUT_INFINITE));
    }
    latch_add(&chain->fires, 1);
}

TEST(a_callback_may_arm_its_timer_again_and_change_after_close_fails_tmr_006)
{
    struct chain chain = {.fires = LATCH_INITIALIZER, .wanted = 5};

    CHECK_SUCCESS(
        apm_timer_create(default_pool, arm_again, &chain, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE, &chain.timer));
    CHECK_SUCCESS(apm_timer_change(chain.timer, 10, APM_TIMEOUT_INFINITE));
    LATCH_AWAIT(&chain.fires, 5);
    CHECK_SUCCESS(apm_timer_change(chain.timer, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE));
    CHECK(!latch_wait(&chain.fires, 6, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_timer_close(chain.timer));
    CHECK_ERROR(apm_timer_change(chain.timer, 10, 10), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!latch_wait(&chain.fires, 6, SHORT_WHILE_MS));
}

TEST(change_to_infinite_stops_a_periodic_timer_tmr_006)
{
    size_t fires;

    ticker_init(&one);
    ticker_start(&one, 5, 5);
    LATCH_AWAIT(&one.begun, 3);
    CHECK_SUCCESS(apm_timer_change(one.timer, APM_TIMEOUT_INFINITE, 5));
    fires = latch_count(&one.begun) + 1; /* one may be just about to begin */
    CHECK(!latch_wait(&one.begun, fires + 1, SHORT_WHILE_MS));
    ticker_stop(&one);
}

/* -- Close ------------------------------------------------------------------------------------------------------- */

TEST(after_close_nothing_fires_and_closing_again_succeeds_tmr_007)
{
    ticker_init(&one);
    ticker_start(&one, SHORT_WHILE_MS, SHORT_WHILE_MS);
    CHECK_SUCCESS(apm_timer_close(one.timer));
    CHECK(!latch_wait(&one.begun, 1, 3 * SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_timer_close(one.timer));
}

TEST(close_and_signal_sets_the_event_when_the_callback_has_returned_tmr_008)
{
    apm_manual_reset_event first;
    apm_manual_reset_event second;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &first));
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &second));
    ticker_init(&one);
    one.gated = true;
    ticker_start(&one, 0, APM_TIMEOUT_INFINITE);
    LATCH_AWAIT(&one.begun, 1);
    CHECK_SUCCESS(apm_timer_close_and_signal(one.timer, apm_manual_reset_event_to_wait_handle(first)));
    CHECK_ERROR(apm_manual_reset_event_wait_one(first, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_timer_close_and_signal(one.timer, apm_manual_reset_event_to_wait_handle(second)),
                APM_ERROR_OBJECT_DISPOSED);
    latch_add(&one.gate, 1);
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(first, PATIENCE_MS));
    CHECK_EQ(latch_count(&one.returned), 1);
    CHECK_ERROR(apm_manual_reset_event_wait_one(second, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_close(first));
    CHECK_SUCCESS(apm_manual_reset_event_close(second));
}

TEST(close_and_signal_of_an_idle_timer_sets_the_event_at_once_tmr_008)
{
    apm_auto_reset_event event;
    apm_wait_handle none = APM_NULL_HANDLE;

    CHECK_SUCCESS(apm_auto_reset_event_create(false, &event));
    ticker_init(&one);
    ticker_start(&one, 10000, APM_TIMEOUT_INFINITE);
    CHECK_ERROR(apm_timer_close_and_signal(one.timer, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_timer_close_and_signal(one.timer, apm_auto_reset_event_to_wait_handle(event)));
    CHECK_SUCCESS(apm_auto_reset_event_wait_one(event, 0));
    CHECK_SUCCESS(apm_auto_reset_event_close(event));
}

struct self_closer {
    apm_timer timer;
    apm_manual_reset_event event;
    _Atomic apm_error seen;
    struct latch returned;
};

static void close_own_timer(void *state)
{
    struct self_closer *closer = state;

    CHECK_SUCCESS(apm_timer_close_and_signal(closer->timer, apm_manual_reset_event_to_wait_handle(closer->event)));
    atomic_store(&closer->seen, apm_manual_reset_event_wait_one(closer->event, SHORT_WHILE_MS));
    latch_add(&closer->returned, 1);
}

TEST(close_and_signal_in_the_own_callback_sets_the_event_after_it_tmr_015)
{
    struct self_closer closer = {.returned = LATCH_INITIALIZER};

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &closer.event));
    CHECK_SUCCESS(apm_timer_create(default_pool, close_own_timer, &closer, 0, 500, &closer.timer));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(closer.event, PATIENCE_MS));
    CHECK_EQ(latch_count(&closer.returned), 1);
    CHECK_ERROR(atomic_load(&closer.seen), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_manual_reset_event_close(closer.event));
}

/* -- Arguments --------------------------------------------------------------------------------------------------- */

struct seen_state {
    apm_timer timer;
    struct latch called;
};

static struct seen_state seen = {.called = LATCH_INITIALIZER};

static void look_at_state(void *state)
{
    const apm_timer *timer = state;

    seen.timer = *timer;
    CHECK_SUCCESS(apm_timer_close(*timer));
    latch_add(&seen.called, 1);
}

TEST(a_timer_without_a_state_is_its_own_and_not_armed_tmr_009)
{
    apm_timer timer;

    int64_t active = apm_timer_active_count();
    CHECK_SUCCESS(apm_timer_create_callback(default_pool, look_at_state, &timer));
    CHECK_EQ(apm_timer_active_count(), active);
    CHECK_SUCCESS(apm_timer_change(timer, 0, 10));
    LATCH_AWAIT(&seen.called, 1);
    CHECK(apm_timer_equals(seen.timer, timer));
    CHECK_ERROR(apm_timer_change(timer, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_timer_create_callback(default_pool, NULL, &timer), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_timer_is_null(timer));
}

TEST(arguments_are_checked_as_in_dotnet_tmr_009)
{
    apm_timer timer;

    CHECK_ERROR(apm_timer_create(default_pool, NULL, NULL, 10, 10, &timer), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_timer_is_null(timer));
    CHECK_ERROR(apm_timer_create(default_pool, tick, &one, -2, 10, &timer), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_timer_create(default_pool, tick, &one, 10, -2, &timer), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_timer_create(default_pool, tick, &one, INT64_C(0xffffffff), 10, &timer),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_timer_create(default_pool, NULL, NULL, -2, -2, &timer), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_timer_create(default_pool, tick, &one, INT64_C(0xfffffffe), INT64_C(0xfffffffe), &timer));
    CHECK_ERROR(apm_timer_change(timer, -2, 10), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_timer_change(timer, 10, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_timer_close(timer));
    CHECK_ERROR(apm_timer_change(timer, -2, 10), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

/* -- Several timers ---------------------------------------------------------------------------------------------- */

enum { ROW = 10 };

static struct ticker row[ROW];

TEST(timers_of_rising_due_times_fire_in_that_order_tmr_011)
{
    /* One worker, so that what is seen is the order of the timers and not that of threads. */
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    for (int i = 0; i < ROW; i++) {
        ticker_init(&row[i]);
        ticker_start(&row[i], 20 * (i + 1), APM_TIMEOUT_INFINITE);
    }
    for (int i = 0; i < ROW; i++) {
        LATCH_AWAIT(&row[i].begun, 1);
        ticker_stop(&row[i]);
        CHECK(i == 0 || row[i].begun_us[0] >= row[i - 1].begun_us[0]);
    }
}

TEST(timers_of_the_same_due_time_all_fire_in_whatever_order_tmr_011)
{
    for (int i = 0; i < ROW; i++) {
        ticker_init(&row[i]);
        ticker_start(&row[i], 50, APM_TIMEOUT_INFINITE);
    }
    for (int i = 0; i < ROW; i++) {
        LATCH_AWAIT(&row[i].begun, 1);
        ticker_stop(&row[i]);
    }
}

TEST(no_timer_is_early_tmr_013)
{
    static const int due_times_ms[] = {1, 5, 10, 16};

    for (size_t i = 0; i < 4; i++) {
        for (int round = 0; round < 20; round++) {
            int64_t before_us = harness_now_us();

            ticker_init(&one);
            ticker_start(&one, due_times_ms[i], APM_TIMEOUT_INFINITE);
            LATCH_AWAIT(&one.begun, 1);
            CHECK(one.begun_us[0] - before_us >= due_times_ms[i] * 1000);
            ticker_stop(&one);
        }
    }
}

TEST(the_active_count_is_that_of_armed_timers_tmr_014)
{
    apm_timer timers[4];

    CHECK_EQ(apm_timer_active_count(), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_timer_create(default_pool, tick, &one, 100000, 100000, &timers[i]));
    }
    CHECK_EQ(apm_timer_active_count(), 3);
    CHECK_SUCCESS(apm_timer_create(default_pool, tick, &one, APM_TIMEOUT_INFINITE, 10, &timers[3]));
    CHECK_EQ(apm_timer_active_count(), 3);
    for (int i = 0; i < 4; i++) {
        CHECK_SUCCESS(apm_timer_close(timers[i]));
    }
    CHECK_EQ(apm_timer_active_count(), 0);
    ticker_init(&one);
    ticker_start(&one, 1, APM_TIMEOUT_INFINITE);
    LATCH_AWAIT(&one.begun, 1);
    CHECK_EQ(apm_timer_active_count(), 0); /* it has fired */
    ticker_stop(&one);
}

LIBRARY_TEST_MAIN()
