/*
 * Multicast: members of System.Net.Sockets.Socket that are socket options in .NET. apm/socket_options.h has others, for
 * multicast and broadcast, too.
 *
 * Every function may be called on any thread, and none blocks. Their errors include those that apm/socket.h names for
 * handles, and APM_ERROR_PROTOCOL_OPTION for an option that the socket's kind does not have.
 */
#ifndef APM_MULTICAST_H
#define APM_MULTICAST_H

#include <stdbool.h>

#include "apm/socket.h"

APM_BEGIN_DECLARATIONS

/*
 * A multicast group, and the interface on which it is joined: System.Net.Sockets.MulticastOption and
 * IPv6MulticastOption. The interface is the one with the index, or for IPv4, where that is 0, the one with the local
 * address; all zero leaves it to the system.
 */
typedef struct apm_multicast_option {
    apm_ip_address group;
    apm_ip_address local_address;
    int interface_index;
} apm_multicast_option;

/*
 * Joins a group, so that the socket receives what is sent to it, and leaves it again. A socket that is closed has left.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL no group; APM_ERROR_ARGUMENT a local address that is not IPv4, or for an IPv6 group;
 *          APM_ERROR_ARGUMENT_OUT_OF_RANGE the index is not from 0 to 16777215; APM_ERROR_INVALID_ARGUMENT it is no
 *          multicast address; APM_ERROR_ADDRESS_ALREADY_IN_USE joined already; APM_ERROR_ADDRESS_NOT_AVAILABLE not
 *          joined; APM_ERROR_SOCKET_ERROR there is no such interface; APM_ERROR_OPERATION_NOT_SUPPORTED the socket is
 *          of the unix domain.
 * .NET     Socket.SetSocketOption(SocketOptionLevel.IP or IPv6, SocketOptionName.AddMembership or DropMembership, ...)
 */
APM_API APM_MUST_CHECK apm_error apm_socket_add_membership(apm_socket socket, apm_multicast_option option);
APM_API APM_MUST_CHECK apm_error apm_socket_drop_membership(apm_socket socket, apm_multicast_option option);

/*
 * The same for what one source sends to the group; several sources may be added.
 *
 * Errors   those of apm_socket_add_membership; APM_ERROR_ARGUMENT_NULL no source; APM_ERROR_ARGUMENT its family is not
 *          the group's; APM_ERROR_INVALID_ARGUMENT no source of the group is joined;
 *          APM_ERROR_ADDRESS_NOT_AVAILABLE others are.
 * .NET     SocketOptionName.AddSourceMembership, DropSourceMembership
 */
APM_API APM_MUST_CHECK apm_error apm_socket_add_source_membership(apm_socket socket, apm_multicast_option option,
                                                                  apm_ip_address source);
APM_API APM_MUST_CHECK apm_error apm_socket_drop_source_membership(apm_socket socket, apm_multicast_option option,
                                                                   apm_ip_address source);

/*
 * How many networks what the socket sends to groups may pass, from 0, this machine, to 255; 1 at first. Setting -1 is
 * setting 1.
 *
 * Errors   APM_ERROR_INVALID_ARGUMENT the number is out of range; APM_ERROR_PROTOCOL_OPTION an IPv6 stream;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED the socket is of the unix domain.
 * .NET     SocketOptionName.MulticastTimeToLive
 */
APM_API APM_MUST_CHECK apm_error apm_socket_multicast_time_to_live(apm_socket socket, int *time_to_live);
APM_API APM_MUST_CHECK apm_error apm_socket_set_multicast_time_to_live(apm_socket socket, int time_to_live);

/*
 * Which interface sends what goes to groups: by its index (0: the system chooses), or, IPv4 only, by its address.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE the index is negative; APM_ERROR_ARGUMENT the address is not IPv4;
 *          APM_ERROR_ARGUMENT_NULL it is none; APM_ERROR_INVALID_ARGUMENT, APM_ERROR_PROTOCOL_OPTION the socket is a
 *          stream; APM_ERROR_ADDRESS_NOT_AVAILABLE, for IPv6 APM_ERROR_SOCKET_ERROR, there is no such interface;
 *          APM_ERROR_OPERATION_NOT_SUPPORTED the socket is of the unix domain.
 * .NET     SocketOptionName.MulticastInterface
 */
APM_API APM_MUST_CHECK apm_error apm_socket_set_multicast_interface(apm_socket socket, int interface_index);
APM_API APM_MUST_CHECK apm_error apm_socket_set_multicast_interface_address(apm_socket socket, apm_ip_address local);

APM_END_DECLARATIONS

#endif
