/*
 * What a model is made of. A model runs a few threads over real code of the library, in every order of their steps that
 * can make a difference, and says what must hold in each. README.md says how one is written.
 */
#ifndef APM_TESTS_MODEL_H
#define APM_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os.h"

enum { MODEL_MAX_THREADS = 6 };

struct model_thread {
    const char *name;
    void (*body)(void);
};

/* A model. All data of the program is as it was at first whenever `set_up` is called. */
struct model {
    const char *name;     /* the sentence that it proves */
    void (*set_up)(void); /* before the threads; alone; or NULL */
    struct model_thread threads[MODEL_MAX_THREADS];
    void (*check)(void);  /* when all threads have ended; alone; or NULL */
    int spurious;         /* how often in a run each thread's waits and weak compare-and-swaps may fail for no reason */
    unsigned preemptions; /* how often a thread that could go on may have to wait for another; 0: any number of times */
    bool is_patient;      /* no wait's time is ever up, so that no lost wake-up is made good by a time-out */
    bool ends_asleep;     /* threads may sleep in the end: `check` sees that there is nothing left for them to do */
};

#define MODEL_THREAD(function) \
    {                          \
#function, function    \
    }

/* Something that must hold, anywhere in a model. */
#define MODEL_CHECK(fact) ((fact) ? (void)0 : apm__os_fail(__FILE__, __LINE__, #fact))

/* The number of the calling thread, from 0; in set_up and check MODEL_MAX_THREADS. */
int model_self(void);

/* Lets `duration_ns` pass on the clock. Waits with a limit may end at any time, and move the clock by themselves. */
void model_pass_time(uint64_t duration_ns);

/* Names the object in traces: `parker->state (the sleeper's parker)`. In set_up. */
void model_name(const volatile void *object, size_t size, const char *name);

/* The main function of a program of models. */
int model_main(int argc, char **argv, const struct model *models, size_t count);

#define MODEL_MAIN(models)                                                          \
    int main(int argc, char **argv)                                                 \
    {                                                                               \
        return model_main(argc, argv, (models), sizeof(models) / sizeof *(models)); \
    }

#endif
