/*
 * Owns the output formats. The figures are listed once, in collect; each format writes that list.
 */
#define _GNU_SOURCE 1
#include "load_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command_line.h"
#include "load.h"
#include "load_tls.h"

#define ITEMS_MOST 48

/* One figure. `text` is NULL for a number, which is whole if `is_whole`. */
struct item {
    const char *key;
    const char *text;
    double number;
    bool is_whole;
};

struct items {
    size_t count;
    struct item list[ITEMS_MOST];
};

static const struct {
    const char *key;
    const char *label;
    double percentile;
} percentiles[] = {{"p50_us", "50 %", 50}, {"p75_us", "75 %", 75},      {"p90_us", "90 %", 90},
                   {"p99_us", "99 %", 99}, {"p999_us", "99.9 %", 99.9}, {"p9999_us", "99.99 %", 99.99}};

#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static const char *kind_name(void)
{
    switch (load.options.kind) {
    case LOAD_ECHO: return "echo";
    case LOAD_REPLY: return "reply";
    case LOAD_TEXT: return "text";
    default: return "http";
    }
}

static bool is_open_loop(void)
{
    return load.options.rate > 0;
}

/* -- The list of figures ------------------------------------------------------------------------------------------ */

static void add_text(struct items *items, const char *key, const char *text)
{
    items->list[items->count++] = (struct item){.key = key, .text = text};
}

static void add_count(struct items *items, const char *key, uint64_t value)
{
    items->list[items->count++] = (struct item){.key = key, .number = (double)value, .is_whole = true};
}

static void add_number(struct items *items, const char *key, double value)
{
    items->list[items->count++] = (struct item){.key = key, .number = value};
}

static void collect(struct items *items, const struct load_outcome *outcome)
{
    const struct load_options *options = &load.options;
    const struct load_counts *start = &outcome->start.counts;
    const struct load_counts *end = &outcome->end.counts;
    double window_s = (double)(outcome->end.time_ns - outcome->start.time_ns) / 1e9;
    uint64_t answers = end->answers - start->answers;
    double cpu_us = (double)(outcome->end.cpu_ns - outcome->start.cpu_ns) / 1e3;

    add_text(items, "target", options->target_text);
    add_text(items, "kind", kind_name());
    add_text(items, "loop", is_open_loop() ? "open" : "closed");
    add_count(items, "connections", options->connections);
    add_count(items, "depth", options->depth);
    add_count(items, "threads", options->threads);
    add_count(items, "request_bytes", options->size);
    add_count(items, "response_bytes", options->kind == LOAD_HTTP ? 0 : options->reply_bytes);
    add_number(items, "rate_per_s", options->rate);
    add_number(items, "window_s", window_s);
    add_count(items, "answers", answers);
    add_number(items, "answers_per_s", (double)answers / window_s);
    add_number(items, "sent_bytes_per_s", (double)(end->sent_bytes - start->sent_bytes) / window_s);
    add_number(items, "received_bytes_per_s", (double)(end->received_bytes - start->received_bytes) / window_s);
    add_number(items, "mean_us", histogram_mean_ns(&outcome->latency) / 1e3);
    for (size_t i = 0; i < PERCENTILES; i++)
        add_number(items, percentiles[i].key,
                   (double)histogram_percentile_ns(&outcome->latency, percentiles[i].percentile) / 1e3);
    add_number(items, "max_us", (double)outcome->latency.largest_ns / 1e3);
    add_number(items, "late_p99_us", (double)histogram_percentile_ns(&outcome->lateness, 99) / 1e3);
    add_number(items, "late_max_us", (double)outcome->lateness.largest_ns / 1e3);
    add_count(items, "unsent", outcome->unsent);
    add_count(items, "reconnects", end->reconnects - start->reconnects);
    add_text(items, "tls", tls_agreement());
    add_count(items, "full_handshakes", end->full_handshakes - start->full_handshakes);
    add_count(items, "resumed_handshakes", end->resumed_handshakes - start->resumed_handshakes);
    add_number(items, "load_cpu_us_per_answer", cpu_us / (answers == 0 ? 1.0 : (double)answers));
    add_number(items, "load_busy_percent", 100.0 * cpu_us / 1e6 / window_s);
    add_count(items, "errors", outcome->errors.total);
}

/* -- JSON and CSV ------------------------------------------------------------------------------------------------- */

static void write_json_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(file, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, file);
    }
    fputc('"', file);
}

static void write_number(FILE *file, const struct item *item)
{
    fprintf(file, item->is_whole ? "%.0f" : "%.3f", item->number);
}

static void write_json(FILE *file, const struct items *items, const struct tally *errors)
{
    fputc('{', file);
    for (size_t i = 0; i < items->count; i++) {
        fprintf(file, "\"%s\": ", items->list[i].key);
        if (items->list[i].text != NULL)
            write_json_text(file, items->list[i].text);
        else
            write_number(file, &items->list[i]);
        fputs(", ", file);
    }
    fputs("\"error_names\": {", file);
    for (uint32_t i = 0; i < errors->kinds; i++)
        fprintf(file, "%s\"%s.%s\": %" PRIu64, i == 0 ? "" : ", ", errors->entries[i].operation,
                errors->entries[i].name, errors->entries[i].count);
    fputs("}}\n", file);
}

static void write_csv_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

/* A line of names and a line of values; the names of errors are in one field. */
static void write_csv(FILE *file, const struct items *items, const struct tally *errors)
{
    for (size_t i = 0; i < items->count; i++)
        fprintf(file, "%s,", items->list[i].key);
    fputs("error_names\n", file);
    for (size_t i = 0; i < items->count; i++) {
        if (items->list[i].text != NULL)
            write_csv_text(file, items->list[i].text);
        else
            write_number(file, &items->list[i]);
        fputc(',', file);
    }
    fputc('"', file);
    for (uint32_t i = 0; i < errors->kinds; i++)
        fprintf(file, "%s%s.%s=%" PRIu64, i == 0 ? "" : " ", errors->entries[i].operation, errors->entries[i].name,
                errors->entries[i].count);
    fputs("\"\n", file);
}

/* -- Text --------------------------------------------------------------------------------------------------------- */

static const char *format_time(double nanoseconds, char text[static 32])
{
    if (nanoseconds < 1e6)
        snprintf(text, 32, "%.1f us", nanoseconds / 1e3);
    else if (nanoseconds < 1e9)
        snprintf(text, 32, "%.2f ms", nanoseconds / 1e6);
    else
        snprintf(text, 32, "%.2f s", nanoseconds / 1e9);
    return text;
}

static void write_text(FILE *file, const struct load_outcome *outcome)
{
    const struct load_options *options = &load.options;
    const struct load_counts *start = &outcome->start.counts;
    const struct load_counts *end = &outcome->end.counts;
    double window_s = (double)(outcome->end.time_ns - outcome->start.time_ns) / 1e9;
    uint64_t answers = end->answers - start->answers;
    double cpu_s = (double)(outcome->end.cpu_ns - outcome->start.cpu_ns) / 1e9;
    char text[32];

    fprintf(file, "%s of %s: %u connections, depth %u, %u threads, ", kind_name(), options->target_text,
            options->connections, options->depth, options->threads);
    if (is_open_loop())
        fprintf(file, "open loop of %.6g a second, ", options->rate);
    fprintf(file, "%.2f s after %.2f s of warm-up\n\n", window_s, (double)options->warmup_ns / 1e9);
    fprintf(file, "answers     %" PRIu64 ", %.1f a second\n", answers, (double)answers / window_s);
    fprintf(file, "bytes       %.3f MiB/s sent, %.3f MiB/s received\n",
            (double)(end->sent_bytes - start->sent_bytes) / window_s / 1048576,
            (double)(end->received_bytes - start->received_bytes) / window_s / 1048576);
    fprintf(file, "latency     %s mean\n", format_time(histogram_mean_ns(&outcome->latency), text));
    for (size_t i = 0; i < PERCENTILES; i++)
        fprintf(file, "  %-9s %s\n", percentiles[i].label,
                format_time((double)histogram_percentile_ns(&outcome->latency, percentiles[i].percentile), text));
    fprintf(file, "  largest   %s\n", format_time((double)outcome->latency.largest_ns, text));
    if (is_open_loop()) {
        fprintf(file, "sent late   %s at 99 %%, ",
                format_time((double)histogram_percentile_ns(&outcome->lateness, 99), text));
        fprintf(file, "%s at most; %" PRIu64 " never sent\n", format_time((double)outcome->lateness.largest_ns, text),
                outcome->unsent);
    }
    if (end->reconnects > start->reconnects)
        fprintf(file, "reconnects  %" PRIu64 "\n", end->reconnects - start->reconnects);
    if (options->target.is_tls) {
        uint64_t full = end->full_handshakes - start->full_handshakes;
        uint64_t resumed = end->resumed_handshakes - start->resumed_handshakes;
        fprintf(file, "TLS         %s\n", tls_agreement());
        fprintf(file, "handshakes  %" PRIu64 " full, %" PRIu64 " resumed, %.1f a second\n", full, resumed,
                (double)(full + resumed) / window_s);
    }
    fprintf(file, "own CPU     %.2f us an answer, %.0f %% of a processor\n",
            cpu_s * 1e6 / (answers == 0 ? 1.0 : (double)answers), 100 * cpu_s / window_s);
    fprintf(file, "errors      %" PRIu64 "\n", outcome->errors.total);
    for (uint32_t i = 0; i < outcome->errors.kinds; i++)
        fprintf(file, "  %-9s %s: %" PRIu64 "\n", outcome->errors.entries[i].operation, outcome->errors.entries[i].name,
                outcome->errors.entries[i].count);
}

/* -- The distribution --------------------------------------------------------------------------------------------- */

/* The text that HdrHistogram's tools write and plot: value in microseconds, share, count up to it, 1/(1-share). */
static void write_percentiles(FILE *file, const struct histogram *histogram)
{
    uint64_t seen = 0;

    fprintf(file, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        double share;
        if (histogram->buckets[bucket] == 0)
            continue;
        seen += histogram->buckets[bucket];
        share = (double)seen / (double)histogram->count;
        fprintf(file, "%12.3f %2.12f %10" PRIu64, (double)histogram_bucket_ns(histogram, bucket) / 1e3, share, seen);
        if (seen < histogram->count)
            fprintf(file, " %14.2f\n", 1 / (1 - share));
        else
            fputs("            inf\n", file);
    }
    fprintf(file, "#[Mean    = %12.3f, Max = %12.3f]\n#[Count   = %12" PRIu64 "]\n", histogram_mean_ns(histogram) / 1e3,
            (double)histogram->largest_ns / 1e3, histogram->count);
}

/* Opens a file, or standard output for NULL. NULL, with a message, if that fails. */
static FILE *open_output(const char *path)
{
    FILE *file = path == NULL ? stdout : fopen(path, "w");

    if (file == NULL)
        fprintf(stderr, "%s: %s: %s\n", command_line_program(), path, strerror(errno));
    return file;
}

static bool close_output(FILE *file, const char *path)
{
    bool is_written = fflush(file) == 0 && !ferror(file);

    if (file != stdout && fclose(file) != 0)
        is_written = false;
    if (!is_written)
        fprintf(stderr, "%s: %s: cannot be written\n", command_line_program(), path == NULL ? "standard output" : path);
    return is_written;
}

static bool progress_is_shown;

bool report(const struct load_outcome *outcome)
{
    const struct load_options *options = &load.options;
    struct items items = {0};
    FILE *file;

    if (progress_is_shown)
        fputs("\r\033[K", stderr);
    if (options->percentiles != NULL) {
        file = open_output(options->percentiles);
        if (file == NULL)
            return false;
        write_percentiles(file, &outcome->latency);
        if (!close_output(file, options->percentiles))
            return false;
    }
    file = open_output(options->output);
    if (file == NULL)
        return false;
    collect(&items, outcome);
    switch (options->format) {
    case LOAD_FORMAT_TEXT: write_text(file, outcome); break;
    case LOAD_FORMAT_JSON: write_json(file, &items, &outcome->errors); break;
    case LOAD_FORMAT_CSV: write_csv(file, &items, &outcome->errors); break;
    }
    return close_output(file, options->output);
}

void report_progress(uint64_t elapsed_ns, uint64_t open)
{
    static uint64_t answers;
    static uint64_t shown_ns;
    struct load_counts counts;

    if (load.options.quiet || !isatty(STDERR_FILENO))
        return;
    counts = figures_counts();
    fprintf(stderr, "\r%6.1f s  %10.0f answers/s  %" PRIu64 " open  %" PRIu64 " errors\033[K", (double)elapsed_ns / 1e9,
            (double)(counts.answers - answers) * 1e9 / (double)(elapsed_ns - shown_ns), open, figures_errors().total);
    answers = counts.answers;
    shown_ns = elapsed_ns;
    progress_is_shown = true;
}
