/*
 * A relay with bounded memory: relay port target_port
 *
 * Each connection to `port` is connected to `target_port` of this machine, and what one side sends the other receives.
 * A side that reads slowly slows the other down: when what waits to be sent to it reaches the high water mark, the
 * relay stops receiving, until it is at the low one. On SIGINT or SIGTERM the relay ends, and says how much it has
 * held.
 */
#include <apm/apm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "example.h"

enum { CHUNK_SIZE = 16384, HIGH_MARK = 4 * CHUNK_SIZE, LOW_MARK = CHUNK_SIZE, CLEANUP_TIMEOUT_MS = 5000 };

struct pair;

/* One direction. The pump's callbacks are a chain: receive, perhaps wait for room, receive again. */
typedef struct pump {
    struct pair *pair;
    apm_socket from;
    apm_socket to;
    atomic_uint left; /* sends that are pending, and 1 for the chain */
} pump;

typedef struct pair {
    pump pumps[2];
    atomic_uint left; /* pumps that go on */
} pair;

typedef struct chunk {
    pump *pump;
    size_t size;
    char bytes[CHUNK_SIZE];
} chunk;

static int target_port;
static atomic_size_t held;
static atomic_size_t most_held;
static atomic_size_t pauses;

static void on_received(apm_async_result result);

static chunk *chunk_create(pump *p)
{
    chunk *c = malloc(sizeof *c);
    size_t now = c == NULL ? 0 : atomic_fetch_add(&held, CHUNK_SIZE) + CHUNK_SIZE;
    size_t most = atomic_load(&most_held);

    while (now > most && !atomic_compare_exchange_weak(&most_held, &most, now)) {}
    if (c != NULL) {
        c->pump = p;
    }
    return c;
}

static void chunk_free(chunk *c)
{
    free(c);
    atomic_fetch_sub(&held, CHUNK_SIZE);
}

/* Ends a pump's chain or a send of it. When all of a direction is sent its end is passed on. */
static void leave(pump *p)
{
    pair *both = p->pair;

    if (atomic_fetch_sub(&p->left, 1) > 1) {
        return;
    }
    if (apm_socket_shutdown(p->to, APM_SOCKET_SHUTDOWN_SEND) != APM_ERROR_SUCCESS) {
        apm_socket_close(p->to); /* it is broken: the other direction ends as well */
        apm_socket_close(p->from);
    }
    if (atomic_fetch_sub(&both->left, 1) == 1) {
        apm_socket_close(p->from);
        apm_socket_close(p->to);
        free(both);
    }
}

/* Something has failed: both sockets end, and so all that is pending on them. */
static void give_up(pump *p, chunk *c)
{
    apm_socket_close(p->from);
    apm_socket_close(p->to);
    if (c != NULL) {
        chunk_free(c);
    }
    leave(p);
}

static void receive_into(pump *p, chunk *c)
{
    if (c == NULL || apm_socket_begin_receive(p->from, c->bytes, CHUNK_SIZE, APM_SOCKET_FLAGS_NONE, on_received, c,
                                              NULL) != APM_ERROR_SUCCESS) {
        give_up(p, c);
    }
}

static void on_sent(apm_async_result result)
{
    chunk *c = apm_async_result_async_state(result);
    pump *p = c->pump;

    if (apm_socket_end_send(p->to, result, NULL) != APM_ERROR_SUCCESS) {
        apm_socket_close(p->from);
    }
    chunk_free(c);
    leave(p);
}

static void on_room(apm_async_result result);

/* Sends the chunk, now or when there is room, and goes on receiving. */
static void pass_on(chunk *c)
{
    pump *p = c->pump;
    apm_error error;

    atomic_fetch_add(&p->left, 1);
    error = apm_socket_begin_send(p->to, c->bytes, c->size, APM_SOCKET_FLAGS_NONE, on_sent, c, NULL);
    if (error == APM_ERROR_SUCCESS) {
        receive_into(p, chunk_create(p));
        return;
    }
    atomic_fetch_sub(&p->left, 1); /* the chain is still there */
    if (error == APM_ERROR_WOULD_BLOCK) {
        atomic_fetch_add(&pauses, 1);
        error = apm_socket_begin_wait_sendable(p->to, on_room, c, NULL);
    }
    if (error != APM_ERROR_SUCCESS) {
        give_up(p, c);
    }
}

static void on_room(apm_async_result result)
{
    chunk *c = apm_async_result_async_state(result);

    if (apm_socket_end_wait_sendable(c->pump->to, result) == APM_ERROR_SUCCESS) {
        pass_on(c);
    } else {
        give_up(c->pump, c);
    }
}

static void on_received(apm_async_result result)
{
    chunk *c = apm_async_result_async_state(result);
    pump *p = c->pump;
    apm_error error = apm_socket_end_receive(p->from, result, &c->size);

    if (error == APM_ERROR_DISCONNECTING) {
        receive_into(p, c); /* the relay is ending; a stream has no place where it could end by itself */
    } else if (error != APM_ERROR_SUCCESS) {
        give_up(p, c);
    } else if (c->size == 0) {
        chunk_free(c);
        leave(p);
    } else {
        pass_on(c);
    }
}

static void on_connected(apm_async_result result)
{
    pair *both = apm_async_result_async_state(result);

    if (apm_socket_end_connect(both->pumps[0].to, result) != APM_ERROR_SUCCESS) {
        apm_socket_close(both->pumps[0].from); /* the pumps find out */
    }
    /* The first pump may end before the second begins: `left` keeps the pair. */
    receive_into(&both->pumps[0], chunk_create(&both->pumps[0]));
    receive_into(&both->pumps[1], chunk_create(&both->pumps[1]));
}

static void relay(apm_socket from)
{
    pair *both = calloc(1, sizeof *both);
    apm_socket to = APM_NULL_HANDLE;
    apm_endpoint target;
    apm_send_water_marks marks;

    if (both != NULL && !apm_endpoint_create(apm_ip_address_loopback(), target_port, &target) &&
        !apm_socket_create(target.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &to) &&
        !apm_socket_send_water_marks(from, &marks) && !apm_socket_set_send_water_marks(to, marks)) {
        both->left = 2;
        both->pumps[0] = (pump){.pair = both, .from = from, .to = to, .left = 1};
        both->pumps[1] = (pump){.pair = both, .from = to, .to = from, .left = 1};
        if (apm_socket_begin_connect(to, target, on_connected, both, NULL) == APM_ERROR_SUCCESS) {
            return;
        }
    }
    apm_socket_close(from);
    if (!apm_socket_is_null(to)) {
        apm_socket_close(to);
    }
    free(both);
}

static void on_accepted(apm_async_result result)
{
    apm_socket listener = apm_async_result_socket(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(listener, result, &accepted);

    if (error == APM_ERROR_SUCCESS) {
        relay(accepted);
    }
    if (error != APM_ERROR_OPERATION_ABORTED) {
        error = apm_socket_begin_accept(listener, on_accepted, NULL, NULL);
        if (error != APM_ERROR_SUCCESS && !apm_socket_is_draining(listener)) {
            fprintf(stderr, "relay: accept: %s\n", apm_error_message(error));
        }
    }
}

static apm_error start(int port, apm_socket *listener)
{
    const apm_send_water_marks marks = {.high_bytes = HIGH_MARK, .low_bytes = LOW_MARK};
    apm_endpoint local;
    apm_error error;

    if ((error = apm_endpoint_create(apm_ip_address_loopback(), port, &local)) ||
        (error = apm_socket_create(local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, listener)) ||
        (error = apm_socket_set_send_water_marks(*listener, marks)) || /* and so for what it accepts */
        (error = apm_socket_bind(*listener, local)) || (error = apm_socket_listen(*listener, -1)) ||
        (error = apm_socket_local_endpoint(*listener, &local)) ||
        (error = apm_socket_begin_accept(*listener, on_accepted, NULL, NULL))) {
        return error;
    }
    printf("Listening on port %d\n", local.port);
    return APM_ERROR_SUCCESS;
}

int main(int argc, char **argv)
{
    apm_socket listener = APM_NULL_HANDLE;
    sigset_t signals;
    long port;
    long target;
    int number;
    apm_error error;

    if (argc != 3 || !parse_number(argv[1], APM_ENDPOINT_MIN_PORT, APM_ENDPOINT_MAX_PORT, &port) ||
        !parse_number(argv[2], 1, APM_ENDPOINT_MAX_PORT, &target)) {
        fprintf(stderr, "usage: relay port target_port\n");
        return 2;
    }
    target_port = (int)target;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    error = start((int)port, &listener);
    if (error == APM_ERROR_SUCCESS) {
        sigwait(&signals, &number);
        if (apm_socket_drain(listener, 0, NULL) == APM_ERROR_INVALID_OPERATION) {
            fprintf(stderr, "relay: it has stopped listening before\n");
        }
        printf("Held at most %zu bytes, paused %zu times\n", atomic_load(&most_held), atomic_load(&pauses));
    } else {
        fprintf(stderr, "relay: %s\n", apm_error_message(error));
    }
    apm_socket_close(listener);
    return apm_cleanup(CLEANUP_TIMEOUT_MS) || error;
}
