/*
 * Code pages of one or two bytes a character: what Windows' programs have written, both ways. The vectors are .NET's,
 * whose tables are Windows'. A C library may be installed without these pages; then there is nothing to test.
 */
#include "support_archive.h"

#include "apm/compat/text.h"

static const unsigned pages[] = {APM_CODE_PAGE_JAPANESE, APM_CODE_PAGE_CHINESE_SIMPLIFIED, APM_CODE_PAGE_KOREAN,
                                 APM_CODE_PAGE_CHINESE_TRADITIONAL};

enum { PAGES = sizeof pages / sizeof pages[0] };

static void need_pages(void)
{
    for (size_t i = 0; i < PAGES; i++) {
        if (!apm_text_has_code_page(pages[i])) {
            SKIP("the C library does not have code page %u", pages[i]);
        }
    }
}

static void check_load(unsigned page, const char *bytes, size_t size, const char *expected)
{
    char text[64];
    size_t written;

    CHECK_SUCCESS(apm_text_code_page_to_utf8(page, bytes, size, text, sizeof text - 1, &written));
    text[written] = '\0';
    CHECK_STR(text, expected);
}

#define CHECK_LOAD(page, literal, expected) check_load((page), (literal), sizeof(literal) - 1, (expected))

static void check_store(unsigned page, const char *text, const char *expected, size_t missing)
{
    char bytes[64];
    size_t written, replaced;

    CHECK_SUCCESS(apm_text_utf8_to_code_page(page, text, strlen(text), bytes, sizeof bytes - 1, &written, &replaced));
    bytes[written] = '\0';
    CHECK_STR(bytes, expected);
    CHECK_EQ(replaced, missing);
}

#define CHECK_BOTH(page, text, bytes)          \
    do {                                       \
        check_store((page), (text), bytes, 0); \
        CHECK_LOAD((page), bytes, (text));     \
    } while (0)

TEST(text_of_east_asia_has_the_bytes_that_windows_gives_it)
{
    need_pages();
    CHECK_BOTH(932, "日本語テキスト", "\x93\xfa\x96\x7b\x8c\xea\x83\x65\x83\x4c\x83\x58\x83\x67");
    CHECK_BOTH(932, "ｶﾅ①㈱Ⅰⅰ№", "\xb6\xc5\x87\x40\x87\x8a\x87\x54\xfa\x40\x87\x82");
    CHECK_BOTH(932, "表\\~纊￢", "\x95\x5c\x5c\x7e\xfa\x5c\x81\xca");
    CHECK_BOTH(936, "简体中文€·—", "\xbc\xf2\xcc\xe5\xd6\xd0\xce\xc4\x80\xa1\xa4\xa1\xaa");
    CHECK_BOTH(949, "한국어 똠방각하 뷁", "\xc7\xd1\xb1\xb9\xbe\xee \x8c\x63\xb9\xe6\xb0\xa2\xc7\xcf \x94\xee");
    CHECK_BOTH(950, "繁體中文═╞", "\xc1\x63\xc5\xe9\xa4\xa4\xa4\xe5\xf9\xf9\xf9\xe9");
    CHECK_BOTH(950, "功許蓋十卅‧", "\xa5\x5c\xb3\x5c\xbb\x5c\xa4\x51\xa4\xca\xa1\x45");
    CHECK_BOTH(874, "ภาษาไทย€", "\xc0\xd2\xc9\xd2\xe4\xb7\xc2\x80");
}

TEST(characters_of_the_user_s_own_are_in_the_private_area)
{
    need_pages();
    CHECK_BOTH(932, "\xee\x80\x80\xee\x9d\x97", "\xf0\x40\xf9\xfc");
    CHECK_BOTH(936, "\xee\x80\x80\xee\x9d\xa6\xee\xa1\xa4", "\xaa\xa1\xa2\xab\xfe\xa0");
    CHECK_BOTH(949, "\xee\x80\x80\xee\x82\xbb", "\xc9\xa1\xfe\xfe");
    CHECK_BOTH(950, "\xee\x80\x80\xee\x8c\x91\xee\xba\xb8\xef\x9a\xb1", "\xfa\x40\x8e\x40\x81\x40\xc6\xa1");
}

TEST(characters_that_the_page_does_not_have_become_question_marks)
{
    need_pages();
    check_store(932, "a한\xc3\xa9z", "a??z", 2);
    check_store(936, "\xf0\x9f\x98\x80", "?", 1);
    check_store(949, "简", "?", 1);
    check_store(950, "\xc2\xa5\xef\xbf\xbd", "??", 2);
}

#define FFFD "\xef\xbf\xbd"

TEST(bytes_that_stand_for_nothing_are_replaced_and_swallow_no_ascii)
{
    need_pages();
    CHECK_LOAD(932, "a\x81", "a" FFFD);
    CHECK_LOAD(932, "\x81\"\n", FFFD "\"\n");
    CHECK_LOAD(932,
               "\x81\xff"
               "b",
               FFFD "b");
    CHECK_LOAD(932, "\x80\xa0\xfd", FFFD FFFD FFFD);
    CHECK_LOAD(950, "\x80\xff", FFFD FFFD);
    CHECK_LOAD(936, "\x81\x30\x81\x7f", FFFD "0" FFFD "\x7f");
    CHECK_LOAD(949, "\x81\x5b\xff", FFFD "[" FFFD);
    CHECK_LOAD(950,
               "\xa1\x80"
               "c\xf9",
               FFFD "c" FFFD);
}

/* NEC's and IBM's codes, and those that the frames of Big5 have twice. */
TEST(of_several_codes_of_a_character_the_one_is_stored_that_windows_stores)
{
    need_pages();
    CHECK_LOAD(932, "\xed\x40\xfa\x5c", "纊纊");
    CHECK_LOAD(932, "\x87\x90\x81\xe0", "≒≒");
    check_store(932, "纊≒", "\xfa\x5c\x81\xe0", 0);
    CHECK_LOAD(950, "\xa2\xa4\xf9\xf9\xa2\xcc\xf9\xfe", "══十▓");
    check_store(950, "═十", "\xf9\xf9\xa4\x51", 0);
}

/* How many codes stand for a character, and how many are stored: as many of two bytes as .NET's pages have. */
TEST(every_character_of_a_page_comes_back)
{
    static const struct {
        size_t loaded, stored;
    } expected[] = {{9604, 9206}, {23940, 23940}, {17236, 17236}, {19720, 19710}};

    need_pages();
    for (size_t i = 0; i < PAGES; i++) {
        size_t loaded = 0, stored = 0;

        for (unsigned code = 0x8000; code < 0x10000; code++) {
            char bytes[2] = {(char)(code >> 8), (char)code}, text[8], back[4];
            size_t size, units, written, replaced;

            CHECK_SUCCESS(apm_text_code_page_to_utf8(pages[i], bytes, 2, text, sizeof text, &size));
            CHECK_SUCCESS(apm_text_utf8_to_utf16(text, size, NULL, 0, &units));
            if (units != 1 || (size == 3 && memcmp(text, FFFD, 3) == 0)) {
                continue; /* two characters, or none */
            }
            loaded++;
            CHECK_SUCCESS(apm_text_utf8_to_code_page(pages[i], text, size, back, sizeof back, &written, &replaced));
            CHECK_EQ(written, 2);
            CHECK_EQ(replaced, 0);
            stored += memcmp(back, bytes, 2) == 0;
        }
        printf("%u: %zu codes, %zu are stored\n", pages[i], loaded, stored);
        CHECK_EQ(loaded, expected[i].loaded);
        CHECK_EQ(stored, expected[i].stored);
    }
}

TEST(conversions_of_two_bytes_measure_and_fill_what_fits)
{
    char bytes[4] = "....";
    size_t written;

    need_pages();
    CHECK_SUCCESS(apm_text_utf8_to_code_page(932, "日本語", 9, NULL, 0, &written, NULL));
    CHECK_EQ(written, 6);
    CHECK_ERROR(apm_text_utf8_to_code_page(932, "日本語", 9, bytes, 3, &written, NULL),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_EQ(written, 6);
    CHECK_EQ(memcmp(bytes, "\x93\xfa\x96.", 4), 0);
    CHECK_SUCCESS(apm_text_code_page_to_utf8(932, "\x93\xfa\x96", 3, NULL, 0, &written));
    CHECK_EQ(written, 6);
    CHECK_ERROR(apm_text_utf8_to_code_page(932, "\xe6\x97", 2, bytes, 4, &written, NULL), APM_ERROR_FORMAT);
    CHECK(!apm_text_has_code_page(933));
    CHECK_ERROR(apm_text_code_page_to_utf8(933, "a", 1, bytes, 4, &written), APM_ERROR_NOT_SUPPORTED);
}

TEST(archives_store_and_load_strings_of_east_asia)
{
    apm_archive *archive = store();
    char *text;
    size_t size;

    need_pages();
    CHECK_EQ(apm_archive_set_code_page(archive, APM_CODE_PAGE_JAPANESE), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_string(archive, "表示"), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_write_text(archive, "ソ\n"), APM_ARCHIVE_NONE);
    CHECK_BYTES(archive, "\x04\x95\x5c\x8e\xa6\x83\x5c\n");
    CHECK_EQ(apm_archive_close(archive), APM_ARCHIVE_NONE);
    archive = load(NULL, 0, 1);
    CHECK_EQ(apm_archive_set_code_page(archive, APM_CODE_PAGE_JAPANESE), APM_ARCHIVE_NONE);
    CHECK_EQ(apm_archive_read_string(archive, &text, &size), APM_ARCHIVE_NONE);
    CHECK_STR(text, "表示");
    apm_archive_free(text);
    CHECK_EQ(apm_archive_read_line(archive, &text, &size), APM_ARCHIVE_NONE);
    CHECK_STR(text, "ソ");
    apm_archive_free(text);
    finish(archive);
}

/* -- Threads ------------------------------------------------------------------------------------------------------- */

enum { THREADS = 4 };

static pthread_barrier_t together;

/* The pages are not asked for before, since the first use is what is tested. */
static void *convert_in_all_pages(void *missing)
{
    pthread_barrier_wait(&together);
    for (size_t i = 0; i < PAGES; i++) {
        char text[8];
        size_t written;

        apm_error error = apm_text_code_page_to_utf8(pages[i], "\xe0\xa1", 2, text, sizeof text, &written);

        if (error == APM_ERROR_NOT_SUPPORTED) {
            *(bool *)missing = true;
            continue;
        }
        CHECK_SUCCESS(error);
        CHECK_EQ(written, 3);
    }
    return NULL;
}

TEST(threads_that_want_the_pages_at_once_all_have_them)
{
    pthread_t threads[THREADS];
    bool missing[THREADS] = {false};

    CHECK_EQ(pthread_barrier_init(&together, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, convert_in_all_pages, &missing[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK_EQ(pthread_barrier_destroy(&together), 0);
    if (missing[0]) {
        SKIP("the C library does not have all code pages");
    }
}

LIBRARY_TEST_MAIN()
