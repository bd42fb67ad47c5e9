/*
 * What the parts of the machine share: machine.c (chance, the trace, runs), clock.c and scheduler.c. Nobody else
 * includes this. All but what `sim_kept` points to is as it was at first when a run begins.
 */
#ifndef APM_TESTS_SIM_MACHINE_PARTS_H
#define APM_TESTS_SIM_MACHINE_PARTS_H

#include "fiber.h"
#include "machine.h"

enum { SIM_MAX_EXIT_HOOKS = 4, SIM_PRIORITY_CHANGES = 6 };

enum sim_thread_state {
    SIM_FREE,
    SIM_CAN_RUN,
    SIM_ASLEEP, /* on `object`, until `until_ns` */
    SIM_ENDED
};

struct sim_thread {
    enum sim_thread_state state;
    const char *name;
    void (*body)(void *);
    void *argument;
    void (*exit_hooks[SIM_MAX_EXIT_HOOKS])(void);
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

/* Keeps what is in it from run to run. */
struct sim_kept {
    struct fiber carrier;
    struct fiber fibers[SIM_MAX_THREADS];
    struct sim_outcome outcome;
};

extern struct sim_kept *sim_kept;

/* -- Threads and the scheduler (scheduler.c) ----------------------------------------------------------------------- */

extern struct sim_thread sim_threads[SIM_MAX_THREADS];
extern int sim_current;

/* What kind of schedule it is; drawn when the run begins. */
extern bool sim_by_priority;
extern uint32_t sim_mean_points; /* between two looks of the scheduler */
extern uint32_t sim_stall_odds;
extern uint64_t sim_changes[SIM_PRIORITY_CHANGES]; /* the points at which the running thread falls below all others */
extern int sim_change_count;

void sim_set_countdown(void);
void sim_thread_wake(struct sim_thread *thread, bool timed_out);

/* -- The clock (clock.c) ------------------------------------------------------------------------------------------- */

extern uint64_t sim_skipped_ns; /* the clock is this and what the points take */
extern uint64_t sim_next_ns;    /* when something happens that has to do with the clock, or before */

/* Has everything happen whose time has come. */
void sim_catch_up(void);

/* -- Runs (machine.c) ---------------------------------------------------------------------------------------------- */

_Noreturn void sim_end_run(void);

#endif
