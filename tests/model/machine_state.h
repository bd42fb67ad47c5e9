/*
 * What the files of the machine share: machine.c (threads and runs) and operations.c (what threads do at points).
 */
#ifndef APM_TESTS_MODEL_MACHINE_STATE_H
#define APM_TESTS_MODEL_MACHINE_STATE_H

#include <setjmp.h>
#include <string.h>
#include <ucontext.h>

#include "machine.h"
#include "memory.h"

enum { STACK_SIZE = 1 << 16, MAIN = MODEL_MAX_THREADS, MAX_NAMES = 32, MAX_EXIT_HOOKS = 4 };

/* Where an atomic operation stands. A call of the system stands after the one before it. */
struct place {
    const char *function;
    const char *file;
    int line;
};

/* What a thread does next, beside what the search has to know of it. */
struct pending {
    struct search_operation operation;
    uint64_t expected; /* by WAIT, REPLACE and SPIN: of these the last value that was seen */
    bool may_fail;     /* it is a wait, or a weak compare-and-swap */
    const char *text;  /* the object, as the source has it */
    struct place place;
};

struct thread {
    const char *name;
    void (*body)(void *);
    void *argument;
    void (*exit_hooks[MAX_EXIT_HOOKS])(void); /* to be called when it ends */
    bool exists;
    bool has_begun;
    bool has_ended;
    bool is_asleep;       /* in a wait: a wake makes it false */
    int joins;            /* the thread whose end it waits for, or -1 */
    unsigned wait_number; /* who has slept longer is woken first */
    int spurious;         /* failures without a reason that are left */
    uintptr_t seen;       /* the word that it has loaded last, */
    size_t seen_size;
    uint64_t seen_value; /* and what that was */
    struct place place;  /* of its last atomic operation */
    struct pending next;
    jmp_buf jump;
    bool has_base;
    jmp_buf base; /* the beginning of run_thread, for the next run */
    ucontext_t start;
    uintptr_t frame; /* the stack is in use from here upwards */
    unsigned char thread_locals[MEMORY_THREAD_LOCALS];
    _Alignas(16) unsigned char stack[STACK_SIZE];
};

struct name {
    uintptr_t object;
    size_t size;
    const char *name;
};

/* Outside the program's data, which is overwritten for each run. */
struct machine {
    const struct model *model;
    struct search *search;
    bool is_traced;
    bool is_running; /* simulated threads run */
    int current;     /* MAIN while set_up and check run */
    unsigned waits;
    uint64_t clock_ns;
    enum machine_end end;
    char failure[1024];
    struct name names[MAX_NAMES];
    size_t name_count;
    struct thread threads[MODEL_MAX_THREADS + 1];
};

extern struct machine *machine;

static inline struct thread *machine_self(void)
{
    return &machine->threads[machine->current];
}

/* An object of up to eight bytes; the first one is the lowest. */
static inline uint64_t machine_read(uintptr_t object, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, (const void *)object, size);
    return value;
}

static inline void machine_write(uintptr_t object, size_t size, uint64_t value)
{
    memcpy((void *)object, &value, size);
}

/* Lets the thread go on that the search chooses; returns when it has chosen the caller. */
void machine_choose(void);

struct pending machine_pending(enum model_kind kind, unsigned access, const volatile void *object, size_t size,
                               const char *text);

/*
 * Sets what the calling thread does next, and returns when the search has chosen it. The operation is then to be
 * performed; it may have become another: a wake turns EXPIRE into RESUME. `perform` also traces it.
 */
void machine_arrive(const struct pending *next);
void machine_perform(const struct pending *next);

/* Prints the step that the calling thread has just taken: what was in the object, and how it has turned out. */
void machine_trace(const struct pending *done, uint64_t before, const char *note);

#endif
