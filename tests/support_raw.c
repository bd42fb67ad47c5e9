/*
 * Raw peers: what the other end of a connection sees without the library; children; and data to be recognised.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* -- Raw peers --------------------------------------------------------------------------------------------------- */

static struct sockaddr_in raw_address(apm_endpoint endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint.port)};

    CHECK_EQ(endpoint.address.family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    memcpy(&address.sin_addr, endpoint.address.bytes, 4);
    return address;
}

/* A blocking socket of the test is never stuck for longer than the test's patience. */
static int raw_socket(int descriptor)
{
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};

    CHECK(descriptor >= 0);
    CHECK_EQ(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    CHECK_EQ(setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
    return descriptor;
}

int raw_connect(apm_endpoint remote)
{
    struct sockaddr_in address = raw_address(remote);
    int descriptor = raw_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        harness_fail(__FILE__, __LINE__, "connect: %s", strerror(errno));
    }
    return descriptor;
}

int raw_listen(int backlog, apm_endpoint *local)
{
    struct sockaddr_in address = raw_address(loopback_endpoint(0));
    socklen_t size = sizeof address;
    int descriptor = raw_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

    CHECK_EQ(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(descriptor, backlog), 0);
    CHECK_EQ(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    *local = loopback_endpoint(ntohs(address.sin_port));
    return descriptor;
}

int raw_accept(int listener)
{
    return raw_socket(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

void raw_close(int descriptor)
{
    CHECK_EQ(close(descriptor), 0);
}

void raw_reset(int descriptor)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    CHECK_EQ(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    raw_close(descriptor);
}

void raw_write(int descriptor, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0) {
        ssize_t written = send(descriptor, next, size, MSG_NOSIGNAL);

        if (written < 0) {
            harness_fail(__FILE__, __LINE__, "send: %s", strerror(errno));
        }
        next += written;
        size -= (size_t)written;
    }
}

void raw_read_exactly(int descriptor, void *buffer, size_t size)
{
    uint8_t *next = buffer;

    while (size > 0) {
        ssize_t count = recv(descriptor, next, size, 0);

        if (count <= 0) {
            harness_fail(__FILE__, __LINE__, "recv: %s, %zu bytes missing",
                         count == 0 ? "end of stream" : strerror(errno), size);
        }
        next += count;
        size -= (size_t)count;
    }
}

void raw_read_zeros(int descriptor, size_t size)
{
    uint8_t buffer[65536];
    static const uint8_t zeros[65536];

    while (size > 0) {
        size_t count = size < sizeof buffer ? size : sizeof buffer;

        raw_read_exactly(descriptor, buffer, count);
        CHECK_EQ(memcmp(buffer, zeros, count), 0);
        size -= count;
    }
}

stream_end raw_read_to_end(int descriptor)
{
    stream_end end = {0, false};
    uint8_t buffer[65536];
    ssize_t count;

    while ((count = recv(descriptor, buffer, sizeof buffer, 0)) > 0) {
        end.bytes += (size_t)count;
    }
    if (count < 0) {
        if (errno != ECONNRESET) {
            harness_fail(__FILE__, __LINE__, "recv: %s after %zu bytes", strerror(errno), end.bytes);
        }
        end.reset = true;
    }
    return end;
}

bool raw_readable(int descriptor, int timeout_ms)
{
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};

    return poll(&ready, 1, timeout_ms) == 1;
}

pid_t fork_child(int (*body)(void *argument), void *argument)
{
    pid_t parent = getpid();
    pid_t child;

    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        /* It is to end with its parent, which may be gone by now. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(getppid() == parent ? body(argument) : 1);
    }
    return child;
}

void join_child(pid_t child)
{
    int status;

    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
}

/* -- Data -------------------------------------------------------------------------------------------------------- */

static uint8_t pattern_byte(uint64_t position)
{
    /* A prime period shows shifts by any power of two. */
    return (uint8_t)(position % 251 + position / 251 % 5);
}

void pattern_fill(uint8_t *buffer, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i++) {
        buffer[i] = pattern_byte(offset + i);
    }
}

void pattern_check(const uint8_t *buffer, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i++) {
        if (buffer[i] != pattern_byte(offset + i)) {
            harness_fail(__FILE__, __LINE__, "byte %llu of the stream is wrong", (unsigned long long)(offset + i));
        }
    }
}
