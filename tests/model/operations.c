/*
 * What simulated threads do at points: atomic operations, sleeping and waking, the clock, memory. See machine.h.
 */
#include <stdio.h>

#include "machine_state.h"

/* -- Points -------------------------------------------------------------------------------------------------------- */

static const char *name_of(uintptr_t object)
{
    for (size_t i = 0; i < machine->name_count; i++)
        if (object - machine->names[i].object < machine->names[i].size)
            return machine->names[i].name;
    return NULL;
}

void machine_trace(const struct pending *done, uint64_t before, const char *note)
{
    static const char *const kinds[MODEL_KINDS] = {
        "load",   "store", "exchange",   "add",     "subtract", "or",   "and",   "replace",     "lock",
        "unlock", "wait",  "time is up", "goes on", "wake",     "spin", "clock", "time passes", "free"};
    const char *file = strrchr(done->place.file, '/');
    const char *name = name_of(done->operation.object);
    char place[64];
    snprintf(place, sizeof place, "%s:%d", file ? file + 1 : done->place.file, done->place.line);
    printf("%5zu  %-22s %-20s %-22s %-9s %s", machine->search->depth, machine_self()->name, place, done->place.function,
           kinds[done->operation.kind], done->text[0] == '&' ? done->text + 1 : done->text);
    if (name)
        printf(" (%s)", name);
    if (done->operation.size > 0 && done->operation.size <= sizeof before && done->operation.kind <= MODEL_WAIT) {
        uint64_t after = machine_read(done->operation.object, done->operation.size);
        printf(": 0x%llx", (unsigned long long)before);
        if (done->operation.access & SEARCH_WRITES)
            printf(" -> 0x%llx", (unsigned long long)after);
    }
    printf("%s%s\n", *note ? ", " : "", note);
}

/* Whether the object is in a stack below what is in use of it. */
static bool is_abandoned(uintptr_t object)
{
    for (int i = 0; i < MODEL_MAX_THREADS; i++) {
        const struct thread *thread = &machine->threads[i];
        if (object - (uintptr_t)thread->stack < STACK_SIZE)
            return thread->has_ended || object < thread->frame;
    }
    return false;
}

/* Waits until it is the calling thread's turn to do what it is about to do. */
void machine_arrive(const struct pending *next)
{
    struct thread *thread = machine_self();
    thread->next = *next;
    thread->frame = (uintptr_t)__builtin_frame_address(0);
    machine_choose();
    uintptr_t object = next->operation.object;
    if (next->operation.kind == MODEL_WAKE || next->operation.kind == MODEL_FREE)
        return; /* only the address counts */
    if (memory_is_freed(object))
        machine_fail(next->place.file, next->place.line, "memory is not freed while it is used");
    if (is_abandoned(object))
        machine_fail(next->place.file, next->place.line,
                     "an object on a stack is not used when its function has returned");
    if (memory_is_thread_local(object))
        machine_fail(next->place.file, next->place.line,
                     "no address of a thread-local variable is handed out (see README.md)");
}

struct pending machine_pending(enum model_kind kind, unsigned access, const volatile void *object, size_t size,
                               const char *text)
{
    return (struct pending){.operation = {.kind = kind, .access = access, .object = (uintptr_t)object, .size = size},
                            .text = text,
                            .place = machine_self()->place};
}

uint64_t model_atomic(enum model_kind kind, const volatile void *object, size_t size, uint64_t operand,
                      MODEL_PLACE_PARAMETERS)
{
    unsigned access = kind == MODEL_LOAD ? SEARCH_READS : SEARCH_READS | SEARCH_WRITES;
    machine_self()->place = (struct place){function, file, line};
    struct pending next = machine_pending(kind, access, object, size, text);
    uintptr_t address = (uintptr_t)object;
    if (machine->is_running)
        machine_arrive(&next);
    uint64_t before = machine_read(address, size);
    switch (kind) {
    case MODEL_ADD: operand = before + operand; break;
    case MODEL_SUBTRACT: operand = before - operand; break;
    case MODEL_OR: operand = before | operand; break;
    case MODEL_AND: operand = before & operand; break;
    default: break;
    }
    if (kind == MODEL_LOAD) {
        machine_self()->seen = address;
        machine_self()->seen_size = size;
        machine_self()->seen_value = before;
    } else {
        machine_write(address, size, operand);
    }
    if (machine->is_running && machine->is_traced)
        machine_trace(&next, before, "");
    return before;
}

bool model_replace(enum model_kind kind, const volatile void *object, size_t size, void *expected, uint64_t desired,
                   bool weak, MODEL_PLACE_PARAMETERS)
{
    machine_self()->place = (struct place){function, file, line};
    struct pending next = machine_pending(kind, SEARCH_READS | SEARCH_WRITES, object, size, text);
    uintptr_t address = (uintptr_t)object;
    next.expected = machine_read((uintptr_t)expected, size);
    next.may_fail = weak;
    bool fails_for_no_reason = false;
    if (machine->is_running) {
        machine_arrive(&next);
        fails_for_no_reason = search_outcome(machine->search) != 0;
    }
    machine_self()->spurious -= fails_for_no_reason;
    uint64_t before = machine_read(address, size);
    bool replaced = before == next.expected && !fails_for_no_reason;
    if (replaced)
        machine_write(address, size, desired);
    else
        machine_write((uintptr_t)expected, size, before);
    if (machine->is_running && machine->is_traced)
        machine_trace(&next, before, replaced ? "" : fails_for_no_reason ? "fails for no reason" : "fails");
    return replaced;
}

/* -- Sleeping, waking, time ---------------------------------------------------------------------------------------- */

void machine_perform(const struct pending *next)
{
    machine_arrive(next);
    if (machine->is_traced)
        machine_trace(&machine_self()->next, 0, ""); /* a wake has changed it from EXPIRE to RESUME */
}

bool machine_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    if (machine->model->is_patient)
        timeout_ns = -1;
    unsigned access = SEARCH_READS | SEARCH_QUEUES | (timeout_ns >= 0 ? SEARCH_READS_CLOCK : 0u);
    struct pending next = machine_pending(MODEL_WAIT, access, word, sizeof *word, "on the word");
    struct thread *thread = machine_self();
    next.expected = expected;
    next.may_fail = true;
    machine_arrive(&next);
    uint64_t found = machine_read((uintptr_t)word, sizeof *word);
    bool fails_for_no_reason = search_outcome(machine->search) != 0;
    thread->spurious -= fails_for_no_reason;
    bool sleeps = found == expected && !fails_for_no_reason;
    if (machine->is_traced)
        machine_trace(&next, found,
                      sleeps                ? "sleeps"
                      : fails_for_no_reason ? "returns for no reason"
                                            : "does not sleep");
    if (!sleeps)
        return true;

    thread->is_asleep = true;
    thread->wait_number = ++machine->waits;
    uint64_t end_ns = machine->clock_ns + (uint64_t)timeout_ns;
    next.operation.kind = timeout_ns < 0 ? MODEL_RESUME : MODEL_EXPIRE;
    next.operation.access = timeout_ns < 0 ? 0u : (unsigned)SEARCH_QUEUES | SEARCH_MOVES_CLOCK;
    next.may_fail = false;
    machine_perform(&next);
    if (!thread->is_asleep)
        return true;
    thread->is_asleep = false;
    if (machine->clock_ns < end_ns)
        machine->clock_ns = end_ns;
    return false;
}

void machine_wake(_Atomic uint32_t *word)
{
    struct pending next = machine_pending(MODEL_WAKE, SEARCH_QUEUES, word, sizeof *word, "of the word");
    machine_arrive(&next);
    struct thread *woken = NULL;
    for (int i = 0; i < MODEL_MAX_THREADS; i++) {
        struct thread *thread = &machine->threads[i];
        if (thread->exists && thread->is_asleep && thread->next.operation.object == (uintptr_t)word &&
            (!woken || thread->wait_number < woken->wait_number))
            woken = thread;
    }
    if (machine->is_traced)
        machine_trace(&next, 0, woken ? woken->name : "nobody sleeps");
    if (!woken)
        return;
    if (woken->next.operation.kind == MODEL_EXPIRE)
        search_prevented(machine->search, (int)(woken - machine->threads), &woken->next.operation);
    woken->is_asleep = false;
    woken->next.operation.kind = MODEL_RESUME;
    woken->next.operation.access = 0;
    search_order(machine->search, (int)(woken - machine->threads));
}

void machine_spin(void)
{
    struct thread *thread = machine_self();
    struct pending next = machine_pending(MODEL_SPIN, SEARCH_READS, (const void *)thread->seen, thread->seen_size,
                                          "the word that was loaded last");
    next.expected = thread->seen_value;
    machine_perform(&next);
}

uint64_t machine_clock_ns(void)
{
    struct pending next = machine_pending(MODEL_CLOCK, SEARCH_READS_CLOCK, NULL, 0, "the clock");
    if (machine->is_running)
        machine_perform(&next);
    return machine->clock_ns;
}

void model_pass_time(uint64_t duration_ns)
{
    struct pending next = machine_pending(MODEL_PASS, SEARCH_MOVES_CLOCK, NULL, 0, "the clock");
    if (machine->is_running)
        machine_perform(&next);
    machine->clock_ns += duration_ns;
}

void machine_free(void *memory)
{
    struct pending next = machine_pending(MODEL_FREE, SEARCH_WRITES, memory, memory_size(memory), "allocated memory");
    if (machine->is_running)
        machine_perform(&next);
    memory_free(memory);
}

void machine_join(int number)
{
    struct thread *thread = machine_self();
    struct pending next = machine_pending(MODEL_RESUME, 0, NULL, 0, "the end of a thread");
    thread->joins = number;
    machine_perform(&next);
    thread->joins = -1;
    search_order_after(machine->search, machine->current, number);
}

/* No step of its own: whether a thread has ended or is about to decides only on whose memory another one gets. */
bool machine_try_join(int number)
{
    if (!machine->threads[number].has_ended)
        return false;
    search_order_after(machine->search, machine->current, number);
    return true;
}

void model_name(const volatile void *object, size_t size, const char *name)
{
    if (machine->name_count < MAX_NAMES)
        machine->names[machine->name_count++] = (struct name){(uintptr_t)object, size, name};
}
