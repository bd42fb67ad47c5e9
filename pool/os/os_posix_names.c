/*
 * Name look-ups by the system's resolver. They block; any thread.
 */
#include "os.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os_posix_error.h"

static apm_error translate_resolver(int code)
{
    switch (code) {
    case 0: return APM_ERROR_SUCCESS;
    case EAI_AGAIN: return APM_ERROR_TRY_AGAIN;
    case EAI_FAIL: return APM_ERROR_NO_RECOVERY;
    case EAI_MEMORY: return APM_ERROR_OUT_OF_MEMORY;
    case EAI_SYSTEM: return apm__os_translate(errno);
    default: return APM_ERROR_HOST_NOT_FOUND; /* EAI_NONAME, EAI_NODATA and malformed names: as .NET */
    }
}

/* False for a family that the library does not know. */
static bool to_address(const struct sockaddr *from, apm_ip_address *address)
{
    memset(address, 0, sizeof *address);
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        address->family = APM_ADDRESS_FAMILY_INTER_NETWORK;
        memcpy(address->bytes, &v4.sin_addr, 4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        address->family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        address->scope_id = v6.sin6_scope_id;
        memcpy(address->bytes, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

/* The system's number of a family; -1 for one that names are not looked up for. */
static int to_system_family(apm_address_family family)
{
    switch ((int)family) {
    case APM_ADDRESS_FAMILY_UNSPECIFIED: return AF_UNSPEC;
    case APM_ADDRESS_FAMILY_INTER_NETWORK: return AF_INET;
    case APM_ADDRESS_FAMILY_INTER_NETWORK_V6: return AF_INET6;
    default: return -1;
    }
}

apm_error apm__os_resolve(const char *name, apm_address_family family, char *canonical_name, size_t name_size,
                          apm_ip_address **addresses, size_t *count)
{
    *addresses = NULL;
    *count = 0;
    int system_family = to_system_family(family);
    if (system_family < 0)
        return apm__os_translate(EAFNOSUPPORT);
    struct addrinfo hints = {
        .ai_family = system_family, .ai_socktype = SOCK_STREAM, .ai_flags = canonical_name ? AI_CANONNAME : 0};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(name, NULL, &hints, &found);
    if (code != 0)
        return translate_resolver(code);

    apm_error error = APM_ERROR_SUCCESS;
    size_t capacity = 0;
    for (struct addrinfo *entry = found; entry; entry = entry->ai_next)
        capacity++;
    apm_ip_address *list = apm__os_allocate(capacity * sizeof *list + 1);
    if (!list) {
        error = APM_ERROR_OUT_OF_MEMORY;
        goto free_found;
    }
    for (struct addrinfo *entry = found; entry; entry = entry->ai_next)
        if (to_address(entry->ai_addr, &list[*count]))
            (*count)++;
    if (canonical_name && name_size > 0) {
        const char *canonical = found && found->ai_canonname ? found->ai_canonname : name;
        size_t length = strlen(canonical);
        if (length >= name_size)
            length = name_size - 1;
        memcpy(canonical_name, canonical, length);
        canonical_name[length] = '\0';
    }
    *addresses = list;
free_found:
    freeaddrinfo(found);
    return error;
}

apm_error apm__os_resolve_address(apm_ip_address address, char *name, size_t name_size)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } from;
    memset(&from, 0, sizeof from);
    socklen_t size;
    if (address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        from.v4.sin_family = AF_INET;
        memcpy(&from.v4.sin_addr, address.bytes, 4);
        size = sizeof from.v4;
    } else {
        from.v6.sin6_family = AF_INET6;
        from.v6.sin6_scope_id = address.scope_id;
        memcpy(&from.v6.sin6_addr, address.bytes, 16);
        size = sizeof from.v6;
    }
    return translate_resolver(getnameinfo(&from.any, size, name, (socklen_t)name_size, NULL, 0, NI_NAMEREQD));
}

apm_error apm__os_host_name(char *buffer, size_t size)
{
    if (!buffer || size == 0)
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    buffer[0] = '\0';
    if (gethostname(buffer, size) != 0 || !memchr(buffer, '\0', size)) {
        buffer[0] = '\0';
        return APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    }
    return APM_ERROR_SUCCESS;
}

uint32_t apm__os_interface_index(const char *name)
{
    return if_nametoindex(name);
}
