/*
 * Objects that are waited for and closed: events, semaphores, mutexes, countdown events and barriers. Their tables, and
 * the life that they share.
 *
 * The creator has one reference, which close drops; each wait in progress has one, so that an object that is closed can
 * still release its waiters, as in .NET. Who owns a mutex has one, too (mutex.c).
 */
#ifndef APM__WAITABLE_H
#define APM__WAITABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "slot.h"
#include "wait.h"

extern struct apm__slot_table apm__manual_reset_events;
extern struct apm__slot_table apm__auto_reset_events;
extern struct apm__slot_table apm__semaphores;
extern struct apm__slot_table apm__mutexes;
extern struct apm__slot_table apm__countdown_events;
extern struct apm__slot_table apm__barriers;

/*
 * Creates an object in two steps: the caller fills in what it has beyond its slot between them, and `publish` gives it
 * its handle. *bits is 0 until then. ARGUMENT_NULL if `bits` is NULL; OUT_OF_MEMORY; INVALID_OPERATION in a forked
 * child.
 */
apm_error apm__waitable_allocate(struct apm__slot_table *table, uint64_t *bits, struct apm__slot **slot);
void apm__waitable_publish(struct apm__slot *slot, uint32_t flags, uint64_t *bits);

/* Both at once, for an object that has nothing but its word. */
apm_error apm__waitable_create(struct apm__slot_table *table, uint64_t word, uint64_t *bits);

/* A reference to the object that a wait handle names, for a wait of the calling thread. ARGUMENT for other kinds. */
apm_error apm__waitable_hold(uint64_t bits, struct apm__slot **slot);

/* Gives a reference back. */
void apm__waitable_release(struct apm__slot *slot);

/* Closes the handle; again is no error. */
apm_error apm__waitable_close(struct apm__slot_table *table, uint64_t bits);

/* Changes the object that the handle names, unless it has one of the `refused` flags. */
apm_error apm__waitable_change(struct apm__slot_table *table, uint64_t bits, uint32_t refused, apm__wait_step *step,
                               uint64_t argument);

/* Reads the word of an object that has not been closed. */
apm_error apm__waitable_read(struct apm__slot_table *table, uint64_t bits, uint64_t *word);

/*
 * Events: a reference to the one that the bits of a wait handle name, ARGUMENT for what is no event; and setting one,
 * closed or not, and giving the reference back.
 */
apm_error apm__event_acquire(uint64_t bits, struct apm__slot **slot);
void apm__event_set_and_release(struct apm__slot *slot);

/* Mutexes: a reference for a wait of the calling thread, and whether some thread owns it. */
apm_error apm__mutex_hold(uint64_t bits, struct apm__slot **slot);
bool apm__mutex_is_owned(const struct apm__slot *slot);

#endif
