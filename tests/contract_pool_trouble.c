/*
 * The pool in trouble: deadlocks that begin while nothing moves, items that never come to an end, threads that are
 * ended by what they run.
 */
#include <pthread.h>

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

/* -- Threads that are ended -------------------------------------------------------------------------------------- */

static void end_the_thread(void *state)
{
    apm_thread_pool_blocking_begin();
    latch_add(state, 1);
    pthread_exit(NULL);
}

TEST(items_that_end_their_threads_cost_the_pool_nothing_but_those_threads)
{
    struct latch latch = LATCH_INITIALIZER;

    set_threads(1, 4);
    for (size_t i = 1; i <= 20; i += 2) {
        queue(end_the_thread, &latch);
        LATCH_AWAIT(&latch, i);
        if (i % 4 == 1)
            CHECK(!latch_wait(&latch, i + 1, SHORT_WHILE_MS)); /* by now the pool sleeps altogether */
        queue(count_up, &latch);
        LATCH_AWAIT(&latch, i + 1);
    }
}

static pthread_key_t lasting_key;

/* What a thread-specific value needs for its destruction: that all items have arrived. */
struct lasting {
    struct latch ending;
    struct latch arrived;
    struct latch destroyed;
    size_t expected;
    bool seen;
};

static void destroy_lasting(void *value)
{
    struct lasting *lasting = value;

    latch_add(&lasting->ending, 1);
    lasting->seen = latch_wait(&lasting->arrived, lasting->expected, PATIENCE_MS / 2);
    queue(count_up, &lasting->destroyed);
}

static void end_the_thread_slowly(void *state)
{
    CHECK_EQ(pthread_setspecific(lasting_key, state), 0);
    pthread_exit(NULL);
}

static void arrive_and_wait_for_all(void *state)
{
    struct lasting *lasting = state;

    latch_add(&lasting->arrived, 1);
    LATCH_AWAIT(&lasting->arrived, lasting->expected);
}

/* Has the pool start that many threads. */
static void have_threads(size_t count)
{
    struct lasting gathering = {.arrived = LATCH_INITIALIZER, .expected = count};
    int64_t before;
    int64_t after = 0;

    CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &before));
    for (size_t i = 0; i < count; i++)
        queue(arrive_and_wait_for_all, &gathering);
    while ((size_t)(after - before) < count) /* the state is used until then */
        CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &after));
}

TEST(a_thread_that_takes_long_to_end_holds_up_nobody)
{
    /* Items may still be about to return when the test is over. */
    static struct lasting lasting = {LATCH_INITIALIZER, LATCH_INITIALIZER, LATCH_INITIALIZER, 16, false};

    CHECK_EQ(pthread_key_create(&lasting_key, destroy_lasting), 0);
    have_threads(4);
    queue(end_the_thread_slowly, &lasting);
    LATCH_AWAIT(&lasting.ending, 1);
    for (size_t i = 0; i < lasting.expected; i++)
        queue(arrive_and_wait_for_all, &lasting);
    LATCH_AWAIT(&lasting.destroyed, 1);
    CHECK(lasting.seen);
}

LIBRARY_TEST_MAIN()
