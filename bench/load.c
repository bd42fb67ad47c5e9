/*
 * The load generator's main program: measures an echo server on 127.0.0.1 and proves that it echoes every byte to its
 * place. Single threaded, so that it fits on the one core that the server does not use.
 *
 * It is a closed loop: a connection sends its next message when an echo has come back. Latency is the time from the
 * moment a message could be sent until its last byte has been compared.
 */
#define _GNU_SOURCE 1
#include "clock.h"
#include "descriptors.h"
#include "histogram.h"
#include "idle.h"
#include "options.h"
#include "process.h"
#include "report.h"
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>

/* Descriptors that are not connections: standard streams, epoll, files of /proc. */
#define OTHER_DESCRIPTORS 16

/* The state at one edge of the measured window. */
struct reading {
    uint64_t time_ns;
    uint64_t server_cpu_ns;
    uint64_t load_cpu_ns;
    uint64_t messages;
};

static struct reading take_reading(struct traffic *traffic)
{
    struct reading reading = {.messages = traffic->latency.count};
    pid_t server = traffic->options->server;
    if (server != 0 && !process_cpu_ns(server, &reading.server_cpu_ns))
        tally_add(&traffic->errors, "server", "gone", 1);
    process_cpu_ns(0, &reading.load_cpu_ns);
    reading.time_ns = clock_now_ns();
    return reading;
}

static const char *mode_name(const struct options *options)
{
    if (options->mode == LOAD_CHURN)
        return "churn";
    return options->stuck ? "stuck" : "echo";
}

static void print_latency(struct report *report, const struct histogram *latency)
{
    const double microsecond = 1000.0;
    report_number(report, "mean_us", histogram_mean_ns(latency) / microsecond);
    report_number(report, "p50_us", (double)histogram_percentile_ns(latency, 50.0) / microsecond);
    report_number(report, "p90_us", (double)histogram_percentile_ns(latency, 90.0) / microsecond);
    report_number(report, "p99_us", (double)histogram_percentile_ns(latency, 99.0) / microsecond);
    report_number(report, "p999_us", (double)histogram_percentile_ns(latency, 99.9) / microsecond);
    report_number(report, "max_us", (double)latency->largest_ns / microsecond);
}

static void print(const struct traffic *traffic, const struct reading *start, const struct reading *end)
{
    const struct options *options = traffic->options;
    uint64_t messages = end->messages - start->messages;
    double window_ns = (double)(end->time_ns - start->time_ns);
    double server_cpu_ns = (double)end->server_cpu_ns - (double)start->server_cpu_ns;

    struct report report = report_begin(stdout, options->json);
    report_text(&report, "mode", mode_name(options));
    report_count(&report, "connections", options->connections);
    report_count(&report, "size", options->size);
    report_count(&report, "depth", options->depth);
    report_number(&report, "window_s", window_ns / (double)NANOSECONDS_PER_SECOND);
    report_count(&report, "messages", messages);
    report_number(&report, "messages_per_s", (double)messages * (double)NANOSECONDS_PER_SECOND / window_ns);
    if (options->server != 0) {
        double divisor = messages == 0 ? 1.0 : (double)messages;
        report_number(&report, "server_cpu_us_per_message", server_cpu_ns / 1000.0 / divisor);
        report_number(&report, "server_busy_percent", 100.0 * server_cpu_ns / window_ns);
    }
    report_number(&report, "load_busy_percent", 100.0 * (double)(end->load_cpu_ns - start->load_cpu_ns) / window_ns);
    print_latency(&report, &traffic->latency);
    if (options->stuck)
        report_count(&report, "stuck_echoes", traffic->stuck_echoes);
    report_errors(&report, &traffic->errors);
    report_end(&report);
}

static int measure(const struct options *options)
{
    static struct traffic traffic;
    traffic_init(&traffic, options);
    if (options->mode != LOAD_CHURN)
        traffic_open(&traffic);
    traffic_start(&traffic);
    traffic_run(&traffic, clock_now_ns() + options->warmup_ns);

    if (options->stuck)
        traffic_start_stuck(&traffic);
    traffic.recording = true;
    struct reading start = take_reading(&traffic);
    traffic_run(&traffic, start.time_ns + options->duration_ns);
    struct reading end = take_reading(&traffic);

    /* Echoes that come late still count as latencies: otherwise a server that starves a connection would look good. */
    traffic_drain(&traffic);
    if (end.messages == start.messages)
        tally_add(&traffic.errors, "window", "without_message", 1);
    print(&traffic, &start, &end);
    bool right = traffic.errors.total == 0;
    traffic_fini(&traffic);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    struct options options = options_parse(argument_count, arguments);
    uint64_t descriptors = descriptors_raise_limit();
    if (descriptors < options.connections + OTHER_DESCRIPTORS) {
        fprintf(stderr, "load: only %llu descriptors are allowed; raise the hard limit (ulimit -Hn)\n",
                (unsigned long long)descriptors);
        return EXIT_FAILURE;
    }
    return options.mode == LOAD_IDLE ? idle_run(&options) : measure(&options);
}
