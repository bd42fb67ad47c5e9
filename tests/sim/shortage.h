/*
 * What runs out. In some runs, for as long as their first round, memory, descriptors, registrations and threads cannot
 * be had at times: a call of the port that needs one fails as the system's would. Only actor_shortage runs then, which
 * expects it of every call (actor_is_shortage); the rounds behind it have everything again, and nothing may be missing.
 */
#ifndef APM_TESTS_SIM_SHORTAGE_H
#define APM_TESTS_SIM_SHORTAGE_H

#include <stdbool.h>

#include "apm/error.h"

enum sim_resource { SIM_MEMORY, SIM_DESCRIPTORS, SIM_REGISTRATIONS, SIM_THREADS, SIM_RESOURCES };

/* Draws how often each cannot be had. */
void sim_shortage_begin(void);
void sim_shortage_end(void);

/* Whether the calling thread does not get it now. */
bool sim_runs_out(enum sim_resource resource);

/* Whether the error is what a call fails with that needs something, and there is a shortage. */
bool actor_is_shortage(apm_error error);

#endif
