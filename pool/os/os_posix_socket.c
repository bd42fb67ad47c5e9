/*
 * Socket calls, poll and the bell, by POSIX (accept4, dup3 and the SOCK_ flags are Linux's and the BSDs'). Any thread.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apm/socket.h"
#include "os_posix_address.h"
#include "os_posix_error.h"
#include "os_posix_flags.h"
#include "os_posix_system_call.h"

/* -- Life -- */

/* -1 for a type that is not known. */
static int to_system_type(int type)
{
    switch (type) {
    case APM_SOCKET_TYPE_STREAM: return SOCK_STREAM;
    case APM_SOCKET_TYPE_DGRAM: return SOCK_DGRAM;
    case APM_SOCKET_TYPE_RAW: return SOCK_RAW;
    default: return -1;
    }
}

apm_error apm__os_socket_create(apm_address_family family, int type, int protocol, apm__os_socket *created)
{
    int domain = family == APM_ADDRESS_FAMILY_INTER_NETWORK      ? AF_INET
                 : family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6 ? AF_INET6
                 : family == APM_ADDRESS_FAMILY_UNIX             ? AF_UNIX
                                                                 : -1;
    *created = APM__OS_NO_SOCKET;
    if (domain < 0)
        return apm__os_translate(EAFNOSUPPORT);
    int system_type = to_system_type(type);
    if (system_type < 0)
        return apm__os_translate(ESOCKTNOSUPPORT);
    int descriptor = socket(domain, system_type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (descriptor < 0) /* a number that cannot be one of a protocol is invalid to Linux, and to .NET as any other */
        return apm__os_translate(errno == EINVAL ? EPROTONOSUPPORT : errno);
    *created = descriptor;
    return APM_ERROR_SUCCESS;
}

void apm__os_socket_close(apm__os_socket socket)
{
    system_close(socket);
}

apm_error apm__os_socket_replace(apm__os_socket old, apm__os_socket renewed)
{
    int replaced;
    do
        replaced = dup3(renewed, old, O_CLOEXEC);
    while (replaced < 0 && (errno == EINTR || errno == EBUSY));
    apm_error error = apm__os_outcome(replaced < 0);
    system_close(renewed);
    return error;
}

apm_error apm__os_socket_bind(apm__os_socket socket, apm_endpoint local)
{
    union apm__os_any_address address;
    socklen_t size = apm__os_address_to_system(&local, &address);
    return apm__os_outcome(bind(socket, &address.any, size));
}

apm_error apm__os_socket_listen(apm__os_socket socket, int backlog)
{
    return apm__os_outcome(listen(socket, backlog));
}

apm_error apm__os_socket_accept(apm__os_socket socket, apm__os_socket *accepted)
{
    *accepted = APM__OS_NO_SOCKET;
    int descriptor;
    do
        descriptor = system_accept(socket);
    while (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (descriptor < 0)
        return apm__os_translate(errno);
    *accepted = descriptor;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_shutdown(apm__os_socket socket, int how)
{
    int system_how = how == APM_SOCKET_SHUTDOWN_RECEIVE ? SHUT_RD
                     : how == APM_SOCKET_SHUTDOWN_SEND  ? SHUT_WR
                                                        : SHUT_RDWR;
    return apm__os_outcome(shutdown(socket, system_how));
}

apm_error apm__os_socket_connect(apm__os_socket socket, apm_endpoint remote, bool map_to_ipv6)
{
    if (map_to_ipv6)
        remote.address = apm_ip_address_map_to_ipv6(remote.address);
    union apm__os_any_address address;
    socklen_t size = apm__os_address_to_system(&remote, &address);
    if (connect(socket, &address.any, size) == 0)
        return APM_ERROR_SUCCESS;
    if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR)
        return APM_ERROR_WOULD_BLOCK;
    if (errno == EAGAIN) { /* the queue of a listening unix domain socket is full: nothing is under way */
        apm__os_set_native_error(EAGAIN);
        return APM_ERROR_TRY_AGAIN;
    }
    apm_error error = apm__os_translate(errno);
    /* EPIPE: by now the peer has taken the connection, ended it and reset it. */
    return error == APM_ERROR_SHUTDOWN ? APM_ERROR_CONNECTION_RESET : error;
}

/* -- Data -- */

/* Translates SocketFlags to the system's; false for those that it does not know. */
bool apm__os_flags_to_system(int flags, int *system_flags)
{
    const int ignored = APM_SOCKET_FLAGS_TRUNCATED | APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED;
    const int known = APM_SOCKET_FLAGS_OUT_OF_BAND | APM_SOCKET_FLAGS_PEEK | APM_SOCKET_FLAGS_DONT_ROUTE;
    *system_flags = (flags & APM_SOCKET_FLAGS_OUT_OF_BAND ? MSG_OOB : 0) |
                    (flags & APM_SOCKET_FLAGS_PEEK ? MSG_PEEK : 0) |
                    (flags & APM_SOCKET_FLAGS_DONT_ROUTE ? MSG_DONTROUTE : 0);
    return (flags & ~(ignored | known)) == 0;
}

apm_error apm__os_socket_receive(apm__os_socket socket, void *buffer, size_t size, int flags, size_t *received)
{
    int system_flags = 0;
    *received = 0;
    if (APM__UNLIKELY(flags != 0) && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    ssize_t count;
    do
        count = system_receive(socket, buffer, size, system_flags);
    while (APM__UNLIKELY(count < 0) && errno == EINTR);
    if (APM__UNLIKELY(count < 0))
        return apm__os_translate(errno);
    *received = (size_t)count;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_send(apm__os_socket socket, const void *buffer, size_t size, int flags, size_t *sent)
{
    int system_flags = 0;
    *sent = 0;
    if (APM__UNLIKELY(flags != 0) && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    ssize_t count;
    do
        count = system_send(socket, buffer, size, system_flags | MSG_NOSIGNAL);
    while (APM__UNLIKELY(count < 0) && errno == EINTR);
    if (APM__UNLIKELY(count < 0))
        return apm__os_translate(errno);
    *sent = (size_t)count;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_readable(apm__os_socket socket)
{
    char byte;
    size_t received;
    return apm__os_socket_receive(socket, &byte, 1, APM_SOCKET_FLAGS_PEEK, &received);
}

/* -- Names and options -- */

apm_error apm__os_socket_local_endpoint(apm__os_socket socket, apm_endpoint *endpoint)
{
    union apm__os_any_address address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    apm_error error = apm__os_outcome(getsockname(socket, &address.any, &size));
    *endpoint = apm__os_endpoint_of(&address, size);
    return error;
}

apm_error apm__os_socket_remote_endpoint(apm__os_socket socket, apm_endpoint *endpoint)
{
    union apm__os_any_address address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    apm_error error = apm__os_outcome(getpeername(socket, &address.any, &size));
    *endpoint = apm__os_endpoint_of(&address, size);
    return error;
}

apm_error apm__os_socket_available(apm__os_socket socket, size_t *available)
{
    int count = 0;
    apm_error error = apm__os_outcome(ioctl(socket, FIONREAD, &count));
    *available = error == APM_ERROR_SUCCESS ? (size_t)count : 0;
    return error;
}

static void option_name(apm__os_option option, int *level, int *name)
{
    static const struct {
        int level;
        int name;
    } names[] = {
        [APM__OS_OPTION_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY},
        [APM__OS_OPTION_RECEIVE_BUFFER_SIZE] = {SOL_SOCKET, SO_RCVBUF},
        [APM__OS_OPTION_SEND_BUFFER_SIZE] = {SOL_SOCKET, SO_SNDBUF},
        [APM__OS_OPTION_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR},
        [APM__OS_OPTION_REUSE_PORT] = {SOL_SOCKET, SO_REUSEPORT},
        [APM__OS_OPTION_IPV6_ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
    };
    *level = names[option].level;
    *name = names[option].name;
}

apm_error apm__os_socket_option(apm__os_socket socket, apm__os_option option, int *value)
{
    if (option == APM__OS_OPTION_LINGER) {
        struct linger linger = {0};
        socklen_t size = sizeof linger;
        apm_error error = apm__os_outcome(getsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, &size));
        *value = linger.l_onoff ? linger.l_linger : -1;
        return error;
    }
    int level;
    int name;
    option_name(option, &level, &name);
    socklen_t size = sizeof *value;
    *value = 0;
    return apm__os_outcome(getsockopt(socket, level, name, value, &size));
}

apm_error apm__os_socket_set_option(apm__os_socket socket, apm__os_option option, int value)
{
    if (option == APM__OS_OPTION_LINGER) {
        struct linger linger = {.l_onoff = value >= 0, .l_linger = value >= 0 ? value : 0};
        return apm__os_outcome(setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    }
    int level;
    int name;
    option_name(option, &level, &name);
    return apm__os_outcome(setsockopt(socket, level, name, &value, sizeof value));
}

/* -- poll -- */

static uint32_t to_ready(short events)
{
    return (events & POLLIN ? APM__OS_READY_IN : 0u) | (events & POLLOUT ? APM__OS_READY_OUT : 0u) |
           (events & POLLHUP ? APM__OS_READY_HANG_UP : 0u) |
           (events & (POLLERR | POLLNVAL) ? APM__OS_READY_FAILURE : 0u) |
           (events & POLLPRI ? APM__OS_READY_URGENT : 0u);
}

apm_error apm__os_poll_all(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns, size_t *ready)
{
    enum { ON_STACK = 256 };
    struct pollfd few[ON_STACK];
    struct pollfd *polled = few;
    *ready = 0;
    if (count > ON_STACK) {
        polled = apm__os_allocate(count * sizeof *polled);
        if (!polled)
            return APM_ERROR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t interest = entries[i].interest;
        polled[i] = (struct pollfd){.fd = entries[i].socket,
                                    .events = (short)((interest & APM__OS_READY_IN ? POLLIN : 0) |
                                                      (interest & APM__OS_READY_URGENT ? POLLPRI : 0) |
                                                      (interest & APM__OS_READY_OUT ? POLLOUT : 0))};
        entries[i].ready = 0;
    }
    int64_t timeout_ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    int found = poll(polled, (nfds_t)count, timeout_ms > 2147483647 ? 2147483647 : (int)timeout_ms);
    for (size_t i = 0; found > 0 && i < count; i++)
        entries[i].ready = to_ready(polled[i].revents);
    if (polled != few)
        apm__os_free(polled);
    *ready = found > 0 ? (size_t)found : 0;
    return APM_ERROR_SUCCESS;
}

size_t apm__os_poll(apm__os_poll_entry *entries, size_t count, int64_t timeout_ns)
{
    enum { WITHOUT_MEMORY = 256, TURN_NS = 10000000 };
    size_t ready;
    if (apm__os_poll_all(entries, count, timeout_ns, &ready) == APM_ERROR_SUCCESS)
        return ready;
    /* The first ones are polled, for a short time: slower, but nothing is lost, since the caller rotates its list. */
    if (timeout_ns < 0 || timeout_ns > TURN_NS)
        timeout_ns = TURN_NS;
    for (size_t i = WITHOUT_MEMORY; i < count; i++)
        entries[i].ready = 0;
    apm_error error = apm__os_poll_all(entries, WITHOUT_MEMORY, timeout_ns, &ready);
    return error == APM_ERROR_SUCCESS ? ready : 0;
}
