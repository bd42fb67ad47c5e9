/*
 * The memory of a simulated run: the program's variables, which each run finds as they were at first, and what is
 * allocated, always at the same addresses for the same seed.
 *
 * Memory that has been freed is not used again in the same run. An atomic operation on it is a failure, a plain read of
 * it finds nonsense, and a plain write to it is found at the end of the run.
 */
#ifndef APM_TESTS_SIM_MEMORY_H
#define APM_TESTS_SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes down what the program's variables are. */
void sim_memory_create(void);

/* Begins a run. */
void sim_memory_begin(void);

void *sim_memory_allocate(size_t alignment, size_t size); /* zeroed */
size_t sim_memory_size(const void *memory);
void sim_memory_free(void *memory);
size_t sim_memory_blocks(void); /* that are allocated */

/* Whether the address is in memory that was allocated and is not any more; whether such memory has been written to. */
bool sim_memory_is_freed(uintptr_t address);
bool sim_memory_has_stray_writes(void);

/* Memory that keeps what is in it from run to run. */
void *sim_memory_keep(size_t size);

#endif
