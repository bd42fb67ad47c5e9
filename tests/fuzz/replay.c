/*
 * The main function of a target where there is no libFuzzer: calls it with every input of a corpus, and with inputs
 * made of them at random, so that each `./check` with any compiler does a little of what the fuzzer does at length.
 *
 *     fuzz_ip_address NAME.corpus [number of mutations]
 *
 * A corpus is a text file with an input a line, written as tests/fuzz/corpus.py says.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { SIZE_LIMIT = 4096 };

struct inputs {
    uint8_t **bytes;
    size_t *sizes;
    size_t count;
};

static uint64_t random_state;

/* What is being tried, as a line of the corpus. */
static char current[4 * 2 * SIZE_LIMIT + 2];
static size_t current_length;

static void note_input(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    current_length = 0;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] > ' ' && bytes[i] < 127 && bytes[i] != '\\') {
            current[current_length++] = (char)bytes[i];
        } else {
            current[current_length++] = '\\';
            current[current_length++] = 'x';
            current[current_length++] = digits[bytes[i] >> 4];
            current[current_length++] = digits[bytes[i] & 15];
        }
    }
    current[current_length++] = '\n';
}

/* After a check that does not hold, an assertion of the library, or an address that there is not. */
static void show_input(int signal_number)
{
    static const char text[] = "the input was ";
    struct sigaction usual = {.sa_handler = SIG_DFL};
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

    written = written < 0 ? written : write(STDERR_FILENO, current, current_length);
    (void)written;
    sigaction(signal_number, &usual, NULL);
    raise(signal_number);
}

static void show_input_of_a_find(void)
{
    struct sigaction shown = {.sa_handler = show_input};

    sigaction(SIGABRT, &shown, NULL);
    sigaction(SIGSEGV, &shown, NULL);
}

/* SplitMix64 */
static uint64_t random_number(void)
{
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15U;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
    return mixed ^ mixed >> 31;
}

static size_t unescape(const char *line, uint8_t *bytes)
{
    size_t size = 0;

    while (*line != '\0' && *line != '\n' && size < SIZE_LIMIT) {
        unsigned value = (unsigned char)*line;
        size_t taken = 1;

        if (line[0] == '\\' && line[1] == 'x' && sscanf(line + 2, "%2x", &value) == 1) {
            taken = 4;
        }
        bytes[size++] = (uint8_t)value;
        line += taken;
    }
    return size;
}

static struct inputs read_corpus(const char *path)
{
    FILE *file = fopen(path, "r");
    struct inputs inputs = {NULL, NULL, 0};
    char *line = NULL;
    size_t room = 0;

    if (file == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(2);
    }
    while (getline(&line, &room, file) > 0) {
        inputs.bytes = realloc(inputs.bytes, (inputs.count + 1) * sizeof *inputs.bytes);
        inputs.sizes = realloc(inputs.sizes, (inputs.count + 1) * sizeof *inputs.sizes);
        FUZZ_CHECK(inputs.bytes != NULL && inputs.sizes != NULL);
        inputs.bytes[inputs.count] = malloc(SIZE_LIMIT);
        FUZZ_CHECK(inputs.bytes[inputs.count] != NULL);
        inputs.sizes[inputs.count] = unescape(line, inputs.bytes[inputs.count]);
        inputs.count++;
    }
    free(line);
    fclose(file);
    return inputs;
}

/* Calls the target with the bytes in memory of exactly their size. */
static void try_input(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + (size == 0));

    FUZZ_CHECK(exact != NULL);
    memcpy(exact, bytes, size);
    note_input(bytes, size);
    (void)FUZZ_TARGET(exact, size);
    free(exact);
}

/* The beginning of one input and the end of another, with a few bytes changed. */
static void try_mutation(const struct inputs *inputs)
{
    uint8_t bytes[2 * SIZE_LIMIT];
    size_t first = random_number() % inputs->count;
    size_t second = random_number() % inputs->count;
    size_t head = random_number() % (inputs->sizes[first] + 1);
    size_t from = random_number() % (inputs->sizes[second] + 1);
    size_t size = head + inputs->sizes[second] - from;

    memcpy(bytes, inputs->bytes[first], head);
    memcpy(bytes + head, inputs->bytes[second] + from, size - head);
    for (uint64_t changes = random_number() % 4; changes > 0 && size > 0; changes--) {
        bytes[random_number() % size] = (uint8_t)random_number();
    }
    try_input(bytes, size);
}

int main(int argc, char **argv)
{
    const char *seed = getenv("APM_TEST_SEED");
    struct inputs inputs;
    size_t mutations;

    if (argc < 2) {
        fprintf(stderr, "usage: %s corpus [number of mutations]\n", argv[0]);
        return 2;
    }
    show_input_of_a_find();
    inputs = read_corpus(argv[1]);
    mutations = argc > 2 && inputs.count > 0 ? strtoul(argv[2], NULL, 10) : 0;
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("seed %" PRIu64 ", %zu inputs and %zu mutations of them\n", random_state, inputs.count, mutations);
    fflush(stdout);
    for (size_t i = 0; i < inputs.count; i++) {
        try_input(inputs.bytes[i], inputs.sizes[i]);
    }
    for (size_t i = 0; i < mutations; i++) {
        try_mutation(&inputs);
    }
    for (size_t i = 0; i < inputs.count; i++) {
        free(inputs.bytes[i]);
    }
    free(inputs.bytes);
    free(inputs.sizes);
    if (apm_cleanup(60000) != APM_ERROR_SUCCESS) {
        fprintf(stderr, "apm_cleanup does not end\n");
        return 1;
    }
    return inputs.count > 0 ? 0 : 1;
}
