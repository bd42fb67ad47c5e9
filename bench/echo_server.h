/*
 * What the echo servers written in C and C++ have in common besides their event loop: the command line
 * `program port workers [buffer_bytes]`, the listening socket on 127.0.0.1, and the line that says where they listen.
 */
#ifndef BENCH_ECHO_SERVER_H
#define BENCH_ECHO_SERVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct echo_server {
    uint16_t port; /* the one asked for; after the first echo_server_listen the real one */
    int workers;
    size_t buffer_bytes; /* the most that one receive takes */
};

/* Reads the command line, or says how it looks and exits. Ignores SIGPIPE and raises the limit of descriptors. */
struct echo_server echo_server_start(int argument_count, char **arguments);

/*
 * Returns a non-blocking listening socket, or says why there is none and exits. With several workers each calls it, one
 * after the other: their sockets share the port, and the kernel spreads the connections over them (SO_REUSEPORT).
 * Accepted sockets inherit TCP_NODELAY.
 */
int echo_server_listen(struct echo_server *server);

/* Prints "listening on 127.0.0.1:PORT" for whoever started the server; call when connections can be made. */
void echo_server_announce(const struct echo_server *server);

/* Prints what failed, with errno's text, and exits. */
void echo_server_fail(const char *what);

#ifdef __cplusplus
}
#endif

#endif
