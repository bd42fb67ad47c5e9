/*
 * The forms of connect that take one address with a port, and the synchronous one for a list of endpoints. They are
 * those of apm/socket.h in other words.
 */
#ifndef APM_SOCKET_CONNECT_H
#define APM_SOCKET_CONNECT_H

#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * Starts connecting to a port of an address. To be ended by apm_socket_end_connect.
 *
 * Errors   those of apm_socket_begin_connect, APM_ERROR_ARGUMENT_NULL if the address is none;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0 to 65535.
 * .NET     Socket.BeginConnect(IPAddress, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_begin_connect_address(apm_socket socket, apm_ip_address address, int port,
                                                                  apm_async_callback *callback, void *state,
                                                                  apm_async_result *result);

/*
 * Connects and waits for it, no longer than the send time-out.
 *
 * Errors   those of apm_socket_begin_connect_address and apm_socket_connect; but APM_ERROR_NOT_SUPPORTED for an address
 *          whose family is not the socket's, as .NET's.
 * .NET     Socket.Connect(IPAddress, int)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_connect_address(apm_socket socket, apm_ip_address address, int port);

/* The same for one of a list of endpoints. Errors: those of apm_socket_begin_connect_endpoints, apm_socket_connect. */
APM_API APM_MUST_CHECK apm_error apm_socket_connect_endpoints(apm_socket socket, const apm_endpoint *endpoints,
                                                              size_t count);

APM_END_DECLARATIONS

#endif
