/*
 * Archives: tags of four bytes, which MFC writes from the 32,767th object on, and classes and objects that do not fit.
 */
#include "support_archive.h"

struct point {
    int32_t x;
};

static struct point points[8];
static size_t points_used;
static const apm_archive_class point_class;
static const apm_archive_class *const classes[] = {&point_class};

static void *create_point(void)
{
    return points_used < 8 ? &points[points_used++] : NULL;
}

static apm_archive_cause store_point(apm_archive *archive, const void *object)
{
    return apm_archive_write_int(archive, ((const struct point *)object)->x);
}

static apm_archive_cause load_point(apm_archive *archive, void *object)
{
    return apm_archive_read_int(archive, &((struct point *)object)->x);
}

static const apm_archive_class point_class = {
    .name = "CPoint", .schema = 1, .create = create_point, .store = store_point, .load = load_point};

/* A class that is new, and its first object: the entries 1 and 2. */
#define FIRST_POINT            \
    "\xff\xff\x01\x00\x06\x00" \
    "CPoint"                   \
    "\x07\x00\x00\x00"

/* What reading the second object of these bytes says; the first one is a point. */
static apm_archive_cause cause_of_second(const char *bytes, size_t size, void **second)
{
    apm_archive *archive = load(bytes, size, 0);
    apm_archive_cause cause;
    void *first;

    points_used = 0;
    CHECK_EQ(apm_archive_read_object(archive, classes, 1, &first), APM_ARCHIVE_NONE);
    CHECK_EQ(((struct point *)first)->x, 7);
    cause = apm_archive_read_object(archive, classes, 1, second);
    apm_archive_abort(archive);
    return cause;
}

#define CAUSE_OF_SECOND(literal, second) cause_of_second(FIRST_POINT literal, sizeof(FIRST_POINT literal) - 1, second)

TEST(objects_and_classes_are_found_by_tags_of_four_bytes)
{
    void *second;

    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x02\x00\x00\x00", &second), APM_ARCHIVE_NONE);
    CHECK(second == &points[0]);
    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x01\x00\x00\x80\x09\x00\x00\x00", &second), APM_ARCHIVE_NONE);
    CHECK(second == &points[1] && points[1].x == 9);
}

TEST(tags_of_four_bytes_that_name_nothing_of_their_kind_are_refused)
{
    void *second = points;

    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x03\x00\x00\x00", &second), APM_ARCHIVE_BAD_INDEX);
    CHECK(second == NULL);
    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x00\x00\x00\x00", &second), APM_ARCHIVE_BAD_INDEX);
    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x01\x00\x00\x00", &second), APM_ARCHIVE_BAD_INDEX); /* a class, as an object */
    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x02\x00\x00\x80", &second), APM_ARCHIVE_BAD_INDEX); /* and the reverse */
    CHECK_EQ(CAUSE_OF_SECOND("\xff\x7f\x01\x00", &second), APM_ARCHIVE_SHORT_DATA);
}

TEST(an_object_that_cannot_be_made_or_is_of_a_class_that_cannot_be_loaded_is_refused)
{
    const apm_archive_class no_load = {.name = "CPoint", .schema = 1, .create = create_point, .store = store_point};
    const apm_archive_class *const no_loads[] = {NULL, &no_load};
    apm_archive *archive = load(FIRST_POINT, sizeof FIRST_POINT - 1, 0);
    void *object = points;

    points_used = 8;
    CHECK_EQ(apm_archive_read_object(archive, classes, 1, &object), APM_ARCHIVE_OUT_OF_MEMORY);
    CHECK(object == NULL);
    apm_archive_abort(archive);
    archive = load(FIRST_POINT, sizeof FIRST_POINT - 1, 0);
    CHECK_EQ(apm_archive_read_object(archive, no_loads, 2, &object), APM_ARCHIVE_BAD_CLASS);
    apm_archive_abort(archive);
    archive = load(FIRST_POINT, sizeof FIRST_POINT - 1, 0);
    CHECK_EQ(apm_archive_read_object(archive, NULL, 1, &object), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_read_object(archive, classes, 1, NULL), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_failure(archive), APM_ARCHIVE_NONE); /* nothing has been read, and the archive is good */
    points_used = 0;
    CHECK_EQ(apm_archive_read_object(archive, classes, 1, &object), APM_ARCHIVE_NONE);
    apm_archive_abort(archive);
    apm_archive_memory_free(&memory);
}

TEST(classes_without_a_name_that_fits_or_without_a_way_to_be_stored_are_refused)
{
    static const char long_name[] = "CClassWhoseNameHasOneCharacterMoreThanTheFormatHasRoomFor0123456";
    const apm_archive_class nameless = {.name = "", .store = store_point};
    const apm_archive_class verbose = {.name = long_name, .store = store_point};
    const apm_archive_class no_store = {.name = "CPoint"};
    struct point point = {1};
    apm_archive *archive = store();

    CHECK_EQ(sizeof long_name - 1, 64);
    CHECK_EQ(apm_archive_write_object(archive, &no_store, &point), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_write_object(archive, NULL, &point), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_failure(archive), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_object(archive, &nameless, &point), APM_ARCHIVE_BAD_CLASS);
    apm_archive_abort(archive);
    archive = store();
    CHECK_EQ(apm_archive_write_object(archive, &verbose, &point), APM_ARCHIVE_BAD_CLASS);
    CHECK_EQ(apm_archive_write_object(archive, &point_class, &point), APM_ARCHIVE_BAD_CLASS); /* it stays so */
    apm_archive_abort(archive);
    apm_archive_memory_free(&memory);
}

LIBRARY_TEST_MAIN()
