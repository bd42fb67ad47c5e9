/*
 * The datagram socket of the echo servers that are not the library's. Called by the main thread before workers start.
 */
#ifndef BENCH_UDP_SERVER_H
#define BENCH_UDP_SERVER_H

#include "echo_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A non-blocking socket on 127.0.0.1, or the program ends. With several workers their sockets share the port. */
static inline int udp_server_bind(struct echo_server *server)
{
    const int yes = 1;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    if (descriptor < 0)
        echo_server_fail("socket");
    if (server->workers > 1 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0)
        echo_server_fail("SO_REUSEPORT");
    if (bind(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
        echo_server_fail("bind");
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0)
        echo_server_fail("getsockname");
    server->port = ntohs(address.sin_port);
    return descriptor;
}

#endif
