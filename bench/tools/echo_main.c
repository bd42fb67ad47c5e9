/*
 * apm-echo: servers to measure and test against. This file owns the command line, the listeners, and the end.
 */
#define _GNU_SOURCE 1
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "descriptors.h"
#include "echo.h"
#include "pattern.h"

#define TARGETS_MOST 64

/* How long connections have to end when the program is told to. */
#define DRAIN_MS 1000

struct echo_settings echo_settings = {.buffer_bytes = 16384, .backlog = 4096, .datagrams = 64};
struct echo_counts echo_counts;

static const char help[] =
    "usage: apm-echo [OPTION]... [ADDRESS]...\n"
    "Serves echo, discard, chargen, delay or reply on each address until SIGINT or SIGTERM.\n"
    "\n"
    "Addresses: HOST:PORT or tcp://HOST:PORT, udp://HOST:PORT, unix:/PATH, unix:@NAME. Without a host it is\n"
    "127.0.0.1; [::] and 0.0.0.0 are all of this machine's. Port 0 lets the system choose. Default: 127.0.0.1:7000.\n"
    "With TLS: tls://HOST:PORT, tls+unix:/PATH, tls+unix:@NAME.\n"
    "\n"
    "  -s, --service NAME    echo (default), discard, chargen, delay, reply\n"
    "  -d, --delay TIME      how long the delay service waits before it echoes (default 100ms)\n"
    "  -t, --threads N       workers (default: one a processor)\n"
    "  -b, --buffer SIZE     the most that one receive of a stream takes (default 16k)\n"
    "      --backlog N       connections that may wait to be accepted (default 4096)\n"
    "      --datagrams N     datagrams of a socket that are served at a time (default 64)\n"
    "      --tls             TLS on every address, whatever it begins with\n"
    "      --certificate FILE  whom TLS shows to clients, in PEM, with the certificates behind it\n"
    "      --key FILE        its private key, if it is in another file\n"
    "      --password TEXT   of the private key, if that is encrypted\n"
    "  -q, --quiet           print nothing but errors\n"
    "  -h, --help            this text\n"
    "      --version         the version\n"
    "\n"
    "For each address a line `listening on ADDRESS` is printed, with the port that the system chose.\n"
    "\n"
    "Examples:\n"
    "  apm-echo                                           echo on TCP, 127.0.0.1:7000\n"
    "  apm-echo tcp://[::1]:7 udp://[::1]:7 unix:/tmp/echo\n"
    "  apm-echo --service delay --delay 50ms :7001\n"
    "  apm-echo --tls --certificate server.pem --key server.key :7443\n"
    "  apm-echo --service reply :7002     for apm-load --reply\n"
    "\n"
    "Exit status: 0 ended by a signal, 1 an address cannot be served, 2 wrong arguments.\n";

static const struct option long_options[] = {
    {"service", required_argument, NULL, 's'}, {"delay", required_argument, NULL, 'd'},
    {"threads", required_argument, NULL, 't'}, {"buffer", required_argument, NULL, 'b'},
    {"backlog", required_argument, NULL, 'l'}, {"datagrams", required_argument, NULL, 'g'},
    {"tls", no_argument, NULL, 'T'},           {"certificate", required_argument, NULL, 'C'},
    {"key", required_argument, NULL, 'K'},     {"password", required_argument, NULL, 'P'},
    {"quiet", no_argument, NULL, 'q'},         {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},       {NULL, 0, NULL, 0},
};

/* What the command line says of TLS. */
static struct {
    bool is_everywhere; /* also on addresses that do not ask for it */
    const char *certificate_file;
    const char *key_file;
    const char *password;
} tls;

void echo_check(apm_error error, const char *what)
{
    if (error != APM_ERROR_SUCCESS)
        command_line_fail("%s: %s (%s)", what, apm_error_message(error), apm_error_name(error));
}

static enum echo_service parse_service(const char *name)
{
    static const char *const names[] = {"echo", "discard", "chargen", "delay", "reply"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum echo_service)i;
    command_line_refuse("--service: '%s' is none of echo, discard, chargen, delay, reply", name);
}

static void set_threads(int threads)
{
    echo_check(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, threads), "threads");
    echo_check(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, threads), "threads");
}

/* Returns whether something is to be printed. */
static bool parse_options(int argument_count, char **arguments)
{
    bool is_quiet = false;
    int letter;

    while ((letter = getopt_long(argument_count, arguments, "s:d:t:b:qh", long_options, NULL)) != -1) {
        switch (letter) {
        case 's': echo_settings.service = parse_service(optarg); break;
        case 'd':
            echo_settings.delay_ms = (int64_t)(parse_duration_ns("--delay", optarg, 0, 3600000000000ull) / 1000000);
            break;
        case 't': set_threads((int)parse_count("--threads", optarg, 1, 1024)); break;
        case 'b': echo_settings.buffer_bytes = parse_size("--buffer", optarg, 1, 1u << 26); break;
        case 'l': echo_settings.backlog = (int)parse_count("--backlog", optarg, 1, 65535); break;
        case 'g': echo_settings.datagrams = (unsigned)parse_count("--datagrams", optarg, 1, 65536); break;
        case 'T': tls.is_everywhere = true; break;
        case 'C': tls.certificate_file = optarg; break;
        case 'K': tls.key_file = optarg; break;
        case 'P': tls.password = optarg; break;
        case 'q': is_quiet = true; break;
        case 'v': puts("apm-echo " APM_VERSION_STRING); exit(EXIT_SUCCESS);
        case 'h': fputs(help, stdout); exit(EXIT_SUCCESS);
        default: fputs("Try 'apm-echo --help'.\n", stderr); exit(EXIT_USAGE);
        }
    }
    return !is_quiet;
}

const char *echo_text(void)
{
    static char text[ECHO_TEXT_BYTES];

    return text;
}

void echo_text_init(void)
{
    /* Only here is it written, before anybody reads. */
    char *text = (char *)(uintptr_t)echo_text();

    for (unsigned line = 0; line < 95; line++) {
        for (unsigned column = 0; column < ECHO_TEXT_LINE - 2; column++)
            text[line * ECHO_TEXT_LINE + column] = (char)(' ' + (line + column) % 95);
        memcpy(text + (line + 1) * ECHO_TEXT_LINE - 2, "\r\n", 2);
    }
}

/* Binds, prints where, and serves. */
static void serve(struct echo_listener *listener, const char *argument, struct target target, bool prints)
{
    apm_endpoint endpoint;
    apm_socket socket;
    char text[TARGET_TEXT_SIZE];

    target_resolve(&target, &endpoint, 1);
    echo_check(target_socket(target.transport, endpoint, &socket), argument);
    echo_check(apm_socket_bind(socket, endpoint), argument);
    if (target.transport != TRANSPORT_UDP)
        echo_check(apm_socket_listen(socket, echo_settings.backlog), argument);
    echo_check(apm_socket_local_endpoint(socket, &endpoint), argument);
    *listener = (struct echo_listener){.socket = socket, .is_tls = target.is_tls};
    if (target.transport == TRANSPORT_UDP)
        echo_datagram_serve(socket);
    else
        echo_stream_serve(listener);
    if (prints) {
        target_format(&target, endpoint, text);
        printf("listening on %s\n", text);
        fflush(stdout);
    }
}

static struct target read_address(const char *argument)
{
    struct target target = target_parse(argument, true);

    if (target.is_http)
        command_line_refuse("'%s': HTTP is not served", argument);
    if (tls.is_everywhere)
        target_secure(&target, argument);
    if (target.is_tls && tls.certificate_file == NULL)
        command_line_refuse("'%s': TLS needs --certificate FILE, and --key FILE if the key is in another one",
                            argument);
    return target;
}

/* Reads all addresses before the first one is served, so that a mistake in one of them leaves nothing behind. */
static size_t serve_all(struct echo_listener *listeners, char **arguments, size_t count, bool prints)
{
    struct target targets[TARGETS_MOST];
    bool is_tls = false;

    if (count > TARGETS_MOST)
        command_line_refuse("more than %d addresses", TARGETS_MOST);
    for (size_t i = 0; i < count; i++) {
        targets[i] = read_address(arguments[i]);
        is_tls = is_tls || targets[i].is_tls;
    }
    if (is_tls)
        echo_tls_init(tls.certificate_file, tls.key_file, tls.password);
    else if (tls.certificate_file != NULL || tls.key_file != NULL || tls.password != NULL)
        command_line_refuse("--certificate, --key and --password go with TLS: --tls, or tls://");
    for (size_t i = 0; i < count; i++)
        serve(&listeners[i], arguments[i], targets[i], prints);
    return count;
}

/* Tells the connections to end, and closes those that have not after a while. Datagrams have no drain. */
static void stop(apm_socket socket)
{
    apm_socket_type type;

    if (apm_socket_socket_type(socket, &type) == APM_ERROR_SUCCESS && type == APM_SOCKET_TYPE_STREAM)
        (void)!apm_socket_drain(socket, DRAIN_MS, NULL);
    (void)!apm_socket_close_and_wait(socket, DRAIN_MS);
}

int main(int argument_count, char **arguments)
{
    static struct echo_listener listeners[TARGETS_MOST];
    char default_target[] = "127.0.0.1:7000";
    size_t count;
    sigset_t signals;
    bool prints;
    int received;

    command_line_start("apm-echo");
    echo_settings.delay_ms = 100;
    prints = parse_options(argument_count, arguments);

    /* The library's threads block them anyway; a client that goes away is an error of a send. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    descriptors_raise_limit();
    pattern_init();
    echo_text_init();
    if (optind == argument_count)
        count = serve_all(listeners, (char *[]){default_target}, 1, prints);
    else
        count = serve_all(listeners, arguments + optind, (size_t)(argument_count - optind), prints);

    sigwait(&signals, &received);
    for (size_t i = 0; i < count; i++)
        stop(listeners[i].socket);
    echo_tls_fini();
    (void)!apm_cleanup(DRAIN_MS);
    if (prints) {
        printf("%llu connections, %llu bytes received, %llu bytes sent", (unsigned long long)echo_counts.connections,
               (unsigned long long)echo_counts.received_bytes, (unsigned long long)echo_counts.sent_bytes);
        if (echo_counts.failed_handshakes > 0)
            printf(", %llu handshakes failed", (unsigned long long)echo_counts.failed_handshakes);
        putchar('\n');
    }
    return EXIT_SUCCESS;
}
