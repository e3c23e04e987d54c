#include "processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static FILE *open_file(int process, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", process, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) { /* a server that is gone has no figures: a run without them is no run */
        perror(path);
        exit(1);
    }
    return file;
}

Usage usage_now(const int *processes, int count)
{
    Usage usage = {.at_ns = now_ns()};
    double ticks = (double)sysconf(_SC_CLK_TCK);
    char text[4096];
    for (int i = 0; i < count; i++) {
        FILE *file = open_file(processes[i], "stat");
        size_t length = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[length] = 0;
        char *fields = strrchr(text, ')'); /* the name before it may hold anything */
        unsigned long user = 0, system = 0;
        if (fields == NULL ||
            sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
            fprintf(stderr, "load: /proc/%d/stat has another form than expected.\n", processes[i]);
            exit(1);
        }
        usage.user_seconds += (double)user / ticks;
        usage.system_seconds += (double)system / ticks;
        file = open_file(processes[i], "status");
        while (fgets(text, sizeof text, file) != NULL) {
            if (strncmp(text, "VmRSS:", 6) == 0)
                usage.resident_bytes += atof(text + 6) * 1024;
            else if (strncmp(text, "VmHWM:", 6) == 0)
                usage.peak_bytes += atof(text + 6) * 1024;
        }
        fclose(file);
    }
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    usage.own_seconds = seconds(own.ru_utime) + seconds(own.ru_stime);
    return usage;
}
