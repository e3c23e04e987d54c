#include "frames.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Frame frame_make(int opcode, const void *payload, size_t length)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d}; /* fixed: nobody is to be protected here */
    Frame frame = {malloc(length + 14), 2};
    if (frame.bytes == NULL) {
        perror("load: memory of a frame");
        exit(1);
    }
    frame.bytes[0] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        frame.bytes[1] = (uint8_t)(0x80 | length);
    } else if (length < 65536) {
        frame.bytes[1] = 0x80 | 126;
        frame.bytes[2] = (uint8_t)(length >> 8);
        frame.bytes[3] = (uint8_t)length;
        frame.length = 4;
    } else {
        frame.bytes[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            frame.bytes[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
        frame.length = 10;
    }
    memcpy(frame.bytes + frame.length, mask, 4);
    frame.length += 4;
    for (size_t i = 0; i < length; i++)
        frame.bytes[frame.length + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
    frame.length += length;
    return frame;
}

Frame frame_from_text(int opcode, const char *text)
{
    size_t length = 0;
    char *bytes = malloc(strlen(text) + 1);
    for (const char *at = text; bytes != NULL && *at; at++) {
        if (at[0] == '\\' && at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3])) {
            char digits[3] = {at[2], at[3], 0};
            bytes[length++] = (char)strtol(digits, NULL, 16);
            at += 3;
        } else {
            bytes[length++] = *at;
        }
    }
    Frame frame = frame_make(opcode, bytes, length);
    free(bytes);
    return frame;
}

static bool read_header(FrameReader *reader, const uint8_t **bytes, size_t *length)
{
    while (*length > 0) {
        reader->header[reader->header_length++] = *(*bytes)++;
        (*length)--;
        if (reader->header_length < 2)
            continue;
        int size = reader->header[1] & 127, needed = size == 126 ? 4 : size == 127 ? 10 : 2;
        if (reader->header_length < needed)
            continue;
        reader->size = (uint64_t)size;
        if (size >= 126) {
            reader->size = 0;
            for (int i = 2; i < needed; i++)
                reader->size = reader->size << 8 | reader->header[i];
        }
        reader->opcode = reader->header[0] & 15;
        reader->is_final = reader->header[0] >> 7;
        reader->left = reader->size;
        reader->header_length = reader->head_length = 0;
        return true;
    }
    return false;
}

bool frame_read(FrameReader *reader, const uint8_t **bytes, size_t *length)
{
    reader->taken_length = 0;
    if (!reader->in_payload) {
        if (!read_header(reader, bytes, length))
            return false;
        reader->in_payload = true;
    }
    size_t taken = *length < reader->left ? *length : (size_t)reader->left;
    size_t kept = (size_t)(FRAME_HEAD_BYTES - reader->head_length);
    if (kept > taken)
        kept = taken;
    memcpy(reader->head + reader->head_length, *bytes, kept);
    reader->head_length += (uint8_t)kept;
    reader->taken = *bytes;
    reader->taken_length = taken;
    *bytes += taken;
    *length -= taken;
    reader->left -= taken;
    if (reader->left > 0)
        return false;
    reader->in_payload = false;
    return true;
}

bool frame_head_is(const FrameReader *reader, const char *text)
{
    size_t length = strlen(text);
    return reader->size == length && memcmp(reader->head, text, length) == 0;
}

bool frame_head_has(const FrameReader *reader, const char *text)
{
    return memmem(reader->head, reader->head_length, text, strlen(text)) != NULL;
}
