/* SHA-1 and base64, as the WebSocket upgrade needs them (RFC 6455 4.2.2); for short texts only. */
#ifndef SHA1_H
#define SHA1_H

#include <stddef.h>
#include <stdint.h>

void sha1(const void *bytes, size_t length, uint8_t digest[20]); /* up to 119 bytes */
void base64_of_digest(const uint8_t digest[20], char text[29]);

#endif
