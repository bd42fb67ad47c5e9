/*
 * The slot tables: finding, allocating and freeing. Any thread.
 *
 * Locks: a table's lock, a leaf, guards its free list and its growth. Looking a handle up takes no lock: chunks are
 * only ever added, and the pointer to one is published before any handle into it exists.
 *
 * Each thread keeps some free slots of each kind for itself, and takes and gives them in batches, so that allocating
 * needs a lock only now and then. It gives them back when it ends.
 */
#include "slot.h"

enum {
    INDEX_BITS = 32 - APM__SLOT_KIND_BITS,
#ifdef APM_DEBUG
    CACHE_LIMIT = 4,
#else
    CACHE_LIMIT = 64, /* slots that a thread keeps at most */
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

/* The calling thread's free slots of a kind, linked by next_free; `table` is NULL until it has had some. */
struct cache {
    struct apm__slot_table *table;
    uint32_t head;
    uint32_t count;
};

static APM__THREAD_LOCAL struct cache caches[APM__KIND_LIMIT];
static APM__THREAD_LOCAL bool will_flush; /* the thread's end has been asked to give the slots back */

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
    /*
     * Acquire, where it succeeds, pairs with the release in apm__slot_publish: the object is initialised. Where it is
     * refused it pairs with the release of the last reference: what the object's users did is done, and seen.
     */
    uint64_t control = apm__atomic_load(&found->control, APM__ACQUIRE);
    do {
        apm_error error = apm__slot_judge(control, bits);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (control & refused)
            return APM_ERROR_OBJECT_DISPOSED;
    } while (!apm__atomic_replace(&found->control, &control, control + 1, APM__ACQUIRE));
    *slot = found;
    return APM_ERROR_SUCCESS;
}

struct apm__slot *apm__slot_next(struct apm__slot_table *table, uint32_t *place)
{
    struct apm__slot *slot;
    struct apm__slot *held;
    while ((slot = apm__slot_at(table, (*place)++)))
        if (apm__slot_acquire(table, apm__slot_handle(slot), 0, &held) == APM_ERROR_SUCCESS)
            return held;
    return NULL;
}

struct apm__slot *apm__slot_containing(struct apm__slot_table *table, uintptr_t address)
{
    struct apm__slot *first;
    for (uint32_t i = 0; (first = apm__slot_at(table, i)); i += APM__SLOT_CHUNK_SLOTS) {
        uintptr_t offset = address - (uintptr_t)first; /* huge, if the address is below */
        if (offset < APM__SLOT_CHUNK_SLOTS * table->object_size)
            return apm__slot_at(table, i + (uint32_t)(offset / table->object_size));
    }
    return NULL;
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
        slot->name = (count + i) << APM__SLOT_KIND_BITS | (uint32_t)table->kind;
        if (table->prepare)
            table->prepare(slot);
        slot->next_free = table->free_head;
        table->free_head = count + i;
    }
    apm__atomic_store(&table->chunks[count / APM__SLOT_CHUNK_SLOTS], chunk, APM__RELEASE);
    apm__atomic_store(&table->slot_count, count + APM__SLOT_CHUNK_SLOTS, APM__RELAXED);
    return true;
}

static void push_cached(struct cache *cache, struct apm__slot *slot)
{
    slot->next_free = cache->head;
    cache->head = apm__slot_index(slot);
    cache->count++;
}

static struct apm__slot *pop_cached(struct cache *cache)
{
    struct apm__slot *slot = apm__slot_at(cache->table, cache->head);
    APM__ASSERT(slot); /* what is in a cache exists */
    cache->head = slot->next_free;
    cache->count--;
    return slot;
}

static void push_shared_locked(struct apm__slot_table *table, struct apm__slot *slot)
{
    slot->next_free = table->free_head;
    table->free_head = apm__slot_index(slot);
}

/* NULL if there is none, and no memory for more. */
static struct apm__slot *pop_shared_locked(struct apm__slot_table *table)
{
    if (table->free_head == APM__SLOT_NONE && !grow_locked(table))
        return NULL;
    struct apm__slot *slot = apm__slot_at(table, table->free_head);
    APM__ASSERT(slot); /* so does what is in a free list */
    table->free_head = slot->next_free;
    return slot;
}

/* Gives slots back until `keep` are left. */
APM__COLD static void shrink_cache(struct cache *cache, uint32_t keep)
{
    apm__os_mutex_lock(&cache->table->lock);
    while (cache->count > keep)
        push_shared_locked(cache->table, pop_cached(cache));
    apm__os_mutex_unlock(&cache->table->lock);
}

static void flush_caches(void)
{
    will_flush = false;
    for (int kind = 0; kind < APM__KIND_LIMIT; kind++)
        if (caches[kind].count > 0)
            shrink_cache(&caches[kind], 0);
}

/* The cache of the table's kind, made ready for slots to be put in; NULL if the thread's end would lose them. */
static struct cache *open_cache(struct apm__slot_table *table)
{
    struct cache *cache = &caches[table->kind];
    if (!will_flush)
        will_flush = apm__os_at_thread_exit(flush_caches);
    if (!will_flush)
        return NULL;
    if (cache->count == 0)
        cache->head = APM__SLOT_NONE;
    cache->table = table;
    return cache;
}

APM__COLD static struct apm__slot *allocate_and_refill(struct apm__slot_table *table)
{
    struct cache *cache = open_cache(table);
    apm__os_mutex_lock(&table->lock);
    struct apm__slot *slot = pop_shared_locked(table);
    for (int i = 1; cache && i < CACHE_LIMIT / 2 && table->free_head != APM__SLOT_NONE; i++)
        push_cached(cache, pop_shared_locked(table));
    apm__os_mutex_unlock(&table->lock);
    return slot;
}

APM__HOT struct apm__slot *apm__slot_allocate(struct apm__slot_table *table)
{
    struct cache *cache = &caches[table->kind];
    struct apm__slot *slot = cache->count > 0 ? pop_cached(cache) : allocate_and_refill(table);
    if (slot) {
        slot->waiters = NULL;
        slot->all_waiters = 0;
    }
    return slot;
}

uint32_t apm__slot_cached(const struct apm__slot_table *table)
{
    return caches[table->kind].count;
}

void apm__slot_publish(struct apm__slot *slot, uint32_t references, uint32_t flags)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED); /* nobody else changes a free slot's */
    APM__ASSERT((control & APM__SLOT_REFERENCES) == 0);
    uint64_t generation = (uint64_t)apm__slot_generation(control) + 1;
    /* Release pairs with the acquire in apm__slot_acquire: the object is initialised. */
    apm__atomic_store(&slot->control, generation << 32 | flags | references, APM__RELEASE);
}

/* Frees a slot where the calling thread has no others of the kind. */
APM__COLD static void free_first(struct apm__slot_table *table, struct apm__slot *slot)
{
    struct cache *cache = open_cache(table);
    if (cache) {
        push_cached(cache, slot);
        return;
    }
    apm__os_mutex_lock(&table->lock);
    push_shared_locked(table, slot);
    apm__os_mutex_unlock(&table->lock);
}

APM__HOT void apm__slot_free(struct apm__slot_table *table, struct apm__slot *slot)
{
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED);
    struct cache *cache = &caches[table->kind];
    APM__ASSERT((control & APM__SLOT_REFERENCES) == 0);
    APM__ASSERT(slot->waiters == NULL);
    if (apm__slot_generation(control) == last_generation)
        return; /* retired: no generation is left that a stale handle could not have */
    if (cache->count == 0) {
        free_first(table, slot);
        return;
    }
    push_cached(cache, slot);
    if (cache->count > CACHE_LIMIT)
        shrink_cache(cache, CACHE_LIMIT / 2);
}
