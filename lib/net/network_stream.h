/*
 * What TCP clients share with network streams.
 */
#ifndef APM__NETWORK_STREAM_H
#define APM__NETWORK_STREAM_H

#include "apm/socket.h"

/* Closes a socket, which may be closed already, with an orderly end of its stream if that tells the peer no lie. */
void apm__network_close_socket(apm_socket socket);

#endif
