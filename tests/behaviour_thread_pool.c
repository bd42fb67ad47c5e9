/*
 * The thread pool as in .NET: the cases tp-* of its recorded behaviour, but for those about the number of threads,
 * which are in behaviour_thread_pool_growth.c, those about order, which are in behaviour_thread_pool_order.c, and
 * tp-030, which is in unit_pool.c.
 */
#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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

/* Reads a number of the default pool. */
static int read_count(apm_error (*read)(apm_thread_pool pool, int *threads))
{
    int threads;

    CHECK_SUCCESS(read(default_pool, &threads));
    return threads;
}

static int64_t read_items(apm_error (*read)(apm_thread_pool pool, int64_t *count))
{
    int64_t count;

    CHECK_SUCCESS(read(default_pool, &count));
    return count;
}

static void queue(apm_wait_callback *callback, void *state)
{
    CHECK_SUCCESS(apm_thread_pool_queue_user_work_item(default_pool, callback, state, false));
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

/* -- Limits and counts --------------------------------------------------------------------------------------------- */

static int allowed_processors(void)
{
    cpu_set_t allowed;

    CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    return CPU_COUNT(&allowed);
}

TEST(a_fresh_pool_has_as_many_threads_at_least_as_processors_and_none_yet_tp_001)
{
    CHECK_EQ(read_count(apm_thread_pool_min_threads), allowed_processors());
    CHECK_EQ(read_count(apm_thread_pool_max_threads), 32767);
    CHECK_EQ(read_count(apm_thread_pool_available_threads), 32767);
    CHECK_EQ(read_count(apm_thread_pool_thread_count), 0);
    CHECK_EQ(read_items(apm_thread_pool_pending_work_item_count), 0);
    CHECK_EQ(read_items(apm_thread_pool_completed_work_item_count), 0);
}

TEST(the_minimum_may_be_what_the_maximum_is_and_0_is_1_tp_002)
{
    static const struct {
        int asked;
        apm_error error;
        int read_back;
    } cases[] = {
        {8, APM_ERROR_SUCCESS, 8},         {1, APM_ERROR_SUCCESS, 1},
        {0, APM_ERROR_SUCCESS, 1},         {-1, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 1},
        {32767, APM_ERROR_SUCCESS, 32767}, {32768, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 32767},
        {4, APM_ERROR_SUCCESS, 4},         {2, APM_ERROR_SUCCESS, 2},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_ERROR(set_min(cases[i].asked), cases[i].error);
        CHECK_EQ(read_count(apm_thread_pool_min_threads), cases[i].read_back);
    }
}

TEST(the_maximum_is_cut_and_may_not_be_below_the_minimum_tp_003)
{
    static const struct {
        int asked;
        apm_error error;
        int read_back;
    } cases[] = {
        {100, APM_ERROR_SUCCESS, 100},
        {2, APM_ERROR_SUCCESS, 2},
        {1, APM_ERROR_SUCCESS, 1}, /* .NET refuses less than there are processors */
        {0, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 1},
        {-1, APM_ERROR_ARGUMENT_OUT_OF_RANGE, 1},
        {32768, APM_ERROR_SUCCESS, 32767},
        {INT_MAX, APM_ERROR_SUCCESS, 32767},
        {40, APM_ERROR_SUCCESS, 40},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_ERROR(set_max(cases[i].asked), cases[i].error);
        CHECK_EQ(read_count(apm_thread_pool_max_threads), cases[i].read_back);
    }
    CHECK_SUCCESS(set_min(10));
    CHECK_ERROR(set_max(9), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(read_count(apm_thread_pool_max_threads), 40);
    CHECK_ERROR(set_min(41), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(read_count(apm_thread_pool_min_threads), 10);
}

TEST(on_one_processor_one_thread_may_be_all_tp_004)
{
    cpu_set_t allowed;
    cpu_set_t one;

    CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &allowed))
            CPU_SET(i, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    CHECK_EQ(read_count(apm_thread_pool_min_threads), 1);
    CHECK_SUCCESS(set_max(1));
    CHECK_EQ(read_count(apm_thread_pool_max_threads), 1);
}

TEST(blocked_items_are_threads_less_that_are_available_tp_005)
{
    static struct gate gate = GATE_INITIALIZER;
    int64_t deadline_ms = harness_now_ms() + PATIENCE_MS;
    int before;

    CHECK_SUCCESS(set_min(8));
    before = read_count(apm_thread_pool_available_threads);
    for (size_t i = 0; i < 3; i++)
        queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 3);
    CHECK(before - read_count(apm_thread_pool_available_threads) >= 3);
    CHECK(read_count(apm_thread_pool_thread_count) >= 3);
    /* A thread that has just been started counts until it has found out that there is nothing to do. */
    while (before - read_count(apm_thread_pool_available_threads) != 3)
        CHECK(harness_now_ms() < deadline_ms);
    latch_add(&gate.opened, 1);
}

static void count_up(void *state)
{
    latch_add(state, 1);
}

static void await_completed(int64_t count)
{
    int64_t deadline_ms = harness_now_ms() + PATIENCE_MS;

    while (read_items(apm_thread_pool_completed_work_item_count) < count)
        CHECK(harness_now_ms() < deadline_ms);
    CHECK_EQ(read_items(apm_thread_pool_completed_work_item_count), count);
}

TEST(pending_and_completed_items_are_counted_exactly_while_nothing_moves_tp_012)
{
    static struct gate gate = GATE_INITIALIZER;
    static struct latch ran = LATCH_INITIALIZER;

    CHECK_SUCCESS(set_min(2));
    CHECK_SUCCESS(set_max(2));
    for (size_t i = 0; i < 100; i++)
        queue(count_up, &ran);
    await_completed(100);
    for (size_t i = 0; i < 2; i++)
        queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 2);
    for (size_t i = 0; i < 5; i++)
        queue(count_up, &ran);
    CHECK_EQ(read_items(apm_thread_pool_pending_work_item_count), 5);
    CHECK_EQ(read_items(apm_thread_pool_completed_work_item_count), 100);
    latch_add(&gate.opened, 1);
    await_completed(107);
    CHECK_EQ(read_items(apm_thread_pool_pending_work_item_count), 0);
    CHECK_EQ(latch_count(&ran), 105);
}

/* -- The thread of an item ----------------------------------------------------------------------------------------- */

struct self {
    bool is_pool_thread;
    char name[16];
    int policy;
    int nice_value;
    size_t stack_size;
    struct latch done;
};

static size_t own_stack_size(void)
{
    pthread_attr_t attributes;
    size_t size;

    CHECK_EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
    CHECK_EQ(pthread_attr_getstacksize(&attributes, &size), 0);
    CHECK_EQ(pthread_attr_destroy(&attributes), 0);
    return size;
}

static void describe_self(void *state)
{
    struct self *self = state;
    struct sched_param unused;

    self->is_pool_thread = apm_thread_pool_is_pool_thread();
    CHECK_EQ(pthread_getname_np(pthread_self(), self->name, sizeof self->name), 0);
    CHECK_EQ(pthread_getschedparam(pthread_self(), &self->policy, &unused), 0);
    self->nice_value = getpriority(PRIO_PROCESS, 0); /* on Linux that of the thread */
    self->stack_size = own_stack_size();
    latch_add(&self->done, 1);
}

TEST(an_item_runs_on_a_named_pool_thread_of_usual_priority_tp_006)
{
    static struct self item = {.done = LATCH_INITIALIZER};
    struct self here = {.done = LATCH_INITIALIZER};

    queue(describe_self, &item);
    LATCH_AWAIT(&item.done, 1);
    describe_self(&here);
    CHECK(item.is_pool_thread);
    CHECK(!here.is_pool_thread);
    CHECK_STR(item.name, "apm worker");
    CHECK_EQ(item.policy, here.policy);
    CHECK_EQ(item.nice_value, here.nice_value);
}

TEST(a_worker_has_the_stack_that_every_thread_has_tp_037)
{
    static struct self item = {.done = LATCH_INITIALIZER};
    struct self other = {.done = LATCH_INITIALIZER};
    struct thread thread;

    queue(describe_self, &item);
    LATCH_AWAIT(&item.done, 1);
    thread_start(&thread, describe_self, &other);
    thread_join(&thread);
    CHECK_EQ(item.stack_size, other.stack_size);
}

static void expect_no_state(void *state)
{
    CHECK(state == NULL);
}

TEST(queueing_succeeds_with_or_without_a_state_and_not_without_a_callback_tp_008)
{
    apm_thread_pool_work_item item = {.execute = NULL};

    queue(expect_no_state, NULL);
    CHECK_ERROR(apm_thread_pool_queue_user_work_item(default_pool, NULL, NULL, false), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_queue_work_item(default_pool, NULL, false), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_thread_pool_queue_work_item(default_pool, &item, false), APM_ERROR_ARGUMENT_NULL);
    await_completed(1);
}

static int return_while_an_item_runs(void *unused)
{
    static struct gate gate = GATE_INITIALIZER;

    (void)unused;
    queue(wait_at_gate, &gate);
    LATCH_AWAIT(&gate.entered, 1);
    exit(0); /* as returning from main does */
}

TEST(a_process_ends_while_an_item_runs_tp_014)
{
    join_child(fork_child(return_while_an_item_runs, NULL));
}

/* Counts the threads of this process that have the name. */
static size_t count_threads(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    size_t count = 0;

    CHECK(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        char path[320];
        char found[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue; /* a thread that has ended meanwhile */
        if (fgets(found, sizeof found, file) != NULL) {
            found[strcspn(found, "\n")] = '\0';
            count += strncmp(found, name, strlen(name)) == 0;
        }
        fclose(file);
    }
    closedir(tasks);
    return count;
}

TEST(beside_workers_the_library_has_one_thread_tp_034)
{
    socket_pair pair = socket_pair_create();
    apm_manual_reset_event event;
    int64_t end_ms = harness_now_ms() + PATIENCE_MS;

    send_all(pair.client, "x", 1);
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &event));
    do { /* a thread has its name only once it runs */
        CHECK_ERROR(apm_manual_reset_event_wait_one(event, 1), APM_ERROR_WAIT_TIMEOUT);
    } while (count_threads("apm monitor") == 0 && harness_now_ms() < end_ms);
    CHECK_EQ(count_threads("apm monitor"), 1);
    CHECK(count_threads("apm worker") >= 1);
    CHECK_EQ(count_threads("apm"), 1 + count_threads("apm worker"));
    CHECK_SUCCESS(apm_manual_reset_event_close(event));
    socket_pair_close(pair);
}

TEST(sockets_have_no_threads_of_their_own_tp_035)
{
    enum { SOCKETS = 10 };
    peered_socket pairs[SOCKETS];
    struct operation receives[SOCKETS];
    uint8_t buffers[SOCKETS];

    CHECK_SUCCESS(set_min(2));
    for (size_t i = 0; i < SOCKETS; i++) {
        pairs[i] = peered_socket_create();
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].socket, &buffers[i], 1, APM_SOCKET_FLAGS_NONE,
                                               ON_CALLBACK(&receives[i])));
    }
    CHECK(count_threads("apm") <= 3); /* the monitor, and no more workers than the minimum */
    for (size_t i = 0; i < SOCKETS; i++) {
        raw_write(pairs[i].peer, "x", 1);
        CHECK_SUCCESS(finish_receive(pairs[i].socket, &receives[i], NULL));
    }
    for (size_t i = 0; i < SOCKETS; i++)
        peered_socket_close(pairs[i]);
}

LIBRARY_TEST_MAIN()
