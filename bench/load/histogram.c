#include "histogram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void histogram_clear(Histogram *histogram)
{
    if (histogram->bins == NULL) {
        histogram->bins = calloc(HISTOGRAM_BINS, sizeof *histogram->bins);
        if (histogram->bins == NULL) {
            perror("load: memory of a histogram");
            exit(1);
        }
    } else if (histogram->count > 0) {
        memset(histogram->bins, 0, HISTOGRAM_BINS * sizeof *histogram->bins);
    }
    histogram->count = histogram->longest_us = 0;
}

void histogram_add(Histogram *histogram, uint64_t nanoseconds)
{
    uint64_t us = nanoseconds / 1000;
    if (us > histogram->longest_us)
        histogram->longest_us = us;
    histogram->bins[us < HISTOGRAM_BINS ? us : HISTOGRAM_BINS - 1]++;
    histogram->count++;
}

double histogram_percentile_us(const Histogram *histogram, double share)
{
    if (histogram->count == 0)
        return -1;
    /* The nearest rank: the smallest time that at least this share of the samples do not exceed. */
    uint64_t rank = (uint64_t)ceil((double)histogram->count * share), seen = 0;
    for (uint64_t us = 0; us < HISTOGRAM_BINS - 1; us++) {
        seen += histogram->bins[us];
        if (seen >= rank)
            return (double)us;
    }
    return (double)histogram->longest_us;
}

void histogram_print(const char *name, const Histogram *histogram)
{
    printf("\"%s\":{\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f,\"samples\":%llu}", name,
           histogram_percentile_us(histogram, 0.5), histogram_percentile_us(histogram, 0.99),
           histogram->count ? (double)histogram->longest_us : -1.0, (unsigned long long)histogram->count);
}
