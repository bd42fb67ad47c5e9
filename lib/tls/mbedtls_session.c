/*
 * The sessions that clients resume: a few for each configuration, found by the name of the host. See mbedtls_common.h.
 *
 * A session is kept as bytes, so that it belongs to no engine; with it stands what was said of the peer's certificate,
 * since in a handshake that resumes none is sent. A session of TLS 1.2 is for any number of connections, also at the
 * same time; one of TLS 1.3, whose tickets are for one connection each, is taken out by the first. What a handshake has
 * failed with is not offered again.
 */
#include <string.h>

#include "mbedtls_common.h"

void apm__tls_session_free(struct apm__tls_session *session)
{
    if (session->bytes)
        mbedtls_platform_zeroize(session->bytes, session->size);
    apm__os_free(session->bytes);
    apm__tls_certificate_destroy_locked(session->certificate);
    *session = (struct apm__tls_session){0};
}

/* A copy of a session; one without bytes if there is no memory for it. */
static struct apm__tls_session copy_of(const struct apm__tls_session *session)
{
    struct apm__tls_session copy = *session;
    copy.bytes = apm__os_allocate(session->size);
    if (!copy.bytes)
        return (struct apm__tls_session){0};
    memcpy(copy.bytes, session->bytes, session->size);
    copy.certificate = apm__tls_certificate_retain(session->certificate);
    return copy;
}

/* Takes the host's session out, or a copy of one that is for several connections; without bytes if there is none. */
static struct apm__tls_session take(struct apm__tls_config *config, const char *host, bool copies)
{
    struct apm__tls_session taken = {0};
    apm__os_mutex_lock(&config->lock);
    for (size_t i = 0; i < APM__TLS_SESSIONS && !taken.bytes; i++) {
        if (config->sessions[i].bytes && strcmp(config->sessions[i].host, host) == 0) {
            if (copies && !config->sessions[i].once)
                taken = copy_of(&config->sessions[i]);
            if (taken.bytes)
                break;
            taken = config->sessions[i];
            config->sessions[i] = (struct apm__tls_session){0};
        }
    }
    apm__os_mutex_unlock(&config->lock);
    return taken;
}

/* Puts a session in the place of the host's other one, of a free one, or of the oldest. */
static void put(struct apm__tls_config *config, struct apm__tls_session session)
{
    apm__os_mutex_lock(&config->lock);
    size_t place = APM__TLS_SESSIONS;
    for (size_t i = 0; i < APM__TLS_SESSIONS; i++) {
        if (config->sessions[i].bytes && strcmp(config->sessions[i].host, session.host) == 0) {
            place = i;
            break;
        }
        if (!config->sessions[i].bytes && place == APM__TLS_SESSIONS)
            place = i;
    }
    if (place == APM__TLS_SESSIONS)
        place = config->next_session++ % APM__TLS_SESSIONS;
    struct apm__tls_session replaced = config->sessions[place];
    config->sessions[place] = session;
    apm__os_mutex_unlock(&config->lock);
    apm__tls_session_free(&replaced);
}

void apm__tls_session_offer(struct apm__tls_engine *engine)
{
    struct apm__tls_config *config = engine->config;
    if (!config->resumes || engine->is_server || engine->host[0] == '\0')
        return;
    struct apm__tls_session found = take(config, engine->host, true);
    if (!found.bytes)
        return;
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    engine->offered = mbedtls_ssl_session_load(&session, found.bytes, found.size) == 0 &&
                      mbedtls_ssl_set_session(&engine->ssl, &session) == 0;
    mbedtls_ssl_session_free(&session);
    if (engine->offered) {
        engine->peer = apm__tls_certificate_retain(found.certificate);
        engine->errors = found.errors;
        engine->chain_status = found.chain_status;
    }
    apm__tls_session_free(&found);
}

static bool is_resumable(const mbedtls_ssl_session *session)
{
    return session->APM__FIELD(id_len) > 0 || session->APM__FIELD(ticket_len) > 0;
}

void apm__tls_session_keep(struct apm__tls_engine *engine)
{
    struct apm__tls_config *config = engine->config;
    if (!config->resumes || engine->is_server || engine->host[0] == '\0')
        return;
    struct apm__tls_session kept = {0};
    size_t size = 0;
    mbedtls_ssl_session session;
    mbedtls_ssl_session_init(&session);
    if (mbedtls_ssl_get_session(&engine->ssl, &session) == 0 && is_resumable(&session) &&
        mbedtls_ssl_session_save(&session, NULL, 0, &size) == MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL)
        kept.bytes = apm__os_allocate(size);
    if (kept.bytes && mbedtls_ssl_session_save(&session, kept.bytes, size, &kept.size) == 0) {
        memcpy(kept.host, engine->host, sizeof kept.host);
        kept.once = apm__mbedtls_is_tls13(engine);
        kept.certificate = apm__tls_certificate_retain(engine->peer);
        kept.errors = engine->errors;
        kept.chain_status = engine->chain_status;
        put(config, kept);
    } else {
        kept.size = kept.bytes ? size : 0;
        apm__tls_session_free(&kept);
    }
    mbedtls_ssl_session_free(&session); /* wipes it */
}

void apm__tls_session_drop(struct apm__tls_engine *engine)
{
    struct apm__tls_session dropped = take(engine->config, engine->host, false);
    apm__tls_session_free(&dropped);
}
