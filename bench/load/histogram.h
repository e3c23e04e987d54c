/* Times as a histogram: one bin per microsecond, so that millions of samples cost no memory and no sorting. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BINS = 4000000 }; /* 4 s; what is longer counts in the last bin, the longest is kept exactly */

typedef struct {
    uint32_t *bins;
    uint64_t count, longest_us;
} Histogram;

void histogram_clear(Histogram *histogram); /* the first call makes it */
void histogram_add(Histogram *histogram, uint64_t nanoseconds);
double histogram_percentile_us(const Histogram *histogram, double share); /* -1 without samples */
void histogram_print(const char *name, const Histogram *histogram);       /* as a member of a JSON object */

#endif
