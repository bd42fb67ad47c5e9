/*
 * TLS contexts: a configuration of the engine, with the callbacks of the program. Immutable once made.
 */
#ifndef APM__SSL_CONTEXT_H
#define APM__SSL_CONTEXT_H

#include "apm/ssl_context.h"
#include "slot.h"
#include "tls_engine.h"

struct apm__ssl_context {
    struct apm__slot slot; /* first: the table's view */

    /* immutable while there is a reference */
    bool is_server;
    bool tolerates_none; /* a server: of clients that give no certificate */
    struct apm__tls_config *config;
    struct apm__tls_certificate *own;      /* or NULL */
    struct apm__tls_certificate **further; /* of a server, for other names; or NULL */
    size_t further_count;
    apm_remote_certificate_validation_callback *validate;
    void *validate_state;
    apm_server_certificate_selection_callback *select;
    void *select_state;
};

/* An open context, with a reference for the caller, which every connection that uses it has. Errors of a handle. */
apm_error apm__ssl_context_hold(apm_ssl_context handle, struct apm__ssl_context **context);
void apm__ssl_context_release(struct apm__ssl_context *context); /* or NULL */

/* The one of clients that say nothing, made when it is first needed, which blocks: the system's trust store is read. */
apm_error apm__ssl_context_hold_default(struct apm__ssl_context **context);

#endif
