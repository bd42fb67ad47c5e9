/*
 * libuv's uv_queue_work. It is no pool that any thread can give work to: a request belongs to a loop, may be queued on
 * the loop's thread only, and its completion callback runs there. So
 *
 * - every thread outside the pool that queues has a loop of its own, which it runs in pool_drain or while it waits for
 *   the ping-pong's answer: the completion callback is that answer;
 * - what an item queues is linked to the request that it runs in, and queued by that request's completion callback, on
 *   the loop's thread. So the fork-join pays a way to the loop and back for each item, as it does in libuv's programs.
 *
 * The figures include the completion callbacks, without which there is no uv_queue_work. A request is one malloc.
 */
#define _GNU_SOURCE 1 /* libuv's header needs POSIX types that strict C11 hides. */
#include "pool_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct request {
    uv_work_t work;
    pool_work *function;
    void *state;
    struct request *children; /* what the item has queued; written by the worker, then read by the loop's thread */
    struct request *next;
};

static _Thread_local uv_loop_t *own_loop;      /* of a thread outside the pool, from its first item on */
static _Thread_local struct request *executed; /* of a worker: the request whose function it runs */

const struct pool_peer pool_peer = {.program = "pool_libuv"};

static void check(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "pool_libuv: %s: %s\n", what, uv_strerror(error));
    exit(1);
}

static void execute(uv_work_t *work)
{
    executed = work->data;
    executed->function(executed->state);
    executed = NULL;
}

static void complete(uv_work_t *work, int status)
{
    struct request *request = work->data;
    struct request *child = request->children;

    check(status, "a work request");
    while (child != NULL) {
        struct request *next = child->next;
        check(uv_queue_work(work->loop, &child->work, execute, complete), "uv_queue_work");
        child = next;
    }
    free(request);
}

static uv_loop_t *loop_of_thread(void)
{
    if (own_loop == NULL) {
        own_loop = malloc(sizeof *own_loop);
        if (own_loop == NULL)
            check(UV_ENOMEM, "a loop");
        check(uv_loop_init(own_loop), "uv_loop_init");
    }
    return own_loop;
}

void pool_start(int workers, bool fixed)
{
    char text[16];

    (void)fixed; /* it always is */
    snprintf(text, sizeof text, "%d", workers);
    setenv("UV_THREADPOOL_SIZE", text, 1); /* read when the first request is queued */
}

void pool_queue(pool_work *work, void *state, bool local)
{
    struct request *request = malloc(sizeof *request);

    if (request == NULL)
        check(UV_ENOMEM, "a request");
    request->work.data = request;
    request->function = work;
    request->state = state;
    request->children = NULL;
    if (local) {
        request->next = executed->children;
        executed->children = request;
    } else {
        check(uv_queue_work(loop_of_thread(), &request->work, execute, complete), "uv_queue_work");
    }
}

/* Returns when nothing is pending on the thread's loop. */
void pool_drain(void)
{
    uv_run(loop_of_thread(), UV_RUN_DEFAULT);
}

void pool_signal_set(enum pool_signal kind)
{
    (void)kind; /* the completion callback is the signal */
}

void pool_signal_wait(enum pool_signal kind)
{
    (void)kind;
    pool_drain();
}
