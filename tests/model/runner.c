/*
 * The main function of a program of models:
 *
 *     model_park                        explores all its models
 *     model_park --list                 names them
 *     model_park --run NAME             explores one
 *     model_park --replay NAME SCHEDULE runs one schedule of it, and prints its steps
 *     model_park --expect-failure NAME  for a mutant: succeeds if exploring finds a failure
 *
 * Prints `ok name: ...` or `FAIL name: ...` for each; a failure with the steps that lead to it and the schedule that
 * repeats them. A schedule is a string with a character for each step: the number of the thread, and for a step that
 * fails for no reason, the number of the thread plus ten as a letter from `a` on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "model.h"
#include "search.h"

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct search *create_search(void)
{
    struct search *search = calloc(1, sizeof *search);
    if (!search)
        abort();
    return search;
}

static void print_schedule(const struct search *search)
{
    for (size_t i = 0; i < search->depth; i++)
        putchar((search->steps[i].choice ? 'a' : '0') + search->steps[i].thread);
}

/* Runs a schedule again, and prints its steps. */
static void show(const struct model *model, struct search *search)
{
    enum machine_end end = machine_run(model, search, true);
    printf("%s\n", end == MACHINE_FAILED || end == MACHINE_BLOCKED ? machine_failure() : "nothing is wrong");
}

/* What exploring a model has come to. */
struct result {
    size_t schedules; /* that were run to their ends */
    size_t cut;       /* that were found to come to the same as others, half-way */
    size_t longest;
    double seconds;
    bool failed;
};

static struct result explore(const struct model *model, struct search *search)
{
    struct result result = {0};
    double since_s = now_s();
    memset(search, 0, sizeof *search);
    search->preemptions = model->preemptions;
    do {
        enum machine_end end = machine_run(model, search, false);
        result.failed = end == MACHINE_FAILED || end == MACHINE_BLOCKED;
        result.schedules += end != MACHINE_CUT;
        result.cut += end == MACHINE_CUT;
        if (search->depth > result.longest)
            result.longest = search->depth;
    } while (!result.failed && search_next(search));
    result.seconds = now_s() - since_s;
    return result;
}

/* Explores a model and says what came of it. False if that is not what was to come. */
static bool report(const struct model *model, struct search *search, const char *program, bool expect_failure)
{
    struct result result = explore(model, search);
    const char *mutant = expect_failure ? strrchr(program, '/') : NULL;
    printf("%s %s: ", result.failed == expect_failure ? "ok" : "FAIL", mutant ? mutant + 1 : model->name);
    if (model->preemptions > 0)
        printf("up to %u preemptions, ", model->preemptions);
    if (result.failed)
        printf("%s, found by schedule %zu\n", machine_failure(), result.schedules);
    else
        printf("%zu schedules of up to %zu steps, %zu cut short, %.2f s%s\n", result.schedules, result.longest,
               result.cut, result.seconds, expect_failure ? ", and no failure" : "");
    if (result.failed) {
        printf("  %s --replay %s ", program, model->name);
        print_schedule(search);
        putchar('\n');
    }
    if (result.failed && !expect_failure) {
        search->prefix = search->depth;
        show(model, search);
    }
    fflush(stdout);
    return result.failed == expect_failure;
}

static int replay(const struct model *model, struct search *search, const char *schedule)
{
    search->is_script = true;
    search->preemptions = model->preemptions;
    search->prefix = strlen(schedule);
    if (search->prefix > SEARCH_MAX_STEPS)
        return 2;
    for (size_t i = 0; i < search->prefix; i++) {
        search->steps[i].choice = schedule[i] >= 'a';
        search->steps[i].thread = (schedule[i] - (schedule[i] >= 'a' ? 'a' : '0')) % MODEL_MAX_THREADS;
    }
    show(model, search);
    return 0;
}

static const struct model *find(const struct model *models, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    fprintf(stderr, "there is no model %s\n", name);
    exit(2);
}

int model_main(int argc, char **argv, const struct model *models, size_t count)
{
    struct search *search = create_search();
    bool holds = true;
    machine_create();
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(models[i].name);
    } else if (argc == 3 && (strcmp(argv[1], "--run") == 0 || strcmp(argv[1], "--expect-failure") == 0)) {
        holds = report(find(models, count, argv[2]), search, argv[0], strcmp(argv[1], "--run") != 0);
    } else if (argc == 4 && strcmp(argv[1], "--replay") == 0) {
        holds = replay(find(models, count, argv[2]), search, argv[3]) == 0;
    } else if (argc == 1) {
        for (size_t i = 0; i < count; i++)
            holds = report(&models[i], search, argv[0], false) && holds;
    } else {
        fprintf(stderr, "usage: %s [--list | --run NAME | --replay NAME SCHEDULE | --expect-failure NAME]\n", argv[0]);
        holds = false;
    }
    free(search);
    return holds ? 0 : 1;
}
