/*
 * That every fallible call of the port fails: each scenario has every call fail that it makes, so it is enough that
 * each call is made in one of them.
 */
#include <stdio.h>

#include "torture.h"

TEST_WITH_TIMEOUT(every_call_of_the_port_that_can_fail_is_made_in_a_scenario, 600)
{
    static struct faults_report report;
    static unsigned counts[FAULTS_USE_LIMIT];
    size_t fallible = 0;
    size_t missing = 0;
    torture_file();
    for (const torture_scenario *scenario = torture_scenarios(); scenario; scenario = scenario->next) {
        torture_count(scenario, &report);
        for (size_t i = 0; i < faults_use_count; i++)
            counts[i] += atomic_load(&report.counts[i]);
    }
    for (size_t i = 0; i < faults_use_count; i++) {
        fallible += faults_uses[i].code_count > 0;
        if (faults_uses[i].code_count > 0 && counts[i] == 0) {
            printf("never made: %s by %s\n", faults_calls[faults_uses[i].call],
                   faults_functions[faults_uses[i].function]);
            missing++;
        }
    }
    printf("%zu of %zu calls are made, and fail\n", fallible - missing, fallible);
    CHECK_EQ(missing, 0);
}

/* The runs clean up, each in its process. */
TEST_MAIN()
