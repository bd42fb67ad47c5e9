/*
 * The port of os.h to the simulated network: sockets and datagrams. See network.h.
 */
#include <errno.h>
#include <string.h>

#include "apm/socket.h"
#include "machine.h"
#include "network.h"
#include "os.h"
#include "os_posix_address.h"
#include "os_posix_error.h"
#include "shortage.h"

/* -- Life -- */

apm_error apm__os_socket_create(apm_address_family family, int type, int protocol, apm__os_socket *created)
{
    SIM_POINT();
    *created = APM__OS_NO_SOCKET;
    bool is_of_paths = family == APM_ADDRESS_FAMILY_UNIX;
    if (family != APM_ADDRESS_FAMILY_INTER_NETWORK && family != APM_ADDRESS_FAMILY_INTER_NETWORK_V6 && !is_of_paths)
        return apm__os_translate(EAFNOSUPPORT);
    if (type != APM_SOCKET_TYPE_STREAM && type != APM_SOCKET_TYPE_DGRAM)
        return apm__os_translate(ESOCKTNOSUPPORT);
    int expected = is_of_paths ? 0 : type == APM_SOCKET_TYPE_STREAM ? APM_PROTOCOL_TYPE_TCP : APM_PROTOCOL_TYPE_UDP;
    if (protocol != 0 && protocol != expected)
        return apm__os_translate(EPROTONOSUPPORT);
    if (sim_runs_out(SIM_DESCRIPTORS))
        return apm__os_translate(EMFILE);
    struct sim_file *file = sim_file_create(type == APM_SOCKET_TYPE_STREAM ? SIM_STREAM : SIM_DATAGRAM);
    file->family = family;
    file->protocol = expected;
    *created = sim_descriptor_open(file);
    sim_trace("socket %u is descriptor %d", file->serial, *created);
    return *created < 0 ? apm__os_translate(EMFILE) : APM_ERROR_SUCCESS;
}

void apm__os_socket_close(apm__os_socket socket)
{
    SIM_POINT();
    sim_trace("closes descriptor %d", socket);
    sim_descriptor_close(socket);
}

apm_error apm__os_socket_replace(apm__os_socket old, apm__os_socket renewed)
{
    SIM_POINT();
    sim_trace("descriptor %d takes the place of %d", renewed, old);
    sim_descriptor_replace(old, renewed);
    SIM_POINT();
    sim_descriptor_close(renewed);
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_bind(apm__os_socket socket, apm_endpoint local)
{
    SIM_POINT();
    return apm__os_translate(sim_bind(sim_socket_of(socket), local));
}

apm_error apm__os_socket_listen(apm__os_socket socket, int backlog)
{
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    return apm__os_translate(file->kind == SIM_STREAM ? sim_stream_listen(file, backlog) : EOPNOTSUPP);
}

apm_error apm__os_socket_accept(apm__os_socket socket, apm__os_socket *accepted)
{
    struct sim_file *file;
    SIM_POINT();
    *accepted = APM__OS_NO_SOCKET;
    struct sim_file *listener = sim_socket_of(socket);
    bool has_come = listener->kind == SIM_STREAM && listener->backlog_count > 0;
    if (has_come && sim_runs_out(SIM_DESCRIPTORS)) /* the connection stays where it is */
        return apm__os_translate(EMFILE);
    int error = listener->kind == SIM_STREAM ? sim_stream_accept(listener, &file) : EOPNOTSUPP;
    if (error)
        return apm__os_translate(error);
    *accepted = sim_descriptor_open(file);
    sim_trace("accepts socket %u as descriptor %d", file->serial, *accepted);
    return *accepted < 0 ? apm__os_translate(EMFILE) : APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_shutdown(apm__os_socket socket, int how)
{
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    bool receive = how != APM_SOCKET_SHUTDOWN_SEND;
    bool send = how != APM_SOCKET_SHUTDOWN_RECEIVE;
    sim_trace("shuts descriptor %d down: %d", socket, how);
    if (file->kind == SIM_STREAM)
        return apm__os_translate(sim_stream_shutdown(file, receive, send));
    file->receive_ended = file->receive_ended || receive;
    file->send_ended = file->send_ended || send;
    sim_changed(file, APM__OS_READY_IN | APM__OS_READY_OUT | APM__OS_READY_HANG_UP);
    return apm__os_translate(file->state == SIM_CONNECTED ? 0 : ENOTCONN);
}

apm_error apm__os_socket_connect(apm__os_socket socket, apm_endpoint remote, bool map_to_ipv6)
{
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    if (map_to_ipv6)
        remote.address = apm_ip_address_map_to_ipv6(remote.address);
    if (remote.address.family != file->family)
        return apm__os_translate(EAFNOSUPPORT);
    int error = file->kind == SIM_STREAM ? sim_stream_connect(file, remote) : sim_datagram_connect(file, remote);
    sim_trace("connects descriptor %d: %d", socket, error);
    if (error == EAGAIN) /* a path's listener has no room */
        return APM_ERROR_TRY_AGAIN;
    if (error == EINPROGRESS || error == EALREADY)
        return APM_ERROR_WOULD_BLOCK;
    apm_error translated = apm__os_translate(error);
    return translated == APM_ERROR_SHUTDOWN ? APM_ERROR_CONNECTION_RESET : translated;
}

/* -- Data -- */

static bool flags_are_known(int flags)
{
    const int known = APM_SOCKET_FLAGS_PEEK | APM_SOCKET_FLAGS_DONT_ROUTE | APM_SOCKET_FLAGS_TRUNCATED |
                      APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED;
    return (flags & ~known) == 0;
}

static apm_error receive_now(apm__os_socket socket, void *buffer, size_t size, int flags, size_t *received)
{
    apm_endpoint from;
    apm_endpoint to;
    bool truncated;
    *received = 0;
    struct sim_file *file = sim_socket_of(socket);
    bool peek = (flags & APM_SOCKET_FLAGS_PEEK) != 0;
    if (!flags_are_known(flags)) /* urgent data is not simulated */
        return apm__os_translate(flags == APM_SOCKET_FLAGS_OUT_OF_BAND ? EINVAL : EOPNOTSUPP);
    int error = file->kind == SIM_STREAM
                    ? sim_stream_receive(file, buffer, size, peek, received)
                    : sim_datagram_receive(file, buffer, size, peek, received, &from, &to, &truncated);
    sim_trace("receives %zu of %zu bytes from descriptor %d: %d", *received, size, socket, error);
    return apm__os_translate(error);
}

apm_error apm__os_socket_receive(apm__os_socket socket, void *buffer, size_t size, int flags, size_t *received)
{
    SIM_POINT();
    return receive_now(socket, buffer, size, flags, received);
}

static apm_error send_now(apm__os_socket socket, const void *buffer, size_t size, int flags, size_t *sent)
{
    *sent = 0;
    struct sim_file *file = sim_socket_of(socket);
    if (!flags_are_known(flags))
        return apm__os_translate(EOPNOTSUPP);
    int error;
    if (file->kind == SIM_STREAM) {
        error = sim_stream_send(file, buffer, size, sent);
    } else {
        error = sim_datagram_send(file, buffer, size, (apm_endpoint){0});
        *sent = error ? 0 : size;
    }
    sim_trace("sends %zu of %zu bytes over descriptor %d: %d", *sent, size, socket, error);
    return apm__os_translate(error);
}

apm_error apm__os_socket_send(apm__os_socket socket, const void *buffer, size_t size, int flags, size_t *sent)
{
    SIM_POINT();
    return send_now(socket, buffer, size, flags, sent);
}

/* A list is one system call: an error that comes behind some of the bytes stays for the next one. */
apm_error apm__os_socket_receive_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                          int flags, size_t *received)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *received = 0;
    for (size_t i = 0; i < count; i++) {
        size_t part = 0;
        if (*received > 0 && file->error && file->in && file->in->arrived == file->in->taken)
            break;
        apm_error error = receive_now(socket, segments[i].buffer, segments[i].size, flags, &part);
        *received += part;
        if (error != APM_ERROR_SUCCESS)
            return *received > 0 ? APM_ERROR_SUCCESS : error;
        if (part < segments[i].size)
            break;
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_send_segments(apm__os_socket socket, const apm_array_segment *segments, size_t count,
                                       int flags, size_t *sent)
{
    SIM_POINT();
    const struct sim_file *file = sim_socket_of(socket);
    *sent = 0;
    for (size_t i = 0; i < count; i++) {
        size_t part = 0;
        if (*sent > 0 && file->error)
            break;
        apm_error error = send_now(socket, segments[i].buffer, segments[i].size, flags, &part);
        *sent += part;
        if (error != APM_ERROR_SUCCESS)
            return *sent > 0 ? APM_ERROR_SUCCESS : error;
        if (part < segments[i].size)
            break;
    }
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_readable(apm__os_socket socket)
{
    char byte;
    size_t received;
    return apm__os_socket_receive(socket, &byte, 1, APM_SOCKET_FLAGS_PEEK, &received);
}

/* -- Datagrams -- */

apm__os_address apm__os_address_of(const apm_endpoint *endpoint, bool map_to_ipv6)
{
    apm__os_address address = {{0}};
    apm_endpoint plain = *endpoint;
    union apm__os_any_address any;
    if (map_to_ipv6)
        plain.address = apm_ip_address_map_to_ipv6(plain.address);
    apm__os_address_to_system(&plain, &any);
    memcpy(&address, &any, sizeof address);
    return address;
}

apm__os_address apm__os_address_any(apm_address_family family)
{
    bool is_v6 = family == APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
    apm_endpoint any = {.address = is_v6 ? apm_ip_address_ipv6_any() : apm_ip_address_any()};
    return apm__os_address_of(&any, false);
}

void apm__os_address_endpoint(const apm__os_address *address, apm_endpoint *endpoint)
{
    union apm__os_any_address any = {.any = {0}};
    memcpy(&any, address, sizeof *address);
    *endpoint = apm__os_endpoint_of(&any, sizeof any);
}

static int receive_one(struct sim_file *file, apm__os_datagram *datagram, bool peek)
{
    apm_endpoint from = {0};
    apm_endpoint to = {0};
    bool truncated = false;
    int error = file->kind == SIM_STREAM
                    ? sim_stream_receive(file, datagram->buffer, datagram->size, peek, &datagram->transferred)
                    : sim_datagram_receive(file, datagram->buffer, datagram->size, peek, &datagram->transferred, &from,
                                           &to, &truncated);
    if (error)
        return error;
    datagram->flags = truncated ? APM_SOCKET_FLAGS_TRUNCATED : 0;
    if (datagram->address && file->kind != SIM_STREAM)
        *datagram->address = apm__os_address_of(&from, false);
    if (datagram->datagram_size)
        *datagram->datagram_size = 0;
    if (datagram->packet) {
        *datagram->packet = (apm__os_packet){.interface = 1};
        apm_endpoint at = from.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK ? sim_plain(to) : to;
        memcpy(datagram->packet->address, at.address.bytes, sizeof datagram->packet->address);
    }
    return 0;
}

apm_error apm__os_socket_receive_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                           size_t *done)
{
    SIM_POINT();
    *done = 0;
    struct sim_file *file = sim_socket_of(socket);
    if (!flags_are_known(flags))
        return apm__os_translate(EOPNOTSUPP);
    int error = 0;
    while (*done < count && (error = receive_one(file, &datagrams[*done], flags & APM_SOCKET_FLAGS_PEEK)) == 0)
        (*done)++;
    sim_trace("receives %zu of %zu datagrams from descriptor %d: %d", *done, count, socket, error);
    return *done > 0 ? APM_ERROR_SUCCESS : apm__os_translate(error);
}

static int send_one(struct sim_file *file, apm__os_datagram *datagram)
{
    apm_endpoint to = {0};
    if (datagram->address)
        apm__os_address_endpoint(datagram->address, &to);
    if (file->kind == SIM_STREAM)
        return sim_stream_send(file, datagram->buffer, datagram->size, &datagram->transferred);
    int error = sim_datagram_send(file, datagram->buffer, datagram->size, to);
    datagram->transferred = error ? 0 : datagram->size;
    return error;
}

apm_error apm__os_socket_send_datagrams(apm__os_socket socket, apm__os_datagram *datagrams, size_t count, int flags,
                                        size_t *done)
{
    SIM_POINT();
    *done = 0;
    struct sim_file *file = sim_socket_of(socket);
    if (!flags_are_known(flags))
        return apm__os_translate(EOPNOTSUPP);
    int error = 0;
    while (*done < count && (error = send_one(file, &datagrams[*done])) == 0)
        (*done)++;
    sim_trace("sends %zu of %zu datagrams over descriptor %d: %d", *done, count, socket, error);
    return *done > 0 ? APM_ERROR_SUCCESS : apm__os_translate(error);
}

/* It neither cuts nor joins trains: each datagram goes for itself. */
bool apm__os_socket_cuts(apm__os_socket socket)
{
    (void)sim_socket_of(socket);
    return false;
}

apm_error apm__os_socket_send_train(apm__os_socket socket, const apm__os_datagram *train, size_t datagram_size,
                                    bool *cuts, size_t *sent)
{
    apm__os_datagram first = *train;
    size_t done;
    *cuts = false;
    if (first.size > datagram_size)
        first.size = datagram_size;
    apm_error error = apm__os_socket_send_datagrams(socket, &first, 1, APM_SOCKET_FLAGS_NONE, &done);
    *sent = first.transferred;
    return error;
}

apm_error apm__os_socket_join(apm__os_socket socket)
{
    (void)sim_socket_of(socket);
    return APM_ERROR_SUCCESS;
}

bool apm__os_socket_joins(apm__os_socket socket)
{
    (void)sim_socket_of(socket);
    return false;
}

apm_error apm__os_socket_want_packets(apm__os_socket socket, apm_address_family family)
{
    SIM_POINT();
    (void)sim_socket_of(socket);
    (void)family;
    return APM_ERROR_SUCCESS;
}

apm_error apm__os_socket_dissolve(apm__os_socket socket)
{
    SIM_POINT();
    struct sim_file *file = sim_socket_of(socket);
    if (file->kind == SIM_DATAGRAM) {
        file->state = SIM_UNCONNECTED;
        file->peer = NULL;
    }
    return APM_ERROR_SUCCESS;
}
