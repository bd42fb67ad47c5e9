/*
 * GLib's GThreadPool with threads of its own (exclusive), which is its fastest kind: the others are lent to it.
 *
 * A pool of GLib has one function, and an item is one pointer. So an item of this benchmark, a function and a state, is
 * a GSlice, as GLib's users do it. There are no local queues.
 */
#include "pool_peer.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

struct call {
    pool_work *work;
    void *state;
};

static GThreadPool *pool;

const struct pool_peer pool_peer = {.program = "pool_glib", .has_mix = true};

static void check(GError *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "pool_glib: %s\n", error->message);
    exit(1);
}

static void execute(gpointer data, gpointer unused)
{
    struct call call = *(struct call *)data;

    (void)unused;
    g_slice_free(struct call, data);
    call.work(call.state);
}

void pool_start(int workers, bool fixed)
{
    GError *error = NULL;

    (void)fixed; /* it always is */
    pool = g_thread_pool_new(execute, NULL, workers, TRUE, &error);
    check(error);
}

void pool_queue(pool_work *work, void *state, bool local)
{
    GError *error = NULL;
    struct call *call = g_slice_new(struct call);

    (void)local;
    *call = (struct call){work, state};
    g_thread_pool_push(pool, call, &error);
    check(error);
}

void pool_drain(void)
{
}
