/*
 * What Linux has beyond POSIX: wait-on-address (futex), epoll, eventfd as the bell, processor affinity, joining a
 * thread without waiting for it, the state of a thread. Any thread.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os_posix_error.h"

static struct timespec to_timespec(int64_t duration_ns)
{
    return (struct timespec){.tv_sec = (time_t)(duration_ns / 1000000000), .tv_nsec = (long)(duration_ns % 1000000000)};
}

apm_error apm__os_socket_move(apm__os_socket socket, apm__os_socket place)
{
    int code = 0;
    while (dup3(socket, place, O_CLOEXEC) < 0) {
        code = errno;
        if (code != EINTR && code != EBUSY) /* another thread is in open, which has the place for a moment */
            break;
        code = 0;
    }
    syscall(SYS_close, socket);
    return code == 0 ? APM_ERROR_SUCCESS : apm__os_translate(code);
}

int apm__os_processor_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        int count = CPU_COUNT(&allowed);
        if (count > 0)
            return count;
    }
    long count = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set has room for */
    return count > 0 && count < INT_MAX ? (int)count : 1;
}

bool apm__os_thread_try_join(apm__os_thread thread)
{
    return pthread_tryjoin_np(thread.thread, NULL) == 0;
}

uint32_t apm__os_thread_number(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

bool apm__os_thread_is_ready(uint32_t number)
{
    char text[80]; /* enough for the number, the name, which is short, and the state */
    snprintf(text, sizeof text, "/proc/self/task/%u/stat", number);
    int file = open(text, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    const char *name_end = strrchr(text, ')'); /* the last one: a name may contain some */
    return name_end && strncmp(name_end, ") R", 3) == 0;
}

bool apm__os_wait_on_address(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec timeout = to_timespec(timeout_ns < 0 ? 0 : timeout_ns);
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? NULL : &timeout, NULL, 0);
    return result == 0 || errno != ETIMEDOUT;
}

void apm__os_wake_by_address(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void apm__os_spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

/* -- epoll -- */

apm_error apm__os_epoll_create(int *epoll)
{
    *epoll = epoll_create1(EPOLL_CLOEXEC);
    return apm__os_outcome(*epoll < 0);
}

void apm__os_epoll_destroy(int epoll)
{
    close(epoll);
}

static struct epoll_event to_event(uint32_t interest, uint64_t key)
{
    uint32_t events = EPOLLET | EPOLLRDHUP | EPOLLPRI | (interest & APM__OS_READY_IN ? (uint32_t)EPOLLIN : 0) |
                      (interest & APM__OS_READY_OUT ? (uint32_t)EPOLLOUT : 0);
    return (struct epoll_event){.events = events, .data.u64 = key};
}

apm_error apm__os_epoll_add(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key)
{
    struct epoll_event event = to_event(interest, key);
    return apm__os_outcome(epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event));
}

apm_error apm__os_epoll_modify(int epoll, apm__os_socket socket, uint32_t interest, uint64_t key)
{
    struct epoll_event event = to_event(interest, key);
    return apm__os_outcome(epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event));
}

void apm__os_epoll_remove(int epoll, apm__os_socket socket)
{
    struct epoll_event unused = {0};
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &unused);
}

size_t apm__os_epoll_wait(int epoll, apm__os_ready *ready, size_t capacity, int64_t timeout_ns)
{
    enum { BATCH = 256 };
    struct epoll_event events[BATCH];
    int limit = capacity < BATCH ? (int)capacity : BATCH;
    int count;
    if (timeout_ns <= 0) {
        count = epoll_wait(epoll, events, limit, timeout_ns < 0 ? -1 : 0);
    } else {
        struct timespec timeout = to_timespec(timeout_ns);
        count = epoll_pwait2(epoll, events, limit, &timeout, NULL);
        if (count < 0 && errno == ENOSYS) { /* a kernel before 5.11 counts in milliseconds */
            int64_t timeout_ms = (timeout_ns + 999999) / 1000000;
            count = epoll_wait(epoll, events, limit, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
        }
    }
    for (int i = 0; i < count; i++) {
        uint32_t what = events[i].events;
        ready[i] = (apm__os_ready){
            .key = events[i].data.u64,
            .ready = (what & EPOLLIN ? APM__OS_READY_IN : 0u) | (what & EPOLLOUT ? APM__OS_READY_OUT : 0u) |
                     (what & (EPOLLHUP | EPOLLRDHUP) ? APM__OS_READY_HANG_UP : 0u) |
                     (what & EPOLLERR ? APM__OS_READY_FAILURE : 0u) | (what & EPOLLPRI ? APM__OS_READY_URGENT : 0u)};
    }
    return count > 0 ? (size_t)count : 0;
}

/* -- The bell -- */

apm_error apm__os_bell_create(int *bell)
{
    *bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return apm__os_outcome(*bell < 0);
}

void apm__os_bell_destroy(int bell)
{
    close(bell);
}

void apm__os_bell_ring(int bell)
{
    uint64_t one = 1;
    ssize_t written = write(bell, &one, sizeof one);
    (void)written; /* it fails only where the bell rings already */
}

void apm__os_bell_clear(int bell)
{
    uint64_t rung;
    ssize_t cleared = read(bell, &rung, sizeof rung);
    (void)cleared; /* it fails only where the bell is silent */
}
