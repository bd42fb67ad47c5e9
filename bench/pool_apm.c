/*
 * The library's pool, used as its users use it: the default pool, a function and a state, the library's events. Its
 * intrusive items are the library's own type; see pool_item.h.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool_apm_blocking.h"
#include "pool_item.h"
#include "pool_peer.h"

/* The same file makes the peer of the benchmark and the installed tool, which speaks under its own name. */
#ifndef POOL_PROGRAM
#define POOL_PROGRAM "pool_apm"
#endif

static const apm_thread_pool pool = APM_NULL_HANDLE;
static apm_auto_reset_event answered;
static apm_manual_reset_event answered_slim;

const struct pool_peer pool_peer = {
    .program = POOL_PROGRAM,
    .has_slim_signal = true,
    .has_items = true,
    .has_mix = true,
    .blocking = pool_apm_blocking,
};

static void fail(apm_error error)
{
    fprintf(stderr, "%s: %s\n", pool_peer.program, apm_error_message(error));
    exit(1);
}

static inline void check(apm_error error)
{
    if (error != APM_ERROR_SUCCESS)
        fail(error);
}

void pool_start(int workers, bool fixed)
{
    check(apm_thread_pool_set_min_threads(pool, workers));
    if (fixed)
        check(apm_thread_pool_set_max_threads(pool, workers));
    check(apm_auto_reset_event_create(false, &answered));
    check(apm_manual_reset_event_create(false, &answered_slim));
}

void pool_queue(pool_work *work, void *state, bool local)
{
    check(apm_thread_pool_queue_user_work_item(pool, work, state, local));
}

void pool_queue_item(pool_item *item, bool local)
{
    check(apm_thread_pool_queue_work_item(pool, item, local));
}

void pool_drain(void)
{
}

void pool_signal_set(enum pool_signal kind)
{
    check(kind == POOL_SIGNAL ? apm_auto_reset_event_set(answered) : apm_manual_reset_event_set(answered_slim));
}

void pool_signal_wait(enum pool_signal kind)
{
    if (kind == POOL_SIGNAL) {
        check(apm_auto_reset_event_wait_one(answered, APM_TIMEOUT_INFINITE));
    } else {
        check(apm_manual_reset_event_wait_one(answered_slim, APM_TIMEOUT_INFINITE));
        check(apm_manual_reset_event_reset(answered_slim));
    }
}
