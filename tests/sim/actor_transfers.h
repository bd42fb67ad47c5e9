/*
 * The ways to send and to receive that there are; each call draws one. `place` is the number of the first byte in its
 * flow.
 */
#ifndef APM_TESTS_SIM_ACTOR_TRANSFERS_H
#define APM_TESTS_SIM_ACTOR_TRANSFERS_H

#include "workload.h"

struct actor_operation *transfer_send_operation(apm_socket socket, size_t size);
struct actor_operation *transfer_receive_operation(apm_socket socket, size_t size);

/* Begins it; what is to be sent is in its buffer then. */
apm_error transfer_begin_send(struct actor_operation *operation, uint32_t place);
apm_error transfer_begin_receive(struct actor_operation *operation);

/* The same, synchronously. */
apm_error transfer_send(apm_socket socket, unsigned char *bytes, size_t size, uint32_t place, size_t *sent);
apm_error transfer_receive(apm_socket socket, unsigned char *bytes, size_t size, size_t *received);

void transfer_fill(unsigned char *bytes, size_t size, uint32_t place);

#endif
