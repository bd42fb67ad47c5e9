/*
 * A pool without workers, in the place of pool.c and schedule.c, for models of what submits to it: each work that is
 * submitted runs on a simulated thread of its own, so at any time from then on, and beside any other. What the real
 * pool does between the two is what model_pool explores.
 *
 * The heap of deadlines is the real one. Nobody sleeps until the earliest of them: a thread of the model lets time pass
 * and expires what is due.
 */
#ifndef APM_TESTS_MODEL_SIMULATED_POOL_H
#define APM_TESTS_MODEL_SIMULATED_POOL_H

#include <stdint.h>

#include "pool.h"

/* Makes the default pool ready. In set_up. */
void model_pool_create(void);

/* Lets the time pass, and expires what is due then. In `check`, work that this submits has run when it returns. */
void model_pool_pass_ms(uint32_t duration_ms);

/* No deadline is armed, and none has its place reserved: so nothing that had one is left. */
bool model_pool_has_no_deadlines(void);

#endif
