/*
 * Parking and unparking. See parker.h.
 */
#include "parker.h"

#include "probe.h"

static APM__THREAD_LOCAL struct apm__parker thread_parker;
static APM__THREAD_LOCAL struct apm__parker *used_parker;

struct apm__parker *apm__parker_current(void)
{
    return used_parker ? used_parker : &thread_parker;
}

void apm__parker_use(struct apm__parker *parker)
{
    used_parker = parker;
}

/* From AWAKE to `state`; false, and AWAKE again, if there was a notification. Acquire: see what it was for. */
static bool leave_awake(struct apm__parker *parker, uint32_t state)
{
    uint32_t found = APM__PARKER_AWAKE;
    while (!apm__atomic_replace(&parker->state, &found, state, APM__ACQ_REL)) {
        if (found == APM__PARKER_NOTIFIED) {
            apm__atomic_exchange(&parker->state, APM__PARKER_AWAKE, APM__ACQUIRE);
            return false;
        }
        found = APM__PARKER_AWAKE;
    }
    return true;
}

void apm__parker_park(struct apm__parker *parker, int64_t timeout_ns)
{
    if (!leave_awake(parker, APM__PARKER_PARKED))
        return;
    APM__PROBE2(park, parker, timeout_ns);
    apm__os_wait_on_address(&parker->state, APM__PARKER_PARKED, timeout_ns);
    /* Acquire pairs with the exchange in unpark. A notification that comes now is taken, too. */
    apm__atomic_exchange(&parker->state, APM__PARKER_AWAKE, APM__ACQUIRE);
}

bool apm__parker_begin_polling(struct apm__parker *parker, struct apm__poller *poller)
{
    apm__atomic_store(&parker->poller, poller, APM__RELAXED); /* the step to POLLING publishes it */
    return leave_awake(parker, APM__PARKER_POLLING);
}

void apm__parker_end_polling(struct apm__parker *parker)
{
    apm__atomic_exchange(&parker->state, APM__PARKER_AWAKE, APM__ACQUIRE);
}

void apm__parker_unpark(struct apm__parker *parker)
{
    /* Release: what the thread is woken for was done before. Acquire: `poller` is the one it waits in. */
    uint32_t found = apm__atomic_exchange(&parker->state, APM__PARKER_NOTIFIED, APM__ACQ_REL);
    APM__PROBE2(unpark, parker, found);
    if (found == APM__PARKER_PARKED) {
        apm__os_wake_by_address(&parker->state);
    } else if (found == APM__PARKER_POLLING) {
        struct apm__poller *poller = apm__atomic_load(&parker->poller, APM__RELAXED);
        poller->wake(poller);
    }
}
