/*
 * Event queues: what include/apm/compat/event_queue.h says of each function. How threads interleave is in
 * race_event_queue.c, and foreign event loops are in contract_event_loops.c.
 */
#include "apm/compat/event_queue.h"

#include <string.h>

#include "support.h"

enum { NUMBER = APM_EVENT_MESSAGE_USER + 1, MANY = 1000 };

static apm_event_queue queue_create(size_t capacity)
{
    apm_event_queue queue;

    CHECK_SUCCESS(apm_event_queue_create(capacity, &queue));
    CHECK(!apm_event_queue_is_null(queue));
    return queue;
}

struct seen {
    size_t count;
    apm_event_message last;
    apm_event_queue queue;
    apm_event_target target;
};

static void note(const apm_event_message *message, void *context)
{
    struct seen *seen = context;

    seen->count++;
    seen->last = *message;
}

static apm_event_target target_create(apm_event_queue queue, apm_event_handler *handler, struct seen *seen)
{
    memset(seen, 0, sizeof *seen);
    seen->queue = queue;
    CHECK_SUCCESS(apm_event_target_create(queue, handler, seen, &seen->target));
    return seen->target;
}

TEST(messages_come_out_in_the_order_in_which_they_were_posted)
{
    apm_event_queue queue = queue_create(0);
    apm_event_message message;
    size_t count;

    for (uintptr_t i = 0; i < MANY; i++) {
        CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, i, -(intptr_t)i));
    }
    CHECK_SUCCESS(apm_event_queue_count(queue, &count));
    CHECK_EQ(count, MANY);
    for (uintptr_t i = 0; i < MANY; i++) {
        CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
        CHECK(apm_event_target_is_null(message.target));
        CHECK_EQ(message.message, NUMBER);
        CHECK_EQ(message.w_param, i);
        CHECK_EQ(message.l_param, -(intptr_t)i);
    }
    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK_EQ(message.message, 0);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(peek_leaves_the_message_where_it_is)
{
    apm_event_queue queue = queue_create(0);
    apm_event_message message;

    CHECK_ERROR(apm_event_queue_peek(queue, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 7, 0));
    CHECK_SUCCESS(apm_event_queue_peek(queue, &message));
    CHECK_EQ(message.w_param, 7);
    CHECK_SUCCESS(apm_event_queue_peek(queue, &message));
    CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    CHECK_EQ(message.w_param, 7);
    CHECK_ERROR(apm_event_queue_peek(queue, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(get_waits_no_longer_than_its_timeout)
{
    apm_event_queue queue = queue_create(0);
    apm_event_message message;
    int64_t start = harness_now_ms();

    CHECK_ERROR(apm_event_queue_get(queue, SHORT_WHILE_MS, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK(harness_now_ms() - start >= SHORT_WHILE_MS - 1);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void *post_one(void *argument)
{
    CHECK_SUCCESS(apm_event_queue_post(*(apm_event_queue *)argument, NUMBER, 1, 0));
    return NULL;
}

TEST(get_that_waits_is_woken_by_a_post_of_another_thread)
{
    apm_event_queue queue = queue_create(0);
    apm_event_message message;
    pthread_t thread;

    for (int i = 0; i < 50; i++) {
        CHECK_EQ(pthread_create(&thread, NULL, post_one, &queue), 0);
        CHECK_SUCCESS(apm_event_queue_get(queue, PATIENCE_MS, &message));
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(bounded_queue_refuses_what_is_too_much_and_takes_it_when_there_is_room)
{
    apm_event_queue queue = queue_create(3);
    apm_event_message message;

    for (int round = 0; round < 3; round++) {
        for (uintptr_t i = 0; i < 3; i++) {
            CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, i, 0));
        }
        CHECK_ERROR(apm_event_queue_post(queue, NUMBER, 3, 0), APM_ERROR_WOULD_BLOCK);
        CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
        CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 3, 0));
        for (uintptr_t i = 1; i < 4; i++) {
            CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
            CHECK_EQ(message.w_param, i);
        }
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void *use_as_stranger(void *argument)
{
    apm_event_queue queue = *(apm_event_queue *)argument;
    apm_event_message message;

    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_event_queue_peek(queue, &message), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_event_queue_pump(queue, 0, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_event_queue_run(queue, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 1, 0));
    CHECK_SUCCESS(apm_event_queue_attach_thread(queue));
    CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    return NULL;
}

TEST(only_the_owner_gets_and_attaching_makes_another_thread_the_owner)
{
    apm_event_queue queue = queue_create(0);
    apm_event_message message;
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, use_as_stranger, &queue), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_event_queue_attach_thread(queue));
    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(target_gets_its_own_messages_by_dispatch_with_its_context)
{
    apm_event_queue queue = queue_create(0);
    struct seen one, other;
    apm_event_target target = target_create(queue, note, &one);
    size_t dispatched;

    target_create(queue, note, &other);
    CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 5, -6));
    CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 1, 1)); /* of no target: dropped by the pump */
    CHECK_SUCCESS(apm_event_target_post(other.target, NUMBER + 1, 0, 0));
    CHECK_SUCCESS(apm_event_queue_pump(queue, 0, &dispatched));
    CHECK_EQ(dispatched, 3);
    CHECK_EQ(one.count, 1);
    CHECK_EQ(one.last.w_param, 5);
    CHECK_EQ(one.last.l_param, -6);
    CHECK(apm_event_target_equals(one.last.target, target));
    CHECK_EQ(other.count, 1);
    CHECK_EQ(other.last.message, NUMBER + 1);
    CHECK_ERROR(apm_event_queue_pump(queue, 0, &dispatched), APM_ERROR_WAIT_TIMEOUT);
    CHECK_EQ(dispatched, 0);
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_SUCCESS(apm_event_target_close(other.target));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(closed_target_gets_no_message_any_more)
{
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, note, &seen);
    apm_event_message message;

    CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 1, 0));
    CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 2, 0));
    CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 3, 0));
    CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_ERROR(apm_event_queue_dispatch(&message), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    CHECK_EQ(message.w_param, 3);
    CHECK_ERROR(apm_event_target_post(target, NUMBER, 1, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_EQ(seen.count, 0);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void close_yourself(const apm_event_message *message, void *context)
{
    struct seen *seen = context;

    note(message, context);
    CHECK_SUCCESS(apm_event_target_close(seen->target));
    CHECK_ERROR(apm_event_queue_pump(seen->queue, 0, NULL), APM_ERROR_WAIT_TIMEOUT);
}

TEST(target_may_close_itself_in_its_handler_and_is_not_called_by_a_nested_pump)
{
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, close_yourself, &seen);

    for (int i = 0; i < 5; i++) {
        CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 0, 0));
    }
    CHECK_SUCCESS(apm_event_queue_pump(queue, 0, NULL));
    CHECK_EQ(seen.count, 1);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void post_again(const apm_event_message *message, void *context)
{
    struct seen *seen = context;

    note(message, context);
    CHECK_SUCCESS(apm_event_target_post(seen->target, NUMBER, 0, 0));
}

TEST(pump_returns_although_handlers_post)
{
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, post_again, &seen);
    size_t dispatched;

    CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 0, 0));
    CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 0, 0));
    CHECK_SUCCESS(apm_event_queue_pump(queue, 0, &dispatched));
    CHECK_EQ(dispatched, 2);
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void quit_at_third(const apm_event_message *message, void *context)
{
    struct seen *seen = context;

    note(message, context);
    if (seen->count == 3) {
        CHECK_SUCCESS(apm_event_queue_post_quit(seen->queue, 42));
    }
}

TEST(quit_comes_when_there_is_no_other_message_and_ends_run_with_its_code)
{
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, quit_at_third, &seen);
    apm_event_message message;
    int code;

    for (int i = 0; i < 5; i++) {
        CHECK_SUCCESS(apm_event_target_post(target, NUMBER, 0, 0));
    }
    CHECK_SUCCESS(apm_event_queue_run(queue, &code));
    CHECK_EQ(code, 42);
    CHECK_EQ(seen.count, 5);

    CHECK_SUCCESS(apm_event_queue_post_quit(queue, 43));
    CHECK_ERROR(apm_event_queue_pump(queue, PATIENCE_MS, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_event_queue_get(queue, PATIENCE_MS, &message));
    CHECK_EQ(message.message, APM_EVENT_MESSAGE_QUIT);
    CHECK_EQ(message.w_param, 43);
    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(descriptor_is_readable_while_there_are_messages)
{
    apm_event_queue queue = queue_create(0);
    intptr_t descriptor, again;
    apm_event_message message;

    CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 0, 0));
    CHECK_SUCCESS(apm_event_queue_descriptor(queue, &descriptor));
    CHECK_SUCCESS(apm_event_queue_descriptor(queue, &again));
    CHECK_EQ(descriptor, again);
    CHECK(raw_readable((int)descriptor, PATIENCE_MS));
    CHECK_SUCCESS(apm_event_queue_pump(queue, 0, NULL));
    CHECK(!raw_readable((int)descriptor, 0)); /* a pump that has taken all leaves it silent */
    CHECK_ERROR(apm_event_queue_pump(queue, 0, NULL), APM_ERROR_WAIT_TIMEOUT);
    CHECK(!raw_readable((int)descriptor, 0));
    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_event_queue_post(queue, NUMBER, 0, 0));
    }
    for (int i = 0; i < 3; i++) {
        CHECK(raw_readable((int)descriptor, PATIENCE_MS));
        CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    }
    CHECK_ERROR(apm_event_queue_get(queue, 0, &message), APM_ERROR_WAIT_TIMEOUT);
    CHECK(!raw_readable((int)descriptor, 0));
    CHECK_SUCCESS(apm_event_queue_post_quit(queue, 0));
    CHECK(raw_readable((int)descriptor, PATIENCE_MS));
    CHECK_SUCCESS(apm_event_queue_get(queue, 0, &message));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void *close_queue(void *argument)
{
    CHECK_SUCCESS(apm_event_queue_close(*(apm_event_queue *)argument));
    return NULL;
}

TEST(close_ends_a_get_that_waits_and_drops_what_is_left)
{
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, note, &seen);
    apm_event_message message;
    pthread_t thread;
    size_t count;

    CHECK_EQ(pthread_create(&thread, NULL, close_queue, &queue), 0);
    CHECK_ERROR(apm_event_queue_get(queue, PATIENCE_MS, &message), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_SUCCESS(apm_event_queue_close(queue));
    CHECK_ERROR(apm_event_queue_post(queue, NUMBER, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_event_queue_count(queue, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_event_target_post(target, NUMBER, 0, 0), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_event_target_close(target));
}

TEST(wrong_arguments_are_refused)
{
    static const apm_event_queue no_queue = APM_NULL_HANDLE, never_queue = {UINT64_C(0x7fffffff00000020)};
    static const apm_event_target no_target = APM_NULL_HANDLE, never_target = {UINT64_C(0x7fffffff00000021)};
    apm_event_queue queue = queue_create(0);
    struct seen seen;
    apm_event_target target = target_create(queue, note, &seen), made;
    apm_event_message message = {.target = never_target};
    intptr_t descriptor;

    CHECK_ERROR(apm_event_queue_create(0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_post(no_queue, NUMBER, 0, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_post(never_queue, NUMBER, 0, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_post((apm_event_queue){target.bits}, NUMBER, 0, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_get(queue, 0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_dispatch(&message), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_get(queue, -2, &message), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_event_queue_get(never_queue, 0, &message), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_peek(queue, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_pump(queue, -2, NULL), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_event_queue_dispatch(NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_descriptor(queue, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_descriptor(never_queue, &descriptor), APM_ERROR_ARGUMENT);
    CHECK_EQ(descriptor, -1);
    CHECK_ERROR(apm_event_queue_count(queue, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_attach_thread(no_queue), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_queue_post_quit(never_queue, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_close(never_queue), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_queue_close(no_queue), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_target_create(queue, NULL, NULL, &made), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_event_target_is_null(made));
    CHECK_ERROR(apm_event_target_create(queue, note, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_target_create(never_queue, note, NULL, &made), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_target_post(no_target, NUMBER, 0, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_event_target_post(never_target, NUMBER, 0, 0), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_event_target_close(never_target), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_event_target_close(target));
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

LIBRARY_TEST_MAIN()
