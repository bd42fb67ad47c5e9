/*
 * Archives that load what nobody has stored: the first bytes say what is asked for, the rest is the file. Each text
 * that is loaded is UTF-8, within the limit, and comes back when it is stored; a failure stays.
 */
#include <string.h>

#include "apm/compat/archive.h"
#include "fuzz.h"

enum { STEPS = 12, LIMIT = 4096, DEPTH_LIMIT = 60 };

static const unsigned pages[] = {APM_CODE_PAGE_UTF16,    APM_CODE_PAGE_WESTERN,
                                 APM_CODE_PAGE_UTF8,     1255,
                                 APM_CODE_PAGE_JAPANESE, APM_CODE_PAGE_CHINESE_TRADITIONAL};

enum { PAGES = sizeof pages / sizeof pages[0] };

/* -- Objects: a number, and another object ------------------------------------------------------------------------- */

struct node {
    struct node *next;
    uint16_t number;
};

static struct node nodes[DEPTH_LIMIT];
static size_t node_count;

static apm_archive_cause load_node(apm_archive *archive, void *object);

static void *create_node(void)
{
    return node_count < DEPTH_LIMIT ? &nodes[node_count++] : NULL;
}

static const apm_archive_class node_class = {.name = "CNode", .schema = 1, .create = create_node, .load = load_node};
static const apm_archive_class *const classes[] = {&node_class};

static apm_archive_cause load_node(apm_archive *archive, void *object)
{
    struct node *node = object;
    void *next;
    apm_archive_cause cause = apm_archive_read_word(archive, &node->number);

    if (cause == APM_ARCHIVE_NONE) {
        cause = apm_archive_read_object(archive, classes, 1, &next);
        node->next = next;
    }
    return cause;
}

/* -- Texts --------------------------------------------------------------------------------------------------------- */

/* Stores the text, and loads it again. */
static void check_text(const char *text, size_t size)
{
    apm_archive_memory memory = {.bytes = NULL};
    apm_archive_file file = apm_archive_memory_file(&memory);
    apm_archive *archive;
    char *again;
    size_t units, length;

    FUZZ_SUCCESS(apm_text_utf8_to_utf16(text, size, NULL, 0, &units));
    FUZZ_CHECK(size <= 3 * LIMIT && text[size] == '\0');
    FUZZ_SUCCESS(apm_archive_create(&file, APM_ARCHIVE_STORE, 0, &archive));
    FUZZ_CHECK(apm_archive_write_string_span(archive, text, size) == APM_ARCHIVE_NONE);
    FUZZ_CHECK(apm_archive_close(archive) == APM_ARCHIVE_NONE);
    FUZZ_SUCCESS(apm_archive_create(&file, APM_ARCHIVE_LOAD, 0, &archive));
    FUZZ_CHECK(apm_archive_read_string(archive, &again, &length) == APM_ARCHIVE_NONE);
    FUZZ_CHECK(length == size && memcmp(again, text, size) == 0);
    apm_archive_free(again);
    FUZZ_CHECK(apm_archive_close(archive) == APM_ARCHIVE_NONE);
    apm_archive_memory_free(&memory);
}

static apm_archive_cause load_text(apm_archive *archive, bool line)
{
    char *text;
    size_t size;
    apm_archive_cause cause = line ? apm_archive_read_line(archive, &text, &size)
                                   : apm_archive_read_string(archive, &text, &size);

    FUZZ_CHECK((cause == APM_ARCHIVE_NONE) == (text != NULL));
    if (text) {
        check_text(text, size);
    }
    apm_archive_free(text);
    return cause;
}

static apm_archive_cause do_step(apm_archive *archive, uint8_t step)
{
    uint64_t number;
    double fraction;
    void *object;
    size_t size;
    apm_archive_cause cause;

    switch (step % 6) {
    case 0: return load_text(archive, false);
    case 1: return load_text(archive, true);
    case 2: return apm_archive_read_count(archive, &number);
    case 3: return apm_archive_read_double(archive, &fraction);
    case 4:
        cause = apm_archive_read_blob(archive, &object, &size);
        FUZZ_CHECK(size <= LIMIT && (cause == APM_ARCHIVE_NONE || !object));
        apm_archive_free(object);
        return cause;
    default:
        cause = apm_archive_read_object(archive, classes, 1, &object);
        FUZZ_CHECK(cause == APM_ARCHIVE_NONE || !object);
        return cause;
    }
}

int FUZZ_TARGET(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    uint8_t options = fuzz_byte(&input);
    uint8_t steps[STEPS];
    apm_archive_memory memory = {.bytes = NULL};
    apm_archive_file file = apm_archive_memory_file(&memory);
    apm_archive *archive;

    for (size_t i = 0; i < STEPS; i++) {
        steps[i] = i < options % STEPS ? fuzz_byte(&input) : steps[0];
        if (i == 0 && options % STEPS == 0) {
            steps[0] = options / STEPS;
        }
    }
    node_count = 0;
    memset(nodes, 0, sizeof nodes);
    FUZZ_SUCCESS(file.write(file.context, input.at, input.left));
    FUZZ_SUCCESS(apm_archive_create(&file, APM_ARCHIVE_LOAD, 1 + options % 7, &archive));
    FUZZ_CHECK(apm_archive_set_limit(archive, LIMIT) == APM_ARCHIVE_NONE);
    /* A C library that is installed without the pages of East Asia has them refused. */
    FUZZ_CHECK(apm_archive_set_code_page(archive, pages[options % PAGES]) == APM_ARCHIVE_NONE ||
               !apm_text_has_code_page(pages[options % PAGES]));
    for (size_t i = 0; i < STEPS; i++) {
        apm_archive_cause before = apm_archive_failure(archive);
        apm_archive_cause cause = do_step(archive, steps[i]);

        FUZZ_CHECK(before == APM_ARCHIVE_NONE || cause == before);
        FUZZ_CHECK(apm_archive_failure(archive) == cause || cause == APM_ARCHIVE_END_OF_FILE);
    }
    (void)apm_archive_close(archive);
    apm_archive_memory_free(&memory);
    return 0;
}
