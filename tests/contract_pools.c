/*
 * Pools of the program's: sockets and items on them, and their end.
 */
#include "support.h"

static apm_thread_pool pool_create(int min_threads, int max_threads)
{
    apm_thread_pool pool;

    CHECK_SUCCESS(apm_thread_pool_create(min_threads, max_threads, &pool));
    return pool;
}

static void add_one(void *state)
{
    latch_add(state, 1);
}

struct blocker {
    struct latch started;
    struct latch leave;
};

static void block(void *state)
{
    struct blocker *blocker = state;

    latch_add(&blocker->started, 1);
    LATCH_AWAIT(&blocker->leave, 1);
}

static void blocker_init(struct blocker *blocker)
{
    latch_init(&blocker->started);
    latch_init(&blocker->leave);
}

TEST(a_pool_whose_only_thread_blocks_does_not_hold_up_another)
{
    apm_thread_pool pool = pool_create(1, 1);
    apm_thread_pool other = pool_create(1, 1);
    struct blocker blocker;
    struct latch done;

    blocker_init(&blocker);
    latch_init(&done);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, block, &blocker, false));
    LATCH_AWAIT(&blocker.started, 1);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false));
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(other, add_one, &done, false));
    LATCH_AWAIT(&done, 1);
    CHECK_EQ(latch_count(&done), 1);
    latch_add(&blocker.leave, 1);
    LATCH_AWAIT(&done, 2);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, -1));
    CHECK_SUCCESS(apm_thread_pool_destroy(other, -1));
}

TEST(limits_and_counts_are_each_pool_s_own)
{
    apm_thread_pool pool = pool_create(3, 5);
    apm_thread_pool other = pool_create(0, 0);
    struct latch done;
    int threads;
    int64_t items;

    latch_init(&done);
    CHECK_SUCCESS(apm_thread_pool_min_threads(pool, &threads));
    CHECK_EQ(threads, 3);
    CHECK_SUCCESS(apm_thread_pool_max_threads(pool, &threads));
    CHECK_EQ(threads, 5);
    CHECK_SUCCESS(apm_thread_pool_max_threads(other, &threads));
    CHECK_EQ(threads, 32767);
    CHECK_SUCCESS(apm_thread_pool_thread_count(pool, &threads));
    CHECK_EQ(threads, 0); /* before first use */
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false));
    do
        CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(pool, &items));
    while (items < 1);
    CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(other, &items));
    CHECK_EQ(items, 0);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, -1));
    CHECK_SUCCESS(apm_thread_pool_destroy(other, -1));
}

/* A callback that tells how many items its pool has completed: it must be the one that runs it. */
struct echo {
    apm_socket listener;
    apm_socket accepted;
    uint8_t buffer[4];
    struct latch accepted_latch;
    struct latch received;
    apm_error error;
};

static void on_received(apm_async_result result)
{
    struct echo *echo = apm_async_result_async_state(result);

    echo->error = apm_socket_end_receive(echo->accepted, result, NULL);
    latch_add(&echo->received, 1);
}

static void on_accepted(apm_async_result result)
{
    struct echo *echo = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_accept(echo->listener, result, &echo->accepted));
    CHECK_SUCCESS(apm_socket_begin_receive(echo->accepted, echo->buffer, sizeof echo->buffer, APM_SOCKET_FLAGS_NONE,
                                           on_received, echo, NULL));
    latch_add(&echo->accepted_latch, 1);
}

static apm_socket listen_on(apm_thread_pool pool, apm_endpoint *local)
{
    apm_socket listener;

    CHECK_SUCCESS(apm_socket_create_on_pool(pool, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                            APM_PROTOCOL_TYPE_TCP, &listener));
    CHECK_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), 0, local));
    CHECK_SUCCESS(apm_socket_bind(listener, *local));
    CHECK_SUCCESS(apm_socket_listen(listener, 8));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, local));
    return listener;
}

TEST(destroying_a_pool_closes_its_sockets_and_completes_what_is_pending)
{
    apm_thread_pool pool = pool_create(0, 0);
    struct echo echo = {.error = APM_ERROR_SUCCESS};
    apm_endpoint local;
    apm_socket mine = tcp_create();
    int64_t items;

    latch_init(&echo.accepted_latch);
    latch_init(&echo.received);
    echo.listener = listen_on(pool, &local);
    CHECK_SUCCESS(apm_socket_begin_accept(echo.listener, on_accepted, &echo, NULL));
    int client = raw_connect(local);
    LATCH_AWAIT(&echo.accepted_latch, 1);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, -1));
    CHECK_EQ(latch_count(&echo.received), 1); /* an accepted connection is on its listener's pool */
    CHECK_EQ(echo.error, APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(apm_socket_listen(echo.listener, 1), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_thread_pool_completed_work_item_count(pool, &items), APM_ERROR_OBJECT_DISPOSED);
    raw_close(client);
    CHECK_SUCCESS(apm_socket_set_no_delay(mine, true)); /* those of the default pool are left alone */
    CHECK_SUCCESS(apm_socket_close(mine));
}

TEST(destroy_runs_what_is_queued_and_refuses_the_rest)
{
    apm_thread_pool pool = pool_create(1, 1);
    apm_thread_pool next;
    struct blocker blocker;
    struct latch done;
    apm_socket socket;

    blocker_init(&blocker);
    latch_init(&done);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, block, &blocker, false));
    LATCH_AWAIT(&blocker.started, 1);
    for (int i = 0; i < 100; i++)
        CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false));
    CHECK_ERROR(apm_thread_pool_destroy(pool, 1), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false)); /* it goes on */
    latch_add(&blocker.leave, 1);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, -1));
    CHECK_EQ(latch_count(&done), 101);
    next = pool_create(0, 0); /* the same slot, another pool */
    CHECK_ERROR(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_create_on_pool(pool, APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                          APM_PROTOCOL_TYPE_TCP, &socket),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_socket_is_null(socket));
    CHECK_ERROR(apm_thread_pool_destroy(pool, -1), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(next, add_one, &done, false));
    CHECK_SUCCESS(apm_thread_pool_destroy(next, -1));
    CHECK_EQ(latch_count(&done), 102);
}

struct destroyer {
    apm_thread_pool victim;
    struct latch done;
    apm_error error;
};

static void destroy_it(void *state)
{
    struct destroyer *destroyer = state;

    destroyer->error = apm_thread_pool_destroy(destroyer->victim, -1);
    latch_add(&destroyer->done, 1);
}

TEST(a_pool_is_not_destroyed_by_its_own_worker_but_by_that_of_another)
{
    apm_thread_pool pool = pool_create(1, 2);
    apm_thread_pool other = pool_create(1, 1);
    struct destroyer destroyer = {.victim = pool};

    latch_init(&destroyer.done);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, destroy_it, &destroyer, false));
    LATCH_AWAIT(&destroyer.done, 1);
    CHECK_EQ(destroyer.error, APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(other, destroy_it, &destroyer, false));
    LATCH_AWAIT(&destroyer.done, 2);
    CHECK_EQ(destroyer.error, APM_ERROR_SUCCESS);
    CHECK_SUCCESS(apm_thread_pool_destroy(other, -1));
}

TEST(many_pools_come_and_go)
{
    for (int round = 0; round < 20; round++) {
        apm_thread_pool pools[5];
        struct latch done;

        latch_init(&done);
        for (int i = 0; i < 5; i++) {
            pools[i] = pool_create(1, 2);
            for (int item = 0; item < 10; item++)
                CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pools[i], add_one, &done, item % 2));
        }
        for (int i = 0; i < 5; i++)
            CHECK_SUCCESS(apm_thread_pool_destroy(pools[i], -1));
        CHECK_EQ(latch_count(&done), 50);
    }
}

TEST(cleanup_ends_pools_that_were_not_destroyed)
{
    apm_thread_pool pool = pool_create(0, 0);
    struct latch done;
    int threads;

    latch_init(&done);
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(pool, add_one, &done, false));
    CHECK_SUCCESS(apm_cleanup(-1));
    CHECK_EQ(latch_count(&done), 1);
    CHECK_ERROR(apm_thread_pool_min_threads(pool, &threads), APM_ERROR_OBJECT_DISPOSED);
}

TEST(bad_arguments_make_no_pool)
{
    apm_thread_pool invented = {UINT64_C(0x7123456789abcdef)};
    apm_thread_pool null_pool = APM_NULL_HANDLE;
    apm_thread_pool pool = {1};

    CHECK_ERROR(apm_thread_pool_create(1, 1, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_create(-1, 1, &pool), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_thread_pool_is_null(pool));
    CHECK_ERROR(apm_thread_pool_create(0, -1, &pool), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_create(3, 2, &pool), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_thread_pool_destroy(null_pool, -1), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_destroy(invented, -1), APM_ERROR_ARGUMENT);
    pool = pool_create(0, 0);
    CHECK_ERROR(apm_thread_pool_destroy(pool, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_thread_pool_destroy(pool, 0)); /* it never started */
}

TEST_MAIN()
