/*
 * The event queue inside: nodes that are posted without memory, and what the blocking calls of sockets need.
 *
 * Invariants
 *   1. A node is in at most one queue, once. Whoever posts it has it until then; the queue has it from then until it
 *      calls its release, under no lock: when the message has been taken, or dropped. So whoever posts a node that is
 *      part of an object holds a reference on the object for it.
 *   2. Posting a node neither allocates nor fails but for a queue that is closed, which leaves the node the poster's.
 *   3. The owner sleeps only after it has set `sleeping` under the lock while the list was empty; who appends under the
 *      lock and finds it set clears it and sets the event. So no message is slept over. An event set too late makes one
 *      wait return for nothing, and the list is looked at again.
 *   4. The bell, once there is one, is rung under the lock by whoever appends and finds `ringing` not set, and silenced
 *      under the lock by the owner that finds the list empty, at the end of a pump too. So it rings whenever there is a
 *      message, and a batch costs one ring and one silence.
 *   5. The lock is a leaf. Neither handlers nor `release` run under it.
 */
#ifndef APM__EVENT_QUEUE_H
#define APM__EVENT_QUEUE_H

#include <stdbool.h>

#include "apm/compat/event_queue.h"
#include "apm/wait_handle.h"
#include "os.h"
#include "slot.h"

struct apm__event_node {
    struct apm__event_node *next;
    apm_event_message message;
    void (*release)(struct apm__event_node *node); /* NULL: the queue's own, which goes back to its free ones */
};

struct apm__event_queue {
    struct apm__slot slot;

    /* immutable once the queue is published */
    apm_auto_reset_event wake;
    size_t capacity; /* 0: no limit */

    _Atomic uintptr_t owner; /* atomic, written under lock: an address of the thread's own */

    apm__os_mutex lock; /* a leaf */

    /* guarded by lock */
    struct apm__event_node *first;
    struct apm__event_node *last;
    struct apm__event_node *free; /* nodes of the queue's own */
    size_t count;
    size_t posted; /* those in the list that are the queue's own */
    size_t free_count;
    int bell; /* -1 until somebody asks for it */
    int exit_code;
    bool quitting;
    bool sleeping;
    bool ringing;
    bool closed;

    void *sockets; /* the owner's: the list of the sockets that notify the queue */
};

/* A reference on a queue that is open; the errors of a handle. */
apm_error apm__event_queue_acquire(apm_event_queue queue, struct apm__event_queue **found);
void apm__event_queue_release(struct apm__event_queue *queue);

/* Whether the calling thread is the owner. */
bool apm__event_queue_is_owner(struct apm__event_queue *queue);

/* False if the queue is closed: the node is the caller's. */
bool apm__event_queue_post_node(struct apm__event_queue *queue, struct apm__event_node *node);

/* What a pump of a blocking call makes of a message that it finds. */
enum apm__event_choice { APM__EVENT_LEAVE, APM__EVENT_TAKE };
typedef enum apm__event_choice apm__event_filter(const apm_event_message *message, void *context);

/*
 * apm_event_queue_get for the oldest message that `filter` takes; the others stay where they are. The filter runs under
 * the queue's lock, and may only look. NULL takes any. `quit`: whether quit is taken, too.
 */
apm_error apm__event_queue_take(struct apm__event_queue *queue, apm__event_filter *filter, void *context, bool quit,
                                int timeout_ms, apm_event_message *message);

#endif
