/*
 * Tables of code pages.
 */
#ifndef APM__CODE_PAGE_H
#define APM__CODE_PAGE_H

#include <stdint.h>

/* The characters of the bytes 128 to 255, 0 where there is none; NULL if the page is not one of those in the table. */
const uint16_t *apm__code_page_upper(unsigned page);

#endif
