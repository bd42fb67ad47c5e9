/*
 * Archives: buffers, bytes and numbers; and memory as a file. One thread at a time.
 */
#include "archive.h"

#include <string.h>

#include "os.h"

/* -- Life -------------------------------------------------------------------------------------------------------- */

apm_error apm_archive_create(const apm_archive_file *file, apm_archive_mode mode, size_t buffer_size,
                             apm_archive **archive)
{
    if (archive)
        *archive = NULL;
    if (!archive || !file)
        return APM_ERROR_ARGUMENT_NULL;
    if (mode != APM_ARCHIVE_LOAD && mode != APM_ARCHIVE_STORE)
        return APM_ERROR_ARGUMENT;
    if (mode == APM_ARCHIVE_LOAD ? !file->read : !file->write)
        return APM_ERROR_ARGUMENT_NULL;
    if (buffer_size == 0)
        buffer_size = APM_ARCHIVE_DEFAULT_BUFFER;
    if (buffer_size > SIZE_MAX / 2)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_archive *created = apm__os_allocate(sizeof *created + buffer_size);
    if (!created)
        return APM_ERROR_OUT_OF_MEMORY;
    created->file = *file;
    created->mode = mode;
    created->buffer_size = buffer_size;
    created->code_page = APM_CODE_PAGE_UTF16;
    created->limit = APM_ARCHIVE_DEFAULT_LIMIT;
    *archive = created;
    return APM_ERROR_SUCCESS;
}

apm_archive_cause apm_archive_close(apm_archive *archive)
{
    if (!archive)
        return APM_ARCHIVE_ARGUMENT;
    apm_archive_cause cause = archive->mode == APM_ARCHIVE_STORE ? apm_archive_flush(archive) : archive->failure;
    apm_archive_abort(archive);
    return cause;
}

void apm_archive_abort(apm_archive *archive)
{
    if (!archive)
        return;
    apm__os_free(archive->entries);
    apm__os_free(archive);
}

bool apm_archive_is_loading(const apm_archive *archive)
{
    return archive && archive->mode == APM_ARCHIVE_LOAD;
}

bool apm_archive_is_storing(const apm_archive *archive)
{
    return archive && archive->mode == APM_ARCHIVE_STORE;
}

bool apm_archive_is_buffer_empty(const apm_archive *archive)
{
    return !archive || archive->position == (archive->mode == APM_ARCHIVE_LOAD ? archive->filled : 0);
}

apm_archive_cause apm_archive_failure(const apm_archive *archive)
{
    return archive ? archive->failure : APM_ARCHIVE_ARGUMENT;
}

apm_error apm_archive_file_error(const apm_archive *archive)
{
    return archive ? archive->file_error : APM_ERROR_ARGUMENT_NULL;
}

apm_archive_cause apm_archive_set_limit(apm_archive *archive, size_t limit)
{
    if (!archive)
        return APM_ARCHIVE_ARGUMENT;
    archive->limit = limit;
    return APM_ARCHIVE_NONE;
}

apm_archive_cause apm_archive_set_code_page(apm_archive *archive, unsigned code_page)
{
    if (!archive)
        return APM_ARCHIVE_ARGUMENT;
    size_t nothing;
    apm_error error = code_page == APM_CODE_PAGE_UTF16
                          ? APM_ERROR_SUCCESS
                          : apm_text_code_page_to_utf8(code_page, NULL, 0, NULL, 0, &nothing);
    if (error != APM_ERROR_SUCCESS) /* the archive has not failed, and keeps the one it has */
        return error == APM_ERROR_OUT_OF_MEMORY ? APM_ARCHIVE_OUT_OF_MEMORY : APM_ARCHIVE_ENCODING;
    archive->code_page = code_page;
    return APM_ARCHIVE_NONE;
}

void apm_archive_free(void *memory)
{
    apm__os_free(memory);
}

/* -- Bytes ------------------------------------------------------------------------------------------------------- */

apm_archive_cause apm__archive_fail(apm_archive *archive, apm_archive_cause cause)
{
    if (archive->failure == APM_ARCHIVE_NONE)
        archive->failure = cause;
    return archive->failure;
}

apm_archive_cause apm__archive_enter(apm_archive *archive, apm_archive_mode mode)
{
    if (!archive)
        return APM_ARCHIVE_ARGUMENT;
    if (archive->failure == APM_ARCHIVE_NONE && archive->mode != mode)
        return mode == APM_ARCHIVE_LOAD ? APM_ARCHIVE_WRITE_ONLY : APM_ARCHIVE_READ_ONLY; /* nothing is spoilt */
    return archive->failure;
}

void apm__archive_begin_item(apm_archive *archive)
{
    archive->in_item = false;
}

static apm_archive_cause fail_by_file(apm_archive *archive, apm_error error)
{
    archive->file_error = error;
    return apm__archive_fail(archive, APM_ARCHIVE_FILE);
}

static apm_archive_cause write_out(apm_archive *archive, const void *bytes, size_t size)
{
    apm_error error = size > 0 ? archive->file.write(archive->file.context, bytes, size) : APM_ERROR_SUCCESS;
    return error == APM_ERROR_SUCCESS ? APM_ARCHIVE_NONE : fail_by_file(archive, error);
}

apm_archive_cause apm_archive_flush(apm_archive *archive)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    size_t size = archive->position;
    archive->position = 0;
    return write_out(archive, archive->buffer, size);
}

apm_archive_cause apm__archive_put(apm_archive *archive, const void *bytes, size_t size)
{
    if (archive->failure != APM_ARCHIVE_NONE || size == 0)
        return archive->failure;
    if (size > archive->buffer_size - archive->position && apm_archive_flush(archive) != APM_ARCHIVE_NONE)
        return archive->failure;
    if (size > archive->buffer_size)
        return write_out(archive, bytes, size);
    memcpy(archive->buffer + archive->position, bytes, size);
    archive->position += size;
    return APM_ARCHIVE_NONE;
}

/* Reads into the buffer, which is empty; or past it, where it is too small. *got is 0 at the end. */
static apm_archive_cause read_in(apm_archive *archive, void *bytes, size_t size, size_t *got)
{
    bool past = size >= archive->buffer_size;
    void *into = past ? bytes : archive->buffer;
    size_t room = past ? size : archive->buffer_size;
    *got = 0;
    apm_error error = archive->file.read(archive->file.context, into, room, got);
    if (error == APM_ERROR_SUCCESS && *got > room)
        error = APM_ERROR_INVALID_OPERATION; /* a file of the program's that does not keep to its contract */
    if (error != APM_ERROR_SUCCESS) {
        *got = 0;
        return fail_by_file(archive, error);
    }
    if (past)
        return APM_ARCHIVE_NONE;
    archive->position = 0;
    archive->filled = *got;
    *got = *got < size ? *got : size;
    memcpy(bytes, archive->buffer, *got);
    archive->position = *got;
    return APM_ARCHIVE_NONE;
}

/* As many as there are, up to `size`. */
static apm_archive_cause load(apm_archive *archive, void *bytes, size_t size, size_t *loaded)
{
    *loaded = 0;
    while (*loaded < size) {
        size_t got = archive->filled - archive->position;
        got = got < size - *loaded ? got : size - *loaded;
        if (got > 0) {
            memcpy((uint8_t *)bytes + *loaded, archive->buffer + archive->position, got);
            archive->position += got;
        } else if (read_in(archive, (uint8_t *)bytes + *loaded, size - *loaded, &got) != APM_ARCHIVE_NONE) {
            return archive->failure;
        } else if (got == 0) {
            break;
        }
        *loaded += got;
    }
    return APM_ARCHIVE_NONE;
}

apm_archive_cause apm__archive_get(apm_archive *archive, void *bytes, size_t size)
{
    size_t loaded;
    if (archive->failure != APM_ARCHIVE_NONE || load(archive, bytes, size, &loaded) != APM_ARCHIVE_NONE)
        return archive->failure;
    bool first = !archive->in_item;
    archive->in_item = archive->in_item || loaded > 0;
    if (loaded == size)
        return APM_ARCHIVE_NONE;
    return apm__archive_fail(archive, first && loaded == 0 ? APM_ARCHIVE_END_OF_FILE : APM_ARCHIVE_SHORT_DATA);
}

apm_archive_cause apm__archive_get_block(apm_archive *archive, uint64_t size, size_t extra, uint8_t **block)
{
    enum { FIRST_ROOM = 65536 };
    *block = NULL;
    if (archive->failure != APM_ARCHIVE_NONE)
        return archive->failure;
    if (size > archive->limit || size > SIZE_MAX / 4)
        return apm__archive_fail(archive, APM_ARCHIVE_LIMIT);
    size_t room = size < FIRST_ROOM ? (size_t)size : FIRST_ROOM;
    uint8_t *bytes = apm__os_allocate(room + extra + 1);
    if (!bytes)
        return apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
    for (size_t have = 0;;) {
        if (apm__archive_get(archive, bytes + have, room - have) != APM_ARCHIVE_NONE)
            break;
        have = room;
        if (have == size) {
            *block = bytes;
            return APM_ARCHIVE_NONE;
        }
        room = size - have < have ? (size_t)size : 2 * have;
        uint8_t *larger = apm__os_resize(bytes, room + extra + 1);
        if (!larger) {
            apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
            break;
        }
        bytes = larger;
    }
    apm__os_free(bytes);
    return archive->failure;
}

apm_archive_cause apm_archive_write(apm_archive *archive, const void *bytes, size_t size)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    if (cause == APM_ARCHIVE_NONE && !bytes && size > 0)
        cause = APM_ARCHIVE_ARGUMENT;
    return cause == APM_ARCHIVE_NONE ? apm__archive_put(archive, bytes, size) : cause;
}

apm_archive_cause apm_archive_read(apm_archive *archive, void *bytes, size_t size, size_t *loaded)
{
    size_t ignored;
    if (!loaded)
        loaded = &ignored;
    *loaded = 0;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause == APM_ARCHIVE_NONE && !bytes && size > 0)
        cause = APM_ARCHIVE_ARGUMENT;
    return cause == APM_ARCHIVE_NONE ? load(archive, bytes, size, loaded) : cause;
}

/* -- Numbers ----------------------------------------------------------------------------------------------------- */

apm_archive_cause apm__archive_put_number(apm_archive *archive, size_t size, uint64_t value)
{
    uint8_t bytes[8];
    apm_text_put_little_endian(bytes, size, value);
    return apm__archive_put(archive, bytes, size);
}

apm_archive_cause apm__archive_get_number(apm_archive *archive, size_t size, uint64_t *value)
{
    uint8_t bytes[8];
    apm_archive_cause cause = apm__archive_get(archive, bytes, size);
    *value = cause == APM_ARCHIVE_NONE ? apm_text_get_little_endian(bytes, size) : 0;
    return cause;
}

static apm_archive_cause write_number(apm_archive *archive, size_t size, uint64_t value)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    return cause == APM_ARCHIVE_NONE ? apm__archive_put_number(archive, size, value) : cause;
}

static apm_archive_cause read_number(apm_archive *archive, size_t size, bool wanted, uint64_t *value)
{
    *value = 0;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause == APM_ARCHIVE_NONE && !wanted)
        cause = APM_ARCHIVE_ARGUMENT;
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    apm__archive_begin_item(archive);
    return apm__archive_get_number(archive, size, value);
}

/* Both functions of a type, whose values are numbers of so many bytes; how a value becomes a number, and back. */
#define NUMBER(name, type, size, to_number, of_number)                           \
    apm_archive_cause apm_archive_write_##name(apm_archive *archive, type value) \
    {                                                                            \
        return write_number(archive, (size), to_number(value));                  \
    }                                                                            \
    apm_archive_cause apm_archive_read_##name(apm_archive *archive, type *value) \
    {                                                                            \
        uint64_t number;                                                         \
        apm_archive_cause cause = read_number(archive, (size), value, &number);  \
        if (value)                                                               \
            *value = of_number(number);                                          \
        return cause;                                                            \
    }

#define FLOAT_OF(number) apm_text_float_of_bits((uint32_t)(number))
#define IS_NOT_ZERO(number) ((number) != 0)

NUMBER(byte, uint8_t, 1, (uint64_t), (uint8_t))
NUMBER(word, uint16_t, 2, (uint64_t), (uint16_t))
NUMBER(dword, uint32_t, 4, (uint64_t), (uint32_t))
NUMBER(ulonglong, uint64_t, 8, (uint64_t), (uint64_t))
NUMBER(char, int8_t, 1, (uint64_t), (int8_t))
NUMBER(short, int16_t, 2, (uint64_t), (int16_t))
NUMBER(int, int32_t, 4, (uint64_t), (int32_t))
NUMBER(long, int32_t, 4, (uint64_t), (int32_t))
NUMBER(longlong, int64_t, 8, (uint64_t), (int64_t))
NUMBER(bool, bool, 1, (uint64_t), IS_NOT_ZERO)
NUMBER(float, float, 4, apm_text_float_bits, FLOAT_OF)
NUMBER(double, double, 8, apm_text_double_bits, apm_text_double_of_bits)

/* -- Memory as a file -------------------------------------------------------------------------------------------- */

static apm_error read_memory(void *context, void *buffer, size_t size, size_t *read)
{
    apm_archive_memory *memory = context;
    size_t left = memory->position < memory->size ? memory->size - memory->position : 0;
    *read = left < size ? left : size;
    if (*read > 0)
        memcpy(buffer, memory->bytes + memory->position, *read);
    memory->position += *read;
    return APM_ERROR_SUCCESS;
}

static apm_error write_memory(void *context, const void *buffer, size_t size)
{
    apm_archive_memory *memory = context;
    if (size == 0)
        return APM_ERROR_SUCCESS; /* there may be no memory yet */
    if (size > memory->capacity - memory->size) {
        if (size > SIZE_MAX / 4 || memory->size > SIZE_MAX / 4)
            return APM_ERROR_OUT_OF_MEMORY;
        size_t capacity = 2 * (memory->size + size);
        uint8_t *larger = apm__os_resize(memory->bytes, capacity);
        if (!larger)
            return APM_ERROR_OUT_OF_MEMORY;
        memory->bytes = larger;
        memory->capacity = capacity;
    }
    memcpy(memory->bytes + memory->size, buffer, size);
    memory->size += size;
    return APM_ERROR_SUCCESS;
}

apm_archive_file apm_archive_memory_file(apm_archive_memory *memory)
{
    apm_archive_file file = {.context = memory, .read = read_memory, .write = write_memory};
    return memory ? file : (apm_archive_file){.context = NULL};
}

void apm_archive_memory_free(apm_archive_memory *memory)
{
    if (!memory)
        return;
    apm__os_free(memory->bytes);
    *memory = (apm_archive_memory){.bytes = NULL};
}
