/*
 * The machine that models run on: simulated threads, of which one runs at a time until its next point, where the search
 * says who goes on; mutexes, sleeping on addresses, and a clock that moves when somebody says so.
 *
 * It finds assertions that do not hold, runs in which nobody can go on (a lost wake-up, a deadlock), runs that do not
 * end, and atomic operations on memory that has been freed or on the stack of a function that has returned.
 */
#ifndef APM_TESTS_MODEL_MACHINE_H
#define APM_TESTS_MODEL_MACHINE_H

#include "model.h"
#include "search.h"

enum machine_end {
    MACHINE_DONE,    /* all threads have ended, and all checks held */
    MACHINE_CUT,     /* the rest of the schedule has been tried in another place */
    MACHINE_BLOCKED, /* threads are left, and none of them can go on */
    MACHINE_FAILED
};

void machine_create(void);

/* Runs the model once, as the search says, and prints each step if `is_traced`. */
enum machine_end machine_run(const struct model *model, struct search *search, bool is_traced);

/* Why the last run has failed, or where it is blocked. */
const char *machine_failure(void);

/* -- For the operating system of the models (simulated_os.c) ------------------------------------------------------- */

/* Ends the run. */
_Noreturn void machine_fail(const char *file, int line, const char *fact);

/* Whether simulated threads run; else everything happens at once, alone. */
bool machine_is_running(void);

/* Sleeps while the word holds what is expected. False if the time is up. Negative: no limit. */
bool machine_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void machine_wake(_Atomic uint32_t *word);
void machine_spin(void);
uint64_t machine_clock_ns(void);
void machine_free(void *memory);

/* Starts a thread, whose number is returned; -1 if there is no room for it. */
int machine_start(const char *name, void (*body)(void *), void *argument);
void machine_join(int thread);
bool machine_try_join(int thread);
bool machine_at_thread_exit(void (*hook)(void)); /* false: no room */

#endif
