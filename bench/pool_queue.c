/*
 * The pool that one writes in an afternoon, written well: one list, one mutex, one condition variable. A thread that
 * queues signals only if a worker waits, and after it has let the mutex go; items are linked through themselves, and
 * one item of pool_queue is one malloc, as it is for everybody who passes a function and a state.
 *
 * It knows neither local queues nor stealing, so `local` changes nothing.
 */
#define _GNU_SOURCE 1
#include "pool_item.h"
#include "pool_peer.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    pool_item item;
    pool_work *work;
    void *state;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pool_item *head;
static pool_item **tail = &head;
static int waiting; /* workers that wait and have not been signalled */

const struct pool_peer pool_peer = {.program = "pool_queue", .has_items = true, .has_mix = true};

static void fail(const char *what, int error)
{
    fprintf(stderr, "pool_queue: %s: %s\n", what, strerror(error));
    exit(1);
}

void pool_queue_item(pool_item *item, bool local)
{
    (void)local;
    item->next = NULL;
    pthread_mutex_lock(&mutex);
    *tail = item;
    tail = &item->next;
    bool wake = waiting > 0;
    if (wake)
        waiting--;
    pthread_mutex_unlock(&mutex);
    if (wake)
        pthread_cond_signal(&changed);
}

static void execute_call(pool_item *item)
{
    struct call *call = (struct call *)((char *)item - offsetof(struct call, item));
    pool_work *work = call->work;
    void *state = call->state;

    free(call);
    work(state);
}

void pool_queue(pool_work *work, void *state, bool local)
{
    struct call *call = malloc(sizeof *call);

    if (call == NULL)
        fail("malloc", ENOMEM);
    *call = (struct call){.item.execute = execute_call, .work = work, .state = state};
    pool_queue_item(&call->item, local);
}

static void *worker(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (head == NULL) {
            waiting++;
            pthread_cond_wait(&changed, &mutex);
        }
        pool_item *item = head;
        head = item->next;
        if (head == NULL)
            tail = &head;
        pthread_mutex_unlock(&mutex);
        item->execute(item);
    }
    return NULL;
}

void pool_start(int workers, bool fixed)
{
    (void)fixed; /* it always is */
    for (int i = 0; i < workers; i++) {
        pthread_t thread;
        int error = pthread_create(&thread, NULL, worker, NULL);
        if (error != 0)
            fail("pthread_create", error);
    }
}

void pool_drain(void)
{
}
