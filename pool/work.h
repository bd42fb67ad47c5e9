/*
 * Work, and the queue in which all threads put it: intrusive, first in, first out, without a lock for those who put.
 *
 * The queue is Dmitry Vyukov's: a list that begins with `head` and ends with `tail`, never empty because a stub stands
 * in for the last entry. Who puts exchanges `tail`, which settles the order, and then links the entry before to its
 * own; between the two steps the list ends early for those who take, until the link is there. One thread at a time
 * takes, under a lock of the pool.
 *
 * `count` goes up before an entry can be found, and down after it has been taken. So 0 means that nothing is there, and
 * that whoever puts something now has not looked yet who should run it: a worker that shows itself as idle, and then
 * finds 0, is seen by them. All of this is sequentially consistent.
 */
#ifndef APM__WORK_H
#define APM__WORK_H

#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

/*
 * Something to run once on a worker; part of what it is about. Owned by the pool from submit until `run` is called. If
 * user code in it ends the thread, `run` is called again, only to tidy up: apm__pool_is_abandoning is true then.
 */
struct apm__work {
    _Atomic(struct apm__work *) next;
    void (*run)(struct apm__work *work);
};

/* Runs the work; as a call (calls.h). */
void apm__work_run(void *work);

struct apm__queue {
    _Atomic(struct apm__work *) tail;
    _Atomic uint32_t count; /* of entries that have been admitted and not been taken */
    struct apm__work *head; /* guarded by the lock of those who take */
    struct apm__work stub;
};

/* An empty queue; `queue` is the object that is initialised. */
#define APM__QUEUE_INITIALIZER(queue)                \
    {                                                \
        .tail = &(queue).stub, .head = &(queue).stub \
    }

static inline uint32_t apm__queue_count(struct apm__queue *queue)
{
    return apm__atomic_load(&queue->count, APM__SEQ_CST);
}

static inline void apm__queue_link(struct apm__queue *queue, struct apm__work *work)
{
    apm__atomic_store(&work->next, NULL, APM__RELAXED);
    struct apm__work *before = apm__atomic_exchange(&queue->tail, work, APM__ACQ_REL);
    apm__atomic_store(&before->next, work, APM__RELEASE); /* pairs with the acquire in apm__queue_take_locked */
}

/* Announces an entry, which is then put in, or not; in between it keeps the pool from being taken for finished. */
static inline void apm__queue_admit(struct apm__queue *queue)
{
    apm__atomic_add(&queue->count, 1, APM__SEQ_CST);
}

static inline void apm__queue_forget(struct apm__queue *queue, uint32_t entries)
{
    apm__atomic_subtract(&queue->count, entries, APM__SEQ_CST);
}

/* Any thread. The entry may be taken before this returns. */
static inline void apm__queue_put(struct apm__queue *queue, struct apm__work *work)
{
    apm__queue_admit(queue);
    apm__queue_link(queue, work);
}

/*
 * The oldest entry; NULL if there is none, or its link is not there yet. Under the lock of those who take; the caller
 * calls apm__queue_forget for what it has taken.
 */
static inline struct apm__work *apm__queue_take_locked(struct apm__queue *queue)
{
    struct apm__work *head = queue->head;
    struct apm__work *next = apm__atomic_load(&head->next, APM__ACQUIRE);
    if (head == &queue->stub) {
        if (!next)
            return NULL;
        queue->head = head = next;
        next = apm__atomic_load(&head->next, APM__ACQUIRE);
    }
    if (!next) {
        if (apm__atomic_load(&queue->tail, APM__ACQUIRE) != head)
            return NULL;
        apm__queue_link(queue, &queue->stub); /* so that the list is not empty without the last entry */
        next = apm__atomic_load(&head->next, APM__ACQUIRE);
        if (!next)
            return NULL; /* somebody was quicker, and has not linked yet */
    }
    queue->head = next;
    return head;
}

#endif
