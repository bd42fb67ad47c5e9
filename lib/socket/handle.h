/*
 * What the files about descriptors share.
 */
#ifndef APM__HANDLE_H
#define APM__HANDLE_H

#include "apm/socket.h"
#include "channel.h"
#include "engine.h"

/* Makes a socket of a descriptor, which is the socket's then; on failure it is the caller's as before. */
apm_error apm__handle_adopt(struct apm__pool *pool, apm__os_socket descriptor, apm_socket *socket);

/*
 * Closes a socket of which there is another descriptor, with no effect on what both stand for: the linger option is
 * left alone, and a file stays; but a stream that was cut short will be reset whoever closes it. The lock is held, and
 * released.
 */
void apm__handle_give_up_and_unlock(struct apm__channel *channel);

#endif
