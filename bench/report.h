/*
 * Writes a run's figures as one line: key=value pairs, or one JSON object with the same keys.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "tally.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct report {
    FILE *file;
    bool json;
    bool empty; /* nothing written yet, so no separator is due */
};

struct report report_begin(FILE *file, bool json);
void report_text(struct report *report, const char *key, const char *value);
void report_count(struct report *report, const char *key, uint64_t value);
void report_number(struct report *report, const char *key, double value);

/* "errors" with the total, then "error_OPERATION_NAME" for each kind. */
void report_errors(struct report *report, const struct tally *errors);

/* Ends the line. */
void report_end(struct report *report);

#endif
