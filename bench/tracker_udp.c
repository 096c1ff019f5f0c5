/* SPDX-License-Identifier: MIT
 *
 * tracker_udp: announces by UDP (BEP 15) as fast as a tracker answers, and looks at each answer.
 * Connects first, from each of 8 addresses; a fixed number of announces is under way, or fewer when
 * so many a second are enough.
 *
 *   tracker_udp [-h hashes] [-p peers per hash] [-w wanted] [-t seconds] [-r announces per second]
 *               fill|ask|list PORT
 *
 * "fill" announces every peer of every hash once; "ask" announces random ones of those again;
 * "list" prints the hashes. Prints one JSON object: `lost` were asked a second time; `bad` are
 * answers that are no announce reply or name a peer nobody announced; `short` named fewer peers
 * than wanted.
 */
#include <inttypes.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum {
    SLOTS = 16, /* announces under way of one socket: all fit into a default receive buffer */
    REPLY_MAX = 2048,
    REQUEST = 98,
    REPLY_HEAD = 20,
    LOST_MS = 300,
    PACE_MS = 1,
    ACTION_CONNECT = 0,
    ACTION_ANNOUNCE = 1,
};

struct slot {
    bool is_busy;
    uint16_t round;
    uint32_t hash, peer;
    double sent_s;
    uint8_t request[REQUEST];
};

struct source {
    int fd;
    uint8_t connection[8];
    uint32_t next_hash, next_peer; /* of fill */
    struct slot slots[SLOTS];
};

static struct {
    uint32_t hashes, peers, want;
    double seconds, per_s; /* 0: as many as it takes */
    bool is_fill;
    unsigned port;
} ask = {.hashes = 500, .peers = 512, .want = 50, .seconds = 3};

static struct source sources[LOAD_SOURCES];
static uint8_t (*hashes)[LOAD_HASH];
static uint64_t answered, lost, bad, shorter, random_state = 1;
static double allowed; /* announces that may still be begun, when there is a limit */
static bool is_over;

static void put32(uint8_t *out, uint32_t value)
{
    value = htonl(value);
    memcpy(out, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *in)
{
    uint32_t value;

    memcpy(&value, in, sizeof(value));
    return ntohl(value);
}

static void connect_source(unsigned number)
{
    static const uint8_t request[16] = {0, 0, 0x04, 0x17, 0x27, 0x10, 0x19, 0x80,
                                        0, 0, 0,    0,    1,    2,    3,    4};
    struct source *source = &sources[number];
    struct sockaddr_in from = load_address(number), to = load_server(ask.port);
    struct pollfd poller = {.events = POLLIN};
    uint8_t reply[REPLY_MAX];

    const int segment = REQUEST;

    poller.fd = source->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (source->fd < 0 || bind(source->fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(source->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("cannot open a socket");
    for (unsigned attempt = 0; attempt < 5; attempt++) {
        if (send(source->fd, request, sizeof(request), 0) < 0)
            load_die("cannot send");
        if (poll(&poller, 1, 1000) != 1)
            continue;
        ssize_t len = recv(source->fd, reply, sizeof(reply), 0);
        if (len == 16 && get32(reply) == ACTION_CONNECT && get32(reply + 4) == 0x01020304) {
            memcpy(source->connection, reply + 8, sizeof(source->connection));
            if (setsockopt(source->fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
                load_die("UDP_SEGMENT");
            return;
        }
    }
    fprintf(stderr, "no connection id\n");
    exit(1);
}

/* False: everybody was announced. */
static bool choose(unsigned number, struct slot *slot)
{
    struct source *source = &sources[number];

    if (!ask.is_fill) {
        if (is_over || (ask.per_s > 0 && allowed < 1))
            return false;
        allowed--;
        slot->hash = load_random(&random_state, ask.hashes);
        slot->peer = load_peer_of(number, ask.peers, &random_state);
        return true;
    }
    slot->hash = source->next_hash;
    slot->peer = source->next_peer;
    if (slot->peer >= ask.peers)
        return false;
    if (++source->next_hash == ask.hashes) {
        source->next_hash = 0;
        source->next_peer += LOAD_SOURCES;
    }
    return true;
}

static void write_request(unsigned number, unsigned index, double now_s)
{
    struct slot *slot = &sources[number].slots[index];
    uint8_t *out = slot->request;
    char peer_id[21];

    memset(out, 0, REQUEST);
    memcpy(out, sources[number].connection, 8);
    put32(out + 8, ACTION_ANNOUNCE);
    put32(out + 12, (uint32_t)index << 16 | ++slot->round);
    memcpy(out + 16, hashes[slot->hash], LOAD_HASH);
    snprintf(peer_id, sizeof(peer_id), "-LT2080-%012" PRIx32, slot->peer);
    memcpy(out + 36, peer_id, 20);
    if (slot->peer / LOAD_SOURCES % LOAD_SEED_EVERY != 0)
        put32(out + 68, 1 << 30); /* left */
    put32(out + 80, ask.is_fill ? 2 : 0);
    put32(out + 88, slot->peer); /* key */
    put32(out + 92, ask.want);
    out[96] = (uint8_t)(load_port(slot->peer) >> 8);
    out[97] = (uint8_t)load_port(slot->peer);
    slot->is_busy = true;
    slot->sent_s = now_s;
}

/* Gives all free slots something to do. */
static void send_more(unsigned number, double now_s)
{
    struct source *source = &sources[number];
    struct iovec parts[SLOTS];
    size_t count = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &source->slots[i];

        if (slot->is_busy && now_s - slot->sent_s < LOST_MS / 1000.0)
            continue;
        if (slot->is_busy) {
            lost++;
            slot->sent_s = now_s;
        } else if (choose(number, slot)) {
            write_request(number, i, now_s);
        } else {
            continue;
        }
        parts[count++] = (struct iovec){slot->request, REQUEST};
    }
    /* The kernel cuts them into datagrams of REQUEST bytes (UDP_SEGMENT): a third cheaper than
     * sendmmsg(), so that it is the tracker that sets the pace. */
    if (count > 0 &&
        sendmsg(source->fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = count}, 0) < 0)
        load_die("cannot send");
}

static void check(struct source *source, const uint8_t *reply, size_t len)
{
    unsigned index, count;
    struct slot *slot;

    if (len < 8 || (index = get32(reply + 4) >> 16) >= SLOTS) {
        bad++;
        return;
    }
    slot = &source->slots[index];
    if (!slot->is_busy || slot->round != (uint16_t)get32(reply + 4))
        return; /* asked twice, answered twice */
    slot->is_busy = false;
    answered++;
    if (get32(reply) != ACTION_ANNOUNCE || len < REPLY_HEAD || (len - REPLY_HEAD) % 6 != 0) {
        if (bad++ == 0)
            fprintf(stderr, "action %u: %.*s\n", get32(reply), (int)(len - 8), reply + 8);
        return;
    }
    if (ask.is_fill)
        return;
    count = (unsigned)(len - REPLY_HEAD) / 6;
    shorter += count < ask.want;
    bad += count > ask.want || load_strangers(reply + REPLY_HEAD, count, ask.peers) > 0;
}

/* Whether anything came. */
static bool receive(unsigned number)
{
    static uint8_t replies[SLOTS][REPLY_MAX];
    struct source *source = &sources[number];
    struct mmsghdr headers[SLOTS];
    struct iovec parts[SLOTS];
    int count;

    for (unsigned i = 0; i < SLOTS; i++) {
        parts[i] = (struct iovec){replies[i], REPLY_MAX};
        headers[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    count = recvmmsg(source->fd, headers, SLOTS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        check(source, replies[i], headers[i].msg_len);
    return count > 0;
}

static bool is_any_busy(void)
{
    for (unsigned i = 0; i < LOAD_SOURCES; i++)
        for (unsigned j = 0; j < SLOTS; j++)
            if (sources[i].slots[j].is_busy)
                return true;
    return false;
}

/* What has not been used is lost, so that nothing is made up for in a burst. */
static void allow_more(double *last_s, double now_s)
{
    allowed = (now_s - *last_s) * ask.per_s + (allowed < 1 ? allowed : 1);
    *last_s = now_s;
}

static void work(double end_s)
{
    const bool is_paced = ask.per_s > 0 && !ask.is_fill;
    struct pollfd pollers[LOAD_SOURCES];
    double last_s = load_now_s();
    unsigned first = 0;

    for (unsigned i = 0; i < LOAD_SOURCES; i++) {
        pollers[i] = (struct pollfd){.fd = sources[i].fd, .events = POLLIN};
        send_more(i, last_s);
    }
    while (is_any_busy() || (is_paced && !is_over)) {
        int ready = poll(pollers, LOAD_SOURCES, is_paced && !is_over ? PACE_MS : LOST_MS);
        double now_s = load_now_s();

        is_over = now_s >= end_s;
        /* Answers that do not come any more are not waited for. */
        if (is_over && ready == 0 && !ask.is_fill)
            return;
        if (is_paced)
            allow_more(&last_s, now_s);
        for (unsigned i = 0; i < LOAD_SOURCES; i++) {
            unsigned number = (first + i) % LOAD_SOURCES;
            bool has_come = (pollers[number].revents & POLLIN) != 0 && receive(number);

            if (ready == 0 || is_paced || has_come)
                send_more(number, now_s);
        }
        first++; /* each is the first to use what is allowed */
    }
}

static const char *read_arguments(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "h:p:w:t:r:")) != -1) {
        if (option == 'h')
            ask.hashes = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'p')
            ask.peers = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'w')
            ask.want = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 't')
            ask.seconds = strtod(optarg, NULL);
        else if (option == 'r')
            ask.per_s = strtod(optarg, NULL);
        else
            exit(2);
    }
    if (argc - optind != 2 || ask.hashes == 0 || ask.peers < LOAD_SOURCES ||
        ask.peers % LOAD_SOURCES != 0 || ask.peers / LOAD_SOURCES > 64000) {
        fprintf(stderr,
                "usage: tracker_udp [-h hashes] [-p peers per hash, a multiple of %d] "
                "[-w wanted] [-t seconds] [-r announces per second] fill|ask|list PORT\n",
                LOAD_SOURCES);
        exit(2);
    }
    ask.port = (unsigned)strtoul(argv[optind + 1], NULL, 10);
    return argv[optind];
}

int main(int argc, char **argv)
{
    const char *what = read_arguments(argc, argv);
    double started_s;

    hashes = calloc(ask.hashes, sizeof(*hashes));
    for (uint32_t i = 0; i < ask.hashes; i++)
        load_hash(i, hashes[i]);
    if (strcmp(what, "list") == 0) {
        for (uint32_t i = 0; i < ask.hashes; i++) {
            for (unsigned j = 0; j < LOAD_HASH; j++)
                printf("%02x", hashes[i][j]);
            putchar('\n');
        }
        return 0;
    }
    ask.is_fill = strcmp(what, "fill") == 0;
    for (unsigned i = 0; i < LOAD_SOURCES; i++) {
        sources[i].next_peer = i;
        connect_source(i);
    }
    started_s = load_now_s();
    work(started_s + ask.seconds);
    printf("{\"answered\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"bad\": %" PRIu64
           ", \"short\": %" PRIu64 ", \"seconds\": %.4f, \"cpu_s\": %.3f}\n",
           answered, lost, bad, shorter, load_now_s() - started_s, load_cpu_s());
    free(hashes);
    return 0;
}
