/*
 * Processes under a watchdog.
 */
#include "harness_process.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

extern char **environ;

enum { DEBUGGER_TIMEOUT_MS = 30000 };

/* Waits until the process has ended, which *status tells, and ends what it left behind; false after `timeout_ms`. */
static bool wait_for_process(pid_t pid, int timeout_ms, int *status)
{
    int descriptor = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = descriptor, .events = POLLIN};
    int64_t deadline = harness_now_ms() + timeout_ms;
    int count;

    if (descriptor < 0) {
        perror("pidfd_open");
        exit(2);
    }
    do {
        int64_t left = deadline - harness_now_ms();
        count = poll(&ended, 1, left < 0 ? 0 : (int)left);
    } while (count < 0 && errno == EINTR);
    close(descriptor);
    if (count != 1) {
        return false;
    }
    /* Before the process is reaped, because until then the group's number is nobody else's. */
    kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
        continue;
    }
    return true;
}

static void kill_and_reap(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        continue;
    }
}

/* Starts a program in a process group of its own, so that what it starts can be ended with it; 0 if it is not there. */
static pid_t start_process(const char *const *arguments)
{
    posix_spawnattr_t attributes;
    pid_t pid;
    int error;

    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    error = posix_spawnp(&pid, arguments[0], NULL, &attributes, (char *const *)(uintptr_t)arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return error == 0 ? pid : 0;
}

void harness_process_print_stacks(pid_t stuck)
{
    char process[16];
    const char *const arguments[] = {"gdb", "-nx", "-batch", "-p", process, "-ex", "thread apply all backtrace 24",
                                     NULL};
    pid_t debugger;
    int status;

    snprintf(process, sizeof process, "%d", (int)stuck);
    fflush(NULL);
    debugger = start_process(arguments);
    if (debugger > 0 && !wait_for_process(debugger, DEBUGGER_TIMEOUT_MS, &status)) {
        kill_and_reap(debugger);
    }
}

bool harness_process_run(const char *const *arguments, int timeout_ms, int *status)
{
    pid_t child;

    fflush(NULL);
    child = start_process(arguments);
    if (child == 0) {
        perror("posix_spawn");
        exit(2);
    }
    if (!wait_for_process(child, timeout_ms, status)) {
        harness_process_print_stacks(child);
        kill_and_reap(child);
        return false;
    }
    return true;
}

void harness_process_isolate(void)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    int descriptor;
    bool works;

    if (unshare(CLONE_NEWNET) != 0) {
        return;
    }
    descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    works = descriptor >= 0 && ioctl(descriptor, SIOCGIFFLAGS, &loopback) == 0;
    loopback.ifr_flags = (short)(loopback.ifr_flags | IFF_UP);
    works = works && ioctl(descriptor, SIOCSIFFLAGS, &loopback) == 0;
    if (!works) {
        perror("the loopback device cannot be set up");
        exit(2);
    }
    close(descriptor);
}
