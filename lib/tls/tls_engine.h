/*
 * The TLS engine: one end of a connection, without I/O. Bytes of records are put in and taken out, application data
 * likewise, and each call says what it waits for. What is behind it is one TLS library: the files mbedtls_*.c, or
 * no_engine.c, which has none; another one would be other files.
 *
 *                        read  <--+-----------+<--  put_records    from the peer
 *     application data            |  engine   |
 *                        write -->+-----------+-->  take_records   to the peer
 *
 * Three objects. A certificate and a configuration are immutable once made and may be used by any number of threads at
 * once. An engine belongs to one thread at a time: its user sees to that, and holds no lock while it calls, because
 * `accept` may be code of the program. An engine borrows its configuration, and the certificate it was given, until it
 * is destroyed.
 *
 * Bounds. An engine takes no more input than it needs for the record at hand, and makes no more output than about one
 * record before that is taken. Its buffers for output grow as they are needed; without memory for that it fails, with
 * OUT_OF_MEMORY. Errors: see enum apm__tls_progress.
 */
#ifndef APM__TLS_ENGINE_H
#define APM__TLS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/ssl_context.h"

/* -- Certificates -------------------------------------------------------------------------------------------------- */

struct apm__tls_certificate;

struct apm__tls_bytes {
    const void *bytes; /* NULL: there are none */
    size_t size;
};

/* CRYPTOGRAPHIC, OUT_OF_MEMORY; NOT_SUPPORTED without a TLS library. `password` may be NULL. */
apm_error apm__tls_certificate_create(struct apm__tls_bytes certificate, struct apm__tls_bytes key,
                                      const char *password, struct apm__tls_certificate **created);

/* Another holder of a certificate, or of NULL; `destroy` ends each, and the last one frees it. */
struct apm__tls_certificate *apm__tls_certificate_retain(const struct apm__tls_certificate *certificate);
void apm__tls_certificate_destroy(struct apm__tls_certificate *certificate); /* or NULL */

bool apm__tls_certificate_has_key(const struct apm__tls_certificate *certificate);
/* Whether it is for that name or address. */
bool apm__tls_certificate_is_for(const struct apm__tls_certificate *certificate, const char *host);

size_t apm__tls_certificate_count(const struct apm__tls_certificate *certificate);

/* One of them in DER; NULL if there is none of that index. The bytes are the certificate's. */
const void *apm__tls_certificate_der(const struct apm__tls_certificate *certificate, size_t index, size_t *size);

/* Its subject or issuer as text, which is cut to `capacity` bytes and ends with a zero byte; false if there is none. */
bool apm__tls_certificate_name(const struct apm__tls_certificate *certificate, size_t index, bool of_issuer, char *text,
                               size_t capacity);

/* -- Configurations ------------------------------------------------------------------------------------------------ */

struct apm__tls_config;

/* What a configuration is made of. What is pointed to has to live as long as it, but for the lists and revocations. */
struct apm__tls_policy {
    bool is_server;
    apm_ssl_protocols protocols;
    const struct apm__tls_certificate *own;   /* or NULL */
    const struct apm__tls_certificate *roots; /* or NULL: the system's */
    struct apm__tls_bytes system_roots;       /* what that has, in PEM; looked at if `roots` is NULL */
    struct apm__tls_bytes revocations;
    bool check_revocation;
    const char *const *application_protocols; /* valid names */
    size_t application_protocols_count;
    const uint16_t *suites; /* 0 of them: the engine's choice */
    size_t suites_count;
    bool resumes;
    bool asks_for_certificate; /* a server does, of clients */
};

/* NOT_SUPPORTED, AUTHENTICATION, CRYPTOGRAPHIC as apm_ssl_context_create_client; OUT_OF_MEMORY. */
apm_error apm__tls_config_create(const struct apm__tls_policy *policy, struct apm__tls_config **config);
void apm__tls_config_destroy(struct apm__tls_config *config); /* or NULL; no engine uses it any more */

/* -- Engines ------------------------------------------------------------------------------------------------------- */

struct apm__tls_engine;

/* What is to be said of the peer's certificate. */
struct apm__tls_verdict {
    const struct apm__tls_certificate *certificate; /* the engine's; NULL: the peer has given none */
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags chain_status;
};

struct apm__tls_engine_origin {
    struct apm__tls_config *config;
    const char *target_host; /* of a client: the name or address that the peer has to have, "" for none */
    const struct apm__tls_certificate *own; /* of a server: in the place of the configuration's; or NULL */

    /* Decides, within a handshake, whether the peer will do. Called once a handshake, or not at all. */
    bool (*accept)(void *context, const struct apm__tls_verdict *verdict);
    void *context;
};

/* How far a call has come. */
enum apm__tls_progress {
    APM__TLS_DONE,        /* it has done what it is for */
    APM__TLS_NEEDS_INPUT, /* records have to be put in first; what has been taken in is kept */
    APM__TLS_NEEDS_ROOM,  /* records have to be taken out first */
    APM__TLS_ENDED,       /* read: the peer has sent close_notify */
    APM__TLS_FAILED       /* apm__tls_engine_error says why; there may be an alert to take out; it stays so */
};

apm_error apm__tls_engine_create(const struct apm__tls_engine_origin *origin, struct apm__tls_engine **engine);
void apm__tls_engine_destroy(struct apm__tls_engine *engine); /* or NULL; wipes what is secret */

/*
 * Hands bytes from the peer over, or says that there will be no more. They are the engine's until it has read all of
 * them: `unread` is how many it has not, and only when that is 0 others may be put.
 */
void apm__tls_engine_put_records(struct apm__tls_engine *engine, const void *bytes, size_t size);
void apm__tls_engine_end_records(struct apm__tls_engine *engine);
size_t apm__tls_engine_unread(const struct apm__tls_engine *engine);

/*
 * Takes what is to be sent: *bytes stay as they are until they are given back, or the next call of this. 0: there is
 * nothing, and no bytes. Who gives them back before anything further is to be sent saves the engine a second buffer.
 */
size_t apm__tls_engine_take_records(struct apm__tls_engine *engine, const void **bytes);
void apm__tls_engine_give_back_records(struct apm__tls_engine *engine);
bool apm__tls_engine_has_records(const struct apm__tls_engine *engine);

/* Goes on with the handshake. */
enum apm__tls_progress apm__tls_engine_handshake(struct apm__tls_engine *engine);

/* Application data, once the handshake is done. With a size of 0 read waits until there is something to read. */
enum apm__tls_progress apm__tls_engine_read(struct apm__tls_engine *engine, void *buffer, size_t size, size_t *read);
enum apm__tls_progress apm__tls_engine_write(struct apm__tls_engine *engine, const void *data, size_t size,
                                             size_t *written);

/* Tells the peer that nothing more will be written. */
enum apm__tls_progress apm__tls_engine_close_notify(struct apm__tls_engine *engine);

/* What it has failed with: AUTHENTICATION in a handshake, IO for what comes later and for a stream that was cut off. */
apm_error apm__tls_engine_error(const struct apm__tls_engine *engine, const char **text);

/* What was agreed on; all but the verdict once the handshake is done. Texts are the engine's or constant. */
struct apm__tls_agreement {
    apm_ssl_protocols protocol;
    uint16_t suite;
    const char *suite_name;
    const char *application_protocol; /* "" for none */
    bool resumed;
    bool used_own_certificate; /* a client: it was asked for it and has it */
    struct apm__tls_verdict verdict;
};

void apm__tls_engine_agreement(const struct apm__tls_engine *engine, struct apm__tls_agreement *agreement);

#endif
