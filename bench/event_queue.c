/*
 * What a message of an event queue costs: event_queue [messages]
 *
 * Prints nanoseconds a message, by the clock and of the processor's time, for a post and its get on one thread, for
 * dispatch to a target, from one thread to another, and with a descriptor that somebody polls, each message of which
 * rings and is silenced.
 */
#include "apm/compat/event_queue.h"
#include "apm/apm.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

static apm_event_queue queue;
static apm_event_target target;
static uint64_t amount = 2000000;

static void check(apm_error error)
{
    if (error != APM_ERROR_SUCCESS) {
        fprintf(stderr, "event_queue: %s\n", apm_error_name(error));
        exit(1);
    }
}

static void nothing(const apm_event_message *message, void *context)
{
    (void)message;
    (void)context;
}

static void *post_all(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < amount; i++) {
        check(apm_event_target_post(target, APM_EVENT_MESSAGE_USER, i, 0));
    }
    return NULL;
}

struct moment {
    uint64_t clock_ns;
    uint64_t processor_ns;
};

static struct moment now(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (struct moment){clock_now_ns(), clock_nanoseconds(&used)};
}

static void report(const char *what, struct moment start)
{
    struct moment end = now();
    printf("%-36s %8.1f ns, %7.1f ns of the processor\n", what,
           (double)(end.clock_ns - start.clock_ns) / (double)amount,
           (double)(end.processor_ns - start.processor_ns) / (double)amount);
}

static void one_by_one(const char *what)
{
    struct moment start = now();

    for (uint64_t i = 0; i < amount; i++) {
        check(apm_event_target_post(target, APM_EVENT_MESSAGE_USER, i, 0));
        check(apm_event_queue_pump(queue, 0, NULL));
    }
    report(what, start);
}

int main(int argc, char **argv)
{
    apm_event_message message;
    intptr_t descriptor;
    pthread_t thread;
    struct moment start;
    uint64_t got = 0;

    if (argc > 1) {
        amount = strtoull(argv[1], NULL, 10);
    }
    check(apm_event_queue_create(0, &queue));
    check(apm_event_target_create(queue, nothing, NULL, &target));
    start = now();
    for (uint64_t i = 0; i < amount; i++) {
        check(apm_event_queue_post(queue, APM_EVENT_MESSAGE_USER, i, 0));
        check(apm_event_queue_get(queue, 0, &message));
    }
    report("post and get", start);
    one_by_one("post and pump, to a target");
    start = now();
    if (pthread_create(&thread, NULL, post_all, NULL) != 0) {
        return 1;
    }
    while (got < amount) {
        size_t dispatched;

        check(apm_event_queue_pump(queue, -1, &dispatched));
        got += dispatched;
    }
    pthread_join(thread, NULL);
    report("from another thread, pumped", start);
    check(apm_event_queue_descriptor(queue, &descriptor));
    start = now();
    for (uint64_t i = 0; i < amount; i++) {
        check(apm_event_target_post(target, APM_EVENT_MESSAGE_USER, i, 0));
        check(apm_event_queue_pump(queue, 0, NULL)); /* which makes the descriptor silent */
    }
    report("rung and silenced each time", start);
    if (poll(&(struct pollfd){.fd = (int)descriptor, .events = POLLIN}, 1, 0) != 0) {
        fprintf(stderr, "event_queue: the descriptor is not silent\n");
        return 1;
    }
    check(apm_event_target_close(target));
    check(apm_event_queue_close(queue));
    return 0;
}
