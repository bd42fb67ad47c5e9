/*
 * The load generator for TLS: measures an echo server on 127.0.0.1, and checks every byte that comes back. It is made
 * on OpenSSL, whose ends are much cheaper than mbedTLS's, so that one core of it keeps any server busy.
 *
 *      tls_load port pid mode [size] [connections] [seconds] [warmup] [suite] [group]
 *
 * `echo`: each connection has one message of `size` bytes in flight, and they are served in turn. `full`: connect,
 * shake hands, end in order, again. `resumed`: the same, with the session of a first connection. These two have one
 * connection at a time. Prints one line of JSON. Single threaded; its sockets block.
 */
#define _GNU_SOURCE 1
#include "clock.h"
#include "process.h"
#include "report.h"
#include "tally.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_CONNECTIONS 1024
#define MOST_SIZE 16384
#define SMALLEST_SIZE 8
#define LONGEST_S 3600.0

struct connection {
    int descriptor;
    SSL *ssl;
    uint64_t sent; /* messages */
};

struct load {
    SSL_CTX *context;
    SSL_SESSION *session; /* that is resumed, or NULL */
    uint16_t port;
    pid_t server;
    size_t size;
    unsigned connection_count;
    struct connection connections[MOST_CONNECTIONS];
    uint64_t done; /* echoes or handshakes */
    struct tally errors;
};

struct reading {
    uint64_t time_ns;
    uint64_t server_cpu_ns;
    uint64_t load_cpu_ns;
    uint64_t done;
};

/* -- Connections --------------------------------------------------------------------------------------------------- */

static void close_connection(struct connection *connection)
{
    /* The server has closed, so that a reset harms nobody, and leaves no state behind that takes ports away. */
    const struct linger at_once = {.l_onoff = 1};
    SSL_free(connection->ssl);
    if (connection->descriptor >= 0) {
        setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(connection->descriptor);
    }
    *connection = (struct connection){.descriptor = -1};
}

static bool open_connection(struct load *load, struct connection *connection)
{
    const int yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(load->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *connection = (struct connection){.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connection->descriptor < 0 ||
        connect(connection->descriptor, (const struct sockaddr *)&address, sizeof address) != 0) {
        tally_add_error(&load->errors, "connect", errno);
        close_connection(connection);
        return false;
    }
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connection->ssl = SSL_new(load->context);
    if (load->session != NULL)
        SSL_set_session(connection->ssl, load->session);
    if (SSL_set_fd(connection->ssl, connection->descriptor) == 1 && SSL_connect(connection->ssl) == 1)
        return true;
    tally_add(&load->errors, "handshake", "failed", 1);
    ERR_clear_error();
    close_connection(connection);
    return false;
}

/* Ends in order: says so, and waits until the server has, and has closed. */
static void end_connection(struct load *load, struct connection *connection)
{
    unsigned char byte;
    if (SSL_shutdown(connection->ssl) < 0 || SSL_read(connection->ssl, &byte, 1) > 0 ||
        SSL_get_error(connection->ssl, 0) != SSL_ERROR_ZERO_RETURN)
        tally_add(&load->errors, "close_notify", "missing", 1);
    ERR_clear_error();
    while (recv(connection->descriptor, &byte, 1, 0) > 0)
        ;
    close_connection(connection);
}

/* -- Echoes -------------------------------------------------------------------------------------------------------- */

static void fill(const struct load *load, const struct connection *connection, unsigned char *message)
{
    uint64_t number = connection->sent * MOST_CONNECTIONS + (uint64_t)(connection - load->connections);
    memset(message, (int)(number * 31 & 0xff), load->size);
    memcpy(message, &number, sizeof number);
}

static bool send_message(struct load *load, struct connection *connection)
{
    unsigned char message[MOST_SIZE];
    connection->sent++;
    fill(load, connection, message);
    if (SSL_write(connection->ssl, message, (int)load->size) == (int)load->size)
        return true;
    tally_add(&load->errors, "write", "failed", 1);
    return false;
}

static bool receive_message(struct load *load, struct connection *connection)
{
    unsigned char expected[MOST_SIZE];
    unsigned char message[MOST_SIZE];
    int received = 0;
    while (received < (int)load->size) {
        int part = SSL_read(connection->ssl, message + received, (int)load->size - received);
        if (part <= 0) {
            tally_add(&load->errors, "read", "failed", 1);
            return false;
        }
        received += part;
    }
    fill(load, connection, expected);
    if (memcmp(message, expected, load->size) == 0)
        return true;
    tally_add(&load->errors, "read", "wrong_bytes", 1);
    return false;
}

static void echo_until(struct load *load, uint64_t end_ns)
{
    while (load->errors.total == 0 && clock_now_ns() < end_ns) {
        for (unsigned i = 0; i < load->connection_count; i++) {
            struct connection *connection = &load->connections[i];
            if (!receive_message(load, connection) || !send_message(load, connection))
                return;
            load->done++;
        }
    }
}

/* -- Handshakes ---------------------------------------------------------------------------------------------------- */

static void shake_until(struct load *load, uint64_t end_ns)
{
    struct connection connection;
    while (load->errors.total == 0 && clock_now_ns() < end_ns) {
        if (!open_connection(load, &connection))
            return;
        if (SSL_session_reused(connection.ssl) != (load->session != NULL))
            tally_add(&load->errors, "handshake", load->session != NULL ? "not_resumed" : "resumed", 1);
        load->done++;
        end_connection(load, &connection);
    }
}

/* -- The measurement ----------------------------------------------------------------------------------------------- */

static struct reading take_reading(struct load *load)
{
    struct reading reading = {.done = load->done};
    if (!process_cpu_ns(load->server, &reading.server_cpu_ns))
        tally_add(&load->errors, "server", "gone", 1);
    process_cpu_ns(0, &reading.load_cpu_ns);
    reading.time_ns = clock_now_ns();
    return reading;
}

static void print(const struct load *load, const struct reading *start, const struct reading *end)
{
    uint64_t done = end->done - start->done;
    double window_ns = (double)(end->time_ns - start->time_ns);
    double server_cpu_ns = (double)(end->server_cpu_ns - start->server_cpu_ns);
    struct report report = report_begin(stdout, true);
    report_count(&report, "done", done);
    report_number(&report, "server_cpu_us", server_cpu_ns / 1000.0 / (double)(done == 0 ? 1 : done));
    report_number(&report, "per_s", (double)done * 1e9 / window_ns);
    report_number(&report, "server_busy_percent", 100.0 * server_cpu_ns / window_ns);
    report_number(&report, "load_busy_percent", 100.0 * (double)(end->load_cpu_ns - start->load_cpu_ns) / window_ns);
    report_errors(&report, &load->errors);
    report_end(&report);
}

static void prepare(struct load *load, const char *suite, const char *group)
{
    char *read_only = (char *)(uintptr_t)group; /* the macro's cast drops the const with a warning */
    load->context = SSL_CTX_new(TLS_client_method());
    if (load->context == NULL || SSL_CTX_set_max_proto_version(load->context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(load->context, suite) != 1 ||
        SSL_CTX_set1_groups_list(load->context, read_only) != 1) {
        fprintf(stderr, "tls_load: there is no suite %s or no group %s\n", suite, group);
        exit(2);
    }
    SSL_CTX_set_verify(load->context, SSL_VERIFY_NONE, NULL); /* it is the servers that are measured */
}

int main(int argument_count, char **arguments)
{
    static struct load load;
    const char *given[] = {"0", "0", "echo", "64", "16", "3", "1", "ECDHE-ECDSA-AES128-GCM-SHA256", "P-256"};
    for (int i = 1; i < argument_count && i <= (int)(sizeof given / sizeof given[0]); i++)
        given[i - 1] = arguments[i];
    load.port = (uint16_t)strtoul(given[0], NULL, 10);
    load.server = (pid_t)strtol(given[1], NULL, 10);
    load.size = strtoul(given[3], NULL, 10);
    load.connection_count = (unsigned)strtoul(given[4], NULL, 10);
    double seconds = strtod(given[5], NULL);
    double warmup = strtod(given[6], NULL);
    bool echoes = strcmp(given[2], "echo") == 0;
    bool resumes = strcmp(given[2], "resumed") == 0;
    if (load.port == 0 || load.size < SMALLEST_SIZE || load.size > MOST_SIZE || load.connection_count < 1 ||
        load.connection_count > MOST_CONNECTIONS || !(seconds > 0 && seconds <= LONGEST_S) ||
        !(warmup >= 0 && warmup <= LONGEST_S) || !(echoes || resumes || strcmp(given[2], "full") == 0)) {
        fprintf(stderr, "usage: tls_load port pid echo|full|resumed [size] [connections] [seconds] [warmup] [suite] "
                        "[group]\n");
        return 2;
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    prepare(&load, given[7], given[8]);
    for (unsigned i = 0; echoes && i < load.connection_count; i++)
        if (!open_connection(&load, &load.connections[i]) || !send_message(&load, &load.connections[i]))
            break;
    if (resumes && open_connection(&load, &load.connections[0])) {
        load.session = SSL_get1_session(load.connections[0].ssl);
        end_connection(&load, &load.connections[0]);
    }
    void (*run)(struct load *, uint64_t) = echoes ? echo_until : shake_until;
    run(&load, clock_now_ns() + (uint64_t)(warmup * 1e9));
    struct reading start = take_reading(&load);
    run(&load, start.time_ns + (uint64_t)(seconds * 1e9));
    struct reading end = take_reading(&load);
    if (end.done == start.done)
        tally_add(&load.errors, "window", "without_result", 1);
    print(&load, &start, &end);
    return load.errors.total == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
