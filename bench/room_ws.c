/* SPDX-License-Identifier: MIT
 *
 * room_ws: people in rooms, by Socket.IO over WebSockets, who chat or are just there.
 *
 *   room_ws [-n clients] [-r rooms] PORT
 *
 * Everybody connects and joins; then follows a line "open" on standard output. Each line on
 * standard input is done and answered with one JSON object:
 *
 *   chat MESSAGES_A_SECOND SECONDS   over all rooms, whose members take turns; everybody in a room
 *                                    hears it, who said it included
 *   hold SECONDS                     nobody says anything but the answers to pings
 *
 * `missing`: messages that 5 s after the last one had not come to all; `latency`: from before
 * it was sent until it was read, in ms; `pings` were asked and answered. Who is cut off ends the
 * run. The sockets stay open until standard input ends.
 */
#include <inttypes.h>
#include <unistd.h>

#include "load_ws.h"

enum {
    FRAME_MAX = 1024,
    CODE_MAX = 31,
    JOINING_MAX = 32, /* at once */
    SOURCES = 64,     /* addresses: how many rooms one may make is limited */
    JOIN_S = 120,
    GRACE_S = 5,
    BUCKET_US = 10, /* of the latencies */
    BUCKETS = 200000,
    EVENTS = 256,
};

struct client {
    struct load_ws ws;
    unsigned number;
    enum { OPENING, CONNECTING, JOINING, INSIDE } state;
};

static struct {
    unsigned clients, rooms, port;
} ask = {.clients = 100, .rooms = 1};

static struct client *clients;
static char (*codes)[CODE_MAX + 1]; /* of the rooms */
static struct {
    uint64_t sent, heard, others, pings;
} count;
static unsigned joined;
static uint32_t latencies[BUCKETS];
static double read_s; /* when what is being looked at was read */
static char frame[FRAME_MAX];
static int loop;

static void say(struct client *c, const char *text)
{
    size_t len = strlen(text);

    memcpy(frame + LOAD_WS_HEAD, text, len);
    load_ws_send(&c->ws, frame, LOAD_WS_TEXT, len);
}

/* The first one of a room makes it. */
static void enter(struct client *c)
{
    char text[FRAME_MAX - LOAD_WS_HEAD], code[CODE_MAX + 16] = "";
    bool creates = c->number < ask.rooms;

    if (!creates)
        snprintf(code, sizeof(code), "\"code\":\"%s\",", codes[c->number % ask.rooms]);
    snprintf(text, sizeof(text),
             "420[\"%s\",{%s\"participantId\":\"bench_%06u\",\"name\":\"Viewer %u\","
             "\"capabilities\":{\"nativePlayback\":true}}]",
             creates ? "create-room" : "join-room", code, c->number, c->number);
    say(c, text);
}

static void chat(struct client *c)
{
    char text[FRAME_MAX - LOAD_WS_HEAD];

    snprintf(text, sizeof(text),
             "42[\"chat-message\",{\"text\":\"t=%.6f and what people say about a film\"}]",
             load_now_s());
    say(c, text);
    count.sent++;
}

/* ---- what we hear */

static bool begins(const char *text, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static void on_joined(struct client *c, const char *text, size_t len)
{
    static const char name[] = "\"code\":\"";
    const char *code = memmem(text, len, name, sizeof(name) - 1);

    if (code == NULL || memmem(text, len, "\"success\":true", 14) == NULL)
        load_ws_fail("not let in", text, len);
    code += sizeof(name) - 1;
    if (c->number < ask.rooms)
        sscanf(code, "%31[^\"]", codes[c->number]);
    c->state = INSIDE;
    joined++;
}

static void on_chat(const char *text, size_t len)
{
    static const char name[] = "\"text\":\"t=";
    const char *at = memmem(text, len, name, sizeof(name) - 1);
    double late_us;

    if (at == NULL)
        load_ws_fail("not what was said", text, len);
    late_us = (read_s - strtod(at + sizeof(name) - 1, NULL)) * 1e6;
    latencies[late_us < 0                              ? 0
              : late_us >= BUCKET_US * (BUCKETS - 1.0) ? BUCKETS - 1
                                                       : (uint32_t)(late_us / BUCKET_US)]++;
    count.heard++;
}

static void on_text(void *data, const char *text, size_t len)
{
    struct client *c = data;

    if (begins(text, len, "42[\"chat-message\",")) {
        on_chat(text, len);
    } else if (begins(text, len, "2") && len == 1) {
        say(c, "3");
        count.pings++;
    } else if (begins(text, len, "0{") && c->state == OPENING) {
        c->state = CONNECTING;
        say(c, "40");
    } else if (begins(text, len, "40{") && c->state == CONNECTING) {
        c->state = JOINING;
        enter(c);
    } else if (begins(text, len, "430[") && c->state == JOINING) {
        on_joined(c, text, len);
    } else if (begins(text, len, "42[") && c->state >= JOINING) {
        count.others++;
    } else {
        load_ws_fail("not expected", text, len);
    }
}

static void on_readable(struct client *c)
{
    read_s = load_now_s();
    load_ws_read(&c->ws, on_text, c);
}

/* ---- connections */

static void open_socket(struct client *c)
{
    load_ws_connect(&c->ws, load_address(c->number % SOURCES), ask.port,
                    "/socket.io/?EIO=4&transport=websocket", loop, c);
}

/* True: there is something on standard input, too. */
static bool turn(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(loop, events, EVENTS, timeout_ms);
    bool is_asked = false;

    for (int i = 0; i < n; i++)
        if (events[i].data.ptr != NULL)
            on_readable(events[i].data.ptr);
        else
            is_asked = true;
    return is_asked;
}

/* Those from `first` to before `end`, a few at a time. */
static void join(unsigned first, unsigned end)
{
    double late_s = load_now_s() + JOIN_S;

    for (unsigned next = first; joined < end; turn(100)) {
        for (; next < end && next - joined < JOINING_MAX; next++) {
            clients[next].number = next;
            open_socket(&clients[next]);
        }
        if (load_now_s() > late_s)
            load_ws_fail("joining takes too long", "", 0);
    }
}

/* ---- what is asked of us */

static void serve_until(double end_s)
{
    double now_s;

    while ((now_s = load_now_s()) < end_s)
        turn((int)((end_s - now_s) * 1000) % 100 + 1);
}

/* Of all heard, in ms. */
static double quantile(double part)
{
    uint64_t before = 0, wanted = (uint64_t)((double)count.heard * part);

    for (uint32_t i = 0; i < BUCKETS; i++)
        if ((before += latencies[i]) > wanted)
            return (i + 0.5) * BUCKET_US / 1000;
    return 0;
}

static void begin(void)
{
    memset(&count, 0, sizeof(count));
    memset(latencies, 0, sizeof(latencies));
}

static void report(double started_s, double cpu_s, uint64_t wanted)
{
    printf("{\"sent\": %" PRIu64 ", \"heard\": %" PRIu64 ", \"missing\": %" PRIu64
           ", \"others\": %" PRIu64 ", \"pings\": %" PRIu64
           ", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"seconds\": %.4f, \"cpu_s\": %.3f}\n",
           count.sent, count.heard, wanted - count.heard, count.others, count.pings, quantile(0.5),
           quantile(0.99), load_now_s() - started_s, load_cpu_s() - cpu_s);
    fflush(stdout);
}

/* A message is sent when its time has come, however late the answers are. */
static void work(double per_s, double seconds)
{
    unsigned size = ask.clients / ask.rooms;
    uint64_t messages = (uint64_t)(per_s * seconds), wanted = messages * size;
    double started_s = load_now_s(), cpu_s = load_cpu_s(), late_s;

    begin();
    for (uint64_t i = 0; i < messages; i++) {
        double due_s = started_s + (double)i / per_s, wait_s;

        while ((wait_s = due_s - load_now_s()) > 0)
            turn((int)(wait_s * 1000) + 1);
        chat(&clients[i % ask.rooms + i / ask.rooms % size * ask.rooms]);
    }
    late_s = load_now_s() + GRACE_S;
    while (count.heard < wanted && load_now_s() < late_s)
        turn(1);
    report(started_s, cpu_s, wanted);
}

static void hold(double seconds)
{
    double started_s = load_now_s(), cpu_s = load_cpu_s();

    begin();
    serve_until(started_s + seconds);
    report(started_s, cpu_s, 0);
}

/* False: standard input has ended. */
static bool obey(void)
{
    char line[64];
    ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);
    double per_s, seconds;

    if (len <= 0)
        return false;
    line[len] = '\0';
    if (sscanf(line, "chat %lf %lf", &per_s, &seconds) == 2)
        work(per_s, seconds);
    else if (sscanf(line, "hold %lf", &seconds) == 1)
        hold(seconds);
    else
        load_ws_fail("not understood", line, (size_t)len);
    return true;
}

static void read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "n:r:")) != -1) {
        if (option == 'n')
            ask.clients = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'r')
            ask.rooms = (unsigned)strtoul(optarg, NULL, 10);
        else
            exit(2);
    }
    if (argc - optind != 1 || ask.rooms == 0 || ask.clients % ask.rooms != 0) {
        fprintf(stderr, "usage: room_ws [-n clients] [-r rooms, all of one size] PORT\n");
        exit(2);
    }
    ask.port = (unsigned)strtoul(argv[optind], NULL, 10);
}

int main(int argc, char **argv)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct rlimit limit;

    read_arguments(argc, argv);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    clients = calloc(ask.clients, sizeof(*clients));
    codes = calloc(ask.rooms, sizeof(*codes));
    loop = epoll_create1(EPOLL_CLOEXEC);
    join(0, ask.rooms);
    join(ask.rooms, ask.clients);
    printf("open\n");
    fflush(stdout);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        load_die("standard input");
    while (!turn(-1) || obey())
        ;
    return 0;
}
