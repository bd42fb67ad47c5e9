/*
 * The listing of what is pending, for the end of everything.
 */
#ifndef APM__DIAGNOSTICS_H
#define APM__DIAGNOSTICS_H

#include <stdbool.h>

/* Writes what apm_diagnostics_write_pending does to standard error. */
void apm__diagnostics_log_pending(void);

/* Whether the environment asks apm_cleanup to list what it waits for: APM_DIAGNOSTICS is `pending`. */
bool apm__diagnostics_are_wanted(void);

#endif
