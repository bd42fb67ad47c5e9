/*
 * Owns the values of addresses: making, comparing, classifying and mapping them. Their text is ip_address_parse.c's.
 *
 * No state, no locks, no system calls; any thread. An address may come from the caller with any content: a family that
 * is neither IPv4 nor IPv6 is no address, and what lies behind the four bytes of an IPv4 address is never looked at.
 */
#include "apm/ip_address.h"

#include <string.h>

#include "hash.h"
#include "ip_address_text.h"

enum { IPV4_SIZE = 4, IPV6_SIZE = 16, MAPPED_PREFIX_SIZE = IPV6_SIZE - IPV4_SIZE };

/* ::ffff:0:0/96 holds the IPv4 addresses. */
static const uint8_t mapped_prefix[MAPPED_PREFIX_SIZE] = {[10] = 0xff, [11] = 0xff};

/* How many bytes count; none in a value that is no address. */
static size_t size_of_family(apm_address_family family)
{
    switch (family) {
    case APM_ADDRESS_FAMILY_INTER_NETWORK: return IPV4_SIZE;
    case APM_ADDRESS_FAMILY_INTER_NETWORK_V6: return IPV6_SIZE;
    case APM_ADDRESS_FAMILY_UNIX:
    case APM_ADDRESS_FAMILY_UNSPECIFIED: break;
    }
    return 0;
}

static bool is_ipv6(apm_ip_address address)
{
    return address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
}

/* Whether an IPv6 address begins with the bits of `prefix` that `mask` selects. */
static bool has_prefix(apm_ip_address address, unsigned prefix, unsigned mask)
{
    unsigned first_group = (unsigned)address.bytes[0] << 8 | address.bytes[1];
    return is_ipv6(address) && (first_group & mask) == prefix;
}

static apm_ip_address make_ipv4(uint8_t first, uint8_t second, uint8_t third, uint8_t fourth)
{
    return (apm_ip_address){.family = APM_ADDRESS_FAMILY_INTER_NETWORK, .bytes = {first, second, third, fourth}};
}

/* -- Making -------------------------------------------------------------------------------------------------------- */

apm_ip_address apm_ip_address_any(void)
{
    return make_ipv4(0, 0, 0, 0);
}

apm_ip_address apm_ip_address_loopback(void)
{
    return make_ipv4(127, 0, 0, 1);
}

apm_ip_address apm_ip_address_broadcast(void)
{
    return make_ipv4(255, 255, 255, 255);
}

apm_ip_address apm_ip_address_none(void)
{
    return apm_ip_address_broadcast();
}

apm_ip_address apm_ip_address_ipv6_any(void)
{
    return (apm_ip_address){.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6};
}

apm_ip_address apm_ip_address_ipv6_loopback(void)
{
    return (apm_ip_address){.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6, .bytes = {[IPV6_SIZE - 1] = 1}};
}

apm_ip_address apm_ip_address_ipv6_none(void)
{
    return apm_ip_address_ipv6_any();
}

apm_error apm_ip_address_from_bytes(const uint8_t *bytes, size_t size, uint32_t scope_id, apm_ip_address *address)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }

    /* Made apart, because `bytes` may be those of *address. */
    apm_ip_address made = {.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
    apm_error error = APM_ERROR_SUCCESS;
    if (bytes == NULL) {
        error = APM_ERROR_ARGUMENT_NULL;
    } else if (size == IPV4_SIZE && scope_id == 0) {
        made.family = APM_ADDRESS_FAMILY_INTER_NETWORK;
        memcpy(made.bytes, bytes, IPV4_SIZE);
    } else if (size == IPV6_SIZE) {
        made.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        made.scope_id = scope_id;
        memcpy(made.bytes, bytes, IPV6_SIZE);
    } else {
        error = APM_ERROR_ARGUMENT;
    }
    *address = made;
    return error;
}

apm_error apm_ip_address_from_number(int64_t number, apm_ip_address *address)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *address = (apm_ip_address){.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
    if (number < 0 || number > UINT32_MAX) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    uint32_t bits = (uint32_t)number;
    address->family = APM_ADDRESS_FAMILY_INTER_NETWORK;
    memcpy(address->bytes, &bits, IPV4_SIZE);
    return APM_ERROR_SUCCESS;
}

/* -- Parts --------------------------------------------------------------------------------------------------------- */

apm_error apm_ip_address_get_address_bytes(apm_ip_address address, uint8_t *bytes, size_t size, size_t *count)
{
    size_t needed = size_of_family(address.family);
    if (count != NULL) {
        *count = 0;
    }
    if (bytes == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (needed == 0) {
        return APM_ERROR_ARGUMENT;
    }
    if (size < needed) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    memcpy(bytes, address.bytes, needed);
    if (count != NULL) {
        *count = needed;
    }
    return APM_ERROR_SUCCESS;
}

bool apm_ip_address_try_write_bytes(apm_ip_address address, uint8_t *bytes, size_t size, size_t *written)
{
    return apm_ip_address_get_address_bytes(address, bytes, size, written) == APM_ERROR_SUCCESS;
}

apm_error apm_ip_address_scope_id(apm_ip_address address, int64_t *scope_id)
{
    if (scope_id == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *scope_id = is_ipv6(address) ? address.scope_id : 0;
    return is_ipv6(address) ? APM_ERROR_SUCCESS : APM_ERROR_OPERATION_NOT_SUPPORTED;
}

apm_error apm_ip_address_set_scope_id(apm_ip_address *address, int64_t scope_id)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (!is_ipv6(*address)) {
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    }
    if (scope_id < 0 || scope_id > UINT32_MAX) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    address->scope_id = (uint32_t)scope_id;
    return APM_ERROR_SUCCESS;
}

apm_error apm_ip_address_address(apm_ip_address address, int64_t *number)
{
    if (number == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *number = 0;
    if (address.family != APM_ADDRESS_FAMILY_INTER_NETWORK) {
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    }
    uint32_t bits;
    memcpy(&bits, address.bytes, IPV4_SIZE);
    *number = bits;
    return APM_ERROR_SUCCESS;
}

apm_error apm_ip_address_set_address(apm_ip_address *address, int64_t number)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (address->family != APM_ADDRESS_FAMILY_INTER_NETWORK) {
        return APM_ERROR_OPERATION_NOT_SUPPORTED;
    }
    return apm_ip_address_from_number(number & UINT32_MAX, address);
}

/* -- Order of bytes ------------------------------------------------------------------------------------------------ */

/* The lower bytes of the number, the highest of them first. */
static void store_highest_first(uint64_t number, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    }
}

int16_t apm_ip_address_host_to_network_order_16(int16_t host)
{
    int16_t network;
    uint8_t bytes[sizeof network];
    store_highest_first((uint64_t)host, bytes, sizeof bytes);
    memcpy(&network, bytes, sizeof network);
    return network;
}

int32_t apm_ip_address_host_to_network_order_32(int32_t host)
{
    int32_t network;
    uint8_t bytes[sizeof network];
    store_highest_first((uint64_t)host, bytes, sizeof bytes);
    memcpy(&network, bytes, sizeof network);
    return network;
}

int64_t apm_ip_address_host_to_network_order_64(int64_t host)
{
    int64_t network;
    uint8_t bytes[sizeof network];
    store_highest_first((uint64_t)host, bytes, sizeof bytes);
    memcpy(&network, bytes, sizeof network);
    return network;
}

int16_t apm_ip_address_network_to_host_order_16(int16_t network)
{
    return apm_ip_address_host_to_network_order_16(network);
}

int32_t apm_ip_address_network_to_host_order_32(int32_t network)
{
    return apm_ip_address_host_to_network_order_32(network);
}

int64_t apm_ip_address_network_to_host_order_64(int64_t network)
{
    return apm_ip_address_host_to_network_order_64(network);
}

/* -- Comparing ----------------------------------------------------------------------------------------------------- */

int apm_ip_address_compare(apm_ip_address left, apm_ip_address right)
{
    if (left.family != right.family) {
        return left.family < right.family ? -1 : 1;
    }
    int order = memcmp(left.bytes, right.bytes, size_of_family(left.family));
    if (order != 0 || !is_ipv6(left) || left.scope_id == right.scope_id) {
        return order;
    }
    return left.scope_id < right.scope_id ? -1 : 1;
}

bool apm_ip_address_equals(apm_ip_address left, apm_ip_address right)
{
    return apm_ip_address_compare(left, right) == 0;
}

uint32_t apm_ip_address_get_hash_code(apm_ip_address address)
{
    uint32_t hash = apm__hash_number(APM__HASH_BEGIN, (uint32_t)address.family);
    hash = apm__hash_bytes(hash, address.bytes, size_of_family(address.family));
    return is_ipv6(address) ? apm__hash_number(hash, address.scope_id) : hash;
}

/* -- Classifying --------------------------------------------------------------------------------------------------- */

bool apm_ip_address_is_loopback(apm_ip_address address)
{
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        return address.bytes[0] == 127;
    }
    /* As in .NET exactly these two, without a scope: the rest of ::ffff:127.0.0.0/104 is none. */
    return apm_ip_address_equals(address, apm_ip_address_ipv6_loopback()) ||
           apm_ip_address_equals(address, apm_ip_address_map_to_ipv6(apm_ip_address_loopback()));
}

bool apm_ip_address_is_ipv4_mapped_to_ipv6(apm_ip_address address)
{
    return is_ipv6(address) && memcmp(address.bytes, mapped_prefix, MAPPED_PREFIX_SIZE) == 0;
}

bool apm_ip_address_is_ipv6_link_local(apm_ip_address address)
{
    return has_prefix(address, 0xfe80, 0xffc0);
}

bool apm_ip_address_is_ipv6_multicast(apm_ip_address address)
{
    return has_prefix(address, 0xff00, 0xff00);
}

bool apm_ip_address_is_ipv6_site_local(apm_ip_address address)
{
    return has_prefix(address, 0xfec0, 0xffc0);
}

bool apm_ip_address_is_ipv6_teredo(apm_ip_address address)
{
    return has_prefix(address, 0x2001, 0xffff) && address.bytes[2] == 0 && address.bytes[3] == 0;
}

bool apm_ip_address_is_ipv6_unique_local(apm_ip_address address)
{
    return has_prefix(address, 0xfc00, 0xfe00);
}

bool apm__ip_address_is_unspecified(apm_ip_address address)
{
    static const uint8_t zero[IPV6_SIZE];
    return memcmp(address.bytes, zero, size_of_family(address.family)) == 0;
}

/* -- Mapping ------------------------------------------------------------------------------------------------------- */

apm_ip_address apm_ip_address_map_to_ipv6(apm_ip_address address)
{
    if (address.family != APM_ADDRESS_FAMILY_INTER_NETWORK) {
        return address;
    }
    apm_ip_address mapped = {.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6};
    memcpy(mapped.bytes, mapped_prefix, MAPPED_PREFIX_SIZE);
    memcpy(mapped.bytes + MAPPED_PREFIX_SIZE, address.bytes, IPV4_SIZE);
    return mapped;
}

apm_ip_address apm_ip_address_map_to_ipv4(apm_ip_address address)
{
    if (!is_ipv6(address)) {
        return address;
    }
    /* As in .NET the last four bytes, whether or not the address is a mapped one. */
    const uint8_t *last = address.bytes + MAPPED_PREFIX_SIZE;
    return make_ipv4(last[0], last[1], last[2], last[3]);
}
