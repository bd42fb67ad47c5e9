/*
 * Names in certificates. See host_name.h. Any thread.
 */
#include "host_name.h"

#include <string.h>

#include "apm/ip_address.h"

bool apm__host_name_is_address(const char *host, uint8_t bytes[16], size_t *size)
{
    apm_ip_address address;
    *size = 0;
    /* What is written in fewer parts is an address to the parser, too, and a name to nobody. */
    if (host[0] == '\0' || !apm_ip_address_try_parse(host, &address) || address.scope_id != 0)
        return false;
    *size = address.family == APM_ADDRESS_FAMILY_INTER_NETWORK ? 4 : 16;
    memcpy(bytes, address.bytes, *size);
    return true;
}

static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static bool equals(const char *left, const char *right, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (lower(left[i]) != lower(right[i]))
            return false;
    return true;
}

bool apm__host_name_matches(const char *host, const void *bytes, size_t size)
{
    const char *pattern = bytes;
    size_t length = strlen(host);
    if (length > 0 && host[length - 1] == '.')
        length--;
    if (length == 0 || size == 0 || memchr(pattern, '\0', size))
        return false;
    if (size == length && equals(pattern, host, size))
        return true;
    if (size < 3 || pattern[0] != '*' || pattern[1] != '.')
        return false;
    /* A wildcard is one label, and what follows it is no top-level domain alone. */
    const char *dot = memchr(host, '.', length);
    if (!dot || dot == host || !memchr(pattern + 2, '.', size - 2))
        return false;
    size_t rest = length - (size_t)(dot - host);
    return rest == size - 1 && equals(pattern + 1, dot, rest);
}
