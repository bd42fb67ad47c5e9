/*
 * What the files mbedtls_*.c share: the objects of the engine's contract as mbedTLS has them, and what differs between
 * its versions 2.28 and 3.6. No other file includes this, or a header of mbedTLS.
 *
 * Threads. mbedTLS guards what connections share (the source of random numbers, caches, keys of tickets, RSA keys, and
 * in 3.6 the keys of PSA) if it was built with MBEDTLS_THREADING_C, as Debian's is. Where it was not, one lock is held
 * around each call into it, and given back while `accept` runs: correct, and one handshake at a time. The headers tell,
 * because the layout of its structures depends on it. APM__MBEDTLS_UNGUARDED has this done for any: for a test.
 */
#ifndef APM__MBEDTLS_COMMON_H
#define APM__MBEDTLS_COMMON_H

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>

#include "atomic.h"
#include "host_name.h"
#include "os.h"
#include "tls_engine.h"

/* Fields that 3.x calls private, and has no functions for. */
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define APM__MBEDTLS_3
#define APM__FIELD(name) MBEDTLS_PRIVATE(name)
#else
#define APM__FIELD(name) name
#endif

#if defined(MBEDTLS_THREADING_C) && !defined(APM__MBEDTLS_UNGUARDED)
#define APM__MBEDTLS_GUARDS_ITSELF
#endif

struct apm__tls_certificate {
    mbedtls_x509_crt chain;
    mbedtls_pk_context key; /* of type NONE if there is none */
    size_t count;
    _Atomic uint32_t references; /* configurations, engines and sessions share it */
};

/* A copy of what a peer has sent. The lock below is held, as it is for the other one. */
apm_error apm__tls_certificate_copy(const mbedtls_x509_crt *chain, struct apm__tls_certificate **created);
void apm__tls_certificate_destroy_locked(struct apm__tls_certificate *certificate); /* or NULL */

/* A session of a client, for the next connection to the same host. */
struct apm__tls_session {
    char host[APM__HOST_NAME_SIZE];
    unsigned char *bytes; /* wiped when given back */
    size_t size;
    struct apm__tls_certificate *certificate; /* that the peer had when the session began */
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags chain_status;
};

enum { APM__TLS_SESSIONS = 64, APM__TLS_SUITES = 32, APM__TLS_TICKET_LIFETIME_S = 43200 };

struct apm__tls_config {
    mbedtls_ssl_config config;
    struct apm__tls_certificate *own;
    struct apm__tls_certificate *roots; /* NULL: `system` */
    mbedtls_x509_crt system;
    mbedtls_x509_crl revocations;
    bool has_revocations;
    bool check_revocation;
    bool is_server;
    bool resumes;
    bool asks_for_certificate;
    int *suites;
    const char **application_protocols; /* one block with the names */

    /* of servers: shared by all connections, guarded by mbedTLS */
    mbedtls_ssl_cache_context cache;
    mbedtls_ssl_ticket_context tickets;

    /* of clients: guarded by the lock, a leaf */
    apm__os_mutex lock;
    struct apm__tls_session sessions[APM__TLS_SESSIONS];
    size_t next_session; /* the next one that is replaced */
};

/* Gives an engine the session that there is for its host, and keeps the one that it has now. The lock below is held. */
struct apm__tls_engine;
void apm__tls_session_offer(struct apm__tls_engine *engine);
void apm__tls_session_keep(struct apm__tls_engine *engine);
void apm__tls_session_free(struct apm__tls_session *session);

/* A buffer for records begins with the smaller size, which short ones and most handshakes do with. */
enum { APM__TLS_SHORT_ROOM = 4096, APM__TLS_RECORD_ROOM = 16384 + 1024, APM__TLS_TEXT_SIZE = 256 };

struct apm__tls_output {
    unsigned char *bytes; /* NULL while there are none */
    size_t room;
};

struct apm__tls_engine {
    mbedtls_ssl_context ssl;
    struct apm__tls_config *config; /* borrowed */
    bool (*accept)(void *context, const struct apm__tls_verdict *verdict);
    void *context;
    char host[APM__HOST_NAME_SIZE];

    const unsigned char *input; /* borrowed until it is read */
    size_t input_size;
    bool input_ended;
    bool starved; /* mbedTLS has found no input; otherwise it waits for nothing, whatever it says */

    struct apm__tls_output output[2]; /* the one that is filled, and one that has been taken and not given back */
    size_t output_size;
    unsigned filling;
    size_t produced; /* bytes in all */

    bool is_server;
    bool handshaken;
    bool asked;    /* `accept` has been called */
    bool rejected; /* and has said no */
    bool full;     /* the handshake is not one that resumes a session */
    bool offered;  /* a session has been offered to the server; `peer` and the verdict are those of its handshake */
    bool used_own; /* a client's certificate has been sent */
    bool ended;    /* the peer has sent close_notify */
    bool failed;
    bool input_lost; /* the stream has ended without close_notify */
    apm_error error;
    char text[APM__TLS_TEXT_SIZE];
    struct apm__tls_certificate *peer;
    uint32_t flags; /* what mbedTLS has found */
    apm_ssl_policy_errors errors;
    apm_x509_chain_status_flags chain_status;
};

/* The callback of mbedTLS for each certificate of the peer's chain; `context` is the engine. */
int apm__mbedtls_verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags);

/* The server does not resume the session that it was offered: what is known of that one's peer does not count. */
void apm__mbedtls_forget_session(struct apm__tls_engine *engine);

/* Asks `accept`, with the lock below given back; remembers what it says. */
bool apm__mbedtls_ask(struct apm__tls_engine *engine);

/* Fails the engine with a text of its own, or that of mbedTLS's error. */
enum apm__tls_progress apm__mbedtls_fail(struct apm__tls_engine *engine, apm_error error, int code, const char *text);

/* Prepares mbedTLS, once for the process. */
apm_error apm__mbedtls_start(void);

/* The source of random numbers, for all. */
int apm__mbedtls_random(void *unused, unsigned char *bytes, size_t size);

/* OUT_OF_MEMORY, or the other error. */
apm_error apm__mbedtls_error(int code, apm_error otherwise);

#ifdef APM__MBEDTLS_GUARDS_ITSELF
static inline void apm__mbedtls_enter(void)
{
}

static inline void apm__mbedtls_leave(void)
{
}
#else
void apm__mbedtls_enter(void);
void apm__mbedtls_leave(void);
#endif

#endif
