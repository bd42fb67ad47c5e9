/*
 * Owns the idle run. The server is first shown one connection and one message, so that its code is in memory before
 * the first reading; what is added afterwards belongs to the connections. At the end each connection echoes one
 * message, which proves that the server was waiting for it all the time.
 */
#define _GNU_SOURCE 1
#include "idle.h"

#include "clock.h"
#include "process.h"
#include "report.h"
#include "traffic.h"

#include <stdlib.h>
#include <time.h>

/* The server has settled when it used less than SETTLED_CPU_NS within a pause; it is given SETTLE_PAUSES of them. */
#define SETTLE_PAUSE_NS (200 * NANOSECONDS_PER_MILLISECOND)
#define SETTLED_CPU_NS NANOSECONDS_PER_MILLISECOND
#define SETTLE_PAUSES 50

struct idle_figures {
    struct process_memory before;
    struct process_memory after;
    uint64_t cpu_ns;
    double seconds;
};

static void pause_ns(uint64_t duration_ns)
{
    struct timespec left = {
        .tv_sec = (time_t)(duration_ns / NANOSECONDS_PER_SECOND),
        .tv_nsec = (long)(duration_ns % NANOSECONDS_PER_SECOND),
    };
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* Waits until the server has gone to rest; a server that never does is measured as it is. */
static void let_settle(pid_t server)
{
    uint64_t before_ns = 0, after_ns = 0;
    bool alive = process_cpu_ns(server, &before_ns);
    for (int i = 0; i < SETTLE_PAUSES && alive; i++) {
        pause_ns(SETTLE_PAUSE_NS);
        alive = process_cpu_ns(server, &after_ns);
        if (after_ns - before_ns < SETTLED_CPU_NS)
            return;
        before_ns = after_ns;
    }
}

/* One connection and one message from its handshake to its close. */
static void show_one_message(const struct options *options, struct tally *errors)
{
    struct options one = *options;
    one.connections = 1;
    struct traffic traffic;
    traffic_init(&traffic, &one);
    traffic_open(&traffic);
    connection_issue(&traffic, &traffic.connections[0]);
    traffic_drain(&traffic);
    traffic_fini(&traffic);
    for (uint32_t i = 0; i < traffic.errors.kinds; i++)
        tally_add(errors, traffic.errors.entries[i].operation, traffic.errors.entries[i].name,
                  traffic.errors.entries[i].count);
}

/* A handshake is done by the kernel; only the server's own descriptors show that it took the connections. */
static void check_accepted(const struct options *options, uint32_t descriptors_before, struct tally *errors)
{
    uint32_t now = 0;
    if (!process_descriptor_count(options->server, &now))
        tally_add(errors, "server", "gone", 1);
    else if (now < descriptors_before + options->connections)
        tally_add(errors, "accept", "missing", descriptors_before + options->connections - now);
}

static void measure(const struct options *options, struct traffic *traffic, struct idle_figures *figures)
{
    uint32_t descriptors = 0;
    bool readable = process_descriptor_count(options->server, &descriptors) &&
                    process_memory(options->server, &figures->before);
    traffic_open(traffic);
    let_settle(options->server);
    check_accepted(options, descriptors, &traffic->errors);

    uint64_t cpu_before_ns = 0, cpu_after_ns = 0;
    uint64_t start_ns = clock_now_ns();
    readable = process_cpu_ns(options->server, &cpu_before_ns) && readable;
    pause_ns(options->duration_ns);
    readable = process_cpu_ns(options->server, &cpu_after_ns) && readable;
    figures->seconds = (double)(clock_now_ns() - start_ns) / (double)NANOSECONDS_PER_SECOND;
    figures->cpu_ns = cpu_after_ns - cpu_before_ns;
    readable = process_memory(options->server, &figures->after) && readable;
    if (!readable)
        tally_add(&traffic->errors, "server", "not_readable", 1);
}

static void print(const struct options *options, const struct idle_figures *figures, const struct tally *errors)
{
    double added = (double)figures->after.written_bytes - (double)figures->before.written_bytes;
    struct report report = report_begin(stdout, options->json);
    report_text(&report, "mode", "idle");
    report_count(&report, "connections", options->connections);
    report_count(&report, "resident_before_bytes", figures->before.resident_bytes);
    report_count(&report, "resident_after_bytes", figures->after.resident_bytes);
    report_count(&report, "written_before_bytes", figures->before.written_bytes);
    report_count(&report, "written_after_bytes", figures->after.written_bytes);
    report_number(&report, "bytes_per_connection", added / (double)options->connections);
    report_number(&report, "idle_seconds", figures->seconds);
    report_number(&report, "idle_cpu_ms", (double)figures->cpu_ns / (double)NANOSECONDS_PER_MILLISECOND);
    report_errors(&report, errors);
    report_end(&report);
}

int idle_run(const struct options *options)
{
    struct idle_figures figures = {0};
    struct traffic traffic;
    traffic_init(&traffic, options);
    show_one_message(options, &traffic.errors);
    let_settle(options->server);
    measure(options, &traffic, &figures);

    for (uint32_t i = 0; i < traffic.connection_count; i++)
        connection_issue(&traffic, &traffic.connections[i]);
    traffic_drain(&traffic);
    print(options, &figures, &traffic.errors);
    bool right = traffic.errors.total == 0;
    traffic_fini(&traffic);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
