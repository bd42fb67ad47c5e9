/*
 * Work items: that each runs once, in which order, and what is refused.
 */
#include <pthread.h>
#include <stdlib.h>

#include "support.h"

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

static void one_worker(void)
{
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(default_pool, 1));
}

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
}

static void queue_local(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, true));
}

/* A log of what has run. One worker writes it at a time. */
struct record {
    struct latch done;
    int count;
    int numbers[64];
};

struct entry {
    struct record *record;
    int number;
};

static void note(void *state)
{
    struct entry *entry = state;

    entry->record->numbers[entry->record->count++] = entry->number;
    latch_add(&entry->record->done, 1);
}

static void wait_for(void *state)
{
    LATCH_AWAIT((struct latch *)state, 1);
}

/* -- Order ------------------------------------------------------------------------------------------------------- */

TEST(items_run_once_with_their_state_on_a_worker)
{
    struct record record = {0};
    struct entry entry = {&record, 7};

    latch_init(&record.done);
    queue(note, &entry);
    LATCH_AWAIT(&record.done, 1);
    CHECK_EQ(record.count, 1);
    CHECK_EQ(record.numbers[0], 7);
}

TEST(items_of_one_thread_start_in_the_order_in_which_they_were_queued)
{
    struct record record = {0};
    struct entry entries[64];
    struct latch gate;

    one_worker();
    latch_init(&record.done);
    latch_init(&gate);
    queue(wait_for, &gate);
    for (int i = 0; i < 64; i++) {
        entries[i] = (struct entry){&record, i};
        queue(note, &entries[i]);
    }
    latch_add(&gate, 1);
    LATCH_AWAIT(&record.done, 64);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(record.numbers[i], i);
}

struct mixed {
    struct record record;
    struct entry entries[4]; /* no more than a turn: then others have theirs */
};

static void queue_local_and_global(void *state)
{
    struct mixed *mixed = state;

    for (int i = 0; i < 2; i++)
        queue(note, &mixed->entries[i]);
    for (int i = 2; i < 4; i++)
        queue_local(note, &mixed->entries[i]);
}

TEST(local_items_run_newest_first_and_before_those_of_the_pool)
{
    static const int expected[4] = {3, 2, 0, 1};
    struct mixed mixed = {0};

    one_worker();
    latch_init(&mixed.record.done);
    for (int i = 0; i < 4; i++)
        mixed.entries[i] = (struct entry){&mixed.record, i};
    queue(queue_local_and_global, &mixed);
    LATCH_AWAIT(&mixed.record.done, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(mixed.record.numbers[i], expected[i]);
}

/* An item that queues itself again, locally, for ever. */
struct storm {
    _Atomic bool stop;
    struct latch ended;
};

static void go_on(void *state)
{
    struct storm *storm = state;

    if (storm->stop)
        latch_add(&storm->ended, 1);
    else
        queue_local(go_on, storm);
}

TEST(local_items_without_end_starve_neither_the_pool_s_items_nor_sockets)
{
    struct storm storm = {0};
    struct record record = {0};
    struct entry entry = {&record, 1};
    socket_pair pair;
    uint8_t byte = 0;
    apm_async_result result;

    one_worker();
    latch_init(&storm.ended);
    latch_init(&record.done);
    pair = socket_pair_create();
    queue(go_on, &storm);
    queue(note, &entry);
    LATCH_AWAIT(&record.done, 1);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.client, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
    CHECK_SUCCESS(apm_socket_send(pair.server, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_end_receive(pair.client, result, NULL));
    CHECK_EQ(byte, 'x');
    storm.stop = true;
    LATCH_AWAIT(&storm.ended, 1);
    socket_pair_close(pair);
}

/* -- Blocking ---------------------------------------------------------------------------------------------------- */

struct gathering {
    struct latch arrived;
    struct latch leave;
};

static void block_without_telling(void *state)
{
    struct gathering *gathering = state;

    latch_add(&gathering->arrived, 1);
    LATCH_AWAIT(&gathering->leave, 1);
}

static void block_with_a_hint(void *state)
{
    struct gathering *gathering = state;

    latch_add(&gathering->arrived, 1);
    apm_thread_pool_blocking_begin();
    apm_thread_pool_blocking_begin(); /* they nest */
    LATCH_AWAIT(&gathering->leave, 1);
    apm_thread_pool_blocking_end();
    apm_thread_pool_blocking_end();
}

static void forget_to_end(void *state)
{
    apm_thread_pool_blocking_begin();
    block_without_telling(state);
}

TEST(items_that_all_block_until_all_have_started_all_start)
{
    static apm_wait_callback *const kinds[] = {block_without_telling, block_with_a_hint, forget_to_end};

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(default_pool, 2));
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        struct gathering gathering;
        int64_t before;
        int64_t after = 0;

        latch_init(&gathering.arrived);
        latch_init(&gathering.leave);
        CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &before));
        for (int i = 0; i < 32; i++)
            queue(kinds[kind], &gathering);
        LATCH_AWAIT(&gathering.arrived, 32);
        latch_add(&gathering.leave, 1);
        while (after - before < 32) /* the states are used until then */
            CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &after));
    }
}

TEST(blocking_said_outside_the_pool_does_nothing)
{
    apm_thread_pool_blocking_end();
    apm_thread_pool_blocking_begin();
    apm_thread_pool_blocking_end();
}

/* -- Items that do what they must not ----------------------------------------------------------------------------- */

static void queue_local_and_end_the_thread(void *state)
{
    queue_local(note, state);
    queue(note, state);
    apm_thread_pool_blocking_begin();
    pthread_exit(NULL);
}

TEST(an_item_that_ends_its_thread_is_reported_and_the_pool_goes_on)
{
    struct record record = {0};
    struct entry entry = {&record, 1};
    apm_async_result result;
    uint8_t byte;
    socket_pair pair = socket_pair_create();

    one_worker();
    latch_init(&record.done);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.client, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
    for (size_t i = 1; i <= 10; i++) {
        queue(queue_local_and_end_the_thread, &entry);
        LATCH_AWAIT(&record.done, 2 * i); /* what it had queued runs on another thread */
    }
    CHECK_SUCCESS(apm_socket_send(pair.server, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_end_receive(pair.client, result, NULL));
    socket_pair_close(pair);
}

static void *end_the_thread(void *argument)
{
    (void)argument;
    pthread_exit(NULL);
}

TEST(a_delegate_that_ends_its_thread_completes_all_the_same)
{
    apm_async_result result;

    CHECK_SUCCESS(apm_delegate_begin_invoke(default_pool, end_the_thread, NULL, NULL, NULL, &result));
    CHECK_ERROR(apm_delegate_end_invoke(end_the_thread, result, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_cleanup(-1));
}

/* -- Intrusive items --------------------------------------------------------------------------------------------- */

struct counted {
    apm_thread_pool_work_item item; /* first */
    struct latch done;
    int rounds;
};

static void count_down(apm_thread_pool_work_item *item)
{
    struct counted *counted = (struct counted *)item;

    if (--counted->rounds == 0)
        latch_add(&counted->done, 1);
    else
        CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, item, counted->rounds % 2 == 0));
}

TEST(an_intrusive_item_may_queue_itself_again)
{
    struct counted counted = {.item.execute = count_down, .rounds = 1000};

    latch_init(&counted.done);
    CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &counted.item, false));
    LATCH_AWAIT(&counted.done, 1);
}

static void free_itself(apm_thread_pool_work_item *item)
{
    struct counted *counted = (struct counted *)item;
    free(counted);
}

TEST(an_intrusive_item_may_be_freed_when_it_runs)
{
    int64_t before;
    int64_t after = 0;

    CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &before));
    for (int i = 0; i < 100; i++) {
        struct counted *counted = calloc(1, sizeof *counted);

        CHECK(counted != NULL);
        counted->item.execute = free_itself;
        CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &counted->item, false));
    }
    while (after - before < 100)
        CHECK_SUCCESS(apm_thread_pool_completed_work_item_count(default_pool, &after));
}

struct gate {
    apm_thread_pool_work_item item; /* first */
    struct latch opened;
};

static void wait_for_gate(apm_thread_pool_work_item *item)
{
    LATCH_AWAIT(&((struct gate *)item)->opened, 1);
}

TEST(an_intrusive_item_that_is_queued_is_refused)
{
    struct counted counted = {.item.execute = count_down, .rounds = 1};
    struct gate gate = {.item.execute = wait_for_gate};

    one_worker();
    latch_init(&counted.done);
    latch_init(&gate.opened);
    CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &gate.item, false));
    CHECK_SUCCESS(apm_thread_pool_queue_work_item(default_pool, &counted.item, false));
    CHECK_ERROR(apm_thread_pool_queue_work_item(default_pool, &counted.item, false), APM_ERROR_INVALID_OPERATION);
    latch_add(&gate.opened, 1);
    LATCH_AWAIT(&counted.done, 1);
}

/* -- Refusal, counts and the end ---------------------------------------------------------------------------------- */

TEST(bad_arguments_are_errors_and_nothing_is_queued)
{
    apm_thread_pool invented = {UINT64_C(0x7123456789abcdef)};
    apm_thread_pool_work_item item = {.execute = NULL};
    int64_t count = -1;

    CHECK_ERROR(apm_thread_pool_queue_user_work_item(default_pool, NULL, NULL, false), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_queue_user_work_item(invented, note, NULL, false), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_thread_pool_queue_work_item(default_pool, NULL, false), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_queue_work_item(default_pool, &item, false), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_pending_work_item_count(default_pool, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_completed_work_item_count(invented, &count), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_thread_pool_pending_work_item_count(default_pool, &count));
    CHECK_EQ(count, 0);
}

TEST(what_waits_is_counted_as_pending)
{
    struct record record = {0};
    struct entry entries[5];
    struct latch gate;
    struct gathering gathering;
    int64_t count;
    int available;

    one_worker();
    latch_init(&record.done);
    latch_init(&gate);
    latch_init(&gathering.arrived);
    latch_init(&gathering.leave);
    queue(block_without_telling, &gathering);
    LATCH_AWAIT(&gathering.arrived, 1);
    for (int i = 0; i < 5; i++) {
        entries[i] = (struct entry){&record, i};
        queue(note, &entries[i]);
    }
    CHECK_SUCCESS(apm_thread_pool_pending_work_item_count(default_pool, &count));
    CHECK_EQ(count, 5);
    CHECK_SUCCESS(apm_thread_pool_available_threads(default_pool, &available));
    CHECK_EQ(available, 0);
    latch_add(&gathering.leave, 1);
    LATCH_AWAIT(&record.done, 5);
}

TEST(cleanup_runs_what_was_queued_and_refuses_the_rest)
{
    struct record record = {0};
    struct entry entries[32];

    latch_init(&record.done);
    one_worker();
    for (int i = 0; i < 32; i++) {
        entries[i] = (struct entry){&record, i};
        queue(note, &entries[i]);
    }
    CHECK_SUCCESS(apm_cleanup(-1));
    CHECK_EQ(record.count, 32);
    queue(note, &entries[0]); /* the pool starts again */
    LATCH_AWAIT(&record.done, 33);
    CHECK_SUCCESS(apm_cleanup(-1));
}

LIBRARY_TEST_MAIN()
