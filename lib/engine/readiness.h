/*
 * What the files of the readiness engine share.
 */
#ifndef APM__READINESS_H
#define APM__READINESS_H

#include "channel.h"
#include "outcome.h"

/* Makes sure that the next readiness of the direction is reported. */
apm_error apm__readiness_watch_locked(struct apm__channel *channel, struct apm__direction *direction);

/* Performs the direction until nothing is left to do now. The caller is its performer; the lock is released. */
void apm__readiness_perform_and_unlock(struct apm__channel *channel, struct apm__direction *direction);

#endif
