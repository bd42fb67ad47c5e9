/*
 * What takes several reads and writes: reading exactly so much, and copying. As operations these are tasks (task.h);
 * the synchronous twins are loops on the calling thread. Any thread.
 */
#include <limits.h>

#include "begin.h"
#include "stream.h"
#include "task.h"

/* -- Reading exactly so much --------------------------------------------------------------------------------------- */

struct read_exactly {
    struct apm__task task; /* first */
    apm_stream stream;
    unsigned char *buffer;
    size_t size;
};

static apm_error begin_part(struct apm__task *task, apm_async_result *step, bool *done)
{
    struct read_exactly *reading = (struct read_exactly *)task;
    size_t read = task->operation->transferred;
    *done = read == reading->size;
    if (*done)
        return APM_ERROR_SUCCESS;
    return apm_stream_begin_read(reading->stream, reading->buffer + read, reading->size - read, apm__task_step, task,
                                 step);
}

static apm_error end_part(struct apm__task *task, apm_async_result step, bool *done)
{
    struct read_exactly *reading = (struct read_exactly *)task;
    size_t read;
    apm_error error = apm_stream_end_read(reading->stream, step, &read);
    if (error != APM_ERROR_SUCCESS)
        return error;
    task->operation->transferred += read;
    *done = task->operation->transferred == reading->size;
    return read == 0 ? APM_ERROR_END_OF_STREAM : APM_ERROR_SUCCESS;
}

static struct apm__operation_origin origin_of(struct apm__stream *stream, enum apm__operation_kind kind)
{
    return (struct apm__operation_origin){.kind = kind, .owner = apm__slot_handle(&stream->slot), .pool = stream->pool};
}

apm_error apm_stream_begin_read_exactly(apm_stream handle, void *buffer, size_t size, apm_async_callback *callback,
                                        void *state, apm_async_result *result)
{
    struct apm__stream *stream;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__stream_hold_able(handle, APM__STREAM_CAN_READ, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct read_exactly *reading = NULL;
    if (!buffer)
        error = APM_ERROR_ARGUMENT_NULL;
    else if (size > INT_MAX)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else if (!(reading = apm__os_allocate(sizeof *reading)))
        error = APM_ERROR_OUT_OF_MEMORY;
    if (error == APM_ERROR_SUCCESS) {
        reading->task.begin_step = begin_part;
        reading->task.end_step = end_part;
        reading->stream = handle;
        reading->buffer = buffer;
        reading->size = size;
        error = apm__task_begin(&reading->task, origin_of(stream, APM__OPERATION_STREAM_READ_EXACTLY), callback, state,
                                result);
    }
    apm__stream_release(stream);
    return error;
}

/* Ends a task of the kind; *transferred also with an error. */
static apm_error end_task(apm_stream stream, apm_async_result result, enum apm__operation_kind kind,
                          size_t *transferred)
{
    struct apm__operation *operation;
    if (transferred)
        *transferred = 0;
    apm_error error = apm__operation_end(result, kind, stream.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(stream.bits, error);
    if (transferred)
        *transferred = operation->transferred;
    error = operation->error;
    if (error != APM_ERROR_SUCCESS)
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error == APM_ERROR_OPERATION_ABORTED && apm__stream_is_closed(stream) ? APM_ERROR_OBJECT_DISPOSED : error;
}

apm_error apm_stream_end_read_exactly(apm_stream stream, apm_async_result result, size_t *read)
{
    return end_task(stream, result, APM__OPERATION_STREAM_READ_EXACTLY, read);
}

apm_error apm_stream_read_at_least(apm_stream stream, void *buffer, size_t size, size_t minimum,
                                   bool throw_on_end_of_stream, size_t *read)
{
    unsigned char *next = buffer;
    size_t unwanted;
    if (!read)
        read = &unwanted;
    *read = 0;
    if (!buffer)
        return APM_ERROR_ARGUMENT_NULL;
    if (minimum > size || size > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (minimum == 0) { /* nothing is read, but the stream has to be one that can be */
        struct apm__stream *held;
        apm_error error = apm__stream_hold_able(stream, APM__STREAM_CAN_READ, &held);
        if (error == APM_ERROR_SUCCESS)
            apm__stream_release(held);
        return error;
    }
    while (*read < minimum) {
        size_t part;
        apm_error error = apm_stream_read(stream, next + *read, size - *read, &part);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (part == 0)
            return throw_on_end_of_stream ? APM_ERROR_END_OF_STREAM : APM_ERROR_SUCCESS;
        *read += part;
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm_stream_read_exactly(apm_stream stream, void *buffer, size_t size)
{
    return apm_stream_read_at_least(stream, buffer, size, size, true, NULL);
}

/* -- Copying ------------------------------------------------------------------------------------------------------- */

struct copy {
    struct apm__task task; /* first */
    apm_stream source;
    apm_stream destination;
    size_t buffer_size;
    size_t read; /* bytes that are to be written now; 0: it is the source's turn */
    unsigned char buffer[];
};

static apm_error begin_copy_step(struct apm__task *task, apm_async_result *step, bool *done)
{
    struct copy *copy = (struct copy *)task;
    (void)done;
    if (copy->read > 0)
        return apm_stream_begin_write(copy->destination, copy->buffer, copy->read, apm__task_step, task, step);
    return apm_stream_begin_read(copy->source, copy->buffer, copy->buffer_size, apm__task_step, task, step);
}

static apm_error end_copy_step(struct apm__task *task, apm_async_result step, bool *done)
{
    struct copy *copy = (struct copy *)task;
    if (copy->read == 0) {
        apm_error error = apm_stream_end_read(copy->source, step, &copy->read);
        *done = error == APM_ERROR_SUCCESS && copy->read == 0;
        return error;
    }
    apm_error error = apm_stream_end_write(copy->destination, step);
    if (error == APM_ERROR_SUCCESS)
        task->operation->transferred += copy->read;
    copy->read = 0;
    return error;
}

/* Holds both streams if one can be copied to the other. */
static apm_error hold_both(apm_stream source, apm_stream destination, int buffer_size, struct apm__stream **from,
                           struct apm__stream **to)
{
    if (buffer_size <= 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm_error error = apm__stream_hold(source, from);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__stream_hold(destination, to);
    if (error != APM_ERROR_SUCCESS) {
        apm__stream_release(*from);
        return error;
    }
    /* As .NET: this is never the state of a network stream, but a use that the streams are not for. */
    bool able = ((*from)->type->abilities(*from) & APM__STREAM_CAN_READ) &&
                ((*to)->type->abilities(*to) & APM__STREAM_CAN_WRITE);
    if (able)
        return APM_ERROR_SUCCESS;
    apm__stream_release(*from);
    apm__stream_release(*to);
    return APM_ERROR_NOT_SUPPORTED;
}

apm_error apm_stream_begin_copy_to(apm_stream source, apm_stream destination, int buffer_size,
                                   apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__stream *from;
    struct apm__stream *to;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = hold_both(source, destination, buffer_size, &from, &to);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct copy *copy = apm__os_allocate(sizeof *copy + (size_t)buffer_size);
    if (copy) {
        copy->task.begin_step = begin_copy_step;
        copy->task.end_step = end_copy_step;
        copy->source = source;
        copy->destination = destination;
        copy->buffer_size = (size_t)buffer_size;
        error = apm__task_begin(&copy->task, origin_of(from, APM__OPERATION_STREAM_COPY), callback, state, result);
    } else {
        error = APM_ERROR_OUT_OF_MEMORY;
    }
    apm__stream_release(from);
    apm__stream_release(to);
    return error;
}

apm_error apm_stream_end_copy_to(apm_stream source, apm_async_result result, size_t *copied)
{
    return end_task(source, result, APM__OPERATION_STREAM_COPY, copied);
}

apm_error apm_stream_copy_to(apm_stream source, apm_stream destination, int buffer_size)
{
    struct apm__stream *from;
    struct apm__stream *to;
    apm_error error = hold_both(source, destination, buffer_size, &from, &to);
    if (error != APM_ERROR_SUCCESS)
        return error;
    size_t read = 0;
    unsigned char *buffer = apm__os_allocate((size_t)buffer_size);
    if (!buffer)
        error = APM_ERROR_OUT_OF_MEMORY;
    while (error == APM_ERROR_SUCCESS) {
        error = apm_stream_read(source, buffer, (size_t)buffer_size, &read);
        if (error != APM_ERROR_SUCCESS || read == 0)
            break;
        error = apm_stream_write(destination, buffer, read);
    }
    apm__os_free(buffer);
    apm__stream_release(from);
    apm__stream_release(to);
    return error;
}
