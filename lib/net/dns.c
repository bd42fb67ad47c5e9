/*
 * Dns: look-ups as operations. Any thread; answers come on the resolver's.
 *
 * Lock: `lock`, a leaf, guards the place of these operations. One whose answer is awaited is QUEUED; whoever takes it
 * from there, the answer or a cancel, owns it.
 */
#include "apm/dns.h"

#include <string.h>

#include "engine.h"
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

static bool is_unspecified(apm_ip_address address)
{
    static const uint8_t zero[16];
    size_t size = address.family == APM_ADDRESS_FAMILY_INTER_NETWORK ? 4 : 16;
    return memcmp(address.bytes, zero, size) == 0;
}

static apm_error begin(enum apm__operation_kind kind, const char *name, apm_async_callback *callback, void *state,
                       apm_async_result *result)
{
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    if (!name)
        return APM_ERROR_ARGUMENT_NULL;
    apm_ip_address address;
    bool literal = apm_ip_address_parse(name, &address) == APM_ERROR_SUCCESS;
    if (literal && is_unspecified(address))
        return APM_ERROR_ARGUMENT;
    struct apm__pool *pool = apm__pool_default();
    struct apm__operation_origin origin = {.kind = kind, .pool = pool, .cancel = cancel};
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
    enum apm__resolver_query query = kind == APM__OPERATION_GET_HOST_ENTRY ? APM__RESOLVER_ENTRY
                                                                           : APM__RESOLVER_ADDRESSES;
    if (strlen(name) > APM_DNS_MAX_NAME_LENGTH) {
        answered(operation, APM_ERROR_ARGUMENT_OUT_OF_RANGE, NULL);
    } else if (literal && query == APM__RESOLVER_ADDRESSES) {
        apm_host_entry *entry = apm__host_entry_create(name, &address, 1);
        answered(operation, entry ? APM_ERROR_SUCCESS : APM_ERROR_OUT_OF_MEMORY, entry);
    } else {
        error = apm__resolver_submit(name, query, answered, operation);
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

static apm_error look_up(enum apm__operation_kind kind, const char *name, apm_host_entry **entry)
{
    if (!entry)
        return APM_ERROR_ARGUMENT_NULL;
    *entry = NULL;
    apm_async_result result;
    apm_error error = begin(kind, name, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? end(kind, result, entry) : error;
}

apm_error apm_dns_get_host_name(char *buffer, size_t size)
{
    return buffer ? apm__os_host_name(buffer, size) : APM_ERROR_ARGUMENT_NULL;
}

apm_error apm_dns_begin_get_host_entry(const char *host_name_or_address, apm_async_callback *callback, void *state,
                                       apm_async_result *result)
{
    return begin(APM__OPERATION_GET_HOST_ENTRY, host_name_or_address, callback, state, result);
}

apm_error apm_dns_end_get_host_entry(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ENTRY, result, entry);
}

apm_error apm_dns_begin_get_host_addresses(const char *host_name_or_address, apm_async_callback *callback, void *state,
                                           apm_async_result *result)
{
    return begin(APM__OPERATION_GET_HOST_ADDRESSES, host_name_or_address, callback, state, result);
}

apm_error apm_dns_end_get_host_addresses(apm_async_result result, apm_host_entry **entry)
{
    return end(APM__OPERATION_GET_HOST_ADDRESSES, result, entry);
}

apm_error apm_dns_get_host_entry(const char *host_name_or_address, apm_host_entry **entry)
{
    return look_up(APM__OPERATION_GET_HOST_ENTRY, host_name_or_address, entry);
}

apm_error apm_dns_get_host_addresses(const char *host_name_or_address, apm_host_entry **entry)
{
    return look_up(APM__OPERATION_GET_HOST_ADDRESSES, host_name_or_address, entry);
}
