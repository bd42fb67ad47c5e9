/*
 * Socket options by number: .NET's levels and names as the system's, and any option as bytes. Any thread; no state.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "apm/socket_options.h"
#include "os.h"
#include "os_posix_error.h"

struct option {
    int level; /* .NET's */
    int name;
    int system_level;
    int system_name;
};

/* Those that the system has as they are. What needs more than another number is done by those who call. */
static const struct option options[] = {
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_DEBUG, SOL_SOCKET, SO_DEBUG},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_ACCEPT_CONNECTION, SOL_SOCKET, SO_ACCEPTCONN},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_DONT_ROUTE, SOL_SOCKET, SO_DONTROUTE},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_BROADCAST, SOL_SOCKET, SO_BROADCAST},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_LINGER, SOL_SOCKET, SO_LINGER},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_OUT_OF_BAND_INLINE, SOL_SOCKET, SO_OOBINLINE},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_SEND_BUFFER, SOL_SOCKET, SO_SNDBUF},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_SEND_LOW_WATER, SOL_SOCKET, SO_SNDLOWAT},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_RECEIVE_LOW_WATER, SOL_SOCKET, SO_RCVLOWAT},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_ERROR, SOL_SOCKET, SO_ERROR},
    {APM_SOCKET_OPTION_LEVEL_SOCKET, APM_SOCKET_OPTION_NAME_TYPE, SOL_SOCKET, SO_TYPE},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_IP_OPTIONS, IPPROTO_IP, IP_OPTIONS},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_HEADER_INCLUDED, IPPROTO_IP, IP_HDRINCL},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_TYPE_OF_SERVICE, IPPROTO_IP, IP_TOS},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_IP_TIME_TO_LIVE, IPPROTO_IP, IP_TTL},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_MULTICAST_INTERFACE, IPPROTO_IP, IP_MULTICAST_IF},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_MULTICAST_TIME_TO_LIVE, IPPROTO_IP, IP_MULTICAST_TTL},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_MULTICAST_LOOPBACK, IPPROTO_IP, IP_MULTICAST_LOOP},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_ADD_MEMBERSHIP, IPPROTO_IP, IP_ADD_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_DROP_MEMBERSHIP, IPPROTO_IP, IP_DROP_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_ADD_SOURCE_MEMBERSHIP, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_DROP_SOURCE_MEMBERSHIP, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_BLOCK_SOURCE, IPPROTO_IP, IP_BLOCK_SOURCE},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_UNBLOCK_SOURCE, IPPROTO_IP, IP_UNBLOCK_SOURCE},
    {APM_SOCKET_OPTION_LEVEL_IP, APM_SOCKET_OPTION_NAME_PACKET_INFORMATION, IPPROTO_IP, IP_PKTINFO},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_IP_TIME_TO_LIVE, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_HOP_LIMIT, IPPROTO_IPV6, IPV6_HOPLIMIT},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_MULTICAST_INTERFACE, IPPROTO_IPV6, IPV6_MULTICAST_IF},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_MULTICAST_TIME_TO_LIVE, IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_MULTICAST_LOOPBACK, IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_ADD_MEMBERSHIP, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_DROP_MEMBERSHIP, IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_PACKET_INFORMATION, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {APM_SOCKET_OPTION_LEVEL_IPV6, APM_SOCKET_OPTION_NAME_IPV6_ONLY, IPPROTO_IPV6, IPV6_V6ONLY},
    {APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_NO_DELAY, IPPROTO_TCP, TCP_NODELAY},
    {APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_FAST_OPEN, IPPROTO_TCP, TCP_FASTOPEN},
    {APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_TIME, IPPROTO_TCP, TCP_KEEPIDLE},
    {APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_INTERVAL, IPPROTO_TCP, TCP_KEEPINTVL},
    {APM_SOCKET_OPTION_LEVEL_TCP, APM_SOCKET_OPTION_NAME_TCP_KEEP_ALIVE_RETRY_COUNT, IPPROTO_TCP, TCP_KEEPCNT},
};

/* What is kept when a descriptor takes another one's place, beside what the library keeps itself. */
static const struct option kept[] = {
    {0, 0, SOL_SOCKET, SO_KEEPALIVE},
    {0, 0, SOL_SOCKET, SO_DONTROUTE},
    {0, 0, SOL_SOCKET, SO_BROADCAST},
    {0, 0, SOL_SOCKET, SO_OOBINLINE},
    {0, 0, SOL_SOCKET, SO_RCVLOWAT},
    {0, 0, IPPROTO_IP, IP_TTL},
    {0, 0, IPPROTO_IP, IP_TOS},
    {0, 0, IPPROTO_IP, IP_MTU_DISCOVER},
    {0, 0, IPPROTO_IP, IP_PKTINFO},
    {0, 0, IPPROTO_IP, IP_MULTICAST_TTL},
    {0, 0, IPPROTO_IP, IP_MULTICAST_LOOP},
    {0, 0, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {0, 0, IPPROTO_IPV6, IPV6_TCLASS},
    {0, 0, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {0, 0, IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {0, 0, IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
    {0, 0, IPPROTO_TCP, TCP_KEEPIDLE},
    {0, 0, IPPROTO_TCP, TCP_KEEPINTVL},
    {0, 0, IPPROTO_TCP, TCP_KEEPCNT},
    {0, 0, IPPROTO_TCP, TCP_FASTOPEN},
};

enum { OPTIONS = sizeof options / sizeof options[0], KEPT = sizeof kept / sizeof kept[0] };

bool apm__os_option_of(int level, int name, int *system_level, int *system_name)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].level == level && options[i].name == name) {
            *system_level = options[i].system_level;
            *system_name = options[i].system_name;
            return true;
        }
    apm__os_set_native_error(EOPNOTSUPP);
    return false;
}

apm_error apm__os_socket_raw_option(apm__os_socket socket, int level, int name, void *value, size_t *size)
{
    socklen_t system_size = *size > INT32_MAX ? INT32_MAX : (socklen_t)*size;
    apm_error error = apm__os_outcome(getsockopt(socket, level, name, value, &system_size));
    *size = error == APM_ERROR_SUCCESS ? system_size : 0;
    return error;
}

apm_error apm__os_socket_set_raw_option(apm__os_socket socket, int level, int name, const void *value, size_t size)
{
    if (size > INT32_MAX)
        return apm__os_translate(EINVAL);
    return apm__os_outcome(setsockopt(socket, level, name, value, (socklen_t)size));
}

/* Whether packets may be fragmented is one of several ways to find the size of a path's packets. */
apm_error apm__os_socket_dont_fragment(apm__os_socket socket, bool *dont_fragment)
{
    int value = 0;
    socklen_t size = sizeof value;
    apm_error error = apm__os_outcome(getsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &value, &size));
    *dont_fragment = error == APM_ERROR_SUCCESS && value == IP_PMTUDISC_DO;
    return error;
}

apm_error apm__os_socket_set_dont_fragment(apm__os_socket socket, bool dont_fragment)
{
    int value = dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    return apm__os_outcome(setsockopt(socket, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof value));
}

apm_error apm__os_socket_take_error(apm__os_socket socket, apm_error *pending)
{
    int code = 0;
    socklen_t size = sizeof code;
    apm_error error = apm__os_outcome(getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size));
    *pending = error == APM_ERROR_SUCCESS && code != 0 ? apm__os_translate(code) : APM_ERROR_SUCCESS;
    return error;
}

apm_error apm__os_socket_at_mark(apm__os_socket socket, bool *at_mark)
{
    int value = 0;
    apm_error error = apm__os_outcome(ioctl(socket, SIOCATMARK, &value));
    *at_mark = error == APM_ERROR_SUCCESS && value != 0;
    return error;
}

void apm__os_socket_copy_options(apm__os_socket from, apm__os_socket to)
{
    for (size_t i = 0; i < KEPT; i++) {
        int old = 0;
        int fresh = 0;
        socklen_t old_size = sizeof old;
        socklen_t fresh_size = sizeof fresh;
        if (getsockopt(from, kept[i].system_level, kept[i].system_name, &old, &old_size) != 0 ||
            getsockopt(to, kept[i].system_level, kept[i].system_name, &fresh, &fresh_size) != 0 || old == fresh)
            continue; /* an option that such a socket does not have, or that nobody has changed */
        int ignored = setsockopt(to, kept[i].system_level, kept[i].system_name, &old, sizeof old);
        (void)ignored; /* the old socket had it, so the new one takes it */
    }
}
