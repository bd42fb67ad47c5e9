/*
 * Text and numbers as Windows' programs have them. Any thread.
 */
#include "apm/compat/text.h"

#include <string.h>

#include "code_page.h"
#include "double_byte.h"

enum { REPLACEMENT = 0xfffd };

/* -- Writing: what does not fit is counted only ------------------------------------------------------------------ */

struct bytes {
    char *output;
    size_t room;
    size_t count;
};

static void put_byte(struct bytes *bytes, uint32_t byte)
{
    if (bytes->count < bytes->room)
        bytes->output[bytes->count] = (char)byte;
    bytes->count++;
}

static void put_utf8(struct bytes *bytes, uint32_t character)
{
    if (character < 0x80) {
        put_byte(bytes, character);
        return;
    }
    if (character < 0x800) {
        put_byte(bytes, 0xc0 | character >> 6);
    } else {
        if (character < 0x10000) {
            put_byte(bytes, 0xe0 | character >> 12);
        } else {
            put_byte(bytes, 0xf0 | character >> 18);
            put_byte(bytes, 0x80 | (character >> 12 & 0x3f));
        }
        put_byte(bytes, 0x80 | (character >> 6 & 0x3f));
    }
    put_byte(bytes, 0x80 | (character & 0x3f));
}

static apm_error outcome(size_t count, size_t room, const void *output)
{
    return output && count > room ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_SUCCESS;
}

static apm_error check(const void *text, size_t size, const void *output, size_t room, size_t *written)
{
    if (written)
        *written = 0;
    return !written || (!text && size > 0) || (!output && room > 0) ? APM_ERROR_ARGUMENT_NULL : APM_ERROR_SUCCESS;
}

/* -- UTF-8 ------------------------------------------------------------------------------------------------------- */

/* Reads one character, of a text that is not at its end; false if it is none of UTF-8's. */
static bool get_utf8(const char *text, size_t size, size_t *place, uint32_t *character)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t)text[(*place)++];
    size_t more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : 3;
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
        return false;
    uint32_t found = more == 0 ? first : first & (0x3fu >> more);
    if (size - *place < more)
        return false;
    for (size_t i = 0; i < more; i++) {
        uint8_t next = (uint8_t)text[(*place)++];
        if ((next & 0xc0) != 0x80)
            return false;
        found = found << 6 | (next & 0x3f);
    }
    *character = found;
    return found >= least[more] && found <= 0x10ffff && !(found >= 0xd800 && found < 0xe000);
}

apm_error apm_text_utf8_to_utf16(const char *text, size_t size, uint16_t *output, size_t room, size_t *written)
{
    size_t count = 0;
    uint32_t character;
    apm_error error = check(text, size, output, room, written);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t place = 0; place < size;) {
        if (!get_utf8(text, size, &place, &character))
            return APM_ERROR_FORMAT;
        uint16_t units[2] = {(uint16_t)character};
        size_t unit_count = 1;
        if (character >= 0x10000) {
            units[0] = (uint16_t)(0xd7c0 + (character >> 10));
            units[1] = (uint16_t)(0xdc00 + (character & 0x3ff));
            unit_count = 2;
        }
        for (size_t i = 0; i < unit_count; i++, count++) {
            if (count < room)
                output[count] = units[i];
        }
    }
    *written = count;
    return outcome(count, room, output);
}

apm_error apm_text_utf16_to_utf8(const uint16_t *text, size_t size, char *output, size_t room, size_t *written)
{
    struct bytes bytes = {.output = output, .room = room};
    apm_error error = check(text, size, output, room, written);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t i = 0; i < size; i++) {
        uint32_t character = text[i];
        if (character >= 0xd800 && character < 0xe000) {
            bool pair = character < 0xdc00 && i + 1 < size && text[i + 1] >= 0xdc00 && text[i + 1] < 0xe000;
            character = pair ? 0x10000 + ((character - 0xd800) << 10) + (text[++i] - 0xdc00u) : REPLACEMENT;
        }
        put_utf8(&bytes, character);
    }
    *written = bytes.count;
    return outcome(bytes.count, room, output);
}

/* -- Code pages -------------------------------------------------------------------------------------------------- */

/* What a page is converted by: both tables NULL for those that need none. */
struct page {
    unsigned number;
    const uint16_t *upper;
    const struct apm__double_byte *pairs;
};

static apm_error find_page(unsigned code_page, struct page *page)
{
    *page = (struct page){.number = code_page, .upper = apm__code_page_upper(code_page)};
    if (page->upper || code_page == APM_CODE_PAGE_UTF8 || code_page == APM_CODE_PAGE_ASCII ||
        code_page == APM_CODE_PAGE_LATIN_1)
        return APM_ERROR_SUCCESS;
    return apm__double_byte_find(code_page, &page->pairs);
}

bool apm_text_has_code_page(unsigned code_page)
{
    struct page page;
    return find_page(code_page, &page) == APM_ERROR_SUCCESS;
}

/* The byte of a character, or a pair of bytes with the first one in the upper half; -1 if the page does not have it. */
static int code_of(const struct page *page, uint32_t character)
{
    if (page->pairs)
        return apm__double_byte_of(page->pairs, character);
    if (character < 0x80 || (page->number == APM_CODE_PAGE_LATIN_1 && character < 0x100))
        return (int)character;
    for (int i = 0; page->upper && i < 128; i++) {
        if (page->upper[i] == character)
            return 128 + i;
    }
    return -1;
}

/* Reads one character of a text that is not at its end; false if it is not UTF-8, which alone can be wrong. */
static bool get_character(const struct page *page, const char *text, size_t size, size_t *place, uint32_t *character)
{
    if (page->number == APM_CODE_PAGE_UTF8)
        return get_utf8(text, size, place, character);
    if (page->pairs) {
        *character = apm__double_byte_get(page->pairs, text, size, place);
        return true;
    }
    uint8_t byte = (uint8_t)text[(*place)++];
    if (byte < 0x80 || page->number == APM_CODE_PAGE_LATIN_1)
        *character = byte;
    else
        *character = page->upper && page->upper[byte - 128] ? page->upper[byte - 128] : REPLACEMENT;
    return true;
}

apm_error apm_text_utf8_to_code_page(unsigned code_page, const char *text, size_t size, char *output, size_t room,
                                     size_t *written, size_t *replaced)
{
    struct page page;
    struct bytes bytes = {.output = output, .room = room};
    uint32_t character;
    size_t missing = 0;
    if (replaced)
        *replaced = 0;
    apm_error error = check(text, size, output, room, written);
    if (error == APM_ERROR_SUCCESS)
        error = find_page(code_page, &page);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t place = 0; place < size;) {
        if (!get_utf8(text, size, &place, &character))
            return APM_ERROR_FORMAT;
        if (code_page == APM_CODE_PAGE_UTF8) {
            put_utf8(&bytes, character);
            continue;
        }
        int code = code_of(&page, character);
        missing += code < 0;
        if (code >= 0x100)
            put_byte(&bytes, (uint32_t)code >> 8);
        put_byte(&bytes, code < 0 ? '?' : (uint32_t)code & 0xff);
    }
    *written = bytes.count;
    if (replaced)
        *replaced = missing;
    return outcome(bytes.count, room, output);
}

apm_error apm_text_code_page_to_utf8(unsigned code_page, const char *text, size_t size, char *output, size_t room,
                                     size_t *written)
{
    struct page page;
    struct bytes bytes = {.output = output, .room = room};
    apm_error error = check(text, size, output, room, written);
    if (error == APM_ERROR_SUCCESS)
        error = find_page(code_page, &page);
    if (error != APM_ERROR_SUCCESS)
        return error;
    for (size_t place = 0; place < size;) {
        uint32_t character;
        if (!get_character(&page, text, size, &place, &character))
            return APM_ERROR_FORMAT;
        put_utf8(&bytes, character);
    }
    *written = bytes.count;
    return outcome(bytes.count, room, output);
}

/* -- Numbers ----------------------------------------------------------------------------------------------------- */

void apm_text_put_little_endian(uint8_t *bytes, size_t size, uint64_t number)
{
    for (size_t i = 0; bytes && i < size; i++)
        bytes[i] = i < 8 ? (uint8_t)(number >> 8 * i) : 0;
}

uint64_t apm_text_get_little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; bytes && i < size && i < 8; i++)
        number |= (uint64_t)bytes[i] << 8 * i;
    return number;
}

uint32_t apm_text_float_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

uint64_t apm_text_double_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

float apm_text_float_of_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

double apm_text_double_of_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}
