/*
 * The search through all schedules: which thread goes next, and which schedules need not be tried.
 *
 * A schedule is a sequence of steps, each one operation of one thread. The program is run again from its start for each
 * schedule; the search says at every step who goes, first as in the run before and then something new (a depth-first
 * search by replay).
 *
 * Two steps are dependent if they touch the same object and one of them changes it. Schedules that differ in the order
 * of independent steps only lead to the same states, so one of them is enough. Two things see to that (source-DPOR and
 * sleep sets, by Abdulla, Aronis, Jonsson and Sagonas, "Source Sets", 2017):
 *
 *  - When a step is taken, each earlier step of another thread with which it is in a race (dependent, and nothing
 *    between the two orders them) is found by vector clocks; before that one, a thread is put down for trying that
 *    leads to the opposite order. Nothing else is ever tried.
 *  - A thread that has been tried at some place sleeps in what is tried there afterwards, until a step is taken that is
 *    dependent on the one it would take.
 *
 * Larger models limit the preemptions of a schedule: how often a thread that could go on has to wait for another. Then
 * threads do not sleep, and a thread is put down in two places: before the race, and where the thread that runs there
 * has begun to run, which costs no preemption (Coons, Musuvathi, McKinley, "Bounded Partial-Order Reduction", 2013).
 *
 * tests/model/self_test.c compares both with trying everything.
 */
#ifndef APM_TESTS_MODEL_SEARCH_H
#define APM_TESTS_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum {
    SEARCH_MAX_STEPS = 1000, /* a run that is longer does not end */
    SEARCH_SLICE = 120,      /* where preemptions are limited, after so many steps on end it is the next one's turn */
    SEARCH_NOBODY = -1,      /* there is nothing to do, or what there is has been tried elsewhere */
    SEARCH_TOO_LONG = -2
};

/* What an operation does to its object, and to the clock, which all share. */
enum {
    SEARCH_READS = 1,
    SEARCH_WRITES = 2,
    SEARCH_QUEUES = 4, /* changes who sleeps on the object */
    SEARCH_READS_CLOCK = 8,
    SEARCH_MOVES_CLOCK = 16
};

struct search_operation {
    enum model_kind kind;
    unsigned access; /* of the above; 0 is independent of everything */
    uintptr_t object;
    size_t size;
    uint64_t value;    /* what the object holds before it */
    uint64_t expected; /* SPIN: it is possible while the object holds something else */
    unsigned choices;  /* the number of outcomes that it may have whatever the others do: 1, or 2 */
};

struct search_step {
    struct search_operation operation;
    int thread;
    unsigned choice;
    unsigned preemptions;              /* up to here, this step included */
    unsigned on_end;                   /* how many steps the thread has made on end, this one included */
    uint32_t enabled;                  /* sets of threads: those that could go here, */
    uint32_t backtrack;                /* those that are to be tried here, */
    uint32_t done;                     /* of these, those that have been, */
    uint32_t sleep;                    /* and those that have been tried before at a place that comes to the same */
    uint16_t number;                   /* the thread's step of this number, from 1 */
    uint16_t clock[MODEL_MAX_THREADS]; /* how many steps of each thread come before this one, itself included */
};

struct search {
    bool tries_everything; /* without reduction */
    unsigned preemptions;  /* how many a schedule may have; 0: any number */
    bool is_script;        /* the prefix was written by hand, or comes from a report */
    size_t depth;          /* steps of this run */
    size_t prefix;         /* so many of them are given */
    uint32_t sleep;        /* threads that sleep before the next step */
    uint16_t clocks[MODEL_MAX_THREADS][MODEL_MAX_THREADS];
    struct search_step steps[SEARCH_MAX_STEPS];
};

/* Begins a run. */
void search_begin(struct search *search);

/*
 * Chooses the thread that goes next, of the `enabled` ones, and takes note of the step that it takes. `next` are the
 * threads' next operations, as they would turn out now. `running` goes on if there is no reason against it.
 */
int search_choose(struct search *search, const struct search_operation *next, uint32_t enabled, int running);

/* Which outcome the operation that has just been chosen shall have, of its choices. */
unsigned search_outcome(const struct search *search);

/* The last step comes before whatever `thread` does from now on: it has started or woken it. */
void search_order(struct search *search, int thread);
/* All of one thread's steps come before whatever another does from now on. */
void search_order_after(struct search *search, int thread, int before);

/*
 * Takes note of what a thread was about to do when the last step made that impossible, or when the run ended: it might
 * have come earlier.
 */
void search_prevented(struct search *search, int thread, const struct search_operation *operation);

/* Prepares the next run; false if all have been made. */
bool search_next(struct search *search);

#endif
