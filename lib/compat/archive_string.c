/*
 * Archives: counts, strings and blobs. One thread at a time.
 *
 * A string is its length and its units. The length is a byte below 255; or 0xff and a word below 0xfffe; or 0xff,
 * 0xffff and four bytes, with eight more behind 0xffffffff. Before it, 0xff and 0xfffe mark one whose units are UTF-16.
 */
#include <string.h>

#include "archive.h"
#include "os.h"

enum { LONG_BYTE = 0xff, UNICODE_WORD = 0xfffe, LONG_WORD = 0xffff };
#define LONG_DWORD UINT64_C(0xffffffff)

/* -- Counts ------------------------------------------------------------------------------------------------------ */

apm_archive_cause apm_archive_write_count(apm_archive *archive, uint64_t count)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    if (count < LONG_WORD)
        return apm__archive_put_number(archive, 2, count);
    apm__archive_put_number(archive, 2, LONG_WORD);
    if (count < LONG_DWORD)
        return apm__archive_put_number(archive, 4, count);
    apm__archive_put_number(archive, 4, LONG_DWORD);
    return apm__archive_put_number(archive, 8, count);
}

static apm_archive_cause get_count(apm_archive *archive, uint64_t *count)
{
    apm_archive_cause cause = apm__archive_get_number(archive, 2, count);
    if (cause == APM_ARCHIVE_NONE && *count == LONG_WORD)
        cause = apm__archive_get_number(archive, 4, count);
    else
        return cause;
    if (cause == APM_ARCHIVE_NONE && *count == LONG_DWORD)
        cause = apm__archive_get_number(archive, 8, count);
    return cause;
}

apm_archive_cause apm_archive_read_count(apm_archive *archive, uint64_t *count)
{
    if (count)
        *count = 0;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause != APM_ARCHIVE_NONE || !count)
        return cause != APM_ARCHIVE_NONE ? cause : APM_ARCHIVE_ARGUMENT;
    apm__archive_begin_item(archive);
    return get_count(archive, count);
}

/* -- Blobs ------------------------------------------------------------------------------------------------------- */

apm_archive_cause apm_archive_write_blob(apm_archive *archive, const void *bytes, size_t size)
{
    if (archive && !bytes && size > 0)
        return APM_ARCHIVE_ARGUMENT;
    apm_archive_cause cause = apm_archive_write_count(archive, size);
    return cause == APM_ARCHIVE_NONE ? apm__archive_put(archive, bytes, size) : cause;
}

apm_archive_cause apm_archive_read_blob(apm_archive *archive, void **bytes, size_t *size)
{
    uint64_t count;
    uint8_t *block;
    if (bytes)
        *bytes = NULL;
    if (size)
        *size = 0;
    if (!bytes || !size)
        return APM_ARCHIVE_ARGUMENT;
    apm_archive_cause cause = apm_archive_read_count(archive, &count);
    if (cause == APM_ARCHIVE_NONE)
        cause = apm__archive_get_block(archive, count, 0, &block);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    *bytes = block;
    *size = (size_t)count;
    return APM_ARCHIVE_NONE;
}

/* -- Strings: storing -------------------------------------------------------------------------------------------- */

static apm_archive_cause put_length(apm_archive *archive, uint64_t length, bool unicode)
{
    if (unicode) {
        apm__archive_put_number(archive, 1, LONG_BYTE);
        apm__archive_put_number(archive, 2, UNICODE_WORD);
    }
    if (length < LONG_BYTE)
        return apm__archive_put_number(archive, 1, length);
    apm__archive_put_number(archive, 1, LONG_BYTE);
    if (length < UNICODE_WORD)
        return apm__archive_put_number(archive, 2, length);
    apm__archive_put_number(archive, 2, LONG_WORD);
    if (length < LONG_DWORD)
        return apm__archive_put_number(archive, 4, length);
    apm__archive_put_number(archive, 4, LONG_DWORD);
    return apm__archive_put_number(archive, 8, length);
}

static apm_archive_cause put_unicode(apm_archive *archive, const char *text, size_t size, bool headed)
{
    size_t length;
    if (apm_text_utf8_to_utf16(text, size, NULL, 0, &length) != APM_ERROR_SUCCESS)
        return apm__archive_fail(archive, APM_ARCHIVE_ENCODING);
    uint16_t *units = apm__os_allocate((length + 1) * sizeof *units);
    if (!units)
        return apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
    apm_error error = apm_text_utf8_to_utf16(text, size, units, length, &length);
    if (headed)
        put_length(archive, length, true);
    for (size_t i = 0; i < length && error == APM_ERROR_SUCCESS; i++)
        apm__archive_put_number(archive, 2, units[i]);
    apm__os_free(units);
    return archive->failure;
}

static apm_archive_cause put_narrow(apm_archive *archive, const char *text, size_t size, bool headed)
{
    size_t length;
    if (apm_text_utf8_to_code_page(archive->code_page, text, size, NULL, 0, &length, NULL) != APM_ERROR_SUCCESS)
        return apm__archive_fail(archive, APM_ARCHIVE_ENCODING);
    char *bytes = apm__os_allocate(length + 1);
    if (!bytes)
        return apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
    apm_error error = apm_text_utf8_to_code_page(archive->code_page, text, size, bytes, length, &length, NULL);
    if (headed)
        put_length(archive, length, false);
    if (error == APM_ERROR_SUCCESS)
        apm__archive_put(archive, bytes, length);
    apm__os_free(bytes);
    return archive->failure;
}

static apm_archive_cause put_text(apm_archive *archive, const char *text, size_t size, bool headed)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    if (cause == APM_ARCHIVE_NONE && !text && size > 0)
        cause = APM_ARCHIVE_ARGUMENT;
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    return archive->code_page == APM_CODE_PAGE_UTF16 ? put_unicode(archive, text, size, headed)
                                                     : put_narrow(archive, text, size, headed);
}

apm_archive_cause apm_archive_write_string_span(apm_archive *archive, const char *text, size_t size)
{
    return put_text(archive, text, size, true);
}

apm_archive_cause apm_archive_write_string(apm_archive *archive, const char *text)
{
    return text ? apm_archive_write_string_span(archive, text, strlen(text)) : APM_ARCHIVE_ARGUMENT;
}

apm_archive_cause apm_archive_write_text(apm_archive *archive, const char *text)
{
    return text ? put_text(archive, text, strlen(text), false) : APM_ARCHIVE_ARGUMENT;
}

/* -- Strings: loading -------------------------------------------------------------------------------------------- */

static apm_archive_cause get_length(apm_archive *archive, uint64_t *length, bool *unicode)
{
    *unicode = false;
    for (;;) {
        apm_archive_cause cause = apm__archive_get_number(archive, 1, length);
        if (cause != APM_ARCHIVE_NONE || *length < LONG_BYTE)
            return cause;
        cause = apm__archive_get_number(archive, 2, length);
        if (cause != APM_ARCHIVE_NONE)
            return cause;
        if (*length == UNICODE_WORD && !*unicode) {
            *unicode = true;
            continue;
        }
        if (*length < LONG_WORD)
            return cause;
        cause = apm__archive_get_number(archive, 4, length);
        if (cause != APM_ARCHIVE_NONE || *length < LONG_DWORD)
            return cause;
        return apm__archive_get_number(archive, 8, length);
    }
}

/* What has been loaded, as UTF-8 in memory of its own; the units are freed. */
static apm_archive_cause convert(apm_archive *archive, uint8_t *block, size_t length, bool unicode, char **text,
                                 size_t *size)
{
    unsigned page = archive->code_page == APM_CODE_PAGE_UTF16 ? APM_CODE_PAGE_WESTERN : archive->code_page;
    uint16_t *units = (uint16_t *)(void *)block; /* allocated memory is aligned for them */
    size_t needed = 0;
    for (size_t i = 0; unicode && i < length; i++)
        units[i] = (uint16_t)apm_text_get_little_endian(block + 2 * i, 2);
    apm_error error = unicode ? apm_text_utf16_to_utf8(units, length, NULL, 0, &needed)
                              : apm_text_code_page_to_utf8(page, (char *)block, length, NULL, 0, &needed);
    apm_archive_cause cause = APM_ARCHIVE_NONE;
    char *converted = error == APM_ERROR_SUCCESS ? apm__os_allocate(needed + 1) : NULL;
    if (!converted) {
        cause = error == APM_ERROR_SUCCESS ? APM_ARCHIVE_OUT_OF_MEMORY : APM_ARCHIVE_ENCODING;
        apm__os_free(block);
        return apm__archive_fail(archive, cause);
    }
    error = unicode ? apm_text_utf16_to_utf8(units, length, converted, needed, size)
                    : apm_text_code_page_to_utf8(page, (char *)block, length, converted, needed, size);
    apm__os_free(block);
    (void)error; /* it has been measured */
    *text = converted;
    return APM_ARCHIVE_NONE;
}

apm_archive_cause apm_archive_read_string(apm_archive *archive, char **text, size_t *size)
{
    uint64_t length;
    size_t ignored;
    bool unicode;
    uint8_t *block;
    if (!size)
        size = &ignored;
    *size = 0;
    if (text)
        *text = NULL;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause != APM_ARCHIVE_NONE || !text)
        return cause != APM_ARCHIVE_NONE ? cause : APM_ARCHIVE_ARGUMENT;
    apm__archive_begin_item(archive);
    cause = get_length(archive, &length, &unicode);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    if (length > archive->limit)
        return apm__archive_fail(archive, APM_ARCHIVE_LIMIT);
    cause = apm__archive_get_block(archive, unicode ? 2 * length : length, 0, &block);
    return cause == APM_ARCHIVE_NONE ? convert(archive, block, (size_t)length, unicode, text, size) : cause;
}

/* -- Lines ------------------------------------------------------------------------------------------------------- */

/* One unit of text; *unit is negative at the end of the file, which is no failure. */
static apm_archive_cause get_unit(apm_archive *archive, size_t width, int *unit)
{
    uint8_t bytes[2];
    size_t loaded;
    *unit = -1;
    apm_archive_cause cause = apm_archive_read(archive, bytes, width, &loaded);
    if (cause == APM_ARCHIVE_NONE && loaded == width)
        *unit = (int)apm_text_get_little_endian(bytes, width);
    else if (cause == APM_ARCHIVE_NONE && loaded > 0)
        cause = apm__archive_fail(archive, APM_ARCHIVE_SHORT_DATA);
    return cause;
}

/* The units of a line in memory of their own, which grows as they come. END_OF_FILE: there is none; no failure. */
static apm_archive_cause get_line(apm_archive *archive, size_t width, uint8_t **block, size_t *length)
{
    size_t room = 0;
    int unit;
    *block = NULL;
    *length = 0;
    for (;;) {
        apm_archive_cause cause = get_unit(archive, width, &unit);
        if (cause == APM_ARCHIVE_NONE && unit == '\r')
            cause = get_unit(archive, width, &unit); /* whatever it is, as in MFC */
        else if (cause == APM_ARCHIVE_NONE && unit >= 0 && unit != '\n') {
            uint8_t *larger = *block;
            if ((*length + 1) * width > archive->limit)
                return apm__archive_fail(archive, APM_ARCHIVE_LIMIT);
            if (*length == room) {
                room = room == 0 ? 64 : 2 * room;
                larger = apm__os_resize(*block, room * width);
            }
            if (!larger)
                return apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
            *block = larger;
            apm_text_put_little_endian(*block + width * (*length)++, width, (uint64_t)unit);
            continue;
        }
        bool ended = cause == APM_ARCHIVE_NONE && unit < 0 && *length == 0;
        return ended ? APM_ARCHIVE_END_OF_FILE : cause;
    }
}

apm_archive_cause apm_archive_read_line(apm_archive *archive, char **text, size_t *size)
{
    size_t ignored;
    uint8_t *block;
    size_t length;
    if (!size)
        size = &ignored;
    *size = 0;
    if (text)
        *text = NULL;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause != APM_ARCHIVE_NONE || !text)
        return cause != APM_ARCHIVE_NONE ? cause : APM_ARCHIVE_ARGUMENT;
    bool unicode = archive->code_page == APM_CODE_PAGE_UTF16;
    cause = get_line(archive, unicode ? 2 : 1, &block, &length);
    if (cause == APM_ARCHIVE_NONE && !block) {
        block = apm__os_allocate(2); /* an empty line */
        cause = block ? APM_ARCHIVE_NONE : apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
    }
    if (cause == APM_ARCHIVE_NONE)
        return convert(archive, block, length, unicode, text, size);
    apm__os_free(block);
    return cause;
}
