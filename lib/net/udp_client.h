/*
 * UDP clients and the sockets that they are.
 */
#ifndef APM__UDP_CLIENT_H
#define APM__UDP_CLIENT_H

#include "apm/udp_client.h"
#include "channel.h"

/* Finds the client's channel and locks it, as apm__channel_lock does; ARGUMENT for a socket that is no client. */
apm_error apm__udp_client_lock(apm_udp_client client, struct apm__channel **channel);

/* The client's socket, if it is an open client; otherwise a socket that is refused with the same error. */
apm_error apm__udp_client_socket(apm_udp_client client, apm_socket *socket);

#endif
