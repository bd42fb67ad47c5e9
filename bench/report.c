/*
 * Owns the output format. Keys and texts are the program's own words, so nothing needs escaping.
 */
#include "report.h"

#include <inttypes.h>

struct report report_begin(FILE *file, bool json)
{
    if (json)
        fputc('{', file);
    return (struct report){.file = file, .json = json, .empty = true};
}

static void write_key(struct report *report, const char *key)
{
    if (!report->empty)
        fputs(report->json ? ", " : " ", report->file);
    report->empty = false;
    fprintf(report->file, report->json ? "\"%s\": " : "%s=", key);
}

void report_text(struct report *report, const char *key, const char *value)
{
    write_key(report, key);
    fprintf(report->file, report->json ? "\"%s\"" : "%s", value);
}

void report_count(struct report *report, const char *key, uint64_t value)
{
    write_key(report, key);
    fprintf(report->file, "%" PRIu64, value);
}

void report_number(struct report *report, const char *key, double value)
{
    write_key(report, key);
    fprintf(report->file, "%.3f", value);
}

void report_errors(struct report *report, const struct tally *errors)
{
    report_count(report, "errors", errors->total);
    for (uint32_t i = 0; i < errors->kinds; i++) {
        char key[96];
        snprintf(key, sizeof key, "error_%s_%s", errors->entries[i].operation, errors->entries[i].name);
        report_count(report, key, errors->entries[i].count);
    }
}

void report_end(struct report *report)
{
    fputs(report->json ? "}\n" : "\n", report->file);
    fflush(report->file);
}
