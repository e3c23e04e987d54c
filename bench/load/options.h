/* The command line of the generator. Options behind a --kind are that kind's; the others hold for the whole run. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "frames.h"
#include "processes.h"

typedef enum { MODE_BROADCAST, MODE_PACED, MODE_ECHO, MODE_HOLD, MODE_FOLLOW } Mode;

enum { MAXIMUM_KINDS = 8, MAXIMUM_IN_FLIGHT = 64, MAXIMUM_MARKERS = 4 };

/* Behind the text stands a number n: the event is the one that was caused as number (n - base) * step + offset. */
typedef struct {
    char *text;
    long long base, step, offset;
} Marker;

typedef struct {
    int count;
    const char *path;
    Frame first, then, keep_alive; /* no bytes: none */
    bool waits_for_greeting;       /* the server speaks first */
    bool is_bystander;             /* must get none of the broadcasts */
    double slow_bytes_per_second;  /* 0: reads at once */
    double churn_per_second;       /* 0: stays; otherwise so many of this kind come per second, and go again */
    uint64_t unit_bytes;           /* size of one broadcast message, learned from the first */
    int opened;
} Kind;

typedef struct {
    Mode mode;
    int port, connecting, in_flight, first_source, minimum_bytes;
    double seconds, warm_seconds, rate, keep_alive_seconds, churn_hold_seconds;
    bool spins, is_storm;
    const char *negotiate, *expected, *ping;
    Frame trigger, fill, pong;
    int fill_count;
    const char *moments;
    Marker markers[MAXIMUM_MARKERS];
    int marker_count;
    const char *echo;
    char **tokens;
    int token_count, next_token;
    int processes[MAXIMUM_PROCESSES], process_count;
    Kind kinds[MAXIMUM_KINDS];
    int kind_count;
} Options;

extern Options options;

void options_read(int count, char **words); /* leaves the program with status 2 on a wrong word */

#endif
