/*
 * Datagrams, by POSIX, and by recvmmsg and sendmmsg, which Linux and the BSDs have. Any thread.
 *
 * A single datagram takes the plain call: setting a batch up costs more than it saves.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#include "apm/socket.h"
#include "os.h"
#include "os_posix_error.h"
#include "os_posix_flags.h"
#include "os_posix_system_call.h"

_Static_assert(sizeof(apm__os_address) >= sizeof(struct sockaddr_in6), "an address of either family fits");
_Static_assert(_Alignof(apm__os_address) >= _Alignof(struct sockaddr_in6), "and may be used in place");

/* -- Addresses -- */

static sa_family_t family_of(const apm__os_address *address)
{
    struct sockaddr any;
    memcpy(&any, address, sizeof any);
    return any.sa_family;
}

apm__os_address apm__os_address_of(const apm_endpoint *endpoint, bool map_to_ipv6)
{
    apm__os_address address = {{0}};
    if (endpoint->address.family == APM_ADDRESS_FAMILY_INTER_NETWORK && !map_to_ipv6) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
        memcpy(&v4.sin_addr, endpoint->address.bytes, 4);
        memcpy(&address, &v4, sizeof v4);
        return address;
    }
    apm_ip_address ip = map_to_ipv6 ? apm_ip_address_map_to_ipv6(endpoint->address) : endpoint->address;
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port), .sin6_scope_id = ip.scope_id};
    memcpy(&v6.sin6_addr, ip.bytes, 16);
    memcpy(&address, &v6, sizeof v6);
    return address;
}

apm__os_address apm__os_address_any(apm_address_family family)
{
    apm__os_address address = {{0}};
    sa_family_t system_family = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? AF_INET6 : AF_INET;
    memcpy((unsigned char *)&address + offsetof(struct sockaddr, sa_family), &system_family, sizeof system_family);
    return address;
}

/* One of IP needs nothing of the room that an endpoint has for a path, but that it is zero. */
void apm__os_address_endpoint(const apm__os_address *address, apm_endpoint *endpoint)
{
    *endpoint = (apm_endpoint){.port = 0};
    if (family_of(address) == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        endpoint->address.family = APM_ADDRESS_FAMILY_INTER_NETWORK;
        endpoint->port = ntohs(v4.sin_port);
        memcpy(endpoint->address.bytes, &v4.sin_addr, 4);
    } else if (family_of(address) == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        endpoint->address.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        endpoint->address.scope_id = v6.sin6_scope_id;
        endpoint->port = ntohs(v6.sin6_port);
        memcpy(endpoint->address.bytes, &v6.sin6_addr, 16);
    }
}

size_t apm__os_address_length(const apm__os_address *address)
{
    switch (family_of(address)) {
    case AF_INET: return sizeof(struct sockaddr_in);
    case AF_INET6: return sizeof(struct sockaddr_in6);
    default: return 0;
    }
}

/* -- One message -- */

/* Room for the packet information of either family and the size of datagrams, or what else somebody has asked for. */
struct control {
    _Alignas(struct cmsghdr) unsigned char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                                CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

static void read_packet(struct msghdr *message, apm__os_packet *packet)
{
    *packet = (apm__os_packet){0};
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo v6;
            memcpy(&v6, CMSG_DATA(part), sizeof v6);
            memcpy(packet->address, &v6.ipi6_addr, 16);
            packet->interface = v6.ipi6_ifindex;
        } else if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo v4;
            memcpy(&v4, CMSG_DATA(part), sizeof v4);
            memcpy(packet->address, &v4.ipi_addr, 4);
            packet->interface = (uint32_t)v4.ipi_ifindex;
        }
    }
}

/* The size of the datagrams of a train; 0 if it is only one. */
static uint32_t datagram_size_of(struct msghdr *message)
{
#ifdef UDP_GRO
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(part), sizeof size);
            return (uint32_t)size;
        }
    }
#else
    (void)message;
#endif
    return 0;
}

static void fill_in(struct msghdr *message, struct iovec *vector, struct control *control,
                    const apm__os_datagram *datagram)
{
    *vector = (struct iovec){.iov_base = datagram->buffer, .iov_len = datagram->size};
    *message = (struct msghdr){.msg_iov = vector, .msg_iovlen = 1};
    if (datagram->packet || datagram->datagram_size) {
        message->msg_control = control;
        message->msg_controllen = sizeof *control;
    }
}

/* Reads what the system has written besides the bytes. */
static void read_back(struct msghdr *message, size_t transferred, apm__os_datagram *datagram)
{
    datagram->transferred = transferred;
    datagram->flags = (message->msg_flags & MSG_TRUNC ? APM_SOCKET_FLAGS_TRUNCATED : 0) |
                      (message->msg_flags & MSG_CTRUNC ? APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED : 0);
    if (datagram->packet)
        read_packet(message, datagram->packet);
    if (datagram->datagram_size)
        *datagram->datagram_size = datagram_size_of(message);
}

/* -- Receiving -- */

static apm_error receive_one(apm__os_socket socket, apm__os_datagram *datagram, int system_flags, size_t *done)
{
    struct msghdr message;
    struct iovec vector;
    struct control control;
    ssize_t received;
    do {
        fill_in(&message, &vector, &control, datagram);
        message.msg_name = datagram->address;
        message.msg_namelen = datagram->address ? sizeof *datagram->address : 0;
        received = system_receive_message(socket, &message, system_flags);
    } while (received < 0 && errno == EINTR);
    if (received < 0)
        return apm__os_translate(errno);
    read_back(&message, (size_t)received, datagram);
    *done = 1;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_receive_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                           size_t *done)
{
    struct mmsghdr messages[APM__OS_DATAGRAM_LIMIT];
    struct iovec vectors[APM__OS_DATAGRAM_LIMIT];
    struct control controls[APM__OS_DATAGRAM_LIMIT];
    int system_flags = 0;
    *done = 0;
    if (flags != 0 && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    if (count == 1)
        return receive_one(socket, datagrams, system_flags, done);
    for (size_t i = 0; i < count; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        fill_in(message, &vectors[i], &controls[i], &datagrams[i]);
        message->msg_name = datagrams[i].address;
        message->msg_namelen = datagrams[i].address ? sizeof *datagrams[i].address : 0;
    }
    int received;
    do
        received = system_receive_messages(socket, messages, (unsigned)count, system_flags);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return apm__os_translate(errno);
    for (size_t i = 0; i < (size_t)received; i++)
        read_back(&messages[i].msg_hdr, messages[i].msg_len, &datagrams[i]);
    *done = (size_t)received;
    return APM_ERROR_SUCCESS;
}

/* -- Sending -- */

static apm_error send_one(apm__os_socket socket, apm__os_datagram *datagram, int system_flags, size_t *done)
{
    socklen_t address_size = datagram->address ? (socklen_t)apm__os_address_length(datagram->address) : 0;
    const struct sockaddr *address = address_size > 0 ? (const struct sockaddr *)(const void *)datagram->address : NULL;
    ssize_t sent;
    do
        sent = system_send_to(socket, datagram->buffer, datagram->size, system_flags, address, address_size);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return apm__os_translate(errno);
    datagram->transferred = (size_t)sent;
    *done = 1;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_send_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                        size_t *done)
{
    struct mmsghdr messages[APM__OS_DATAGRAM_LIMIT];
    struct iovec vectors[APM__OS_DATAGRAM_LIMIT];
    int system_flags = 0;
    *done = 0;
    if (flags != 0 && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    system_flags |= MSG_NOSIGNAL;
    if (count == 1)
        return send_one(socket, datagrams, system_flags, done);
    for (size_t i = 0; i < count; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        fill_in(message, &vectors[i], NULL, &datagrams[i]);
        message->msg_namelen = datagrams[i].address ? (socklen_t)apm__os_address_length(datagrams[i].address) : 0;
        message->msg_name = message->msg_namelen > 0 ? datagrams[i].address : NULL;
    }
    int sent;
    do
        sent = system_send_messages(socket, messages, (unsigned)count, system_flags);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return apm__os_translate(errno);
    for (size_t i = 0; i < (size_t)sent; i++)
        datagrams[i].transferred = messages[i].msg_len;
    *done = (size_t)sent;
    return APM_ERROR_SUCCESS;
}

/* -- Settings -- */

apm_error apm__os_socket_want_packets(apm__os_socket socket, apm_address_family family)
{
    const int on = 1;
    if (family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6) /* IPv4 that comes to it is reported so, too */
        return apm__os_outcome(setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on));
    return apm__os_outcome(setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
}

apm_error apm__os_socket_dissolve(apm__os_socket socket)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    return apm__os_outcome(connect(socket, &nobody, sizeof nobody));
}
