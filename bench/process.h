/*
 * What can be seen of a process from outside: the CPU time it used, its memory, its descriptors.
 * All functions return false where the process is gone or may not be looked at; then the out-parameter is unchanged.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_memory {
    uint64_t resident_bytes; /* all pages in memory, those of shared libraries included */
    uint64_t written_bytes;  /* pages of its own that it has written: heap and stacks, but no program code */
};

/* CPU time of all threads, user and kernel, also of those that have ended. 0 stands for the calling process. */
bool process_cpu_ns(pid_t pid, uint64_t *cpu_ns);

bool process_memory(pid_t pid, struct process_memory *memory);

bool process_descriptor_count(pid_t pid, uint32_t *count);

#endif
