/*
 * Whether a certificate is for a name: the comparison of a name or address that was asked for with one that stands in a
 * certificate, as RFC 6125 and RFC 9525 have it. No state, any thread.
 */
#ifndef APM__HOST_NAME_H
#define APM__HOST_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { APM__HOST_NAME_SIZE = 256 }; /* of the longest name, with its terminating zero */

/*
 * Whether the host is an IP address: *size bytes of it are put into `bytes`, 4 or 16. Brackets around IPv6 and scopes
 * are none.
 */
bool apm__host_name_is_address(const char *host, uint8_t bytes[16], size_t *size);

/*
 * Whether `pattern`, of that many bytes and of any content, is the name `host`: without regard to the case of ASCII
 * letters, and to one dot at the end of `host`. `*` stands for the whole first label of a name that has at least three.
 */
bool apm__host_name_matches(const char *host, const void *pattern, size_t size);

#endif
