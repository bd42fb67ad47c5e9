/*
 * Owns the table of errors that a run met. Kinds beyond the table's size still count in the total. Single threaded.
 */
#define _GNU_SOURCE 1 /* strerrorname_np */
#include "tally.h"

#include <string.h>

void tally_add(struct tally *tally, const char *operation, const char *name, uint64_t count)
{
    tally->total += count;
    uint32_t i = 0;
    while (i < tally->kinds &&
           (strcmp(tally->entries[i].operation, operation) != 0 || strcmp(tally->entries[i].name, name) != 0))
        i++;
    if (i == TALLY_KINDS)
        return;
    if (i == tally->kinds) {
        tally->entries[i] = (struct tally_kind){.operation = operation, .name = name};
        tally->kinds++;
    }
    tally->entries[i].count += count;
}

void tally_add_error(struct tally *tally, const char *operation, int error)
{
    const char *name = strerrorname_np(error);
    tally_add(tally, operation, name != NULL ? name : "unknown", 1);
}
