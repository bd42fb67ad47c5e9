/*
 * Addresses as bytes: the system's sockaddr structures. Any thread.
 */
#include "os.h"

#include <stddef.h>
#include <string.h>

#include "os_posix_address.h"

_Static_assert(sizeof(union apm__os_any_address) <= APM__OS_ADDRESS_SIZE, "an address of any family fits");
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

size_t apm__os_address_write(uint8_t bytes[APM__OS_ADDRESS_SIZE], apm_endpoint endpoint)
{
    union apm__os_any_address address;
    socklen_t size = apm__os_address_to_system(&endpoint, &address);
    memcpy(bytes, &address, size);
    return size;
}

void apm__os_address_read(const uint8_t *bytes, size_t size, apm_endpoint *endpoint)
{
    union apm__os_any_address address;
    memset(&address, 0, sizeof address);
    size = size < sizeof address ? size : sizeof address;
    memcpy(&address, bytes, size);
    *endpoint = apm__os_endpoint_of(&address, (socklen_t)size);
}
