/*
 * What the fuzz targets share. A target is one function, FUZZ_TARGET, that libFuzzer calls with bytes of its choice;
 * without libFuzzer the program's main is that of replay.c, which calls it with a corpus. See README.md.
 *
 * A target leaves nothing behind: what it begins it ends, so that every call begins from the same state.
 */
#ifndef APM_TESTS_FUZZ_H
#define APM_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/apm.h"

/* The name that libFuzzer looks for. */
#define FUZZ_TARGET LLVMFuzzerTestOneInput
int FUZZ_TARGET(const uint8_t *bytes, size_t size);

/* Ends the process as a find, on whatever thread it runs. */
_Noreturn void fuzz_fail(const char *file, int line, const char *text);

#define FUZZ_CHECK(expression)                          \
    do {                                                \
        if (!(expression)) {                            \
            fuzz_fail(__FILE__, __LINE__, #expression); \
        }                                               \
    } while (0)

/* Like FUZZ_CHECK; prints the error's name. */
#define FUZZ_SUCCESS(expression) fuzz_success(__FILE__, __LINE__, #expression, expression)
void fuzz_success(const char *file, int line, const char *text, apm_error error);

/* -- Reading the bytes of an input as values; behind their end there are zeros ------------------------------------- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *input);
uint32_t fuzz_number(struct fuzz_input *input); /* of two bytes */
uint64_t fuzz_word(struct fuzz_input *input);   /* of eight bytes */

/* -- Texts --------------------------------------------------------------------------------------------------------- */

/* A part of an input in memory of its own size, so that a sanitizer sees each read beyond it. */
struct fuzz_text {
    char *exact;      /* `length` characters without a zero */
    char *terminated; /* the same up to the first zero, and a zero */
    size_t length;
};

/* Takes the text up to the next line end, which is left out, or all that is left. */
struct fuzz_text fuzz_text_take(struct fuzz_input *input);
void fuzz_text_free(struct fuzz_text *text);

/* Whether no character of the text is a zero, so that both forms are the same. */
bool fuzz_text_is_plain(const struct fuzz_text *text);

#endif
