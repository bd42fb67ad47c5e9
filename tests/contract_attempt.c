/*
 * What happens while a thread attempts a receive, between its system call, which has found nothing, or too little, and
 * its return to the library. This program is linked so that its own function stands in for the system call, and holds
 * the thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "support_datagram.h"

/* -- The attempt that is held -- */

static _Atomic int held_descriptor = -1; /* whose next receive that finds nothing, or of several, is held */
static struct latch held = LATCH_INITIALIZER;
static struct latch released = LATCH_INITIALIZER;

static void hold_if_it_is_the_one(int descriptor)
{
    int expected = descriptor;

    if (atomic_compare_exchange_strong(&held_descriptor, &expected, -1)) {
        latch_add(&held, 1);
        LATCH_AWAIT(&released, 1);
        errno = EAGAIN;
    }
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long given[6];
    long outcome;
    va_list arguments;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    outcome = __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    if ((number == SYS_recvfrom && outcome < 0 && errno == EAGAIN) || (number == SYS_recvmmsg && outcome >= 0))
        hold_if_it_is_the_one((int)given[0]);
    return outcome;
}

/* What builds for ThreadSanitizer call. */
ssize_t __real_recv(int socket, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags);
ssize_t __wrap_recv(int socket, void *buffer, size_t size, int flags)
{
    ssize_t outcome = __real_recv(socket, buffer, size, flags);

    if (outcome < 0 && errno == EAGAIN)
        hold_if_it_is_the_one(socket);
    return outcome;
}

int __real_recvmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    int outcome = __real_recvmmsg(socket, messages, count, flags, timeout);

    if (outcome >= 0)
        hold_if_it_is_the_one(socket);
    return outcome;
}

/* -- A receive that is begun, and held in its attempt, by a thread of its own -- */

struct attempt {
    peered_socket pair;
    uint8_t byte;
    struct operation receive;
    struct thread thread;
};

static void begin_receive(void *argument)
{
    struct attempt *attempt = argument;

    CHECK_SUCCESS(apm_socket_begin_receive(attempt->pair.socket, &attempt->byte, 1, APM_SOCKET_FLAGS_NONE,
                                           ON_CALLBACK(&attempt->receive)));
}

static void begin_and_hold(struct attempt *attempt)
{
    intptr_t descriptor;

    attempt->pair = peered_socket_create();
    CHECK_SUCCESS(apm_socket_handle(attempt->pair.socket, &descriptor));
    atomic_store(&held_descriptor, (int)descriptor);
    thread_start(&attempt->thread, begin_receive, attempt);
    LATCH_AWAIT(&held, 1);
}

static void let_go(struct attempt *attempt)
{
    latch_add(&released, 1);
    thread_join(&attempt->thread);
}

TEST(a_cancel_during_an_attempt_that_finds_nothing_completes_the_receive)
{
    static struct attempt attempt;

    begin_and_hold(&attempt);
    CHECK_SUCCESS(apm_async_result_cancel(attempt.receive.result));
    let_go(&attempt);
    CHECK_ERROR(finish_receive(attempt.pair.socket, &attempt.receive, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(attempt.pair);
}

/* One datagram for two receives, which are attempted together; the second is cancelled meanwhile. */
TEST(a_cancel_during_an_attempt_at_several_datagrams_completes_the_receive_that_gets_none)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receives[2];
    char bytes[2];
    intptr_t descriptor;

    CHECK_SUCCESS(apm_socket_handle(socket, &descriptor));
    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive_from(socket, &bytes[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
    }
    atomic_store(&held_descriptor, (int)descriptor);
    send_text_to(local, "x");
    LATCH_AWAIT(&held, 1);
    CHECK_SUCCESS(apm_async_result_cancel(receives[1].result));
    latch_add(&released, 1);
    CHECK_SUCCESS(finish_receive_from(socket, &receives[0], NULL, NULL));
    CHECK_ERROR(finish_receive_from(socket, &receives[1], NULL, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_close_during_an_attempt_that_finds_nothing_completes_the_receive)
{
    static struct attempt attempt;

    begin_and_hold(&attempt);
    CHECK_SUCCESS(apm_socket_close(attempt.pair.socket));
    let_go(&attempt);
    CHECK_ERROR(finish_receive(attempt.pair.socket, &attempt.receive, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(attempt.pair.peer);
}

/* Has a connection of its own served several times: what was reported before has been seen to by then. */
static void await_reports(peered_socket elsewhere)
{
    static struct operation receive;
    uint8_t byte;

    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(elsewhere.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(elsewhere.peer, "c", 1);
        CHECK_SUCCESS(finish_receive(elsewhere.socket, &receive, NULL));
    }
}

/* Has a receive wait, and then find less than it has room for: from then on the socket is known to have nothing. */
static void drain(peered_socket pair)
{
    static struct operation receive;
    uint8_t bytes[4];

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    raw_write(pair.peer, "a", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
}

TEST(data_that_comes_while_nothing_is_pending_completes_the_next_receive)
{
    static struct operation receive;
    peered_socket elsewhere = peered_socket_create();
    peered_socket pair = peered_socket_create();
    uint8_t byte = 0;

    drain(pair);
    raw_write(pair.peer, "b", 1);
    await_reports(elsewhere);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    CHECK_EQ(byte, 'b');
    peered_socket_close(pair);
    peered_socket_close(elsewhere);
}

TEST(data_that_comes_during_an_attempt_that_has_found_nothing_completes_the_receive)
{
    static struct attempt attempt;
    peered_socket elsewhere = peered_socket_create();
    intptr_t descriptor;

    attempt.pair = peered_socket_create();
    drain(attempt.pair); /* it is watched from here on */
    CHECK_SUCCESS(apm_socket_handle(attempt.pair.socket, &descriptor));
    raw_write(attempt.pair.peer, "x", 1);
    await_reports(elsewhere); /* so that the next receive is attempted, and takes this */
    receive_exactly(attempt.pair.socket, &attempt.byte, 1);
    atomic_store(&held_descriptor, (int)descriptor);
    thread_start(&attempt.thread, begin_receive, &attempt);
    LATCH_AWAIT(&held, 1);
    raw_write(attempt.pair.peer, "b", 1);
    await_reports(elsewhere);
    let_go(&attempt);
    CHECK_SUCCESS(finish_receive(attempt.pair.socket, &attempt.receive, NULL));
    CHECK_EQ(attempt.byte, 'b');
    peered_socket_close(attempt.pair);
    peered_socket_close(elsewhere);
}

LIBRARY_TEST_MAIN()
