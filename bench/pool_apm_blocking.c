/*
 * What happens while items block: 32 items that all wait until all have started, once in a wait of the library and once
 * in one that the library cannot see; and what a receive and a deadline suffer behind eight such items.
 *
 * Each part runs in a child of its own, forked before the library is used, so that it begins with a pool that has not
 * grown yet. One mutex guards all that the main thread and the items share.
 */
#define _GNU_SOURCE 1
#include "pool_apm_blocking.h"

#include <apm/apm.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "pool_peer.h"

#define ITEMS 32
#define SLEEPERS 8
#define DEADLINE_MS 100

static const apm_thread_pool pool = APM_NULL_HANDLE;

/* Written before the first item is queued. */
static uint64_t start_ns;
static uint64_t limit_ns;
static apm_manual_reset_event library_end;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t changed;
static uint64_t started_ns[ITEMS];
static int started;
static int ended;
static bool is_end;
static uint64_t completed_ns; /* when the callback of the receive came; 0 before */

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "%s: %s: %s\n", pool_peer.program, what, apm_error_message(error));
    exit(1);
}

static void check_system(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s: %s\n", pool_peer.program, what, strerror(errno));
    exit(1);
}

static void begin(int workers)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    check(apm_thread_pool_set_min_threads(pool, workers), "set min threads");
    check(apm_manual_reset_event_create(false, &library_end), "event");
    start_ns = clock_now_ns();
}

/* Waits until something has changed. False if the part's limit has come. The mutex is held. */
static bool wait_for_change(void)
{
    uint64_t end_ns = start_ns + limit_ns;
    struct timespec end = {.tv_sec = (time_t)(end_ns / NANOSECONDS_PER_SECOND),
                           .tv_nsec = (long)(end_ns % NANOSECONDS_PER_SECOND)};

    return pthread_cond_timedwait(&changed, &mutex, &end) == 0;
}

static void note_start(void)
{
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&mutex);
    started_ns[started++] = now_ns;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void note_end(void)
{
    pthread_mutex_lock(&mutex);
    ended++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void block_in_library(void *unused)
{
    (void)unused;
    note_start();
    check(apm_manual_reset_event_wait_one(library_end, APM_TIMEOUT_INFINITE), "wait");
    note_end();
}

static void block_elsewhere(void *unused)
{
    (void)unused;
    note_start();
    pthread_mutex_lock(&mutex);
    while (!is_end)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    note_end();
}

/* Lets every item go and waits until each has returned. */
static void end_items(int items)
{
    check(apm_manual_reset_event_set(library_end), "set");
    pthread_mutex_lock(&mutex);
    is_end = true;
    pthread_cond_broadcast(&changed);
    while (ended < items)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void start_items(int workers, const char *part, apm_wait_callback *block)
{
    begin(workers);
    for (int i = 0; i < ITEMS; i++)
        check(apm_thread_pool_queue_user_work_item(pool, block, NULL, false), "queue");
    pthread_mutex_lock(&mutex);
    while (started < ITEMS && wait_for_change())
        continue;
    for (int k = 1; k <= ITEMS; k *= 2) {
        if (k <= started)
            printf("%s started_%d_ms %.2f\n", part, k, (double)(started_ns[k - 1] - start_ns) / 1e6);
        else
            printf("%s started_%d_ms -\n", part, k);
    }
    pthread_mutex_unlock(&mutex);
    end_items(ITEMS);
}

static void library_wait(int workers)
{
    start_items(workers, "library_wait", block_in_library);
}

static void plain_wait(int workers)
{
    start_items(workers, "plain_wait", block_elsewhere);
}

/* Queues sleeping items, and returns when as many as the pool has workers have started. */
static void queue_sleepers(int workers)
{
    for (int i = 0; i < SLEEPERS; i++)
        check(apm_thread_pool_queue_user_work_item(pool, block_elsewhere, NULL, false), "queue");
    pthread_mutex_lock(&mutex);
    while (started < workers && started < SLEEPERS)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

/* A connection over loopback: an apm_socket, and the peer's descriptor. */
static int connect_pair(apm_socket *socket_of_library)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    apm_endpoint endpoint;

    check_system(listener >= 0 && bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
                     getsockname(listener, (struct sockaddr *)&address, &size) == 0,
                 "a listener");
    check(apm_endpoint_create(apm_ip_address_loopback(), ntohs(address.sin_port), &endpoint), "endpoint");
    check(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                            socket_of_library),
          "socket");
    check(apm_socket_connect(*socket_of_library, endpoint), "connect");
    int peer = accept(listener, NULL, NULL);
    check_system(peer >= 0, "accept");
    close(listener);
    return peer;
}

static void on_received(apm_async_result result)
{
    uint64_t now_ns = clock_now_ns();
    size_t received;
    apm_error error = apm_socket_end_receive(apm_async_result_socket(result), result, &received);

    if (error != APM_ERROR_TIMED_OUT)
        check(error, "receive");
    pthread_mutex_lock(&mutex);
    completed_ns = now_ns;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Waits for the callback, which should have come at `due_ns`, and prints how late it was. */
static void report_delay(const char *figure, uint64_t due_ns)
{
    pthread_mutex_lock(&mutex);
    while (completed_ns == 0 && wait_for_change())
        continue;
    if (completed_ns != 0)
        printf("%s %.2f\n", figure, (double)(int64_t)(completed_ns - due_ns) / 1e6);
    else
        printf("%s -\n", figure);
    pthread_mutex_unlock(&mutex);
    end_items(SLEEPERS);
}

static void blocked_receive(int workers)
{
    static char byte;
    apm_socket receiver;

    begin(workers);
    int peer = connect_pair(&receiver);
    check(apm_socket_begin_receive(receiver, &byte, 1, APM_SOCKET_FLAGS_NONE, on_received, NULL, NULL), "receive");
    queue_sleepers(workers);
    uint64_t sent_ns = clock_now_ns();
    check_system(send(peer, "x", 1, 0) == 1, "send");
    report_delay("blocked_receive delay_ms", sent_ns);
}

/* The deadline of a receive is to the library what a timer is to .NET. */
static void blocked_deadline(int workers)
{
    static char byte;
    apm_socket receiver;
    apm_async_result result;

    begin(workers);
    (void)connect_pair(&receiver);
    check(apm_socket_begin_receive(receiver, &byte, 1, APM_SOCKET_FLAGS_NONE, on_received, NULL, &result), "receive");
    queue_sleepers(workers);
    uint64_t armed_ns = clock_now_ns();
    check(apm_async_result_cancel_after(result, DEADLINE_MS), "deadline");
    report_delay("blocked_deadline late_ms", armed_ns + DEADLINE_MS * NANOSECONDS_PER_MILLISECOND);
}

void pool_apm_blocking(int workers, double limit_s)
{
    static void (*const parts[])(int) = {library_wait, plain_wait, blocked_receive, blocked_deadline};

    limit_ns = (uint64_t)(limit_s * (double)NANOSECONDS_PER_SECOND);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        fflush(stdout);
        pid_t child = fork();
        check_system(child >= 0, "fork");
        if (child == 0) {
            parts[i](workers);
            fflush(stdout);
            _exit(0);
        }
        int status;
        check_system(waitpid(child, &status, 0) == child, "waitpid");
        if (status != 0)
            exit(1);
    }
}
