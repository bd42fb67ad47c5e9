/*
 * One run of a scenario, in a process that has not used the library yet; see torture.h for what has to hold.
 */
#ifndef APM_TESTS_TORTURE_RUN_H
#define APM_TESTS_TORTURE_RUN_H

#include "torture.h"

/* The faults of one run. */
struct torture_plan {
    struct faults_fault faults[FAULTS_LIMIT];
    size_t count;
};

/*
 * Runs the scenario with the faults, counting into *report, then once more without, and checks what has to hold
 * afterwards. `kept`, if it is not NULL, has the places whose memory may be left.
 */
void torture_run_once(const torture_scenario *scenario, const struct torture_plan *plan, struct faults_report *report,
                      const struct faults_sites *kept);

#endif
