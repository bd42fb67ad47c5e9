/*
 * Archives: objects, their classes and references, in MFC's format (technical note 2); and random bytes.
 */
#include "support_archive.h"

/* -- Objects ----------------------------------------------------------------------------------------------------- */

struct node {
    int32_t number;
    struct node *next;
};

static const apm_archive_class node_class;
static const apm_archive_class *const node_classes[] = {&node_class};
static unsigned schema_seen;
static struct node pool[100];
static size_t pool_used;

static void *create_node(void)
{
    return pool_used < 100 ? &pool[pool_used++] : NULL;
}

static apm_archive_cause store_node(apm_archive *archive, const void *object)
{
    const struct node *node = object;

    apm_archive_write_int(archive, node->number);
    return apm_archive_write_object(archive, &node_class, node->next);
}

static apm_archive_cause load_node(apm_archive *archive, void *object)
{
    struct node *node = object;
    void *next;

    schema_seen = apm_archive_object_schema(archive);
    apm_archive_read_int(archive, &node->number);
    apm_archive_read_object(archive, node_classes, 1, &next);
    node->next = next;
    return apm_archive_failure(archive);
}

static const apm_archive_class node_class = {
    .name = "CNode", .schema = 3, .create = create_node, .store = store_node, .load = load_node};

static apm_archive_cause cause_of_object(const char *bytes, size_t size)
{
    apm_archive *archive = load(bytes, size, 0);
    apm_archive_cause cause;
    void *object;

    pool_used = 0;
    cause = apm_archive_read_object(archive, node_classes, 1, &object);
    apm_archive_abort(archive);
    return cause;
}

#define CAUSE_OF_OBJECT(literal) cause_of_object((literal), sizeof(literal) - 1)

TEST(objects_have_the_tags_of_technical_note_2_and_circles_come_back)
{
    struct node second = {2, NULL}, first = {1, &second};
    apm_archive *archive = store();
    void *object;
    struct node *node;

    second.next = &first;
    CHECK_EQ(apm_archive_write_object(archive, &node_class, &first), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_object(archive, &node_class, NULL), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_object(archive, &node_class, &second), APM_ARCHIVE_NONE);
    /* The class is 1, the first node 2, the second one 3. */
    CHECK_BYTES(archive, "\xff\xff\x03\x00\x05\x00"
                         "CNode\x01\x00\x00\x00\x01\x80\x02\x00\x00\x00\x02\x00"
                         "\x00\x00\x03\x00");
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    archive = load(NULL, 0, 0);
    CHECK_EQ(apm_archive_read_object(archive, node_classes, 1, &object), APM_ARCHIVE_NONE);
    node = object;
    CHECK(node->number == 1 && node->next->number == 2 && node->next->next == node);
    CHECK_EQ(schema_seen, 3);
    CHECK_EQ(apm_archive_read_object(archive, node_classes, 1, &object), APM_ARCHIVE_NONE);
    CHECK(object == NULL);
    CHECK_EQ(apm_archive_read_object(archive, node_classes, 1, &object), APM_ARCHIVE_NONE);
    CHECK(object == node->next);
    finish(archive);
}

TEST(objects_of_wrong_schema_class_and_index_are_told_apart)
{
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x02\x00\x05\x00"
                             "CNode\x01\x00\x00\x00\x00\x00"),
             APM_ARCHIVE_BAD_SCHEMA);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03\x00\x05\x00"
                             "CNone\x01\x00\x00\x00\x00\x00"),
             APM_ARCHIVE_BAD_CLASS);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03\x00\xff\xff"
                             "CNode"),
             APM_ARCHIVE_BAD_CLASS);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03\x00\x00\x00"), APM_ARCHIVE_BAD_CLASS);
    CHECK_EQ(CAUSE_OF_OBJECT("\x01\x80"), APM_ARCHIVE_BAD_INDEX);
    CHECK_EQ(CAUSE_OF_OBJECT("\x01\x00"), APM_ARCHIVE_BAD_INDEX);
    CHECK_EQ(CAUSE_OF_OBJECT("\x00\x80"), APM_ARCHIVE_BAD_INDEX);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\x7f\xff\xff\xff\xff"), APM_ARCHIVE_BAD_INDEX);
    /* Its second object refers to the class, as if that were an object. */
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03\x00\x05\x00"
                             "CNode\x01\x00\x00\x00\x01\x00"),
             APM_ARCHIVE_BAD_INDEX);
    CHECK_EQ(CAUSE_OF_OBJECT(""), APM_ARCHIVE_END_OF_FILE);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03"), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_OBJECT("\xff\xff\x03\x00\x05\x00"
                             "CNode\x01\x00\x00\x00\x00\x00"),
             APM_ARCHIVE_NONE);
    apm_archive_memory_free(&memory);
}

TEST(objects_within_objects_have_a_limit)
{
    struct node nodes[2] = {{1, NULL}, {2, NULL}};
    static char bytes[11 + 6 * 2000] = "\xff\xff\x03\x00\x05\x00"
                                       "CNode";

    for (size_t i = 0; i < 2000; i++) {
        memcpy(bytes + 11 + 6 * i, "\x01\x00\x00\x00\x01\x80", 6);
    }
    CHECK(cause_of_object(bytes, sizeof bytes) != APM_ARCHIVE_NONE);
    (void)nodes;
    apm_archive_memory_free(&memory);
}

TEST(object_whose_load_fails_is_not_given_out)
{
    /* A new class whose object ends in the middle. */
    apm_archive *archive = load("\xff\xff\x01\x00\x05\x00"
                                "CNode\x07",
                                12, 0);
    void *object = &pool;
    apm_archive_cause cause;

    pool_used = 0;
    cause = apm_archive_read_object(archive, node_classes, 1, &object);
    CHECK(cause != APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_failure(archive), cause);
    CHECK(object == NULL);
    apm_archive_abort(archive);
    apm_archive_memory_free(&memory);
}

TEST(classes_may_take_objects_of_any_schema)
{
    apm_archive_class any = node_class;
    const apm_archive_class *classes[] = {&any};
    apm_archive *archive;
    void *object;

    any.versionable = true;
    archive = load("\xff\xff\x07\x00\x05\x00"
                   "CNode\x01\x00\x00\x00\x00\x00",
                   17, 0);
    CHECK_EQ(apm_archive_read_object(archive, classes, 1, &object), APM_ARCHIVE_NONE);
    CHECK_EQ(schema_seen, 7);
    finish(archive);
}

TEST(random_bytes_are_refused_and_never_more)
{
    uint64_t random = harness_seed();
    size_t rounds = harness_scaled(3000);

    for (size_t round = 0; round < rounds; round++) {
        char bytes[64];
        size_t size = harness_random(&random) % sizeof bytes;
        apm_archive *archive;

        for (size_t i = 0; i < size; i++) {
            static const char likely[] = "\xff\xfe\x00\x01\x80\x7f"
                                         "CNode";

            bytes[i] = harness_random(&random) % 2 ? likely[harness_random(&random) % 11]
                                                   : (char)harness_random(&random);
        }
        archive = load(bytes, size, harness_random(&random) % 8);
        CHECK_EQ(apm_archive_set_limit(archive, 1000), APM_ARCHIVE_NONE);
        pool_used = 0;
        for (int k = 0; k < 8; k++) {
            void *object;
            char *text;
            size_t length;

            switch (harness_random(&random) % 3) {
            case 0:
                (void)apm_archive_read_string(archive, &text, &length);
                apm_archive_free(text);
                break;
            case 1:
                (void)apm_archive_read_blob(archive, &object, &length);
                apm_archive_free(object);
                break;
            default: (void)apm_archive_read_object(archive, node_classes, 1, &object);
            }
        }
        (void)apm_archive_close(archive);
    }
    apm_archive_memory_free(&memory);
}

LIBRARY_TEST_MAIN()
