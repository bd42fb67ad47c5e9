/*
 * The objects behind wait handles of every kind.
 */
#ifndef APM__WAIT_HANDLE_H
#define APM__WAIT_HANDLE_H

#include "apm/wait_handle.h"
#include "slot.h"

/*
 * A reference to the object that the handle names; *slot is NULL for a result that has been ended. ARGUMENT_NULL,
 * ARGUMENT, OBJECT_DISPOSED; INVALID_OPERATION in a forked child.
 */
apm_error apm__wait_object_hold(apm_wait_handle handle, struct apm__slot **slot);

/* Gives it back; NULL is let through. */
void apm__wait_object_release(struct apm__slot *slot);

#endif
