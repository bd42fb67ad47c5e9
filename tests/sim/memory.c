/*
 * The program's variables and what is allocated. See memory.h. Threads are simulated, so there are no locks.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

/* Blocks lie one behind another, each after its head. */
struct block {
    size_t size;
    struct block *previous; /* the block that was allocated before it */
    bool freed;
    size_t padding;
};

enum { UNIT = 16, POISON = 0xdb, UNUSED = 0, LIVE = 1, FREED = 2 };

#define ARENA UINT64_C(0x200000000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

_Static_assert(sizeof(struct block) % UNIT == 0, "what follows is aligned");

/* Outside the program's variables. */
struct memory {
    size_t variables_size;
    unsigned char *variables;                /* as they were at first */
    size_t used_before;                      /* by the last run */
    unsigned char states[ARENA_SIZE / UNIT]; /* of each unit of the arena */
};

static struct memory *memory;
static size_t used;
static size_t blocks;
static struct block *last;

/* The linker knows where the variables of the program are. */
extern unsigned char __data_start[];
extern unsigned char _end[];

void *sim_memory_keep(size_t size)
{
    void *kept = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (kept == MAP_FAILED)
        abort();
    return kept;
}

void sim_memory_create(void)
{
    if (mmap((void *)ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) != (void *)ARENA)
        abort();
    memory = sim_memory_keep(sizeof *memory);
    memory->variables_size = (size_t)((uintptr_t)_end - (uintptr_t)__data_start);
    memory->variables = sim_memory_keep(memory->variables_size);
    memcpy(memory->variables, __data_start, memory->variables_size);
}

void sim_memory_begin(void)
{
    memory->used_before = used;
    memcpy(__data_start, memory->variables, memory->variables_size);
    memset(memory->states, UNUSED, memory->used_before / UNIT + 1);
}

/* -- Allocation ---------------------------------------------------------------------------------------------------- */

static void set_state(const void *start, size_t size, unsigned char state)
{
    memset(memory->states + ((uintptr_t)start - ARENA) / UNIT, state, (size + UNIT - 1) / UNIT);
}

void *sim_memory_allocate(size_t alignment, size_t size)
{
    size_t step = alignment < UNIT ? UNIT : alignment;
    uintptr_t place = (ARENA + used + sizeof(struct block) + step - 1) / step * step;
    size_t rounded = (size / UNIT + 2) * UNIT; /* one unit more, so that what runs over an end is seen */
    if (place + rounded > ARENA + ARENA_SIZE)
        sim_fail("the run needs no more memory than %zu MiB", ARENA_SIZE >> 20);
    struct block *block = (struct block *)place - 1;
    *block = (struct block){.size = size, .previous = last};
    last = block;
    used = place + rounded - ARENA;
    blocks++;
    set_state(block + 1, size, LIVE);
    return memset(block + 1, 0, rounded);
}

static struct block *block_of(const void *allocated)
{
    uintptr_t offset = (uintptr_t)allocated - ARENA;
    struct block *block = (struct block *)(uintptr_t)allocated - 1;
    if (offset >= used || memory->states[offset / UNIT] != LIVE || (uintptr_t)block->previous >= (uintptr_t)block)
        sim_fail("what is freed or resized is allocated, not %p", allocated);
    return block;
}

size_t sim_memory_size(const void *allocated)
{
    return block_of(allocated)->size;
}

void sim_memory_free(void *allocated)
{
    struct block *block = block_of(allocated);
    block->freed = true;
    blocks--;
    memset(allocated, POISON, block->size);
    set_state(allocated, block->size, FREED);
}

size_t sim_memory_blocks(void)
{
    return blocks;
}

bool sim_memory_is_freed(uintptr_t address)
{
    return address - ARENA < used && memory->states[(address - ARENA) / UNIT] == FREED;
}

bool sim_memory_has_stray_writes(void)
{
    for (const struct block *block = last; block; block = block->previous) {
        const unsigned char *bytes = (const unsigned char *)(block + 1);
        for (size_t i = 0; block->freed && i < block->size; i++)
            if (bytes[i] != POISON)
                return true;
        if (bytes[block->size] != 0) /* behind the end */
            return true;
    }
    return false;
}
