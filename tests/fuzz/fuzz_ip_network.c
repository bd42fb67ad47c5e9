/*
 * IP networks: the first line is a network, which is read again as it was written, and contains the addresses, of which
 * the second line is one, whose first bits are its own.
 */
#include <string.h>

#include "fuzz.h"

static bool has_prefix(apm_ip_network network, apm_ip_address address)
{
    for (int bit = 0; bit < network.prefix_length; bit++) {
        int mask = 0x80 >> (bit % 8);

        if ((network.base_address.bytes[bit / 8] & mask) != (address.bytes[bit / 8] & mask)) {
            return false;
        }
    }
    return true;
}

static void check_contents(apm_ip_network network, apm_ip_address address)
{
    bool contained = apm_ip_network_contains(network, address);

    if (network.base_address.family == APM_ADDRESS_FAMILY_INTER_NETWORK &&
        apm_ip_address_is_ipv4_mapped_to_ipv6(address)) {
        address = apm_ip_address_map_to_ipv4(address);
    }
    FUZZ_CHECK(contained == (network.base_address.family == address.family && has_prefix(network, address)));
}

static void check_network(apm_ip_network network)
{
    char text[APM_IP_NETWORK_TEXT_SIZE];
    char short_text[APM_IP_NETWORK_TEXT_SIZE];
    apm_ip_network again;
    size_t length;
    size_t count;

    FUZZ_CHECK(apm_ip_network_contains(network, network.base_address));
    FUZZ_SUCCESS(apm_ip_network_format(network, text, sizeof text));
    length = strlen(text);
    FUZZ_SUCCESS(apm_ip_network_parse(text, &again));
    FUZZ_CHECK(apm_ip_network_equals(network, again));
    FUZZ_CHECK(apm_ip_network_get_hash_code(network) == apm_ip_network_get_hash_code(again));
    FUZZ_SUCCESS(apm_ip_network_create(network.base_address, network.prefix_length, &again));
    FUZZ_CHECK(apm_ip_network_equals(network, again));
    FUZZ_CHECK(apm_ip_network_format(network, short_text, length) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    FUZZ_CHECK(!apm_ip_network_try_format(network, short_text, length - 1, &count) && count == 0);
    FUZZ_CHECK(apm_ip_network_try_format(network, short_text, length, &count) && count == length);
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct fuzz_text text = fuzz_text_take(&input);
    struct fuzz_text line = fuzz_text_take(&input);
    apm_ip_network network;
    apm_ip_network other;
    apm_ip_address address;
    apm_error error = apm_ip_network_parse_span(text.exact, text.length, &network);

    FUZZ_CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_FORMAT);
    FUZZ_CHECK(apm_ip_network_try_parse_span(text.exact, text.length, &other) == (error == APM_ERROR_SUCCESS));
    FUZZ_CHECK(apm_ip_network_equals(network, other));
    if (fuzz_text_is_plain(&text)) {
        FUZZ_CHECK(apm_ip_network_parse(text.terminated, &other) == error);
        FUZZ_CHECK(apm_ip_network_equals(network, other));
    }
    if (error == APM_ERROR_SUCCESS) {
        check_network(network);
        if (apm_ip_address_try_parse_span(line.exact, line.length, &address)) {
            check_contents(network, address);
        }
    }
    fuzz_text_free(&text);
    fuzz_text_free(&line);
    return 0;
}
