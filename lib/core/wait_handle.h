/*
 * The objects behind wait handles of every kind.
 */
#ifndef APM__WAIT_HANDLE_H
#define APM__WAIT_HANDLE_H

#include "apm/wait_handle.h"
#include "slot.h"

/* What a wait has resolved a handle to; it holds a reference. The slot of a result that has been ended is NULL. */
struct apm__wait_object {
    struct apm__slot *slot;
    struct apm__slot_table *table;
};

/* The object that the handle names. ARGUMENT_NULL, ARGUMENT, OBJECT_DISPOSED; INVALID_OPERATION in a forked child. */
apm_error apm__wait_object_hold(apm_wait_handle handle, struct apm__wait_object *object);
void apm__wait_object_release(const struct apm__wait_object *object);

#endif
