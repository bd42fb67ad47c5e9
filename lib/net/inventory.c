/*
 * Walking the slot tables, and describing what is found. See inventory.h.
 */
#include "inventory.h"

#include <stdarg.h>
#include <stdio.h>

#include "waitable.h"

static const char *const kind_names[] = {
    [APM__OPERATION_ACCEPT] = "accept",
    [APM__OPERATION_CONNECT] = "connect",
    [APM__OPERATION_DISCONNECT] = "disconnect",
    [APM__OPERATION_RECEIVE] = "receive",
    [APM__OPERATION_SEND] = "send",
    [APM__OPERATION_GET_HOST_ENTRY] = "get_host_entry",
    [APM__OPERATION_GET_HOST_ADDRESSES] = "get_host_addresses",
    [APM__OPERATION_INVOKE] = "invoke",
    [APM__OPERATION_STREAM_READ] = "read",
    [APM__OPERATION_STREAM_WRITE] = "write",
    [APM__OPERATION_STREAM_READ_EXACTLY] = "read_exactly",
    [APM__OPERATION_STREAM_COPY] = "copy_to",
    [APM__OPERATION_SEND_FILE] = "send_file",
    [APM__OPERATION_ACCEPT_RECEIVE] = "accept_receive",
    [APM__OPERATION_POST] = "post",
    [APM__OPERATION_WAIT_SENDABLE] = "wait_sendable",
    [APM__OPERATION_DRAIN] = "drain",
    [APM__OPERATION_AUTHENTICATE_AS_CLIENT] = "authenticate_as_client",
    [APM__OPERATION_AUTHENTICATE_AS_SERVER] = "authenticate_as_server",
    [APM__OPERATION_SHUTDOWN] = "shutdown",
    [APM__OPERATION_RECEIVE_FROM] = "receive_from",
    [APM__OPERATION_RECEIVE_MESSAGE_FROM] = "receive_message_from",
    [APM__OPERATION_RECEIVE_DATAGRAM] = "receive_datagram",
    [APM__OPERATION_SEND_TO] = "send_to",
    [APM__OPERATION_RECEIVE_TRAIN] = "receive_train_from",
    [APM__OPERATION_SEND_TRAIN] = "send_train_to",
};

/* Objects that are not waited for, by their kind. */
static const char *const owner_names[] = {
    [APM__KIND_SOCKET] = "socket",         [APM__KIND_OPERATION] = "result",          [APM__KIND_STREAM] = "stream",
    [APM__KIND_TCP_CLIENT] = "TCP client", [APM__KIND_TCP_LISTENER] = "TCP listener",
};

const struct apm__waitable_kind apm__waitable_kinds[APM__WAITABLE_KINDS] = {
    {&apm__manual_reset_events, "manual-reset event"},
    {&apm__auto_reset_events, "auto-reset event"},
    {&apm__semaphores, "semaphore"},
    {&apm__mutexes, "mutex"},
    {&apm__countdown_events, "countdown event"},
    {&apm__barriers, "barrier"},
};

/* -- Walks -- */

uint64_t apm__inventory_next_handle(struct apm__slot_table *table, uint32_t *place)
{
    struct apm__slot *slot;
    while ((slot = apm__slot_at(table, (*place)++))) {
        uint64_t bits = apm__slot_handle(slot);
        if (apm__slot_check(table, bits) == APM_ERROR_SUCCESS)
            return bits;
    }
    return 0;
}

struct apm__operation *apm__inventory_next_operation(uint32_t *place)
{
    return (struct apm__operation *)apm__slot_next(&apm__operations, place);
}

struct apm__channel *apm__inventory_next_socket(uint32_t *place)
{
    struct apm__slot *slot;
    while ((slot = apm__slot_at(&apm__channels, (*place)++))) {
        struct apm__channel *channel = (struct apm__channel *)slot;
        apm__os_mutex_lock(&channel->lock);
        if (channel->key != 0)
            return channel;
        apm__channel_unlock(channel);
    }
    return NULL;
}

struct apm__operation *apm__inventory_find_operation(uint64_t work)
{
    const size_t offset = offsetof(struct apm__operation, work);
    struct apm__slot *slot = apm__slot_containing(&apm__operations, (uintptr_t)work);
    struct apm__slot *held;
    if (!slot || (uintptr_t)slot + offset != (uintptr_t)work)
        return NULL;
    if (apm__slot_acquire(&apm__operations, apm__slot_handle(slot), 0, &held) != APM_ERROR_SUCCESS)
        return NULL;
    return (struct apm__operation *)held;
}

/* -- Lines -- */

void apm__line_begin(struct apm__line *line)
{
    line->text[0] = '\0';
    line->used = 0;
}

void apm__line_add(struct apm__line *line, const char *format, ...)
{
    size_t room = sizeof line->text - line->used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->used, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->used += (size_t)length < room ? (size_t)length : room - 1;
}

void apm__line_add_operation(struct apm__line *line, struct apm__operation *operation)
{
    uint32_t kind = apm__atomic_load(&operation->kind, APM__RELAXED);
    uint64_t owner = apm__atomic_load(&operation->owner, APM__RELAXED);
    apm__line_add(line, "%s", kind_names[kind]);
    if (kind == APM__OPERATION_INVOKE) {
        apm__line_add(line, " of function 0x%llx", (unsigned long long)owner);
    } else if (owner != 0) {
        apm__line_add(line, " of ");
        apm__line_add_object(line, owner);
    }
}

void apm__line_add_callers(struct apm__line *line, struct apm__operation *operation)
{
#ifdef APM_DEBUG
    for (size_t i = 0; i < APM__CALLERS && operation->begun_at[i]; i++) {
        char text[256];
        apm__os_describe_address(operation->begun_at[i], text, sizeof text);
        apm__line_add(line, "%s%s", i > 0 ? " < " : line->used > 0 ? ", at " : "at ", text);
    }
#else
    (void)line;
    (void)operation;
#endif
}

void apm__line_add_object(struct apm__line *line, uint64_t bits)
{
    uint32_t kind = bits & ((1u << APM__SLOT_KIND_BITS) - 1);
    if (kind == APM__KIND_TCP_LISTENER_CLIENTS) { /* as its handle is */
        kind = APM__KIND_TCP_LISTENER;
        bits = bits - APM__KIND_TCP_LISTENER_CLIENTS + APM__KIND_TCP_LISTENER;
    }
    const char *name = kind < sizeof owner_names / sizeof owner_names[0] ? owner_names[kind] : NULL;
    if (!name)
        name = "object";
    for (size_t i = 0; i < APM__WAITABLE_KINDS; i++)
        if (apm__waitable_kinds[i].table->kind == (enum apm__slot_kind)kind)
            name = apm__waitable_kinds[i].name;
    apm__line_add(line, "%s %016llx", name, (unsigned long long)bits);
}

static void add_endpoint(struct apm__line *line, const char *before, apm_endpoint endpoint)
{
    char text[128];
    if (apm_endpoint_format(endpoint, text, sizeof text) == APM_ERROR_SUCCESS)
        apm__line_add(line, "%s%s", before, text);
}

void apm__line_add_endpoints_locked(struct apm__line *line, struct apm__channel *channel)
{
    apm_endpoint endpoint;
    int32_t native_error = apm__os_native_error(); /* the caller's, which the questions may change */
    if (apm__os_socket_local_endpoint(channel->descriptor, &endpoint) == APM_ERROR_SUCCESS)
        add_endpoint(line, " ", endpoint);
    if (apm__os_socket_remote_endpoint(channel->descriptor, &endpoint) == APM_ERROR_SUCCESS)
        add_endpoint(line, " -> ", endpoint);
    apm__os_set_native_error(native_error);
}

/* -- Workers -- */

/* What the worker runs: an operation's callback, or a call or item of the program's. */
static void add_call(struct apm__line *line, struct apm__entry call)
{
    bool is_work = call.first == (uintptr_t)apm__work_run;
    struct apm__operation *operation = is_work ? apm__inventory_find_operation(call.second) : NULL;
    if (operation) {
        apm__line_add(line, "callback 0x%llx of ", (unsigned long long)(uintptr_t)operation->callback);
        apm__line_add_operation(line, operation);
        apm__operation_release(operation);
    } else if (is_work) {
        apm__line_add(line, "work item at 0x%llx", (unsigned long long)call.second);
    } else {
        apm__line_add(line, "work item 0x%llx with state 0x%llx", (unsigned long long)call.first,
                      (unsigned long long)call.second);
    }
}

/* What a worker waits for, if it is a wait for objects. */
static void add_wait(struct apm__line *line, const struct apm__worker_view *view)
{
    if (view->blocked || view->waits_for_count == 0 || view->waits_for == 0)
        return;
    apm__line_add(line, " for ");
    if (view->waits_for_count > 1)
        apm__line_add(line, "%u objects, the first of them ", view->waits_for_count);
    apm__line_add_object(line, view->waits_for);
}

void apm__line_add_worker(struct apm__line *line, const struct apm__pool *pool, const struct apm__worker_view *view,
                          uint64_t now_ns)
{
    static const char *const findings[] = {
        [APM__FINDING_NONE] = "",
        [APM__FINDING_COMPUTES] = ", computing",
        [APM__FINDING_BLOCKED] = ", blocked",
    };
    apm__line_add(line, "worker %u", view->number);
    if (pool->slot)
        apm__line_add(line, " of pool %016llx", (unsigned long long)apm__slot_handle(pool->slot));
    apm__line_add(line, ": ");
    add_call(line, view->call);
    apm__line_add(line, ", running for %llu ms", view->call_ns ? apm__age_ms(now_ns, view->call_ns) : 0);
    if (view->state != APM__WORKER_WAITING) {
        apm__line_add(line, "%s", findings[view->finding]);
        return;
    }
    apm__line_add(line, ", %s for %llu ms", view->blocked ? "blocking elsewhere" : "waiting in the library",
                  apm__age_ms(now_ns, view->wait_ns));
    add_wait(line, view);
}
