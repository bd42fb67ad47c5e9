/*
 * Where a tool listens or connects, as users write it:
 *
 *   HOST:PORT  [IPv6]:PORT  :PORT      TCP; without a host it is the loopback address
 *   tcp://HOST:PORT  udp://HOST:PORT
 *   unix:/PATH  unix:@NAME             a unix domain socket of type stream, by path or by abstract name
 *   http://HOST[:PORT][/PATH]          HTTP/1.1 over TCP
 *   http+unix:/SOCKET[:/PATH]          HTTP/1.1 over a unix domain socket
 *   tls:// tls+unix: https:// https+unix:   the same as tcp:// unix: http:// http+unix:, with TLS
 *
 * Plain values; single threaded.
 */
#ifndef BENCH_TOOLS_TARGET_H
#define BENCH_TOOLS_TARGET_H

#include <apm/apm.h>
#include <stdbool.h>
#include <stddef.h>

enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_UNIX };

#define TARGET_HOST_SIZE 256
#define TARGET_TEXT_SIZE 160

struct target {
    enum transport transport;
    bool is_http;
    bool is_tls;
    char host[TARGET_HOST_SIZE]; /* without brackets; of a unix domain socket empty */
    int port;
    apm_endpoint name; /* of a unix domain socket */
    const char *path;  /* of HTTP, with its query; points into the text that was read, or to "/" */
};

/* Reads a target, or says what is wrong with it and exits. `text` is borrowed. `is_server`: port 0 is allowed. */
struct target target_parse(const char *text, bool is_server);

/*
 * Writes the endpoints that a target stands for, at least one and at most `most`, looking the host up if it is a name.
 * Exits with a message where there are none. Returns how many they are.
 */
size_t target_resolve(const struct target *target, apm_endpoint *endpoints, size_t most);

/* Asks for TLS, or exits with a message where that is impossible. `text` is what the target was read from. */
void target_secure(struct target *target, const char *text);

/* An endpoint of this target as target_parse reads it, without HTTP, into `text` of TARGET_TEXT_SIZE bytes. */
void target_format(const struct target *target, apm_endpoint endpoint, char *text);

/* Creates a socket for an endpoint, on the default pool. TCP sends small messages at once. */
apm_error target_socket(enum transport transport, apm_endpoint endpoint, apm_socket *socket);

#endif
