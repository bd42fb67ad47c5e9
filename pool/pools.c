/*
 * Pools of the program's: their handles, making them, and holding them during a call. Any thread.
 *
 * A handle's slot has a reference for the program and one for each call in progress. The memory of a pool stays with
 * its slot, as that of the workers stays with the pool: when it has ended, somebody may still be about to unpark one of
 * them. A pool that has ended is not started again before the slot is given to another one, which is when the last call
 * has left it.
 */
#include "pools.h"

#include "process.h"

struct holder {
    struct apm__slot slot;  /* first: the table's view */
    struct apm__pool *pool; /* immutable once there is one */
};

struct apm__slot_table apm__pools = APM__SLOT_TABLE(APM__KIND_THREAD_POOL, struct holder, NULL);

apm_error apm__pool_create(int min_threads, int max_threads, apm_thread_pool *handle)
{
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    struct holder *holder = (struct holder *)apm__slot_allocate(&apm__pools);
    if (!holder)
        return APM_ERROR_OUT_OF_MEMORY;
    if (!holder->pool)
        holder->pool = apm__os_allocate(sizeof(struct apm__pool));
    if (!holder->pool) {
        apm__slot_free(&apm__pools, &holder->slot);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    apm__pool_initialise(holder->pool, &holder->slot, min_threads, max_threads);
    apm__slot_publish(&holder->slot, 1, 0);
    handle->bits = apm__slot_handle(&holder->slot);
    return APM_ERROR_SUCCESS;
}

apm_error apm__pool_acquire(apm_thread_pool handle, struct apm__pool **pool)
{
    *pool = apm__pool_default();
    if (apm_thread_pool_is_null(handle))
        return apm__process_is_forked_child() ? APM_ERROR_INVALID_OPERATION : APM_ERROR_SUCCESS;
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__pools, handle.bits, APM__SLOT_CLOSED, &slot);
    if (error == APM_ERROR_SUCCESS)
        *pool = ((struct holder *)slot)->pool;
    return error;
}

void apm__pool_release(struct apm__pool *pool)
{
    if (pool->slot && apm__slot_release(pool->slot))
        apm__slot_free(&apm__pools, pool->slot);
}

bool apm__pool_claim_end(struct apm__pool *pool)
{
    return !(apm__atomic_or(&pool->slot->control, APM__SLOT_CLOSED, APM__ACQ_REL) & APM__SLOT_CLOSED);
}

void apm__pool_unclaim_end(struct apm__pool *pool)
{
    apm__atomic_and(&pool->slot->control, ~(uint64_t)APM__SLOT_CLOSED, APM__ACQ_REL);
}

struct apm__pool *apm__pool_next(struct apm__pool *pool)
{
    uint32_t place = pool->slot ? apm__slot_index(pool->slot) + 1 : 0;
    struct apm__slot *slot = apm__slot_next(&apm__pools, &place);
    return slot ? ((struct holder *)slot)->pool : NULL;
}
