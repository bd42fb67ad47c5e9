/*
 * The forms of name look-ups beside those by name: by address, by family, and the obsolete members (dns-010 of .NET's
 * recorded behaviour; the rest as .NET 10 was asked). The others are in contract_dns.c.
 */
#include <stdio.h>

#include "support.h"

/* An entry in one line: `name [address,address]`, or the name of the error. Frees it. */
static const char *line_of(apm_error error, apm_host_entry *entry)
{
    static char line[512];
    size_t used;

    if (error != APM_ERROR_SUCCESS) {
        CHECK(entry == NULL);
        return apm_error_name(error);
    }
    CHECK(entry != NULL);
    CHECK_EQ(entry->alias_count, 0);
    used = (size_t)snprintf(line, sizeof line, "%s [", entry->host_name);
    for (size_t i = 0; i < entry->address_count; i++) {
        char text[APM_IP_ADDRESS_TEXT_SIZE];

        CHECK_SUCCESS(apm_ip_address_format(entry->address_list[i], text, sizeof text));
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i > 0 ? "," : "", text);
    }
    snprintf(line + used, sizeof line - used, "]");
    apm_host_entry_free(entry);
    return line;
}

/* A pair of Begin and End on a name, or a synchronous call, or one with a family. */
typedef apm_error begin_function(const char *name, apm_async_callback *callback, void *state, apm_async_result *result);
typedef apm_error end_function(apm_async_result result, apm_host_entry **entry);
typedef apm_error sync_function(const char *name, apm_host_entry **entry);
typedef apm_error family_function(const char *name, apm_address_family family, apm_host_entry **entry);

static const char *by_pair(begin_function *begin, end_function *end, const char *name)
{
    struct operation lookup;
    apm_host_entry *entry = NULL;
    apm_error error = begin(name, ON_COMPLETION(&lookup));

    if (error != APM_ERROR_SUCCESS) {
        CHECK(apm_async_result_is_null(lookup.result));
        return apm_error_name(error);
    }
    AWAIT(&lookup);
    error = end(lookup.result, &entry);
    return line_of(error, entry);
}

static const char *by_call(sync_function *call, const char *name)
{
    apm_host_entry *entry = (apm_host_entry *)1;
    apm_error error = call(name, &entry);

    return line_of(error, entry);
}

static const char *by_family(family_function *call, const char *name, apm_address_family family)
{
    apm_host_entry *entry = (apm_host_entry *)1;
    apm_error error = call(name, family, &entry);

    return line_of(error, entry);
}

/* -- The obsolete members ---------------------------------------------------------------------------------------- */

CONTRACT_TEST(the_obsolete_members_look_names_up_dns_010)
{
    enter_private_network_with_names();
    CHECK_STR(by_pair(apm_dns_begin_resolve, apm_dns_end_resolve, "127.0.0.1"), "localhost [127.0.0.1]");
    CHECK_STR(by_pair(apm_dns_begin_resolve, apm_dns_end_resolve, "nobody.example"), "HostNotFound");
    CHECK_STR(by_pair(apm_dns_begin_get_host_by_name, apm_dns_end_get_host_by_name, "127.0.0.1"),
              "127.0.0.1 [127.0.0.1]");
    CHECK_STR(by_call(apm_dns_resolve, "nobody.example"), "HostNotFound");
    CHECK_STR(by_call(apm_dns_get_host_by_name, "localhost"), "localhost [127.0.0.1]");
    CHECK_STR(by_call(apm_dns_get_host_by_address, "127.0.0.77"), "HostNotFound");
}

TEST(resolve_of_an_address_looks_backwards_and_else_is_the_address)
{
    static const struct {
        const char *name;
        const char *line;
    } cases[] = {
        {"127.0.0.9", "ok.example [127.0.0.1]"},
        {"127.0.0.77", "127.0.0.77 [127.0.0.77]"},
        {"0.0.0.0", "0.0.0.0 [0.0.0.0]"},
        {"::", ":: [::]"},
        {"fe80::1%1", "fe80::1%1 [fe80::1%1]"},
        {"127.1", "localhost [127.0.0.1]"},
        {"multi.example", "multi.example [127.0.0.1,127.0.0.2]"},
        {"1.2.3.4.5", "HostNotFound"},
    };

    enter_private_network_with_names();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(by_call(apm_dns_resolve, cases[i].name), cases[i].line);
        CHECK_STR(by_pair(apm_dns_begin_resolve, apm_dns_end_resolve, cases[i].name), cases[i].line);
    }
    CHECK_STR(by_call(apm_dns_resolve, NULL), "ArgumentNull");
}

TEST(get_host_by_name_of_an_address_is_the_address)
{
    static const struct {
        const char *name;
        const char *line;
        const char *begun;
    } cases[] = {
        {"127.0.0.77", "127.0.0.77 [127.0.0.77]", NULL},
        {"127.1", "127.0.0.1 [127.0.0.1]", NULL},
        {"[::1]", "::1 [::1]", NULL},
        {"0.0.0.0", "0.0.0.0 [0.0.0.0]", "Argument"},
        {"::", ":: [::]", "Argument"},
        {"dual.example", "dual.example [::1,127.0.0.1]", NULL},
        {NULL, "ArgumentNull", NULL},
    };

    enter_private_network_with_names();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(by_call(apm_dns_get_host_by_name, cases[i].name), cases[i].line);
        CHECK_STR(by_pair(apm_dns_begin_get_host_by_name, apm_dns_end_get_host_by_name, cases[i].name),
                  cases[i].begun ? cases[i].begun : cases[i].line);
    }
}

TEST(get_host_by_address_wants_an_address)
{
    enter_private_network_with_names();
    CHECK_STR(by_call(apm_dns_get_host_by_address, "127.0.0.9"), "ok.example [127.0.0.1]");
    CHECK_STR(by_call(apm_dns_get_host_by_address, "0.0.0.0"), "HostNotFound");
    CHECK_STR(by_call(apm_dns_get_host_by_address, "localhost"), "Format");
    CHECK_STR(by_call(apm_dns_get_host_by_address, ""), "Format");
    CHECK_STR(by_call(apm_dns_get_host_by_address, NULL), "ArgumentNull");
}

/* -- By address -------------------------------------------------------------------------------------------------- */

static const char *begin_by_address(apm_ip_address address)
{
    struct operation lookup;
    apm_host_entry *entry = NULL;
    apm_error error = apm_dns_begin_get_host_entry_ip_address(address, ON_COMPLETION(&lookup));

    if (error != APM_ERROR_SUCCESS) {
        CHECK(apm_async_result_is_null(lookup.result));
        return apm_error_name(error);
    }
    AWAIT(&lookup);
    error = apm_dns_end_get_host_entry(lookup.result, &entry);
    return line_of(error, entry);
}

static const char *get_by_address(apm_error (*call)(apm_ip_address, apm_host_entry **), apm_ip_address address)
{
    apm_host_entry *entry = (apm_host_entry *)1;
    apm_error error = call(address, &entry);

    return line_of(error, entry);
}

CONTRACT_TEST(get_host_entry_by_address_looks_it_up_backwards)
{
    static const char *const cases[][2] = {
        {"127.0.0.9", "ok.example [127.0.0.1]"},
        {"127.0.0.77", "HostNotFound"},
        {"127.0.0.10", "nobody.example []"},
        {"0.0.0.0", "Argument"},
        {"::", "Argument"},
        {"::ffff:127.0.0.77", "HostNotFound"},
    };

    enter_private_network_with_names();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(begin_by_address(address_of(cases[i][0])), cases[i][1]);
        CHECK_STR(get_by_address(apm_dns_get_host_entry_ip_address, address_of(cases[i][0])), cases[i][1]);
    }
    CHECK_STR(get_by_address(apm_dns_get_host_by_address_ip_address, apm_ip_address_any()), "HostNotFound");
    CHECK_STR(get_by_address(apm_dns_get_host_by_address_ip_address, address_of("127.0.0.9")),
              "ok.example [127.0.0.1]");
}

TEST(a_value_that_is_no_address_is_refused)
{
    apm_ip_address none = {.family = APM_ADDRESS_FAMILY_UNSPECIFIED};

    CHECK_STR(begin_by_address(none), "ArgumentNull");
    CHECK_STR(get_by_address(apm_dns_get_host_entry_ip_address, none), "ArgumentNull");
    CHECK_STR(get_by_address(apm_dns_get_host_by_address_ip_address, none), "ArgumentNull");
    CHECK_ERROR(apm_dns_get_host_entry_ip_address(apm_ip_address_loopback(), NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_get_host_by_address_ip_address(apm_ip_address_loopback(), NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_get_host_by_address("127.0.0.1", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_resolve("127.0.0.1", NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_get_host_by_name("127.0.0.1", NULL), APM_ERROR_ARGUMENT_NULL);
}

/* -- By family --------------------------------------------------------------------------------------------------- */

TEST(a_family_leaves_the_addresses_of_that_family)
{
    enum { V4 = APM_ADDRESS_FAMILY_INTER_NETWORK, V6 = APM_ADDRESS_FAMILY_INTER_NETWORK_V6, OTHER = 77 };
    static const struct {
        const char *name;
        int family;
        const char *entry;
        const char *addresses;
    } cases[] = {
        {"dual.example", 0, "dual.example [::1,127.0.0.1]", "dual.example [::1,127.0.0.1]"},
        {"dual.example", V4, "dual.example [127.0.0.1]", "dual.example [127.0.0.1]"},
        {"dual.example", V6, "dual.example [::1]", "dual.example [::1]"},
        {"dual.example", OTHER, "AddressFamilyNotSupported", "AddressFamilyNotSupported"},
        {"ok.example", V6, "HostNotFound", "HostNotFound"},
        {"alias.example", V4, "ok.example [127.0.0.1]", "alias.example [127.0.0.1]"},
        {"127.0.0.1", V4, "localhost [127.0.0.1]", "127.0.0.1 [127.0.0.1]"},
        {"127.0.0.1", V6, "localhost []", "127.0.0.1 []"},
        {"127.0.0.1", OTHER, "localhost []", "127.0.0.1 []"},
        {"127.0.0.77", V6, "HostNotFound", "127.0.0.77 []"},
        {"0.0.0.0", V6, "Argument", "Argument"},
        {NULL, V4, "ArgumentNull", "ArgumentNull"},
    };

    enter_private_network_with_names();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apm_address_family family = (apm_address_family)cases[i].family;

        CHECK_STR(by_family(apm_dns_get_host_entry_family, cases[i].name, family), cases[i].entry);
        CHECK_STR(by_family(apm_dns_get_host_addresses_family, cases[i].name, family), cases[i].addresses);
    }
}

/* -- Ends -------------------------------------------------------------------------------------------------------- */

TEST(the_ends_of_entries_take_each_others_results_and_not_those_of_addresses)
{
    apm_async_result result;
    apm_host_entry *entry;

    enter_private_network_with_names();
    CHECK_SUCCESS(apm_dns_begin_resolve("ok.example", NULL, NULL, &result));
    CHECK_ERROR(apm_dns_end_get_host_addresses(result, &entry), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_dns_end_get_host_entry(result, &entry));
    apm_host_entry_free(entry);
    CHECK_SUCCESS(apm_dns_begin_get_host_addresses("ok.example", NULL, NULL, &result));
    CHECK_ERROR(apm_dns_end_get_host_by_name(result, &entry), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_dns_end_resolve(result, &entry), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_dns_end_get_host_addresses(result, &entry));
    apm_host_entry_free(entry);
}

TEST(cancelling_an_obsolete_look_up_completes_it_at_once)
{
    struct operation lookup;
    apm_host_entry *entry;
    int64_t start_ms;

    enter_private_network_with_names();
    start_ms = harness_now_ms();
    CHECK_SUCCESS(apm_dns_begin_resolve("slow.example", ON_COMPLETION(&lookup)));
    CHECK_SUCCESS(apm_async_result_cancel(lookup.result));
    AWAIT(&lookup);
    CHECK(harness_now_ms() - start_ms < 800); /* the answer takes 900 ms */
    CHECK_ERROR(apm_dns_end_resolve(lookup.result, &entry), APM_ERROR_OPERATION_ABORTED);
    CHECK(entry == NULL);
}

LIBRARY_TEST_MAIN()
