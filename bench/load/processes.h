/* CPU time and memory of the measured server's processes, from /proc. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdint.h>

enum { MAXIMUM_PROCESSES = 16 };

typedef struct {
    uint64_t at_ns;                          /* monotonic */
    double user_seconds, system_seconds;     /* sums over the processes */
    double resident_bytes, peak_bytes;       /* peak: since each process began */
    double own_seconds;                      /* CPU of this generator */
} Usage;

uint64_t now_ns(void);
Usage usage_now(const int *processes, int count);

#endif
