/*
 * The bytes that the load generator sends: each is a function of the connection's number and the absolute offset in
 * its stream, so that an echoed byte proves its place.
 *
 * The bytes come from one random sequence that repeats with a prime period. Nothing in a server has a prime size, so
 * bytes that were lost, doubled or taken from another buffer or connection never line up with what is expected.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 65521u /* the largest prime below 65,536 */
#define PATTERN_RUN 65536u    /* how many bytes can be had in one piece from any offset */

/* Fills the sequence; call once before pattern_at. */
void pattern_init(void);

/* The PATTERN_RUN bytes of connection `number` that begin at stream offset `offset`. */
const uint8_t *pattern_at(uint64_t number, uint64_t offset);

#endif
