/*
 * One attempt at what an operation asks for.
 */
#ifndef APM__PERFORM_H
#define APM__PERFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "apm/error.h"
#include "operation.h"
#include "os.h"

/*
 * Makes the operation's system call, as far as it goes without waiting. WOULD_BLOCK: to be tried again once the
 * descriptor is ready. Otherwise the operation is done, with that outcome. The caller owns the operation, whose
 * transferred, descriptor and plan this writes; it holds no lock.
 */
apm_error apm__perform(struct apm__operation *operation, apm__os_socket descriptor, bool is_ipv6);

/* The same for the kinds that are of datagrams, one operation alone. */
apm_error apm__perform_datagram(struct apm__operation *operation, apm__os_socket descriptor);

enum { APM__PERFORM_BATCH = APM__OS_DATAGRAM_LIMIT };

/* Whether the operation, of a datagram socket, may be in one system call with others of its direction. */
bool apm__perform_may_batch(const struct apm__operation *operation);

/*
 * The same for 2 up to APM__PERFORM_BATCH operations of one direction, in one system call: *done is how many have
 * succeeded, from the first on. Fails only if that is none; the error is the first one's then.
 */
apm_error apm__perform_batch(struct apm__operation *const *operations, size_t count, apm__os_socket descriptor,
                             size_t *done);

/*
 * Whether the attempt, at a stream, has shown that nothing is left to be read: it was a receive that got less than it
 * asked for.
 */
bool apm__perform_was_short(const struct apm__operation *operation);

#endif
