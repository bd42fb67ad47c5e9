/*
 * IP networks, as .NET 10 was asked. Texts are in unit_ip_address_members.c, too.
 */
#include <string.h>

#include "apm/ip_network.h"

#include "harness.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const apm_ip_network zero;

static apm_ip_address address_of_text(const char *text)
{
    apm_ip_address address;

    CHECK_SUCCESS(apm_ip_address_parse(text, &address));
    return address;
}

static apm_ip_network parsed(const char *text)
{
    apm_ip_network network;

    CHECK_SUCCESS(apm_ip_network_parse(text, &network));
    return network;
}

static void check_text(apm_ip_network network, const char *expected)
{
    char text[APM_IP_NETWORK_TEXT_SIZE];

    CHECK_SUCCESS(apm_ip_network_format(network, text, sizeof text));
    CHECK_STR(text, expected);
}

TEST(a_network_is_the_prefix_of_an_address)
{
    static const struct {
        const char *address;
        int prefix_length;
        const char *network; /* NULL: out of range */
    } cases[] = {
        {"10.0.0.0", 8, "10.0.0.0/8"},
        {"10.0.0.1", 8, "10.0.0.0/8"},
        {"0.0.0.0", 0, "0.0.0.0/0"},
        {"1.2.3.4", 32, "1.2.3.4/32"},
        {"1.2.3.4", 33, NULL},
        {"1.2.3.4", -1, NULL},
        {"fe80::", 10, "fe80::/10"},
        {"fe80::%3", 10, "fe80::%3/10"},
        {"fe80::1", 128, "fe80::1/128"},
        {"::", 0, "::/0"},
        {"::", 129, NULL},
        {"::ffff:10.0.0.0", 104, "::ffff:10.0.0.0/104"},
        {"::1", 127, "::/127"},
        {"fe80::1%3", 64, "fe80::/64"},
        {"::%1", 0, "::/0"},
        {"255.255.255.255", 9, "255.128.0.0/9"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        apm_ip_network network = {.prefix_length = 77};
        apm_error error = apm_ip_network_create(address_of_text(cases[i].address), cases[i].prefix_length, &network);

        if (cases[i].network == NULL) {
            CHECK_ERROR(error, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
            CHECK_EQ(network.prefix_length, 0);
            CHECK_EQ(network.base_address.family, APM_ADDRESS_FAMILY_UNSPECIFIED);
        } else {
            CHECK_SUCCESS(error);
            check_text(network, cases[i].network);
        }
    }
    CHECK_ERROR(apm_ip_network_create(address_of_text("::"), 0, NULL), APM_ERROR_ARGUMENT_NULL);
    apm_ip_network network;
    CHECK_ERROR(apm_ip_network_create(zero.base_address, 0, &network), APM_ERROR_ARGUMENT_NULL);
}

TEST(the_text_of_a_network_is_an_address_and_a_length_in_digits)
{
    static const char *const taken[][2] = {
        {"10.0.0.0/08", "10.0.0.0/8"},
        {"10/8", "0.0.0.0/8"},
        {"10.0/16", "10.0.0.0/16"},
        {"0xa.0.0.0/8", "10.0.0.0/8"},
        {"167772160/8", "10.0.0.0/8"},
        {"fe80::%lo/10", "fe80::%1/10"},
        {"[fe80::]/10", "fe80::/10"},
        {"[::1]:80/128", "::1/128"},
        {"1.2.3.4/00000000032", "1.2.3.4/32"},
        {"0/0", "0.0.0.0/0"},
        {"::%1/0", "::/0"},
    };
    static const char *const refused[] = {
        "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ",  " 10.0.0.0/8",  "10.0.0.0/",          "/8", "10.0.0.0", "",
        "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/0x8", "10.0.0.0/8/8", "1.2.3.4/4294967328", "/",  "::/129",
    };
    apm_ip_network network;

    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        check_text(parsed(taken[i][0]), taken[i][1]);
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        CHECK_ERROR(apm_ip_network_parse(refused[i], &network), APM_ERROR_FORMAT);
        CHECK(apm_ip_network_equals(network, zero));
        CHECK(!apm_ip_network_try_parse(refused[i], &network));
    }
    CHECK_ERROR(apm_ip_network_parse(NULL, &network), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_ip_network_parse("::/0", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK(!apm_ip_network_try_parse(NULL, &network));
}

TEST(a_network_contains_the_addresses_with_its_prefix)
{
    static const struct {
        const char *network;
        const char *address;
        bool contains;
    } cases[] = {
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::10.1.2.3", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", false},
        {"fe80::/10", "fe80::1%3", true},
        {"fe80::%3/10", "fe80::1%4", true},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "1.2.3.4", false},
        {"::/0", "fe80::1", true},
        {"1.2.3.4/32", "1.2.3.4", true},
        {"1.2.3.4/31", "1.2.3.5", true},
        {"1.2.3.4/31", "1.2.3.6", false},
        {"fe80::/9", "feff::", true},
        {"fe80::/9", "ff00::", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_EQ(apm_ip_network_contains(parsed(cases[i].network), address_of_text(cases[i].address)),
                 cases[i].contains);
    }
    CHECK(!apm_ip_network_contains(parsed("::/0"), zero.base_address));
}

TEST(all_zero_is_the_network_of_all_ipv4_addresses)
{
    check_text(zero, "0.0.0.0/0");
    CHECK(apm_ip_network_contains(zero, address_of_text("1.2.3.4")));
    CHECK(!apm_ip_network_contains(zero, address_of_text("::")));
    CHECK(apm_ip_network_equals(zero, parsed("0.0.0.0/0")));
    CHECK_EQ(apm_ip_network_get_hash_code(zero), apm_ip_network_get_hash_code(parsed("0.0.0.0/0")));
}

TEST(networks_are_equal_with_equal_addresses_and_lengths)
{
    CHECK(apm_ip_network_equals(parsed("10.0.0.1/8"), parsed("10.0.0.0/8")));
    CHECK(!apm_ip_network_equals(parsed("10.0.0.0/8"), parsed("10.0.0.0/9")));
    CHECK(!apm_ip_network_equals(parsed("fe80::%3/10"), parsed("fe80::/10")));
    CHECK(!apm_ip_network_equals(parsed("0.0.0.0/0"), parsed("::/0")));
    CHECK_EQ(apm_ip_network_get_hash_code(parsed("10.0.0.1/8")), apm_ip_network_get_hash_code(parsed("10.0.0.0/8")));
    CHECK(apm_ip_network_get_hash_code(parsed("10.0.0.0/8")) != apm_ip_network_get_hash_code(parsed("10.0.0.0/9")));
}

TEST(the_text_of_a_network_needs_its_room)
{
    char text[APM_IP_NETWORK_TEXT_SIZE];
    apm_ip_network longest = parsed("ffff:ffff:ffff:ffff:0:5efe:255.255.255.255%4294967295/128");
    apm_ip_network bad = {.base_address.family = APM_ADDRESS_FAMILY_INTER_NETWORK, .prefix_length = 33};
    size_t written = 99;

    check_text(longest, "ffff:ffff:ffff:ffff:0:5efe:255.255.255.255%4294967295/128");
    CHECK_SUCCESS(apm_ip_network_format(parsed("10.0.0.0/8"), text, 11));
    CHECK_ERROR(apm_ip_network_format(parsed("10.0.0.0/8"), text, 10), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_STR(text, "");
    CHECK(apm_ip_network_try_format(parsed("10.0.0.0/8"), text, 10, &written));
    CHECK_EQ(written, 10);
    CHECK_EQ(memcmp(text, "10.0.0.0/8", 10), 0);
    CHECK(!apm_ip_network_try_format(parsed("10.0.0.0/8"), text, 9, &written));
    CHECK_EQ(written, 0);
    CHECK_ERROR(apm_ip_network_format(bad, text, sizeof text), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_ip_network_format(longest, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK(!apm_ip_network_try_format(bad, text, sizeof text, &written));
    CHECK(!apm_ip_network_contains(bad, apm_ip_address_any()));
}

TEST_MAIN()
