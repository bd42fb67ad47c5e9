/*
 * TLS contexts: what connections have in common. A context is made once, of certificates, trust and policy, never
 * changes, and serves any number of connections at once; it also keeps the sessions that they resume.
 *
 * Every function may be called on any thread. Unless a function says otherwise its errors include
 * APM_ERROR_ARGUMENT_NULL for a null handle or a NULL pointer that is needed, APM_ERROR_ARGUMENT for a handle that was
 * never issued, APM_ERROR_OBJECT_DISPOSED for what is closed, APM_ERROR_OUT_OF_MEMORY, and APM_ERROR_INVALID_OPERATION
 * in a child process after fork.
 */
#ifndef APM_SSL_CONTEXT_H
#define APM_SSL_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/x509_certificate.h"

APM_BEGIN_DECLARATIONS

/* .NET's SslProtocols, with its numbers, but for those that nobody should use any more. Flags. */
typedef enum apm_ssl_protocols {
    APM_SSL_PROTOCOLS_NONE = 0, /* the library chooses: TLS 1.2 and, where its TLS library has it, TLS 1.3 */
    APM_SSL_PROTOCOLS_TLS12 = 0xC00,
    APM_SSL_PROTOCOLS_TLS13 = 0x3000
} apm_ssl_protocols;

/* .NET's SslPolicyErrors, with its numbers: what is wrong with a peer's certificate. Flags. */
typedef enum apm_ssl_policy_errors {
    APM_SSL_POLICY_ERRORS_NONE = 0,
    APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE = 1,
    APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH = 2,
    APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS = 4
} apm_ssl_policy_errors;

/* Of .NET's X509ChainStatusFlags, with its numbers, those that occur here: the chain errors one by one. Flags. */
typedef enum apm_x509_chain_status_flags {
    APM_X509_CHAIN_STATUS_FLAGS_NO_ERROR = 0,
    APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID = 0x1,
    APM_X509_CHAIN_STATUS_FLAGS_REVOKED = 0x4,
    APM_X509_CHAIN_STATUS_FLAGS_NOT_SIGNATURE_VALID = 0x8,
    APM_X509_CHAIN_STATUS_FLAGS_NOT_VALID_FOR_USAGE = 0x10,
    APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT = 0x20,
    APM_X509_CHAIN_STATUS_FLAGS_REVOCATION_STATUS_UNKNOWN = 0x40,
    APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN = 0x10000,
    APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE = 0x100000,
    APM_X509_CHAIN_STATUS_FLAGS_OFFLINE_REVOCATION = 0x1000000
} apm_x509_chain_status_flags;

/*
 * Decides whether the peer's certificate will do: true accepts it, whatever the errors are. It is asked in each
 * handshake, also where nothing is wrong, and on a server also where the client was asked for a certificate and gave
 * none: `certificate` is the null handle then. It is closed when the callback returns. `sender` is the stream.
 *
 * It runs on a pool thread, with no lock of the library held, may call every function that a callback may, and must
 * return. The handshake waits for it, and others do not.
 */
typedef bool apm_remote_certificate_validation_callback(apm_stream sender, apm_x509_certificate certificate,
                                                        apm_x509_chain_status_flags chain_status,
                                                        apm_ssl_policy_errors errors, void *state);

/*
 * Gives the certificate for the name that the client asked for, "" if for none: one with a key, which the program may
 * close as soon as the handshake has ended. The null handle fails the handshake. It runs as the other callback does.
 */
typedef apm_x509_certificate apm_server_certificate_selection_callback(apm_stream sender, const char *host_name,
                                                                       void *state);

/*
 * Whom to trust: what the two kinds of options share. All zero is the system's trust store, and no revocation lists.
 */
typedef struct apm_x509_chain_policy {
    apm_x509_certificate custom_trust_store; /* each certificate of it is a root; null: the system's trust store */
    const void *revocation_lists;            /* in PEM, any number, or one in DER; or NULL */
    size_t revocation_lists_size;
    bool check_revocation; /* a certificate whose issuer's list is not among them is an error */
} apm_x509_chain_policy;

/*
 * .NET's SslClientAuthenticationOptions but for the target host, which belongs to a connection. All zero is good: the
 * system's trust store, the library's choice of protocols and suites, sessions are resumed.
 */
typedef struct apm_ssl_client_authentication_options {
    apm_ssl_protocols enabled_ssl_protocols;
    apm_x509_certificate client_certificate; /* with a key; null: none */
    apm_x509_chain_policy certificate_chain_policy;
    const char *const *application_protocols; /* for ALPN, the preferred one first */
    size_t application_protocols_count;
    const uint16_t
        *cipher_suites_policy;         /* the suites allowed, by their registered numbers, the preferred one first; */
    size_t cipher_suites_policy_count; /* weak ones are allowed only here. 0: the library's choice, all strong */
    bool forbid_tls_resume;            /* the opposite of .NET's AllowTlsResume, which is true there */
    apm_remote_certificate_validation_callback *remote_certificate_validation_callback;
    void *remote_certificate_validation_state;
} apm_ssl_client_authentication_options;

/* .NET's SslServerAuthenticationOptions. It needs a certificate, or a callback that gives one; all else may be zero. */
typedef struct apm_ssl_server_authentication_options {
    apm_ssl_protocols enabled_ssl_protocols;
    apm_x509_certificate server_certificate;
    apm_server_certificate_selection_callback *server_certificate_selection_callback;
    void *server_certificate_selection_state;
    bool client_certificate_required;  /* as in .NET a callback may still accept a client that gives none */
    bool client_certificate_requested; /* a client may give none; if it gives one, that has to be good */
    apm_x509_chain_policy certificate_chain_policy;
    const char *const *application_protocols;
    size_t application_protocols_count;
    const uint16_t *cipher_suites_policy;
    size_t cipher_suites_policy_count;
    bool forbid_tls_resume;
    apm_remote_certificate_validation_callback *remote_certificate_validation_callback;
    void *remote_certificate_validation_state;

    /*
     * More certificates, for servers of several names: a client that asks for a name is shown the first one that is for
     * it, `server_certificate` before these, and `server_certificate` if none is. Not looked at where there is a
     * callback that selects. .NET has only that.
     */
    const apm_x509_certificate *further_certificates;
    size_t further_certificates_count;
} apm_ssl_server_authentication_options;

/*
 * Makes a context for clients. `options` may be NULL, for all zero.
 *
 * Success  *context is the handle; apm_ssl_context_close ends it.
 * Borrows  nothing: all that `options` point to is copied or held, but the states of callbacks, which must live until
 *          the context is closed and no connection uses it any more.
 * Blocks   for as long as reading the system's trust store takes.
 * Errors   APM_ERROR_NOT_SUPPORTED the library was built without TLS, or without one of the protocols or suites asked
 *          for; APM_ERROR_AUTHENTICATION `client_certificate` has no private key, or nothing but protocols or suites
 *          that the library does not allow is asked for; APM_ERROR_CRYPTOGRAPHIC the revocation lists are none;
 *          APM_ERROR_ARGUMENT an application protocol is NULL, empty or longer than 255 bytes, `enabled_ssl_protocols`
 *          has unknown flags.
 * .NET     new SslClientAuthenticationOptions(), SslStreamCertificateContext.Create
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_context_create_client(const apm_ssl_client_authentication_options *options,
                                                               apm_ssl_context *context);

/*
 * The same for servers. The keys with which session tickets are encrypted change every half day, and those of a context
 * are its own.
 *
 * Errors   those of apm_ssl_context_create_client; APM_ERROR_NOT_SUPPORTED there is neither a certificate nor a
 *          callback that selects one; APM_ERROR_AUTHENTICATION `server_certificate` or a further one has no private
 *          key; APM_ERROR_ARGUMENT_NULL `options` is NULL, or a further certificate null, or their list NULL.
 * .NET     new SslServerAuthenticationOptions(), SslStreamCertificateContext.Create
 */
APM_API APM_MUST_CHECK apm_error apm_ssl_context_create_server(const apm_ssl_server_authentication_options *options,
                                                               apm_ssl_context *context);

/*
 * Closes the context: no handshake begins with it any more, and connections that have it go on. Closing again succeeds
 * and does nothing.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 */
APM_API apm_error apm_ssl_context_close(apm_ssl_context context);

APM_END_DECLARATIONS

#endif
