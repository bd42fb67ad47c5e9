/*
 * Multicast and broadcast: memberships by RFC 3678, and the options of those who send. Any thread.
 */
#include <errno.h>
#include <string.h>

#include "os.h"
#include "os_posix_address.h"
#include "os_posix_error.h"

/* -- Memberships -- */

static struct sockaddr_storage to_storage(apm_ip_address address)
{
    struct sockaddr_storage storage = {0};
    union apm__os_any_address any = {0};
    apm_endpoint endpoint = {.address = address};
    memcpy(&storage, &any, apm__os_address_to_system(&endpoint, &any));
    return storage;
}

static struct in_addr to_v4(apm_ip_address address)
{
    struct in_addr v4 = {.s_addr = htonl(INADDR_ANY)};
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK)
        memcpy(&v4, address.bytes, 4);
    return v4;
}

/* Any source. IPv4 has a form that names the interface by its address, or by its index if that is set. */
static apm_error set_group(apm__os_socket socket, const apm__os_membership *membership, bool member)
{
    if (membership->group.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        struct ip_mreqn request = {.imr_multiaddr = to_v4(membership->group),
                                   .imr_address = to_v4(membership->local),
                                   .imr_ifindex = (int)membership->interface};
        int name = member ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
        return apm__os_outcome(setsockopt(socket, IPPROTO_IP, name, &request, sizeof request));
    }
    struct ipv6_mreq request = {.ipv6mr_interface = membership->interface};
    memcpy(&request.ipv6mr_multiaddr, membership->group.bytes, 16);
    int name = member ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP;
    return apm__os_outcome(setsockopt(socket, IPPROTO_IPV6, name, &request, sizeof request));
}

/* One source. */
static apm_error set_source(apm__os_socket socket, const apm__os_membership *membership, bool member)
{
    bool is_v4 = membership->group.family == APM_ADDRESS_FAMILY_INTER_NETWORK;
    if (is_v4 && membership->interface == 0) {
        struct ip_mreq_source request = {.imr_multiaddr = to_v4(membership->group),
                                         .imr_interface = to_v4(membership->local),
                                         .imr_sourceaddr = to_v4(membership->source)};
        int name = member ? IP_ADD_SOURCE_MEMBERSHIP : IP_DROP_SOURCE_MEMBERSHIP;
        return apm__os_outcome(setsockopt(socket, IPPROTO_IP, name, &request, sizeof request));
    }
    struct group_source_req request = {.gsr_interface = membership->interface,
                                       .gsr_group = to_storage(membership->group),
                                       .gsr_source = to_storage(membership->source)};
    int name = member ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
    return apm__os_outcome(setsockopt(socket, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, name, &request, sizeof request));
}

apm_error apm__os_socket_set_membership(apm__os_socket socket, const apm__os_membership *membership, bool member)
{
    bool any_source = membership->source.family == APM_ADDRESS_FAMILY_UNSPECIFIED;
    return any_source ? set_group(socket, membership, member) : set_source(socket, membership, member);
}

/* -- Options -- */

static void option_name(apm_address_family family, apm__os_multicast_option option, int *level, int *name)
{
    static const int v4_names[] = {
        [APM__OS_MULTICAST_HOPS] = IP_MULTICAST_TTL, [APM__OS_MULTICAST_INTERFACE] = IP_MULTICAST_IF};
    static const int v6_names[] = {
        [APM__OS_MULTICAST_HOPS] = IPV6_MULTICAST_HOPS, [APM__OS_MULTICAST_INTERFACE] = IPV6_MULTICAST_IF};
    bool is_v4 = family == APM_ADDRESS_FAMILY_INTER_NETWORK;
    *level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
    *name = is_v4 ? v4_names[option] : v6_names[option];
}

apm_error apm__os_socket_multicast_option(apm__os_socket socket, apm_address_family family,
                                          apm__os_multicast_option option, int *value)
{
    int level;
    int name;
    option_name(family, option, &level, &name);
    socklen_t size = sizeof *value;
    *value = 0;
    return apm__os_outcome(getsockopt(socket, level, name, value, &size));
}

apm_error apm__os_socket_set_multicast_option(apm__os_socket socket, apm_address_family family,
                                              apm__os_multicast_option option, int value)
{
    int level;
    int name;
    option_name(family, option, &level, &name);
    if (option == APM__OS_MULTICAST_INTERFACE && family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        struct ip_mreqn request = {.imr_ifindex = value};
        return apm__os_outcome(setsockopt(socket, level, name, &request, sizeof request));
    }
    return apm__os_outcome(setsockopt(socket, level, name, &value, sizeof value));
}

apm_error apm__os_socket_set_multicast_address(apm__os_socket socket, apm_ip_address local)
{
    struct ip_mreqn request = {.imr_address = to_v4(local)};
    return apm__os_outcome(setsockopt(socket, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request));
}
