/*
 * The services of apm-echo, and what they have in common.
 *
 * All of it but the start and the end runs in callbacks of the library. What a connection, or the place of a datagram,
 * owns is touched by the one chain of operations that it has, each of which is begun in the callback of the one before;
 * so it needs no lock.
 *
 * With TLS a connection is a stream over its socket, and has a handshake before everything else.
 */
#ifndef BENCH_TOOLS_ECHO_H
#define BENCH_TOOLS_ECHO_H

#include <apm/apm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target.h"

enum echo_service {
    ECHO_ECHO,    /* what comes goes back */
    ECHO_DISCARD, /* what comes is thrown away: RFC 863 */
    ECHO_CHARGEN, /* text without an end, whatever comes: RFC 864 */
    ECHO_DELAY,   /* as echo, after a time */
    ECHO_REPLY    /* to each request a response of the size that it asks for: frame.h */
};

/* Immutable once the first listener is there. */
struct echo_settings {
    enum echo_service service;
    int64_t delay_ms;
    size_t buffer_bytes; /* the most that one receive takes */
    int backlog;
    unsigned datagrams; /* how many datagrams of a socket can be served at a time */
};

/* Atomic: added to by connections that end and by datagrams, relaxed, since nothing hangs on them. */
struct echo_counts {
    _Atomic uint64_t connections;
    _Atomic uint64_t received_bytes;
    _Atomic uint64_t sent_bytes;
    _Atomic uint64_t failed_handshakes;
};

/* A listener, which lives as long as the program. Immutable once it serves. */
struct echo_listener {
    apm_socket socket;
    bool is_tls;
};

extern struct echo_settings echo_settings;
extern struct echo_counts echo_counts;

/* The text of chargen, ECHO_TEXT_BYTES of it, after which it begins again. echo_text_init is called once before. */
#define ECHO_TEXT_LINE 74u
#define ECHO_TEXT_BYTES (95u * ECHO_TEXT_LINE)
const char *echo_text(void);
void echo_text_init(void);

/*
 * Serves what connects to, or sends to, the bound socket, until it is drained (a listener) or closed. Exits with a
 * message where that cannot be started.
 */
void echo_stream_serve(struct echo_listener *listener);
void echo_datagram_serve(apm_socket socket);

/*
 * Makes the context of all connections with TLS; exits with a message where the files will not do. `key_file` and
 * `password` may be NULL. Called once, before anything is served with TLS.
 */
void echo_tls_init(const char *certificate_file, const char *key_file, const char *password);
void echo_tls_fini(void);

/*
 * Makes a stream of an accepted socket, which it owns from then on, and begins the handshake; who says nothing for ten
 * seconds fails. *stream is set before the callback can run. On failure the caller closes it, or the socket where it is
 * null.
 */
apm_error echo_tls_begin(apm_socket socket, apm_stream *stream, apm_async_callback *callback, void *state);

/* Ends the handshake. One that has failed is counted, and the first one is said in words. */
apm_error echo_tls_end(apm_stream stream, apm_async_result result);

/* Exits with "program: what: the error" if it is one. */
void echo_check(apm_error error, const char *what);

#endif
