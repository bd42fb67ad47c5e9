/*
 * Alarms: a way to use a reserved deadline in which arming it for later costs nothing.
 *
 * An alarm has somebody ask its owner at a time or before; whether the time has come is for the owner to say, under the
 * owner's lock, under which all of this is called. If somebody is to ask earlier already, it is left at that: the
 * expiry finds that the time has not come, and places the alarm anew. So what is put off again and again, as the
 * time-out of an idle connection is, costs one change of the heap each time that it would have been due.
 *
 * The owner has a reference for each asking that is outstanding.
 */
#ifndef APM__ALARM_H
#define APM__ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

/*
 * Reserves the place of an owner whose slot has just been published, if the pool is open: INVALID_OPERATION if it is
 * not, OUT_OF_MEMORY. Whoever ends the pool sees the owner, since it was published before, and waits for it to be gone.
 */
apm_error apm__alarm_admit(struct apm__pool *pool, struct apm__deadline *deadline);

/* Gives the place back, if there is one. The owner's last reference is gone. */
void apm__alarm_dismiss(struct apm__pool *pool, struct apm__deadline *deadline);

/* Has the owner asked at `due_ns` or before; true: that is one more asking. The deadline's place is reserved. */
bool apm__alarm_place(struct apm__pool *pool, struct apm__deadline *deadline, uint64_t due_ns);

/* Has the owner not asked; true: that is one asking less. One that is on its way to the owner's lock comes. */
bool apm__alarm_withdraw(struct apm__pool *pool, struct apm__deadline *deadline);

/* What the expiry does first; it has its asking's reference to give back. */
static inline void apm__alarm_rung(struct apm__deadline *deadline)
{
    deadline->placed = false;
}

#endif
