/*
 * The pool's workers (pool/worker.c and its neighbours) against those who submit: work is run, events are handled and
 * deadlines expire, however that meets with a worker that becomes idle, goes to sleep in the poller, or retires.
 *
 * The workers run their real loops. A run ends when all of them sleep or have ended; then nothing may be left to do.
 * There is no monitor, so nothing is made good by it; its word says that it is awake.
 */
#include "model.h"
#include "simulated_poller.h"
#include "wait.h"
#include "worker.h"

enum { MAX_WORKERS = 2, MAX_WORKS = 2, EVENT = 1, DUE_NS = 1000 };

static struct apm__worker workers[MAX_WORKERS];
static struct apm__work works[MAX_WORKS];
static int expected; /* how much work there is in all; set by set_up */
static int ran;
static int handled;
static struct apm__slot event; /* what works wait for */
static _Atomic uint32_t unblocked;
static struct apm__deadline deadline;
static bool expired;

static void run(struct apm__work *work)
{
    (void)work;
    ran++;
}

static void wait_for_event(struct apm__work *work)
{
    (void)work;
    apm_error error = apm__wait_one(&event, -1);
    MODEL_CHECK(error == APM_ERROR_SUCCESS);
    ran++;
}

static void set_event(struct apm__work *work)
{
    (void)work;
    apm__wait_signal(&event);
    ran++;
}

/* Blocks where the pool does not see it, until the other work has run. */
static void block(struct apm__work *work)
{
    (void)work;
    while (apm__atomic_load(&unblocked, APM__ACQUIRE) == 0)
        apm__os_wait_on_address(&unblocked, 0, -1);
    ran++;
}

static void unblock(struct apm__work *work)
{
    (void)work;
    apm__atomic_store(&unblocked, 1, APM__RELEASE);
    apm__os_wake_by_address(&unblocked);
    ran++;
}

/* -- Set-up -------------------------------------------------------------------------------------------------------- */

/* A pool of that many workers, all of which run and find nothing to do yet. */
static void create_pool(int count)
{
    struct apm__pool *pool = apm__pool_default();
    struct apm__worker *next = NULL;
    pool->poller = model_poller();
    pool->processors = count;
    pool->min_threads = count;
    pool->max_threads = count;
    pool->threads = count;
    apm__deadline_heap_initialise(&pool->deadlines);
    for (int i = 0; i < count; i++) {
        workers[i].pool = pool;
        workers[i].next_worker = next;
        workers[i].thread.thread = (pthread_t)i; /* the first threads of the models are workers */
        workers[i].joinable = true;
        next = &workers[i];
        apm__atomic_store(&workers[i].state, APM__WORKER_RUNNING, APM__RELAXED);
    }
    apm__atomic_store(&pool->workers, next, APM__RELAXED);
    apm__atomic_store(&pool->phase, APM__POOL_OPEN, APM__RELAXED);
    apm__pool_publish_locked(pool);
    event.name = APM__KIND_MANUAL_RESET_EVENT;
    for (int i = 0; i < MAX_WORKS; i++)
        works[i].run = run;
    model_name(&workers[0], sizeof workers[0], "the first worker's");
    model_name(&workers[1], sizeof workers[1], "the second worker's");
    model_name(pool, sizeof *pool, "the pool's");
}

static void one_worker(void)
{
    create_pool(1);
    expected = 1;
}

static void one_worker_two_works(void)
{
    create_pool(1);
    expected = 2;
}

static void two_workers(void)
{
    create_pool(2);
    expected = 1;
}

static void two_workers_one_of_which_waits(void)
{
    create_pool(2);
    expected = 2;
    apm__slot_publish(&event, 1, 0);
    works[0].run = wait_for_event;
    works[1].run = set_event;
}

/* Items take so long that a second thread is worth its wake-up. */
static void two_workers_one_of_which_blocks(void)
{
    create_pool(2);
    expected = 2;
    apm__atomic_store(&apm__pool_default()->item_ns, 1000000, APM__RELAXED);
    works[0].run = block;
    works[1].run = unblock;
}

static void two_workers_no_work(void)
{
    create_pool(2);
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

static void worker_1(void)
{
    apm__worker_main(&workers[0]);
}

static void worker_2(void)
{
    apm__worker_main(&workers[1]);
}

static void submitter(void)
{
    apm__pool_submit(apm__pool_default(), &works[0]);
}

static void another_submitter(void)
{
    apm__pool_submit(apm__pool_default(), &works[1]);
}

static void submitter_of_two(void)
{
    submitter();
    another_submitter();
}

static void kernel(void)
{
    model_poller_post(EVENT);
}

static void arm_deadline(void)
{
    bool was_armed;
    apm_error error = apm__pool_set_deadline(apm__pool_default(), &deadline, apm__os_monotonic_ns() + DUE_NS,
                                             &was_armed);
    MODEL_CHECK(error == APM_ERROR_SUCCESS && !was_armed);
}

/* -- What must hold in the end ------------------------------------------------------------------------------------- */

static void check_counts(void)
{
    struct apm__pool *pool = apm__pool_default();
    int gone = 0;
    int idle = 0;
    for (struct apm__worker *worker = apm__atomic_load(&pool->workers, APM__RELAXED); worker;
         worker = worker->next_worker) {
        gone += apm__atomic_load(&worker->state, APM__RELAXED) == APM__WORKER_GONE;
        idle += apm__atomic_load(&worker->state, APM__RELAXED) == APM__WORKER_IDLE;
    }
    MODEL_CHECK(pool->threads == idle && pool->idle_count == idle);
    MODEL_CHECK(apm__atomic_load(&pool->running, APM__RELAXED) == 0);
    MODEL_CHECK(apm__atomic_load(&pool->searching, APM__RELAXED) == 0);
    MODEL_CHECK(pool->waiting == 0 && pool->breakable == 0);
    MODEL_CHECK(gone + idle == pool->max_threads);
}

static void check_all_run(void)
{
    MODEL_CHECK(ran == expected && apm__pool_queued(apm__pool_default()) == 0);
    check_counts();
}

/* While any worker is left, somebody polls. */
static void check_somebody_polls(void)
{
    MODEL_CHECK(apm__pool_default()->sleeper != NULL);
    check_all_run();
}

static void on_event(uint64_t sign)
{
    MODEL_CHECK(sign == EVENT);
    handled++;
}

static void two_workers_and_an_event(void)
{
    two_workers_no_work();
    model_poller_on_event(on_event);
}

static void check_handled(void)
{
    MODEL_CHECK(handled == 1);
    check_somebody_polls();
}

static void set_by_event(uint64_t sign)
{
    MODEL_CHECK(sign == EVENT);
    apm__wait_signal(&event);
}

static void one_worker_that_waits_for_io(void)
{
    create_pool(1);
    expected = 1;
    apm__slot_publish(&event, 1, APM__SLOT_BY_IO);
    works[0].run = wait_for_event;
    model_poller_on_event(set_by_event);
}

static void expire(struct apm__deadline *due)
{
    MODEL_CHECK(due == &deadline && !expired);
    expired = true;
}

static void one_worker_and_a_deadline(void)
{
    create_pool(1);
    deadline.expire = expire;
}

static void check_expired(void)
{
    MODEL_CHECK(expired);
    check_counts();
}

static const struct model models[] = {
    {
        .name = "work_that_is_submitted_while_the_worker_becomes_idle_is_run",
        .set_up = one_worker,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(submitter)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 3,
    },
    {
        .name = "work_of_two_submitters_is_run",
        .set_up = one_worker_two_works,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(submitter), MODEL_THREAD(another_submitter)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "an_event_that_comes_while_workers_become_idle_is_handled",
        .set_up = two_workers_and_an_event,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(kernel)},
        .check = check_handled,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 3,
    },
    {
        .name = "a_deadline_that_is_armed_while_the_worker_goes_to_sleep_expires",
        .set_up = one_worker_and_a_deadline,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(arm_deadline)},
        .check = check_expired,
        .ends_asleep = true,
        .preemptions = 3,
    },
    {
        .name = "work_that_is_submitted_while_workers_become_idle_is_run",
        .set_up = two_workers,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(submitter)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "work_that_is_submitted_while_a_worker_retires_is_run",
        .set_up = two_workers,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(submitter)},
        .check = check_all_run,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "work_is_run_beside_work_that_blocks",
        .set_up = two_workers_one_of_which_blocks,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(submitter_of_two)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "a_thread_is_started_for_work_after_another_has_retired",
        .set_up = two_workers_one_of_which_blocks,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(submitter_of_two)},
        .check = check_all_run,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "a_wait_on_a_worker_ends_by_work_that_another_worker_takes",
        .set_up = two_workers_one_of_which_waits,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(worker_2), MODEL_THREAD(submitter_of_two)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 2,
    },
    {
        .name = "a_wait_on_the_only_worker_ends_by_an_event_that_it_polls_for",
        .set_up = one_worker_that_waits_for_io,
        .threads = {MODEL_THREAD(worker_1), MODEL_THREAD(submitter), MODEL_THREAD(kernel)},
        .check = check_somebody_polls,
        .is_patient = true,
        .ends_asleep = true,
        .preemptions = 2,
    },
};

MODEL_MAIN(models)
