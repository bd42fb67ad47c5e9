/*
 * A latency histogram by HdrHistogram's method: buckets are linear within a power of two, so that the relative error is
 * the same from nanoseconds to a minute, adding is a shift and an increment, and nothing is allocated.
 *
 * Each power of two has 128 buckets, so a percentile is at most 1/128 (0.8 %) above the true value; below 256 ns it is
 * exact. Values above HISTOGRAM_LARGEST_NS are counted in the last bucket; the maximum is kept exactly.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_LINEAR_BITS 7
#define HISTOGRAM_LARGEST_BITS 36
#define HISTOGRAM_LARGEST_NS ((1ull << HISTOGRAM_LARGEST_BITS) - 1) /* 68.7 s */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_LARGEST_BITS - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS)

struct histogram {
    uint64_t count;
    uint64_t largest_ns;
    uint64_t sum_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value_ns);

/* Adds what another histogram has counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The largest value of the bucket that holds the given percentile (0 to 100); 0 if the histogram is empty. */
uint64_t histogram_percentile_ns(const struct histogram *histogram, double percentile);

double histogram_mean_ns(const struct histogram *histogram);

/* The largest value that bucket `bucket` counts, but no more than the largest that was added. */
uint64_t histogram_bucket_ns(const struct histogram *histogram, uint32_t bucket);

#endif
