/*
 * Trains of datagrams: UDP_SEGMENT (Linux 4.18), which cuts what one call sends, and UDP_GRO (Linux 5.0), which joins
 * what one call receives. Any thread.
 *
 * An older system, and a socket of another protocol, ignores the message that asks for a cut, and would send the train
 * as one datagram. So it is asked for only where the socket knows the option of that name. A device that computes no
 * checksums, a route through IPsec, and datagrams that would need fragments are refused at the call itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "os.h"
#include "os_posix_error.h"
#include "os_posix_system_call.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    MOST_DATAGRAMS = 64, /* of one call; later systems take more */
    MOST_BYTES = 65507   /* the largest datagram of IPv4, which the train is until it is cut */
};

bool apm__os_socket_cuts(apm__os_socket socket)
{
    int value;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_UDP, UDP_SEGMENT, &value, &size) == 0;
}

bool apm__os_socket_joins(apm__os_socket socket)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(socket, SOL_UDP, UDP_GRO, &value, &size) == 0 && value != 0;
}

apm_error apm__os_socket_join(apm__os_socket socket)
{
    const int on = 1;
    if (setsockopt(socket, SOL_UDP, UDP_GRO, &on, sizeof on) == 0)
        return APM_ERROR_SUCCESS;
    bool is_unknown = errno == ENOPROTOOPT || errno == EOPNOTSUPP; /* so nothing is joined */
    return is_unknown ? APM_ERROR_SUCCESS : apm__os_translate(errno);
}

/* Sends `size` bytes, cut into datagrams; errno has what is wrong where the result is below 0. */
static ssize_t send_cut(apm__os_socket socket, const apm__os_datagram *train, size_t size, size_t datagram_size)
{
    _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    uint16_t cut = (uint16_t)datagram_size;
    struct iovec vector = {.iov_base = train->buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_name = train->address,
                             .msg_namelen = (socklen_t)apm__os_address_length(train->address),
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof cut);
    memcpy(CMSG_DATA(part), &cut, sizeof cut);
    ssize_t sent;
    do
        sent = system_send_message(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static bool says_it_cannot_cut(int code)
{
    return code == EIO || code == EINVAL || code == EMSGSIZE || code == EOPNOTSUPP || code == ENOPROTOOPT;
}

/* Sends the first ones each for itself; `sent` is the bytes of those that went. */
static apm_error send_each(apm__os_socket socket, const apm__os_datagram *train, size_t datagram_size, size_t *sent)
{
    apm__os_datagram datagrams[APM__OS_DATAGRAM_LIMIT];
    size_t count = 0;
    size_t at = 0;
    size_t done;
    do {
        size_t size = train->size - at < datagram_size ? train->size - at : datagram_size;
        datagrams[count++] =
            (apm__os_datagram){.buffer = (unsigned char *)train->buffer + at, .size = size, .address = train->address};
        at += size;
    } while (at < train->size && count < APM__OS_DATAGRAM_LIMIT);
    apm_error error = apm__os_socket_send_datagrams(socket, datagrams, count, 0, &done);
    for (size_t i = 0; i < done; i++)
        *sent += datagrams[i].transferred;
    return error;
}

apm_error apm__os_socket_send_train(apm__os_socket socket, const apm__os_datagram *train, size_t datagram_size,
                                    bool *cuts, size_t *sent)
{
    size_t most = datagram_size > MOST_BYTES ? 0 : MOST_BYTES / datagram_size;
    size_t size = (most < MOST_DATAGRAMS ? most : MOST_DATAGRAMS) * datagram_size;
    size = train->size < size ? train->size : size;
    *sent = 0;
    if (*cuts && size > datagram_size) {
        ssize_t cut = send_cut(socket, train, size, datagram_size);
        if (cut >= 0) {
            *sent = (size_t)cut;
            return APM_ERROR_SUCCESS;
        }
        if (!says_it_cannot_cut(errno))
            return apm__os_translate(errno);
        *cuts = false; /* if something else is wrong, those that are sent each for itself meet it, too */
    }
    return send_each(socket, train, datagram_size, sent);
}
