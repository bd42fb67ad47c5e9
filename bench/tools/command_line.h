/*
 * What the command lines of the installed tools have in common: numbers with units, and how a mistake is reported.
 * Single threaded: everything here is called before a tool starts its work.
 */
#ifndef BENCH_TOOLS_COMMAND_LINE_H
#define BENCH_TOOLS_COMMAND_LINE_H

#include <stddef.h>
#include <stdint.h>

/* The exit status of a tool: 0 all is well, 1 it ran and something went wrong, 2 wrong arguments. */
#define EXIT_USAGE 2

/* Says which program speaks in messages. The string is borrowed for good. */
void command_line_start(const char *program);
const char *command_line_program(void);

/* Prints "program: message" and where the help is, and exits with EXIT_USAGE. */
_Noreturn void command_line_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "program: message" and exits with EXIT_FAILURE. */
_Noreturn void command_line_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "250", "10k" (10,000), "2m" (2,000,000). Refuses what is no such number, or not in the range. */
uint64_t parse_count(const char *option, const char *text, uint64_t least, uint64_t most);

/* "512", "16k" (16,384), "1m" (1,048,576) bytes. */
uint64_t parse_size(const char *option, const char *text, uint64_t least, uint64_t most);

/* "10", "0.5s", "200ms", "50us", "2m", "1h"; seconds where no unit is given. The result is in nanoseconds. */
uint64_t parse_duration_ns(const char *option, const char *text, uint64_t least_ns, uint64_t most_ns);

/*
 * Reads \r, \n, \t, \0, \\, \" and \xHH as C does, in place; returns the number of bytes, which may include zeros, and
 * refuses other escapes.
 */
size_t parse_escapes(const char *option, char *text);

#endif
