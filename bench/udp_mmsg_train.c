/*
 * The limit for trains of datagrams: written by hand, one recvmmsg and one sendmmsg for up to 8 of them, which the
 * system joins and cuts (UDP_GRO, UDP_SEGMENT), epoll where there are none, and nothing else.
 * `udp_mmsg_train port workers`; each worker has a thread and a socket of its own.
 */
#define _GNU_SOURCE 1
#include "udp_server.h"
#include "udp_train.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define BATCH 8

struct worker {
    pthread_t thread;
    int descriptor;
};

/* Sends all of them; where the system's buffer is full, again until it takes them. */
static void send_all(int descriptor, struct mmsghdr *messages, unsigned count)
{
    unsigned sent = 0;
    while (sent < count) {
        int now = sendmmsg(descriptor, messages + sent, count - sent, 0);
        if (now > 0)
            sent += (unsigned)now;
        else if (errno != EAGAIN && errno != EINTR)
            echo_server_fail("sendmmsg");
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct mmsghdr messages[BATCH] = {0};
    struct iovec vectors[BATCH];
    struct sockaddr_in addresses[BATCH];
    union udp_train_control controls[BATCH];
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    char *buffers = malloc((size_t)BATCH * UDP_TRAIN_SIZE);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!buffers || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, worker->descriptor, &event) != 0)
        echo_server_fail("worker");
    for (unsigned i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &addresses[i];
    }
    for (;;) {
        for (unsigned i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){.iov_base = buffers + (size_t)i * UDP_TRAIN_SIZE, .iov_len = UDP_TRAIN_SIZE};
            messages[i].msg_hdr.msg_namelen = sizeof addresses[i];
            udp_train_ask(&messages[i].msg_hdr, &controls[i]);
        }
        int received = recvmmsg(worker->descriptor, messages, BATCH, 0, NULL);
        if (received < 0 && errno != EAGAIN && errno != EINTR)
            echo_server_fail("recvmmsg");
        for (int i = 0; i < received; i++) {
            size_t each = udp_train_each(&messages[i].msg_hdr, messages[i].msg_len);
            vectors[i].iov_len = messages[i].msg_len;
            udp_train_cut(&messages[i].msg_hdr, &controls[i], (uint16_t)each);
        }
        if (received > 0)
            send_all(worker->descriptor, messages, (unsigned)received);
        if (received < BATCH) /* what comes now is reported as an edge */
            epoll_wait(epoll, &event, 1, -1);
    }
    return NULL;
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    struct worker *workers = calloc((size_t)server.workers, sizeof *workers);
    if (!workers)
        echo_server_fail("calloc");
    for (int i = 0; i < server.workers; i++) {
        workers[i].descriptor = udp_server_bind(&server);
        if (!udp_train_join(workers[i].descriptor))
            echo_server_fail("UDP_GRO");
    }
    echo_server_announce(&server);
    for (int i = 1; i < server.workers; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            echo_server_fail("pthread_create");
    }
    run(&workers[0]);
}
