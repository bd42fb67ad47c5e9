/*
 * The life of an operation. See operation.h for the rules. Any thread.
 */
#include "operation.h"

#include "apm/dns.h"
#include "check.h"
#include "probe.h"
#include "wait.h"

static void expire(struct apm__deadline *deadline);

/* What is the same for all operations that a slot will ever hold. */
static void prepare(struct apm__slot *slot)
{
    struct apm__operation *operation = (struct apm__operation *)slot;
    operation->work.run = apm__operation_run_callback;
    operation->deadline.expire = expire;
}

struct apm__slot_table apm__operations = APM__SLOT_TABLE(APM__KIND_OPERATION, struct apm__operation, prepare);

static APM__THREAD_LOCAL struct apm__operation *current;

struct apm__operation *apm__operation_current(void)
{
    return current;
}

apm_async_result apm__operation_handle(struct apm__operation *operation)
{
    return (apm_async_result){apm__slot_handle(&operation->slot)};
}

/* -- Beginning -- */

APM__HOT apm_error apm__operation_create(const struct apm__operation_origin *origin, apm_async_callback *callback,
                                         void *state, apm_async_result *result, struct apm__operation **created)
{
    *created = NULL;
    if (APM__UNLIKELY(!callback && !result))
        return APM_ERROR_ARGUMENT_NULL;
    struct apm__pool *pool = origin->pool;
    if (APM__UNLIKELY(!apm__pool_is_open(pool)))
        return APM_ERROR_INVALID_OPERATION;
    struct apm__slot *slot = apm__slot_allocate(&apm__operations);
    if (!slot)
        return APM_ERROR_OUT_OF_MEMORY;
    struct apm__operation *operation = (struct apm__operation *)slot;
    apm__atomic_store(&operation->owner, origin->owner, APM__RELAXED);
    apm__atomic_store(&operation->kind, (uint32_t)origin->kind, APM__RELAXED);
    operation->callback = callback;
    operation->state = state;
    operation->pool = pool;
    operation->begun_ns = apm__pool_is_worker_thread() ? apm__pool_recent_ns(pool) : apm__os_monotonic_coarse_ns();
#ifdef APM_DEBUG
    size_t callers = apm__os_callers(operation->begun_at, APM__CALLERS);
    while (callers < APM__CALLERS)
        operation->begun_at[callers++] = NULL;
#endif
    operation->place_owner = origin->place_owner;
    operation->cancel = origin->cancel;
    operation->finished = NULL;
    operation->place = APM__PLACE_NOWHERE;
    operation->ready = false;
    operation->form = APM__FORM_PLAIN;
    operation->wish = APM_ERROR_SUCCESS;
    operation->more_follow = false;
    operation->error = APM_ERROR_SUCCESS;
    operation->native_error = 0;
    operation->transferred = 0;
    apm__slot_publish(slot, 2, APM__SLOT_BY_IO);
    if (result)
        *result = apm__operation_handle(operation);
    *created = operation;
    APM__PROBE3(begin, operation, origin->kind, origin->owner);
    return APM_ERROR_SUCCESS;
}

void apm__operation_discard(struct apm__operation *operation, apm_async_result *result)
{
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm__operation_release(operation);
    apm__operation_release(operation);
}

/* -- Completing -- */

/* Frees what the rare kinds of operations have besides themselves. */
APM__APART static void free_rare(struct apm__operation *operation)
{
    if (apm__operation_is_of_datagrams(operation)) {
        apm__os_free(operation->datagram.path);
        operation->datagram = (struct apm__datagram_request){0};
    } else {
        apm__os_free(operation->plan);
        operation->plan = NULL;
        apm_host_entry_free(operation->entry);
        operation->entry = NULL;
        apm__os_free(operation->invocation);
        operation->invocation = NULL;
        apm__os_free(operation->request);
        operation->request = NULL;
        operation->descriptor = 0; /* which lies where datagrams have a pointer */
    }
}

/* The last reference is gone. */
static void free_operation(struct apm__operation *operation)
{
    uint32_t kind = apm__atomic_load(&operation->kind, APM__RELAXED);
    if (APM__UNLIKELY(kind != APM__OPERATION_RECEIVE && kind != APM__OPERATION_SEND))
        free_rare(operation);
    if (APM__UNLIKELY(operation->form != APM__FORM_PLAIN))
        apm__os_free(operation->buffer);
    APM__ASSERT(operation->reserved == NULL && operation->deadline.position == 0);
    apm__slot_free(&apm__operations, &operation->slot);
}

void apm__operation_release(struct apm__operation *operation)
{
    if (apm__slot_release(&operation->slot))
        free_operation(operation);
}

static void drop_runtime_reference(struct apm__operation *operation)
{
    if (operation->finished)
        operation->finished(operation);
    if (apm__slot_release_and_set(&operation->slot, APM__OPERATION_RETURNED)) /* cleanup looks for it */
        free_operation(operation);
}

static struct apm__operation *from_work(struct apm__work *work)
{
    return (struct apm__operation *)(void *)((unsigned char *)work - offsetof(struct apm__operation, work));
}

void apm__operation_run_callback(struct apm__work *work)
{
    struct apm__operation *operation = from_work(work);
    if (!APM__UNLIKELY(apm__pool_is_abandoning())) {
        current = operation;
        APM__PROBE2(callback_start, operation, operation->callback);
        operation->callback(apm__operation_handle(operation));
        APM__PROBE2(callback_end, operation, operation->callback);
    }
    current = NULL;
    drop_runtime_reference(operation);
}

/* Tells the rest of those who wait for the operation to complete. */
APM__COLD static void tell(struct apm__operation *operation, uint64_t control)
{
    if ((control & APM__OPERATION_HAS_DEADLINE) && apm__pool_clear_deadline(operation->pool, &operation->deadline))
        apm__operation_release(operation); /* the deadline's; the runtime's is still there */
    if (control & APM__SLOT_HAS_WAITERS)
        apm__wait_release_waiters(&operation->slot);
}

APM__HOT void apm__operation_publish(struct apm__operation *operation)
{
    APM__PROBE3(complete, operation, operation->error, operation->transferred);
    /* Release: the outcome is written. Acquire: whoever armed a deadline has done so, or sees SIGNALLED. */
    uint64_t before = apm__atomic_or(&operation->slot.control, APM__SLOT_SIGNALLED, APM__ACQ_REL);
    APM__CHECK(!(before & APM__SLOT_SIGNALLED));
    if (before & (APM__OPERATION_HAS_DEADLINE | APM__SLOT_HAS_WAITERS))
        tell(operation, before);
}

APM__HOT void apm__operation_complete(struct apm__operation *operation)
{
    apm__operation_publish(operation);
    if (operation->callback)
        apm__pool_submit(operation->pool, &operation->work);
    else
        drop_runtime_reference(operation);
}

/* -- Ending -- */

/* What an End takes a result for. */
struct claim {
    enum apm__operation_kind kind;
    uint64_t owner;
};

static bool is_claimed_rightly(const struct apm__slot *slot, const void *context)
{
    const struct apm__operation *operation = (const struct apm__operation *)slot;
    const struct claim *claim = context;
    return apm__atomic_load(&operation->owner, APM__RELAXED) == claim->owner &&
           apm__atomic_load(&operation->kind, APM__RELAXED) == (uint32_t)claim->kind;
}

/* Waits until it has completed, for as long as apm__operation_end_within says; after that it is cancelled. */
APM__COLD static void wait_for(struct apm__operation *operation, int timeout_ms)
{
    int64_t timeout_ns = timeout_ms > 0 ? (int64_t)timeout_ms * 1000000 : timeout_ms < 0 ? 0 : -1;
    if (apm__wait_one(&operation->slot, timeout_ns) != APM_ERROR_WAIT_TIMEOUT)
        return;
    operation->cancel(operation, timeout_ms < 0 ? APM_ERROR_WOULD_BLOCK : APM_ERROR_TIMED_OUT);
    apm_error waited = apm__wait_one(&operation->slot, -1); /* the cancel, or a completion that came first */
    APM__CHECK(waited == APM_ERROR_SUCCESS);
}

apm_error apm__operation_end_within(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                                    int timeout_ms, struct apm__operation **operation)
{
    *operation = NULL;
    struct claim claim = {.kind = kind, .owner = owner};
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&apm__operations, result.bits, APM__SLOT_CLOSED, is_claimed_rightly, &claim,
                                     &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_INVALID_OPERATION : error;
    *operation = (struct apm__operation *)slot; /* the user's reference is this call's now */
    /* Acquire pairs with the release of the completion: the outcome is written. */
    if (!(apm__atomic_load(&slot->control, APM__ACQUIRE) & APM__SLOT_SIGNALLED))
        wait_for(*operation, timeout_ms);
    return APM_ERROR_SUCCESS;
}

apm_error apm__operation_end(apm_async_result result, enum apm__operation_kind kind, uint64_t owner,
                             struct apm__operation **operation)
{
    return apm__operation_end_within(result, kind, owner, 0, operation);
}

/* -- Cancelling -- */

/* Takes a reference to a result that has not been ended. */
static apm_error hold(apm_async_result result, struct apm__operation **operation)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__operations, result.bits, APM__SLOT_CLOSED, &slot);
    *operation = (struct apm__operation *)slot;
    return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_INVALID_OPERATION : error;
}

apm_error apm__operation_cancel(apm_async_result result, apm_error reason)
{
    struct apm__operation *operation;
    apm_error error = hold(result, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    operation->cancel(operation, reason);
    apm__operation_release(operation);
    return APM_ERROR_SUCCESS;
}

apm_error apm_async_result_cancel(apm_async_result result)
{
    return apm__operation_cancel(result, APM_ERROR_OPERATION_ABORTED);
}

static void expire(struct apm__deadline *deadline)
{
    struct apm__operation *operation =
        (struct apm__operation *)(void *)((unsigned char *)deadline - offsetof(struct apm__operation, deadline));
    operation->cancel(operation, APM_ERROR_TIMED_OUT);
    apm__operation_release(operation); /* the deadline's */
}

/* Takes the deadline away; the caller holds a reference besides the deadline's. */
static void disarm(struct apm__operation *operation)
{
    if (apm__pool_clear_deadline(operation->pool, &operation->deadline))
        apm__operation_release(operation);
}

apm_error apm_async_result_cancel_after(apm_async_result result, int timeout_ms)
{
    struct apm__operation *operation;
    if (timeout_ms < -1)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = hold(result, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (timeout_ms == -1) {
        disarm(operation);
        goto release;
    }
    uint64_t before = apm__atomic_or(&operation->slot.control, APM__OPERATION_HAS_DEADLINE, APM__ACQ_REL);
    if (before & APM__SLOT_SIGNALLED)
        goto release; /* it has completed */
    bool was_armed;
    uint64_t due_ns = apm__os_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    apm__slot_retain(&operation->slot); /* the deadline's */
    error = apm__pool_set_deadline(operation->pool, &operation->deadline, due_ns, &was_armed);
    if (error != APM_ERROR_SUCCESS || was_armed)
        apm__operation_release(operation);
    /* A completion between the mark and the arming has looked for nothing in the heap: so look for it here. */
    if (apm__atomic_load(&operation->slot.control, APM__ACQUIRE) & APM__SLOT_SIGNALLED)
        disarm(operation);
release:
    apm__operation_release(operation);
    return error;
}

/* -- Questions -- */

bool apm__operation_is_over(const struct apm__operation *operation)
{
    const uint64_t ended = APM__SLOT_SIGNALLED | APM__SLOT_CLOSED;
    uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
    return (control & ended) == ended && (!operation->callback || (control & APM__OPERATION_RETURNED));
}

/* A reference to the result, unless it is over, even if somebody still holds it for a moment. */
static struct apm__operation *look(apm_async_result result)
{
    struct apm__slot *slot;
    if (apm__slot_acquire(&apm__operations, result.bits, 0, &slot) != APM_ERROR_SUCCESS)
        return NULL;
    struct apm__operation *operation = (struct apm__operation *)slot;
    if (!apm__operation_is_over(operation))
        return operation;
    apm__operation_release(operation);
    return NULL;
}

/* Whether the result is that of the callback which the thread runs: it needs no further reference then. */
static bool is_current(apm_async_result result)
{
    return current && apm__slot_handle(&current->slot) == result.bits;
}

APM__COLD static void *state_of(apm_async_result result)
{
    struct apm__operation *operation = look(result);
    if (!operation)
        return NULL;
    void *state = operation->state;
    apm__operation_release(operation);
    return state;
}

void *apm_async_result_async_state(apm_async_result result)
{
    return is_current(result) ? current->state : state_of(result);
}

uint64_t apm__operation_owner(const struct apm__operation *operation, enum apm__slot_kind kind)
{
    if (apm__atomic_load(&operation->kind, APM__RELAXED) == APM__OPERATION_INVOKE)
        return 0; /* the address of a function may look like anything */
    uint64_t owner = apm__atomic_load(&operation->owner, APM__RELAXED);
    return (owner & ((1u << APM__SLOT_KIND_BITS) - 1)) == (uint64_t)kind ? owner : 0;
}

apm_socket apm__operation_socket(const struct apm__operation *operation)
{
    return (apm_socket){apm__operation_owner(operation, APM__KIND_SOCKET)};
}

/* The object of the kind that the result is of, for as long as its slot holds it; or 0. */
static uint64_t owner_of_result(apm_async_result result, enum apm__slot_kind kind)
{
    if (is_current(result))
        return apm__operation_owner(current, kind);
    struct apm__operation *operation = look(result);
    if (!operation)
        return 0;
    uint64_t owner = apm__operation_owner(operation, kind);
    apm__operation_release(operation);
    return owner;
}

apm_socket apm_async_result_socket(apm_async_result result)
{
    return (apm_socket){owner_of_result(result, APM__KIND_SOCKET)};
}

apm_stream apm_async_result_stream(apm_async_result result)
{
    return (apm_stream){owner_of_result(result, APM__KIND_STREAM)};
}

apm_tcp_client apm_async_result_tcp_client(apm_async_result result)
{
    return (apm_tcp_client){owner_of_result(result, APM__KIND_TCP_CLIENT)};
}

apm_tcp_listener apm_async_result_tcp_listener(apm_async_result result)
{
    uint64_t clients = owner_of_result(result, APM__KIND_TCP_LISTENER_CLIENTS);
    if (clients != 0)
        return (apm_tcp_listener){clients - APM__KIND_TCP_LISTENER_CLIENTS + APM__KIND_TCP_LISTENER};
    return (apm_tcp_listener){owner_of_result(result, APM__KIND_TCP_LISTENER)};
}

bool apm_async_result_is_completed(apm_async_result result)
{
    struct apm__operation *operation = look(result);
    if (!operation)
        return true;
    /* Acquire pairs with the release of the completion: the buffer is the caller's again. */
    uint64_t control = apm__atomic_load(&operation->slot.control, APM__ACQUIRE);
    apm__operation_release(operation);
    return (control & APM__SLOT_SIGNALLED) != 0;
}

bool apm_async_result_completed_synchronously(apm_async_result result)
{
    (void)result;
    return false;
}

apm_wait_handle apm_async_result_async_wait_handle(apm_async_result result)
{
    return (apm_wait_handle){result.bits};
}
