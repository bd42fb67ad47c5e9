/*
 * Owns the life of one connection and the proof that each echoed byte is the right one at the right place. A wrong byte
 * ends the program at once, because nothing measured after it would mean anything.
 *
 * Descriptors are edge-triggered and registered once, so a message costs the load generator one receive and one send. A
 * receive that returns less than it asked for has drained the socket, unless the same event reported a hang-up.
 */
#define _GNU_SOURCE 1
#include "connection.h"

#include "clock.h"
#include "pattern.h"
#include "stuck.h"
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A stuck echo that is faster than this shows a server that did not block. */
#define STUCK_SHORTEST_NS ((STUCK_MILLISECONDS - 100) * NANOSECONDS_PER_MILLISECOND)

/* Churn spreads its connections over this many source addresses of the loopback network, 127.0.0.2 and up. */
#define CHURN_SOURCES 250u

/* The expected bytes from a stream offset on, and how many of them lie in one piece. */
static const uint8_t *content_at(const struct traffic *traffic, const struct connection *connection, uint64_t offset,
                                 size_t *available)
{
    if (connection->stuck) {
        size_t position = (size_t)(offset % traffic->options->size);
        *available = traffic->options->size - position;
        return traffic->stuck_message + position;
    }
    *available = PATTERN_RUN;
    return pattern_at(connection->number, offset);
}

void connection_close(struct traffic *traffic, struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    traffic->opening -= connection->state == CONNECTION_OPENING;
    traffic->open -= connection->state == CONNECTION_OPEN;
    traffic->in_flight -= connection->issued - connection->completed;
    connection->issued = connection->completed;
    connection->state = CONNECTION_CLOSED;
    close(connection->descriptor);
    connection->descriptor = -1;
}

static void fail(struct traffic *traffic, struct connection *connection, const char *operation, int error)
{
    tally_add_error(&traffic->errors, operation, error);
    connection_close(traffic, connection);
}

/*
 * Churn leaves each connection's address pair in TIME_WAIT for a minute. With one source address the ports would run
 * out within seconds, so each connection takes the next of many; the kernel chooses the port once it knows both
 * addresses.
 */
static int bind_next_source(const struct connection *connection)
{
    const int yes = 1;
    uint32_t host = 2 + (uint32_t)(connection->number + (uint64_t)getpid()) % CHURN_SOURCES;
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xffffff00u) + host)};
    if (setsockopt(connection->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) != 0)
        return -1;
    return bind(connection->descriptor, (const struct sockaddr *)&source, sizeof source);
}

static int prepare_descriptor(const struct options *options, struct connection *connection)
{
    if (options->mode == LOAD_CHURN)
        return bind_next_source(connection); /* A single message is never delayed by Nagle's algorithm. */
    const int yes = 1;
    return setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* Sends what has been issued, as far as the kernel takes it; the event "writable" continues. */
static void send_issued(struct traffic *traffic, struct connection *connection)
{
    uint64_t end = connection->issued * traffic->options->size;
    while (connection->sent_bytes < end) {
        size_t available;
        const uint8_t *bytes = content_at(traffic, connection, connection->sent_bytes, &available);
        uint64_t left = end - connection->sent_bytes;
        size_t size = left < available ? (size_t)left : available;
        ssize_t sent = send(connection->descriptor, bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                fail(traffic, connection, connection->state == CONNECTION_OPENING ? "connect" : "send", errno);
            return;
        }
        connection->sent_bytes += (uint64_t)sent;
    }
}

static void mark_open(struct traffic *traffic, struct connection *connection)
{
    connection->state = CONNECTION_OPEN;
    traffic->opening--;
    traffic->open++;
}

/*
 * Issues the only message of a churned connection without waiting for "writable": on the loopback device the handshake
 * is usually done when connect returns. Returns which events are still of interest, 0 if the connection failed.
 */
static uint32_t issue_while_opening(struct traffic *traffic, struct connection *connection)
{
    connection->issue_times[0] = clock_now_ns();
    connection->issued = 1;
    traffic->in_flight++;
    send_issued(traffic, connection);
    if (connection->state == CONNECTION_CLOSED)
        return 0;
    if (connection->sent_bytes > 0)
        mark_open(traffic, connection);
    return connection->sent_bytes == traffic->options->size ? EPOLLIN | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP | EPOLLOUT;
}

void connection_open(struct traffic *traffic, struct connection *connection)
{
    const struct options *options = traffic->options;
    connection->number = traffic->next_number++;
    connection->issued = connection->completed = 0;
    connection->sent_bytes = connection->received_bytes = 0;
    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0) {
        tally_add_error(&traffic->errors, "socket", errno);
        return;
    }
    connection->state = CONNECTION_OPENING;
    traffic->opening++;
    if (prepare_descriptor(options, connection) != 0) {
        fail(traffic, connection, "prepare", errno);
        return;
    }
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons(options->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (connect(connection->descriptor, (const struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
        fail(traffic, connection, "connect", errno);
        return;
    }
    uint32_t interest = EPOLLIN | EPOLLRDHUP | EPOLLOUT;
    if (options->mode == LOAD_CHURN)
        interest = issue_while_opening(traffic, connection);
    if (interest == 0)
        return;
    struct epoll_event event = {.events = interest | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(traffic->epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        fail(traffic, connection, "register", errno);
}

static void issue_at(struct traffic *traffic, struct connection *connection, uint64_t now_ns)
{
    uint32_t depth = traffic->options->depth;
    while (connection->issued - connection->completed < depth) {
        connection->issue_times[connection->issued % depth] = now_ns;
        connection->issued++;
        traffic->in_flight++;
    }
    send_issued(traffic, connection);
}

void connection_issue(struct traffic *traffic, struct connection *connection)
{
    if (connection->state == CONNECTION_OPEN)
        issue_at(traffic, connection, clock_now_ns());
}

static _Noreturn void report_wrong_byte(const struct traffic *traffic, const struct connection *connection,
                                        uint64_t offset, uint8_t expected, uint8_t received)
{
    uint64_t size = traffic->options->size;
    fprintf(stderr,
            "load: wrong byte on connection %" PRIu64 "%s at stream offset %" PRIu64 " (message %" PRIu64
            ", byte %" PRIu64 "): expected 0x%02x, received 0x%02x\n",
            connection->number, connection->stuck ? " (the stuck one)" : "", offset, offset / size, offset % size,
            expected, received);
    exit(EXIT_FAILURE);
}

static void verify(const struct traffic *traffic, const struct connection *connection, const uint8_t *bytes,
                   size_t size)
{
    uint64_t offset = connection->received_bytes;
    if (offset + size > connection->sent_bytes) {
        fprintf(stderr, "load: connection %" PRIu64 " received %" PRIu64 " bytes after it had sent %" PRIu64 "\n",
                connection->number, offset + size, connection->sent_bytes);
        exit(EXIT_FAILURE);
    }
    while (size > 0) {
        size_t available;
        const uint8_t *expected = content_at(traffic, connection, offset, &available);
        size_t part = size < available ? size : available;
        if (memcmp(bytes, expected, part) != 0) {
            size_t i = 0;
            while (bytes[i] == expected[i])
                i++;
            report_wrong_byte(traffic, connection, offset + i, expected[i], bytes[i]);
        }
        bytes += part;
        offset += part;
        size -= part;
    }
}

static void record(struct traffic *traffic, const struct connection *connection, uint64_t latency_ns)
{
    if (connection->stuck) {
        traffic->stuck_echoes += traffic->recording;
        if (latency_ns < STUCK_SHORTEST_NS)
            tally_add(&traffic->errors, "stuck", "server_did_not_block", 1);
    } else if (traffic->recording) {
        histogram_add(&traffic->latency, latency_ns);
    }
}

/* Completes the messages whose last byte has come and issues as many new ones. */
static void complete_messages(struct traffic *traffic, struct connection *connection)
{
    uint32_t size = traffic->options->size;
    if (connection->received_bytes < (connection->completed + 1) * size)
        return;
    uint64_t now_ns = clock_now_ns();
    while (connection->received_bytes >= (connection->completed + 1) * size) {
        uint64_t issued_ns = connection->issue_times[connection->completed % traffic->options->depth];
        record(traffic, connection, now_ns - issued_ns);
        connection->completed++;
        traffic->in_flight--;
    }
    if (traffic->options->mode == LOAD_CHURN) {
        connection_close(traffic, connection);
        if (traffic->issuing)
            connection_open(traffic, connection);
    } else if (traffic->issuing) {
        issue_at(traffic, connection, now_ns);
    }
}

static void receive(struct traffic *traffic, struct connection *connection, bool hung_up)
{
    /* Another life of the connection (churn) has its own events, so the loop ends with the life that it began in. */
    uint64_t number = connection->number;
    while (connection->state == CONNECTION_OPEN && connection->number == number) {
        ssize_t size = recv(connection->descriptor, traffic->scratch, CONNECTION_RECEIVE_BYTES, 0);
        if (size < 0) {
            if (errno != EAGAIN)
                fail(traffic, connection, "receive", errno);
            return;
        }
        if (size == 0) {
            tally_add(&traffic->errors, "receive", "closed_by_server", 1);
            connection_close(traffic, connection);
            return;
        }
        verify(traffic, connection, traffic->scratch, (size_t)size);
        connection->received_bytes += (uint64_t)size;
        complete_messages(traffic, connection);
        if ((size_t)size < CONNECTION_RECEIVE_BYTES && !hung_up)
            return;
    }
}

static bool finish_opening(struct traffic *traffic, struct connection *connection)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        fail(traffic, connection, "connect", error);
        return false;
    }
    mark_open(traffic, connection);
    return true;
}

void connection_handle(struct traffic *traffic, struct connection *connection, uint32_t events)
{
    bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (connection->state == CONNECTION_OPENING) {
        if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0 || !finish_opening(traffic, connection))
            return;
    }
    if (events & EPOLLOUT)
        send_issued(traffic, connection);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        receive(traffic, connection, hung_up);
}
