/*
 * What was said of the last deadlock (apm__deadlock_report in pool.h), for listings.
 */
#ifndef APM__DEADLOCK_H
#define APM__DEADLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inventory.h"

/* Where a walk over the lines is; zero at first. */
struct apm__deadlock_place {
    uint64_t number; /* of the deadlock whose lines are walked over */
    size_t line;
};

/*
 * The next line of the last deadlock of any pool, and how long ago that was; false at the end, or if there has been
 * another deadlock since the walk began. Any thread.
 */
bool apm__deadlock_next_line(struct apm__deadlock_place *place, struct apm__line *line);

/* Forgets the last deadlock. */
void apm__deadlock_forget(void);

#endif
