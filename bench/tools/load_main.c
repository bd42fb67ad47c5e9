/*
 * apm-load: a load generator that checks what comes back.
 */
#include "command_line.h"
#include "descriptors.h"
#include "load.h"
#include "pattern.h"

/* Descriptors that are not connections: standard streams, pollers, files. */
#define OTHER_DESCRIPTORS 32

int main(int argument_count, char **arguments)
{
    uint64_t descriptors;

    command_line_start("apm-load");
    load.options = load_options_parse(argument_count, arguments);
    descriptors = descriptors_raise_limit();
    if (descriptors < load.options.connections + OTHER_DESCRIPTORS)
        command_line_fail("only %llu descriptors are allowed; raise the hard limit (ulimit -Hn)",
                          (unsigned long long)descriptors);
    pattern_init();
    return load_run();
}
