/*
 * The tables of the events, for the waits over handles of every kind and for cleanup.
 */
#ifndef APM__EVENT_H
#define APM__EVENT_H

#include "slot.h"

extern struct apm__slot_table apm__manual_reset_events;
extern struct apm__slot_table apm__auto_reset_events;

/* Gives back a reference to an event of the table. */
void apm__event_release(struct apm__slot_table *table, struct apm__slot *slot);

#endif
