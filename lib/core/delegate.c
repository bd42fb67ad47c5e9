/*
 * Delegates: operations whose performing is a function of the program's. Any thread.
 *
 * The invocation is in the pool's queue with a reference to the operation. Its state decides by one exchange who
 * completes the operation: the worker that starts the function, or a cancel that comes before.
 */
#include "apm/delegate.h"

#include "operation.h"
#include "pools.h"

enum invocation_state { QUEUED, STARTED, CANCELLED };

struct apm__invocation {
    struct apm__work work; /* in the pool's queue */
    _Atomic uint32_t state;

    /* immutable once queued */
    struct apm__operation *operation; /* held until the work has run */
    apm_delegate *delegate;
    void *argument;

    void *value; /* written before the operation completes */
};

/* Whether the caller is the one that takes it out of QUEUED. */
static bool leave_queue(struct apm__invocation *invocation, enum invocation_state state)
{
    uint32_t expected = QUEUED;
    return apm__atomic_replace_strongly(&invocation->state, &expected, (uint32_t)state, APM__ACQ_REL);
}

static void invoke(struct apm__work *work)
{
    struct apm__invocation *invocation = (struct apm__invocation *)(void *)work;
    struct apm__operation *operation = invocation->operation;
    bool started;
    if (apm__pool_is_abandoning()) { /* the function has ended its thread */
        started = apm__atomic_load(&invocation->state, APM__RELAXED) == STARTED;
        operation->error = APM_ERROR_OPERATION_ABORTED;
    } else {
        started = leave_queue(invocation, STARTED);
        if (started)
            invocation->value = invocation->delegate(invocation->argument);
    }
    if (started)
        apm__operation_complete(operation);
    apm__operation_release(operation); /* the queue's */
}

static void cancel(struct apm__operation *operation, apm_error reason)
{
    if (!leave_queue(operation->invocation, CANCELLED))
        return;
    operation->error = reason;
    apm__operation_complete(operation);
}

static uint64_t bits_of(apm_delegate *delegate)
{
    return (uint64_t)(uintptr_t)delegate;
}

static apm_error begin(struct apm__pool *pool, apm_delegate *delegate, void *argument, apm_async_callback *callback,
                       void *state, apm_async_result *result)
{
    apm_error error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__invocation *invocation = apm__os_allocate(sizeof *invocation);
    if (!invocation)
        return APM_ERROR_OUT_OF_MEMORY;
    struct apm__operation *operation;
    struct apm__operation_origin origin = {
        .kind = APM__OPERATION_INVOKE, .owner = bits_of(delegate), .pool = pool, .cancel = cancel};
    error = apm__operation_create(&origin, callback, state, result, &operation);
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(invocation);
        return error;
    }
    invocation->work.run = invoke;
    invocation->operation = operation;
    invocation->delegate = delegate;
    invocation->argument = argument;
    operation->invocation = invocation; /* freed with it */
    apm__slot_retain(&operation->slot); /* the queue's */
    error = apm__pool_queue(pool, &invocation->work, false);
    if (error != APM_ERROR_SUCCESS) {
        apm__operation_release(operation);
        apm__operation_discard(operation, result);
    }
    return error;
}

apm_error apm_delegate_begin_invoke(apm_thread_pool handle, apm_delegate *delegate, void *argument,
                                    apm_async_callback *callback, void *state, apm_async_result *result)
{
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    struct apm__pool *pool;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = delegate ? begin(pool, delegate, argument, callback, state, result) : APM_ERROR_ARGUMENT_NULL;
    apm__pool_release(pool);
    return error;
}

apm_error apm_delegate_end_invoke(apm_delegate *delegate, apm_async_result result, void **value)
{
    if (value)
        *value = NULL;
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, APM__OPERATION_INVOKE, bits_of(delegate), &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = operation->error;
    if (error == APM_ERROR_SUCCESS && value)
        *value = operation->invocation->value;
    apm__operation_release(operation);
    return error;
}
