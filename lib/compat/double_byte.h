/*
 * Code pages of one or two bytes a character: 932 (Japanese), 936 (simplified Chinese), 949 (Korean) and 950
 * (traditional Chinese).
 *
 * Invariants
 *   1. A page is read from the system when somebody first wants it, and kept until the process ends: a quarter of a
 *      megabyte. It is read under a lock, a leaf; other threads that want a page wait for some ten milliseconds.
 *   2. A page that is published is never written to again. Who has found it can convert any text by it without memory,
 *      system or failure; so what has been measured can be written.
 */
#ifndef APM__DOUBLE_BYTE_H
#define APM__DOUBLE_BYTE_H

#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"

struct apm__double_byte;

/*
 * The page; NULL with the error. NOT_SUPPORTED: the system does not have it; OUT_OF_MEMORY, or what its files gave.
 */
apm_error apm__double_byte_find(unsigned code_page, const struct apm__double_byte **page);

/*
 * Reads one character, or U+FFFD, of a text that is not at its end. A first byte without a second one, or with one that
 * makes no pair, is U+FFFD; the second one counts for itself if it is ASCII, so that no end of a line or quotation mark
 * is swallowed.
 */
uint32_t apm__double_byte_get(const struct apm__double_byte *page, const char *text, size_t size, size_t *place);

/* The byte, or the pair of bytes with the first one in the upper half, of a character; -1 if the page has none. */
int apm__double_byte_of(const struct apm__double_byte *page, uint32_t character);

#endif
