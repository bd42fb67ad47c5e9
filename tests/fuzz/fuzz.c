/*
 * Failing, and reading inputs: what the fuzz targets share.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

void fuzz_success(const char *file, int line, const char *text, apm_error error)
{
    if (error != APM_ERROR_SUCCESS) {
        fprintf(stderr, "%s is %s\n", text, apm_error_name(error));
        fuzz_fail(file, line, text);
    }
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

uint32_t fuzz_number(struct fuzz_input *input)
{
    uint32_t high = fuzz_byte(input);

    return high << 8 | fuzz_byte(input);
}

uint64_t fuzz_word(struct fuzz_input *input)
{
    uint64_t word = 0;

    for (int i = 0; i < 4; i++) {
        word = word << 16 | fuzz_number(input);
    }
    return word;
}

static void *allocate(size_t size)
{
    void *block = malloc(size);

    FUZZ_CHECK(block != NULL);
    return block;
}

struct fuzz_text fuzz_text_take(struct fuzz_input *input)
{
    const uint8_t *end = input->left == 0 ? NULL : memchr(input->at, '\n', input->left);
    struct fuzz_text text = {.length = end == NULL ? input->left : (size_t)(end - input->at)};

    /* Of no bytes at all there is no memory that may be read. */
    text.exact = allocate(text.length);
    text.terminated = allocate(text.length + 1);
    if (text.length > 0) {
        memcpy(text.exact, input->at, text.length);
        memcpy(text.terminated, input->at, text.length);
    }
    text.terminated[text.length] = '\0';
    input->at += text.length + (end == NULL ? 0 : 1);
    input->left -= text.length + (end == NULL ? 0 : 1);
    return text;
}

void fuzz_text_free(struct fuzz_text *text)
{
    free(text->exact);
    free(text->terminated);
}

bool fuzz_text_is_plain(const struct fuzz_text *text)
{
    return strlen(text->terminated) == text->length;
}
