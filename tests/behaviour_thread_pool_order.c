/*
 * The order in which the thread pool runs its items, as in .NET: tp-010, tp-011, tp-038 and tp-039.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static apm_error set_min(int threads)
{
    return apm_thread_pool_set_min_threads(default_pool, threads);
}

static apm_error set_max(int threads)
{
    return apm_thread_pool_set_max_threads(default_pool, threads);
}

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

static void queue_local(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, true));
}

static void one_thread(void)
{
    CHECK_SUCCESS(set_min(1));
    CHECK_SUCCESS(set_max(1));
}

/* An item that blocks until the test lets it go, in something that the library does not know. */
struct gate {
    struct latch entered;
    struct latch opened;
};

#define GATE_INITIALIZER                     \
    {                                        \
        LATCH_INITIALIZER, LATCH_INITIALIZER \
    }

static void wait_at_gate(void *state)
{
    struct gate *gate = state;

    latch_add(&gate->entered, 1);
    LATCH_AWAIT(&gate->opened, 1);
}

/* Items that leave a mark each: the order in which they ran, if they ran one after another. */
struct record {
    struct latch done;
    size_t count; /* written by the one worker that runs */
    char marks[64];
};

struct mark {
    struct record *record;
    char text;
};

static void leave_mark(void *state)
{
    struct mark *mark = state;
    struct record *record = mark->record;

    CHECK(record->count < sizeof record->marks - 1);
    record->marks[record->count++] = mark->text;
    latch_add(&record->done, 1);
}

struct nest {
    struct mark marks[8];
};

/* Queues 3 items locally, which is less than a turn in every build, and 4 for everybody. */
static void queue_inside(void *state)
{
    struct nest *nest = state;

    for (size_t i = 0; i < 4; i++)
        queue(leave_mark, &nest->marks[i]);
    for (size_t i = 4; i < 7; i++)
        queue_local(leave_mark, &nest->marks[i]);
}

TEST(items_run_first_in_first_out_and_local_ones_last_in_first_out_before_them_tp_010)
{
    static struct gate gate = GATE_INITIALIZER;
    static struct record global = {.done = LATCH_INITIALIZER};
    static struct record inside = {.done = LATCH_INITIALIZER};
    static struct mark marks[20];
    static struct nest nest;

    one_thread();
    queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 1);
    for (size_t i = 0; i < 20; i++) {
        marks[i] = (struct mark){&global, (char)('a' + i)};
        queue(leave_mark, &marks[i]);
    }
    latch_add(&gate.opened, 1);
    LATCH_AWAIT(&global.done, 20);
    CHECK_STR(global.marks, "abcdefghijklmnopqrst");

    for (size_t i = 0; i < 7; i++)
        nest.marks[i] = (struct mark){&inside, "0123LMN"[i]};
    queue(queue_inside, &nest);
    LATCH_AWAIT(&inside.done, 7);
    CHECK_STR(inside.marks, "NML0123");
}

struct owner {
    struct record record;
    struct mark marks[6];
    struct latch over;
};

static void queue_locally_and_block(void *state)
{
    struct owner *owner = state;

    for (size_t i = 0; i < 6; i++)
        queue_local(leave_mark, &owner->marks[i]);
    LATCH_AWAIT(&owner->record.done, 6);
    latch_add(&owner->over, 1);
}

TEST(what_a_blocked_worker_has_queued_locally_is_taken_oldest_first_tp_011)
{
    static struct owner owner = {.record = {.done = LATCH_INITIALIZER}, .over = LATCH_INITIALIZER};

    CHECK_SUCCESS(set_min(2));
    CHECK_SUCCESS(set_max(2));
    for (size_t i = 0; i < 6; i++)
        owner.marks[i] = (struct mark){&owner.record, (char)('0' + i)};
    queue(queue_locally_and_block, &owner);
    LATCH_AWAIT(&owner.over, 1);
    CHECK_STR(owner.record.marks, "012345");
}

struct returner {
    struct mark mark;
    int rounds;
};

static void queue_itself_again(void *state)
{
    struct returner *returner = state;

    if (--returner->rounds > 0)
        queue(queue_itself_again, returner);
    leave_mark(&returner->mark);
}

TEST(an_item_that_queues_itself_again_goes_to_the_end_tp_039)
{
    static struct gate gate = GATE_INITIALIZER;
    static struct record record = {.done = LATCH_INITIALIZER};
    static struct returner returner = {{&record, 'R'}, 3};
    static struct mark marks[3];

    one_thread();
    queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 1);
    queue(queue_itself_again, &returner);
    for (size_t i = 0; i < 3; i++) {
        marks[i] = (struct mark){&record, (char)('0' + i)};
        queue(leave_mark, &marks[i]);
    }
    latch_add(&gate.opened, 1);
    LATCH_AWAIT(&record.done, 6);
    CHECK_STR(record.marks, "R012RR");
}

static void mark_completion(apm_async_result result)
{
    struct mark *mark = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    leave_mark(mark);
}

TEST(a_socket_s_callback_does_not_disturb_the_order_of_items_tp_038)
{
    static struct gate gate = GATE_INITIALIZER;
    static struct record record = {.done = LATCH_INITIALIZER};
    static struct mark marks[6];
    static struct mark of_socket = {&record, 's'};
    peered_socket pair;
    uint8_t byte;
    char items[8] = "";
    size_t count = 0;

    one_thread();
    pair = peered_socket_create();
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, mark_completion, &of_socket, NULL));
    queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 1);
    for (size_t i = 0; i < 6; i++) {
        marks[i] = (struct mark){&record, (char)('0' + i)};
        queue(leave_mark, &marks[i]);
        if (i == 2)
            raw_write(pair.peer, "x", 1);
    }
    latch_add(&gate.opened, 1);
    LATCH_AWAIT(&record.done, 7);
    /* .NET has it between the third and the fourth item; here its place is not promised. */
    for (size_t i = 0; i < 7; i++)
        if (record.marks[i] != 's')
            items[count++] = record.marks[i];
    CHECK_STR(items, "012345");
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
