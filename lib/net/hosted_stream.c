/*
 * Hosted streams: what a table of methods does, as operations. Any thread.
 *
 * A stream has two lanes, one for reads and one for writes; one that has a position has one lane for both. Each lane
 * performs one operation at a time, on a worker, in the order begun: so methods need no lock against themselves.
 *
 * Invariants, all under the stream's lock:
 *  1. A lane is `busy` from the moment at which an operation or a synchronous call is taken up until its method has
 *     returned (or, for begin_ methods, the operation has been completed) and no call of `cancel` for it is on its way.
 *     Only a lane that is not busy takes up the next; whoever makes it so takes it up.
 *  2. An operation is QUEUED in its lane, then RUNNING as its `current`, then DETACHED. Who takes it out of QUEUED or
 *     RUNNING owns it and completes it. While it is RUNNING a cancel only records the wish and has `cancel` called; if
 *     a begin_ method has not returned yet, whoever called that does so afterwards: only then its operation is known.
 *  3. `users` counts the busy lanes and the methods in progress, also those of a lane, since a begin_ method may still
 *     run when its operation has been completed. The method `close` is called by whoever finds, closed, that `users` is
 *     0; `ended` keeps it to once. After `closed` nothing is taken up any more.
 *
 * The context holds a reference to the stream's slot until its method `close` has returned, and an operation one until
 * its callback has; the work item that starts an operation, and the one that cancels it, hold one to the operation
 * until they have run. All memory is taken by Begin.
 */
#include <limits.h>

#include "hosted_stream.h"
#include "pool.h"

/* What an operation of a hosted stream has besides itself; one block, freed with it. */
struct request {
    struct apm__work start;
    struct apm__work cancel;
    struct apm__operation *operation;
    bool in_method; /* one of the stream's users for the start's sake; the worker's own */

    /* guarded by the stream's lock */
    bool started;     /* a method has been, or is about to be, called */
    bool cancellable; /* `cancel` may be called for it: started, and a method that begins has returned */
};

/* The read or write whose method runs on this thread, if any. */
struct call {
    struct apm__stream *stream;
    const struct apm__operation *operation; /* NULL: a synchronous call */
};

static APM__THREAD_LOCAL struct call current;

static struct apm__stream *stream_of(const struct apm__operation *operation)
{
    return operation->place_owner;
}

static bool is_write(const struct apm__operation *operation)
{
    return apm__atomic_load(&operation->kind, APM__RELAXED) == APM__OPERATION_STREAM_WRITE;
}

/* Whether the stream's reads, or writes, are begun: their method does not wait for the outcome. */
static bool has_begin(const struct apm__stream *stream, bool write)
{
    return write ? stream->hosted.methods.begin_write != NULL : stream->hosted.methods.begin_read != NULL;
}

static struct apm__stream_lane *lane_for(struct apm__stream *stream, bool write)
{
    return &stream->hosted.lanes[write && !stream->hosted.methods.seek];
}

/* -- Lanes, under the lock ----------------------------------------------------------------------------------------- */

static void append_locked(struct apm__stream_lane *lane, struct apm__operation *operation)
{
    operation->next = NULL;
    operation->previous = lane->tail;
    if (lane->tail)
        lane->tail->next = operation;
    else
        lane->head = operation;
    lane->tail = operation;
    operation->place = APM__PLACE_QUEUED;
}

static void remove_locked(struct apm__stream_lane *lane, struct apm__operation *operation)
{
    if (operation->previous)
        operation->previous->next = operation->next;
    else
        lane->head = operation->next;
    if (operation->next)
        operation->next->previous = operation->previous;
    else
        lane->tail = operation->previous;
}

/* Takes up the lane's next operation if it can: the caller then submits its start, once it has released the lock. */
static struct request *take_up_locked(struct apm__stream *stream, struct apm__stream_lane *lane)
{
    struct apm__operation *operation = lane->head;
    if (lane->busy || !operation)
        return NULL;
    remove_locked(lane, operation);
    operation->place = APM__PLACE_RUNNING;
    lane->current = operation;
    lane->busy = true;
    stream->hosted.users++;
    apm__slot_retain(&operation->slot); /* the start's */
    return operation->request;
}

/* Ends a use of the context. True: the caller has to call the method `close`, once it has released the lock. */
static bool leave_locked(struct apm__stream *stream)
{
    stream->hosted.users--;
    bool ends = stream->hosted.closed && stream->hosted.users == 0 && !stream->hosted.ended;
    stream->hosted.ended = stream->hosted.ended || ends;
    return ends;
}

/* Ends the context, if that is what leave_locked has said; the caller may not touch the stream afterwards. */
static void call_close_if(bool ends, struct apm__stream *stream)
{
    if (!ends)
        return;
    if (stream->hosted.methods.close)
        stream->hosted.methods.close(stream->hosted.context);
    apm__stream_release(stream); /* the context's */
}

bool apm__hosted_enter(struct apm__stream *stream)
{
    apm__os_mutex_lock(&stream->lock);
    bool enters = !stream->hosted.closed;
    stream->hosted.users += enters;
    apm__os_mutex_unlock(&stream->lock);
    return enters;
}

void apm__hosted_leave(struct apm__stream *stream)
{
    apm__os_mutex_lock(&stream->lock);
    bool ends = leave_locked(stream);
    apm__os_mutex_unlock(&stream->lock);
    call_close_if(ends, stream);
}

/* Lets go of a lane on which nothing is in progress any more, and releases the lock. True as leave_locked. */
static bool leave_lane_and_unlock(struct apm__stream *stream, struct apm__stream_lane *lane)
{
    lane->busy = false;
    bool ends = leave_locked(stream);
    struct request *next = take_up_locked(stream, lane);
    apm__os_mutex_unlock(&stream->lock);
    if (next)
        apm__pool_submit(stream->pool, &next->start);
    return ends;
}

/* -- Performing ---------------------------------------------------------------------------------------------------- */

/* Ends the operation that the lane performs, with its outcome. The lock is held, and released. */
static void settle_and_unlock(struct apm__stream *stream, struct apm__operation *operation, apm_error error,
                              size_t transferred)
{
    struct apm__stream_lane *lane = lane_for(stream, is_write(operation));
    operation->place = APM__PLACE_DETACHED;
    operation->error = error == APM_ERROR_OPERATION_ABORTED && operation->wish ? operation->wish : error;
    operation->transferred = transferred;
    lane->current = NULL;
    bool ends = false;
    if (lane->cancelling) /* invariant 1: that call goes on with the lane */
        apm__os_mutex_unlock(&stream->lock);
    else
        ends = leave_lane_and_unlock(stream, lane);
    apm__operation_complete(operation);
    call_close_if(ends, stream);
}

/* Calls `read`, on whatever thread. More bytes than fit into the buffer are a defect of the method. */
static apm_error call_read(struct apm__stream *stream, void *buffer, size_t size, size_t *read)
{
    if (stream->hosted.blocks)
        apm__pool_begin_blocking();
    apm_error error = stream->hosted.methods.read(stream->hosted.context, buffer, size, read);
    if (stream->hosted.blocks)
        apm__pool_end_blocking();
    return error == APM_ERROR_SUCCESS && *read > size ? APM_ERROR_INVALID_OPERATION : error;
}

static apm_error call_write(struct apm__stream *stream, const void *buffer, size_t size)
{
    if (stream->hosted.blocks)
        apm__pool_begin_blocking();
    apm_error error = stream->hosted.methods.write(stream->hosted.context, buffer, size);
    if (stream->hosted.blocks)
        apm__pool_end_blocking();
    return error;
}

/* A method of one stream may use another stream: who has called the method makes `current` again what this gives. */
static struct call enter_method(struct apm__stream *stream, const struct apm__operation *operation)
{
    struct call outer = current;
    current = (struct call){stream, operation};
    return outer;
}

bool apm_stream_is_cancellation_requested(void)
{
    struct apm__stream *stream = current.stream;
    if (!stream)
        return false;
    apm__os_mutex_lock(&stream->lock);
    bool requested = current.operation ? current.operation->wish != APM_ERROR_SUCCESS : stream->hosted.closed;
    apm__os_mutex_unlock(&stream->lock);
    return requested;
}

/* Calls the method for the operation. True: it has completed, or will, by apm_stream_complete. */
static bool call_method(struct apm__stream *stream, struct apm__operation *operation, apm_error *error, size_t *read)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    void *context = stream->hosted.context;
    apm_async_result handle = apm__operation_handle(operation);
    bool write = is_write(operation);
    bool begins = has_begin(stream, write);
    struct call outer = enter_method(stream, operation);
    if (begins)
        *error = write ? methods->begin_write(context, operation->buffer, operation->size, handle)
                       : methods->begin_read(context, operation->buffer, operation->size, handle);
    else
        *error = write ? call_write(stream, operation->buffer, operation->size)
                       : call_read(stream, operation->buffer, operation->size, read);
    current = outer;
    return begins && *error == APM_ERROR_SUCCESS;
}

/* Has the method `cancel` called for an operation in progress; the caller submits what this gives. */
static struct request *plan_cancel_locked(struct apm__stream *stream, struct apm__operation *operation)
{
    struct request *request = operation->request;
    struct apm__stream_lane *lane = lane_for(stream, is_write(operation));
    if (!request->cancellable || lane->cancelling || !stream->hosted.methods.cancel)
        return NULL;
    lane->cancelling = true;
    apm__slot_retain(&operation->slot); /* the cancel's */
    return request;
}

/* The start's use of the context ends. If a begin_ method goes on, a cancel that was wished for meanwhile is due. */
static void leave_method(struct apm__stream *stream, struct apm__operation *operation)
{
    struct request *request = operation->request;
    struct request *cancelled = NULL;
    apm__os_mutex_lock(&stream->lock);
    if (operation->place == APM__PLACE_RUNNING) {
        request->cancellable = true;
        if (operation->wish)
            cancelled = plan_cancel_locked(stream, operation);
    }
    bool ends = leave_locked(stream);
    apm__os_mutex_unlock(&stream->lock);
    if (cancelled)
        apm__pool_submit(stream->pool, &cancelled->cancel);
    call_close_if(ends, stream);
}

/* Starts an operation that has been taken up. */
static void start(struct apm__work *work)
{
    struct request *request = (struct request *)(void *)work;
    struct apm__operation *operation = request->operation;
    struct apm__stream *stream = stream_of(operation);
    apm_error error = APM_ERROR_OPERATION_ABORTED; /* it is abandoned: the method has ended its thread */
    size_t read = 0;
    bool settles = request->in_method;
    if (apm__pool_is_abandoning()) {
        current = (struct call){0}; /* the method has not come to its end, where this is done */
    } else {
        apm__os_mutex_lock(&stream->lock);
        request->started = operation->wish == APM_ERROR_SUCCESS;
        request->cancellable = request->started && !has_begin(stream, is_write(operation));
        stream->hosted.users++;
        apm__os_mutex_unlock(&stream->lock);
        request->in_method = true;
        settles = !request->started || !call_method(stream, operation, &error, &read);
    }
    if (settles) {
        apm__os_mutex_lock(&stream->lock);
        if (operation->place == APM__PLACE_RUNNING) /* unless a method has both completed it and failed */
            settle_and_unlock(stream, operation, error, error == APM_ERROR_SUCCESS ? read : 0);
        else
            apm__os_mutex_unlock(&stream->lock);
    }
    if (request->in_method) {
        request->in_method = false; /* before the method `close`, which may end the thread, too */
        leave_method(stream, operation);
    }
    apm__operation_release(operation); /* the start's */
}

apm_error apm_stream_complete(apm_async_result handle, apm_error error, size_t transferred)
{
    struct apm__slot *slot;
    apm_error found = apm__slot_acquire(&apm__operations, handle.bits, 0, &slot);
    if (found != APM_ERROR_SUCCESS)
        return found == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_INVALID_OPERATION : found;
    struct apm__operation *operation = (struct apm__operation *)slot;
    if (operation->cancel != apm__hosted_cancel) {
        apm__operation_release(operation);
        return APM_ERROR_ARGUMENT;
    }
    struct apm__stream *stream = stream_of(operation);
    const struct request *request = operation->request;
    bool write = is_write(operation);
    apm__os_mutex_lock(&stream->lock);
    if (operation->place != APM__PLACE_RUNNING || !request->started || !has_begin(stream, write)) {
        found = APM_ERROR_INVALID_OPERATION;
        apm__os_mutex_unlock(&stream->lock);
    } else if (!write && transferred > operation->size) {
        found = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
        apm__os_mutex_unlock(&stream->lock);
    } else {
        settle_and_unlock(stream, operation, error, write || error != APM_ERROR_SUCCESS ? 0 : transferred);
    }
    apm__operation_release(operation);
    return found;
}

/* -- Beginning ----------------------------------------------------------------------------------------------------- */

static void finished(struct apm__operation *operation)
{
    apm__stream_release(stream_of(operation));
}

static void call_cancel(struct apm__work *work);

static apm_error begin(struct apm__stream *stream, bool write, void *buffer, size_t size, apm_async_callback *callback,
                       void *state, apm_async_result *result)
{
    struct apm__operation *operation;
    struct apm__operation_origin origin = {.kind = write ? APM__OPERATION_STREAM_WRITE : APM__OPERATION_STREAM_READ,
                                           .owner = apm__slot_handle(&stream->slot),
                                           .pool = stream->pool,
                                           .place_owner = stream,
                                           .cancel = apm__hosted_cancel};
    if (!buffer)
        return APM_ERROR_ARGUMENT_NULL;
    if (size > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct request *request = apm__os_allocate(sizeof *request);
    if (!request)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__operation_create(&origin, callback, state, result, &operation);
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(request);
        return error;
    }
    request->start.run = start;
    request->cancel.run = call_cancel;
    request->operation = operation;
    operation->request = request; /* freed with it */
    operation->buffer = buffer;
    operation->size = size;

    struct apm__stream_lane *lane = lane_for(stream, write);
    apm__os_mutex_lock(&stream->lock);
    if (stream->hosted.closed) {
        apm__os_mutex_unlock(&stream->lock);
        apm__operation_discard(operation, result);
        return APM_ERROR_OBJECT_DISPOSED;
    }
    operation->finished = finished;
    apm__slot_retain(&stream->slot); /* the operation's */
    append_locked(lane, operation);
    struct request *next = take_up_locked(stream, lane);
    apm__os_mutex_unlock(&stream->lock);
    if (next)
        apm__pool_submit(stream->pool, &next->start);
    return APM_ERROR_SUCCESS;
}

apm_error apm__hosted_begin_read(struct apm__stream *stream, void *buffer, size_t size, apm_async_callback *callback,
                                 void *state, apm_async_result *result)
{
    return begin(stream, false, buffer, size, callback, state, result);
}

apm_error apm__hosted_begin_write(struct apm__stream *stream, const void *buffer, size_t size,
                                  apm_async_callback *callback, void *state, apm_async_result *result)
{
    return begin(stream, true, (void *)(uintptr_t)buffer, size, callback, state, result); /* it is only read */
}

/* -- Synchronous calls --------------------------------------------------------------------------------------------- */

/* Makes the calling thread the one that performs the lane, if nothing is in progress there and nothing waits. */
static bool try_enter_lane(struct apm__stream *stream, struct apm__stream_lane *lane)
{
    apm__os_mutex_lock(&stream->lock);
    bool enters = !lane->busy && !lane->head && !stream->hosted.closed;
    if (enters) {
        lane->busy = true;
        stream->hosted.users++;
    }
    apm__os_mutex_unlock(&stream->lock);
    return enters;
}

static void leave_lane(struct apm__stream *stream, struct apm__stream_lane *lane)
{
    apm__os_mutex_lock(&stream->lock);
    bool ends = leave_lane_and_unlock(stream, lane);
    call_close_if(ends, stream);
}

apm_error apm__hosted_read(struct apm__stream *stream, void *buffer, size_t size, size_t *read)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    struct apm__stream_lane *lane = lane_for(stream, false);
    if (!buffer || size > INT_MAX)
        return buffer ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_ARGUMENT_NULL;
    if (methods->read && try_enter_lane(stream, lane)) {
        struct call outer = enter_method(stream, NULL);
        apm_error error = call_read(stream, buffer, size, read);
        current = outer;
        leave_lane(stream, lane);
        if (error != APM_ERROR_SUCCESS)
            *read = 0;
        return error;
    }
    apm_async_result result;
    apm_error error = begin(stream, false, buffer, size, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_stream_end_read((apm_stream){apm__slot_handle(&stream->slot)}, result, read);
}

apm_error apm__hosted_write(struct apm__stream *stream, const void *buffer, size_t size)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    struct apm__stream_lane *lane = lane_for(stream, true);
    if (!buffer || size > INT_MAX)
        return buffer ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_ARGUMENT_NULL;
    if (methods->write && try_enter_lane(stream, lane)) {
        struct call outer = enter_method(stream, NULL);
        apm_error error = call_write(stream, buffer, size);
        current = outer;
        leave_lane(stream, lane);
        return error;
    }
    apm_async_result result;
    apm_error error = apm__hosted_begin_write(stream, buffer, size, NULL, NULL, &result);
    if (error != APM_ERROR_SUCCESS)
        return error;
    return apm_stream_end_write((apm_stream){apm__slot_handle(&stream->slot)}, result);
}

/* -- Cancelling and closing ---------------------------------------------------------------------------------------- */

static void call_cancel(struct apm__work *work)
{
    struct request *request = (struct request *)(void *)((unsigned char *)work - offsetof(struct request, cancel));
    struct apm__operation *operation = request->operation;
    struct apm__stream *stream = stream_of(operation);
    struct apm__stream_lane *lane = lane_for(stream, is_write(operation));
    if (!apm__pool_is_abandoning())
        stream->hosted.methods.cancel(stream->hosted.context, apm__operation_handle(operation));
    apm__os_mutex_lock(&stream->lock);
    lane->cancelling = false;
    bool ends = false;
    if (lane->current) /* the operation is still in progress */
        apm__os_mutex_unlock(&stream->lock);
    else
        ends = leave_lane_and_unlock(stream, lane);
    call_close_if(ends, stream);
    apm__operation_release(operation);
}

void apm__hosted_cancel(struct apm__operation *operation, apm_error reason)
{
    struct apm__stream *stream = stream_of(operation);
    apm__os_mutex_lock(&stream->lock);
    if (operation->place == APM__PLACE_QUEUED) {
        remove_locked(lane_for(stream, is_write(operation)), operation);
        operation->place = APM__PLACE_DETACHED;
        apm__os_mutex_unlock(&stream->lock);
        operation->error = reason;
        apm__operation_complete(operation);
        return;
    }
    struct request *request = NULL;
    if (operation->place == APM__PLACE_RUNNING && operation->wish == APM_ERROR_SUCCESS) {
        operation->wish = reason;
        request = plan_cancel_locked(stream, operation);
    }
    apm__os_mutex_unlock(&stream->lock);
    if (request)
        apm__pool_submit(stream->pool, &request->cancel);
}

/* Takes what waits on the lane out, behind `taken`, and sees to it that what is in progress is asked to end. */
static struct apm__operation **empty_locked(struct apm__stream *stream, struct apm__stream_lane *lane,
                                            struct apm__operation **taken, struct request **cancel)
{
    *taken = lane->head;
    for (struct apm__operation *operation = lane->head; operation; operation = operation->next) {
        operation->place = APM__PLACE_DETACHED;
        taken = &operation->next;
    }
    lane->head = NULL;
    lane->tail = NULL;
    if (lane->current && lane->current->wish == APM_ERROR_SUCCESS) {
        lane->current->wish = APM_ERROR_OPERATION_ABORTED;
        *cancel = plan_cancel_locked(stream, lane->current);
    }
    return taken;
}

void apm__hosted_close(struct apm__stream *stream)
{
    struct apm__operation *taken = NULL;
    struct apm__operation **end = &taken;
    struct request *cancels[2] = {NULL, NULL};
    bool calls = false; /* a synchronous call is in progress */
    apm__os_mutex_lock(&stream->lock);
    stream->hosted.closed = true;
    for (int i = 0; i < 2; i++) {
        struct apm__stream_lane *lane = &stream->hosted.lanes[i];
        calls = calls || (lane->busy && !lane->current && !lane->cancelling);
        end = empty_locked(stream, lane, end, &cancels[i]);
    }
    stream->hosted.users++; /* this call */
    apm__os_mutex_unlock(&stream->lock);
    for (int i = 0; i < 2; i++)
        if (cancels[i])
            apm__pool_submit(stream->pool, &cancels[i]->cancel);
    if (calls && stream->hosted.methods.cancel)
        stream->hosted.methods.cancel(stream->hosted.context, (apm_async_result)APM_NULL_HANDLE);
    while (taken) {
        struct apm__operation *next = taken->next;
        taken->error = APM_ERROR_OPERATION_ABORTED;
        apm__operation_complete(taken);
        taken = next;
    }
    apm__hosted_leave(stream);
}
