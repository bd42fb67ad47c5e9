/*
 * The pool in trouble: deadlocks that begin while nothing moves, items that never come to an end.
 */
#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void set_threads(int min_threads, int max_threads)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, min_threads));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, max_threads));
}

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

static void queue_local(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, true));
}

static void count_up(void *state)
{
    latch_add(state, 1);
}

/* -- Deadlocks ----------------------------------------------------------------------------------------------------- */

/* An item that waits, without limit, for an event that another item sets. */
struct dependence {
    apm_manual_reset_event event;
    apm_error error;
    struct latch waiting;
    struct latch done;
};

static void dependence_init(struct dependence *dependence)
{
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &dependence->event));
    latch_init(&dependence->waiting);
    latch_init(&dependence->done);
}

static void dependence_finish(struct dependence *dependence)
{
    LATCH_AWAIT(&dependence->done, 2);
    CHECK_SUCCESS(apm_manual_reset_event_close(dependence->event));
}

static void set_the_event(void *state)
{
    struct dependence *dependence = state;

    CHECK_SUCCESS(apm_manual_reset_event_set(dependence->event));
    latch_add(&dependence->done, 1);
}

static void wait_for_the_event(void *state)
{
    struct dependence *dependence = state;

    latch_add(&dependence->waiting, 1);
    dependence->error = apm_manual_reset_event_wait_one(dependence->event, -1);
    latch_add(&dependence->done, 1);
}

static void queue_locally_and_wait(void *state)
{
    queue_local(set_the_event, state);
    wait_for_the_event(state);
}

TEST(a_deadlock_that_begins_long_after_the_last_item_started_is_ended)
{
    struct dependence dependence;

    set_threads(1, 1);
    dependence_init(&dependence);
    queue(wait_for_the_event, &dependence);
    LATCH_AWAIT(&dependence.waiting, 1);
    CHECK(!latch_wait(&dependence.done, 1, 300)); /* by now the pool sleeps altogether */
    queue(set_the_event, &dependence);
    dependence_finish(&dependence);
    CHECK_ERROR(dependence.error, APM_ERROR_DEADLOCK);
}

TEST(a_wait_for_a_local_item_of_the_same_worker_at_the_maximum_is_a_deadlock)
{
    struct dependence dependence;

    set_threads(1, 1);
    dependence_init(&dependence);
    queue(queue_locally_and_wait, &dependence);
    dependence_finish(&dependence);
    CHECK_ERROR(dependence.error, APM_ERROR_DEADLOCK);
}

TEST(a_wait_for_a_local_item_of_the_same_worker_below_the_maximum_is_ended_by_it)
{
    struct dependence dependence;

    set_threads(1, 2);
    dependence_init(&dependence);
    queue(queue_locally_and_wait, &dependence);
    dependence_finish(&dependence);
    CHECK_SUCCESS(dependence.error);
}

TEST(a_higher_maximum_ends_a_deadlock_in_time)
{
    struct dependence dependence;

    set_threads(1, 1);
    dependence_init(&dependence);
    queue(wait_for_the_event, &dependence);
    LATCH_AWAIT(&dependence.waiting, 1);
    CHECK(!latch_wait(&dependence.done, 1, 300));
    queue(set_the_event, &dependence);
    set_threads(1, 2);
    dependence_finish(&dependence);
    CHECK_SUCCESS(dependence.error);
}

/* -- Items without end ------------------------------------------------------------------------------------------- */

struct endless {
    apm_thread_pool_work_item item; /* first */
    _Atomic bool *stop;
    struct latch *ended;
};

static void come_again(apm_thread_pool_work_item *item)
{
    struct endless *endless = (struct endless *)item;

    if (*endless->stop)
        latch_add(endless->ended, 1);
    else
        CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, item, false));
}

struct storm {
    _Atomic bool stop;
    struct latch ended;
};

static void come_again_locally(void *state)
{
    struct storm *storm = state;

    if (storm->stop)
        latch_add(&storm->ended, 1);
    else
        queue_local(come_again_locally, storm);
}

TEST(neither_local_nor_intrusive_items_without_end_starve_others)
{
    enum { ENDLESS = 3 };
    struct storm storm = {.ended = LATCH_INITIALIZER};
    struct latch ran = LATCH_INITIALIZER;
    struct endless endless[ENDLESS];

    set_threads(1, 1);
    queue(come_again_locally, &storm);
    for (size_t i = 0; i < ENDLESS; i++) {
        endless[i] = (struct endless){{.execute = come_again}, &storm.stop, &storm.ended};
        CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &endless[i].item, false));
    }
    for (size_t i = 1; i <= 100; i++) {
        queue(count_up, &ran);
        LATCH_AWAIT(&ran, i);
    }
    storm.stop = true;
    LATCH_AWAIT(&storm.ended, ENDLESS + 1);
}

LIBRARY_TEST_MAIN()
