/* SPDX-License-Identifier: MIT
 *
 * tracker_ws: browsers of a WebTorrent tracker: WebSockets that announce with offers, and answer
 * every offer they get. Sockets announce again as soon as they have their reply and all answers.
 *
 *   tracker_ws [-n sockets] [-s swarms] [-o offers] [-b bytes of an SDP] [-t seconds] PORT PATH
 *
 * Every socket joins its swarm without offers; then follows a line "open" on standard output. With
 * a line on standard input the work begins, and ends with one JSON object: `messages` came from the
 * tracker, `late` announces were given up after 2 s, `bad` messages are none of what a tracker
 * says, or an offer or answer that is not as it was sent. The sockets stay open until standard
 * input ends.
 */
#include <inttypes.h>
#include <unistd.h>

#include "load_ws.h"

enum {
    SDP_MAX = 8000,
    OFFERS_MAX = 20,
    FRAME_MAX = 1 << 18,
    ID = 20,
    LATE_MS = 2000,
    JOIN_S = 30,
};

struct browser {
    struct load_ws ws;
    unsigned number;
    bool has_reply;
    unsigned answers; /* since the last announce */
    double asked_s;
};

static struct {
    unsigned sockets, swarms, offers, sdp_bytes, port;
    double seconds;
    const char *path;
} ask = {.sockets = 300, .swarms = 30, .offers = 5, .sdp_bytes = 1200, .seconds = 3};

static struct browser *browsers;
static struct {
    uint64_t announces, messages, replies, offers, answers, late, bad;
} count;
static bool is_working;
static unsigned run; /* part of the peer ids: nobody is taken for one of the last run */
static char sdp[SDP_MAX + 1], frame[FRAME_MAX];
static int loop;

/* ---- what we say */

static void announce(struct browser *b)
{
    char *at = frame + LOAD_WS_HEAD, *end = frame + FRAME_MAX;
    unsigned offers = is_working ? ask.offers : 0;

    b->has_reply = false;
    b->answers = 0;
    b->asked_s = load_now_s();
    at += snprintf(at, (size_t)(end - at),
                   "{\"numwant\":%u,\"uploaded\":0,\"downloaded\":0,\"left\":1000,%s"
                   "\"action\":\"announce\",\"info_hash\":\"bench swarm %08u\","
                   "\"peer_id\":\"-WW0208-%06u%06u\",\"offers\":[",
                   offers, is_working ? "" : "\"event\":\"started\",", b->number % ask.swarms, run,
                   b->number);
    for (unsigned i = 0; i < offers; i++)
        at += snprintf(at, (size_t)(end - at),
                       "%s{\"offer\":{\"type\":\"offer\",\"sdp\":\"%s\"},"
                       "\"offer_id\":\"offer %02u of %08u\"}",
                       i > 0 ? "," : "", sdp, i, b->number);
    at += snprintf(at, (size_t)(end - at), "]}");
    count.announces++;
    load_ws_send(&b->ws, frame, LOAD_WS_TEXT, (size_t)(at - frame) - LOAD_WS_HEAD);
}

/* ---- what we hear */

/* The string of 20 characters at `name`, copied to `out`; the messages we asked for have no others
 * than letters, digits and blanks in it. */
static bool find_id(const char *text, size_t len, const char *name, char out[ID + 1])
{
    const char *at = memmem(text, len, name, strlen(name));

    if (at == NULL || at + strlen(name) + ID >= text + len)
        return false;
    memcpy(out, at + strlen(name), ID);
    out[ID] = '\0';
    return at[strlen(name) + ID] == '"';
}

static bool has(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what)) != NULL;
}

static void on_offer(struct browser *b, const char *text, size_t len)
{
    char peer_id[ID + 1], offer_id[ID + 1];

    count.offers++;
    if (!find_id(text, len, "\"peer_id\":\"", peer_id) ||
        !find_id(text, len, "\"offer_id\":\"", offer_id)) {
        count.bad++;
        return;
    }
    load_ws_send(&b->ws, frame, LOAD_WS_TEXT,
                 (size_t)snprintf(frame + LOAD_WS_HEAD, FRAME_MAX - LOAD_WS_HEAD,
                                  "{\"action\":\"announce\",\"info_hash\":\"bench swarm %08u\","
                                  "\"peer_id\":\"-WW0208-%06u%06u\",\"to_peer_id\":\"%s\","
                                  "\"answer\":{\"type\":\"answer\",\"sdp\":\"%s\"},"
                                  "\"offer_id\":\"%s\"}",
                                  b->number % ask.swarms, run, b->number, peer_id, sdp, offer_id));
}

static void on_answer(struct browser *b, const char *text, size_t len)
{
    char offer_id[ID + 1], mine[ID + 1];

    count.answers++;
    b->answers++;
    snprintf(mine, sizeof(mine), " of %08u", b->number);
    count.bad += !find_id(text, len, "\"offer_id\":\"", offer_id) || strstr(offer_id, mine) == NULL;
}

static void on_text(void *data, const char *text, size_t len)
{
    struct browser *b = data;

    count.messages++;
    if (has(text, len, "\"offer\":{") || has(text, len, "\"answer\":{")) {
        count.bad += !has(text, len, sdp);
        if (has(text, len, "\"offer\":{"))
            on_offer(b, text, len);
        else
            on_answer(b, text, len);
    } else if (has(text, len, "\"complete\":")) {
        count.replies++;
        b->has_reply = true;
    } else if (count.bad++ == 0) {
        fprintf(stderr, "message: %.*s\n", (int)len, text);
    }
    if (is_working && b->has_reply && b->answers >= ask.offers)
        announce(b);
}

static void on_readable(struct browser *b)
{
    load_ws_read(&b->ws, on_text, b);
}

/* ---- connections */

static void open_socket(struct browser *b)
{
    struct pollfd readable;

    load_ws_connect(&b->ws, load_address(b->number % LOAD_SOURCES), ask.port, ask.path, loop, b);
    readable = (struct pollfd){.fd = b->ws.fd, .events = POLLIN};
    while (!b->ws.is_open && poll(&readable, 1, -1) > 0)
        on_readable(b);
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "n:s:o:b:t:")) != -1) {
        if (option == 'n')
            ask.sockets = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            ask.swarms = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'o')
            ask.offers = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'b')
            ask.sdp_bytes = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 't')
            ask.seconds = strtod(optarg, NULL);
        else
            exit(2);
    }
    if (argc - optind != 2 || ask.offers > OFFERS_MAX || ask.sdp_bytes > SDP_MAX ||
        ask.swarms == 0 || ask.sockets / ask.swarms <= ask.offers) {
        fprintf(stderr, "usage: tracker_ws [-n sockets] [-s swarms, each of more sockets than "
                        "offers] [-o offers] [-b bytes of an SDP] [-t seconds] PORT PATH\n");
        exit(2);
    }
    ask.port = (unsigned)strtoul(argv[optind], NULL, 10);
    ask.path = argv[optind + 1];
}

static void make_sdp(void)
{
    static const char line[] = "a=candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host\\r\\n";

    for (size_t i = 0; i < ask.sdp_bytes; i++)
        sdp[i] = line[i % (sizeof(line) - 1)];
    if (ask.sdp_bytes > 0 && sdp[ask.sdp_bytes - 1] == '\\')
        sdp[ask.sdp_bytes - 1] = ' ';
}

static void turn(int timeout_ms)
{
    struct epoll_event events[64];
    int n = epoll_wait(loop, events, 64, timeout_ms);

    for (int i = 0; i < n; i++)
        on_readable(events[i].data.ptr);
}

static void announce_late_ones(double now_s)
{
    for (unsigned i = 0; i < ask.sockets; i++)
        if (now_s - browsers[i].asked_s > LATE_MS / 1000.0) {
            count.late++;
            announce(&browsers[i]);
        }
}

/* False: standard input has ended. */
static bool wait_for_line(void)
{
    char line[64];
    ssize_t len;

    for (;;) {
        struct epoll_event event;

        if (epoll_wait(loop, &event, 1, -1) != 1)
            continue;
        if (event.data.ptr != NULL)
            on_readable(event.data.ptr);
        else if ((len = read(STDIN_FILENO, line, sizeof(line))) <= 0 || line[len - 1] == '\n')
            return len > 0;
    }
}

/* All are in their swarms before anybody makes an offer. */
static void join(void)
{
    double end_s = load_now_s() + JOIN_S;

    for (unsigned i = 0; i < ask.sockets; i++) {
        browsers[i].number = i;
        open_socket(&browsers[i]);
        announce(&browsers[i]);
        turn(0);
    }
    while (count.replies < ask.sockets) {
        if (load_now_s() > end_s) {
            fprintf(stderr, "tracker_ws: %" PRIu64 " of %u replies\n", count.replies, ask.sockets);
            exit(1);
        }
        turn(100);
    }
}

static void work(void)
{
    double started_s = load_now_s(), end_s = started_s + ask.seconds, looked_s = started_s, now_s;

    memset(&count, 0, sizeof(count));
    is_working = true;
    for (unsigned i = 0; i < ask.sockets; i++)
        announce(&browsers[i]);
    while ((now_s = load_now_s()) < end_s) {
        turn((int)((end_s - now_s) * 1000) % 100 + 1);
        if (now_s - looked_s > 0.1) {
            announce_late_ones(now_s);
            looked_s = now_s;
        }
    }
    is_working = false;
    printf("{\"announces\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"replies\": %" PRIu64
           ", \"offers\": %" PRIu64 ", \"answers\": %" PRIu64 ", \"late\": %" PRIu64
           ", \"bad\": %" PRIu64 ", \"seconds\": %.4f, \"cpu_s\": %.3f}\n",
           count.announces, count.messages, count.replies, count.offers, count.answers, count.late,
           count.bad, load_now_s() - started_s, load_cpu_s());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct rlimit limit;

    read_arguments(argc, argv);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    make_sdp();
    run = (unsigned)getpid() % 1000000;
    browsers = calloc(ask.sockets, sizeof(*browsers));
    loop = epoll_create1(EPOLL_CLOEXEC);
    join();
    printf("open\n");
    fflush(stdout);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        load_die("standard input");
    if (wait_for_line()) {
        /* Nothing but the work from here: standard input is looked at again when it is done. */
        epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        work();
        epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &event);
        while (wait_for_line())
            ;
    }
    return 0;
}
