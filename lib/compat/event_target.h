/*
 * Targets of messages, as the queue sees them.
 */
#ifndef APM__EVENT_TARGET_H
#define APM__EVENT_TARGET_H

#include <stdbool.h>

#include "event_queue.h"

/* Whether messages of the target may still be given out. Any thread, under any lock. */
bool apm__event_target_is_open(apm_event_target target);

/* The queue of a target that is open, with a reference for the caller; the errors of a handle. */
apm_error apm__event_target_queue(apm_event_target target, struct apm__event_queue **queue);

/* Posts a copy; WOULD_BLOCK, OUT_OF_MEMORY, OBJECT_DISPOSED. */
apm_error apm__event_queue_post_message(struct apm__event_queue *queue, const apm_event_message *message);

#endif
