/*
 * What the TLS echo servers that are not the library's or .NET's share: a loop that blocks, on a thread for each
 * worker, which accepts a connection, serves it to its end, and accepts the next one. A peer supplies the two functions
 * below. The command line is `tls_NAME port workers certificate key`, with files in PEM.
 */
#ifndef BENCH_TLS_SERVER_H
#define BENCH_TLS_SERVER_H

#include <stdint.h>

enum { TLS_BUFFER_BYTES = 16384 };

/* What was asked for on the command line. */
struct tls_arguments {
    uint16_t port;
    int workers;
    const char *certificate;
    const char *key;
};

/* Reads the command line, or says how it looks and exits. Ignores SIGPIPE. */
struct tls_arguments tls_arguments_parse(int argument_count, char **arguments);

/* Supplied by the peer: makes what connections have in common, or says what is wrong and exits. Called once. */
void tls_peer_start(const struct tls_arguments *arguments);

/* Supplied by the peer: shakes hands, echoes until the client says that it ends, says so too. On any worker. */
void tls_peer_serve(int descriptor, unsigned char *buffer);

#endif
