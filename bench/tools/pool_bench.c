/*
 * apm-pool-bench: what giving work to the library's pool costs on this machine.
 *
 * The cells are those of bench/pool_main.c, with the same code. Each is run in a child process of its own, with a pool
 * that begins anew, as often as there are rounds; the cells take turns, so that slow changes of the machine meet them
 * all. A child prints lines, which this process, in which the library is never used, gathers and sums up.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apm/version.h>

#include "command_line.h"
#include "pool_apm_blocking.h"
#include "pool_cells.h"
#include "pool_count.h"
#include "pool_measure.h"
#include "pool_mix.h"
#include "pool_peer.h"

#define CELLS_MOST 32
#define FIGURES_MOST 128
#define ROUNDS_MOST 1000
#define NAME_SIZE 48

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_CSV };

struct options {
    int threads;
    int rounds;
    double seconds; /* 0: what is usual */
    double warmup_s;
    enum format format;
    const char *cells[CELLS_MOST];
    size_t cell_count;
};

/* One figure of one cell, and its values, one a round. */
struct figure {
    char cell[NAME_SIZE];
    char name[NAME_SIZE];
    double values[ROUNDS_MOST];
    int count;
};

static struct figure figures[FIGURES_MOST];
static size_t figure_count;

static const char help[] =
    "usage: apm-pool-bench [OPTION]... [CELL]...\n"
    "Measures what it costs to give work to the thread pool of apm: for each cell the time and the processor time of "
    "an\n"
    "item, in nanoseconds; the median of the rounds, with the least and the largest.\n"
    "\n"
    "  -t, --threads N      workers of the pool (default: one a processor)\n"
    "  -r, --rounds N       how often each cell is measured (default 5)\n"
    "  -s, --seconds TIME   how long a round of a cell takes (default 0.5s; mix 5s)\n"
    "  -w, --warmup TIME    unmeasured time before it (default 0.3s)\n"
    "      --batch N        items that a producer queues before they are waited for (default 500k)\n"
    "      --json, --csv    instead of text\n"
    "  -l, --list           print the names of the cells\n"
    "  -h, --help           this text\n"
    "      --version        the version\n"
    "\n"
    "Cells: one_producer, four_producers, fork_join, ping_pong, ping_pong_slim, the first three with items in memory "
    "of\n"
    "the program's (..._intrusive); mix: how long short items wait among long ones at 60 % load; blocking: how soon\n"
    "work starts while workers are blocked. Without a name all but mix and blocking, which take longer; `all` is all.\n"
    "\n"
    "Examples:\n"
    "  apm-pool-bench\n"
    "  apm-pool-bench --threads 4 --rounds 11 fork_join ping_pong\n"
    "  apm-pool-bench --csv all > pool.csv\n"
    "\n"
    "Exit status: 0 all is well, 1 an item was lost or ran twice, or a cell failed, 2 wrong arguments.\n";

static const struct option long_options[] = {
    {"threads", required_argument, NULL, 't'},
    {"rounds", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"warmup", required_argument, NULL, 'w'},
    {"batch", required_argument, NULL, 'b'},
    {"json", no_argument, NULL, 'j'},
    {"csv", no_argument, NULL, 'c'},
    {"list", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

/* -- The command line --------------------------------------------------------------------------------------------- */

static const struct pool_cell *find_cell(const char *name)
{
    for (size_t i = 0; i < pool_cell_count; i++)
        if (strcmp(pool_cells[i].name, name) == 0)
            return &pool_cells[i];
    return NULL;
}

static void add_cell(struct options *options, const char *name)
{
    if (find_cell(name) == NULL && strcmp(name, "mix") != 0 && strcmp(name, "blocking") != 0)
        command_line_refuse("'%s' is no cell; --list has their names", name);
    if (options->cell_count == CELLS_MOST)
        command_line_refuse("more than %d cells", CELLS_MOST);
    options->cells[options->cell_count++] = name;
}

static _Noreturn void list(void)
{
    for (size_t i = 0; i < pool_cell_count; i++)
        puts(pool_cells[i].name);
    puts("mix\nblocking");
    exit(EXIT_SUCCESS);
}

static double parse_seconds(const char *option, const char *text)
{
    return (double)parse_duration_ns(option, text, 1000000, 3600000000000ull) / 1e9;
}

static void parse_option(struct options *options, int letter)
{
    switch (letter) {
    case 't': options->threads = (int)parse_count("--threads", optarg, 1, 1024); break;
    case 'r': options->rounds = (int)parse_count("--rounds", optarg, 1, ROUNDS_MOST); break;
    case 's': options->seconds = parse_seconds("--seconds", optarg); break;
    case 'w': options->warmup_s = parse_seconds("--warmup", optarg); break;
    case 'b': pool_batch_items = parse_count("--batch", optarg, 1, POOL_BATCH_ITEMS_MOST); break;
    case 'j': options->format = FORMAT_JSON; break;
    case 'c': options->format = FORMAT_CSV; break;
    case 'l': list();
    case 'h': fputs(help, stdout); exit(EXIT_SUCCESS);
    case 'v': puts("apm-pool-bench " APM_VERSION_STRING); exit(EXIT_SUCCESS);
    default: fputs("Try 'apm-pool-bench --help'.\n", stderr); exit(EXIT_USAGE);
    }
}

static struct options parse(int argument_count, char **arguments)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = {.threads = processors < 1      ? 1
                                         : processors > 1024 ? 1024
                                                             : (int)processors,
                              .rounds = 5,
                              .warmup_s = 0.3};
    bool is_all = argument_count > 1 && strcmp(arguments[argument_count - 1], "all") == 0;
    int letter;

    while ((letter = getopt_long(argument_count, arguments, "t:r:s:w:lh", long_options, NULL)) != -1)
        parse_option(&options, letter);
    is_all = is_all && optind == argument_count - 1;
    if (optind == argument_count || is_all)
        for (size_t i = 0; i < pool_cell_count; i++)
            add_cell(&options, pool_cells[i].name);
    if (is_all) {
        add_cell(&options, "mix");
        add_cell(&options, "blocking");
        return options;
    }
    for (; optind < argument_count; optind++)
        add_cell(&options, arguments[optind]);
    return options;
}

/* -- One cell, in a child ----------------------------------------------------------------------------------------- */

static _Noreturn void run_cell(const struct options *options, const char *name)
{
    const struct pool_cell *cell = find_cell(name);

    if (cell != NULL) {
        pool_start(options->threads, true);
        pool_measure(cell, options->seconds > 0 ? options->seconds : 0.5, options->warmup_s);
    } else if (strcmp(name, "mix") == 0) {
        pool_start(options->threads, false);
        pool_warm_up(&pool_cells[0], options->warmup_s);
        pool_mix(options->threads, options->seconds > 0 ? options->seconds : 5);
    } else {
        pool_peer.blocking(options->threads, 40);
    }
    pool_count_wait(0, 0);
    fflush(stdout);
    /* The pool's threads still run; nothing of theirs is to be taken down under them. */
    _Exit(EXIT_SUCCESS);
}

/* -- Gathering ---------------------------------------------------------------------------------------------------- */

static void add_value(const char *cell, const char *name, double value)
{
    size_t i = 0;

    while (i < figure_count && (strcmp(figures[i].cell, cell) != 0 || strcmp(figures[i].name, name) != 0))
        i++;
    if (i == FIGURES_MOST || figures[i].count == ROUNDS_MOST)
        return;
    if (i == figure_count) {
        snprintf(figures[i].cell, NAME_SIZE, "%s", cell);
        snprintf(figures[i].name, NAME_SIZE, "%s", name);
        figure_count++;
    }
    figures[i].values[figures[i].count++] = value;
}

/* A line is `cell ns cpu_ns`, or `part figure value`, whose value is `-` where there is none. */
static void read_line(const char *line)
{
    char first[NAME_SIZE];
    char second[NAME_SIZE];
    char third[NAME_SIZE];
    char *end;
    double number;

    if (sscanf(line, "%47s %47s %47s", first, second, third) != 3 || strcmp(third, "-") == 0)
        return;
    number = strtod(second, &end);
    if (*end == '\0') {
        add_value(first, "ns_per_item", number);
        add_value(first, "cpu_ns_per_item", strtod(third, NULL));
    } else {
        add_value(first, second, strtod(third, NULL));
    }
}

/* Exits, with the child's own message before, where the cell fails. */
static void measure(const struct options *options, const char *name)
{
    char line[256];
    int ends[2];
    int status;
    pid_t child;
    FILE *lines;

    fflush(NULL);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        command_line_fail("%s: %s", name, strerror(errno));
    if (child == 0) {
        close(ends[0]);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[1]);
        run_cell(options, name);
    }
    close(ends[1]);
    lines = fdopen(ends[0], "r");
    if (lines == NULL)
        command_line_fail("%s: %s", name, strerror(errno));
    while (fgets(line, sizeof line, lines) != NULL)
        read_line(line);
    fclose(lines);
    if (waitpid(child, &status, 0) != child || status != 0)
        command_line_fail("%s: the cell failed", name);
}

/* -- Output ------------------------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(const struct figure *figure)
{
    int half = figure->count / 2;

    return figure->count % 2 == 1 ? figure->values[half] : (figure->values[half - 1] + figure->values[half]) / 2;
}

static void print_figure(enum format format, const struct figure *figure)
{
    double least = figure->values[0];
    double largest = figure->values[figure->count - 1];

    if (format == FORMAT_TEXT)
        printf("%-26s %-18s %12.1f %12.1f %12.1f\n", figure->cell, figure->name, median(figure), least, largest);
    else if (format == FORMAT_CSV)
        printf("%s,%s,%.2f,%.2f,%.2f\n", figure->cell, figure->name, median(figure), least, largest);
    else
        printf("{\"cell\": \"%s\", \"figure\": \"%s\", \"median\": %.2f, \"least\": %.2f, \"largest\": %.2f}",
               figure->cell, figure->name, median(figure), least, largest);
}

static void print(const struct options *options)
{
    if (options->format == FORMAT_TEXT)
        printf("%d workers, %d rounds\n%-26s %-18s %12s %12s %12s\n", options->threads, options->rounds, "cell",
               "figure", "median", "least", "largest");
    else if (options->format == FORMAT_CSV)
        puts("cell,figure,median,least,largest");
    else
        printf("{\"workers\": %d, \"rounds\": %d, \"figures\": [\n", options->threads, options->rounds);
    for (size_t i = 0; i < figure_count; i++) {
        qsort(figures[i].values, (size_t)figures[i].count, sizeof figures[i].values[0], compare);
        print_figure(options->format, &figures[i]);
        if (options->format == FORMAT_JSON)
            puts(i + 1 < figure_count ? "," : "");
    }
    if (options->format == FORMAT_JSON)
        puts("]}");
}

int main(int argument_count, char **arguments)
{
    struct options options;

    command_line_start("apm-pool-bench");
    options = parse(argument_count, arguments);
    for (int round = 0; round < options.rounds; round++)
        for (size_t i = 0; i < options.cell_count; i++)
            measure(&options, options.cells[i]);
    print(&options);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
