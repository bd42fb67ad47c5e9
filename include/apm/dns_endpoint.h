/*
 * DNS endpoints: System.Net.DnsEndPoint, a host's name with a port and the family of addresses that is wanted. A plain
 * value, whose text is the program's.
 */
#ifndef APM_DNS_ENDPOINT_H
#define APM_DNS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* A name, or an address as text. APM_ADDRESS_FAMILY_UNSPECIFIED wants the addresses of all families. */
typedef struct apm_dns_endpoint {
    const char *host;
    int port;
    apm_address_family address_family;
} apm_dns_endpoint;

/*
 * Makes a DNS endpoint. The text is not copied.
 *
 * Failure  *endpoint is all zero.
 * Borrows  host, for as long as the value is used.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `host` or `endpoint` is NULL; APM_ERROR_ARGUMENT `host` is empty, or the family is
 *          none of unspecified, IPv4 and IPv6; APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0 to 65535.
 * .NET     DnsEndPoint(string, int), DnsEndPoint(string, int, AddressFamily)
 */
APM_API APM_MUST_CHECK apm_error apm_dns_endpoint_create(const char *host, int port, apm_address_family address_family,
                                                         apm_dns_endpoint *endpoint);

/*
 * Writes the endpoint as text, with its terminating zero: "Unspecified/localhost:80".
 *
 * Failure  buffer[0] is zero if there is any room.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT the value is no endpoint;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the text does not fit.
 * .NET     DnsEndPoint.ToString()
 */
APM_API APM_MUST_CHECK apm_error apm_dns_endpoint_format(apm_dns_endpoint endpoint, char *buffer, size_t size);

/*
 * Whether two endpoints have the same family, port, and host; ASCII letters of both cases are the same. Two that have
 * no host are equal.
 *
 * Threads  any.
 * .NET     DnsEndPoint.Equals(object), DnsEndPoint.GetHashCode()
 */
APM_API bool apm_dns_endpoint_equals(apm_dns_endpoint left, apm_dns_endpoint right);
APM_API uint32_t apm_dns_endpoint_get_hash_code(apm_dns_endpoint endpoint);

APM_END_DECLARATIONS

#endif
