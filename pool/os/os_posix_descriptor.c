/*
 * Descriptors from elsewhere and to elsewhere: what a descriptor is, duplicates, and messages that carry them. Any
 * thread; no state.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os.h"
#include "os_posix_error.h"

/* -- What a descriptor is -- */

static bool number_of(int descriptor, int name, int *value)
{
    socklen_t size = sizeof *value;
    return getsockopt(descriptor, SOL_SOCKET, name, value, &size) == 0;
}

static apm_address_family to_family(int domain)
{
    switch (domain) {
    case AF_INET: return APM_ADDRESS_FAMILY_INTER_NETWORK;
    case AF_INET6: return APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    case AF_UNIX: return APM_ADDRESS_FAMILY_UNIX;
    default: return APM_ADDRESS_FAMILY_UNSPECIFIED;
    }
}

static bool is_bound(apm__os_socket socket)
{
    apm_endpoint local;
    if (apm__os_socket_local_endpoint(socket, &local) != APM_ERROR_SUCCESS)
        return false;
    return local.port != 0 || local.path_size != 0;
}

apm_error apm__os_socket_describe(apm__os_socket socket, apm__os_description *description)
{
    int domain;
    int listening = 0;
    apm_endpoint remote;
    memset(description, 0, sizeof *description);
    if (!number_of(socket, SO_DOMAIN, &domain) || !number_of(socket, SO_TYPE, &description->type) ||
        !number_of(socket, SO_PROTOCOL, &description->protocol))
        return apm__os_translate(errno == EBADF ? ENOTSOCK : errno);
    description->family = to_family(domain);
    if (description->family == APM_ADDRESS_FAMILY_UNSPECIFIED)
        return apm__os_translate(EAFNOSUPPORT);
    description->listening = number_of(socket, SO_ACCEPTCONN, &listening) && listening != 0;
    description->connected = apm__os_socket_remote_endpoint(socket, &remote) == APM_ERROR_SUCCESS;
    description->bound = description->connected || description->listening || is_bound(socket);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_prepare(apm__os_socket socket)
{
    int on = 1;
    return apm__os_outcome(ioctl(socket, FIOCLEX) != 0 || ioctl(socket, FIONBIO, &on) != 0);
}

apm_error apm__os_socket_duplicate(apm__os_socket socket, apm__os_socket *duplicate)
{
    *duplicate = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (*duplicate >= 0)
        return APM_ERROR_SUCCESS;
    *duplicate = APM__OS_NO_SOCKET;
    return apm__os_translate(errno);
}

/* -- Messages that carry a descriptor -- */

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

apm_error apm__os_socket_send_descriptor(apm__os_socket over, apm__os_socket descriptor)
{
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    ssize_t sent;
    do
        sent = sendmsg(over, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return apm__os_outcome(sent < 0);
}

apm_error apm__os_socket_receive_descriptor(apm__os_socket over, apm__os_socket *descriptor, bool *ended)
{
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union control control;
    /* Not the space: its padding has room for a second descriptor, which would stay open. The kernel drops the rest. */
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_LEN(sizeof *descriptor)};
    *descriptor = APM__OS_NO_SOCKET;
    *ended = false;
    ssize_t received;
    do
        received = recvmsg(over, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return apm__os_translate(errno);
    *ended = received == 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof *descriptor))
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return APM_ERROR_SUCCESS;
}

uint64_t apm__os_process_id(void)
{
    return (uint64_t)getpid();
}
