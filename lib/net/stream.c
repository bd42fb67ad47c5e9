/*
 * Streams: handles, closing, properties, writing. See stream.h. Any thread.
 */
#include "stream.h"

#include "begin.h"
#include "inventory.h"

static void prepare(struct apm__slot *slot)
{
    apm__os_mutex_initialise(&((struct apm__stream *)slot)->lock);
}

struct apm__slot_table apm__streams = APM__SLOT_TABLE(APM__KIND_STREAM, struct apm__stream, prepare);

/* -- Life ---------------------------------------------------------------------------------------------------------- */

struct apm__stream *apm__stream_allocate(const struct apm__stream_class *type, struct apm__pool *pool)
{
    struct apm__stream *stream = (struct apm__stream *)apm__slot_allocate(&apm__streams);
    if (stream) {
        apm__atomic_store(&stream->owned, 0, APM__RELAXED);
        stream->type = type;
        stream->pool = pool;
    }
    return stream;
}

apm_error apm__stream_open(struct apm__stream *stream, apm_stream *handle)
{
    apm__slot_publish(&stream->slot, 1, 0);
    handle->bits = apm__slot_handle(&stream->slot);
    if (apm__pool_is_still_open(stream->pool))
        return APM_ERROR_SUCCESS;
    apm_stream_close(*handle); /* the pool's end may have missed it */
    *handle = (apm_stream)APM_NULL_HANDLE;
    return APM_ERROR_INVALID_OPERATION;
}

apm_error apm__stream_hold(apm_stream handle, struct apm__stream **stream)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__streams, handle.bits, APM__SLOT_CLOSED, &slot);
    *stream = (struct apm__stream *)slot;
    return error;
}

void apm__stream_release(struct apm__stream *stream)
{
    if (!apm__slot_release(&stream->slot))
        return;
    if (stream->type->free)
        stream->type->free(stream);
    apm__slot_free(&apm__streams, &stream->slot);
}

apm_error apm__stream_hold_able(apm_stream handle, uint32_t ability, struct apm__stream **stream)
{
    apm_error error = apm__stream_hold(handle, stream);
    if (error != APM_ERROR_SUCCESS || ((*stream)->type->abilities(*stream) & ability))
        return error;
    error = ability & (APM__STREAM_CAN_READ | APM__STREAM_CAN_WRITE) ? (*stream)->type->misuse
            : ability & APM__STREAM_CAN_TIMEOUT                      ? APM_ERROR_INVALID_OPERATION
                                                                     : APM_ERROR_NOT_SUPPORTED;
    APM__ASSERT(error != APM_ERROR_SUCCESS);
    apm__stream_release(*stream);
    *stream = NULL;
    return error;
}

bool apm__stream_is_closed(apm_stream handle)
{
    struct apm__stream *stream;
    if (apm__stream_hold(handle, &stream) != APM_ERROR_SUCCESS)
        return true;
    apm__stream_release(stream);
    return false;
}

static bool fits_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm_stream_close(apm_stream handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&apm__streams, handle.bits, APM__SLOT_CLOSED, fits_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    struct apm__stream *stream = (struct apm__stream *)slot;
    stream->type->close(stream);
    apm__stream_release(stream); /* that of the open stream */
    return APM_ERROR_SUCCESS;
}

void apm__stream_close_all(const struct apm__pool *pool, bool report)
{
    uint64_t bits;
    for (uint32_t place = 0; (bits = apm__inventory_next_handle(&apm__streams, &place));) {
        struct apm__stream *stream;
        if (apm__stream_hold((apm_stream){bits}, &stream) != APM_ERROR_SUCCESS)
            continue;
        bool ours = stream->pool == pool;
        bool owned = apm__atomic_load(&stream->owned, APM__RELAXED) != 0;
        apm__stream_release(stream);
        if (ours && report && !owned)
            apm__os_log("apm: cleanup: stream %016llx was not closed", (unsigned long long)bits);
        if (ours)
            apm_stream_close((apm_stream){bits});
    }
}

/* -- Properties ---------------------------------------------------------------------------------------------------- */

static bool can(apm_stream handle, uint32_t ability)
{
    struct apm__stream *stream;
    if (apm__stream_hold_able(handle, ability, &stream) != APM_ERROR_SUCCESS)
        return false;
    apm__stream_release(stream);
    return true;
}

bool apm_stream_can_read(apm_stream stream)
{
    return can(stream, APM__STREAM_CAN_READ);
}

bool apm_stream_can_write(apm_stream stream)
{
    return can(stream, APM__STREAM_CAN_WRITE);
}

bool apm_stream_can_seek(apm_stream stream)
{
    return can(stream, APM__STREAM_CAN_SEEK);
}

bool apm_stream_can_timeout(apm_stream stream)
{
    return can(stream, APM__STREAM_CAN_TIMEOUT);
}

apm_error apm_stream_length(apm_stream handle, int64_t *length)
{
    struct apm__stream *stream;
    if (!length)
        return APM_ERROR_ARGUMENT_NULL;
    *length = 0;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_SEEK, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->length(stream, length);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_set_length(apm_stream handle, int64_t length)
{
    struct apm__stream *stream;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_SEEK, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (length < 0)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else if (!(stream->type->abilities(stream) & APM__STREAM_CAN_WRITE))
        error = APM_ERROR_NOT_SUPPORTED;
    else
        error = stream->type->set_length(stream, length);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_seek(apm_stream handle, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    struct apm__stream *stream;
    int64_t unwanted;
    if (!position)
        position = &unwanted;
    *position = 0;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_SEEK, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if ((int)origin < APM_SEEK_ORIGIN_BEGIN || (int)origin > APM_SEEK_ORIGIN_END)
        error = APM_ERROR_ARGUMENT;
    else
        error = stream->type->seek(stream, offset, origin, position);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_position(apm_stream stream, int64_t *position)
{
    return position ? apm_stream_seek(stream, 0, APM_SEEK_ORIGIN_CURRENT, position) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_stream_set_position(apm_stream stream, int64_t position)
{
    apm_error error = apm_stream_seek(stream, position, APM_SEEK_ORIGIN_BEGIN, NULL);
    return error == APM_ERROR_IO && position < 0 ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : error;
}

static apm_error get_timeout(apm_stream handle, bool of_writes, int *timeout_ms)
{
    struct apm__stream *stream;
    if (!timeout_ms)
        return APM_ERROR_ARGUMENT_NULL;
    *timeout_ms = 0;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_TIMEOUT, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->timeout(stream, of_writes, timeout_ms);
    apm__stream_release(stream);
    return error;
}

static apm_error set_timeout(apm_stream handle, bool of_writes, int timeout_ms)
{
    struct apm__stream *stream;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_TIMEOUT, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (timeout_ms == 0 || timeout_ms < -1)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        error = stream->type->set_timeout(stream, of_writes, timeout_ms);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_read_timeout(apm_stream stream, int *timeout_ms)
{
    return get_timeout(stream, false, timeout_ms);
}

apm_error apm_stream_set_read_timeout(apm_stream stream, int timeout_ms)
{
    return set_timeout(stream, false, timeout_ms);
}

apm_error apm_stream_write_timeout(apm_stream stream, int *timeout_ms)
{
    return get_timeout(stream, true, timeout_ms);
}

apm_error apm_stream_set_write_timeout(apm_stream stream, int timeout_ms)
{
    return set_timeout(stream, true, timeout_ms);
}

/* -- Reading and writing ------------------------------------------------------------------------------------------- */

apm_error apm_stream_begin_read(apm_stream handle, void *buffer, size_t size, apm_async_callback *callback, void *state,
                                apm_async_result *result)
{
    struct apm__stream *stream;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_READ, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->begin_read(stream, buffer, size, callback, state, result);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_begin_write(apm_stream handle, const void *buffer, size_t size, apm_async_callback *callback,
                                 void *state, apm_async_result *result)
{
    struct apm__stream *stream;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_WRITE, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->begin_write(stream, buffer, size, callback, state, result);
    apm__stream_release(stream);
    return error;
}

/* Ends an operation that is of the one kind or of the other, as the class of the stream has it. */
static apm_error end(apm_stream stream, apm_async_result result, enum apm__operation_kind of_socket,
                     enum apm__operation_kind of_stream, size_t *transferred)
{
    struct apm__operation *operation;
    *transferred = 0;
    apm_error error = apm__operation_end(result, of_socket, stream.bits, &operation);
    if (error == APM_ERROR_ARGUMENT)
        error = apm__operation_end(result, of_stream, stream.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(stream.bits, error);
    *transferred = operation->transferred;
    error = operation->error;
    if (error != APM_ERROR_SUCCESS)
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED && apm__stream_is_closed(stream) ? APM_ERROR_OBJECT_DISPOSED : error;
}

apm_error apm_stream_end_read(apm_stream stream, apm_async_result result, size_t *read)
{
    size_t unwanted;
    return end(stream, result, APM__OPERATION_RECEIVE, APM__OPERATION_STREAM_READ, read ? read : &unwanted);
}

apm_error apm_stream_end_write(apm_stream stream, apm_async_result result)
{
    size_t unwanted;
    return end(stream, result, APM__OPERATION_SEND, APM__OPERATION_STREAM_WRITE, &unwanted);
}

apm_error apm_stream_read(apm_stream handle, void *buffer, size_t size, size_t *read)
{
    struct apm__stream *stream;
    size_t unwanted;
    if (!read)
        read = &unwanted;
    *read = 0;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_READ, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->read(stream, buffer, size, read);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_write(apm_stream handle, const void *buffer, size_t size)
{
    struct apm__stream *stream;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_WRITE, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->write(stream, buffer, size);
    apm__stream_release(stream);
    return error;
}

apm_error apm_stream_read_byte(apm_stream stream, int *byte)
{
    unsigned char value;
    size_t read;
    if (!byte)
        return APM_ERROR_ARGUMENT_NULL;
    *byte = -1;
    apm_error error = apm_stream_read(stream, &value, 1, &read);
    if (error == APM_ERROR_SUCCESS && read == 1)
        *byte = value;
    return error;
}

apm_error apm_stream_write_byte(apm_stream stream, uint8_t byte)
{
    return apm_stream_write(stream, &byte, 1);
}

apm_error apm_stream_flush(apm_stream handle)
{
    struct apm__stream *stream;
    apm_error error = apm__stream_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = stream->type->flush(stream);
    apm__stream_release(stream);
    return error;
}
