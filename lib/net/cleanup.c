/*
 * apm_cleanup: the orderly end of everything, and the list of what was forgotten. Every step has an end.
 *
 * Lock: `lock` keeps a second cleanup out.
 */
#include "apm/apm.h"
#include "channel.h"
#include "diagnostics.h"
#include "engine.h"
#include "event.h"
#include "inventory.h"
#include "operation.h"
#include "process.h"
#include "resolver.h"

static const uint64_t list_after_ns = 1000000000; /* of waiting, where it has been asked for */

static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;

/* -- Sockets -- */

static void log_socket_locked(struct apm__channel *channel)
{
    struct apm__line line;
    apm__line_begin(&line);
    apm__line_add_endpoints_locked(&line, channel);
    apm__os_log("apm: cleanup: socket %016llx%s was not closed", (unsigned long long)channel->key, line.text);
}

/* Closes each socket that is open; the number of them. An accept that completes meanwhile brings another one. */
static size_t close_sockets(bool report)
{
    size_t closed = 0;
    struct apm__channel *channel;
    for (uint32_t place = 0; (channel = apm__inventory_next_socket(&place));) {
        if (report)
            log_socket_locked(channel);
        apm__engine_close_and_unlock(channel);
        closed++;
    }
    return closed;
}

/* -- Results -- */

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
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
        if (!(control & APM__SLOT_SIGNALLED) && apm__atomic_load(&operation->owner, APM__RELAXED) == 0)
            operation->cancel(operation, APM_ERROR_OPERATION_ABORTED);
        at_rest = at_rest && is_at_rest(operation);
        apm__operation_release(operation);
    }
    return at_rest;
}

static void log_operation(struct apm__operation *operation, uint64_t now_ns)
{
    struct apm__line line;
    apm__line_begin(&line);
    apm__line_add_operation(&line, operation);
    apm__os_log("apm: cleanup: %s was begun %llu ms ago and not ended", line.text,
                apm__age_ms(now_ns, operation->begun_ns));
#ifdef APM_DEBUG
    apm__os_log("apm: cleanup:   it was begun at %p", operation->begun_at);
#endif
}

/* Ends what nobody has ended. Everything is at rest. */
static void end_operations(void)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        uint64_t before = apm__atomic_or(&operation->slot.control, APM__SLOT_CLOSED, APM__ACQ_REL);
        if (!(before & APM__SLOT_CLOSED)) {
            log_operation(operation, now_ns);
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
    uint64_t bits;
    for (uint32_t place = 0; (bits = apm__inventory_next_handle(table, &place));) {
        struct apm__slot *held;
        if (apm__slot_acquire(table, bits, 0, &held) != APM_ERROR_SUCCESS)
            continue;
        uint64_t control = apm__atomic_load(&held->control, APM__ACQUIRE);
        uint64_t at_rest = control & APM__SLOT_CLOSED ? 1 : 2; /* the creator's, unless closed, and ours */
        if ((control & APM__SLOT_REFERENCES) > at_rest) {
            all = false;
        } else if (!(apm__atomic_or(&held->control, APM__SLOT_CLOSED, APM__ACQ_REL) & APM__SLOT_CLOSED)) {
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

static void log_pending_if_wanted(void)
{
    if (apm__diagnostics_are_wanted())
        apm__diagnostics_log_pending();
}

/* Closes and cancels everything until nothing moves any more; false if the time is up. */
static bool come_to_rest(uint64_t end_ns)
{
    uint64_t patience_ns = apm__os_monotonic_ns() + list_after_ns;
    bool first = true;
    for (;;) {
        size_t closed = close_sockets(first);
        first = false;
        if (rest_operations() && closed == 0 && apm__pool_is_quiet(apm__pool_default()))
            return true;
        if (is_late(end_ns))
            return false;
        if (is_late(patience_ns)) {
            log_pending_if_wanted();
            patience_ns = UINT64_MAX;
        }
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
    if (!come_to_rest(end_ns) || !apm__resolver_stop(end_ns))
        goto reopen;
    apm__pool_stop(pool);
    end_operations();
    bool manual = close_events(&apm__manual_reset_events);
    bool automatic = close_events(&apm__auto_reset_events);
    if (manual && automatic)
        error = APM_ERROR_SUCCESS;
reopen:
    if (error == APM_ERROR_TIMED_OUT)
        log_pending_if_wanted();
    apm__pool_reopen(pool);
    apm__os_mutex_unlock(&lock);
    return error;
}

const char *apm_version(void)
{
    return APM_VERSION_STRING;
}
