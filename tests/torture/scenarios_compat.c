/*
 * The porting layers: code pages.
 */
#include <string.h>

#include "apm/compat/text.h"
#include "torture.h"

/* A system that does not have the page says so with or without a fault. */
static void convert(void)
{
    char bytes[8];
    size_t written;
    apm_error error = apm_text_utf8_to_code_page(APM_CODE_PAGE_JAPANESE, "\xe8\xa1\xa8", 3, bytes, sizeof bytes,
                                                 &written, NULL);
    if (error == APM_ERROR_NOT_SUPPORTED)
        return;
    if (OK(error))
        CHECK(written == 2 && memcmp(bytes, "\x95\x5c", 2) == 0);
}

TORTURE(code_pages_bear_every_failing_call, convert)
