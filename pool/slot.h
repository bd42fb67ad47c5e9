/*
 * Slots: where every object that a handle names lives.
 *
 * A table has the slots of one kind of object. Slots are never given back to the system while the library is in use, so
 * any index that was ever handed out may be looked at; the control word decides whether a handle still means the
 * object.
 *
 * The control word is one atomic: generation, flags and references together, so that "is it still this object?" and the
 * step that depends on the answer are one. A generation is used once: it goes up when the slot is allocated and never
 * comes back, and a slot that has used its last one is retired.
 */
#ifndef APM__SLOT_H
#define APM__SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "check.h"
#include "os.h"
#include "process.h"

/* Bits 0 to 23: references. Bits 24 to 31: flags. Bits 32 to 63: generation. */
enum {
    APM__SLOT_REFERENCES = (1 << 24) - 1,
    APM__SLOT_MANY_REFERENCES = 1 << 23, /* nobody takes a further one for a caller's sake */
    APM__SLOT_SIGNALLED = 1 << 24,   /* waitables: a wait succeeds; operations: completed, the outcome may be read */
    APM__SLOT_HAS_WAITERS = 1 << 25, /* waitables: a wait link may be in `waiters` */
    APM__SLOT_CLOSED = 1 << 27,      /* the owner's reference is gone: events closed, operations being ended */
    APM__SLOT_BY_IO = 1 << 28,       /* waitables: it is signalled by I/O, for which no callback has to run */
    APM__SLOT_USER_FLAG = 1 << 29    /* for the object's own module */
};

/* What kind of object a handle names: its six lowest bits. */
enum apm__slot_kind {
    APM__KIND_SOCKET = 1,
    APM__KIND_OPERATION = 2,
    APM__KIND_MANUAL_RESET_EVENT = 3,
    APM__KIND_AUTO_RESET_EVENT = 4,
    APM__KIND_THREAD_POOL = 5,
    APM__KIND_SEMAPHORE = 6,
    APM__KIND_MUTEX = 7,
    APM__KIND_COUNTDOWN_EVENT = 8,
    APM__KIND_BARRIER = 9,
    APM__KIND_TIMER = 10,
    APM__KIND_REGISTERED_WAIT = 11,
    APM__KIND_STREAM = 16,
    APM__KIND_TCP_CLIENT = 17,
    APM__KIND_TCP_LISTENER = 18,
    APM__KIND_TCP_LISTENER_CLIENTS = 19, /* no object's: marks a listener's accepts that give clients */
    APM__KIND_X509_CERTIFICATE = 20,
    APM__KIND_SSL_CONTEXT = 21,
    APM__KIND_EVENT_QUEUE = 22,
    APM__KIND_EVENT_TARGET = 23,
    APM__KIND_INET = 24,
    APM__KIND_LIMIT
};

struct apm__wait_link;

/* The head of every object in a table. */
struct apm__slot {
    _Atomic uint64_t control;
    struct apm__wait_link *waiters; /* guarded by the wait lock of the slot (wait.c) */
    uint32_t name;                  /* the lower half of all handles to it: index and kind; immutable */
    union {
        uint32_t next_free;   /* of a free slot: owned by the free list that it is in */
        uint32_t all_waiters; /* of one in use: links of waits for all objects; guarded by the wait lock */
    };
};

enum {
    APM__LINE_SIZE = 64,     /* of the processor's cache: objects begin on one */
    APM__SLOT_KIND_BITS = 6, /* of a handle; then 26 bits of index, then the generation */
    APM__SLOT_CHUNK_LIMIT = 4096,
#ifdef APM_DEBUG
    APM__SLOT_CHUNK_SLOTS = 16, /* small limits, so that the rare paths run every day */
#else
    APM__SLOT_CHUNK_SLOTS = 1024,
#endif
};

#define APM__SLOT_NONE UINT32_MAX

struct apm__slot_table {
    enum apm__slot_kind kind;                /* immutable */
    size_t object_size;                      /* immutable */
    void (*prepare)(struct apm__slot *slot); /* once for each slot, when it first exists; or NULL */
    apm__os_mutex lock;
    uint32_t free_head;                                     /* guarded by lock; APM__SLOT_NONE is empty */
    _Atomic uint32_t slot_count;                            /* grows under lock */
    _Atomic(unsigned char *) chunks[APM__SLOT_CHUNK_LIMIT]; /* set once each, under lock */
};

/* Room for an object of `size` bytes, in whole lines. */
#define APM__SLOT_SIZE(size) (((size) + APM__LINE_SIZE - 1) / APM__LINE_SIZE * APM__LINE_SIZE)

#define APM__SLOT_TABLE(table_kind, type, prepare_slot)                                               \
    {                                                                                                 \
        .kind = (table_kind), .object_size = APM__SLOT_SIZE(sizeof(type)), .prepare = (prepare_slot), \
        .lock = APM__OS_MUTEX_INITIALIZER, .free_head = APM__SLOT_NONE                                \
    }

/* The number of free slots that the calling thread keeps for itself; it gives them back when it ends. */
uint32_t apm__slot_cached(const struct apm__slot_table *table);

/*
 * Takes a free slot; NULL if there is no memory. The object behind the head is as its last user left it, or zero. No
 * handle names it before it is published: that gives it its next generation, `references` references and `flags`. Free
 * it by publishing it and giving the references back.
 */
struct apm__slot *apm__slot_allocate(struct apm__slot_table *table);
void apm__slot_publish(struct apm__slot *slot, uint32_t references, uint32_t flags);

/* Gives the slot back, once its last reference is gone, or if it was never published. */
void apm__slot_free(struct apm__slot_table *table, struct apm__slot *slot);

/* Has the processor fetch what is at the slot, if any, while other things are done. */
static inline void apm__slot_expect(const struct apm__slot *slot, size_t size)
{
    for (size_t offset = 0; slot && offset < size; offset += APM__LINE_SIZE)
        __builtin_prefetch((const unsigned char *)slot + offset, 1);
}

/* A slot's number in its table, and its enum apm__slot_kind. */
static inline uint32_t apm__slot_index(const struct apm__slot *slot)
{
    return slot->name >> APM__SLOT_KIND_BITS;
}

static inline uint32_t apm__slot_kind(const struct apm__slot *slot)
{
    return slot->name & ((1u << APM__SLOT_KIND_BITS) - 1);
}

static inline uint32_t apm__slot_generation(uint64_t bits)
{
    return (uint32_t)(bits >> 32);
}

/* Slots by number, for walks over a whole table: NULL from the first that does not exist. */
static inline struct apm__slot *apm__slot_at(struct apm__slot_table *table, uint32_t index)
{
    if (index / APM__SLOT_CHUNK_SLOTS >= APM__SLOT_CHUNK_LIMIT)
        return NULL;
    /* Acquire pairs with the release when the chunk was added: its slots are initialised. */
    unsigned char *chunk = apm__atomic_load(&table->chunks[index / APM__SLOT_CHUNK_SLOTS], APM__ACQUIRE);
    if (!chunk)
        return NULL;
    return (struct apm__slot *)(void *)(chunk + (size_t)(index % APM__SLOT_CHUNK_SLOTS) * table->object_size);
}

/* The slot that the handle's bits point at, of whatever generation; NULL if the table never had it. */
static inline struct apm__slot *apm__slot_find(struct apm__slot_table *table, uint64_t bits)
{
    if ((bits & ((1u << APM__SLOT_KIND_BITS) - 1)) != (uint64_t)table->kind)
        return NULL;
    return apm__slot_at(table, (uint32_t)bits >> APM__SLOT_KIND_BITS);
}

/* The slot in whose memory the address is; NULL if it is in none of the table's. */
struct apm__slot *apm__slot_containing(struct apm__slot_table *table, uintptr_t address);

/* The bits that name the slot's present object. The caller holds a reference, or has just published it. */
static inline uint64_t apm__slot_handle(const struct apm__slot *slot)
{
    /* Relaxed: the caller's reference keeps the generation. */
    uint64_t control = apm__atomic_load(&slot->control, APM__RELAXED);
    return (control >> 32 << 32) | slot->name;
}

/*
 * What a slot's control word says of a handle to it: success if the handle names the object that the slot holds now,
 * OBJECT_DISPOSED if it did once, ARGUMENT if it was never issued.
 */
static inline apm_error apm__slot_judge(uint64_t control, uint64_t bits)
{
    uint32_t asked = apm__slot_generation(bits);
    uint32_t present = apm__slot_generation(control);
    if (asked == 0 || asked > present)
        return APM_ERROR_ARGUMENT;
    bool in_use = (control & APM__SLOT_REFERENCES) != 0;
    return asked == present && in_use ? APM_ERROR_SUCCESS : APM_ERROR_OBJECT_DISPOSED;
}

/* The same for any bits; also ARGUMENT_NULL for the null handle. */
apm_error apm__slot_check(struct apm__slot_table *table, uint64_t bits);

/*
 * Takes a reference if the handle names the slot's present object and none of `refused` flags is set; errors as
 * apm__slot_check, with OBJECT_DISPOSED also for a refused flag, and INVALID_OPERATION in a forked child. Who is told
 * that the object is gone sees what all who held it did before they let go.
 */
apm_error apm__slot_acquire(struct apm__slot_table *table, uint64_t bits, uint32_t refused, struct apm__slot **slot);

/*
 * The table's next object from place *place on, 0 at first, with a reference for the caller; NULL at the end, and in a
 * forked child. A walk meets every object that is there from its beginning to its end; one that comes or goes meanwhile
 * is met or not.
 */
struct apm__slot *apm__slot_next(struct apm__slot_table *table, uint32_t *place);

/*
 * Sets the flag `mark` if the handle names the slot's present object and the flag is not set yet; errors as
 * apm__slot_acquire with the flag refused. `fits` is asked of the object before; if it says no, that is ARGUMENT.
 * What it reads has to be atomic, for the object may change under its eyes; but then the mark is not set.
 */
static inline apm_error apm__slot_mark(struct apm__slot_table *table, uint64_t bits, uint32_t mark,
                                       bool (*fits)(const struct apm__slot *slot, const void *context),
                                       const void *context, struct apm__slot **slot)
{
    *slot = NULL;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    if (bits == 0)
        return APM_ERROR_ARGUMENT_NULL;
    struct apm__slot *found = apm__slot_find(table, bits);
    if (!found)
        return APM_ERROR_ARGUMENT;
    uint64_t control = apm__atomic_load(&found->control, APM__ACQUIRE);
    for (;;) {
        apm_error error = apm__slot_judge(control, bits);
        if (error != APM_ERROR_SUCCESS)
            return error;
        if (control & mark)
            return APM_ERROR_OBJECT_DISPOSED;
        if (!fits(found, context)) {
            uint64_t now = apm__atomic_load(&found->control, APM__ACQUIRE);
            if (now == control)
                return APM_ERROR_ARGUMENT;
            control = now; /* it may have been another object that did not fit */
            continue;
        }
        if (apm__atomic_replace(&found->control, &control, control | mark, APM__ACQ_REL))
            break;
    }
    *slot = found;
    return APM_ERROR_SUCCESS;
}

/* Takes another reference; the caller has one. */
static inline void apm__slot_retain(struct apm__slot *slot)
{
    apm__atomic_add(&slot->control, 1, APM__RELAXED); /* the caller's own reference orders everything */
}

/*
 * Gives a reference back, and sets `flags`, none of which is set, in the same step. True if it was the last: the caller
 * then calls apm__slot_free, after its own tidying.
 */
static inline bool apm__slot_release_and_set(struct apm__slot *slot, uint32_t flags)
{
    /* Release pairs with the acquire of whoever drops the last one: what each holder did is done. */
    uint64_t before = apm__atomic_add(&slot->control, (uint64_t)flags - 1, APM__ACQ_REL);
    APM__ASSERT((before & APM__SLOT_REFERENCES) != 0 && (before & flags) == 0);
    return (before & APM__SLOT_REFERENCES) == 1;
}

static inline bool apm__slot_release(struct apm__slot *slot)
{
    return apm__slot_release_and_set(slot, 0);
}

#endif
