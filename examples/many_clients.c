/*
 * Many clients at once against async_server: many_clients port [clients] [seconds] [bytes]
 *
 * Each client is one chain of callbacks: connect, send a message that ends with "<EOF>", receive until the end of the
 * stream, compare the echo byte for byte, and again with another message. Prints round trips per second and
 * percentiles of their latency, from the beginning of connect to the end of the stream. The exit status is 0 only if
 * every echo was right. A client that fails stops; the others go on.
 */
#define _POSIX_C_SOURCE 200809L

#include <apm/apm.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "example.h"

#define MARKER "<EOF>"
#define MARKER_SIZE (sizeof MARKER - 1)

enum {
    PATIENCE_S = 30, /* after the time is up, for the round trips under way */
    FAILURES_SHOWN = 10,
    CLEANUP_TIMEOUT_MS = 10000
};

/* Belongs to the callback that runs for it; there is one at a time. */
typedef struct client {
    apm_socket socket;
    uint64_t random;     /* state of the generator of its messages; differs from client to client */
    uint64_t started_us; /* when the round trip began */
    size_t received;     /* bytes of the echo so far, all of them right */
    char *message;
    char buffer[4096];
} client;

/*
 * Latencies in buckets that are linear within a power of two: exact below 64 µs, and never more than 1/32 too high.
 * That needs some kilobytes for any number of values from a microsecond to centuries.
 */
enum { BUCKETS_PER_POWER = 32, BUCKETS = (64 - 4) * BUCKETS_PER_POWER };

/* Guarded by `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uint64_t round_trips;
    uint64_t failures;
    uint64_t longest_us;
    uint64_t buckets[BUCKETS];
    long active; /* clients that have not stopped */
} totals;

/* Set when the last client has stopped. */
static apm_manual_reset_event all_done;

/* Immutable once the clients run. */
static apm_endpoint server;
static size_t message_size;
static uint64_t end_us;

static void on_connected(apm_async_result result);
static void on_sent(apm_async_result result);
static void on_received(apm_async_result result);

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* -- Totals ------------------------------------------------------------------------------------------------------ */

static size_t bucket_of(uint64_t value)
{
    unsigned shift = 0;

    while (value >> shift >= 2 * BUCKETS_PER_POWER) {
        shift++;
    }
    return shift * BUCKETS_PER_POWER + (size_t)(value >> shift);
}

/* The largest value that the bucket counts. */
static uint64_t value_of(size_t bucket)
{
    size_t shift = bucket < 2 * BUCKETS_PER_POWER ? 0 : bucket / BUCKETS_PER_POWER - 1;

    return ((uint64_t)(bucket - shift * BUCKETS_PER_POWER + 1) << shift) - 1;
}

static double percentile_ms(double percent)
{
    uint64_t rank = (uint64_t)((double)totals.round_trips * percent / 100.0);
    uint64_t seen = 0;
    size_t bucket = 0;

    while (bucket < BUCKETS && (seen += totals.buckets[bucket]) <= rank) {
        bucket++;
    }
    return (double)(value_of(bucket) < totals.longest_us ? value_of(bucket) : totals.longest_us) / 1000.0;
}

static void count_round_trip(uint64_t latency_us)
{
    pthread_mutex_lock(&lock);
    totals.round_trips++;
    totals.buckets[bucket_of(latency_us)]++;
    if (latency_us > totals.longest_us) {
        totals.longest_us = latency_us;
    }
    pthread_mutex_unlock(&lock);
}

static void count_failure(const char *what)
{
    pthread_mutex_lock(&lock);
    if (totals.failures++ < FAILURES_SHOWN) {
        fprintf(stderr, "many_clients: %s\n", what);
    }
    pthread_mutex_unlock(&lock);
}

/* -- A client ---------------------------------------------------------------------------------------------------- */

static void stop(void)
{
    long active;

    pthread_mutex_lock(&lock);
    active = --totals.active;
    pthread_mutex_unlock(&lock);
    if (active == 0) {
        apm_manual_reset_event_set(all_done);
    }
}

static void fail(client *c, const char *what)
{
    apm_socket_close(c->socket);
    count_failure(what);
    stop();
}

/* Ends the client if `error` is one; true if it goes on. */
static bool goes_on(client *c, const char *what, apm_error error)
{
    char text[160];

    if (error != APM_ERROR_SUCCESS) {
        snprintf(text, sizeof text, "%s: %s (%d)", what, apm_error_name(error), (int)error);
        fail(c, text);
    }
    return error == APM_ERROR_SUCCESS;
}

/* Fills the message with letters of which no other message has the same, so that echoes cannot be mixed up. */
static void write_message(client *c)
{
    for (size_t i = 0; i + MARKER_SIZE < message_size; i++) {
        c->random = c->random * 6364136223846793005u + 1442695040888963407u;
        c->message[i] = (char)('a' + (c->random >> 33) % 26);
    }
    memcpy(c->message + message_size - MARKER_SIZE, MARKER, MARKER_SIZE);
}

/* Begins a round trip, or stops the client when the time is up. The client belongs to the chain afterwards. */
static void start_round_trip(client *c)
{
    c->started_us = now_us();
    if (c->started_us >= end_us) {
        stop();
        return;
    }
    c->received = 0;
    write_message(c);
    if (goes_on(c, "create",
                apm_socket_create(server.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &c->socket))) {
        (void)goes_on(c, "connect", apm_socket_begin_connect(c->socket, server, on_connected, c, NULL));
    }
}

static void on_connected(apm_async_result result)
{
    client *c = apm_async_result_async_state(result);

    if (goes_on(c, "connect", apm_socket_end_connect(c->socket, result))) {
        (void)goes_on(
            c, "send",
            apm_socket_begin_send(c->socket, c->message, message_size, APM_SOCKET_FLAGS_NONE, on_sent, c, NULL));
    }
}

static void receive(client *c)
{
    (void)goes_on(
        c, "receive",
        apm_socket_begin_receive(c->socket, c->buffer, sizeof c->buffer, APM_SOCKET_FLAGS_NONE, on_received, c, NULL));
}

static void on_sent(apm_async_result result)
{
    client *c = apm_async_result_async_state(result);

    if (goes_on(c, "send", apm_socket_end_send(c->socket, result, NULL))) {
        receive(c);
    }
}

static void on_received(apm_async_result result)
{
    client *c = apm_async_result_async_state(result);
    size_t size;

    if (!goes_on(c, "receive", apm_socket_end_receive(c->socket, result, &size))) {
        return;
    }
    if (size > message_size - c->received || memcmp(c->message + c->received, c->buffer, size) != 0) {
        fail(c, "the echo differs from the message");
        return;
    }
    c->received += size;
    if (size > 0) {
        receive(c);
    } else if (c->received < message_size) {
        fail(c, "the echo is shorter than the message");
    } else {
        count_round_trip(now_us() - c->started_us);
        apm_socket_close(c->socket);
        start_round_trip(c);
    }
}

/* -- The program ------------------------------------------------------------------------------------------------- */

/* Runs the clients for `seconds`, and gives how long it took in all. */
static apm_error run(client *clients, long count, long seconds, double *elapsed_s)
{
    uint64_t started_us = now_us();
    apm_error error;

    end_us = started_us + (uint64_t)seconds * 1000000;
    totals.active = count;
    for (long i = 0; i < count; i++) {
        start_round_trip(&clients[i]);
    }
    error = apm_manual_reset_event_wait_one(all_done, (int)(seconds + PATIENCE_S) * 1000);
    *elapsed_s = (double)(now_us() - started_us) / 1e6;
    if (error == APM_ERROR_WAIT_TIMEOUT) {
        count_failure("clients have had no answer for too long");
    }
    return error;
}

/* All clients and their messages; NULL if memory is exhausted. */
static client *create_clients(long count)
{
    client *clients = calloc((size_t)count, sizeof *clients);
    char *messages = malloc((size_t)count * message_size);

    if (clients == NULL || messages == NULL) {
        free(clients);
        free(messages);
        return NULL;
    }
    for (long i = 0; i < count; i++) {
        clients[i].random = (uint64_t)i + 1;
        clients[i].message = messages + (size_t)i * message_size;
    }
    return clients;
}

static void print_totals(double elapsed_s)
{
    printf("%" PRIu64 " round trips in %.2f s: %.0f per second, %" PRIu64 " failed\n", totals.round_trips, elapsed_s,
           (double)totals.round_trips / elapsed_s, totals.failures);
    printf("latency in ms: p50 %.2f, p90 %.2f, p99 %.2f, max %.2f\n", percentile_ms(50), percentile_ms(90),
           percentile_ms(99), (double)totals.longest_us / 1000.0);
}

int main(int argc, char **argv)
{
    long port = 0;
    long count = 1000;
    long seconds = 3;
    long bytes = 512;
    double elapsed_s = 0;
    client *clients;
    apm_error error;

    if (argc < 2 || argc > 5 || !parse_number(argv[1], 1, APM_ENDPOINT_MAX_PORT, &port) ||
        (argc > 2 && !parse_number(argv[2], 1, 100000, &count)) ||
        (argc > 3 && !parse_number(argv[3], 1, 100000, &seconds)) ||
        (argc > 4 && !parse_number(argv[4], (long)MARKER_SIZE, 1 << 24, &bytes))) {
        fprintf(stderr, "usage: many_clients port [clients] [seconds] [bytes]\n");
        return 2;
    }
    message_size = (size_t)bytes;
    clients = create_clients(count);
    if (clients == NULL) {
        fprintf(stderr, "many_clients: %s\n", apm_error_message(APM_ERROR_OUT_OF_MEMORY));
        return 1;
    }

    printf("%ld clients for %ld s, messages of %ld bytes\n", count, seconds, bytes);
    error = apm_endpoint_create(apm_ip_address_loopback(), (int)port, &server);
    if (error == APM_ERROR_SUCCESS) {
        error = apm_manual_reset_event_create(false, &all_done);
    }
    if (error == APM_ERROR_SUCCESS) {
        error = run(clients, count, seconds, &elapsed_s);
    }
    apm_manual_reset_event_close(all_done);

    /* It also closes what clients without an answer hold, and waits until their callbacks have seen that. */
    if (apm_cleanup(CLEANUP_TIMEOUT_MS) != APM_ERROR_SUCCESS) {
        fprintf(stderr, "many_clients: a callback is still running\n");
        return 1;
    }
    if (error != APM_ERROR_SUCCESS) {
        fprintf(stderr, "many_clients: %s\n", apm_error_message(error));
    }
    if (totals.round_trips > 0) {
        print_totals(elapsed_s);
    }
    free(clients[0].message);
    free(clients);
    return error == APM_ERROR_SUCCESS && totals.failures == 0 && totals.round_trips > 0 ? 0 : 1;
}
