/*
 * The machine that the simulation runs on: threads of which one runs at a time until a point where the scheduler has
 * another go on, a clock that moves with the points and jumps when nobody can run, and things that happen at a time.
 *
 * A point is every atomic operation, lock, wait, system call and callback. Who goes on there is chosen by numbers that
 * come from the seed alone, so a seed is one run:
 *
 * - random: a switch after so many points, on average, as the run has drawn (1 to 400), to anybody who can run;
 * - by priority (PCT): the thread with the highest of all that can run goes on, and at a few places drawn in advance
 *   the one that runs falls below all others. That finds what needs a thread to be held up for long at one place.
 *
 * In both, threads are now and then held up for some milliseconds, as by a system that is busy.
 *
 * What happens at a time happens when the clock has come there, at a switch. The clock jumps to the next such thing
 * when nobody can run; if there is none, the run fails, with where each thread waits. So a lost wake-up is found, and a
 * deadlock as well.
 *
 * All variables of the program are as they were at first when a run begins (memory.h), those of the machine, too. The
 * carrier alone runs between runs.
 */
#ifndef APM_TESTS_SIM_MACHINE_H
#define APM_TESTS_SIM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

enum { SIM_MAX_THREADS = 64, SIM_NO_THREAD = -1 };

#define SIM_NEVER UINT64_MAX
#define SIM_MS UINT64_C(1000000)
#define SIM_SECOND UINT64_C(1000000000)

/* What a run was. */
struct sim_outcome {
    bool failed;
    uint64_t seed;
    uint64_t hash;     /* of the trace: two runs of a seed have the same */
    uint64_t points;   /* at each of which it is decided whether another thread goes on */
    uint64_t choices;  /* between several that could */
    uint64_t switches; /* from one thread to another */
    uint64_t virtual_ns;
    char failure[2048];
};

/* Once a process, before the first run. */
void sim_machine_create(void);

/* One run: `body` is the program's first thread, and the run is over when it returns. */
const struct sim_outcome *sim_machine_run(uint64_t seed, bool is_traced, void (*body)(void));

/* -- Chance: a number below `limit`; true once in so many times --------------------------------------------------- */

uint32_t sim_random(uint32_t limit);
bool sim_one_in(uint32_t count);

/* -- The trace ----------------------------------------------------------------------------------------------------- */

/* A line of the trace: what the running thread does, or what happens to it. Part of the hash; printed if asked for. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the run as failed. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define SIM_CHECK(fact) ((fact) ? (void)0 : sim_fail("%s:%d: this does not hold: %s", __FILE__, __LINE__, #fact))

/* -- Threads ------------------------------------------------------------------------------------------------------- */

/* Starts a thread; its number, or SIM_NO_THREAD where there are too many. */
int sim_thread_start(const char *name, void (*body)(void *), void *argument);
int sim_thread_current(void);
const char *sim_thread_name(void); /* the calling thread's */
bool sim_thread_has_ended(int thread);
bool sim_thread_can_run(int thread);
uint64_t sim_thread_cpu_ns(int thread);
void sim_thread_join(int thread);            /* waits for its end; its number may be given again */
bool sim_thread_at_exit(void (*hook)(void)); /* has it called when the calling thread ends; false: no room */
void sim_thread_retire(int thread);          /* an ended thread's number may be given again */

/* A point that is no atomic operation, such as a system call. */
#define SIM_POINT() sim_point(NULL, __func__, __LINE__)

/* The calling thread sleeps until `object` is woken, or the time comes: false. `why` is for the trace. */
bool sim_sleep(const volatile void *object, uint64_t until_ns, const char *why);
void sim_wake_one(const volatile void *object); /* of those who sleep on it, any */
void sim_wake_all(const volatile void *object);

/* The calling thread spins: somebody else shall run. */
void sim_spin(void);

/* -- Time ---------------------------------------------------------------------------------------------------------- */

uint64_t sim_now_ns(void);

/* The clock's value in so many nanoseconds from now; negative: never. */
uint64_t sim_until(int64_t duration_ns);

/* Has `happen` called at that time, by whatever thread runs then; it must not sleep. */
void sim_at(uint64_t time_ns, void (*happen)(void *object, uint64_t value), void *object, uint64_t value);

#endif
