/*
 * TCP clients: System.Net.Sockets.TcpClient, a socket that connects and gives its stream.
 *
 * Every function may be called on any thread, and a Begin never blocks. What socket.h says of errors, of all Begins and
 * of all Ends holds here, with the client in the place of the socket. A client that has no socket, because it was given
 * none, does not exist: each has one from its creation to its close. Operations run on the default pool.
 */
#ifndef APM_TCP_CLIENT_H
#define APM_TCP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ip_address.h"
#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/* -- Creating and closing ------------------------------------------------------------------------------------------ */

/*
 * Creates a client that is not connected: dual-mode, which reaches IPv4 and IPv6 (or IPv4 only where there is no IPv6);
 * of a family; or bound to a local endpoint.
 *
 * Success  *client is the handle; apm_tcp_client_close ends it.
 * Failure  *client is the null handle.
 * Errors   APM_ERROR_ARGUMENT the family is neither of the two; APM_ERROR_ARGUMENT_NULL the endpoint is none; those of
 *          apm_socket_create and apm_socket_bind.
 * .NET     TcpClient(), TcpClient(AddressFamily), TcpClient(IPEndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_create(apm_tcp_client *client);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_create_family(apm_address_family family, apm_tcp_client *client);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_create_endpoint(apm_endpoint local, apm_tcp_client *client);

/*
 * Creates a client and connects it to the first address of the host that accepts. It waits for that.
 *
 * Errors   those of apm_tcp_client_connect; then there is no client.
 * .NET     TcpClient(string, int)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_create_host(const char *host, int port, apm_tcp_client *client);

/*
 * Closes the client: its stream, if apm_tcp_client_get_stream has given it, and its socket. Operations that are pending
 * complete as apm_socket_close says. Closing again succeeds and does nothing.
 *
 * Blocks   never.
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 * .NET     TcpClient.Close(), TcpClient.Dispose()
 */
APM_API apm_error apm_tcp_client_close(apm_tcp_client client);

/* -- Connecting ---------------------------------------------------------------------------------------------------- */

/*
 * Starts connecting to a host by name, to an address, or to the first of several addresses that accepts.
 *
 * Errors   those of apm_socket_begin_connect_host and apm_socket_begin_connect_addresses.
 * .NET     TcpClient.BeginConnect(string, int, ...), BeginConnect(IPAddress, int, ...), BeginConnect(IPAddress[], ...)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_begin_connect(apm_tcp_client client, const char *host, int port,
                                                              apm_async_callback *callback, void *state,
                                                              apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_begin_connect_address(apm_tcp_client client, apm_ip_address address,
                                                                      int port, apm_async_callback *callback,
                                                                      void *state, apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_begin_connect_addresses(apm_tcp_client client,
                                                                        const apm_ip_address *addresses, size_t count,
                                                                        int port, apm_async_callback *callback,
                                                                        void *state, apm_async_result *result);

/* Ends a connect of any form. Errors: as apm_socket_end_connect. .NET: TcpClient.EndConnect(IAsyncResult) */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_end_connect(apm_tcp_client client, apm_async_result result);

/*
 * Connects and waits for it, no longer than the send time-out.
 *
 * Errors   as apm_socket_connect, apm_socket_connect_host and apm_socket_connect_addresses.
 * .NET     TcpClient.Connect(string, int), Connect(IPAddress, int), Connect(IPAddress[], int), Connect(IPEndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_connect(apm_tcp_client client, const char *host, int port);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_connect_address(apm_tcp_client client, apm_ip_address address,
                                                                int port);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_connect_addresses(apm_tcp_client client,
                                                                  const apm_ip_address *addresses, size_t count,
                                                                  int port);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_connect_endpoint(apm_tcp_client client, apm_endpoint remote);

/*
 * The client's stream, which owns the socket; the same each time, until the client is closed.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the client is not connected; APM_ERROR_IO its socket does not block.
 * .NET     TcpClient.GetStream()
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_get_stream(apm_tcp_client client, apm_stream *stream);

/* -- Properties ---------------------------------------------------------------------------------------------------- */

/*
 * The client's socket, and another one in its place, such as one on a pool of its own. The client closes the socket
 * that it has; the one before stays open, and is the program's again.
 *
 * Errors   APM_ERROR_INVALID_OPERATION setting it after apm_tcp_client_get_stream.
 * .NET     TcpClient.Client
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_client(apm_tcp_client client, apm_socket *socket);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_client(apm_tcp_client client, apm_socket socket);

/* As apm_socket_connected and apm_socket_available. .NET: TcpClient.Connected, TcpClient.Available */
APM_API bool apm_tcp_client_connected(apm_tcp_client client);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_available(apm_tcp_client client, size_t *available);

/* Whether a connect of the client has succeeded, or it was given connected. .NET: TcpClient.Active (protected) */
APM_API bool apm_tcp_client_active(apm_tcp_client client);

/*
 * As the socket's.
 *
 * Errors   as apm_socket_set_no_delay, apm_socket_set_linger_state and apm_socket_set_receive_buffer_size.
 * .NET     TcpClient.NoDelay, LingerState, ReceiveBufferSize, SendBufferSize
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_no_delay(apm_tcp_client client, bool *no_delay);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_no_delay(apm_tcp_client client, bool no_delay);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_linger_state(apm_tcp_client client, apm_linger_option *linger_state);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_linger_state(apm_tcp_client client, apm_linger_option linger_state);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_receive_buffer_size(apm_tcp_client client, int *size);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_receive_buffer_size(apm_tcp_client client, int size);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_send_buffer_size(apm_tcp_client client, int *size);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_send_buffer_size(apm_tcp_client client, int size);

/*
 * As the socket's: in milliseconds, 0 is without limit.
 *
 * Errors   as apm_socket_set_receive_timeout.
 * .NET     TcpClient.ReceiveTimeout, TcpClient.SendTimeout
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_receive_timeout(apm_tcp_client client, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_receive_timeout(apm_tcp_client client, int timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_send_timeout(apm_tcp_client client, int *timeout_ms);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_send_timeout(apm_tcp_client client, int timeout_ms);

/*
 * Whether others are kept from binding the client's local endpoint: true, unless the reuse of addresses has been
 * allowed. Setting it to false allows that (apm_socket_set_reuse_address), to true takes it back.
 *
 * .NET     TcpClient.ExclusiveAddressUse
 */
APM_API APM_MUST_CHECK apm_error apm_tcp_client_exclusive_address_use(apm_tcp_client client, bool *exclusive);
APM_API APM_MUST_CHECK apm_error apm_tcp_client_set_exclusive_address_use(apm_tcp_client client, bool exclusive);

APM_END_DECLARATIONS

#endif
