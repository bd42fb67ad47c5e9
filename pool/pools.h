/*
 * Pools by their handles. The null handle is the default pool, which always exists.
 */
#ifndef APM__POOLS_H
#define APM__POOLS_H

#include "apm/handle.h"
#include "pool.h"

extern struct apm__slot_table apm__pools;

/* Makes a pool, which starts at first use. INVALID_OPERATION in a forked child; OUT_OF_MEMORY. */
apm_error apm__pool_create(int min_threads, int max_threads, apm_thread_pool *handle);

/*
 * The pool that a handle names, held until apm__pool_release. ARGUMENT no pool; OBJECT_DISPOSED it has been destroyed,
 * or is being; INVALID_OPERATION in a forked child.
 */
apm_error apm__pool_acquire(apm_thread_pool handle, struct apm__pool **pool);
void apm__pool_release(struct apm__pool *pool);

/* Takes the handle back from the program, once: false if another call has. It can be given back. */
bool apm__pool_claim_end(struct apm__pool *pool);
void apm__pool_unclaim_end(struct apm__pool *pool);

/* The next of the program's pools after this one (the default pool comes first), held; or NULL. */
struct apm__pool *apm__pool_next(struct apm__pool *pool);

#endif
