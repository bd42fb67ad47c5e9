/*
 * The test harness: tests are sentences, each runs in a process of its own under a watchdog.
 *
 *     TEST(end_before_completion_waits)
 *     {
 *         CHECK_EQ(1 + 1, 2);
 *     }
 *     TEST_MAIN()
 *
 * A test program without arguments runs all its tests; `--list` names them, `--exact name` runs one, `--filter text`
 * those whose name contains the text, and `--run name` runs one inside this process, for a debugger. A program that may
 * make network namespaces runs its tests in one of its own.
 *
 * Environment
 *   APM_TEST_SEED      seed of random tests; each prints the one it used
 *   APM_TEST_SCALE     percent of the usual work of race and load tests, 100 if not set
 *   APM_TEST_SHARE     percent of that again, 100 if not set: for a program that meson runs a second time
 *   APM_TEST_TIMEOUT   seconds that a test has, 60 if not set; a test with another time-out is scaled alike
 *   APM_TEST_FLAVOUR   callback, wait or poll: how a contract test learns of completions; set by the harness
 *   APM_ENGINE         epoll or poll: the library's engine; set by the harness for contract tests
 */
#ifndef APM_TESTS_HARNESS_H
#define APM_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"

/* How a contract test waits for the completion of an operation. */
typedef enum harness_flavour {
    HARNESS_FLAVOUR_CALLBACK,
    HARNESS_FLAVOUR_WAIT,
    HARNESS_FLAVOUR_POLL,
    HARNESS_FLAVOUR_COUNT
} harness_flavour;

/* One test; static, linked into the program's list by a constructor before main. */
typedef struct harness_test {
    const char *name;
    void (*function)(void);
    bool contract;         /* run once for each flavour and engine */
    unsigned timeout_s;    /* 0: the default */
    struct harness_test *next;
} harness_test;

/* What the harness calls after a test of a program that uses the library. */
typedef apm_error harness_cleanup(int timeout_ms);

void harness_register(harness_test *test);

/* `cleanup` is apm_cleanup, or NULL for a program that does not use the library. */
int harness_main(int argc, char **argv, harness_cleanup *cleanup);

#define HARNESS_DEFINE(test_name, is_contract, timeout)                                                          \
    static void test_##test_name(void);                                                                          \
    __attribute__((constructor)) static void register_##test_name(void)                                          \
    {                                                                                                            \
        static harness_test entry = {#test_name, test_##test_name, is_contract, timeout, NULL};                  \
        harness_register(&entry);                                                                                \
    }                                                                                                            \
    static void test_##test_name(void)

#define TEST(test_name) HARNESS_DEFINE(test_name, false, 0)
#define TEST_WITH_TIMEOUT(test_name, seconds) HARNESS_DEFINE(test_name, false, seconds)

/* A test that runs once for each of {callback, wait, poll} x {epoll, poll}. */
#define CONTRACT_TEST(test_name) HARNESS_DEFINE(test_name, true, 0)
#define CONTRACT_TEST_WITH_TIMEOUT(test_name, seconds) HARNESS_DEFINE(test_name, true, seconds)

/* The main function of a test program that does not use the library as a whole. */
#define TEST_MAIN()                               \
    int main(int argc, char **argv)               \
    {                                             \
        return harness_main(argc, argv, NULL);    \
    }

/*
 * The main function of a test program that uses the library: after each test apm_cleanup has to succeed and to leave
 * no descriptor behind. The program includes apm/apm.h.
 */
#define LIBRARY_TEST_MAIN()                              \
    int main(int argc, char **argv)                      \
    {                                                    \
        return harness_main(argc, argv, apm_cleanup);    \
    }

/* -- Checks: the first that fails prints where and ends the process with status 1, on whatever thread it runs ----- */

_Noreturn void harness_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void harness_check_equal(const char *file, int line, const char *actual_text, const char *expected_text,
                         intmax_t actual, intmax_t expected);
void harness_check_string(const char *file, int line, const char *actual_text, const char *actual,
                          const char *expected);
void harness_check_error(const char *file, int line, const char *actual_text, apm_error actual, apm_error expected,
                         const char *(*name)(apm_error));

#define CHECK(expression)                                                           \
    do {                                                                            \
        if (!(expression)) {                                                        \
            harness_fail(__FILE__, __LINE__, "CHECK(%s)", #expression);             \
        }                                                                           \
    } while (0)

/* Integers of any type, both printed when they differ. */
#define CHECK_EQ(actual, expected)                                                                       \
    harness_check_equal(__FILE__, __LINE__, #actual, #expected, (intmax_t)(actual), (intmax_t)(expected))

#define CHECK_STR(actual, expected) harness_check_string(__FILE__, __LINE__, #actual, actual, expected)

#define CHECK_SUCCESS(actual) CHECK_ERROR(actual, APM_ERROR_SUCCESS)
#define CHECK_ERROR(actual, expected) \
    harness_check_error(__FILE__, __LINE__, #actual, actual, expected, apm_error_name)

/* Ends the test as not run, for a reason that is printed. */
#define SKIP(...) harness_skip(__VA_ARGS__)

/* -- What the environment asks for ------------------------------------------------------------------------------- */

/* The flavour of this run of a contract test; HARNESS_FLAVOUR_CALLBACK in other tests. */
harness_flavour harness_get_flavour(void);

/* `amount` scaled by APM_TEST_SCALE, at least 1. */
size_t harness_scaled(size_t amount);

/* The seed of this test, printed at first use. */
uint64_t harness_seed(void);

/* The next number of the sequence that `state`, at first a seed, stands for (SplitMix64). */
uint64_t harness_random(uint64_t *state);

/* Milliseconds and microseconds of the monotonic clock. */
int64_t harness_now_ms(void);
int64_t harness_now_us(void);

/* How many descriptors this process has open. */
size_t harness_open_descriptors(void);

#endif
