/*
 * Stands in for pool/os/atomic.h where the library is compiled for the simulation: the same names, and the same guard,
 * so that the real one is empty once this has been included. Each operation is a point at which the scheduler may let
 * another thread go on. The orders are taken and ignored: schedules are sequentially consistent.
 *
 * All arguments are evaluated before the point, and the operation is performed after it, in one step.
 */
#ifndef APM__ATOMIC_H
#define APM__ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define APM__RELAXED memory_order_relaxed
#define APM__ACQUIRE memory_order_acquire
#define APM__RELEASE memory_order_release
#define APM__ACQ_REL memory_order_acq_rel
#define APM__SEQ_CST memory_order_seq_cst

/* What passes a point without a switch; the machine's (machine.h). */
extern int64_t sim_countdown;    /* points until the scheduler has a word again */
extern uint64_t sim_points;      /* that this run has passed */
extern const char *sim_function; /* where the last one was */
extern int sim_line;

void sim_point_slowly(void);
void sim_check_object(const volatile void *object);
bool sim_fails_for_no_reason(void);

static inline void sim_point(const volatile void *object, const char *function, int line)
{
    sim_points++;
    sim_function = function;
    sim_line = line;
    if (--sim_countdown < 0)
        sim_point_slowly();
    sim_check_object(object);
}

#define SIM_ATOMIC(object, operation)              \
    __extension__({                                \
        __typeof__(object) sim_object = (object);  \
        sim_point(sim_object, __func__, __LINE__); \
        operation;                                 \
    })

#define SIM_ATOMIC_WITH(object, value, operation)               \
    __extension__({                                             \
        __typeof__(object) sim_object = (object);               \
        __typeof__((void)0, *sim_object) sim_value = (value);   \
        sim_point(sim_object, __func__, __LINE__);              \
        operation(sim_object, sim_value, memory_order_relaxed); \
    })

#define apm__atomic_load(object, order) SIM_ATOMIC(object, atomic_load_explicit(sim_object, memory_order_relaxed))
#define apm__atomic_store(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_store_explicit)
#define apm__atomic_exchange(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_exchange_explicit)
#define apm__atomic_add(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_fetch_add_explicit)
#define apm__atomic_subtract(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_fetch_sub_explicit)
#define apm__atomic_or(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_fetch_or_explicit)
#define apm__atomic_and(object, value, order) SIM_ATOMIC_WITH(object, value, atomic_fetch_and_explicit)

/* Notes are no points: nothing depends on them. */
#define apm__note(word, value) atomic_store_explicit((word), (value), memory_order_relaxed)
#define apm__noted(word) atomic_load_explicit((word), memory_order_relaxed)

#define SIM_REPLACE(object, expected, desired, may_fail)                                                        \
    __extension__({                                                                                             \
        __typeof__(object) sim_object = (object);                                                               \
        __typeof__(expected) sim_expected = (expected);                                                         \
        __typeof__((void)0, *sim_object) sim_value = (desired);                                                 \
        sim_point(sim_object, __func__, __LINE__);                                                              \
        bool sim_replaced = false;                                                                              \
        if ((may_fail) && sim_fails_for_no_reason())                                                            \
            *sim_expected = atomic_load_explicit(sim_object, memory_order_relaxed);                             \
        else                                                                                                    \
            sim_replaced = atomic_compare_exchange_strong_explicit(sim_object, sim_expected, sim_value,         \
                                                                   memory_order_relaxed, memory_order_relaxed); \
        sim_replaced;                                                                                           \
    })

#define apm__atomic_replace(object, expected, desired, order) SIM_REPLACE(object, expected, desired, true)
#define apm__atomic_replace_strongly(object, expected, desired, order) SIM_REPLACE(object, expected, desired, false)

#endif
