/*
 * Archives: numbers and raw bytes of MFC's format, worked out from its description (docs/porting/mfc.md says which),
 * and failures of the file and of its use.
 */
#include "support_archive.h"

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

LIBRARY_TEST_MAIN()
