/*
 * Owns the course of a run: opening, warm-up, window, the wait for what is in flight, closing, and the clock of an open
 * loop. All of it on the main thread.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "command_line.h"
#include "load.h"
#include "load_figures.h"
#include "load_report.h"
#include "process.h"

/* Handshakes under way at once: fewer than any server's accept queue holds, so that none is dropped and retried. */
#define OPENING_AT_ONCE 100

#define TICK_NS (100 * NANOSECONDS_PER_MILLISECOND)
#define PROGRESS_TICKS 5
#define POLL_NS NANOSECONDS_PER_MILLISECOND
#define ENDPOINTS_MOST 16

struct load load;

static volatile sig_atomic_t is_interrupted;

void *load_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        command_line_fail("no memory");
    return memory;
}

/* -- The schedule ------------------------------------------------------------------------------------------------- */

uint64_t load_intended_ns(const struct connection *connection)
{
    double place = (double)connection->planned * load.options.connections + connection->index;

    return load.begin_ns + (uint64_t)(place * load.period_ns);
}

bool load_take_message(struct connection *connection, uint64_t now_ns, uint64_t *intended_ns)
{
    uint64_t end_ns;

    if (!atomic_load_explicit(&load.is_running, memory_order_acquire))
        return false;
    end_ns = atomic_load_explicit(&load.window_end_ns, memory_order_relaxed);
    if (now_ns >= end_ns)
        return false;
    if (load.period_ns <= 0) {
        *intended_ns = now_ns;
        return true;
    }
    *intended_ns = load_intended_ns(connection);
    if (*intended_ns > now_ns)
        return false;
    connection->planned++;
    figures_add_send(*intended_ns, now_ns);
    return true;
}

/* -- Waiting ------------------------------------------------------------------------------------------------------ */

static void on_interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

/* Returns at that time, or before it if a signal comes. */
static void sleep_until(uint64_t time_ns)
{
    struct timespec time = {.tv_sec = (time_t)(time_ns / NANOSECONDS_PER_SECOND),
                            .tv_nsec = (long)(time_ns % NANOSECONDS_PER_SECOND)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

enum what { OPENING, OPEN, IN_FLIGHT, OPERATIONS };

static uint64_t count(enum what what)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < load.options.connections; i++) {
        struct connection *connection = load.connections[i];
        pthread_mutex_lock(&connection->lock);
        sum += what == OPENING     ? connection->is_opening
               : what == OPEN      ? connection->is_open
               : what == IN_FLIGHT ? connection->in_flight
                                   : connection->operations;
        pthread_mutex_unlock(&connection->lock);
    }
    return sum;
}

static void tend(uint64_t now_ns)
{
    for (uint32_t i = 0; i < load.options.connections; i++)
        load.driver->tend(load.connections[i], now_ns);
}

/* -- Opening ------------------------------------------------------------------------------------------------------ */

static void check(apm_error error, const char *what)
{
    if (error != APM_ERROR_SUCCESS)
        command_line_fail("%s: %s (%s)", what, apm_error_message(error), apm_error_name(error));
}

/* Of several addresses of a name the first that accepts a connection. */
static apm_endpoint choose_endpoint(void)
{
    const struct load_options *options = &load.options;
    apm_endpoint endpoints[ENDPOINTS_MOST];
    size_t found = target_resolve(&options->target, endpoints, ENDPOINTS_MOST);

    for (size_t i = 0; i + 1 < found && options->target.transport == TRANSPORT_TCP; i++) {
        apm_socket socket;
        apm_error error = target_socket(TRANSPORT_TCP, endpoints[i], &socket);
        if (error == APM_ERROR_SUCCESS)
            error = apm_socket_set_send_timeout(socket, (int)(options->timeout_ns / NANOSECONDS_PER_MILLISECOND));
        if (error == APM_ERROR_SUCCESS)
            error = apm_socket_connect(socket, endpoints[i]);
        apm_socket_close(socket);
        if (error == APM_ERROR_SUCCESS)
            return endpoints[i];
    }
    return endpoints[options->target.transport == TRANSPORT_TCP ? found - 1 : 0];
}

static void prepare(void)
{
    uint32_t threads = load.options.threads;

    check(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, (int)threads), "threads");
    check(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, (int)threads), "threads");
    load.driver = load.options.target.transport == TRANSPORT_UDP ? &load_datagram_driver : &load_stream_driver;
    load.remote = choose_endpoint();
    load.period_ns = load.options.rate > 0 ? 1e9 / load.options.rate : 0;
    load.connections = load_allocate(load.options.connections, sizeof *load.connections);
    for (uint32_t i = 0; i < load.options.connections; i++) {
        struct connection *connection = load_allocate(1, load.driver->connection_bytes);
        connection->index = i;
        pthread_mutex_init(&connection->lock, NULL);
        load.connections[i] = connection;
        load.driver->prepare(connection);
    }
}

/* Opens all connections, each once. Exits where none can be opened. */
static void open_all(void)
{
    uint64_t limit_ns = clock_now_ns() + load.options.timeout_ns;
    uint64_t opening = 0;

    for (uint32_t i = 0; i < load.options.connections && !is_interrupted; i++) {
        load.driver->open(load.connections[i]);
        for (opening++; opening >= OPENING_AT_ONCE && (opening = count(OPENING)) >= OPENING_AT_ONCE;) {
            if (clock_now_ns() > limit_ns || is_interrupted)
                break;
            sleep_until(clock_now_ns() + POLL_NS);
        }
        if (opening < OPENING_AT_ONCE)
            limit_ns = clock_now_ns() + load.options.timeout_ns;
    }
    while (count(OPENING) > 0 && clock_now_ns() < limit_ns && !is_interrupted)
        sleep_until(clock_now_ns() + POLL_NS);
    if (count(OPEN) == 0) {
        struct tally errors = figures_errors();
        char text[TARGET_TEXT_SIZE];
        target_format(&load.options.target, load.remote, text);
        command_line_fail("no connection to %s could be opened: %s", text,
                          errors.kinds > 0 ? errors.entries[0].name : "no answer");
    }
}

/* -- The run ------------------------------------------------------------------------------------------------------ */

static struct load_reading take_reading(void)
{
    struct load_reading reading = {.counts = figures_counts()};

    process_cpu_ns(0, &reading.cpu_ns);
    reading.time_ns = clock_now_ns();
    return reading;
}

/* Sends what the schedule has up to now, and returns when it has the next message. */
static uint64_t pace(uint64_t *message, uint64_t now_ns)
{
    for (;; ++*message) {
        uint64_t next_ns = load.begin_ns + (uint64_t)((double)*message * load.period_ns);
        if (next_ns > now_ns)
            return next_ns;
        load.driver->issue(load.connections[*message % load.options.connections], now_ns);
    }
}

/* Until that time: paces an open loop, looks after time-outs, and says how it goes. */
static void run_until(uint64_t end_ns, uint64_t *message)
{
    static uint64_t next_tick_ns;
    static unsigned ticks;
    uint64_t now_ns;

    while ((now_ns = clock_now_ns()) < end_ns && !is_interrupted) {
        uint64_t wake_ns = end_ns;
        if (load.period_ns > 0)
            wake_ns = pace(message, now_ns);
        if (now_ns >= next_tick_ns) {
            tend(now_ns);
            next_tick_ns = now_ns + TICK_NS;
            if (++ticks % PROGRESS_TICKS == 0)
                report_progress(now_ns - load.begin_ns, count(OPEN));
        }
        wake_ns = wake_ns < next_tick_ns ? wake_ns : next_tick_ns;
        sleep_until(wake_ns < end_ns ? wake_ns : end_ns);
    }
}

static void start(void)
{
    uint64_t now_ns = clock_now_ns();

    load.begin_ns = now_ns;
    load.window_start_ns = now_ns + load.options.warmup_ns;
    atomic_store(&load.window_end_ns, load.window_start_ns + load.options.duration_ns);
    atomic_store_explicit(&load.is_running, true, memory_order_release);
    for (uint32_t i = 0; i < load.options.connections; i++)
        load.driver->issue(load.connections[i], clock_now_ns());
}

/* Waits for what is in flight, so that answers that come late count with their latency. */
static void drain(void)
{
    uint64_t limit_ns = clock_now_ns() + load.options.timeout_ns;

    while (count(IN_FLIGHT) > 0 && clock_now_ns() < limit_ns) {
        tend(clock_now_ns());
        sleep_until(clock_now_ns() + POLL_NS);
    }
}

/* Messages of the schedule that were never sent, since their connection was busy: their waiting counts. */
static uint64_t count_unsent(uint64_t end_ns)
{
    uint64_t unsent = 0;

    for (uint32_t i = 0; i < load.options.connections && load.period_ns > 0; i++) {
        struct connection *connection = load.connections[i];
        pthread_mutex_lock(&connection->lock);
        for (uint64_t intended_ns; (intended_ns = load_intended_ns(connection)) < end_ns; connection->planned++) {
            figures_add_unanswered(intended_ns, end_ns);
            unsent += intended_ns >= load.window_start_ns;
        }
        pthread_mutex_unlock(&connection->lock);
    }
    return unsent;
}

static void close_all(void)
{
    for (uint32_t i = 0; i < load.options.connections; i++)
        load.driver->close(load.connections[i]);
    while (count(OPERATIONS) > 0)
        sleep_until(clock_now_ns() + POLL_NS);
}

int load_run(void)
{
    struct sigaction interrupt = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    struct load_outcome outcome = {0};
    uint64_t message = 0;

    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGTERM, &interrupt, NULL);
    /* An open loop sends as close to its times as it can. */
    prctl(PR_SET_TIMERSLACK, 1);
    prepare();
    open_all();

    start();
    run_until(load.window_start_ns, &message);
    outcome.start = take_reading();
    run_until(load.window_end_ns, &message);
    outcome.end = take_reading();
    if (is_interrupted)
        atomic_store(&load.window_end_ns, outcome.end.time_ns);
    drain();
    atomic_store(&load.is_ending, true);
    outcome.unsent = count_unsent(load.window_end_ns);
    close_all();

    outcome.errors = figures_errors();
    if (is_interrupted && outcome.start.time_ns < load.window_start_ns)
        command_line_fail("interrupted before anything was measured");
    figures_merge(&outcome.latency, &outcome.lateness);
    if (outcome.end.counts.answers == outcome.start.counts.answers)
        tally_add(&outcome.errors, "window", "without_answer", 1);
    return report(&outcome) && outcome.errors.total == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
