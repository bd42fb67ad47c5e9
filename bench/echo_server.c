/*
 * Owns the command line and the listening sockets of the echo servers. Called by the main thread before workers start.
 */
#define _GNU_SOURCE 1
#include "echo_server.h"

#include "descriptors.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define DEFAULT_BUFFER_BYTES 4096
#define LARGEST_BUFFER_BYTES (1l << 26)
#define MOST_WORKERS 1024

/* As many connections as the kernel allows may wait to be accepted (net.core.somaxconn limits it). */
#define BACKLOG 4096

void echo_server_fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static _Noreturn void refuse(const char *program)
{
    fprintf(stderr, "usage: %s port workers [buffer_bytes]\n", program);
    exit(2);
}

static long parse_integer(const char *program, const char *text, long smallest, long largest)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < smallest || value > largest)
        refuse(program);
    return value;
}

struct echo_server echo_server_start(int argument_count, char **arguments)
{
    if (argument_count < 3 || argument_count > 4)
        refuse(arguments[0]);
    struct echo_server server = {
        .port = (uint16_t)parse_integer(arguments[0], arguments[1], 0, 65535),
        .workers = (int)parse_integer(arguments[0], arguments[2], 1, MOST_WORKERS),
        .buffer_bytes = DEFAULT_BUFFER_BYTES,
    };
    if (argument_count == 4)
        server.buffer_bytes = (size_t)parse_integer(arguments[0], arguments[3], 1, LARGEST_BUFFER_BYTES);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    descriptors_raise_limit();
    return server;
}

int echo_server_listen(struct echo_server *server)
{
    const int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        echo_server_fail("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        echo_server_fail("setsockopt");
    if (server->workers > 1 && setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) != 0)
        echo_server_fail("SO_REUSEPORT");

    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0)
        echo_server_fail("bind");
    if (listen(listener, BACKLOG) != 0)
        echo_server_fail("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        echo_server_fail("getsockname");
    server->port = ntohs(address.sin_port);
    return listener;
}

void echo_server_announce(const struct echo_server *server)
{
    printf("listening on 127.0.0.1:%u\n", server->port);
    fflush(stdout);
}
