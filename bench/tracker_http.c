/* SPDX-License-Identifier: MIT
 *
 * tracker_http: announces by HTTP, each connection from one of 8 addresses, and looks at each
 * answer. The swarms are those of "tracker_udp fill".
 *
 *   tracker_http [-h hashes] [-p peers per hash] [-w wanted] [-t seconds] [-c connections] [-k]
 * PORT
 *
 * -k keeps connections, as far as the tracker does; otherwise each request asks to close. Prints
 * one JSON object: `bad` are answers that are no list of compact peers or name one nobody
 * announced, `short` named fewer peers than wanted, `broken` connections ended before an answer.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { CONNECTIONS_MAX = 1024, ANSWER_MAX = 8192, BROKEN_MAX = 1000 };

struct connection {
    int fd;
    unsigned source;
    bool is_kept; /* answered at least once */
    size_t len;
    char answer[ANSWER_MAX + 1];
};

static struct {
    uint32_t hashes, peers, want;
    double seconds;
    unsigned connections, port;
    bool keeps;
} ask = {.hashes = 500, .peers = 512, .want = 50, .seconds = 3, .connections = 64};

static struct connection *connections;
static char (*hashes)[LOAD_HASH * 3 + 1]; /* percent-encoded */
static uint64_t answered, bad, shorter, broken, opened, random_state = 1;
static int loop;

static void send_request(struct connection *c)
{
    uint32_t peer = load_peer_of(c->source, ask.peers, &random_state);
    char head[1024];
    int len = snprintf(head, sizeof(head),
                       "GET /announce?info_hash=%s&peer_id=-LT2080-%012" PRIx32
                       "&port=%u&uploaded=0&downloaded=0&left=%d&compact=1&numwant=%u HTTP/1.1\r\n"
                       "Host: 127.0.0.1:%u\r\nUser-Agent: bench\r\n%s\r\n",
                       hashes[load_random(&random_state, ask.hashes)], peer, load_port(peer),
                       peer / LOAD_SOURCES % LOAD_SEED_EVERY == 0 ? 0 : 1 << 30, ask.want, ask.port,
                       ask.keeps ? "" : "Connection: close\r\n");

    c->len = 0;
    /* A kept connection that the tracker just closed: its end is read next. */
    if (send(c->fd, head, (size_t)len, MSG_NOSIGNAL) != len && errno != EPIPE &&
        errno != ECONNRESET)
        load_die("cannot send");
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in from = load_address(c->source), to = load_server(ask.port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("cannot connect");
    if (epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &event) != 0)
        load_die("epoll_ctl");
    opened++;
    c->is_kept = false;
    send_request(c);
}

static void reopen(struct connection *c)
{
    close(c->fd);
    open_connection(c);
}

static void check(const char *body, size_t len)
{
    static const char key[] = "5:peers";
    const char *peers = memmem(body, len, key, sizeof(key) - 1);
    char *colon;
    unsigned long bytes;

    answered++;
    if (peers == NULL || (bytes = strtoul(peers + sizeof(key) - 1, &colon, 10)) % 6 != 0 ||
        *colon != ':' || colon + 1 + bytes > body + len ||
        load_strangers((const uint8_t *)colon + 1, (unsigned)bytes / 6, ask.peers) > 0) {
        if (bad++ == 0)
            fprintf(stderr, "answer: %.*s\n", (int)len, body);
        return;
    }
    shorter += bytes / 6 < ask.want;
}

/* 0: not all of it is here yet. */
static size_t answer_len(struct connection *c, size_t *body)
{
    const char *end, *length;

    c->answer[c->len] = '\0';
    end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    length = strcasestr(c->answer, "\r\ncontent-length:");
    if (strncmp(c->answer, "HTTP/1.", 7) != 0 || strncmp(c->answer + 8, " 200", 4) != 0 ||
        length == NULL || length > end) {
        fprintf(stderr, "tracker_http: unexpected answer:\n%.*s\n", (int)c->len, c->answer);
        exit(1);
    }
    *body = (size_t)(end - c->answer) + 4;
    return *body + strtoul(length + 17, NULL, 10);
}

static void on_end(struct connection *c)
{
    /* Between two answers the tracker may close; before the first one or inside one it may not. */
    if ((c->len > 0 || !c->is_kept) && ++broken > BROKEN_MAX) {
        fprintf(stderr, "tracker_http: the tracker breaks off\n");
        exit(1);
    }
    reopen(c);
}

static void on_readable(struct connection *c)
{
    ssize_t got = recv(c->fd, c->answer + c->len, ANSWER_MAX - c->len, MSG_DONTWAIT);
    size_t body = 0, len;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        on_end(c);
        return;
    }
    c->len += (size_t)got;
    len = answer_len(c, &body);
    if (len == 0 || len > c->len)
        return;
    check(c->answer + body, len - body);
    c->is_kept = true;
    if (ask.keeps)
        send_request(c);
    else
        reopen(c);
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "h:p:w:t:c:k")) != -1) {
        if (option == 'h')
            ask.hashes = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'p')
            ask.peers = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'w')
            ask.want = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 't')
            ask.seconds = strtod(optarg, NULL);
        else if (option == 'c')
            ask.connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'k')
            ask.keeps = true;
        else
            exit(2);
    }
    if (argc - optind != 1 || ask.connections < 1 || ask.connections > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: tracker_http [-h hashes] [-p peers per hash] [-w wanted] "
                        "[-t seconds] [-c connections] [-k] PORT\n");
        exit(2);
    }
    ask.port = (unsigned)strtoul(argv[optind], NULL, 10);
}

static void encode_hashes(void)
{
    hashes = calloc(ask.hashes, sizeof(*hashes));
    for (uint32_t i = 0; i < ask.hashes; i++) {
        uint8_t hash[LOAD_HASH];

        load_hash(i, hash);
        for (unsigned j = 0; j < LOAD_HASH; j++)
            sprintf(hashes[i] + (size_t)j * 3, "%%%02X", hash[j]);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[64];
    double started_s, end_s, now_s;

    read_arguments(argc, argv);
    encode_hashes();
    connections = calloc(ask.connections, sizeof(*connections));
    loop = epoll_create1(EPOLL_CLOEXEC);
    started_s = load_now_s();
    end_s = started_s + ask.seconds;
    for (unsigned i = 0; i < ask.connections; i++) {
        connections[i].source = i % LOAD_SOURCES;
        open_connection(&connections[i]);
    }
    while ((now_s = load_now_s()) < end_s) {
        int n = epoll_wait(loop, events, 64, (int)((end_s - now_s) * 1000) + 1);

        for (int i = 0; i < n; i++)
            on_readable(events[i].data.ptr);
    }
    printf("{\"answered\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"short\": %" PRIu64
           ", \"broken\": %" PRIu64 ", \"opened\": %" PRIu64
           ", \"seconds\": %.4f, \"cpu_s\": %.3f}\n",
           answered, bad, shorter, broken, opened, load_now_s() - started_s, load_cpu_s());
    free(connections);
    free(hashes);
    return 0;
}
