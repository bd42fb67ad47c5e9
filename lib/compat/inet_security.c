/*
 * Inet sockets: the context of TLS that options and credentials ask for. Each secure handle has one of its own, so that
 * what is trusted for one is trusted for no other.
 */
#include <string.h>

#include "inet_socket.h"

static bool accept_any(apm_stream sender, apm_x509_certificate certificate, apm_x509_chain_status_flags chain_status,
                       apm_ssl_policy_errors errors, void *state)
{
    (void)sender;
    (void)certificate;
    (void)chain_status;
    (void)errors;
    (void)state;
    return true;
}

/*
 * TLS 1.2's suites that the library does not offer of its own accord, as far as its TLS library has them: with CBC and
 * SHA-1 or SHA-256, and with the server's key in place of a fresh one. Behind the strong ones, which are preferred.
 */
static const uint16_t fallback_suites[] = {
    0x1301, 0x1302, 0x1303,                         /* those of TLS 1.3 */
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, /* ECDHE with AES-GCM or ChaCha20 */
    0xc023, 0xc027, 0xc009, 0xc013, 0xc00a, 0xc014, /* ECDHE with CBC */
    0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035  /* RSA */
};

enum { FALLBACK_COUNT = sizeof fallback_suites / sizeof *fallback_suites };
_Static_assert(FALLBACK_COUNT < 32, "a bit for each, and one more");

static bool is_given(const char *text)
{
    return text && text[0] != '\0';
}

/* Whether the certificate's subject has the text in it. */
static bool is_named(apm_x509_certificate certificate, const char *name)
{
    char subject[1024];
    size_t size = 0;
    if (apm_x509_certificate_subject(certificate, 0, subject, sizeof subject - 1, &size) != APM_ERROR_SUCCESS)
        return false;
    subject[size < sizeof subject ? size : sizeof subject - 1] = '\0';
    return strstr(subject, name) != NULL;
}

/* The certificate of the credentials; null and 0 if they have none. */
static uint32_t load(const apm_inet_credentials_a *credentials, apm_x509_certificate *certificate)
{
    *certificate = (apm_x509_certificate)APM_NULL_HANDLE;
    if (!credentials)
        return 0;
    if (credentials->dwSize != sizeof *credentials)
        return APM_INET_E_INVALID_PARAMETER;
    if (!is_given(credentials->lpszCertStore))
        return is_given(credentials->lpszCertName) ? APM_INET_E_INVALID_CREDENTIALS : 0;
    apm_error error = apm_x509_certificate_create_file(
        credentials->lpszCertStore, is_given(credentials->lpszKeyFile) ? credentials->lpszKeyFile : NULL,
        is_given(credentials->lpszPassword) ? credentials->lpszPassword : NULL, certificate);
    if (error != APM_ERROR_SUCCESS)
        return apm__inet_error(error);
    if (apm_x509_certificate_has_private_key(*certificate) &&
        (!is_given(credentials->lpszCertName) || is_named(*certificate, credentials->lpszCertName)))
        return 0;
    apm_x509_certificate_close(*certificate);
    *certificate = (apm_x509_certificate)APM_NULL_HANDLE;
    return APM_INET_E_INVALID_CREDENTIALS;
}

/* The protocols of a mask; false if it has none that is there. */
static bool read_protocols(const apm_inet_credentials_a *credentials, apm_ssl_protocols *protocols)
{
    uint32_t mask = credentials ? credentials->dwProtocol : APM_INET_SECURITY_PROTOCOL_DEFAULT;
    int chosen = APM_SSL_PROTOCOLS_NONE;
    if (mask & APM_INET_SECURITY_PROTOCOL_TLS12)
        chosen |= APM_SSL_PROTOCOLS_TLS12;
    if (mask & APM_INET_SECURITY_PROTOCOL_TLS13)
        chosen |= APM_SSL_PROTOCOLS_TLS13;
    *protocols = (apm_ssl_protocols)chosen;
    return mask == APM_INET_SECURITY_PROTOCOL_DEFAULT || chosen != APM_SSL_PROTOCOLS_NONE;
}

static apm_error create(apm_x509_certificate certificate, apm_ssl_protocols protocols, uint32_t options, bool serves,
                        const uint16_t *suites, size_t count, apm_ssl_context *context)
{
    apm_remote_certificate_validation_callback *validate = options & APM_INET_OPTION_TRUSTEDSITE ? accept_any : NULL;
    if (serves) {
        apm_ssl_server_authentication_options server = {.enabled_ssl_protocols = protocols,
                                                        .server_certificate = certificate,
                                                        .cipher_suites_policy = suites,
                                                        .cipher_suites_policy_count = count};
        return apm_ssl_context_create_server(&server, context);
    }
    apm_ssl_client_authentication_options client = {.enabled_ssl_protocols = protocols,
                                                    .client_certificate = certificate,
                                                    .cipher_suites_policy = suites,
                                                    .cipher_suites_policy_count = count,
                                                    .remote_certificate_validation_callback = validate};
    return apm_ssl_context_create_client(&client, context);
}

/*
 * The suites of the fallback that the TLS library has: a context that is refused for one of them tells. That is asked
 * once, for it costs as much as twenty contexts.
 */
static size_t find_suites(uint16_t suites[FALLBACK_COUNT])
{
    static const uint32_t asked = 1u << FALLBACK_COUNT;
    static const apm_x509_certificate none = APM_NULL_HANDLE;
    static _Atomic uint32_t there; /* a bit for each, once asked; whoever asks finds the same */
    uint32_t found = apm__atomic_load(&there, APM__RELAXED);
    bool memory = true;
    for (size_t i = 0; !(found & asked) && i < FALLBACK_COUNT; i++) {
        apm_ssl_context probe;
        apm_error error = create(none, APM_SSL_PROTOCOLS_NONE, 0, false, &fallback_suites[i], 1, &probe);
        memory = memory && error != APM_ERROR_OUT_OF_MEMORY;
        if (error != APM_ERROR_SUCCESS)
            continue;
        apm_ssl_context_close(probe);
        found |= 1u << i;
    }
    if (memory)
        apm__atomic_store(&there, found | asked, APM__RELAXED); /* see above */
    size_t count = 0;
    for (size_t i = 0; i < FALLBACK_COUNT; i++)
        if (found & 1u << i)
            suites[count++] = fallback_suites[i];
    return count;
}

uint32_t apm__inet_context(const apm_inet_credentials_a *credentials, uint32_t options, bool serves,
                           apm_ssl_context *context)
{
    apm_x509_certificate certificate;
    apm_ssl_protocols protocols;
    *context = (apm_ssl_context)APM_NULL_HANDLE;
    uint32_t wrong = load(credentials, &certificate);
    if (wrong != 0)
        return wrong;
    if (serves && certificate.bits == 0)
        return APM_INET_E_INVALID_CREDENTIALS;
    apm_error error = APM_ERROR_NOT_SUPPORTED;
    if (read_protocols(credentials, &protocols)) {
        uint16_t suites[FALLBACK_COUNT];
        size_t count = 0;
        if (options & APM_INET_OPTION_SECURE_FALLBACK)
            count = find_suites(suites);
        error = create(certificate, protocols, options, serves, count > 0 ? suites : NULL, count, context);
    }
    if (certificate.bits != 0)
        apm_x509_certificate_close(certificate);
    return apm__inet_error(error);
}
