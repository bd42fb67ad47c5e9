/*
 * Owns socket addresses: their bytes, of which only the porting layer knows the meaning.
 *
 * No state and no locks; any thread.
 */
#include "apm/socket_address.h"

#include <string.h>

#include "hash.h"
#include "os.h"

enum { FAMILY_SIZE = 2 };

/* Values come from the program with any size. */
static size_t size_of(const apm_socket_address *address)
{
    return address->size <= sizeof address->buffer ? address->size : sizeof address->buffer;
}

apm_error apm_socket_address_create(apm_address_family family, apm_socket_address *address)
{
    return apm_socket_address_create_size(family, apm_socket_address_get_maximum_address_size(family), address);
}

apm_error apm_socket_address_create_size(apm_address_family family, size_t size, apm_socket_address *address)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *address = (apm_socket_address){.size = 0};
    if (size < FAMILY_SIZE || size > sizeof address->buffer) {
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    if (!apm__os_address_set_family(address->buffer, family)) {
        return APM_ERROR_NOT_SUPPORTED;
    }
    address->size = size;
    return APM_ERROR_SUCCESS;
}

apm_address_family apm_socket_address_get_family(const apm_socket_address *address)
{
    bool has_family = address != NULL && size_of(address) >= FAMILY_SIZE;
    return has_family ? apm__os_address_family(address->buffer) : APM_ADDRESS_FAMILY_UNSPECIFIED;
}

size_t apm_socket_address_get_maximum_address_size(apm_address_family family)
{
    size_t size = apm__os_address_size(family);
    return size > 0 ? size : APM_SOCKET_ADDRESS_MAX_SIZE;
}

bool apm_socket_address_equals(const apm_socket_address *left, const apm_socket_address *right)
{
    if (left == NULL || right == NULL) {
        return left == right;
    }
    return size_of(left) == size_of(right) && memcmp(left->buffer, right->buffer, size_of(left)) == 0;
}

uint32_t apm_socket_address_get_hash_code(const apm_socket_address *address)
{
    return address == NULL ? 0 : apm__hash_bytes(APM__HASH_BEGIN, address->buffer, size_of(address));
}

/* -- Endpoints ----------------------------------------------------------------------------------------------------- */

static bool is_known(apm_address_family family)
{
    return family == APM_ADDRESS_FAMILY_INTER_NETWORK || family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ||
           family == APM_ADDRESS_FAMILY_UNIX;
}

/* Whether so many bytes are an address: those of a path may be fewer than there is room for, but not more. */
static bool is_size_of(apm_address_family family, size_t size)
{
    if (family == APM_ADDRESS_FAMILY_UNIX)
        return size <= apm__os_address_size(family);
    return size >= apm__os_address_size(family);
}

apm_error apm_endpoint_serialize(apm_endpoint endpoint, apm_socket_address *address)
{
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *address = (apm_socket_address){.size = 0};
    if (apm_endpoint_is_null(endpoint)) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    if (!is_known(endpoint.address.family)) {
        return APM_ERROR_NOT_SUPPORTED;
    }
    address->size = apm__os_address_write(address->buffer, endpoint);
    return APM_ERROR_SUCCESS;
}

apm_error apm_endpoint_create_from_socket_address(const apm_socket_address *address, apm_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    *endpoint = (apm_endpoint){.port = 0};
    if (address == NULL) {
        return APM_ERROR_ARGUMENT_NULL;
    }
    apm_address_family family = apm_socket_address_get_family(address);
    if (!is_known(family) || !is_size_of(family, size_of(address))) {
        return APM_ERROR_ARGUMENT;
    }
    apm__os_address_read(address->buffer, size_of(address), endpoint);
    return APM_ERROR_SUCCESS;
}
