/*
 * Endpoints and flags as the system has them, for the os_*.c files only.
 */
#ifndef APM__OS_POSIX_ADDRESS_H
#define APM__OS_POSIX_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "apm/ip_address.h"

union apm__os_any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Fills in all of `address`; the size of what the family uses of it. */
socklen_t apm__os_address_to_system(apm_endpoint endpoint, union apm__os_any_address *address);

/* The null endpoint for an address of another family. */
apm_endpoint apm__os_address_from_system(const union apm__os_any_address *address);

/* Translates SocketFlags to the system's; false for those that it does not know. */
bool apm__os_flags_to_system(int flags, int *system_flags);

#endif
