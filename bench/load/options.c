#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Options options = {
    .connecting = 64, .in_flight = 1, .first_source = 1, .minimum_bytes = 64,
    .seconds = 3, .warm_seconds = 0.5, .rate = 10, .churn_hold_seconds = 1,
};

static const char usage[] =
    "usage: load MODE --port PORT [options] --kind COUNT [options of the kind] [--kind ...]\n"
    "One line of JSON on standard output, progress on standard error. Targets are on 127.0.0.1.\n"
    "\n"
    "modes\n"
    "  broadcast   trigger, wait until every receiver has it, trigger again: frames a second and CPU per frame\n"
    "  paced       trigger at --rate, whether or not the last one is through: times count from when each was due\n"
    "  echo        --in-flight calls on each connection, the next when one is answered\n"
    "  hold        hold the connections: time to connect, set-ups a second, memory\n"
    "  follow      hold them and read events that others cause, until SIGTERM: times count from --moments\n"
    "options\n"
    "  --seconds S --warm S      measured time (3) and time before it (0.5)\n"
    "  --connecting N            connects in flight at once (64)\n"
    "  --storm                   all connects are due at the start; their times count from there\n"
    "  --negotiate TARGET        first POST there, on a socket of its own; its connectionToken becomes the id\n"
    "  --tokens FILE             bearer tokens, one a line, one for each connect\n"
    "  --trigger TEXT            what connection 0 sends to cause a broadcast; \\xNN is a byte\n"
    "  --rate R                  paced: broadcasts a second (10)\n"
    "  --fill TEXT --fill-count N  paced: what connection 0 sends so often before, to fill the buffers of slow readers\n"
    "  --minimum BYTES           smallest payload that counts as a broadcast (64)\n"
    "  --echo TEXT               a call; %d in it is the number of the place among those in flight\n"
    "  --in-flight K             calls at once on each connection (1)\n"
    "  --expect TEXT             what every answer must have within its first 125 bytes\n"
    "  --ping TEXT --pong TEXT   pings that are data frames, and their answer (Socket.IO)\n"
    "  --keep-alive S            send the kind's --keep-alive-text every so often\n"
    "  --churn-hold S            how long a connection that comes and goes stays (1)\n"
    "  --source N                first source address 127.0.1.N (1); one more per 5,000 connections\n"
    "  --pid PID                 a process of the server; may be repeated\n"
    "  --spin                    never sleep, so that the server does not pay for waking this program\n"
    "  --moments FILE            follow: for each cause two 64-bit numbers, when it was due and when it was done (CLOCK_MONOTONIC,\n"
    "                            nanoseconds), written by whoever causes; due at 0: not measured\n"
    "  --marker 'B S O TEXT'     follow: behind TEXT in an event stands n, and the event has cause (n - B) * S + O\n"
    "options of a kind\n"
    "  --path TARGET             of the upgrade (/)\n"
    "  --first TEXT --greeting   message after the upgrade, or after the server's first; answered by one\n"
    "  --then TEXT               message after that, answered by one more (joining a group)\n"
    "  --keep-alive-text TEXT    see --keep-alive; --keep-alive-binary for a binary frame\n"
    "  --bystander               no broadcast may reach it\n"
    "  --slow BYTES              read only so many bytes a second, with a small buffer\n"
    "  --churn R                 so many come and go again each second, while the others are measured\n";

static void refuse(const char *reason, const char *word)
{
    fprintf(stderr, "load: %s %s\n%s", reason, word, usage);
    exit(2);
}

static void read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        if (options.token_count % 1024 == 0)
            options.tokens = realloc(options.tokens, (size_t)(options.token_count + 1024) * sizeof *options.tokens);
        options.tokens[options.token_count++] = strdup(line);
    }
    free(line);
    fclose(file);
    if (options.token_count == 0)
        refuse("no tokens in", path);
}

static void read_marker(const char *value)
{
    Marker *marker = &options.markers[options.marker_count];
    int text = 0;
    if (options.marker_count++ == MAXIMUM_MARKERS ||
        sscanf(value, "%lld %lld %lld %n", &marker->base, &marker->step, &marker->offset, &text) != 3 || value[text] == 0)
        refuse("a --marker is three numbers and a text, not", value);
    marker->text = strdup(value + text);
}

static bool read_kind(Kind *kind, const char *word, const char *value, bool *has_value)
{
    *has_value = true;
    if (!strcmp(word, "--path")) kind->path = value;
    else if (!strcmp(word, "--first")) kind->first = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--then")) kind->then = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--keep-alive-text")) kind->keep_alive = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--keep-alive-binary")) kind->keep_alive = frame_from_text(OPCODE_BINARY, value);
    else if (!strcmp(word, "--slow")) kind->slow_bytes_per_second = atof(value);
    else if (!strcmp(word, "--churn")) kind->churn_per_second = atof(value);
    else {
        *has_value = false;
        if (!strcmp(word, "--greeting")) kind->waits_for_greeting = true;
        else if (!strcmp(word, "--bystander")) kind->is_bystander = true;
        else return false;
    }
    return true;
}

static bool read_run(const char *word, const char *value, bool *has_value)
{
    *has_value = true;
    if (!strcmp(word, "--port")) options.port = atoi(value);
    else if (!strcmp(word, "--seconds")) options.seconds = atof(value);
    else if (!strcmp(word, "--warm")) options.warm_seconds = atof(value);
    else if (!strcmp(word, "--connecting")) options.connecting = atoi(value);
    else if (!strcmp(word, "--negotiate")) options.negotiate = value;
    else if (!strcmp(word, "--tokens")) read_tokens(value);
    else if (!strcmp(word, "--trigger")) options.trigger = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--fill")) options.fill = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--fill-count")) options.fill_count = atoi(value);
    else if (!strcmp(word, "--rate")) options.rate = atof(value);
    else if (!strcmp(word, "--minimum")) options.minimum_bytes = atoi(value);
    else if (!strcmp(word, "--echo")) options.echo = value;
    else if (!strcmp(word, "--in-flight")) options.in_flight = atoi(value);
    else if (!strcmp(word, "--expect")) options.expected = value;
    else if (!strcmp(word, "--ping")) options.ping = value;
    else if (!strcmp(word, "--pong")) options.pong = frame_from_text(OPCODE_TEXT, value);
    else if (!strcmp(word, "--keep-alive")) options.keep_alive_seconds = atof(value);
    else if (!strcmp(word, "--moments")) options.moments = value;
    else if (!strcmp(word, "--marker")) read_marker(value);
    else if (!strcmp(word, "--churn-hold")) options.churn_hold_seconds = atof(value);
    else if (!strcmp(word, "--source")) options.first_source = atoi(value);
    else if (!strcmp(word, "--pid") && options.process_count < MAXIMUM_PROCESSES)
        options.processes[options.process_count++] = atoi(value);
    else if (!strcmp(word, "--kind") && options.kind_count < MAXIMUM_KINDS)
        options.kinds[options.kind_count++] = (Kind){.count = atoi(value), .path = "/"};
    else {
        *has_value = false;
        if (!strcmp(word, "--spin")) options.spins = true;
        else if (!strcmp(word, "--storm")) options.is_storm = true;
        else return false;
    }
    return true;
}

void options_read(int count, char **words)
{
    static const char *modes[] = {"broadcast", "paced", "echo", "hold", "follow"};
    int mode = 0;
    while (count > 1 && mode < 5 && strcmp(words[1], modes[mode]) != 0)
        mode++;
    if (count < 2 || mode == 5)
        refuse("the first word must be a mode, not", count < 2 ? "nothing" : words[1]);
    options.mode = (Mode)mode;
    for (int i = 2; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        bool has_value = false;
        bool is_known = (options.kind_count > 0 &&
                         read_kind(&options.kinds[options.kind_count - 1], words[i], value, &has_value)) ||
                        read_run(words[i], value, &has_value);
        if (!is_known)
            refuse("unknown word", words[i]);
        if (has_value && ++i == count)
            refuse("a value must follow", words[i - 1]);
    }
    if (options.port <= 0 || options.kind_count == 0)
        refuse("--port and one --kind are needed,", "both");
    for (int i = 0; i < options.kind_count; i++)
        if (options.kinds[i].count <= 0)
            refuse("a --kind needs a count above", "0");
    bool triggers = options.mode == MODE_BROADCAST || options.mode == MODE_PACED;
    if (triggers && (options.trigger.bytes == NULL || options.kinds[0].churn_per_second > 0 ||
                     options.kinds[0].slow_bytes_per_second > 0))
        refuse("a --trigger is needed, and a first --kind that stays and reads, in mode", words[1]);
    if (options.mode == MODE_PACED && options.rate <= 0)
        refuse("--rate must be above", "0");
    if (options.mode == MODE_ECHO && (options.echo == NULL || options.in_flight < 1 || options.in_flight > MAXIMUM_IN_FLIGHT))
        refuse("--echo is needed and --in-flight from 1 to 64 in mode", words[1]);
    if (options.mode == MODE_FOLLOW && (options.moments == NULL || options.marker_count == 0))
        refuse("--moments and a --marker are needed in mode", words[1]);
    if (options.connecting < 1)
        refuse("--connecting must be above", "0");
}
