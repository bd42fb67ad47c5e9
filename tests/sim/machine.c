/*
 * Threads, the scheduler and the clock. See machine.h.
 */
#include "machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fiber.h"
#include "memory.h"

enum {
    MAX_EXIT_HOOKS = 4,
    MAX_EVENTS = 8192,
    POINT_NS = 25,        /* what passes with a point */
    SPIN_NS = 40,         /* and with a pause of a thread that spins, in addition */
    FALL_AFTER = 3000,    /* points that a thread may be held up by another of a higher priority, about */
    SWITCH_LIMIT = 1000,  /* points at most without a look at the clock */
    PRIORITY_CHANGES = 6, /* at most */
    PRIORITY_SPAN = 30000 /* points within which they lie */
};

#define LIMIT_NS (600 * SIM_SECOND) /* of a run's virtual time */
#define LIMIT_POINTS UINT64_C(20000000)

enum state {
    FREE,
    CAN_RUN,
    ASLEEP, /* on `object`, until `until_ns` */
    ENDED
};

struct thread {
    enum state state;
    const char *name;
    void (*body)(void *);
    void *argument;
    void (*exit_hooks[MAX_EXIT_HOOKS])(void);
    const volatile void *object;
    uint64_t until_ns;
    bool timed_out;
    const char *why;
    const char *function; /* of its last point at which the scheduler had a word */
    int line;
    uint64_t cpu_ns;
    uint64_t since_ns; /* while it runs */
    int64_t priority;
    uint32_t number; /* how many threads were started before it */
};

struct event {
    uint64_t time_ns;
    uint64_t order;
    void (*happen)(void *, uint64_t);
    void *object;
    uint64_t value;
};

/* Keeps what is in it from run to run. */
struct kept {
    struct fiber carrier;
    struct fiber fibers[SIM_MAX_THREADS];
    struct sim_outcome outcome;
};

static struct kept *kept;

/* As they are here when a run begins. */
int64_t sim_countdown;
uint64_t sim_points;
const char *sim_function;
int sim_line;
static struct thread threads[SIM_MAX_THREADS];
static int current;
static uint32_t started;
static uint64_t skipped_ns; /* the clock is this and what the points take */
static struct event events[MAX_EVENTS];
static size_t event_count;
static uint64_t event_order;
static uint64_t next_ns; /* when something happens that has to do with the clock, or before */
static uint64_t random_state;
static uint64_t hash;
static bool is_traced;
static bool by_priority;
static uint32_t mean_points;
static uint32_t stall_odds;
static uint32_t weak_odds;
static int64_t lowest_priority;
static uint64_t changes[PRIORITY_CHANGES];
static int change_count;
static uint64_t last_fall; /* when a priority was last lowered so */
static void (*first_body)(void);

/* -- Chance -------------------------------------------------------------------------------------------------------- */

static uint64_t random_word(void)
{
    uint64_t word = random_state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

uint32_t sim_random(uint32_t limit)
{
    return (uint32_t)(((random_word() >> 32) * limit) >> 32);
}

bool sim_one_in(uint32_t count)
{
    return count > 0 && sim_random(count) == 0;
}

bool sim_fails_for_no_reason(void)
{
    return weak_odds > 0 && sim_one_in(weak_odds);
}

/* -- The trace and failures ---------------------------------------------------------------------------------------- */

static void mix(uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29;
}

static void describe_thread(int number, char *text, size_t size)
{
    snprintf(text, size, "%s %u", threads[number].name, threads[number].number);
}

void sim_trace(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    if (is_traced) {
        vsnprintf(line, sizeof line, format, arguments);
        printf("%12.3f us  %8llu  %-18s %-2u  %s\n", (double)sim_now_ns() / 1000, (unsigned long long)sim_points,
               threads[current].name, threads[current].number, line);
        fflush(stdout);
    }
    va_end(arguments);
    mix((uintptr_t)format); /* what the line says depends on what was hashed before */
    mix(sim_points);
    mix((uint64_t)current);
}

static _Noreturn void end_run(void)
{
    fiber_switch(&kept->fibers[current], &kept->carrier);
    abort(); /* not reached */
}

static void append_threads(char *text, size_t size)
{
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        const struct thread *thread = &threads[i];
        size_t length = strlen(text);
        char name[64];
        if (thread->state != CAN_RUN && thread->state != ASLEEP)
            continue;
        describe_thread(i, name, sizeof name);
        snprintf(text + length, size - length, "\n    %-20s %s%s, last seen in %s:%d", name,
                 i == current                    ? "runs"
                 : thread->state == CAN_RUN      ? "can run"
                 : thread->until_ns == SIM_NEVER ? "waits without limit: "
                                                 : "waits: ",
                 thread->state == ASLEEP && i != current ? thread->why : "",
                 i == current ? sim_function : thread->function, i == current ? sim_line : thread->line);
    }
}

_Noreturn void sim_fail(const char *format, ...)
{
    struct sim_outcome *outcome = &kept->outcome;
    if (!outcome->failed) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(outcome->failure, sizeof outcome->failure, format, arguments);
        va_end(arguments);
        append_threads(outcome->failure, sizeof outcome->failure);
        outcome->failed = true;
    }
    end_run();
}

void sim_check_object(const volatile void *object)
{
    if (sim_memory_is_freed((uintptr_t)object))
        sim_fail("memory is not freed while it is used");
}

/* -- The clock ----------------------------------------------------------------------------------------------------- */

uint64_t sim_now_ns(void)
{
    return SIM_SECOND + skipped_ns + sim_points * POINT_NS;
}

uint64_t sim_until(int64_t duration_ns)
{
    return duration_ns < 0 ? SIM_NEVER : sim_now_ns() + (uint64_t)duration_ns;
}

static bool is_before(const struct event *left, const struct event *right)
{
    return left->time_ns != right->time_ns ? left->time_ns < right->time_ns : left->order < right->order;
}

static void put_event(size_t place, struct event event)
{
    while (place > 0 && is_before(&event, &events[(place - 1) / 2])) {
        events[place] = events[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    for (size_t child = 2 * place + 1; child < event_count; child = 2 * place + 1) {
        if (child + 1 < event_count && is_before(&events[child + 1], &events[child]))
            child++;
        if (!is_before(&events[child], &event))
            break;
        events[place] = events[child];
        place = child;
    }
    events[place] = event;
}

void sim_at(uint64_t time_ns, void (*happen)(void *object, uint64_t value), void *object, uint64_t value)
{
    if (event_count == MAX_EVENTS)
        sim_fail("no more than %d things are under way", MAX_EVENTS);
    event_count++;
    put_event(event_count - 1, (struct event){time_ns, event_order++, happen, object, value});
    if (time_ns < next_ns)
        next_ns = time_ns;
}

static void wake(struct thread *thread, bool timed_out)
{
    thread->state = CAN_RUN;
    thread->timed_out = timed_out;
    thread->object = NULL;
}

/* Has everything happen whose time has come. */
static void catch_up(void)
{
    uint64_t now_ns = sim_now_ns();
    if (now_ns > LIMIT_NS)
        sim_fail("the run does not end: %llu s of virtual time are up", (unsigned long long)(LIMIT_NS / SIM_SECOND));
    if (sim_points > LIMIT_POINTS)
        sim_fail("the run does not end: %llu points", (unsigned long long)sim_points);
    if (now_ns < next_ns)
        return;
    while (event_count > 0 && events[0].time_ns <= now_ns) {
        struct event event = events[0];
        event_count--;
        if (event_count > 0)
            put_event(0, events[event_count]);
        event.happen(event.object, event.value);
    }
    next_ns = event_count > 0 ? events[0].time_ns : SIM_NEVER;
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        struct thread *thread = &threads[i];
        if (thread->state != ASLEEP)
            continue;
        if (thread->until_ns <= now_ns)
            wake(thread, true);
        else if (thread->until_ns < next_ns)
            next_ns = thread->until_ns;
    }
}

/* -- The scheduler ------------------------------------------------------------------------------------------------- */

static void set_countdown(void)
{
    if (!by_priority) {
        sim_countdown = mean_points == 1 ? 0 : sim_random(2 * mean_points - 1);
        return;
    }
    sim_countdown = SWITCH_LIMIT;
    for (int i = 0; i < change_count; i++)
        if (changes[i] > sim_points && changes[i] - sim_points - 1 < (uint64_t)sim_countdown)
            sim_countdown = (int64_t)(changes[i] - sim_points - 1);
}

/* Who goes on; SIM_NO_THREAD if nobody can. */
static int choose(void)
{
    int candidates[SIM_MAX_THREADS];
    int count = 0;
    int highest = SIM_NO_THREAD;
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        if (threads[i].state != CAN_RUN)
            continue;
        candidates[count++] = i;
        if (highest == SIM_NO_THREAD || threads[i].priority > threads[highest].priority)
            highest = i;
    }
    if (count > 1)
        kept->outcome.choices++;
    if (count == 0 || by_priority)
        return highest;
    return candidates[sim_random((uint32_t)count)];
}

static void go_on_with(int next)
{
    int before = current;
    set_countdown();
    if (next == before)
        return;
    uint64_t now_ns = sim_now_ns();
    threads[before].cpu_ns += now_ns - threads[before].since_ns;
    threads[next].since_ns = now_ns;
    kept->outcome.switches++;
    threads[before].function = sim_function;
    threads[before].line = sim_line;
    current = next;
    sim_function = threads[next].function;
    sim_line = threads[next].line;
    sim_trace("goes on in %s:%d", sim_function, sim_line);
    fiber_switch(&kept->fibers[before], &kept->fibers[next]);
}

/* Lets somebody go on: the calling thread, if it can, or another one, if need be after some time. */
static void reschedule(void)
{
    for (;;) {
        catch_up();
        int next = choose();
        if (next != SIM_NO_THREAD) {
            go_on_with(next);
            return;
        }
        if (next_ns == SIM_NEVER)
            sim_fail("nobody can go on: a lost wake-up, or a deadlock");
        uint64_t now_ns = sim_now_ns();
        if (next_ns > now_ns)
            skipped_ns += next_ns - now_ns;
    }
}

/* The calling thread is held up, as by a system that has other things to do. */
static void stall(void)
{
    struct thread *self = &threads[current];
    self->state = ASLEEP;
    self->object = NULL;
    self->why = "held up";
    self->until_ns = sim_now_ns() + sim_random(20 * (uint32_t)SIM_MS);
    if (self->until_ns < next_ns)
        next_ns = self->until_ns;
}

void sim_point_slowly(void)
{
    struct thread *self = &threads[current];
    for (int i = 0; i < change_count; i++)
        if (changes[i] <= sim_points) {
            changes[i] = SIM_NEVER;
            self->priority = --lowest_priority;
        }
    /* No system holds a thread up for ever for the sake of one that only looks again and again. */
    if (by_priority && sim_points - last_fall > FALL_AFTER) {
        self->priority = --lowest_priority;
        last_fall = sim_points;
    }
    if (stall_odds > 0 && sim_one_in(stall_odds))
        stall();
    reschedule();
}

void sim_spin(void)
{
    skipped_ns += SPIN_NS;
    if (by_priority && sim_one_in(3))
        threads[current].priority = --lowest_priority;
    sim_points++;
    if (by_priority || sim_one_in(4))
        sim_point_slowly();
}

bool sim_sleep(const volatile void *object, uint64_t until_ns, const char *why)
{
    struct thread *self = &threads[current];
    self->state = ASLEEP;
    self->object = object;
    self->until_ns = until_ns;
    self->why = why;
    if (until_ns < next_ns)
        next_ns = until_ns;
    sim_trace("sleeps: %s", why);
    reschedule();
    return !self->timed_out;
}

void sim_wake_one(const volatile void *object)
{
    int sleepers[SIM_MAX_THREADS];
    uint32_t count = 0;
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (threads[i].state == ASLEEP && threads[i].object == object)
            sleepers[count++] = i;
    if (count == 0)
        return;
    int woken = sleepers[count == 1 ? 0 : sim_random(count)];
    wake(&threads[woken], false);
    sim_trace("wakes %s %u", threads[woken].name, threads[woken].number);
    if (by_priority && threads[woken].priority > threads[current].priority)
        sim_countdown = 0; /* it goes on at the next point */
}

void sim_wake_all(const volatile void *object)
{
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (threads[i].state == ASLEEP && threads[i].object == object)
            wake(&threads[i], false);
    if (by_priority)
        sim_countdown = 0;
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

static void run_thread(void)
{
    struct thread *self = &threads[current];
    self->body(self->argument);
    bool called = true;
    for (int round = 0; called && round < 4; round++) { /* a hook may be set again */
        called = false;
        for (int i = 0; i < MAX_EXIT_HOOKS; i++) {
            void (*hook)(void) = self->exit_hooks[i];
            self->exit_hooks[i] = NULL;
            if (hook) {
                hook();
                called = true;
            }
        }
    }
    sim_trace("ends");
    self->state = ENDED;
    sim_wake_all(self);
    reschedule();
    abort(); /* not reached: nobody goes on with a thread that has ended */
}

int sim_thread_start(const char *name, void (*body)(void *), void *argument)
{
    int number = 0;
    while (number < SIM_MAX_THREADS && threads[number].state != FREE)
        number++;
    if (number == SIM_MAX_THREADS)
        return SIM_NO_THREAD;
    threads[number] = (struct thread){.state = CAN_RUN,
                                      .name = name,
                                      .body = body,
                                      .argument = argument,
                                      .function = "(its start)",
                                      .since_ns = sim_now_ns(),
                                      .priority = (int64_t)sim_random(1000000),
                                      .number = started++};
    fiber_prepare(&kept->fibers[number], run_thread);
    sim_trace("starts %s %u", name, threads[number].number);
    return number;
}

int sim_thread_current(void)
{
    return current;
}

const char *sim_thread_name(void)
{
    return threads[current].name;
}

bool sim_thread_has_ended(int thread)
{
    return threads[thread].state == ENDED;
}

bool sim_thread_can_run(int thread)
{
    return threads[thread].state == CAN_RUN;
}

uint64_t sim_thread_cpu_ns(int thread)
{
    return threads[thread].cpu_ns + (thread == current ? sim_now_ns() - threads[thread].since_ns : 0);
}

void sim_thread_join(int thread)
{
    while (threads[thread].state != ENDED)
        sim_sleep(&threads[thread], SIM_NEVER, "for a thread's end");
    sim_thread_retire(thread);
}

void sim_thread_retire(int thread)
{
    threads[thread].state = FREE;
}

bool sim_thread_at_exit(void (*hook)(void))
{
    struct thread *self = &threads[current];
    for (int i = 0; i < MAX_EXIT_HOOKS; i++) {
        if (self->exit_hooks[i] && self->exit_hooks[i] != hook)
            continue;
        self->exit_hooks[i] = hook;
        return true;
    }
    return false;
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

void sim_machine_create(void)
{
    kept = sim_memory_keep(sizeof *kept);
    fiber_create_all(&kept->carrier, kept->fibers, SIM_MAX_THREADS);
    sim_memory_create(); /* the last, so that it knows all of this */
}

static void run_first(void *unused)
{
    (void)unused;
    first_body();
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (i != current && threads[i].state != FREE && threads[i].state != ENDED)
            sim_fail("no thread is left when the program ends, but %s", threads[i].name);
    if (sim_memory_has_stray_writes())
        sim_fail("memory that is not allocated is not written to");
    end_run();
}

/* What kind of schedule the seed stands for. */
static void draw_schedule(uint64_t seed)
{
    static const uint32_t means[] = {1, 2, 4, 12, 40, 120, 400};
    random_state = seed * UINT64_C(0xd1342543de82ef95) + 1;
    by_priority = sim_one_in(3);
    mean_points = means[sim_random(sizeof means / sizeof means[0])];
    stall_odds = sim_one_in(2) ? 0 : by_priority ? 40 : 200 + sim_random(2000);
    weak_odds = sim_one_in(2) ? 0 : 8 + sim_random(60);
    change_count = by_priority ? (int)sim_random(PRIORITY_CHANGES + 1) : 0;
    for (int i = 0; i < change_count; i++)
        changes[i] = 1 + sim_random(PRIORITY_SPAN);
}

const struct sim_outcome *sim_machine_run(uint64_t seed, bool traced, void (*body)(void))
{
    sim_memory_begin();
    kept->outcome = (struct sim_outcome){.seed = seed};
    is_traced = traced;
    first_body = body;
    next_ns = SIM_NEVER;
    hash = seed;
    draw_schedule(seed);
    int first = sim_thread_start("program", run_first, NULL);
    current = first;
    sim_function = "(its start)";
    set_countdown();
    fiber_switch(&kept->carrier, &kept->fibers[first]);
    kept->outcome.hash = hash;
    kept->outcome.virtual_ns = sim_now_ns();
    kept->outcome.points = sim_points;
    return &kept->outcome;
}
