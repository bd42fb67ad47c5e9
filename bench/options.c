/*
 * Owns the command line of the load generator. Single threaded.
 */
#define _GNU_SOURCE 1
#include "options.h"

#include "clock.h"
#include "stuck.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char help[] =
    "usage: load --port PORT [option]...\n"
    "Sends messages to an echo server on 127.0.0.1 and checks every byte that comes back.\n"
    "\n"
    "  --port PORT         the server's port\n"
    "  --connections N     open connections (default 1)\n"
    "  --size BYTES        bytes of a message (default 64)\n"
    "  --depth N           messages in flight on each connection (default 1)\n"
    "  --duration SECONDS  measured time (default 3)\n"
    "  --warmup SECONDS    unmeasured time before it (default 1)\n"
    "  --churn             each connection: connect, one message, its echo, close, again\n"
    "  --idle N            open N connections, send nothing, measure memory and CPU time (needs --pid)\n"
    "  --stuck             one extra connection keeps the server blocked in a callback (needs a server that does so)\n"
    "  --spin              poll without sleeping, so that the server never has to wake the load generator\n"
    "  --pid PID           the server's process, whose CPU time is measured\n"
    "  --json              print a JSON object instead of key=value\n"
    "\n"
    "Exit status: 0 all bytes right and no error, 1 a wrong byte or an error, 2 wrong arguments.\n";

static _Noreturn void refuse(const char *option, const char *reason)
{
    fprintf(stderr, "load: %s %s\n%s", option, reason, help);
    exit(EXIT_USAGE);
}

static uint32_t parse_integer(const char *option, const char *text, uint32_t smallest, uint32_t largest)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < smallest || value > largest) {
        char reason[64];
        snprintf(reason, sizeof reason, "takes a number from %u to %u", smallest, largest);
        refuse(option, reason);
    }
    return (uint32_t)value;
}

static uint64_t parse_seconds(const char *option, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.0 && seconds <= 86400.0))
        refuse(option, "takes seconds from 0 to 86400");
    return (uint64_t)(seconds * (double)NANOSECONDS_PER_SECOND);
}

/* The long options; each value is the letter that parse_option switches on. */
static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},     {"connections", required_argument, NULL, 'c'},
    {"size", required_argument, NULL, 's'},     {"depth", required_argument, NULL, 'd'},
    {"duration", required_argument, NULL, 't'}, {"warmup", required_argument, NULL, 'w'},
    {"churn", no_argument, NULL, 'r'},          {"idle", required_argument, NULL, 'i'},
    {"stuck", no_argument, NULL, 'k'},          {"spin", no_argument, NULL, 'b'},
    {"pid", required_argument, NULL, 'o'},      {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
};

static void parse_option(struct options *options, int letter)
{
    switch (letter) {
    case 'p': options->port = (uint16_t)parse_integer("--port", optarg, 1, 65535); break;
    case 'c': options->connections = parse_integer("--connections", optarg, 1, 60000); break;
    case 's': options->size = parse_integer("--size", optarg, 1, 1u << 28); break;
    case 'd': options->depth = parse_integer("--depth", optarg, 1, 4096); break;
    case 't': options->duration_ns = parse_seconds("--duration", optarg); break;
    case 'w': options->warmup_ns = parse_seconds("--warmup", optarg); break;
    case 'o': options->server = (pid_t)parse_integer("--pid", optarg, 1, INT32_MAX); break;
    case 'r': options->mode = LOAD_CHURN; break;
    case 'k': options->stuck = true; break;
    case 'b': options->spin = true; break;
    case 'j': options->json = true; break;
    case 'i':
        options->mode = LOAD_IDLE;
        options->connections = parse_integer("--idle", optarg, 1, 60000);
        break;
    case 'h': fputs(help, stdout); exit(EXIT_SUCCESS);
    default: fputs(help, stderr); exit(EXIT_USAGE);
    }
}

struct options options_parse(int argument_count, char **arguments)
{
    struct options options = {
        .mode = LOAD_ECHO,
        .connections = 1,
        .size = 64,
        .depth = 1,
        .duration_ns = 3 * NANOSECONDS_PER_SECOND,
        .warmup_ns = NANOSECONDS_PER_SECOND,
    };
    int letter;
    while ((letter = getopt_long(argument_count, arguments, "", long_options, NULL)) != -1)
        parse_option(&options, letter);
    if (optind < argument_count)
        refuse(arguments[optind], "is not an option");
    if (options.port == 0)
        refuse("--port", "is missing");
    if (options.mode == LOAD_IDLE && options.server == 0)
        refuse("--idle", "needs --pid");
    if (options.stuck && options.mode != LOAD_ECHO)
        refuse("--stuck", "goes neither with --churn nor with --idle");
    if (options.stuck && options.size < STUCK_MARK_BYTES)
        refuse("--stuck", "needs a --size of at least 5");
    if (options.mode != LOAD_ECHO && options.depth != 1)
        refuse("--depth", "goes neither with --churn nor with --idle");
    return options;
}
