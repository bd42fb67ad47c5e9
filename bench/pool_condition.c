/*
 * The ping-pong's signal of peers that bring none of their own: a mutex, a condition variable and a flag.
 */
#define _GNU_SOURCE 1
#include "pool_peer.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards is_set */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_set;

void pool_signal_set(enum pool_signal kind)
{
    (void)kind;
    pthread_mutex_lock(&mutex);
    is_set = true;
    pthread_mutex_unlock(&mutex);
    pthread_cond_signal(&changed);
}

void pool_signal_wait(enum pool_signal kind)
{
    (void)kind;
    pthread_mutex_lock(&mutex);
    while (!is_set)
        pthread_cond_wait(&changed, &mutex);
    is_set = false;
    pthread_mutex_unlock(&mutex);
}
