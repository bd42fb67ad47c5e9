/*
 * The tables of the events, for the waits over handles of every kind and for cleanup.
 */
#ifndef APM__EVENT_H
#define APM__EVENT_H

#include "slot.h"

extern struct apm__slot_table apm__manual_reset_events;
extern struct apm__slot_table apm__auto_reset_events;

/*
 * Takes a reference to the event that the bits of a wait handle name. The errors of apm__slot_acquire; ARGUMENT also
 * for what is no event.
 */
apm_error apm__event_acquire(uint64_t bits, struct apm__slot **slot);

/* Sets an event, closed or not, and gives the reference back; or gives it back only. */
void apm__event_set_and_release(struct apm__slot *slot);
void apm__event_forget(struct apm__slot *slot);

/* Gives back a reference to an event of the table. */
void apm__event_release(struct apm__slot_table *table, struct apm__slot *slot);

#endif
