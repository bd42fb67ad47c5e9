/*
 * apm_cleanup: the orderly end of everything, and the list of what was forgotten. It is the only code that walks the
 * slot tables; every step has an end.
 *
 * Lock: `lock` keeps a second cleanup out.
 */
#include "apm/apm.h"
#include "channel.h"
#include "engine.h"
#include "event.h"
#include "operation.h"
#include "process.h"
#include "registered_wait.h"
#include "resolver.h"
#include "timer.h"

static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;

static const char *const kind_names[] = {
    [APM__OPERATION_ACCEPT] = "accept",
    [APM__OPERATION_CONNECT] = "connect",
    [APM__OPERATION_DISCONNECT] = "disconnect",
    [APM__OPERATION_RECEIVE] = "receive",
    [APM__OPERATION_SEND] = "send",
    [APM__OPERATION_GET_HOST_ENTRY] = "get_host_entry",
    [APM__OPERATION_GET_HOST_ADDRESSES] = "get_host_addresses",
};

/* -- Sockets -- */

/* Closes each socket that is open; the number of them. An accept that completes meanwhile brings another one. */
static size_t close_sockets(bool report)
{
    size_t closed = 0;
    struct apm__slot *slot;
    for (uint32_t i = 0; (slot = apm__slot_at(&apm__channels, i)); i++) {
        struct apm__channel *channel = (struct apm__channel *)slot;
        apm__os_mutex_lock(&channel->lock);
        if (channel->key == 0) {
            apm__channel_unlock(channel);
            continue;
        }
        if (report)
            apm__os_log("apm: cleanup: socket %016llx was not closed", (unsigned long long)channel->key);
        apm__engine_close_and_unlock(channel);
        closed++;
    }
    return closed;
}

/* -- Results -- */

/* The operation in the slot, with a reference, or NULL if there is none. */
static struct apm__operation *hold(struct apm__slot *slot)
{
    struct apm__slot *held;
    uint64_t bits = apm__slot_handle(&apm__operations, slot);
    if (apm__slot_acquire(&apm__operations, bits, 0, &held) != APM_ERROR_SUCCESS)
        return NULL;
    return (struct apm__operation *)held;
}

/* Whether only the user's reference is left: completed, the callback returned, and no End or wait in progress. */
static bool is_at_rest(const struct apm__operation *operation)
{
    uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
    const uint64_t wanted = APM__SLOT_SIGNALLED | APM__OPERATION_RETURNED;
    return (control & wanted) == wanted && !(control & APM__SLOT_CLOSED) &&
           (control & APM__SLOT_REFERENCES) == 2; /* the user's and ours */
}

/* Cancels what is pending, and tells whether every operation is at rest. */
static bool rest_operations(void)
{
    bool at_rest = true;
    struct apm__slot *slot;
    for (uint32_t i = 0; (slot = apm__slot_at(&apm__operations, i)); i++) {
        struct apm__operation *operation = hold(slot);
        if (!operation)
            continue;
        uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
        if (!(control & APM__SLOT_SIGNALLED) && apm__atomic_load(&operation->owner, APM__RELAXED) == 0)
            operation->cancel(operation, APM_ERROR_OPERATION_ABORTED);
        at_rest = at_rest && is_at_rest(operation);
        apm__operation_release(operation);
    }
    return at_rest;
}

/* Ends what nobody has ended. Everything is at rest. */
static void end_operations(void)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__slot *slot;
    for (uint32_t i = 0; (slot = apm__slot_at(&apm__operations, i)); i++) {
        struct apm__operation *operation = hold(slot);
        if (!operation)
            continue;
        uint64_t before = apm__atomic_or(&slot->control, APM__SLOT_CLOSED, APM__ACQ_REL);
        if (!(before & APM__SLOT_CLOSED)) {
            unsigned long long age_ms = (now_ns - operation->begun_ns) / 1000000;
            apm__os_log("apm: cleanup: %s of socket %016llx was begun %llu ms ago and not ended",
                        kind_names[apm__atomic_load(&operation->kind, APM__RELAXED)],
                        (unsigned long long)apm__atomic_load(&operation->owner, APM__RELAXED), age_ms);
#ifdef APM_DEBUG
            apm__os_log("apm: cleanup:   it was begun at %p", operation->begun_at);
#endif
            apm__operation_release(operation); /* the user's */
        }
        apm__operation_release(operation);
    }
}

/* -- Events -- */

/* Closes the table's events; false if somebody waits on one. */
static bool close_events(struct apm__slot_table *table)
{
    bool all = true;
    struct apm__slot *slot;
    for (uint32_t i = 0; (slot = apm__slot_at(table, i)); i++) {
        struct apm__slot *held;
        uint64_t bits = apm__slot_handle(table, slot);
        if (apm__slot_acquire(table, bits, 0, &held) != APM_ERROR_SUCCESS)
            continue;
        uint64_t control = apm__atomic_load(&slot->control, APM__ACQUIRE);
        uint64_t at_rest = control & APM__SLOT_CLOSED ? 1 : 2; /* the creator's, unless closed, and ours */
        if ((control & APM__SLOT_REFERENCES) > at_rest) {
            all = false;
        } else if (!(apm__atomic_or(&slot->control, APM__SLOT_CLOSED, APM__ACQ_REL) & APM__SLOT_CLOSED)) {
            apm__os_log("apm: cleanup: event %016llx was not closed", (unsigned long long)bits);
            apm__event_release(table, held);
        }
        apm__event_release(table, held);
    }
    return all;
}

/* -- The whole -- */

static bool is_late(uint64_t end_ns)
{
    return apm__os_monotonic_ns() >= end_ns;
}

/* Closes and cancels everything until nothing moves any more; false if the time is up. */
static bool come_to_rest(struct apm__pool *pool, uint64_t end_ns)
{
    bool first = true;
    for (;;) {
        bool waits_gone = apm__registered_wait_end_all(pool, first); /* they hold operations and events */
        bool timers_gone = apm__timer_end_all(pool, first);
        size_t closed = close_sockets(first);
        first = false;
        if (rest_operations() && closed == 0 && waits_gone && timers_gone)
            return true;
        if (is_late(end_ns))
            return false;
        apm__parker_park(apm__parker_current(), 1000000); /* callbacks return when they return */
    }
}

apm_error apm_cleanup(int timeout_ms)
{
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (apm__pool_is_worker_thread() || apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    struct apm__pool *pool = apm__pool_default();
    uint64_t end_ns = timeout_ms < 0 ? UINT64_MAX : apm__os_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    apm_error error = APM_ERROR_TIMED_OUT;
    apm__os_mutex_lock(&lock);
    apm__pool_close(pool);
    if (!come_to_rest(pool, end_ns) || !apm__resolver_stop(end_ns))
        goto reopen;
    apm__pool_stop(pool);
    end_operations();
    bool manual = close_events(&apm__manual_reset_events);
    bool automatic = close_events(&apm__auto_reset_events);
    if (manual && automatic)
        error = APM_ERROR_SUCCESS;
reopen:
    apm__pool_reopen(pool);
    apm__os_mutex_unlock(&lock);
    return error;
}

const char *apm_version(void)
{
    return APM_VERSION_STRING;
}
