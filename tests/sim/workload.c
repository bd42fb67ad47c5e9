/*
 * Runs, operations, and the drawer. See workload.h.
 */
#include "workload.h"

#include <string.h>

#include "memory.h"
#include "network.h"
#include "shortage.h"

enum { MAX_ACTORS = 40, DRAWER = 48, PATTERN = 0xa5, CLEANUP_MS = 60000 };

static const uint64_t LONGEST_NS = 100 * SIM_SECOND; /* that anything here waits for */

static int actors[MAX_ACTORS];
static int actor_count;
static struct actor_operation *operations; /* the last that was made */
static struct actor_operation *drawer[DRAWER];
static uint32_t drawer_next;
static bool is_over; /* the disturbers shall end */
static int processors;
static bool uses_poll;
static bool monitor_sleeps;
static bool is_short; /* of what calls need, in this round */

/* -- For the port -------------------------------------------------------------------------------------------------- */

int sim_setting_processors(void)
{
    return processors;
}

const char *sim_setting_engine(void)
{
    return uses_poll ? "poll" : NULL;
}

bool sim_setting_monitor_sleeps(void)
{
    return monitor_sleeps;
}

/* The actors close and end everything, and nothing that they do is a deadlock. */
void sim_heard(const char *line)
{
    sim_fail("the library has nothing to say, but says: %s", line);
}

/* -- Threads and time ---------------------------------------------------------------------------------------------- */

void actor_start(const char *name, void (*body)(void *), void *argument)
{
    SIM_CHECK(actor_count < MAX_ACTORS);
    int thread = sim_thread_start(name, body, argument);
    SIM_CHECK(thread != SIM_NO_THREAD);
    actors[actor_count++] = thread;
}

void actor_pause(uint32_t limit_us)
{
    sim_sleep(&is_over, sim_now_ns() + 1000 * (uint64_t)sim_random(limit_us + 1), "pauses");
}

void actor_await(const volatile void *object, const char *why)
{
    if (!sim_sleep(object, sim_now_ns() + LONGEST_NS, why))
        sim_fail("this does not come: %s", why);
}

void *actor_allocate(size_t size)
{
    return sim_memory_allocate(sizeof(uint64_t), size);
}

/* -- Operations ---------------------------------------------------------------------------------------------------- */

static uint64_t sum_of(const struct actor_operation *operation)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < operation->size; i++)
        sum = sum * 31 + operation->buffer[i];
    return sum;
}

struct actor_operation *actor_operation(apm_error (*end)(struct actor_operation *operation), apm_socket socket,
                                        size_t size)
{
    struct actor_operation *operation = actor_allocate(sizeof *operation);
    operation->end = end;
    operation->socket = socket;
    operation->size = size;
    operation->buffer = actor_allocate(size + 1);
    memset(operation->buffer, PATTERN, size);
    operation->next = operations;
    operations = operation;
    return operation;
}

static void end_once(struct actor_operation *operation)
{
    SIM_CHECK(!operation->is_ending);
    operation->is_ending = true;
    operation->error = operation->end(operation);
    operation->is_ended = true;
    operation->sum = sum_of(operation);
    sim_trace("has ended an operation: %s, %zu", apm_error_name(operation->error), operation->transferred);
    if (operation->error != APM_ERROR_SUCCESS && actor_is_disturbance(operation->error) && !operation->disturbed &&
        apm_socket_is_null(operation->socket))
        sim_fail("an operation that nobody disturbs does not end with %s", apm_error_name(operation->error));
}

static void done(apm_async_result result)
{
    struct actor_operation *operation = apm_async_result_async_state(result);
    SIM_POINT();
    SIM_CHECK(operation && apm_async_result_equals(operation->result, result));
    SIM_CHECK(operation->has_callback && !operation->is_called);
    operation->is_called = true;
    SIM_CHECK(apm_thread_pool_is_pool_thread());
    SIM_CHECK(apm_async_result_is_completed(result));
    SIM_CHECK(!apm_async_result_completed_synchronously(result));
    if (sim_one_in(12)) { /* it blocks without saying so */
        apm_error error = sim_one_in(2) ? APM_ERROR_SUCCESS
                                        : apm_wait_handle_wait_one(apm_async_result_async_wait_handle(result), -1);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        actor_pause(sim_one_in(4) ? 15000 : 100);
    }
    if (operation->ends_in_callback)
        end_once(operation);
    if (operation->then)
        operation->then(operation);
    operation->is_called_back = true;
    sim_wake_all(operation);
    SIM_POINT();
}

apm_async_callback *actor_callback(struct actor_operation *operation)
{
    operation->has_callback = !sim_one_in(4);
    operation->ends_in_callback = operation->has_callback && !sim_one_in(3);
    return operation->has_callback ? done : NULL;
}

/* Waits for its completion in some other way than by the End. */
static void wait_otherwise(const struct actor_operation *operation)
{
    apm_wait_handle handle = apm_async_result_async_wait_handle(operation->result);
    size_t index;
    apm_error error;
    switch (sim_random(4)) {
    case 0:
        do
            error = apm_wait_handle_wait_one(handle, (int)sim_random(20));
        while (error == APM_ERROR_WAIT_TIMEOUT);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        break;
    case 1:
        error = apm_wait_handle_wait_any(&handle, 1, -1, &index);
        SIM_CHECK(error == APM_ERROR_SUCCESS && index == 0);
        break;
    case 2:
        while (!apm_async_result_is_completed(operation->result))
            actor_pause(3000);
        break;
    default: return;
    }
    SIM_CHECK(apm_async_result_is_completed(operation->result));
}

/* An End that comes too late. */
static void end_again(struct actor_operation *operation)
{
    struct actor_operation before = *operation;
    apm_error error = operation->end(operation);
    SIM_CHECK(error == APM_ERROR_INVALID_OPERATION);
    operation->transferred = before.transferred;
    operation->accepted = before.accepted;
    operation->remote = before.remote;
}

void actor_finish(struct actor_operation *operation)
{
    wait_otherwise(operation);
    if (!operation->ends_in_callback)
        end_once(operation);
    while (operation->has_callback && !operation->is_called_back)
        actor_await(operation, "a callback");
    SIM_CHECK(operation->is_ended);
    SIM_CHECK(apm_async_result_is_completed(operation->result));
    if (sim_one_in(4))
        end_again(operation);
}

bool actor_is_disturbance(apm_error error)
{
    return error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_TIMED_OUT;
}

/* What the library has done to a buffer after it was the program's again, and callbacks that have come twice. */
static void check_operations(void)
{
    for (struct actor_operation *operation = operations; operation; operation = operation->next) {
        if (!operation->is_ended)
            continue;
        SIM_CHECK(operation->sum == sum_of(operation));
        SIM_CHECK(operation->is_called == operation->has_callback);
        SIM_CHECK(apm_async_result_is_completed(operation->result));
    }
}

/* -- The drawer ---------------------------------------------------------------------------------------------------- */

void drawer_put(struct actor_operation *operation)
{
    drawer[drawer_next++ % DRAWER] = operation;
}

/* A result is as the program left it, whatever others do with a handle of it. */
static void disturb(struct actor_operation *operation)
{
    apm_async_result result = operation->result;
    apm_error error;
    void *value;
    switch (sim_random(8)) {
    case 0:
    case 1:
        operation->disturbed = true;
        error = apm_async_result_cancel(result);
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION);
        break;
    case 2:
    case 3:
        operation->disturbed = true;
        error = apm_async_result_cancel_after(result, (int)sim_random(6));
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_INVALID_OPERATION || actor_is_shortage(error));
        break;
    case 4:
        error = apm_wait_handle_wait_one(apm_async_result_async_wait_handle(result), (int)sim_random(4));
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_WAIT_TIMEOUT);
        break;
    case 5:
        value = apm_async_result_async_state(result);
        SIM_CHECK(value == operation || (!value && operation->is_ending));
        break;
    case 6: /* of another kind */
        error = apm_delegate_end_invoke((apm_delegate *)NULL, result, &value);
        SIM_CHECK(error != APM_ERROR_SUCCESS);
        break;
    default: /* one that was never issued */
        result.bits ^= UINT64_C(1) << (48 + sim_random(16));
        error = apm_async_result_cancel(result);
        SIM_CHECK(error == APM_ERROR_ARGUMENT || error == APM_ERROR_INVALID_OPERATION);
        break;
    }
}

static void disturber(void *unused)
{
    uint32_t pause_us = sim_one_in(2) ? 300 : 5000;
    (void)unused;
    while (!is_over) {
        struct actor_operation *operation = drawer[sim_random(DRAWER)];
        if (operation)
            disturb(operation);
        actor_pause(pause_us);
    }
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*body)(void *);
} kinds[] = {
    {"pool", actor_pool},         {"timers", actor_timers},       {"events", actor_events}, {"tcp", actor_tcp},
    {"listener", actor_listener}, {"datagrams", actor_datagrams}, {"names", actor_names},   {"closing", actor_closing},
    {"objects", actor_objects},   {"streams", actor_streams},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void run_actors(void)
{
    int count = 1 + (int)sim_random(3);
    int disturbers = (int)sim_random(3);
    int disturber_threads[2];
    is_over = false;
    actor_count = 0;
    if (!is_short && sim_one_in(3)) {
        apm_error error = apm_thread_pool_set_max_threads((apm_thread_pool){0}, 6 + (int)sim_random(10));
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    }
    for (int i = 0; i < count; i++) {
        uint32_t kind = sim_random(KINDS);
        if (is_short)
            actor_start("shortage", actor_shortage, NULL);
        else
            actor_start(kinds[kind].name, kinds[kind].body, NULL);
    }
    for (int i = 0; i < disturbers; i++)
        disturber_threads[i] = sim_thread_start("disturber", disturber, NULL);
    for (int i = 0; i < actor_count; i++) /* more may come meanwhile */
        sim_thread_join(actors[i]);
    is_over = true;
    sim_wake_all(&is_over);
    for (int i = 0; i < disturbers; i++)
        sim_thread_join(disturber_threads[i]);
}

void sim_workload(void)
{
    is_short = sim_one_in(6);
    int rounds = is_short || sim_one_in(4) ? 2 : 1;
    bool stays = is_short && sim_one_in(2); /* from the first round to the second */
    processors = 1 + (int)sim_random(3);
    uses_poll = sim_one_in(4);
    /* Where a thread cannot be had it is the monitor that tries again. */
    monitor_sleeps = sim_one_in(3) && !is_short;
    sim_network_begin();
    for (int round = 0; round < rounds; round++) {
        if (is_short)
            sim_shortage_begin();
        run_actors();
        sim_shortage_end();
        is_short = false;
        if (stays && round == 0)
            continue;
        apm_error error = apm_cleanup(CLEANUP_MS);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        SIM_CHECK(sim_descriptors_open() == 0);
        SIM_CHECK(sim_paths_left() == 0);
        SIM_CHECK(apm_timer_active_count() == 0);
        check_operations();
    }
}
