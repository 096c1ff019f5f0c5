/* SPDX-License-Identifier: MIT
 *
 * http_client: fetches one file over many connections and throws the bodies away inside the kernel
 * (MSG_TRUNC), so that the client costs as little as it can while a server is measured on the same
 * machine. Prints one JSON object. Not a test of correctness: it looks at status and length only.
 *
 *   http_client [-c connections] [-t seconds] [-n requests] [-r range bytes] PORT PATH SIZE
 *
 * -n ends each connection after so many requests; -r asks for random ranges of that length instead
 * of the whole file. Bodies that are under way when the time is over count as far as they came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, HEAD_MAX = 16384, DISCARD_MAX = 8 << 20, DISCARDS_PER_TURN = 4 };

struct connection {
    int fd;
    bool is_in_body;
    uint64_t left; /* of the body */
    uint64_t asked;
    uint64_t requests; /* answered whole */
};

static struct {
    unsigned short port;
    const char *path;
    uint64_t size, range;
    unsigned connections;
    uint64_t requests_max; /* per connection, 0 = until the time is over */
    double seconds;
} ask = {.connections = 1, .seconds = 10};

static struct connection connections[CONNECTIONS_MAX];
static uint64_t bytes, requests, failures, random_state = 0x9e3779b97f4a7c15;
static double first_byte_s = -1;
static unsigned open_count;
static int loop;

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "http_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* xorshift64: the same ranges in every run */
static uint64_t random_below(uint64_t end)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return end == 0 ? 0 : random_state % end;
}

static void send_request(struct connection *c)
{
    char head[4096], range[80] = "";
    int len;

    c->asked = ask.size;
    if (ask.range > 0 && ask.range < ask.size) {
        uint64_t from = random_below(ask.size - ask.range);

        snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-%" PRIu64 "\r\n", from,
                 from + ask.range - 1);
        c->asked = ask.range;
    }
    len = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%hu\r\n%s\r\n", ask.path,
                   ask.port, range);
    if (len >= (int)sizeof(head) || send(c->fd, head, (size_t)len, MSG_NOSIGNAL) != len)
        die("cannot send a request");
    c->is_in_body = false;
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(ask.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll_ctl");
    open_count++;
    send_request(c);
}

static void close_connection(struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    open_count--;
}

/* A server may close an idle connection; one that breaks off a body is counted. */
static void on_end(struct connection *c)
{
    close_connection(c);
    failures++;
    if (failures < 1000 && (ask.requests_max == 0 || c->requests < ask.requests_max))
        open_connection(c);
}

static void on_answered(struct connection *c)
{
    requests++;
    c->requests++;
    if (ask.requests_max != 0 && c->requests >= ask.requests_max)
        close_connection(c);
    else
        send_request(c);
}

/* False: the head is not there yet, or the connection is over. */
static bool read_head(struct connection *c)
{
    char head[HEAD_MAX + 1];
    ssize_t len = recv(c->fd, head, HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);
    const char *end, *length;
    int status = 0;

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (len <= 0) {
        on_end(c);
        return false;
    }
    head[len] = '\0';
    end = strstr(head, "\r\n\r\n");
    if (end == NULL)
        return false;
    length = strcasestr(head, "\r\ncontent-length:");
    sscanf(head, "HTTP/1.%*d %d", &status);
    c->left = length != NULL && length < end ? strtoull(length + 17, NULL, 10) : 0;
    if ((status != 200 && status != 206) || c->left != c->asked) {
        fprintf(stderr, "http_client: unexpected answer:\n%.*s\n", (int)(end - head), head);
        exit(1);
    }
    recv(c->fd, head, (size_t)(end - head) + 4, 0);
    c->is_in_body = true;
    return true;
}

static void on_readable(struct connection *c, double started_s)
{
    if (!c->is_in_body && !read_head(c))
        return;
    for (int turn = 0; turn < DISCARDS_PER_TURN; turn++) {
        size_t want = c->left < DISCARD_MAX ? (size_t)c->left : DISCARD_MAX;
        ssize_t len = recv(c->fd, NULL, want, MSG_TRUNC | MSG_DONTWAIT);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len <= 0) {
            on_end(c);
            return;
        }
        if (first_byte_s < 0)
            first_byte_s = now_s() - started_s;
        bytes += (uint64_t)len;
        c->left -= (uint64_t)len;
        if (c->left == 0) {
            on_answered(c);
            return;
        }
    }
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:t:n:r:")) != -1) {
        if (option == 'c')
            ask.connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 't')
            ask.seconds = strtod(optarg, NULL);
        else if (option == 'n')
            ask.requests_max = strtoull(optarg, NULL, 10);
        else if (option == 'r')
            ask.range = strtoull(optarg, NULL, 10);
        else
            exit(2);
    }
    if (argc - optind != 3 || ask.connections < 1 || ask.connections > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: http_client [-c connections] [-t seconds] [-n requests] "
                        "[-r range bytes] PORT PATH SIZE\n");
        exit(2);
    }
    ask.port = (unsigned short)strtoul(argv[optind], NULL, 10);
    ask.path = argv[optind + 1];
    ask.size = strtoull(argv[optind + 2], NULL, 10);
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    struct rusage usage;
    double started_s, end_s, now;

    read_arguments(argc, argv);
    loop = epoll_create1(EPOLL_CLOEXEC);
    started_s = now_s();
    end_s = started_s + ask.seconds;
    for (unsigned i = 0; i < ask.connections; i++)
        open_connection(&connections[i]);
    while ((now = now_s()) < end_s && open_count > 0) {
        int n = epoll_wait(loop, events, 64, (int)((end_s - now) * 1000) + 1);

        for (int i = 0; i < n; i++)
            on_readable(events[i].data.ptr, started_s);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.4f, \"requests\": %" PRIu64
           ", \"failures\": %" PRIu64 ", \"first_byte_s\": %.4f, \"is_complete\": %s, "
           "\"cpu_s\": %.3f}\n",
           bytes, now_s() - started_s, requests, failures, first_byte_s,
           open_count == 0 ? "true" : "false",
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    return 0;
}
