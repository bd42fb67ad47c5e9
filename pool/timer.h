/*
 * Timers, for the end of a pool.
 */
#ifndef APM__TIMER_H
#define APM__TIMER_H

#include <stdbool.h>

#include "pool.h"

/*
 * Closes each timer of the pool, which takes no new ones, and tells whether all are gone: no callback runs, and none
 * will. `report`: those that the program has not closed are listed on standard error.
 */
bool apm__timer_end_all(struct apm__pool *pool, bool report);

#endif
