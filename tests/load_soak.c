/*
 * Connections over a bad network, while the process has a bad time: some seconds of connects, echoes, cancels, resets
 * and closes at random, APM_TEST_SCALE making it longer. One packet in fifty to the peer is lost, one address is a
 * black hole, the peer is stopped and continued, signals interrupt the threads, descriptors and memory run out.
 * Whatever has been echoed to its end is what was sent, byte for byte.
 *
 * The program is linked so that the library's questions for the time come here: none is for the clock that people set.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

enum { THREADS = 4, MESSAGE_LIMIT = 16384, SECONDS = 4, DEADLINE_MS = 3000 };

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

/* A clock that can be set back would make a deadline late, or early. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    CHECK(clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE && clock != CLOCK_TAI);
    return __real_clock_gettime(clock, time);
}

/* -- The peer: a process that echoes, a thread for each connection ------------------------------------------------- */

/* A process that is stopped and continued finds its calls interrupted, although it has no handler. */
static bool echo_once(int descriptor)
{
    char bytes[4096];
    ssize_t count;
    ssize_t sent = 0;

    do {
        count = recv(descriptor, bytes, sizeof bytes, 0);
    } while (count < 0 && errno == EINTR);
    for (ssize_t part; sent < count; sent += part) {
        do {
            part = send(descriptor, bytes + sent, (size_t)(count - sent), MSG_NOSIGNAL);
        } while (part < 0 && errno == EINTR);
        if (part < 0) {
            return false;
        }
    }
    return count > 0;
}

static void *echo(void *argument)
{
    int descriptor = (int)(intptr_t)argument;

    while (echo_once(descriptor)) {
    }
    close(descriptor);
    return NULL;
}

static int serve(void *argument)
{
    int listener = *(int *)argument;

    for (;;) {
        int descriptor = accept(listener, NULL, NULL);
        pthread_t thread;

        if (descriptor >= 0 && pthread_create(&thread, NULL, echo, (void *)(intptr_t)descriptor) == 0) {
            pthread_detach(thread);
        } else if (descriptor >= 0) {
            close(descriptor);
        }
    }
    return 0;
}

/* -- The connections ----------------------------------------------------------------------------------------------- */

struct soak {
    apm_endpoint remote;
    int64_t deadline_ms;
    pthread_t threads[THREADS];
    _Atomic size_t next;   /* index into threads */
    _Atomic size_t ready;  /* threads that have put themselves there */
    _Atomic size_t echoed; /* connections */
    _Atomic size_t failed;
    _Atomic size_t sent; /* bytes of the connections that have been echoed */
    _Atomic size_t received;
};

/* Whether what happened is one of those things that happen here. */
static bool is_excused(apm_error error)
{
    return error == APM_ERROR_TIMED_OUT || error == APM_ERROR_CONNECTION_RESET || error == APM_ERROR_SHUTDOWN ||
           error == APM_ERROR_CONNECTION_REFUSED || error == APM_ERROR_OPERATION_ABORTED ||
           error == APM_ERROR_TOO_MANY_OPEN_SOCKETS || error == APM_ERROR_NOT_CONNECTED ||
           error == APM_ERROR_OUT_OF_MEMORY;
}

/* Connects, or does not within the time. */
static apm_error connect_in_time(apm_socket socket, apm_endpoint remote, int timeout_ms)
{
    apm_async_result result;
    apm_error error = apm_socket_begin_connect(socket, remote, NULL, NULL, &result);

    if (error != APM_ERROR_SUCCESS) {
        return error;
    }
    error = apm_async_result_cancel_after(result, timeout_ms);
    if (error == APM_ERROR_OUT_OF_MEMORY) { /* it goes on without a deadline, which may take long */
        error = apm_async_result_cancel(result);
    }
    CHECK_SUCCESS(error);
    return apm_socket_end_connect(socket, result);
}

static apm_error receive_once(apm_socket socket, uint8_t *buffer, size_t size, bool disturbed, size_t *received)
{
    apm_async_result result;
    apm_error error = apm_socket_begin_receive(socket, buffer, size, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result);

    *received = 0;
    if (error != APM_ERROR_SUCCESS) {
        return error;
    }
    if (disturbed) {
        CHECK_SUCCESS(apm_async_result_cancel(result));
    }
    return apm_socket_end_receive(socket, result, received);
}

/* Sends a message and takes its echo, with cancels between that may lose nothing; true if all of it came back. */
static bool exchange(struct soak *soak, apm_socket socket, uint64_t *random)
{
    uint8_t message[MESSAGE_LIMIT];
    uint8_t buffer[MESSAGE_LIMIT];
    size_t size = 1 + harness_random(random) % MESSAGE_LIMIT;
    uint64_t from = harness_random(random) % 1000;
    size_t total = 0;
    size_t count = 0;
    apm_error error;

    pattern_fill(message, size, from);
    error = apm_socket_send(socket, message, size, APM_SOCKET_FLAGS_NONE, &count);
    if (error != APM_ERROR_SUCCESS || apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_SEND) != APM_ERROR_SUCCESS) {
        CHECK(error == APM_ERROR_SUCCESS || is_excused(error));
        return false;
    }
    do {
        bool disturbed = harness_random(random) % 4 == 0;

        error = receive_once(socket, buffer, sizeof buffer, disturbed, &count);
        CHECK(error == APM_ERROR_SUCCESS || count == 0);
        pattern_check(buffer, count, from + total);
        total += count;
        CHECK(total <= size);
        if (disturbed && error == APM_ERROR_OPERATION_ABORTED) {
            continue;
        }
        if (error != APM_ERROR_SUCCESS) {
            CHECK(is_excused(error));
            return false;
        }
    } while (error != APM_ERROR_SUCCESS || count > 0);
    CHECK_EQ(total, size);
    atomic_fetch_add(&soak->sent, size);
    atomic_fetch_add(&soak->received, total);
    return true;
}

static apm_error connect_and_do_something(struct soak *soak, apm_socket socket, uint64_t *random)
{
    uint64_t fate = harness_random(random) % 8;
    uint8_t byte;
    apm_endpoint hole;
    apm_async_result result;
    apm_error error;

    if (fate == 0) {
        CHECK_SUCCESS(apm_endpoint_parse("203.0.113.9:80", &hole));
        error = connect_in_time(socket, hole, (int)(harness_random(random) % 20));
        CHECK(error != APM_ERROR_SUCCESS && error != APM_ERROR_CONNECTION_REFUSED);
        return error;
    }
    error = connect_in_time(socket, soak->remote, DEADLINE_MS);
    if (error != APM_ERROR_SUCCESS) {
        return error;
    }
    if (fate <= 2) {
        /* Closed with a receive pending, as a reset or orderly; the receive has to end. */
        error = apm_socket_begin_receive(socket, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result);
        if (error != APM_ERROR_SUCCESS) {
            return error;
        }
        CHECK_SUCCESS(apm_socket_set_linger_state(socket, (apm_linger_option){fate == 1, 0}));
        CHECK_SUCCESS(apm_socket_close(socket));
        CHECK_ERROR(apm_socket_end_receive(socket, result, NULL), APM_ERROR_OPERATION_ABORTED);
        return APM_ERROR_OPERATION_ABORTED;
    }
    return exchange(soak, socket, random) ? APM_ERROR_SUCCESS : APM_ERROR_CONNECTION_RESET;
}

static void run_connections(void *argument)
{
    struct soak *soak = argument;
    size_t index = atomic_fetch_add(&soak->next, 1);
    uint64_t random = harness_seed() + index;

    soak->threads[index] = pthread_self();
    atomic_fetch_add(&soak->ready, 1);
    while (harness_now_ms() < soak->deadline_ms) {
        apm_socket socket;
        apm_error error = apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                            APM_PROTOCOL_TYPE_TCP, &socket);

        if (error == APM_ERROR_SUCCESS) {
            CHECK_SUCCESS(apm_socket_set_send_timeout(socket, PATIENCE_MS));
            error = connect_and_do_something(soak, socket, &random);
            CHECK_SUCCESS(apm_socket_close(socket));
        }
        CHECK(error == APM_ERROR_SUCCESS || is_excused(error));
        atomic_fetch_add(error == APM_ERROR_SUCCESS ? &soak->echoed : &soak->failed, 1);
    }
}

/* -- The bad time -------------------------------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
}

static void set_descriptor_limit(rlim_t limit)
{
    struct rlimit now;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
    now.rlim_cur = limit;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/*
 * The process gets no more memory from the system, for a moment: it has what it has, and no thread can be made. Not
 * under a sanitizer, whose shadows take memory where it has to be there.
 */
static void withhold_memory(const struct timespec *moment)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct rlimit usual;
    struct rlimit used;
    char text[32] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (file < 0) { /* there is no descriptor either */
        return;
    }
    CHECK(read(file, text, sizeof text - 1) > 0);
    close(file);
    CHECK_EQ(getrlimit(RLIMIT_AS, &usual), 0);
    used = usual;
    used.rlim_cur = (rlim_t)strtoull(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
    CHECK_EQ(setrlimit(RLIMIT_AS, &used), 0);
    nanosleep(moment, NULL);
    CHECK_EQ(setrlimit(RLIMIT_AS, &usual), 0);
#else
    (void)moment;
#endif
}

/* One thing after the other until the time is up. Pauses are how long a trouble lasts, and nothing depends on them. */
static void make_trouble(struct soak *soak, pid_t peer)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    struct rlimit usual;
    uint64_t random = harness_seed() ^ 1;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
    while (harness_now_ms() < soak->deadline_ms) {
        switch (harness_random(&random) % 16) {
        case 0:
            CHECK_EQ(kill(peer, SIGSTOP), 0);
            nanosleep(&pause, NULL);
            CHECK_EQ(kill(peer, SIGCONT), 0);
            break;
        case 1:
            set_descriptor_limit(8);
            nanosleep(&pause, NULL);
            set_descriptor_limit(usual.rlim_cur);
            break;
        case 2: withhold_memory(&pause); break;
        default:
            CHECK_EQ(pthread_kill(soak->threads[harness_random(&random) % THREADS], SIGUSR1), 0);
            sched_yield();
            break;
        }
    }
}

/* Loses packets on their way to the peer; false if there is nothing to do it with. */
static bool lose_packets(uint16_t port)
{
    char command[256];

    snprintf(command, sizeof command,
             "nft 'table inet soak { chain in { type filter hook input priority 0; "
             "tcp dport %u numgen random mod 50 == 0 drop; }; }' 2>/dev/null",
             port);
    return system(command) == 0;
}

TEST_WITH_TIMEOUT(what_is_echoed_over_a_bad_network_in_a_bad_time_is_what_was_sent, 120)
{
    static struct soak soak;
    struct thread threads[THREADS];
    struct sigaction interrupting = {.sa_handler = on_signal};
    int listener;
    pid_t peer;

    enter_private_network();
    CHECK_EQ(sigaction(SIGUSR1, &interrupting, NULL), 0); /* without SA_RESTART */
    listener = raw_listen(64, &soak.remote);
    if (!lose_packets(soak.remote.port)) {
        printf("without nft no packets are lost\n");
    }
    peer = fork_child(serve, &listener);
    raw_close(listener);
    soak.deadline_ms = harness_now_ms() + (int64_t)harness_scaled(SECONDS * 1000);
    for (size_t i = 0; i < THREADS; i++) {
        thread_start(&threads[i], run_connections, &soak);
    }
    while (atomic_load(&soak.ready) < THREADS) {
        sched_yield();
    }
    make_trouble(&soak, peer);
    for (size_t i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    CHECK_EQ(kill(peer, SIGKILL), 0);
    CHECK_EQ(waitpid(peer, NULL, 0), peer);
    CHECK_EQ(atomic_load(&soak.sent), atomic_load(&soak.received));
    printf("%zu connections echoed %zu bytes, %zu ended otherwise\n", atomic_load(&soak.echoed),
           atomic_load(&soak.received), atomic_load(&soak.failed));
    CHECK(atomic_load(&soak.echoed) > 0);
}

LIBRARY_TEST_MAIN()
