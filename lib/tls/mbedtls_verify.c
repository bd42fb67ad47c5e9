/*
 * The verdict on a peer's certificate. mbedTLS verifies the chain and calls apm__mbedtls_verify for each certificate of
 * it, the peer's own last; what it has found is collected, the name is compared by host_name.h, and then the engine's
 * `accept` decides. What it accepts is no error to mbedTLS; what it does not fails the handshake, with an alert.
 *
 * Runs where the handshake does. See tls_engine.h.
 */
#include <stdio.h>
#include <string.h>

#include "mbedtls_common.h"

enum { TAG_DNS_NAME = 0x82, TAG_IP_ADDRESS = 0x87 };

/* -- Names --------------------------------------------------------------------------------------------------------- */

static bool has_common_name(const mbedtls_x509_crt *certificate, const char *host)
{
    for (const mbedtls_x509_name *name = &certificate->subject; name; name = name->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0 &&
            apm__host_name_matches(host, name->val.p, name->val.len))
            return true;
    return false;
}

/* The subject's own name counts only where there are no alternative names, as in .NET. */
static bool is_for(const mbedtls_x509_crt *certificate, const char *host)
{
    uint8_t address[16];
    size_t size;
    bool by_address = apm__host_name_is_address(host, address, &size);
    bool has_names = false;
    const mbedtls_x509_sequence *entry = &certificate->subject_alt_names;
    for (; entry && entry->buf.p; entry = entry->next) {
        int tag = entry->buf.tag;
        has_names = has_names || tag == TAG_DNS_NAME || tag == TAG_IP_ADDRESS;
        if (by_address && tag == TAG_IP_ADDRESS && entry->buf.len == size && memcmp(entry->buf.p, address, size) == 0)
            return true;
        if (!by_address && tag == TAG_DNS_NAME && apm__host_name_matches(host, entry->buf.p, entry->buf.len))
            return true;
    }
    return !has_names && !by_address && has_common_name(certificate, host);
}

/* -- Flags --------------------------------------------------------------------------------------------------------- */

static bool is_self_issued(const mbedtls_x509_crt *certificate)
{
    return certificate->subject_raw.len == certificate->issuer_raw.len &&
           memcmp(certificate->subject_raw.p, certificate->issuer_raw.p, certificate->subject_raw.len) == 0;
}

static uint32_t status_of(const mbedtls_x509_crt *certificate, uint32_t flags)
{
    static const struct {
        uint32_t flags;
        uint32_t status;
    } table[] = {
        {MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE, APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID},
        {MBEDTLS_X509_BADCERT_REVOKED, APM_X509_CHAIN_STATUS_FLAGS_REVOKED},
        {MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | MBEDTLS_X509_BADCERT_NS_CERT_TYPE,
         APM_X509_CHAIN_STATUS_FLAGS_NOT_VALID_FOR_USAGE},
        {MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY,
         APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE},
        {MBEDTLS_X509_BADCRL_NOT_TRUSTED | MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE |
             MBEDTLS_X509_BADCRL_BAD_MD | MBEDTLS_X509_BADCRL_BAD_PK | MBEDTLS_X509_BADCRL_BAD_KEY,
         APM_X509_CHAIN_STATUS_FLAGS_REVOCATION_STATUS_UNKNOWN},
        {MBEDTLS_X509_BADCERT_OTHER, APM_X509_CHAIN_STATUS_FLAGS_NOT_SIGNATURE_VALID},
    };
    uint32_t status = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (flags & table[i].flags)
            status |= table[i].status;
    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
        status |= is_self_issued(certificate) ? (uint32_t)APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT
                                              : (uint32_t)APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN;
    return status;
}

/* Whether there is no list in which the certificate could be. */
static bool revocation_is_unknown(const struct apm__tls_config *config, const mbedtls_x509_crt *certificate)
{
    if (!config->check_revocation || is_self_issued(certificate))
        return false;
    const mbedtls_x509_crl *list = config->has_revocations ? &config->revocations : NULL;
    for (; list && list->raw.p; list = list->next)
        if (list->issuer_raw.len == certificate->issuer_raw.len &&
            memcmp(list->issuer_raw.p, certificate->issuer_raw.p, list->issuer_raw.len) == 0)
            return false;
    return true;
}

static void append(char *text, size_t size, const char *separator, const char *word)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used, "%s%s", separator, word);
}

/* Says what is wrong, by the names that .NET's messages have. */
static void describe(struct apm__tls_engine *engine)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_TIME_VALID, "NotTimeValid"},
        {APM_X509_CHAIN_STATUS_FLAGS_REVOKED, "Revoked"},
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_SIGNATURE_VALID, "NotSignatureValid"},
        {APM_X509_CHAIN_STATUS_FLAGS_NOT_VALID_FOR_USAGE, "NotValidForUsage"},
        {APM_X509_CHAIN_STATUS_FLAGS_UNTRUSTED_ROOT, "UntrustedRoot"},
        {APM_X509_CHAIN_STATUS_FLAGS_REVOCATION_STATUS_UNKNOWN, "RevocationStatusUnknown"},
        {APM_X509_CHAIN_STATUS_FLAGS_PARTIAL_CHAIN, "PartialChain"},
        {APM_X509_CHAIN_STATUS_FLAGS_HAS_WEAK_SIGNATURE, "HasWeakSignature"},
        {APM_X509_CHAIN_STATUS_FLAGS_OFFLINE_REVOCATION, "OfflineRevocation"},
    };
    char *text = engine->text;
    if (engine->errors == APM_SSL_POLICY_ERRORS_NONE) {
        (void)snprintf(text, APM__TLS_TEXT_SIZE, "The validation callback has rejected the peer's certificate");
        return;
    }
    (void)snprintf(text, APM__TLS_TEXT_SIZE, "The peer's certificate is not accepted");
    const char *separator = ": ";
    if ((uint32_t)engine->errors & APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE) {
        append(text, APM__TLS_TEXT_SIZE, separator, "RemoteCertificateNotAvailable");
        separator = ", ";
    }
    if ((uint32_t)engine->errors & APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH) {
        append(text, APM__TLS_TEXT_SIZE, separator, "RemoteCertificateNameMismatch");
        separator = ", ";
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((uint32_t)engine->chain_status & names[i].flag) {
            append(text, APM__TLS_TEXT_SIZE, separator, names[i].name);
            separator = ", ";
        }
    }
}

/* -- The decision -------------------------------------------------------------------------------------------------- */

void apm__mbedtls_forget_session(struct apm__tls_engine *engine)
{
    apm__tls_certificate_destroy(engine->peer);
    engine->peer = NULL;
    engine->errors = APM_SSL_POLICY_ERRORS_NONE;
    engine->chain_status = APM_X509_CHAIN_STATUS_FLAGS_NO_ERROR;
    engine->offered = false;
}

bool apm__mbedtls_ask(struct apm__tls_engine *engine)
{
    struct apm__tls_verdict verdict = {engine->peer, engine->errors, engine->chain_status};
    engine->asked = true;
    apm__mbedtls_leave();
    engine->rejected = !engine->accept(engine->context, &verdict);
    apm__mbedtls_enter();
    if (engine->rejected) {
        engine->error = APM_ERROR_AUTHENTICATION;
        describe(engine);
    }
    return !engine->rejected;
}

int apm__mbedtls_verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
    struct apm__tls_engine *engine = context;
    if (engine->offered)
        apm__mbedtls_forget_session(engine);
    if (!certificate->raw.p) { /* the peer's list of certificates is empty */
        engine->errors = APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE;
        return apm__mbedtls_ask(engine) ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
    }
    uint32_t status = (uint32_t)engine->chain_status | status_of(certificate, *flags);
    if (revocation_is_unknown(engine->config, certificate))
        status |= (uint32_t)APM_X509_CHAIN_STATUS_FLAGS_REVOCATION_STATUS_UNKNOWN |
                  (uint32_t)APM_X509_CHAIN_STATUS_FLAGS_OFFLINE_REVOCATION;
    engine->chain_status = (apm_x509_chain_status_flags)status;
    engine->flags |= *flags & ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    *flags = 0;
    if (depth > 0)
        return 0;

    uint32_t errors = status ? (uint32_t)APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_CHAIN_ERRORS : 0;
    if (!engine->is_server && !is_for(certificate, engine->host))
        errors |= (uint32_t)APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NAME_MISMATCH;
    engine->errors = (apm_ssl_policy_errors)errors;
    /* The peer's own certificate is the first of those that it has sent. */
    if (apm__tls_certificate_copy(certificate, &engine->peer) != APM_ERROR_SUCCESS)
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    if (apm__mbedtls_ask(engine))
        return 0;
    /* The alert tells the peer why, by these flags; they fail a handshake only where a certificate is required. */
    *flags = engine->flags ? engine->flags : MBEDTLS_X509_BADCERT_CN_MISMATCH;
    return engine->is_server ? MBEDTLS_ERR_X509_FATAL_ERROR : 0;
}
