/*
 * Seeing inside: the counters of a pool with those of its operations, and the listing of what is pending. Any thread.
 *
 * A line is written into memory of the thread's own, and whatever it is about is let go of, before the program's
 * function gets it: that may call anything, and take its time.
 */
#include "apm/diagnostics.h"

#include <stdbool.h>
#include <string.h>

#include "accept_receive.h"
#include "check.h"
#include "deadlock.h"
#include "diagnostics.h"
#include "engine.h"
#include "inventory.h"
#include "pools.h"
#include "process.h"
#include "registered_wait.h"
#include "resolver.h"
#include "statistics.h"
#include "timer.h"
#include "waitable.h"

/* -- Counters -- */

static int64_t *count_of_kind(struct apm_thread_pool_statistics *statistics, uint32_t kind)
{
    switch ((enum apm__operation_kind)kind) {
    case APM__OPERATION_DRAIN: /* the listener's */
    case APM__OPERATION_ACCEPT:
    case APM__OPERATION_ACCEPT_RECEIVE: return &statistics->pending_accepts;
    case APM__OPERATION_CONNECT: return &statistics->pending_connects;
    case APM__OPERATION_DISCONNECT: return &statistics->pending_disconnects;
    case APM__OPERATION_RECEIVE:
    case APM__OPERATION_RECEIVE_FROM:
    case APM__OPERATION_RECEIVE_MESSAGE_FROM:
    case APM__OPERATION_RECEIVE_DATAGRAM:
    case APM__OPERATION_RECEIVE_TRAIN: return &statistics->pending_receives;
    case APM__OPERATION_WAIT_SENDABLE: /* it is a send that is to come */
    case APM__OPERATION_SEND:
    case APM__OPERATION_SEND_FILE:
    case APM__OPERATION_SEND_TO:
    case APM__OPERATION_SEND_TRAIN: return &statistics->pending_sends;
    case APM__OPERATION_GET_HOST_ENTRY:
    case APM__OPERATION_GET_HOST_ADDRESSES: return &statistics->pending_look_ups;
    case APM__OPERATION_STREAM_READ:
    case APM__OPERATION_STREAM_WRITE:
    case APM__OPERATION_STREAM_READ_EXACTLY:
    case APM__OPERATION_STREAM_COPY:
    case APM__OPERATION_AUTHENTICATE_AS_CLIENT:
    case APM__OPERATION_AUTHENTICATE_AS_SERVER:
    case APM__OPERATION_SHUTDOWN: return &statistics->pending_stream_operations;
    case APM__OPERATION_POST:
    case APM__OPERATION_INVOKE: break;
    }
    return &statistics->pending_invokes;
}

static void count_operations(const struct apm__pool *pool, struct apm_thread_pool_statistics *statistics)
{
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        uint64_t control = apm__atomic_load(&operation->slot.control, APM__RELAXED);
        if (operation->pool != pool)
            control = APM__SLOT_SIGNALLED | APM__SLOT_CLOSED; /* none of this pool's */
        if (!(control & APM__SLOT_SIGNALLED))
            (*count_of_kind(statistics, apm__atomic_load(&operation->kind, APM__RELAXED)))++;
        else if (!(control & APM__SLOT_CLOSED))
            statistics->results_completed++;
        apm__operation_release(operation);
    }
}

static void count_sockets(const struct apm__pool *pool, struct apm_thread_pool_statistics *statistics)
{
    struct apm__channel *channel;
    for (uint32_t place = 0; (channel = apm__inventory_next_socket(&place));) {
        statistics->sockets_open += channel->pool == pool;
        apm__channel_unlock(channel);
    }
}

apm_error apm_thread_pool_statistics(apm_thread_pool handle, struct apm_thread_pool_statistics *statistics)
{
    struct apm__pool *pool;
    if (!statistics)
        return APM_ERROR_ARGUMENT_NULL;
    *statistics = (struct apm_thread_pool_statistics){0};
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__pool_read_statistics(pool, statistics);
    count_operations(pool, statistics);
    count_sockets(pool, statistics);
    apm__pool_release(pool);
    return APM_ERROR_SUCCESS;
}

/* -- The listing -- */

/* Where lines go: to the program's function, or to standard error. */
struct output {
    apm_diagnostics_write_callback *write;
    void *state;
};

static void put(const struct output *output, const struct apm__line *line)
{
    if (output->write)
        output->write(line->text, output->state);
    else
        apm__os_log("apm: pending: %s", line->text);
}

static void list_pool(const struct output *output, struct apm__pool *pool)
{
    enum { AT_ONCE = 32 };
    struct apm__worker_view views[AT_ONCE];
    struct apm__line line;
    size_t count;
    size_t all;
    for (uint32_t below = UINT32_MAX; (count = apm__pool_view_workers(pool, below, views, AT_ONCE, &all)) > 0;) {
        uint64_t now_ns = apm__os_monotonic_ns();
        for (size_t i = 0; i < count; i++) {
            if (views[i].call.first == 0)
                continue;
            apm__line_begin(&line);
            apm__line_add_worker(&line, pool, &views[i], now_ns);
            put(output, &line);
        }
        below = views[count - 1].number;
    }
    struct apm_thread_pool_statistics statistics = {0};
    apm__pool_read_statistics(pool, &statistics);
    long long queued = statistics.queued_callbacks + statistics.queued_items + statistics.queued_taken +
                       statistics.queued_local;
    if (queued == 0)
        return;
    apm__line_begin(&line);
    apm__line_add(&line, "queue");
    if (pool->slot)
        apm__line_add(&line, " of pool %016llx", (unsigned long long)apm__slot_handle(pool->slot));
    apm__line_add(&line, ": %lld callbacks and work items wait for a thread", queued);
    put(output, &line);
}

static void list_sockets(const struct output *output)
{
    struct apm__channel *channel;
    for (uint32_t place = 0; (channel = apm__inventory_next_socket(&place));) {
        struct apm__line line;
        apm__line_begin(&line);
        apm__line_add(&line, "socket %016llx: %s", (unsigned long long)channel->key,
                      channel->listening   ? "listening"
                      : channel->connected ? "connected"
                                           : "open");
        apm__line_add_endpoints_locked(&line, channel);
        apm__channel_unlock(channel);
        put(output, &line);
    }
}

/* Where a pending operation of a socket is; false if it has not been admitted. */
static bool add_place(struct apm__line *line, struct apm__operation *operation)
{
    if (operation->cancel != apm__engine_cancel) {
        bool is_look_up = apm__atomic_load(&operation->owner, APM__RELAXED) == 0;
        apm__line_add(line, "%s", is_look_up ? ", with the resolver" : "");
        return true;
    }
    static const char *const places[] = {
        [APM__PLACE_NOWHERE] = "",
        [APM__PLACE_QUEUED] = ", queued",
        [APM__PLACE_RUNNING] = ", being performed",
        [APM__PLACE_DETACHED] = ", completing",
    };
    struct apm__channel *channel = apm__accept_receive_lock_place(operation);
    uint8_t place = operation->place;
    apm__channel_unlock(channel);
    apm__line_add(line, "%s", places[place]);
    return place != APM__PLACE_NOWHERE;
}

/* What keeps the operation; false if there is nothing of it to be waited for, or to be ended. */
static bool add_operation(struct apm__line *line, struct apm__operation *operation, uint64_t now_ns)
{
    uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
    bool completed = control & APM__SLOT_SIGNALLED;
    bool returned = !operation->callback || (control & APM__OPERATION_RETURNED);
    if (apm__operation_is_over(operation))
        return false;
    apm__line_add_operation(line, operation);
    apm__line_add(line, ": result %016llx, begun %llu ms ago",
                  (unsigned long long)apm__operation_handle(operation).bits, apm__age_ms(now_ns, operation->begun_ns));
    if (!completed && !add_place(line, operation))
        return false;
    if (completed)
        apm__line_add(line, ", completed%s%s", control & APM__SLOT_CLOSED ? "" : " and not ended",
                      returned ? "" : ", its callback has not returned");
    if (operation->callback)
        apm__line_add(line, ", callback 0x%llx", (unsigned long long)(uintptr_t)operation->callback);
    if (!completed && (control & APM__SLOT_CLOSED))
        apm__line_add(line, ", a thread waits in its End");
    else if (!completed && (control & APM__SLOT_HAS_WAITERS))
        apm__line_add(line, ", a thread waits for it");
    apm__line_add_callers(line, operation);
    return true;
}

static void list_operations(const struct output *output)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__operation *operation;
    for (uint32_t place = 0; (operation = apm__inventory_next_operation(&place));) {
        struct apm__line line;
        apm__line_begin(&line);
        bool pending = add_operation(&line, operation, now_ns);
        apm__operation_release(operation);
        if (pending)
            put(output, &line);
    }
    size_t look_ups = apm__resolver_busy();
    if (look_ups > 0) {
        struct apm__line line;
        apm__line_begin(&line);
        apm__line_add(&line, "resolver: %zu threads are in the system's resolver", look_ups);
        put(output, &line);
    }
}

/* How many threads and registered waits wait for an object; a guess, since nothing is held. */
static uint64_t count_waits(const struct apm__slot *slot, uint64_t control)
{
    uint64_t held = control & APM__SLOT_CLOSED ? 0 : 1; /* the creator's reference */
    if (apm__slot_kind(slot) == APM__KIND_MUTEX && apm__mutex_is_owned(slot))
        held++;
    uint64_t references = control & APM__SLOT_REFERENCES;
    return references > held ? references - held : 0;
}

static void list_waitables(const struct output *output, const struct apm__waitable_kind *kind)
{
    uint64_t bits;
    for (uint32_t place = 0; (bits = apm__inventory_next_handle(kind->table, &place));) {
        struct apm__slot *slot = apm__slot_find(kind->table, bits);
        APM__CHECK(slot); /* slots stay */
        uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED);
        uint64_t waits = count_waits(slot, control);
        if (waits == 0 || !apm__wait_is_guarded(slot) || apm__slot_generation(control) != apm__slot_generation(bits))
            continue;
        struct apm__line line;
        apm__line_begin(&line);
        apm__line_add_object(&line, bits);
        apm__line_add(&line, ": waits for it: %llu%s", (unsigned long long)waits,
                      control & APM__SLOT_CLOSED ? "; it is closed" : "");
        put(output, &line);
    }
}

/* What is the same for timers and registered waits: whether callbacks run, and which. */
static void add_callback(struct apm__line *line, uint32_t running, uintptr_t callback, const void *state)
{
    if (running > 0)
        apm__line_add(line, ", callbacks that run: %u", running);
    apm__line_add(line, ", callback 0x%llx with state 0x%llx", (unsigned long long)callback,
                  (unsigned long long)(uintptr_t)state);
}

static void list_timers(const struct output *output)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__timer_view view;
    for (uint32_t place = 0; apm__timer_view_next(&place, &view);) {
        struct apm__line line;
        if (view.closed && view.running == 0)
            continue;
        apm__line_begin(&line);
        apm__line_add(&line, "timer %016llx: ", (unsigned long long)view.bits);
        if (view.armed)
            apm__line_add(&line, "due in %llu ms", apm__age_ms(view.due_ns, now_ns));
        else
            apm__line_add(&line, "%s", view.closed ? "closed" : view.due ? "due" : "not armed");
        if (view.period_ms > 0 && !view.closed)
            apm__line_add(&line, ", every %u ms", view.period_ms);
        add_callback(&line, view.running, (uintptr_t)view.callback, view.state);
        put(output, &line);
    }
}

static void list_registered_waits(const struct output *output)
{
    uint64_t now_ns = apm__os_monotonic_ns();
    struct apm__registered_wait_view view;
    for (uint32_t place = 0; apm__registered_wait_view_next(&place, &view);) {
        struct apm__line line;
        if (view.unregistered && view.running == 0)
            continue;
        apm__line_begin(&line);
        apm__line_add(&line, "registered wait %016llx: ", (unsigned long long)view.bits);
        if (view.active && view.object != 0) {
            apm__line_add(&line, "for ");
            apm__line_add_object(&line, view.object);
        } else {
            apm__line_add(&line, "%s", view.unregistered ? "unregistered" : view.active ? "repeating" : "over");
        }
        if (view.active && view.due_ns != UINT64_MAX)
            apm__line_add(&line, ", times out in %llu ms", apm__age_ms(view.due_ns, now_ns));
        add_callback(&line, view.running, (uintptr_t)view.callback, view.state);
        put(output, &line);
    }
}

static void list_deadlock(const struct output *output)
{
    struct apm__line line;
    for (struct apm__deadlock_place place = {0}; apm__deadlock_next_line(&place, &line);)
        put(output, &line);
}

static void list_all(const struct output *output)
{
    struct apm__pool *next;
    for (struct apm__pool *pool = apm__pool_default(); pool; pool = next) {
        list_pool(output, pool);
        next = apm__pool_next(pool);
        apm__pool_release(pool);
    }
    list_sockets(output);
    list_operations(output);
    list_timers(output);
    list_registered_waits(output);
    for (size_t i = 0; i < APM__WAITABLE_KINDS; i++)
        list_waitables(output, &apm__waitable_kinds[i]);
    list_deadlock(output);
}

apm_error apm_diagnostics_write_pending(apm_diagnostics_write_callback *write, void *state)
{
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    list_all(&(struct output){write, state});
    return APM_ERROR_SUCCESS;
}

void apm__diagnostics_log_pending(void)
{
    list_all(&(struct output){0});
}

bool apm__diagnostics_are_wanted(void)
{
    const char *wanted = apm__os_environment("APM_DIAGNOSTICS");
    return wanted && strcmp(wanted, "pending") == 0;
}
