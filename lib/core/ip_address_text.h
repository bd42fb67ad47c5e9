/*
 * What the files about addresses share: reading an address out of a longer text, handing text to the caller, and
 * telling the address that names no host.
 */
#ifndef APM__IP_ADDRESS_TEXT_H
#define APM__IP_ADDRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/ip_address.h"

/* Reads an address that is all of the `length` characters at `text`, which need no zero; false: it is none. */
bool apm__ip_address_read(const char *text, size_t length, apm_ip_address *address);

/*
 * Gives `length` characters and a zero to the caller's `buffer` of `size` bytes. If they do not fit,
 * APM_ERROR_ARGUMENT_OUT_OF_RANGE and an empty text.
 */
apm_error apm__text_deliver(const char *text, size_t length, char *buffer, size_t size);

/* The same without the zero; false, and *written 0, if they do not fit, or are none. `written` may be NULL. */
bool apm__text_try_deliver(const char *text, size_t length, char *buffer, size_t size, size_t *written);

/*
 * Reads all of the text as decimal digits with a value of at most `largest`; leading zeros do not count. False for
 * anything else.
 */
bool apm__text_read_number(const char *text, size_t length, unsigned largest, unsigned *number);

/* Whether it is 0.0.0.0 or ::, with any scope. */
bool apm__ip_address_is_unspecified(apm_ip_address address);

#endif
