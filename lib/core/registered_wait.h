/*
 * Registered waits, for the end of a pool.
 */
#ifndef APM__REGISTERED_WAIT_H
#define APM__REGISTERED_WAIT_H

#include <stdbool.h>

#include "pool.h"

/*
 * Unregisters each wait of the pool, which takes no new ones, and tells whether all are gone: no callback runs, and
 * none will. `report`: those that the program has not unregistered are listed on standard error.
 */
bool apm__registered_wait_end_all(struct apm__pool *pool, bool report);

#endif
