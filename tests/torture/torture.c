/*
 * What runs a scenario with its faults: see torture.h. The parent has no threads; several runs go on at a time, since
 * they mostly wait.
 */
#include "torture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness_process.h"
#include "run.h"

enum { RUN_TIMEOUT_MS = 40000, JOBS_LIMIT = 8, FAILURES_LIMIT = 5, PAIRS = 20, PLAN_LIMIT = 20000 };

/* What the processes of all runs see. */
struct shared {
    struct faults_report report;
    struct faults_sites kept; /* written by the run that counts */
};

struct job {
    pid_t pid; /* 0: none */
    int descriptor;
    int64_t deadline_ms;
    const struct torture_plan *plan;
    struct shared *shared;
};

static torture_scenario *first_scenario;

void torture_register(torture_scenario *scenario)
{
    scenario->next = first_scenario;
    first_scenario = scenario;
}

torture_scenario *torture_scenarios(void)
{
    return first_scenario;
}

/* -- Faults as text -- */

static size_t find_use(const char *function, const char *call)
{
    for (size_t i = 0; i < faults_use_count; i++)
        if (strcmp(faults_functions[faults_uses[i].function], function) == 0 &&
            strcmp(faults_calls[faults_uses[i].call], call) == 0)
            return i;
    harness_fail(__FILE__, __LINE__, "%s does not call %s", function, call);
}

static void add_condition(const torture_scenario *scenario, struct torture_plan *plan)
{
    if (scenario->condition.function)
        plan->faults[plan->count++] = (struct faults_fault){
            find_use(scenario->condition.function, scenario->condition.call), 0, scenario->condition.code};
}

static void print_plan(FILE *to, const struct torture_plan *plan)
{
    const char *separator = "";
    for (size_t i = 0; i < plan->count; i++) {
        const struct faults_fault *fault = &plan->faults[i];
        const struct faults_use *use = &faults_uses[fault->use];
        fprintf(to, "%s%s:%s:%u:%s", separator, faults_functions[use->function], faults_calls[use->call], fault->nth,
                faults_error_name(fault->code));
        separator = ",";
    }
}

/* Reads what print_plan writes. */
static struct torture_plan parse_plan(const char *text)
{
    struct torture_plan plan = {.count = 0};
    char function[64];
    char call[64];
    char error[32];
    while (plan.count < FAULTS_LIMIT) {
        struct faults_fault *fault = &plan.faults[plan.count];
        if (sscanf(text, "%63[^:]:%63[^:]:%u:%31[^,]", function, call, &fault->nth, error) != 4)
            harness_fail(__FILE__, __LINE__, "%s names no fault", text);
        fault->use = find_use(function, call);
        fault->code = 0;
        for (size_t i = 0; i < faults_error_count; i++)
            if (strcmp(faults_errors[i].name, error) == 0)
                fault->code = faults_errors[i].code;
        CHECK(fault->code != 0);
        plan.count++;
        const char *comma = strchr(text, ',');
        if (!comma)
            break;
        text = comma + 1;
    }
    return plan;
}

/* -- Many runs -- */

static struct shared *share(void)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static void start(struct job *job, const torture_scenario *scenario, const struct torture_plan *plan,
                  const struct faults_sites *kept)
{
    memset(job->shared, 0, sizeof *job->shared);
    fflush(NULL);
    job->plan = plan;
    job->deadline_ms = harness_now_ms() + RUN_TIMEOUT_MS;
    job->pid = fork();
    CHECK(job->pid >= 0);
    if (job->pid == 0) {
        torture_run_once(scenario, plan, &job->shared->report, kept);
        if (!kept)
            faults_allocated(&job->shared->kept);
        exit(0); /* and not _exit: a sanitizer looks for leaks */
    }
    job->descriptor = pidfd_open(job->pid, 0);
    CHECK(job->descriptor >= 0);
}

/* The run has ended, or has to be ended; false if it has failed. */
static bool finish(struct job *job, const torture_scenario *scenario, bool in_time)
{
    int status = 0;
    if (!in_time) {
        harness_process_print_stacks(job->pid);
        kill(job->pid, SIGKILL);
    }
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(job->descriptor);
    job->pid = 0;
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    fflush(NULL);
    fprintf(stderr, "%s after APM_TORTURE_FAULTS=", !in_time ? "not done" : WIFEXITED(status) ? "failed" : "crashed");
    print_plan(stderr, job->plan);
    fprintf(stderr, " --run %s\n", scenario->name);
    return false;
}

/* Waits until one of the jobs is over, and finishes those that are; how many have failed. */
static size_t reap(struct job *jobs, size_t count, const torture_scenario *scenario)
{
    struct pollfd ended[JOBS_LIMIT];
    int64_t first_ms = INT64_MAX;
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        ended[i] = (struct pollfd){.fd = jobs[i].pid ? jobs[i].descriptor : -1, .events = POLLIN};
        if (jobs[i].pid && jobs[i].deadline_ms < first_ms)
            first_ms = jobs[i].deadline_ms;
    }
    int64_t left_ms = first_ms - harness_now_ms();
    poll(ended, (nfds_t)count, left_ms < 0 ? 0 : (int)left_ms);
    for (size_t i = 0; i < count; i++) {
        bool over = jobs[i].pid && ended[i].revents != 0;
        if (over || (jobs[i].pid && harness_now_ms() >= jobs[i].deadline_ms))
            failures += !finish(&jobs[i], scenario, over);
    }
    return failures;
}

void torture_count(const torture_scenario *scenario, struct faults_report *report)
{
    struct job job = {.shared = share()};
    struct torture_plan none = {.count = 0};
    add_condition(scenario, &none);
    start(&job, scenario, &none, NULL);
    if (reap(&job, 1, scenario) != 0)
        harness_fail(__FILE__, __LINE__, "%s fails without a fault", scenario->name);
    for (size_t i = 0; i < faults_use_count; i++)
        atomic_store(&report->counts[i], atomic_load(&job.shared->report.counts[i]));
    munmap(job.shared, sizeof *job.shared);
}

/* -- Which faults -- */

struct plans {
    struct torture_plan *plans;
    size_t count;
};

static void add_plan(struct plans *plans, const torture_scenario *scenario, struct faults_fault one,
                     const struct faults_fault *another)
{
    CHECK(plans->count < PLAN_LIMIT);
    struct torture_plan *plan = &plans->plans[plans->count++];
    plan->count = 0;
    plan->faults[plan->count++] = one;
    if (another)
        plan->faults[plan->count++] = *another;
    add_condition(scenario, plan);
}

/* Each call once, with one of its errors: another one in each scenario. */
static void plan_quick(struct plans *plans, const torture_scenario *scenario, const unsigned *counts)
{
    size_t salt = strlen(scenario->name);
    for (size_t i = 0; i < faults_use_count; i++)
        if (counts[i] > 0)
            add_plan(plans, scenario,
                     (struct faults_fault){i, 1 + (unsigned)salt % counts[i] % 4,
                                           faults_uses[i].codes[(salt + i) % faults_uses[i].code_count]},
                     NULL);
}

/* Each error at each point. What comes by often is what comes by at the same few points. */
static void plan_whole(struct plans *plans, const torture_scenario *scenario, const unsigned *counts)
{
    for (size_t i = 0; i < faults_use_count; i++) {
        unsigned limit = faults_uses[i].code_count < 3 ? 60 : 12;
        for (unsigned nth = 1; nth <= counts[i] && nth <= limit; nth++)
            for (size_t code = 0; code < faults_uses[i].code_count; code++)
                add_plan(plans, scenario, (struct faults_fault){i, nth, faults_uses[i].codes[code]}, NULL);
    }
}

static struct faults_fault random_fault(uint64_t *random, const unsigned *counts)
{
    for (;;) {
        size_t use = harness_random(random) % faults_use_count;
        if (counts[use] > 0)
            return (struct faults_fault){use, 1 + (unsigned)(harness_random(random) % counts[use]),
                                         faults_uses[use].codes[harness_random(random) % faults_uses[use].code_count]};
    }
}

static void plan_pairs(struct plans *plans, const torture_scenario *scenario, const unsigned *counts)
{
    uint64_t random = harness_seed();
    for (size_t i = harness_scaled(PAIRS); i > 0 && plans->count < PLAN_LIMIT; i--) {
        struct faults_fault one = random_fault(&random, counts);
        struct faults_fault another = random_fault(&random, counts);
        add_plan(plans, scenario, one, &another);
    }
}

static void make_plans(struct plans *plans, const torture_scenario *scenario, const struct faults_report *report)
{
    const char *how = getenv("APM_TORTURE");
    unsigned counts[FAULTS_USE_LIMIT];
    for (size_t i = 0; i < faults_use_count; i++)
        counts[i] = atomic_load(&report->counts[i]);
    if (how && strcmp(how, "whole") == 0)
        plan_whole(plans, scenario, counts);
    else if (how && strcmp(how, "pairs") == 0)
        plan_pairs(plans, scenario, counts);
    else
        plan_quick(plans, scenario, counts);
}

static size_t run_plans(const torture_scenario *scenario, const struct plans *plans, const struct faults_sites *kept,
                        size_t *came)
{
    struct job jobs[JOBS_LIMIT] = {{0}};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t job_count = processors > JOBS_LIMIT / 2 ? JOBS_LIMIT : processors < 1 ? 2 : (size_t)processors * 2;
    size_t next = 0;
    size_t failures = 0;
    size_t running = 0;
    for (size_t i = 0; i < job_count; i++)
        jobs[i].shared = share();
    do {
        for (size_t i = 0; i < job_count; i++)
            if (!jobs[i].pid && next < plans->count && failures < FAILURES_LIMIT)
                start(&jobs[i], scenario, &plans->plans[next++], kept);
        failures += reap(jobs, job_count, scenario);
        running = 0;
        for (size_t i = 0; i < job_count; i++) {
            running += jobs[i].pid != 0;
            if (!jobs[i].pid && jobs[i].plan) {
                *came += atomic_load(&jobs[i].shared->report.fired[0]);
                jobs[i].plan = NULL;
            }
        }
    } while (running > 0 || (next < plans->count && failures < FAILURES_LIMIT));
    return failures;
}

void torture_run(const torture_scenario *scenario)
{
    const char *given = getenv("APM_TORTURE_FAULTS");
    struct shared *shared = share();
    torture_file();
    if (given) {
        struct torture_plan plan = parse_plan(given);
        torture_run_once(scenario, &plan, &shared->report, NULL);
        printf("the faults %s\n", atomic_load(&shared->report.fired[0]) ? "came" : "did not come");
        return;
    }

    struct plans plans = {.plans = malloc(PLAN_LIMIT * sizeof *plans.plans)};
    struct torture_plan none = {.count = 0};
    struct job job = {.shared = shared};
    size_t came = 0;
    CHECK(plans.plans);
    add_condition(scenario, &none);
    start(&job, scenario, &none, NULL);
    if (reap(&job, 1, scenario) != 0)
        harness_fail(__FILE__, __LINE__, "%s fails without a fault", scenario->name);
    make_plans(&plans, scenario, &shared->report);
    size_t failures = run_plans(scenario, &plans, &shared->kept, &came);
    printf("%s: %zu runs, in %zu the fault came\n", scenario->name, plans.count, came);
    free(plans.plans);
    munmap(shared, sizeof *shared);
    if (failures > 0)
        harness_fail(__FILE__, __LINE__, "%zu runs have failed", failures);
    CHECK(came > 0);
}
