/*
 * Owns the mapping between values and buckets. Knows nothing about messages. Single threaded.
 *
 * A value's bucket is its shift (how many low bits are dropped so that 8 significant bits remain) times 128, plus those
 * bits. Values below 256 have shift 0 and are their own bucket.
 */
#include "histogram.h"

#include <math.h>

#define LINEAR_BUCKETS (1u << HISTOGRAM_LINEAR_BITS)

_Static_assert(HISTOGRAM_LARGEST_NS >= 60000000000ull, "a minute must fit into the histogram");

static uint32_t bucket_of(uint64_t value_ns)
{
    uint32_t highest_bit = 63u - (uint32_t)__builtin_clzll(value_ns | 1u);
    uint32_t shift = highest_bit > HISTOGRAM_LINEAR_BITS ? highest_bit - HISTOGRAM_LINEAR_BITS : 0;
    return shift * LINEAR_BUCKETS + (uint32_t)(value_ns >> shift);
}

static uint64_t largest_of_bucket(uint32_t bucket)
{
    uint32_t shift = bucket < 2 * LINEAR_BUCKETS ? 0 : bucket / LINEAR_BUCKETS - 1;
    uint64_t significant = bucket - shift * LINEAR_BUCKETS;
    return ((significant + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value_ns)
{
    histogram->count++;
    histogram->sum_ns += value_ns;
    if (value_ns > histogram->largest_ns)
        histogram->largest_ns = value_ns;
    uint64_t countable = value_ns > HISTOGRAM_LARGEST_NS ? HISTOGRAM_LARGEST_NS : value_ns;
    histogram->buckets[bucket_of(countable)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    histogram->count += other->count;
    histogram->sum_ns += other->sum_ns;
    if (other->largest_ns > histogram->largest_ns)
        histogram->largest_ns = other->largest_ns;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
        histogram->buckets[bucket] += other->buckets[bucket];
}

uint64_t histogram_bucket_ns(const struct histogram *histogram, uint32_t bucket)
{
    uint64_t value_ns = largest_of_bucket(bucket);

    return value_ns < histogram->largest_ns ? value_ns : histogram->largest_ns;
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double percentile)
{
    if (histogram->count == 0)
        return 0;
    uint64_t rank = (uint64_t)ceil((double)histogram->count * percentile / 100.0);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= rank && seen > 0)
            return histogram_bucket_ns(histogram, bucket);
    }
    return histogram->largest_ns;
}

double histogram_mean_ns(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0.0 : (double)histogram->sum_ns / (double)histogram->count;
}
