/*
 * Chance, the trace, failures and runs. See machine.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine_parts.h"
#include "memory.h"

enum { PRIORITY_SPAN = 30000 }; /* points within which changes of priority lie */

struct sim_kept *sim_kept;
static uint64_t random_state;
static uint64_t hash;
static bool is_traced;
static uint32_t weak_odds;
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
    snprintf(text, size, "%s %u", sim_threads[number].name, sim_threads[number].number);
}

void sim_trace(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    if (is_traced) {
        vsnprintf(line, sizeof line, format, arguments);
        printf("%12.3f us  %8llu  %-18s %-2u  %s\n", (double)sim_now_ns() / 1000, (unsigned long long)sim_points,
               sim_threads[sim_current].name, sim_threads[sim_current].number, line);
        fflush(stdout);
    }
    va_end(arguments);
    mix((uintptr_t)format); /* what the line says depends on what was hashed before */
    mix(sim_points);
    mix((uint64_t)sim_current);
}

_Noreturn void sim_end_run(void)
{
    fiber_switch(&sim_kept->fibers[sim_current], &sim_kept->carrier);
    abort(); /* not reached */
}

static void append_threads(char *text, size_t size)
{
    for (int i = 0; i < SIM_MAX_THREADS; i++) {
        const struct sim_thread *thread = &sim_threads[i];
        size_t length = strlen(text);
        char name[64];
        if (thread->state != SIM_CAN_RUN && thread->state != SIM_ASLEEP)
            continue;
        describe_thread(i, name, sizeof name);
        snprintf(text + length, size - length, "\n    %-20s %s%s, last seen in %s:%d", name,
                 i == sim_current                ? "runs"
                 : thread->state == SIM_CAN_RUN  ? "can run"
                 : thread->until_ns == SIM_NEVER ? "waits without limit: "
                                                 : "waits: ",
                 thread->state == SIM_ASLEEP && i != sim_current ? thread->why : "",
                 i == sim_current ? sim_function : thread->function, i == sim_current ? sim_line : thread->line);
    }
}

_Noreturn void sim_fail(const char *format, ...)
{
    struct sim_outcome *outcome = &sim_kept->outcome;
    if (!outcome->failed) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(outcome->failure, sizeof outcome->failure, format, arguments);
        va_end(arguments);
        append_threads(outcome->failure, sizeof outcome->failure);
        outcome->failed = true;
    }
    sim_end_run();
}

void sim_check_object(const volatile void *object)
{
    if (sim_memory_is_freed((uintptr_t)object))
        sim_fail("memory is not freed while it is used");
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

void sim_machine_create(void)
{
    sim_kept = sim_memory_keep(sizeof *sim_kept);
    fiber_create_all(&sim_kept->carrier, sim_kept->fibers, SIM_MAX_THREADS);
    sim_memory_create(); /* the last, so that it knows all of this */
}

static void run_first(void *unused)
{
    (void)unused;
    first_body();
    for (int i = 0; i < SIM_MAX_THREADS; i++)
        if (i != sim_current && sim_threads[i].state != SIM_FREE && sim_threads[i].state != SIM_ENDED)
            sim_fail("no thread is left when the program ends, but %s", sim_threads[i].name);
    if (sim_memory_has_stray_writes())
        sim_fail("memory that is not allocated is not written to");
    sim_end_run();
}

/* What kind of schedule the seed stands for. */
static void draw_schedule(uint64_t seed)
{
    static const uint32_t means[] = {1, 2, 4, 12, 40, 120, 400};
    random_state = seed * UINT64_C(0xd1342543de82ef95) + 1;
    sim_by_priority = sim_one_in(3);
    sim_mean_points = means[sim_random(sizeof means / sizeof means[0])];
    sim_stall_odds = sim_one_in(2) ? 0 : sim_by_priority ? 40 : 200 + sim_random(2000);
    weak_odds = sim_one_in(2) ? 0 : 8 + sim_random(60);
    sim_change_count = sim_by_priority ? (int)sim_random(SIM_PRIORITY_CHANGES + 1) : 0;
    for (int i = 0; i < sim_change_count; i++)
        sim_changes[i] = 1 + sim_random(PRIORITY_SPAN);
}

const struct sim_outcome *sim_machine_run(uint64_t seed, bool traced, void (*body)(void))
{
    sim_memory_begin();
    sim_kept->outcome = (struct sim_outcome){.seed = seed};
    is_traced = traced;
    first_body = body;
    sim_next_ns = SIM_NEVER;
    hash = seed;
    draw_schedule(seed);
    int first = sim_thread_start("program", run_first, NULL);
    sim_current = first;
    sim_function = "(its start)";
    sim_set_countdown();
    fiber_switch(&sim_kept->carrier, &sim_kept->fibers[first]);
    sim_kept->outcome.hash = hash;
    sim_kept->outcome.virtual_ns = sim_now_ns();
    sim_kept->outcome.points = sim_points;
    return &sim_kept->outcome;
}
