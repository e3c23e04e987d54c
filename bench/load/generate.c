/*
 * load: opens many hub connections and measures what a server does with them. One thread, epoll, about as cheap as the
 * kernel allows, so that what it shares the machine with is measured and not itself. Without words it prints its usage.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "connection.h"
#include "follow.h"
#include "histogram.h"
#include "options.h"
#include "processes.h"

enum { DUE_RING = 1 << 16 };
static const uint64_t SECOND = 1000000000u;
static const double CONNECT_LIMIT_SECONDS = 120, DRAIN_LIMIT_SECONDS = 10;

static int total, steady, receivers; /* steady: those that do not come and go */
static int ready, failed, lost, slow_lost, slow_lost_early /* before the measured time */;
static int churn_opened, churn_ready, churn_failed, churn_lost, churn_skipped;
static volatile sig_atomic_t is_stopped;
static Histogram connect_times, churn_connect_times, times;

/* Broadcasts. The k-th message that a connection receives is the k-th that was sent: order is what servers promise. */
static uint64_t sent, delivered, due_ns[DUE_RING], first_measured, stray, odd, late_max_ns;
static uint64_t first_arrival_ns, last_arrival_ns;
static bool is_measuring, is_closing;

/* Calls. */
static Frame calls[MAXIMUM_IN_FLIGHT];
static uint64_t answers, wrong_answers;

/* Connections that come and go: all stay equally long, so those that leave next are first in this queue. */
typedef struct { Connection *connection; uint64_t leaves_ns; uint32_t generation; } Stay;
static Stay *stays;
static int stay_head, stay_tail, churn_slots;

static bool has_slow;

static bool is_receiver(const Connection *connection)
{
    const Kind *kind = connection->kind;
    return !kind->is_bystander && kind->slow_bytes_per_second == 0 && kind->churn_per_second == 0;
}

static void count_ready(Connection *connection)
{
    uint64_t now = now_ns();
    if (connection->kind->churn_per_second > 0) {
        churn_ready++;
        histogram_add(&churn_connect_times, now - connection->due_ns);
        stays[stay_tail++ % churn_slots] =
            (Stay){connection, now + (uint64_t)(options.churn_hold_seconds * 1e9), connection->generation};
        return;
    }
    ready++;
    histogram_add(&connect_times, now - connection->due_ns);
}

static void count_gone(Connection *connection, State last)
{
    if (connection->kind->churn_per_second > 0) {
        if (last == READY) churn_lost++;
        else churn_failed++;
    } else if (last != READY) {
        failed++;
    } else {
        ready--;
        if (connection->kind->slow_bytes_per_second > 0) slow_lost++;
        else lost++;
    }
}

static void trigger(uint64_t due)
{
    due_ns[sent++ % DUE_RING] = due;
    connection_send(&connections[0], options.trigger);
}

static void count_broadcast(Connection *connection)
{
    FrameReader *frame = &connection->reader;
    Kind *kind = connection->kind;
    if (frame->size < (uint64_t)options.minimum_bytes || !is_receiver(connection)) {
        if (frame->size >= (uint64_t)options.minimum_bytes && kind->is_bystander)
            stray++;
        return;
    }
    if (kind->unit_bytes == 0)
        kind->unit_bytes = frame->size;
    if (frame->size % kind->unit_bytes || !frame->is_final)
        odd++;
    uint64_t now = now_ns();
    if (first_arrival_ns == 0)
        first_arrival_ns = now;
    last_arrival_ns = now;
    for (uint64_t left = frame->size / kind->unit_bytes; left > 0; left--) { /* one frame may hold several */
        if (options.mode == MODE_PACED && connection->received >= first_measured && connection->received < sent)
            histogram_add(&times, now - due_ns[connection->received % DUE_RING]);
        connection->received++;
        delivered++;
    }
    if (options.mode == MODE_BROADCAST && delivered == sent * (uint64_t)receivers) {
        if (is_measuring)
            histogram_add(&times, now - due_ns[(sent - 1) % DUE_RING]);
        if (!is_closing)
            trigger(now);
    }
}

static void call(Connection *connection, uint32_t place)
{
    connection->sent_ns[place] = now_ns();
    connection_send(connection, calls[place]);
}

static void count_answer(Connection *connection)
{
    if (connection->kind->churn_per_second > 0 || frame_head_is(&connection->reader, "{\"type\":6}\x1e"))
        return;
    if (options.expected && !frame_head_has(&connection->reader, options.expected))
        wrong_answers++;
    uint32_t place = connection->answered++ % (uint32_t)options.in_flight;
    answers++;
    if (is_measuring)
        histogram_add(&times, now_ns() - connection->sent_ns[place]);
    if (!is_closing)
        call(connection, place);
}

static void count_message(Connection *connection)
{
    if (options.mode == MODE_FOLLOW)
        follow_frame(connection);
    else if (options.mode == MODE_ECHO)
        count_answer(connection);
    else
        count_broadcast(connection);
}

/* Kinds alternate in proportion, so that none stands together in the server's tables. Those that come and go are last. */
static void assign_kinds(void)
{
    for (int i = 0; i < options.kind_count; i++) {
        total += options.kinds[i].count;
        if (options.kinds[i].churn_per_second == 0)
            steady += options.kinds[i].count;
    }
    connections_make(total);
    for (int number = 0; number < total; number++) {
        Kind *next = NULL;
        for (int i = 0; i < options.kind_count; i++) {
            Kind *kind = &options.kinds[i];
            if (kind->opened == kind->count || (kind->churn_per_second > 0) != (number >= steady))
                continue;
            if (next == NULL || (double)(kind->opened + 1) / kind->count < (double)(next->opened + 1) / next->count)
                next = kind;
        }
        next = number == 0 ? &options.kinds[0] : next; /* the first one triggers */
        next->opened++;
        has_slow |= next->slow_bytes_per_second > 0;
        connections[number].kind = next;
        if (options.mode == MODE_ECHO)
            connections[number].sent_ns = calloc((size_t)options.in_flight, sizeof(uint64_t));
    }
    churn_slots = total - steady;
    stays = calloc((size_t)(churn_slots ? churn_slots : 1), sizeof *stays);
}

static uint64_t earliest(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What goes on beside the measurement at every turn of the loop; returns when it wants to be called again. */
static uint64_t background(void)
{
    static uint64_t churn_begun_ns, churn_due, slow_ns, keep_alive_ns, keep_alive_done;
    static int churn_next;
    uint64_t now = now_ns(), wanted = now + 50 * 1000000;
    if (churn_slots > 0) {
        const Kind *kind = connections[steady].kind;
        if (churn_begun_ns == 0)
            churn_begun_ns = now;
        for (; stay_head < stay_tail && stays[stay_head % churn_slots].leaves_ns <= now; stay_head++) {
            Stay *stay = &stays[stay_head % churn_slots];
            if (stay->connection->state == READY && stay->connection->generation == stay->generation)
                connection_close(stay->connection);
        }
        for (;;) {
            uint64_t due = churn_begun_ns + (uint64_t)((double)churn_due / kind->churn_per_second * 1e9);
            wanted = earliest(wanted, due);
            if (due > now || is_closing)
                break;
            churn_due++;
            Connection *slot = &connections[steady + churn_next];
            if (slot->state != NEW && slot->state != GONE) {
                churn_skipped++; /* every place is taken: the server is behind by more than the places */
                continue;
            }
            churn_next = (churn_next + 1) % churn_slots;
            churn_opened++;
            connection_open(slot, due);
        }
    }
    if (has_slow && now - slow_ns >= 20 * 1000000u) {
        for (int i = 0; slow_ns && i < steady; i++)
            if (connections[i].kind->slow_bytes_per_second > 0 && connections[i].state == READY)
                connection_read_slowly(&connections[i], (double)(now - slow_ns) / 1e9);
        slow_ns = now;
    }
    if (options.keep_alive_seconds > 0) { /* spread over the time, as those of real clients are */
        if (keep_alive_ns == 0)
            keep_alive_ns = now;
        uint64_t due = (uint64_t)((double)(now - keep_alive_ns) / 1e9 / options.keep_alive_seconds * steady);
        for (; keep_alive_done < due; keep_alive_done++) {
            Connection *connection = &connections[keep_alive_done % (uint64_t)steady];
            if (connection->state == READY && connection->kind->keep_alive.bytes)
                connection_send(connection, connection->kind->keep_alive);
        }
        wanted = earliest(wanted, now + 5 * 1000000);
    }
    return wanted;
}

static void run_until(uint64_t end_ns)
{
    while (!is_stopped && now_ns() < end_ns && ready > 0)
        connections_poll(earliest(background(), end_ns));
}

static void connect_all(void)
{
    uint64_t begun = now_ns(), limit = begun + (uint64_t)(CONNECT_LIMIT_SECONDS * 1e9), next_report = begun + 2 * SECOND;
    int opened = 0;
    while (ready + failed + lost + slow_lost < steady && now_ns() < limit && !is_stopped) {
        int settled = ready + failed + lost + slow_lost;
        for (; opened < steady && (options.is_storm || opened - settled < options.connecting); opened++)
            connection_open(&connections[opened], options.is_storm ? begun : now_ns());
        connections_poll(now_ns() + SECOND / 100);
        if (options.keep_alive_seconds > 0)
            background();
        if (now_ns() > next_report) {
            fprintf(stderr, "load: %d of %d connected\n", ready, steady);
            next_report += 2 * SECOND;
        }
        if (failed > 100 && failed > opened / 2)
            break;
    }
    for (int i = 0; i < steady; i++)
        receivers += connections[i].state == READY && is_receiver(&connections[i]);
    fprintf(stderr, "load: ready, %d of %d connected\n", ready, steady);
}

/* Broadcasts by the clock, never by what has arrived: a server that stands still is charged for all that wait. */
static void pace(double seconds)
{
    uint64_t begun = now_ns(), count = (uint64_t)(seconds * options.rate);
    for (uint64_t number = 0; number < count && !is_stopped && connections[0].state == READY; number++) {
        uint64_t due = begun + (uint64_t)((double)number / options.rate * 1e9);
        while (now_ns() < due)
            connections_poll(earliest(background(), due));
        if (now_ns() - due > late_max_ns)
            late_max_ns = now_ns() - due;
        trigger(due);
    }
    run_until(begun + (uint64_t)((double)count / options.rate * 1e9));
}

static void fill(void)
{
    for (int i = 0; i < options.fill_count && options.fill.bytes && connections[0].state == READY; i++) {
        connection_send(&connections[0], options.fill);
        run_until(now_ns() + SECOND / 50);
    }
}

static void drain(void)
{
    uint64_t limit = now_ns() + (uint64_t)(DRAIN_LIMIT_SECONDS * 1e9);
    is_closing = true;
    while (delivered < sent * (uint64_t)receivers && now_ns() < limit && ready > 0)
        connections_poll(earliest(background(), now_ns() + SECOND / 100));
}

static void probe_slow(void)
{
    for (int i = 0; has_slow && i < steady; i++)
        if (connections[i].kind->slow_bytes_per_second > 0 && connections[i].state == READY)
            connection_probe(&connections[i]);
    for (uint64_t until = now_ns() + SECOND / 5; has_slow && now_ns() < until;)
        connections_poll(until);
    for (int i = 0; has_slow && i < steady; i++)
        if (connections[i].kind->slow_bytes_per_second > 0)
            connection_settle_probe(&connections[i]);
}

static void report(const Usage *begin, const Usage *connected, const Usage *from, const Usage *to, uint64_t units)
{
    double connecting = (double)(connected->at_ns - begin->at_ns) / 1e9, running = (double)(to->at_ns - from->at_ns) / 1e9;
    double each = ready > 0 ? 1e6 / ready : 0, unit = units > 0 ? 1e6 / (double)units : 0;
    uint64_t expected = sent; /* hold: others send, so that all must have as many as any one */
    for (int i = 0; i < steady && options.mode == MODE_HOLD; i++)
        expected = connections[i].received > expected ? connections[i].received : expected;
    int uneven = 0;
    for (int i = 0; i < steady; i++)
        uneven += connections[i].state == READY && is_receiver(&connections[i]) && connections[i].received != expected;
    printf("{\"connections\":%d,\"ready\":%d,\"failed\":%d,\"lost\":%d,\"receivers\":%d,", steady, ready, failed, lost, receivers);
    printf("\"setup\":{\"seconds\":%.4f,\"per_second\":%.1f,\"user_us\":%.3f,\"system_us\":%.3f,", connecting,
           ready / connecting, (connected->user_seconds - begin->user_seconds) * each,
           (connected->system_seconds - begin->system_seconds) * each);
    histogram_print("time", &connect_times);
    printf("},\"run\":{\"seconds\":%.4f,\"sent\":%llu,\"units\":%llu,\"per_second\":%.1f,\"user_us\":%.4f,\"system_us\":%.4f,"
           "\"cpu_us\":%.4f,\"server_share\":%.3f,\"generator_share\":%.3f,\"late_max_us\":%.0f,",
           running, (unsigned long long)sent, (unsigned long long)units, running > 0 ? (double)units / running : 0,
           (to->user_seconds - from->user_seconds) * unit, (to->system_seconds - from->system_seconds) * unit,
           (to->user_seconds + to->system_seconds - from->user_seconds - from->system_seconds) * unit,
           running > 0 ? (to->user_seconds + to->system_seconds - from->user_seconds - from->system_seconds) / running : 0,
           running > 0 ? (to->own_seconds - from->own_seconds) / running : 0, (double)late_max_ns / 1e3);
    histogram_print("time", &times);
    long long missing = options.mode == MODE_HOLD || options.mode == MODE_ECHO
                            ? 0 : (long long)(sent * (uint64_t)receivers) - (long long)delivered;
    printf("},\"counts\":{\"delivered\":%llu,\"missing\":%lld,\"uneven\":%d,\"stray\":%llu,\"odd\":%llu,\"answers\":%llu,\"wrong_answers\":%llu},",
           (unsigned long long)delivered, missing, uneven, (unsigned long long)stray, (unsigned long long)odd,
           (unsigned long long)answers, (unsigned long long)wrong_answers);
    printf("\"churn\":{\"opened\":%d,\"ready\":%d,\"failed\":%d,\"lost\":%d,\"skipped\":%d,", churn_opened, churn_ready,
           churn_failed, churn_lost, churn_skipped);
    histogram_print("time", &churn_connect_times);
    printf("},\"slow_lost\":%d,\"slow_lost_early\":%d,\"memory\":{\"before_bytes\":%.0f,\"connected_bytes\":%.0f,\"after_bytes\":%.0f,\"peak_bytes\":%.0f},"
           "\"arrivals\":{\"first_ns\":%llu,\"last_ns\":%llu}}\n",
           slow_lost, slow_lost_early, begin->resident_bytes, connected->resident_bytes, to->resident_bytes, to->peak_bytes,
           (unsigned long long)first_arrival_ns, (unsigned long long)last_arrival_ns);
    fflush(stdout);
}

static Usage usage_here(void) { return usage_now(options.processes, options.process_count); }

static void stop(int number)
{
    (void)number;
    is_stopped = 1;
}

static void prepare_calls(void)
{
    const char *place = strstr(options.echo, "%d");
    for (int i = 0; i < options.in_flight; i++) {
        char text[4096];
        if (place)
            snprintf(text, sizeof text, "%.*s%d%s", (int)(place - options.echo), options.echo, i, place + 2);
        else
            snprintf(text, sizeof text, "%s", options.echo);
        calls[i] = frame_from_text(OPCODE_TEXT, text);
    }
}

int main(int count, char **words)
{
    options_read(count, words);
    struct sigaction stopping = {.sa_handler = stop};
    sigaction(SIGTERM, &stopping, NULL);
    sigaction(SIGINT, &stopping, NULL);
    assign_kinds();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)total + 32) {
        fprintf(stderr, "load: %d connections need more descriptors than the %llu that a process may open; use several.\n",
                total, (unsigned long long)limit.rlim_max);
        return 2;
    }
    on_ready = count_ready;
    on_gone = count_gone;
    on_message = count_message;
    if (options.mode == MODE_FOLLOW)
        follow_begin();
    histogram_clear(&connect_times);
    histogram_clear(&churn_connect_times);
    histogram_clear(&times);

    Usage begin = usage_here();
    connect_all();
    Usage connected = usage_here(), from = connected, to;
    if (failed > 0 || ready < steady) {
        fprintf(stderr, "load: %d connects failed, %d connections were lost; nothing is measured.\n", failed, lost);
        return 1;
    }
    if (options.mode == MODE_FOLLOW) {
        while (!is_stopped && lost == 0)
            connections_poll(background());
        to = usage_here();
        follow_report(steady, ready, lost, (to.own_seconds - from.own_seconds) / ((double)(to.at_ns - from.at_ns) / 1e9));
        return 0;
    }
    uint64_t units = 0;
    if (options.mode == MODE_BROADCAST) {
        trigger(now_ns());
        run_until(now_ns() + (uint64_t)(options.warm_seconds * 1e9));
        from = usage_here();
        uint64_t before = delivered;
        is_measuring = true;
        run_until(now_ns() + (uint64_t)(options.seconds * 1e9));
        to = usage_here();
        units = delivered - before;
        drain();
    } else if (options.mode == MODE_PACED) {
        fill();
        first_measured = UINT64_MAX;
        pace(options.warm_seconds);
        drain();
        is_closing = false;
        probe_slow();
        slow_lost_early = slow_lost;
        first_measured = sent;
        late_max_ns = 0;
        from = usage_here();
        uint64_t before = delivered;
        pace(options.seconds);
        drain();
        to = usage_here();
        units = delivered - before;
        probe_slow();
    } else if (options.mode == MODE_ECHO) {
        prepare_calls();
        for (int i = 0; i < steady; i++)
            for (int place = 0; place < options.in_flight; place++)
                call(&connections[i], (uint32_t)place);
        run_until(now_ns() + (uint64_t)(options.warm_seconds * 1e9));
        from = usage_here();
        uint64_t before = answers;
        is_measuring = true;
        run_until(now_ns() + (uint64_t)(options.seconds * 1e9));
        to = usage_here();
        units = answers - before;
    } else {
        run_until(now_ns() + (uint64_t)(options.seconds * 1e9));
        to = usage_here();
    }
    report(&begin, &connected, &from, &to, units);
    return 0;
}
