/*
 * Endpoints to and from the system's addresses. Any thread; no state.
 */
#include "os_posix_address.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof((struct sockaddr_un *)0)->sun_path == APM_UNIX_DOMAIN_SOCKET_PATH_SIZE, "paths are copied");

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

/* A path is counted with its terminating zero, for which there may be no room; an abstract name has none. */
static socklen_t path_to_system(const apm_endpoint *endpoint, struct sockaddr_un *address)
{
    size_t size = endpoint->path_size;
    if (size > sizeof address->sun_path)
        size = sizeof address->sun_path;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, endpoint->path, size);
    bool is_path = size > 0 && size < sizeof address->sun_path && address->sun_path[0] != '\0';
    return (socklen_t)(PATH_AT + size + is_path);
}

socklen_t apm__os_address_to_system(const apm_endpoint *endpoint, union apm__os_any_address *address)
{
    memset(address, 0, sizeof *address);
    if (endpoint->address.family == APM_ADDRESS_FAMILY_UNIX)
        return path_to_system(endpoint, &address->path);
    if (endpoint->address.family == APM_ADDRESS_FAMILY_INTER_NETWORK) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(endpoint->port);
        memcpy(&address->v4.sin_addr, endpoint->address.bytes, 4);
        return sizeof address->v4;
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(endpoint->port);
    address->v6.sin6_scope_id = endpoint->address.scope_id;
    memcpy(&address->v6.sin6_addr, endpoint->address.bytes, 16);
    return sizeof address->v6;
}

static void path_from_system(const struct sockaddr_un *address, socklen_t size, apm_endpoint *endpoint)
{
    size_t path_size = size > PATH_AT ? (size_t)size - PATH_AT : 0;
    if (path_size > sizeof address->sun_path) /* the system counts a zero for which there was no room */
        path_size = sizeof address->sun_path;
    if (path_size > 0 && address->sun_path[0] != '\0')
        path_size = strnlen(address->sun_path, path_size);
    endpoint->path_size = (uint8_t)path_size;
    memcpy(endpoint->path, address->sun_path, path_size);
}

apm_endpoint apm__os_endpoint_of(const union apm__os_any_address *address, socklen_t size)
{
    apm_endpoint endpoint = {.port = 0};
    if (address->any.sa_family == AF_INET) {
        endpoint.address.family = APM_ADDRESS_FAMILY_INTER_NETWORK;
        endpoint.port = ntohs(address->v4.sin_port);
        memcpy(endpoint.address.bytes, &address->v4.sin_addr, 4);
    } else if (address->any.sa_family == AF_INET6) {
        endpoint.address.family = APM_ADDRESS_FAMILY_INTER_NETWORK_V6;
        endpoint.port = ntohs(address->v6.sin6_port);
        endpoint.address.scope_id = address->v6.sin6_scope_id;
        memcpy(endpoint.address.bytes, &address->v6.sin6_addr, 16);
    } else if (address->any.sa_family == AF_UNIX) {
        endpoint.address.family = APM_ADDRESS_FAMILY_UNIX;
        path_from_system(&address->path, size, &endpoint);
    }
    return endpoint;
}
