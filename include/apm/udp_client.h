/*
 * UdpClient: System.Net.Sockets.UdpClient, a datagram socket that brings its own memory for what it receives.
 *
 * The handle of a client has the bits of its socket (apm_udp_client_client): apm_async_result_socket of its results
 * gives that socket, closing either closes both, and apm_udp_client_end_send also takes the results of the socket's
 * own apm_socket_begin_send_to. The bits of other sockets are no client's. What apm/socket.h says of Begin, End,
 * threads and errors holds here, but that what a close ends is APM_ERROR_OBJECT_DISPOSED, as .NET's helpers have it.
 */
#ifndef APM_UDP_CLIENT_H
#define APM_UDP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/async_result.h"
#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"
#include "apm/ip_address.h"

APM_BEGIN_DECLARATIONS

/* -- Creating and closing ---------------------------------------------------------------------------------------- */

/*
 * Creates a client: of IPv4, of a family, bound to a port of all addresses (0: the system chooses), bound to an
 * endpoint, or with its peer set (a look-up of the name blocks).
 *
 * Success  *client is the handle; apm_udp_client_close ends it.
 * Failure  *client is the null handle.
 * Errors   APM_ERROR_ARGUMENT_NULL no endpoint, or no host; APM_ERROR_ARGUMENT a family that is neither IPv4 nor IPv6;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0 to 65535; those of apm_socket_create, apm_socket_bind,
 *          apm_dns_get_host_addresses and apm_socket_connect.
 * .NET     UdpClient(), UdpClient(AddressFamily), UdpClient(int), UdpClient(int, AddressFamily), UdpClient(IPEndPoint),
 *          UdpClient(string, int)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_create(apm_udp_client *client);
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_family(apm_address_family family, apm_udp_client *client);
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_port(int port, apm_udp_client *client);
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_port_family(int port, apm_address_family family,
                                                                   apm_udp_client *client);
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_endpoint(apm_endpoint local, apm_udp_client *client);
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_host(const char *host, int port, apm_udp_client *client);

/*
 * Makes a client of a socket, which it is from then on; closing either closes both. It may be called again.
 *
 * Failure  *client is the null handle, and the socket as it was.
 * Errors   APM_ERROR_ARGUMENT_NULL `client` is NULL; APM_ERROR_SOCKET_NOT_SUPPORTED the socket is none of datagrams of
 *          IP.
 * .NET     UdpClient.Client
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_create_socket(apm_socket socket, apm_udp_client *client);

/* Closes the client and its socket, as apm_socket_close. Closing again succeeds. .NET: UdpClient.Close(), Dispose() */
APM_API apm_error apm_udp_client_close(apm_udp_client client);

/*
 * Sets the peer: sends without an endpoint go to it, and only its datagrams are received. It may be changed.
 *
 * Blocks   for a look-up of the name.
 * Errors   APM_ERROR_ARGUMENT_NULL no endpoint, address or host; APM_ERROR_ARGUMENT_OUT_OF_RANGE `port` is not from 0
 *          to 65535; APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED the family is not the client's; those of
 *          apm_dns_get_host_addresses and apm_socket_connect; APM_ERROR_NOT_CONNECTED the host has no address of the
 *          client's family.
 * .NET     UdpClient.Connect(IPEndPoint), Connect(IPAddress, int), Connect(string, int)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_connect(apm_udp_client client, apm_endpoint remote);
APM_API APM_MUST_CHECK apm_error apm_udp_client_connect_address(apm_udp_client client, apm_ip_address address,
                                                                int port);
APM_API APM_MUST_CHECK apm_error apm_udp_client_connect_host(apm_udp_client client, const char *host, int port);

/* -- Sending ----------------------------------------------------------------------------------------------------- */

/*
 * Starts sending a datagram: to the peer, to an endpoint, or to a host by name; the null endpoint stands for the peer,
 * and `host` may be NULL for it. Sending to 255.255.255.255 first allows broadcasts. All as in .NET.
 *
 * Borrows  datagram, until the callback is invoked or a wait on the result returns.
 * Blocks   for a look-up of the name, as in .NET.
 * Errors   APM_ERROR_ARGUMENT_NULL `datagram` is NULL; APM_ERROR_ARGUMENT_OUT_OF_RANGE `bytes` is above INT_MAX, or
 *          `port` is not from 0 to 65535; APM_ERROR_ARGUMENT the host has no address of the client's family;
 *          APM_ERROR_INVALID_OPERATION an endpoint or a host, and the client has a peer; APM_ERROR_WOULD_BLOCK the
 *          socket's water marks (apm/serving.h) are reached; those of apm_dns_get_host_addresses.
 * .NET     UdpClient.BeginSend(byte[], int, AsyncCallback, object), BeginSend(byte[], int, IPEndPoint, AsyncCallback,
 *          object), BeginSend(byte[], int, string, int, AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_begin_send(apm_udp_client client, const void *datagram, size_t bytes,
                                                           apm_async_callback *callback, void *state,
                                                           apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_udp_client_begin_send_endpoint(apm_udp_client client, const void *datagram,
                                                                    size_t bytes, apm_endpoint remote,
                                                                    apm_async_callback *callback, void *state,
                                                                    apm_async_result *result);
APM_API APM_MUST_CHECK apm_error apm_udp_client_begin_send_host(apm_udp_client client, const void *datagram,
                                                                size_t bytes, const char *host, int port,
                                                                apm_async_callback *callback, void *state,
                                                                apm_async_result *result);

/*
 * Ends a send of any form.
 *
 * Errors   those of apm_socket_end_send_to; APM_ERROR_DESTINATION_ADDRESS_REQUIRED neither an endpoint nor a peer.
 * .NET     UdpClient.EndSend(IAsyncResult)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_end_send(apm_udp_client client, apm_async_result result, size_t *sent);

/*
 * Sends a datagram and waits for it.
 *
 * Errors   those of Begin and End, but APM_ERROR_INVALID_OPERATION where neither an endpoint nor a peer is given.
 * .NET     UdpClient.Send(byte[], int), Send(byte[], int, IPEndPoint), Send(byte[], int, string, int)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_send(apm_udp_client client, const void *datagram, size_t bytes,
                                                     size_t *sent);
APM_API APM_MUST_CHECK apm_error apm_udp_client_send_endpoint(apm_udp_client client, const void *datagram, size_t bytes,
                                                              apm_endpoint remote, size_t *sent);
APM_API APM_MUST_CHECK apm_error apm_udp_client_send_host(apm_udp_client client, const void *datagram, size_t bytes,
                                                          const char *host, int port, size_t *sent);

/* -- Receiving --------------------------------------------------------------------------------------------------- */

/*
 * Starts receiving a datagram, of any size.
 *
 * Errors   APM_ERROR_INVALID_OPERATION the client is not bound, has sent nothing, and has no peer.
 * .NET     UdpClient.BeginReceive(AsyncCallback, object)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_begin_receive(apm_udp_client client, apm_async_callback *callback,
                                                              void *state, apm_async_result *result);

/*
 * Ends it: *datagram has the bytes, and is never NULL; apm_udp_client_free_datagram frees it. *remote is the sender,
 * which may be NULL if it is not wanted; the others may not.
 *
 * Failure  *datagram is NULL; also of an End that was not allowed, and then the result is as it was.
 * Errors   APM_ERROR_CONNECTION_REFUSED an earlier datagram to the peer found nobody.
 * .NET     UdpClient.EndReceive(IAsyncResult, ref IPEndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_end_receive(apm_udp_client client, apm_async_result result,
                                                            apm_endpoint *remote, uint8_t **datagram, size_t *size);

/*
 * Receives a datagram and waits for it, no longer than the receive time-out of the client's socket.
 *
 * Errors   those of Begin and End; APM_ERROR_TIMED_OUT; APM_ERROR_INTERRUPTED the client was closed meanwhile.
 * .NET     UdpClient.Receive(ref IPEndPoint)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_receive(apm_udp_client client, apm_endpoint *remote, uint8_t **datagram,
                                                        size_t *size);

/* Frees a datagram; NULL is let through. Threads: any. */
APM_API void apm_udp_client_free_datagram(uint8_t *datagram);

/* -- Multicast --------------------------------------------------------------------------------------------------- */

/*
 * Joins a group: on an interface that the system chooses; so, with the time to live of what is sent to groups; on the
 * interface of a local IPv4 address; or on the interface of an index.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL no address; APM_ERROR_ARGUMENT its family is not the client's;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE `time_to_live` is not from 0 to 255, or the index is negative;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED an index for IPv4, or a local address for IPv6; those of
 *          apm_socket_add_membership.
 * .NET     UdpClient.JoinMulticastGroup(IPAddress), JoinMulticastGroup(IPAddress, int),
 *          JoinMulticastGroup(IPAddress, IPAddress), JoinMulticastGroup(int, IPAddress)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_join_multicast_group(apm_udp_client client, apm_ip_address group);
APM_API APM_MUST_CHECK apm_error apm_udp_client_join_multicast_group_time_to_live(apm_udp_client client,
                                                                                  apm_ip_address group,
                                                                                  int time_to_live);
APM_API APM_MUST_CHECK apm_error apm_udp_client_join_multicast_group_local(apm_udp_client client, apm_ip_address group,
                                                                           apm_ip_address local);
APM_API APM_MUST_CHECK apm_error apm_udp_client_join_multicast_group_interface(apm_udp_client client,
                                                                               int interface_index,
                                                                               apm_ip_address group);

/*
 * Leaves a group: of whatever interface the system chose, or IPv6 of that with an index.
 *
 * Errors   those of apm_udp_client_join_multicast_group; APM_ERROR_ADDRESS_NOT_AVAILABLE it was not joined so.
 * .NET     UdpClient.DropMulticastGroup(IPAddress), DropMulticastGroup(IPAddress, int)
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_drop_multicast_group(apm_udp_client client, apm_ip_address group);
APM_API APM_MUST_CHECK apm_error apm_udp_client_drop_multicast_group_interface(apm_udp_client client,
                                                                               apm_ip_address group,
                                                                               int interface_index);

/* -- Properties -------------------------------------------------------------------------------------------------- */

/* The client's socket; the null handle once it is closed. .NET: UdpClient.Client */
APM_API apm_socket apm_udp_client_client(apm_udp_client client);

/* Whether the client has a peer. False for anything that is no open client. .NET: UdpClient.Active */
APM_API bool apm_udp_client_active(apm_udp_client client);

/* The size of the first datagram that waits, 0 if none does. .NET: UdpClient.Available */
APM_API APM_MUST_CHECK apm_error apm_udp_client_available(apm_udp_client client, size_t *available);

/*
 * How many networks what is sent to one receiver may pass; from 1 to 255.
 *
 * Errors   APM_ERROR_INVALID_ARGUMENT it is 0; APM_ERROR_ARGUMENT_OUT_OF_RANGE it is not from 0 to 255.
 * .NET     UdpClient.Ttl
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_ttl(apm_udp_client client, int *ttl);
APM_API APM_MUST_CHECK apm_error apm_udp_client_set_ttl(apm_udp_client client, int ttl);

/*
 * Whether a datagram that is too large for a network on its way is an error, instead of being sent in fragments.
 *
 * Errors   APM_ERROR_NOT_SUPPORTED an IPv6 client.
 * .NET     UdpClient.DontFragment
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_dont_fragment(apm_udp_client client, bool *dont_fragment);
APM_API APM_MUST_CHECK apm_error apm_udp_client_set_dont_fragment(apm_udp_client client, bool dont_fragment);

/* As of sockets (apm/multicast.h). .NET: UdpClient.MulticastLoopback, EnableBroadcast */
APM_API APM_MUST_CHECK apm_error apm_udp_client_multicast_loopback(apm_udp_client client, bool *multicast_loopback);
APM_API APM_MUST_CHECK apm_error apm_udp_client_set_multicast_loopback(apm_udp_client client, bool multicast_loopback);
APM_API APM_MUST_CHECK apm_error apm_udp_client_enable_broadcast(apm_udp_client client, bool *enable_broadcast);
APM_API APM_MUST_CHECK apm_error apm_udp_client_set_enable_broadcast(apm_udp_client client, bool enable_broadcast);

/*
 * Whether the client's endpoint is its alone: the opposite of apm_socket_reuse_address. True at first.
 *
 * Errors   APM_ERROR_INVALID_OPERATION setting it for a client that is bound.
 * .NET     UdpClient.ExclusiveAddressUse
 */
APM_API APM_MUST_CHECK apm_error apm_udp_client_exclusive_address_use(apm_udp_client client, bool *exclusive);
APM_API APM_MUST_CHECK apm_error apm_udp_client_set_exclusive_address_use(apm_udp_client client, bool exclusive);

APM_END_DECLARATIONS

#endif
