/*
 * A thread's place to sleep: one word, on which the thread waits and by which any other wakes it.
 *
 * An unpark is never lost: it stays until the next park, which then returns at once. A thread that waits in its pool's
 * poller instead is woken through that. Spurious returns happen; whoever parks looks again at what it waits for.
 *
 * Whoever unparks must know that the thread still exists: it holds a lock that the thread takes before it goes.
 */
#ifndef APM__PARKER_H
#define APM__PARKER_H

#include <stdbool.h>
#include <stdint.h>

#include "os.h"
#include "poller.h"

enum apm__parker_state {
    APM__PARKER_AWAKE,    /* the thread runs, and nobody has unparked it */
    APM__PARKER_NOTIFIED, /* unparked: the next park returns at once */
    APM__PARKER_PARKED,   /* the thread sleeps on the word, or is about to */
    APM__PARKER_POLLING   /* the thread waits in `poller`, or is about to */
};

struct apm__parker {
    _Atomic uint32_t state;               /* enum apm__parker_state */
    _Atomic(struct apm__poller *) poller; /* written by the thread before POLLING, read by whoever found POLLING */
};

/* The calling thread's parker: its own, or the one that it was given to use. */
struct apm__parker *apm__parker_current(void);
void apm__parker_use(struct apm__parker *parker);

/* Sleeps until unparked, or `timeout_ns` has passed (negative: no limit). The calling thread's own parker. */
void apm__parker_park(struct apm__parker *parker, int64_t timeout_ns);

/* Says that the thread goes to wait in the poller; false if it was unparked before, which this takes note of. */
bool apm__parker_begin_polling(struct apm__parker *parker, struct apm__poller *poller);
void apm__parker_end_polling(struct apm__parker *parker);

/* Wakes the thread, or has its next park return. Any thread. */
void apm__parker_unpark(struct apm__parker *parker);

#endif
