/*
 * Semaphores, mutexes and countdown events beyond what .NET's record has: closing, handing over, waits for several of
 * them, and waits on pool threads. What .NET does in these cases was looked up by running it.
 */
#include "support.h"

static apm_semaphore semaphore_create(int initial_count, int maximum_count)
{
    apm_semaphore semaphore;

    CHECK_SUCCESS(apm_semaphore_create(initial_count, maximum_count, &semaphore));
    return semaphore;
}

static apm_mutex mutex_create(bool initially_owned)
{
    apm_mutex mutex;

    CHECK_SUCCESS(apm_mutex_create(initially_owned, &mutex));
    return mutex;
}

/* -- Handles ----------------------------------------------------------------------------------------------------- */

TEST(what_is_no_semaphore_mutex_or_countdown_event_is_refused)
{
    apm_semaphore no_semaphore = APM_NULL_HANDLE;
    apm_mutex no_mutex = APM_NULL_HANDLE;
    apm_countdown_event no_countdown = APM_NULL_HANDLE;
    apm_semaphore semaphore = semaphore_create(0, 1);
    apm_mutex other_kind = {semaphore.bits};
    apm_countdown_event invented = {UINT64_C(0x7123456789abcdc8)};
    bool flag = true;

    CHECK_ERROR(apm_semaphore_create(0, 1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_mutex_create(false, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_countdown_event_create(1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_semaphore_release(no_semaphore, 1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_semaphore_wait_one(no_semaphore, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_semaphore_close(no_semaphore), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_mutex_release_mutex(no_mutex), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_mutex_wait_one(no_mutex, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_mutex_close(no_mutex), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_mutex_release_mutex(other_kind), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_mutex_close(other_kind), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_countdown_event_signal(no_countdown, 1, &flag), APM_ERROR_ARGUMENT_NULL);
    CHECK(!flag);
    CHECK_ERROR(apm_countdown_event_reset(invented, 1), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_countdown_event_reset(invented, -1), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_countdown_event_try_add_count(invented, 1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_countdown_event_wait(invented, 0), APM_ERROR_ARGUMENT);
    CHECK(!apm_countdown_event_is_set(invented));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
    CHECK_ERROR(apm_semaphore_release(semaphore, 1, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_OBJECT_DISPOSED);
}

/* -- Waiters ----------------------------------------------------------------------------------------------------- */

/* A thread that waits once, for one handle or for all of several, and ends still owning what it has got. */
struct waiter {
    apm_wait_handle handles[2];
    size_t count;
    apm_error error;
    struct latch entered;
    struct latch released;
    struct thread thread;
};

static void wait_for_all(void *argument)
{
    struct waiter *waiter = argument;

    latch_add(&waiter->entered, 1);
    waiter->error = apm_wait_handle_wait_all(waiter->handles, waiter->count, PATIENCE_MS);
    latch_add(&waiter->released, 1);
}

/* Gives it time to be waiting, which nothing shows from outside; one that is late makes a test weaker, not wrong. */
static void waiter_start(struct waiter *waiter, apm_wait_handle first, apm_wait_handle second)
{
    waiter->handles[0] = first;
    waiter->handles[1] = second;
    waiter->count = apm_wait_handle_is_null(second) ? 1 : 2;
    latch_init(&waiter->entered);
    latch_init(&waiter->released);
    thread_start(&waiter->thread, wait_for_all, waiter);
    LATCH_AWAIT(&waiter->entered, 1);
    latch_wait(&waiter->released, 1, SHORT_WHILE_MS);
}

static void waiter_finish(struct waiter *waiter, apm_error expected)
{
    LATCH_AWAIT(&waiter->released, 1);
    thread_join(&waiter->thread);
    CHECK_ERROR(waiter->error, expected);
}

static const apm_wait_handle none = APM_NULL_HANDLE;

TEST(a_release_of_several_releases_as_many_waiters_and_no_more)
{
    enum { WAITERS = 5, RELEASED = 3 };
    apm_semaphore semaphore = semaphore_create(0, 10);
    struct waiter waiters[WAITERS];
    size_t released = 0;
    int previous = 99;

    for (size_t i = 0; i < WAITERS; i++) {
        waiter_start(&waiters[i], apm_semaphore_to_wait_handle(semaphore), none);
    }
    CHECK_SUCCESS(apm_semaphore_release(semaphore, RELEASED, &previous));
    CHECK_EQ(previous, 0);
    for (size_t i = 0; i < RELEASED; i++) {
        LATCH_AWAIT(&waiters[i].released, 1);
    }
    CHECK(!latch_wait(&waiters[RELEASED].released, 1, SHORT_WHILE_MS));
    for (size_t i = 0; i < WAITERS; i++) {
        released += latch_count(&waiters[i].released);
    }
    CHECK_EQ(released, RELEASED);
    CHECK_ERROR(apm_semaphore_release(semaphore, 11, NULL), APM_ERROR_SEMAPHORE_FULL);
    CHECK_SUCCESS(apm_semaphore_release(semaphore, WAITERS - RELEASED, NULL));
    for (size_t i = 0; i < WAITERS; i++) {
        waiter_finish(&waiters[i], APM_ERROR_SUCCESS);
    }
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

TEST(a_wait_all_is_released_in_the_moment_in_which_the_last_object_is_set)
{
    apm_manual_reset_event event;
    apm_semaphore semaphore = semaphore_create(0, 1);
    struct waiter waiter;

    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    waiter_start(&waiter, apm_manual_reset_event_to_wait_handle(event), apm_semaphore_to_wait_handle(semaphore));
    CHECK_SUCCESS(apm_semaphore_release(semaphore, 1, NULL));
    CHECK_SUCCESS(apm_manual_reset_event_set(event));
    CHECK_SUCCESS(apm_manual_reset_event_reset(event));
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_WAIT_TIMEOUT);
    waiter_finish(&waiter, APM_ERROR_SUCCESS);
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

TEST(waits_for_one_and_for_all_are_served_in_the_order_in_which_they_came)
{
    apm_manual_reset_event set;
    apm_semaphore semaphore = semaphore_create(0, 1);
    apm_wait_handle shared = apm_semaphore_to_wait_handle(semaphore);
    struct waiter waiters[3];

    CHECK_SUCCESS(apm_manual_reset_event_create(true, &set));
    waiter_start(&waiters[0], shared, apm_manual_reset_event_to_wait_handle(set));
    waiter_start(&waiters[1], shared, none);
    waiter_start(&waiters[2], shared, apm_manual_reset_event_to_wait_handle(set));
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_semaphore_release(semaphore, 1, NULL));
        waiter_finish(&waiters[i], APM_ERROR_SUCCESS);
    }
    CHECK_SUCCESS(apm_manual_reset_event_close(set));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

/* -- Mutexes ----------------------------------------------------------------------------------------------------- */

TEST(a_mutex_that_is_released_goes_to_the_longest_waiter_and_is_abandoned_by_each)
{
    apm_mutex mutex = mutex_create(true);
    struct waiter waiters[2];

    waiter_start(&waiters[0], apm_mutex_to_wait_handle(mutex), none);
    waiter_start(&waiters[1], apm_mutex_to_wait_handle(mutex), none);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    waiter_finish(&waiters[0], APM_ERROR_SUCCESS);
    waiter_finish(&waiters[1], APM_ERROR_ABANDONED_MUTEX); /* the first one has ended with it */
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_ABANDONED_MUTEX);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_APPLICATION);
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

static void take_three_times_and_exit(void *argument)
{
    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_mutex_wait_one(*(apm_mutex *)argument, PATIENCE_MS));
    }
    pthread_exit(NULL);
}

TEST(a_mutex_that_was_taken_several_times_is_abandoned_as_a_whole_also_by_pthread_exit)
{
    apm_mutex mutex = mutex_create(false);
    struct thread thread;

    thread_start(&thread, take_three_times_and_exit, &mutex);
    thread_join(&thread);
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_ABANDONED_MUTEX);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_APPLICATION);
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

static void take_three_and_release_one(void *argument)
{
    apm_mutex *mutexes = argument;

    CHECK_SUCCESS(apm_mutex_wait_one(mutexes[0], PATIENCE_MS));
    CHECK_SUCCESS(apm_mutex_wait_one(mutexes[1], PATIENCE_MS));
    CHECK_SUCCESS(apm_mutex_wait_one(mutexes[2], PATIENCE_MS));
    CHECK_SUCCESS(apm_mutex_release_mutex(mutexes[1]));
}

TEST(a_thread_that_ends_abandons_every_mutex_that_it_owns_and_no_other)
{
    apm_mutex mutexes[3] = {mutex_create(false), mutex_create(false), mutex_create(false)};
    struct thread thread;

    thread_start(&thread, take_three_and_release_one, mutexes);
    thread_join(&thread);
    CHECK_ERROR(apm_mutex_wait_one(mutexes[0], 0), APM_ERROR_ABANDONED_MUTEX);
    CHECK_SUCCESS(apm_mutex_wait_one(mutexes[1], 0));
    CHECK_ERROR(apm_mutex_wait_one(mutexes[2], 0), APM_ERROR_ABANDONED_MUTEX);
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_mutex_release_mutex(mutexes[i]));
        CHECK_SUCCESS(apm_mutex_close(mutexes[i]));
    }
}

TEST(a_wait_all_takes_a_mutex_once_more_that_its_thread_owns)
{
    apm_mutex mutex = mutex_create(true);
    apm_semaphore semaphore = semaphore_create(1, 1);
    apm_wait_handle handles[2] = {apm_mutex_to_wait_handle(mutex), apm_semaphore_to_wait_handle(semaphore)};

    CHECK_SUCCESS(apm_wait_handle_wait_all(handles, 2, 0));
    CHECK_ERROR(apm_wait_handle_wait_all(handles, 2, 10), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_wait_handle_signal_and_wait(handles[1], handles[1], 0));
    CHECK_SUCCESS(apm_wait_handle_signal_and_wait(handles[0], handles[0], 0));
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_APPLICATION);
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_SUCCESS(apm_semaphore_close(semaphore));
}

static void close_mutex(void *argument)
{
    CHECK_SUCCESS(apm_mutex_close(*(apm_mutex *)argument));
}

TEST(a_mutex_that_is_closed_while_it_is_owned_is_disposed_for_everybody)
{
    apm_mutex mutex = mutex_create(true);
    struct thread thread;

    thread_start(&thread, close_mutex, &mutex);
    thread_join(&thread);
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

TEST(closing_an_owned_mutex_for_which_nobody_waits_leaves_nothing_to_release)
{
    apm_mutex mutex = mutex_create(true);

    CHECK_SUCCESS(apm_mutex_wait_one(mutex, 0));
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_ERROR(apm_mutex_release_mutex(mutex), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_mutex_close(mutex));
}

TEST(a_mutex_that_is_closed_while_a_thread_waits_still_goes_to_it)
{
    apm_mutex mutex = mutex_create(true);
    struct waiter waiter;

    waiter_start(&waiter, apm_mutex_to_wait_handle(mutex), none);
    CHECK_SUCCESS(apm_mutex_close(mutex));
    CHECK_EQ(latch_count(&waiter.released), 0);
    CHECK_SUCCESS(apm_mutex_release_mutex(mutex));
    waiter_finish(&waiter, APM_ERROR_SUCCESS);
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_OBJECT_DISPOSED);
}

TEST(cleanup_closes_what_was_forgotten_also_a_mutex_that_is_owned)
{
    apm_countdown_event countdown;
    apm_barrier barrier;
    apm_mutex mutex = mutex_create(true);
    apm_semaphore semaphore = semaphore_create(1, 1);

    CHECK_SUCCESS(apm_countdown_event_create(1, &countdown));
    CHECK_SUCCESS(apm_barrier_create(1, NULL, NULL, &barrier));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ERROR(apm_mutex_wait_one(mutex, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_semaphore_wait_one(semaphore, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_countdown_event_wait(countdown, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_barrier_signal_and_wait(barrier, 0), APM_ERROR_OBJECT_DISPOSED);
}

/* -- Pool threads ------------------------------------------------------------------------------------------------ */

/* What a callback waits for, and how that is ended from outside. */
struct pool_wait {
    apm_semaphore semaphore;
    apm_mutex mutex;
    apm_countdown_event countdown;
    apm_barrier barrier;
    size_t kind;
    struct latch entered;
    struct latch done;
};

enum { KINDS = 4 };

static apm_error wait_for_kind(struct pool_wait *wait)
{
    switch (wait->kind) {
    case 0: return apm_semaphore_wait_one(wait->semaphore, PATIENCE_MS);
    case 1: return apm_mutex_wait_one(wait->mutex, PATIENCE_MS);
    case 2: return apm_countdown_event_wait(wait->countdown, PATIENCE_MS);
    default: return apm_barrier_signal_and_wait(wait->barrier, PATIENCE_MS);
    }
}

static void end_kind(struct pool_wait *wait)
{
    switch (wait->kind) {
    case 0: CHECK_SUCCESS(apm_semaphore_release(wait->semaphore, 1, NULL)); break;
    case 1: CHECK_SUCCESS(apm_mutex_release_mutex(wait->mutex)); break;
    case 2: CHECK_SUCCESS(apm_countdown_event_signal(wait->countdown, 1, NULL)); break;
    default: CHECK_SUCCESS(apm_barrier_signal_and_wait(wait->barrier, PATIENCE_MS)); break;
    }
}

static void wait_in_callback(apm_async_result result)
{
    struct pool_wait *wait = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&wait->entered, 1);
    CHECK_SUCCESS(wait_for_kind(wait));
    if (wait->kind == 1) {
        CHECK_SUCCESS(apm_mutex_release_mutex(wait->mutex));
    }
    latch_add(&wait->done, 1);
}

TEST(a_wait_of_each_kind_in_a_callback_lets_another_thread_take_over_at_once)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    struct pool_wait wait = {.semaphore = semaphore_create(0, 1), .mutex = mutex_create(true)};
    peered_socket pairs[2] = {peered_socket_create(), peered_socket_create()};
    uint8_t bytes[2];

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(pool, 1));
    CHECK_SUCCESS(apm_countdown_event_create(1, &wait.countdown));
    CHECK_SUCCESS(apm_barrier_create(2, NULL, NULL, &wait.barrier));
    latch_init(&wait.entered);
    latch_init(&wait.done);
    for (wait.kind = 0; wait.kind < KINDS; wait.kind++) {
        struct operation second;

        CHECK_SUCCESS(apm_socket_begin_receive(pairs[0].socket, &bytes[0], 1, APM_SOCKET_FLAGS_NONE, wait_in_callback,
                                               &wait, NULL));
        raw_write(pairs[0].peer, "x", 1);
        LATCH_AWAIT(&wait.entered, wait.kind + 1);
        CHECK_SUCCESS(
            apm_socket_begin_receive(pairs[1].socket, &bytes[1], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&second)));
        raw_write(pairs[1].peer, "y", 1);
        CHECK_SUCCESS(finish_receive(pairs[1].socket, &second, NULL));
        CHECK_EQ(latch_count(&wait.done), wait.kind);
        end_kind(&wait);
        LATCH_AWAIT(&wait.done, wait.kind + 1);
    }
    peered_socket_close(pairs[0]);
    peered_socket_close(pairs[1]);
    CHECK_SUCCESS(apm_semaphore_close(wait.semaphore));
    CHECK_SUCCESS(apm_mutex_close(wait.mutex));
    CHECK_SUCCESS(apm_countdown_event_close(wait.countdown));
    CHECK_SUCCESS(apm_barrier_close(wait.barrier));
}

LIBRARY_TEST_MAIN()
