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

LIBRARY_TEST_MAIN()
