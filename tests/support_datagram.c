/*
 * Datagram sockets and their operations; two networks joined by a cable.
 */
#include "support_datagram.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

apm_socket udp_create(apm_address_family family)
{
    apm_socket socket;

    CHECK_SUCCESS(apm_socket_create(family, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, PATIENCE_MS));
    return socket;
}

apm_socket udp_bind_to(apm_endpoint endpoint, apm_endpoint *local)
{
    apm_socket socket = udp_create(endpoint.address.family);

    CHECK_SUCCESS(apm_socket_bind(socket, endpoint));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, local));
    return socket;
}

apm_socket udp_bind(apm_endpoint *local)
{
    return udp_bind_to(loopback_endpoint(0), local);
}

apm_error finish_receive_from(apm_socket socket, struct operation *operation, apm_endpoint *remote, size_t *received)
{
    AWAIT(operation);
    return apm_socket_end_receive_from(socket, operation->result, remote, received);
}

apm_error finish_send_to(apm_socket socket, struct operation *operation, size_t *sent)
{
    AWAIT(operation);
    return apm_socket_end_send_to(socket, operation->result, sent);
}

apm_error finish_receive_message_from(apm_socket socket, struct operation *operation, apm_socket_flags *flags,
                                      apm_endpoint *remote, apm_ip_packet_information *packet, size_t *received)
{
    AWAIT(operation);
    return apm_socket_end_receive_message_from(socket, operation->result, flags, remote, packet, received);
}

apm_error receive_from_at_once(apm_socket socket, void *buffer, size_t size, apm_endpoint *remote, size_t *received)
{
    struct operation receive;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, size, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    return finish_receive_from(socket, &receive, remote, received);
}

apm_error send_to_at_once(apm_socket socket, const void *data, size_t size, apm_endpoint remote, size_t *sent)
{
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send_to(socket, data, size, APM_SOCKET_FLAGS_NONE, remote, ON_COMPLETION(&send)));
    return finish_send_to(socket, &send, sent);
}

void send_text_to(apm_endpoint remote, const char *text)
{
    apm_socket sender = udp_create(remote.address.family);
    size_t sent;

    CHECK_SUCCESS(apm_socket_send_to(sender, text, strlen(text), APM_SOCKET_FLAGS_NONE, remote, &sent));
    CHECK_EQ(sent, strlen(text));
    CHECK_SUCCESS(apm_socket_close(sender));
}

void expect_text(apm_socket socket, const char *text)
{
    char buffer[256];
    size_t received;

    CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, sizeof buffer - 1, APM_SOCKET_FLAGS_NONE, NULL, &received));
    buffer[received] = '\0';
    CHECK_STR(buffer, text);
}

void expect_nothing(apm_socket socket)
{
    char buffer[16];
    size_t received;
    apm_endpoint remote;
    int timeout_ms;

    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, SHORT_WHILE_MS));
    CHECK_ERROR(apm_socket_receive_from(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, &remote, &received),
                APM_ERROR_TIMED_OUT);
    CHECK_EQ(received, 0);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, timeout_ms));
}

/* -- Two networks ------------------------------------------------------------------------------------------------- */

struct other {
    int (*body)(void *argument);
    void *argument;
    int channel; /* to the first process: a byte when the network is there, and one when it is joined */
};

static void run(const char *command)
{
    if (system(command) != 0) {
        SKIP("the command failed: %s", command);
    }
}

static void send_byte(int channel)
{
    CHECK_EQ(write(channel, "x", 1), 1);
}

static void receive_byte(int channel)
{
    char byte;

    if (read(channel, &byte, 1) != 1) {
        SKIP("no other network can be made");
    }
}

/* Has IPv6 addresses ready at once: nobody else is there who could have them. */
static void trust_addresses(void)
{
    run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
    run("echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits");
}

/* The kernel makes the link-local address some time after both ends of the cable are up. */
static void await_link_local(void)
{
    run("timeout 20 sh -c 'until ip -6 addr show dev cable scope link -tentative | grep -q fe80; do sleep 0.1; done'");
}

static int run_in_other_network(void *context)
{
    struct other *other = context;

    CHECK_EQ(unshare(CLONE_NEWNET), 0);
    trust_addresses();
    send_byte(other->channel);
    receive_byte(other->channel);
    run("ip link set lo up");
    run("ip addr add 10.77.0.2/24 dev cable");
    run("ip addr add fd77::2/64 dev cable nodad");
    run("ip link set cable addrgenmode eui64 up");
    run("ip route add 224.0.0.0/4 dev cable");
    await_link_local();
    send_byte(other->channel);
    return other->body(other->argument);
}

pid_t fork_into_other_network(int (*body)(void *argument), void *argument)
{
    char command[128];
    int channels[2];
    struct other other = {.body = body, .argument = argument};
    pid_t child;

    if (unshare(CLONE_NEWNET) != 0) {
        SKIP("no network namespace can be made: %s", strerror(errno));
    }
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channels), 0);
    other.channel = channels[1];
    child = fork_child(run_in_other_network, &other);
    CHECK_EQ(close(channels[1]), 0);
    receive_byte(channels[0]);
    trust_addresses();
    snprintf(command, sizeof command, "ip link add cable type veth peer name cable netns %d", (int)child);
    run(command);
    run("ip link set lo up");
    run("ip addr add 10.77.0.1/24 dev cable");
    run("ip addr add fd77::1/64 dev cable nodad");
    run("ip link set cable addrgenmode eui64 up");
    run("ip route add 224.0.0.0/4 dev cable");
    send_byte(channels[0]);
    receive_byte(channels[0]);
    await_link_local();
    CHECK_EQ(close(channels[0]), 0);
    return child;
}
