/*
 * TCP listeners: System.Net.Sockets.TcpListener, which listens on an endpoint and gives sockets or TCP clients.
 *
 * Every function may be called on any thread, and a Begin never blocks. What socket.h says of errors, of all Begins and
 * of all Ends holds here, with the listener in the place of the socket. A listener may be started and stopped again and
 * again; each time it has a socket of its own. Operations run on the default pool.
 */
#ifndef APM_TCP_LISTENER_H
#define APM_TCP_LISTENER_H

#include <stdbool.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/*
 * Creates a listener for an endpoint, an address and port, or all addresses, IPv6 and IPv4; it does not listen yet.
 *
 * Success  *listener is the handle; apm_tcp_listener_close ends it.
 * Failure  *listener is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL the endpoint or the address is none; APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not
 *          from 0 to 65535; those of apm_socket_create.
 * .NET     TcpListener(IPEndPoint), TcpListener(IPAddress, int), TcpListener.Create(int)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_create_endpoint(apm_endpoint local, apm_tcp_listener *listener);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_create_address(apm_ip_address local, int port,
                                                                 apm_tcp_listener *listener);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_create(int port, apm_tcp_listener *listener);

/*
 * Stops the listener, and gives its handle back. Closing again succeeds and does nothing.
 *
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 * .NET     TcpListener.Dispose()
 */
APM_API apm_error apm_tcp_listener_close(apm_tcp_listener listener);

/*
 * Binds and listens, with the system's longest queue of connections or one of `backlog`. A listener that listens stays
 * as it is.
 *
 * Failure  the listener is stopped.
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE `backlog` is negative; APM_ERROR_ADDRESS_ALREADY_IN_USE and others of
 *          apm_socket_bind and apm_socket_listen.
 * .NET     TcpListener.Start(), TcpListener.Start(int)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_start(apm_tcp_listener listener);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_start_backlog(apm_tcp_listener listener, int backlog);

/*
 * Stops listening: the socket is closed, connections that nobody has accepted are reset, and accepts that are pending
 * end with APM_ERROR_OBJECT_DISPOSED, synchronous ones with APM_ERROR_INTERRUPTED. It may be started again.
 *
 * Blocks   never.
 * .NET     TcpListener.Stop()
 */
APM_API apm_error apm_tcp_listener_stop(apm_tcp_listener listener);

/* Whether it listens; false for anything that is no listener. .NET: TcpListener.Active (protected) */
APM_API bool apm_tcp_listener_active(apm_tcp_listener listener);

/*
 * Whether an accept would give a connection without waiting.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the listener has not been started.
 * .NET     TcpListener.Pending()
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_pending(apm_tcp_listener listener, bool *pending);

/* Where it listens; before it does, what it was created for. .NET: TcpListener.LocalEndpoint */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_local_endpoint(apm_tcp_listener listener, apm_endpoint *endpoint);

/*
 * The listener's socket, to set options before start. It belongs to the listener, until the next stop.
 *
 * .NET     TcpListener.Server
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_server(apm_tcp_listener listener, apm_socket *socket);

/*
 * Whether others are kept from binding the endpoint, too. To be set before start. What is read is what was set; false
 * at first, when the system keeps them from it all the same.
 *
 * Errors   APM_ERROR_INVALID_OPERATION setting it while the listener listens.
 * .NET     TcpListener.ExclusiveAddressUse
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_exclusive_address_use(apm_tcp_listener listener, bool *exclusive);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_set_exclusive_address_use(apm_tcp_listener listener, bool exclusive);

/* -- Accepting ----------------------------------------------------------------------------------------------------- */

/*
 * Starts accepting a connection, as a socket or as a TCP client. Several may be pending, of both kinds; connections go
 * to them in the order they were begun.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the listener has not been started.
 * .NET     TcpListener.BeginAcceptSocket, TcpListener.BeginAcceptTcpClient
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_begin_accept_socket(apm_tcp_listener listener,
                                                                      apm_async_callback *callback, void *state,
                                                                      apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_begin_accept_tcp_client(apm_tcp_listener listener,
                                                                          apm_async_callback *callback, void *state,
                                                                          apm_async_result *result);

/*
 * Ends an accept of its kind: what was accepted is the program's to close. The out-parameter may not be NULL.
 *
 * Errors   APM_ERROR_OBJECT_DISPOSED the accept failed, and the listener does not listen any more; others as
 *          apm_socket_end_accept. APM_ERROR_OUT_OF_MEMORY for a client also closes the connection.
 * .NET     TcpListener.EndAcceptSocket, TcpListener.EndAcceptTcpClient
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_end_accept_socket(apm_tcp_listener listener, apm_async_result result,
                                                                    apm_socket *accepted);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_end_accept_tcp_client(apm_tcp_listener listener,
                                                                        apm_async_result result,
                                                                        apm_tcp_client *accepted);

/*
 * Accepts a connection and waits for it.
 *
 * Errors   those of Begin; APM_ERROR_INTERRUPTED the listener was stopped meanwhile; others as apm_socket_accept.
 * .NET     TcpListener.AcceptSocket(), TcpListener.AcceptTcpClient()
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_accept_socket(apm_tcp_listener listener, apm_socket *accepted);
APM_API APM_MUST_CHECK apm_error apm_tcp_listener_accept_tcp_client(apm_tcp_listener listener,
                                                                    apm_tcp_client *accepted);

APM_END_DECLARATIONS

#endif
