/*
 * Stands in for pool/os/atomic.h where the library is compiled for model tests: the same names, and the same guard, so
 * that the real one is empty once this has been included. Each operation is a point at which the explorer may let
 * another thread go on. The orders are taken and ignored: schedules are sequentially consistent.
 *
 * All arguments are evaluated before the point, and the operation is performed after it, in one step.
 */
#ifndef APM__ATOMIC_H
#define APM__ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APM__RELAXED 0
#define APM__ACQUIRE 2
#define APM__RELEASE 3
#define APM__ACQ_REL 4
#define APM__SEQ_CST 5

/* What a thread does at a point. */
enum model_kind {
    MODEL_LOAD,
    MODEL_STORE,
    MODEL_EXCHANGE,
    MODEL_ADD,
    MODEL_SUBTRACT,
    MODEL_OR,
    MODEL_AND,
    MODEL_REPLACE,
    MODEL_LOCK,   /* the step that takes a mutex: it waits until the word is 0 */
    MODEL_UNLOCK, /* the exchange that gives it back */
    MODEL_WAIT,   /* sleeps if the word holds what is expected */
    MODEL_EXPIRE, /* goes on because the time of a wait is up */
    MODEL_RESUME, /* goes on because something has happened: the thread's start, a wake, another thread's end */
    MODEL_WAKE,   /* wakes who sleeps on the word */
    MODEL_SPIN,   /* waits until the word that it has loaded last has changed */
    MODEL_CLOCK,  /* reads the clock */
    MODEL_PASS,   /* lets time pass */
    MODEL_FREE,   /* gives memory back: allocated memory, or a thread's stack at its end */
    MODEL_KINDS
};

/* Where a point stands in the source. */
#define MODEL_PLACE(text) (text), __func__, __FILE__, __LINE__
#define MODEL_PLACE_PARAMETERS const char *text, const char *function, const char *file, int line

/* A point, and then the operation on an object of `size` bytes; what was in it before. */
uint64_t model_atomic(enum model_kind kind, const volatile void *object, size_t size, uint64_t operand,
                      MODEL_PLACE_PARAMETERS);

/* The same for compare-and-swap. A `weak` one may fail for no reason, if the model asks for that. */
bool model_replace(enum model_kind kind, const volatile void *object, size_t size, void *expected, uint64_t desired,
                   bool weak, MODEL_PLACE_PARAMETERS);

/* The lock is one step that waits, so that its slow half, which belongs to the port, is not part of every model. */
#define MODEL_IS_IN(name) (__builtin_strcmp(__func__, name) == 0)
#define MODEL_REPLACE_KIND (MODEL_IS_IN("apm__os_mutex_lock") ? MODEL_LOCK : MODEL_REPLACE)
#define MODEL_EXCHANGE_KIND (MODEL_IS_IN("apm__os_mutex_unlock") ? MODEL_UNLOCK : MODEL_EXCHANGE)

#define MODEL_ATOMIC(kind, object, operand)                                                                \
    ((__typeof__((void)0, *(object)))model_atomic((kind), (object), sizeof *(object), (uint64_t)(operand), \
                                                  MODEL_PLACE(#object)))

#define apm__atomic_load(object, order) MODEL_ATOMIC(MODEL_LOAD, object, 0)
#define apm__atomic_store(object, value, order) ((void)MODEL_ATOMIC(MODEL_STORE, object, (value)))
#define apm__atomic_exchange(object, value, order) MODEL_ATOMIC(MODEL_EXCHANGE_KIND, object, (value))
#define apm__atomic_add(object, value, order) MODEL_ATOMIC(MODEL_ADD, object, (value))
#define apm__atomic_subtract(object, value, order) MODEL_ATOMIC(MODEL_SUBTRACT, object, (value))
#define apm__atomic_or(object, value, order) MODEL_ATOMIC(MODEL_OR, object, (value))
#define apm__atomic_and(object, value, order) MODEL_ATOMIC(MODEL_AND, object, (value))

/* Notes are no points: nothing depends on them. */
#define apm__note(word, value) ((void)(*(word) = (value)))
#define apm__noted(word) (*(word))

#define apm__atomic_replace(object, expected, desired, order)                                            \
    model_replace(MODEL_REPLACE_KIND, (object), sizeof *(object), (expected), (uint64_t)(desired), true, \
                  MODEL_PLACE(#object))
#define apm__atomic_replace_strongly(object, expected, desired, order)                                    \
    model_replace(MODEL_REPLACE_KIND, (object), sizeof *(object), (expected), (uint64_t)(desired), false, \
                  MODEL_PLACE(#object))

#endif
