/*
 * The idle run: what open connections with nothing to do cost the server.
 */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include "options.h"

/* Measures, prints the figures and returns the process's exit status. */
int idle_run(const struct options *options);

#endif
