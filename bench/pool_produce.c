/*
 * Producers outside the pool: the main thread, or four threads that live as long as the process. Batches follow each
 * other, and the next begins when the last item of the one before has run.
 *
 * The four threads wait at a barrier for a batch and, when they have queued it, at the barrier again; in between, the
 * main thread does not touch the job.
 */
#define _GNU_SOURCE 1
#include "pool_cells.h"
#include "pool_count.h"
#include "pool_peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCERS 4u

uint64_t pool_batch_items = 500000;

static pthread_barrier_t barrier;
static bool are_started;
static struct {
    pool_produce *produce;
    uint64_t items; /* of all producers together */
} job;

static uint64_t batch_of(uint64_t left)
{
    return left < pool_batch_items ? left : pool_batch_items;
}

uint64_t pool_produce_by_one(pool_produce *produce, uint64_t items)
{
    for (uint64_t left = items; left > 0; left -= batch_of(left)) {
        uint64_t batch = batch_of(left);
        produce(0, batch);
        pool_drain();
        pool_count_wait(batch, batch * (batch - 1) / 2);
    }
    return items;
}

static void *producer(void *argument)
{
    uint64_t number = (uint64_t)(uintptr_t)argument;

    for (;;) {
        pthread_barrier_wait(&barrier);
        uint64_t first = job.items * number / PRODUCERS;
        uint64_t end = job.items * (number + 1) / PRODUCERS;
        job.produce(first, end - first);
        pool_drain();
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void start_producers(void)
{
    int error = pthread_barrier_init(&barrier, NULL, PRODUCERS + 1);

    for (uintptr_t i = 0; i < PRODUCERS && error == 0; i++) {
        pthread_t thread;
        error = pthread_create(&thread, NULL, producer, (void *)i);
    }
    if (error != 0) {
        fprintf(stderr, "%s: producers: %s\n", pool_peer.program, strerror(error));
        exit(1);
    }
    are_started = true;
}

uint64_t pool_produce_by_four(pool_produce *produce, uint64_t items)
{
    if (!are_started)
        start_producers();
    for (uint64_t left = items; left > 0; left -= batch_of(left)) {
        uint64_t batch = batch_of(left);
        job.produce = produce;
        job.items = batch;
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        pool_count_wait(batch, batch * (batch - 1) / 2);
    }
    return items;
}
