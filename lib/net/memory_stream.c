/*
 * Streams in memory, as hosted streams. Any thread.
 *
 * Lock: a memory's, a leaf: reads and writes come one at a time, but the other methods beside them. Under it bytes are
 * copied, and memory is resized.
 */
#include "apm/memory_stream.h"

#include <limits.h>
#include <string.h>

#include "stream.h"

struct memory {
    apm__os_mutex lock;

    /* guarded by lock */
    unsigned char *bytes;
    size_t length;
    size_t capacity;
    size_t position; /* may be behind the end */
    bool expandable; /* immutable; the memory is ours */
};

static apm_error read_memory(void *context, void *buffer, size_t size, size_t *read)
{
    struct memory *memory = context;
    apm__os_mutex_lock(&memory->lock);
    size_t left = memory->position < memory->length ? memory->length - memory->position : 0;
    *read = size < left ? size : left;
    if (*read > 0)
        memcpy(buffer, memory->bytes + memory->position, *read);
    memory->position += *read;
    apm__os_mutex_unlock(&memory->lock);
    return APM_ERROR_SUCCESS;
}

/* Makes it so long, with zeros in what is new. */
static apm_error set_length_locked(struct memory *memory, size_t length)
{
    if (length > memory->capacity) {
        if (!memory->expandable)
            return APM_ERROR_NOT_SUPPORTED;
        /* Doubling makes the cost of a byte constant, however small the pieces are. */
        size_t capacity = memory->capacity < 128 ? 256 : memory->capacity * 2;
        capacity = length > capacity ? length : capacity;
        unsigned char *bytes = apm__os_resize(memory->bytes, capacity);
        if (!bytes)
            return APM_ERROR_OUT_OF_MEMORY;
        memory->bytes = bytes;
        memory->capacity = capacity;
    }
    if (length > memory->length)
        memset(memory->bytes + memory->length, 0, length - memory->length);
    memory->length = length;
    return APM_ERROR_SUCCESS;
}

static apm_error write_memory(void *context, const void *buffer, size_t size)
{
    struct memory *memory = context;
    apm_error error = APM_ERROR_SUCCESS;
    apm__os_mutex_lock(&memory->lock);
    size_t end = memory->position + size;
    if (end > INT_MAX)
        error = APM_ERROR_IO; /* as .NET: the stream is too long */
    else if (size > 0 && end > memory->length)
        error = set_length_locked(memory, end);
    if (error == APM_ERROR_SUCCESS && size > 0) {
        memcpy(memory->bytes + memory->position, buffer, size);
        memory->position = end;
    }
    apm__os_mutex_unlock(&memory->lock);
    return error;
}

static apm_error get_length(void *context, int64_t *length)
{
    struct memory *memory = context;
    apm__os_mutex_lock(&memory->lock);
    *length = (int64_t)memory->length;
    apm__os_mutex_unlock(&memory->lock);
    return APM_ERROR_SUCCESS;
}

static apm_error set_length(void *context, int64_t length)
{
    struct memory *memory = context;
    if (length > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    apm__os_mutex_lock(&memory->lock);
    apm_error error = set_length_locked(memory, (size_t)length);
    if (error == APM_ERROR_SUCCESS && memory->position > memory->length)
        memory->position = memory->length;
    apm__os_mutex_unlock(&memory->lock);
    return error;
}

static apm_error seek(void *context, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    struct memory *memory = context;
    apm_error error = APM_ERROR_SUCCESS;
    if (offset > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    if (offset < -(int64_t)INT_MAX)
        return APM_ERROR_IO;
    apm__os_mutex_lock(&memory->lock);
    int64_t from = origin == APM_SEEK_ORIGIN_BEGIN     ? 0
                   : origin == APM_SEEK_ORIGIN_CURRENT ? (int64_t)memory->position
                                                       : (int64_t)memory->length;
    if (from + offset < 0)
        error = APM_ERROR_IO;
    else if (from + offset > INT_MAX)
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    else
        memory->position = (size_t)(from + offset);
    *position = (int64_t)memory->position;
    apm__os_mutex_unlock(&memory->lock);
    return error;
}

static void close_memory(void *context)
{
    struct memory *memory = context;
    if (memory->expandable)
        apm__os_free(memory->bytes);
    apm__os_free(memory);
}

static const apm_stream_methods writable_methods = {.read = read_memory,
                                                    .write = write_memory,
                                                    .length = get_length,
                                                    .set_length = set_length,
                                                    .seek = seek,
                                                    .close = close_memory};

static const apm_stream_methods read_only_methods = {
    .read = read_memory, .length = get_length, .seek = seek, .close = close_memory};

/* -- The public functions ------------------------------------------------------------------------------------------ */

static apm_error create(struct memory *memory, const apm_stream_methods *methods, apm_stream *stream)
{
    apm__os_mutex_initialise(&memory->lock);
    apm_error error = apm__stream_host(apm__pool_default(), methods, memory, false, stream);
    if (error != APM_ERROR_SUCCESS)
        close_memory(memory);
    return error;
}

apm_error apm_memory_stream_create(size_t capacity, apm_stream *stream)
{
    if (!stream)
        return APM_ERROR_ARGUMENT_NULL;
    *stream = (apm_stream)APM_NULL_HANDLE;
    if (capacity > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct memory *memory = apm__os_allocate(sizeof *memory);
    if (!memory)
        return APM_ERROR_OUT_OF_MEMORY;
    memory->expandable = true;
    memory->capacity = capacity;
    if (capacity > 0)
        memory->bytes = apm__os_allocate(capacity);
    if (capacity > 0 && !memory->bytes) {
        apm__os_free(memory);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    return create(memory, &writable_methods, stream);
}

apm_error apm_memory_stream_create_buffer(void *buffer, size_t size, bool writable, apm_stream *stream)
{
    if (!stream)
        return APM_ERROR_ARGUMENT_NULL;
    *stream = (apm_stream)APM_NULL_HANDLE;
    if (!buffer)
        return APM_ERROR_ARGUMENT_NULL;
    if (size > INT_MAX)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    struct memory *memory = apm__os_allocate(sizeof *memory);
    if (!memory)
        return APM_ERROR_OUT_OF_MEMORY;
    memory->bytes = buffer;
    memory->length = size;
    memory->capacity = size;
    return create(memory, writable ? &writable_methods : &read_only_methods, stream);
}

/* Where a copy goes. */
struct target {
    void *buffer;
    size_t capacity;
    size_t *size;
};

static apm_error copy_out(void *context, void *argument)
{
    struct memory *memory = context;
    const struct target *target = argument;
    apm__os_mutex_lock(&memory->lock);
    *target->size = memory->length;
    size_t copied = target->capacity < memory->length ? target->capacity : memory->length;
    if (copied > 0)
        memcpy(target->buffer, memory->bytes, copied);
    apm__os_mutex_unlock(&memory->lock);
    return APM_ERROR_SUCCESS;
}

apm_error apm_memory_stream_to_array(apm_stream stream, void *buffer, size_t capacity, size_t *size)
{
    if (!size)
        return APM_ERROR_ARGUMENT_NULL;
    *size = 0;
    if (!buffer && capacity > 0)
        return APM_ERROR_ARGUMENT_NULL;
    return apm__stream_use(stream, get_length, copy_out, &(struct target){buffer, capacity, size});
}
