/*
 * Owns the command line of the TLS echo servers.
 */
#define _GNU_SOURCE 1
#include "tls_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_WORKERS 1024

struct tls_arguments tls_arguments_parse(int argument_count, char **arguments)
{
    char *end = arguments[0];
    long port = argument_count == 5 ? strtol(arguments[1], &end, 10) : -1;
    long workers = *end == '\0' && port >= 0 && port <= 65535 ? strtol(arguments[2], &end, 10) : 0;
    if (*end != '\0' || workers < 1 || workers > MOST_WORKERS) {
        fprintf(stderr, "usage: %s port workers certificate key\n", arguments[0]);
        exit(2);
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return (struct tls_arguments){(uint16_t)port, (int)workers, arguments[3], arguments[4]};
}
