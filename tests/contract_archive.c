/*
 * Archives: the bytes of MFC's format, worked out from its description (docs/porting/mfc.md says which), and what is
 * made of bytes that are not in order.
 */
#include "apm/compat/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static apm_archive_memory memory;
static apm_archive_file memory_file;

static apm_archive *store(void)
{
    apm_archive *archive;

    memory_file = apm_archive_memory_file(&memory);
    CHECK_SUCCESS(apm_archive_create(&memory_file, APM_ARCHIVE_STORE, 0, &archive));
    CHECK(apm_archive_is_storing(archive) && !apm_archive_is_loading(archive));
    return archive;
}

/* Loads what has been stored, or `bytes` if there are some, through a buffer of that size. */
static apm_archive *load(const void *bytes, size_t size, size_t buffer_size)
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

static void check_bytes(apm_archive *archive, const char *expected, size_t size)
{
    CHECK_EQ(apm_archive_flush(archive), APM_ARCHIVE_NONE);
    CHECK_EQ(memory.size, size);
    for (size_t i = 0; i < size; i++) {
        CHECK_EQ(memory.bytes[i], (uint8_t)expected[i]);
    }
}

#define CHECK_BYTES(archive, literal) check_bytes((archive), (literal), sizeof(literal) - 1)

static void finish(apm_archive *archive)
{
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    apm_archive_memory_free(&memory);
}

TEST(numbers_are_little_endian_and_come_back)
{
    apm_archive *archive = store();
    uint8_t byte;
    uint16_t word;
    uint32_t dword;
    uint64_t ulonglong;
    int8_t character;
    int16_t short_number;
    int32_t number, long_number;
    int64_t longlong;
    bool truth;
    float single;
    double twice;

    CHECK_EQ(apm_archive_write_byte(archive, 0xab), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_word(archive, 0x1234), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_dword(archive, 0x12345678), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_ulonglong(archive, UINT64_C(0x0123456789abcdef)), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_char(archive, -2), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_short(archive, -3), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_int(archive, -4), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_long(archive, INT32_MIN), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_longlong(archive, -5), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_bool(archive, true), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_float(archive, -1.5f), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_double(archive, 0.1), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "\xab\x34\x12\x78\x56\x34\x12\xef\xcd\xab\x89\x67\x45\x23\x01\xfe\xfd\xff\xfc\xff\xff\xff"
                         "\x00\x00\x00\x80\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\xc0\xbf"
                         "\x9a\x99\x99\x99\x99\x99\xb9\x3f");
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);

    archive = load(NULL, 0, 3);
    CHECK_EQ(apm_archive_read_byte(archive, &byte), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_word(archive, &word), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_dword(archive, &dword), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_ulonglong(archive, &ulonglong), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_char(archive, &character), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_short(archive, &short_number), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_int(archive, &number), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_long(archive, &long_number), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_longlong(archive, &longlong), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_bool(archive, &truth), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_float(archive, &single), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_double(archive, &twice), APM_ARCHIVE_NONE);
    CHECK(byte == 0xab && word == 0x1234 && dword == 0x12345678 && ulonglong == UINT64_C(0x0123456789abcdef));
    CHECK(character == -2 && short_number == -3 && number == -4 && long_number == INT32_MIN && longlong == -5);
    CHECK(truth && single == -1.5f && twice == 0.1);
    finish(archive);
}

TEST(counts_grow_with_what_they_count)
{
    static const uint64_t counts[] = {0, 0xfffe, 0xffff, 0xfffffffe, 0xffffffff, UINT64_C(0x123456789a)};
    apm_archive *archive = store();

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        CHECK_EQ(apm_archive_write_count(archive, counts[i]), APM_ARCHIVE_NONE);
    }
    CHECK_BYTES(archive, "\x00\x00\xfe\xff\xff\xff\xff\xff\x00\x00\xff\xff\xfe\xff\xff\xff"
                         "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"
                         "\xff\xff\xff\xff\xff\xff\x9a\x78\x56\x34\x12\x00\x00\x00");
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    archive = load(NULL, 0, 0);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint64_t count;

        CHECK_EQ(apm_archive_read_count(archive, &count), APM_ARCHIVE_NONE);
        CHECK_EQ(count, counts[i]);
    }
    finish(archive);
}

/* -- Strings ----------------------------------------------------------------------------------------------------- */

static void check_string(const char *bytes, size_t size, unsigned code_page, const char *expected)
{
    apm_archive *archive = load(bytes, size, 0);
    char *text;
    size_t length;

    CHECK_EQ(apm_archive_set_code_page(archive, code_page), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_string(archive, &text, &length), APM_ARCHIVE_NONE);
    CHECK_STR(text, expected);
    CHECK_EQ(length, strlen(expected));
    apm_archive_free(text);
    finish(archive);
}

#define CHECK_STRING(literal, code_page, expected) check_string((literal), sizeof(literal) - 1, (code_page), (expected))

TEST(strings_have_the_bytes_of_a_unicode_program)
{
    apm_archive *archive = store();

    CHECK_EQ(apm_archive_write_string(archive, ""), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_string(archive, "2010"), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_string(archive, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "\xff\xfe\xff\x00"
                         "\xff\xfe\xff\x04\x32\x00\x30\x00\x31\x00\x30\x00"
                         "\xff\xfe\xff\x04\xe4\x00\xac\x20\x3d\xd8\x00\xde");
    finish(archive);
    CHECK_STRING("\xff\xfe\xff\x00", APM_CODE_PAGE_UTF16, "");
    CHECK_STRING("\xff\xfe\xff\x04\xe4\x00\xac\x20\x3d\xd8\x00\xde", APM_CODE_PAGE_UTF16,
                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK_STRING("\xff\xfe\xff\x02\x00\xde\x41\x00", APM_CODE_PAGE_UTF16,
                 "\xef\xbf\xbd"
                 "A"); /* half a pair */
}

TEST(strings_have_the_bytes_of_a_multibyte_program)
{
    apm_archive *archive = store();

    CHECK_EQ(apm_archive_set_code_page(archive, APM_CODE_PAGE_WESTERN), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_string(archive, "2010"), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_string(archive, "\xc3\xa4\xe2\x82\xac\xd0\x96"), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "\x04"
                         "2010"
                         "\x03\xe4\x80?");
    finish(archive);
    CHECK_STRING("\x04"
                 "2010",
                 APM_CODE_PAGE_UTF16, "2010");
    CHECK_STRING("\x02\xe4\x80", APM_CODE_PAGE_WESTERN, "\xc3\xa4\xe2\x82\xac");
    CHECK_STRING("\x01\xc6", 1251, "\xd0\x96");
    CHECK_STRING("\x01\x81", APM_CODE_PAGE_WESTERN, "\xef\xbf\xbd");
    CHECK_STRING("\x02\xc3\xa4", APM_CODE_PAGE_UTF8, "\xc3\xa4");
}

TEST(strings_of_each_length_class_have_their_head_and_come_back)
{
    static const struct {
        size_t length;
        const char *head;
        size_t head_size;
    } classes[] = {
        {254, "\xfe", 1},
        {255, "\xff\xff\x00", 3},
        {0xfffd, "\xff\xfd\xff", 3},
        {0xfffe, "\xff\xff\xff\xfe\xff\x00\x00", 7},
        {0xffff, "\xff\xff\xff\xff\xff\x00\x00", 7},
        {0x10000, "\xff\xff\xff\x00\x00\x01\x00", 7},
    };

    for (size_t i = 0; i < 2 * sizeof classes / sizeof classes[0]; i++) {
        size_t length = classes[i / 2].length, head = classes[i / 2].head_size, size;
        bool unicode = i % 2;
        apm_archive *archive = store();
        char *text = malloc(length + 1), *back;

        CHECK(text != NULL);
        memset(text, 'x', length);
        text[length] = '\0';
        CHECK_EQ(apm_archive_set_code_page(archive, unicode ? APM_CODE_PAGE_UTF16 : APM_CODE_PAGE_ASCII),
                 APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_write_string(archive, text), APM_ARCHIVE_NONE);
        CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
        CHECK_EQ(memory.size, (unicode ? 3u : 0u) + head + length * (unicode ? 2 : 1));
        CHECK_EQ(memcmp(memory.bytes + (unicode ? 3 : 0), classes[i / 2].head, head), 0);
        archive = load(NULL, 0, 0);
        CHECK_EQ(apm_archive_read_string(archive, &back, &size), APM_ARCHIVE_NONE);
        CHECK_EQ(size, length);
        CHECK_STR(back, text);
        apm_archive_free(back);
        free(text);
        finish(archive);
    }
}

TEST(strings_may_contain_zeros_and_blobs_anything)
{
    apm_archive *archive = store();
    char *text;
    void *blob;
    size_t size;

    CHECK_EQ(apm_archive_write_string_span(archive, "a\0b", 3), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_blob(archive, "\x00\xff\x7f", 3), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_blob(archive, NULL, 0), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "\xff\xfe\xff\x03"
                         "a\0\0\0b\0\x03\x00\x00\xff\x7f\x00\x00");
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    archive = load(NULL, 0, 1);
    CHECK_EQ(apm_archive_read_string(archive, &text, &size), APM_ARCHIVE_NONE);
    CHECK_EQ(size, 3);
    CHECK_EQ(memcmp(text, "a\0b", 4), 0);
    apm_archive_free(text);
    CHECK_EQ(apm_archive_read_blob(archive, &blob, &size), APM_ARCHIVE_NONE);
    CHECK_EQ(size, 3);
    CHECK_EQ(memcmp(blob, "\x00\xff\x7f", 3), 0);
    apm_archive_free(blob);
    CHECK_EQ(apm_archive_read_blob(archive, &blob, &size), APM_ARCHIVE_NONE);
    CHECK_EQ(size, 0);
    apm_archive_free(blob);
    finish(archive);
}

TEST(raw_bytes_are_loaded_as_far_as_they_go)
{
    apm_archive *archive = load("abcdef", 6, 4);
    char bytes[8];
    size_t loaded;

    CHECK_EQ(apm_archive_read(archive, bytes, 3, &loaded), APM_ARCHIVE_NONE);
    CHECK_EQ(loaded, 3);
    CHECK(!apm_archive_is_buffer_empty(archive));
    CHECK_EQ(apm_archive_read(archive, bytes, 8, &loaded), APM_ARCHIVE_NONE);
    CHECK_EQ(loaded, 3);
    CHECK_EQ(memcmp(bytes, "def", 3), 0);
    CHECK_EQ(apm_archive_read(archive, bytes, 8, &loaded), APM_ARCHIVE_NONE);
    CHECK_EQ(loaded, 0);
    finish(archive);
}

/* -- What is not in order ------------------------------------------------------------------------------------------ */

static apm_archive_cause cause_of_string(const char *bytes, size_t size, size_t limit)
{
    apm_archive *archive = load(bytes, size, 0);
    apm_archive_cause cause;
    char *text;

    if (limit > 0) {
        CHECK_EQ(apm_archive_set_limit(archive, limit), APM_ARCHIVE_NONE);
    }
    cause = apm_archive_read_string(archive, &text, NULL);
    CHECK((cause == APM_ARCHIVE_NONE) == (text != NULL));
    CHECK_EQ(apm_archive_failure(archive), cause);
    apm_archive_free(text);
    CHECK_EQ(apm_archive_close(archive), cause);
    apm_archive_memory_free(&memory);
    return cause;
}

#define CAUSE_OF_STRING(literal, limit) cause_of_string((literal), sizeof(literal) - 1, (limit))

TEST(end_of_file_and_short_data_are_told_apart)
{
    apm_archive *archive = load("\x01\x02", 2, 0);
    uint32_t dword = 1;
    uint8_t byte = 1;

    CHECK_EQ(apm_archive_read_dword(archive, &dword), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(dword, 0);
    CHECK_EQ(apm_archive_read_byte(archive, &byte), APM_ARCHIVE_SHORT_DATA); /* it stays so */
    CHECK_EQ(byte, 0);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_SHORT_DATA);
    archive = load("\x01", 1, 0);
    CHECK_EQ(apm_archive_read_byte(archive, &byte), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_dword(archive, &dword), APM_ARCHIVE_END_OF_FILE);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_END_OF_FILE);
    apm_archive_memory_free(&memory);

    CHECK_EQ(CAUSE_OF_STRING("", 0), APM_ARCHIVE_END_OF_FILE);
    CHECK_EQ(CAUSE_OF_STRING("\x03"
                             "ab",
                             0),
             APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_STRING("\x03", 0), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_STRING("\xff", 0), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xfe\xff", 0), APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xfe\xff\x02"
                             "a\0b",
                             0),
             APM_ARCHIVE_SHORT_DATA);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xff\xff\x00\x00", 0), APM_ARCHIVE_SHORT_DATA);
}

TEST(item_beyond_the_limit_is_refused_before_memory_is_taken)
{
    apm_archive *archive;
    void *blob;
    size_t size;

    CHECK_EQ(CAUSE_OF_STRING("\xff\xff\xff\xfe\xff\xff\xff", 0), APM_ARCHIVE_LIMIT);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0), APM_ARCHIVE_LIMIT);
    CHECK_EQ(CAUSE_OF_STRING("\x03"
                             "abc",
                             2),
             APM_ARCHIVE_LIMIT);
    CHECK_EQ(CAUSE_OF_STRING("\x03"
                             "abc",
                             3),
             APM_ARCHIVE_NONE);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xfe\xff\x02"
                             "a\0b\0",
                             3),
             APM_ARCHIVE_LIMIT);
    CHECK_EQ(CAUSE_OF_STRING("\xff\xfe\xff\x02"
                             "a\0b\0",
                             4),
             APM_ARCHIVE_NONE);
    archive = load("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 14, 0);
    CHECK_EQ(apm_archive_read_blob(archive, &blob, &size), APM_ARCHIVE_LIMIT);
    CHECK(blob == NULL && size == 0);
    apm_archive_abort(archive);
    archive = load("\xff\xff\x00\x00\xff\x00!", 7, 0); /* 16 MiB below the limit are said, and one byte comes */
    CHECK_EQ(apm_archive_read_blob(archive, &blob, &size), APM_ARCHIVE_SHORT_DATA);
    apm_archive_abort(archive);
    apm_archive_memory_free(&memory);
}

TEST(text_that_is_not_utf8_and_unknown_code_pages_are_encoding_errors)
{
    static const char *const wrong[] = {"\xff", "\xc0\x80", "\xe0\x80\x80",     "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        "\xc3", "\x80",     "\xf5\x80\x80\x80", "\xe2\x82"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        apm_archive *archive = store();

        CHECK_EQ(apm_archive_set_code_page(archive, 932), APM_ARCHIVE_ENCODING);
        if (i % 2) {
            CHECK_EQ(apm_archive_set_code_page(archive, APM_CODE_PAGE_WESTERN), APM_ARCHIVE_NONE);
        }
        CHECK_EQ(apm_archive_write_string(archive, wrong[i]), APM_ARCHIVE_ENCODING);
        CHECK_EQ(apm_archive_write_byte(archive, 0), APM_ARCHIVE_ENCODING);
        CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_ENCODING);
        CHECK_EQ(memory.size, 0);
    }
}

static apm_error fail_to_write(void *context, const void *buffer, size_t size)
{
    (void)context;
    (void)buffer;
    (void)size;
    return APM_ERROR_CONNECTION_RESET;
}

static apm_error read_too_much(void *context, void *buffer, size_t size, size_t *read)
{
    (void)context;
    (void)buffer;
    *read = size + 1;
    return APM_ERROR_SUCCESS;
}

TEST(wrong_use_and_failures_of_the_file_are_causes)
{
    apm_archive_file file = {.write = fail_to_write, .read = read_too_much}, empty = {.context = NULL};
    apm_archive *archive;
    uint8_t byte;
    char *text;

    CHECK_ERROR(apm_archive_create(NULL, APM_ARCHIVE_LOAD, 0, &archive), APM_ERROR_ARGUMENT_NULL);
    CHECK(archive == NULL);
    CHECK_ERROR(apm_archive_create(&file, APM_ARCHIVE_LOAD, 0, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_archive_create(&empty, APM_ARCHIVE_LOAD, 0, &archive), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_archive_create(&file, (apm_archive_mode)7, 0, &archive), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_archive_create(&file, APM_ARCHIVE_LOAD, SIZE_MAX, &archive), APM_ERROR_OUT_OF_MEMORY);
    CHECK_SUCCESS(apm_archive_create(&file, APM_ARCHIVE_STORE, 0, &archive));
    CHECK_EQ(apm_archive_read_byte(archive, &byte), APM_ARCHIVE_WRITE_ONLY);
    CHECK_EQ(apm_archive_write_byte(archive, 1), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write(archive, NULL, 1), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_write_string(archive, NULL), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_flush(archive), APM_ARCHIVE_FILE);
    CHECK_ERROR(apm_archive_file_error(archive), APM_ERROR_CONNECTION_RESET);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_FILE);
    CHECK_SUCCESS(apm_archive_create(&file, APM_ARCHIVE_LOAD, 0, &archive));
    CHECK_EQ(apm_archive_write_byte(archive, 1), APM_ARCHIVE_READ_ONLY);
    CHECK_EQ(apm_archive_read_byte(archive, NULL), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_read_string(archive, NULL, NULL), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_read_string(archive, &text, NULL), APM_ARCHIVE_FILE);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_FILE);
    CHECK_EQ(apm_archive_write_byte(NULL, 1), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_read_byte(NULL, &byte), APM_ARCHIVE_ARGUMENT);
    CHECK_EQ(apm_archive_close(NULL), APM_ARCHIVE_ARGUMENT);
    apm_archive_abort(NULL);
    apm_archive_free(NULL);
}

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

/* -- Conversions by themselves ------------------------------------------------------------------------------------- */

TEST(conversions_measure_and_fill_what_fits)
{
    uint16_t units[2];
    char bytes[4];
    size_t written, replaced;

    CHECK_SUCCESS(apm_text_utf8_to_utf16("abc", 3, NULL, 0, &written));
    CHECK_EQ(written, 3);
    CHECK_ERROR(apm_text_utf8_to_utf16("abc", 3, units, 2, &written), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(written, 3);
    CHECK_EQ(units[1], 'b');
    CHECK_ERROR(apm_text_utf8_to_utf16("abc", 3, NULL, 1, &written), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_text_utf8_to_utf16(NULL, 3, units, 2, &written), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_text_utf8_to_utf16("abc", 3, units, 2, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_text_utf16_to_utf8(units, 2, bytes, 1, &written), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_text_utf8_to_code_page(20127, "a\xc3\xa4", 3, bytes, 4, &written, &replaced));
    CHECK_EQ(written, 2);
    CHECK_EQ(replaced, 1);
    CHECK_EQ(memcmp(bytes, "a?", 2), 0);
    CHECK_SUCCESS(apm_text_utf8_to_code_page(28591, "\xc3\xa4", 2, bytes, 4, &written, NULL));
    CHECK_EQ((uint8_t)bytes[0], 0xe4);
    CHECK_ERROR(apm_text_utf8_to_code_page(932, "a", 1, bytes, 4, &written, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_text_code_page_to_utf8(932, "a", 1, bytes, 4, &written), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_text_code_page_to_utf8(65001, "\xff", 1, bytes, 4, &written), APM_ERROR_FORMAT);
    CHECK(apm_text_has_code_page(437) && !apm_text_has_code_page(1));
}

TEST(every_byte_of_every_code_page_comes_back)
{
    static const unsigned pages[] = {437, 850, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 28591};

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char one = (char)byte, text[4], back;
            size_t size, written;

            CHECK_SUCCESS(apm_text_code_page_to_utf8(pages[i], &one, 1, text, sizeof text, &size));
            if (size == 3 && memcmp(text, "\xef\xbf\xbd", 3) == 0) {
                continue; /* the page has no such character */
            }
            CHECK_SUCCESS(apm_text_utf8_to_code_page(pages[i], text, size, &back, 1, &written, NULL));
            CHECK_EQ(back, one);
        }
    }
}

LIBRARY_TEST_MAIN()
