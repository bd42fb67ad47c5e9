/*
 * Races of work items: however they are queued, and whatever workers do meanwhile, each runs exactly once.
 */
#include <sched.h>
#include <stdlib.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* -- Queue against cleanup and restart --------------------------------------------------------------------------- */

/* A thread that queues items of every kind while another one ends the library again and again. */
struct producer {
    struct thread thread;
    uint64_t random;
    _Atomic bool *over;
    size_t queued; /* owned by the producer */
    _Atomic size_t ran;
};

struct intrusive {
    apm_thread_pool_work_item item; /* first */
    _Atomic bool busy;
    struct producer *producer;
};

static void count_call(void *state)
{
    struct producer *producer = state;

    atomic_fetch_add(&producer->ran, 1);
}

static void count_intrusive(apm_thread_pool_work_item *item)
{
    struct intrusive *intrusive = (struct intrusive *)item;

    atomic_fetch_add(&intrusive->producer->ran, 1);
    atomic_store(&intrusive->busy, false);
}

static void produce_against_cleanup(void *argument)
{
    struct producer *producer = argument;
    struct intrusive intrusive = {.item.execute = count_intrusive, .producer = producer};

    while (!atomic_load(producer->over)) {
        apm_error error;

        if (harness_random(&producer->random) % 2 == 0) {
            error = apm_thread_pool_queue_user_work_item(default_pool, count_call, producer, false);
        } else {
            while (atomic_load(&intrusive.busy))
                sched_yield();
            atomic_store(&intrusive.busy, true);
            error = apm_thread_pool_queue_work_item(default_pool, &intrusive.item, false);
            if (error != APM_ERROR_SUCCESS)
                atomic_store(&intrusive.busy, false);
        }
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
        producer->queued += error == APM_ERROR_SUCCESS;
        if (harness_random(&producer->random) % 64 == 0)
            sched_yield();
    }
    while (atomic_load(&producer->ran) < producer->queued)
        sched_yield();
}

TEST(what_is_queued_against_cleanup_is_refused_or_runs_once)
{
    enum { PRODUCERS = 3 };
    static struct producer producers[PRODUCERS];
    static _Atomic bool over;
    int64_t deadline_ms = race_deadline_ms();
    size_t cleanups = 0;

    for (size_t i = 0; i < PRODUCERS; i++) {
        producers[i].random = harness_seed() + i;
        producers[i].over = &over;
        thread_start(&producers[i].thread, produce_against_cleanup, &producers[i]);
    }
    while (harness_now_ms() < deadline_ms) {
        CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
        cleanups++;
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < PRODUCERS; i++) {
        thread_join(&producers[i].thread);
        CHECK(producers[i].queued > 0);
        CHECK_EQ(atomic_load(&producers[i].ran), producers[i].queued);
    }
    CHECK(cleanups > 0);
}

/* -- Items that wait for each other -------------------------------------------------------------------------------- */

/* Items that all wait in the library until the last of them has started, and one that blocks elsewhere. */
struct gathering {
    apm_manual_reset_event complete;
    size_t expected;
    _Atomic size_t arrived;
    struct latch left;
    struct latch opened;
};

static void gather(void *state)
{
    struct gathering *gathering = state;

    if (atomic_fetch_add(&gathering->arrived, 1) + 1 == gathering->expected)
        CHECK_SUCCESS(apm_manual_reset_event_set(gathering->complete));
    else
        CHECK_SUCCESS(apm_manual_reset_event_wait_one(gathering->complete, PATIENCE_MS));
    latch_add(&gathering->left, 1);
}

static void block_elsewhere(void *state)
{
    struct gathering *gathering = state;

    LATCH_AWAIT(&gathering->opened, 1);
    latch_add(&gathering->left, 1);
}

/* Has a worker take a share of items that wait for each other, one of which may be queued by another item. */
static void queue_gathering(void *state)
{
    struct gathering *gathering = state;

    for (size_t i = 1; i < gathering->expected; i++)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, gather, gathering, i % 3 == 0));
    gather(gathering);
}

static void gathering_start(struct gathering *gathering, size_t expected, bool from_inside)
{
    CHECK_SUCCESS(apm_manual_reset_event_reset(gathering->complete));
    gathering->expected = expected;
    atomic_store(&gathering->arrived, 0);
    latch_init(&gathering->left);
    latch_init(&gathering->opened);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, block_elsewhere, gathering, false));
    if (from_inside)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, queue_gathering, gathering, false));
    for (size_t i = 0; !from_inside && i < expected; i++)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, gather, gathering, false));
}

TEST(items_that_wait_for_each_other_all_start_however_they_were_shared_out)
{
    enum { GATHERINGS = 64 };
    static struct gathering gatherings[GATHERINGS]; /* some items of the one before may be about to return */
    uint64_t random = harness_seed();
    int64_t deadline_ms = race_deadline_ms();

    for (size_t i = 0; i < GATHERINGS; i++)
        CHECK_SUCCESS(apm_manual_reset_event_create(false, &gatherings[i].complete));
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 2));
    for (size_t round = 0; harness_now_ms() < deadline_ms; round++) {
        struct gathering *gathering = &gatherings[round % GATHERINGS];
        size_t expected = 2 + harness_random(&random) % 12;

        gathering_start(gathering, expected, round % 2 == 0);
        LATCH_AWAIT(&gathering->left, expected);
        latch_add(&gathering->opened, 1);
        LATCH_AWAIT(&gathering->left, expected + 1);
    }
    for (size_t i = 0; i < GATHERINGS; i++)
        CHECK_SUCCESS(apm_manual_reset_event_close(gatherings[i].complete));
}

LIBRARY_TEST_MAIN()
