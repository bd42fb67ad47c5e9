/*
 * TCP clients, for listeners, which make them, and for the end of everything.
 */
#ifndef APM__TCP_CLIENT_H
#define APM__TCP_CLIENT_H

#include <stdbool.h>

#include "apm/tcp_client.h"

/* Makes a client of a connected socket, which it owns from then on; on failure the socket is closed. */
apm_error apm__tcp_client_adopt(apm_socket socket, apm_tcp_client *client);

/* Closes every client, and every listener, and reports them if asked to. */
void apm__tcp_client_close_all(bool report);
void apm__tcp_listener_close_all(bool report);

#endif
