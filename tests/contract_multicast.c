/*
 * Datagrams between two networks: an echo over both families, and groups, by interface and by source, with what those
 * who send to them may choose. Nothing leaves the machine.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "support_datagram.h"

enum { PORT = 7070 };

static int cable(void)
{
    unsigned index = if_nametoindex("cable");

    CHECK(index != 0);
    return (int)index;
}

static apm_socket bind_any(apm_address_family family)
{
    bool is_v6 = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    apm_endpoint any = {.address = is_v6 ? apm_ip_address_ipv6_any() : apm_ip_address_any(), .port = PORT};
    apm_endpoint local;

    return udp_bind_to(any, &local);
}

/* -- Echo --------------------------------------------------------------------------------------------------------- */

/* Sends back what comes, until that is empty. */
static int echo(void *argument)
{
    apm_socket socket;
    apm_endpoint any = {.address = apm_ip_address_ipv6_any(), .port = PORT};
    apm_endpoint remote;
    char buffer[64];
    size_t size;

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_bind(socket, any));
    CHECK_EQ(write(*(int *)argument, "x", 1), 1);
    do {
        CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, &remote, &size));
        CHECK_SUCCESS(apm_socket_send_to(socket, buffer, size, APM_SOCKET_FLAGS_NONE, remote, NULL));
    } while (size > 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    return 0;
}

/* What is sent to the endpoint comes back from it. */
static void check_echo(apm_endpoint remote, const char *text)
{
    apm_socket socket = udp_create(remote.address.family);
    apm_endpoint sender;
    char buffer[64];
    size_t size;

    CHECK_SUCCESS(apm_socket_send_to(socket, text, strlen(text), APM_SOCKET_FLAGS_NONE, remote, NULL));
    CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, &sender, &size));
    CHECK_EQ(size, strlen(text));
    CHECK_EQ(memcmp(buffer, text, size), 0);
    CHECK(apm_endpoint_equals(sender, remote));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* The other end's link-local address, which is made of the device's own; the echo's packet tells it. */
static apm_endpoint find_link_local(void)
{
    apm_endpoint everybody = {.address = address_of("ff02::1"), .port = PORT};
    apm_endpoint sender;
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    char byte;

    everybody.address.scope_id = (uint32_t)cable();
    CHECK_SUCCESS(apm_socket_set_multicast_loopback(socket, false));
    CHECK_SUCCESS(apm_socket_send_to(socket, "?", 1, APM_SOCKET_FLAGS_NONE, everybody, NULL));
    CHECK_SUCCESS(apm_socket_receive_from(socket, &byte, 1, APM_SOCKET_FLAGS_NONE, &sender, NULL));
    CHECK_SUCCESS(apm_socket_close(socket));
    return sender;
}

TEST(an_echo_between_networks_works_over_both_families_and_with_scope_ids)
{
    int ready[2];
    char byte;
    pid_t child;
    apm_endpoint link_local;

    CHECK_EQ(pipe(ready), 0);
    child = fork_into_other_network(echo, &ready[1]);
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    check_echo(endpoint_of("10.77.0.2:7070"), "ipv4");
    check_echo(endpoint_of("[fd77::2]:7070"), "ipv6");
    link_local = find_link_local();
    CHECK(apm_ip_address_is_ipv6_link_local(link_local.address));
    CHECK_EQ(link_local.address.scope_id, cable());
    check_echo(link_local, "scoped");
    check_echo(endpoint_of("10.77.0.2:7070"), "");
    join_child(child);
    close(ready[0]);
    close(ready[1]);
}

/* -- Connections with scope ids ------------------------------------------------------------------------------------ */

/* The address that the system has made of the device's own. */
static apm_ip_address own_link_local(void)
{
    struct ifaddrs *first;
    apm_ip_address found = {0};

    CHECK_EQ(getifaddrs(&first), 0);
    for (const struct ifaddrs *entry = first; entry; entry = entry->ifa_next) {
        struct sockaddr_in6 address;

        if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET6 || strcmp(entry->ifa_name, "cable") != 0) {
            continue;
        }
        memcpy(&address, entry->ifa_addr, sizeof address);
        if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) {
            CHECK_SUCCESS(apm_ip_address_from_bytes(address.sin6_addr.s6_addr, 16, (uint32_t)cable(), &found));
        }
    }
    freeifaddrs(first);
    return found;
}

/* Tells its address, takes a connection and sends back what comes, until it ends. */
static int echo_stream(void *argument)
{
    apm_endpoint local = {.address = own_link_local(), .port = PORT};
    apm_endpoint remote;
    apm_socket listener;
    apm_socket socket;
    char buffer[64];
    size_t size;

    CHECK_SUCCESS(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                                    &listener));
    CHECK_SUCCESS(apm_socket_bind(listener, local));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    CHECK_EQ(write(*(int *)argument, local.address.bytes, 16), 16);
    CHECK_SUCCESS(apm_socket_accept(listener, &socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_ip_address_is_ipv6_link_local(remote.address));
    CHECK_EQ(remote.address.scope_id, cable());
    do {
        CHECK_SUCCESS(apm_socket_receive(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, &size));
        send_all(socket, buffer, size);
    } while (size > 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    return 0;
}

TEST(a_link_local_address_is_connected_to_with_its_scope_id_and_not_without)
{
    int addresses[2];
    apm_endpoint remote = {.address = apm_ip_address_ipv6_any(), .port = PORT};
    apm_endpoint endpoint;
    struct operation connect;
    char buffer[6];

    CHECK_EQ(pipe(addresses), 0);
    pid_t child = fork_into_other_network(echo_stream, &addresses[1]);
    CHECK_EQ(read(addresses[0], remote.address.bytes, 16), 16);

    apm_socket socket;
    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    CHECK_SUCCESS(apm_socket_begin_connect(socket, remote, ON_CALLBACK(&connect)));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_INVALID_ARGUMENT);
    remote.address.scope_id = (uint32_t)cable();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, remote, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_equals(endpoint, remote));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_ip_address_is_ipv6_link_local(endpoint.address));
    CHECK_EQ(endpoint.address.scope_id, cable());
    send_all(socket, "scoped", 6);
    receive_exactly(socket, buffer, 6);
    CHECK_EQ(memcmp(buffer, "scoped", 6), 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    join_child(child);
    close(addresses[0]);
    close(addresses[1]);
}

/* -- Groups ------------------------------------------------------------------------------------------------------- */

struct meeting_point {
    const char *group;
    const char *asker; /* this side's own address */
    int from_child[2];
    int to_child[2];
};

/*
 * Sends to the group each time that the other side asks for it, from another port each time, and behind that a full
 * stop to the other side itself: once that has come, so has what comes of the former.
 */
static int send_to_group(void *argument)
{
    struct meeting_point *point = argument;
    apm_endpoint group = {.address = address_of(point->group), .port = PORT};
    apm_endpoint other_side = {.address = address_of(point->asker), .port = PORT};
    char byte;
    int time_to_live;

    CHECK_EQ(write(point->from_child[1], "x", 1), 1);
    while (read(point->to_child[0], &byte, 1) == 1 && byte != 'q') {
        apm_socket socket = udp_create(group.address.family);

        CHECK_SUCCESS(apm_socket_set_multicast_interface(socket, cable()));
        CHECK_SUCCESS(apm_socket_set_multicast_time_to_live(socket, 3));
        CHECK_SUCCESS(apm_socket_multicast_time_to_live(socket, &time_to_live));
        CHECK_EQ(time_to_live, 3);
        CHECK_SUCCESS(apm_socket_send_to(socket, &byte, 1, APM_SOCKET_FLAGS_NONE, group, NULL));
        CHECK_SUCCESS(apm_socket_send_to(socket, ".", 1, APM_SOCKET_FLAGS_NONE, other_side, NULL));
        CHECK_SUCCESS(apm_socket_close(socket));
    }
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    return 0;
}

static void ask(const struct meeting_point *point, char byte)
{
    CHECK_EQ(write(point->to_child[1], &byte, 1), 1);
}

static pid_t meet(struct meeting_point *point)
{
    char byte;
    pid_t child;

    CHECK_EQ(pipe(point->from_child), 0);
    CHECK_EQ(pipe(point->to_child), 0);
    child = fork_into_other_network(send_to_group, point);
    CHECK_EQ(read(point->from_child[0], &byte, 1), 1);
    return child;
}

static void part(struct meeting_point *point, pid_t child)
{
    ask(point, 'q');
    join_child(child);
    for (size_t i = 0; i < 2; i++) {
        close(point->from_child[i]);
        close(point->to_child[i]);
    }
}

/* Joined, what the other network sends comes; left, it does not. By source, only that of the right one. */
static void check_group(const char *group, const char *asker, const char *source, const char *stranger)
{
    struct meeting_point point = {.group = group, .asker = asker};
    pid_t child = meet(&point);
    apm_multicast_option option = {.group = address_of(group), .interface_index = cable()};
    apm_socket socket = bind_any(option.group.family);
    struct operation receive;
    apm_ip_packet_information packet;
    apm_endpoint remote;
    char byte;

    ask(&point, 'a');
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_add_membership(socket, option));
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, &byte, 1, 0, ON_CALLBACK(&receive)));
    ask(&point, 'b');
    CHECK_SUCCESS(finish_receive_message_from(socket, &receive, NULL, &remote, &packet, NULL));
    CHECK_EQ(byte, 'b');
    CHECK(apm_ip_address_equals(packet.address, option.group));
    CHECK_EQ(packet.interface_index, cable());
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_drop_membership(socket, option));
    ask(&point, 'c');
    expect_text(socket, ".");

    CHECK_SUCCESS(apm_socket_add_source_membership(socket, option, address_of(stranger)));
    ask(&point, 'd');
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_add_source_membership(socket, option, address_of(source)));
    ask(&point, 'e');
    expect_text(socket, "e");
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_drop_source_membership(socket, option, address_of(source)));
    ask(&point, 'f');
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_drop_source_membership(socket, option, address_of(stranger)));
    CHECK_ERROR(apm_socket_drop_source_membership(socket, option, address_of(stranger)), APM_ERROR_INVALID_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(socket));
    part(&point, child);
}

TEST(a_group_of_ipv4_is_joined_by_interface_and_by_source)
{
    check_group("239.7.7.7", "10.77.0.1", "10.77.0.2", "10.77.0.9");
}

TEST(a_group_of_ipv6_is_joined_by_interface_and_by_source)
{
    check_group("ff15::7:7", "fd77::1", "fd77::2", "fd77::9");
}

TEST(a_group_is_joined_by_the_local_address)
{
    struct meeting_point point = {.group = "239.7.7.8", .asker = "10.77.0.1"};
    pid_t child = meet(&point);
    apm_multicast_option option = {.group = address_of(point.group), .local_address = address_of("10.77.0.1")};
    apm_socket socket = bind_any(APM_ADDRESS_FAMILY_INTER_NETWORK);

    CHECK_SUCCESS(apm_socket_add_source_membership(socket, option, address_of("10.77.0.2")));
    ask(&point, 'a');
    expect_text(socket, "a");
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_drop_source_membership(socket, option, address_of("10.77.0.2")));
    CHECK_SUCCESS(apm_socket_add_membership(socket, option));
    ask(&point, 'b');
    expect_text(socket, "b");
    expect_text(socket, ".");
    CHECK_SUCCESS(apm_socket_close(socket));
    part(&point, child);
}

/* -- Arguments ---------------------------------------------------------------------------------------------------- */

TEST(options_of_multicast_check_what_they_are_given)
{
    apm_socket v4 = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket v6 = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    apm_ip_address none = {0};
    apm_multicast_option option = {0};
    int time_to_live;
    bool flag;

    CHECK_ERROR(apm_socket_add_membership(v4, option), APM_ERROR_ARGUMENT_NULL);
    option.group = address_of("239.1.2.3");
    option.interface_index = -1;
    CHECK_ERROR(apm_socket_add_membership(v4, option), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    option.interface_index = 0x1000000;
    CHECK_ERROR(apm_socket_drop_membership(v4, option), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    option.interface_index = 1;
    CHECK_ERROR(apm_socket_add_source_membership(v4, option, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_add_source_membership(v4, option, address_of("::1")), APM_ERROR_ARGUMENT);
    option.group = address_of("ff02::1:2");
    CHECK_ERROR(apm_socket_add_membership(v4, option), APM_ERROR_PROTOCOL_OPTION);
    option.local_address = apm_ip_address_loopback();
    CHECK_ERROR(apm_socket_add_membership(v6, option), APM_ERROR_ARGUMENT);

    for (int i = 0; i < 2; i++) {
        apm_socket socket = i == 0 ? v4 : v6;

        CHECK_SUCCESS(apm_socket_multicast_time_to_live(socket, &time_to_live));
        CHECK_EQ(time_to_live, 1);
        CHECK_SUCCESS(apm_socket_set_multicast_time_to_live(socket, 0));
        CHECK_SUCCESS(apm_socket_set_multicast_time_to_live(socket, 255));
        CHECK_ERROR(apm_socket_set_multicast_time_to_live(socket, 256), APM_ERROR_INVALID_ARGUMENT);
        CHECK_SUCCESS(apm_socket_multicast_time_to_live(socket, &time_to_live));
        CHECK_EQ(time_to_live, 255);
        CHECK_SUCCESS(apm_socket_set_multicast_time_to_live(socket, -1));
        CHECK_SUCCESS(apm_socket_multicast_time_to_live(socket, &time_to_live));
        CHECK_EQ(time_to_live, 1);
        CHECK_SUCCESS(apm_socket_set_multicast_loopback(socket, false));
        CHECK_SUCCESS(apm_socket_multicast_loopback(socket, &flag));
        CHECK(!flag);
        CHECK_ERROR(apm_socket_set_multicast_interface(socket, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
        CHECK_SUCCESS(apm_socket_set_multicast_interface(socket, 1));
    }
    CHECK_ERROR(apm_socket_set_multicast_interface(v4, 7777), APM_ERROR_ADDRESS_NOT_AVAILABLE);
    CHECK_ERROR(apm_socket_set_multicast_interface(v6, 7777), APM_ERROR_SOCKET_ERROR);
    CHECK_ERROR(apm_socket_set_multicast_interface_address(v4, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_set_multicast_interface_address(v4, address_of("::1")), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_multicast_loopback(v4, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_multicast_time_to_live(v4, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_enable_broadcast(v4, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(v4));
    CHECK_SUCCESS(apm_socket_close(v6));
}

LIBRARY_TEST_MAIN()
