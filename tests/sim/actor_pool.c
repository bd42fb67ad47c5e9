/*
 * Actors of the pool: work items of each kind, which queue others, block and wait; timers.
 */
#include "workload.h"

#include <string.h>

/* -- Items --------------------------------------------------------------------------------------------------------- */

enum { MOST_ITEMS = 40 };

struct batch {
    apm_thread_pool pool;
    uint32_t queued;
    uint32_t run;
    uint32_t limit;
    bool blocks;    /* some of the items do */
    bool is_ending; /* the pool is being destroyed, and refuses */
};

struct item {
    apm_thread_pool_work_item item; /* first */
    struct batch *batch;
    uint64_t queued_ns;
    bool is_run;
};

static void queue_one(struct batch *batch);

static void run_item(struct item *item)
{
    struct batch *batch = item->batch;
    SIM_POINT();
    SIM_CHECK(!item->is_run);
    SIM_CHECK(apm_thread_pool_is_pool_thread());
    item->is_run = true;
    if (batch->blocks && sim_one_in(4)) {
        bool tells = sim_one_in(2);
        if (tells)
            apm_thread_pool_blocking_begin();
        actor_pause(12000);
        if (tells && sim_one_in(2))
            apm_thread_pool_blocking_end();
    }
    for (uint32_t more = sim_random(3); more > 0 && batch->queued < batch->limit; more--)
        queue_one(batch);
    batch->run++;
    sim_wake_all(batch);
}

static void run_state(void *state)
{
    run_item(state);
}

static void run_intrusive(apm_thread_pool_work_item *item)
{
    run_item((struct item *)item);
}

static void queue_one(struct batch *batch)
{
    struct item *item = actor_allocate(sizeof *item);
    apm_error error;
    item->batch = batch;
    item->item.execute = run_intrusive;
    batch->queued++;
    if (sim_one_in(2))
        error = apm_thread_pool_queue_user_work_item(batch->pool, run_state, item, sim_one_in(2));
    else
        error = apm_thread_pool_queue_work_item(batch->pool, &item->item, sim_one_in(2));
    if (batch->is_ending && (error == APM_ERROR_INVALID_OPERATION || error == APM_ERROR_OBJECT_DISPOSED))
        batch->queued--;
    else
        SIM_CHECK(error == APM_ERROR_SUCCESS);
}

/* -- Delegates ----------------------------------------------------------------------------------------------------- */

static void *twice(void *argument)
{
    SIM_POINT();
    actor_pause(sim_one_in(4) ? 2000 : 0);
    return (unsigned char *)argument + 1;
}

static apm_error end_invoke(struct actor_operation *operation)
{
    void *value;
    apm_error error = apm_delegate_end_invoke(twice, operation->result, &value);
    if (error == APM_ERROR_SUCCESS)
        SIM_CHECK(value == operation->buffer + 1);
    return error;
}

static void invoke(apm_thread_pool pool)
{
    struct actor_operation *operation = actor_operation(end_invoke, (apm_socket){0}, 1);
    apm_async_callback *callback = actor_callback(operation);
    apm_error error = apm_delegate_begin_invoke(pool, twice, operation->buffer, callback, operation,
                                                &operation->result);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    drawer_put(operation);
    actor_finish(operation);
    SIM_CHECK(operation->error == APM_ERROR_SUCCESS || operation->disturbed);
}

void actor_pool(void *unused)
{
    struct batch *batch = actor_allocate(sizeof *batch);
    bool own = sim_one_in(4);
    apm_error error;
    (void)unused;
    batch->blocks = sim_one_in(3);
    if (own) {
        error = apm_thread_pool_create((int)sim_random(3), 4 + (int)sim_random(8), &batch->pool);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
    }
    for (uint32_t round = 1 + sim_random(4); round > 0; round--) {
        batch->limit = batch->queued + 1 + sim_random(MOST_ITEMS);
        for (uint32_t first = 1 + sim_random(8); first > 0; first--)
            queue_one(batch);
        if (sim_one_in(2))
            invoke(batch->pool);
        if (own && round == 1 && sim_one_in(2))
            break; /* destroy runs what is queued */
        while (batch->run < batch->queued)
            actor_await(batch, "work items that are queued");
        actor_pause(sim_one_in(4) ? 200000 : 100); /* until the monitor sleeps */
    }
    if (own) {
        batch->is_ending = true;
        error = apm_thread_pool_destroy(batch->pool, -1);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        SIM_CHECK(batch->run == batch->queued);
        error = apm_thread_pool_queue_user_work_item(batch->pool, run_state, batch, false);
        SIM_CHECK(error == APM_ERROR_OBJECT_DISPOSED);
    }
}

/* -- Timers -------------------------------------------------------------------------------------------------------- */

struct tick {
    apm_timer timer;
    uint64_t due_ns; /* not before that */
    uint32_t fired;
    uint32_t running;
    uint32_t changes; /* by the callback that are left */
    bool is_closed;   /* no callback comes any more */
};

static void fire(void *state)
{
    struct tick *tick = state;
    SIM_POINT();
    SIM_CHECK(!tick->is_closed);
    SIM_CHECK(sim_now_ns() >= tick->due_ns);
    tick->running++;
    tick->fired++;
    if (tick->changes > 0 && sim_one_in(2)) {
        tick->changes--;
        apm_error error = apm_timer_change(tick->timer, (int64_t)sim_random(5), (int64_t)sim_random(20));
        SIM_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OBJECT_DISPOSED);
    }
    if (sim_one_in(3)) /* so that others come meanwhile */
        actor_pause(20000);
    tick->running--;
    sim_wake_all(tick);
}

static void close_tick(struct tick *tick)
{
    apm_manual_reset_event event;
    apm_error error = apm_manual_reset_event_create(false, &event);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_timer_close_and_signal(tick->timer, (apm_wait_handle){event.bits});
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    error = apm_manual_reset_event_wait_one(event, 60000);
    SIM_CHECK(error == APM_ERROR_SUCCESS);
    SIM_CHECK(tick->running == 0);
    tick->is_closed = true;
    apm_manual_reset_event_close(event);
    error = apm_timer_change(tick->timer, 0, 0);
    SIM_CHECK(error == APM_ERROR_OBJECT_DISPOSED);
}

void actor_timers(void *unused)
{
    enum { TIMERS = 5 };
    struct tick *ticks[TIMERS];
    uint32_t count = 1 + sim_random(TIMERS);
    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t due_ms = sim_one_in(4) ? 0 : sim_random(sim_one_in(3) ? 3000 : 30);
        int64_t period_ms = sim_one_in(3) ? -1 : (int64_t)sim_random(6);
        struct tick *tick = ticks[i] = actor_allocate(sizeof *tick);
        tick->changes = period_ms > 0 ? sim_random(4) : 0;
        tick->due_ns = sim_now_ns() + due_ms * SIM_MS;
        apm_error error = apm_timer_create((apm_thread_pool){0}, fire, tick, due_ms, period_ms, &tick->timer);
        SIM_CHECK(error == APM_ERROR_SUCCESS);
        actor_pause(500);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (sim_one_in(4) && ticks[i]->fired == 0) { /* it is brought forward, or put off */
            uint32_t due_ms = sim_random(100);
            ticks[i]->due_ns = 0;
            apm_error error = apm_timer_change(ticks[i]->timer, due_ms, -1);
            SIM_CHECK(error == APM_ERROR_SUCCESS);
        }
        while (ticks[i]->fired == 0)
            actor_await(ticks[i], "a timer that is armed");
    }
    for (uint32_t i = 0; i < count; i++)
        close_tick(ticks[i]);
}
