/*
 * limit: the least that a server on this machine can do for the same frames. Plain C, epoll, one prebuilt frame, one send
 * per receiver; no sessions, groups, checks or outboxes, and a client that does not read loses messages (which is counted).
 *
 * usage: limit PORT [PAYLOAD_BYTES]
 * "B": the prebuilt frame goes to everybody; a SignalR handshake is answered; anything else comes back as it was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sha1.h"

enum { MAXIMUM_PAYLOAD = 65535, INPUT_BYTES = 65536, EVENTS = 256, BACKLOG = 4096, PAYLOAD_BYTES = 200 };

typedef struct {
    int fd, place; /* place: in `clients` */
    int is_upgraded;
    uint8_t *waiting; /* an incomplete request or frame */
    size_t waiting_length;
} Client;

static Client **clients;
static int client_count;
static uint8_t frame[MAXIMUM_PAYLOAD + 4];
static size_t frame_length;
static unsigned long unsent;

static void make_frame(size_t size)
{
    static const char begin[] = "{\"type\":1,\"target\":\"ReceiveMessage\",\"arguments\":[\"user-1234\",\"", end[] = "\"]}\x1e";
    size_t header = size < 126 ? 2 : 4;
    frame[0] = 0x81;
    frame[1] = (uint8_t)(size < 126 ? size : 126);
    if (header == 4) {
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
    }
    memset(frame + header, 'm', size);
    memcpy(frame + header, begin, sizeof begin - 1);
    memcpy(frame + header + size - (sizeof end - 1), end, sizeof end - 1);
    frame_length = header + size;
}

static void put(Client *client, const void *bytes, size_t length)
{
    ssize_t sent = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)length || (sent < 0 && errno != EAGAIN)) /* one that is gone is dropped when it is read */
        return;
    if (unsent++ == 0)
        fprintf(stderr, "limit: a client does not read; its messages are lost\n");
}

static void take(Client *client, const uint8_t *payload, size_t length)
{
    if (length > 0 && payload[0] == 'B') {
        for (int i = 0; i < client_count; i++)
            if (clients[i]->is_upgraded)
                put(clients[i], frame, frame_length);
    } else if (length > 11 && memcmp(payload, "{\"protocol\"", 11) == 0) {
        put(client, "\x81\x03{}\x1e", 5);
    } else if (length < 126) { /* calls of the lab are short */
        uint8_t answer[128] = {0x81, (uint8_t)length};
        memcpy(answer + 2, payload, length);
        put(client, answer, length + 2);
    }
}

static int upgrade(Client *client, const char *request)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[128], accept[29], response[256];
    uint8_t digest[20];
    const char *key = strcasestr(request, "\r\nsec-websocket-key: ");
    if (key == NULL)
        return 0;
    key += strlen("\r\nsec-websocket-key: ");
    size_t length = strcspn(key, "\r");
    if (length > 60)
        return 0;
    memcpy(text, key, length);
    memcpy(text + length, guid, sizeof guid);
    sha1(text, strlen(text), digest);
    base64_of_digest(digest, accept);
    int size = snprintf(response, sizeof response,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    put(client, response, (size_t)size);
    return 1;
}

/* Returns how many bytes were used up; -1: the client is to go. Writes a zero behind the last byte. */
static ssize_t read_input(Client *client, uint8_t *bytes, size_t length)
{
    size_t used = 0;
    bytes[length] = 0;
    if (!client->is_upgraded) {
        char *end = strstr((char *)bytes, "\r\n\r\n");
        if (end == NULL)
            return 0;
        if (!upgrade(client, (char *)bytes))
            return -1;
        client->is_upgraded = 1;
        used = (size_t)(end + 4 - (char *)bytes);
    }
    for (;;) {
        uint8_t *at = bytes + used;
        size_t left = length - used, header = 2, size;
        if (left < 2)
            return (ssize_t)used;
        size = at[1] & 127;
        if (size == 127)
            return -1;
        if (size == 126) {
            if (left < 4)
                return (ssize_t)used;
            size = (size_t)at[2] << 8 | at[3];
            header = 4;
        }
        if (left < header + 4 + size)
            return (ssize_t)used;
        uint8_t *mask = at + header, *payload = mask + 4;
        for (size_t i = 0; i < size; i++)
            payload[i] ^= mask[i & 3];
        used += header + 4 + size;
        if ((at[0] & 15) == 8)
            return -1;
        if ((at[0] & 15) <= 2)
            take(client, payload, size);
    }
}

static void drop(Client *client)
{
    close(client->fd);
    clients[client->place] = clients[--client_count];
    clients[client->place]->place = client->place;
    free(client->waiting);
    free(client);
}

static void read_client(Client *client)
{
    static uint8_t input[INPUT_BYTES + 1];
    memcpy(input, client->waiting, client->waiting_length);
    ssize_t length = recv(client->fd, input + client->waiting_length, INPUT_BYTES - client->waiting_length, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        drop(client);
        return;
    }
    size_t total = client->waiting_length + (size_t)length;
    ssize_t used = read_input(client, input, total);
    if (used < 0) {
        drop(client);
        return;
    }
    client->waiting_length = total - (size_t)used;
    client->waiting = realloc(client->waiting, client->waiting_length ? client->waiting_length : 1);
    memcpy(client->waiting, input + used, client->waiting_length);
}

static void accept_clients(int listener, int epoll_fd)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        Client *client = calloc(1, sizeof *client);
        client->fd = fd;
        client->place = client_count;
        client->waiting = malloc(1);
        clients[client_count++] = client;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int count, char **words)
{
    if (count < 2) {
        fprintf(stderr, "usage: limit PORT [PAYLOAD_BYTES]\n");
        return 2;
    }
    int size = count > 2 ? atoi(words[2]) : PAYLOAD_BYTES;
    if (size < 100 || size > MAXIMUM_PAYLOAD) {
        fprintf(stderr, "limit: a payload has from 100 to %d bytes\n", MAXIMUM_PAYLOAD);
        return 2;
    }
    make_frame((size_t)size);
    struct rlimit descriptors;
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    clients = calloc(descriptors.rlim_max < 1000000 ? descriptors.rlim_max : 1000000, sizeof *clients);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG)) {
        perror("limit");
        return 1;
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int number = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < number; i++) {
            if (events[i].data.ptr == NULL)
                accept_clients(listener, epoll_fd);
            else
                read_client(events[i].data.ptr);
        }
    }
}
