/*
 * Code pages of one or two bytes a character. Any thread; double_byte.h has the invariants.
 *
 * The system's tables are Unicode's for the page. What Windows has beyond them is here: the areas for characters of the
 * user's own, which have numbers in Unicode's private area, and which of several codes of a character is stored.
 */
#include "double_byte.h"

#include <stdbool.h>

#include "os.h"

enum { REPLACEMENT = 0xfffd, PAGE_COUNT = 4 };

struct apm__double_byte {
    uint16_t characters[APM__OS_CODE_LIMIT]; /* by code; 0: none */
    uint16_t codes[APM__OS_CODE_LIMIT];      /* by character of two bytes in UTF-16; 0: none */
    bool first[0x100];                       /* whether the byte begins a pair */
};

static const unsigned numbers[PAGE_COUNT] = {932, 936, 949, 950};

static apm__os_mutex reading = APM__OS_MUTEX_INITIALIZER; /* a leaf */

/* Written once each, under the lock. Release and acquire: who finds a page sees all of it. */
static _Atomic(struct apm__double_byte *) pages[PAGE_COUNT];

/* The free codes of an area have consecutive numbers from `character` on, row by row. */
static const struct area {
    unsigned page;
    uint8_t first_row, last_row;
    uint8_t first_cell, last_cell;
    uint16_t character;
} areas[] = {
    {936, 0xaa, 0xaf, 0xa1, 0xfe, 0xe000}, {936, 0xf8, 0xfe, 0xa1, 0xfe, 0xe234}, {936, 0xa1, 0xa7, 0x40, 0xa0, 0xe4c6},
    {936, 0xa2, 0xfe, 0x40, 0xfe, 0xe766}, {949, 0xc9, 0xc9, 0xa1, 0xfe, 0xe000}, {949, 0xfe, 0xfe, 0xa1, 0xfe, 0xe05e},
    {950, 0xfa, 0xfe, 0x40, 0xfe, 0xe000}, {950, 0x8e, 0xa0, 0x40, 0xfe, 0xe311}, {950, 0x81, 0x8d, 0x40, 0xfe, 0xeeb8},
};

/* Codes of characters that have another one, which is stored; elsewhere the lowest one is. */
static const struct {
    unsigned page;
    uint16_t first, last;
} read_only[] = {
    {932, 0xed40, 0xeefc}, /* NEC's selection of IBM's characters, which are at 0xfa40 */
    {950, 0xa2a4, 0xa2a7},
    {950, 0xa2cc, 0xa2cc},
    {950, 0xa2ce, 0xa2ce},
};

/* -- Reading a page ---------------------------------------------------------------------------------------------- */

/* Whether a second byte is one of the page's. */
static bool is_cell(unsigned number, unsigned cell)
{
    return cell != 0x7f && !(number == 950 && cell > 0x7e && cell < 0xa1);
}

static void fill_area(struct apm__double_byte *page, const struct area *area)
{
    uint16_t character = area->character;
    for (unsigned row = area->first_row; row <= area->last_row; row++) {
        for (unsigned cell = area->first_cell; cell <= area->last_cell; cell++) {
            uint16_t *place = &page->characters[row << 8 | cell];
            if (*place == 0 && is_cell(area->page, cell))
                *place = character++;
        }
    }
}

static bool is_stored(unsigned number, unsigned code)
{
    for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++)
        if (read_only[i].page == number && code >= read_only[i].first && code <= read_only[i].last)
            return false;
    return true;
}

static void complete(struct apm__double_byte *page, unsigned number)
{
    for (unsigned code = 0; code < 0x80; code++)
        page->characters[code] = (uint16_t)code; /* some tables have a yen sign for the backslash */
    for (unsigned code = 0x80; code < 0x100; code++)
        if (page->characters[code] < 0xa0)
            page->characters[code] = 0; /* some have control characters where there is nothing */
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
        if (areas[i].page == number)
            fill_area(page, &areas[i]);
    for (unsigned code = 0; code < APM__OS_CODE_LIMIT; code++) {
        uint16_t character = page->characters[code];
        if (character == 0)
            continue;
        if (code >= 0x100)
            page->first[code >> 8] = true;
        if (page->codes[character] == 0 && is_stored(number, code))
            page->codes[character] = (uint16_t)code;
    }
}

static apm_error read_page(unsigned number, struct apm__double_byte **page)
{
    *page = apm__os_allocate(sizeof **page);
    if (!*page)
        return APM_ERROR_OUT_OF_MEMORY;
    apm_error error = apm__os_code_page_characters(number, (*page)->characters);
    if (error == APM_ERROR_SUCCESS) {
        complete(*page, number);
        return error;
    }
    apm__os_free(*page);
    *page = NULL;
    return error;
}

static size_t place_of(unsigned number)
{
    size_t place = 0;
    while (place < PAGE_COUNT && numbers[place] != number)
        place++;
    return place;
}

apm_error apm__double_byte_find(unsigned code_page, const struct apm__double_byte **page)
{
    size_t place = place_of(code_page);
    apm_error error = APM_ERROR_SUCCESS;
    *page = NULL;
    if (place == PAGE_COUNT)
        return APM_ERROR_NOT_SUPPORTED;
    struct apm__double_byte *found = apm__atomic_load(&pages[place], APM__ACQUIRE); /* pairs with the store below */
    if (!found) {
        apm__os_mutex_lock(&reading);
        found = apm__atomic_load(&pages[place], APM__RELAXED); /* written under the lock */
        if (!found) {
            error = read_page(code_page, &found);
            apm__atomic_store(&pages[place], found, APM__RELEASE);
        }
        apm__os_mutex_unlock(&reading);
    }
    *page = found;
    return error;
}

/* -- Converting -------------------------------------------------------------------------------------------------- */

uint32_t apm__double_byte_get(const struct apm__double_byte *page, const char *text, size_t size, size_t *place)
{
    uint8_t byte = (uint8_t)text[(*place)++];
    if (byte < 0x80 || page->characters[byte] != 0)
        return page->characters[byte];
    if (!page->first[byte] || *place == size)
        return REPLACEMENT;
    uint8_t second = (uint8_t)text[*place];
    uint16_t character = page->characters[byte << 8 | second];
    *place += character != 0 || second >= 0x80;
    return character != 0 ? character : REPLACEMENT;
}

int apm__double_byte_of(const struct apm__double_byte *page, uint32_t character)
{
    if (character < 0x80)
        return (int)character;
    return character < APM__OS_CODE_LIMIT && page->codes[character] != 0 ? page->codes[character] : -1;
}
