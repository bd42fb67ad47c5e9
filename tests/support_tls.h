/*
 * What the tests of TLS share: certificates, contexts, and two ends of a connection, over loopback TCP or in memory.
 * In a library that was built without TLS these skip the test.
 */
#ifndef APM_TESTS_SUPPORT_TLS_H
#define APM_TESTS_SUPPORT_TLS_H

#include "support_stream.h"

/* A certificate, and its key if that is not NULL. The program's to close. */
apm_x509_certificate tls_certificate(const char *certificate, const char *key);

/* Contexts that trust the test's authority, with what else the options say. Closed by the caller. */
apm_ssl_context tls_client(apm_ssl_client_authentication_options options);
apm_ssl_context tls_server(apm_ssl_server_authentication_options options);

/* That of a server with the certificate for test.local. */
apm_ssl_context tls_plain_client(void);
apm_ssl_context tls_plain_server(void);

/* Two inner streams that are connected: by a socket each, or in memory. */
enum tls_medium { TLS_OVER_TCP, TLS_IN_MEMORY };

void tls_connect(enum tls_medium medium, apm_stream inner[2]);

/* Two ends, before the handshake; each owns its inner stream. */
struct tls_pair {
    apm_stream client;
    apm_stream server;
    apm_stream inner[2];
};

struct tls_pair tls_pair_create(enum tls_medium medium);
void tls_pair_close(struct tls_pair pair);

/*
 * Has both ends shake hands; their errors are left in `errors`, the client's first. Closes the contexts, of which the
 * client's may be null.
 */
void tls_pair_shake_hands(struct tls_pair pair, apm_ssl_context client, const char *host, apm_ssl_context server,
                          apm_error errors[2]);

/* A pair that has shaken hands as test.local. */
struct tls_pair tls_pair_open(enum tls_medium medium);

/* Reads exactly that much, in as many reads as it takes. */
void tls_read_exactly(apm_stream stream, void *buffer, size_t size);

/* The text of a property. */
const char *tls_text(apm_error (*property)(apm_stream stream, char *text, size_t capacity, size_t *size),
                     apm_stream stream);

/* The subject of a certificate, which is closed; "" for none. */
const char *tls_subject(apm_x509_certificate certificate);

#endif
