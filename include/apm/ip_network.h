/*
 * IP networks: a base address with the length of its prefix. A plain value, copied on every call.
 */
#ifndef APM_IP_NETWORK_H
#define APM_IP_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* System.Net.IPNetwork, with BaseAddress and PrefixLength. All zero is 0.0.0.0/0, as in .NET. */
typedef struct apm_ip_network {
    apm_ip_address base_address;
    int prefix_length;
} apm_ip_network;

/* Room for any network as text with its terminating zero. */
#define APM_IP_NETWORK_TEXT_SIZE 70

/*
 * Makes the network of `prefix_length` bits in which the address lies: the other bits become zero, and where any was
 * set, or there is no prefix, a scope is left out.
 *
 * Failure  *network is all zero.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `network` is NULL, or `base_address` is no address; APM_ERROR_ARGUMENT_OUT_OF_RANGE
 *          the length is not from 0 to 32, for IPv6 128.
 * .NET     IPNetwork(IPAddress, int)
 */
APM_API APM_MUST_CHECK apm_error apm_ip_network_create(apm_ip_address base_address, int prefix_length,
                                                       apm_ip_network *network);

/*
 * Reads "address/length": the address as apm_ip_address_parse, the length in decimal digits.
 *
 * Failure  *network is all zero.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_FORMAT the text is no network.
 * .NET     IPNetwork.Parse
 */
APM_API APM_MUST_CHECK apm_error apm_ip_network_parse(const char *text, apm_ip_network *network);
APM_API APM_MUST_CHECK apm_error apm_ip_network_parse_span(const char *text, size_t length, apm_ip_network *network);

/* The same; false where they fail. .NET: IPNetwork.TryParse */
APM_API bool apm_ip_network_try_parse(const char *text, apm_ip_network *network);
APM_API bool apm_ip_network_try_parse_span(const char *text, size_t length, apm_ip_network *network);

/*
 * Writes the network as text, with its terminating zero: "10.0.0.0/8". APM_IP_NETWORK_TEXT_SIZE bytes are always
 * enough.
 *
 * Failure  buffer[0] is zero if there is any room.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT the value is no network;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the text does not fit.
 * .NET     IPNetwork.ToString()
 */
APM_API APM_MUST_CHECK apm_error apm_ip_network_format(apm_ip_network network, char *buffer, size_t size);

/* The same without a terminating zero, if it fits; *written is its length, or 0. .NET: IPNetwork.TryFormat */
APM_API bool apm_ip_network_try_format(apm_ip_network network, char *buffer, size_t size, size_t *written);

/*
 * Whether the address lies in the network. An IPv4 network contains ::ffff:a.b.c.d if it contains a.b.c.d; scopes do
 * not count.
 *
 * Threads  any.
 * .NET     IPNetwork.Contains(IPAddress)
 */
APM_API bool apm_ip_network_contains(apm_ip_network network, apm_ip_address address);

/* Whether two networks have equal base addresses, scopes included, and lengths. .NET: IPNetwork.Equals, GetHashCode */
APM_API bool apm_ip_network_equals(apm_ip_network left, apm_ip_network right);
APM_API uint32_t apm_ip_network_get_hash_code(apm_ip_network network);

APM_END_DECLARATIONS

#endif
