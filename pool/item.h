/*
 * Work items of the program's: a function and its state, kept in a slot until a worker runs it.
 */
#ifndef APM__ITEM_H
#define APM__ITEM_H

#include <stdbool.h>

#include "apm/error.h"
#include "pool.h"

/* Queues a call of `callback`. OUT_OF_MEMORY, and the errors of apm__pool_queue. */
apm_error apm__item_queue(struct apm__pool *pool, void (*callback)(void *state), void *state, bool prefer_local);

#endif
