/*
 * Dns: look-ups as operations. Any thread; answers come on the resolver's.
 *
 * Lock: `lock`, a leaf, guards the place of these operations. One whose answer is awaited is QUEUED; whoever takes it
 * from there, the answer or a cancel, owns it.
 */
#include "apm/dns.h"

#include <string.h>

#include "engine.h"
#include "ip_address_text.h"
#include "operation.h"
#include "resolver.h"

static apm__os_mutex lock = APM__OS_MUTEX_INITIALIZER;

/* Takes the operation from its place; false if somebody else has. */
static bool detach(struct apm__operation *operation)
{
    apm__os_mutex_lock(&lock);
    bool queued = operation->place == APM__PLACE_QUEUED;
    if (queued)
        operation->place = APM__PLACE_DETACHED;
    apm__os_mutex_unlock(&lock);
    return queued;
}

static void cancel(struct apm__operation *operation, apm_error reason)
{
    if (!detach(operation))
        return;
    operation->error = reason;
    apm__operation_complete(operation);
}

/* Completes the operation, unless it was cancelled, and drops the look-up's reference. */
static void answered(void *context, apm_error error, apm_host_entry *entry)
{
    struct apm__operation *operation = context;
    if (detach(operation)) {
        operation->error = error;
        operation->native_error = error == APM_ERROR_SUCCESS ? 0 : apm__os_native_error();
        operation->entry = entry;
        apm__operation_complete(operation);
    } else {
        apm_host_entry_free(entry);
    }
    apm__operation_release(operation);
}

/* -- Beginning and ending -- */

/* What is asked. The kind of result follows from it: all but addresses are entries. */
struct request {
    const char *name;
    enum apm__resolver_query query;
    apm_address_family family;
    bool takes_any; /* 0.0.0.0 and :: are looked at like other addresses */
};

static enum apm__operation_kind kind_of(const struct request *request)
{
    return request->query == APM__RESOLVER_ADDRESSES ? APM__OPERATION_GET_HOST_ADDRESSES
                                                     : APM__OPERATION_GET_HOST_ENTRY;
}

static apm_error begin(const struct request *request, apm_async_callback *callback, void *state,
                       apm_async_result *result)
{
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    if (!request->name)
        return APM_ERROR_ARGUMENT_NULL;
    apm_ip_address address;
    bool literal = apm_ip_address_parse(request->name, &address) == APM_ERROR_SUCCESS;
    if (literal && !request->takes_any && apm__ip_address_is_unspecified(address))
        return APM_ERROR_ARGUMENT;
    struct apm__pool *pool = apm__pool_default();
    struct apm__operation_origin origin = {.kind = kind_of(request), .pool = pool, .cancel = cancel};
    struct apm__operation *operation;
    apm_error error = apm__pool_start(pool);
    if (error == APM_ERROR_SUCCESS)
        error = apm__operation_create(&origin, callback, state, result, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    apm__os_mutex_lock(&lock);
    operation->place = APM__PLACE_QUEUED;
    apm__os_mutex_unlock(&lock);
    apm__slot_retain(&operation->slot); /* the look-up's, and this call's until it returns */
    struct apm__resolver_question question = {
        .name = request->name, .query = request->query, .family = request->family};
    if (strlen(request->name) > APM_DNS_MAX_NAME_LENGTH) {
        answered(operation, APM_ERROR_ARGUMENT_OUT_OF_RANGE, NULL);
    } else if (literal && request->query == APM__RESOLVER_ADDRESSES && !request->family) {
        apm_host_entry *entry = apm__host_entry_create(request->name, &address, 1);
        answered(operation, entry ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY, entry);
    } else {
        error = apm__resolver_submit(&question, answered, operation);
        if (error != APM_ERROR_SUCCESS)
            answered(operation, error, NULL);
    }
    return APM_ERROR_SUCCESS;
}

static apm_error end(enum apm__operation_kind kind, apm_async_result result, apm_host_entry **entry)
{
    if (!entry)
        return APM_ERROR_ARGUMENT_NULL;
    *entry = NULL;
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, kind, 0, &operation);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *entry = operation->entry;
    operation->entry = NULL;
    error = operation->error;
    if (error != APM_ERROR_SUCCESS)
        apm__os_set_native_error(operation->native_error);
    apm__operation_release(operation);
    return error;
}

static apm_error look_up(const struct request *request, apm_host_entry **entry)
{
    if (!entry)
        return APM_ERROR_ARGUMENT_NULL;
    *entry = NULL;
    apm_async_result result;
    apm_error error = begin(request, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? end(kind_of(request), result, entry) : error;
}

/* Gives the address's text to the request, or says that it is none. */
static apm_error set_address(struct request *request, apm_ip_address address, char text[APM_IP_ADDRESS_TEXT_SIZE])
{
    request->name = text;
    apm_error error = apm_ip_address_format(address, text, APM_IP_ADDRESS_TEXT_SIZE);
    return error == APM_ERROR_SUCCESS ? error : APM_ERROR_ARGUMENT_NULL;
}

/* -- Entries -- */

apm_error apm_dns_get_host_name(char *buffer, size_t size)
{
    return buffer ? apm__os_host_name(buffer, size) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_dns_begin_get_host_entry(const char *host_name_or_address, apm_async_callback *callback, void *state,
                                       apm_async_result *result)
{
    struct request request = {.name = host_name_or_address, .query = APM__RESOLVER_ENTRY};
    return begin(&request, callback, state, result);
}

apm_error apm_dns_begin_get_host_entry_ip_address(apm_ip_address address, apm_async_callback *callback, void *state,
                                                  apm_async_result *result)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    struct request request = {.query = APM__RESOLVER_ENTRY};
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = set_address(&request, address, text);
    return error == APM_ERROR_SUCCESS ? begin(&request, callback, state, result) : error;
}

apm_error apm_dns_end_get_host_entry(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ENTRY, result, entry);
}

apm_error apm_dns_get_host_entry(const char *host_name_or_address, apm_host_entry **entry)
{
    return apm_dns_get_host_entry_family(host_name_or_address, APM_ADDRESS_FAMILY_UNSPECIFIED, entry);
}

apm_error apm_dns_get_host_entry_family(const char *host_name_or_address, apm_address_family family,
                                        apm_host_entry **entry)
{
    struct request request = {.name = host_name_or_address, .query = APM__RESOLVER_ENTRY, .family = family};
    return look_up(&request, entry);
}

apm_error apm_dns_get_host_entry_ip_address(apm_ip_address address, apm_host_entry **entry)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    struct request request = {.query = APM__RESOLVER_ENTRY};
    if (entry)
        *entry = NULL;
    apm_error error = set_address(&request, address, text);
    return error == APM_ERROR_SUCCESS ? look_up(&request, entry) : error;
}

/* -- Addresses -- */

apm_error apm_dns_begin_get_host_addresses(const char *host_name_or_address, apm_async_callback *callback, void *state,
                                           apm_async_result *result)
{
    struct request request = {.name = host_name_or_address, .query = APM__RESOLVER_ADDRESSES};
    return begin(&request, callback, state, result);
}

apm_error apm_dns_end_get_host_addresses(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ADDRESSES, result, entry);
}

apm_error apm_dns_get_host_addresses(const char *host_name_or_address, apm_host_entry **entry)
{
    return apm_dns_get_host_addresses_family(host_name_or_address, APM_ADDRESS_FAMILY_UNSPECIFIED, entry);
}

apm_error apm_dns_get_host_addresses_family(const char *host_name_or_address, apm_address_family family,
                                            apm_host_entry **entry)
{
    struct request request = {.name = host_name_or_address, .query = APM__RESOLVER_ADDRESSES, .family = family};
    return look_up(&request, entry);
}

/* -- The obsolete members -- */

apm_error apm_dns_begin_get_host_by_name(const char *host_name, apm_async_callback *callback, void *state,
                                         apm_async_result *result)
{
    struct request request = {.name = host_name, .query = APM__RESOLVER_BY_NAME};
    return begin(&request, callback, state, result);
}

apm_error apm_dns_end_get_host_by_name(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ENTRY, result, entry);
}

apm_error apm_dns_get_host_by_name(const char *host_name, apm_host_entry **entry)
{
    struct request request = {.name = host_name, .query = APM__RESOLVER_BY_NAME, .takes_any = true};
    return look_up(&request, entry);
}

apm_error apm_dns_begin_resolve(const char *host_name, apm_async_callback *callback, void *state,
                                apm_async_result *result)
{
    struct request request = {.name = host_name, .query = APM__RESOLVER_RESOLVE, .takes_any = true};
    return begin(&request, callback, state, result);
}

apm_error apm_dns_end_resolve(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ENTRY, result, entry);
}

apm_error apm_dns_resolve(const char *host_name, apm_host_entry **entry)
{
    struct request request = {.name = host_name, .query = APM__RESOLVER_RESOLVE, .takes_any = true};
    return look_up(&request, entry);
}

apm_error apm_dns_get_host_by_address(const char *address, apm_host_entry **entry)
{
    apm_ip_address parsed;
    if (entry)
        *entry = NULL;
    apm_error error = apm_ip_address_parse(address, &parsed);
    return error == APM_ERROR_SUCCESS ? apm_dns_get_host_by_address_ip_address(parsed, entry) : error;
}

apm_error apm_dns_get_host_by_address_ip_address(apm_ip_address address, apm_host_entry **entry)
{
    char text[APM_IP_ADDRESS_TEXT_SIZE];
    struct request request = {.query = APM__RESOLVER_ENTRY, .takes_any = true};
    if (entry)
        *entry = NULL;
    apm_error error = set_address(&request, address, text);
    return error == APM_ERROR_SUCCESS ? look_up(&request, entry) : error;
}
