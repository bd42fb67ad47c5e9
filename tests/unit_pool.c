/*
 * The pool from inside: threads that have had nothing to do for long, without waiting for long.
 */
#include <sched.h>

#include "pool.h"
#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

static int thread_count(void)
{
    int threads;

    CHECK_SUCCESS(apm_thread_pool_thread_count(default_pool, &threads));
    return threads;
}

static void await_thread_count(int most)
{
    int64_t deadline_ms = harness_now_ms() + PATIENCE_MS;

    while (thread_count() > most) {
        CHECK(harness_now_ms() < deadline_ms);
        sched_yield();
    }
}

/* Items that wait until all of them have started, so that each has a thread of its own. */
struct gathering {
    struct latch arrived;
    size_t expected;
};

static void gather(void *state)
{
    struct gathering *gathering = state;

    latch_add(&gathering->arrived, 1);
    LATCH_AWAIT(&gathering->arrived, gathering->expected);
}

TEST(threads_without_work_end_after_the_time_that_net_gives_them_tp_030)
{
    enum { THREADS = 24, IDLE_MS = 300 };
    static struct gathering gathering = {LATCH_INITIALIZER, THREADS};
    struct apm__pool *pool = apm__pool_default();
    int64_t last_ms;

    CHECK_EQ(pool->idle_timeout_ns, INT64_C(20000000000));
    pool->idle_timeout_ns = IDLE_MS * INT64_C(1000000);
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, THREADS));
    for (size_t i = 0; i + 1 < THREADS; i++)
        queue(gather, &gathering);
    last_ms = harness_now_ms(); /* before this none has nothing to do */
    queue(gather, &gathering);
    LATCH_AWAIT(&gathering.arrived, THREADS);
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 2));
    await_thread_count(THREADS - 1);
    CHECK(harness_now_ms() - last_ms >= IDLE_MS);
    await_thread_count(1); /* the minimum is no floor; one goes on polling */
    CHECK_EQ(thread_count(), 1);
}

/* -- Retire against queue ---------------------------------------------------------------------------------------- */

static void count_up(void *state)
{
    latch_add(state, 1);
}

static void spin_for(uint64_t *random, unsigned most)
{
    volatile unsigned spins = (unsigned)(harness_random(random) % most);

    while (spins > 0)
        spins--;
}

TEST(items_that_are_queued_as_threads_end_run_all_the_same)
{
    static struct latch ran;
    uint64_t random = harness_seed();
    int64_t deadline_ms = race_deadline_ms();
    size_t queued = 0;

    latch_init(&ran);
    apm__pool_default()->idle_timeout_ns = 100000;
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 4));
    while (harness_now_ms() < deadline_ms) {
        size_t burst = 1 + harness_random(&random) % 6;

        for (size_t i = 0; i < burst; i++)
            queue(count_up, &ran);
        queued += burst;
        LATCH_AWAIT(&ran, queued);
        spin_for(&random, 100000);
    }
    CHECK_EQ(latch_count(&ran), queued);
}

/* An item that waits in the library while everybody else retires: it is the one who polls. */
struct waiter {
    apm_manual_reset_event event;
    struct latch waiting;
};

static void wait_in_the_library(void *state)
{
    struct waiter *waiter = state;

    latch_add(&waiter->waiting, 1);
    CHECK_SUCCESS(apm_manual_reset_event_wait_one(waiter->event, -1));
}

TEST(items_run_when_all_threads_but_waiting_ones_have_ended)
{
    static struct latch ran;
    static struct waiter waiter;
    static struct gathering gathering = {LATCH_INITIALIZER, 2};

    latch_init(&ran);
    latch_init(&waiter.waiting);
    apm__pool_default()->idle_timeout_ns = 1000000;
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &waiter.event));
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 2));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 4));
    for (size_t i = 0; i < gathering.expected; i++)
        queue(gather, &gathering);
    for (size_t i = 0; i < 3; i++)
        queue(wait_in_the_library, &waiter);
    LATCH_AWAIT(&waiter.waiting, 3);
    for (size_t i = 1; i <= 20; i++) {
        CHECK(!latch_wait(&ran, i, 3));
        queue(count_up, &ran);
        LATCH_AWAIT(&ran, i);
    }
    CHECK_SUCCESS(apm_manual_reset_event_set(waiter.event));
    CHECK_SUCCESS(apm_manual_reset_event_close(waiter.event));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
}

LIBRARY_TEST_MAIN()
