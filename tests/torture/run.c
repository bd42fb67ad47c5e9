/*
 * One run: the bystander, what the scenario is told, and what has to hold afterwards. Callbacks of the scenario and of
 * the bystander come on the library's threads.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

static _Atomic bool had_error; /* the run has been told of an error */
static _Atomic bool clean;     /* no fault is armed, and none may be seen any more */

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

/* An interruption is the port's to deal with: the library does not get it to see, and could tell it as an error. */
static void check_interruptions(const struct torture_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->faults[i].code == EINTR && faults_outcome(i) == APM_ERROR_INTERRUPTED)
            harness_fail(__FILE__, __LINE__, "%s gives an interruption as its outcome",
                         faults_functions[faults_uses[plan->faults[i].use].function]);
}

/* What has failed has been told, unless the library can do without. */
static void check_told(const torture_scenario *scenario, const struct torture_plan *plan)
{
    if (plan->count == 1 && faults_outcome(0) != 0 && !atomic_load(&had_error) && !is_borne(scenario, &plan->faults[0]))
        harness_fail(__FILE__, __LINE__, "nobody was told of %s", apm_error_name((apm_error)faults_outcome(0)));
}

void torture_run_once(const torture_scenario *scenario, const struct torture_plan *plan, struct faults_report *report,
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
    check_interruptions(plan);
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
