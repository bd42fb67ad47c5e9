/*
 * A peer that is wrong on purpose, for pool_test.py: it runs each item inside pool_queue, and treats one in a hundred
 * as POOL_FAULT says: "lose" it, run it "twice", or run it with the state of "another". Without a fault it is right.
 */
#define _GNU_SOURCE 1
#include "pool_item.h"
#include "pool_peer.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EACH 100u /* a short run on a busy machine has few items */

static const char *fault;
static atomic_uint queued;

const struct pool_peer pool_peer = {.program = "pool_faulty", .has_slim_signal = true, .has_items = true};

void pool_start(int workers, bool fixed)
{
    (void)workers;
    (void)fixed;
    fault = getenv("POOL_FAULT");
}

static bool is_at_fault(const char *kind, unsigned number)
{
    return fault != NULL && strcmp(fault, kind) == 0 && number % EACH == 0;
}

void pool_queue(pool_work *work, void *state, bool local)
{
    (void)local;
    unsigned number = atomic_fetch_add(&queued, 1) + 1;
    if (is_at_fault("lose", number))
        return;
    if (is_at_fault("twice", number))
        work(state);
    work(is_at_fault("another", number) ? (void *)((uintptr_t)state ^ 1) : state);
}

void pool_queue_item(pool_item *item, bool local)
{
    (void)local;
    unsigned number = atomic_fetch_add(&queued, 1) + 1;
    if (is_at_fault("lose", number))
        return;
    if (is_at_fault("twice", number))
        item->execute(item);
    item->execute(item);
}

void pool_drain(void)
{
}

/* The item has run before pool_queue returned. */
void pool_signal_set(enum pool_signal kind)
{
    (void)kind;
}

void pool_signal_wait(enum pool_signal kind)
{
    (void)kind;
}
