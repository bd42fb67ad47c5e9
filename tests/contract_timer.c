/*
 * Timers: what becomes of callbacks that are due and have not begun, of handles, and of timers at the end.
 */
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* What the callbacks of a timer do: count, and wait for the gate if there is one. */
struct ticker {
    apm_timer timer;
    struct latch begun;
    struct latch returned;
    struct latch *gate;
};

static void tick(void *state)
{
    struct ticker *ticker = state;

    latch_add(&ticker->begun, 1);
    if (ticker->gate) {
        LATCH_AWAIT(ticker->gate, 1);
    }
    latch_add(&ticker->returned, 1);
}

static void ticker_start(struct ticker *ticker, int64_t due_time_ms, int64_t period_ms)
{
    memset(ticker, 0, sizeof *ticker);
    latch_init(&ticker->begun);
    latch_init(&ticker->returned);
    CHECK_SUCCESS(apm_timer_create(default_pool, tick, ticker, due_time_ms, period_ms, &ticker->timer));
}

static apm_manual_reset_event manual_create(void)
{
    apm_manual_reset_event event;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    return event;
}

/* Closes the timer, and waits until nothing of it runs any more. */
static void ticker_stop(struct ticker *ticker)
{
    apm_manual_reset_event done = manual_create();

    CHECK_SUCCESS(apm_timer_close_and_signal(ticker->timer, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, PATIENCE_MS));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
}

/* -- Callbacks that have not begun ------------------------------------------------------------------------------- */

static struct latch gate = LATCH_INITIALIZER;
static struct ticker blocker;
static struct ticker ticker;

/* Has the pool's only worker in a callback until the gate opens. */
static void block_the_pool(void)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
    ticker_start(&blocker, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
    blocker.gate = &gate;
    CHECK_SUCCESS(apm_timer_change(blocker.timer, 0, APM_TIMEOUT_INFINITE));
    LATCH_AWAIT(&blocker.begun, 1);
}

/* Opens the gate, and waits until the worker has gone on to what was queued behind it. */
static void free_the_pool(void)
{
    struct ticker last;

    ticker_start(&last, 0, APM_TIMEOUT_INFINITE);
    latch_add(&gate, 1);
    LATCH_AWAIT(&last.returned, 1);
    ticker_stop(&last);
    ticker_stop(&blocker);
}

/* Waits until the timer's time has come and the pool has noticed: a timer that was due later has been queued too. */
static void let_time_pass(int ms)
{
    CHECK(!latch_wait(&ticker.begun, 1, ms));
}

TEST(change_takes_back_a_callback_that_is_due_and_has_not_begun)
{
    block_the_pool();
    ticker_start(&ticker, 0, APM_TIMEOUT_INFINITE);
    let_time_pass(SHORT_WHILE_MS);
    CHECK_EQ(apm_timer_active_count(), 1);
    CHECK_SUCCESS(apm_timer_change(ticker.timer, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE));
    CHECK_EQ(apm_timer_active_count(), 0);
    free_the_pool();
    CHECK_EQ(latch_count(&ticker.begun), 0);
    ticker_stop(&ticker);
}

TEST(change_to_later_puts_off_a_callback_that_is_due_and_has_not_begun)
{
    block_the_pool();
    ticker_start(&ticker, 0, APM_TIMEOUT_INFINITE);
    CHECK_SUCCESS(apm_timer_change(ticker.timer, 3 * SHORT_WHILE_MS, APM_TIMEOUT_INFINITE));
    free_the_pool();
    LATCH_AWAIT(&ticker.begun, 1);
    CHECK(!latch_wait(&ticker.begun, 2, SHORT_WHILE_MS));
    ticker_stop(&ticker);
}

TEST(close_takes_back_a_callback_that_is_due_and_has_not_begun)
{
    apm_manual_reset_event done = manual_create();

    block_the_pool();
    ticker_start(&ticker, 0, 10);
    let_time_pass(SHORT_WHILE_MS);
    CHECK_SUCCESS(apm_timer_close_and_signal(ticker.timer, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(done, 0)); /* as in .NET: there is nothing to wait for */
    free_the_pool();
    CHECK_EQ(latch_count(&ticker.begun), 0);
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
}

TEST(what_becomes_due_while_no_worker_is_free_comes_once)
{
    block_the_pool();
    ticker_start(&ticker, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
    for (int i = 0; i < 5; i++) {
        CHECK_SUCCESS(apm_timer_change(ticker.timer, i % 2, APM_TIMEOUT_INFINITE));
        let_time_pass(SHORT_WHILE_MS / 5);
    }
    free_the_pool();
    LATCH_AWAIT(&ticker.begun, 1);
    CHECK(!latch_wait(&ticker.begun, 2, SHORT_WHILE_MS));
    ticker_stop(&ticker);
}

TEST(a_timer_that_has_missed_periods_does_not_catch_up)
{
    enum { PERIOD_MS = 10, MISSED = 20 };
    int64_t before_ms = harness_now_ms();
    int64_t passed_ms;
    size_t fires;

    block_the_pool();
    ticker_start(&ticker, PERIOD_MS, PERIOD_MS);
    let_time_pass(MISSED * PERIOD_MS);
    free_the_pool();
    passed_ms = harness_now_ms() - before_ms - MISSED * PERIOD_MS;
    fires = latch_count(&ticker.begun);
    /* The one that was due, one more at once, and what has become due since. */
    CHECK(fires >= 1);
    CHECK((int64_t)fires <= 2 + passed_ms / PERIOD_MS);
    LATCH_AWAIT(&ticker.begun, fires + 2); /* and it goes on */
    ticker_stop(&ticker);
}

/* -- Change against the heap ------------------------------------------------------------------------------------- */

TEST(a_timer_can_be_put_off_again_and_again_and_then_brought_forward)
{
    ticker_start(&ticker, 20, APM_TIMEOUT_INFINITE);
    for (int i = 0; i < 10; i++) {
        CHECK_SUCCESS(apm_timer_change(ticker.timer, 100000 + i, APM_TIMEOUT_INFINITE));
        let_time_pass(10); /* the pool asks at the first time, and finds that it has not come */
    }
    CHECK_SUCCESS(apm_timer_change(ticker.timer, 1, APM_TIMEOUT_INFINITE));
    LATCH_AWAIT(&ticker.begun, 1);
    CHECK(!latch_wait(&ticker.begun, 2, SHORT_WHILE_MS));
    ticker_stop(&ticker);
}

TEST(a_new_timer_that_is_earlier_than_all_others_wakes_whoever_sleeps_for_them)
{
    struct ticker late;

    ticker_start(&late, 10000000, APM_TIMEOUT_INFINITE);
    for (int i = 0; i < 20; i++) {
        ticker_start(&ticker, 5, APM_TIMEOUT_INFINITE);
        LATCH_AWAIT(&ticker.begun, 1);
        ticker_stop(&ticker);
    }
    CHECK_EQ(latch_count(&late.begun), 0);
    ticker_stop(&late);
}

/* -- Handles ----------------------------------------------------------------------------------------------------- */

struct early_bird {
    apm_timer timer;
    apm_timer seen;
    struct latch called;
};

static void look_at_handle(void *state)
{
    struct early_bird *bird = state;

    bird->seen = bird->timer;
    latch_add(&bird->called, 1);
}

TEST(the_handle_is_there_before_the_first_callback)
{
    for (int i = 0; i < 100; i++) {
        struct early_bird bird = {.called = LATCH_INITIALIZER};

        CHECK_SUCCESS(apm_timer_create(default_pool, look_at_handle, &bird, 0, APM_TIMEOUT_INFINITE, &bird.timer));
        LATCH_AWAIT(&bird.called, 1);
        CHECK(!apm_timer_is_null(bird.seen) && apm_timer_equals(bird.seen, bird.timer));
        CHECK_SUCCESS(apm_timer_close(bird.timer));
    }
}

TEST(a_closed_timer_is_refused_also_when_its_slot_is_another_timer)
{
    apm_timer closed;

    ticker_start(&ticker, 100000, 100000);
    closed = ticker.timer;
    CHECK_SUCCESS(apm_timer_close(closed));
    ticker_start(&ticker, 100000, 100000);
    CHECK(!apm_timer_equals(closed, ticker.timer));
    CHECK_ERROR(apm_timer_change(closed, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_timer_close(closed));
    CHECK(!latch_wait(&ticker.begun, 1, SHORT_WHILE_MS));
    CHECK_EQ(apm_timer_active_count(), 1);
    ticker_stop(&ticker);
}

TEST(what_is_no_event_cannot_be_signalled_and_leaves_the_timer_as_it_is)
{
    apm_manual_reset_event closed = manual_create();
    apm_wait_handle invented = {UINT64_C(0x7123456789abcdef)};
    apm_wait_handle other;

    CHECK_SUCCESS(apm_manual_reset_event_close(closed));
    ticker_start(&ticker, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
    other.bits = ticker.timer.bits;
    CHECK_ERROR(apm_timer_close_and_signal(ticker.timer, other), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_timer_close_and_signal(ticker.timer, invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_timer_close_and_signal(ticker.timer, apm_manual_reset_event_to_wait_handle(closed)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_timer_change(ticker.timer, 0, APM_TIMEOUT_INFINITE));
    LATCH_AWAIT(&ticker.begun, 1);
    ticker_stop(&ticker);
}

TEST(an_event_that_is_closed_before_the_callback_returns_harms_nobody)
{
    apm_manual_reset_event done = manual_create();
    struct latch own_gate = LATCH_INITIALIZER;

    ticker_start(&ticker, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
    ticker.gate = &own_gate;
    CHECK_SUCCESS(apm_timer_change(ticker.timer, 0, APM_TIMEOUT_INFINITE));
    LATCH_AWAIT(&ticker.begun, 1);
    CHECK_SUCCESS(apm_timer_close_and_signal(ticker.timer, apm_manual_reset_event_to_wait_handle(done)));
    CHECK_SUCCESS(apm_manual_reset_event_close(done));
    latch_add(&own_gate, 1);
    LATCH_AWAIT(&ticker.returned, 1);
}

/* -- Ends -------------------------------------------------------------------------------------------------------- */

static void leave_the_thread(void *state)
{
    latch_add(state, 1);
    pthread_exit(NULL);
}

TEST(a_callback_that_ends_its_thread_counts_as_returned)
{
    struct latch called = LATCH_INITIALIZER;

    ticker_start(&ticker, 0, APM_TIMEOUT_INFINITE);
    LATCH_AWAIT(&ticker.returned, 1);
    ticker_stop(&ticker);
    CHECK_SUCCESS(apm_timer_create(default_pool, leave_the_thread, &called, 1, 1, &ticker.timer));
    LATCH_AWAIT(&called, 3);
    ticker_stop(&ticker);
}

TEST(cleanup_closes_timers_and_waits_for_their_callbacks)
{
    struct latch own_gate = LATCH_INITIALIZER;
    struct ticker idle;

    ticker_start(&idle, 100000, 100000);
    ticker_start(&ticker, APM_TIMEOUT_INFINITE, APM_TIMEOUT_INFINITE);
    ticker.gate = &own_gate;
    CHECK_SUCCESS(apm_timer_change(ticker.timer, 0, 1));
    LATCH_AWAIT(&ticker.begun, 1);
    CHECK_ERROR(apm_cleanup(SHORT_WHILE_MS), APM_ERROR_TIMED_OUT);
    latch_add(&own_gate, 1);
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_EQ(latch_count(&ticker.returned), latch_count(&ticker.begun));
    CHECK_EQ(apm_timer_active_count(), 0);
    CHECK_ERROR(apm_timer_change(idle.timer, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_timer_close(ticker.timer));

    /* And the library is as good as new. */
    ticker_start(&ticker, 1, 1);
    LATCH_AWAIT(&ticker.begun, 3);
    ticker_stop(&ticker);
}

TEST(a_pool_of_the_programs_runs_its_timers_and_ends_them)
{
    apm_thread_pool pool;
    int threads;

    CHECK_SUCCESS(apm_thread_pool_create(1, 1, &pool));
    memset(&ticker, 0, sizeof ticker);
    latch_init(&ticker.begun);
    latch_init(&ticker.returned);
    CHECK_SUCCESS(apm_timer_create(pool, tick, &ticker, 1, 1, &ticker.timer));
    LATCH_AWAIT(&ticker.begun, 3);
    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &threads));
    CHECK_EQ(threads, 0);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
    CHECK_EQ(latch_count(&ticker.returned), latch_count(&ticker.begun));
    CHECK_EQ(apm_timer_active_count(), 0);
    CHECK_ERROR(apm_timer_change(ticker.timer, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_timer_create(pool, tick, &ticker, 1, 1, &ticker.timer), APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
