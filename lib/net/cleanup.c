/*
 * The orderly end of a pool, and of everything: apm_cleanup, with the list of what was forgotten. Every step has an
 * end.
 *
 * Lock: `lock` keeps a second one out.
 */
#include "cleanup.h"
#include "apm/apm.h"
#include "channel.h"
#include "deadlock.h"
#include "diagnostics.h"
#include "engine.h"
#include "inventory.h"
#include "operation.h"
#include "pools.h"
#include "process.h"
#include "registered_wait.h"
#include "resolver.h"
#include "stream.h"
#include "tcp_client.h"
#include "timer.h"
#include "waitable.h"

static const uint64_t list_after_ns = 1000000000; /* of waiting, where the environment asks for a listing */

static apm__os_mutex lock = APM__OS_MUTEX_OF_RANK(APM__RANK_CLEANUP);

static _Atomic(apm__cleanup_step *) last_step;

void apm__cleanup_set_last_step(apm__cleanup_step *step)
{
    apm__atomic_store(&last_step, step, APM__RELEASE); /* pairs with the acquire in apm_cleanup */
}

/* -- Sockets -- */

static void report_socket_locked(struct apm__channel *channel)
{
    struct apm__line line;
    apm__line_begin(&line);
    apm__line_add_endpoints_locked(&line, channel);
    apm__os_log("apm: cleanup: socket %016llx%s was not closed", (unsigned long long)channel->key, line.text);
}

/* Closes the pool's open sockets; the number of them. An accept that completes meanwhile brings another one. */
static size_t close_sockets(const struct apm__pool *pool, bool report)
{
    size_t closed = 0;
    struct apm__channel *channel;
    for (uint32_t place = 0; (channel = apm__inventory_next_socket(&place));) {
        if (channel->pool != pool) {
            apm__channel_unlock(channel);
            continue;
        }
        if (report)
            report_socket_locked(channel);
        apm__engine_close_and_unlock(channel);
        closed++;
    }
    return closed;
}

/* -- Results -- */

/* Whether the operation has completed, and its callback has returned: nothing of it needs the pool. */
static bool is_at_rest(const struct apm__operation *operation)
{
    uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
    const uint64_t wanted = APM__SLOT_SIGNALLED | APM__OPERATION_RETURNED;
    return (control & wanted) == wanted;
}

/* Cancels what is pending on the pool, and tells whether all its operations are at rest. */
static bool rest_operations(const struct apm__pool *pool)
{
    bool at_rest = true;
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        if (operation->pool != pool) {
            apm__operation_release(operation);
            continue;
        }
        uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
        if (!(control & APM__SLOT_SIGNALLED) && apm_socket_is_null(apm__operation_socket(operation)))
            operation->cancel(operation, APM_ERROR_OPERATION_ABORTED);
        at_rest = at_rest && is_at_rest(operation);
        apm__operation_release(operation);
    }
    return at_rest;
}

/* Whether nobody else is in an End of a result, or waits for one. All pools are at rest. */
static bool no_operation_is_in_use(void)
{
    bool unused = true;
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
        unused = unused && !(control & APM__SLOT_CLOSED) &&
                 (control & APM__SLOT_REFERENCES) == 2; /* the user's, ours */
        apm__operation_release(operation);
    }
    return unused;
}

static void report_operation(struct apm__operation *operation, uint64_t now_ns)
{
    struct apm__line line;
    apm__line_begin(&line);
    apm__line_add_operation(&line, operation);
    apm__os_log("apm: cleanup: %s was begun %llu ms ago and not ended", line.text,
                apm__age_ms(now_ns, operation->begun_ns));
    apm__line_begin(&line);
    apm__line_add_callers(&line, operation);
    if (line.used > 0)
        apm__os_log("apm: cleanup:   it was begun %s", line.text);
}

/* Ends what nobody has ended. */
static void end_operations(void)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        uint64_t before = apm__atomic_or(&operation->slot.control, APM__SLOT_CLOSED, APM__ACQ_REL);
        if (!(before & APM__SLOT_CLOSED)) {
            report_operation(operation, now_ns);
            apm__operation_release(operation); /* the user's */
        }
        apm__operation_release(operation);
    }
}

/* -- What can be waited for -- */

/* How many references there are if nobody waits: ours, the creator's unless it is closed, and a mutex's owner's. */
static uint64_t references_at_rest(const struct apm__slot *slot, uint64_t control)
{
    uint64_t owner = apm__slot_kind(slot) == APM__KIND_MUTEX && apm__mutex_is_owned(slot);
    return (control & APM__SLOT_CLOSED ? 1u : 2u) + owner;
}

/* Closes the table's objects; false if somebody waits for one. */
static bool close_waitables(struct apm__slot_table *table, const char *name)
{
    bool all = true;
    struct apm__slot *held;
    for (uint32_t place = 0; (held = apm__slot_next(table, &place));) {
        uint64_t control = apm__atomic_load(&held->control, APM__ACQUIRE);
        if ((control & APM__SLOT_REFERENCES) > references_at_rest(held, control)) {
            all = false;
        } else if (!(apm__atomic_or(&held->control, APM__SLOT_CLOSED, APM__ACQ_REL) & APM__SLOT_CLOSED)) {
            apm__os_log("apm: cleanup: %s %016llx was not closed", name, (unsigned long long)apm__slot_handle(held));
            apm__waitable_release(held);
        }
        apm__waitable_release(held);
    }
    return all;
}

static bool close_all_waitables(void)
{
    bool all = true;
    for (size_t i = 0; i < APM__WAITABLE_KINDS; i++)
        all = close_waitables(apm__waitable_kinds[i].table, apm__waitable_kinds[i].name) && all;
    return all;
}

/* -- The whole -- */

static bool is_late(uint64_t end_ns)
{
    return apm__os_monotonic_ns() >= end_ns;
}

static void list_pending_if_wanted(void)
{
    if (apm__diagnostics_are_wanted())
        apm__diagnostics_log_pending();
}

static void wait_a_little(void)
{
    apm__parker_park(apm__parker_current(), 1000000); /* callbacks return when they return */
}

/* Closes and cancels all that is on the pool until nothing moves any more; false if the time is up. */
static bool bring_to_rest(struct apm__pool *pool, bool report, uint64_t end_ns)
{
    uint64_t list_ns = apm__os_monotonic_ns() + list_after_ns;
    for (;; report = false) {
        bool gone = apm__registered_wait_end_all(pool, report);
        gone = apm__timer_end_all(pool, report) && gone;
        if (pool == apm__pool_default()) {
            apm__tcp_client_close_all(report);
            apm__tcp_listener_close_all(report);
        }
        apm__stream_close_all(pool, report); /* all of these before the sockets, which they own */
        size_t closed = close_sockets(pool, report);
        if (rest_operations(pool) && closed == 0 && gone && apm__pool_is_quiet(pool))
            return true;
        if (is_late(end_ns))
            return false;
        if (is_late(list_ns)) {
            list_pending_if_wanted();
            list_ns = UINT64_MAX;
        }
        wait_a_little();
    }
}

static uint64_t end_of(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : apm__os_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
}

/* Stops the pool, or has it go on if the time is up first. */
static apm_error end_pool(struct apm__pool *pool, bool report, uint64_t end_ns)
{
    apm__pool_close(pool);
    bool resting = bring_to_rest(pool, report, end_ns);
    if (resting)
        apm__pool_stop(pool);
    else
        apm__pool_reopen(pool);
    return resting ? APM_ERROR_SUCCESS : APM_ERROR_TIMED_OUT;
}

/* Ends a pool of the program's, which the caller holds. */
static apm_error destroy(struct apm__pool *pool, bool report, uint64_t end_ns)
{
    if (!apm__pool_claim_end(pool))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = end_pool(pool, report, end_ns);
    if (error == APM_ERROR_SUCCESS)
        apm__pool_release(pool); /* the program's reference */
    else
        apm__pool_unclaim_end(pool);
    return error;
}

apm_error apm_thread_pool_destroy(apm_thread_pool handle, int timeout_ms)
{
    struct apm__pool *pool;
    if (apm_thread_pool_is_null(handle))
        return APM_ERROR_ARGUMENT_NULL;
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (apm__pool_is_worker_of(pool)) {
        error = APM_ERROR_INVALID_OPERATION;
    } else {
        apm__pool_begin_wait(false); /* the caller may be another pool's worker */
        error = destroy(pool, false, end_of(timeout_ms));
        apm__pool_end_wait();
    }
    apm__pool_release(pool);
    return error;
}

/* Ends the program's pools; false if the time is up. */
static bool destroy_pools(uint64_t end_ns)
{
    bool all = true;
    struct apm__pool *next;
    for (struct apm__pool *pool = apm__pool_next(apm__pool_default()); pool; pool = next) {
        next = apm__pool_next(pool);
        apm__os_log("apm: cleanup: pool %016llx was not destroyed", (unsigned long long)apm__slot_handle(pool->slot));
        all = destroy(pool, true, end_ns) == APM_ERROR_SUCCESS && all;
        apm__pool_release(pool);
    }
    return all;
}

/* Stops the default pool once nothing is in use any more; false if the time is up. */
static bool end_default_pool(uint64_t end_ns)
{
    struct apm__pool *pool = apm__pool_default();
    apm__pool_close(pool);
    bool resting = bring_to_rest(pool, true, end_ns);
    while (resting && !no_operation_is_in_use()) {
        resting = !is_late(end_ns);
        wait_a_little();
    }
    if (resting && apm__resolver_stop(end_ns)) {
        apm__pool_stop(pool);
        end_operations();
        return true;
    }
    apm__pool_reopen(pool);
    return false;
}

apm_error apm_cleanup(int timeout_ms)
{
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (apm__pool_is_worker_thread() || apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    uint64_t end_ns = end_of(timeout_ms);
    apm_error error = APM_ERROR_TIMED_OUT;
    apm__os_mutex_lock(&lock);
    if (!destroy_pools(end_ns) || !end_default_pool(end_ns))
        goto unlock;
    if (close_all_waitables()) {
        apm__cleanup_step *step = apm__atomic_load(&last_step, APM__ACQUIRE);
        if (step)
            step();
        apm__deadlock_forget();
        error = APM_ERROR_SUCCESS;
    }
unlock:
    if (error == APM_ERROR_TIMED_OUT)
        list_pending_if_wanted();
    apm__os_mutex_unlock(&lock);
    return error;
}

const char *apm_version(void)
{
    return APM_VERSION_STRING;
}
