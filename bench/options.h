/*
 * What the load generator was asked to do. Immutable after options_parse.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum load_mode {
    LOAD_ECHO,  /* connections stay open; each has `depth` messages in flight */
    LOAD_CHURN, /* connect, one message, its echo, close, again */
    LOAD_IDLE   /* connections are opened and nothing is sent while memory and CPU time are measured */
};

struct options {
    enum load_mode mode;
    uint16_t port;
    pid_t server; /* 0: the server's CPU time and memory are not measured */
    uint32_t connections;
    uint32_t size; /* bytes of a message */
    uint32_t depth;
    uint64_t duration_ns;
    uint64_t warmup_ns;
    bool stuck; /* one extra connection asks the server to block in its callback */
    bool spin;  /* poll without sleeping */
    bool json;
};

/* Prints what is wrong, or the help text, and exits where the arguments ask for it. */
struct options options_parse(int argument_count, char **arguments);

#endif
