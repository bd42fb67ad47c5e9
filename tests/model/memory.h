/*
 * The memory of a simulated run: the program's data, which each run finds as it was at first, and what is allocated,
 * from a place of each thread's own, so that an address does not depend on the schedule.
 *
 * Memory that has been freed is not used again in the same run. An atomic operation on it is a failure; a plain read of
 * it finds nonsense, and a plain write to it is found at the end of the run.
 */
#ifndef APM_TESTS_MODEL_MEMORY_H
#define APM_TESTS_MODEL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_ARENAS = 8,         /* one a thread, and one for what runs alone */
    MEMORY_THREAD_LOCALS = 768 /* bytes that the library's thread-local variables may have together */
};

/* Takes down what the program's data is; what is allocated before that stays as it will be. */
void memory_create(void);

/* Begins a run: the data is as it was, nothing is allocated. */
void memory_begin(void);

void *memory_allocate(int arena, size_t alignment, size_t size); /* zeroed; fails the run if the arena is full */
size_t memory_size(const void *memory);                          /* of what has been allocated */
void memory_free(void *memory);                                  /* fails the run if it was not allocated */

/* Whether the address is in memory that has been freed; and whether freed memory has been written to. */
bool memory_is_freed(uintptr_t address);
bool memory_has_stray_writes(void);

/* The values of the thread-local variables of the thread that runs, and at first. */
void memory_save_thread_locals(unsigned char *values);
void memory_load_thread_locals(const unsigned char *values);
void memory_initial_thread_locals(unsigned char *values);
bool memory_is_thread_local(uintptr_t address);

#endif
