#include "follow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "histogram.h"

enum { MESSAGE_BYTES = 1 << 16, RECORD_END = 0x1e };

typedef struct {
    uint64_t due_ns, done_ns;
} Moment;

static const volatile Moment *moments;
static uint64_t moment_count, frames, events, disordered, unknown, early;
static Histogram from_due, from_done;

static void stop_run(const char *what)
{
    perror(what);
    exit(1);
}

static bool number_behind(const uint8_t *bytes, size_t length, const char *text, long long *number)
{
    const char *found = memmem(bytes, length, text, strlen(text));
    if (found == NULL)
        return false;
    const char *at = found + strlen(text), *end = (const char *)bytes + length;
    *number = 0;
    if (at == end || *at < '0' || *at > '9')
        return false;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (*at - '0');
    return true;
}

static void count_event(Connection *connection, const uint8_t *bytes, size_t length)
{
    long long position, number;
    if (!number_behind(bytes, length, "\"position\":", &position))
        return; /* a ping, a completion, a notification */
    uint64_t now = now_ns();
    events++;
    if ((uint64_t)position > connection->position) {
        connection->received++;
        connection->position = (uint64_t)position;
    } else { /* told again; or out of order, and so not received */
        disordered++;
    }
    for (int i = 0; i < options.marker_count; i++) {
        const Marker *marker = &options.markers[i];
        if (!number_behind(bytes, length, marker->text, &number))
            continue;
        uint64_t cause = (uint64_t)((number - marker->base) * marker->step + marker->offset);
        if (cause >= moment_count)
            break;
        uint64_t due_ns = moments[cause].due_ns, done_ns = moments[cause].done_ns;
        if (due_ns == 0)
            return;
        histogram_add(&from_due, now - due_ns);
        early += done_ns == 0 || done_ns > now; /* it came before whoever caused it was answered */
        histogram_add(&from_done, done_ns == 0 || done_ns > now ? 0 : now - done_ns);
        return;
    }
    unknown++;
}

static void take_payload(Connection *connection, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        const uint8_t *end = memchr(bytes, RECORD_END, length);
        size_t taken = end ? (size_t)(end - bytes) + 1 : length;
        if (end && connection->part_length == 0) {
            count_event(connection, bytes, taken);
        } else {
            if (connection->part == NULL && (connection->part = malloc(MESSAGE_BYTES)) == NULL)
                stop_run("load: memory of a message");
            if (connection->part_length + taken > MESSAGE_BYTES) {
                fprintf(stderr, "load: a message has more than %d bytes\n", MESSAGE_BYTES);
                exit(1);
            }
            memcpy(connection->part + connection->part_length, bytes, taken);
            connection->part_length += taken;
            if (end) {
                count_event(connection, connection->part, connection->part_length);
                connection->part_length = 0;
            }
        }
        bytes += taken;
        length -= taken;
    }
}

void follow_begin(void)
{
    int file = open(options.moments, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status))
        stop_run(options.moments);
    moment_count = (uint64_t)status.st_size / sizeof(Moment);
    moments = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (moments == MAP_FAILED)
        stop_run(options.moments);
    close(file);
    histogram_clear(&from_due);
    histogram_clear(&from_done);
    on_payload = take_payload;
}

void follow_frame(Connection *connection)
{
    (void)connection;
    frames++;
}

void follow_report(int steady, int ready, int lost, double own_share)
{
    printf("{\"ready\":%d,\"lost\":%d,\"frames\":%llu,\"events\":%llu,\"disordered\":%llu,\"unknown\":%llu,\"early\":%llu,"
           "\"generator_share\":%.3f,\"kinds\":[",
           ready, lost, (unsigned long long)frames, (unsigned long long)events, (unsigned long long)disordered,
           (unsigned long long)unknown, (unsigned long long)early, own_share);
    for (int kind = 0; kind < options.kind_count; kind++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (int i = 0; i < steady; i++) {
            if (connections[i].kind != &options.kinds[kind])
                continue;
            least = connections[i].received < least ? connections[i].received : least;
            most = connections[i].received > most ? connections[i].received : most;
        }
        printf("%s{\"count\":%d,\"least\":%llu,\"most\":%llu}", kind ? "," : "", options.kinds[kind].count,
               (unsigned long long)least, (unsigned long long)most);
    }
    printf("],");
    histogram_print("from_due", &from_due);
    printf(",");
    histogram_print("from_done", &from_done);
    printf("}\n");
    fflush(stdout);
}
