/*
 * Owns IP networks, as .NET 10's IPNetwork makes, compares, reads and writes them.
 *
 * No state and no locks; any thread. A value may come from the caller with any content.
 */
#include "apm/ip_network.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "ip_address_text.h"

enum { BYTE_BITS = 8, IPV4_BITS = 32, IPV6_BITS = 128 };

/* The longest address without its zero, the slash, and the digits. */
_Static_assert(APM_IP_ADDRESS_TEXT_SIZE + sizeof "/128" - 1 <= APM_IP_NETWORK_TEXT_SIZE, "the longest must fit");

/* How long a prefix may be; -1 for what is no address. */
static int longest_prefix(apm_ip_address address)
{
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        return IPV4_BITS;
    }
    return address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? IPV6_BITS : -1;
}

/* The bits of the byte that belong to a prefix. */
static uint8_t prefix_mask(int prefix_length, int byte)
{
    int bits = prefix_length - byte * BYTE_BITS;
    if (bits <= 0) {
        return 0;
    }
    return bits >= BYTE_BITS ? UINT8_MAX : (uint8_t)(UINT8_MAX << (BYTE_BITS - bits));
}

/* The value, or what all zero stands for; false if it is no network. */
static bool normalize(apm_ip_network *network)
{
    if (network->base_address.family == APM_ADDRESS_FAMILY_UNSPECIFIED && network->prefix_length == 0) {
        network->base_address = apm_ip_address_any();
    }
    return network->prefix_length >= 0 && network->prefix_length <= longest_prefix(network->base_address);
}

/* -- Making and reading -------------------------------------------------------------------------------------------- */

apm_error apm_ip_network_create(apm_ip_address base_address, int prefix_length, apm_ip_network *network)
{
    if (network == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *network = (apm_ip_network){.prefix_length = 0};
    int longest = longest_prefix(base_address);
    if (longest < 0) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (prefix_length < 0 || prefix_length > longest) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    bool changed = prefix_length == 0;
    for (int i = 0; i < longest / BYTE_BITS; i++) {
        uint8_t kept = base_address.bytes[i] & prefix_mask(prefix_length, i);
        changed = changed || kept != base_address.bytes[i];
        base_address.bytes[i] = kept;
    }
    if (changed) {
        base_address.scope_id = 0; /* .NET makes a new address, of bytes */
    }
    *network = (apm_ip_network){.base_address = base_address, .prefix_length = prefix_length};
    return APM_ERROR_SUCCESS;
}

apm_error apm_ip_network_parse_span(const char *text, size_t length, apm_ip_network *network)
{
    if (network == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *network = (apm_ip_network){.prefix_length = 0};
    if (text == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    size_t slash = length;
    while (slash > 0 && text[slash - 1] != '/') {
        slash--;
    }
    apm_ip_address address;
    unsigned prefix_length;
    if (slash == 0 || !apm__text_read_number(text + slash, length - slash, IPV6_BITS, &prefix_length) ||
        !apm__ip_address_read(text, slash - 1, &address)) {
        return APM_ERROR_FORMAT;
    }
    bool made = apm_ip_network_create(address, (int)prefix_length, network) == APM_ERROR_SUCCESS;
    return made ? APM_ERROR_SUCCESS : APM_ERROR_FORMAT;
}

apm_error apm_ip_network_parse(const char *text, apm_ip_network *network)
{
    return apm_ip_network_parse_span(text, text == NULL ? 0 : strlen(text), network);
}

bool apm_ip_network_try_parse(const char *text, apm_ip_network *network)
{
    return apm_ip_network_parse(text, network) == APM_ERROR_SUCCESS;
}

bool apm_ip_network_try_parse_span(const char *text, size_t length, apm_ip_network *network)
{
    return apm_ip_network_parse_span(text, length, network) == APM_ERROR_SUCCESS;
}

/* -- Writing ------------------------------------------------------------------------------------------------------- */

/* Writes the network into the room for the longest one; its length, or 0 if the value is no network. */
static size_t write_network(apm_ip_network network, char text[APM_IP_NETWORK_TEXT_SIZE])
{
    char address[APM_IP_ADDRESS_TEXT_SIZE];
    if (!normalize(&network) ||
        apm_ip_address_format(network.base_address, address, sizeof address) != APM_ERROR_SUCCESS) {
        return 0;
    }
    int length = snprintf(text, APM_IP_NETWORK_TEXT_SIZE, "%s/%d", address, network.prefix_length);
    return length > 0 ? (size_t)length : 0;
}

apm_error apm_ip_network_format(apm_ip_network network, char *buffer, size_t size)
{
    if (buffer == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    char text[APM_IP_NETWORK_TEXT_SIZE];
    size_t length = write_network(network, text);
    apm_error error = apm__text_deliver(text, length, buffer, size);
    return length == 0 ? APM_ERROR_ARGUMENT : error;
}

bool apm_ip_network_try_format(apm_ip_network network, char *buffer, size_t size, size_t *written)
{
    char text[APM_IP_NETWORK_TEXT_SIZE];
    return apm__text_try_deliver(text, write_network(network, text), buffer, size, written);
}

/* -- Questions ----------------------------------------------------------------------------------------------------- */

bool apm_ip_network_contains(apm_ip_network network, apm_ip_address address)
{
    if (!normalize(&network)) {
        return false;
    }
    if (network.base_address.family == APM_ADDRESS_FAMILY_INTER_NETWORK &&
        apm_ip_address_is_ipv4_mapped_to_ipv6(address)) {
        address = apm_ip_address_map_to_ipv4(address);
    }
    if (address.family != network.base_address.family) {
        return false;
    }
    for (int i = 0; i < longest_prefix(address) / BYTE_BITS; i++) {
        uint8_t differing = address.bytes[i] ^ network.base_address.bytes[i];
        if ((differing & prefix_mask(network.prefix_length, i)) != 0) {
            return false;
        }
    }
    return true;
}

bool apm_ip_network_equals(apm_ip_network left, apm_ip_network right)
{
    normalize(&left);
    normalize(&right);
    return left.prefix_length == right.prefix_length && apm_ip_address_equals(left.base_address, right.base_address);
}

uint32_t apm_ip_network_get_hash_code(apm_ip_network network)
{
    normalize(&network);
    return apm__hash_number(apm_ip_address_get_hash_code(network.base_address), (uint32_t)network.prefix_length);
}
