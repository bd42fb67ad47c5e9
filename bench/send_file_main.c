/*
 * Sends a file to a process that throws it away, some times, and prints what each byte has cost this process.
 *
 *     send_file_NAME [MiB [rounds [core [file]]]]
 *
 * 1024 MiB and 5 rounds if not given; the core of the process that receives; a file of that size at least, instead of
 * one of its own. Those who compare give both programs the same: how a file lies in memory makes a difference.
 *
 * The line has the name, and the median over the rounds of the processor time and of the time, in picoseconds a byte.
 * The file is sparse, and is read once before, so that no disk is measured. bench/compare_send_file runs all peers.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "send_file.h"

enum { MOST_ROUNDS = 100 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void move_to_core(int core)
{
    cpu_set_t cores;

    CPU_ZERO(&cores);
    CPU_SET((size_t)core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        fail("sched_setaffinity");
}

/* The child's whole life: takes connections and throws away what comes. */
_Noreturn static void discard(int listener)
{
    static char buffer[1 << 20];

    for (;;) {
        int descriptor = accept(listener, NULL, NULL);

        if (descriptor < 0)
            _exit(1);
        while (recv(descriptor, buffer, sizeof buffer, MSG_TRUNC) > 0)
            ;
        close(descriptor);
    }
}

static uint16_t listen_on_loopback(int *listener)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof local;

    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*listener < 0 || bind(*listener, (struct sockaddr *)&local, sizeof local) != 0 || listen(*listener, 8) != 0 ||
        getsockname(*listener, (struct sockaddr *)&local, &size) != 0)
        fail("listen");
    return ntohs(local.sin_port);
}

static uint64_t cpu_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return clock_nanoseconds(&now);
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static void make_file(char *name, uint64_t size)
{
    static char buffer[1 << 20];
    int file = mkstemp(name);

    if (file < 0 || ftruncate(file, (off_t)size) != 0)
        fail("file");
    while (read(file, buffer, sizeof buffer) > 0)
        ;
    close(file);
}

/* Sends the file once, and notes what that cost. */
static int run(uint16_t port, const char *name, uint64_t size, double *cpu, double *wall)
{
    uint64_t cpu_before_ns = cpu_now_ns();
    uint64_t before_ns = clock_now_ns();

    if (send_file_to(port, name, size) != size)
        return 1;
    *wall = (double)(clock_now_ns() - before_ns) * 1000 / (double)size;
    *cpu = (double)(cpu_now_ns() - cpu_before_ns) * 1000 / (double)size;
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t size = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 5;
    int core = argc > 3 ? (int)strtol(argv[3], NULL, 10) : -1;
    double cpu[MOST_ROUNDS];
    double wall[MOST_ROUNDS];
    char own_name[] = "/tmp/apm-send-file-XXXXXX";
    const char *name = argc > 4 ? argv[4] : own_name;
    int listener;
    int failed = 0;

    if (size == 0 || rounds < 1 || rounds > MOST_ROUNDS || core >= CPU_SETSIZE) {
        fprintf(stderr, "usage: %s [MiB [rounds [core [file]]]]\n", argv[0]);
        return 2;
    }
    uint16_t port = listen_on_loopback(&listener);
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        if (core >= 0)
            move_to_core(core);
        discard(listener);
    }
    close(listener);
    if (name == own_name)
        make_file(own_name, size);
    for (int i = 0; i < rounds && !failed; i++)
        failed = run(port, name, size, &cpu[i], &wall[i]);
    if (name == own_name)
        unlink(name);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (!failed)
        printf("%s cpu_ps_per_byte %.1f wall_ps_per_byte %.1f\n", send_file_name, median(cpu, rounds),
               median(wall, rounds));
    return failed;
}
