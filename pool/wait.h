/*
 * Waiting for objects: for one, for any of several, or for all of them together.
 *
 * A waitable is a slot whose state is one atomic word: the control word, or a word of its own behind the slot. What
 * kind of object it is decides what the word means, by a few functions that look at a word and touch nothing: whether a
 * thread can have the object, and the word after it has taken it. What threads do to an object (set, release, signal)
 * is such a function, too. All of them are applied here, in one of two ways, and a bit of the word, its guard, tells in
 * which:
 *
 *  - Guard clear: nobody waits, and a change is one atomic step on the word. No lock, no system call.
 *  - Guard set: the word changes under the wait lock of the slot only, whoever changes it. (A result is the exception:
 *    that it has completed is set at any time, and never taken back; so is a socket's end.) The change and the release
 *    of whom it releases are one step to everybody else.
 *
 * Invariants:
 *  1. No wake-up is lost. A waiter sets the guard under the lock, looks at the word afterwards, and links itself before
 *     it lets go of the lock. A change finds the guard in the same atomic step in which it would change the word, or
 *     makes that step before the guard is set, and then the waiter sees what it did.
 *  2. A waiter is linked only where it cannot have what it wants. So whoever makes an object available, and only that,
 *     can release a waiter; it does so under the lock, in the order in which they came, on their behalf: it takes the
 *     object for the waiter. Nobody who comes later can be quicker.
 *  3. A waiter gets what it waits for once: `claimed` leaves NOT_CLAIMED once, by the thread that releases it, which
 *     takes the objects afterwards under the locks that it holds, or by the waiter itself, which then has nothing.
 *  4. Several objects are looked at, and taken, under all their locks, so at one moment. Nothing is taken from one
 *     before all can be had.
 *  5. A waiter, which lives on a stack, exists as long as it is linked anywhere, and whoever releases it holds the lock
 *     of such a slot until it is done with it. The waiter takes that lock before it goes.
 *
 * Locks: 64 wait locks, chosen by the slot's address, guard the lists. A thread that takes more than one holds the gate
 * first, one lock for all; so of the threads that hold a wait lock at most one waits for another, and no cycle can
 * exist, whatever the order is. Nothing else is taken under a wait lock.
 */
#ifndef APM__WAIT_H
#define APM__WAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/error.h"
#include "slot.h"

struct apm__mutex;

/* What a thread brings along to its waits. Its address names the thread. Owned by the thread but for `phase`. */
struct apm__thread {
    struct apm__mutex *owned; /* the mutexes that it owns, latest first */
    bool will_abandon;        /* its end has been asked to abandon them */
    uint32_t spin_score;      /* whether spinning has been paying off */
    uint64_t phase;           /* of the barrier that it waits for; written before the wait, read by who releases it */
};

struct apm__thread *apm__thread_current(void);

/* What a step makes of a word: *changed; or an error, and nothing happens. */
typedef apm_error apm__wait_step(uint64_t word, uint64_t argument, uint64_t *changed);

/* What a kind of object means by its word. The functions are called under locks, and again after a lost race. */
struct apm__wait_kind {
    size_t word;    /* where in the object it is */
    uint64_t guard; /* the bit of it that says that threads may wait; left alone by all these functions */

    /* Whether the thread can have it; with NULL, whether there is any thread that can. */
    bool (*is_available)(uint64_t word, const struct apm__thread *thread);

    /* The word after the thread, which can have it, has taken it; NULL if a wait takes nothing. */
    uint64_t (*take)(uint64_t word, const struct apm__thread *thread);

    /* Called on the thread that has taken it, under no lock, when its wait is over; or NULL. */
    apm_error (*taken)(struct apm__slot *slot);

    /*
     * What signal-and-wait does first, called on its thread under no lock; or NULL if it cannot be signalled so. It
     * names the step, which follows at once.
     */
    apm_error (*begin_signal)(struct apm__slot *slot, apm__wait_step **step);
};

/* Kinds whose state is the control word: SIGNALLED stays, or is taken by a wait. */
extern const struct apm__wait_kind apm__wait_manual_reset;
extern const struct apm__wait_kind apm__wait_auto_reset;
extern const struct apm__wait_kind apm__wait_result;

/* Waitables with a word of their own, in which the guard is the lowest bit. */
struct apm__waitable {
    struct apm__slot slot;
    _Atomic uint64_t word;
};

enum { APM__WAITABLE_GUARD = 1 };

extern const struct apm__wait_kind apm__wait_semaphore;
extern const struct apm__wait_kind apm__wait_mutex;
extern const struct apm__wait_kind apm__wait_countdown_event;
extern const struct apm__wait_kind apm__wait_barrier;

/* Changes the object, to which the caller holds a reference, and releases those whom that releases. Any thread. */
apm_error apm__wait_change(struct apm__slot *slot, apm__wait_step *step, uint64_t argument);

/* The same; *before is the word that was changed. */
apm_error apm__wait_change_from(struct apm__slot *slot, apm__wait_step *step, uint64_t argument, uint64_t *before);

/* Releases the waiters of a slot whose SIGNALLED flag the caller has set itself, and found HAS_WAITERS beside it. */
void apm__wait_release_waiters(struct apm__slot *slot);

/* Sets that flag and releases them: for a slot that is never reset. */
void apm__wait_signal(struct apm__slot *slot);

/* Whether threads may be waiting; at once out of date. */
bool apm__wait_is_guarded(struct apm__slot *slot);

/*
 * Waits for one of the slots, in which *index is the lowest that can be had, or for all of them at the same moment. The
 * caller holds references, and a NULL among the slots stands for an object that is signalled for ever. WAIT_TIMEOUT
 * after `timeout_ns` (negative: no limit); DEADLOCK, see pool.h; or what `taken` of the kind says, such as
 * ABANDONED_MUTEX: then the wait has succeeded.
 */
apm_error apm__wait_any(struct apm__slot *const *slots, size_t count, int64_t timeout_ns, size_t *index);
apm_error apm__wait_all(struct apm__slot *const *slots, size_t count, int64_t timeout_ns);

/* Waits for one slot. */
apm_error apm__wait_one(struct apm__slot *slot, int64_t timeout_ns);

/* Signals an object, and in the same moment begins to wait for another, or the same; NULLs as above. */
apm_error apm__wait_signal_and_wait(struct apm__slot *signal, struct apm__slot *slot, int64_t timeout_ns);

struct apm__waiter;

/* A place in the list of one slot: circular, the slot points at the first. Guarded by the slot's wait lock. */
struct apm__wait_link {
    struct apm__wait_link *next;
    struct apm__wait_link *previous;
    struct apm__waiter *waiter; /* the thread in a wait, or NULL: the link is that of a watcher */
    int32_t index;
    bool linked;
};

/*
 * Who waits for one slot without a thread. It is released as a thread is, in its turn, and is out of the list then.
 * Zero at first but for `released`. Mutexes, which a thread has to own, have no watchers.
 */
struct apm__watcher {
    struct apm__wait_link link;
    struct apm__watcher *next_released; /* owned by the thread that has released it, until it calls `released` */

    /* Called once for each release, by whoever has changed the slot, under no wait lock. */
    void (*released)(struct apm__watcher *watcher);
};

enum apm__watch {
    APM__WATCH_LINKED,   /* the slot is not available: `released` will be called, unless the watcher is withdrawn */
    APM__WATCH_TAKEN,    /* it was available, and the caller has taken it */
    APM__WATCH_SIGNALLED /* it is available, and stays so: the caller had better look again later than at once */
};

/* Looks at the slot, to which the caller holds a reference as long as the watcher, which is in no list, is in one. */
enum apm__watch apm__wait_watch(struct apm__slot *slot, struct apm__watcher *watcher);

/* Takes the watcher out of the list; false if it was in none: if it was linked before, it is being released. */
bool apm__wait_withdraw(struct apm__slot *slot, struct apm__watcher *watcher);

#endif
