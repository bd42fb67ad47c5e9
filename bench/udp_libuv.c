/*
 * The echo server for datagrams on libuv: receives by recvmmsg (UV_UDP_RECVMMSG), and uv_udp_try_send for each, or a
 * queued uv_udp_send where the kernel does not take it. `udp_libuv port workers [buffer_bytes]`; a loop a worker.
 */
#define _GNU_SOURCE 1 /* libuv's header needs POSIX types that strict C11 hides. */
#include "udp_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BATCH 20                   /* as many as libuv receives at once */
#define LARGEST_DATAGRAM (1 << 16) /* what libuv takes for one of them */

struct worker {
    pthread_t thread;
    uv_loop_t loop;
    uv_udp_t handle;
    char *buffer;
};

struct unsent {
    uv_udp_send_t request;
    char bytes[];
};

static void on_allocate(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    (void)suggested_size;
    struct worker *worker = handle->loop->data;
    *buffer = uv_buf_init(worker->buffer, BATCH * LARGEST_DATAGRAM);
}

static void on_sent(uv_udp_send_t *request, int status)
{
    (void)status;
    free(request->data);
}

static void on_received(uv_udp_t *handle, ssize_t received, const uv_buf_t *buffer, const struct sockaddr *peer,
                        unsigned flags)
{
    (void)flags;
    if (received < 0)
        echo_server_fail("receive");
    if (!peer)
        return; /* the end of a batch */
    uv_buf_t echo = uv_buf_init(buffer->base, (unsigned)received);
    if (uv_udp_try_send(handle, &echo, 1, peer) >= 0)
        return;
    struct unsent *unsent = malloc(sizeof *unsent + (size_t)received);
    if (!unsent)
        echo_server_fail("malloc");
    memcpy(unsent->bytes, buffer->base, (size_t)received);
    unsent->request.data = unsent;
    uv_buf_t copy = uv_buf_init(unsent->bytes, (unsigned)received);
    if (uv_udp_send(&unsent->request, handle, &copy, 1, peer, on_sent) != 0)
        free(unsent);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void init_worker(struct worker *worker, struct echo_server *server)
{
    worker->buffer = malloc(BATCH * LARGEST_DATAGRAM);
    if (!worker->buffer || uv_loop_init(&worker->loop) != 0)
        echo_server_fail("worker");
    worker->loop.data = worker;
    if (uv_udp_init_ex(&worker->loop, &worker->handle, AF_UNSPEC | UV_UDP_RECVMMSG) != 0 ||
        uv_udp_open(&worker->handle, udp_server_bind(server)) != 0 ||
        uv_udp_recv_start(&worker->handle, on_allocate, on_received) != 0)
        echo_server_fail("uv_udp");
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    struct worker *workers = calloc((size_t)server.workers, sizeof *workers);
    if (!workers)
        echo_server_fail("calloc");
    for (int i = 0; i < server.workers; i++)
        init_worker(&workers[i], &server);
    echo_server_announce(&server);
    for (int i = 1; i < server.workers; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            echo_server_fail("pthread_create");
    }
    run(&workers[0]);
}
