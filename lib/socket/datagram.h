/*
 * What UdpClient shares with the sockets' own datagram functions.
 */
#ifndef APM__DATAGRAM_H
#define APM__DATAGRAM_H

#include "apm/datagram.h"
#include "begin.h"

/* What a receive of a datagram gives. Pointers may be NULL where the value is not wanted. */
struct apm__datagram_outcome {
    apm_socket_flags *flags;
    apm_endpoint *remote;
    apm_ip_packet_information *packet_information;
    size_t *datagram_size; /* RECEIVE_TRAIN */
    uint8_t **memory;      /* RECEIVE_DATAGRAM: the operation's own buffer, which is the caller's then */
    size_t *received;
};

/* Sets them to nothing. */
void apm__datagram_outcome_clear(const struct apm__datagram_outcome *outcome);

/* An End of any kind that receives datagrams; for a synchronous call with `timeout_ms` and `closed` as in begin.h. */
apm_error apm__end_datagram(apm_socket socket, apm_async_result result, enum apm__operation_kind kind, int timeout_ms,
                            apm_error closed, const struct apm__datagram_outcome *outcome);

/* Begins a receive of any of these kinds. RECEIVE_DATAGRAM takes over `buffer`, if this succeeds. */
apm_error apm__begin_receive_datagram(apm_socket socket, enum apm__operation_kind kind, void *buffer, size_t size,
                                      apm_socket_flags flags, apm_async_callback *callback, void *state,
                                      apm_async_result *result);

/*
 * Begins a send; without an endpoint (NULL) it goes to the socket's peer. `waits`: the caller's thread waits for it,
 * and so is let past the high mark.
 */
apm_error apm__begin_send_to(apm_socket socket, const void *buffer, size_t size, apm_socket_flags flags,
                             const apm_endpoint *remote, apm_async_callback *callback, void *state, bool waits,
                             apm_async_result *result);

#endif
