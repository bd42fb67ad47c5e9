/*
 * Event queues under many threads: nothing is lost, the order of each poster is kept, and what has been closed is not
 * heard of again.
 */
#include "apm/compat/event_queue.h"

#include "support.h"

enum { POSTERS = 4 };

struct poster {
    apm_event_target target;
    size_t amount;
    size_t next; /* the owner's: what has to come next */
};

static void *post_numbers(void *argument)
{
    struct poster *poster = argument;

    for (size_t i = 0; i < poster->amount; i++) {
        apm_error error;

        while ((error = apm_event_target_post(poster->target, APM_EVENT_MESSAGE_USER, i, 0)) == APM_ERROR_WOULD_BLOCK) {
            sched_yield();
        }
        CHECK_SUCCESS(error);
    }
    return NULL;
}

static void expect_next(const apm_event_message *message, void *context)
{
    struct poster *poster = context;

    CHECK_EQ(message->w_param, poster->next);
    poster->next++;
}

static void post_from_all(size_t capacity)
{
    size_t amount = harness_scaled(5000);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    apm_event_queue queue;
    size_t got = 0;

    CHECK_SUCCESS(apm_event_queue_create(capacity, &queue));
    for (size_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.amount = amount};
        CHECK_SUCCESS(apm_event_target_create(queue, expect_next, &posters[i], &posters[i].target));
        CHECK_EQ(pthread_create(&threads[i], NULL, post_numbers, &posters[i]), 0);
    }
    while (got < POSTERS * amount) {
        size_t dispatched;

        CHECK_SUCCESS(apm_event_queue_pump(queue, PATIENCE_MS, &dispatched));
        got += dispatched;
    }
    for (size_t i = 0; i < POSTERS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(posters[i].next, amount);
        CHECK_SUCCESS(apm_event_target_close(posters[i].target));
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(nothing_is_lost_and_each_poster_keeps_its_order)
{
    post_from_all(0);
}

TEST(nothing_is_lost_where_the_queue_is_bounded)
{
    post_from_all(8);
}

TEST(descriptor_misses_no_message)
{
    size_t amount = harness_scaled(5000);
    struct poster poster = {.amount = amount};
    apm_event_queue queue;
    pthread_t thread;
    intptr_t descriptor;

    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    CHECK_SUCCESS(apm_event_queue_descriptor(queue, &descriptor));
    CHECK_SUCCESS(apm_event_target_create(queue, expect_next, &poster, &poster.target));
    CHECK_EQ(pthread_create(&thread, NULL, post_numbers, &poster), 0);
    while (poster.next < amount) {
        apm_error error;

        CHECK(raw_readable((int)descriptor, PATIENCE_MS));
        error = apm_event_queue_pump(queue, 0, NULL);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_SUCCESS(apm_event_target_close(poster.target));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

/* -- Closing meanwhile ------------------------------------------------------------------------------------------- */

struct closing {
    _Atomic uint64_t target;
    atomic_bool done;
    bool closed; /* the owner's: a message now would be one too many */
};

static void *post_until_done(void *argument)
{
    struct closing *closing = argument;

    while (!atomic_load(&closing->done)) {
        apm_event_target target = {atomic_load(&closing->target)};
        apm_error error = apm_event_target_post(target, APM_EVENT_MESSAGE_USER, 0, 0);

        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED || error == APM_ERROR_WOULD_BLOCK);
    }
    return NULL;
}

static void fail_if_closed(const apm_event_message *message, void *context)
{
    bool *closed = context;

    (void)message;
    CHECK(!*closed);
}

TEST(no_message_of_a_target_comes_after_its_close)
{
    static bool states[2000];
    size_t rounds = harness_scaled(500) < 2000 ? harness_scaled(500) : 2000;
    struct closing closing = {.done = false};
    apm_event_target target, next;
    apm_event_queue queue;
    pthread_t threads[2];

    CHECK_SUCCESS(apm_event_queue_create(64, &queue));
    CHECK_SUCCESS(apm_event_target_create(queue, fail_if_closed, &states[0], &target));
    atomic_store(&closing.target, target.bits);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, post_until_done, &closing), 0);
    }
    for (size_t i = 1; i < rounds; i++) {
        apm_error error = apm_event_queue_pump(queue, 0, NULL);

        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
        CHECK_SUCCESS(apm_event_target_create(queue, fail_if_closed, &states[i], &next));
        CHECK_SUCCESS(apm_event_target_close(target));
        states[i - 1] = true;
        target = next;
        atomic_store(&closing.target, target.bits);
    }
    CHECK_SUCCESS(apm_event_queue_close(queue)); /* with posts in progress */
    atomic_store(&closing.done, true);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_SUCCESS(apm_event_target_close(target));
}

LIBRARY_TEST_MAIN()
