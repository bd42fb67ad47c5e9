/*
 * Code pages as the C library's iconv knows them. Any thread; it reads files, and blocks for as long as that takes.
 */
#include "os.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>

#include "os_posix_error.h"

/* What the byte or the pair of bytes stands for, if that is one unit of UTF-16; otherwise 0. */
static uint16_t character_of(iconv_t conversion, unsigned code)
{
    char bytes[2] = {(char)(code >> 8), (char)code};
    unsigned char units[8] = {0};
    size_t left = code < 0x100 ? 1 : 2;
    size_t room = sizeof units;
    char *from = bytes + 2 - left;
    char *to = (char *)units;
    iconv(conversion, NULL, NULL, NULL, NULL); /* what the code before has left behind */
    size_t irreversible = iconv(conversion, &from, &left, &to, &room);
    if (irreversible != 0 || left > 0 || room != sizeof units - 2)
        return 0;
    return (uint16_t)(units[0] | units[1] << 8);
}

#if defined __GNUC__ && !defined __clang__
/* The analyzer takes what iconv_open gives for memory, and does not know that of failure it gives -1. */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

apm_error apm__os_code_page_characters(unsigned code_page, uint16_t *characters)
{
    char name[16];
    snprintf(name, sizeof name, "CP%u", code_page);
    iconv_t conversion = iconv_open("UTF-16LE", name);
    if (conversion == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): what POSIX says is an invalid one */
        return errno == EINVAL ? APM_ERROR_NOT_SUPPORTED : apm__os_translate(errno);
    for (unsigned code = 0; code < APM__OS_CODE_LIMIT; code++) {
        bool may_be = code < 0x100 || code >= 0x8000; /* a pair begins with a byte above ASCII */
        characters[code] = may_be ? character_of(conversion, code) : 0;
    }
    iconv_close(conversion);
    return APM_ERROR_SUCCESS;
}
