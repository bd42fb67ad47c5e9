/*
 * Checks the histogram's promise against exact percentiles: never below the true value, at most 1 % above it, from
 * 100 ns to 60 s, and the bucket count large enough for every value.
 */
#include "histogram.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool within_one_percent(uint64_t found, uint64_t exact)
{
    return found >= exact && (double)found <= (double)exact * 1.01;
}

static bool every_single_value_is_found_again(void)
{
    for (uint64_t value = 1; value <= 60000000000ull; value += 1 + value / 1000) {
        struct histogram *histogram = calloc(1, sizeof *histogram);
        if (histogram == NULL)
            return false;
        histogram_add(histogram, value);
        /* A larger companion keeps the maximum from hiding the bucket's own limit. */
        histogram_add(histogram, HISTOGRAM_LARGEST_NS);
        uint64_t found = histogram_percentile_ns(histogram, 50.0);
        free(histogram);
        if (!within_one_percent(found, value)) {
            printf("value %" PRIu64 " was found as %" PRIu64 "\n", value, found);
            return false;
        }
    }
    return true;
}

static bool percentiles_of_a_known_series_are_right(void)
{
    static struct histogram histogram;
    const uint64_t count = 100000;
    for (uint64_t i = 1; i <= count; i++)
        histogram_add(&histogram, i * 1000);
    const double percentiles[] = {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0};
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++) {
        uint64_t rank = (uint64_t)((double)count * percentiles[i] / 100.0 + 0.5);
        uint64_t exact = (rank == 0 ? 1 : rank) * 1000;
        uint64_t found = histogram_percentile_ns(&histogram, percentiles[i]);
        if (!within_one_percent(found, exact)) {
            printf("percentile %g is %" PRIu64 " instead of %" PRIu64 "\n", percentiles[i], found, exact);
            return false;
        }
    }
    return true;
}

static bool a_value_beyond_the_range_is_counted_and_kept_as_maximum(void)
{
    static struct histogram histogram;
    histogram_add(&histogram, HISTOGRAM_LARGEST_NS * 3);
    return histogram.count == 1 && histogram.largest_ns == HISTOGRAM_LARGEST_NS * 3;
}

int main(void)
{
    bool right = every_single_value_is_found_again();
    right = percentiles_of_a_known_series_are_right() && right;
    right = a_value_beyond_the_range_is_counted_and_kept_as_maximum() && right;
    puts(right ? "histogram: right" : "histogram: WRONG");
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
