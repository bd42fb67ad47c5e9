/*
 * Owns the random sequence, stored once plus one run, so that a run never wraps and can be sent and compared in place.
 * Immutable after pattern_init.
 */
#include "pattern.h"

/* Consecutive connections start far apart; as the period is prime, no two of the first 65,521 start at one place. */
#define CONNECTION_STEP 40503u

static uint8_t sequence[PATTERN_PERIOD + PATTERN_RUN];

static uint64_t split_mix(uint64_t *state)
{
    uint64_t value = *state += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

void pattern_init(void)
{
    uint64_t state = 1; /* Every run sends the same bytes, so that a failure can be repeated. */
    for (size_t i = 0; i < sizeof sequence; i++)
        sequence[i] = i < PATTERN_PERIOD ? (uint8_t)split_mix(&state) : sequence[i - PATTERN_PERIOD];
}

const uint8_t *pattern_at(uint64_t number, uint64_t offset)
{
    uint64_t start = (number % PATTERN_PERIOD) * CONNECTION_STEP;
    return sequence + (start + offset) % PATTERN_PERIOD;
}
