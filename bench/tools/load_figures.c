/*
 * Owns the counters of all threads, in a list that only grows, and the table of errors.
 */
#include "load_figures.h"

#include <pthread.h>
#include <stdatomic.h>

#include "load.h"

struct figures {
    /* Atomic: written by the owner alone, relaxed, and read by the main thread, to which an old value is as good. */
    _Atomic uint64_t answers;
    _Atomic uint64_t received_bytes;
    _Atomic uint64_t sent_bytes;
    _Atomic uint64_t reconnects;
    _Atomic uint64_t full_handshakes;
    _Atomic uint64_t resumed_handshakes;

    /* Written by the owner alone; read when it counts no more. */
    struct histogram latency;
    struct histogram lateness;

    struct figures *next; /* immutable */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows; a leaf */
static struct figures *all;
static struct tally errors;

static _Thread_local struct figures *own;

static struct figures *mine(void)
{
    if (own == NULL) {
        own = load_allocate(1, sizeof *own);
        pthread_mutex_lock(&lock);
        own->next = all;
        all = own;
        pthread_mutex_unlock(&lock);
    }
    return own;
}

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value, memory_order_relaxed);
}

void figures_add_received(uint64_t bytes)
{
    add(&mine()->received_bytes, bytes);
}

void figures_add_sent(uint64_t bytes)
{
    add(&mine()->sent_bytes, bytes);
}

void figures_add_reconnect(void)
{
    add(&mine()->reconnects, 1);
}

void figures_add_handshake(bool is_resumed)
{
    add(is_resumed ? &mine()->resumed_handshakes : &mine()->full_handshakes, 1);
}

static bool is_in_window(uint64_t intended_ns)
{
    return intended_ns >= load.window_start_ns && intended_ns < load.window_end_ns;
}

static uint64_t elapsed_ns(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

void figures_add_answer(uint64_t intended_ns, uint64_t now_ns)
{
    struct figures *figures = mine();

    add(&figures->answers, 1);
    if (is_in_window(intended_ns))
        histogram_add(&figures->latency, elapsed_ns(intended_ns, now_ns));
}

void figures_add_send(uint64_t intended_ns, uint64_t now_ns)
{
    if (is_in_window(intended_ns))
        histogram_add(&mine()->lateness, elapsed_ns(intended_ns, now_ns));
}

void figures_add_unanswered(uint64_t intended_ns, uint64_t now_ns)
{
    if (is_in_window(intended_ns))
        histogram_add(&mine()->latency, elapsed_ns(intended_ns, now_ns));
}

void figures_add_error(const char *operation, const char *name, uint64_t count)
{
    pthread_mutex_lock(&lock);
    tally_add(&errors, operation, name, count);
    pthread_mutex_unlock(&lock);
}

struct load_counts figures_counts(void)
{
    struct load_counts counts = {0};

    pthread_mutex_lock(&lock);
    for (struct figures *figures = all; figures != NULL; figures = figures->next) {
        counts.answers += atomic_load_explicit(&figures->answers, memory_order_relaxed);
        counts.received_bytes += atomic_load_explicit(&figures->received_bytes, memory_order_relaxed);
        counts.sent_bytes += atomic_load_explicit(&figures->sent_bytes, memory_order_relaxed);
        counts.reconnects += atomic_load_explicit(&figures->reconnects, memory_order_relaxed);
        counts.full_handshakes += atomic_load_explicit(&figures->full_handshakes, memory_order_relaxed);
        counts.resumed_handshakes += atomic_load_explicit(&figures->resumed_handshakes, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
    return counts;
}

struct tally figures_errors(void)
{
    struct tally copy;

    pthread_mutex_lock(&lock);
    copy = errors;
    pthread_mutex_unlock(&lock);
    return copy;
}

void figures_merge(struct histogram *latency, struct histogram *lateness)
{
    pthread_mutex_lock(&lock);
    for (struct figures *figures = all; figures != NULL; figures = figures->next) {
        histogram_merge(latency, &figures->latency);
        histogram_merge(lateness, &figures->lateness);
    }
    pthread_mutex_unlock(&lock);
}
