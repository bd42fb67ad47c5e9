/*
 * Socket addresses: any bytes, said to be of any size, are an endpoint or an error, and what is an endpoint is written
 * as the bytes that it was read from.
 */
#include <stddef.h>
#include <string.h>

#include "fuzz.h"

/* IPv4 has eight bytes of padding at the end, IPv6 the flow in front of the address: neither is kept. */
static bool is_kept(apm_address_family family, size_t offset)
{
    switch ((int)family) {
    case APM_ADDRESS_FAMILY_INTER_NETWORK: return offset < 8;
    case APM_ADDRESS_FAMILY_INTER_NETWORK_V6: return offset < 4 || offset >= 8;
    default: return true;
    }
}

/* A path ends with a zero when it is written, which it need not have been read with. */
static size_t known_size(const apm_socket_address *address)
{
    return address->size < sizeof address->buffer ? address->size : sizeof address->buffer;
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    apm_socket_address address = {.size = fuzz_byte(&input)};
    apm_socket_address again;
    apm_address_family family;
    apm_endpoint endpoint;
    apm_error error;

    /* The program may say any size, and all above the room there is counts as that. */
    address.size += address.size == 255 ? SIZE_MAX - 255 : 0;
    for (size_t i = 0; i < sizeof address.buffer && input.left > 0; i++) {
        address.buffer[i] = fuzz_byte(&input);
    }
    FUZZ_CHECK(apm_socket_address_equals(&address, &address));
    (void)apm_socket_address_get_hash_code(&address);
    family = apm_socket_address_get_family(&address);
    error = apm_endpoint_create_from_socket_address(&address, &endpoint);
    FUZZ_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_ARGUMENT);
    FUZZ_CHECK(apm_endpoint_is_null(endpoint) == (error != APM_ERROR_SUCCESS));
    FUZZ_CHECK(error != APM_ERROR_SUCCESS || endpoint.address.family == family);
    if (error == APM_ERROR_SUCCESS) {
        apm_endpoint other;

        FUZZ_SUCCESS(apm_endpoint_serialize(endpoint, &again));
        FUZZ_CHECK(again.size <= apm_socket_address_get_maximum_address_size(family));
        FUZZ_CHECK(again.size == apm_socket_address_get_maximum_address_size(family) ||
                   family == APM_ADDRESS_FAMILY_UNIX);
        for (size_t i = 0; i < again.size; i++) {
            bool is_known = is_kept(family, i) && i < known_size(&address);

            FUZZ_CHECK(again.buffer[i] == (is_known ? address.buffer[i] : 0));
        }
        FUZZ_SUCCESS(apm_endpoint_create_from_socket_address(&again, &other));
        FUZZ_CHECK(apm_endpoint_equals(endpoint, other));
    }
    return 0;
}
