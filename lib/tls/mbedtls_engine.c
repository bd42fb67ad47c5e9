/*
 * Engines on mbedTLS. See tls_engine.h. One thread at a time.
 *
 * mbedTLS asks for input and gives output by two functions, which here only move bytes within memory. A handshake is
 * stepped, and not run by one call, because the states that it goes through tell whether it resumes a session and
 * whether a client has shown its certificate.
 *
 * A record of application data is only made when there is room for all of it: a write that mbedTLS could not hand over
 * would have to be repeated with the same bytes, which a write that is cancelled cannot promise.
 */
#include <stdio.h>
#include <string.h>

#include "mbedtls_common.h"

enum { RECORD_OVERHEAD = 512 }; /* more than what a record has besides its data */

/* -- Bytes --------------------------------------------------------------------------------------------------------- */

/* Makes room for so many bytes in the buffer that is being filled. */
static bool has_room(struct apm__tls_output *output, size_t used, size_t needed)
{
    if (needed <= output->room)
        return true;
    size_t room = needed <= APM__TLS_SHORT_ROOM ? APM__TLS_SHORT_ROOM : APM__TLS_RECORD_ROOM;
    unsigned char *bytes = apm__os_allocate(room);
    if (!bytes)
        return false;
    if (used > 0)
        memcpy(bytes, output->bytes, used);
    apm__os_free(output->bytes);
    *output = (struct apm__tls_output){bytes, room};
    return true;
}

static int send_bytes(void *context, const unsigned char *bytes, size_t size)
{
    struct apm__tls_engine *engine = context;
    size_t room = APM__TLS_RECORD_ROOM - engine->output_size;
    if (size > room)
        size = room;
    if (size == 0)
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    struct apm__tls_output *output = &engine->output[engine->filling];
    if (!has_room(output, engine->output_size, engine->output_size + size))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    memcpy(output->bytes + engine->output_size, bytes, size);
    engine->output_size += size;
    engine->produced += size;
    return (int)size;
}

static int receive_bytes(void *context, unsigned char *bytes, size_t size)
{
    struct apm__tls_engine *engine = context;
    if (engine->input_size == 0) {
        engine->starved = true;
        engine->input_lost = engine->input_ended;
        return engine->input_ended ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (size > engine->input_size)
        size = engine->input_size;
    memcpy(bytes, engine->input, size);
    engine->input += size;
    engine->input_size -= size;
    return (int)size;
}

void apm__tls_engine_put_records(struct apm__tls_engine *engine, const void *bytes, size_t size)
{
    engine->input = bytes;
    engine->input_size = size;
}

void apm__tls_engine_end_records(struct apm__tls_engine *engine)
{
    engine->input_ended = true;
}

size_t apm__tls_engine_unread(const struct apm__tls_engine *engine)
{
    return engine->input_size;
}

size_t apm__tls_engine_take_records(struct apm__tls_engine *engine, const void **bytes)
{
    size_t size = engine->output_size;
    *bytes = engine->output[engine->filling].bytes;
    if (size > 0)
        engine->filling = !engine->filling;
    engine->output_size = 0;
    return size;
}

/* Has the same buffer filled again, so that most engines need only one. */
void apm__tls_engine_give_back_records(struct apm__tls_engine *engine)
{
    if (engine->output_size == 0)
        engine->filling = 0;
}

bool apm__tls_engine_has_records(const struct apm__tls_engine *engine)
{
    return engine->output_size > 0;
}

/* -- Failure ------------------------------------------------------------------------------------------------------- */

/*
 * The alert, if the record that could not be decrypted is one that is not encrypted; or NULL. A client that gives up
 * before it uses the keys of the handshake says so in this way, and mbedTLS expects it with them. Level, description.
 */
static const unsigned char *plain_alert(const struct apm__tls_engine *engine, int code)
{
    static const unsigned char length[] = {0, 2};
    const unsigned char *record = engine->ssl.APM__FIELD(in_hdr);
    bool is_plain = code == MBEDTLS_ERR_SSL_INVALID_MAC && !engine->handshaken && record[0] == MBEDTLS_SSL_MSG_ALERT &&
                    memcmp(record + 3, length, sizeof length) == 0;
    return is_plain ? record + 5 : NULL;
}

static void describe(struct apm__tls_engine *engine, int code)
{
    char reason[APM__TLS_TEXT_SIZE - 64];
    const unsigned char *alert = code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? engine->ssl.APM__FIELD(in_msg)
                                                                             : plain_alert(engine, code);
    if (engine->input_lost) {
        (void)snprintf(engine->text, sizeof engine->text, "The stream ended without close_notify: it was cut off");
    } else if (alert) {
        (void)snprintf(engine->text, sizeof engine->text, "The peer has given up, with alert %d", (int)alert[1]);
    } else {
        mbedtls_strerror(code, reason, sizeof reason);
        (void)snprintf(engine->text, sizeof engine->text, "%s (-0x%04x)", reason, (unsigned)-code);
    }
}

enum apm__tls_progress apm__mbedtls_fail(struct apm__tls_engine *engine, apm_error error, int code, const char *text)
{
    engine->failed = true;
    if (engine->offered && !engine->handshaken)
        apm__tls_session_drop(engine);
    if (engine->rejected) /* which has been said already */
        return APM__TLS_FAILED;
    engine->error = engine->input_lost ? APM_ERROR_IO : apm__mbedtls_error(code, error);
    if (text)
        (void)snprintf(engine->text, sizeof engine->text, "%s", text);
    else
        describe(engine, code);
    return APM__TLS_FAILED;
}

/* What a code of mbedTLS other than success means. */
static enum apm__tls_progress progress_of(struct apm__tls_engine *engine, int code)
{
    if (code == MBEDTLS_ERR_SSL_WANT_READ)
        return APM__TLS_NEEDS_INPUT;
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE)
        return APM__TLS_NEEDS_ROOM;
    return apm__mbedtls_fail(engine, engine->handshaken ? APM_ERROR_IO : APM_ERROR_AUTHENTICATION, code, NULL);
}

apm_error apm__tls_engine_error(const struct apm__tls_engine *engine, const char **text)
{
    *text = engine->text;
    return engine->error;
}

/* -- Life ---------------------------------------------------------------------------------------------------------- */

static int set_up(struct apm__tls_engine *engine, const struct apm__tls_engine_origin *origin)
{
    uint8_t address[16];
    size_t size;
    int code = mbedtls_ssl_setup(&engine->ssl, &engine->config->config);
    if (code != 0)
        return code;
    mbedtls_ssl_set_bio(&engine->ssl, engine, send_bytes, receive_bytes, NULL);
    mbedtls_ssl_set_verify(&engine->ssl, apm__mbedtls_verify, engine);
    if (engine->is_server)
        return origin->own
                   ? mbedtls_ssl_set_hs_own_cert(&engine->ssl, (mbedtls_x509_crt *)(uintptr_t)&origin->own->chain,
                                                 (mbedtls_pk_context *)(uintptr_t)&origin->own->key)
                   : 0;
    /* Addresses are no names to ask a server for. NULL says that no name is meant. */
    bool is_name = engine->host[0] != '\0' && !apm__host_name_is_address(engine->host, address, &size);
    code = mbedtls_ssl_set_hostname(&engine->ssl, is_name ? engine->host : NULL);
    if (code == 0)
        apm__tls_session_offer(engine);
    return code;
}

apm_error apm__tls_engine_create(const struct apm__tls_engine_origin *origin, struct apm__tls_engine **created)
{
    *created = NULL;
    struct apm__tls_engine *engine = apm__os_allocate(sizeof *engine);
    if (!engine)
        return APM_ERROR_OUT_OF_MEMORY;
    engine->config = origin->config;
    engine->accept = origin->accept;
    engine->context = origin->context;
    size_t length = strlen(origin->target_host);
    if (length > 0 && origin->target_host[length - 1] == '.')
        length--;
    if (length >= sizeof engine->host)
        length = sizeof engine->host - 1;
    memcpy(engine->host, origin->target_host, length);
    engine->is_server = origin->config->is_server;
    apm__mbedtls_enter();
    mbedtls_ssl_init(&engine->ssl);
    int code = set_up(engine, origin);
    apm__mbedtls_leave();
    if (code == 0) {
        *created = engine;
        return APM_ERROR_SUCCESS;
    }
    apm__tls_engine_destroy(engine);
    return apm__mbedtls_error(code, APM_ERROR_AUTHENTICATION);
}

void apm__tls_engine_destroy(struct apm__tls_engine *engine)
{
    if (!engine)
        return;
    apm__mbedtls_enter();
    mbedtls_ssl_free(&engine->ssl); /* wipes its keys and buffers */
    apm__mbedtls_leave();
    apm__tls_certificate_destroy(engine->peer);
    apm__os_free(engine->output[0].bytes);
    apm__os_free(engine->output[1].bytes);
    apm__os_free(engine);
}

/* -- The handshake ------------------------------------------------------------------------------------------------- */

#ifdef MBEDTLS_SSL_PROTO_TLS1_3
enum { SHOWS_IN_TLS13 = MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY };
#else
enum { SHOWS_IN_TLS13 = -1 };
#endif

bool apm__mbedtls_is_tls13(const struct apm__tls_engine *engine)
{
    const char *version = mbedtls_ssl_get_version(&engine->ssl);
    return version && strcmp(version, "TLSv1.3") == 0;
}

static int step(struct apm__tls_engine *engine)
{
    int state = (int)engine->ssl.APM__FIELD(state);
    size_t produced = engine->produced;
    int code = mbedtls_ssl_handshake_step(&engine->ssl);
    if (state == MBEDTLS_SSL_SERVER_CERTIFICATE)
        engine->full = true;
    /* Only who is asked for a certificate sends one; the two protocols tell it by different states. */
    bool shows = apm__mbedtls_is_tls13(engine) ? state == SHOWS_IN_TLS13
                                               : state == MBEDTLS_SSL_CLIENT_CERTIFICATE && engine->produced > produced;
    if (engine->config->own && shows)
        engine->used_own = true;
    return code;
}

/* What is left to be decided when mbedTLS is content: peers without certificate, and sessions that are resumed. */
static bool finish(struct apm__tls_engine *engine)
{
    if (engine->full && engine->offered) /* and no certificate has come */
        apm__mbedtls_forget_session(engine);
    bool asks = !engine->is_server || engine->config->asks_for_certificate;
    if (asks && !engine->asked) {
        if (!engine->peer)
            engine->errors = APM_SSL_POLICY_ERRORS_REMOTE_CERTIFICATE_NOT_AVAILABLE;
        if (!apm__mbedtls_ask(engine)) {
            int ignored = mbedtls_ssl_send_alert_message(&engine->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                                         MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
            (void)ignored; /* the peer learns it from the end of the stream */
            return false;
        }
    }
    engine->handshaken = true;
    apm__tls_session_keep(engine);
    return true;
}

enum apm__tls_progress apm__tls_engine_handshake(struct apm__tls_engine *engine)
{
    enum apm__tls_progress progress = APM__TLS_DONE;
    if (engine->failed)
        return APM__TLS_FAILED;
    apm__mbedtls_enter();
    while (progress == APM__TLS_DONE && (int)engine->ssl.APM__FIELD(state) != (int)MBEDTLS_SSL_HANDSHAKE_OVER) {
        engine->starved = false;
        int code = step(engine);
        if (code != 0 && !(code == MBEDTLS_ERR_SSL_WANT_READ && !engine->starved))
            progress = progress_of(engine, code);
    }
    if (progress == APM__TLS_DONE && !engine->handshaken && !finish(engine))
        progress = apm__mbedtls_fail(engine, APM_ERROR_AUTHENTICATION, 0, NULL);
    apm__mbedtls_leave();
    return progress;
}

/* -- Application data ---------------------------------------------------------------------------------------------- */

/* Whether the call may be repeated after this code: it is news and no error. */
static bool is_news(struct apm__tls_engine *engine, int code)
{
#if defined(APM__MBEDTLS_3) && defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        apm__tls_session_keep(engine);
        return true;
    }
#endif
    /* With a message between the data, such as a ticket, it asks to be called again. */
    return code == MBEDTLS_ERR_SSL_WANT_READ && !engine->starved;
}

enum apm__tls_progress apm__tls_engine_read(struct apm__tls_engine *engine, void *buffer, size_t size, size_t *read)
{
    unsigned char nothing;
    *read = 0;
    if (engine->failed || engine->ended)
        return engine->failed ? APM__TLS_FAILED : APM__TLS_ENDED;
    apm__mbedtls_enter();
    int code;
    do {
        engine->starved = false;
        code = mbedtls_ssl_read(&engine->ssl, size > 0 ? buffer : &nothing, size);
    } while (is_news(engine, code));
    enum apm__tls_progress progress = APM__TLS_DONE;
    if (code > 0)
        *read = (size_t)code;
    else if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        engine->ended = true;
    else if (code == 0 && size == 0 && mbedtls_ssl_get_bytes_avail(&engine->ssl) > 0)
        progress = APM__TLS_DONE;
    else if (code == 0 && !engine->input_ended)
        progress = APM__TLS_NEEDS_INPUT; /* an empty record */
    else
        progress = progress_of(engine, code == 0 ? MBEDTLS_ERR_SSL_CONN_EOF : code);
    apm__mbedtls_leave();
    return engine->ended ? APM__TLS_ENDED : progress;
}

enum apm__tls_progress apm__tls_engine_write(struct apm__tls_engine *engine, const void *data, size_t size,
                                             size_t *written)
{
    *written = 0;
    if (engine->failed)
        return APM__TLS_FAILED;
    size_t room = APM__TLS_RECORD_ROOM - engine->output_size;
    if (room < RECORD_OVERHEAD + (size < MBEDTLS_SSL_OUT_CONTENT_LEN ? size : MBEDTLS_SSL_OUT_CONTENT_LEN))
        return APM__TLS_NEEDS_ROOM;
    if (size == 0)
        return APM__TLS_DONE;
    apm__mbedtls_enter();
    int code;
    do { /* a ticket that has come is taken up by whatever is called next */
        engine->starved = false;
        code = mbedtls_ssl_write(&engine->ssl, data, size);
    } while (is_news(engine, code));
    enum apm__tls_progress progress = APM__TLS_DONE;
    if (code >= 0)
        *written = (size_t)code;
    else
        progress = progress_of(engine, code);
    apm__mbedtls_leave();
    return progress;
}

enum apm__tls_progress apm__tls_engine_close_notify(struct apm__tls_engine *engine)
{
    if (engine->failed)
        return APM__TLS_FAILED;
    if (APM__TLS_RECORD_ROOM - engine->output_size < RECORD_OVERHEAD)
        return APM__TLS_NEEDS_ROOM;
    apm__mbedtls_enter();
    int code = mbedtls_ssl_close_notify(&engine->ssl);
    enum apm__tls_progress progress = code == 0 ? APM__TLS_DONE : progress_of(engine, code);
    apm__mbedtls_leave();
    return progress;
}

/* -- What was agreed on -------------------------------------------------------------------------------------------- */

static uint16_t suite_of(const struct apm__tls_engine *engine)
{
#ifdef APM__MBEDTLS_3
    return (uint16_t)mbedtls_ssl_get_ciphersuite_id_from_ssl(&engine->ssl);
#else
    const char *name = mbedtls_ssl_get_ciphersuite(&engine->ssl);
    return name ? (uint16_t)mbedtls_ssl_get_ciphersuite_id(name) : 0;
#endif
}

void apm__tls_engine_agreement(const struct apm__tls_engine *engine, struct apm__tls_agreement *agreement)
{
    const char *suite = mbedtls_ssl_get_ciphersuite(&engine->ssl);
    const char *application = mbedtls_ssl_get_alpn_protocol(&engine->ssl);
    agreement->protocol = apm__mbedtls_is_tls13(engine) ? APM_SSL_PROTOCOLS_TLS13 : APM_SSL_PROTOCOLS_TLS12;
    agreement->suite = suite_of(engine);
    agreement->suite_name = suite ? suite : "";
    agreement->application_protocol = application ? application : "";
    agreement->resumed = !engine->full;
    agreement->used_own_certificate = engine->used_own;
    agreement->verdict = (struct apm__tls_verdict){engine->peer, engine->errors, engine->chain_status};
}
