/*
 * Socket addresses: endpoints as the system writes them, System.Net.SocketAddress. A plain value, copied on every call.
 */
#ifndef APM_SOCKET_ADDRESS_H
#define APM_SOCKET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* The most bytes that any address has. */
#define APM_SOCKET_ADDRESS_MAX_SIZE 128

/*
 * `size` bytes of `buffer` are a sockaddr of the system, with the system's own number of the family. They may be read
 * and written like any others: .NET's indexer, Buffer and Size.
 */
typedef struct apm_socket_address {
    size_t size;
    uint8_t buffer[APM_SOCKET_ADDRESS_MAX_SIZE];
} apm_socket_address;

/*
 * Makes an address of a family, with zeros for the rest, of the size that the family has or of another one.
 *
 * Failure  *address is all zero.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `address` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `size` is not from 2 to
 *          APM_SOCKET_ADDRESS_MAX_SIZE; APM_ERROR_NOT_SUPPORTED a family that the library does not know.
 * .NET     SocketAddress(AddressFamily), SocketAddress(AddressFamily, int)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_address_create(apm_address_family family, apm_socket_address *address);
APM_API APM_MUST_CHECK apm_error apm_socket_address_create_size(apm_address_family family, size_t size,
                                                                apm_socket_address *address);

/*
 * The family; unspecified also for one that the library does not know. (apm_socket_address_family is of a socket.)
 *
 * .NET     SocketAddress.Family
 */
APM_API apm_address_family apm_socket_address_get_family(const apm_socket_address *address);

/* How many bytes addresses of the family have at most. .NET: SocketAddress.GetMaximumAddressSize(AddressFamily) */
APM_API size_t apm_socket_address_get_maximum_address_size(apm_address_family family);

/* Whether two addresses have the same bytes. .NET: SocketAddress.Equals, GetHashCode */
APM_API bool apm_socket_address_equals(const apm_socket_address *left, const apm_socket_address *right);
APM_API uint32_t apm_socket_address_get_hash_code(const apm_socket_address *address);

/*
 * Writes an endpoint as the system does; a path with a zero behind it, an abstract name without one.
 *
 * Failure  *address is all zero.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL `address` is NULL, or the endpoint is none; APM_ERROR_NOT_SUPPORTED it is of a
 *          family that the library does not know.
 * .NET     IPEndPoint.Serialize(), UnixDomainSocketEndPoint.Serialize()
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_serialize(apm_endpoint endpoint, apm_socket_address *address);

/*
 * Reads an endpoint that the system, or apm_endpoint_serialize, has written. A path ends with the first zero, or with
 * the address; an address of the unix domain that ends with the family has no name.
 *
 * Failure  *endpoint is no endpoint.
 * Threads  any.
 * Errors   APM_ERROR_ARGUMENT_NULL a pointer is NULL; APM_ERROR_ARGUMENT the family is not known, the size too small
 *          for it, or larger than any path.
 * .NET     IPEndPoint.Create(SocketAddress), UnixDomainSocketEndPoint.Create(SocketAddress)
 */
APM_API APM_MUST_CHECK apm_error apm_endpoint_create_from_socket_address(const apm_socket_address *address,
                                                                         apm_endpoint *endpoint);

APM_END_DECLARATIONS

#endif
