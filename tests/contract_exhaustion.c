/*
 * What has run out gives an error to the call that needed it, and everything else goes on: work items without memory,
 * and the pool without threads. This program is linked so that its own functions stand in for the system's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* -- What runs out ------------------------------------------------------------------------------------------------- */

static _Atomic bool no_memory;
static _Atomic int threads_left = -1; /* how many may still be started; -1: any number */
static _Atomic size_t refused;        /* how often a thread could not be started */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);

void *__wrap_calloc(size_t count, size_t size)
{
    return atomic_load(&no_memory) ? NULL : __real_calloc(count, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    int left = atomic_load(&threads_left);

    if (left == 0) {
        atomic_fetch_add(&refused, 1);
        return EAGAIN;
    }
    if (left > 0)
        atomic_fetch_sub(&threads_left, 1);
    return __real_pthread_create(thread, attributes, body, argument);
}

/* Waits until the pool has tried in vain to start another thread. */
static void await_refusal(void)
{
    int64_t deadline_ms = harness_now_ms() + PATIENCE_MS;

    while (atomic_load(&refused) == 0)
        CHECK(harness_now_ms() < deadline_ms);
}

static void set_threads(int min_threads, int max_threads)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, min_threads));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, max_threads));
}

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

static void count_up(void *state)
{
    latch_add(state, 1);
}

static void wait_for(void *state)
{
    LATCH_AWAIT((struct latch *)state, 1);
}

/* -- Memory -------------------------------------------------------------------------------------------------------- */

TEST(a_work_item_for_which_there_is_no_memory_is_refused_and_those_before_it_run)
{
    static struct latch gate = LATCH_INITIALIZER;
    static struct latch ran = LATCH_INITIALIZER;

    set_threads(1, 1);
    for (size_t round = 1; round <= 3; round++) {
        size_t before = latch_count(&ran);
        size_t queued = 0;
        apm_error error;

        queue(wait_for, &gate);
        atomic_store(&no_memory, true);
        while ((error = apm_thread_pool_queue_user_work_item(default_pool, count_up, &ran, false)) == 0)
            queued++;
        CHECK_ERROR(error, APM_ERROR_OUT_OF_MEMORY);
        CHECK_ERROR(apm_thread_pool_queue_user_work_item(default_pool, count_up, &ran, false), APM_ERROR_OUT_OF_MEMORY);
        atomic_store(&no_memory, false);
        queue(count_up, &ran);
        latch_add(&gate, 1);
        LATCH_AWAIT(&ran, before + queued + 1);
        CHECK(!latch_wait(&ran, before + queued + 2, SHORT_WHILE_MS));
    }
}

struct counted {
    apm_thread_pool_work_item item; /* first */
    struct latch ran;
};

static void count_item(apm_thread_pool_work_item *item)
{
    latch_add(&((struct counted *)item)->ran, 1);
}

TEST(an_intrusive_item_needs_no_memory)
{
    static struct counted counted = {.item.execute = count_item, .ran = LATCH_INITIALIZER};
    static struct latch ran = LATCH_INITIALIZER;

    queue(count_up, &ran); /* the pool runs from now on */
    LATCH_AWAIT(&ran, 1);
    atomic_store(&no_memory, true);
    for (size_t i = 1; i <= 1000; i++) {
        CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &counted.item, false));
        LATCH_AWAIT(&counted.ran, i);
    }
    atomic_store(&no_memory, false);
}

TEST(a_pool_that_cannot_start_says_so_and_can_be_started_later)
{
    static struct latch ran = LATCH_INITIALIZER;

    atomic_store(&no_memory, true);
    CHECK_ERROR(apm_thread_pool_queue_user_work_item(default_pool, count_up, &ran, false), APM_ERROR_OUT_OF_MEMORY);
    atomic_store(&no_memory, false);
    for (int threads = 0; threads < 2; threads++) { /* neither the monitor, nor a worker */
        atomic_store(&threads_left, threads);
        CHECK_ERROR(apm_thread_pool_queue_user_work_item(default_pool, count_up, &ran, false), APM_ERROR_OUT_OF_MEMORY);
    }
    atomic_store(&threads_left, -1);
    queue(count_up, &ran);
    LATCH_AWAIT(&ran, 1);
    CHECK(!latch_wait(&ran, 2, SHORT_WHILE_MS));
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

TEST(an_item_behind_blocked_ones_runs_once_a_thread_can_be_started_again)
{
    static struct latch gate = LATCH_INITIALIZER;
    static struct latch ran = LATCH_INITIALIZER;

    set_threads(1, 8);
    queue(count_up, &ran);
    LATCH_AWAIT(&ran, 1);
    atomic_store(&threads_left, 0);
    queue(wait_for, &gate);
    queue(count_up, &ran);
    await_refusal();
    CHECK(!latch_wait(&ran, 2, SHORT_WHILE_MS));
    atomic_store(&threads_left, -1);
    LATCH_AWAIT(&ran, 2);
    latch_add(&gate, 1);
}

/* An item that waits in the library for what another item does. */
struct dependence {
    apm_manual_reset_event event;
    apm_error error;
    struct latch waiting;
    struct latch done;
};

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

/* Has the only thread wait for what needs a second one, which cannot be started. */
static void wait_without_threads(struct dependence *dependence)
{
    latch_init(&dependence->waiting);
    latch_init(&dependence->done);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &dependence->event));
    set_threads(1, 8);
    atomic_store(&threads_left, 2);
    queue(wait_for_the_event, dependence);
    LATCH_AWAIT(&dependence->waiting, 1);
    queue(set_the_event, dependence);
    await_refusal();
}

TEST(a_wait_for_another_item_goes_on_once_a_thread_can_be_started_again)
{
    static struct dependence dependence;

    wait_without_threads(&dependence);
    CHECK_EQ(latch_count(&dependence.done), 0);
    atomic_store(&threads_left, -1);
    LATCH_AWAIT(&dependence.done, 2);
    CHECK_SUCCESS(dependence.error);
    CHECK_SUCCESS(apm_manual_reset_event_close(dependence.event));
}

TEST(a_wait_for_another_item_is_a_deadlock_if_no_thread_can_be_started)
{
    static struct dependence dependence;

    wait_without_threads(&dependence);
    LATCH_AWAIT(&dependence.done, 2);
    CHECK_ERROR(dependence.error, APM_ERROR_DEADLOCK);
    CHECK_SUCCESS(apm_manual_reset_event_close(dependence.event));
    atomic_store(&threads_left, -1);
}

TEST(every_wait_in_end_returns_though_no_thread_can_be_started)
{
    socket_pair pair = socket_pair_create();
    apm_async_result result;
    uint8_t byte = 0;
    static struct dependence dependence = {.waiting = LATCH_INITIALIZER, .done = LATCH_INITIALIZER};

    /* The only worker waits for an event; a thread outside waits in End for what only a worker can see. */
    set_threads(1, 8);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &dependence.event));
    atomic_store(&threads_left, 0);
    queue(wait_for_the_event, &dependence);
    LATCH_AWAIT(&dependence.waiting, 1);
    queue(wait_for_the_event, &dependence); /* another thread is wanted */
    CHECK_SUCCESS(apm_socket_begin_receive(pair.client, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
    CHECK_SUCCESS(apm_socket_send(pair.server, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_end_receive(pair.client, result, NULL));
    CHECK_EQ(byte, 'x');
    CHECK_SUCCESS(apm_manual_reset_event_set(dependence.event));
    LATCH_AWAIT(&dependence.done, 2);
    CHECK_SUCCESS(apm_manual_reset_event_close(dependence.event));
    socket_pair_close(pair);
    atomic_store(&threads_left, -1);
}

static void end_the_thread(void *state)
{
    latch_add(state, 1);
    pthread_exit(NULL);
}

TEST(sockets_and_items_go_on_when_the_last_thread_was_ended_and_another_can_be_started_later)
{
    static struct latch ran = LATCH_INITIALIZER;
    static struct operation receive;
    socket_pair pair = socket_pair_create();
    uint8_t byte = 0;

    set_threads(1, 1);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.client, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    atomic_store(&threads_left, 0);
    queue(end_the_thread, &ran);
    await_refusal();
    CHECK_SUCCESS(apm_socket_send(pair.server, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK(!operation_wait(&receive, SHORT_WHILE_MS));
    atomic_store(&threads_left, -1);
    CHECK_SUCCESS(finish_receive(pair.client, &receive, NULL));
    CHECK_EQ(byte, 'x');
    socket_pair_close(pair);
}

/* -- Serving ------------------------------------------------------------------------------------------------------- */

TEST(a_setting_for_which_there_is_no_memory_is_refused_and_a_drain_ends_without)
{
    const apm_send_water_marks marks = {.high_bytes = 2, .low_bytes = 1};
    apm_send_water_marks found;
    apm_endpoint local = loopback_endpoint(0);
    apm_socket listener = tcp_create();
    apm_socket connection;
    apm_socket refused_connection;
    apm_async_result drain;
    bool serialised = true;
    size_t closed;
    int client;

    CHECK_SUCCESS(apm_socket_bind(listener, local));
    atomic_store(&no_memory, true);
    CHECK_ERROR(apm_socket_listen(listener, 1), APM_ERROR_OUT_OF_MEMORY);
    CHECK_ERROR(apm_socket_set_serialised(listener, true), APM_ERROR_OUT_OF_MEMORY);
    CHECK_ERROR(apm_socket_set_send_water_marks(listener, marks), APM_ERROR_OUT_OF_MEMORY);
    CHECK_SUCCESS(apm_socket_serialised(listener, &serialised));
    CHECK(!serialised);
    CHECK_SUCCESS(apm_socket_send_water_marks(listener, &found));
    CHECK_EQ(found.high_bytes, 0);
    atomic_store(&no_memory, false);
    CHECK_SUCCESS(apm_socket_listen(listener, 1));
    CHECK_SUCCESS(apm_socket_set_serialised(listener, true));
    CHECK_SUCCESS(apm_socket_set_send_water_marks(listener, marks));

    /* The connection's own part of the settings is taken when the accept begins. */
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &local));
    client = raw_connect(local);
    atomic_store(&no_memory, true);
    CHECK_ERROR(apm_socket_accept(listener, &refused_connection), APM_ERROR_OUT_OF_MEMORY);
    atomic_store(&no_memory, false);
    CHECK_SUCCESS(apm_socket_accept(listener, &connection));
    CHECK_SUCCESS(apm_socket_serialised(connection, &serialised));
    CHECK(serialised);

    /* How a drain ends takes no memory. */
    CHECK_SUCCESS(apm_socket_begin_drain(listener, PATIENCE_MS, NULL, NULL, &drain));
    atomic_store(&no_memory, true);
    CHECK_SUCCESS(apm_async_result_cancel(drain));
    CHECK_ERROR(apm_socket_end_drain(listener, drain, &closed), APM_ERROR_OPERATION_ABORTED);
    atomic_store(&no_memory, false);
    CHECK_EQ(closed, 1);
    CHECK_ORDERLY_END(client, 0);
    CHECK_SUCCESS(apm_socket_close(connection));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(client);
}

LIBRARY_TEST_MAIN()
