/*
 * The engine of a library that was built without TLS: nothing can be made, so nothing else is called. See tls_engine.h.
 */
#include "tls_engine.h"

apm_error apm__tls_certificate_create(struct apm__tls_bytes certificate, struct apm__tls_bytes key,
                                      const char *password, struct apm__tls_certificate **created)
{
    (void)certificate;
    (void)key;
    (void)password;
    *created = NULL;
    return APM_ERROR_NOT_SUPPORTED;
}

struct apm__tls_certificate *apm__tls_certificate_retain(const struct apm__tls_certificate *certificate)
{
    (void)certificate;
    return NULL;
}

void apm__tls_certificate_destroy(struct apm__tls_certificate *certificate)
{
    (void)certificate;
}

bool apm__tls_certificate_has_key(const struct apm__tls_certificate *certificate)
{
    (void)certificate;
    return false;
}

bool apm__tls_certificate_is_for(const struct apm__tls_certificate *certificate, const char *host)
{
    (void)certificate;
    (void)host;
    return false;
}

size_t apm__tls_certificate_count(const struct apm__tls_certificate *certificate)
{
    (void)certificate;
    return 0;
}

const void *apm__tls_certificate_der(const struct apm__tls_certificate *certificate, size_t index, size_t *size)
{
    (void)certificate;
    (void)index;
    *size = 0;
    return NULL;
}

bool apm__tls_certificate_name(const struct apm__tls_certificate *certificate, size_t index, bool of_issuer, char *text,
                               size_t capacity)
{
    (void)certificate;
    (void)index;
    (void)of_issuer;
    if (capacity > 0)
        text[0] = '\0';
    return false;
}

apm_error apm__tls_config_create(const struct apm__tls_policy *policy, struct apm__tls_config **config)
{
    (void)policy;
    *config = NULL;
    return APM_ERROR_NOT_SUPPORTED;
}

void apm__tls_config_destroy(struct apm__tls_config *config)
{
    (void)config;
}

apm_error apm__tls_engine_create(const struct apm__tls_engine_origin *origin, struct apm__tls_engine **engine)
{
    (void)origin;
    *engine = NULL;
    return APM_ERROR_NOT_SUPPORTED;
}

void apm__tls_engine_destroy(struct apm__tls_engine *engine)
{
    (void)engine;
}

void apm__tls_engine_put_records(struct apm__tls_engine *engine, const void *bytes, size_t size)
{
    (void)engine;
    (void)bytes;
    (void)size;
}

void apm__tls_engine_end_records(struct apm__tls_engine *engine)
{
    (void)engine;
}

size_t apm__tls_engine_unread(const struct apm__tls_engine *engine)
{
    (void)engine;
    return 0;
}

size_t apm__tls_engine_take_records(struct apm__tls_engine *engine, const void **bytes)
{
    (void)engine;
    *bytes = NULL;
    return 0;
}

void apm__tls_engine_give_back_records(struct apm__tls_engine *engine)
{
    (void)engine;
}

bool apm__tls_engine_has_records(const struct apm__tls_engine *engine)
{
    (void)engine;
    return false;
}

enum apm__tls_progress apm__tls_engine_handshake(struct apm__tls_engine *engine)
{
    (void)engine;
    return APM__TLS_FAILED;
}

enum apm__tls_progress apm__tls_engine_read(struct apm__tls_engine *engine, void *buffer, size_t size, size_t *read)
{
    (void)engine;
    (void)buffer;
    (void)size;
    *read = 0;
    return APM__TLS_FAILED;
}

enum apm__tls_progress apm__tls_engine_write(struct apm__tls_engine *engine, const void *data, size_t size,
                                             size_t *written)
{
    (void)engine;
    (void)data;
    (void)size;
    *written = 0;
    return APM__TLS_FAILED;
}

enum apm__tls_progress apm__tls_engine_close_notify(struct apm__tls_engine *engine)
{
    (void)engine;
    return APM__TLS_FAILED;
}

apm_error apm__tls_engine_error(const struct apm__tls_engine *engine, const char **text)
{
    (void)engine;
    *text = "";
    return APM_ERROR_NOT_SUPPORTED;
}

void apm__tls_engine_agreement(const struct apm__tls_engine *engine, struct apm__tls_agreement *agreement)
{
    (void)engine;
    *agreement = (struct apm__tls_agreement){.suite_name = "", .application_protocol = ""};
}
