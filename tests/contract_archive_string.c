/*
 * Archives: the bytes of strings, blobs and text in MFC's format, what is made of such that are not in order, and
 * conversions by themselves.
 */
#include "support_archive.h"

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

/* -- Lines of text ------------------------------------------------------------------------------------------------- */

static void check_line(apm_archive *archive, const char *expected)
{
    char *text;
    size_t size;

    CHECK_EQ(apm_archive_read_line(archive, &text, &size), APM_ARCHIVE_NONE);
    CHECK_STR(text, expected);
    CHECK_EQ(size, strlen(expected));
    apm_archive_free(text);
}

static void check_no_line(apm_archive *archive, apm_archive_cause cause)
{
    char some, *text = &some;
    size_t size = 1;

    CHECK_EQ(apm_archive_read_line(archive, &text, &size), cause);
    CHECK(text == NULL && size == 0);
}

TEST(text_is_stored_as_its_units_and_nothing_else)
{
    apm_archive *archive = store();

    CHECK_EQ(apm_archive_write_text(archive, "a\xe2\x82\xac\r\n"), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "a\0\xac\x20\r\0\n\0");
    CHECK_EQ(apm_archive_set_code_page(archive, 1252), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_text(archive, "\xe2\x82\xac"), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_text(archive, ""), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "a\0\xac\x20\r\0\n\0\x80");
    CHECK_EQ(apm_archive_write_text(archive, NULL), APM_ARCHIVE_ARGUMENT);
    finish(archive);
}

TEST(lines_are_loaded_without_their_ends_and_the_end_of_the_file_is_no_failure)
{
    static const char narrow[] =
        "one\r\n\n\x80\nlong enough that the memory for it has to grow, and grow again, for it "
        "begins with room for sixty-four units\r\nlast";
    static const char wide[] = "a\0\r\0\n\0\xac\x20";
    uint16_t word;
    apm_archive *archive = load(narrow, sizeof narrow - 1, 5);

    CHECK_EQ(apm_archive_set_code_page(archive, 1252), APM_ARCHIVE_NONE);
    check_line(archive, "one");
    check_line(archive, "");
    check_line(archive, "\xe2\x82\xac");
    check_line(archive, "long enough that the memory for it has to grow, and grow again, for it begins with room for "
                        "sixty-four units");
    check_line(archive, "last");
    check_no_line(archive, APM_ARCHIVE_END_OF_FILE);
    check_no_line(archive, APM_ARCHIVE_END_OF_FILE);
    CHECK_EQ(apm_archive_failure(archive), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_word(archive, &word), APM_ARCHIVE_END_OF_FILE);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_END_OF_FILE);
    apm_archive_memory_free(&memory);

    archive = load(wide, sizeof wide - 1, 0);
    check_line(archive, "a");
    check_line(archive, "\xe2\x82\xac");
    check_no_line(archive, APM_ARCHIVE_END_OF_FILE);
    finish(archive);
}

TEST(lines_that_are_not_in_order_are_told_apart)
{
    apm_archive *archive = load("a\0b", 3, 0);

    check_no_line(archive, APM_ARCHIVE_SHORT_DATA);
    check_no_line(archive, APM_ARCHIVE_SHORT_DATA); /* which stays */
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_SHORT_DATA);
    apm_archive_memory_free(&memory);

    archive = load("abcd\n", 5, 0);
    CHECK_EQ(apm_archive_set_code_page(archive, 1252), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_set_limit(archive, 3), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_line(archive, NULL, NULL), APM_ARCHIVE_ARGUMENT);
    check_no_line(archive, APM_ARCHIVE_LIMIT);
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_LIMIT);
    apm_archive_memory_free(&memory);

    archive = store();
    check_no_line(archive, APM_ARCHIVE_WRITE_ONLY);
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

        CHECK_EQ(apm_archive_set_code_page(archive, 933), APM_ARCHIVE_ENCODING);
        if (i % 2) {
            CHECK_EQ(apm_archive_set_code_page(archive, APM_CODE_PAGE_WESTERN), APM_ARCHIVE_NONE);
        }
        CHECK_EQ(apm_archive_write_string(archive, wrong[i]), APM_ARCHIVE_ENCODING);
        CHECK_EQ(apm_archive_write_byte(archive, 0), APM_ARCHIVE_ENCODING);
        CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_ENCODING);
        CHECK_EQ(memory.size, 0);
    }
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
    CHECK_ERROR(apm_text_utf8_to_code_page(933, "a", 1, bytes, 4, &written, NULL), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_text_code_page_to_utf8(933, "a", 1, bytes, 4, &written), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_text_code_page_to_utf8(65001, "\xff", 1, bytes, 4, &written), APM_ERROR_FORMAT);
    CHECK(apm_text_has_code_page(437) && !apm_text_has_code_page(1));
}

TEST(every_byte_of_every_code_page_comes_back)
{
    static const unsigned pages[] = {437, 850, 874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 28591};

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
