/*
 * An archive inside. It belongs to one thread at a time, and has no lock.
 *
 * A failure stays: every function begins with apm__archive_enter, and ends a failure with apm__archive_fail, which
 * keeps the first cause. An item that is loaded begins with apm__archive_begin_item: from then on the first byte that
 * is missing is END_OF_FILE, and every later one SHORT_DATA.
 */
#ifndef APM__ARCHIVE_H
#define APM__ARCHIVE_H

#include "apm/compat/archive.h"

/* What the persistent identifiers of objects and classes stand for: 1 is the first entry. */
struct apm__archive_entry {
    const void *object;            /* NULL for a class */
    const apm_archive_class *type; /* of the object, or the class itself */
    unsigned schema;               /* of a class that was loaded */
};

struct apm_archive {
    apm_archive_file file;
    apm_archive_mode mode;
    apm_archive_cause failure;
    apm_error file_error;
    unsigned code_page;
    size_t limit;
    bool in_item; /* a byte of the present item has been loaded */
    unsigned object_schema;
    unsigned depth; /* of objects that are being stored or loaded within each other */

    struct apm__archive_entry *entries;
    size_t entry_count;
    size_t entry_capacity;

    size_t position; /* load: the next byte of the buffer; store: how many there are */
    size_t filled;   /* load: how many bytes the buffer has */
    size_t buffer_size;
    uint8_t buffer[];
};

apm_archive_cause apm__archive_enter(apm_archive *archive, apm_archive_mode mode);
apm_archive_cause apm__archive_fail(apm_archive *archive, apm_archive_cause cause);
void apm__archive_begin_item(apm_archive *archive);

/* Exactly so many bytes of an item, in an archive that has been entered. */
apm_archive_cause apm__archive_put(apm_archive *archive, const void *bytes, size_t size);
apm_archive_cause apm__archive_get(apm_archive *archive, void *bytes, size_t size);
apm_archive_cause apm__archive_put_number(apm_archive *archive, size_t size, uint64_t value);
apm_archive_cause apm__archive_get_number(apm_archive *archive, size_t size, uint64_t *value);

/*
 * `size` bytes in memory of their own, with room for `extra` bytes behind, which grows as bytes come. LIMIT, before
 * anything is allocated, if it is too much.
 */
apm_archive_cause apm__archive_get_block(apm_archive *archive, uint64_t size, size_t extra, uint8_t **block);

#endif
