/*
 * Streams of TLS: handles, operations, closing: apm/ssl_stream.h. Any thread. See ssl_stream.h for the invariants.
 */
#include "ssl_stream.h"

#include <limits.h>
#include <string.h>

static struct apm__ssl *ssl_of(const struct apm__stream *stream)
{
    return stream->own;
}

enum apm__ssl_task apm__ssl_task_of(const struct apm__operation *operation)
{
    switch (apm__atomic_load(&operation->kind, APM__RELAXED)) {
    case APM__OPERATION_STREAM_READ: return APM__SSL_READ;
    case APM__OPERATION_STREAM_WRITE: return APM__SSL_WRITE;
    case APM__OPERATION_SHUTDOWN: return APM__SSL_SHUTDOWN;
    default: return APM__SSL_AUTHENTICATE;
    }
}

/* -- Failure ------------------------------------------------------------------------------------------------------- */

void apm__ssl_fail_locked(struct apm__ssl *ssl, apm_error error, const char *text)
{
    if (ssl->phase == APM__SSL_FAILED)
        return;
    ssl->phase = APM__SSL_FAILED;
    ssl->failure = error;
    ssl->again = true;
    strncpy(ssl->text, text ? text : apm_error_message(error), sizeof ssl->text - 1);
}

void apm__ssl_fail(struct apm__ssl *ssl, apm_error error, const char *text)
{
    apm__os_mutex_lock(&ssl->stream->lock);
    apm__ssl_fail_locked(ssl, error, text);
    apm__os_mutex_unlock(&ssl->stream->lock);
}

void apm__ssl_give_up_locked(struct apm__ssl *ssl, enum apm__ssl_task task, struct apm__operation *operation,
                             apm_error error)
{
    if (task == APM__SSL_AUTHENTICATE)
        apm__ssl_fail_locked(ssl, error, "The handshake was given up");
    else if (task == APM__SSL_WRITE && operation->transferred > 0 && operation->transferred < operation->size)
        ssl->cut_short = true;
}

static void cancel(struct apm__operation *operation, apm_error reason)
{
    struct apm__stream *stream = operation->place_owner;
    struct apm__ssl *ssl = ssl_of(stream);
    bool owns = false;
    apm__os_mutex_lock(&stream->lock);
    if (operation->place == APM__PLACE_QUEUED) {
        enum apm__ssl_task task = apm__ssl_task_of(operation);
        apm__ssl_give_up_locked(ssl, task, operation, reason);
        ssl->operations[task] = NULL;
        operation->place = APM__PLACE_DETACHED;
        owns = true;
    } else if (operation->place == APM__PLACE_RUNNING && operation->wish == APM_ERROR_SUCCESS) {
        operation->wish = reason;
    }
    apm__os_mutex_unlock(&stream->lock);
    if (!owns)
        return;
    operation->error = reason;
    apm__operation_complete(operation);
}

/* -- Beginning ----------------------------------------------------------------------------------------------------- */

static void finished(struct apm__operation *operation)
{
    apm__stream_release(operation->place_owner);
}

/* What Begin itself says. */
static apm_error refusal_locked(const struct apm__ssl *ssl, enum apm__ssl_task task)
{
    if (ssl->closed)
        return APM_ERROR_OBJECT_DISPOSED;
    if (ssl->phase == APM__SSL_FAILED && !ssl->opened)
        return ssl->failure;
    if (task != APM__SSL_AUTHENTICATE && !ssl->opened)
        return APM_ERROR_INVALID_OPERATION;
    return APM_ERROR_SUCCESS;
}

/* Whether the operation has an outcome as soon as it begins. */
static bool is_settled_locked(struct apm__ssl *ssl, enum apm__ssl_task task, apm_error *outcome)
{
    *outcome = APM_ERROR_SUCCESS;
    if (task == APM__SSL_AUTHENTICATE && ssl->opened)
        return true;
    if (ssl->operations[task] || (task == APM__SSL_AUTHENTICATE && ssl->phase == APM__SSL_HANDSHAKE)) {
        *outcome = task == APM__SSL_AUTHENTICATE ? APM_ERROR_INVALID_OPERATION : APM_ERROR_NOT_SUPPORTED;
        return true;
    }
    if (task == APM__SSL_WRITE && (ssl->shut_down || ssl->cut_short)) {
        *outcome = ssl->shut_down ? APM_ERROR_INVALID_OPERATION : APM_ERROR_SHUTDOWN;
        return true;
    }
    return false;
}

static void admit_locked(struct apm__ssl *ssl, struct apm__ssl_beginning *beginning, struct apm__operation *operation)
{
    enum apm__ssl_task task = apm__ssl_task_of(operation);
    operation->place = APM__PLACE_QUEUED;
    ssl->operations[task] = operation;
    if (task == APM__SSL_SHUTDOWN)
        ssl->shut_down = true;
    if (task != APM__SSL_AUTHENTICATE)
        return;
    ssl->phase = APM__SSL_HANDSHAKE;
    ssl->is_server = beginning->kind == APM__OPERATION_AUTHENTICATE_AS_SERVER;
    ssl->context = beginning->context;
    beginning->used = true;
    strncpy(ssl->host, beginning->host ? beginning->host : "", sizeof ssl->host - 1);
}

apm_error apm__ssl_begin(struct apm__stream *stream, struct apm__ssl_beginning *beginning, apm_async_callback *callback,
                         void *state, apm_async_result *result)
{
    struct apm__ssl *ssl = ssl_of(stream);
    struct apm__operation *operation;
    struct apm__operation_origin origin = {.kind = beginning->kind,
                                           .owner = apm__slot_handle(&stream->slot),
                                           .pool = stream->pool,
                                           .place_owner = stream,
                                           .cancel = cancel};
    apm_error outcome;
    apm_error error = apm__operation_create(&origin, callback, state, result, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    operation->buffer = beginning->buffer;
    operation->size = beginning->size;
    enum apm__ssl_task task = apm__ssl_task_of(operation);

    apm__os_mutex_lock(&stream->lock);
    error = refusal_locked(ssl, task);
    bool settled = error == APM_ERROR_SUCCESS && is_settled_locked(ssl, task, &outcome);
    if (error == APM_ERROR_SUCCESS) {
        operation->finished = finished;
        apm__slot_retain(&stream->slot); /* the operation's */
        if (settled)
            operation->place = APM__PLACE_DETACHED;
        else
            admit_locked(ssl, beginning, operation);
    }
    apm__os_mutex_unlock(&stream->lock);
    if (error != APM_ERROR_SUCCESS) {
        apm__operation_discard(operation, result);
        return error;
    }
    if (settled) {
        operation->error = outcome;
        apm__operation_complete(operation);
    } else {
        apm__ssl_stir(ssl);
    }
    return APM_ERROR_SUCCESS;
}

static apm_error check_buffer(const void *buffer, size_t size)
{
    if (!buffer)
        return APM_ERROR_ARGUMENT_NULL;
    return size > INT_MAX ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_SUCCESS;
}

static apm_error begin_read(struct apm__stream *stream, void *buffer, size_t size, apm_async_callback *callback,
                            void *state, apm_async_result *result)
{
    struct apm__ssl_beginning beginning = {.kind = APM__OPERATION_STREAM_READ, .buffer = buffer, .size = size};
    apm_error error = check_buffer(buffer, size);
    return error == APM_ERROR_SUCCESS ? apm__ssl_begin(stream, &beginning, callback, state, result) : error;
}

static apm_error begin_write(struct apm__stream *stream, const void *buffer, size_t size, apm_async_callback *callback,
                             void *state, apm_async_result *result)
{
    struct apm__ssl_beginning beginning = {
        .kind = APM__OPERATION_STREAM_WRITE, .buffer = (void *)(uintptr_t)buffer, .size = size}; /* it is only read */
    apm_error error = check_buffer(buffer, size);
    return error == APM_ERROR_SUCCESS ? apm__ssl_begin(stream, &beginning, callback, state, result) : error;
}

/* -- Synchronous calls --------------------------------------------------------------------------------------------- */

static apm_error end_within(struct apm__stream *stream, apm_async_result result, enum apm__operation_kind kind,
                            bool of_writes, size_t *transferred)
{
    uint64_t owner = apm__slot_handle(&stream->slot);
    struct apm__operation *operation;
    apm__os_mutex_lock(&stream->lock);
    int timeout_ms = ssl_of(stream)->timeouts_ms[of_writes];
    apm__os_mutex_unlock(&stream->lock);
    apm_error error = apm__operation_end_within(result, kind, owner, timeout_ms < 0 ? 0 : timeout_ms, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *transferred = operation->transferred;
    error = operation->error;
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED && apm__stream_is_closed((apm_stream){owner})
               ? APM_ERROR_OBJECT_DISPOSED
               : error;
}

static apm_error read_stream(struct apm__stream *stream, void *buffer, size_t size, size_t *read)
{
    apm_async_result result;
    apm_error error = begin_read(stream, buffer, size, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? end_within(stream, result, APM__OPERATION_STREAM_READ, false, read) : error;
}

static apm_error write_stream(struct apm__stream *stream, const void *buffer, size_t size)
{
    apm_async_result result;
    size_t unwanted;
    apm_error error = begin_write(stream, buffer, size, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? end_within(stream, result, APM__OPERATION_STREAM_WRITE, true, &unwanted)
                                      : error;
}

/* -- The rest of the class ----------------------------------------------------------------------------------------- */

static uint32_t abilities(const struct apm__stream *stream)
{
    (void)stream;
    return APM__STREAM_CAN_READ | APM__STREAM_CAN_WRITE | APM__STREAM_CAN_TIMEOUT;
}

/* A write has ended when the inner stream has accepted it. */
static apm_error flush(struct apm__stream *stream)
{
    return apm_stream_flush(ssl_of(stream)->inner);
}

static apm_error get_timeout(struct apm__stream *stream, bool of_writes, int *timeout_ms)
{
    apm__os_mutex_lock(&stream->lock);
    *timeout_ms = ssl_of(stream)->timeouts_ms[of_writes];
    apm__os_mutex_unlock(&stream->lock);
    return APM_ERROR_SUCCESS;
}

static apm_error set_timeout(struct apm__stream *stream, bool of_writes, int timeout_ms)
{
    apm__os_mutex_lock(&stream->lock);
    ssl_of(stream)->timeouts_ms[of_writes] = timeout_ms;
    apm__os_mutex_unlock(&stream->lock);
    return APM_ERROR_SUCCESS;
}

static void close_stream(struct apm__stream *stream)
{
    struct apm__ssl *ssl = ssl_of(stream);
    struct apm__operation *taken[APM__SSL_TASKS] = {NULL};
    apm__os_mutex_lock(&stream->lock);
    ssl->closed = true;
    for (int task = 0; task < APM__SSL_TASKS; task++) {
        struct apm__operation *operation = ssl->operations[task];
        if (operation && operation->place == APM__PLACE_QUEUED) {
            apm__ssl_give_up_locked(ssl, (enum apm__ssl_task)task, operation, APM_ERROR_OPERATION_ABORTED);
            ssl->operations[task] = NULL;
            operation->place = APM__PLACE_DETACHED;
            taken[task] = operation;
        } else if (operation && operation->wish == APM_ERROR_SUCCESS) {
            operation->wish = APM_ERROR_OPERATION_ABORTED;
        }
    }
    apm__os_mutex_unlock(&stream->lock);
    for (int task = 0; task < APM__SSL_TASKS; task++) {
        if (taken[task]) {
            taken[task]->error = APM_ERROR_OPERATION_ABORTED;
            apm__operation_complete(taken[task]);
        }
    }
    apm__ssl_stir(ssl);
}

static void free_stream(struct apm__stream *stream)
{
    struct apm__ssl *ssl = ssl_of(stream);
    stream->own = NULL;
    apm__tls_engine_destroy(ssl->engine);
    apm__ssl_context_release(ssl->context);
    apm__tls_certificate_destroy(ssl->remote);
    apm__tls_certificate_destroy(ssl->local);
    apm__os_free(ssl->input);
    apm__os_free(ssl);
}

static const struct apm__stream_class ssl_class = {
    .misuse = APM_ERROR_NOT_SUPPORTED,
    .abilities = abilities,
    .begin_read = begin_read,
    .begin_write = begin_write,
    .read = read_stream,
    .write = write_stream,
    .flush = flush,
    .timeout = get_timeout,
    .set_timeout = set_timeout,
    .close = close_stream,
    .free = free_stream,
};

apm_error apm__ssl_hold(apm_stream handle, struct apm__stream **stream)
{
    apm_error error = apm__stream_hold(handle, stream);
    if (error != APM_ERROR_SUCCESS || (*stream)->type == &ssl_class)
        return error;
    apm__stream_release(*stream);
    *stream = NULL;
    return APM_ERROR_ARGUMENT;
}

apm_error apm_ssl_stream_create(apm_stream inner_stream, bool leave_inner_stream_open, apm_stream *handle)
{
    struct apm__stream *inner;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = (apm_stream)APM_NULL_HANDLE;
    apm_error error = apm__stream_hold(inner_stream, &inner);
    if (error != APM_ERROR_SUCCESS)
        return error;
    const uint32_t wanted = APM__STREAM_CAN_READ | APM__STREAM_CAN_WRITE;
    bool fits = (inner->type->abilities(inner) & wanted) == wanted;
    struct apm__pool *pool = inner->pool;
    if (fits && !leave_inner_stream_open)
        apm__atomic_store(&inner->owned, 1, APM__RELAXED);
    apm__stream_release(inner);
    if (!fits)
        return APM_ERROR_ARGUMENT;
    error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__ssl *ssl = apm__os_allocate(sizeof *ssl);
    unsigned char *input = apm__os_allocate(APM__SSL_SHORT_INPUT_SIZE);
    struct apm__stream *stream = ssl && input ? apm__stream_allocate(&ssl_class, pool) : NULL;
    if (!stream) {
        apm__os_free(input);
        apm__os_free(ssl);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    ssl->input = input;
    ssl->input_size = APM__SSL_SHORT_INPUT_SIZE;
    ssl->work.run = apm__ssl_pump;
    ssl->stream = stream;
    ssl->inner = inner_stream;
    ssl->leave_open = leave_inner_stream_open;
    ssl->timeouts_ms[0] = -1;
    ssl->timeouts_ms[1] = -1;
    stream->own = ssl;
    apm__slot_publish(&stream->slot, 2, 0); /* the open stream's, and that which the last step of closing gives back */
    handle->bits = apm__slot_handle(&stream->slot);
    if (apm__pool_is_still_open(pool))
        return APM_ERROR_SUCCESS;
    ssl->leave_open = true;    /* the inner stream stays the caller's */
    apm_stream_close(*handle); /* the pool's end may have missed it */
    *handle = (apm_stream)APM_NULL_HANDLE;
    return APM_ERROR_INVALID_OPERATION;
}
