/*
 * Streams of the program's own: what is promised of their methods and operations.
 */
#include <string.h>

#include "support_stream.h"

/* -- Reading and writing ----------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_read_of_a_stream_completes_when_its_method_has_something)
{
    for (int begins = 0; begins < 2; begins++) {
        struct pipe pipe;
        struct operation read;
        uint8_t buffer[4];
        size_t count;
        apm_stream stream;

        pipe_init(&pipe);
        stream = pipe_stream(&pipe, begins, false);
        CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_COMPLETION(&read)));
        CHECK_EQ(apm_async_result_stream(read.result).bits, stream.bits);
        CHECK(apm_socket_is_null(apm_async_result_socket(read.result)));
        CHECK_PENDING(&read);
        pipe_put(&pipe, "abc", 3);
        CHECK_SUCCESS(finish_read(stream, &read, &count));
        CHECK_EQ(count, 3);
        CHECK_EQ(memcmp(buffer, "abc", 3), 0);
        CHECK_SUCCESS(apm_stream_close(stream));
        LATCH_AWAIT(&pipe.closed, 1);
    }
}

CONTRACT_TEST(reads_of_a_stream_are_served_one_at_a_time_in_the_order_begun_and_writes_beside_them)
{
    for (int begins = 0; begins < 2; begins++) {
        struct pipe pipe;
        struct operation reads[4];
        struct operation writes[4];
        uint8_t bytes[4];
        apm_stream stream;

        pipe_init(&pipe);
        stream = pipe_stream(&pipe, begins, false);
        for (size_t i = 0; i < 4; i++) {
            CHECK_SUCCESS(apm_stream_begin_read(stream, &bytes[i], 1, ON_COMPLETION(&reads[i])));
        }
        for (size_t i = 0; i < 4; i++) {
            CHECK_SUCCESS(apm_stream_begin_write(stream, &"wxyz"[i], 1, ON_COMPLETION(&writes[i])));
        }
        for (size_t i = 0; i < 4; i++) {
            size_t count;

            CHECK_SUCCESS(finish_write(stream, &writes[i]));
            CHECK_SUCCESS(finish_read(stream, &reads[i], &count));
            CHECK_EQ(count, 1);
        }
        CHECK_EQ(memcmp(bytes, "wxyz", 4), 0);
        CHECK_EQ(PIPE_LOOK(&pipe, most_at_once), begins ? 0 : 1);
        CHECK_SUCCESS(apm_stream_close(stream));
        LATCH_AWAIT(&pipe.closed, 1);
    }
}

struct blocked_read {
    apm_stream stream;
    apm_error error;
    size_t count;
    uint8_t buffer[4];
};

static void block_in_read(void *argument)
{
    struct blocked_read *blocked = argument;

    blocked->error = apm_stream_read(blocked->stream, blocked->buffer, 4, &blocked->count);
}

CONTRACT_TEST(an_operation_waits_behind_a_synchronous_read_and_the_other_way_round)
{
    struct pipe pipe;
    struct operation read;
    struct blocked_read blocked;
    struct thread thread;
    uint8_t buffer[4];
    size_t count;

    pipe_init(&pipe);
    blocked.stream = pipe_stream(&pipe, false, false);
    thread_start(&thread, block_in_read, &blocked);
    LATCH_AWAIT(&pipe.read_entered, 1);
    CHECK_SUCCESS(apm_stream_begin_read(blocked.stream, buffer, 4, ON_COMPLETION(&read)));
    CHECK_PENDING(&read);
    CHECK_EQ(latch_count(&pipe.read_entered), 1);
    pipe_put(&pipe, "ab", 2);
    thread_join(&thread);
    CHECK_SUCCESS(blocked.error);
    CHECK_EQ(blocked.count, 2);

    LATCH_AWAIT(&pipe.read_entered, 2);
    thread_start(&thread, block_in_read, &blocked);
    CHECK_PENDING(&read);
    pipe_put(&pipe, "cd", 2);
    CHECK_SUCCESS(finish_read(blocked.stream, &read, &count));
    CHECK_EQ(memcmp(buffer, "cd", 2), 0);
    pipe_put(&pipe, "ef", 2);
    thread_join(&thread);
    CHECK_SUCCESS(blocked.error);
    CHECK_EQ(memcmp(blocked.buffer, "ef", 2), 0);
    CHECK_SUCCESS(apm_stream_close(blocked.stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

TEST(a_synchronous_read_of_a_stream_whose_methods_begin_waits_for_the_completion)
{
    struct pipe pipe;
    struct blocked_read blocked;
    struct thread thread;

    pipe_init(&pipe);
    blocked.stream = pipe_stream(&pipe, true, false);
    CHECK_SUCCESS(apm_stream_write(blocked.stream, "ab", 2));
    CHECK_SUCCESS(apm_stream_read(blocked.stream, blocked.buffer, 4, &blocked.count));
    CHECK_EQ(blocked.count, 2);
    thread_start(&thread, block_in_read, &blocked);
    LATCH_AWAIT(&pipe.read_entered, 2);
    pipe_end(&pipe);
    thread_join(&thread);
    CHECK_SUCCESS(blocked.error);
    CHECK_EQ(blocked.count, 0);
    CHECK_SUCCESS(apm_stream_close(blocked.stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

/* -- Cancel and deadline ----------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_read_in_progress_that_is_cancelled_is_broken_off_by_the_method_and_the_next_one_goes_on)
{
    for (int begins = 0; begins < 2; begins++) {
        struct pipe pipe;
        struct operation read;
        struct operation next;
        uint8_t buffer[2];
        size_t count = 99;
        apm_stream stream;

        pipe_init(&pipe);
        stream = pipe_stream(&pipe, begins, true);
        CHECK_SUCCESS(apm_stream_begin_read(stream, &buffer[0], 1, ON_COMPLETION(&read)));
        CHECK_SUCCESS(apm_stream_begin_read(stream, &buffer[1], 1, ON_COMPLETION(&next)));
        LATCH_AWAIT(&pipe.read_entered, 1);
        CHECK_SUCCESS(apm_async_result_cancel(read.result));
        CHECK_ERROR(finish_read(stream, &read, &count), APM_ERROR_OPERATION_ABORTED);
        CHECK_EQ(count, 0);
        pipe_put(&pipe, "x", 1);
        CHECK_SUCCESS(finish_read(stream, &next, &count)); /* begun after the call of `cancel`, if not the outcome */
        CHECK_EQ(buffer[1], 'x');
        CHECK_EQ(PIPE_LOOK(&pipe, cancelled.bits), read.result.bits);
        CHECK_SUCCESS(apm_stream_close(stream));
        LATCH_AWAIT(&pipe.closed, 1);
        CHECK_EQ(PIPE_LOOK(&pipe, cancels), 1);
    }
}

CONTRACT_TEST(a_cancel_is_not_lost_that_comes_before_the_method_has_come_to_wait)
{
    for (int begins = 0; begins < 2; begins++) {
        struct latch gate = LATCH_INITIALIZER;
        struct pipe pipe;
        struct operation read;
        uint8_t buffer[4];
        apm_stream stream;

        pipe_init(&pipe);
        pipe.gate = &gate;
        stream = pipe_stream(&pipe, begins, true);
        CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_COMPLETION(&read)));
        LATCH_AWAIT(&pipe.read_entered, 1);
        CHECK_SUCCESS(apm_async_result_cancel(read.result));
        CHECK_PENDING(&read);
        if (begins) {
            CHECK_EQ(latch_count(&pipe.cancelling), 0);
        } else {
            LATCH_AWAIT(&pipe.cancelling, 1);
        }
        latch_add(&gate, 1);
        CHECK_ERROR(finish_read(stream, &read, NULL), APM_ERROR_OPERATION_ABORTED);
        CHECK_SUCCESS(apm_stream_close(stream));
        LATCH_AWAIT(&pipe.closed, 1);
        CHECK_EQ(PIPE_LOOK(&pipe, cancels), 1);
    }
}

TEST(a_close_is_not_lost_that_comes_before_a_synchronous_read_has_come_to_wait)
{
    struct latch gate = LATCH_INITIALIZER;
    struct pipe pipe;
    struct blocked_read blocked;
    struct thread thread;

    pipe_init(&pipe);
    pipe.gate = &gate;
    blocked.stream = pipe_stream(&pipe, false, true);
    thread_start(&thread, block_in_read, &blocked);
    LATCH_AWAIT(&pipe.read_entered, 1);
    CHECK_SUCCESS(apm_stream_close(blocked.stream));
    latch_add(&gate, 1);
    thread_join(&thread);
    CHECK_ERROR(blocked.error, APM_ERROR_OPERATION_ABORTED);
    LATCH_AWAIT(&pipe.closed, 1);
}

/* A stream of which each read reads another stream first. */
struct layer {
    apm_stream inner;
    struct latch entered;
    struct latch go;
    bool before; /* whether a cancellation was requested before the inner read, and after it */
    bool after;
};

static apm_error read_through(void *context, void *buffer, size_t size, size_t *read)
{
    struct layer *layer = context;
    apm_error error;

    latch_add(&layer->entered, 1);
    LATCH_AWAIT(&layer->go, 1);
    layer->before = apm_stream_is_cancellation_requested();
    error = apm_stream_read(layer->inner, buffer, size, read);
    layer->after = apm_stream_is_cancellation_requested();
    return error;
}

CONTRACT_TEST(whether_a_cancellation_is_requested_is_the_question_of_the_innermost_method_on_the_thread)
{
    apm_stream_methods methods = {.read = read_through};
    struct layer layer = {.entered = LATCH_INITIALIZER, .go = LATCH_INITIALIZER};
    struct pipe pipe;
    struct operation read;
    apm_stream outer;
    uint8_t buffer[4];
    size_t count;

    pipe_init(&pipe);
    pipe_put(&pipe, "abc", 3);
    layer.inner = pipe_stream(&pipe, false, true);
    CHECK_SUCCESS(apm_stream_create((apm_thread_pool)APM_NULL_HANDLE, &methods, &layer, &outer));
    CHECK_SUCCESS(apm_stream_begin_read(outer, buffer, 4, ON_COMPLETION(&read)));
    LATCH_AWAIT(&layer.entered, 1);
    CHECK_SUCCESS(apm_async_result_cancel(read.result));
    CHECK(!apm_stream_is_cancellation_requested());
    latch_add(&layer.go, 1);
    CHECK_SUCCESS(finish_read(outer, &read, &count)); /* the inner read was not asked to end */
    CHECK_EQ(count, 3);
    CHECK(layer.before && layer.after);
    CHECK_SUCCESS(apm_stream_close(outer));
    CHECK_SUCCESS(apm_stream_close(layer.inner));
    LATCH_AWAIT(&pipe.closed, 1);
}

CONTRACT_TEST(the_deadline_of_a_read_ends_it_with_timed_out)
{
    for (int begins = 0; begins < 2; begins++) {
        struct pipe pipe;
        struct operation read;
        uint8_t buffer[4];
        apm_stream stream;

        pipe_init(&pipe);
        stream = pipe_stream(&pipe, begins, true);
        CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_COMPLETION(&read)));
        LATCH_AWAIT(&pipe.read_entered, 1);
        CHECK_SUCCESS(apm_async_result_cancel_after(read.result, 10));
        CHECK_ERROR(finish_read(stream, &read, NULL), APM_ERROR_TIMED_OUT);
        CHECK_SUCCESS(apm_stream_close(stream));
        LATCH_AWAIT(&pipe.closed, 1);
    }
}

CONTRACT_TEST(a_read_that_waits_for_its_turn_is_cancelled_at_once_and_no_method_hears_of_it)
{
    struct pipe pipe;
    struct operation first;
    struct operation waiting;
    uint8_t buffer[2];
    apm_stream stream;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, false, true);
    CHECK_SUCCESS(apm_stream_begin_read(stream, &buffer[0], 1, ON_COMPLETION(&first)));
    CHECK_SUCCESS(apm_stream_begin_read(stream, &buffer[1], 1, ON_COMPLETION(&waiting)));
    CHECK_SUCCESS(apm_async_result_cancel(waiting.result));
    CHECK_ERROR(finish_read(stream, &waiting, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(PIPE_LOOK(&pipe, cancels), 0);
    pipe_put(&pipe, "x", 1);
    CHECK_SUCCESS(finish_read(stream, &first, NULL));
    CHECK_SUCCESS(apm_stream_close(stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

CONTRACT_TEST(without_a_method_to_cancel_a_read_in_progress_goes_on_and_its_outcome_stands)
{
    struct pipe pipe;
    struct operation read;
    uint8_t buffer[4];
    size_t count;
    apm_stream stream;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, false, false);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_COMPLETION(&read)));
    LATCH_AWAIT(&pipe.read_entered, 1);
    CHECK_SUCCESS(apm_async_result_cancel(read.result));
    CHECK_PENDING(&read);
    pipe_put(&pipe, "abc", 3);
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_stream_close(stream));
    LATCH_AWAIT(&pipe.closed, 1);
}

/* -- Close ------------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(close_ends_what_waits_and_breaks_off_what_is_in_progress_with_object_disposed)
{
    for (int begins = 0; begins < 2; begins++) {
        struct pipe pipe;
        struct operation reads[3];
        uint8_t buffer[3];
        apm_stream stream;

        pipe_init(&pipe);
        stream = pipe_stream(&pipe, begins, true);
        for (size_t i = 0; i < 3; i++) {
            CHECK_SUCCESS(apm_stream_begin_read(stream, &buffer[i], 1, ON_COMPLETION(&reads[i])));
        }
        LATCH_AWAIT(&pipe.read_entered, 1);
        CHECK_SUCCESS(apm_stream_close(stream));
        CHECK_SUCCESS(apm_stream_close(stream));
        for (size_t i = 0; i < 3; i++) {
            CHECK_ERROR(finish_read(stream, &reads[i], NULL), APM_ERROR_OBJECT_DISPOSED);
        }
        LATCH_AWAIT(&pipe.closed, 1);
        CHECK_EQ(latch_count(&pipe.read_entered), 1);
    }
}

TEST(close_without_a_method_to_cancel_waits_for_nothing_and_the_context_is_closed_when_the_read_is_over)
{
    struct pipe pipe;
    struct operation read;
    uint8_t buffer[4];
    size_t count;
    apm_stream stream;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, false, false);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_CALLBACK(&read)));
    LATCH_AWAIT(&pipe.read_entered, 1);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK(!latch_wait(&pipe.closed, 1, SHORT_WHILE_MS));
    pipe_put(&pipe, "abc", 3);
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 3);
    LATCH_AWAIT(&pipe.closed, 1);
}

TEST(close_breaks_off_a_synchronous_read_by_calling_cancel_for_no_operation)
{
    struct pipe pipe;
    struct blocked_read blocked;
    struct thread thread;

    pipe_init(&pipe);
    blocked.stream = pipe_stream(&pipe, false, true);
    thread_start(&thread, block_in_read, &blocked);
    LATCH_AWAIT(&pipe.read_entered, 1);
    CHECK_SUCCESS(apm_stream_close(blocked.stream));
    thread_join(&thread);
    CHECK_ERROR(blocked.error, APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(PIPE_LOOK(&pipe, cancelled.bits), 0);
    LATCH_AWAIT(&pipe.closed, 1);
}

static apm_stream to_be_closed;

static void close_in_callback(apm_async_result result)
{
    struct latch *done = apm_async_result_async_state(result);

    CHECK_EQ(apm_async_result_stream(result).bits, to_be_closed.bits);
    CHECK_SUCCESS(apm_stream_close(to_be_closed));
    CHECK_SUCCESS(apm_stream_end_read(to_be_closed, result, NULL));
    latch_add(done, 1);
}

TEST(a_stream_may_be_closed_in_the_callback_of_its_own_read_whose_outcome_stands)
{
    struct pipe pipe;
    struct latch done = LATCH_INITIALIZER;
    uint8_t buffer[4];

    pipe_init(&pipe);
    to_be_closed = pipe_stream(&pipe, false, true);
    pipe_put(&pipe, "abc", 3);
    CHECK_SUCCESS(apm_stream_begin_read(to_be_closed, buffer, 4, close_in_callback, &done, NULL));
    LATCH_AWAIT(&done, 1);
    LATCH_AWAIT(&pipe.closed, 1);
}

TEST(a_stream_that_was_forgotten_is_closed_by_cleanup)
{
    struct pipe pipe;
    struct operation read;
    uint8_t buffer[4];
    apm_stream stream;

    pipe_init(&pipe);
    stream = pipe_stream(&pipe, true, true);
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_CALLBACK(&read)));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_EQ(latch_count(&pipe.closed), 1);
    CHECK(!apm_stream_can_read(stream));
    CHECK_ERROR(apm_stream_read(stream, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
}

/* -- Misuse ------------------------------------------------------------------------------------------------------ */

TEST(completing_what_is_not_to_be_completed_is_an_error)
{
    struct pipe waiting;
    struct pipe beginning;
    struct operation read;
    struct operation begun;
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    apm_async_result none = APM_NULL_HANDLE;
    apm_stream first;
    apm_stream second;

    pipe_init(&waiting);
    pipe_init(&beginning);
    first = pipe_stream(&waiting, false, true);
    second = pipe_stream(&beginning, true, true);
    CHECK_SUCCESS(apm_stream_begin_read(first, buffer, 4, ON_CALLBACK(&read)));
    CHECK_SUCCESS(apm_stream_begin_read(second, buffer, 4, ON_CALLBACK(&begun)));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    LATCH_AWAIT(&waiting.read_entered, 1);
    LATCH_AWAIT(&beginning.read_entered, 1);

    CHECK_ERROR(apm_stream_complete(none, APM_ERROR_SUCCESS, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_complete(receive.result, APM_ERROR_SUCCESS, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_stream_complete(read.result, APM_ERROR_SUCCESS, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_complete(begun.result, APM_ERROR_SUCCESS, 5), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_PENDING(&begun);
    CHECK_SUCCESS(apm_stream_complete(begun.result, APM_ERROR_IO, 0));
    CHECK_ERROR(apm_stream_complete(begun.result, APM_ERROR_IO, 0), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(finish_read(second, &begun, NULL), APM_ERROR_IO);
    CHECK_ERROR(apm_stream_complete(begun.result, APM_ERROR_IO, 0), APM_ERROR_INVALID_OPERATION);

    CHECK_SUCCESS(apm_stream_close(first));
    CHECK_ERROR(finish_read(first, &read, NULL), APM_ERROR_OBJECT_DISPOSED);
    LATCH_AWAIT(&waiting.closed, 1);
    CHECK_SUCCESS(apm_stream_close(second));
    LATCH_AWAIT(&beginning.closed, 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(pair.peer);
}

TEST(a_stream_without_methods_can_do_nothing_and_says_so)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    apm_stream_methods methods = {.read = NULL};
    apm_stream stream;
    apm_async_result result;
    uint8_t buffer[4] = {0};
    int64_t position;
    int timeout_ms;

    CHECK_ERROR(apm_stream_create(pool, NULL, NULL, &stream), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_create(pool, &methods, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_stream_create(pool, &methods, NULL, &stream));
    CHECK(!apm_stream_can_read(stream) && !apm_stream_can_write(stream));
    CHECK(!apm_stream_can_seek(stream) && !apm_stream_can_timeout(stream));
    CHECK_ERROR(apm_stream_read(stream, buffer, 4, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_write(stream, buffer, 4), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_begin_read(stream, buffer, 4, NULL, NULL, &result), APM_ERROR_NOT_SUPPORTED);
    CHECK(apm_async_result_is_null(result));
    CHECK_ERROR(apm_stream_position(stream, &position), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(stream, 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_read_timeout(stream, &timeout_ms), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_stream_flush(stream));
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_stream_flush(stream), APM_ERROR_OBJECT_DISPOSED);
}

LIBRARY_TEST_MAIN()
