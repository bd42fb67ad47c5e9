/*
 * Archives: objects with their classes, as MFC's technical note 2 describes them. One thread at a time.
 *
 * Classes and objects have numbers, one after another, in the order in which they come. An object is a tag and, the
 * first time, what its class stores: 0 is NULL; 0xffff a new class (schema, length of the name, name) and a new object;
 * a class's number with the highest bit a new object of it; any other number an object that has been before. Numbers
 * above 0x7ffe are 0x7fff and four bytes.
 */
#include <string.h>

#include "archive.h"
#include "os.h"

enum {
    NULL_TAG = 0,
    NEW_CLASS_TAG = 0xffff,
    CLASS_BIT = 0x8000,
    BIG_TAG = 0x7fff,
    NAME_LIMIT = 63,
#ifdef APM_DEBUG
    DEPTH_LIMIT = 64, /* objects within objects are calls within calls */
#else
    DEPTH_LIMIT = 1024,
#endif
};
#define BIG_CLASS_BIT UINT32_C(0x80000000)

static bool add(apm_archive *archive, const void *object, const apm_archive_class *type, unsigned schema)
{
    if (archive->entry_count == archive->entry_capacity) {
        size_t capacity = archive->entry_capacity ? 2 * archive->entry_capacity : 8;
        void *larger = apm__os_resize(archive->entries, capacity * sizeof *archive->entries);
        if (!larger) {
            apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
            return false;
        }
        archive->entries = larger;
        archive->entry_capacity = capacity;
    }
    archive->entries[archive->entry_count++] =
        (struct apm__archive_entry){.object = object, .type = type, .schema = schema};
    return true;
}

/* The number of an object, or of a class if `object` is NULL; 0 if it has none. */
static uint32_t number_of(const apm_archive *archive, const void *object, const apm_archive_class *type)
{
    for (size_t i = 0; i < archive->entry_count; i++) {
        const struct apm__archive_entry *entry = &archive->entries[i];
        if (object ? entry->object == object : !entry->object && entry->type == type)
            return (uint32_t)i + 1;
    }
    return 0;
}

/* -- Storing ----------------------------------------------------------------------------------------------------- */

static void put_tag(apm_archive *archive, uint32_t number, bool of_class)
{
    if (number < BIG_TAG) {
        apm__archive_put_number(archive, 2, number | (of_class ? CLASS_BIT : 0));
        return;
    }
    apm__archive_put_number(archive, 2, BIG_TAG);
    apm__archive_put_number(archive, 4, number | (of_class ? BIG_CLASS_BIT : 0));
}

static bool put_class(apm_archive *archive, const apm_archive_class *type)
{
    uint32_t number = number_of(archive, NULL, type);
    if (number != 0) {
        put_tag(archive, number, true);
        return true;
    }
    size_t length = strlen(type->name);
    if (length == 0 || length > NAME_LIMIT) {
        apm__archive_fail(archive, APM_ARCHIVE_BAD_CLASS);
        return false;
    }
    apm__archive_put_number(archive, 2, NEW_CLASS_TAG);
    apm__archive_put_number(archive, 2, type->schema);
    apm__archive_put_number(archive, 2, length);
    apm__archive_put(archive, type->name, length);
    return add(archive, NULL, type, type->schema);
}

apm_archive_cause apm_archive_write_object(apm_archive *archive, const apm_archive_class *type, const void *object)
{
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_STORE);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    if (!object)
        return apm__archive_put_number(archive, 2, NULL_TAG);
    if (!type || !type->name || !type->store)
        return APM_ARCHIVE_ARGUMENT;
    uint32_t number = number_of(archive, object, NULL);
    if (number != 0) {
        put_tag(archive, number, false);
        return archive->failure;
    }
    if (archive->depth >= DEPTH_LIMIT)
        return apm__archive_fail(archive, APM_ARCHIVE_LIMIT);
    if (!put_class(archive, type) || !add(archive, object, type, 0))
        return archive->failure;
    archive->depth++;
    cause = type->store(archive, object);
    archive->depth--;
    return cause == APM_ARCHIVE_NONE ? archive->failure : apm__archive_fail(archive, cause);
}

/* -- Loading ----------------------------------------------------------------------------------------------------- */

static const apm_archive_class *find_class(const apm_archive_class *const *classes, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (classes[i] && classes[i]->name && strcmp(classes[i]->name, name) == 0)
            return classes[i];
    }
    return NULL;
}

/* A class that has not been before: its description. *found is its place among the entries. */
static apm_archive_cause get_new_class(apm_archive *archive, const apm_archive_class *const *classes, size_t count,
                                       size_t *found)
{
    uint64_t schema;
    uint64_t length;
    char name[NAME_LIMIT + 1] = "";
    apm__archive_get_number(archive, 2, &schema);
    if (apm__archive_get_number(archive, 2, &length) != APM_ARCHIVE_NONE)
        return archive->failure;
    if (length == 0 || length > NAME_LIMIT)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_CLASS);
    if (apm__archive_get(archive, name, (size_t)length) != APM_ARCHIVE_NONE)
        return archive->failure;
    const apm_archive_class *type = strlen(name) == length ? find_class(classes, count, name) : NULL;
    if (!type)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_CLASS);
    if (schema != type->schema && !type->versionable)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_SCHEMA);
    *found = archive->entry_count;
    return add(archive, NULL, type, (unsigned)schema) ? APM_ARCHIVE_NONE : archive->failure;
}

/* An object, or a class, that has been before. */
static apm_archive_cause get_known(apm_archive *archive, uint64_t number, bool of_class, size_t *found)
{
    if (number == 0 || number > archive->entry_count)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_INDEX);
    *found = (size_t)number - 1;
    bool is_class = !archive->entries[*found].object;
    return is_class == of_class ? APM_ARCHIVE_NONE : apm__archive_fail(archive, APM_ARCHIVE_BAD_INDEX);
}

/* The tag: whether an object of a class follows, or one that is known, and the place of either; NULL is no place. */
static apm_archive_cause get_tag(apm_archive *archive, const apm_archive_class *const *classes, size_t count,
                                 bool *of_class, bool *is_null, size_t *place)
{
    uint64_t tag;
    *of_class = *is_null = false;
    apm__archive_begin_item(archive);
    if (apm__archive_get_number(archive, 2, &tag) != APM_ARCHIVE_NONE)
        return archive->failure;
    if (tag == NULL_TAG) {
        *is_null = true;
        return APM_ARCHIVE_NONE;
    }
    if (tag == NEW_CLASS_TAG) {
        *of_class = true;
        return get_new_class(archive, classes, count, place);
    }
    *of_class = (tag & CLASS_BIT) != 0;
    uint64_t number = tag & (CLASS_BIT - 1);
    if (tag == BIG_TAG) {
        if (apm__archive_get_number(archive, 4, &number) != APM_ARCHIVE_NONE)
            return archive->failure;
        *of_class = (number & BIG_CLASS_BIT) != 0;
        number &= BIG_CLASS_BIT - 1;
    }
    return get_known(archive, number, *of_class, place);
}

static apm_archive_cause load_object(apm_archive *archive, const apm_archive_class *type, unsigned schema,
                                     void **object)
{
    if (!type->create || !type->load)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_CLASS);
    if (archive->depth >= DEPTH_LIMIT)
        return apm__archive_fail(archive, APM_ARCHIVE_LIMIT);
    void *created = type->create();
    if (!created)
        return apm__archive_fail(archive, APM_ARCHIVE_OUT_OF_MEMORY);
    if (!add(archive, created, type, 0))
        return archive->failure;
    unsigned outer = archive->object_schema;
    archive->object_schema = schema;
    archive->depth++;
    apm_archive_cause cause = type->load(archive, created);
    archive->depth--;
    archive->object_schema = outer;
    if (cause == APM_ARCHIVE_NONE)
        cause = archive->failure;
    if (cause != APM_ARCHIVE_NONE)
        return apm__archive_fail(archive, cause);
    *object = created;
    return APM_ARCHIVE_NONE;
}

apm_archive_cause apm_archive_read_object(apm_archive *archive, const apm_archive_class *const *classes, size_t count,
                                          void **object)
{
    bool of_class;
    bool is_null;
    size_t place = 0;
    if (object)
        *object = NULL;
    apm_archive_cause cause = apm__archive_enter(archive, APM_ARCHIVE_LOAD);
    if (cause != APM_ARCHIVE_NONE)
        return cause;
    if (!object || (!classes && count > 0))
        return APM_ARCHIVE_ARGUMENT;
    cause = get_tag(archive, classes, count, &of_class, &is_null, &place);
    if (cause != APM_ARCHIVE_NONE || is_null)
        return cause;
    struct apm__archive_entry entry = archive->entries[place];
    if (find_class(classes, count, entry.type->name) != entry.type)
        return apm__archive_fail(archive, APM_ARCHIVE_BAD_CLASS);
    if (of_class)
        return load_object(archive, entry.type, entry.schema, object);
    *object = (void *)(uintptr_t)entry.object;
    return APM_ARCHIVE_NONE;
}

unsigned apm_archive_object_schema(const apm_archive *archive)
{
    return archive ? archive->object_schema : 0;
}
