/*
 * Endpoints as POSIX has them, for the os_*.c files only.
 */
#ifndef APM__OS_POSIX_ADDRESS_H
#define APM__OS_POSIX_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "apm/ip_address.h"

union apm__os_any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

/* Fills in the system's address and returns its size. */
socklen_t apm__os_address_to_system(const apm_endpoint *endpoint, union apm__os_any_address *address);

/* The endpoint of an address of `size` bytes; no endpoint for families that the library does not know. */
apm_endpoint apm__os_endpoint_of(const union apm__os_any_address *address, socklen_t size);

#endif
