/*
 * Tasks. See task.h. Any thread; steps after the first are begun on workers.
 */
#include "task.h"

static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;

static void finish(struct apm__task *task, apm_error error)
{
    struct apm__operation *operation = task->operation;
    apm__os_mutex_lock(&lock);
    operation->place = APM__PLACE_DETACHED;
    if (error == APM_ERROR_OPERATION_ABORTED && operation->wish != APM_ERROR_SUCCESS)
        error = operation->wish;
    apm__os_mutex_unlock(&lock);
    operation->error = error;
    operation->native_error = error == APM_ERROR_SUCCESS ? 0 : apm__os_native_error();
    if (task->end)
        task->end(task, error);
    apm__operation_complete(operation);
}

/*
 * Begins the next step, if nobody has cancelled. False: there is none, and *error says why. Otherwise the task is the
 * step's from here on.
 */
static bool begin_step(struct apm__task *task, apm_error *error)
{
    struct apm__operation *operation = task->operation;
    bool done = false;
    apm__os_mutex_lock(&lock);
    *error = operation->wish;
    uint32_t number = ++task->steps;
    task->step = (apm_async_result)APM_NULL_HANDLE;
    apm__os_mutex_unlock(&lock);
    if (*error != APM_ERROR_SUCCESS)
        return false;

    apm_async_result step = APM_NULL_HANDLE;
    apm__slot_retain(&operation->slot); /* this call's */
    *error = task->begin_step(task, &step, &done);
    bool begun = *error == APM_ERROR_SUCCESS && !done;
    apm_error wish = APM_ERROR_SUCCESS;
    if (begun) {
        apm__os_mutex_lock(&lock);
        if (task->steps == number && operation->place == APM__PLACE_RUNNING) {
            task->step = step;
            wish = operation->wish;
        }
        apm__os_mutex_unlock(&lock);
    }
    if (wish != APM_ERROR_SUCCESS)
        (void)apm__operation_cancel(step, wish);
    apm__operation_release(operation);
    return begun;
}

static void cancel(struct apm__operation *operation, apm_error reason)
{
    struct apm__task *task = operation->request;
    apm_async_result step = APM_NULL_HANDLE;
    apm__os_mutex_lock(&lock);
    if (operation->place == APM__PLACE_RUNNING && operation->wish == APM_ERROR_SUCCESS) {
        operation->wish = reason;
        step = task->step;
    }
    apm__os_mutex_unlock(&lock);
    if (!apm_async_result_is_null(step))
        (void)apm__operation_cancel(step, reason);
}

void apm__task_step(apm_async_result step)
{
    struct apm__task *task = apm_async_result_async_state(step);
    bool done = false;
    apm_error error = task->end_step(task, step, &done);
    if (error != APM_ERROR_SUCCESS || done || !begin_step(task, &error))
        finish(task, error);
}

apm_error apm__task_begin(struct apm__task *task, struct apm__operation_origin origin, apm_async_callback *callback,
                          void *state, apm_async_result *result)
{
    struct apm__operation *operation;
    origin.cancel = cancel;
    apm_error error = apm__operation_create(&origin, callback, state, result, &operation);
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(task);
        return error;
    }
    operation->request = task;
    task->operation = operation;
    apm__os_mutex_lock(&lock);
    operation->place = APM__PLACE_RUNNING;
    apm__os_mutex_unlock(&lock);
    if (begin_step(task, &error))
        return APM_ERROR_SUCCESS;
    if (error == APM_ERROR_SUCCESS) {
        finish(task, error);
        return APM_ERROR_SUCCESS;
    }
    apm__os_mutex_lock(&lock);
    operation->place = APM__PLACE_DETACHED;
    apm__os_mutex_unlock(&lock);
    apm__operation_discard(operation, result);
    return error;
}
