/*
 * Threads, and who of them goes on. See machine.h.
 */
#include <stdlib.h>

#include "machine_parts.h"

enum {
    SPIN_NS = 40,       /* what passes with a pause of a thread that spins, beside its point */
    FALL_AFTER = 3000,  /* points that a thread may be held up by another of a higher priority, about */
    SWITCH_LIMIT = 1000 /* points at most without a look at the clock */
};

int64_t sim_countdown;
uint64_t sim_points;
const char *sim_function;
int sim_line;
struct sim_thread sim_threads[SIM_MAX_THREADS];
int sim_current;
bool sim_by_priority;
uint32_t sim_mean_points;
uint32_t sim_stall_odds;
uint64_t sim_changes[SIM_PRIORITY_CHANGES];
int sim_change_count;
static uint32_t started;
static int64_t lowest_priority;
static uint64_t last_fall; /* when a priority was last lowered so */

/* -- The scheduler ------------------------------------------------------------------------------------------------- */

void sim_set_countdown(void)
{
    if (!sim_by_priority) {
        sim_countdown = sim_mean_points == 1 ? 0 : sim_random(2 * sim_mean_points - 1);
        return;
    }
    sim_countdown = SWITCH_LIMIT;
    for (int i = 0; i < sim_change_count; i++)
        if (sim_changes[i] > sim_points && sim_changes[i] - sim_points - 1 < (uint64_t)sim_countdown)
            sim_countdown = (int64_t)(sim_changes[i] - sim_points - 1);
}

void sim_thread_wake(struct sim_thread *thread, bool timed_out)
{
    thread->state = SIM_CAN_RUN;
    thread->timed_out = timed_out;
    thread->object = NULL;
}

/* Who goes on; SIM_NO_THREAD if nobody can. */
static int choose(void)
{
    int candidates[SIM_MAX_THREADS];
    int count = 0;
    int highest = SIM_NO_THREAD;
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        if (sim_threads[i].state != SIM_CAN_RUN)
            continue;
        candidates[count++] = i;
        if (highest == SIM_NO_THREAD || sim_threads[i].priority > sim_threads[highest].priority)
            highest = i;
    }
    if (count > 1)
        sim_kept->outcome.choices++;
    if (count == 0 || sim_by_priority)
        return highest;
    return candidates[sim_random((uint32_t)count)];
}

static void go_on_with(int next)
{
    int before = sim_current;
    sim_set_countdown();
    if (next == before)
        return;
    uint64_t now_ns = sim_now_ns();
    sim_threads[before].cpu_ns += now_ns - sim_threads[before].since_ns;
    sim_threads[next].since_ns = now_ns;
    sim_kept->outcome.switches++;
    sim_threads[before].function = sim_function;
    sim_threads[before].line = sim_line;
    sim_current = next;
    sim_function = sim_threads[next].function;
    sim_line = sim_threads[next].line;
    sim_trace("goes on in %s:%d", sim_function, sim_line);
    fiber_switch(&sim_kept->fibers[before], &sim_kept->fibers[next]);
}

/* Lets somebody go on: the calling thread, if it can, or another one, if need be after some time. */
static void reschedule(void)
{
    for (;;) {
        sim_catch_up();
        int next = choose();
        if (next != SIM_NO_THREAD) {
            go_on_with(next);
            return;
        }
        if (sim_next_ns == SIM_NEVER)
            sim_fail("nobody can go on: a lost wake-up, or a deadlock");
        uint64_t now_ns = sim_now_ns();
        if (sim_next_ns > now_ns)
            sim_skipped_ns += sim_next_ns - now_ns;
    }
}

/* The calling thread is held up, as by a system that has other things to do. */
static void stall(void)
{
    struct sim_thread *self = &sim_threads[sim_current];
    self->state = SIM_ASLEEP;
    self->object = NULL;
    self->why = "held up";
    self->until_ns = sim_now_ns() + sim_random(20 * (uint32_t)SIM_MS);
    if (self->until_ns < sim_next_ns)
        sim_next_ns = self->until_ns;
}

void sim_point_slowly(void)
{
    struct sim_thread *self = &sim_threads[sim_current];
    for (int i = 0; i < sim_change_count; i++)
        if (sim_changes[i] <= sim_points) {
            sim_changes[i] = SIM_NEVER;
            self->priority = --lowest_priority;
        }
    /* No system holds a thread up for ever for the sake of one that only looks again and again. */
    if (sim_by_priority && sim_points - last_fall > FALL_AFTER) {
        self->priority = --lowest_priority;
        last_fall = sim_points;
    }
    if (sim_stall_odds > 0 && sim_one_in(sim_stall_odds))
        stall();
    reschedule();
}

void sim_spin(void)
{
    sim_skipped_ns += SPIN_NS;
    if (sim_by_priority && sim_one_in(3))
        sim_threads[sim_current].priority = --lowest_priority;
    sim_points++;
    if (sim_by_priority || sim_one_in(4))
        sim_point_slowly();
}

bool sim_sleep(const volatile void *object, uint64_t until_ns, const char *why)
{
    struct sim_thread *self = &sim_threads[sim_current];
    self->state = SIM_ASLEEP;
    self->object = object;
    self->until_ns = until_ns;
    self->why = why;
    if (until_ns < sim_next_ns)
        sim_next_ns = until_ns;
    sim_trace("sleeps: %s", why);
    reschedule();
    return !self->timed_out;
}

void sim_wake_one(const volatile void *object)
{
    int sleepers[SIM_MAX_THREADS];
    uint32_t count = 0;
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (sim_threads[i].state == SIM_ASLEEP && sim_threads[i].object == object)
            sleepers[count++] = i;
    if (count == 0)
        return;
    int woken = sleepers[count == 1 ? 0 : sim_random(count)];
    sim_thread_wake(&sim_threads[woken], false);
    sim_trace("wakes %s %u", sim_threads[woken].name, sim_threads[woken].number);
    if (sim_by_priority && sim_threads[woken].priority > sim_threads[sim_current].priority)
        sim_countdown = 0; /* it goes on at the next point */
}

void sim_wake_all(const volatile void *object)
{
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (sim_threads[i].state == SIM_ASLEEP && sim_threads[i].object == object)
            sim_thread_wake(&sim_threads[i], false);
    if (sim_by_priority)
        sim_countdown = 0;
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

static void run_thread(void)
{
    struct sim_thread *self = &sim_threads[sim_current];
    self->body(self->argument);
    bool called = true;
    for (int round = 0; called && round < 4; round++) { /* a hook may be set again */
        called = false;
        for (int i = 0; i < SIM_MAX_EXIT_HOOKS; i++) {
            void (*hook)(void) = self->exit_hooks[i];
            self->exit_hooks[i] = NULL;
            if (hook) {
                hook();
                called = true;
            }
        }
    }
    sim_trace("ends");
    self->state = SIM_ENDED;
    sim_wake_all(self);
    reschedule();
    abort(); /* not reached: nobody goes on with a thread that has ended */
}

int sim_thread_start(const char *name, void (*body)(void *), void *argument)
{
    int number = 0;
    while (number < SIM_MAX_THREADS && sim_threads[number].state != SIM_FREE)
        number++;
    if (number == SIM_MAX_THREADS)
        return SIM_NO_THREAD;
    sim_threads[number] = (struct sim_thread){.state = SIM_CAN_RUN,
                                              .name = name,
                                              .body = body,
                                              .argument = argument,
                                              .function = "(its start)",
                                              .since_ns = sim_now_ns(),
                                              .priority = (int64_t)sim_random(1000000),
                                              .number = started++};
    fiber_prepare(&sim_kept->fibers[number], run_thread);
    sim_trace("starts %s %u", name, sim_threads[number].number);
    return number;
}

int sim_thread_current(void)
{
    return sim_current;
}

const char *sim_thread_name(void)
{
    return sim_threads[sim_current].name;
}

bool sim_thread_has_ended(int thread)
{
    return sim_threads[thread].state == SIM_ENDED;
}

bool sim_thread_can_run(int thread)
{
    return sim_threads[thread].state == SIM_CAN_RUN;
}

uint64_t sim_thread_cpu_ns(int thread)
{
    return sim_threads[thread].cpu_ns + (thread == sim_current ? sim_now_ns() - sim_threads[thread].since_ns : 0);
}

void sim_thread_join(int thread)
{
    while (sim_threads[thread].state != SIM_ENDED)
        sim_sleep(&sim_threads[thread], SIM_NEVER, "for a thread's end");
    sim_thread_retire(thread);
}

void sim_thread_retire(int thread)
{
    sim_threads[thread].state = SIM_FREE;
}

bool sim_thread_at_exit(void (*hook)(void))
{
    struct sim_thread *self = &sim_threads[sim_current];
    for (int i = 0; i < SIM_MAX_EXIT_HOOKS; i++) {
        if (self->exit_hooks[i] && self->exit_hooks[i] != hook)
            continue;
        self->exit_hooks[i] = hook;
        return true;
    }
    return false;
}
