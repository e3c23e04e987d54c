/* WebSocket frames (RFC 6455 5.2) as a client writes and reads them. Knows no sockets. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };
enum { FRAME_HEAD_BYTES = 125 }; /* as much of a payload as is kept: all of a control frame */

typedef struct {
    uint8_t *bytes;
    size_t length;
} Frame;

Frame frame_make(int opcode, const void *payload, size_t length); /* masked, as clients must */
Frame frame_from_text(int opcode, const char *text);              /* \xNN stands for a byte */

typedef struct {
    uint64_t size, left; /* of the payload; what of it is still to come */
    uint8_t header[10], header_length, opcode, head_length;
    bool is_final, in_payload;
    uint8_t head[FRAME_HEAD_BYTES];
    const uint8_t *taken; /* what of the payload the last call took */
    size_t taken_length;
} FrameReader;

/* Takes bytes until a frame is complete. True: one is, read its fields, then call again for the rest. */
bool frame_read(FrameReader *reader, const uint8_t **bytes, size_t *length);
bool frame_head_is(const FrameReader *reader, const char *text);
bool frame_head_has(const FrameReader *reader, const char *text);

#endif
