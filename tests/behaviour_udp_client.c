/*
 * UdpClient as .NET has it: the cases udc-* of its recorded behaviour.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

static apm_udp_client client_create(void)
{
    apm_udp_client client;

    CHECK_SUCCESS(apm_udp_client_create(&client));
    return client;
}

/* A client that is bound to a port of the loopback address. */
static apm_udp_client client_bind(apm_endpoint *local)
{
    apm_udp_client client;

    CHECK_SUCCESS(apm_udp_client_create_endpoint(loopback_endpoint(0), &client));
    CHECK_SUCCESS(apm_socket_local_endpoint(apm_udp_client_client(client), local));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(apm_udp_client_client(client), PATIENCE_MS));
    return client;
}

static apm_error end_send(apm_udp_client client, struct operation *send, size_t *sent)
{
    AWAIT(send);
    return apm_udp_client_end_send(client, send->result, sent);
}

static apm_error end_receive(apm_udp_client client, struct operation *receive, apm_endpoint *remote, uint8_t **datagram,
                             size_t *size)
{
    AWAIT(receive);
    return apm_udp_client_end_receive(client, receive->result, remote, datagram, size);
}

TEST(a_new_client_has_the_defaults_and_wants_a_destination_udc_001)
{
    apm_udp_client client = client_create();
    apm_socket socket = apm_udp_client_client(client);
    apm_address_family family;
    apm_endpoint local;
    apm_endpoint remote;
    struct operation operation;
    uint8_t *datagram;
    size_t size;
    bool flag;
    int ttl;

    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK(!apm_udp_client_active(client));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    CHECK(apm_endpoint_is_null(local));
    CHECK_ERROR(apm_udp_client_begin_receive(client, ON_CALLBACK(&operation)), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_udp_client_receive(client, &remote, &datagram, &size), APM_ERROR_INVALID_OPERATION);
    CHECK(datagram == NULL && size == 0);
    CHECK_ERROR(apm_udp_client_send(client, "x", 1, &size), APM_ERROR_INVALID_OPERATION);
    CHECK_EQ(size, 0);
    CHECK_SUCCESS(apm_udp_client_begin_send(client, "x", 1, ON_CALLBACK(&operation)));
    CHECK_ERROR(end_send(client, &operation, NULL), APM_ERROR_DESTINATION_ADDRESS_REQUIRED);
    CHECK_SUCCESS(apm_udp_client_enable_broadcast(client, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_udp_client_ttl(client, &ttl));
    CHECK_EQ(ttl, 64);
    CHECK_SUCCESS(apm_udp_client_dont_fragment(client, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_udp_client_multicast_loopback(client, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_udp_client_exclusive_address_use(client, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_udp_client_available(client, &size));
    CHECK_EQ(size, 0);
    CHECK_SUCCESS(apm_udp_client_close(client));
}

TEST(a_client_receives_datagrams_of_every_size_udc_002)
{
    static const size_t sizes[] = {3, 0, 60000};
    apm_endpoint local;
    apm_endpoint sender_local;
    apm_endpoint remote;
    apm_udp_client client = client_bind(&local);
    apm_udp_client sender = client_bind(&sender_local);
    struct operation receive;
    uint8_t *sent = malloc(60000);
    uint8_t *datagram;
    size_t size;

    CHECK(sent);
    pattern_fill(sent, 60000, 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_udp_client_begin_receive(client, ON_CALLBACK(&receive)));
        CHECK_SUCCESS(apm_udp_client_send_endpoint(sender, sent, sizes[i], local, &size));
        CHECK_EQ(size, sizes[i]);
        CHECK_SUCCESS(end_receive(client, &receive, &remote, &datagram, &size));
        CHECK_EQ(size, sizes[i]);
        CHECK(datagram);
        pattern_check(datagram, size, 0);
        CHECK(apm_endpoint_equals(remote, sender_local));
        apm_udp_client_free_datagram(datagram);
        CHECK_ERROR(apm_udp_client_end_receive(client, receive.result, &remote, &datagram, &size),
                    APM_ERROR_INVALID_OPERATION);
        CHECK(datagram == NULL);
    }
    free(sent);
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_SUCCESS(apm_udp_client_close(sender));
}

static void receive_until_closed(void *argument)
{
    apm_udp_client client = *(apm_udp_client *)argument;
    uint8_t *datagram;
    size_t size;

    CHECK_ERROR(apm_udp_client_receive(client, NULL, &datagram, &size), APM_ERROR_INTERRUPTED);
    CHECK(datagram == NULL);
}

TEST(close_ends_a_receive_with_object_disposed_udc_003)
{
    apm_endpoint local;
    apm_udp_client client = client_bind(&local);
    struct apm_thread_pool_statistics statistics = {0};
    apm_thread_pool pool = APM_NULL_HANDLE;
    struct operation receive;
    struct thread thread;
    uint8_t *datagram;
    size_t size;

    CHECK_SUCCESS(apm_udp_client_begin_receive(client, ON_CALLBACK(&receive)));
    thread_start(&thread, receive_until_closed, &client);
    while (statistics.pending_receives < 2) {
        CHECK_SUCCESS(apm_thread_pool_statistics(pool, &statistics));
    }
    CHECK_SUCCESS(apm_udp_client_close(client));
    thread_join(&thread);
    CHECK_ERROR(end_receive(client, &receive, NULL, &datagram, &size), APM_ERROR_OBJECT_DISPOSED);
    CHECK(datagram == NULL);
    CHECK_ERROR(apm_udp_client_send_endpoint(client, "x", 1, local, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_udp_client_begin_receive(client, ON_CALLBACK(&receive)), APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_socket_is_null(apm_udp_client_client(client)));
    CHECK(!apm_udp_client_active(client));
    CHECK_SUCCESS(apm_udp_client_close(client));
}

TEST(a_connected_client_sends_to_its_peer_only_udc_004)
{
    apm_udp_client client;
    apm_endpoint nobody = closed_endpoint();
    struct operation operation;
    uint8_t *datagram;
    size_t size;

    enter_private_network_with_names();
    client = client_create();
    CHECK(!apm_udp_client_active(client));
    CHECK_SUCCESS(apm_udp_client_connect(client, nobody));
    CHECK(apm_udp_client_active(client));
    CHECK_ERROR(apm_udp_client_send_endpoint(client, "x", 1, nobody, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_udp_client_begin_send_endpoint(client, "x", 1, nobody, ON_CALLBACK(&operation)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_udp_client_begin_send_host(client, "x", 1, "localhost", 9, ON_CALLBACK(&operation)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_udp_client_send(client, "x", 1, &size));
    CHECK_EQ(size, 1);
    CHECK_SUCCESS(apm_udp_client_begin_receive(client, ON_CALLBACK(&operation)));
    CHECK_ERROR(end_receive(client, &operation, NULL, &datagram, &size), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_udp_client_close(client));

    client = client_create();
    CHECK_ERROR(apm_udp_client_send_endpoint(client, "x", (size_t)INT_MAX + 1, nobody, NULL),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_udp_client_send_endpoint(client, NULL, 1, nobody, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_udp_client_send_host(client, "x", 1, "unknown.example", 9, NULL), APM_ERROR_HOST_NOT_FOUND);
    CHECK_ERROR(apm_udp_client_begin_send_host(client, "x", 1, "unknown.example", 9, ON_CALLBACK(&operation)),
                APM_ERROR_HOST_NOT_FOUND);
    CHECK_SUCCESS(apm_udp_client_begin_send_host(client, "x", 1, "localhost", 9, ON_CALLBACK(&operation)));
    CHECK_SUCCESS(end_send(client, &operation, &size));
    CHECK_EQ(size, 1);
    CHECK_SUCCESS(apm_udp_client_close(client));
}

TEST(clients_are_created_in_every_way_udc_006)
{
    apm_udp_client client;
    apm_udp_client second;
    apm_endpoint local;
    apm_endpoint endpoint;
    apm_endpoint none = {0};

    client = client_bind(&local);
    CHECK_ERROR(apm_udp_client_create_endpoint(local, &second), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK(apm_udp_client_is_null(second));
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_ERROR(apm_udp_client_create_port(-1, &client), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_udp_client_create_endpoint(none, &client), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_udp_client_create_host(NULL, 9, &client), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_udp_client_create_family((apm_address_family)1, &client), APM_ERROR_ARGUMENT);
    CHECK(apm_udp_client_is_null(client));
    CHECK_SUCCESS(apm_udp_client_create_port_family(0, APM_ADDRESS_FAMILY_INTER_NETWORK_V6, &client));
    CHECK_SUCCESS(apm_socket_local_endpoint(apm_udp_client_client(client), &endpoint));
    CHECK(apm_ip_address_equals(endpoint.address, apm_ip_address_ipv6_any()));
    CHECK(endpoint.port != 0);
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_SUCCESS(apm_udp_client_create_host("127.0.0.1", 9, &client));
    CHECK_SUCCESS(apm_socket_remote_endpoint(apm_udp_client_client(client), &endpoint));
    CHECK(apm_endpoint_equals(endpoint, loopback_endpoint(9)));
    CHECK(apm_udp_client_active(client));
    CHECK_SUCCESS(apm_udp_client_connect_host(client, "127.0.0.1", 10));
    CHECK_SUCCESS(apm_socket_remote_endpoint(apm_udp_client_client(client), &endpoint));
    CHECK(apm_endpoint_equals(endpoint, loopback_endpoint(10)));
    CHECK_ERROR(apm_udp_client_connect_host(client, "::1", 10), APM_ERROR_NOT_CONNECTED);
    CHECK_ERROR(apm_udp_client_connect_host(client, "127.0.0.1", 70000), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_udp_client_close(client));
}

/* What a handle is refused with whose bits are those of something that is no client. */
static void check_no_client(uint64_t bits)
{
    apm_udp_client client = {bits};
    apm_endpoint remote;
    apm_async_result result;
    uint8_t *datagram;
    size_t size;
    int ttl;

    CHECK_ERROR(apm_udp_client_begin_send_endpoint(client, "x", 1, loopback_endpoint(9), NULL, NULL, &result),
                APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_begin_receive(client, NULL, NULL, &result), APM_ERROR_ARGUMENT);
    CHECK(apm_async_result_is_null(result));
    CHECK_ERROR(apm_udp_client_receive(client, &remote, &datagram, &size), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_connect(client, loopback_endpoint(9)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_ttl(client, &ttl), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_close(client), APM_ERROR_ARGUMENT);
    CHECK(!apm_udp_client_active(client));
    CHECK(apm_socket_is_null(apm_udp_client_client(client)));
}

TEST(a_socket_is_a_client_only_if_it_was_made_one)
{
    apm_socket socket;
    apm_socket stream = tcp_create();
    apm_udp_client client;
    apm_udp_client again;
    apm_tcp_client tcp;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
    check_no_client(socket.bits);
    check_no_client(stream.bits);
    CHECK_SUCCESS(apm_tcp_client_create(&tcp));
    check_no_client(tcp.bits);
    CHECK_SUCCESS(apm_tcp_client_close(tcp));

    CHECK_ERROR(apm_udp_client_create_socket(stream, &client), APM_ERROR_SOCKET_NOT_SUPPORTED);
    CHECK(apm_udp_client_is_null(client));
    CHECK_SUCCESS(apm_udp_client_create_socket(socket, &client));
    CHECK_SUCCESS(apm_udp_client_create_socket(socket, &again));
    CHECK(apm_udp_client_equals(again, client));
    CHECK(apm_socket_equals(apm_udp_client_client(client), socket));
    CHECK_ERROR(apm_tcp_client_close((apm_tcp_client){client.bits}), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_tcp_listener_close((apm_tcp_listener){client.bits}), APM_ERROR_ARGUMENT);

    size_t sent;
    uint8_t *datagram;
    size_t size;
    CHECK_SUCCESS(apm_udp_client_send_endpoint(client, "abc", 3, loopback_endpoint(local_port(socket)), &sent));
    CHECK_SUCCESS(apm_udp_client_receive(client, NULL, &datagram, &size));
    CHECK_EQ(size, 3);
    apm_udp_client_free_datagram(datagram);
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_ERROR(apm_udp_client_create_socket(socket, &client), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_udp_client_begin_receive(again, NULL, NULL, &(apm_async_result){0}), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_socket_close(stream));
}

/* The answers are .NET's, too, asked when this was written. */
TEST(properties_and_groups_of_a_client_check_what_they_are_given)
{
    apm_udp_client client = client_create();
    apm_udp_client v6;
    apm_ip_address group = address_of("239.1.2.3");
    apm_ip_address v6_group = address_of("ff02::123");
    apm_ip_address none = {0};
    bool flag;
    int ttl;

    CHECK_SUCCESS(apm_udp_client_create_family(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, &v6));
    CHECK_ERROR(apm_udp_client_set_ttl(client, 0), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_udp_client_set_ttl(client, 256), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_udp_client_set_ttl(client, 7));
    CHECK_SUCCESS(apm_udp_client_ttl(client, &ttl));
    CHECK_EQ(ttl, 7);
    CHECK_SUCCESS(apm_udp_client_set_dont_fragment(client, true));
    CHECK_SUCCESS(apm_udp_client_dont_fragment(client, &flag));
    CHECK(flag);
    CHECK_ERROR(apm_udp_client_dont_fragment(v6, &flag), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_udp_client_set_exclusive_address_use(client, false));
    CHECK_SUCCESS(apm_udp_client_exclusive_address_use(client, &flag));
    CHECK(!flag);
    CHECK_ERROR(apm_udp_client_join_multicast_group(client, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_udp_client_join_multicast_group(client, v6_group), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_join_multicast_group(v6, group), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_udp_client_join_multicast_group(client, address_of("10.1.1.1")), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_udp_client_join_multicast_group_time_to_live(client, group, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_udp_client_join_multicast_group_time_to_live(client, group, 256), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_udp_client_join_multicast_group_interface(client, 1, group), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_udp_client_join_multicast_group_local(v6, v6_group, apm_ip_address_loopback()),
                APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_ERROR(apm_udp_client_join_multicast_group_interface(v6, -1, v6_group), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_udp_client_join_multicast_group_interface(v6, 1, v6_group));
    CHECK_SUCCESS(apm_udp_client_drop_multicast_group_interface(v6, v6_group, 1));
    CHECK_ERROR(apm_udp_client_drop_multicast_group_interface(client, group, 1), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_udp_client_close(client));
    CHECK_ERROR(apm_udp_client_join_multicast_group(client, group), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_udp_client_close(v6));
}

LIBRARY_TEST_MAIN()
