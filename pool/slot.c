/*
 * The slot tables: finding, allocating and freeing. Any thread.
 *
 * Locks: a table's lock, a leaf, guards its free list and its growth. Looking a handle up takes no lock: chunks are
 * only ever added, and the pointer to one is published before any handle into it exists.
 */
#include "slot.h"

enum {
    INDEX_BITS = 32 - APM__SLOT_KIND_BITS,
#ifdef APM_DEBUG
    CACHE_LIMIT = 4,
#else
    CACHE_LIMIT = 128,
#endif
};

#ifdef APM_DEBUG
static const uint32_t last_generation = UINT16_MAX;
#else
static const uint32_t last_generation = UINT32_MAX;
#endif

_Static_assert((unsigned)APM__KIND_LIMIT <= 1u << APM__SLOT_KIND_BITS, "each kind has its number");
_Static_assert((uint64_t)APM__SLOT_CHUNK_LIMIT *APM__SLOT_CHUNK_SLOTS <= (uint64_t)1 << INDEX_BITS,
               "each slot has its index");

static APM__THREAD_LOCAL struct apm__slot_cache *thread_cache;

void apm__slot_cache_use(struct apm__slot_cache *cache)
{
    if (cache) {
        for (int kind = 0; kind < APM__KIND_LIMIT; kind++) {
            cache->kinds[kind].head = APM__SLOT_NONE;
            cache->kinds[kind].count = 0;
        }
    }
    thread_cache = cache;
}

/* -- Finding -- */

apm_error apm__slot_check(struct apm__slot_table *table, uint64_t bits)
{
    if (bits == 0)
        return APM_ERROR_ARGUMENT_NULL;
    struct apm__slot *slot = apm__slot_find(table, bits);
    if (!slot)
        return APM_ERROR_ARGUMENT;
    return apm__slot_judge(apm__atomic_load(&slot->control, APM__ACQUIRE), bits);
}

apm_error apm__slot_acquire(struct apm__slot_table *table, uint64_t bits, uint32_t refused, struct apm__slot **slot)
{
    *slot = NULL;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    if (bits == 0)
        return APM_ERROR_ARGUMENT_NULL;
    struct apm__slot *found = apm__slot_find(table, bits);
    if (!found)
        return APM_ERROR_ARGUMENT;
    uint64_t control = apm__atomic_load(&found->control, APM__RELAXED);
    do {
        apm_error error = apm__slot_judge(control, bits);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (control & refused)
            return APM_ERROR_OBJECT_DISPOSED;
        /* Acquire pairs with the release in apm__slot_publish: the object is initialised. */
    } while (!apm__atomic_replace(&found->control, &control, control + 1, APM__ACQUIRE));
    *slot = found;
    return APM_ERROR_SUCCESS;
}

/* -- Free slots -- */

/* Adds a chunk of slots to the free list. */
static bool grow_locked(struct apm__slot_table *table)
{
    uint32_t count = apm__atomic_load(&table->slot_count, APM__RELAXED);
    if (count / APM__SLOT_CHUNK_SLOTS >= APM__SLOT_CHUNK_LIMIT)
        return false;
    unsigned char *chunk = apm__os_allocate_aligned(APM__LINE_SIZE, APM__SLOT_CHUNK_SLOTS * table->object_size);
    if (!chunk)
        return false;
    for (uint32_t i = APM__SLOT_CHUNK_SLOTS; i-- > 0;) {
        struct apm__slot *slot = (struct apm__slot *)(void *)(chunk + i * table->object_size);
        slot->index = count + i;
        if (table->prepare)
            table->prepare(slot);
        slot->next_free = table->free_head;
        table->free_head = count + i;
    }
    apm__atomic_store(&table->chunks[count / APM__SLOT_CHUNK_SLOTS], chunk, APM__RELEASE);
    apm__atomic_store(&table->slot_count, count + APM__SLOT_CHUNK_SLOTS, APM__RELAXED);
    return true;
}

/* Moves up to `wanted` slots into the thread's cache. */
static void refill_cache(struct apm__slot_table *table, uint32_t wanted)
{
    apm__os_mutex_lock(&table->lock);
    if (table->free_head == APM__SLOT_NONE)
        grow_locked(table);
    while (wanted-- > 0 && table->free_head != APM__SLOT_NONE) {
        struct apm__slot *slot = apm__slot_at(table, table->free_head);
        table->free_head = slot->next_free;
        slot->next_free = thread_cache->kinds[table->kind].head;
        thread_cache->kinds[table->kind].head = slot->index;
        thread_cache->kinds[table->kind].count++;
    }
    apm__os_mutex_unlock(&table->lock);
}

static struct apm__slot *take_cached(struct apm__slot_table *table)
{
    if (thread_cache->kinds[table->kind].count == 0)
        refill_cache(table, CACHE_LIMIT / 2);
    if (thread_cache->kinds[table->kind].count == 0)
        return NULL;
    struct apm__slot *slot = apm__slot_at(table, thread_cache->kinds[table->kind].head);
    thread_cache->kinds[table->kind].head = slot->next_free;
    thread_cache->kinds[table->kind].count--;
    return slot;
}

static struct apm__slot *take_shared(struct apm__slot_table *table)
{
    struct apm__slot *slot = NULL;
    apm__os_mutex_lock(&table->lock);
    if (table->free_head != APM__SLOT_NONE || grow_locked(table)) {
        slot = apm__slot_at(table, table->free_head);
        table->free_head = slot->next_free;
    }
    apm__os_mutex_unlock(&table->lock);
    return slot;
}

struct apm__slot *apm__slot_allocate(struct apm__slot_table *table)
{
    struct apm__slot *slot = thread_cache ? take_cached(table) : take_shared(table);
    if (slot)
        slot->waiters = NULL;
    return slot;
}

void apm__slot_publish(struct apm__slot *slot, uint32_t references, uint32_t flags)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED); /* nobody else changes a free slot's */
    APM__ASSERT((control & APM__SLOT_REFERENCES) == 0);
    uint64_t generation = (uint64_t)apm__slot_generation(control) + 1;
    /* Release pairs with the acquire in apm__slot_acquire: the object is initialised. */
    apm__atomic_store(&slot->control, generation << 32 | flags | references, APM__RELEASE);
}

static void give_shared(struct apm__slot_table *table, uint32_t keep)
{
    apm__os_mutex_lock(&table->lock);
    while (thread_cache->kinds[table->kind].count > keep) {
        struct apm__slot *slot = apm__slot_at(table, thread_cache->kinds[table->kind].head);
        thread_cache->kinds[table->kind].head = slot->next_free;
        thread_cache->kinds[table->kind].count--;
        slot->next_free = table->free_head;
        table->free_head = slot->index;
    }
    apm__os_mutex_unlock(&table->lock);
}

void apm__slot_cache_flush(struct apm__slot_table *table)
{
    if (thread_cache && thread_cache->kinds[table->kind].count > 0)
        give_shared(table, 0);
}

void apm__slot_free(struct apm__slot_table *table, struct apm__slot *slot)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED);
    APM__ASSERT((control & APM__SLOT_REFERENCES) == 0);
    APM__ASSERT(slot->waiters == NULL);
    if (apm__slot_generation(control) == last_generation)
        return; /* retired: no generation is left that a stale handle could not have */
    if (!thread_cache) {
        apm__os_mutex_lock(&table->lock);
        slot->next_free = table->free_head;
        table->free_head = slot->index;
        apm__os_mutex_unlock(&table->lock);
        return;
    }
    slot->next_free = thread_cache->kinds[table->kind].head;
    thread_cache->kinds[table->kind].head = slot->index;
    if (++thread_cache->kinds[table->kind].count > CACHE_LIMIT)
        give_shared(table, CACHE_LIMIT / 2);
}
