/*
 * Owns the command line of apm-load: what it means, and which of it does not go together. Single threaded.
 */
#define _GNU_SOURCE 1
#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_line.h"
#include "frame.h"

#define CONNECTIONS_MOST 1000000
#define DATAGRAM_PAYLOAD_MOST 65507
#define FILE_MOST (1u << 28)
#define SECOND_NS 1000000000ull

static const char help[] =
    "usage: apm-load [OPTION]... TARGET\n"
    "Loads a server, checks what it answers, and reports throughput and latency.\n"
    "\n"
    "Targets: HOST:PORT or tcp://HOST:PORT, udp://HOST:PORT, unix:/PATH, unix:@NAME: an echo server, unless --reply "
    "or\n"
    "--send says otherwise; http://HOST[:PORT][/PATH], http+unix:/SOCKET[:/PATH]: GET of HTTP/1.1. With TLS: tls://,\n"
    "tls+unix:, https:// and https+unix:.\n"
    "\n"
    "Load:\n"
    "  -c, --connections N     connections (default 10)\n"
    "  -n, --depth N           messages in flight on each (default 1)\n"
    "  -t, --threads N         workers (default: one a processor, no more than connections)\n"
    "  -R, --rate N            open loop: so many messages a second of all connections together, whether the server\n"
    "                          keeps up or not; latency counts from when a message should have been sent. Without it,\n"
    "                          a closed loop: a connection sends again when it has its answer\n"
    "  -d, --duration TIME     measured time (default 10s)\n"
    "  -w, --warmup TIME       unmeasured time before it (default 1s)\n"
    "  -T, --timeout TIME      how long an answer may take (default 2s)\n"
    "      --churn             a connection for each message\n"
    "\n"
    "Messages:\n"
    "  -s, --size SIZE         of a message or request (default 64)\n"
    "  -r, --reply SIZE        requests for responses of this size, as `apm-echo --service reply` gives them\n"
    "      --send TEXT         a request of these bytes; \\r \\n \\t \\0 \\\\ \\\" \\xHH stand for themselves\n"
    "      --expect TEXT       what --send is answered with\n"
    "      --expect-size SIZE  the same where only the size is known\n"
    "  -H, --header TEXT       HTTP: one more header, as in 'Accept: text/html'; may be repeated\n"
    "      --expect-body FILE  HTTP: what is in the body of each response of status 200\n"
    "\n"
    "TLS:\n"
    "      --tls               TLS, whatever the target begins with\n"
    "      --ca FILE           trust these certificates, in PEM, instead of those that the system trusts\n"
    "      --server-name NAME  whom the server's certificate has to be for (default: the target's host)\n"
    "      --insecure          trust any certificate\n"
    "      --no-resumption     a full handshake for each connection\n"
    "\n"
    "Output:\n"
    "      --json, --csv       instead of text\n"
    "  -o, --output FILE       instead of standard output\n"
    "      --percentiles FILE  the whole distribution of latencies, as HdrHistogram's tools plot it\n"
    "  -q, --quiet             no line of progress, which a terminal has\n"
    "  -h, --help              this text\n"
    "      --version           the version\n"
    "\n"
    "Examples:\n"
    "  apm-load 127.0.0.1:7000                                      an echo server, as hard as 10 connections can\n"
    "  apm-load -c 64 -R 20k -d 30s [::1]:7000                      20,000 messages a second, for half a minute\n"
    "  apm-load -c 100 http://127.0.0.1:8080/index.html\n"
    "  apm-load --send 'PING\\r\\n' --expect '+PONG\\r\\n' :6379        a Redis server\n"
    "  apm-load --reply 16k unix:/tmp/reply                         with apm-echo --service reply unix:/tmp/reply\n"
    "  apm-load --churn https://localhost:8443/                     handshakes, full and resumed\n"
    "  apm-load --ca ca.pem --server-name localhost tls://:7443     an echo server with TLS\n"
    "  apm-load --json -n 16 udp://127.0.0.1:7000 > udp.json\n"
    "\n"
    "Exit status: 0 all answers came and were right, 1 there were errors, or no connection, 2 wrong arguments.\n";

enum {
    OPTION_CHURN = 256,
    OPTION_SEND,
    OPTION_EXPECT,
    OPTION_EXPECT_SIZE,
    OPTION_EXPECT_BODY,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_PERCENTILES,
    OPTION_TLS,
    OPTION_CA,
    OPTION_SERVER_NAME,
    OPTION_INSECURE,
    OPTION_NO_RESUMPTION,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"connections", required_argument, NULL, 'c'},
    {"depth", required_argument, NULL, 'n'},
    {"threads", required_argument, NULL, 't'},
    {"rate", required_argument, NULL, 'R'},
    {"duration", required_argument, NULL, 'd'},
    {"warmup", required_argument, NULL, 'w'},
    {"timeout", required_argument, NULL, 'T'},
    {"churn", no_argument, NULL, OPTION_CHURN},
    {"size", required_argument, NULL, 's'},
    {"reply", required_argument, NULL, 'r'},
    {"send", required_argument, NULL, OPTION_SEND},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"expect-size", required_argument, NULL, OPTION_EXPECT_SIZE},
    {"header", required_argument, NULL, 'H'},
    {"expect-body", required_argument, NULL, OPTION_EXPECT_BODY},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"ca", required_argument, NULL, OPTION_CA},
    {"server-name", required_argument, NULL, OPTION_SERVER_NAME},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"no-resumption", no_argument, NULL, OPTION_NO_RESUMPTION},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"output", required_argument, NULL, 'o'},
    {"percentiles", required_argument, NULL, OPTION_PERCENTILES},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* What the options have said before they are put together. */
struct arguments {
    struct load_options options;
    uint32_t size;
    uint32_t reply_bytes;
    uint32_t expect_bytes; /* --expect-size */
    char *send;
    size_t send_bytes;
    const char *body_file;
    char headers[8192];
    size_t headers_bytes;
    bool has_own_host;
    bool tls;
};

/* -- One option --------------------------------------------------------------------------------------------------- */

static void add_header(struct arguments *arguments, const char *text)
{
    const char *colon = strchr(text, ':');
    size_t room = sizeof arguments->headers - arguments->headers_bytes;
    int written;

    if (colon == NULL || colon == text || strpbrk(text, "\r\n") != NULL)
        command_line_refuse("--header: '%s' is not of the form 'Name: value'", text);
    written = snprintf(arguments->headers + arguments->headers_bytes, room, "%s\r\n", text);
    if (written < 0 || (size_t)written >= room)
        command_line_refuse("--header: more than %zu bytes of headers", sizeof arguments->headers);
    arguments->headers_bytes += (size_t)written;
    if (strncasecmp(text, "host:", 5) == 0)
        arguments->has_own_host = true;
}

static double parse_rate(const char *text)
{
    char *end;
    double rate;

    errno = 0;
    rate = strtod(text, &end);
    if (end != text && (*end == 'k' || *end == 'm'))
        rate *= *end++ == 'k' ? 1e3 : 1e6;
    if (errno != 0 || end == text || *end != '\0' || !(rate >= 0.001 && rate <= 1e9))
        command_line_refuse("--rate: '%s' is not a number from 0.001 to 1g", text);
    return rate;
}

static bool parse_tls_option(struct arguments *arguments, int letter)
{
    struct load_options *options = &arguments->options;

    switch (letter) {
    case OPTION_TLS: arguments->tls = true; return true;
    case OPTION_CA: options->ca_file = optarg; return true;
    case OPTION_SERVER_NAME: options->server_name = optarg; return true;
    case OPTION_INSECURE: options->is_insecure = true; return true;
    case OPTION_NO_RESUMPTION: options->no_resumption = true; return true;
    default: return false;
    }
}

static void parse_output_option(struct load_options *options, int letter)
{
    switch (letter) {
    case OPTION_JSON: options->format = LOAD_FORMAT_JSON; break;
    case OPTION_CSV: options->format = LOAD_FORMAT_CSV; break;
    case 'o': options->output = optarg; break;
    case OPTION_PERCENTILES: options->percentiles = optarg; break;
    case 'q': options->quiet = true; break;
    case 'h': fputs(help, stdout); exit(EXIT_SUCCESS);
    case OPTION_VERSION: puts("apm-load " APM_VERSION_STRING); exit(EXIT_SUCCESS);
    default: fputs("Try 'apm-load --help'.\n", stderr); exit(EXIT_USAGE);
    }
}

static void parse_option(struct arguments *arguments, int letter)
{
    struct load_options *options = &arguments->options;

    switch (letter) {
    case 'c': options->connections = (uint32_t)parse_count("--connections", optarg, 1, CONNECTIONS_MOST); break;
    case 'n': options->depth = (uint32_t)parse_count("--depth", optarg, 1, 65536); break;
    case 't': options->threads = (uint32_t)parse_count("--threads", optarg, 1, 1024); break;
    case 'R': options->rate = parse_rate(optarg); break;
    case 'd': options->duration_ns = parse_duration_ns("--duration", optarg, 1000000, 86400 * SECOND_NS); break;
    case 'w': options->warmup_ns = parse_duration_ns("--warmup", optarg, 0, 86400 * SECOND_NS); break;
    case 'T': options->timeout_ns = parse_duration_ns("--timeout", optarg, 1000000, 3600 * SECOND_NS); break;
    case OPTION_CHURN: options->churn = true; break;
    case 's': arguments->size = (uint32_t)parse_size("--size", optarg, 1, FRAME_MOST); break;
    case 'r': arguments->reply_bytes = (uint32_t)parse_size("--reply", optarg, FRAME_REPLY_LEAST, FRAME_MOST); break;
    case OPTION_SEND:
        arguments->send = optarg;
        arguments->send_bytes = parse_escapes("--send", optarg);
        break;
    case OPTION_EXPECT:
        options->expected = optarg;
        options->expected_bytes = parse_escapes("--expect", optarg);
        break;
    case OPTION_EXPECT_SIZE:
        arguments->expect_bytes = (uint32_t)parse_size("--expect-size", optarg, 1, FRAME_MOST);
        break;
    case OPTION_EXPECT_BODY: arguments->body_file = optarg; break;
    case 'H': add_header(arguments, optarg); break;
    default:
        if (!parse_tls_option(arguments, letter))
            parse_output_option(options, letter);
        break;
    }
}

/* -- Putting them together ---------------------------------------------------------------------------------------- */

static void write_http_request(struct arguments *arguments)
{
    const struct target *target = &arguments->options.target;
    bool is_v6 = strchr(target->host, ':') != NULL;
    char host[TARGET_HOST_SIZE + 24];
    char *request = NULL;
    int size;

    if (target->transport == TRANSPORT_UNIX)
        snprintf(host, sizeof host, "localhost");
    else if (target->port == (target->is_tls ? 443 : 80))
        snprintf(host, sizeof host, is_v6 ? "[%s]" : "%s", target->host);
    else
        snprintf(host, sizeof host, is_v6 ? "[%s]:%d" : "%s:%d", target->host, target->port);
    if (strpbrk(target->path, " \t\r\n") != NULL)
        command_line_refuse("'%s': a blank in a path is written as %%20", arguments->options.target_text);
    size = asprintf(&request, "GET %.*s HTTP/1.1\r\n%s%s%s%s%s\r\n", (int)strcspn(target->path, "#"), target->path,
                    arguments->has_own_host ? "" : "Host: ", arguments->has_own_host ? "" : host,
                    arguments->has_own_host ? "" : "\r\n", arguments->options.churn ? "Connection: close\r\n" : "",
                    arguments->headers);
    if (size < 0)
        command_line_fail("no memory");
    arguments->options.request = request;
    arguments->options.size = (uint32_t)size;
}

static void read_expected_body(struct load_options *options, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *body = NULL;
    size_t size = 0;
    size_t part;

    if (file == NULL)
        command_line_fail("%s: %s", path, strerror(errno));
    do {
        char *larger = realloc(body, size + 65536);
        if (larger == NULL || size > FILE_MOST)
            command_line_fail("%s: it is too large", path);
        body = larger;
        part = fread(body + size, 1, 65536, file);
        size += part;
    } while (part > 0);
    if (ferror(file))
        command_line_fail("%s: it cannot be read", path);
    fclose(file);
    options->expected = body;
    options->expected_bytes = size;
}

static void choose_kind(struct arguments *arguments)
{
    struct load_options *options = &arguments->options;

    if (options->target.is_http) {
        if (arguments->size != 0 || arguments->reply_bytes != 0 || arguments->send != NULL ||
            options->expected != NULL || arguments->expect_bytes != 0)
            command_line_refuse("--size, --reply, --send and --expect do not go with HTTP");
        options->kind = LOAD_HTTP;
        write_http_request(arguments);
        if (arguments->body_file != NULL)
            read_expected_body(options, arguments->body_file);
        return;
    }
    if (arguments->headers_bytes > 0 || arguments->body_file != NULL)
        command_line_refuse("--header and --expect-body go with http:// and https://");
    if (arguments->send != NULL) {
        if (arguments->size != 0 || arguments->reply_bytes != 0)
            command_line_refuse("--send goes neither with --size nor with --reply");
        if ((options->expected == NULL) == (arguments->expect_bytes == 0))
            command_line_refuse("--send needs either --expect or --expect-size, so that an answer's end is known");
        if (arguments->send_bytes == 0 || (options->expected != NULL && options->expected_bytes == 0))
            command_line_refuse("--send and --expect are not empty");
        options->kind = LOAD_TEXT;
        options->request = arguments->send;
        options->size = (uint32_t)arguments->send_bytes;
        options->reply_bytes = options->expected != NULL ? (uint32_t)options->expected_bytes : arguments->expect_bytes;
        return;
    }
    if (options->expected != NULL || arguments->expect_bytes != 0)
        command_line_refuse("--expect goes with --send");
    options->kind = arguments->reply_bytes != 0 ? LOAD_REPLY : LOAD_ECHO;
    options->size = arguments->size != 0 ? arguments->size : 64;
    options->reply_bytes = arguments->reply_bytes != 0 ? arguments->reply_bytes : options->size;
}

static void choose_tls(struct arguments *arguments)
{
    struct load_options *options = &arguments->options;

    if (arguments->tls)
        target_secure(&options->target, options->target_text);
    if (!options->target.is_tls) {
        if (options->ca_file != NULL || options->server_name != NULL || options->is_insecure || options->no_resumption)
            command_line_refuse("--ca, --server-name, --insecure and --no-resumption go with TLS: --tls, tls:// or "
                                "https://");
        return;
    }
    if (options->ca_file != NULL && options->is_insecure)
        command_line_refuse("--ca does not go with --insecure, which trusts anybody");
    if (options->server_name == NULL)
        options->server_name = options->target.host;
    if (options->server_name[0] == '\0' && !options->is_insecure)
        command_line_refuse("'%s': it has no host; --server-name says whom the certificate has to be for, or "
                            "--insecure that it does not matter",
                            options->target_text);
    if (strlen(options->server_name) > 255)
        command_line_refuse("--server-name: a name has no more than 255 bytes");
}

static void check_limits(const struct load_options *options)
{
    bool is_udp = options->target.transport == TRANSPORT_UDP;

    if ((options->kind == LOAD_REPLY || is_udp) && options->size < FRAME_HEAD_BYTES)
        command_line_refuse("--size: it is at least %u here, since a head says which message it is", FRAME_HEAD_BYTES);
    if (is_udp && (options->size > DATAGRAM_PAYLOAD_MOST || options->reply_bytes > DATAGRAM_PAYLOAD_MOST))
        command_line_refuse("a datagram has no more than %d bytes", DATAGRAM_PAYLOAD_MOST);
    if (is_udp && options->kind == LOAD_TEXT)
        command_line_refuse("--send does not go with udp://");
    if (is_udp && options->churn)
        command_line_refuse("--churn does not go with udp://");
    if (options->churn && options->depth != 1)
        command_line_refuse("--churn goes with a --depth of 1");
    if ((uint64_t)options->size * options->depth > FRAME_MOST && options->kind != LOAD_ECHO)
        command_line_refuse("--size times --depth is more than 256m");
}

struct load_options load_options_parse(int argument_count, char **texts)
{
    static struct arguments arguments = {
        .options = {.connections = 10,
                    .depth = 1,
                    .duration_ns = 10 * SECOND_NS,
                    .warmup_ns = SECOND_NS,
                    .timeout_ns = 2 * SECOND_NS},
    };
    struct load_options *options = &arguments.options;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int letter;

    while ((letter = getopt_long(argument_count, texts, "c:n:t:R:d:w:T:s:r:H:o:qh", long_options, NULL)) != -1)
        parse_option(&arguments, letter);
    if (optind == argument_count)
        command_line_refuse("the target is missing, as in apm-load 127.0.0.1:7000");
    if (optind + 1 < argument_count)
        command_line_refuse("'%s' is one target too many", texts[optind + 1]);
    options->target_text = texts[optind];
    options->target = target_parse(options->target_text, false);
    choose_tls(&arguments);
    if (options->threads == 0)
        options->threads = processors < 1 ? 1 : (uint32_t)processors;
    if (options->threads > options->connections)
        options->threads = options->connections;
    choose_kind(&arguments);
    check_limits(options);
    return *options;
}
