/*
 * The parent's half runs each test as a process of its own, this program again with `--run name`; the child's half runs
 * one test and checks afterwards what it left behind. The two talk by exit status only.
 */
#include "harness.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness_process.h"

enum { STATUS_SKIPPED = 77, DEFAULT_TIMEOUT_S = 60, CLEANUP_TIMEOUT_MS = 10000, NAME_SIZE = 256 };

typedef struct run_counts {
    size_t passed;
    size_t failed;
    size_t skipped;
} run_counts;

static const char *const flavour_names[HARNESS_FLAVOUR_COUNT] = {"callback", "wait", "poll"};
static const char *const engine_names[] = {"epoll", "poll"};

/* Written by constructors and by main before any thread exists. */
static harness_test *first_test;
static harness_test **last_link = &first_test;
static char running_name[NAME_SIZE];

void harness_register(harness_test *test)
{
    *last_link = test;
    last_link = &test->next;
}

/* -- Checks ------------------------------------------------------------------------------------------------------ */

void harness_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    /* One line at once, so that two threads that fail together stay readable. */
    char message[1024];
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s\n", file, line, message);
    fflush(NULL);
    _exit(1);
}

void harness_skip(const char *format, ...)
{
    va_list arguments;
    char message[512];

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    printf("skip %s: %s\n", running_name, message);
    fflush(NULL);
    _exit(STATUS_SKIPPED);
}

void harness_check_equal(const char *file, int line, const char *actual_text, const char *expected_text,
                         intmax_t actual, intmax_t expected)
{
    if (actual != expected) {
        harness_fail(file, line, "%s is %jd, not %jd (%s)", actual_text, actual, expected, expected_text);
    }
}

void harness_check_string(const char *file, int line, const char *actual_text, const char *actual, const char *expected)
{
    if (actual == NULL || strcmp(actual, expected) != 0) {
        harness_fail(file, line, "%s is \"%s\", not \"%s\"", actual_text, actual == NULL ? "(null)" : actual, expected);
    }
}

void harness_check_error(const char *file, int line, const char *actual_text, apm_error actual, apm_error expected,
                         const char *(*name)(apm_error))
{
    if (actual != expected) {
        harness_fail(file, line, "%s is %s (%d), not %s (%d)", actual_text, name(actual), (int)actual, name(expected),
                     (int)expected);
    }
}

/* -- Environment ------------------------------------------------------------------------------------------------- */

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 0);
}

harness_flavour harness_get_flavour(void)
{
    const char *text = getenv("APM_TEST_FLAVOUR");

    for (int i = 0; text != NULL && i < HARNESS_FLAVOUR_COUNT; i++) {
        if (strcmp(text, flavour_names[i]) == 0) {
            return (harness_flavour)i;
        }
    }
    return HARNESS_FLAVOUR_CALLBACK;
}

size_t harness_scaled(size_t amount)
{
    uint64_t percent = number_from_environment("APM_TEST_SCALE", 100) * number_from_environment("APM_TEST_SHARE", 100);
    size_t scaled = amount * (size_t)percent / 10000;

    return scaled == 0 ? 1 : scaled;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t harness_now_ms(void)
{
    return now_ns() / 1000000;
}

int64_t harness_now_us(void)
{
    return now_ns() / 1000;
}

uint64_t harness_seed(void)
{
    static _Atomic uint64_t chosen;
    uint64_t none = 0;
    uint64_t seed = number_from_environment("APM_TEST_SEED", (uint64_t)now_ns() | 1);

    if (atomic_compare_exchange_strong(&chosen, &none, seed)) {
        printf("%s: APM_TEST_SEED=%llu\n", running_name, (unsigned long long)seed);
        fflush(stdout);
    }
    return atomic_load(&chosen);
}

uint64_t harness_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* -- The child: one test ----------------------------------------------------------------------------------------- */

/* Counts the open descriptors, and with `print` says what they are. */
static size_t list_descriptors(bool print)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char target[128];
        ssize_t length;

        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == dirfd(directory)) {
            continue;
        }
        count++;
        length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
        if (print && length > 0) {
            fprintf(stderr, "  descriptor %s: %.*s\n", entry->d_name, (int)length, target);
        }
    }
    closedir(directory);
    return count;
}

size_t harness_open_descriptors(void)
{
    return list_descriptors(false);
}

static void clean_up(harness_cleanup *cleanup, size_t descriptors_before)
{
    apm_error error = cleanup(CLEANUP_TIMEOUT_MS);
    size_t descriptors_after = list_descriptors(false);

    if (error != APM_ERROR_SUCCESS) {
        harness_fail(__FILE__, __LINE__, "apm_cleanup after the test gave error %d", (int)error);
    }
    if (descriptors_after != descriptors_before) {
        list_descriptors(true);
        harness_fail(__FILE__, __LINE__, "%zu descriptors before the test, %zu after apm_cleanup", descriptors_before,
                     descriptors_after);
    }
}

/* The test that `name`, which may have [parameters], means. */
static harness_test *find_test(const char *name)
{
    size_t length = strcspn(name, "[");

    for (harness_test *test = first_test; test != NULL; test = test->next) {
        if (strlen(test->name) == length && memcmp(test->name, name, length) == 0) {
            return test;
        }
    }
    return NULL;
}

/* Sets flavour and engine from the [parameters] of a contract test's name, so that --run by hand works, too. */
static void apply_parameters(const char *name)
{
    char flavour[16];
    char engine[16];
    const char *bracket = strchr(name, '[');

    if (bracket != NULL && sscanf(bracket, "[%15[^,],%15[^]]]", flavour, engine) == 2) {
        setenv("APM_TEST_FLAVOUR", flavour, 1);
        setenv("APM_ENGINE", engine, 1);
    }
}

static int run_in_this_process(const char *name, harness_cleanup *cleanup)
{
    harness_test *test = find_test(name);
    size_t descriptors_before;

    if (test == NULL) {
        fprintf(stderr, "no test is named %s\n", name);
        return 2;
    }
    /* Long names are cut in messages only. */
    snprintf(running_name, sizeof running_name, "%s", name);
    apply_parameters(name);
    descriptors_before = list_descriptors(false);
    test->function();
    if (cleanup != NULL) {
        clean_up(cleanup, descriptors_before);
    }
    return 0;
}

/* -- The parent: all tests --------------------------------------------------------------------------------------- */

static int timeout_of(const harness_test *test)
{
    uint64_t usual_s = number_from_environment("APM_TEST_TIMEOUT", DEFAULT_TIMEOUT_S);
    uint64_t timeout_s = test->timeout_s == 0 ? usual_s : test->timeout_s * usual_s / DEFAULT_TIMEOUT_S;

    return (int)(timeout_s * 1000);
}

static void run_in_child(const harness_test *test, const char *name, run_counts *counts)
{
    const char *const arguments[] = {"/proc/self/exe", "--run", name, NULL};
    int timeout_ms = timeout_of(test);
    int status;

    if (!harness_process_run(arguments, timeout_ms, &status)) {
        printf("FAIL %s: not done after %d ms\n", name, timeout_ms);
        counts->failed++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("ok %s\n", name);
        counts->passed++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED) {
        counts->skipped++;
    } else if (WIFEXITED(status)) {
        printf("FAIL %s\n", name);
        counts->failed++;
    } else {
        printf("FAIL %s: %s\n", name, strsignal(WTERMSIG(status)));
        counts->failed++;
    }
}

typedef struct selection {
    const char *exact;
    const char *filter;
    bool list;
} selection;

static void run_or_list(const harness_test *test, const char *name, const selection *selected, run_counts *counts)
{
    if ((selected->exact != NULL && strcmp(name, selected->exact) != 0 && strcmp(test->name, selected->exact) != 0) ||
        (selected->filter != NULL && strstr(name, selected->filter) == NULL)) {
        return;
    }
    if (selected->list) {
        puts(name);
    } else {
        run_in_child(test, name, counts);
    }
}

static void run_selected(const selection *selected, run_counts *counts)
{
    for (const harness_test *test = first_test; test != NULL; test = test->next) {
        size_t variants = test->contract ? (size_t)HARNESS_FLAVOUR_COUNT * 2 : 1;

        for (size_t variant = 0; variant < variants; variant++) {
            char name[NAME_SIZE];

            if (test->contract) {
                snprintf(name, sizeof name, "%s[%s,%s]", test->name, flavour_names[variant % HARNESS_FLAVOUR_COUNT],
                         engine_names[variant / HARNESS_FLAVOUR_COUNT]);
            } else {
                snprintf(name, sizeof name, "%s", test->name);
            }
            run_or_list(test, name, selected, counts);
        }
    }
}

int harness_main(int argc, char **argv, harness_cleanup *cleanup)
{
    selection selected = {NULL, NULL, false};
    run_counts counts = {0, 0, 0};

    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--run") == 0 && has_value) {
            return run_in_this_process(argv[i + 1], cleanup);
        } else if (strcmp(argv[i], "--list") == 0) {
            selected.list = true;
        } else if (strcmp(argv[i], "--exact") == 0 && has_value) {
            selected.exact = argv[++i];
        } else if (strcmp(argv[i], "--filter") == 0 && has_value) {
            selected.filter = argv[++i];
        } else {
            fprintf(stderr, "usage: %s [--list] [--exact name] [--filter text] [--run name]\n", argv[0]);
            return 2;
        }
    }
    if (!selected.list) {
        harness_process_isolate();
    }
    run_selected(&selected, &counts);
    if (selected.list) {
        return 0;
    }
    printf("%zu passed, %zu failed, %zu skipped\n", counts.passed, counts.failed, counts.skipped);
    if (counts.passed + counts.failed + counts.skipped == 0) {
        fprintf(stderr, "no test was selected\n");
        return 2;
    }
    return counts.failed == 0 ? 0 : 1;
}
