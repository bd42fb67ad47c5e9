/*
 * The other limit: a hand-written echo server on io_uring, with liburing.
 *
 * Each worker is one thread with its own ring and its own listening socket; nothing is shared. One multishot accept
 * takes all connections. A connection has one buffer. What a receive brought is answered by a send and the next
 * receive, linked: the kernel begins the receive when the whole message is sent, and only the receive reports, so a
 * message is one completion, and all that a pass of the loop asks for goes to the kernel by the call that waits.
 *
 * A connection has a receive pending, or one linked behind a send, until its last report: that frees it.
 */
#define _GNU_SOURCE 1
#include "echo_server.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of entries that are submitted at once; completions have a ring of four times as many. */
#define ENTRIES 4096

struct connection {
    int descriptor;
    uint8_t buffer[];
};

struct worker {
    pthread_t thread;
    struct io_uring ring;
    int listener;
    size_t buffer_bytes;
};

static void check(int result, const char *what)
{
    if (result < 0) {
        errno = -result;
        echo_server_fail(what);
    }
}

/* A link does not last beyond a submission, so there has to be room for all of it before its first entry. */
static void make_room(struct worker *worker, unsigned entries)
{
    if (io_uring_sq_space_left(&worker->ring) < entries)
        check(io_uring_submit(&worker->ring), "io_uring_submit");
    if (io_uring_sq_space_left(&worker->ring) < entries)
        check(-EBUSY, "io_uring_submit");
}

static void begin_accept(struct worker *worker)
{
    make_room(worker, 1);
    struct io_uring_sqe *entry = io_uring_get_sqe(&worker->ring);
    io_uring_prep_multishot_accept(entry, worker->listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(entry, worker);
}

static void prepare_receive(struct worker *worker, struct connection *connection)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&worker->ring);
    io_uring_prep_recv(entry, connection->descriptor, connection->buffer, worker->buffer_bytes, 0);
    io_uring_sqe_set_data(entry, connection);
}

/* MSG_WAITALL lets the kernel go on with what did not fit; anything less than all of it breaks the link. */
static void send_and_receive(struct worker *worker, struct connection *connection, size_t size)
{
    make_room(worker, 2);
    struct io_uring_sqe *entry = io_uring_get_sqe(&worker->ring);
    io_uring_prep_send(entry, connection->descriptor, connection->buffer, size, MSG_NOSIGNAL | MSG_WAITALL);
    io_uring_sqe_set_flags(entry, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data(entry, NULL);
    prepare_receive(worker, connection);
}

static void add_connection(struct worker *worker, int descriptor)
{
    struct connection *connection = malloc(sizeof *connection + worker->buffer_bytes);
    if (connection == NULL)
        echo_server_fail("malloc");
    connection->descriptor = descriptor;
    make_room(worker, 1);
    prepare_receive(worker, connection);
}

static void complete(struct worker *worker, const struct io_uring_cqe *completion)
{
    void *subject = io_uring_cqe_get_data(completion);
    if (subject == NULL)
        return; /* A send that failed; the receive linked to it reports that it was cancelled. */
    if (subject == worker) {
        if (completion->res >= 0)
            add_connection(worker, completion->res);
        else if (completion->res != -ECONNABORTED)
            check(completion->res, "accept");
        if ((completion->flags & IORING_CQE_F_MORE) == 0)
            begin_accept(worker);
        return;
    }
    struct connection *connection = subject;
    if (completion->res > 0) {
        send_and_receive(worker, connection, (size_t)completion->res);
        return;
    }
    close(connection->descriptor);
    free(connection);
}

/* The thread that makes the ring is the only one to use it, which the kernel rewards. */
static void init_ring(struct worker *worker)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
        .cq_entries = 4 * ENTRIES,
    };
    check(io_uring_queue_init_params(ENTRIES, &worker->ring, &parameters), "io_uring_queue_init_params");
    check(io_uring_register_ring_fd(&worker->ring), "io_uring_register_ring_fd");
}

/* The kernel waits on a socket's behalf only where that is one that blocks. */
static int listen_blocking(struct echo_server *server)
{
    int listener = echo_server_listen(server);
    int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags & ~O_NONBLOCK) != 0)
        echo_server_fail("fcntl");
    return listener;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    init_ring(worker);
    begin_accept(worker);
    for (;;) {
        int submitted = io_uring_submit_and_wait(&worker->ring, 1);
        if (submitted != -EINTR)
            check(submitted, "io_uring_submit_and_wait");
        struct io_uring_cqe *completion;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&worker->ring, head, completion)
        {
            complete(worker, completion);
            count++;
        }
        io_uring_cq_advance(&worker->ring, count);
    }
    return NULL;
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    struct worker *workers = calloc((size_t)server.workers, sizeof *workers);
    if (workers == NULL)
        echo_server_fail("calloc");
    for (int i = 0; i < server.workers; i++)
        workers[i] = (struct worker){.listener = listen_blocking(&server), .buffer_bytes = server.buffer_bytes};
    echo_server_announce(&server);
    for (int i = 1; i < server.workers; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            echo_server_fail("pthread_create");
    }
    run(&workers[0]);
}
