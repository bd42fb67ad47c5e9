/*
 * What the files of the readiness engine share.
 */
#ifndef APM__READINESS_H
#define APM__READINESS_H

#include "channel.h"
#include "outcome.h"

static inline bool apm__is_send(const struct apm__operation *operation)
{
    enum apm__operation_kind kind = apm__kind_of(operation);
    return kind == APM__OPERATION_SEND || kind == APM__OPERATION_SEND_TO;
}

/* Makes sure that the next readiness of the direction is reported. */
apm_error apm__readiness_watch_locked(struct apm__channel *channel, struct apm__direction *direction);

/* Performs the direction until nothing is left to do now. The caller is its performer; the lock is released. */
void apm__readiness_perform_and_unlock(struct apm__channel *channel, struct apm__direction *direction);

#endif
