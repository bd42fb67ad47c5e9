/*
 * Configurations: the policy of an engine as mbedTLS has it. See tls_engine.h. Immutable once made, but for the caches
 * and keys that mbedTLS guards, and the sessions of clients (mbedtls_session.c).
 */
#include <string.h>

#include "mbedtls_common.h"

/* -- Suites and curves --------------------------------------------------------------------------------------------- */

/* Forward secrecy and authenticated encryption only; those that are fast without support by the processor come last. */
static const int strong_suites[] = {
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    0x1301, 0x1302, 0x1303,
#endif
    0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8};

/* Those with which a handshake is cheap come first: left to itself mbedTLS prefers the largest. */
#ifdef APM__MBEDTLS_3
static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
                                  MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
#else
static const mbedtls_ecp_group_id groups[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
                                              MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1, MBEDTLS_ECP_DP_NONE};
#endif

#if defined(APM__MBEDTLS_3) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
/*
 * What a client offers. PSS is for TLS 1.3, and comes last: mbedTLS 3.6.6 refuses it in the key exchange of TLS 1.2 to
 * a server that has chosen it, and most servers choose what the client has named first.
 */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,    MBEDTLS_TLS1_3_SIG_NONE};
#endif

static apm_error set_suites(struct apm__tls_config *config, const struct apm__tls_policy *policy)
{
    size_t count = policy->suites_count ? policy->suites_count : sizeof strong_suites / sizeof strong_suites[0];
    size_t kept = 0;
    config->suites = apm__os_allocate((count + 1) * sizeof *config->suites);
    if (!config->suites)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        int suite = policy->suites_count ? policy->suites[i] : strong_suites[i];
        if (mbedtls_ssl_ciphersuite_from_id(suite))
            config->suites[kept++] = suite;
    }
    if (kept == 0)
        return APM_ERROR_NOT_SUPPORTED;
    mbedtls_ssl_conf_ciphersuites(&config->config, config->suites);
    return APM_ERROR_SUCCESS;
}

static void set_curves(struct apm__tls_config *config)
{
#ifdef APM__MBEDTLS_3
    mbedtls_ssl_conf_groups(&config->config, groups);
#else
    mbedtls_ssl_conf_curves(&config->config, groups);
#endif
}

/* -- Protocols ----------------------------------------------------------------------------------------------------- */

static apm_error set_protocols(struct apm__tls_config *config, apm_ssl_protocols asked)
{
    const uint32_t tls12 = APM_SSL_PROTOCOLS_TLS12;
    const uint32_t tls13 = APM_SSL_PROTOCOLS_TLS13;
    uint32_t wanted = asked == APM_SSL_PROTOCOLS_NONE ? tls12 | tls13 : (uint32_t)asked;
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    bool lowest_is_12 = (wanted & tls12) != 0;
    bool highest_is_13 = (wanted & tls13) != 0;
    mbedtls_ssl_conf_min_tls_version(&config->config,
                                     lowest_is_12 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_max_tls_version(&config->config,
                                     highest_is_13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2);
#else
    if (!(wanted & tls12))
        return APM_ERROR_NOT_SUPPORTED;
#ifdef APM__MBEDTLS_3
    mbedtls_ssl_conf_min_tls_version(&config->config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_min_version(&config->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
#endif
    return APM_ERROR_SUCCESS;
}

/* -- Names of application protocols -------------------------------------------------------------------------------- */

static apm_error set_application_protocols(struct apm__tls_config *config, const struct apm__tls_policy *policy)
{
    size_t count = policy->application_protocols_count;
    size_t size = (count + 1) * sizeof *config->application_protocols;
    if (count == 0)
        return APM_ERROR_SUCCESS;
    for (size_t i = 0; i < count; i++)
        size += strlen(policy->application_protocols[i]) + 1;
    config->application_protocols = apm__os_allocate(size);
    if (!config->application_protocols)
        return APM_ERROR_OUT_OF_MEMORY;
    char *text = (char *)(config->application_protocols + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(policy->application_protocols[i]) + 1;
        memcpy(text, policy->application_protocols[i], length);
        config->application_protocols[i] = text;
        text += length;
    }
    int code = mbedtls_ssl_conf_alpn_protocols(&config->config, config->application_protocols);
    return code == 0 ? APM_ERROR_SUCCESS : apm__mbedtls_error(code, APM_ERROR_ARGUMENT);
}

/* -- Certificates -------------------------------------------------------------------------------------------------- */

static apm_error set_revocations(struct apm__tls_config *config, struct apm__tls_bytes bytes)
{
    if (!bytes.bytes || bytes.size == 0)
        return APM_ERROR_SUCCESS;
    unsigned char *text = apm__os_allocate(bytes.size + 1);
    if (!text)
        return APM_ERROR_OUT_OF_MEMORY;
    memcpy(text, bytes.bytes, bytes.size);
    bool pem = strstr((const char *)text, "-----BEGIN") != NULL;
    int code = mbedtls_x509_crl_parse(&config->revocations, text, pem ? bytes.size + 1 : bytes.size);
    apm__os_free(text);
    config->has_revocations = code == 0 && config->revocations.raw.p != NULL;
    return config->has_revocations ? APM_ERROR_SUCCESS : apm__mbedtls_error(code, APM_ERROR_CRYPTOGRAPHIC);
}

static apm_error set_trust(struct apm__tls_config *config, const struct apm__tls_policy *policy)
{
    config->roots = apm__tls_certificate_retain(policy->roots);
    if (!config->roots && policy->system_roots.size > 0) {
        unsigned char *text = apm__os_allocate(policy->system_roots.size + 1);
        if (!text)
            return APM_ERROR_OUT_OF_MEMORY;
        memcpy(text, policy->system_roots.bytes, policy->system_roots.size);
        /* Some that it cannot read do not matter: what they have issued is not trusted. */
        int code = mbedtls_x509_crt_parse(&config->system, text, policy->system_roots.size + 1);
        apm__os_free(text);
        if (code < 0 && apm__mbedtls_error(code, APM_ERROR_SUCCESS) != APM_ERROR_SUCCESS)
            return APM_ERROR_OUT_OF_MEMORY;
    }
    apm_error error = set_revocations(config, policy->revocations);
    if (error != APM_ERROR_SUCCESS)
        return error;
    /* A chain that is there and empty trusts nobody; without one nothing would be verified. */
    mbedtls_ssl_conf_ca_chain(&config->config, config->roots ? &config->roots->chain : &config->system,
                              config->has_revocations ? &config->revocations : NULL);
    return APM_ERROR_SUCCESS;
}

static apm_error set_own(struct apm__tls_config *config, const struct apm__tls_certificate *own)
{
    if (!own)
        return APM_ERROR_SUCCESS;
    if (!apm__tls_certificate_has_key(own))
        return APM_ERROR_AUTHENTICATION;
    config->own = apm__tls_certificate_retain(own);
    int code = mbedtls_ssl_conf_own_cert(&config->config, &config->own->chain, &config->own->key);
    return code == 0 ? APM_ERROR_SUCCESS : apm__mbedtls_error(code, APM_ERROR_CRYPTOGRAPHIC);
}

/* -- Sessions ------------------------------------------------------------------------------------------------------ */

static apm_error set_resumption(struct apm__tls_config *config, const struct apm__tls_policy *policy)
{
    mbedtls_ssl_config *of = &config->config;
    /* A session does not say with TLS 1.3 whose it was; so a server that asks clients who they are asks each time. */
    config->resumes = policy->resumes && !(policy->is_server && policy->asks_for_certificate);
    if (!policy->is_server) {
        mbedtls_ssl_conf_session_tickets(of, config->resumes ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                             : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#if defined(APM__MBEDTLS_3) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
        mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
            of, config->resumes ? MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED
                                : MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_DISABLED);
#endif
        return APM_ERROR_SUCCESS;
    }
    if (!config->resumes)
        return APM_ERROR_SUCCESS;
    mbedtls_ssl_cache_set_timeout(&config->cache, APM__TLS_TICKET_LIFETIME_S);
    mbedtls_ssl_conf_session_cache(of, &config->cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
    /* It has two keys, and makes a new one when the older has lived that long. */
    int code = mbedtls_ssl_ticket_setup(&config->tickets, apm__mbedtls_random, NULL, MBEDTLS_CIPHER_AES_256_GCM,
                                        APM__TLS_TICKET_LIFETIME_S);
    if (code != 0)
        return apm__mbedtls_error(code, APM_ERROR_NOT_SUPPORTED);
    mbedtls_ssl_conf_session_tickets_cb(of, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &config->tickets);
    return APM_ERROR_SUCCESS;
}

/* -- The whole ----------------------------------------------------------------------------------------------------- */

static apm_error set_up(struct apm__tls_config *config, const struct apm__tls_policy *policy)
{
    mbedtls_ssl_config *of = &config->config;
    int code = mbedtls_ssl_config_defaults(of, policy->is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                           MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (code != 0)
        return apm__mbedtls_error(code, APM_ERROR_NOT_SUPPORTED);
    mbedtls_ssl_conf_rng(of, apm__mbedtls_random, NULL);
#if defined(APM__MBEDTLS_3) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (!policy->is_server)
        mbedtls_ssl_conf_sig_algs(of, signatures);
#endif
#ifdef MBEDTLS_SSL_RENEGOTIATION
    mbedtls_ssl_conf_renegotiation(of, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
    /* A server lets a client that gives none pass, and leaves that to `accept`, too. */
    mbedtls_ssl_conf_authmode(of, !policy->is_server             ? MBEDTLS_SSL_VERIFY_REQUIRED
                                  : policy->asks_for_certificate ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                                 : MBEDTLS_SSL_VERIFY_NONE);
    set_curves(config);
    config->is_server = policy->is_server;
    config->check_revocation = policy->check_revocation;
    config->asks_for_certificate = policy->asks_for_certificate;
    apm_error error = set_protocols(config, policy->protocols);
    if (error == APM_ERROR_SUCCESS)
        error = set_suites(config, policy);
    if (error == APM_ERROR_SUCCESS)
        error = set_application_protocols(config, policy);
    if (error == APM_ERROR_SUCCESS)
        error = set_trust(config, policy);
    if (error == APM_ERROR_SUCCESS)
        error = set_own(config, policy->own);
    if (error == APM_ERROR_SUCCESS)
        error = set_resumption(config, policy);
    return error;
}

apm_error apm__tls_config_create(const struct apm__tls_policy *policy, struct apm__tls_config **created)
{
    *created = NULL;
    apm_error error = apm__mbedtls_start();
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__tls_config *config = apm__os_allocate(sizeof *config);
    if (!config)
        return APM_ERROR_OUT_OF_MEMORY;
    apm__os_mutex_initialise(&config->lock);
    apm__mbedtls_enter();
    mbedtls_ssl_config_init(&config->config);
    mbedtls_x509_crt_init(&config->system);
    mbedtls_x509_crl_init(&config->revocations);
    mbedtls_ssl_cache_init(&config->cache);
    mbedtls_ssl_ticket_init(&config->tickets);
    error = set_up(config, policy);
    apm__mbedtls_leave();
    if (error == APM_ERROR_SUCCESS)
        *created = config;
    else
        apm__tls_config_destroy(config);
    return error;
}

void apm__tls_config_destroy(struct apm__tls_config *config)
{
    if (!config)
        return;
    apm__mbedtls_enter();
    for (size_t i = 0; i < APM__TLS_SESSIONS; i++)
        apm__tls_session_free(&config->sessions[i]);
    mbedtls_ssl_config_free(&config->config);
    mbedtls_x509_crt_free(&config->system);
    mbedtls_x509_crl_free(&config->revocations);
    mbedtls_ssl_cache_free(&config->cache);
    mbedtls_ssl_ticket_free(&config->tickets); /* wipes its keys */
    apm__mbedtls_leave();
    apm__tls_certificate_destroy(config->own);
    apm__tls_certificate_destroy(config->roots);
    apm__os_free(config->suites);
    apm__os_free(config->application_protocols);
    apm__os_free(config);
}
