/*
 * The members of addresses and endpoints beside those of unit_ip_address.c, as .NET 10 was asked; and what it makes of
 * some hundred odd texts.
 */
#include <string.h>

#include "apm/ip_address.h"
#include "apm/ip_network.h"
#include "unit_ip_address_asked.h"

#include "harness.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static apm_ip_address parsed(const char *text)
{
    apm_ip_address address;

    CHECK_SUCCESS(apm_ip_address_parse(text, &address));
    return address;
}

/* -- Odd texts --------------------------------------------------------------------------------------------------- */

static void check_answer(const char *text, const char *kind, apm_error error, const char *actual, const char *expected)
{
    bool is_refused = error == APM_ERROR_FORMAT && expected == NULL;
    bool is_same = error == APM_ERROR_SUCCESS && expected != NULL && strcmp(actual, expected) == 0;

    if (!is_refused && !is_same) {
        harness_fail(__FILE__, __LINE__, "\"%s\" as %s is %s \"%s\", not \"%s\"", text, kind, apm_error_name(error),
                     error == APM_ERROR_SUCCESS ? actual : "", expected == NULL ? "(refused)" : expected);
    }
}

TEST(odd_texts_are_taken_and_refused_as_by_dotnet)
{
    for (size_t i = 0; i < COUNT_OF(asked_texts); i++) {
        const asked_text *row = &asked_texts[i];
        char text[APM_ENDPOINT_TEXT_SIZE] = "";
        apm_ip_address address;
        apm_endpoint endpoint;
        apm_ip_network network;
        apm_error error = apm_ip_address_parse(row->text, &address);

        if (error == APM_ERROR_SUCCESS) {
            CHECK_SUCCESS(apm_ip_address_format(address, text, sizeof text));
        }
        check_answer(row->text, "an address", error, text, row->address);
        error = apm_endpoint_parse(row->text, &endpoint);
        if (error == APM_ERROR_SUCCESS) {
            CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
        }
        check_answer(row->text, "an endpoint", error, text, row->endpoint);
        error = apm_ip_network_parse(row->text, &network);
        if (error == APM_ERROR_SUCCESS) {
            CHECK_SUCCESS(apm_ip_network_format(network, text, sizeof text));
        }
        check_answer(row->text, "a network", error, text, row->network);
    }
}

TEST(a_span_is_read_as_the_same_text_with_a_zero)
{
    for (size_t i = 0; i < COUNT_OF(asked_texts); i++) {
        const asked_text *row = &asked_texts[i];
        size_t length = strlen(row->text);
        char longer[128];
        apm_ip_address address;
        apm_endpoint endpoint;
        apm_ip_network network;

        /* What follows would belong to every number and name. */
        CHECK(length + 2 < sizeof longer);
        memcpy(longer, row->text, length);
        memcpy(longer + length, "1", 2);
        CHECK_EQ(apm_ip_address_try_parse_span(longer, length, &address), row->address != NULL);
        CHECK_EQ(apm_ip_address_is_valid(longer, length), row->address != NULL);
        CHECK_EQ(apm_endpoint_try_parse_span(longer, length, &endpoint), row->endpoint != NULL);
        CHECK_EQ(apm_ip_network_try_parse_span(longer, length, &network), row->network != NULL);
        CHECK_EQ(apm_ip_address_try_parse(row->text, &address), row->address != NULL);
        CHECK_EQ(apm_endpoint_try_parse(row->text, &endpoint), row->endpoint != NULL);
        CHECK_EQ(apm_ip_network_try_parse(row->text, &network), row->network != NULL);
        if (row->address != NULL) {
            CHECK_SUCCESS(apm_ip_address_parse_span(longer, length, &address));
            CHECK(apm_ip_address_equals(address, parsed(row->address)));
        }
    }
}

TEST(no_text_is_an_error_and_is_not_valid)
{
    apm_ip_address address;
    apm_endpoint endpoint;

    CHECK_ERROR(apm_ip_address_parse_span(NULL, 4, &address), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_parse_span("::", 2, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_endpoint_parse_span(NULL, 4, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_endpoint_parse_span("::", 2, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK(!apm_ip_address_try_parse(NULL, &address));
    CHECK(!apm_endpoint_try_parse(NULL, &endpoint));
    CHECK(!apm_ip_address_is_valid(NULL, 0));
    CHECK(!apm_ip_address_is_valid("", 0));
    CHECK_ERROR(apm_endpoint_parse_span("", 0, &endpoint), APM_ERROR_FORMAT);
}

TEST(a_zero_inside_a_span_is_a_character_like_others)
{
    apm_ip_address address;

    CHECK(!apm_ip_address_try_parse_span("1.2.3.4\0", 8, &address));
    CHECK(apm_ip_address_try_parse_span("fe80::1%lo\0", 11, &address));
    CHECK_EQ(address.scope_id, 1);
}

/* -- Numbers and bytes ------------------------------------------------------------------------------------------- */

/* The number whose bytes in memory are 127, 0, 0, 1. */
static int64_t loopback_number(void)
{
    return (int64_t)(uint32_t)apm_ip_address_host_to_network_order_32(0x7f000001);
}

TEST(an_address_can_be_made_of_a_number)
{
    apm_ip_address address;
    apm_endpoint endpoint;

    CHECK_SUCCESS(apm_ip_address_from_number(loopback_number(), &address));
    CHECK(apm_ip_address_equals(address, apm_ip_address_loopback()));
    CHECK_SUCCESS(apm_ip_address_from_number(0xffffffff, &address));
    CHECK(apm_ip_address_equals(address, apm_ip_address_broadcast()));
    CHECK_ERROR(apm_ip_address_from_number(-1, &address), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(address.family, APM_ADDRESS_FAMILY_UNSPECIFIED);
    CHECK_ERROR(apm_ip_address_from_number(0x100000000, &address), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_ip_address_from_number(0, NULL), APM_ERROR_ARGUMENT_NULL);

    CHECK_SUCCESS(apm_endpoint_from_number(loopback_number(), 80, &endpoint));
    CHECK(apm_ip_address_equals(endpoint.address, apm_ip_address_loopback()));
    CHECK_EQ(endpoint.port, 80);
    CHECK_ERROR(apm_endpoint_from_number(-1, 80, &endpoint), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_ERROR(apm_endpoint_from_number(1, -1, &endpoint), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_endpoint_from_number(1, 65536, &endpoint), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_endpoint_from_number(1, 80, NULL), APM_ERROR_ARGUMENT_NULL);
}

TEST(the_number_of_an_ipv4_address_can_be_read_and_set)
{
    apm_ip_address address = parsed("1.2.3.4");
    int64_t number = 7;

    CHECK_SUCCESS(apm_ip_address_set_address(&address, loopback_number()));
    CHECK(apm_ip_address_equals(address, apm_ip_address_loopback()));
    CHECK_SUCCESS(apm_ip_address_address(address, &number));
    CHECK_EQ(number, loopback_number());
    CHECK_SUCCESS(apm_ip_address_set_address(&address, -1)); /* the lower bits count */
    CHECK(apm_ip_address_equals(address, apm_ip_address_broadcast()));
    CHECK_SUCCESS(apm_ip_address_set_address(&address, 0x1ffffffff));
    CHECK(apm_ip_address_equals(address, apm_ip_address_broadcast()));
    CHECK_SUCCESS(apm_ip_address_address(address, &number));
    CHECK_EQ(number, 0xffffffff);

    address = parsed("::ffff:1.2.3.4");
    CHECK_ERROR(apm_ip_address_address(address, &number), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_EQ(number, 0);
    CHECK_ERROR(apm_ip_address_set_address(&address, 1), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK(apm_ip_address_equals(address, parsed("::ffff:1.2.3.4")));
    CHECK_ERROR(apm_ip_address_address(address, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_set_address(NULL, 1), APM_ERROR_ARGUMENT_NULL);
}

TEST(the_scope_of_an_ipv6_address_can_be_read_and_set)
{
    apm_ip_address address = parsed("fe80::1");
    int64_t scope_id = 7;

    CHECK_SUCCESS(apm_ip_address_scope_id(address, &scope_id));
    CHECK_EQ(scope_id, 0);
    CHECK_SUCCESS(apm_ip_address_set_scope_id(&address, 5));
    CHECK(apm_ip_address_equals(address, parsed("fe80::1%5")));
    CHECK_SUCCESS(apm_ip_address_set_scope_id(&address, 0xffffffff));
    CHECK_SUCCESS(apm_ip_address_scope_id(address, &scope_id));
    CHECK_EQ(scope_id, 0xffffffff);
    CHECK_ERROR(apm_ip_address_set_scope_id(&address, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_ip_address_set_scope_id(&address, 0x100000000), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(address.scope_id, 0xffffffff);

    address = apm_ip_address_loopback();
    CHECK_ERROR(apm_ip_address_scope_id(address, &scope_id), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_EQ(scope_id, 0);
    CHECK_ERROR(apm_ip_address_set_scope_id(&address, 1), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_ip_address_scope_id(address, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_set_scope_id(NULL, 1), APM_ERROR_ARGUMENT_NULL);
}

TEST(the_bytes_of_an_address_are_4_or_16)
{
    uint8_t bytes[16] = {0};
    size_t count = 99;

    CHECK_SUCCESS(apm_ip_address_get_address_bytes(parsed("1.2.3.4"), bytes, 4, &count));
    CHECK_EQ(count, 4);
    CHECK_EQ(memcmp(bytes, "\1\2\3\4", 4), 0);
    CHECK_SUCCESS(apm_ip_address_get_address_bytes(parsed("::1"), bytes, 16, NULL));
    CHECK_EQ(bytes[0], 0);
    CHECK_EQ(bytes[15], 1);
    CHECK(apm_ip_address_try_write_bytes(parsed("1.2.3.4"), bytes, 16, &count));
    CHECK_EQ(count, 4);
    CHECK(!apm_ip_address_try_write_bytes(parsed("1.2.3.4"), bytes, 3, &count));
    CHECK_EQ(count, 0);
    CHECK(!apm_ip_address_try_write_bytes(parsed("::1"), bytes, 15, NULL));
    CHECK_ERROR(apm_ip_address_get_address_bytes(parsed("::1"), bytes, 15, &count), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_ip_address_get_address_bytes(parsed("::1"), NULL, 16, &count), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_address_get_address_bytes((apm_ip_address){.scope_id = 0}, bytes, 16, &count),
                APM_ERROR_ARGUMENT);
}

TEST(try_format_needs_room_for_the_characters_only)
{
    char text[16];
    size_t written = 99;

    memset(text, '#', sizeof text);
    CHECK(!apm_ip_address_try_format(apm_ip_address_loopback(), text, 8, &written));
    CHECK_EQ(written, 0);
    CHECK_EQ(text[0], '#');
    CHECK(apm_ip_address_try_format(apm_ip_address_loopback(), text, 9, &written));
    CHECK_EQ(written, 9);
    CHECK_EQ(memcmp(text, "127.0.0.1#", 10), 0);
    CHECK(apm_ip_address_try_format(parsed("fe80::1%3"), text, sizeof text, NULL));
    CHECK_EQ(memcmp(text, "fe80::1%3#", 10), 0);
    CHECK(!apm_ip_address_try_format((apm_ip_address){.scope_id = 0}, text, sizeof text, &written));
    CHECK(!apm_ip_address_try_format(apm_ip_address_loopback(), NULL, 0, &written));
}

TEST(numbers_in_the_networks_order_have_their_highest_byte_first)
{
    int16_t two = apm_ip_address_host_to_network_order_16(0x1234);
    int32_t four = apm_ip_address_host_to_network_order_32(0x12345678);
    int64_t eight = apm_ip_address_host_to_network_order_64(0x0102030405060708);

    CHECK_EQ(memcmp(&two, "\x12\x34", 2), 0);
    CHECK_EQ(memcmp(&four, "\x12\x34\x56\x78", 4), 0);
    CHECK_EQ(memcmp(&eight, "\1\2\3\4\5\6\7\10", 8), 0);
    CHECK_EQ(apm_ip_address_network_to_host_order_16(two), 0x1234);
    CHECK_EQ(apm_ip_address_network_to_host_order_32(four), 0x12345678);
    CHECK_EQ(apm_ip_address_network_to_host_order_64(eight), 0x0102030405060708);
    CHECK_EQ(apm_ip_address_network_to_host_order_16(apm_ip_address_host_to_network_order_16(-2)), -2);
    CHECK_EQ(apm_ip_address_network_to_host_order_32(apm_ip_address_host_to_network_order_32(-2)), -2);
    CHECK_EQ(apm_ip_address_network_to_host_order_64(apm_ip_address_host_to_network_order_64(-2)), -2);
}

/* -- Hash codes -------------------------------------------------------------------------------------------------- */

TEST(equal_values_have_equal_hash_codes_and_others_differ)
{
    apm_ip_address left = parsed("1.2.3.4");
    apm_ip_address right = left;
    apm_endpoint endpoint = {.address = left, .port = 80};
    apm_endpoint other = {.address = right, .port = 80};

    right.bytes[9] = 0xa5; /* behind an IPv4 address, where nothing counts */
    right.scope_id = 7;
    CHECK(apm_ip_address_equals(left, right));
    CHECK_EQ(apm_ip_address_get_hash_code(left), apm_ip_address_get_hash_code(right));
    CHECK_EQ(apm_endpoint_get_hash_code(endpoint), apm_endpoint_get_hash_code(other));
    other.port = 81;
    CHECK(apm_endpoint_get_hash_code(endpoint) != apm_endpoint_get_hash_code(other));
    CHECK(apm_ip_address_get_hash_code(parsed("fe80::1%3")) != apm_ip_address_get_hash_code(parsed("fe80::1%4")));
    CHECK(apm_ip_address_get_hash_code(parsed("1.2.3.4")) != apm_ip_address_get_hash_code(parsed("1.2.3.5")));
    CHECK(apm_ip_address_get_hash_code(parsed("::1")) != apm_ip_address_get_hash_code(parsed("::2")));
}

TEST_MAIN()
