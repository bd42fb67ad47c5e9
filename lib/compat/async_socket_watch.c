/*
 * What an asynchronous socket waits for, and how that becomes a notification. Begins and handlers run on the owner's
 * thread, callbacks on pool threads; async_socket.h has the invariants.
 */
#include <stddef.h>

#include "apm/datagram.h"
#include "apm/dns.h"
#include "apm/socket_select.h"
#include "async_socket.h"
#include "check.h"

/* -- Pool threads: what an operation has found out --------------------------------------------------------------- */

/* Hands the watch and its reference on the core to the queue; false if nobody wants it. */
static bool hand_over(struct apm__async_watch *watch)
{
    struct apm__async_socket *core = watch->core;
    /* Who does not see that the socket is closed posts a message that the queue drops. */
    return !apm__atomic_load(&core->closed, APM__SEQ_CST) && apm__event_queue_post_node(core->queue, &watch->node);
}

/* The same with an outcome; or gives the reference back. */
static void report(struct apm__async_watch *watch, apm_error error)
{
    watch->error = error;
    watch->node.message.l_param = (watch->node.message.l_param & 0xffff) | (intptr_t)apm_wsa_error(error) << 16;
    if (!hand_over(watch))
        apm__async_socket_release(watch->core);
}

apm_error apm__async_end_read(struct apm__async_socket *core, apm_async_result result)
{
    return core->type == APM_SOCKET_TYPE_DGRAM ? apm_socket_end_receive_from(core->socket, result, NULL, NULL)
                                               : apm_socket_end_receive(core->socket, result, NULL);
}

static void on_readable(apm_async_result result)
{
    struct apm__async_socket *core = apm_async_result_async_state(result);
    if (!hand_over(&core->read)) {
        apm_error ignored = apm__async_end_read(core, result);
        (void)ignored; /* nobody is left who would hear of it */
        apm__async_socket_release(core);
    }
}

apm_socket apm__async_take_arrived(struct apm__async_socket *core)
{
    apm_socket arrived = {apm__atomic_exchange(&core->arrived, 0, APM__SEQ_CST)};
    return arrived;
}

static void on_accepted(apm_async_result result)
{
    struct apm__async_socket *core = apm_async_result_async_state(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(core->socket, result, &accepted);
    apm__atomic_store(&core->arrived, accepted.bits, APM__SEQ_CST); /* null after an error */
    if (apm__atomic_load(&core->closed, APM__SEQ_CST)) {
        accepted = apm__async_take_arrived(core);
        if (accepted.bits != 0)
            apm_socket_close(accepted);
    }
    report(&core->accept, error);
}

static void on_connected(apm_async_result result)
{
    struct apm__async_socket *core = apm_async_result_async_state(result);
    report(&core->connect, apm_socket_end_connect(core->socket, result));
}

static void on_sent(apm_async_result result)
{
    struct apm__async_socket *core = apm_async_result_async_state(result);
    apm_error error = core->out_remote ? apm_socket_end_send_to(core->socket, result, NULL)
                                       : apm_socket_end_send(core->socket, result, NULL);
    uint32_t sending = APM__OUT_SENDING;
    /* See apm_async_socket_close. */
    if (!apm__atomic_replace_strongly(&core->out_state, &sending, APM__OUT_DONE, APM__ACQ_REL))
        apm_socket_close(core->socket);
    report(&core->sent, error);
}

/* Waits for urgent data on a thread of the pool, which puts another one in its place. */
static void await_urgent(apm_thread_pool_work_item *item)
{
    struct apm__async_socket *core =
        (struct apm__async_socket *)(void *)((char *)item - offsetof(struct apm__async_socket, urgent_item));
    bool ready;
    report(&core->urgent, apm_socket_poll(core->socket, -1, APM_SELECT_MODE_SELECT_ERROR, &ready));
}

/* -- Beginning --------------------------------------------------------------------------------------------------- */

static void enter(struct apm__async_watch *watch)
{
    apm__atomic_add(&watch->core->references, 1, APM__RELAXED); /* the owner has one */
    watch->pending = true;
    watch->result = (apm_async_result)APM_NULL_HANDLE;
}

/* A watch that could not begin says so like one that has ended. */
static void settle(struct apm__async_watch *watch, apm_error error)
{
    if (error != APM_ERROR_SUCCESS)
        report(watch, error);
}

void apm__async_watch_read(struct apm__async_socket *core, bool asked)
{
    bool datagrams = core->type == APM_SOCKET_TYPE_DGRAM;
    bool can = datagrams ? core->bound : core->connected;
    if (core->read.pending || !can || core->ended || !(asked || (core->events & (APM_FD_READ | APM_FD_CLOSE))))
        return;
    enter(&core->read);
    apm_error error = datagrams ? apm_socket_begin_receive_from(core->socket, &core->nothing, 0, APM_SOCKET_FLAGS_NONE,
                                                                on_readable, core, &core->read.result)
                                : apm_socket_begin_receive(core->socket, &core->nothing, 0, APM_SOCKET_FLAGS_NONE,
                                                           on_readable, core, &core->read.result);
    settle(&core->read, error);
}

void apm__async_watch_accept(struct apm__async_socket *core, bool asked)
{
    if (core->accept.pending || !core->listening || core->accepted.bits != 0)
        return;
    if (!asked && !(core->events & APM_FD_ACCEPT))
        return;
    enter(&core->accept);
    settle(&core->accept, apm_socket_begin_accept(core->socket, on_accepted, core, &core->accept.result));
}

void apm__async_watch_urgent(struct apm__async_socket *core)
{
    static const apm_thread_pool default_pool = APM_NULL_HANDLE;
    const apm_async_socket_handlers *handlers = core->object ? core->object->handlers : NULL;
    if (core->urgent.pending || core->type != APM_SOCKET_TYPE_STREAM || !core->connected || core->ended)
        return;
    if (!(core->events & APM_FD_OOB) || !handlers || !handlers->on_out_of_band_data)
        return;
    enter(&core->urgent);
    core->urgent_item = (apm_thread_pool_work_item){.execute = await_urgent};
    settle(&core->urgent, apm_thread_pool_queue_work_item(default_pool, &core->urgent_item, false));
}

void apm__async_watch_all(struct apm__async_socket *core)
{
    apm__async_watch_read(core, false);
    apm__async_watch_accept(core, false);
    apm__async_watch_urgent(core);
}

void apm__async_notify_write(struct apm__async_socket *core)
{
    bool can = core->type == APM_SOCKET_TYPE_DGRAM ? core->bound : core->connected;
    if (core->write.pending || !can || !(core->events & APM_FD_WRITE))
        return;
    enter(&core->write);
    report(&core->write, APM_ERROR_SUCCESS);
}

apm_error apm__async_begin_connect(struct apm__async_socket *core, const char *host, int port, apm_endpoint remote)
{
    enter(&core->connect);
    apm_error error = host ? apm_socket_begin_connect_host(core->socket, host, port, on_connected, core, NULL)
                           : apm_socket_begin_connect(core->socket, remote, on_connected, core, NULL);
    if (error == APM_ERROR_NOT_SUPPORTED)
        error = APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED;
    if (error == APM_ERROR_SUCCESS) {
        core->connecting = true;
        return error;
    }
    core->connect.pending = false;
    apm__async_socket_release(core);
    return error;
}

apm_error apm__async_begin_out(struct apm__async_socket *core, const void *bytes, size_t size, int flags,
                               const apm_endpoint *remote)
{
    char *out = apm__os_allocate(size > 0 ? size : 1);
    if (!out)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < size; i++)
        out[i] = ((const char *)bytes)[i];
    core->out = out;
    core->out_remote = remote != NULL;
    apm__atomic_store(&core->out_state, APM__OUT_SENDING, APM__RELAXED); /* the Begin publishes it */
    enter(&core->sent);
    apm_error error =
        remote
            ? apm_socket_begin_send_to(core->socket, out, size, (apm_socket_flags)flags, *remote, on_sent, core, NULL)
            : apm_socket_begin_send(core->socket, out, size, (apm_socket_flags)flags, on_sent, core, NULL);
    if (error == APM_ERROR_SUCCESS)
        return error;
    apm__atomic_store(&core->out_state, APM__OUT_IDLE, APM__RELAXED);
    core->sent.pending = false;
    core->out = NULL;
    apm__os_free(out);
    apm__async_socket_release(core);
    return error;
}

apm_error apm__async_lookup(struct apm__async_socket *core, const char *host, int port, apm_endpoint *endpoint)
{
    apm_address_family family;
    apm_ip_address address;
    *endpoint = (apm_endpoint){.port = 0};
    apm_error error = apm_socket_address_family(core->socket, &family);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm_ip_address_try_parse(host, &address)) {
        apm_host_entry *entry;
        error = apm_dns_get_host_addresses_family(host, family, &entry);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (entry->address_count > 0)
            address = entry->address_list[0];
        else
            error = APM_ERROR_NO_DATA;
        apm_host_entry_free(entry);
        if (error != APM_ERROR_SUCCESS)
            return error;
    }
    error = apm_endpoint_create(address, port, endpoint);
    return error == APM_ERROR_SUCCESS ? error : APM_ERROR_INVALID_ARGUMENT;
}

/* -- The owner: a message has come out --------------------------------------------------------------------------- */

/* Calls a handler of the object, which may close it: afterwards nothing may be done with the core. */
#define CALL(core, name, error)                                   \
    do {                                                          \
        apm_async_socket *object = (core)->object;                \
        if (object->handlers && object->handlers->name)           \
            object->handlers->name(object, apm_wsa_error(error)); \
    } while (0)

static void end(struct apm__async_socket *core, apm_error error)
{
    core->ended = true;
    if (core->failure == APM_ERROR_SUCCESS)
        core->failure = error; /* or the program has met with it first */
    if (core->events & APM_FD_CLOSE)
        CALL(core, on_close, core->failure);
}

static void see_readable(struct apm__async_socket *core, apm_error error)
{
    uint8_t byte;
    size_t received = 0;
    bool ready = true;
    if (error == APM_ERROR_OPERATION_ABORTED) { /* it was only to make room: see apm__async_quiet_read */
        apm__async_watch_read(core, false);
        return;
    }
    if (core->type == APM_SOCKET_TYPE_DGRAM) {
        if (error == APM_ERROR_SUCCESS)
            error = apm_socket_poll(core->socket, 0, APM_SELECT_MODE_SELECT_READ, &ready);
        else
            apm__async_watch_read(core, false); /* there is nothing to receive that would do it */
    } else {
        if (error == APM_ERROR_SUCCESS)
            error = apm_socket_receive(core->socket, &byte, 1, APM_SOCKET_FLAGS_PEEK, &received);
        ready = error != APM_ERROR_WOULD_BLOCK;
        if (ready && (error != APM_ERROR_SUCCESS || received == 0)) {
            end(core, error);
            return;
        }
    }
    if (!ready)
        apm__async_watch_read(core, false); /* the program has been quicker */
    else if (core->events & APM_FD_READ)
        CALL(core, on_receive, error);
}

/* The outcome of a connect. */
static void see_connected(struct apm__async_socket *core, apm_error error)
{
    core->connecting = false;
    if (error != APM_ERROR_SUCCESS)
        return;
    core->connected = core->bound = true;
    apm__async_notify_write(core);
}

static void see_sent(struct apm__async_socket *core, apm_error error)
{
    apm__os_free(core->out);
    core->out = NULL;
    apm__atomic_store(&core->out_state, APM__OUT_IDLE, APM__RELAXED); /* no operation has it */
    if (error != APM_ERROR_SUCCESS && core->type == APM_SOCKET_TYPE_STREAM)
        core->send_failure = error;
    if (core->shut_later) {
        apm_error ignored = apm_socket_shutdown(core->socket, APM_SOCKET_SHUTDOWN_SEND);
        (void)ignored; /* the connection has gone, which the reading side says */
    }
}

struct apm__async_watch *apm__async_watch_of(struct apm__async_socket *core, const apm_event_message *message)
{
    if (message->message == APM__MESSAGE_SOCKET_SENT)
        return &core->sent;
    switch (message->l_param & 0xffff) {
    case APM_FD_READ: return &core->read;
    case APM_FD_WRITE: return &core->write;
    case APM_FD_ACCEPT: return &core->accept;
    case APM_FD_CONNECT: return &core->connect;
    case APM_FD_OOB: return &core->urgent;
    default: return NULL;
    }
}

apm_error apm__async_absorb(struct apm__async_socket *core, const apm_event_message *message)
{
    struct apm__async_watch *watch = apm__async_watch_of(core, message);
    if (!watch || !watch->pending)
        return APM_ERROR_SUCCESS; /* the program has made it up, or dispatches it for the second time */
    apm_error error = watch->error;
    watch->pending = false;
    if (watch == &core->read && core->ended_early) {
        core->ended_early = false;
        error = core->early_error;
    } else if (watch == &core->accept) {
        core->accepted = apm__async_take_arrived(core);
        core->accept_error = error;
    } else if (watch == &core->connect) {
        see_connected(core, error);
    } else if (watch == &core->sent) {
        see_sent(core, error);
    }
    return error;
}

void apm__async_dispatch(const apm_event_message *message, void *context)
{
    struct apm__async_socket *core = context;
    struct apm__async_watch *watch = apm__async_watch_of(core, message);
    bool ready = false;
    if (!core->object || !watch || !watch->pending)
        return;
    apm_error error = apm__async_absorb(core, message);
    if (watch == &core->read) {
        see_readable(core, error);
    } else if (watch == &core->write || watch == &core->sent) {
        if (watch == &core->write && core->sent.pending)
            core->want_write = true;
        else if ((watch == &core->write || core->want_write) && (core->events & APM_FD_WRITE)) {
            core->want_write = false;
            CALL(core, on_send, error);
        }
    } else if (watch == &core->accept) {
        if (core->events & APM_FD_ACCEPT)
            CALL(core, on_accept, error);
    } else if (watch == &core->connect) {
        apm__atomic_add(&core->references, 1, APM__RELAXED); /* the handler may close the object */
        if (core->events & APM_FD_CONNECT)
            CALL(core, on_connect, error);
        if (core->object)
            apm__async_watch_all(core);
        apm__async_socket_release(core);
    } else if (watch == &core->urgent && !core->ended && (core->events & APM_FD_OOB)) {
        if (apm_socket_poll(core->socket, 0, APM_SELECT_MODE_SELECT_ERROR, &ready) == APM_ERROR_SUCCESS && ready)
            CALL(core, on_out_of_band_data, APM_ERROR_SUCCESS);
    }
}
