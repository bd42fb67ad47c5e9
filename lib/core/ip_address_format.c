/*
 * Owns the writing of addresses, in the form that .NET 10's IPAddress.ToString gives them.
 *
 * No state, no locks, no system calls; any thread. Functions named write_ return where the text goes on; the room for
 * the longest address is theirs to assume.
 */
#include <string.h>

#include "apm/ip_address.h"
#include "ip_address_text.h"

enum {
    IPV4_PARTS = 4,
    IPV6_GROUPS = 8,
    EMBEDDED_IPV4_GROUPS = 2, /* the groups that an IPv4 address at the end of an IPv6 address stands for */
    LARGEST_NUMBER_DIGITS = 10
};

/* ISATAP behind the longest prefix, with the largest scope. */
_Static_assert(sizeof "ffff:ffff:ffff:ffff:0:5efe:255.255.255.255%4294967295" <= APM_IP_ADDRESS_TEXT_SIZE,
               "the longest address must fit");

static char *write_number(char *at, uint32_t number, unsigned base)
{
    char digits[LARGEST_NUMBER_DIGITS];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

static char *write_ipv4(char *at, const uint8_t bytes[4])
{
    for (int i = 0; i < IPV4_PARTS; i++) {
        if (i > 0) {
            *at++ = '.';
        }
        at = write_number(at, bytes[i], 10);
    }
    return at;
}

/* Whether .NET writes the last two groups as an IPv4 address. */
static bool ends_in_ipv4(const uint16_t groups[IPV6_GROUPS])
{
    if (groups[4] == 0 && groups[5] == 0x5efe) {
        return true; /* ISATAP, behind any prefix */
    }
    /* IPv4-compatible, IPv4-mapped and SIIT, where the IPv4 address does not begin with two zero bytes. */
    bool prefix_is_zero = groups[0] == 0 && groups[1] == 0 && groups[2] == 0 && groups[3] == 0;
    bool compatible_or_mapped = groups[4] == 0 && (groups[5] == 0 || groups[5] == 0xffff);
    bool translated = groups[4] == 0xffff && groups[5] == 0;
    return prefix_is_zero && groups[6] != 0 && (compatible_or_mapped || translated);
}

/* RFC 5952: the longest run of at least two zero groups, the first of equally long ones. Returns its length or 0. */
static int find_zero_run(const uint16_t *groups, int count, int *start)
{
    int longest = 0;
    int run = 0;
    *start = 0;
    for (int i = 0; i < count; i++) {
        run = groups[i] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            *start = i + 1 - run;
        }
    }
    return longest >= 2 ? longest : 0;
}

static char *write_ipv6(char *at, const apm_ip_address *address)
{
    uint16_t groups[IPV6_GROUPS];
    for (size_t i = 0; i < IPV6_GROUPS; i++) {
        groups[i] = (uint16_t)(address->bytes[2 * i] << 8 | address->bytes[2 * i + 1]);
    }
    bool embedded = ends_in_ipv4(groups);
    int count = embedded ? IPV6_GROUPS - EMBEDDED_IPV4_GROUPS : IPV6_GROUPS;
    int zeros_start;
    int zeros = find_zero_run(groups, count, &zeros_start);

    bool separated = true; /* nothing has been written that needs a colon behind it */
    for (int i = 0; i < count; i++) {
        if (zeros > 0 && i == zeros_start) {
            *at++ = ':';
            *at++ = ':';
            separated = true;
            i += zeros - 1;
            continue;
        }
        if (!separated) {
            *at++ = ':';
        }
        at = write_number(at, groups[i], 16);
        separated = false;
    }
    if (embedded) {
        if (!separated) {
            *at++ = ':';
        }
        at = write_ipv4(at, address->bytes + 12);
    }
    if (address->scope_id != 0) {
        *at++ = '%';
        at = write_number(at, address->scope_id, 10);
    }
    return at;
}

apm_error apm__text_deliver(const char *text, size_t length, char *buffer, size_t size)
{
    if (length >= size) {
        if (size > 0) {
            buffer[0] = '\0';
        }
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    memcpy(buffer, text, length);
    buffer[length] = '\0';
    return APM_ERROR_SUCCESS;
}

/* Writes the text of an address into the room for the longest one; its length, or 0 if the value is no address. */
static size_t write_address(apm_ip_address address, char text[APM_IP_ADDRESS_TEXT_SIZE])
{
    char *end = text;
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        end = write_ipv4(text, address.bytes);
    } else if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6) {
        end = write_ipv6(text, &address);
    }
    return (size_t)(end - text);
}

apm_error apm_ip_address_format(apm_ip_address address, char *buffer, size_t size)
{
    if (buffer == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    size_t length = write_address(address, text);
    apm_error error = apm__text_deliver(text, length, buffer, size);
    return length == 0 ? APM_ERROR_ARGUMENT : error;
}

bool apm__text_try_deliver(const char *text, size_t length, char *buffer, size_t size, size_t *written)
{
    bool fits = buffer != NULL && length > 0 && length <= size;
    if (fits) {
        memcpy(buffer, text, length);
    }
    if (written != NULL) {
        *written = fits ? length : 0;
    }
    return fits;
}

bool apm_ip_address_try_format(apm_ip_address address, char *buffer, size_t size, size_t *written)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    return apm__text_try_deliver(text, write_address(address, text), buffer, size, written);
}
