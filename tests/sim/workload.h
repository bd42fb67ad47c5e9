/*
 * What the simulated program does, and what must hold of it. A run is a few actors, each a thread of the program or
 * several, that call the library at random, and the checks that each of them makes; then everything is closed and
 * cleaned up, and what is left over is a failure.
 *
 * What an actor puts into the drawer, any thread may cancel, hurry, ask or wait for at any time, also when it is long
 * gone; the actor sees in `disturbed` that this may be why its operation has failed. What nobody disturbs must succeed.
 *
 * One thread runs at a time, and none is interrupted but at a point, so variables of the workload need no locks.
 */
#ifndef APM_TESTS_SIM_WORKLOAD_H
#define APM_TESTS_SIM_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/apm.h"
#include "machine.h"

/* The first thread of each run. */
void sim_workload(void);

/* What the run has drawn, for the port. */
int sim_setting_processors(void);
const char *sim_setting_engine(void);

/*
 * Whether the pool's monitor is held up for ever when it waits for a time. It makes good what else would be a lost
 * wake-up; without it, everything here has to end all the same.
 */
bool sim_setting_monitor_sleeps(void);

/* The library has said something. */
void sim_heard(const char *line);

/* -- Threads and time ---------------------------------------------------------------------------------------------- */

/* A thread of the program, which is joined in the end. */
void actor_start(const char *name, void (*body)(void *), void *argument);

/* Sleeps for a while of virtual time. */
void actor_pause(uint32_t limit_us);

/* Sleeps until somebody wakes the object; fails the run if that takes longer than anything here may. */
void actor_await(const volatile void *object, const char *why);

void *actor_allocate(size_t size); /* zeroed; it stays until the run ends */

/* -- Operations ---------------------------------------------------------------------------------------------------- */

/*
 * An operation of an actor. It is begun with what actor_callback gives as callback, this as state, and `result`. Its
 * End is called once: by its callback, or by actor_finish.
 */
struct actor_operation {
    apm_async_result result;
    apm_error (*end)(struct actor_operation *operation); /* calls the End, and sets the outcome below */
    bool has_callback;
    bool ends_in_callback;
    bool is_called;      /* its callback has begun */
    bool is_called_back; /* and is about to return */
    bool is_ending;      /* its End is being called */
    bool is_ended;
    bool disturbed;                                  /* somebody has cancelled it, or set a deadline */
    void (*then)(struct actor_operation *operation); /* called by the callback; NULL: nothing */
    void *owner;
    apm_socket socket;
    unsigned char *buffer;
    size_t size;
    uint64_t sum; /* of the buffer, when it was the program's again */
    /* the outcome */
    apm_error error;
    size_t transferred;
    apm_socket accepted;
    apm_endpoint remote;
    struct actor_operation *next; /* of all that have been made */
};

struct actor_operation *actor_operation(apm_error (*end)(struct actor_operation *operation), apm_socket socket,
                                        size_t size);

/* Draws how the operation is ended. NULL: without a callback. */
apm_async_callback *actor_callback(struct actor_operation *operation);

/* Waits, in one of the ways that there are, until the operation is ended and its callback has come. */
void actor_finish(struct actor_operation *operation);

/* Lets others disturb it, once it has been begun. */
void drawer_put(struct actor_operation *operation);

/* Whether the error is one that an operation ends with because somebody has disturbed it. */
bool actor_is_disturbance(apm_error error);

/* -- Actors -------------------------------------------------------------------------------------------------------- */

void actor_pool(void *unused);
void actor_timers(void *unused);
void actor_events(void *unused);
void actor_tcp(void *unused);
void actor_listener(void *unused);
void actor_datagrams(void *unused);
void actor_names(void *unused);
void actor_closing(void *unused);
void actor_objects(void *unused);
void actor_streams(void *unused);
void actor_shortage(void *unused); /* alone in the rounds in which things run out */

#endif
