/*
 * The services of apm-echo, and what they have in common.
 *
 * All of it but the start and the end runs in callbacks of the library. What a connection, or the place of a datagram,
 * owns is touched by the one chain of operations that it has, each of which is begun in the callback of the one before;
 * so it needs no lock.
 */
#ifndef BENCH_TOOLS_ECHO_H
#define BENCH_TOOLS_ECHO_H

#include <apm/apm.h>
#include <stdatomic.h>
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
void echo_stream_serve(apm_socket listener);
void echo_datagram_serve(apm_socket socket);

/* Exits with "program: what: the error" if it is one. */
void echo_check(apm_error error, const char *what);

#endif
