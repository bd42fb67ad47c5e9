/*
 * The simulated poller: one word, whose lowest bit says that it has been woken, and the others which events are there.
 * Also the other function that the layers above supply to the pool.
 */
#include "simulated_poller.h"

#include "os.h"
#include "pool.h"

enum { WOKEN = 1 };

static _Atomic uint32_t signs;
static void (*on_event)(uint64_t event);

static size_t wait(struct apm__poller *poller, uint64_t *events, size_t capacity, int64_t timeout_ns)
{
    (void)poller;
    uint32_t found = apm__atomic_load(&signs, APM__ACQUIRE);
    while (found == 0 && timeout_ns != 0 && apm__os_wait_on_address(&signs, 0, timeout_ns))
        found = apm__atomic_load(&signs, APM__ACQUIRE);
    if (found == 0)
        return 0;
    size_t count = 0;
    uint32_t taken = WOKEN;
    for (uint32_t event = 1; event < 32 && count < capacity; event++) {
        if (found & 1u << event) {
            events[count++] = event;
            taken |= 1u << event;
        }
    }
    apm__atomic_and(&signs, ~taken, APM__ACQ_REL);
    return count;
}

static void ring(uint32_t sign)
{
    apm__atomic_or(&signs, sign, APM__ACQ_REL);
    apm__os_wake_by_address(&signs);
}

static void wake(struct apm__poller *poller)
{
    (void)poller;
    ring(WOKEN);
}

static void dispatch(struct apm__poller *poller, uint64_t event)
{
    (void)poller;
    if (on_event)
        on_event(event);
}

static void destroy(struct apm__poller *poller)
{
    (void)poller;
}

static struct apm__poller the_poller = {.wait = wait, .wake = wake, .dispatch = dispatch, .destroy = destroy};

struct apm__poller *model_poller(void)
{
    return &the_poller;
}

apm_error apm__poller_create(struct apm__poller **poller)
{
    *poller = &the_poller;
    return APM_ERROR_SUCCESS;
}

void apm__deadlock_report(struct apm__pool *pool, uint32_t worker)
{
    (void)pool;
    (void)worker;
}

void model_poller_post(uint32_t event)
{
    ring(1u << event);
}

void model_poller_on_event(void (*handle)(uint64_t event))
{
    on_event = handle;
}
