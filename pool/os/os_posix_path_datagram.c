/*
 * Datagrams of unix domain sockets. Any thread; no state.
 *
 * Room. A send that finds the sender's own buffer full waits for the socket to be writable. One that finds the queue of
 * the receiver full does so only if the receiver is the sender's peer: for any other the system reports the socket as
 * writable all the time, so that waiting for it would be for ever.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "apm/socket.h"
#include "os.h"
#include "os_posix_address.h"
#include "os_posix_error.h"
#include "os_posix_flags.h"
#include "os_posix_system_call.h"

apm_error apm__os_socket_receive_from_path(apm__os_socket socket, apm__os_datagram *datagram, int flags,
                                           apm_endpoint *sender)
{
    union apm__os_any_address address;
    struct iovec vector = {.iov_base = datagram->buffer, .iov_len = datagram->size};
    struct msghdr message = {.msg_name = &address, .msg_iov = &vector, .msg_iovlen = 1};
    int system_flags = 0;
    if (flags != 0 && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    memset(&address, 0, sizeof address);
    address.any.sa_family = AF_UNIX; /* which the system does not write for a sender without a name */
    ssize_t received;
    do {
        message.msg_namelen = sizeof address;
        received = system_receive_message(socket, &message, system_flags);
    } while (received < 0 && errno == EINTR);
    if (received < 0)
        return apm__os_translate(errno);
    *sender = apm__os_endpoint_of(&address, message.msg_namelen);
    datagram->transferred = (size_t)received;
    datagram->flags = message.msg_flags & MSG_TRUNC ? APM_SOCKET_FLAGS_TRUNCATED : APM_SOCKET_FLAGS_NONE;
    return APM_ERROR_SUCCESS;
}

static bool is_writable(apm__os_socket socket)
{
    struct pollfd entry = {.fd = socket, .events = POLLOUT};
    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT);
}

apm_error apm__os_socket_send_to_path(apm__os_socket socket, const void *buffer, size_t size, int flags,
                                      const apm_endpoint *remote, size_t *sent)
{
    union apm__os_any_address address;
    socklen_t address_size = apm__os_address_to_system(remote, &address);
    int system_flags = 0;
    *sent = 0;
    if (flags != 0 && !apm__os_flags_to_system(flags, &system_flags))
        return apm__os_translate(EOPNOTSUPP);
    /* The second time, for the socket may have become writable in between. */
    for (int attempts = 0; attempts < 2; attempts++) {
        ssize_t count;
        do
            count = system_send_to(socket, buffer, size, system_flags | MSG_NOSIGNAL, &address.any, address_size);
        while (count < 0 && errno == EINTR);
        if (count >= 0) {
            *sent = (size_t)count;
            return APM_ERROR_SUCCESS;
        }
        if (errno != EAGAIN)
            return apm__os_translate(errno);
        if (!is_writable(socket))
            return APM_ERROR_WOULD_BLOCK;
    }
    apm__os_set_native_error(EAGAIN);
    return APM_ERROR_TRY_AGAIN;
}
