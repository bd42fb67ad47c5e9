/*
 * Certificates and keys, and what mbedTLS needs once for the process. See tls_engine.h. Any thread.
 *
 * Lock: `start_lock`, a leaf, guards `started` and the preparation of the source of random numbers; without
 * MBEDTLS_THREADING_C also `library_lock`, see mbedtls_common.h. It is not recursive, so what is called with it held is
 * named so, or says so.
 */
#include <string.h>

#include "mbedtls_common.h"

#ifdef APM__MBEDTLS_3
#include <psa/crypto.h>
#endif

/* -- Once for the process ------------------------------------------------------------------------------------------ */

static apm__os_mutex start_lock = APM__OS_MUTEX_INITIALIZER;
static bool started;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context generator;

#ifndef APM__MBEDTLS_GUARDS_ITSELF
/* Above leaves, for the sessions of a configuration are put away under it. */
static apm__os_mutex library_lock = APM__OS_MUTEX_OF_RANK(APM__RANK_OBJECT);

void apm__mbedtls_enter(void)
{
    apm__os_mutex_lock(&library_lock);
}

void apm__mbedtls_leave(void)
{
    apm__os_mutex_unlock(&library_lock);
}
#endif

static bool prepare(void)
{
#ifdef APM__MBEDTLS_3
    if (psa_crypto_init() != PSA_SUCCESS)
        return false;
#endif
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&generator);
    if (mbedtls_ctr_drbg_seed(&generator, mbedtls_entropy_func, &entropy, NULL, 0) == 0)
        return true;
    mbedtls_ctr_drbg_free(&generator);
    mbedtls_entropy_free(&entropy);
    return false;
}

apm_error apm__mbedtls_start(void)
{
    apm__os_mutex_lock(&start_lock);
    started = started || prepare();
    bool ready = started;
    apm__os_mutex_unlock(&start_lock);
    return ready ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY;
}

int apm__mbedtls_random(void *unused, unsigned char *bytes, size_t size)
{
    (void)unused;
    while (size > 0) {
        size_t part = size < MBEDTLS_CTR_DRBG_MAX_REQUEST ? size : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        int code = mbedtls_ctr_drbg_random(&generator, bytes, part);
        if (code != 0)
            return code;
        bytes += part;
        size -= part;
    }
    return 0;
}

apm_error apm__mbedtls_error(int code, apm_error otherwise)
{
    int high = -(-code & 0x7f80);
    bool memory = code == MBEDTLS_ERR_SSL_ALLOC_FAILED || high == MBEDTLS_ERR_X509_ALLOC_FAILED ||
                  high == MBEDTLS_ERR_PK_ALLOC_FAILED;
    return memory ? APM_ERROR_OUT_OF_MEMORY : otherwise;
}

/* -- Certificates -------------------------------------------------------------------------------------------------- */

static struct apm__tls_certificate *allocate(void)
{
    struct apm__tls_certificate *certificate = apm__os_allocate(sizeof *certificate);
    if (!certificate)
        return NULL;
    mbedtls_x509_crt_init(&certificate->chain);
    mbedtls_pk_init(&certificate->key);
    apm__atomic_store(&certificate->references, 1, APM__RELAXED);
    return certificate;
}

static size_t length_of(const mbedtls_x509_crt *chain)
{
    size_t count = 0;
    for (; chain && chain->raw.p; chain = chain->next)
        count++;
    return count;
}

/* mbedTLS knows PEM by a zero byte at its end, which counts. NULL if there is no memory; to be wiped. */
static unsigned char *with_zero(struct apm__tls_bytes text)
{
    unsigned char *copy = apm__os_allocate(text.size + 1);
    if (copy && text.size > 0)
        memcpy(copy, text.bytes, text.size);
    return copy;
}

static bool is_pem(const unsigned char *text, const char *what)
{
    return strstr((const char *)text, what) != NULL;
}

static int parse_key(mbedtls_pk_context *key, const unsigned char *text, size_t size, const char *password)
{
    size_t length = password ? strlen(password) : 0;
    size_t counted = is_pem(text, "-----BEGIN") ? size + 1 : size;
#ifdef APM__MBEDTLS_3
    return mbedtls_pk_parse_key(key, text, counted, (const unsigned char *)password, length, apm__mbedtls_random, NULL);
#else
    return mbedtls_pk_parse_key(key, text, counted, (const unsigned char *)password, length);
#endif
}

static bool fits(const struct apm__tls_certificate *certificate)
{
#ifdef APM__MBEDTLS_3
    return mbedtls_pk_check_pair(&certificate->chain.pk, &certificate->key, apm__mbedtls_random, NULL) == 0;
#else
    return mbedtls_pk_check_pair(&certificate->chain.pk, &certificate->key) == 0;
#endif
}

/* `text` has a zero behind it, and so has `key_text`, which is NULL if the key is looked for in `text`. */
static apm_error parse(struct apm__tls_certificate *certificate, const unsigned char *text, size_t size,
                       const unsigned char *key_text, size_t key_size, const char *password)
{
    bool pem = is_pem(text, "-----BEGIN CERTIFICATE-----");
    int code = mbedtls_x509_crt_parse(&certificate->chain, text, pem ? size + 1 : size);
    if (code != 0) /* also of some in a row */
        return apm__mbedtls_error(code, APM_ERROR_CRYPTOGRAPHIC);
    certificate->count = length_of(&certificate->chain);
    if (!key_text && !(pem && is_pem(text, "PRIVATE KEY-----")))
        return APM_ERROR_SUCCESS;
    code = parse_key(&certificate->key, key_text ? key_text : text, key_text ? key_size : size, password);
    if (code != 0)
        return apm__mbedtls_error(code, APM_ERROR_CRYPTOGRAPHIC);
    return fits(certificate) ? APM_ERROR_SUCCESS : APM_ERROR_CRYPTOGRAPHIC;
}

static void wipe_and_free(unsigned char *text, size_t size)
{
    if (text)
        mbedtls_platform_zeroize(text, size);
    apm__os_free(text);
}

apm_error apm__tls_certificate_create(struct apm__tls_bytes bytes, struct apm__tls_bytes key, const char *password,
                                      struct apm__tls_certificate **created)
{
    *created = NULL;
    apm_error error = apm__mbedtls_start();
    if (error != APM_ERROR_SUCCESS)
        return error;
    struct apm__tls_certificate *certificate = allocate();
    unsigned char *text = with_zero(bytes);
    unsigned char *key_text = key.bytes ? with_zero(key) : NULL;
    if (!certificate || !text || (key.bytes && !key_text)) {
        error = APM_ERROR_OUT_OF_MEMORY;
    } else {
        apm__mbedtls_enter();
        error = parse(certificate, text, bytes.size, key_text, key.size, password);
        apm__mbedtls_leave();
    }
    wipe_and_free(text, bytes.size);
    wipe_and_free(key_text, key.size);
    if (error == APM_ERROR_SUCCESS)
        *created = certificate;
    else
        apm__tls_certificate_destroy(certificate);
    return error;
}

apm_error apm__tls_certificate_copy(const mbedtls_x509_crt *chain, struct apm__tls_certificate **created)
{
    struct apm__tls_certificate *certificate = allocate();
    *created = certificate;
    if (!certificate)
        return APM_ERROR_OUT_OF_MEMORY;
    int code = 0;
    for (; code == 0 && chain && chain->raw.p; chain = chain->next)
        code = mbedtls_x509_crt_parse_der(&certificate->chain, chain->raw.p, chain->raw.len);
    certificate->count = length_of(&certificate->chain);
    if (code == 0)
        return APM_ERROR_SUCCESS;
    apm__tls_certificate_destroy_locked(certificate);
    *created = NULL;
    return apm__mbedtls_error(code, APM_ERROR_CRYPTOGRAPHIC);
}

struct apm__tls_certificate *apm__tls_certificate_retain(const struct apm__tls_certificate *certificate)
{
    struct apm__tls_certificate *held = (struct apm__tls_certificate *)(uintptr_t)certificate; /* but for the count */
    if (held)
        apm__atomic_add(&held->references, 1, APM__RELAXED); /* the caller's own reference orders everything */
    return held;
}

void apm__tls_certificate_destroy_locked(struct apm__tls_certificate *certificate)
{
    /* Acquire and release: what each holder did is done before the last one frees it. */
    if (!certificate || apm__atomic_add(&certificate->references, (uint32_t)-1, APM__ACQ_REL) != 1)
        return;
    mbedtls_x509_crt_free(&certificate->chain);
    mbedtls_pk_free(&certificate->key); /* wipes it */
    apm__os_free(certificate);
}

void apm__tls_certificate_destroy(struct apm__tls_certificate *certificate)
{
    apm__mbedtls_enter();
    apm__tls_certificate_destroy_locked(certificate);
    apm__mbedtls_leave();
}

bool apm__tls_certificate_has_key(const struct apm__tls_certificate *certificate)
{
    return mbedtls_pk_get_type(&certificate->key) != MBEDTLS_PK_NONE;
}

size_t apm__tls_certificate_count(const struct apm__tls_certificate *certificate)
{
    return certificate->count;
}

static const mbedtls_x509_crt *at(const struct apm__tls_certificate *certificate, size_t index)
{
    const mbedtls_x509_crt *entry = &certificate->chain;
    if (index >= certificate->count)
        return NULL;
    while (index-- > 0)
        entry = entry->next;
    return entry;
}

const void *apm__tls_certificate_der(const struct apm__tls_certificate *certificate, size_t index, size_t *size)
{
    const mbedtls_x509_crt *entry = at(certificate, index);
    *size = entry ? entry->raw.len : 0;
    return entry ? entry->raw.p : NULL;
}

bool apm__tls_certificate_name(const struct apm__tls_certificate *certificate, size_t index, bool of_issuer, char *text,
                               size_t capacity)
{
    const mbedtls_x509_crt *entry = at(certificate, index);
    text[0] = '\0';
    if (entry && mbedtls_x509_dn_gets(text, capacity, of_issuer ? &entry->issuer : &entry->subject) < 0)
        text[0] = '\0';
    return entry != NULL;
}
