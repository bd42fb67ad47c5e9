/*
 * IP addresses and endpoints, those of unix domain sockets included: plain values, copied on every call.
 */
#ifndef APM_IP_ADDRESS_H
#define APM_IP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"

APM_BEGIN_DECLARATIONS

/* .NET's AddressFamily, with its numbers. */
typedef enum apm_address_family {
    APM_ADDRESS_FAMILY_UNSPECIFIED = 0,
    APM_ADDRESS_FAMILY_UNIX = 1,
    APM_ADDRESS_FAMILY_INTER_NETWORK = 2,
    APM_ADDRESS_FAMILY_INTER_NETWORK_V6 = 23
} apm_address_family;

/*
 * An IPv4 or IPv6 address: System.Net.IPAddress.
 *
 * `bytes` is in network order; IPv4 uses the first four. `scope_id` is 0 for IPv4. All zero is no address, where .NET
 * has null.
 */
typedef struct apm_ip_address {
    apm_address_family family;
    uint32_t scope_id;
    uint8_t bytes[16];
} apm_ip_address;

/* The longest path or name of a unix domain socket, in bytes; a path is one shorter, for its terminating zero. */
#define APM_UNIX_DOMAIN_SOCKET_PATH_SIZE 108

/*
 * An address and a port in host order, System.Net.IPEndPoint; or, where the address's family is
 * APM_ADDRESS_FAMILY_UNIX, the path or the abstract name of a unix domain socket, UnixDomainSocketEndPoint. All zero is
 * no endpoint, where .NET has null.
 *
 * `path` is `path_size` bytes; an abstract name begins with a zero and may contain others. A size of 0 is a unix domain
 * socket without a name. Both are 0 for IP.
 */
typedef struct apm_endpoint {
    apm_ip_address address;
    uint16_t port;
    uint8_t path_size;
    char path[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE];
} apm_endpoint;

/* Room for any address, and for any endpoint, as text with its terminating zero. */
#define APM_IP_ADDRESS_TEXT_SIZE 66
#define APM_ENDPOINT_TEXT_SIZE 109

/* IPEndPoint.MinPort and IPEndPoint.MaxPort */
#define APM_ENDPOINT_MIN_PORT 0
#define APM_ENDPOINT_MAX_PORT 65535

/* IPAddress.Any, Loopback, Broadcast, None, IPv6Any, IPv6Loopback and IPv6None. Threads: any. */
APM_API apm_ip_address apm_ip_address_any(void);
APM_API apm_ip_address apm_ip_address_loopback(void);
APM_API apm_ip_address apm_ip_address_broadcast(void);
APM_API apm_ip_address apm_ip_address_none(void);
APM_API apm_ip_address apm_ip_address_ipv6_any(void);
APM_API apm_ip_address apm_ip_address_ipv6_loopback(void);
APM_API apm_ip_address apm_ip_address_ipv6_none(void);

/*
 * Makes an address of 4 (IPv4) or 16 (IPv6) bytes in network order; `scope_id` is for IPv6 and must be 0 for IPv4.
 *
 * Failure  *address is no address.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `bytes` or `address` is NULL; APM_ERROR_ARGUMENT `size` is neither 4 nor 16, or an
 *          IPv4 address has a scope.
 * .NET     IPAddress(byte[]), IPAddress(byte[], long)
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_from_bytes(const uint8_t *bytes, size_t size, uint32_t scope_id,
                                                           apm_ip_address *address);

/*
 * Makes an IPv4 address of a number whose bytes in memory are those of the address: 127.0.0.1 is 0x0100007f on a
 * machine whose numbers begin with the lowest byte.
 *
 * Failure  *address is no address.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `address` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `number` is not from 0 to
 *          0xffffffff.
 * .NET     IPAddress(long)
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_from_number(int64_t number, apm_ip_address *address);

/*
 * Reads an address as .NET does: IPv4 as one to four parts in decimal, octal (0...) or hexadecimal (0x...), the last
 * part filling the remaining bytes; IPv6 in any form of RFC 4291, optionally in brackets and with a port that is
 * ignored, with a scope behind `%` that is a number or an interface's name; any other scope counts as none.
 *
 * Failure  *address is no address.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_FORMAT the text is no address.
 * .NET     IPAddress.Parse(string), IPAddress.TryParse
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_parse(const char *text, apm_ip_address *address);

/* The same of `length` characters, which need no zero. .NET: IPAddress.Parse(ReadOnlySpan<char>), also of bytes */
APM_API APM_MUST_CHECK apm_error apm_ip_address_parse_span(const char *text, size_t length, apm_ip_address *address);

/*
 * The same; false where they fail. `is_valid` has nothing else to say.
 *
 * .NET     IPAddress.TryParse, IPAddress.IsValid, IPAddress.IsValidUtf8
 */
APM_API bool apm_ip_address_try_parse(const char *text, apm_ip_address *address);
APM_API bool apm_ip_address_try_parse_span(const char *text, size_t length, apm_ip_address *address);
APM_API bool apm_ip_address_is_valid(const char *text, size_t length);

/*
 * Writes the address as text, with its terminating zero, into `buffer` of `size` bytes: "127.0.0.1", "fe80::1%2".
 * APM_IP_ADDRESS_TEXT_SIZE bytes are always enough.
 *
 * Failure  buffer[0] is zero if there is any room.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT the value is no address;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the text does not fit.
 * .NET     IPAddress.ToString()
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_format(apm_ip_address address, char *buffer, size_t size);

/*
 * Writes the same text without a terminating zero, if it fits into `size` characters; *written is its length, or 0.
 *
 * Threads  any.
 * .NET     IPAddress.TryFormat
 */
APM_API bool apm_ip_address_try_format(apm_ip_address address, char *buffer, size_t size, size_t *written);

/*
 * Writes the bytes of the address, in network order; *count, if it is not NULL, is 4 or 16.
 *
 * Failure  nothing is written; *count is 0.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `bytes` is NULL; APM_ERROR_ARGUMENT the value is no address;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is too small.
 * .NET     IPAddress.GetAddressBytes()
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_get_address_bytes(apm_ip_address address, uint8_t *bytes, size_t size,
                                                                  size_t *count);

/* The same; false where it fails. .NET: IPAddress.TryWriteBytes */
APM_API bool apm_ip_address_try_write_bytes(apm_ip_address address, uint8_t *bytes, size_t size, size_t *written);

/*
 * The scope of an IPv6 address, which is also its member of that name.
 *
 * Failure  *scope_id is 0; the address is as it was.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_OPERATION_NOT_SUPPORTED the address is not IPv6;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `scope_id` is not from 0 to 0xffffffff.
 * .NET     IPAddress.ScopeId
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_scope_id(apm_ip_address address, int64_t *scope_id);
APM_API APM_MUST_CHECK apm_error apm_ip_address_set_scope_id(apm_ip_address *address, int64_t scope_id);

/*
 * An IPv4 address as the number of apm_ip_address_from_number. Of a number that is set the lower 32 bits count.
 *
 * Failure  *number is 0; the address is as it was.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_OPERATION_NOT_SUPPORTED the address is not IPv4.
 * .NET     IPAddress.Address, which is obsolete
 */
APM_API APM_MUST_CHECK apm_error apm_ip_address_address(apm_ip_address address, int64_t *number);
APM_API APM_MUST_CHECK apm_error apm_ip_address_set_address(apm_ip_address *address, int64_t number);

/*
 * Numbers in the order of this machine's bytes to the network's, and back, which is the same.
 *
 * Threads  any.
 * .NET     IPAddress.HostToNetworkOrder, IPAddress.NetworkToHostOrder, of short, int and long
 */
APM_API int16_t apm_ip_address_host_to_network_order_16(int16_t host);
APM_API int32_t apm_ip_address_host_to_network_order_32(int32_t host);
APM_API int64_t apm_ip_address_host_to_network_order_64(int64_t host);
APM_API int16_t apm_ip_address_network_to_host_order_16(int16_t network);
APM_API int32_t apm_ip_address_network_to_host_order_32(int32_t network);
APM_API int64_t apm_ip_address_network_to_host_order_64(int64_t network);

/* A number that is the same for equal addresses, in every process. .NET: IPAddress.GetHashCode() */
APM_API uint32_t apm_ip_address_get_hash_code(apm_ip_address address);

/* Whether two addresses are the same, scope included; 127.0.0.1 and ::ffff:127.0.0.1 differ. .NET: IPAddress.Equals */
APM_API bool apm_ip_address_equals(apm_ip_address left, apm_ip_address right);

/* Orders addresses by family, bytes and scope: negative, 0 or positive, as memcmp does. No .NET counterpart. */
APM_API int apm_ip_address_compare(apm_ip_address left, apm_ip_address right);

/*
 * IPAddress.IsLoopback and the other predicates of IPAddress. As in .NET loopback are 127.0.0.0/8 and, without a scope,
 * ::1 and ::ffff:127.0.0.1; the rest of ::ffff:127.0.0.0/104 is not.
 */
APM_API bool apm_ip_address_is_loopback(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv4_mapped_to_ipv6(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv6_link_local(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv6_multicast(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv6_site_local(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv6_teredo(apm_ip_address address);
APM_API bool apm_ip_address_is_ipv6_unique_local(apm_ip_address address);

/* IPAddress.MapToIPv6 and MapToIPv4: an address already of that family is returned as it is. */
APM_API apm_ip_address apm_ip_address_map_to_ipv6(apm_ip_address address);
APM_API apm_ip_address apm_ip_address_map_to_ipv4(apm_ip_address address);

/*
 * Makes an endpoint.
 *
 * Failure  *endpoint is no endpoint.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `endpoint` is NULL, or `address` is no address; APM_ERROR_ARGUMENT_OUT_OF_RANGE
 *          `port` is not from 0 to 65535.
 * .NET     IPEndPoint(IPAddress, int)
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_create(apm_ip_address address, int port, apm_endpoint *endpoint);

/*
 * The same of an IPv4 address as apm_ip_address_from_number takes it.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL `endpoint` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE a number is not in its range.
 * .NET     IPEndPoint(long, int)
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_from_number(int64_t address, int port, apm_endpoint *endpoint);

/*
 * Makes the endpoint of a unix domain socket from the path of its file, which bind creates and connect looks for.
 *
 * Failure  *endpoint is no endpoint.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `path` or `endpoint` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE the path is empty or
 *          has more than 107 bytes.
 * .NET     UnixDomainSocketEndPoint(string)
 */
APM_API APM_MUST_CHECK apm_error apm_unix_domain_socket_endpoint_create(const char *path, apm_endpoint *endpoint);

/*
 * The same from `size` bytes. If the first one is zero this is an abstract name, which has no file, ends with the last
 * socket bound to it, and is any 1 to 108 bytes; otherwise it is a path, without its terminating zero.
 *
 * Failure  *endpoint is no endpoint.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `bytes` or `endpoint` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is 0, or more
 *          than 107 for a path and 108 for a name; APM_ERROR_ARGUMENT a path contains a zero.
 * .NET     UnixDomainSocketEndPoint(string), with a string that begins with a zero
 */
APM_API APM_MUST_CHECK apm_error apm_unix_domain_socket_endpoint_from_bytes(const void *bytes, size_t size,
                                                                            apm_endpoint *endpoint);

/*
 * Reads "address", "address:port", "[IPv6]:port" or an IPv6 address without a port; without a port it is 0.
 *
 * Failure  *endpoint is no endpoint.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_FORMAT the text is no endpoint.
 * .NET     IPEndPoint.Parse(string), IPEndPoint.TryParse
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_parse(const char *text, apm_endpoint *endpoint);

/* The same of `length` characters, which need no zero. .NET: IPEndPoint.Parse(ReadOnlySpan<char>) */
APM_API APM_MUST_CHECK apm_error apm_endpoint_parse_span(const char *text, size_t length, apm_endpoint *endpoint);

/* The same; false where they fail. .NET: IPEndPoint.TryParse */
APM_API bool apm_endpoint_try_parse(const char *text, apm_endpoint *endpoint);
APM_API bool apm_endpoint_try_parse_span(const char *text, size_t length, apm_endpoint *endpoint);

/*
 * Writes the endpoint as text, with its terminating zero: "127.0.0.1:80", "[::1]:80", the path of a unix domain
 * socket, "@" and the rest of an abstract name, the zeros in it as "@", too.
 * APM_ENDPOINT_TEXT_SIZE bytes are always enough.
 *
 * Failure  buffer[0] is zero if there is any room.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `buffer` is NULL; APM_ERROR_ARGUMENT the value is no endpoint;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the text does not fit.
 * .NET     IPEndPoint.ToString(), UnixDomainSocketEndPoint.ToString()
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_format(apm_endpoint endpoint, char *buffer, size_t size);

/* A number that is the same for equal endpoints, in every process. .NET: IPEndPoint.GetHashCode() */
APM_API uint32_t apm_endpoint_get_hash_code(apm_endpoint endpoint);

/* Whether two endpoints have equal addresses and ports, or equal paths. .NET: EndPoint.Equals */
APM_API bool apm_endpoint_equals(apm_endpoint left, apm_endpoint right);

/* Orders endpoints by address, then by port, or by path: negative, 0 or positive. No .NET counterpart. */
APM_API int apm_endpoint_compare(apm_endpoint left, apm_endpoint right);

/* Whether the value is no endpoint, where .NET has null: an unbound socket's local endpoint. */
static inline bool apm_endpoint_is_null(apm_endpoint endpoint)
{
    return endpoint.address.family == APM_ADDRESS_FAMILY_UNSPECIFIED;
}

APM_END_DECLARATIONS

#endif
