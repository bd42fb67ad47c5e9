/*
 * Owns DNS endpoints: making, comparing and writing them as .NET's DnsEndPoint does.
 *
 * No state and no locks; any thread.
 */
#include "apm/dns_endpoint.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"

static const char *family_name(apm_address_family family)
{
    switch ((int)family) {
    case APM_ADDRESS_FAMILY_UNSPECIFIED: return "Unspecified";
    case APM_ADDRESS_FAMILY_INTER_NETWORK: return "InterNetwork";
    case APM_ADDRESS_FAMILY_INTER_NETWORK_V6: return "InterNetworkV6";
    default: return NULL;
    }
}

apm_error apm_dns_endpoint_create(const char *host, int port, apm_address_family address_family,
                                  apm_dns_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_dns_endpoint){.host = NULL};
    if (host == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (host[0] == '\0') {
        return APM_ERROR_ARGUMENT;
    }
    if (port < APM_ENDPOINT_MIN_PORT || port > APM_ENDPOINT_MAX_PORT) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    if (family_name(address_family) == NULL) {
        return APM_ERROR_ARGUMENT;
    }
    *endpoint = (apm_dns_endpoint){.host = host, .port = port, .address_family = address_family};
    return APM_ERROR_SUCCESS;
}

apm_error apm_dns_endpoint_format(apm_dns_endpoint endpoint, char *buffer, size_t size)
{
    if (buffer == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (size > 0) {
        buffer[0] = '\0';
    }
    const char *family = family_name(endpoint.address_family);
    if (endpoint.host == NULL || family == NULL) {
        return APM_ERROR_ARGUMENT;
    }
    int length = snprintf(buffer, size, "%s/%s:%d", family, endpoint.host, endpoint.port);
    if (length >= 0 && (size_t)length < size) {
        return APM_ERROR_SUCCESS;
    }
    if (size > 0) {
        buffer[0] = '\0';
    }
    return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
}

/* Letters of both cases are one; nothing depends on the locale. */
static char to_lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

static bool is_same_host(const char *left, const char *right)
{
    if (left == NULL || right == NULL) {
        return left == right;
    }
    while (*left != '\0' && to_lower(*left) == to_lower(*right)) {
        left++;
        right++;
    }
    return to_lower(*left) == to_lower(*right);
}

bool apm_dns_endpoint_equals(apm_dns_endpoint left, apm_dns_endpoint right)
{
    return left.address_family == right.address_family && left.port == right.port &&
           is_same_host(left.host, right.host);
}

uint32_t apm_dns_endpoint_get_hash_code(apm_dns_endpoint endpoint)
{
    uint32_t hash = apm__hash_number(APM__HASH_BEGIN, (uint32_t)endpoint.address_family);
    hash = apm__hash_number(hash, (uint32_t)endpoint.port);
    for (const char *at = endpoint.host; at != NULL && *at != '\0'; at++) {
        hash = apm__hash_byte(hash, (uint8_t)to_lower(*at));
    }
    return hash;
}
