/*
 * Name look-ups, against a name server of the test's own (dns-001 to dns-013 of .NET's recorded behaviour).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static apm_error get_entry(const char *name, apm_host_entry **entry)
{
    struct operation lookup;

    CHECK_SUCCESS(apm_dns_begin_get_host_entry(name, ON_COMPLETION(&lookup)));
    AWAIT(&lookup);
    return apm_dns_end_get_host_entry(lookup.result, entry);
}

static apm_error get_addresses(const char *name, apm_host_entry **entry)
{
    struct operation lookup;

    CHECK_SUCCESS(apm_dns_begin_get_host_addresses(name, ON_COMPLETION(&lookup)));
    AWAIT(&lookup);
    return apm_dns_end_get_host_addresses(lookup.result, entry);
}

/* Checks that the entry has exactly the addresses, given as text, in their order, and frees it. */
static void check_addresses(apm_host_entry *entry, size_t count, const char *first, const char *second)
{
    const char *expected[2] = {first, second};
    char text[APM_IP_ADDRESS_TEXT_SIZE];

    CHECK(entry != NULL);
    CHECK_EQ(entry->address_count, count);
    CHECK_EQ(entry->alias_count, 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_SUCCESS(apm_ip_address_format(entry->address_list[i], text, sizeof text));
        CHECK_STR(text, expected[i]);
    }
    apm_host_entry_free(entry);
}

static void check_entry(const char *name, const char *host_name, size_t count, const char *first, const char *second)
{
    apm_host_entry *entry = NULL;

    CHECK_SUCCESS(get_entry(name, &entry));
    CHECK(entry != NULL);
    CHECK_STR(entry->host_name, host_name);
    check_addresses(entry, count, first, second);
}

static void check_failure(const char *name, apm_error expected)
{
    apm_host_entry *entry = (apm_host_entry *)1;

    CHECK_ERROR(get_entry(name, &entry), expected);
    CHECK(entry == NULL);
}

/* -- Entries ----------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(get_host_entry_of_localhost_is_127_0_0_1_dns_001)
{
    enter_private_network_with_names();
    check_entry("localhost", "localhost", 1, "127.0.0.1", NULL);
}

CONTRACT_TEST(get_host_entry_of_an_unknown_name_is_host_not_found_dns_002_dns_003)
{
    enter_private_network_with_names();
    check_failure("nobody.example", APM_ERROR_HOST_NOT_FOUND);
    check_failure("nodata.example", APM_ERROR_HOST_NOT_FOUND);
}

CONTRACT_TEST(get_host_entry_is_try_again_when_the_server_fails_or_is_silent_dns_004)
{
    enter_private_network_with_names();
    check_failure("servfail.example", APM_ERROR_TRY_AGAIN);
    check_failure("refused.example", APM_ERROR_TRY_AGAIN);
    check_failure("timeout.example", APM_ERROR_TRY_AGAIN);
}

CONTRACT_TEST(get_host_entry_gives_the_addresses_in_the_resolvers_order_dns_005)
{
    enter_private_network_with_names();
    check_entry("ok.example", "ok.example", 1, "127.0.0.1", NULL);
    check_entry("dual.example", "dual.example", 2, "::1", "127.0.0.1");
    check_entry("multi.example", "multi.example", 2, "127.0.0.1", "127.0.0.2");
    check_entry("alias.example", "ok.example", 1, "127.0.0.1", NULL);
}

CONTRACT_TEST(get_host_entry_of_an_address_looks_it_up_backwards_first_dns_006)
{
    enter_private_network_with_names();
    check_entry("127.0.0.9", "ok.example", 1, "127.0.0.1", NULL);
    check_failure("127.0.0.77", APM_ERROR_HOST_NOT_FOUND);
}

TEST(get_host_entry_refuses_what_cannot_be_looked_up_dns_007)
{
    struct operation lookup;
    apm_host_entry *entry;
    apm_error error;
    char name[258];

    enter_private_network_with_names();
    CHECK_ERROR(apm_dns_begin_get_host_entry("0.0.0.0", ON_COMPLETION(&lookup)), APM_ERROR_ARGUMENT);
    CHECK(apm_async_result_is_null(lookup.result));
    CHECK_ERROR(apm_dns_begin_get_host_entry("::", ON_COMPLETION(&lookup)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_dns_begin_get_host_entry(NULL, ON_COMPLETION(&lookup)), APM_ERROR_ARGUMENT_NULL);
    check_failure("a..b", APM_ERROR_HOST_NOT_FOUND);
    check_failure("-bad-", APM_ERROR_HOST_NOT_FOUND);
    check_failure("with space", APM_ERROR_HOST_NOT_FOUND);

    /* A name that is too long is found out by End. */
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    check_failure(name, APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    name[255] = '\0';
    check_failure(name, APM_ERROR_HOST_NOT_FOUND);

    /* The empty name is this machine's; whether that has an address is the hosts file's affair. */
    CHECK_SUCCESS(apm_dns_begin_get_host_entry("", ON_COMPLETION(&lookup)));
    AWAIT(&lookup);
    error = apm_dns_end_get_host_entry(lookup.result, &entry);
    CHECK_EQ(error == APM_ERROR_SUCCESS, entry != NULL);
    apm_host_entry_free(entry);
}

/* -- Addresses --------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(get_host_addresses_of_an_address_is_itself_without_a_look_up_dns_008)
{
    static const struct {
        const char *name;
        const char *address;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"},
        {"127.1", "127.0.0.1"},     {"0x7f.1", "127.0.0.1"},
        {"fe80::1%1", "fe80::1%1"}, {"192.0.2.7", "192.0.2.7"},
    };

    enter_private_network();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apm_host_entry *entry = NULL;

        CHECK_SUCCESS(get_addresses(cases[i].name, &entry));
        CHECK(entry != NULL);
        CHECK_STR(entry->host_name, cases[i].name);
        check_addresses(entry, 1, cases[i].address, NULL);
    }
}

CONTRACT_TEST(get_host_addresses_of_names_dns_008)
{
    apm_host_entry *entry = NULL;
    struct operation lookup;

    enter_private_network_with_names();
    CHECK_SUCCESS(get_addresses("localhost", &entry));
    check_addresses(entry, 1, "127.0.0.1", NULL);
    CHECK_SUCCESS(get_addresses("dual.example", &entry));
    check_addresses(entry, 2, "::1", "127.0.0.1");
    CHECK_SUCCESS(get_addresses("multi.example", &entry));
    CHECK_STR(entry->host_name, "multi.example");
    check_addresses(entry, 2, "127.0.0.1", "127.0.0.2");
    CHECK_ERROR(get_addresses("nobody.example", &entry), APM_ERROR_HOST_NOT_FOUND);
    CHECK(entry == NULL);
    CHECK_ERROR(apm_dns_begin_get_host_addresses("0.0.0.0", ON_COMPLETION(&lookup)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_dns_begin_get_host_addresses(NULL, ON_COMPLETION(&lookup)), APM_ERROR_ARGUMENT_NULL);
}

TEST(names_under_localhost_and_invalid_are_unknown_dns_009)
{
    enter_private_network_with_names();
    check_failure("foo.localhost", APM_ERROR_HOST_NOT_FOUND);
    check_failure("foo.invalid", APM_ERROR_HOST_NOT_FOUND);
}

TEST(the_synchronous_look_ups_give_the_same)
{
    apm_host_entry *entry = NULL;

    enter_private_network_with_names();
    CHECK_SUCCESS(apm_dns_get_host_entry("alias.example", &entry));
    CHECK_STR(entry->host_name, "ok.example");
    check_addresses(entry, 1, "127.0.0.1", NULL);
    CHECK_SUCCESS(apm_dns_get_host_addresses("dual.example", &entry));
    check_addresses(entry, 2, "::1", "127.0.0.1");
    CHECK_ERROR(apm_dns_get_host_entry("nobody.example", &entry), APM_ERROR_HOST_NOT_FOUND);
    CHECK(entry == NULL);
    CHECK_ERROR(apm_dns_get_host_addresses("0.0.0.0", &entry), APM_ERROR_ARGUMENT);
    CHECK(entry == NULL);
    CHECK_ERROR(apm_dns_get_host_entry(NULL, &entry), APM_ERROR_ARGUMENT_NULL);
    apm_host_entry_free(NULL);
}

TEST(get_host_name_is_the_systems)
{
    char expected[300];
    char name[300];

    CHECK_EQ(gethostname(expected, sizeof expected), 0);
    CHECK_SUCCESS(apm_dns_get_host_name(name, sizeof name));
    CHECK_STR(name, expected);
    CHECK_SUCCESS(apm_dns_get_host_name(name, strlen(expected) + 1));
    CHECK_ERROR(apm_dns_get_host_name(name, strlen(expected)), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(name[0], '\0');
    CHECK_ERROR(apm_dns_get_host_name(name, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_dns_get_host_name(NULL, 10), APM_ERROR_ARGUMENT_NULL);
}

/* -- Results of look-ups ----------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_look_up_has_no_socket_and_is_ended_once_by_its_own_end)
{
    struct operation lookup;
    apm_host_entry *entry = NULL;

    enter_private_network();
    CHECK_SUCCESS(apm_dns_begin_get_host_addresses("127.0.0.1", ON_COMPLETION(&lookup)));
    CHECK(apm_socket_is_null(apm_async_result_socket(lookup.result)));
    CHECK(apm_async_result_async_state(lookup.result) == &lookup);
    AWAIT(&lookup);
    CHECK_ERROR(apm_dns_end_get_host_entry(lookup.result, &entry), APM_ERROR_ARGUMENT);
    CHECK(entry == NULL);
    CHECK_SUCCESS(apm_dns_end_get_host_addresses(lookup.result, &entry));
    apm_host_entry_free(entry);
    CHECK_ERROR(apm_dns_end_get_host_addresses(lookup.result, &entry), APM_ERROR_INVALID_OPERATION);
    CHECK(entry == NULL);
}

CONTRACT_TEST(a_look_up_that_is_cancelled_or_whose_deadline_comes_completes_at_once)
{
    struct operation cancelled;
    struct operation late;
    apm_host_entry *entry = NULL;
    int64_t start;

    enter_private_network_with_names();
    start = harness_now_ms();
    CHECK_SUCCESS(apm_dns_begin_get_host_entry("slow.example", ON_COMPLETION(&cancelled)));
    CHECK_SUCCESS(apm_dns_begin_get_host_addresses("slow.example", ON_COMPLETION(&late)));
    CHECK_SUCCESS(apm_async_result_cancel_after(late.result, 100));
    CHECK_PENDING(&cancelled);
    CHECK_SUCCESS(apm_async_result_cancel(cancelled.result));
    AWAIT(&cancelled);
    CHECK_ERROR(apm_dns_end_get_host_entry(cancelled.result, &entry), APM_ERROR_OPERATION_ABORTED);
    CHECK(entry == NULL);
    AWAIT(&late);
    CHECK_ERROR(apm_dns_end_get_host_addresses(late.result, &entry), APM_ERROR_TIMED_OUT);
    CHECK(entry == NULL);

    /* The answers come after 900 ms. */
    CHECK(harness_now_ms() - start < 800);
}

TEST(an_outcome_that_nobody_ends_is_freed_by_cleanup)
{
    struct operation lookup;

    enter_private_network();
    CHECK_SUCCESS(apm_dns_begin_get_host_addresses("127.0.0.1", ON_CALLBACK(&lookup)));
    AWAIT(&lookup);
}

TEST(slow_look_ups_hold_up_no_other_callback_dns_013)
{
    enum { LOOKUPS = 8 };
    struct operation lookups[LOOKUPS];
    peered_socket pair;
    apm_thread_pool pool = APM_NULL_HANDLE;
    apm_host_entry *entry;
    int64_t longest_us = 0;

    enter_private_network_with_names();
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(pool, 2));
    pair = peered_socket_create();
    for (size_t i = 0; i < LOOKUPS; i++) {
        CHECK_SUCCESS(apm_dns_begin_get_host_addresses("slow.example", ON_CALLBACK(&lookups[i])));
    }
    for (size_t i = 0; i < 50; i++) {
        struct operation receive;
        uint8_t byte;
        int64_t start = harness_now_us();

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(pair.peer, "x", 1);
        CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
        longest_us = harness_now_us() - start > longest_us ? harness_now_us() - start : longest_us;
    }
    CHECK(longest_us < 200000);
    for (size_t i = 0; i < LOOKUPS; i++) {
        AWAIT(&lookups[i]);
        CHECK_SUCCESS(apm_dns_end_get_host_addresses(lookups[i].result, &entry));
        check_addresses(entry, 1, "127.0.0.1", NULL);
    }
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
