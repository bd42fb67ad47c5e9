/*
 * What the tests of datagrams share.
 */
#ifndef APM_TESTS_SUPPORT_DATAGRAM_H
#define APM_TESTS_SUPPORT_DATAGRAM_H

#include "support.h"

apm_socket udp_create(apm_address_family family);

/* A socket bound to a port of the loopback address; its synchronous calls give up after PATIENCE_MS. */
apm_socket udp_bind(apm_endpoint *local);
apm_socket udp_bind_to(apm_endpoint endpoint, apm_endpoint *local);

/* Begin, wait and End in the test's flavour. */
apm_error receive_from_at_once(apm_socket socket, void *buffer, size_t size, apm_endpoint *remote, size_t *received);
apm_error send_to_at_once(apm_socket socket, const void *data, size_t size, apm_endpoint remote, size_t *sent);

/* Waits, ends the operation and returns how it ended. */
apm_error finish_receive_from(apm_socket socket, struct operation *operation, apm_endpoint *remote, size_t *received);
apm_error finish_send_to(apm_socket socket, struct operation *operation, size_t *sent);
apm_error finish_receive_message_from(apm_socket socket, struct operation *operation, apm_socket_flags *flags,
                                      apm_endpoint *remote, apm_ip_packet_information *packet, size_t *received);

/* Sends that text to the endpoint by a socket of its own, which is closed again. */
void send_text_to(apm_endpoint remote, const char *text);

/* Receives a datagram, and checks that it is that text. */
void expect_text(apm_socket socket, const char *text);

/* Looks for a short while that no datagram comes. */
void expect_nothing(apm_socket socket);

/*
 * Two networks that are joined by a cable: this process, before it has threads, moves into one, with 10.77.0.1 and
 * fd77::1, and `body` runs in a child in the other, with 10.77.0.2 and fd77::2. Both devices are called "cable". The
 * test is skipped where that is not allowed. For join_child.
 */
pid_t fork_into_other_network(int (*body)(void *argument), void *argument);

#endif
