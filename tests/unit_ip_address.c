/*
 * Owns the tests of addresses and endpoints: .NET's recorded answers, the bounds of every buffer, and random texts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apm/ip_address.h"
#include "unit_ip_address_recorded.h"

#include "harness.h"

enum { LARGEST_GARBAGE = 48, RANDOM_ROUNDS = 200000 };

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const apm_ip_address no_address = {.family = APM_ADDRESS_FAMILY_UNSPECIFIED};
static const apm_endpoint no_endpoint = {.port = 0};

/* What an out parameter holds before the call, so that one that is not set is seen. */
static apm_ip_address leftover_address(void)
{
    apm_ip_address address;
    memset(&address, 0xa5, sizeof address);
    return address;
}

static apm_endpoint leftover_endpoint(void)
{
    apm_endpoint endpoint;
    memset(&endpoint, 0xa5, sizeof endpoint);
    return endpoint;
}

static bool same_bits(apm_ip_address left, apm_ip_address right)
{
    return left.family == right.family && left.scope_id == right.scope_id &&
           memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}

static bool same_endpoint_bits(apm_endpoint left, apm_endpoint right)
{
    return same_bits(left.address, right.address) && left.port == right.port;
}

static apm_ip_address address_from_hexadecimal(const char *digits, uint32_t scope_id)
{
    uint8_t bytes[16];
    size_t size = strlen(digits) / 2;
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    apm_ip_address address;
    CHECK_SUCCESS(apm_ip_address_from_bytes(bytes, size, scope_id, &address));
    return address;
}

static apm_ip_address parsed(const char *text)
{
    apm_ip_address address;
    CHECK_SUCCESS(apm_ip_address_parse(text, &address));
    return address;
}

static apm_endpoint parsed_endpoint(const char *text)
{
    apm_endpoint endpoint;
    CHECK_SUCCESS(apm_endpoint_parse(text, &endpoint));
    return endpoint;
}

/* -- What .NET answered ------------------------------------------------------------------------------------------ */

TEST(parsing_an_address_gives_what_dotnet_gives)
{
    for (size_t i = 0; i < COUNT_OF(recorded_texts); i++) {
        const recorded_text *row = &recorded_texts[i];
        apm_ip_address address = leftover_address();
        apm_error error = apm_ip_address_parse(row->text, &address);
        apm_ip_address expected = row->bytes == NULL ? no_address : address_from_hexadecimal(row->bytes, row->scope_id);
        if (error != (row->bytes == NULL ? APM_ERROR_FORMAT : APM_ERROR_SUCCESS) || !same_bits(address, expected)) {
            harness_fail(__FILE__, __LINE__, "\"%s\" gives %s", row->text, apm_error_name(error));
        }
    }
}

TEST(parsing_an_endpoint_gives_what_dotnet_gives)
{
    for (size_t i = 0; i < COUNT_OF(recorded_texts); i++) {
        const recorded_text *row = &recorded_texts[i];
        apm_endpoint endpoint = leftover_endpoint();
        apm_error error = apm_endpoint_parse(row->text, &endpoint);
        if (error != (row->endpoint == NULL ? APM_ERROR_FORMAT : APM_ERROR_SUCCESS)) {
            harness_fail(__FILE__, __LINE__, "\"%s\" gives %s", row->text, apm_error_name(error));
        }
        if (row->endpoint == NULL) {
            CHECK(same_endpoint_bits(endpoint, no_endpoint));
            continue;
        }
        char text[APM_ENDPOINT_TEXT_SIZE];
        CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
        CHECK_STR(text, row->endpoint);
    }
}

TEST(text_of_an_address_is_what_dotnet_writes)
{
    for (size_t i = 0; i < COUNT_OF(recorded_addresses); i++) {
        const recorded_address *row = &recorded_addresses[i];
        apm_ip_address address = address_from_hexadecimal(row->bytes, row->scope_id);
        char text[APM_IP_ADDRESS_TEXT_SIZE];
        CHECK_SUCCESS(apm_ip_address_format(address, text, sizeof text));
        CHECK_STR(text, row->text);
        CHECK(same_bits(parsed(row->text), address));
    }
}

TEST(predicates_say_what_dotnet_says)
{
    for (size_t i = 0; i < COUNT_OF(recorded_addresses); i++) {
        const recorded_address *row = &recorded_addresses[i];
        apm_ip_address address = address_from_hexadecimal(row->bytes, row->scope_id);
        const bool answers[] = {
            apm_ip_address_is_loopback(address),         apm_ip_address_is_ipv4_mapped_to_ipv6(address),
            apm_ip_address_is_ipv6_link_local(address),  apm_ip_address_is_ipv6_multicast(address),
            apm_ip_address_is_ipv6_site_local(address),  apm_ip_address_is_ipv6_teredo(address),
            apm_ip_address_is_ipv6_unique_local(address)};
        char text[COUNT_OF(answers) + 1] = "";
        for (size_t answer = 0; answer < COUNT_OF(answers); answer++) {
            text[answer] = answers[answer] ? '1' : '0';
        }
        if (strcmp(text, row->predicates) != 0) {
            harness_fail(__FILE__, __LINE__, "%s is %s, not %s", row->text, text, row->predicates);
        }
    }
}

TEST(mapping_gives_what_dotnet_gives)
{
    for (size_t i = 0; i < COUNT_OF(recorded_addresses); i++) {
        const recorded_address *row = &recorded_addresses[i];
        apm_ip_address address = address_from_hexadecimal(row->bytes, row->scope_id);
        CHECK(same_bits(apm_ip_address_map_to_ipv4(address), parsed(row->mapped_to_ipv4)));

        apm_ip_address mapped = apm_ip_address_map_to_ipv6(address);
        if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6) {
            CHECK(same_bits(mapped, address));
        } else {
            CHECK(apm_ip_address_is_ipv4_mapped_to_ipv6(mapped));
            CHECK(same_bits(apm_ip_address_map_to_ipv4(mapped), address));
        }
    }
}

TEST(constants_are_those_of_dotnet)
{
    CHECK(same_bits(apm_ip_address_any(), parsed("0.0.0.0")));
    CHECK(same_bits(apm_ip_address_loopback(), parsed("127.0.0.1")));
    CHECK(same_bits(apm_ip_address_broadcast(), parsed("255.255.255.255")));
    CHECK(same_bits(apm_ip_address_none(), parsed("255.255.255.255")));
    CHECK(same_bits(apm_ip_address_ipv6_any(), parsed("::")));
    CHECK(same_bits(apm_ip_address_ipv6_loopback(), parsed("::1")));
    CHECK(same_bits(apm_ip_address_ipv6_none(), parsed("::")));
}

/* -- Making ------------------------------------------------------------------------------------------------------ */

TEST(bytes_of_a_wrong_size_make_no_address)
{
    const uint8_t bytes[20] = {1, 2, 3, 4};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        apm_ip_address address = leftover_address();
        bool right = size == 4 || size == 16;
        CHECK_ERROR(apm_ip_address_from_bytes(bytes, size, 0, &address),
                    right ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT);
        CHECK_EQ(same_bits(address, no_address), !right);
    }
}

TEST(ipv4_address_has_no_scope)
{
    const uint8_t bytes[16] = {1, 2, 3, 4};
    apm_ip_address address = leftover_address();
    CHECK_ERROR(apm_ip_address_from_bytes(bytes, 4, 1, &address), APM_ERROR_ARGUMENT);
    CHECK(same_bits(address, no_address));
    CHECK_SUCCESS(apm_ip_address_from_bytes(bytes, 16, 1, &address));
    CHECK_EQ(address.scope_id, 1);
}

TEST(address_can_be_made_of_its_own_bytes)
{
    apm_ip_address address = parsed("1:2:3:4:5:6:7:8");
    apm_ip_address copy = address;
    CHECK_SUCCESS(apm_ip_address_from_bytes(address.bytes, 16, 0, &address));
    CHECK(same_bits(address, copy));
}

TEST(null_arguments_are_errors_and_leave_no_address)
{
    apm_ip_address address = leftover_address();
    CHECK_ERROR(apm_ip_address_from_bytes(NULL, 4, 0, &address), APM_ERROR_ARGUMENT_NULL);
    CHECK(same_bits(address, no_address));
    CHECK_ERROR(apm_ip_address_from_bytes((const uint8_t *)"1234", 4, 0, NULL), APM_ERROR_ARGUMENT_NULL);

    address = leftover_address();
    CHECK_ERROR(apm_ip_address_parse(NULL, &address), APM_ERROR_ARGUMENT_NULL);
    CHECK(same_bits(address, no_address));
    CHECK_ERROR(apm_ip_address_parse("::1", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_parse(NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_format(apm_ip_address_any(), NULL, 0), APM_ERROR_ARGUMENT_NULL);

    apm_endpoint endpoint = leftover_endpoint();
    CHECK_ERROR(apm_endpoint_parse(NULL, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK(same_endpoint_bits(endpoint, no_endpoint));
    CHECK_ERROR(apm_endpoint_parse("1.2.3.4:5", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_endpoint_create(apm_ip_address_any(), 0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_endpoint_format(no_endpoint, NULL, 0), APM_ERROR_ARGUMENT_NULL);
}

TEST(endpoint_needs_an_address_and_a_port_in_range)
{
    apm_endpoint endpoint = leftover_endpoint();
    CHECK_ERROR(apm_endpoint_create(no_address, 80, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_endpoint_is_null(endpoint));
    const int bad_ports[] = {-1, 65536, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < COUNT_OF(bad_ports); i++) {
        endpoint = leftover_endpoint();
        CHECK_ERROR(apm_endpoint_create(apm_ip_address_any(), bad_ports[i], &endpoint),
                    APM_ERROR_ARGUMENT_OUT_OF_RANGE);
        CHECK(same_endpoint_bits(endpoint, no_endpoint));
    }
    CHECK_SUCCESS(apm_endpoint_create(apm_ip_address_loopback(), 65535, &endpoint));
    CHECK(same_endpoint_bits(endpoint, parsed_endpoint("127.0.0.1:65535")));
    CHECK(!apm_endpoint_is_null(endpoint));
}

/* -- Comparing --------------------------------------------------------------------------------------------------- */

TEST(addresses_and_endpoints_are_ordered_by_family_bytes_scope_and_port)
{
    static const char *const ascending[] = {
        "0.0.0.0:0", "0.0.0.0:1",   "0.0.0.0:256", "127.0.0.1:0", "128.0.0.1:0",          "[::]:0",     "[::%1]:0",
        "[::1]:0",   "[::1]:65535", "[::1%2]:0",   "[::1%256]:0", "[::ffff:127.0.0.1]:0", "[ff02::1]:0"};
    for (size_t i = 0; i < COUNT_OF(ascending); i++) {
        for (size_t j = 0; j < COUNT_OF(ascending); j++) {
            apm_endpoint left = parsed_endpoint(ascending[i]);
            apm_endpoint right = parsed_endpoint(ascending[j]);
            int order = apm_endpoint_compare(left, right);
            CHECK_EQ((order > 0) - (order < 0), (i > j) - (i < j));
            CHECK_EQ(apm_endpoint_equals(left, right), i == j);

            int address_order = apm_ip_address_compare(left.address, right.address);
            CHECK_EQ(apm_ip_address_equals(left.address, right.address), address_order == 0);
            CHECK(address_order == 0 || (address_order > 0) == (i > j));
        }
    }
    CHECK(apm_ip_address_equals(no_address, no_address));
    CHECK(!apm_ip_address_equals(no_address, apm_ip_address_any()));
    CHECK(apm_ip_address_compare(no_address, apm_ip_address_any()) < 0);
}

TEST(what_lies_behind_an_ipv4_address_does_not_count)
{
    apm_ip_address address = leftover_address();
    address.family = APM_ADDRESS_FAMILY_INTER_NETWORK;
    apm_ip_address clean = parsed("165.165.165.165");
    CHECK(apm_ip_address_equals(address, clean));
    CHECK(same_bits(apm_ip_address_map_to_ipv6(address), parsed("::ffff:165.165.165.165")));
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    CHECK_SUCCESS(apm_ip_address_format(address, text, sizeof text));
    CHECK_STR(text, "165.165.165.165");
}

TEST(value_of_an_unknown_family_is_no_address)
{
    apm_ip_address address = leftover_address();
    address.family = (apm_address_family)17;
    char text[APM_ENDPOINT_TEXT_SIZE] = "left over";
    CHECK_ERROR(apm_ip_address_format(address, text, sizeof text), APM_ERROR_ARGUMENT);
    CHECK_STR(text, "");
    memcpy(text, "left over", sizeof "left over");
    apm_endpoint endpoint = {.address = address, .port = 80};
    CHECK_ERROR(apm_endpoint_format(endpoint, text, sizeof text), APM_ERROR_ARGUMENT);
    CHECK_STR(text, "");
    endpoint = leftover_endpoint();
    CHECK_ERROR(apm_endpoint_create(address, 80, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK(same_endpoint_bits(endpoint, no_endpoint));
    CHECK(!apm_ip_address_is_loopback(address) && !apm_ip_address_is_ipv6_multicast(address));
    CHECK(same_bits(apm_ip_address_map_to_ipv4(address), address));
    CHECK(same_bits(apm_ip_address_map_to_ipv6(address), address));
}

/* -- Room -------------------------------------------------------------------------------------------------------- */

/* Formats into every size up to the full one, each in a block of its own, where a sanitizer sees a byte too many. */
static void check_room(apm_endpoint endpoint, const char *expected, bool with_port)
{
    size_t needed = strlen(expected) + 1;
    CHECK(needed <= (with_port ? APM_ENDPOINT_TEXT_SIZE : APM_IP_ADDRESS_TEXT_SIZE));
    for (size_t size = 0; size <= needed; size++) {
        char *buffer = malloc(size + 1);
        CHECK(buffer != NULL);
        memset(buffer, '!', size + 1);
        apm_error error = with_port ? apm_endpoint_format(endpoint, buffer, size)
                                    : apm_ip_address_format(endpoint.address, buffer, size);
        CHECK_ERROR(error, size < needed ? APM_ERROR_ARGUMENT_OUT_OF_RANGE : APM_ERROR_SUCCESS);
        CHECK_EQ(buffer[size], '!');
        if (size > 0) {
            CHECK_STR(buffer, size < needed ? "" : expected);
        }
        free(buffer);
    }
}

TEST(text_that_does_not_fit_leaves_an_empty_one)
{
    check_room(parsed_endpoint("0.0.0.0:0"), "0.0.0.0", false);
    check_room(parsed_endpoint("0.0.0.0:0"), "0.0.0.0:0", true);
    const char *longest = "ffff:ffff:ffff:ffff:0:5efe:255.255.255.255%4294967295";
    const char *longest_endpoint = "[ffff:ffff:ffff:ffff:0:5efe:255.255.255.255%4294967295]:65535";
    check_room(parsed_endpoint(longest_endpoint), longest, false);
    check_room(parsed_endpoint(longest_endpoint), longest_endpoint, true);
}

/* -- Random texts ------------------------------------------------------------------------------------------------ */

/* An address of the kinds that differ in their text: groups are often zero or one of the special values. */
static apm_ip_address random_address(uint64_t *state)
{
    static const uint16_t special[] = {0, 0, 0, 0, 1, 0xffff, 0x5efe, 0xfe80};
    apm_ip_address address = {.family = APM_ADDRESS_FAMILY_INTER_NETWORK};
    uint64_t kind = harness_random(state);
    size_t size = 4;
    if (kind % 4 != 0) {
        address.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        address.scope_id = kind % 8 < 4 ? 0 : (uint32_t)(kind >> 32) >> (kind % 32);
        size = 16;
    }
    for (size_t i = 0; i < size; i += 2) {
        uint64_t random = harness_random(state);
        uint16_t group = random % 4 == 0 ? (uint16_t)(random >> 48) : special[(random >> 8) % COUNT_OF(special)];
        address.bytes[i] = (uint8_t)(group >> 8);
        address.bytes[i + 1] = (uint8_t)group;
    }
    return address;
}

TEST(random_address_written_and_read_again_is_the_same)
{
    uint64_t state = harness_seed();
    for (size_t round = harness_scaled(RANDOM_ROUNDS); round > 0; round--) {
        apm_ip_address address = random_address(&state);
        char text[APM_IP_ADDRESS_TEXT_SIZE];
        CHECK_SUCCESS(apm_ip_address_format(address, text, sizeof text));
        CHECK(same_bits(parsed(text), address));

        apm_endpoint endpoint;
        CHECK_SUCCESS(apm_endpoint_create(address, (uint16_t)harness_random(&state), &endpoint));
        char endpoint_text[APM_ENDPOINT_TEXT_SIZE];
        CHECK_SUCCESS(apm_endpoint_format(endpoint, endpoint_text, sizeof endpoint_text));
        CHECK(same_endpoint_bits(parsed_endpoint(endpoint_text), endpoint));
    }
}

/* Bytes of any value, or the characters that addresses consist of, which get deeper into the parser. */
static void make_garbage(uint64_t *state, char *text, size_t length)
{
    static const char alphabet[] = "::::....0000112345678fFaAxX%[]/lo";
    bool any_byte = harness_random(state) % 4 == 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t random = harness_random(state);
        text[i] = any_byte ? (char)(random % 255 + 1) : alphabet[random % (sizeof alphabet - 1)];
    }
    text[length] = '\0';
}

/* Whatever the text is, it is refused and leaves nothing, or it is an address that survives being written. */
static void check_garbage(const char *text)
{
    apm_ip_address address = leftover_address();
    apm_error error = apm_ip_address_parse(text, &address);
    if (error == APM_ERROR_SUCCESS) {
        char written[APM_IP_ADDRESS_TEXT_SIZE];
        CHECK_SUCCESS(apm_ip_address_format(address, written, sizeof written));
        CHECK(same_bits(parsed(written), address));
    } else {
        CHECK_ERROR(error, APM_ERROR_FORMAT);
        CHECK(same_bits(address, no_address));
    }

    apm_endpoint endpoint = leftover_endpoint();
    error = apm_endpoint_parse(text, &endpoint);
    if (error == APM_ERROR_SUCCESS) {
        char written[APM_ENDPOINT_TEXT_SIZE];
        CHECK_SUCCESS(apm_endpoint_format(endpoint, written, sizeof written));
        CHECK(same_endpoint_bits(parsed_endpoint(written), endpoint));
    } else {
        CHECK_ERROR(error, APM_ERROR_FORMAT);
        CHECK(same_endpoint_bits(endpoint, no_endpoint));
    }
}

TEST(garbage_is_refused_or_means_something)
{
    uint64_t state = harness_seed();
    for (size_t round = harness_scaled(RANDOM_ROUNDS); round > 0; round--) {
        size_t length = (size_t)(harness_random(&state) % LARGEST_GARBAGE);
        char *text = malloc(length + 1); /* exactly as long as it is, so that a sanitizer sees a byte too many */
        CHECK(text != NULL);
        make_garbage(&state, text, length);
        check_garbage(text);
        free(text);
    }
}

TEST(texts_of_any_length_are_read)
{
    static char text[1 << 20];
    memset(text, '0', sizeof text - 1);
    CHECK(same_bits(parsed(text), apm_ip_address_any()));
    memset(text, '1', sizeof text - 1);
    check_garbage(text);
    memset(text, ':', sizeof text - 1);
    check_garbage(text);
    memcpy(text, "::1%", 4);
    CHECK(apm_ip_address_is_loopback(parsed(text)));
    memset(text + 4, '1', sizeof text - 5);
    CHECK(apm_ip_address_is_loopback(parsed(text)));
}

TEST_MAIN()
