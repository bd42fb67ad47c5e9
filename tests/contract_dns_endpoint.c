/*
 * DNS endpoints: the value, and connecting to one as .NET does to a DnsEndPoint.
 */
#include <string.h>

#include "support.h"

TEST(a_dns_endpoint_is_a_host_a_port_and_a_family)
{
    apm_dns_endpoint endpoint;

    CHECK_SUCCESS(apm_dns_endpoint_create("host", 80, APM_ADDRESS_FAMILY_INTER_NETWORK, &endpoint));
    CHECK_STR(endpoint.host, "host");
    CHECK_EQ(endpoint.port, 80);
    CHECK_EQ(endpoint.address_family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_SUCCESS(apm_dns_endpoint_create("host", 0, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint));
    CHECK_SUCCESS(apm_dns_endpoint_create("host", 65535, APM_ADDRESS_FAMILY_INTER_NETWORK_V6, &endpoint));

    CHECK_ERROR(apm_dns_endpoint_create(NULL, 80, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint), APM_ERROR_ARGUMENT_NULL);
    CHECK(endpoint.host == NULL);
    CHECK_ERROR(apm_dns_endpoint_create("host", 80, APM_ADDRESS_FAMILY_UNSPECIFIED, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_endpoint_create("", 80, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_dns_endpoint_create("host", 80, (apm_address_family)1, &endpoint), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_dns_endpoint_create("host", -1, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_dns_endpoint_create("host", 65536, APM_ADDRESS_FAMILY_UNSPECIFIED, &endpoint),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

TEST(the_text_of_a_dns_endpoint_has_family_host_and_port)
{
    apm_dns_endpoint endpoint = {.host = "aB", .port = 1};
    char text[32];

    CHECK_SUCCESS(apm_dns_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "Unspecified/aB:1");
    endpoint.address_family = APM_ADDRESS_FAMILY_INTER_NETWORK;
    CHECK_SUCCESS(apm_dns_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "InterNetwork/aB:1");
    endpoint.address_family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    CHECK_SUCCESS(apm_dns_endpoint_format(endpoint, text, sizeof "InterNetworkV6/aB:1"));
    CHECK_STR(text, "InterNetworkV6/aB:1");
    CHECK_ERROR(apm_dns_endpoint_format(endpoint, text, sizeof "InterNetworkV6/aB:1" - 1),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_STR(text, "");
    CHECK_ERROR(apm_dns_endpoint_format(endpoint, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_endpoint_format((apm_dns_endpoint){.host = NULL}, text, sizeof text), APM_ERROR_ARGUMENT);
}

TEST(dns_endpoints_are_equal_whatever_the_case_of_letters)
{
    apm_dns_endpoint left = {.host = "aB", .port = 1};
    apm_dns_endpoint right = {.host = "Ab", .port = 1};

    CHECK(apm_dns_endpoint_equals(left, right));
    CHECK_EQ(apm_dns_endpoint_get_hash_code(left), apm_dns_endpoint_get_hash_code(right));
    right.host = "Abc";
    CHECK(!apm_dns_endpoint_equals(left, right));
    CHECK(!apm_dns_endpoint_equals(right, left));
    right = left;
    right.port = 2;
    CHECK(!apm_dns_endpoint_equals(left, right));
    CHECK(apm_dns_endpoint_get_hash_code(left) != apm_dns_endpoint_get_hash_code(right));
    right = left;
    right.address_family = APM_ADDRESS_FAMILY_INTER_NETWORK;
    CHECK(!apm_dns_endpoint_equals(left, right));
    right.host = NULL;
    CHECK(!apm_dns_endpoint_equals(left, right));
}

/* -- Connecting -------------------------------------------------------------------------------------------------- */

enum { IPV4_SOCKET, DUAL_SOCKET, IPV6_SOCKET };

static apm_socket create(int which)
{
    apm_socket socket;
    apm_address_family family = which == IPV4_SOCKET ? APM_ADDRESS_FAMILY_INTER_NETWORK
                                                     : APM_ADDRESS_FAMILY_INTER_NETWORK_V6;

    if (which == DUAL_SOCKET) {
        CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    } else {
        CHECK_SUCCESS(apm_socket_create(family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    }
    return socket;
}

/* How a connect to the endpoint ends; NOT_SUPPORTED is what Begin says. */
static apm_error connect_to(int which, const char *host, apm_address_family family, uint16_t port)
{
    apm_socket socket = create(which);
    apm_dns_endpoint remote = {.host = host, .port = port, .address_family = family};
    struct operation connect;
    apm_error error = apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect));

    if (error == APM_ERROR_SUCCESS) {
        error = finish_connect(socket, &connect);
    } else {
        CHECK(apm_async_result_is_null(connect.result));
    }
    CHECK_SUCCESS(apm_socket_close(socket));
    return error;
}

/* What .NET 10 was seen to do, with a listener on 127.0.0.1 and none on ::1. */
CONTRACT_TEST(connect_to_a_dns_endpoint_uses_the_addresses_of_its_family)
{
    enum { ANY = APM_ADDRESS_FAMILY_UNSPECIFIED, V4 = APM_ADDRESS_FAMILY_INTER_NETWORK };
    enum { V6 = APM_ADDRESS_FAMILY_INTER_NETWORK_V6 };
    static const struct {
        int socket;
        const char *host;
        int family;
        apm_error error;
    } cases[] = {
        {IPV4_SOCKET, "dual.example", ANY, APM_ERROR_SUCCESS},
        {IPV4_SOCKET, "dual.example", V4, APM_ERROR_SUCCESS},
        {IPV4_SOCKET, "dual.example", V6, APM_ERROR_NOT_SUPPORTED},
        {IPV4_SOCKET, "six.example", ANY, APM_ERROR_NO_DATA},
        {IPV4_SOCKET, "127.0.0.1", ANY, APM_ERROR_SUCCESS},
        {IPV4_SOCKET, "::1", ANY, APM_ERROR_NO_DATA},
        {IPV4_SOCKET, "0.0.0.0", ANY, APM_ERROR_ARGUMENT},
        {DUAL_SOCKET, "dual.example", ANY, APM_ERROR_SUCCESS},
        {DUAL_SOCKET, "dual.example", V4, APM_ERROR_SUCCESS},
        {DUAL_SOCKET, "dual.example", V6, APM_ERROR_CONNECTION_REFUSED},
        {DUAL_SOCKET, "ok.example", V6, APM_ERROR_HOST_NOT_FOUND},
        {DUAL_SOCKET, "127.0.0.1", V6, APM_ERROR_NO_DATA},
        {DUAL_SOCKET, "::1", V4, APM_ERROR_NO_DATA},
        {DUAL_SOCKET, "::1", V6, APM_ERROR_CONNECTION_REFUSED},
        {IPV6_SOCKET, "dual.example", ANY, APM_ERROR_CONNECTION_REFUSED},
        {IPV6_SOCKET, "dual.example", V4, APM_ERROR_NOT_SUPPORTED},
        {IPV6_SOCKET, "ok.example", ANY, APM_ERROR_NO_DATA},
        {IPV6_SOCKET, "127.0.0.1", ANY, APM_ERROR_NO_DATA},
    };
    uint16_t port = 0;
    int listener;

    enter_private_network_with_names();
    listener = raw_listen_at("127.0.0.1", &port, 64);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apm_error error = connect_to(cases[i].socket, cases[i].host, (apm_address_family)cases[i].family, port);

        if (error != cases[i].error) {
            harness_fail(__FILE__, __LINE__, "case %zu, %s: %s", i, cases[i].host, apm_error_name(error));
        }
    }
    raw_close(listener);
}

TEST(the_synchronous_connect_to_a_dns_endpoint_says_what_dotnets_connect_says)
{
    apm_dns_endpoint remote = {.host = "dual.example"};
    apm_socket socket;
    uint16_t port = 0;
    int listener;

    enter_private_network_with_names();
    listener = raw_listen_at("127.0.0.1", &port, 64);
    remote.port = port;
    socket = create(IPV4_SOCKET);
    remote.address_family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    CHECK_ERROR(apm_socket_connect_dns_endpoint(socket, remote), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    remote.address_family = APM_ADDRESS_FAMILY_UNSPECIFIED;
    CHECK_SUCCESS(apm_socket_connect_dns_endpoint(socket, remote));
    CHECK_ERROR(apm_socket_connect_dns_endpoint(socket, remote), APM_ERROR_IS_CONNECTED);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_connect_dns_endpoint(socket, remote), APM_ERROR_OBJECT_DISPOSED);

    socket = create(IPV6_SOCKET);
    remote.host = "ok.example";
    CHECK_ERROR(apm_socket_connect_dns_endpoint(socket, remote), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_connect_host(socket, "ok.example", port), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(bad_dns_endpoints_are_refused_by_begin)
{
    apm_socket socket = create(IPV4_SOCKET);
    struct operation connect;
    apm_dns_endpoint remote = {.host = NULL, .port = 80};
    char name[257];

    CHECK_ERROR(apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_async_result_is_null(connect.result));
    remote.host = "";
    CHECK_ERROR(apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect)), APM_ERROR_ARGUMENT);
    remote.host = "host";
    remote.port = 65536;
    CHECK_ERROR(apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    remote.port = 80;
    remote.address_family = (apm_address_family)77;
    CHECK_ERROR(apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    remote = (apm_dns_endpoint){.host = name, .port = 80};
    CHECK_ERROR(apm_socket_begin_connect_dns_endpoint(socket, remote, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
