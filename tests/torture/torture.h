/*
 * Torture: a scenario is run again and again, and each time another one of its calls to the system fails.
 *
 * A run is a process of its own, forked before the library has done anything. It opens a bystander, a connection that
 * the library answers on; runs the scenario with the fault armed; has the bystander answer; runs the scenario once more
 * without a fault, which has to succeed; and ends the library. What must hold:
 *
 *   - The first error that the scenario is given is the one that the port gave the library, and it comes to the call
 *     that needed what has failed, or as the outcome of the operation that did; a failure that the port deals with
 *     itself, such as an interruption, is seen by nobody. Errors after the first may be those of a connection that has
 *     been given up.
 *   - Somebody is told, unless the library can do without what has failed: calls.txt and the scenarios say where.
 *   - Every operation that has begun completes; nothing waits for ever: a run has RUN_TIMEOUT_MS.
 *   - Everything else goes on: the bystander, and the second run.
 *   - No descriptor is left, and no memory but the tables that the library keeps.
 *
 * Environment
 *   APM_TORTURE         quick (not set: quick): each call fails once, with one of its errors; whole: at each point,
 *                       with each error; pairs: two at random, harness_scaled(PAIRS) of them
 *   APM_TORTURE_FAULTS  function:call:nth:error,... as a failure prints it: only these, in this process
 */
#ifndef APM_TESTS_TORTURE_H
#define APM_TESTS_TORTURE_H

#include "faults.h"
#include "support.h"

/* A call that fails every time, as on a system that does not have it; the scenario has to succeed all the same, unless
 * the library passes that error on. No function: none. */
struct torture_condition {
    const char *function;
    const char *call;
    int code;
};

typedef struct torture_scenario torture_scenario;
struct torture_scenario {
    const char *name;
    void (*run)(void);
    const char *engine;  /* NULL: epoll */
    const char *flavour; /* NULL: callback */
    bool from_the_start; /* the start and the end of the library may fail, too; there is no bystander */
    const char *borne;   /* what the library may do without here: functions, or `function:error`; NULL: none */
    struct torture_condition condition;
    torture_scenario *next;
};

void torture_register(torture_scenario *scenario);
torture_scenario *torture_scenarios(void);
void torture_run(const torture_scenario *scenario);

/* A scenario and the test that tortures it: what is run, and further members as designated initialisers. */
#define TORTURE(test_name, ...)                                                              \
    static torture_scenario scenario_##test_name = {.name = #test_name, .run = __VA_ARGS__}; \
    __attribute__((constructor)) static void register_scenario_##test_name(void)             \
    {                                                                                        \
        torture_register(&scenario_##test_name);                                             \
    }                                                                                        \
    TEST_WITH_TIMEOUT(test_name, 3600)                                                       \
    {                                                                                        \
        torture_run(&scenario_##test_name);                                                  \
    }

/* Counts the calls of a run without faults into *report. */
void torture_count(const torture_scenario *scenario, struct faults_report *report);

/* -- For the scenarios --------------------------------------------------------------------------------------------- */

/* Whether a call of the library succeeded; ends the run if its error is not one that the fault explains. */
#define OK(call) torture_ok(__FILE__, __LINE__, #call, call)
bool torture_ok(const char *file, int line, const char *call, apm_error error);

/* What two connected sockets say to each other; false if one of them could not, and then both are closed. */
bool torture_converse(apm_socket from, apm_socket to);

/* A listener on a port of the loopback address; false if there is none. */
bool torture_listen(apm_socket *listener, apm_endpoint *local);

/* Connects a new socket to a listener, in the test's flavour; false if that failed, and then both are closed. */
bool torture_connect(apm_socket listener, apm_endpoint remote, socket_pair *pair);

void torture_close(apm_socket socket); /* or none */

/* A file of FILE_SIZE bytes, by a path that is absolute. */
enum { TORTURE_FILE_SIZE = 20000 };
const char *torture_file(void);

#endif
