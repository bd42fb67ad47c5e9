/*
 * Every atomic operation of the library goes through these names, so that a port which simulates threads can switch
 * at each of them. The orders are those of C11; fences are not offered, because ThreadSanitizer does not see them.
 */
#ifndef APM__ATOMIC_H
#define APM__ATOMIC_H

#include <stdatomic.h>

#define APM__RELAXED memory_order_relaxed
#define APM__ACQUIRE memory_order_acquire
#define APM__RELEASE memory_order_release
#define APM__ACQ_REL memory_order_acq_rel
#define APM__SEQ_CST memory_order_seq_cst

#define apm__atomic_load(object, order) atomic_load_explicit((object), (order))
#define apm__atomic_store(object, value, order) atomic_store_explicit((object), (value), (order))
#define apm__atomic_exchange(object, value, order) atomic_exchange_explicit((object), (value), (order))
#define apm__atomic_add(object, value, order) atomic_fetch_add_explicit((object), (value), (order))
#define apm__atomic_subtract(object, value, order) atomic_fetch_sub_explicit((object), (value), (order))
#define apm__atomic_or(object, value, order) atomic_fetch_or_explicit((object), (value), (order))
#define apm__atomic_and(object, value, order) atomic_fetch_and_explicit((object), (value), (order))

/* A note: a word that one thread writes for whoever looks from outside, and on which nothing in the library depends. */
#define apm__note(word, value) apm__atomic_store((word), (value), APM__RELAXED)
#define apm__noted(word) apm__atomic_load((word), APM__RELAXED)

/* Replaces *expected by desired if it still holds; otherwise *expected is what was found. It may fail for no reason. */
#define apm__atomic_replace(object, expected, desired, order)                       \
    atomic_compare_exchange_weak_explicit((object), (expected), (desired), (order), \
                                          (order) == APM__RELEASE   ? APM__RELAXED  \
                                          : (order) == APM__ACQ_REL ? APM__ACQUIRE  \
                                                                    : (order))

/* The same, and it fails only if it has to. */
#define apm__atomic_replace_strongly(object, expected, desired, order)                \
    atomic_compare_exchange_strong_explicit((object), (expected), (desired), (order), \
                                            (order) == APM__ACQ_REL ? APM__ACQUIRE : (order))

#endif
