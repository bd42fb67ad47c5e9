/*
 * Socket addresses, as .NET 10 was asked.
 */
#include <string.h>

#include "apm/socket_address.h"

#include "harness.h"

static apm_endpoint endpoint_of_text(const char *text)
{
    apm_endpoint endpoint;

    CHECK_SUCCESS(apm_endpoint_parse(text, &endpoint));
    return endpoint;
}

TEST(an_endpoint_is_written_as_the_system_does)
{
    static const uint8_t four[] = {2, 0, 0x12, 0x34, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t six[] = {10, 0, 0x12, 0x34, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0,
                                  0,  0, 0,    0,    0, 0, 0, 0, 0,    1,    3, 0, 0, 0};
    apm_socket_address address;

    CHECK_SUCCESS(apm_endpoint_serialize(endpoint_of_text("1.2.3.4:4660"), &address));
    CHECK_EQ(address.size, sizeof four);
    CHECK_EQ(memcmp(address.buffer, four, sizeof four), 0);
    CHECK_EQ(apm_socket_address_get_family(&address), APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_SUCCESS(apm_endpoint_serialize(endpoint_of_text("[fe80::1%3]:4660"), &address));
    CHECK_EQ(address.size, sizeof six);
    CHECK_EQ(memcmp(address.buffer, six, sizeof six), 0);
    CHECK_EQ(apm_socket_address_get_family(&address), APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
}

TEST(what_was_written_is_read_again)
{
    static const char *const texts[] = {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80",
                                        "[fe80::1%3]:80"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        apm_endpoint endpoint = endpoint_of_text(texts[i]);
        apm_endpoint again;
        apm_socket_address address;

        CHECK_SUCCESS(apm_endpoint_serialize(endpoint, &address));
        CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &again));
        CHECK(apm_endpoint_equals(endpoint, again));
    }
}

TEST(an_address_of_a_family_has_its_size)
{
    static const struct {
        int family;
        size_t size;
        uint8_t first;
    } cases[] = {{2, 16, 2}, {23, 28, 10}, {1, 110, 1}, {0, 128, 0}};
    apm_socket_address address;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_SUCCESS(apm_socket_address_create((apm_address_family)cases[i].family, &address));
        CHECK_EQ(address.size, cases[i].size);
        CHECK_EQ(address.buffer[0], cases[i].first);
        CHECK_EQ(address.buffer[2], 0);
        CHECK_EQ(apm_socket_address_get_maximum_address_size((apm_address_family)cases[i].family), cases[i].size);
        CHECK_EQ(apm_socket_address_get_family(&address), cases[i].family);
    }
    CHECK_EQ(apm_socket_address_get_maximum_address_size((apm_address_family)77), 128);
    CHECK_ERROR(apm_socket_address_create((apm_address_family)77, &address), APM_ERROR_NOT_SUPPORTED);
    CHECK_EQ(address.size, 0);
    CHECK_ERROR(apm_socket_address_create(APM_ADDRESS_FAMILY_INTER_NETWORK, NULL), APM_ERROR_ARGUMENT_NULL);
}

TEST(an_address_can_have_another_size)
{
    apm_socket_address address;
    apm_endpoint endpoint;

    CHECK_ERROR(apm_socket_address_create_size(APM_ADDRESS_FAMILY_INTER_NETWORK, 1, &address),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_address_create_size(APM_ADDRESS_FAMILY_INTER_NETWORK, 129, &address),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_address_create_size(APM_ADDRESS_FAMILY_INTER_NETWORK, 128, &address));
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &endpoint));
    CHECK_SUCCESS(apm_socket_address_create_size(APM_ADDRESS_FAMILY_INTER_NETWORK, 15, &address));
    CHECK_ERROR(apm_endpoint_create_from_socket_address(&address, &endpoint), APM_ERROR_ARGUMENT);
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_address_create_size(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, 27, &address));
    CHECK_ERROR(apm_endpoint_create_from_socket_address(&address, &endpoint), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_address_create_size(APM_ADDRESS_FAMILY_UNIX, 111, &address));
    CHECK_ERROR(apm_endpoint_create_from_socket_address(&address, &endpoint), APM_ERROR_ARGUMENT);
}

static void check_path(const void *path, size_t path_size, size_t expected_size)
{
    apm_socket_address address;
    apm_endpoint endpoint;
    apm_endpoint read;

    CHECK_SUCCESS(apm_unix_domain_socket_endpoint_from_bytes(path, path_size, &endpoint));
    CHECK_SUCCESS(apm_endpoint_serialize(endpoint, &address));
    CHECK_EQ(address.size, expected_size);
    CHECK_EQ(apm_socket_address_get_family(&address), APM_ADDRESS_FAMILY_UNIX);
    CHECK_EQ(memcmp(address.buffer + 2, path, path_size), 0);
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &read));
    CHECK(apm_endpoint_equals(read, endpoint));
}

TEST(a_path_is_written_with_a_zero_behind_it_and_an_abstract_name_without)
{
    char longest[APM_UNIX_DOMAIN_SOCKET_PATH_SIZE];

    check_path("/tmp/abc", 8, 11);
    check_path("\0abc", 4, 6);
    check_path("\0a\0b", 4, 6);
    memset(longest, 'x', sizeof longest);
    check_path(longest, sizeof longest - 1, 110);
    longest[0] = '\0';
    check_path(longest, sizeof longest, 110);
}

TEST(a_path_ends_with_the_first_zero_or_with_the_address)
{
    apm_socket_address address;
    apm_endpoint endpoint;
    char text[APM_ENDPOINT_TEXT_SIZE];

    CHECK_SUCCESS(apm_socket_address_create_size(APM_ADDRESS_FAMILY_UNIX, 9, &address));
    memcpy(address.buffer + 2, "cdefghi", 7);
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &endpoint));
    CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "cdefghi");
    address.buffer[5] = 0;
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &endpoint));
    CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "cde");
    address.size = 2; /* a socket without a name */
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &endpoint));
    CHECK(!apm_endpoint_is_null(endpoint));
    CHECK_EQ(endpoint.path_size, 0);
    CHECK_SUCCESS(apm_endpoint_serialize(endpoint, &address));
    CHECK_EQ(address.size, 2);
    CHECK_SUCCESS(apm_socket_address_create(APM_ADDRESS_FAMILY_UNIX, &address)); /* a name of nothing but zeros */
    CHECK_SUCCESS(apm_endpoint_create_from_socket_address(&address, &endpoint));
    CHECK_EQ(endpoint.path_size, APM_UNIX_DOMAIN_SOCKET_PATH_SIZE);
}

TEST(bytes_that_are_written_count)
{
    apm_socket_address left;
    apm_socket_address right;

    CHECK_SUCCESS(apm_socket_address_create(APM_ADDRESS_FAMILY_INTER_NETWORK, &left));
    right = left;
    CHECK(apm_socket_address_equals(&left, &right));
    CHECK_EQ(apm_socket_address_get_hash_code(&left), apm_socket_address_get_hash_code(&right));
    right.buffer[100] = 1; /* behind the size */
    CHECK(apm_socket_address_equals(&left, &right));
    right.buffer[5] = 10;
    CHECK(!apm_socket_address_equals(&left, &right));
    CHECK(apm_socket_address_get_hash_code(&left) != apm_socket_address_get_hash_code(&right));
    right = left;
    right.size = 8;
    CHECK(!apm_socket_address_equals(&left, &right));
    left.buffer[0] = 10;
    CHECK_EQ(apm_socket_address_get_family(&left), APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    left.buffer[0] = 99;
    CHECK_EQ(apm_socket_address_get_family(&left), APM_ADDRESS_FAMILY_UNSPECIFIED);
}

TEST(bad_values_are_errors)
{
    apm_socket_address address = {.size = (size_t)-1};
    apm_endpoint endpoint;

    CHECK_ERROR(apm_endpoint_serialize((apm_endpoint){.port = 0}, &address), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(address.size, 0);
    CHECK_ERROR(apm_endpoint_serialize(endpoint_of_text("[::1]:1"), NULL), APM_ERROR_ARGUMENT_NULL);
    endpoint = (apm_endpoint){.address.family = (apm_address_family)77};
    CHECK_ERROR(apm_endpoint_serialize(endpoint, &address), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_endpoint_create_from_socket_address(&address, &endpoint), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_endpoint_create_from_socket_address(NULL, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_endpoint_create_from_socket_address(&address, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(apm_socket_address_get_family(NULL), APM_ADDRESS_FAMILY_UNSPECIFIED);
    CHECK_EQ(apm_socket_address_get_family(&address), APM_ADDRESS_FAMILY_UNSPECIFIED);
    address.size = (size_t)-1; /* as much as there is */
    CHECK(apm_socket_address_equals(&address, &address));
    CHECK(!apm_socket_address_equals(&address, NULL));
}

TEST_MAIN()
