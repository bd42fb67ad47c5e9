/*
 * TCP listeners, for their accepts.
 */
#ifndef APM__TCP_LISTENER_H
#define APM__TCP_LISTENER_H

#include "apm/tcp_listener.h"

/* The socket of a listener that listens; INVALID_OPERATION if it does not, or as its handle says. */
apm_error apm__tcp_listener_socket(apm_tcp_listener listener, apm_socket *server);

#endif
