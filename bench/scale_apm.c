/*
 * What an operation costs beside many others of its kind: scale_apm CELL COUNT
 *
 *   sockets   COUNT datagram sockets with a receive pending on each; random ones get a datagram, and receive again.
 *             Where the limit of descriptors is lower, and may not be raised, the receives share as many as it allows
 *   hand      the same by hand: a thread with epoll and recvfrom, which shows what of the rise is the kernel's
 *   queue     the same with COUNT receives pending on one socket
 *   change    COUNT timers are armed; random ones are put off or brought forward
 *   fire      COUNT timers, which are all due within the same millisecond, and then armed again
 *
 * Prints one line: the cell, the count, nanoseconds an operation by the clock and of the process's processor time, how
 * many operations were measured, and on how many sockets. With datagrams their way through the kernel is in it: the
 * main thread sends BURST at a time, and waits until all have been received. Exit status 1 where anything fails.
 */
#define _GNU_SOURCE 1
#include <apm/apm.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "descriptors.h"

#define BURST 64u
#define DATAGRAMS (2500 * BURST)
#define CHANGES 1000000u
#define FIRES 1000000u
#define SOCKETS_AN_ADDRESS 20000u /* fewer than an address has ports that the system gives away */
#define OTHER_DESCRIPTORS 64u
#define HOUR_MS 3600000

static const apm_thread_pool default_pool = APM_NULL_HANDLE;

/* A socket of the cells with datagrams, or one receive of its queue. */
struct receiver {
    apm_socket socket;
    char buffer[16];
};

static uint32_t count;
static uint32_t socket_count;
static atomic_uint_fast64_t left; /* what has to happen until `done` is set */
static apm_auto_reset_event done;

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "scale_apm: %s: %s\n", what, apm_error_message(error));
    exit(1);
}

static void *allocate(size_t amount, size_t size)
{
    void *memory = calloc(amount, size);
    if (memory == NULL)
        check(APM_ERROR_OUT_OF_MEMORY, "memory");
    return memory;
}

/* The next number of a fixed sequence, which is the same in each run. */
static uint32_t random_below(uint32_t limit)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * limit >> 32);
}

static void note_one(void)
{
    if (atomic_fetch_sub(&left, 1) == 1)
        check(apm_auto_reset_event_set(done), "set");
}

static void wait_for_all(void)
{
    check(apm_auto_reset_event_wait_one(done, APM_TIMEOUT_INFINITE), "wait");
}

/* -- Datagrams ----------------------------------------------------------------------------------------------------- */

static void begin_receive(struct receiver *receiver);

static void on_received(apm_async_result result)
{
    struct receiver *receiver = apm_async_result_async_state(result);
    apm_endpoint sender;
    size_t received;
    check(apm_socket_end_receive_from(receiver->socket, result, &sender, &received), "end receive");
    begin_receive(receiver);
    note_one();
}

static void begin_receive(struct receiver *receiver)
{
    check(apm_socket_begin_receive_from(receiver->socket, receiver->buffer, sizeof receiver->buffer,
                                        APM_SOCKET_FLAGS_NONE, on_received, receiver, NULL),
          "receive");
}

/* Opens the index-th socket, on an address of the loopback network that has ports left. */
static apm_socket open_socket(uint32_t index, struct sockaddr_in *address)
{
    apm_socket opened;
    apm_ip_address host;
    apm_endpoint local;
    char text[INET_ADDRSTRLEN];
    *address = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index / SOCKETS_AN_ADDRESS)};
    check(inet_ntop(AF_INET, &address->sin_addr, text, sizeof text) ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT,
          "inet_ntop");
    check(apm_ip_address_parse(text, &host), "address");
    check(apm_endpoint_create(host, 0, &local), "endpoint");
    check(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &opened),
          "socket");
    check(apm_socket_bind(opened, local), "bind");
    check(apm_socket_local_endpoint(opened, &local), "local endpoint");
    address->sin_port = htons(local.port);
    return opened;
}

static void send_bursts(int sender, const struct sockaddr_in *addresses, uint32_t datagrams)
{
    for (uint32_t sent = 0; sent < datagrams; sent += BURST) {
        atomic_store(&left, BURST);
        for (uint32_t i = 0; i < BURST; i++) {
            const struct sockaddr_in *address = &addresses[random_below(socket_count)];
            if (sendto(sender, "datagram", 8, 0, (const struct sockaddr *)address, sizeof *address) != 8) {
                perror("scale_apm: sendto");
                exit(1);
            }
        }
        wait_for_all();
    }
}

/* By hand a receive is nothing that is begun: the thread waits for all sockets. */
static void *receive_by_hand(void *argument)
{
    int epoll = *(const int *)argument;
    struct epoll_event events[BURST];
    char buffer[16];
    for (;;) {
        int ready = epoll_wait(epoll, events, BURST, -1);
        for (int i = 0; i < ready; i++) {
            struct sockaddr_in sender;
            socklen_t size = sizeof sender;
            while (recvfrom(events[i].data.fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&sender,
                            &size) >= 0)
                note_one();
        }
    }
    return NULL;
}

/* Lets go of the library's socket, and has its descriptor watched. */
static void watch_by_hand(int epoll, apm_socket opened)
{
    intptr_t descriptor;
    check(apm_socket_release_handle(opened, &descriptor), "release");
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = (int)descriptor};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, (int)descriptor, &event) == 0 ? APM_ERROR_SUCCESS
                                                                        : APM_ERROR_INVALID_OPERATION,
          "epoll_ctl");
}

/* Opens at most `most` sockets for `count` receives in all, and lets each be met. */
static int prepare_datagrams(uint32_t most, struct sockaddr_in *addresses, bool by_hand)
{
    static int epoll;
    pthread_t thread;
    struct receiver *receivers = allocate(count, sizeof *receivers);
    uint64_t limit = descriptors_raise_limit();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    socket_count = limit < most + OTHER_DESCRIPTORS ? (uint32_t)limit - OTHER_DESCRIPTORS : most;
    for (uint32_t i = 0; i < count; i++) {
        receivers[i].socket = i < socket_count ? open_socket(i, &addresses[i]) : receivers[i % socket_count].socket;
        if (!by_hand)
            begin_receive(&receivers[i]);
        else if (i < socket_count)
            watch_by_hand(epoll, receivers[i].socket);
    }
    if (by_hand && pthread_create(&thread, NULL, receive_by_hand, &epoll) != 0)
        check(APM_ERROR_OUT_OF_MEMORY, "thread");
    int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    send_bursts(sender, addresses, DATAGRAMS);
    return sender;
}

/* -- Timers -------------------------------------------------------------------------------------------------------- */

static void on_timer(void *state)
{
    (void)state;
    note_one();
}

static apm_timer *create_timers(void)
{
    apm_timer *timers = allocate(count, sizeof *timers);
    for (uint32_t i = 0; i < count; i++)
        check(apm_timer_create(default_pool, on_timer, NULL, HOUR_MS + random_below(HOUR_MS), -1, &timers[i]), "timer");
    return timers;
}

static void change_random(const apm_timer *timers)
{
    for (uint32_t i = 0; i < CHANGES; i++)
        check(apm_timer_change(timers[random_below(count)], HOUR_MS + random_below(HOUR_MS), -1), "change");
}

static void fire_all(const apm_timer *timers, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        atomic_store(&left, count);
        for (uint32_t j = 0; j < count; j++)
            check(apm_timer_change(timers[j], 1, -1), "change");
        wait_for_all();
    }
}

/* -- Measuring ----------------------------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return clock_nanoseconds(&used);
}

static void print(const char *cell, uint64_t start_ns, uint64_t start_cpu_ns, uint64_t operations)
{
    double wall = (double)(clock_now_ns() - start_ns) / (double)operations;
    double cpu = (double)(cpu_ns() - start_cpu_ns) / (double)operations;
    printf("%s %u %.1f %.1f %llu %u\n", cell, count, wall, cpu, (unsigned long long)operations, socket_count);
}

static int measure(const char *cell)
{
    bool by_hand = strcmp(cell, "hand") == 0, has_sockets = by_hand || strcmp(cell, "sockets") == 0;
    bool is_fire = strcmp(cell, "fire") == 0;
    if (has_sockets || strcmp(cell, "queue") == 0) {
        uint32_t most = has_sockets ? count : 1;
        struct sockaddr_in *addresses = allocate(most, sizeof *addresses);
        int sender = prepare_datagrams(most, addresses, by_hand);
        uint64_t start_ns = clock_now_ns(), start_cpu_ns = cpu_ns();
        send_bursts(sender, addresses, DATAGRAMS);
        print(cell, start_ns, start_cpu_ns, DATAGRAMS);
    } else if (is_fire || strcmp(cell, "change") == 0) {
        apm_timer *timers = create_timers();
        uint32_t rounds = FIRES / count > 0 ? FIRES / count : 1;
        uint64_t start_ns = clock_now_ns(), start_cpu_ns = cpu_ns();
        if (is_fire)
            fire_all(timers, rounds);
        else
            change_random(timers);
        print(cell, start_ns, start_cpu_ns, is_fire ? (uint64_t)rounds * count : CHANGES);
    } else {
        return 2;
    }
    return 0;
}

int main(int argument_count, char **arguments)
{
    count = argument_count == 3 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 0;
    check(apm_auto_reset_event_create(false, &done), "event");
    if (count == 0 || count > 10000000 || measure(arguments[1]) != 0) {
        fprintf(stderr, "usage: scale_apm sockets|hand|queue|change|fire COUNT\n");
        return 2;
    }
    return 0;
}
