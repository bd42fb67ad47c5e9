/*
 * The wrappers of the system's functions, and of those that allocate. See faults.h.
 */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <iconv.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

enum { CALL_LIMIT = 96, FUNCTION_LIMIT = 128, NOWHERE = -1 };

/* -- What is armed -- */

/* Written by faults_arm. */
static struct faults_report *_Atomic report;
static struct faults_fault armed[FAULTS_LIMIT];
static size_t armed_count;

static _Atomic int outcomes[FAULTS_LIMIT];

/* Written once: the use of a call in a function, counted from 1; 0 is none. */
static unsigned char use_of[FUNCTION_LIMIT][CALL_LIMIT];

static _Thread_local struct faults_place here = {NOWHERE, NOWHERE};

__attribute__((constructor)) static void index_uses(void)
{
    for (size_t i = 0; i < faults_use_count; i++)
        use_of[faults_uses[i].function][faults_uses[i].call] = (unsigned char)(i + 1);
}

const char *faults_error_name(int code)
{
    for (size_t i = 0; i < faults_error_count; i++)
        if (faults_errors[i].code == code)
            return faults_errors[i].name;
    return "?";
}

void faults_arm(struct faults_report *into, const struct faults_fault *faults, size_t count)
{
    atomic_store(&report, NULL);
    for (size_t i = 0; i < count; i++) {
        armed[i] = faults[i];
        atomic_store(&outcomes[i], 0);
    }
    armed_count = count;
    atomic_store(&report, into);
}

/* Faults stay fired when they are not armed any more: what they have brought about may be seen later. */
static _Atomic bool some_fired;

bool faults_fired(void)
{
    return atomic_load(&some_fired);
}

int faults_outcome(size_t fault)
{
    return atomic_load(&outcomes[fault]);
}

struct faults_place faults_enter(int function)
{
    struct faults_place before = here;
    here = (struct faults_place){function, NOWHERE};
    return before;
}

void faults_leave(struct faults_place before, int outcome)
{
    int fired = here.fired;
    here = before;
    if (fired == NOWHERE)
        return;
    /*
     * A function of the port that is called by another may fail, and the other give another error, or none. What would
     * block is no failure: the call has been made again.
     */
    atomic_store(&outcomes[fired], outcome == APM_ERROR_WOULD_BLOCK ? 0 : outcome);
    if (before.function != NOWHERE)
        here.fired = fired;
}

/* Counts the call; the code that it is to fail with, 0 for none. */
static int fault_of(int call)
{
    struct faults_report *into = atomic_load(&report);
    if (here.function == NOWHERE)
        return 0;
    if (use_of[here.function][call] == 0)
        harness_fail(__FILE__, __LINE__, "calls.txt does not know that %s calls %s", faults_functions[here.function],
                     faults_calls[call]);
    size_t use = use_of[here.function][call] - 1u;
    if (!into || faults_uses[use].code_count == 0)
        return 0;
    unsigned nth = atomic_fetch_add(&into->counts[use], 1) + 1;
    for (size_t i = 0; i < armed_count; i++)
        if (armed[i].use == use && (armed[i].nth == nth || armed[i].nth == 0)) {
            atomic_store(&into->fired[i], true);
            atomic_store(&some_fired, true);
            here.fired = (int)i;
            return armed[i].code;
        }
    return 0;
}

/* -- The system's functions, by how they fail -- */

#define WRAP(type, name, parameters, fail, ...) \
    type __real_##name parameters;              \
    type __wrap_##name parameters;              \
    type __wrap_##name parameters               \
    {                                           \
        int code = fault_of(CALL_##name);       \
        if (code != 0)                          \
            fail;                               \
        return __real_##name(__VA_ARGS__);      \
    }

#define MINUS return (errno = code, -1)
#define NONE return (errno = code, NULL)
#define ZERO return (errno = code, 0)
#define CODE return code

WRAP(void *, calloc, (size_t count, size_t size), NONE, count, size)
WRAP(void *, malloc, (size_t size), NONE, size)
WRAP(void *, realloc, (void *memory, size_t size), NONE, memory, size)
WRAP(int, posix_memalign, (void **memory, size_t alignment, size_t size), CODE, memory, alignment, size)
WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument),
     CODE, thread, attributes, body, argument)
WRAP(int, pthread_key_create, (pthread_key_t * key, void (*destroy)(void *)), CODE, key, destroy)
WRAP(int, pthread_setspecific, (pthread_key_t key, const void *value), CODE, key, value)
WRAP(int, pthread_atfork, (void (*prepare)(void), void (*parent)(void), void (*child)(void)), CODE, prepare, parent,
     child)
WRAP(int, pthread_getcpuclockid, (pthread_t thread, clockid_t *clock), CODE, thread, clock)
WRAP(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), MINUS, pid, size, set)
WRAP(int, clock_gettime, (clockid_t clock, struct timespec *time), MINUS, clock, time)
WRAP(ssize_t, read, (int file, void *buffer, size_t size), MINUS, file, buffer, size)
WRAP(ssize_t, pread64, (int file, void *buffer, size_t size, off_t offset), MINUS, file, buffer, size, offset)
WRAP(ssize_t, pwrite64, (int file, const void *buffer, size_t size, off_t offset), MINUS, file, buffer, size, offset)
WRAP(ssize_t, write, (int file, const void *buffer, size_t size), MINUS, file, buffer, size)
WRAP(int, fstat64, (int file, struct stat *status), MINUS, file, status)
WRAP(int, lstat64, (const char *path, struct stat *status), MINUS, path, status)
WRAP(off_t, lseek64, (int file, off_t offset, int whence), MINUS, file, offset, whence)
WRAP(int, ftruncate64, (int file, off_t length), MINUS, file, length)
WRAP(int, unlink, (const char *path), MINUS, path)
WRAP(char *, getcwd, (char *buffer, size_t size), NONE, buffer, size)
WRAP(int, socket, (int domain, int type, int protocol), MINUS, domain, type, protocol)
WRAP(int, bind, (int socket, const struct sockaddr *address, socklen_t size), MINUS, socket, address, size)
WRAP(int, listen, (int socket, int backlog), MINUS, socket, backlog)
WRAP(ssize_t, recvmsg, (int socket, struct msghdr *message, int flags), MINUS, socket, message, flags)
WRAP(ssize_t, sendmsg, (int socket, const struct msghdr *message, int flags), MINUS, socket, message, flags)
WRAP(ssize_t, sendfile64, (int socket, int file, off_t *offset, size_t count), MINUS, socket, file, offset, count)
WRAP(int, sigtimedwait, (const sigset_t *set, siginfo_t *what, const struct timespec *timeout), MINUS, set, what,
     timeout)
WRAP(int, getsockname, (int socket, struct sockaddr *address, socklen_t *size), MINUS, socket, address, size)
WRAP(int, getpeername, (int socket, struct sockaddr *address, socklen_t *size), MINUS, socket, address, size)
WRAP(int, getsockopt, (int socket, int level, int name, void *value, socklen_t *size), MINUS, socket, level, name,
     value, size)
WRAP(int, setsockopt, (int socket, int level, int name, const void *value, socklen_t size), MINUS, socket, level, name,
     value, size)
WRAP(int, dup3, (int old, int renewed, int flags), MINUS, old, renewed, flags)
WRAP(int, epoll_create1, (int flags), MINUS, flags)
WRAP(int, epoll_ctl, (int epoll, int what, int descriptor, struct epoll_event *event), MINUS, epoll, what, descriptor,
     event)
WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int limit, int timeout), MINUS, epoll, events, limit,
     timeout)
WRAP(int, epoll_pwait2,
     (int epoll, struct epoll_event *events, int limit, const struct timespec *timeout, const sigset_t *set), MINUS,
     epoll, events, limit, timeout, set)
WRAP(int, eventfd, (unsigned value, int flags), MINUS, value, flags)
WRAP(int, poll, (struct pollfd * entries, nfds_t count, int timeout), MINUS, entries, count, timeout)
WRAP(int, gethostname, (char *name, size_t size), MINUS, name, size)
WRAP(unsigned, if_nametoindex, (const char *name), ZERO, name)
#define NO_ICONV return (errno = code, (iconv_t)-1)
WRAP(iconv_t, iconv_open, (const char *to, const char *from), NO_ICONV, to, from)

/* It fails where the connection has gone already, and so is what it is to bring about. */
int __real_shutdown(int socket, int how);
int __wrap_shutdown(int socket, int how);
int __wrap_shutdown(int socket, int how)
{
    int code = fault_of(CALL_shutdown);
    int outcome = __real_shutdown(socket, how);
    if (code != 0)
        MINUS;
    return outcome;
}

/* A stream whose connect has failed is as new, and neither connecting any more nor keeps what the network has said. */
static void give_up_connecting(int socket);
int __real_connect(int socket, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int socket, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int socket, const struct sockaddr *address, socklen_t size)
{
    int code = fault_of(CALL_connect);
    if (code == 0)
        return __real_connect(socket, address, size);
    give_up_connecting(socket);
    MINUS;
}

static void give_up_connecting(int socket)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int type = 0;
    socklen_t size = sizeof type;
    __real_getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size);
    if (type != SOCK_STREAM)
        return;
    __real_connect(socket, &nobody, sizeof nobody);
    __real_getsockopt(socket, SOL_SOCKET, SO_ERROR, &type, &size);
}

/* The resolver's failures are codes; one of them says that the reason is in errno. */
#define RESOLVER return (errno = ENFILE, code)
WRAP(int, getaddrinfo, (const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **found),
     RESOLVER, name, port, hints, found)
WRAP(int, getnameinfo,
     (const struct sockaddr *address, socklen_t size, char *name, socklen_t name_size, char *port, socklen_t port_size,
      int flags),
     RESOLVER, address, size, name, name_size, port, port_size, flags)

/* Those that builds for ThreadSanitizer call instead of `syscall`. */
#define WRAP_AS(type, name, call, parameters, ...) \
    type __real_##name parameters;                 \
    type __wrap_##name parameters;                 \
    type __wrap_##name parameters                  \
    {                                              \
        int code = fault_of(CALL_##call);          \
        if (code != 0)                             \
            MINUS;                                 \
        return __real_##name(__VA_ARGS__);         \
    }

WRAP_AS(ssize_t, recv, recvfrom, (int socket, void *buffer, size_t size, int flags), socket, buffer, size, flags)
WRAP_AS(ssize_t, send, sendto, (int socket, const void *buffer, size_t size, int flags), socket, buffer, size, flags)
WRAP_AS(ssize_t, recvfrom, recvfrom,
        (int socket, void *buffer, size_t size, int flags, struct sockaddr *address, socklen_t *address_size), socket,
        buffer, size, flags, address, address_size)
WRAP_AS(ssize_t, sendto, sendto,
        (int socket, const void *buffer, size_t size, int flags, const struct sockaddr *address,
         socklen_t address_size),
        socket, buffer, size, flags, address, address_size)
WRAP_AS(int, recvmmsg, recvmmsg,
        (int socket, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout), socket, messages,
        count, flags, timeout)
WRAP_AS(int, sendmmsg, sendmmsg, (int socket, struct mmsghdr *messages, unsigned count, int flags), socket, messages,
        count, flags)
WRAP_AS(int, accept4, accept4, (int socket, struct sockaddr *address, socklen_t *size, int flags), socket, address,
        size, flags)

/* -- Those that take what they are given by their number -- */

static int call_of_number(long number)
{
    switch (number) {
    case SYS_futex: return CALL_futex;
    case SYS_recvfrom: return CALL_recvfrom;
    case SYS_sendto: return CALL_sendto;
    case SYS_recvmsg: return CALL_recvmsg;
    case SYS_sendmsg: return CALL_sendmsg;
    case SYS_recvmmsg: return CALL_recvmmsg;
    case SYS_sendmmsg: return CALL_sendmmsg;
    case SYS_accept4: return CALL_accept4;
    case SYS_rt_sigtimedwait: return CALL_rt_sigtimedwait;
    default: return NOWHERE; /* close, whose outcome nobody can use, and the number of a thread */
    }
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    int call = call_of_number(number);
    int code = call == NOWHERE ? 0 : fault_of(call);
    if (code != 0)
        MINUS;
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = va_arg(arguments, unsigned);
    va_end(arguments);
    int code = fault_of(CALL_open64);
    if (code != 0)
        MINUS;
    return __real_open64(path, flags, mode);
}

#define WRAP_WITH_POINTER(name, kind)               \
    int __real_##name(int file, kind what, ...);    \
    int __wrap_##name(int file, kind what, ...);    \
    int __wrap_##name(int file, kind what, ...)     \
    {                                               \
        va_list arguments;                          \
        va_start(arguments, what);                  \
        void *argument = va_arg(arguments, void *); \
        va_end(arguments);                          \
        int code = fault_of(CALL_##name);           \
        if (code != 0)                              \
            MINUS;                                  \
        return __real_##name(file, what, argument); \
    }

WRAP_WITH_POINTER(fcntl64, int)
WRAP_WITH_POINTER(ioctl, unsigned long)
