/*
 * Good arguments for the functions of datagrams, groups, unix domain sockets and descriptors: see arguments.h.
 *
 * Groups are joined in a network of the test's own only: see arguments_run.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"
#include "support_datagram.h"

static bool in_private_network;

static void close_socket(uint64_t bits)
{
    (void)apm_socket_close((apm_socket){bits});
}

void arguments_enter_private_network(void)
{
    enter_private_network();
    CHECK_EQ(system("ip route add 239.0.0.0/8 dev lo"), 0);
    CHECK_EQ(system("ip link set lo multicast on"), 0);
    in_private_network = true;
}

apm_multicast_option arguments_group(int number)
{
    apm_multicast_option option = {.group = address_of("239.1.2.0"), .interface_index = 1};

    option.group.bytes[3] = (uint8_t)number;
    return option;
}

static void join_groups(apm_socket socket, bool is_v6)
{
    apm_multicast_option group = arguments_group(3);

    if (is_v6) {
        group.group = address_of("ff15::7:7");
        CHECK_SUCCESS(apm_socket_add_membership(socket, group));
        return;
    }
    CHECK_SUCCESS(apm_socket_add_membership(socket, group));
    CHECK_SUCCESS(apm_socket_add_source_membership(socket, arguments_group(4), apm_ip_address_loopback()));
}

static void send_datagram_to(apm_endpoint remote)
{
    const uint8_t data[ARGUMENTS_GOOD_SIZE] = {0};
    int sender = socket(remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK ? AF_INET : AF_INET6,
                        SOCK_DGRAM | SOCK_CLOEXEC, 0);
    apm_socket_address address;

    remote.address = remote.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK ? apm_ip_address_loopback()
                                                                               : apm_ip_address_ipv6_loopback();
    CHECK_SUCCESS(apm_endpoint_serialize(remote, &address));
    CHECK_EQ(sendto(sender, data, sizeof data, 0, (const struct sockaddr *)(const void *)address.buffer,
                    (socklen_t)address.size),
             sizeof data);
    raw_close(sender);
}

apm_socket arguments_datagram_socket(bool member)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);

    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, 0));
    CHECK_SUCCESS(apm_socket_set_send_timeout(socket, 0));
    arguments_keep(socket.bits, close_socket);
    send_datagram_to(local);
    await_available(socket, ARGUMENTS_GOOD_SIZE);
    if (member && in_private_network) {
        join_groups(socket, false);
    }
    return socket;
}

void arguments_prepare_udp_client(apm_udp_client client)
{
    apm_socket socket = apm_udp_client_client(client);
    apm_address_family family;
    apm_endpoint local;

    /* The handle is null where the maker has failed. */
    if (apm_socket_is_null(socket) || apm_socket_address_family(socket, &family) != APM_ERROR_SUCCESS) {
        return;
    }
    bool is_v6 = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    if (in_private_network) {
        join_groups(socket, is_v6);
    }
    if (!apm_socket_is_bound(socket)) {
        apm_endpoint any = {.address = is_v6 ? apm_ip_address_ipv6_any() : apm_ip_address_any()};

        CHECK_SUCCESS(apm_socket_bind(socket, any));
    }
    if (!apm_udp_client_active(client)) {
        CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
        send_datagram_to(local);
        await_available(socket, ARGUMENTS_GOOD_SIZE);
    }
}

apm_socket arguments_unix_socket(bool with_socket)
{
    socket_pair pair = unix_pair_create();
    apm_socket handed = tcp_create();

    arguments_keep(pair.server.bits, close_socket);
    arguments_keep(pair.client.bits, close_socket);
    if (with_socket) {
        CHECK_SUCCESS(apm_socket_hand_over(handed, pair.client));
    } else {
        CHECK_SUCCESS(apm_socket_close(handed));
    }
    return pair.server;
}

/* -- Descriptors that the library may take over -------------------------------------------------------------------- */

/* Which file each number stood for: it is closed only if it still does. */
static ino_t files[64];

static void close_if_same(uint64_t descriptor)
{
    struct stat found;

    if (fstat((int)descriptor, &found) == 0 && found.st_ino == files[descriptor]) {
        close((int)descriptor);
    }
}

static void keep_unless_taken(int descriptor)
{
    struct stat found;

    CHECK(descriptor >= 0 && (size_t)descriptor < sizeof files / sizeof files[0]);
    CHECK_EQ(fstat(descriptor, &found), 0);
    files[descriptor] = found.st_ino;
    arguments_keep((uint64_t)descriptor, close_if_same);
}

intptr_t arguments_descriptor_of_a_socket(void)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    keep_unless_taken(descriptor);
    return descriptor;
}

size_t arguments_activated_index(void)
{
    enum { FIRST = 3, COUNT = 12 };
    char text[32];
    int descriptor = -1;

    for (int number = FIRST; number < FIRST + COUNT && descriptor < 0; number++) {
        if (fcntl(number, F_GETFD) < 0) {
            int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

            descriptor = made == number ? made : fcntl(made, F_DUPFD_CLOEXEC, number);
            if (descriptor != made) {
                close(made);
            }
        }
    }
    keep_unless_taken(descriptor);
    snprintf(text, sizeof text, "%d", (int)getpid());
    CHECK_EQ(setenv("LISTEN_PID", text, 1), 0);
    snprintf(text, sizeof text, "%d", descriptor - FIRST + 1);
    CHECK_EQ(setenv("LISTEN_FDS", text, 1), 0);
    return (size_t)(descriptor - FIRST);
}

/* -- Lists of sockets ---------------------------------------------------------------------------------------------- */

apm_socket *arguments_sockets(void)
{
    static apm_socket sockets[ARGUMENTS_ARRAY_SIZE];

    sockets[0] = arguments_socket(ARGUMENTS_STATE_CONNECTED);
    for (size_t i = 1; i < ARGUMENTS_ARRAY_SIZE; i++) {
        sockets[i] = sockets[0];
    }
    return sockets;
}

size_t *arguments_socket_count(void)
{
    static size_t counts[3];
    static size_t used;
    size_t *count = &counts[used++ % 3];

    *count = 1;
    return count;
}
