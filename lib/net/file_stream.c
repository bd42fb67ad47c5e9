/*
 * Streams of files, as hosted streams. Any thread.
 *
 * Lock: a file's, a leaf, guards its position, which other methods may ask for and move beside the one read or write in
 * progress. That takes the position, works without the lock, and moves it on.
 */
#include "apm/file_stream.h"

#include "stream.h"

struct file {
    apm__os_file file;      /* immutable */
    bool seekable;          /* immutable */
    int64_t first_position; /* immutable; what is in front of it may not be written */
    apm__os_mutex lock;
    int64_t position; /* guarded by lock */
};

static int64_t position_of(struct file *file)
{
    apm__os_mutex_lock(&file->lock);
    int64_t position = file->position;
    apm__os_mutex_unlock(&file->lock);
    return position;
}

static void set_position(struct file *file, int64_t position)
{
    apm__os_mutex_lock(&file->lock);
    file->position = position;
    apm__os_mutex_unlock(&file->lock);
}

static apm_error read_file(void *context, void *buffer, size_t size, size_t *read)
{
    struct file *file = context;
    int64_t position = position_of(file);
    apm_error error = apm__os_file_read(file->file, file->seekable, position, buffer, size, read);
    if (error == APM_ERROR_SUCCESS)
        set_position(file, position + (int64_t)*read);
    return error;
}

static apm_error write_file(void *context, const void *buffer, size_t size)
{
    struct file *file = context;
    int64_t position = position_of(file);
    apm_error error = apm__os_file_write(file->file, file->seekable, position, buffer, size);
    if (error == APM_ERROR_SUCCESS)
        set_position(file, position + (int64_t)size);
    return error;
}

static apm_error get_length(void *context, int64_t *length)
{
    return apm__os_file_length(((struct file *)context)->file, length);
}

static apm_error set_length(void *context, int64_t length)
{
    struct file *file = context;
    if (length < file->first_position)
        return APM_ERROR_IO;
    apm_error error = apm__os_file_set_length(file->file, length);
    apm__os_mutex_lock(&file->lock);
    if (error == APM_ERROR_SUCCESS && file->position > length)
        file->position = length;
    apm__os_mutex_unlock(&file->lock);
    return error;
}

static apm_error seek(void *context, int64_t offset, apm_seek_origin origin, int64_t *position)
{
    struct file *file = context;
    int64_t from = 0;
    apm_error error = APM_ERROR_SUCCESS;
    if (origin == APM_SEEK_ORIGIN_END)
        error = apm__os_file_length(file->file, &from);
    apm__os_mutex_lock(&file->lock);
    if (origin == APM_SEEK_ORIGIN_CURRENT)
        from = file->position;
    if (error == APM_ERROR_SUCCESS && (offset > INT64_MAX - from || from + offset < file->first_position))
        error = APM_ERROR_IO;
    if (error == APM_ERROR_SUCCESS)
        file->position = from + offset;
    *position = file->position;
    apm__os_mutex_unlock(&file->lock);
    return error;
}

static void close_file(void *context)
{
    struct file *file = context;
    apm__os_file_close(file->file);
    apm__os_free(file);
}

/* What a stream of the file does. */
static apm_stream_methods methods_of(const struct file *file, apm_file_access access)
{
    apm_stream_methods methods = {.close = close_file};
    if ((int)access & APM_FILE_ACCESS_READ)
        methods.read = read_file;
    if ((int)access & APM_FILE_ACCESS_WRITE)
        methods.write = write_file;
    if (file->seekable) {
        methods.length = get_length;
        methods.set_length = set_length;
        methods.seek = seek;
    }
    return methods;
}

/* -- Opening ------------------------------------------------------------------------------------------------------- */

static apm_error check(const char *path, apm_file_mode mode, apm_file_access access)
{
    if (!path)
        return APM_ERROR_ARGUMENT_NULL;
    if (path[0] == '\0')
        return APM_ERROR_ARGUMENT;
    if ((int)mode < APM_FILE_MODE_CREATE_NEW || (int)mode > APM_FILE_MODE_APPEND ||
        (int)access < APM_FILE_ACCESS_READ || (int)access > APM_FILE_ACCESS_READ_WRITE)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    bool only_opens = mode == APM_FILE_MODE_OPEN || mode == APM_FILE_MODE_OPEN_OR_CREATE;
    if (!only_opens && access == APM_FILE_ACCESS_READ)
        return APM_ERROR_ARGUMENT;
    if (mode == APM_FILE_MODE_APPEND && access != APM_FILE_ACCESS_WRITE)
        return APM_ERROR_ARGUMENT;
    return APM_ERROR_SUCCESS;
}

apm_error apm_file_stream_create(const char *path, apm_file_mode mode, apm_file_access access, apm_stream *stream)
{
    if (!stream)
        return APM_ERROR_ARGUMENT_NULL;
    *stream = (apm_stream)APM_NULL_HANDLE;
    apm_error error = check(path, mode, access);
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct file *file = apm__os_allocate(sizeof *file);
    if (!file)
        return APM_ERROR_OUT_OF_MEMORY;
    apm__os_mutex_initialise(&file->lock);
    error = apm__os_file_open(path, (int)mode, (int)access, &file->file, &file->seekable);
    if (error != APM_ERROR_SUCCESS) {
        apm__os_free(file);
        return error;
    }
    if (mode == APM_FILE_MODE_APPEND && file->seekable)
        error = apm__os_file_length(file->file, &file->first_position);
    file->position = file->first_position;
    apm_stream_methods methods = methods_of(file, access);
    if (error == APM_ERROR_SUCCESS)
        error = apm__stream_host(apm__pool_default(), &methods, file, !file->seekable, stream);
    if (error != APM_ERROR_SUCCESS)
        close_file(file);
    return error;
}
