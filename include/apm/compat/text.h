/*
 * Text between UTF-8, which C programs have, and what Windows' programs have: UTF-16 and code pages. And numbers in
 * little-endian order, whatever this machine's is.
 *
 * Each conversion takes `size` units, zeros included, and writes at most `room` of them without a zero at the end.
 * *written is how many the whole text takes, also where it does not fit; with `output` NULL and `room` 0 it is only
 * measured. Any thread. Nothing is allocated, but where a page of two bytes a character is used for the first time: it
 * is read from the system, and kept.
 */
#ifndef APM_COMPAT_TEXT_H
#define APM_COMPAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/*
 * Windows' numbers of code pages. Beside these there are 1250, 1251, 1253 to 1258, 437, 850 and 874; and those of East
 * Asia, if the C library's iconv has them: their characters take one byte or two.
 */
enum {
    APM_CODE_PAGE_JAPANESE = 932,
    APM_CODE_PAGE_CHINESE_SIMPLIFIED = 936,
    APM_CODE_PAGE_KOREAN = 949,
    APM_CODE_PAGE_CHINESE_TRADITIONAL = 950,
    APM_CODE_PAGE_UTF16 = 1200, /* for apm_archive_set_code_page: strings are stored as a Unicode program does */
    APM_CODE_PAGE_WESTERN = 1252,
    APM_CODE_PAGE_ASCII = 20127,
    APM_CODE_PAGE_LATIN_1 = 28591,
    APM_CODE_PAGE_UTF8 = 65001
};

/*
 * UTF-8 to UTF-16 in this machine's order, and back. Half a surrogate pair becomes U+FFFD.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `text` is NULL and `size` is not 0, or `written` is NULL, or `output` is NULL and
 *          `room` is not 0; APM_ERROR_FORMAT the text is not UTF-8; APM_ERROR_ARGUMENT_OUT_OF_RANGE it does not fit,
 *          and what does is written (not where it is only measured).
 */
APM_API APM_MUST_CHECK apm_error apm_text_utf8_to_utf16(const char *text, size_t size, uint16_t *output, size_t room,
                                                        size_t *written);
APM_API APM_MUST_CHECK apm_error apm_text_utf16_to_utf8(const uint16_t *text, size_t size, char *output, size_t room,
                                                        size_t *written);

/*
 * UTF-8 to a code page, and back. A character that the page does not have becomes `?`, as on Windows, and
 * *replaced, which may be NULL, counts them; a byte that stands for none becomes U+FFFD. So does a pair of bytes that
 * stands for none, and a first byte that has no second one; of a pair whose second byte is ASCII that byte stays.
 *
 * Errors   those of apm_text_utf8_to_utf16; APM_ERROR_NOT_SUPPORTED there is no such code page, or the system does not
 *          have it; and where a page is used for the first time APM_ERROR_OUT_OF_MEMORY there is no memory for it,
 *          APM_ERROR_TOO_MANY_OPEN_SOCKETS no descriptor for the system's file of it.
 */
APM_API APM_MUST_CHECK apm_error apm_text_utf8_to_code_page(unsigned code_page, const char *text, size_t size,
                                                            char *output, size_t room, size_t *written,
                                                            size_t *replaced);
APM_API APM_MUST_CHECK apm_error apm_text_code_page_to_utf8(unsigned code_page, const char *text, size_t size,
                                                            char *output, size_t room, size_t *written);

/* Whether there is such a code page here, and can be used now. */
APM_API bool apm_text_has_code_page(unsigned code_page);

/* Numbers of 1 to 8 bytes, lowest byte first; and floating point numbers as such numbers of 4 and 8 bytes. */
APM_API void apm_text_put_little_endian(uint8_t *bytes, size_t size, uint64_t number);
APM_API uint64_t apm_text_get_little_endian(const uint8_t *bytes, size_t size);
APM_API uint32_t apm_text_float_bits(float number);
APM_API uint64_t apm_text_double_bits(double number);
APM_API float apm_text_float_of_bits(uint32_t bits);
APM_API double apm_text_double_of_bits(uint64_t bits);

APM_END_DECLARATIONS

#endif
