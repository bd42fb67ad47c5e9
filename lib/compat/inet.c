/*
 * Inet sockets: handles, whose they are, and the end of them. See inet_socket.h. Any thread.
 */
#include <string.h>

#include "apm/wait_handle.h"
#include "inet_socket.h"

static struct apm__slot_table sockets = APM__SLOT_TABLE(APM__KIND_INET, struct apm__inet, NULL);
static _Atomic uint32_t initialized; /* how often */
static APM__THREAD_LOCAL uint32_t last_error;

/* -- Errors -------------------------------------------------------------------------------------------------------- */

uint32_t apm__inet_error(apm_error error)
{
    switch (error) {
    case APM_ERROR_SUCCESS: return 0;
    case APM_ERROR_ARGUMENT:
    case APM_ERROR_ARGUMENT_NULL:
    case APM_ERROR_ARGUMENT_OUT_OF_RANGE:
    case APM_ERROR_FORMAT:
    case APM_ERROR_INVALID_OPERATION:
    case APM_ERROR_INVALID_ARGUMENT: return APM_INET_E_INVALID_PARAMETER;
    case APM_ERROR_OUT_OF_MEMORY: return APM_INET_E_OUT_OF_MEMORY;
    case APM_ERROR_OPERATION_ABORTED: return APM_INET_E_OPERATION_CANCELED;
    case APM_ERROR_NOT_SUPPORTED: return APM_INET_E_NOT_SUPPORTED;
    case APM_ERROR_FILE_NOT_FOUND: return APM_INET_E_FILE_NOT_FOUND;
    case APM_ERROR_WAIT_TIMEOUT: return APM_INET_E_TIMED_OUT;
    case APM_ERROR_IO: return APM_INET_E_CONNECTION_ABORTED;
    case APM_ERROR_AUTHENTICATION: return APM_INET_E_INVALID_CERTIFICATE;
    case APM_ERROR_CRYPTOGRAPHIC: return APM_INET_E_INVALID_CREDENTIALS;
    default: return 0x80040000u | (uint32_t)apm_wsa_error(error);
    }
}

int apm__inet_fail_as(uint32_t error)
{
    last_error = error;
    return APM_INET_ERROR;
}

int apm__inet_fail(apm_error error)
{
    return apm__inet_fail_as(apm__inet_error(error));
}

apm_inet apm__inet_fail_socket(apm_error error)
{
    apm__inet_fail(error);
    return APM_INET_INVALID_SOCKET;
}

uint32_t apm_inet_get_last_error(void)
{
    return last_error;
}

void apm_inet_set_last_error(uint32_t error)
{
    last_error = error;
}

/* -- Handles ------------------------------------------------------------------------------------------------------- */

bool apm__inet_is_initialized(void)
{
    if (apm__atomic_load(&initialized, APM__RELAXED) > 0)
        return true;
    apm__inet_fail_as(APM_INET_E_NOT_INITIALIZED);
    return false;
}

struct apm__inet *apm__inet_find(apm_inet socket)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&sockets, socket, APM__SLOT_CLOSED, &slot);
    return error == APM_ERROR_SUCCESS ? (struct apm__inet *)slot : NULL;
}

/* Whether the calling thread may use it. Relaxed: a handle that changes hands is the program's to order. */
static bool is_owner(struct apm__inet *inet)
{
    uint32_t owner = apm__atomic_load(&inet->owner, APM__RELAXED);
    return owner == 0 || owner == apm__os_thread_number();
}

struct apm__inet *apm__inet_enter(apm_inet socket)
{
    if (!apm__inet_is_initialized())
        return NULL;
    struct apm__inet *inet = apm__inet_find(socket);
    if (!inet) {
        apm__inet_fail_as(APM_INET_E_INVALID_HANDLE);
        return NULL;
    }
    if (is_owner(inet))
        return inet;
    apm__inet_release(inet);
    apm__inet_fail_as(APM_INET_E_NOT_HANDLE_OWNER);
    return NULL;
}

void apm__inet_retain(struct apm__inet *inet)
{
    apm__slot_retain(&inet->slot);
}

apm_inet apm__inet_handle(const struct apm__inet *inet)
{
    return (apm_inet)apm__slot_handle(&inet->slot);
}

/* Frees what a socket has of its own. */
static void dispose(struct apm__inet *inet)
{
    apm_auto_reset_event_close(inet->wake);
    if (inet->context.bits != 0)
        apm_ssl_context_close(inet->context);
    apm__os_free(inet->in);
    apm__os_free(inet->out);
    apm__slot_free(&sockets, &inet->slot);
}

void apm__inet_release(struct apm__inet *inet)
{
    if (apm__slot_release(&inet->slot))
        dispose(inet);
}

struct apm__inet *apm__inet_create(enum apm__inet_kind kind, uint32_t options, unsigned timeout_s)
{
    struct apm__inet *inet = (struct apm__inet *)apm__slot_allocate(&sockets);
    if (!inet)
        return NULL;
    /* All but the slot's head is the last user's. */
    memset((char *)inet + sizeof inet->slot, 0, sizeof *inet - sizeof inet->slot);
    apm__os_mutex_initialise(&inet->lock);
    inet->kind = kind;
    inet->options = options;
    inet->timeout_s = timeout_s > 0 ? timeout_s : APM_INET_TIMEOUT;
    inet->deadline_ns = apm__os_monotonic_ns() + (uint64_t)inet->timeout_s * 1000000000u;
    inet->blocks = true;
    inet->capacity = kind == APM__INET_DATAGRAM ? APM__INET_DATAGRAM_SIZE : APM__INET_BUFFER_SIZE;
    uint32_t owner = options & APM_INET_OPTION_FREETHREAD ? 0 : apm__os_thread_number();
    apm__atomic_store(&inet->owner, owner, APM__RELAXED); /* publishing the slot makes it visible */
    bool made = apm_auto_reset_event_create(false, &inet->wake) == APM_ERROR_SUCCESS;
    if (made && kind != APM__INET_LISTENER) {
        inet->in = apm__os_allocate(inet->capacity);
        inet->out = apm__os_allocate(inet->capacity);
        made = inet->in && inet->out;
    }
    if (made)
        return inet;
    apm__inet_discard(inet);
    return NULL;
}

apm_inet apm__inet_publish(struct apm__inet *inet)
{
    apm__slot_publish(&inet->slot, 2, 0);
    apm_inet handle = apm__inet_handle(inet);
    /* Acquire and release: either this comes first, and apm_inet_uninitialize finds the slot, or it sees the zero. */
    if (apm__atomic_add(&initialized, 0, APM__ACQ_REL) == 0) {
        apm_error ignored = apm__inet_close(handle);
        (void)ignored; /* somebody has been quicker */
    }
    return handle;
}

void apm__inet_discard(struct apm__inet *inet)
{
    dispose(inet);
}

static bool is_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm__inet_close(apm_inet socket)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&sockets, socket, APM__SLOT_CLOSED, is_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__inet *inet = (struct apm__inet *)slot;
    apm__os_mutex_lock(&inet->lock);
    inet->closed = true;
    struct apm__inet_events *events = inet->events;
    inet->events = NULL;
    inet->lingers = inet->writing;
    inet->waiting = false;
    apm_socket handle = inet->socket;
    apm_socket arrived = inet->arrived;
    apm_stream stream = inet->stream;
    apm_async_result writing = inet->out_result;
    bool lingers = inet->lingers;
    int left_ms = inet->timeout_s > INT32_MAX / 1000 ? INT32_MAX : (int)inet->timeout_s * 1000;
    apm__os_mutex_unlock(&inet->lock);
    apm__inet_events_close(events);
    if (arrived.bits != 0)
        apm_socket_close(arrived);
    if (lingers) {
        error = apm_async_result_cancel_after(writing, left_ms);
        (void)error; /* it may have completed, and its callback closes; or who begins it limits it */
    } else if (stream.bits != 0) {
        apm_stream_close(stream);
    } else if (handle.bits != 0) {
        apm_socket_close(handle);
    }
    apm__inet_wake(inet);
    apm__inet_release(inet);
    return APM_ERROR_SUCCESS;
}

int apm_inet_disconnect(apm_inet socket)
{
    struct apm__inet *inet = apm__inet_enter(socket);
    if (!inet)
        return APM_INET_ERROR;
    apm__inet_release(inet);
    return apm__inet_close(socket) == APM_ERROR_SUCCESS ? 0 : apm__inet_fail_as(APM_INET_E_INVALID_HANDLE);
}

/* -- Waiting ------------------------------------------------------------------------------------------------------- */

void apm__inet_wake(struct apm__inet *inet)
{
    apm_auto_reset_event_set(inet->wake);
}

bool apm__inet_is_settled(const struct apm__inet *inet)
{
    return inet->stage != APM__INET_CONNECTING;
}

/* Calls what the program has registered for a time-out. */
static void tell_timeout(struct apm__inet *inet)
{
    apm__os_mutex_lock(&inet->lock);
    apm_inet_event_procedure *procedure = inet->procedures[APM_INET_EVENT_TIMEOUT];
    uintptr_t parameter = inet->parameters[APM_INET_EVENT_TIMEOUT];
    apm__os_mutex_unlock(&inet->lock);
    if (procedure)
        procedure(apm__inet_handle(inet), APM_INET_EVENT_TIMEOUT, APM_INET_E_TIMED_OUT, parameter);
}

apm_error apm__inet_wait(struct apm__inet *inet, apm__inet_condition *done, int64_t timeout_ms)
{
    uint64_t start = apm__os_monotonic_ns();
    for (;;) {
        int64_t gone_ms = (int64_t)((apm__os_monotonic_ns() - start) / 1000000u);
        int64_t left_ms = timeout_ms < 0 ? APM_TIMEOUT_INFINITE : timeout_ms - gone_ms;
        bool is_late = timeout_ms >= 0 && left_ms <= 0;
        apm__os_mutex_lock(&inet->lock);
        bool gives_up = inet->closed || inet->cancelled;
        bool is_done = !inet->closed && done(inet);
        inet->cancelled = false;
        inet->waiting = !is_done && !gives_up && !is_late;
        apm__os_mutex_unlock(&inet->lock);
        if (is_done)
            return APM_ERROR_SUCCESS;
        if (gives_up)
            return APM_ERROR_OPERATION_ABORTED;
        if (is_late) {
            if (timeout_ms > 0)
                tell_timeout(inet);
            return APM_ERROR_TIMED_OUT;
        }
        apm_error error = apm_auto_reset_event_wait_one(inet->wake, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (error != APM_ERROR_SUCCESS && error != APM_ERROR_WAIT_TIMEOUT) {
            apm__os_mutex_lock(&inet->lock);
            inet->waiting = inet->cancelled = false;
            apm__os_mutex_unlock(&inet->lock);
            return error;
        }
    }
}

int apm_inet_cancel(apm_inet socket)
{
    if (!apm__inet_is_initialized())
        return APM_INET_ERROR;
    struct apm__inet *inet = apm__inet_find(socket); /* the owner waits, so it is another thread that cancels */
    if (!inet)
        return apm__inet_fail_as(APM_INET_E_INVALID_HANDLE);
    apm__os_mutex_lock(&inet->lock);
    bool waits = inet->waiting;
    inet->cancelled = waits;
    apm__os_mutex_unlock(&inet->lock);
    if (waits)
        apm__inet_wake(inet);
    apm__inet_release(inet);
    return 0;
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

uint32_t apm_inet_current_thread(void)
{
    return apm__os_thread_number();
}

uint32_t apm_inet_attach_thread(apm_inet socket, uint32_t thread)
{
    if (!apm__inet_is_initialized())
        return 0;
    struct apm__inet *inet = apm__inet_find(socket);
    if (!inet) {
        apm__inet_fail_as(APM_INET_E_INVALID_HANDLE);
        return 0;
    }
    uint32_t owner = thread != 0 ? thread : apm__os_thread_number();
    uint32_t former = owner;
    /* A free-threaded handle has no owner, and stays so. Relaxed: as in is_owner. */
    if (!(inet->options & APM_INET_OPTION_FREETHREAD))
        former = apm__atomic_exchange(&inet->owner, owner, APM__RELAXED);
    apm__inet_release(inet);
    return former;
}

/* -- The library --------------------------------------------------------------------------------------------------- */

int apm_inet_initialize_a(const char *license_key, void *data)
{
    (void)license_key;
    (void)data;
    apm__atomic_add(&initialized, 1, APM__RELAXED);
    return 1;
}

int apm_inet_initialize_w(const wchar_t *license_key, void *data)
{
    (void)license_key;
    return apm_inet_initialize_a(NULL, data);
}

void apm_inet_uninitialize(void)
{
    uint32_t times = apm__atomic_load(&initialized, APM__RELAXED);
    do {
        if (times == 0)
            return;
        /* Acquire and release: see apm__inet_publish. */
    } while (!apm__atomic_replace(&initialized, &times, times - 1, APM__ACQ_REL));
    uint32_t place = 0;
    for (struct apm__slot *slot; times == 1 && (slot = apm__slot_next(&sockets, &place)) != NULL;) {
        struct apm__inet *inet = (struct apm__inet *)slot;
        apm_error ignored = apm__inet_close(apm__inet_handle(inet));
        (void)ignored; /* the program has been quicker */
        apm__inet_release(inet);
    }
}
