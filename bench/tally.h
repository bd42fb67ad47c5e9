/*
 * Counts errors by operation and name ("connect", "ECONNREFUSED"). Both texts must be literals or live as long.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include <stdint.h>

#define TALLY_KINDS 32

struct tally {
    uint64_t total;
    uint32_t kinds;
    struct tally_kind {
        const char *operation;
        const char *name;
        uint64_t count;
    } entries[TALLY_KINDS];
};

void tally_add(struct tally *tally, const char *operation, const char *name, uint64_t count);

/* The same for an error of a system call. */
void tally_add_error(struct tally *tally, const char *operation, int error);

#endif
