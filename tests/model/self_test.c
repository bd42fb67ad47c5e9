/*
 * A test of the explorer: for random small programs it finds the same outcomes as trying every order of steps.
 *
 * A program is two or three threads of a few operations on two words, two mutexes and the clock. Its outcome is what
 * each thread has read, what is in the words in the end, and who is left blocked. The programs are the same each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "model.h"
#include "search.h"

enum { PROGRAMS = 200, MAX_OPERATIONS = 6, WORDS = 2, MAX_OUTCOMES = 1 << 14, MAX_RUNS = 40000 };

enum action { LOAD, STORE, ADD, REPLACE, WAIT, WAIT_LIMITED, WAKE, SPIN, CLOCK, PASS, ACTIONS, LOCK, UNLOCK };

struct operation {
    enum action action;
    int word;
    uint32_t value;
};

struct program {
    int threads;
    int counts[MODEL_MAX_THREADS];
    struct operation operations[MODEL_MAX_THREADS][MAX_OPERATIONS];
};

/* Outside the program's data, which is overwritten for each run. */
static struct program *program;

static _Atomic uint32_t words[WORDS];
static apm__os_mutex mutexes[WORDS];
static uint64_t seen[MODEL_MAX_THREADS];

/* -- Running a program -- */

static void perform(const struct operation *operation, uint64_t *result)
{
    _Atomic uint32_t *word = &words[operation->word];
    uint32_t expected = operation->value;
    switch (operation->action) {
    case LOAD: *result = apm__atomic_load(word, APM__SEQ_CST); break;
    case STORE: apm__atomic_store(word, operation->value, APM__SEQ_CST); break;
    case ADD: *result = apm__atomic_add(word, operation->value, APM__SEQ_CST); break;
    case REPLACE: *result = apm__atomic_replace(word, &expected, operation->value + 1, APM__SEQ_CST); break;
    case WAIT: *result = apm__os_wait_on_address(word, operation->value, -1); break;
    case WAIT_LIMITED: *result = apm__os_wait_on_address(word, operation->value, 10); break;
    case WAKE: apm__os_wake_by_address(word); break;
    case SPIN: apm__os_spin_pause(); break;
    case CLOCK: *result = apm__os_monotonic_ns(); break;
    case PASS: model_pass_time(1); break;
    case LOCK: apm__os_mutex_lock(&mutexes[operation->word]); break;
    case UNLOCK: apm__os_mutex_unlock(&mutexes[operation->word]); break;
    default: break;
    }
}

static void run(void)
{
    int me = model_self();
    for (int i = 0; i < program->counts[me]; i++) {
        uint64_t result = 0;
        perform(&program->operations[me][i], &result);
        seen[me] = (seen[me] ^ (result + 1)) * 0x9e3779b97f4a7c15u;
        seen[me] ^= seen[me] >> 29;
    }
}

/* -- Making programs -- */

static uint32_t draw(uint64_t *state, uint32_t limit)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t bits = (*state ^ *state >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((bits ^ bits >> 31) >> 32) % limit;
}

static void make_program(uint64_t *state)
{
    memset(program, 0, sizeof *program);
    program->threads = 2 + (int)draw(state, 2);
    int length = program->threads == 2 ? 6 : 3;
    uint32_t locks = draw(state, 3); /* 0: none */
    for (int i = 0; i < program->threads; i++) {
        program->counts[i] = length;
        for (int j = 0; j < length; j++)
            program->operations[i][j] = (struct operation){draw(state, ACTIONS), (int)draw(state, WORDS),
                                                           draw(state, 2)};
        int first = (int)draw(state, WORDS);
        if (locks > 0 && length == 6) { /* lock, lock another, and the other way round; deadlocks are outcomes, too */
            program->operations[i][0] = (struct operation){LOCK, first, 0};
            program->operations[i][2] = (struct operation){LOCK, 1 - first, 0};
            program->operations[i][4] = (struct operation){UNLOCK, 1 - first, 0};
            program->operations[i][5] = (struct operation){UNLOCK, first, 0};
        } else if (locks > 0) {
            program->operations[i][0] = (struct operation){LOCK, first, 0};
            program->operations[i][length - 1 - (int)draw(state, 2)] = (struct operation){UNLOCK, first, 0};
        }
    }
}

/* -- Comparing -- */

struct outcomes {
    size_t runs;
    size_t count;
    uint64_t outcomes[MAX_OUTCOMES];
};

static void add(struct outcomes *outcomes, enum machine_end end)
{
    uint64_t outcome = (uint64_t)end;
    for (int i = 0; i < program->threads; i++)
        outcome = (outcome ^ seen[i]) * 0xff51afd7ed558ccdu;
    for (int i = 0; i < WORDS; i++)
        outcome = (outcome ^ apm__atomic_load(&words[i], APM__RELAXED) ^ outcome >> 31) * 0xc4ceb9fe1a85ec53u;
    for (size_t i = 0; i < outcomes->count; i++)
        if (outcomes->outcomes[i] == outcome)
            return;
    if (outcomes->count < MAX_OUTCOMES)
        outcomes->outcomes[outcomes->count++] = outcome;
}

/* False if there are too many runs. */
static bool explore(const struct model *model, struct search *search, bool everything, struct outcomes *outcomes)
{
    memset(search, 0, sizeof *search);
    search->preemptions = model->preemptions;
    search->tries_everything = everything;
    outcomes->runs = 0;
    outcomes->count = 0;
    do {
        enum machine_end end = machine_run(model, search, false);
        outcomes->runs++;
        if (end != MACHINE_CUT)
            add(outcomes, end);
        if (end == MACHINE_FAILED)
            printf("# %s\n", machine_failure());
    } while (outcomes->runs < MAX_RUNS && search_next(search));
    return outcomes->runs < MAX_RUNS;
}

/* Compares the two over many programs. `preemptions`: as in a model. */
static bool compare(const char *sentence, unsigned preemptions, struct search *search, struct outcomes *reduced,
                    struct outcomes *all)
{
    uint64_t state = 1;
    size_t runs = 0;
    size_t reduced_runs = 0;
    size_t compared = 0;
    size_t differing = 0;
    for (int i = 0; i < PROGRAMS; i++) {
        make_program(&state);
        struct model model = {.name = "random", .preemptions = preemptions, .spurious = draw(&state, 4) == 0};
        for (int j = 0; j < program->threads; j++)
            model.threads[j] = (struct model_thread)MODEL_THREAD(run);
        if (!explore(&model, search, true, all))
            continue;
        explore(&model, search, false, reduced);
        compared++;
        differing += reduced->count != all->count;
        runs += all->runs;
        reduced_runs += reduced->runs;
        if (reduced->count != all->count)
            printf("# program %d has %zu outcomes in %zu runs; the search found %zu in %zu\n", i, all->count, all->runs,
                   reduced->count, reduced->runs);
    }
    bool holds = differing == 0 && compared > PROGRAMS / 2;
    printf("%s %s: %zu programs, %zu schedules, of which %zu were enough; %zu programs differ\n", holds ? "ok" : "FAIL",
           sentence, compared, runs, reduced_runs, differing);
    return holds;
}

int main(void)
{
    struct search *search = calloc(1, sizeof *search);
    struct outcomes *reduced = calloc(1, sizeof *reduced);
    struct outcomes *all = calloc(1, sizeof *all);
    program = calloc(1, sizeof *program);
    if (!search || !reduced || !all || !program)
        return 2;
    machine_create();
    bool holds = compare("the_search_finds_every_outcome_that_trying_everything_finds", 0, search, reduced, all);
    holds = compare("with_one_preemption_too", 1, search, reduced, all) && holds;
    holds = compare("with_two_preemptions_too", 2, search, reduced, all) && holds;
    free(search);
    free(reduced);
    free(all);
    free(program);
    return holds ? 0 : 1;
}
