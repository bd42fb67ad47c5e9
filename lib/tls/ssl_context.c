/*
 * TLS contexts: apm/ssl_context.h. Any thread. See ssl_context.h.
 *
 * The slot's references: the program's, which close drops, and one for each connection. The default context is the
 * layer's, from its first use to the next cleanup.
 *
 * Lock: `lock`, a leaf, guards which context is the default one.
 */
#include "ssl_context.h"

#include <string.h>

#include "cleanup.h"
#include "file_bytes.h"
#include "os.h"
#include "x509_certificate.h"

static struct apm__slot_table contexts = APM__SLOT_TABLE(APM__KIND_SSL_CONTEXT, struct apm__ssl_context, NULL);

static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;
static apm_ssl_context default_context;

/* -- Life ---------------------------------------------------------------------------------------------------------- */

apm_error apm__ssl_context_hold(apm_ssl_context handle, struct apm__ssl_context **context)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&contexts, handle.bits, APM__SLOT_CLOSED, &slot);
    *context = (struct apm__ssl_context *)slot;
    return error;
}

void apm__ssl_context_release(struct apm__ssl_context *context)
{
    if (!context || !apm__slot_release(&context->slot))
        return;
    apm__tls_config_destroy(context->config);
    apm__tls_certificate_destroy(context->own);
    for (size_t i = 0; i < context->further_count; i++)
        apm__tls_certificate_destroy(context->further[i]);
    apm__os_free(context->further);
    context->config = NULL;
    context->own = NULL;
    context->further = NULL;
    context->further_count = 0;
    apm__slot_free(&contexts, &context->slot);
}

static bool fits_any(const struct apm__slot *slot, const void *unused)
{
    (void)slot;
    (void)unused;
    return true;
}

apm_error apm_ssl_context_close(apm_ssl_context handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&contexts, handle.bits, APM__SLOT_CLOSED, fits_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    apm__ssl_context_release((struct apm__ssl_context *)slot); /* the program's reference */
    return APM_ERROR_SUCCESS;
}

apm_error apm__ssl_context_hold_default(struct apm__ssl_context **context)
{
    apm_ssl_context made;
    apm__os_mutex_lock(&lock);
    apm_ssl_context present = default_context;
    apm__os_mutex_unlock(&lock);
    if (apm__ssl_context_hold(present, context) == APM_ERROR_SUCCESS)
        return APM_ERROR_SUCCESS;
    apm_error error = apm_ssl_context_create_client(NULL, &made);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&lock);
    bool first = default_context.bits == present.bits;
    if (first)
        default_context = made;
    present = default_context;
    apm__os_mutex_unlock(&lock);
    error = apm__ssl_context_hold(first ? made : present, context);
    if (!first)
        apm_ssl_context_close(made);
    return error;
}

/* -- Cleanup ------------------------------------------------------------------------------------------------------- */

static void close_contexts(uint64_t quietly)
{
    struct apm__slot *held;
    for (uint32_t place = 0; (held = apm__slot_next(&contexts, &place));) {
        uint64_t bits = apm__slot_handle(held);
        bool open = !(apm__atomic_load(&held->control, APM__ACQUIRE) & APM__SLOT_CLOSED);
        if (open && bits != quietly)
            apm__os_log("apm: cleanup: TLS context %016llx was not closed", (unsigned long long)bits);
        apm_ssl_context_close((apm_ssl_context){bits});
        apm__ssl_context_release((struct apm__ssl_context *)held);
    }
}

static void close_certificates(void)
{
    struct apm__slot *held;
    for (uint32_t place = 0; (held = apm__slot_next(&apm__x509_certificates, &place));) {
        apm_x509_certificate handle = {apm__slot_handle(held)};
        if (!(apm__atomic_load(&held->control, APM__ACQUIRE) & APM__SLOT_CLOSED))
            apm__os_log("apm: cleanup: certificate %016llx was not closed", (unsigned long long)handle.bits);
        apm_x509_certificate_close(handle);
        apm__x509_certificate_release(held);
    }
}

static void clean_up(void)
{
    apm__os_mutex_lock(&lock);
    apm_ssl_context present = default_context;
    default_context = (apm_ssl_context)APM_NULL_HANDLE;
    apm__os_mutex_unlock(&lock);
    close_contexts(present.bits);
    close_certificates();
}

void apm__tls_join_cleanup(void)
{
    apm__cleanup_set_last_step(clean_up);
}

/* -- Making -------------------------------------------------------------------------------------------------------- */

static apm_error check_policy(const struct apm__tls_policy *policy)
{
    const uint32_t known = (uint32_t)APM_SSL_PROTOCOLS_TLS12 | (uint32_t)APM_SSL_PROTOCOLS_TLS13;
    uint32_t protocols = (uint32_t)policy->protocols;
    bool has_12 = (protocols & APM_SSL_PROTOCOLS_TLS12) == APM_SSL_PROTOCOLS_TLS12;
    bool has_13 = (protocols & APM_SSL_PROTOCOLS_TLS13) == APM_SSL_PROTOCOLS_TLS13;
    if ((protocols & ~known) || (protocols != 0 && !has_12 && !has_13))
        return APM_ERROR_ARGUMENT;
    if (policy->application_protocols_count > 0 && !policy->application_protocols)
        return APM_ERROR_ARGUMENT_NULL;
    if (policy->suites_count > 0 && !policy->suites)
        return APM_ERROR_ARGUMENT_NULL;
    for (size_t i = 0; i < policy->application_protocols_count; i++) {
        const char *name = policy->application_protocols[i];
        if (!name || name[0] == '\0' || strlen(name) > 255)
            return APM_ERROR_ARGUMENT;
    }
    return APM_ERROR_SUCCESS;
}

/* Makes the configuration of the policy, with the trust that the chain's policy asks for. */
static apm_error configure(struct apm__ssl_context *context, struct apm__tls_policy *policy,
                           const apm_x509_chain_policy *chain)
{
    struct apm__tls_certificate *roots;
    void *system = NULL;
    size_t system_size = 0;
    apm_error error = check_policy(policy);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!chain->revocation_lists && chain->revocation_lists_size > 0)
        return APM_ERROR_ARGUMENT_NULL;
    error = apm__x509_certificate_take(chain->custom_trust_store, &roots);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!roots && (!policy->is_server || policy->asks_for_certificate))
        error = apm__file_bytes_read_system_roots(&system, &system_size);
    if (error == APM_ERROR_SUCCESS) {
        policy->own = context->own;
        policy->roots = roots;
        policy->system_roots = (struct apm__tls_bytes){system, system_size};
        policy->revocations = (struct apm__tls_bytes){chain->revocation_lists, chain->revocation_lists_size};
        policy->check_revocation = chain->check_revocation;
        error = apm__tls_config_create(policy, &context->config);
    }
    apm__file_bytes_free(system, system_size);
    apm__tls_certificate_destroy(roots);
    return error;
}

/* Takes a server's certificates. What has been taken is given back with the context. */
static apm_error take_certificates(struct apm__ssl_context *context,
                                   const apm_ssl_server_authentication_options *options)
{
    size_t count = options->further_certificates_count;
    apm_error error = apm__x509_certificate_take(options->server_certificate, &context->own);
    if (error == APM_ERROR_SUCCESS && !context->own)
        error = APM_ERROR_NOT_SUPPORTED;
    if (error != APM_ERROR_SUCCESS || count == 0)
        return error;
    if (!options->further_certificates)
        return APM_ERROR_ARGUMENT_NULL;
    if (count > SIZE_MAX / sizeof(struct apm__tls_certificate *))
        return APM_ERROR_OUT_OF_MEMORY;
    context->further = apm__os_allocate(count * sizeof *context->further);
    if (!context->further)
        return APM_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (apm_x509_certificate_is_null(options->further_certificates[i]))
            return APM_ERROR_ARGUMENT_NULL;
        error = apm__x509_certificate_take(options->further_certificates[i], &context->further[i]);
        if (error != APM_ERROR_SUCCESS)
            return error;
        context->further_count++;
        if (!apm__tls_certificate_has_key(context->further[i]))
            return APM_ERROR_AUTHENTICATION;
    }
    return APM_ERROR_SUCCESS;
}

/* A context that no handle names yet; the caller fills it in. */
static apm_error allocate(struct apm__ssl_context **context)
{
    *context = NULL;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    struct apm__slot *slot = apm__slot_allocate(&contexts);
    if (!slot)
        return APM_ERROR_OUT_OF_MEMORY;
    *context = (struct apm__ssl_context *)slot;
    struct apm__slot kept = *slot;
    **context = (struct apm__ssl_context){.slot = kept};
    return APM_ERROR_SUCCESS;
}

static apm_error publish(struct apm__ssl_context *context, apm_error error, apm_ssl_context *handle)
{
    apm__slot_publish(&context->slot, 1, 0);
    if (error == APM_ERROR_SUCCESS)
        handle->bits = apm__slot_handle(&context->slot);
    else
        apm__ssl_context_release(context);
    apm__tls_join_cleanup();
    return error;
}

apm_error apm_ssl_context_create_client(const apm_ssl_client_authentication_options *options, apm_ssl_context *handle)
{
    static const apm_ssl_client_authentication_options nothing;
    struct apm__ssl_context *context;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = (apm_ssl_context)APM_NULL_HANDLE;
    if (!options)
        options = &nothing;
    apm_error error = allocate(&context);
    if (error != APM_ERROR_SUCCESS)
        return error;
    context->validate = options->remote_certificate_validation_callback;
    context->validate_state = options->remote_certificate_validation_state;
    struct apm__tls_policy policy = {.protocols = options->enabled_ssl_protocols,
                                     .application_protocols = options->application_protocols,
                                     .application_protocols_count = options->application_protocols_count,
                                     .suites = options->cipher_suites_policy,
                                     .suites_count = options->cipher_suites_policy_count,
                                     .resumes = !options->forbid_tls_resume};
    error = apm__x509_certificate_take(options->client_certificate, &context->own);
    if (error == APM_ERROR_SUCCESS)
        error = configure(context, &policy, &options->certificate_chain_policy);
    return publish(context, error, handle);
}

apm_error apm_ssl_context_create_server(const apm_ssl_server_authentication_options *options, apm_ssl_context *handle)
{
    struct apm__ssl_context *context;
    if (!handle)
        return APM_ERROR_ARGUMENT_NULL;
    *handle = (apm_ssl_context)APM_NULL_HANDLE;
    if (!options)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = allocate(&context);
    if (error != APM_ERROR_SUCCESS)
        return error;
    context->is_server = true;
    context->tolerates_none = !options->client_certificate_required;
    context->validate = options->remote_certificate_validation_callback;
    context->validate_state = options->remote_certificate_validation_state;
    context->select = options->server_certificate_selection_callback;
    context->select_state = options->server_certificate_selection_state;
    struct apm__tls_policy policy = {.is_server = true,
                                     .protocols = options->enabled_ssl_protocols,
                                     .application_protocols = options->application_protocols,
                                     .application_protocols_count = options->application_protocols_count,
                                     .suites = options->cipher_suites_policy,
                                     .suites_count = options->cipher_suites_policy_count,
                                     .resumes = !options->forbid_tls_resume,
                                     .asks_for_certificate = options->client_certificate_required ||
                                                             options->client_certificate_requested};
    /* Where certificates are selected, what that gives is all that there is. */
    if (!context->select)
        error = take_certificates(context, options);
    if (error == APM_ERROR_SUCCESS)
        error = configure(context, &policy, &options->certificate_chain_policy);
    return publish(context, error, handle);
}
