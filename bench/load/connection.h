/* The life of one client connection, from its first SYN to READY, and what it reads then. Knows no modes. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdint.h>

#include "frames.h"
#include "options.h"

typedef enum {
    NEW,
    NEGOTIATE_CONNECTING, /* the socket of the POST */
    NEGOTIATING,
    CONNECTING, /* the socket that stays */
    UPGRADING,
    GREETING, /* the server speaks first */
    FIRST,    /* the first message is sent, its answer awaited */
    THEN,     /* so is the second one's */
    READY,
    GONE,
} State;

typedef struct {
    Kind *kind;
    int fd;
    uint32_t generation; /* tells late events of a socket that was closed from those of its successor */
    State state;
    FrameReader reader;
    char *response; /* an HTTP response while it is incomplete */
    size_t response_length;
    char *id;           /* from negotiate, until the upgrade */
    const char *token;
    uint64_t due_ns;    /* from when the time to connected counts */
    uint64_t received;  /* broadcast messages */
    uint64_t *sent_ns;  /* echo: one place per call in flight */
    uint32_t answered;  /* echo: calls, so answered % in-flight is the place of the next answer */
    double allowance_bytes;
    uint8_t *part;      /* follow: a message of which the rest is still to come */
    size_t part_length;
    uint64_t position;  /* follow: of the latest event */
} Connection;

/* What the run wants to know; set before the first connection is opened. */
extern void (*on_ready)(Connection *connection);
extern void (*on_message)(Connection *connection); /* a data frame while READY: the reader's */
extern void (*on_payload)(Connection *connection, const uint8_t *bytes, size_t length); /* while READY; NULL: nobody asks */
extern void (*on_gone)(Connection *connection, State last); /* failed before READY, lost after it */

extern Connection *connections;

void connections_make(int count);
void connection_open(Connection *connection, uint64_t due_ns);
void connection_close(Connection *connection); /* on our own account: on_gone is not called */
void connection_send(Connection *connection, Frame frame);
void connection_read_slowly(Connection *connection, double seconds_passed);
void connection_probe(Connection *connection); /* ask one that reads slowly whether it is still held: see .c */
void connection_settle_probe(Connection *connection);
void connections_poll(uint64_t until_ns); /* handle what has happened; wait for it until then at most */

#endif
