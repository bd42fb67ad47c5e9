/*
 * The options of datagrams, for what is above the sockets.
 */
#ifndef APM__MULTICAST_H
#define APM__MULTICAST_H

#include "apm/multicast.h"
#include "os.h"

/* Reads or sets an option under the lock of the socket's channel. */
apm_error apm__multicast_option(apm_socket socket, apm__os_multicast_option option, int *value);
apm_error apm__set_multicast_option(apm_socket socket, apm__os_multicast_option option, int value);

#endif
