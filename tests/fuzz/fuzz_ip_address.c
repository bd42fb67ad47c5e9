/*
 * IP addresses: what is read as one is written so that it is read as the same one again, and where inet_pton and the
 * system's resolver read an address, the library reads the same.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

/* The address as text, which is read as the same address, and fits into no less room than it needs. */
static void check_format(apm_ip_address address)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    char short_text[APM_IP_ADDRESS_TEXT_SIZE];
    uint8_t bytes[16];
    apm_ip_address again;
    size_t length;
    size_t count;
    bool is_v4 = address.family == APM_ADDRESS_FAMILY_INTER_NETWORK;

    FUZZ_SUCCESS(apm_ip_address_format(address, text, sizeof text));
    length = strlen(text);
    FUZZ_SUCCESS(apm_ip_address_parse(text, &again));
    FUZZ_CHECK(apm_ip_address_equals(address, again));
    FUZZ_CHECK(apm_ip_address_compare(address, again) == 0);
    FUZZ_CHECK(apm_ip_address_get_hash_code(address) == apm_ip_address_get_hash_code(again));

    FUZZ_CHECK(apm_ip_address_format(address, short_text, length) == APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    FUZZ_CHECK(short_text[0] == '\0');
    FUZZ_SUCCESS(apm_ip_address_format(address, short_text, length + 1));
    FUZZ_CHECK(!apm_ip_address_try_format(address, short_text, length - 1, &count) && count == 0);
    FUZZ_CHECK(apm_ip_address_try_format(address, short_text, length, &count) && count == length);

    FUZZ_SUCCESS(apm_ip_address_get_address_bytes(address, bytes, sizeof bytes, &count));
    FUZZ_CHECK(count == (is_v4 ? 4U : 16U));
    FUZZ_SUCCESS(apm_ip_address_from_bytes(bytes, count, address.scope_id, &again));
    FUZZ_CHECK(apm_ip_address_equals(address, again));

    /* The system reads it, too; of a scope it has its own opinion. */
    text[strcspn(text, "%")] = '\0';
    FUZZ_CHECK(inet_pton(is_v4 ? AF_INET : AF_INET6, text, bytes) == 1);
    FUZZ_CHECK(memcmp(bytes, address.bytes, is_v4 ? 4 : 16) == 0);
}

static void check_mapping(apm_ip_address address)
{
    apm_ip_address v6 = apm_ip_address_map_to_ipv6(address);

    FUZZ_CHECK(v6.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        FUZZ_CHECK(apm_ip_address_is_ipv4_mapped_to_ipv6(v6));
        FUZZ_CHECK(apm_ip_address_equals(apm_ip_address_map_to_ipv4(v6), address));
    }
}

/* IPv4 is what the resolver takes without asking anybody. */
static void check_against_resolver(const char *text, bool is_address, apm_ip_address address)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    struct sockaddr_in v4;
    bool resolved;

    /* Asked for IPv4 it makes that of a mapped address. */
    if (strchr(text, ':') != NULL) {
        return;
    }
    resolved = getaddrinfo(text, NULL, &hints, &found) == 0;
    FUZZ_CHECK(resolved == (is_address && address.family == APM_ADDRESS_FAMILY_INTER_NETWORK));
    if (resolved) {
        memcpy(&v4, found->ai_addr, sizeof v4);
        FUZZ_CHECK(memcmp(&v4.sin_addr, address.bytes, 4) == 0);
        freeaddrinfo(found);
    }
}

static void check_against_system(const char *text, bool is_address, apm_ip_address address)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        FUZZ_CHECK(is_address && memcmp(address.bytes, bytes, 4) == 0);
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        FUZZ_CHECK(is_address && memcmp(address.bytes, bytes, 16) == 0);
    } else if (strpbrk(text, "[%.") == NULL) {
        /* Brackets and scopes are not inet_pton's, and of an embedded IPv4 address .NET takes more. */
        FUZZ_CHECK(!is_address || address.family == APM_ADDRESS_FAMILY_INTER_NETWORK);
    }
    check_against_resolver(text, is_address, address);
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct fuzz_text text = fuzz_text_take(&input);
    apm_ip_address address;
    apm_ip_address other;
    apm_error error = apm_ip_address_parse_span(text.exact, text.length, &address);
    bool is_address = error == APM_ERROR_SUCCESS;

    FUZZ_CHECK(is_address || error == APM_ERROR_FORMAT);
    FUZZ_CHECK(is_address == (address.family != APM_ADDRESS_FAMILY_UNSPECIFIED));
    FUZZ_CHECK(apm_ip_address_is_valid(text.exact, text.length) == is_address);
    FUZZ_CHECK(apm_ip_address_try_parse_span(text.exact, text.length, &other) == is_address);
    FUZZ_CHECK(apm_ip_address_equals(address, other));
    if (fuzz_text_is_plain(&text)) {
        FUZZ_CHECK(apm_ip_address_try_parse(text.terminated, &other) == is_address);
        FUZZ_CHECK(apm_ip_address_equals(address, other));
        check_against_system(text.terminated, is_address, address);
    }
    if (is_address) {
        check_format(address);
        check_mapping(address);
    }
    if (apm_ip_address_from_bytes((const uint8_t *)text.exact, text.length, 0, &other) == APM_ERROR_SUCCESS) {
        check_format(other);
        check_mapping(other);
    }
    fuzz_text_free(&text);
    return 0;
}
