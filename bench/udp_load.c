/*
 * The load generator for datagrams: measures an echo server on 127.0.0.1 and checks every byte that comes back.
 *
 * `udp_load port pid [clients] [depth] [size] [seconds] [warmup] [train]`: a client is a socket with `depth` datagrams
 * in flight, which it sends and receives by sendmmsg and recvmmsg, so that the generator costs less than any server. A
 * closed loop: an echo is answered with the next datagram. A datagram carries its client's number and a sequence, of
 * which the rest of its bytes is made. One that gets lost is missed when its client has heard nothing for a tenth of a
 * second; it is sent again, and counted. With `train` 1 it sends them as trains instead (UDP_SEGMENT), and receives
 * trains (UDP_GRO). Prints one line of JSON. Single threaded.
 */
#define _GNU_SOURCE 1
#include "clock.h"
#include "process.h"
#include "report.h"
#include "tally.h"
#include "udp_train.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MOST_DEPTH 64
#define MOST_CLIENTS 1024
#define MOST_SIZE 1472
#define SMALLEST_SIZE 8
#define MISSED_AFTER_NS (100 * NANOSECONDS_PER_MILLISECOND)
#define LONGEST_S 3600.0

struct client {
    int descriptor;
    uint32_t number;
    uint32_t next;
    uint32_t in_flight;
    uint64_t heard_ns;
};

struct load {
    struct client clients[MOST_CLIENTS];
    uint32_t client_count;
    uint32_t depth;
    uint32_t size;
    bool trains;
    int epoll;
    uint64_t echoes;
    uint64_t lost;
    struct tally errors;
};

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static uint8_t wave[256 + MOST_SIZE];

/* What is behind the numbers in a datagram: a part of a wave, which begins where they say. */
static const uint8_t *rest_of(uint32_t client, uint32_t sequence)
{
    return &wave[(uint8_t)(client * 31 + sequence * 7)];
}

static void fill(const struct load *load, const struct client *client, uint32_t sequence, uint8_t *bytes)
{
    memcpy(bytes, &client->number, 4);
    memcpy(bytes + 4, &sequence, 4);
    memcpy(bytes + 8, rest_of(client->number, sequence), load->size - 8);
}

static void check(struct load *load, const struct client *client, const uint8_t *bytes, size_t size)
{
    uint32_t number;
    uint32_t sequence;
    if (size != load->size) {
        tally_add(&load->errors, "receive", "wrong_size", 1);
        return;
    }
    memcpy(&number, bytes, 4);
    memcpy(&sequence, bytes + 4, 4);
    bool right = number == client->number && sequence - client->next >= UINT32_MAX / 2;
    if (!right || memcmp(bytes + 8, rest_of(number, sequence), load->size - 8) != 0)
        tally_add(&load->errors, "receive", "wrong_byte", 1);
}

/* Sends that many datagrams, which lie one behind the other. Returns how many went. */
static int send_each(const struct load *load, const struct client *client, uint8_t *bytes, uint32_t count)
{
    struct mmsghdr messages[MOST_DEPTH] = {0};
    struct iovec vectors[MOST_DEPTH];
    for (uint32_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){.iov_base = bytes + i * load->size, .iov_len = load->size};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    return sendmmsg(client->descriptor, messages, count, 0);
}

static int send_train(const struct load *load, const struct client *client, uint8_t *bytes, uint32_t count)
{
    union udp_train_control control;
    struct iovec vector = {.iov_base = bytes, .iov_len = (size_t)count * load->size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    udp_train_cut(&message, &control, (uint16_t)load->size);
    return sendmsg(client->descriptor, &message, 0) < 0 ? -1 : (int)count;
}

/* Sends until `depth` are in flight. */
static void fill_up(struct load *load, struct client *client)
{
    static uint8_t bytes[MOST_DEPTH * MOST_SIZE];
    uint32_t count = load->depth - client->in_flight;
    for (uint32_t i = 0; i < count; i++)
        fill(load, client, client->next + i, bytes + i * load->size);
    int sent = 0;
    if (count > 0)
        sent = (load->trains ? send_train : send_each)(load, client, bytes, count);
    if (sent < 0 && errno != EAGAIN)
        tally_add_error(&load->errors, "send", errno);
    client->next += sent > 0 ? (uint32_t)sent : 0;
    client->in_flight += sent > 0 ? (uint32_t)sent : 0;
}

/* Receives and checks. Returns how many there were. */
static int receive_each(struct load *load, const struct client *client)
{
    static uint8_t bytes[MOST_DEPTH][MOST_SIZE + 1];
    struct mmsghdr messages[MOST_DEPTH] = {0};
    struct iovec vectors[MOST_DEPTH];
    for (uint32_t i = 0; i < load->depth; i++) {
        vectors[i] = (struct iovec){.iov_base = bytes[i], .iov_len = MOST_SIZE + 1};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int received = recvmmsg(client->descriptor, messages, load->depth, 0, NULL);
    for (int i = 0; i < received; i++)
        check(load, client, bytes[i], messages[i].msg_len);
    return received;
}

static int receive_train(struct load *load, const struct client *client)
{
    static uint8_t bytes[UDP_TRAIN_SIZE];
    union udp_train_control control;
    struct iovec vector = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    udp_train_ask(&message, &control);
    ssize_t received = recvmsg(client->descriptor, &message, 0);
    if (received < 0)
        return -1;
    size_t each = udp_train_each(&message, (size_t)received);
    int count = 0;
    for (size_t at = 0; at < (size_t)received; at += each, count++)
        check(load, client, bytes + at, (size_t)received - at < each ? (size_t)received - at : each);
    return count;
}

static void receive(struct load *load, struct client *client)
{
    int received = load->trains ? receive_train(load, client) : receive_each(load, client);
    if (received < 0 && errno != EAGAIN)
        tally_add_error(&load->errors, "receive", errno);
    if (received <= 0)
        return;
    load->echoes += (uint64_t)received;
    /* More than are in flight come where one that was taken for lost is only late. */
    client->in_flight -= (uint32_t)received < client->in_flight ? (uint32_t)received : client->in_flight;
    client->heard_ns = clock_now_ns();
    fill_up(load, client);
}

static void resend_lost(struct load *load, uint64_t now_ns)
{
    for (uint32_t i = 0; i < load->client_count; i++) {
        struct client *client = &load->clients[i];
        if (now_ns - client->heard_ns < MISSED_AFTER_NS || client->heard_ns > now_ns)
            continue;
        load->lost += client->in_flight;
        client->in_flight = 0;
        client->heard_ns = now_ns;
        fill_up(load, client);
    }
}

static void run(struct load *load, uint64_t until_ns)
{
    struct epoll_event events[256];
    uint64_t looked_ns = clock_now_ns();
    for (uint64_t now_ns = looked_ns; now_ns < until_ns; now_ns = clock_now_ns()) {
        int count = epoll_wait(load->epoll, events, 256, 10);
        for (int i = 0; i < count; i++)
            receive(load, events[i].data.ptr);
        if (now_ns - looked_ns > MISSED_AFTER_NS / 4) {
            looked_ns = now_ns;
            resend_lost(load, clock_now_ns());
        }
    }
}

static void open_clients(struct load *load, uint16_t port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < load->client_count; i++) {
        struct client *client = &load->clients[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        *client = (struct client){.number = i, .heard_ns = clock_now_ns()};
        client->descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (client->descriptor < 0 ||
            connect(client->descriptor, (const struct sockaddr *)&server, sizeof server) != 0 ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->descriptor, &event) != 0)
            fail("client");
        if (load->trains && !udp_train_join(client->descriptor))
            fail("UDP_GRO");
        fill_up(load, client);
    }
}

_Noreturn static void show_usage(void)
{
    fprintf(stderr, "usage: udp_load port pid [clients] [depth] [size] [seconds] [warmup] [train]\n");
    exit(2);
}

static uint32_t parse(int argument_count, char **arguments, int place, uint32_t otherwise, uint32_t smallest,
                      uint32_t largest)
{
    if (argument_count <= place)
        return otherwise;
    char *end;
    unsigned long value = strtoul(arguments[place], &end, 10);
    if (end == arguments[place] || *end != '\0' || value < smallest || value > largest)
        show_usage();
    return (uint32_t)value;
}

static uint64_t parse_seconds(int argument_count, char **arguments, int place, double otherwise)
{
    char *end = NULL;
    double value = argument_count > place ? strtod(arguments[place], &end) : otherwise;
    if (argument_count > place && (end == arguments[place] || *end != '\0' || !(value > 0 && value <= LONGEST_S)))
        show_usage();
    return (uint64_t)(value * (double)NANOSECONDS_PER_SECOND);
}

int main(int argument_count, char **arguments)
{
    static struct load load;
    uint16_t port = (uint16_t)parse(argument_count, arguments, 1, 0, 1, 65535);
    pid_t server = (pid_t)parse(argument_count, arguments, 2, 0, 1, INT32_MAX);
    load.client_count = parse(argument_count, arguments, 3, 8, 1, MOST_CLIENTS);
    load.depth = parse(argument_count, arguments, 4, 16, 1, MOST_DEPTH);
    load.size = parse(argument_count, arguments, 5, 64, SMALLEST_SIZE, MOST_SIZE);
    uint64_t measured_ns = parse_seconds(argument_count, arguments, 6, 3);
    uint64_t warmup_ns = parse_seconds(argument_count, arguments, 7, 1);
    load.trains = parse(argument_count, arguments, 8, 0, 0, 1) == 1;
    if (load.trains && (uint64_t)load.depth * load.size > UDP_TRAIN_MOST)
        show_usage();
    uint64_t cpu_before = 0;
    uint64_t cpu_after = 0;
    uint64_t load_cpu_before;
    uint64_t load_cpu_after;
    for (uint32_t i = 0; i < sizeof wave; i++)
        wave[i] = (uint8_t)i;
    open_clients(&load, port);
    run(&load, clock_now_ns() + warmup_ns);
    uint64_t echoes = load.echoes;
    uint64_t lost = load.lost;
    uint64_t start_ns = clock_now_ns();
    process_cpu_ns(0, &load_cpu_before);
    if (!process_cpu_ns(server, &cpu_before))
        tally_add(&load.errors, "server", "gone", 1);
    run(&load, start_ns + measured_ns);
    if (!process_cpu_ns(server, &cpu_after))
        tally_add(&load.errors, "server", "gone", 1);
    process_cpu_ns(0, &load_cpu_after);
    double window_ns = (double)(clock_now_ns() - start_ns);
    echoes = load.echoes - echoes;
    if (echoes == 0)
        tally_add(&load.errors, "window", "without_message", 1);
    struct report report = report_begin(stdout, true);
    report_text(&report, "mode", "udp");
    report_count(&report, "clients", load.client_count);
    report_count(&report, "depth", load.depth);
    report_count(&report, "size", load.size);
    report_count(&report, "messages", echoes);
    report_number(&report, "messages_per_s", (double)echoes * (double)NANOSECONDS_PER_SECOND / window_ns);
    report_number(&report, "server_cpu_us_per_message",
                  (double)(cpu_after - cpu_before) / 1000.0 / (double)(echoes > 0 ? echoes : 1));
    report_number(&report, "server_busy_percent", 100.0 * (double)(cpu_after - cpu_before) / window_ns);
    report_number(&report, "load_busy_percent", 100.0 * (double)(load_cpu_after - load_cpu_before) / window_ns);
    report_count(&report, "lost", load.lost - lost);
    report_errors(&report, &load.errors);
    report_end(&report);
    return load.errors.total == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
