/*
 * One attempt at what an operation asks for.
 */
#ifndef APM__PERFORM_H
#define APM__PERFORM_H

#include "apm/error.h"
#include "operation.h"
#include "os.h"

/*
 * Makes the operation's system call, as far as it goes without waiting. WOULD_BLOCK: to be tried again once the
 * descriptor is ready. Otherwise the operation is done, with that outcome. The caller owns the operation, whose
 * transferred, descriptor and plan this writes; it holds no lock.
 */
apm_error apm__perform(struct apm__operation *operation, apm__os_socket descriptor, bool is_ipv6);

/* Whether the attempt has shown that nothing is left to be read: it was a receive that got less than it asked for. */
bool apm__perform_was_short(const struct apm__operation *operation);

#endif
