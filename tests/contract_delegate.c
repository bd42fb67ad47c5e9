/*
 * Delegates: any function on the pool with an asynchronous result.
 */
#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void *increment(void *argument)
{
    int *number = argument;

    CHECK(apm_thread_pool_is_pool_thread());
    (*number)++;
    return number;
}

static void *wait_for_latch(void *argument)
{
    LATCH_AWAIT((struct latch *)argument, 1);
    return argument;
}

static void one_worker(void)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
}

TEST(end_invoke_waits_and_gives_the_value)
{
    int number = 1;
    void *value;
    apm_async_result result;

    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, increment, &number, NULL, NULL, &result));
    CHECK(apm_socket_is_null(apm_async_result_socket(result)));
    CHECK_SUCCESS(apm_delegate_end_invoke(increment, result, &value));
    CHECK(value == &number);
    CHECK_EQ(number, 2);
    CHECK_ERROR(apm_delegate_end_invoke(increment, result, &value), APM_ERROR_INVALID_OPERATION);
    CHECK(value == NULL);
}

struct called {
    struct latch done;
    int number;
};

static void end_in_callback(apm_async_result result)
{
    struct called *called = apm_async_result_async_state(result);
    void *value;

    CHECK(apm_socket_is_null(apm_async_result_socket(result)));
    CHECK_SUCCESS(apm_delegate_end_invoke(increment, result, &value));
    CHECK(value == &called->number);
    latch_add(&called->done, 1);
}

TEST(the_callback_comes_after_the_function)
{
    struct called called = {.number = 41};

    latch_init(&called.done);
    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, increment, &called.number, end_in_callback, &called, NULL));
    LATCH_AWAIT(&called.done, 1);
    CHECK_EQ(called.number, 42);
}

TEST(a_call_that_has_not_started_can_be_cancelled)
{
    struct latch gate;
    int number = 0;
    apm_async_result blocker;
    apm_async_result result;
    void *value = &number;

    one_worker();
    latch_init(&gate);
    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, wait_for_latch, &gate, NULL, NULL, &blocker));
    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, increment, &number, NULL, NULL, &result));
    CHECK_SUCCESS(apm_async_result_cancel(result));
    CHECK_ERROR(apm_delegate_end_invoke(increment, result, &value), APM_ERROR_OPERATION_ABORTED);
    CHECK(value == NULL);
    latch_add(&gate, 1);
    CHECK_SUCCESS(apm_delegate_end_invoke(wait_for_latch, blocker, NULL));
    CHECK_SUCCESS(apm_cleanup(-1));
    CHECK_EQ(number, 0);
}

TEST(a_deadline_ends_a_call_that_has_not_started_only)
{
    struct latch gate;
    int number = 0;
    apm_async_result blocker;
    apm_async_result result;

    one_worker();
    latch_init(&gate);
    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, wait_for_latch, &gate, NULL, NULL, &blocker));
    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, increment, &number, NULL, NULL, &result));
    CHECK_SUCCESS(apm_async_result_cancel_after(result, 1));
    CHECK_ERROR(apm_delegate_end_invoke(increment, result, NULL), APM_ERROR_TIMED_OUT);
    latch_add(&gate, 1);
    CHECK_SUCCESS(apm_delegate_end_invoke(wait_for_latch, blocker, NULL));
    CHECK_EQ(number, 0);
}

TEST(the_result_of_another_call_is_refused)
{
    int number = 0;
    apm_async_result result;
    apm_socket null_socket = APM_NULL_HANDLE;
    apm_socket socket = tcp_create();

    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, increment, &number, NULL, NULL, &result));
    CHECK_ERROR(apm_delegate_end_invoke(wait_for_latch, result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_delegate_end_invoke(NULL, result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_receive(socket, result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_receive(null_socket, result, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_delegate_end_invoke(increment, result, NULL));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(bad_arguments_begin_nothing)
{
    apm_thread_pool invented = {UINT64_C(0x7123456789abcdef)};
    apm_async_result result = {1};

    CHECK_ERROR(apm_delegate_begin_invoke(default_pool, NULL, NULL, NULL, NULL, &result), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_async_result_is_null(result));
    CHECK_ERROR(apm_delegate_begin_invoke(default_pool, increment, NULL, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_delegate_begin_invoke(invented, increment, NULL, NULL, NULL, &result), APM_ERROR_ARGUMENT);
}

TEST_MAIN()
