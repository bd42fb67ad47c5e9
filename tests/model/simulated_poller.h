/*
 * A poller without sockets: events are posted to it by simulated threads. See pool/poller.h for what the pool expects
 * of one.
 */
#ifndef APM_TESTS_MODEL_SIMULATED_POLLER_H
#define APM_TESTS_MODEL_SIMULATED_POLLER_H

#include <stdint.h>

#include "poller.h"

/* The process's one poller, which apm__poller_create gives, too. */
struct apm__poller *model_poller(void);

/* Has the poller report an event. Any thread. At most 31 in a run. */
void model_poller_post(uint32_t event);

/* What the poller's dispatch does with an event; nothing if it has not been set. In set_up. */
void model_poller_on_event(void (*handle)(uint64_t event));

#endif
