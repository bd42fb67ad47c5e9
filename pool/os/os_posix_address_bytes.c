/*
 * Addresses as bytes: the system's sockaddr structures. Any thread.
 */
#include "os.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert(offsetof(struct sockaddr, sa_family) == 0 && sizeof(sa_family_t) == 2, "the layout that .NET shows");

/* .NET's number of the family of unix domain sockets. */
enum { FAMILY_UNIX = 1 };

/* The families that there are, with the sizes of their addresses; 0: whatever there is room for. */
static const struct {
    int family; /* apm_address_family */
    int system_family;
    size_t size;
} families[] = {
    {APM_ADDRESS_FAMILY_UNSPECIFIED, AF_UNSPEC, 0},
    {FAMILY_UNIX, AF_UNIX, sizeof(struct sockaddr_un)},
    {APM_ADDRESS_FAMILY_INTER_NETWORK, AF_INET, sizeof(struct sockaddr_in)},
    {APM_ADDRESS_FAMILY_INTER_NETWORK_V6, AF_INET6, sizeof(struct sockaddr_in6)},
};

enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

bool apm__os_address_set_family(uint8_t *bytes, apm_address_family family)
{
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        if (families[i].family != (int)family)
            continue;
        sa_family_t system_family = (sa_family_t)families[i].system_family;
        memcpy(bytes, &system_family, sizeof system_family);
        return true;
    }
    return false;
}

apm_address_family apm__os_address_family(const uint8_t *bytes)
{
    sa_family_t system_family;
    memcpy(&system_family, bytes, sizeof system_family);
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        if (families[i].system_family == system_family)
            return (apm_address_family)families[i].family;
    return APM_ADDRESS_FAMILY_UNSPECIFIED;
}

size_t apm__os_address_size(apm_address_family family)
{
    for (size_t i = 0; i < FAMILY_COUNT; i++)
        if (families[i].family == (int)family)
            return families[i].size;
    return 0;
}

void apm__os_address_write(uint8_t *bytes, apm_endpoint endpoint)
{
    if (endpoint.address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint.port)};
        memcpy(&v4.sin_addr, endpoint.address.bytes, sizeof v4.sin_addr);
        memcpy(bytes, &v4, sizeof v4);
    } else {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port)};
        v6.sin6_scope_id = endpoint.address.scope_id;
        memcpy(&v6.sin6_addr, endpoint.address.bytes, sizeof v6.sin6_addr);
        memcpy(bytes, &v6, sizeof v6);
    }
}

void apm__os_address_read(const uint8_t *bytes, apm_endpoint *endpoint)
{
    *endpoint = (apm_endpoint){.address.family = apm__os_address_family(bytes)};
    if (endpoint->address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        struct sockaddr_in v4;
        memcpy(&v4, bytes, sizeof v4);
        endpoint->port = ntohs(v4.sin_port);
        memcpy(endpoint->address.bytes, &v4.sin_addr, sizeof v4.sin_addr);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, bytes, sizeof v6);
        endpoint->port = ntohs(v6.sin6_port);
        endpoint->address.scope_id = v6.sin6_scope_id;
        memcpy(endpoint->address.bytes, &v6.sin6_addr, sizeof v6.sin6_addr);
    }
}
