/*
 * The main program of every peer in C and C++ of the pool benchmark: command line, and which cells are run.
 */
#define _GNU_SOURCE 1
#include "pool_cells.h"
#include "pool_count.h"
#include "pool_measure.h"
#include "pool_mix.h"
#include "pool_peer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define WORKERS_MOST 1024

struct options {
    int workers;
    const char *what; /* null: every cell that has a line of its own */
    double seconds;   /* 0: what is usual */
    double warmup_s;
};

static _Noreturn void refuse(void)
{
    fprintf(stderr,
            "usage: %s workers [CELL | mix | blocking] [option]...\n"
            "Prints a line `cell ns_per_item cpu_ns_per_item` for each cell, or `cell figure value` for mix and\n"
            "blocking. Exit status: 0, 1 if an item was lost or ran twice, 2 for wrong arguments.\n"
            "  --seconds S  measured time of a cell (default 0.5, mix 5), or the limit of each part of blocking (40)\n"
            "  --warmup S   unmeasured time before it (0.3)\n"
            "  --batch N    items that a producer queues before they are waited for (500000)\n"
            "  --limit S    how long to wait for items that do not come (60)\n",
            pool_peer.program);
    fprintf(stderr, "cells:");
    for (size_t i = 0; i < pool_cell_count; i++)
        if (pool_cells[i].is_there == NULL || pool_cells[i].is_there())
            fprintf(stderr, " %s", pool_cells[i].name);
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

static double parse_number(const char *text, double least, double most)
{
    char *end;
    double number;

    errno = 0;
    number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(number >= least && number <= most))
        refuse();
    return number;
}

static struct options parse(int argument_count, char **arguments)
{
    static const struct option long_options[] = {
        {"batch", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},
        {"limit", required_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.warmup_s = 0.3};
    int letter;

    while ((letter = getopt_long(argument_count, arguments, "", long_options, NULL)) != -1) {
        if (letter == 's')
            options.seconds = parse_number(optarg, 0.001, 3600);
        else if (letter == 'w')
            options.warmup_s = parse_number(optarg, 0.001, 3600);
        else if (letter == 'b')
            pool_batch_items = (uint64_t)parse_number(optarg, 1, POOL_BATCH_ITEMS_MOST);
        else if (letter == 'l')
            pool_count_limit_ns = (uint64_t)(parse_number(optarg, 0.001, 3600) * 1e9);
        else
            refuse();
    }
    if (optind >= argument_count || optind + 2 < argument_count)
        refuse();
    options.workers = (int)parse_number(arguments[optind], 1, WORKERS_MOST);
    if (optind + 1 < argument_count)
        options.what = arguments[optind + 1];
    return options;
}

static void run_cells(const struct options *options)
{
    bool found = false;

    for (size_t i = 0; i < pool_cell_count; i++) {
        const struct pool_cell *cell = &pool_cells[i];
        if (options->what != NULL && strcmp(options->what, cell->name) != 0)
            continue;
        if (cell->is_there != NULL && !cell->is_there())
            continue;
        if (!found)
            pool_start(options->workers, true);
        found = true;
        pool_measure(cell, options->seconds > 0 ? options->seconds : 0.5, options->warmup_s);
    }
    if (!found)
        refuse();
}

int main(int argument_count, char **arguments)
{
    struct options options = parse(argument_count, arguments);
    bool is_mix = options.what != NULL && strcmp(options.what, "mix") == 0;
    bool is_blocking = options.what != NULL && strcmp(options.what, "blocking") == 0;

    if (is_mix && pool_peer.has_mix) {
        pool_start(options.workers, false);
        pool_warm_up(&pool_cells[0], options.warmup_s);
        pool_mix(options.workers, options.seconds > 0 ? options.seconds : 5);
    } else if (is_blocking && pool_peer.blocking != NULL) {
        pool_peer.blocking(options.workers, options.seconds > 0 ? options.seconds : 40);
    } else {
        run_cells(&options);
    }
    pool_count_wait(0, 0);
    fflush(stdout);
    /* The pools' threads still run; nothing of theirs is to be taken down under them. */
    _Exit(0);
}
