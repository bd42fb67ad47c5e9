/*
 * The simulation: runs seeds, and says which of them fail.
 *
 *     sim --seeds FIRST COUNT     so many, from the first on
 *     sim --seconds N             as many as there is time for, from a first that is drawn
 *     sim --seed N [--trace]      one; with a line for everything that happens
 *     sim --same FIRST COUNT      each twice, in processes that run others before: fails if they are not the same
 *     --jobs N                    processes, as many as there are processors if it is not given
 *     --keep-going                does not stop at the first that fails
 *     --expect-failure            succeeds if one fails, for builds that have a mistake in them
 *
 * Each process runs its share of the seeds one after another; one that crashes takes its process with it, and is a
 * failure. The last line is the count.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "workload.h"

enum { MOST_JOBS = 64 };

struct options {
    uint64_t first;
    uint64_t count; /* 0: until the time is up */
    unsigned seconds;
    int jobs;
    bool is_traced;
    bool keeps_going;
    bool expects_failure;
    bool compares; /* each seed is run twice */
};

/* What the processes have done; each writes its own. */
struct tally {
    uint64_t runs;
    uint64_t failures;
    uint64_t points;
    uint64_t choices;
    uint64_t switches;
    uint64_t virtual_ns;
    uint64_t hash;    /* of all runs */
    uint64_t current; /* the seed that runs */
};

static struct tally *tallies;
static const char *program;
static const char *verdict = "FAIL"; /* of a seed that fails */

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* -- A process ----------------------------------------------------------------------------------------------------- */

static void show_failure(const struct sim_outcome *outcome)
{
    printf("%s seed %llu after %llu points, %.3f ms: %s\n    replay: %s --seed %llu --trace\n", verdict,
           (unsigned long long)outcome->seed, (unsigned long long)outcome->points, (double)outcome->virtual_ns / 1e6,
           outcome->failure, program, (unsigned long long)outcome->seed);
    fflush(stdout);
}

static void run_seed(struct tally *tally, uint64_t seed, const struct options *options)
{
    tally->current = seed;
    const struct sim_outcome *outcome = sim_machine_run(seed, options->is_traced, sim_workload);
    bool failed = outcome->failed;
    tally->points += outcome->points;
    tally->choices += outcome->choices;
    tally->switches += outcome->switches;
    tally->virtual_ns += outcome->virtual_ns;
    if (failed)
        show_failure(outcome);
    tally->hash += outcome->hash * (2 * seed + 1); /* whatever the order of the seeds */
    tally->failures += failed;
    tally->runs++;
}

static void run_share(int job, uint64_t from, const struct options *options, double end_s)
{
    struct tally *tally = &tallies[job];
    sim_machine_create();
    for (uint64_t i = from; options->count == 0 || i < options->count; i += (uint64_t)options->jobs) {
        if (options->count == 0 && now_s() >= end_s)
            break;
        run_seed(tally, options->first + i, options);
        if (tally->failures > 0 && !options->keeps_going)
            break;
    }
    fflush(stdout);
    _exit(0);
}

/* -- All of them --------------------------------------------------------------------------------------------------- */

static void start_job(int job, uint64_t from, const struct options *options, double end_s, pid_t *processes)
{
    fflush(stdout);
    processes[job] = fork();
    if (processes[job] < 0) {
        perror("fork");
        exit(1);
    }
    if (processes[job] == 0)
        run_share(job, from, options, end_s);
}

/* True if the process has died in a seed. */
static bool has_crashed(int job, int status)
{
    struct tally *tally = &tallies[job];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    printf("%s seed %llu: its process has ended by %s %d\n    replay: %s --seed %llu --trace\n", verdict,
           (unsigned long long)tally->current, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), program, (unsigned long long)tally->current);
    tally->failures++;
    tally->runs++;
    return true;
}

static void run_all(const struct options *options, double end_s)
{
    pid_t processes[MOST_JOBS];
    int left = options->jobs;
    for (int job = 0; job < options->jobs; job++)
        start_job(job, (uint64_t)job, options, end_s, processes);
    while (left > 0) {
        int status;
        pid_t ended = wait(&status);
        if (ended < 0 && errno == EINTR)
            continue;
        int job = 0;
        while (job < options->jobs && processes[job] != ended)
            job++;
        if (job == options->jobs)
            break;
        if (has_crashed(job, status) && options->keeps_going)
            start_job(job, tallies[job].current - options->first + (uint64_t)options->jobs, options, end_s, processes);
        else
            left--;
    }
}

static uint64_t hash_of_all(const struct options *options)
{
    uint64_t hash = 0;
    for (int i = 0; i < options->jobs; i++)
        hash += tallies[i].hash;
    return hash;
}

/* Runs the seeds again, spread over other processes. False if something has not been the same. */
static bool run_again(struct options options)
{
    uint64_t before = hash_of_all(&options);
    memset(tallies, 0, MOST_JOBS * sizeof *tallies);
    options.jobs = options.jobs == 1 ? 2 : options.jobs - 1;
    run_all(&options, 0);
    if (hash_of_all(&options) == before)
        return true;
    printf("FAIL the seeds from %llu on: two runs of them are not the same\n", (unsigned long long)options.first);
    return false;
}

static int report(const struct options *options, double started_s)
{
    struct tally sum = {0};
    double took_s = now_s() - started_s;
    for (int i = 0; i < options->jobs; i++) {
        sum.runs += tallies[i].runs;
        sum.failures += tallies[i].failures;
        sum.points += tallies[i].points;
        sum.choices += tallies[i].choices;
        sum.switches += tallies[i].switches;
        sum.virtual_ns += tallies[i].virtual_ns;
        sum.hash += tallies[i].hash;
    }
    double runs = sum.runs > 0 ? (double)sum.runs : 1;
    printf("seeds from %llu: %llu runs in %.1f s, %.0f a minute; a run has %.0f points, %.0f choices, %.0f switches, "
           "%.3f s of virtual time; hash %016llx\n",
           (unsigned long long)options->first, (unsigned long long)sum.runs, took_s, runs / took_s * 60,
           (double)sum.points / runs, (double)sum.choices / runs, (double)sum.switches / runs,
           (double)sum.virtual_ns / 1e9 / runs, (unsigned long long)sum.hash);
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)(sum.runs - sum.failures),
           (unsigned long long)sum.failures);
    return (sum.failures > 0) == options->expects_failure ? 0 : 1;
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: %s --seeds FIRST COUNT | --seconds N | --seed N [--trace] | --same FIRST COUNT "
            "[--jobs N] [--keep-going] [--expect-failure]\n",
            program);
    exit(2);
}

static uint64_t number(char **argument)
{
    char *end;
    if (!*argument)
        usage();
    uint64_t value = strtoull(*argument, &end, 10);
    if (**argument == '\0' || *end != '\0')
        usage();
    return value;
}

static struct options parse(char **argument)
{
    struct options options = {.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    bool is_told = false;
    for (argument++; *argument; argument++) {
        const char *name = *argument;
        if (strcmp(name, "--seeds") == 0 || strcmp(name, "--same") == 0) {
            options.compares = strcmp(name, "--same") == 0;
            options.first = number(++argument);
            options.count = number(++argument);
            is_told = options.count > 0;
        } else if (strcmp(name, "--seed") == 0) {
            options.first = number(++argument);
            options.count = 1;
            options.jobs = 1;
            is_told = true;
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = (unsigned)number(++argument);
            options.first = (uint64_t)time(NULL) * 1000000;
            is_told = true;
        } else if (strcmp(name, "--jobs") == 0) {
            options.jobs = (int)number(++argument);
        } else if (strcmp(name, "--trace") == 0) {
            options.is_traced = true;
        } else if (strcmp(name, "--keep-going") == 0) {
            options.keeps_going = true;
        } else if (strcmp(name, "--expect-failure") == 0) {
            options.expects_failure = true;
            verdict = "found:";
        } else {
            usage();
        }
    }
    if (!is_told)
        usage();
    options.jobs = options.jobs < 1 ? 1 : options.jobs > MOST_JOBS ? MOST_JOBS : options.jobs;
    return options;
}

int main(int argc, char **argv)
{
    (void)argc;
    program = argv[0];
    struct options options = parse(argv);
    double started_s = now_s();
    tallies = mmap(NULL, MOST_JOBS * sizeof *tallies, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tallies == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    run_all(&options, started_s + options.seconds);
    if (options.compares && !run_again(options))
        return 1;
    return report(&options, started_s);
}
