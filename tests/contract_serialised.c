/*
 * Serialised sockets: callbacks that never overlap, in the order of completion, and nothing else that changes.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { MANY = 200 };

/* What the callbacks of one connection share, without a lock. */
struct shared {
    apm_socket socket;
    _Atomic int inside;     /* callbacks that run now */
    size_t count;           /* of callbacks; guarded by nothing but their turns */
    size_t order[4 * MANY]; /* what each found as its state; likewise */
    struct latch done;
};

struct item {
    struct shared *shared;
    apm_async_result result;
    size_t number;
    uint8_t byte;
};

static void enter(struct shared *shared)
{
    CHECK_EQ(atomic_fetch_add(&shared->inside, 1), 0);
}

static void leave(struct shared *shared, size_t number)
{
    shared->order[shared->count++] = number;
    CHECK_EQ(atomic_fetch_sub(&shared->inside, 1), 1);
    latch_add(&shared->done, 1);
}

/* Long enough that another worker would come to what is next. */
static void dawdle(void)
{
    int64_t end_us = harness_now_us() + 200;

    while (harness_now_us() < end_us) {}
}

static void on_received(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);

    enter(item->shared);
    dawdle();
    CHECK_SUCCESS(apm_socket_end_receive(item->shared->socket, result, NULL));
    leave(item->shared, item->number);
}

static struct shared *shared_create(apm_socket socket)
{
    struct shared *shared = calloc(1, sizeof *shared);

    CHECK(shared != NULL);
    shared->socket = socket;
    latch_init(&shared->done);
    return shared;
}

TEST(callbacks_of_a_serialised_socket_never_overlap_and_run_in_order)
{
    peered_socket pair = peered_socket_create();
    struct shared *shared = shared_create(pair.socket);
    struct item items[MANY];
    uint8_t data[MANY] = {0};

    CHECK_SUCCESS(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, 8));
    CHECK_SUCCESS(apm_socket_set_serialised(pair.socket, true));
    for (size_t i = 0; i < MANY; i++) {
        items[i] = (struct item){.shared = shared, .number = i};
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &items[i].byte, 1, APM_SOCKET_FLAGS_NONE, on_received,
                                               &items[i], NULL));
    }
    raw_write(pair.peer, data, sizeof data);
    LATCH_AWAIT(&shared->done, MANY);
    for (size_t i = 0; i < MANY; i++) {
        CHECK_EQ(shared->order[i], i);
    }
    peered_socket_close(pair);
    free(shared);
}

struct overlap {
    struct latch inside;
    uint8_t bytes[2];
};

static void wait_for_the_other(apm_async_result result)
{
    struct overlap *overlap = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    latch_add(&overlap->inside, 1);
    LATCH_AWAIT(&overlap->inside, 2);
}

TEST(callbacks_of_another_socket_overlap)
{
    peered_socket pair = peered_socket_create();
    struct overlap overlap = {.inside = LATCH_INITIALIZER};
    bool serialised = true;

    CHECK_SUCCESS(apm_socket_serialised(pair.socket, &serialised));
    CHECK(!serialised);
    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &overlap.bytes[i], 1, APM_SOCKET_FLAGS_NONE,
                                               wait_for_the_other, &overlap, NULL));
    }
    raw_write(pair.peer, "ab", 2);
    LATCH_AWAIT(&overlap.inside, 2);
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
    raw_close(pair.peer);
}

/* -- What a callback may wait for -- */

static void end_another(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);
    struct item *other = item + 1;

    enter(item->shared);
    CHECK_SUCCESS(apm_socket_end_receive(item->shared->socket, result, NULL));
    /* Its callback waits for this one to return; its outcome does not. */
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(other->result), PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_end_receive(item->shared->socket, other->result, NULL));
    leave(item->shared, 0);
}

static void only_count(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);

    enter(item->shared);
    leave(item->shared, item->number);
}

TEST(an_end_of_another_operation_returns_in_a_callback_of_the_same_socket)
{
    peered_socket pair = peered_socket_create();
    struct shared *shared = shared_create(pair.socket);
    struct item items[2] = {{.shared = shared}, {.shared = shared, .number = 1}};

    CHECK_SUCCESS(apm_socket_set_serialised(pair.socket, true));
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, &items[0].byte, 1, APM_SOCKET_FLAGS_NONE, end_another, &items[0], NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &items[1].byte, 1, APM_SOCKET_FLAGS_NONE, only_count, &items[1],
                                           &items[1].result));
    raw_write(pair.peer, "ab", 2);
    LATCH_AWAIT(&shared->done, 2);
    CHECK_EQ(shared->order[0], 0);
    CHECK_EQ(shared->order[1], 1);
    peered_socket_close(pair);
    free(shared);
}

/* -- Posts -- */

static void on_post(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);

    enter(item->shared);
    CHECK_SUCCESS(apm_socket_end_post(item->shared->socket, result));
    dawdle();
    leave(item->shared, item->number);
}

TEST(what_is_posted_has_its_turn_among_the_callbacks)
{
    peered_socket pair = peered_socket_create();
    struct shared *shared = shared_create(pair.socket);
    struct item items[MANY];

    CHECK_SUCCESS(apm_socket_set_serialised(pair.socket, true));
    for (size_t i = 0; i < MANY; i++) {
        items[i] = (struct item){.shared = shared, .number = i};
        CHECK_SUCCESS(apm_socket_begin_post(pair.socket, on_post, &items[i], NULL));
    }
    LATCH_AWAIT(&shared->done, MANY);
    for (size_t i = 0; i < MANY; i++) {
        CHECK_EQ(shared->order[i], i);
    }
    peered_socket_close(pair);
    free(shared);
}

CONTRACT_TEST(a_post_succeeds_on_any_open_socket)
{
    apm_socket socket = tcp_create();
    struct operation post;

    CHECK_SUCCESS(apm_socket_begin_post(socket, ON_COMPLETION(&post)));
    AWAIT(&post);
    CHECK_SUCCESS(apm_socket_end_post(socket, post.result));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_begin_post(socket, ON_COMPLETION(&post)), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_post((apm_socket)APM_NULL_HANDLE, ON_COMPLETION(&post)), APM_ERROR_ARGUMENT_NULL);
}

/* -- Ends of every kind -- */

static void exit_the_thread(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_post(item->shared->socket, result));
    latch_add(&item->shared->done, 1);
    pthread_exit(NULL);
}

TEST(a_callback_that_ends_its_thread_gives_up_its_turn)
{
    apm_socket socket = tcp_create();
    struct shared *shared = shared_create(socket);
    struct item items[2] = {{.shared = shared}, {.shared = shared, .number = 1}};

    CHECK_SUCCESS(apm_socket_set_serialised(socket, true));
    CHECK_SUCCESS(apm_socket_begin_post(socket, exit_the_thread, &items[0], NULL));
    CHECK_SUCCESS(apm_socket_begin_post(socket, on_post, &items[1], NULL));
    LATCH_AWAIT(&shared->done, 2);
    CHECK_EQ(shared->order[0], 1);
    CHECK_SUCCESS(apm_socket_close_and_wait(socket, PATIENCE_MS));
    free(shared);
}

static void on_aborted(apm_async_result result)
{
    struct item *item = apm_async_result_async_state(result);

    enter(item->shared);
    CHECK_ERROR(apm_socket_end_receive(item->shared->socket, result, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(apm_socket_close_and_wait(item->shared->socket, 0), APM_ERROR_INVALID_OPERATION);
    dawdle();
    leave(item->shared, item->number);
}

TEST(close_and_wait_waits_for_every_turn)
{
    peered_socket pair = peered_socket_create();
    struct shared *shared = shared_create(pair.socket);
    struct item items[MANY];

    CHECK_SUCCESS(apm_socket_set_serialised(pair.socket, true));
    for (size_t i = 0; i < MANY; i++) {
        items[i] = (struct item){.shared = shared, .number = i};
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &items[i].byte, 1, APM_SOCKET_FLAGS_NONE, on_aborted,
                                               &items[i], NULL));
    }
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
    CHECK_EQ(latch_count(&shared->done), MANY);
    for (size_t i = 0; i < MANY; i++) {
        CHECK_EQ(shared->order[i], i);
    }
    raw_close(pair.peer);
    free(shared);
}

TEST(a_pool_that_is_destroyed_gives_every_turn_first)
{
    apm_thread_pool pool;
    apm_socket socket;
    struct shared *shared;
    struct item items[MANY];

    CHECK_SUCCESS(apm_thread_pool_create(2, 4, &pool));
    CHECK_SUCCESS(apm_socket_create_on_pool(pool, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                            APM_PROTOCOL_TYPE_TCP, &socket));
    shared = shared_create(socket);
    CHECK_SUCCESS(apm_socket_set_serialised(socket, true));
    for (size_t i = 0; i < MANY; i++) {
        items[i] = (struct item){.shared = shared, .number = i};
        CHECK_SUCCESS(apm_socket_begin_post(socket, on_post, &items[i], NULL));
    }
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
    CHECK_EQ(latch_count(&shared->done), MANY);
    free(shared);
}

/* -- Inheritance, and being fair -- */

CONTRACT_TEST(an_accepted_socket_is_serialised_like_its_listener)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    struct operation accept;

    for (int serialised = 0; serialised < 2; serialised++) {
        bool found = !serialised;
        int client = raw_connect(local);

        CHECK_SUCCESS(apm_socket_set_serialised(listener, serialised));
        CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
        CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
        CHECK_SUCCESS(apm_socket_serialised(accepted, &found));
        CHECK_EQ(found, serialised);
        CHECK_SUCCESS(apm_socket_close(accepted));
        raw_close(client);
    }
    CHECK_SUCCESS(apm_socket_close(listener));
}

/* A callback that always has a next one, until it is told to stop. */
struct busy {
    apm_socket socket;
    _Atomic bool stop;
    struct latch stopped;
};

static void on_busy(apm_async_result result)
{
    struct busy *busy = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_post(busy->socket, result));
    if (busy->stop) {
        latch_add(&busy->stopped, 1);
    } else {
        CHECK_SUCCESS(apm_socket_begin_post(busy->socket, on_busy, busy, NULL));
    }
}

static void add_one(void *latch)
{
    latch_add(latch, 1);
}

TEST(a_busy_serialised_socket_leaves_the_only_worker_to_others)
{
    apm_thread_pool pool;
    struct busy busy = {.stopped = LATCH_INITIALIZER};
    struct latch items = LATCH_INITIALIZER;

    CHECK_SUCCESS(apm_thread_pool_create(1, 1, &pool));
    CHECK_SUCCESS(apm_socket_create_on_pool(pool, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                            APM_PROTOCOL_TYPE_TCP, &busy.socket));
    CHECK_SUCCESS(apm_socket_set_serialised(busy.socket, true));
    CHECK_SUCCESS(apm_socket_begin_post(busy.socket, on_busy, &busy, NULL));
    for (size_t i = 1; i <= MANY; i++) {
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &items, false));
        LATCH_AWAIT(&items, i);
    }
    busy.stop = true;
    LATCH_AWAIT(&busy.stopped, 1);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, PATIENCE_MS));
}

TEST(the_property_refuses_what_is_no_open_socket)
{
    apm_socket socket = tcp_create();
    bool serialised = true;

    CHECK_ERROR(apm_socket_serialised(socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_serialised(socket, &serialised), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!serialised);
    CHECK_ERROR(apm_socket_set_serialised(socket, true), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_set_serialised((apm_socket)APM_NULL_HANDLE, true), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_set_serialised((apm_socket){1234567}, true), APM_ERROR_ARGUMENT);
}

LIBRARY_TEST_MAIN()
