#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "processes.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
    REQUEST_BYTES = 8192,
    RESPONSE_BYTES = 16384,
    EVENTS = 256,
    CONNECTIONS_PER_ADDRESS = 5000, /* the kernel's search for a free port slows down as an address runs out of them */
    SLOW_BUFFER_BYTES = 4096,
};

/* The key is the same for all, so its answer is too (the example of RFC 6455 1.3). */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

void (*on_ready)(Connection *connection);
void (*on_message)(Connection *connection);
void (*on_payload)(Connection *connection, const uint8_t *bytes, size_t length);
void (*on_gone)(Connection *connection, State last);
Connection *connections;

static int epoll_fd = -1, complaints;
static uint8_t buffer[1 << 16];

static void stop_run(const char *what)
{
    perror(what);
    exit(1);
}

static void complain(const char *what, const char *detail)
{
    if (complaints++ < 5)
        fprintf(stderr, "load: %s: %.120s\n", what, detail);
}

void connections_make(int count)
{
    connections = calloc((size_t)count, sizeof *connections);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (connections == NULL || epoll_fd < 0)
        stop_run("load: connections");
    for (int i = 0; i < count; i++)
        connections[i].fd = -1;
}

static void watch(Connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events};
    event.data.u64 = (uint64_t)connection->generation << 32 | (uint64_t)(connection - connections);
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event))
        stop_run("load: epoll_ctl");
}

static void close_socket(Connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection->generation++;
    connection->response_length = 0;
}

void connection_close(Connection *connection)
{
    close_socket(connection);
    free(connection->response);
    free(connection->id);
    connection->response = connection->id = NULL;
    connection->state = GONE;
}

static void give_up(Connection *connection)
{
    State last = connection->state;
    if (last == GONE)
        return;
    connection_close(connection);
    on_gone(connection, last);
}

static void open_socket(Connection *connection, State state)
{
    int number = (int)(connection - connections), one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        stop_run("load: socket");
    struct linger reset = {1, 0}; /* a close resets: no port stays behind in TIME_WAIT for the next run */
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (connection->kind->slow_bytes_per_second > 0) {
        int size = SLOW_BUFFER_BYTES;
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    int source = options.first_source + number / CONNECTIONS_PER_ADDRESS;
    address.sin_addr.s_addr = htonl(0x7f000100u + (uint32_t)(source / 250) * 256 + (uint32_t)(source % 250));
    if (bind(connection->fd, (struct sockaddr *)&address, sizeof address))
        stop_run("load: bind");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)options.port);
    connection->state = state;
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        complain("connect", strerror(errno));
        give_up(connection);
        return;
    }
    watch(connection, EPOLL_CTL_ADD, EPOLLOUT);
}

void connection_open(Connection *connection, uint64_t due_ns)
{
    connection->due_ns = due_ns;
    connection->received = connection->answered = 0;
    connection->reader = (FrameReader){0};
    connection->token = options.token_count ? options.tokens[options.next_token++ % options.token_count] : NULL;
    open_socket(connection, options.negotiate ? NEGOTIATE_CONNECTING : CONNECTING);
}

static void send_bytes(Connection *connection, const void *bytes, size_t length)
{
    ssize_t sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
    if (sent == (ssize_t)length)
        return;
    complain("send", sent < 0 ? strerror(errno) : "the server does not read");
    give_up(connection);
}

void connection_send(Connection *connection, Frame frame)
{
    send_bytes(connection, frame.bytes, frame.length);
}

static void send_request(Connection *connection)
{
    char request[REQUEST_BYTES], authorization[4200] = "";
    int length;
    if (connection->token)
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s\r\n", connection->token);
    if (connection->state == NEGOTIATE_CONNECTING) {
        length = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Length: 0\r\n\r\n",
                          options.negotiate, options.port, authorization);
        connection->state = NEGOTIATING;
    } else {
        const char *path = connection->kind->path;
        length = snprintf(request, sizeof request,
                          "GET %s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                          path, connection->id ? (strchr(path, '?') ? "&id=" : "?id=") : "",
                          connection->id ? connection->id : "", options.port, authorization);
        connection->state = UPGRADING;
    }
    send_bytes(connection, request, (size_t)length);
}

/* Returns the end of the head, NULL while it is incomplete or when the connection is given up. */
static char *read_response(Connection *connection, const uint8_t *bytes, size_t length)
{
    if (connection->response == NULL)
        connection->response = malloc(RESPONSE_BYTES + 1);
    if (connection->response == NULL)
        stop_run("load: memory of a response");
    if (connection->response_length + length > RESPONSE_BYTES) {
        complain("response too long", connection->response);
        give_up(connection);
        return NULL;
    }
    memcpy(connection->response + connection->response_length, bytes, length);
    connection->response_length += length;
    connection->response[connection->response_length] = 0;
    char *end = strstr(connection->response, "\r\n\r\n");
    return end ? end + 4 : NULL;
}

static void read_negotiate(Connection *connection, const uint8_t *bytes, size_t length)
{
    static const char name[] = "\"connectionToken\":\"";
    char *body = read_response(connection, bytes, length);
    if (body == NULL)
        return;
    char *size = strcasestr(connection->response, "\r\ncontent-length:");
    if (strncmp(connection->response, "HTTP/1.1 200", 12) != 0 || size == NULL || size > body) {
        complain("negotiate refused", connection->response);
        give_up(connection);
        return;
    }
    if (connection->response_length - (size_t)(body - connection->response) < (size_t)atol(size + 17))
        return;
    char *id = strstr(body, name), *end = id ? strchr(id + sizeof name - 1, '"') : NULL;
    if (end == NULL) {
        complain("negotiate without a connectionToken", body);
        give_up(connection);
        return;
    }
    id += sizeof name - 1;
    connection->id = strndup(id, (size_t)(end - id));
    close_socket(connection);
    open_socket(connection, CONNECTING);
}

static void become_ready(Connection *connection)
{
    connection->state = READY;
    if (connection->kind->slow_bytes_per_second > 0)
        epoll_ctl(epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    on_ready(connection);
}

static void send_first(Connection *connection)
{
    connection->state = FIRST;
    if (connection->kind->first.bytes)
        connection_send(connection, connection->kind->first);
    else
        become_ready(connection);
}

static void read_frame(Connection *connection)
{
    FrameReader *frame = &connection->reader;
    if (frame->opcode == OPCODE_CLOSE) {
        give_up(connection);
    } else if (frame->opcode == OPCODE_PING) {
        Frame pong = frame_make(OPCODE_PONG, frame->head, frame->head_length);
        connection_send(connection, pong);
        free(pong.bytes);
    } else if (frame->opcode == OPCODE_PONG) {
        return;
    } else if (options.ping && frame_head_is(frame, options.ping)) {
        connection_send(connection, options.pong);
    } else if (connection->state == READY) {
        on_message(connection);
    } else if (frame_head_has(frame, "\"error\"")) {
        complain("refused", (const char *)frame->head);
        give_up(connection);
    } else if (connection->state == GREETING) {
        send_first(connection);
    } else if (connection->state == FIRST && connection->kind->then.bytes) {
        connection->state = THEN;
        connection_send(connection, connection->kind->then);
    } else {
        become_ready(connection);
    }
}

static void read_frames(Connection *connection, const uint8_t *bytes, size_t length)
{
    FrameReader *reader = &connection->reader;
    while (connection->state != GONE) {
        bool is_complete = frame_read(reader, &bytes, &length);
        if (on_payload && connection->state == READY && reader->taken_length > 0 && reader->opcode < OPCODE_CLOSE)
            on_payload(connection, reader->taken, reader->taken_length);
        if (!is_complete)
            return;
        read_frame(connection);
    }
}

static void read_upgrade(Connection *connection, const uint8_t *bytes, size_t length)
{
    char *rest = read_response(connection, bytes, length);
    if (rest == NULL)
        return;
    if (strncmp(connection->response, "HTTP/1.1 101", 12) != 0 || strstr(connection->response, ACCEPT) == NULL) {
        complain("upgrade refused", connection->response);
        give_up(connection);
        return;
    }
    char *response = connection->response;
    size_t rest_length = connection->response_length - (size_t)(rest - response);
    connection->response = NULL;
    free(connection->id);
    connection->id = NULL;
    if (connection->kind->waits_for_greeting)
        connection->state = GREETING;
    else
        send_first(connection);
    read_frames(connection, (uint8_t *)rest, rest_length);
    free(response);
}

static void handle(Connection *connection)
{
    if (connection->state == CONNECTING || connection->state == NEGOTIATE_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            complain("connect", strerror(error));
            give_up(connection);
            return;
        }
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        send_request(connection);
        return;
    }
    ssize_t length = recv(connection->fd, buffer, sizeof buffer, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0)
        give_up(connection);
    else if (connection->state == NEGOTIATING)
        read_negotiate(connection, buffer, (size_t)length);
    else if (connection->state == UPGRADING)
        read_upgrade(connection, buffer, (size_t)length);
    else
        read_frames(connection, buffer, (size_t)length);
}

void connection_read_slowly(Connection *connection, double seconds_passed)
{
    double rate = connection->kind->slow_bytes_per_second;
    connection->allowance_bytes += rate * seconds_passed;
    if (connection->allowance_bytes > rate)
        connection->allowance_bytes = rate; /* nothing is saved up for more than a second */
    if (connection->allowance_bytes < 1)
        return;
    size_t most = (size_t)connection->allowance_bytes;
    ssize_t length = recv(connection->fd, buffer, most < sizeof buffer ? most : sizeof buffer, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        give_up(connection);
        return;
    }
    connection->allowance_bytes -= (double)length;
    read_frames(connection, buffer, (size_t)length);
}

/* A server that cuts a slow reader off is not heard of until all that the kernel still holds was read, which takes minutes.
 * So it is sent a ping: a socket that nobody holds any more answers by a reset. */
void connection_probe(Connection *connection)
{
    Frame ping = frame_make(OPCODE_PING, "", 0);
    connection_send(connection, ping);
    free(ping.bytes);
}

void connection_settle_probe(Connection *connection)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (connection->state == READY && getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error)
        give_up(connection);
}

void connections_poll(uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t now = now_ns();
    int wait_ms = options.spins || until_ns <= now ? 0 : (int)((until_ns - now) / 1000000);
    if (wait_ms == 0 && !options.spins && until_ns > now + 100000)
        wait_ms = 1; /* up to a millisecond late, which is reported, rather than a core lost to waiting */
    int count = epoll_wait(epoll_fd, events, EVENTS, wait_ms > 50 ? 50 : wait_ms);
    for (int i = 0; i < count; i++) {
        Connection *connection = &connections[(uint32_t)events[i].data.u64];
        if (connection->generation == (uint32_t)(events[i].data.u64 >> 32))
            handle(connection);
    }
}
