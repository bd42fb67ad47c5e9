/*
 * The handshake of a stream of TLS: the name that a client asks for, the program's callbacks, and what comes of it. See
 * ssl_stream.h. Runs on workers only, in a work item of the pump; no lock is held while the program is asked.
 */
#include <string.h>

#include "client_hello.h"
#include "ssl_stream.h"
#include "x509_certificate.h"

/* The stream's handle; a null one if it has been closed meanwhile is as good. */
static apm_stream handle_of(const struct apm__ssl *ssl)
{
    return (apm_stream){apm__slot_handle(&ssl->stream->slot)};
}

/* Fails the handshake, and with it the operation. */
static void fail(struct apm__ssl *ssl, struct apm__ssl_turn *turn, apm_error error, const char *text)
{
    apm__ssl_fail(ssl, error, text);
    turn->done[APM__SSL_AUTHENTICATE] = true;
    turn->outcome[APM__SSL_AUTHENTICATE] = error;
}

/* -- Certificates -------------------------------------------------------------------------------------------------- */

/* The engine's `accept`. */
static bool accept_peer(void *context, const struct apm__tls_verdict *verdict)
{
    struct apm__ssl *ssl = context;
    const struct apm__ssl_context *policy = ssl->context;
    apm_x509_certificate certificate;
    apm__os_mutex_lock(&ssl->stream->lock);
    ssl->errors = verdict->errors;
    ssl->chain_status = verdict->chain_status;
    apm__os_mutex_unlock(&ssl->stream->lock);
    if (!policy->validate)
        return verdict->errors == APM_SSL_POLICY_ERRORS_NONE ||
               (!verdict->certificate && policy->is_server && policy->tolerates_none);
    if (apm__x509_certificate_share(verdict->certificate, &certificate) != APM_ERROR_SUCCESS)
        return false;
    bool accepted = policy->validate(handle_of(ssl), certificate, verdict->chain_status, verdict->errors,
                                     policy->validate_state);
    apm_x509_certificate_close(certificate);
    return accepted;
}

/* Asks the program which certificate the server shows; false if there is none with a key. */
static bool select_certificate(struct apm__ssl *ssl)
{
    const struct apm__ssl_context *policy = ssl->context;
    apm_x509_certificate selected = policy->select(handle_of(ssl), ssl->host, policy->select_state);
    if (apm__x509_certificate_take(selected, &ssl->local) != APM_ERROR_SUCCESS || !ssl->local)
        return false;
    return apm__tls_certificate_has_key(ssl->local);
}

/* The certificate of a list that is for the name that the client asks for, or NULL for the context's own. */
static struct apm__tls_certificate *further_certificate(const struct apm__ssl *ssl)
{
    const struct apm__ssl_context *policy = ssl->context;
    if (ssl->host[0] == '\0' || policy->further_count == 0 || apm__tls_certificate_is_for(policy->own, ssl->host))
        return NULL;
    for (size_t i = 0; i < policy->further_count; i++)
        if (apm__tls_certificate_is_for(policy->further[i], ssl->host))
            return apm__tls_certificate_retain(policy->further[i]);
    return NULL;
}

/* -- The beginning ------------------------------------------------------------------------------------------------- */

/* Waits for the client's first message, and reads the name in it. True: it has, or there will be none. */
static bool has_name(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    ssl->held += turn->arrived;
    turn->arrived = 0;
    enum apm__client_hello outcome = apm__client_hello_name(ssl->input, ssl->held, ssl->host);
    if (outcome != APM__CLIENT_HELLO_SHORT || ssl->held == APM__SSL_INPUT_SIZE)
        return true;
    if (turn->input_error != APM_ERROR_SUCCESS)
        fail(ssl, turn, turn->input_error, "The inner stream has failed");
    else if (turn->input_ended)
        fail(ssl, turn, APM_ERROR_IO, "The stream has ended before the handshake");
    else
        turn->wants_input = true;
    return false;
}

/* Makes the engine; false if it is too early for that, or if it has failed. */
static bool prepare(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    apm_error error = APM_ERROR_SUCCESS;
    if (!ssl->context)
        error = apm__ssl_context_hold_default(&ssl->context);
    if (error != APM_ERROR_SUCCESS) {
        fail(ssl, turn, error, "The default context could not be made");
        return false;
    }
    if (ssl->is_server && !has_name(ssl, turn))
        return false;
    if (ssl->is_server && ssl->context->select && !select_certificate(ssl)) {
        fail(ssl, turn, APM_ERROR_AUTHENTICATION, "A server needs a certificate with its private key");
        return false;
    }
    if (ssl->is_server && !ssl->context->select)
        ssl->local = further_certificate(ssl);
    struct apm__tls_engine_origin origin = {.config = ssl->context->config,
                                            .target_host = ssl->host,
                                            .own = ssl->local,
                                            .accept = accept_peer,
                                            .context = ssl};
    error = apm__tls_engine_create(&origin, &ssl->engine);
    if (error != APM_ERROR_SUCCESS) {
        fail(ssl, turn, error, NULL);
        return false;
    }
    apm__tls_engine_put_records(ssl->engine, ssl->input, ssl->held);
    ssl->held = 0;
    if (turn->input_ended)
        apm__tls_engine_end_records(ssl->engine);
    return true;
}

/* -- The end ------------------------------------------------------------------------------------------------------- */

static void open_stream(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    apm__tls_engine_agreement(ssl->engine, &ssl->agreement);
    ssl->remote = apm__tls_certificate_retain(ssl->agreement.verdict.certificate);
    if (!ssl->local && (ssl->is_server || ssl->agreement.used_own_certificate))
        ssl->local = apm__tls_certificate_retain(ssl->context->own);
    strncpy(ssl->application_protocol, ssl->agreement.application_protocol, sizeof ssl->application_protocol - 1);
    apm__os_mutex_lock(&ssl->stream->lock);
    bool opens = ssl->phase == APM__SSL_HANDSHAKE;
    if (opens) {
        ssl->phase = APM__SSL_OPEN;
        ssl->opened = true;
        ssl->errors = ssl->agreement.verdict.errors;
        ssl->chain_status = ssl->agreement.verdict.chain_status;
    }
    apm__os_mutex_unlock(&ssl->stream->lock);
    if (!opens) /* it has been given up */
        return;
    turn->done[APM__SSL_AUTHENTICATE] = true;
    turn->outcome[APM__SSL_AUTHENTICATE] = APM_ERROR_SUCCESS;
}

void apm__ssl_shake_hands(struct apm__ssl *ssl, struct apm__ssl_turn *turn)
{
    const char *text;
    if (!ssl->engine && !prepare(ssl, turn))
        return;
    enum apm__tls_progress progress = apm__tls_engine_handshake(ssl->engine);
    bool flushed = !turn->writing && !apm__tls_engine_has_records(ssl->engine);
    if (turn->output_error != APM_ERROR_SUCCESS && turn->input_error == APM_ERROR_SUCCESS && !turn->input_ended &&
        progress == APM__TLS_NEEDS_INPUT) {
        /* What the peer has said before it went may tell why. */
        turn->wants_input = true;
    } else if (progress == APM__TLS_FAILED) {
        apm_error error = apm__tls_engine_error(ssl->engine, &text);
        if (flushed || turn->output_error != APM_ERROR_SUCCESS)
            fail(ssl, turn, error, text);
    } else if (turn->output_error != APM_ERROR_SUCCESS) {
        fail(ssl, turn, turn->output_error, "The inner stream has failed");
    } else if (progress == APM__TLS_NEEDS_INPUT) {
        if (turn->input_error != APM_ERROR_SUCCESS)
            fail(ssl, turn, turn->input_error, "The inner stream has failed");
        else
            turn->wants_input = true;
    } else if (progress == APM__TLS_DONE && flushed) {
        open_stream(ssl, turn);
    }
}
