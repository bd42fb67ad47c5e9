/*
 * Owns the reading of numbers and the wording of complaints.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"

static const char *program_name = "apm";

void command_line_start(const char *program)
{
    program_name = program;
}

const char *command_line_program(void)
{
    return program_name;
}

void command_line_refuse(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", program_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry '%s --help'.\n", program_name);
    exit(EXIT_USAGE);
}

void command_line_fail(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", program_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

/* A whole number with one of the letters k, m and g, each of which is `step` times the one before. */
static uint64_t parse_whole(const char *option, const char *text, uint64_t step, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t value;
    uint64_t factor = 1;

    errno = 0;
    value = strtoull(text, &end, 10);
    switch (tolower((unsigned char)*end)) {
    case 'k': factor = step, end++; break;
    case 'm': factor = step * step, end++; break;
    case 'g': factor = step * step * step, end++; break;
    default: break;
    }
    if (errno != 0 || !isdigit((unsigned char)*text) || *end != '\0' || value > UINT64_MAX / factor ||
        value * factor < least || value * factor > most)
        command_line_refuse("%s: '%s' is not a number from %llu to %llu", option, text, (unsigned long long)least,
                            (unsigned long long)most);
    return value * factor;
}

uint64_t parse_count(const char *option, const char *text, uint64_t least, uint64_t most)
{
    return parse_whole(option, text, 1000, least, most);
}

uint64_t parse_size(const char *option, const char *text, uint64_t least, uint64_t most)
{
    return parse_whole(option, text, 1024, least, most);
}

uint64_t parse_duration_ns(const char *option, const char *text, uint64_t least_ns, uint64_t most_ns)
{
    static const struct {
        const char *unit;
        double nanoseconds;
    } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"h", 3600e9}};
    char *end = NULL;
    double number = isdigit((unsigned char)*text) || *text == '.' ? strtod(text, &end) : NAN;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (end == NULL || end == text || strcmp(end, units[i].unit) != 0)
            continue;
        number *= units[i].nanoseconds;
        if (number >= (double)least_ns && number <= (double)most_ns)
            return (uint64_t)number;
        command_line_refuse("%s: '%s' is not from %g to %g seconds", option, text, (double)least_ns / 1e9,
                            (double)most_ns / 1e9);
    }
    command_line_refuse("%s: '%s' is no time; say for example 10, 500ms or 2m", option, text);
}

static int hexadecimal(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, tolower((unsigned char)digit));

    return found == NULL ? -1 : (int)(found - digits);
}

size_t parse_escapes(const char *option, char *text)
{
    static const char letters[] = "rnt0\\\"";
    static const char meanings[] = "\r\n\t\0\\\"";
    size_t size = 0;

    for (const char *from = text; *from != '\0'; size++) {
        const char *letter;
        if (*from != '\\') {
            text[size] = *from++;
        } else if (from[1] == 'x' && hexadecimal(from[2]) >= 0 && hexadecimal(from[3]) >= 0) {
            text[size] = (char)(hexadecimal(from[2]) * 16 + hexadecimal(from[3]));
            from += 4;
        } else if (from[1] != '\0' && (letter = strchr(letters, from[1])) != NULL) {
            text[size] = meanings[letter - letters];
            from += 2;
        } else {
            command_line_refuse("%s: '%.4s' is no escape; there are \\r \\n \\t \\0 \\\\ \\\" and \\xHH", option, from);
        }
    }
    return size;
}
