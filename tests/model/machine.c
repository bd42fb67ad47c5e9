/*
 * Simulated threads and runs. See machine.h. Each thread has a stack of its own; one real thread runs them all.
 */
#undef _FORTIFY_SOURCE /* its longjmp does not know that there are several stacks */
#include "machine_state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)MAIN < (int)MEMORY_ARENAS, "each thread has an arena");

struct machine *machine;

const char *machine_failure(void)
{
    return machine->failure;
}

bool machine_is_running(void)
{
    return machine->is_running;
}

int model_self(void)
{
    return machine->current;
}

/* -- Choosing who goes on ------------------------------------------------------------------------------------------ */

static bool is_enabled(const struct thread *thread)
{
    const struct pending *next = &thread->next;
    switch (next->operation.kind) {
    case MODEL_LOCK: return machine_read(next->operation.object, next->operation.size) == 0;
    case MODEL_RESUME: return !thread->is_asleep && (thread->joins < 0 || machine->threads[thread->joins].has_ended);
    case MODEL_SPIN: return machine_read(next->operation.object, next->operation.size) != next->expected;
    default: return true;
    }
}

/* The thread's next operation as it would turn out now: a compare-and-swap that fails only reads. */
static struct search_operation judge(const struct thread *thread)
{
    struct search_operation operation = thread->next.operation;
    operation.choices = 1;
    operation.expected = thread->next.expected;
    if (operation.size <= sizeof operation.value)
        operation.value = machine_read(operation.object, operation.size);
    if (operation.kind == MODEL_REPLACE || operation.kind == MODEL_WAIT) {
        if (operation.value != operation.expected)
            operation.access = SEARCH_READS;
        else if (thread->next.may_fail && thread->spurious > 0)
            operation.choices = 2;
    }
    return operation;
}

static void switch_to_main(enum machine_end end)
{
    machine->end = end;
    _longjmp(machine->threads[MAIN].jump, 1);
}

static void describe_blocked(void)
{
    size_t used = (size_t)snprintf(machine->failure, sizeof machine->failure, "nobody can go on:");
    for (int i = 0; i < MODEL_MAX_THREADS; i++) {
        const struct thread *thread = &machine->threads[i];
        if (thread->exists && !thread->has_ended && used < sizeof machine->failure)
            used += (size_t)snprintf(machine->failure + used, sizeof machine->failure - used, " %s after %s (line %d);",
                                     thread->name, thread->next.place.function, thread->next.place.line);
    }
    machine->failure[strlen(machine->failure) - 1] = '\0'; /* the last separator */
}

void machine_choose(void)
{
    struct search_operation next[MODEL_MAX_THREADS];
    uint32_t enabled = 0;
    uint32_t blocked = 0;
    for (int i = 0; i < MODEL_MAX_THREADS; i++) {
        const struct thread *thread = &machine->threads[i];
        if (!thread->exists || thread->has_ended)
            continue;
        next[i] = judge(thread);
        if (is_enabled(thread))
            enabled |= 1u << i;
        else
            blocked |= 1u << i;
    }
    struct thread *before = machine_self();
    int chosen = search_choose(machine->search, next, enabled, machine->current < MAIN ? machine->current : -1);
    if (chosen == SEARCH_TOO_LONG)
        machine_fail(__FILE__, __LINE__, "the run ends (livelock)");
    if (chosen < 0) {
        for (int i = 0; i < MODEL_MAX_THREADS && !enabled; i++)
            if (blocked & 1u << i)
                search_prevented(machine->search, i, &next[i]);
        if (!enabled && blocked)
            describe_blocked();
        switch_to_main(enabled ? MACHINE_CUT : blocked ? MACHINE_BLOCKED : MACHINE_DONE);
    }
    if (chosen == machine->current)
        return;

    struct thread *after = &machine->threads[chosen];
    memory_save_thread_locals(before->thread_locals);
    memory_load_thread_locals(after->thread_locals);
    machine->current = chosen;
    if (_setjmp(before->jump) != 0)
        return;
    if (after->has_begun)
        _longjmp(after->jump, 1);
    after->has_begun = true;
    if (after->has_base)
        _longjmp(after->base, 1);
    setcontext(&after->start);
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

/* A hook that is called may set others, or itself again. */
static void call_exit_hooks(struct thread *thread)
{
    for (int i = 0; i < MAX_EXIT_HOOKS; i++) {
        void (*hook)(void) = thread->exit_hooks[i];
        thread->exit_hooks[i] = NULL;
        if (hook) {
            hook();
            i = -1;
        }
    }
}

/* The body of every simulated thread. It does not return: the search never chooses a thread that has ended. */
static void run_thread(void)
{
    machine_self()->has_base = true;
    (void)_setjmp(machine_self()->base);
    struct thread *thread = machine_self();
    if (machine->is_traced)
        machine_trace(&thread->next, 0, "begins");
    thread->body(thread->argument);
    call_exit_hooks(thread);
    struct pending next = machine_pending(MODEL_FREE, SEARCH_WRITES, thread->stack, STACK_SIZE, "the thread's stack");
    machine_perform(&next);
    thread->has_ended = true;
    machine_choose();
}

int machine_start(const char *name, void (*body)(void *), void *argument)
{
    int number = 0;
    while (number < MODEL_MAX_THREADS && machine->threads[number].exists)
        number++;
    if (number == MODEL_MAX_THREADS)
        return -1;
    struct thread *thread = &machine->threads[number];
    thread->name = name;
    thread->body = body;
    thread->argument = argument;
    memset(thread->exit_hooks, 0, sizeof thread->exit_hooks);
    thread->exists = true;
    thread->has_begun = false;
    thread->has_ended = false;
    thread->is_asleep = false;
    thread->joins = -1;
    thread->place = (struct place){"", "beginning", 0};
    thread->spurious = machine->model->spurious;
    thread->seen = 0;
    thread->seen_size = 0;
    thread->seen_value = 1; /* a spin before any load goes on at once */
    thread->next = machine_pending(MODEL_RESUME, 0, NULL, 0, "the thread");
    thread->next.place = thread->place;
    thread->frame = (uintptr_t)thread->stack + STACK_SIZE;
    memory_initial_thread_locals(thread->thread_locals);
    if (machine->is_running)
        search_order(machine->search, number);
    return number;
}

bool machine_at_thread_exit(void (*hook)(void))
{
    struct thread *thread = machine_self();
    for (int i = 0; i < MAX_EXIT_HOOKS; i++) {
        if (thread->exit_hooks[i] && thread->exit_hooks[i] != hook)
            continue;
        thread->exit_hooks[i] = hook;
        return true;
    }
    return false;
}

/* -- Runs ---------------------------------------------------------------------------------------------------------- */

_Noreturn void machine_fail(const char *file, int line, const char *fact)
{
    const char *name = strrchr(file, '/');
    snprintf(machine->failure, sizeof machine->failure, "%s:%d: this does not hold: %s", name ? name + 1 : file, line,
             fact);
    switch_to_main(MACHINE_FAILED);
    abort(); /* not reached */
}

/* A crash is a failure of the model. */
static void on_crash(int number)
{
    (void)number;
    machine_fail(machine_self()->place.file, machine_self()->place.line, "memory is there where it is used after this");
}

/* The handler has a stack of its own, since the thread's may be what is wrong. */
static void catch_crashes(void)
{
    stack_t alternative = {.ss_sp = malloc(STACK_SIZE), .ss_size = STACK_SIZE}; /* it stays until the program ends */
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    if (!alternative.ss_sp || sigaltstack(&alternative, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0 ||
        sigaction(SIGBUS, &action, NULL) != 0)
        abort();
}

void machine_create(void)
{
    machine = aligned_alloc(16, (sizeof *machine + 15) / 16 * 16);
    if (!machine)
        abort();
    memset(machine, 0, sizeof *machine);
    for (struct thread *thread = machine->threads; thread < machine->threads + MODEL_MAX_THREADS; thread++) {
        if (getcontext(&thread->start) != 0)
            abort();
        thread->start.uc_stack.ss_sp = thread->stack;
        thread->start.uc_stack.ss_size = STACK_SIZE;
        makecontext(&thread->start, run_thread, 0);
    }
    catch_crashes();
    memory_create();
}

static void run_model_body(void *argument)
{
    (*(void (*const *)(void))argument)();
}

/* From here on threads run, until one of them comes to switch_to_main. */
static void run_threads(void)
{
    const struct model *model = machine->model;
    if (model->set_up)
        model->set_up();
    for (int i = 0; i < MODEL_MAX_THREADS && model->threads[i].body; i++)
        machine_start(model->threads[i].name, run_model_body, (void *)(uintptr_t)&model->threads[i].body);
    machine->is_running = true;
    machine_choose();
}

static void check_end(void)
{
    if (memory_has_stray_writes())
        machine_fail(__FILE__, __LINE__, "memory that has been freed is not written to");
    if (machine->model->check)
        machine->model->check();
}

/* Whether all threads have ended or sleep, and none waits for a mutex or for another thread's end. */
static bool all_are_asleep(void)
{
    for (int i = 0; i < MODEL_MAX_THREADS; i++)
        if (machine->threads[i].exists && !machine->threads[i].has_ended && !machine->threads[i].is_asleep)
            return false;
    return true;
}

enum machine_end machine_run(const struct model *model, struct search *search, bool is_traced)
{
    machine->model = model;
    machine->search = search;
    machine->is_traced = is_traced;
    machine->is_running = false;
    machine->current = MAIN;
    machine->clock_ns = 1000000000;
    machine->name_count = 0;
    for (int i = 0; i < MODEL_MAX_THREADS; i++)
        machine->threads[i].exists = false;
    memory_begin();
    search_begin(search);
    if (_setjmp(machine->threads[MAIN].jump) == 0)
        run_threads();
    machine->is_running = false;
    machine->current = MAIN;
    memory_load_thread_locals(machine->threads[MAIN].thread_locals);
    if (machine->end == MACHINE_BLOCKED && model->ends_asleep && all_are_asleep())
        machine->end = MACHINE_DONE;
    if (machine->end == MACHINE_DONE && _setjmp(machine->threads[MAIN].jump) == 0)
        check_end();
    return machine->end;
}
