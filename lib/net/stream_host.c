/*
 * Creating hosted streams, and their methods that are neither reads nor writes. Any thread.
 */
#include "hosted_stream.h"
#include "pools.h"

static uint32_t abilities(const struct apm__stream *stream)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    uint32_t able = 0;
    if (methods->read || methods->begin_read)
        able |= APM__STREAM_CAN_READ;
    if (methods->write || methods->begin_write)
        able |= APM__STREAM_CAN_WRITE;
    if (methods->seek)
        able |= APM__STREAM_CAN_SEEK;
    if (methods->read_timeout)
        able |= APM__STREAM_CAN_TIMEOUT;
    return able;
}

static apm_error flush(struct apm__stream *stream)
{
    apm_error error = APM_ERROR_SUCCESS;
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    if (stream->hosted.methods.flush)
        error = stream->hosted.methods.flush(stream->hosted.context);
    apm__hosted_leave(stream);
    return error;
}

static apm_error get_length(struct apm__stream *stream, int64_t *length)
{
    if (!stream->hosted.methods.length)
        return APM_ERROR_NOT_SUPPORTED;
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = stream->hosted.methods.length(stream->hosted.context, length);
    apm__hosted_leave(stream);
    return error;
}

static apm_error set_length(struct apm__stream *stream, int64_t length)
{
    if (!stream->hosted.methods.set_length)
        return APM_ERROR_NOT_SUPPORTED;
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = stream->hosted.methods.set_length(stream->hosted.context, length);
    apm__hosted_leave(stream);
    return error;
}

static apm_error seek(struct apm__stream *stream, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = stream->hosted.methods.seek(stream->hosted.context, offset, origin, position);
    apm__hosted_leave(stream);
    return error;
}

static apm_error get_timeout(struct apm__stream *stream, bool of_writes, int *timeout_ms)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = of_writes ? methods->write_timeout(stream->hosted.context, timeout_ms)
                                : methods->read_timeout(stream->hosted.context, timeout_ms);
    apm__hosted_leave(stream);
    return error;
}

static apm_error set_timeout(struct apm__stream *stream, bool of_writes, int timeout_ms)
{
    const apm_stream_methods *methods = &stream->hosted.methods;
    if (!apm__hosted_enter(stream))
        return APM_ERROR_OBJECT_DISPOSED;
    apm_error error = of_writes ? methods->set_write_timeout(stream->hosted.context, timeout_ms)
                                : methods->set_read_timeout(stream->hosted.context, timeout_ms);
    apm__hosted_leave(stream);
    return error;
}

static const struct apm__stream_class hosted_class = {
    .misuse = APM_ERROR_NOT_SUPPORTED,
    .abilities = abilities,
    .begin_read = apm__hosted_begin_read,
    .begin_write = apm__hosted_begin_write,
    .read = apm__hosted_read,
    .write = apm__hosted_write,
    .flush = flush,
    .length = get_length,
    .set_length = set_length,
    .seek = seek,
    .timeout = get_timeout,
    .set_timeout = set_timeout,
    .close = apm__hosted_close,
};

/* -- Creating ------------------------------------------------------------------------------------------------------ */

/* Has them all or none. */
static bool has_fitting_timeouts(const apm_stream_methods *methods)
{
    int count = (methods->read_timeout != NULL) + (methods->set_read_timeout != NULL) +
                (methods->write_timeout != NULL) + (methods->set_write_timeout != NULL);
    return count == 0 || count == 4;
}

apm_error apm__stream_host(struct apm__pool *pool, const apm_stream_methods *methods, void *context, bool blocks,
                           apm_stream *handle)
{
    apm_error error = apm__pool_start(pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__stream *stream = apm__stream_allocate(&hosted_class, pool);
    if (!stream)
        return APM_ERROR_OUT_OF_MEMORY;
    /* Under the lock, since a late call of what the slot held before may be looking at it. */
    apm__os_mutex_lock(&stream->lock);
    stream->hosted.methods = *methods;
    stream->hosted.context = context;
    stream->hosted.blocks = blocks;
    stream->hosted.lanes[0] = (struct apm__stream_lane){0};
    stream->hosted.lanes[1] = (struct apm__stream_lane){0};
    stream->hosted.users = 0;
    stream->hosted.closed = false;
    stream->hosted.ended = true; /* until it is known to stay: a stream that fails closes no context */
    apm__os_mutex_unlock(&stream->lock);
    apm__slot_publish(&stream->slot, 2, 0); /* the open stream's, and the context's */
    handle->bits = apm__slot_handle(&stream->slot);
    if (!apm__pool_is_still_open(pool))
        apm_stream_close(*handle); /* the pool's end may have missed it */
    apm__os_mutex_lock(&stream->lock);
    bool closed = stream->hosted.closed;
    stream->hosted.ended = closed;
    apm__os_mutex_unlock(&stream->lock);
    if (!closed)
        return APM_ERROR_SUCCESS;
    *handle = (apm_stream)APM_NULL_HANDLE;
    apm__stream_release(stream); /* the context's */
    return APM_ERROR_INVALID_OPERATION;
}

apm_error apm_stream_create(apm_thread_pool handle, const apm_stream_methods *methods, void *context,
                            apm_stream *stream)
{
    struct apm__pool *pool;
    if (!stream)
        return APM_ERROR_ARGUMENT_NULL;
    *stream = (apm_stream)APM_NULL_HANDLE;
    if (!methods)
        return APM_ERROR_ARGUMENT_NULL;
    if (!has_fitting_timeouts(methods))
        return APM_ERROR_ARGUMENT;
    apm_error error = apm__pool_acquire(handle, &pool);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__stream_host(pool, methods, context, true, stream);
    apm__pool_release(pool);
    return error;
}

apm_error apm__stream_use(apm_stream handle, apm_error (*length)(void *context, int64_t *length),
                          apm_error (*use)(void *context, void *argument), void *argument)
{
    struct apm__stream *stream;
    apm_error error = apm__stream_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (stream->type != &hosted_class || stream->hosted.methods.length != length) {
        error = APM_ERROR_ARGUMENT;
    } else if (!apm__hosted_enter(stream)) {
        error = APM_ERROR_OBJECT_DISPOSED;
    } else {
        error = use(stream->hosted.context, argument);
        apm__hosted_leave(stream);
    }
    apm__stream_release(stream);
    return error;
}
