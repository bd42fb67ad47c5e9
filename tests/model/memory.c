/*
 * The program's data, arenas, and thread-local variables. See memory.h. Threads are simulated, so there are no locks.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { ARENA_SIZE = 1 << 16, MAX_BLOCKS = 64, POISON = 0xdb };

struct block {
    size_t offset;
    size_t size;
    bool freed;
};

struct arena {
    size_t used;
    size_t count;
    struct block blocks[MAX_BLOCKS];
    _Alignas(64) unsigned char bytes[ARENA_SIZE];
};

/* Outside the program's data, which is overwritten for each run. */
struct memory {
    size_t data_size;
    unsigned char *data; /* as it was at first */
    unsigned char thread_locals[MEMORY_THREAD_LOCALS];
    struct arena arenas[MEMORY_ARENAS];
};

static struct memory *memory;

/* The linker knows where the data of the program is, and the section of this name (see APM__THREAD_LOCAL). */
extern unsigned char __data_start[];
extern unsigned char _end[];
extern unsigned char __start_model_thread_locals[] __attribute__((weak));
extern unsigned char __stop_model_thread_locals[] __attribute__((weak));

static size_t thread_locals_size(void)
{
    return (size_t)((uintptr_t)__stop_model_thread_locals - (uintptr_t)__start_model_thread_locals);
}

void memory_create(void)
{
    memory = aligned_alloc(64, (sizeof *memory + 63) / 64 * 64);
    if (!memory || thread_locals_size() > MEMORY_THREAD_LOCALS)
        abort();
    memset(memory, 0, sizeof *memory);
    memory->data_size = (size_t)((uintptr_t)_end - (uintptr_t)__data_start);
    memory->data = malloc(memory->data_size);
    if (!memory->data)
        abort();
    memcpy(memory->data, __data_start, memory->data_size);
    memory_save_thread_locals(memory->thread_locals);
}

void memory_begin(void)
{
    memcpy(__data_start, memory->data, memory->data_size);
    memory_load_thread_locals(memory->thread_locals);
    for (int i = 0; i < MEMORY_ARENAS; i++) {
        memory->arenas[i].used = 0;
        memory->arenas[i].count = 0;
    }
}

/* -- Arenas -- */

void *memory_allocate(int number, size_t alignment, size_t size)
{
    struct arena *arena = &memory->arenas[number];
    size_t offset = (arena->used + alignment - 1) / alignment * alignment;
    if (alignment > 64 || arena->count == MAX_BLOCKS || offset + size > ARENA_SIZE)
        apm__os_fail(__FILE__, __LINE__, "the model needs no more memory than ARENA_SIZE");
    arena->blocks[arena->count++] = (struct block){.offset = offset, .size = size};
    arena->used = offset + size;
    return memset(arena->bytes + offset, 0, size);
}

static struct block *find_block(uintptr_t address, struct arena **found)
{
    for (int i = 0; i < MEMORY_ARENAS; i++) {
        struct arena *arena = &memory->arenas[i];
        size_t offset = address - (uintptr_t)arena->bytes;
        if (offset >= arena->used)
            continue;
        *found = arena;
        for (size_t j = 0; j < arena->count; j++)
            if (offset - arena->blocks[j].offset < arena->blocks[j].size)
                return &arena->blocks[j];
    }
    return NULL;
}

size_t memory_size(const void *address)
{
    struct arena *arena;
    struct block *block = find_block((uintptr_t)address, &arena);
    if (!block || block->freed || (uintptr_t)address != (uintptr_t)arena->bytes + block->offset)
        apm__os_fail(__FILE__, __LINE__, "what is freed or resized is allocated");
    return block->size;
}

void memory_free(void *address)
{
    struct arena *arena;
    memset(address, POISON, memory_size(address));
    find_block((uintptr_t)address, &arena)->freed = true;
}

bool memory_is_freed(uintptr_t address)
{
    struct arena *arena;
    struct block *block = find_block(address, &arena);
    return block && block->freed;
}

bool memory_has_stray_writes(void)
{
    for (int i = 0; i < MEMORY_ARENAS; i++) {
        const struct arena *arena = &memory->arenas[i];
        for (size_t j = 0; j < arena->count; j++)
            for (size_t k = 0; arena->blocks[j].freed && k < arena->blocks[j].size; k++)
                if (arena->bytes[arena->blocks[j].offset + k] != POISON)
                    return true;
    }
    return false;
}

/* -- Thread-local variables -- */

void memory_save_thread_locals(unsigned char *values)
{
    if (thread_locals_size() > 0)
        memcpy(values, __start_model_thread_locals, thread_locals_size());
}

void memory_load_thread_locals(const unsigned char *values)
{
    if (thread_locals_size() > 0)
        memcpy(__start_model_thread_locals, values, thread_locals_size());
}

void memory_initial_thread_locals(unsigned char *values)
{
    memcpy(values, memory->thread_locals, sizeof memory->thread_locals);
}

bool memory_is_thread_local(uintptr_t address)
{
    return address - (uintptr_t)__start_model_thread_locals < thread_locals_size();
}
