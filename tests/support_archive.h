/*
 * What the tests of archives share: an archive over memory.
 */
#ifndef APM_TESTS_SUPPORT_ARCHIVE_H
#define APM_TESTS_SUPPORT_ARCHIVE_H

#include "apm/compat/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static apm_archive_memory memory;
static apm_archive_file memory_file;

static inline apm_archive *store(void)
{
    apm_archive *archive;

    memory_file = apm_archive_memory_file(&memory);
    CHECK_SUCCESS(apm_archive_create(&memory_file, APM_ARCHIVE_STORE, 0, &archive));
    CHECK(apm_archive_is_storing(archive) && !apm_archive_is_loading(archive));
    return archive;
}

/* Loads what has been stored, or `bytes` if there are some, through a buffer of that size. */
static inline apm_archive *load(const void *bytes, size_t size, size_t buffer_size)
{
    apm_archive *archive;

    memory_file = apm_archive_memory_file(&memory);
    if (bytes) {
        apm_archive_memory_free(&memory);
        CHECK_SUCCESS(memory_file.write(&memory, bytes, size));
    }
    memory.position = 0;
    CHECK_SUCCESS(apm_archive_create(&memory_file, APM_ARCHIVE_LOAD, buffer_size, &archive));
    CHECK(apm_archive_is_loading(archive) && apm_archive_is_buffer_empty(archive));
    return archive;
}

static inline void check_bytes(apm_archive *archive, const char *expected, size_t size)
{
    CHECK_EQ(apm_archive_flush(archive), APM_ARCHIVE_NONE);
    CHECK_EQ(memory.size, size);
    for (size_t i = 0; i < size; i++) {
        CHECK_EQ(memory.bytes[i], (uint8_t)expected[i]);
    }
}

#define CHECK_BYTES(archive, literal) check_bytes((archive), (literal), sizeof(literal) - 1)

static inline void finish(apm_archive *archive)
{
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    apm_archive_memory_free(&memory);
}

#endif
