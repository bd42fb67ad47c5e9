/*
 * Tasks: operations that consist of others, one after another, such as copying a stream.
 *
 * A task is the request of its operation, which is RUNNING from its first step until it ends. A step is an operation
 * that is begun with apm__task_step as its callback and the task as its state; when it has completed, on a worker, the
 * task ends it and begins the next. A cancel records its wish, which no further step begins after, and cancels the step
 * that is pending.
 *
 * Invariant: of the thread that begins a step and the one that cancels, one sees the other, under the lock: either the
 * step's result is there to be cancelled, or the wish is there when the step has been begun. The step may have ended by
 * then, and others have begun; `steps` tells.
 *
 * Lock: one for all tasks, a leaf. The operation's own reference keeps the task; who begins a step holds another one,
 * since the step may end the task while it is being begun.
 */
#ifndef APM__TASK_H
#define APM__TASK_H

#include "operation.h"

/* The first member of what a task is about; allocated by apm__os_allocate, freed with the operation. */
struct apm__task {
    struct apm__operation *operation;

    /*
     * Begins the next step, or sets *done if there is none. Called by one thread at a time. An error ends the task.
     */
    apm_error (*begin_step)(struct apm__task *task, apm_async_result *step, bool *done);

    /* Ends the step that has completed; sets *done if it was the last. An error ends the task. */
    apm_error (*end_step)(struct apm__task *task, apm_async_result step, bool *done);

    /* Called before the operation completes with `error`, for what it holds; or NULL. */
    void (*end)(struct apm__task *task, apm_error error);

    /* guarded by the lock of tasks */
    apm_async_result step;
    uint32_t steps;
};

/*
 * Makes an operation of the task and begins its first step. If that fails, so does this, and the task is freed; `end`
 * is not called. `origin` needs no cancel.
 */
apm_error apm__task_begin(struct apm__task *task, struct apm__operation_origin origin, apm_async_callback *callback,
                          void *state, apm_async_result *result);

/* The callback of steps. */
void apm__task_step(apm_async_result step);

#endif
