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
#include "pool.h"

enum { RUN_TIMEOUT_MS = 40000, JOBS_LIMIT = 8, FAILURES_LIMIT = 5, PAIRS = 20, PLAN_LIMIT = 20000 };

/* The faults of one run. */
struct plan {
    struct faults_fault faults[FAULTS_LIMIT];
    size_t count;
};

/* What the processes of all runs see. */
struct shared {
    struct faults_report report;
    struct faults_sites kept; /* written by the run that counts */
};

struct job {
    pid_t pid; /* 0: none */
    int descriptor;
    int64_t deadline_ms;
    const struct plan *plan;
    struct shared *shared;
};

static torture_scenario *first_scenario;
static _Atomic bool had_error; /* the run has been told of an error */
static bool clean; /* owned by the run: no fault is armed, and none may be seen any more */

void torture_register(torture_scenario *scenario)
{
    scenario->next = first_scenario;
    first_scenario = scenario;
}

torture_scenario *torture_scenarios(void)
{
    return first_scenario;
}

/* -- What the run is told -- */

/* What a connection says that has been given up, or an operation on it. */
static bool is_consequence(apm_error error)
{
    switch ((int)error) {
    case APM_ERROR_CONNECTION_RESET:
    case APM_ERROR_CONNECTION_REFUSED:
    case APM_ERROR_CONNECTION_ABORTED:
    case APM_ERROR_SHUTDOWN:
    case APM_ERROR_NOT_CONNECTED:
    case APM_ERROR_OPERATION_ABORTED:
    case APM_ERROR_OBJECT_DISPOSED: return true;
    default: return false;
    }
}

/* Whether the library's error is what it says for the port's. */
static bool stands_for(apm_error outcome, apm_error error)
{
    /* A connect that the system could not begin: the one word for it is the look-ups'. */
    bool not_begun = outcome == APM_ERROR_TRY_AGAIN && error == APM_ERROR_WOULD_BLOCK;
    return outcome == error || not_begun;
}

bool torture_ok(const char *file, int line, const char *call, apm_error error)
{
    bool expected = false;
    bool any = false;
    if (error == APM_ERROR_SUCCESS)
        return true;
    if (clean || !faults_fired())
        harness_fail(file, line, "%s is %s without a fault", call, apm_error_name(error));
    for (size_t i = 0; i < FAULTS_LIMIT; i++) {
        expected = expected || stands_for((apm_error)faults_outcome(i), error);
        any = any || faults_outcome(i) != 0;
    }
    if (!any)
        harness_fail(file, line, "%s is %s, and the port has dealt with the fault", call, apm_error_name(error));
    if (!expected && (!atomic_exchange(&had_error, true) || !is_consequence(error)))
        harness_fail(file, line, "%s is %s, not what the port has said (%s)", call, apm_error_name(error),
                     apm_error_name((apm_error)faults_outcome(0)));
    atomic_store(&had_error, true);
    return false;
}

/* -- The bystander -- */

struct bystander {
    peered_socket pair;
    uint8_t bytes[16];
    struct latch ended;
};

static void bystander_received(apm_async_result result);

static void bystander_listen(struct bystander *bystander)
{
    CHECK_SUCCESS(apm_socket_begin_receive(bystander->pair.socket, bystander->bytes, sizeof bystander->bytes,
                                           APM_SOCKET_FLAGS_NONE, bystander_received, bystander, NULL));
}

static void bystander_sent(apm_async_result result)
{
    struct bystander *bystander = apm_async_result_async_state(result);
    CHECK_SUCCESS(apm_socket_end_send(bystander->pair.socket, result, NULL));
    bystander_listen(bystander);
}

static void bystander_received(apm_async_result result)
{
    struct bystander *bystander = apm_async_result_async_state(result);
    size_t received;
    CHECK_SUCCESS(apm_socket_end_receive(bystander->pair.socket, result, &received));
    if (received == 0)
        latch_add(&bystander->ended, 1);
    else
        CHECK_SUCCESS(apm_socket_begin_send(bystander->pair.socket, bystander->bytes, received, APM_SOCKET_FLAGS_NONE,
                                            bystander_sent, bystander, NULL));
}

static void bystander_open(struct bystander *bystander)
{
    latch_init(&bystander->ended);
    bystander->pair = peered_socket_create();
    bystander_listen(bystander);
}

static void bystander_close(struct bystander *bystander)
{
    char answer[8];
    for (int i = 0; i < 2; i++) {
        raw_write(bystander->pair.peer, "question", sizeof answer);
        raw_read_exactly(bystander->pair.peer, answer, sizeof answer);
        CHECK(memcmp(answer, "question", sizeof answer) == 0);
    }
    raw_close(bystander->pair.peer);
    LATCH_AWAIT(&bystander->ended, 1);
    CHECK_SUCCESS(apm_socket_close(bystander->pair.socket));
}

/* -- One run -- */

static void set_environment(const torture_scenario *scenario)
{
    setenv("APM_ENGINE", scenario->engine ? scenario->engine : "epoll", 1);
    setenv("APM_TEST_FLAVOUR", scenario->flavour ? scenario->flavour : "callback", 1);
}

static void check_memory(const struct faults_sites *kept)
{
    struct faults_sites now;
    faults_allocated(&now);
    for (size_t i = 0; i < now.count; i++) {
        size_t place = 0;
        while (place < kept->count && kept->sites[place] != now.sites[i])
            place++;
        if (place == kept->count)
            harness_fail(__FILE__, __LINE__, "what was allocated at %#zx is left", (size_t)now.sites[i]);
    }
}

/* Whether the function, or with that error only `function:error`, is one of the words of the list. */
static bool is_listed(const char *list, const char *function, const char *error)
{
    size_t size = strlen(function);
    for (const char *found = list; (found = strstr(found, function)); found += size) {
        const char *end = found + size;
        if (*end == '\0' || *end == ' ')
            return true;
        if (*end == ':' && strncmp(end + 1, error, strlen(error)) == 0)
            return true;
    }
    return false;
}

/* Whether the library may go on without what the fault took from it. */
static bool is_borne(const torture_scenario *scenario, const struct faults_fault *fault)
{
    const struct faults_use *use = &faults_uses[fault->use];
    const char *function = faults_functions[use->function];
    if (use->borne || (scenario->borne && is_listed(scenario->borne, function, faults_error_name(fault->code))))
        return true;
    /* Another worker, or a thread for it: the pool goes on with those that it has. */
    return strcmp(function, "apm__os_thread_create") == 0 ||
           (strcmp(function, "apm__os_allocate") == 0 && faults_refused_size() == sizeof(struct apm__worker));
}

/* What has failed has been told, unless the library can do without. */
static void check_told(const torture_scenario *scenario, const struct plan *plan)
{
    if (plan->count == 1 && faults_outcome(0) != 0 && !atomic_load(&had_error) &&
        !is_borne(scenario, &plan->faults[0]))
        harness_fail(__FILE__, __LINE__, "nobody was told of %s", apm_error_name((apm_error)faults_outcome(0)));
}

/* Runs the scenario with the faults, and what has to hold afterwards. `kept`, if it is not NULL: what may be left. */
static void run_once(const torture_scenario *scenario, const struct plan *plan, struct faults_report *report,
                     const struct faults_sites *kept)
{
    static struct bystander bystander;
    set_environment(scenario);
    torture_file();
    size_t descriptors = harness_open_descriptors();
    if (!scenario->from_the_start)
        bystander_open(&bystander);
    faults_arm(report, plan->faults, plan->count);
    scenario->run();
    if (scenario->from_the_start)
        OK(apm_cleanup(PATIENCE_MS));
    faults_arm(NULL, NULL, 0);
    check_told(scenario, plan);
    if (!scenario->from_the_start)
        bystander_close(&bystander);
    clean = true;
    scenario->run();
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_EQ(harness_open_descriptors(), descriptors);
    if (kept)
        check_memory(kept);
}

static size_t find_use(const char *function, const char *call)
{
    for (size_t i = 0; i < faults_use_count; i++)
        if (strcmp(faults_functions[faults_uses[i].function], function) == 0 &&
            strcmp(faults_calls[faults_uses[i].call], call) == 0)
            return i;
    harness_fail(__FILE__, __LINE__, "%s does not call %s", function, call);
}

static void add_condition(const torture_scenario *scenario, struct plan *plan)
{
    if (scenario->condition.function)
        plan->faults[plan->count++] =
            (struct faults_fault){find_use(scenario->condition.function, scenario->condition.call), 0,
                                  scenario->condition.code};
}

static void print_plan(FILE *to, const struct plan *plan)
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
static struct plan parse_plan(const char *text)
{
    struct plan plan = {.count = 0};
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

static void start(struct job *job, const torture_scenario *scenario, const struct plan *plan,
                  const struct faults_sites *kept)
{
    memset(job->shared, 0, sizeof *job->shared);
    fflush(NULL);
    job->plan = plan;
    job->deadline_ms = harness_now_ms() + RUN_TIMEOUT_MS;
    job->pid = fork();
    CHECK(job->pid >= 0);
    if (job->pid == 0) {
        run_once(scenario, plan, &job->shared->report, kept);
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
    struct plan none = {.count = 0};
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
    struct plan *plans;
    size_t count;
};

static void add_plan(struct plans *plans, const torture_scenario *scenario, struct faults_fault one,
                     const struct faults_fault *another)
{
    CHECK(plans->count < PLAN_LIMIT);
    struct plan *plan = &plans->plans[plans->count++];
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
        struct plan plan = parse_plan(given);
        run_once(scenario, &plan, &shared->report, NULL);
        printf("the faults %s\n", atomic_load(&shared->report.fired[0]) ? "came" : "did not come");
        return;
    }

    struct plans plans = {.plans = malloc(PLAN_LIMIT * sizeof *plans.plans)};
    struct plan none = {.count = 0};
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
