/*
 * The wrappers of what allocates, which count what the library has. See faults.h.
 */
#include <pthread.h>
#include <stdint.h>

#include "apm/error.h"
#include "faults.h"

/* -- Memory -- */

/* What the library has allocated, in a table of places found by the address; guarded by block_lock. */
enum { BLOCK_LIMIT = 1 << 16 };

struct block {
    void *memory; /* NULL: free, and nothing behind it; `gone`: free */
    uintptr_t site;
};

static struct block blocks[BLOCK_LIMIT];
static pthread_mutex_t block_lock = PTHREAD_MUTEX_INITIALIZER;
static char gone;

static struct block *find_block_locked(const void *memory)
{
    size_t place = (size_t)((uintptr_t)memory * UINT64_C(0x9e3779b97f4a7c15) >> 48);
    for (size_t i = 0; i < BLOCK_LIMIT && blocks[place].memory; i++) {
        if (blocks[place].memory == memory)
            return &blocks[place];
        place = (place + 1) % BLOCK_LIMIT;
    }
    return NULL;
}

static void note_block(void *memory, const void *site)
{
    if (!memory)
        return;
    size_t place = (size_t)((uintptr_t)memory * UINT64_C(0x9e3779b97f4a7c15) >> 48);
    pthread_mutex_lock(&block_lock);
    for (size_t i = 0; i < BLOCK_LIMIT && blocks[place].memory && blocks[place].memory != &gone; i++)
        place = (place + 1) % BLOCK_LIMIT;
    blocks[place] = (struct block){memory, (uintptr_t)site};
    pthread_mutex_unlock(&block_lock);
}

static void forget_block(const void *memory)
{
    pthread_mutex_lock(&block_lock);
    struct block *block = memory ? find_block_locked(memory) : NULL;
    if (block)
        block->memory = &gone;
    pthread_mutex_unlock(&block_lock);
}

void faults_allocated(struct faults_sites *sites)
{
    sites->count = 0;
    pthread_mutex_lock(&block_lock);
    for (size_t i = 0; i < BLOCK_LIMIT; i++) {
        size_t place = 0;
        if (!blocks[i].memory || blocks[i].memory == &gone)
            continue;
        while (place < sites->count && sites->sites[place] != blocks[i].site)
            place++;
        if (place == sites->count && place < FAULTS_SITE_LIMIT)
            sites->sites[sites->count++] = blocks[i].site;
    }
    pthread_mutex_unlock(&block_lock);
}

static _Atomic size_t refused_size;

size_t faults_refused_size(void)
{
    return atomic_load(&refused_size);
}

void *__real_apm__os_allocate(size_t size);
void *__wrap_apm__os_allocate(size_t size);
void *__wrap_apm__os_allocate(size_t size)
{
    struct faults_place before = faults_enter(FUNCTION_apm__os_allocate);
    void *memory = __real_apm__os_allocate(size);
    if (!memory)
        atomic_store(&refused_size, size);
    faults_leave(before, APM_ERROR_OUT_OF_MEMORY);
    note_block(memory, __builtin_return_address(0));
    return memory;
}

void *__real_apm__os_allocate_aligned(size_t alignment, size_t size);
void *__wrap_apm__os_allocate_aligned(size_t alignment, size_t size);
void *__wrap_apm__os_allocate_aligned(size_t alignment, size_t size)
{
    struct faults_place before = faults_enter(FUNCTION_apm__os_allocate_aligned);
    void *memory = __real_apm__os_allocate_aligned(alignment, size);
    faults_leave(before, APM_ERROR_OUT_OF_MEMORY);
    note_block(memory, __builtin_return_address(0));
    return memory;
}

void *__real_apm__os_resize(void *memory, size_t size);
void *__wrap_apm__os_resize(void *memory, size_t size);
void *__wrap_apm__os_resize(void *memory, size_t size)
{
    struct faults_place before = faults_enter(FUNCTION_apm__os_resize);
    /* Forgotten before it is given back, since another thread may be given the address at once. */
    forget_block(memory);
    void *resized = __real_apm__os_resize(memory, size);
    faults_leave(before, APM_ERROR_OUT_OF_MEMORY);
    note_block(resized ? resized : memory, __builtin_return_address(0));
    return resized;
}

void __real_apm__os_free(void *memory);
void __wrap_apm__os_free(void *memory);
void __wrap_apm__os_free(void *memory)
{
    forget_block(memory);
    __real_apm__os_free(memory);
}
