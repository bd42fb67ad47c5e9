/*
 * close_and_wait: the safe moment to free what callbacks use.
 */
#include "support.h"

struct running {
    apm_socket socket;
    uint8_t buffer[4];
    apm_error own_close;
    _Atomic bool left;
    struct latch entered;
    struct latch released;
};

static void running_init(struct running *running, apm_socket socket)
{
    running->socket = socket;
    running->own_close = APM_ERROR_SUCCESS;
    atomic_init(&running->left, false);
    latch_init(&running->entered);
    latch_init(&running->released);
}

static void stay_until_released(apm_async_result result)
{
    struct running *running = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(running->socket, result, NULL));
    latch_add(&running->entered, 1);
    LATCH_AWAIT(&running->released, 1);
    atomic_store(&running->left, true);
}

static void enter_callback(struct running *running, peered_socket pair)
{
    running_init(running, pair.socket);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, running->buffer, 4, APM_SOCKET_FLAGS_NONE, stay_until_released,
                                           running, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&running->entered, 1);
}

static void release_callback(void *argument)
{
    latch_add(&((struct running *)argument)->released, 1);
}

TEST(close_and_wait_times_out_while_a_callback_runs_and_succeeds_when_it_has_returned)
{
    peered_socket pair = peered_socket_create();
    struct running running;
    struct thread releaser;

    enter_callback(&running, pair);
    CHECK_ERROR(apm_socket_close_and_wait(pair.socket, 0), APM_ERROR_WAIT_TIMEOUT);
    CHECK_ERROR(apm_socket_close_and_wait(pair.socket, SHORT_WHILE_MS), APM_ERROR_WAIT_TIMEOUT);

    /* The first call has closed it nonetheless. */
    CHECK_ERROR(apm_socket_set_no_delay(pair.socket, true), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ORDERLY_END(pair.peer, 0);
    thread_start(&releaser, release_callback, &running);
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
    CHECK(atomic_load(&running.left));
    thread_join(&releaser);
    raw_close(pair.peer);
}

TEST(close_and_wait_without_limit_waits_for_the_callbacks_of_the_operations_that_it_aborts)
{
    peered_socket pair = peered_socket_create();
    struct operation receives[20];
    uint8_t buffer[20];

    for (size_t i = 0; i < 20; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
    }
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, -1));
    for (size_t i = 0; i < 20; i++) {
        CHECK_EQ(latch_count(&receives[i].called), 1);
        CHECK_ERROR(apm_socket_end_receive(pair.socket, receives[i].result, NULL), APM_ERROR_OPERATION_ABORTED);
    }
    raw_close(pair.peer);
}

static void close_and_wait_in_own_callback(apm_async_result result)
{
    struct running *running = apm_async_result_async_state(result);

    running->own_close = apm_socket_close_and_wait(running->socket, 1000);

    /* It was left as it was: open. */
    CHECK_SUCCESS(apm_socket_set_no_delay(running->socket, true));
    CHECK_SUCCESS(apm_socket_end_receive(running->socket, result, NULL));
    latch_add(&running->entered, 1);
}

TEST(close_and_wait_in_a_callback_of_the_socket_is_an_invalid_operation_and_leaves_it_open)
{
    peered_socket pair = peered_socket_create();
    struct running running;

    running_init(&running, pair.socket);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, running.buffer, 4, APM_SOCKET_FLAGS_NONE,
                                           close_and_wait_in_own_callback, &running, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&running.entered, 1);
    CHECK_ERROR(running.own_close, APM_ERROR_INVALID_OPERATION);
    send_all(pair.socket, "y", 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 1);
    raw_close(pair.peer);
}

struct other_close {
    apm_socket other;
    uint8_t buffer[1];
    apm_error error;
    struct latch done;
};

static void close_and_wait_for_another(apm_async_result result)
{
    struct other_close *close = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    close->error = apm_socket_close_and_wait(close->other, PATIENCE_MS);
    latch_add(&close->done, 1);
}

TEST(close_and_wait_in_a_callback_of_another_socket_waits_for_that_sockets_callbacks)
{
    peered_socket mine = peered_socket_create();
    peered_socket other = peered_socket_create();
    struct other_close close = {.other = other.socket, .done = LATCH_INITIALIZER};
    struct operation pending;
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(other.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&pending)));
    CHECK_SUCCESS(apm_socket_begin_receive(mine.socket, close.buffer, 1, APM_SOCKET_FLAGS_NONE,
                                           close_and_wait_for_another, &close, NULL));
    raw_write(mine.peer, "x", 1);
    LATCH_AWAIT(&close.done, 1);
    CHECK_SUCCESS(close.error);
    CHECK_EQ(latch_count(&pending.called), 1);
    CHECK_ERROR(apm_socket_end_receive(other.socket, pending.result, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(other.peer);
    peered_socket_close(mine);
}

TEST(close_and_wait_refuses_what_is_no_socket_and_no_time)
{
    apm_socket none = APM_NULL_HANDLE;
    apm_socket invented = {UINT64_C(0x7fedcba987654321)};
    apm_socket socket = tcp_create();

    CHECK_ERROR(apm_socket_close_and_wait(none, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_close_and_wait(invented, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_close_and_wait(socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_set_no_delay(socket, true));
    CHECK_SUCCESS(apm_socket_close_and_wait(socket, -1));
}

struct freeing {
    apm_socket socket;
    _Atomic int *memory;
    uint8_t buffer[1];
};

static void use_the_memory(apm_async_result result)
{
    struct freeing *freeing = apm_async_result_async_state(result);

    /* End first: from then on only close_and_wait knows that this callback still runs. */
    apm_error error = apm_socket_end_receive(freeing->socket, result, NULL);
    CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
    for (int i = 0; i < 1000; i++) {
        atomic_fetch_add(freeing->memory, 1);
    }
}

TEST(after_close_and_wait_no_callback_touches_what_it_used)
{
    for (size_t round = 0; round < harness_scaled(300); round++) {
        peered_socket pair = peered_socket_create();
        _Atomic int memory = 0;
        struct freeing freeing = {.socket = pair.socket, .memory = &memory};

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, freeing.buffer, 1, APM_SOCKET_FLAGS_NONE, use_the_memory,
                                               &freeing, NULL));
        raw_write(pair.peer, "x", 1);
        CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
        CHECK_EQ(atomic_load(&memory), 1000);
        raw_close(pair.peer);
    }
}

LIBRARY_TEST_MAIN()
