/*
 * CAsyncSocket: each member, what it does and what it refuses. Notifications are in contract_async_socket.c.
 */
#include "support_compat.h"

#define SOCKET_LEVEL APM_SOCKET_OPTION_LEVEL_SOCKET

static apm_event_queue queue;

/* An empty object on a queue of this thread. */
static void start(struct counted *counted)
{
    if (apm_event_queue_is_null(queue)) {
        CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    }
    counted_initialize(counted, queue);
}

static void start_stream(struct counted *counted)
{
    start(counted);
    CHECK(apm_async_socket_create(&counted->socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, "127.0.0.1"));
}

static void start_datagram(struct counted *counted, apm_endpoint *local)
{
    start(counted);
    CHECK(apm_async_socket_create(&counted->socket, 0, APM_SOCKET_TYPE_DGRAM, APM_FD_ALL, "127.0.0.1"));
    CHECK(apm_async_socket_get_sock_name(&counted->socket, local));
}

static void finish(struct counted *one, struct counted *other)
{
    apm_async_socket_destroy(&one->socket);
    if (other) {
        apm_async_socket_destroy(&other->socket);
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

static void *fill_in_last_error(void *argument)
{
    (void)argument;
    CHECK_EQ(apm_async_socket_get_last_error(), 0);
    return NULL;
}

TEST(empty_object_is_refused_by_every_member)
{
    struct counted empty, other;
    apm_endpoint endpoint = loopback_endpoint(1);
    uint32_t argument = 0;
    char byte = 0;
    int value = 0, size = sizeof value;
    pthread_t thread;

    start(&empty);
    start(&other);
    CHECK(apm_socket_is_null(apm_async_socket_handle(&empty.socket)));
    CHECK_WSA(apm_async_socket_bind(&empty.socket, 0, NULL), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_bind_endpoint(&empty.socket, endpoint), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_connect(&empty.socket, "127.0.0.1", 1), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_connect_endpoint(&empty.socket, endpoint), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_listen(&empty.socket, 5), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_accept(&empty.socket, &other.socket, NULL), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_async_socket_receive(&empty.socket, &byte, 1, 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_async_socket_receive_from(&empty.socket, &byte, 1, &endpoint, 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_async_socket_send(&empty.socket, &byte, 1, 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&empty.socket, &byte, 1, 1, "127.0.0.1", 0), APM_WSAENOTSOCK);
    CHECK_WSA_RESULT(apm_async_socket_send_to_endpoint(&empty.socket, &byte, 1, endpoint, 0), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_shut_down(&empty.socket, APM_SOCKET_SHUTDOWN_SEND), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_async_select(&empty.socket, APM_FD_ALL), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_get_peer_name(&empty.socket, &endpoint), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_get_sock_name(&empty.socket, &endpoint), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_get_sock_opt(&empty.socket, 4, &value, &size, SOCKET_LEVEL), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_set_sock_opt(&empty.socket, 4, &value, size, SOCKET_LEVEL), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_io_ctl(&empty.socket, APM_FIONREAD, &argument), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_bind(NULL, 0, NULL), APM_WSAEFAULT);
    CHECK(apm_socket_is_null(apm_async_socket_detach(&empty.socket)));
    CHECK(apm_socket_is_null(apm_async_socket_handle(NULL)));
    apm_async_socket_close(&empty.socket);
    apm_async_socket_destroy(&empty.socket);
    apm_async_socket_destroy(NULL);
    apm_async_socket_initialize(NULL, queue, NULL, NULL);
    apm_wsa_set_last_error(5); /* of this thread only */
    CHECK_EQ(pthread_create(&thread, NULL, fill_in_last_error, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    finish(&empty, &other);
}

static void *use_as_stranger(void *argument)
{
    struct counted *counted = argument;
    struct counted another;
    char byte = 0;

    CHECK_WSA_RESULT(apm_async_socket_send(&counted->socket, &byte, 1, 0), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_async_select(&counted->socket, 0), APM_WSAEINVAL);
    counted_initialize(&another, counted->socket.queue);
    CHECK_WSA(apm_async_socket_create(&another.socket, 0, APM_SOCKET_TYPE_STREAM, 0, NULL), APM_WSAEINVAL);
    CHECK(apm_async_socket_from_handle(counted->socket.queue, apm_async_socket_handle(&counted->socket)) == NULL);
    return NULL;
}

TEST(objects_are_refused_on_another_thread_than_the_owner)
{
    struct counted counted;
    pthread_t thread;

    start_stream(&counted);
    CHECK_EQ(pthread_create(&thread, NULL, use_as_stranger, &counted), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    finish(&counted, NULL);
}

TEST(create_makes_and_binds_a_socket_of_either_type)
{
    struct counted counted;
    apm_endpoint local;
    int type, size = sizeof type;
    char text[APM_IP_ADDRESS_TEXT_SIZE];

    start(&counted);
    CHECK(apm_async_socket_create(&counted.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK(!apm_socket_is_null(apm_async_socket_handle(&counted.socket)));
    CHECK(apm_async_socket_get_sock_name(&counted.socket, &local));
    CHECK(local.port != 0);
    CHECK_WSA(apm_async_socket_create(&counted.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL), APM_WSAEINVAL);
    apm_async_socket_close(&counted.socket);

    CHECK(apm_async_socket_create(&counted.socket, 0, APM_SOCKET_TYPE_DGRAM, APM_FD_ALL, "127.0.0.1"));
    CHECK(apm_async_socket_get_sock_opt(&counted.socket, APM_SOCKET_OPTION_NAME_TYPE, &type, &size, SOCKET_LEVEL));
    CHECK_EQ(type, APM_SOCKET_TYPE_DGRAM);
    CHECK(apm_async_socket_get_sock_name(&counted.socket, &local));
    CHECK_SUCCESS(apm_ip_address_format(local.address, text, sizeof text));
    CHECK_STR(text, "127.0.0.1");
    PUMP_UNTIL(queue, counted.send == 1);
    apm_async_socket_close(&counted.socket);

    CHECK_WSA(apm_async_socket_create(&counted.socket, 0, APM_SOCKET_TYPE_STREAM, 0, "no address"), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_create(&counted.socket, -1, APM_SOCKET_TYPE_STREAM, 0, NULL), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_create(&counted.socket, 65536, APM_SOCKET_TYPE_STREAM, 0, NULL), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_create(&counted.socket, 0, APM_SOCKET_TYPE_STREAM, 0, "203.0.113.1"),
              APM_WSAEADDRNOTAVAIL);
    CHECK(apm_socket_is_null(apm_async_socket_handle(&counted.socket)));
    CHECK_WSA(apm_async_socket_create(NULL, 0, APM_SOCKET_TYPE_STREAM, 0, NULL), APM_WSAEFAULT);
    CHECK(apm_async_socket_create_endpoint(&counted.socket, APM_SOCKET_TYPE_STREAM, 0, endpoint_of("[::1]:0")));
    CHECK(apm_async_socket_get_sock_name(&counted.socket, &local));
    CHECK_EQ(local.address.family, APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    finish(&counted, NULL);
}

TEST(socket_makes_one_that_is_not_bound_and_bind_binds_it)
{
    struct counted counted, other;
    apm_endpoint local;

    start(&counted);
    start_stream(&other);
    CHECK(apm_async_socket_socket(&counted.socket, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, APM_PROTOCOL_TYPE_UNSPECIFIED,
                                  APM_ADDRESS_FAMILY_INTER_NETWORK));
    CHECK_WSA(apm_async_socket_get_sock_name(&counted.socket, &local), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_listen(&counted.socket, 5), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_bind(&counted.socket, 0, "300.0.0.1"), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_bind(&counted.socket, 65536, NULL), APM_WSAEINVAL);
    CHECK(apm_async_socket_listen(&other.socket, 5));
    CHECK(apm_async_socket_get_sock_name(&other.socket, &local));
    CHECK_WSA(apm_async_socket_bind_endpoint(&counted.socket, local), APM_WSAEADDRINUSE);
    CHECK_WSA(apm_async_socket_bind_endpoint(&counted.socket, endpoint_of("[::1]:0")), APM_WSAEAFNOSUPPORT);
    CHECK(apm_async_socket_bind(&counted.socket, 0, "127.0.0.1"));
    CHECK_WSA(apm_async_socket_bind(&counted.socket, 0, "127.0.0.1"), APM_WSAEINVAL);
    CHECK(apm_async_socket_listen(&counted.socket, 5));
    apm_async_socket_close(&counted.socket);
    CHECK_WSA(apm_async_socket_socket(&counted.socket, APM_SOCKET_TYPE_STREAM, 0, APM_PROTOCOL_TYPE_UDP,
                                      APM_ADDRESS_FAMILY_INTER_NETWORK),
              APM_WSAEPROTONOSUPPORT);
    finish(&counted, &other);
}

TEST(attach_and_detach_hand_a_socket_in_and_out)
{
    socket_pair pair = socket_pair_create();
    struct counted counted, other;
    apm_socket handle;
    bool blocking;
    char byte = 0;
    size_t received;

    start(&counted);
    start(&other);
    CHECK(apm_async_socket_attach(&counted.socket, pair.client, APM_FD_ALL));
    CHECK_WSA(apm_async_socket_attach(&counted.socket, pair.server, APM_FD_ALL), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_attach(&other.socket, (apm_socket){1234}, APM_FD_ALL), APM_WSAENOTSOCK);
    CHECK_WSA(apm_async_socket_attach(NULL, pair.client, APM_FD_ALL), APM_WSAEFAULT);
    CHECK(apm_async_socket_from_handle(queue, pair.client) == &counted.socket);
    CHECK(apm_async_socket_from_handle(queue, pair.server) == NULL);
    PUMP_UNTIL(queue, counted.send == 1);
    send_all(pair.server, "a", 1);
    PUMP_UNTIL(queue, counted.receive == 1);
    handle = apm_async_socket_detach(&counted.socket);
    CHECK(apm_socket_equals(handle, pair.client));
    CHECK(apm_async_socket_from_handle(queue, pair.client) == NULL);
    CHECK_SUCCESS(apm_socket_blocking(handle, &blocking));
    CHECK(blocking);
    send_all(pair.server, "b", 1);
    receive_exactly(handle, &byte, 1);
    receive_exactly(handle, &byte, 1);
    CHECK_EQ(byte, 'b');
    pump_a_while(queue);
    CHECK_EQ(counted.receive, 1);

    /* While it watches, it can be taken away, too. */
    CHECK(apm_async_socket_attach(&other.socket, handle, APM_FD_ALL));
    handle = apm_async_socket_detach(&other.socket);
    send_all(pair.server, "c", 1);
    CHECK_SUCCESS(apm_socket_receive(handle, &byte, 1, APM_SOCKET_FLAGS_NONE, &received));
    socket_pair_close(pair);
    finish(&counted, &other);
}

TEST(names_are_those_of_both_ends)
{
    struct counted client, server, alone;
    apm_endpoint one, other;

    start(&alone);
    counted_pair(&client, &server, queue);
    CHECK(apm_async_socket_get_peer_name(&client.socket, &one));
    CHECK(apm_async_socket_get_sock_name(&server.socket, &other));
    CHECK_EQ(one.port, other.port);
    CHECK(apm_ip_address_equals(one.address, other.address));
    CHECK_WSA(apm_async_socket_get_peer_name(&client.socket, NULL), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_get_sock_name(&client.socket, NULL), APM_WSAEFAULT);
    CHECK(apm_async_socket_create(&alone.socket, 0, APM_SOCKET_TYPE_STREAM, 0, NULL));
    CHECK_WSA(apm_async_socket_get_peer_name(&alone.socket, &one), APM_WSAENOTCONN);
    apm_async_socket_destroy(&alone.socket);
    finish(&client, &server);
}

TEST(options_have_windows_numbers)
{
    struct counted counted;
    uint16_t linger[2] = {1, 7};
    int value = 1, size = sizeof value;

    start_stream(&counted);
    CHECK(apm_async_socket_set_sock_opt(&counted.socket, 0x0008, &value, size, SOCKET_LEVEL)); /* SO_KEEPALIVE */
    value = 0;
    CHECK(apm_async_socket_get_sock_opt(&counted.socket, 0x0008, &value, &size, SOCKET_LEVEL));
    CHECK_EQ(value, 1);
    CHECK(apm_async_socket_set_sock_opt(&counted.socket, 1, &value, size, 6)); /* TCP_NODELAY */
    CHECK(apm_async_socket_set_sock_opt(&counted.socket, 0x0080, linger, sizeof linger, SOCKET_LEVEL)); /* SO_LINGER */
    linger[0] = linger[1] = 0;
    size = sizeof linger;
    CHECK(apm_async_socket_get_sock_opt(&counted.socket, 0x0080, linger, &size, SOCKET_LEVEL));
    CHECK_EQ(linger[0], 1);
    CHECK_EQ(linger[1], 7);
    CHECK(apm_async_socket_get_sock_opt(&counted.socket, 0x1007, &value, &size, SOCKET_LEVEL)); /* SO_ERROR */
    CHECK_EQ(value, 0);
    CHECK_WSA(apm_async_socket_set_sock_opt(&counted.socket, 0x7777, &value, 4, SOCKET_LEVEL), APM_WSAENOPROTOOPT);
    CHECK_WSA(apm_async_socket_get_sock_opt(&counted.socket, 0x7777, &value, &size, SOCKET_LEVEL),
              APM_WSAENOPROTOOPT);
    size = 3;
    CHECK_WSA(apm_async_socket_get_sock_opt(&counted.socket, 8, &value, &size, SOCKET_LEVEL), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_get_sock_opt(&counted.socket, 8, NULL, &size, SOCKET_LEVEL), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_get_sock_opt(&counted.socket, 8, &value, NULL, SOCKET_LEVEL), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_set_sock_opt(&counted.socket, 8, &value, 3, SOCKET_LEVEL), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_set_sock_opt(&counted.socket, 8, NULL, 4, SOCKET_LEVEL), APM_WSAEFAULT);
    finish(&counted, NULL);
}

TEST(io_ctl_says_what_can_be_read_and_sets_the_mode)
{
    struct counted client, server;
    uint32_t argument = 1;
    char byte;

    start(&client);
    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "abc", 3, 0), 3);
    PUMP_UNTIL(queue, server.receive == 1);
    CHECK(apm_async_socket_io_ctl(&server.socket, APM_FIONREAD, &argument));
    CHECK_EQ(argument, 3);
    CHECK(apm_async_socket_io_ctl(&server.socket, APM_FIONBIO, &argument));
    argument = 0;
    CHECK_WSA(apm_async_socket_io_ctl(&server.socket, APM_FIONBIO, &argument), APM_WSAEINVAL);
    CHECK(apm_async_socket_async_select(&server.socket, 0));
    CHECK(apm_async_socket_io_ctl(&server.socket, APM_FIONBIO, &argument));
    CHECK_EQ(apm_async_socket_receive(&server.socket, &byte, 1, 0), 1);
    CHECK_WSA(apm_async_socket_io_ctl(&server.socket, 0x1234, &argument), APM_WSAEOPNOTSUPP);
    CHECK_WSA(apm_async_socket_io_ctl(&server.socket, APM_FIONREAD, NULL), APM_WSAEFAULT);
    finish(&client, &server);
}

TEST(connect_and_listen_refuse_what_is_out_of_place)
{
    struct counted client, server, listener;
    apm_endpoint local;

    start(&listener);
    counted_pair(&client, &server, queue);
    local = counted_listen(&listener);
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, local), APM_WSAEISCONN);
    CHECK_WSA(apm_async_socket_listen(&client.socket, 5), APM_WSAEISCONN);
    CHECK_WSA(apm_async_socket_connect_endpoint(&listener.socket, local), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_connect(&client.socket, NULL, 1), APM_WSAEFAULT);
    CHECK_WSA(apm_async_socket_connect(&client.socket, "127.0.0.1", 65536), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_accept(&client.socket, &server.socket, NULL), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_accept(&listener.socket, &server.socket, NULL), APM_WSAEINVAL);
    CHECK_WSA(apm_async_socket_accept(&listener.socket, NULL, NULL), APM_WSAEFAULT);
    apm_async_socket_close(&client.socket);
    CHECK(apm_async_socket_create(&client.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, local), APM_WSAEWOULDBLOCK);
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, local), APM_WSAEALREADY);
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, "a", 1, 0), APM_WSAENOTCONN);
    apm_async_socket_close(&client.socket); /* while it connects */
    CHECK(apm_async_socket_create(&client.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, endpoint_of("[::1]:1")), APM_WSAEAFNOSUPPORT);
    CHECK_WSA(apm_async_socket_shut_down(&client.socket, APM_SOCKET_SHUTDOWN_SEND), APM_WSAENOTCONN);
    apm_async_socket_destroy(&listener.socket);
    finish(&client, &server);
}

TEST(receive_and_send_refuse_what_is_wrong)
{
    struct counted client, server;
    char buffer[4] = "abc";

    start(&client);
    counted_pair(&client, &server, queue);
    CHECK_WSA_RESULT(apm_async_socket_receive(&client.socket, buffer, -1, 0), APM_WSAEINVAL);
    CHECK_WSA_RESULT(apm_async_socket_receive(&client.socket, NULL, 1, 0), APM_WSAEFAULT);
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, buffer, -1, 0), APM_WSAEINVAL);
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, NULL, 1, 0), APM_WSAEFAULT);
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, buffer, 1, 0x4000), APM_WSAEOPNOTSUPP);
    CHECK_EQ(apm_async_socket_send(&client.socket, buffer, 0, 0), 0);
    CHECK_WSA(apm_async_socket_shut_down(&client.socket, 3), APM_WSAEINVAL);
    CHECK(apm_async_socket_shut_down(&client.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, buffer, 1, 0), APM_WSAESHUTDOWN);
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, 4, 0), 0);
    finish(&client, &server);
}

TEST(datagrams_go_to_a_host_and_say_where_they_came_from)
{
    struct counted one, other;
    apm_endpoint local, remote, sender;
    char buffer[16];

    start_datagram(&one, &local);
    start_datagram(&other, &remote);
    PUMP_UNTIL(queue, one.send == 1 && other.send == 1);
    CHECK_EQ(apm_async_socket_send_to(&one.socket, "hello", 5, remote.port, "127.0.0.1", 0), 5);
    CHECK_EQ(apm_async_socket_send_to_endpoint(&one.socket, "", 0, remote, 0), 0);
    PUMP_UNTIL(queue, other.receive == 1);
    CHECK_EQ(apm_async_socket_receive_from(&other.socket, buffer, sizeof buffer, &sender, 0), 5);
    CHECK_EQ(memcmp(buffer, "hello", 5), 0);
    CHECK(apm_endpoint_equals(sender, local));
    PUMP_UNTIL(queue, other.receive == 2); /* an empty datagram is one, too */
    CHECK_EQ(apm_async_socket_receive_from(&other.socket, buffer, sizeof buffer, NULL, 0), 0);
    CHECK_WSA_RESULT(apm_async_socket_receive(&other.socket, buffer, sizeof buffer, 0), APM_WSAEWOULDBLOCK);
    CHECK_EQ(apm_async_socket_send_to_endpoint(&one.socket, "hello", 5, remote, 0), 5);
    PUMP_UNTIL(queue, other.receive == 3);
    CHECK_WSA_RESULT(apm_async_socket_receive_from(&other.socket, buffer, 3, &sender, 0), APM_WSAEMSGSIZE);
    CHECK_EQ(memcmp(buffer, "hel", 3), 0);

    CHECK_WSA_RESULT(apm_async_socket_send(&one.socket, "a", 1, 0), APM_WSAENOTCONN);
    CHECK(apm_async_socket_connect_endpoint(&one.socket, remote));
    CHECK_EQ(apm_async_socket_send(&one.socket, "a", 1, 0), 1);
    PUMP_UNTIL(queue, other.receive == 4);
    CHECK_WSA(apm_async_socket_listen(&one.socket, 5), APM_WSAEOPNOTSUPP);
    finish(&one, &other);
}

TEST(error_of_a_datagram_socket_is_notified_and_those_behind_it_too)
{
    struct counted one, other;
    apm_endpoint local, remote;

    start_datagram(&one, &local);
    start_datagram(&other, &remote);
    apm_async_socket_close(&other.socket);
    CHECK(apm_async_socket_connect_endpoint(&one.socket, remote));
    CHECK_EQ(apm_async_socket_send(&one.socket, "a", 1, 0), 1); /* nobody is there */
    PUMP_UNTIL(queue, one.receive == 1);
    CHECK(apm_async_socket_create_endpoint(&other.socket, APM_SOCKET_TYPE_DGRAM, APM_FD_ALL, remote));
    CHECK_EQ(apm_async_socket_send_to_endpoint(&other.socket, "b", 1, local, 0), 1);
    PUMP_UNTIL(queue, one.receive == 2);
    finish(&one, &other);
}

TEST(datagrams_that_cannot_be_sent_are_refused)
{
    static char large[70000];
    struct counted one;
    apm_endpoint local;

    start_datagram(&one, &local);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, large, sizeof large, local.port, "127.0.0.1", 0),
                     APM_WSAEMSGSIZE);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, large, 1, 0, "127.0.0.1", 0), APM_WSAEINVAL);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, large, 1, 65536, "127.0.0.1", 0), APM_WSAEINVAL);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, large, 1, local.port, "::1", 0), APM_WSAEAFNOSUPPORT);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, NULL, 1, local.port, "127.0.0.1", 0), APM_WSAEFAULT);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, large, -1, local.port, "127.0.0.1", 0), APM_WSAEINVAL);
    finish(&one, NULL);
}

TEST(broadcast_is_refused_until_its_option_is_set)
{
    struct counted one;
    apm_endpoint local;

    enter_private_network();
    start_datagram(&one, &local);
    CHECK_WSA_RESULT(apm_async_socket_send_to(&one.socket, "a", 1, local.port, NULL, 0), APM_WSAEACCES);
    finish(&one, NULL);
}

TEST(errors_have_windows_numbers_and_bytes_their_order)
{
    CHECK_EQ(apm_wsa_error(APM_ERROR_SUCCESS), 0);
    CHECK_EQ(apm_wsa_error(APM_ERROR_CONNECTION_REFUSED), 10061);
    CHECK_EQ(apm_wsa_error(APM_ERROR_HOST_NOT_FOUND), 11001);
    CHECK_EQ(apm_wsa_error(APM_ERROR_ARGUMENT_NULL), 10014);
    CHECK_EQ(apm_wsa_error(APM_ERROR_OBJECT_DISPOSED), 10038);
    CHECK_EQ(apm_wsa_error(APM_ERROR_OUT_OF_MEMORY), 10055);
    CHECK_EQ(apm_wsa_error(APM_ERROR_ARGUMENT_OUT_OF_RANGE), 10022);
    CHECK_EQ(apm_wsa_ntohs(apm_wsa_htons(0x1234)), 0x1234);
    CHECK_EQ(apm_wsa_ntohl(apm_wsa_htonl(0x12345678)), 0x12345678);
    uint16_t port = apm_wsa_htons(0x1234);
    CHECK_EQ(memcmp(&port, "\x12\x34", 2), 0);
}

LIBRARY_TEST_MAIN()
