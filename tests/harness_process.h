/*
 * Processes under a watchdog: the part of the harness that starts, waits and kills.
 */
#ifndef APM_TESTS_HARNESS_PROCESS_H
#define APM_TESTS_HARNESS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Runs a program to its end, which *status is as waitpid has it. False if it was not done in time: then the stacks of
 * its threads have been printed, if there is a debugger, and it has been killed with all that it started.
 */
bool harness_process_run(const char *const *arguments, int timeout_ms, int *status);

/*
 * Gives this process, and those that it starts, a network with nothing but a loopback device, if it may: then no other
 * program can take a port that a test has just let go of.
 */
void harness_process_isolate(void);

/* Lets the debugger, if there is one, print the stacks of a process that is stuck. */
void harness_process_print_stacks(pid_t stuck);

#endif
