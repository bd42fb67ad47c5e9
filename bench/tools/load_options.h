/*
 * What apm-load was asked to do. Immutable after load_options_parse.
 */
#ifndef BENCH_TOOLS_LOAD_OPTIONS_H
#define BENCH_TOOLS_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target.h"

enum load_kind {
    LOAD_ECHO,  /* each message comes back */
    LOAD_REPLY, /* each request, of a size, has a response of a size: frame.h */
    LOAD_TEXT,  /* each request and each response are bytes that the user has given */
    LOAD_HTTP   /* GET of HTTP/1.1 */
};

enum load_format { LOAD_FORMAT_TEXT, LOAD_FORMAT_JSON, LOAD_FORMAT_CSV };

struct load_options {
    const char *target_text;
    struct target target;
    enum load_kind kind;
    uint32_t connections;
    uint32_t threads;
    uint32_t depth;       /* messages in flight on a connection, at most */
    uint32_t size;        /* of a message or request */
    uint32_t reply_bytes; /* of a response; of LOAD_TEXT only where `expected` is NULL */
    double rate;          /* messages a second of all connections together; 0: closed loop */
    uint64_t warmup_ns;
    uint64_t duration_ns;
    uint64_t timeout_ns;
    bool churn; /* a connection for each message */

    /* TLS, where the target has it. */
    const char *ca_file;     /* whom to trust; NULL: whom the system trusts */
    const char *server_name; /* that the server's certificate has to be for, or "" */
    bool is_insecure;        /* any certificate will do */
    bool no_resumption;

    const char *request;  /* LOAD_TEXT and LOAD_HTTP: `size` bytes */
    const char *expected; /* LOAD_TEXT, a response, and LOAD_HTTP, a body: `expected_bytes`, or NULL for any */
    size_t expected_bytes;

    enum load_format format;
    const char *output;      /* a file for the report, or NULL for standard output */
    const char *percentiles; /* a file for the distribution of latencies, or NULL */
    bool quiet;
};

/* Prints what is wrong, or the help text, and exits where the arguments ask for it. */
struct load_options load_options_parse(int argument_count, char **arguments);

#endif
