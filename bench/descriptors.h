/*
 * The limit of open descriptors, which the idle cell with its 10,000 connections exceeds by default.
 */
#ifndef BENCH_DESCRIPTORS_H
#define BENCH_DESCRIPTORS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raises the soft limit to the hard limit, and the hard limit too where the user may. Returns the limit in force. */
uint64_t descriptors_raise_limit(void);

#ifdef __cplusplus
}
#endif

#endif
