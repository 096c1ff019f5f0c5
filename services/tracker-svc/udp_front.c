/* SPDX-License-Identifier: MIT
 *
 * udp_front: announces and scrapes by UDP (BEP 15). Each socket has one or more workers, threads
 * with a socket of their own on the same port (SO_REUSEPORT), between which the kernel shares out
 * the clients. A worker reads what has come, up to BATCH datagrams, answers under one lock, and
 * sends all answers at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utlist.h>

#include "base/address.h"
#include "base/log.h"
#include "base/must.h"
#include "base/settings.h"
#include "conn_id.h"
#include "siblings.h"
#include "tracker.h"
#include "wire/tracker_udp.h"

enum {
    BATCH = 64,
    LISTEN_MAX = 16,  /* addresses */
    WORKERS_MAX = 16, /* of one address */
    WAKE_MS = 200,    /* how often a quiet worker looks whether it is to end */
    RECEIVE_BUFFER = 4 << 20,
    /* An answer that needs no fragments on the way: 1,280 bytes less IPv6 and UDP headers. */
    PEERS6_MAX = (1280 - 48 - UDP_ANNOUNCE_HEAD) / PEER6_BYTES,
    CONTROL_BYTES = 64,
    TO_SEVERAL = BUS_INSTANCES_MAX, /* a scrape of torrents of which some are others' */
    OWNERS,
    BUNDLES_MAX = OWNERS + 64, /* for other instances, waiting for the main thread */
    /* So long a datagram for another instance waits for more: the more of these there are, the
     * fewer come for each. */
    GATHER_MS = 2, /* for each instance */
    GATHER_MAX_MS = 20,
};

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct worker {
    struct udp_front *front;
    int fd;
    pthread_t thread;
    bool is_running;
    bool needs_local;  /* bound to any address: the kernel tells which one it was */
    uint8_t local[16]; /* else it is this one, IPv4 mapped */
};

struct udp_front {
    struct tracker *tracker;
    struct conn_ids ids;
    atomic_bool is_stopping;
    /* What is for other instances, on its way to the main thread: for each the bundle that is being
     * filled, and those that are full. */
    pthread_mutex_t relay_lock;
    struct udp_bundle *filling[OWNERS], *full;
    size_t bundle_count;
    int relay_fd;                    /* timerfd */
    char host[INET6_ADDRSTRLEN + 2]; /* see udp_front_host() */
    uint16_t port;
    size_t worker_count;
    struct worker workers[LISTEN_MAX * WORKERS_MAX];
};

/* One datagram and its answer. */
struct slot {
    union address from;
    uint8_t ip[16]; /* of the sender, IPv4 mapped */
    uint8_t local[16];
    struct udp_request request;
    size_t reply_len; /* 0: none */
    int owner;        /* instance that has the torrent; TO_SEVERAL; SIBLINGS_SELF */
    bool is_relayed;  /* another instance says that we have it */
    size_t len;
    uint8_t control[CONTROL_BYTES] __attribute__((aligned(8)));
    uint8_t in[UDP_REQUEST_MAX];
    uint8_t out[UDP_REPLY_MAX];
};

/* What a batch adds to the metrics, all at once. */
struct tally {
    uint64_t datagrams, dropped, errors, announces, scrapes, limited, denied;
};

/* ---- one request */

static void ip_of(const union address *address, uint8_t ip[16])
{
    if (address->any.sa_family == AF_INET) {
        address_map(&address->in.sin_addr, ip);
    } else {
        memcpy(ip, &address->in6.sin6_addr, 16);
    }
}

static void answer_error(struct slot *slot, const char *why, struct tally *tally)
{
    tally->errors++;
    slot->reply_len = udp_error_reply(slot->out, slot->request.transaction, why);
}

/* Everything that needs no swarm. False when nothing is left to do for it. */
static bool prepare(struct udp_front *front, struct slot *slot, size_t len, uint32_t now_s,
                    struct tally *tally)
{
    struct udp_request *request = &slot->request;
    enum udp_parsed parsed = udp_request_parse(bytes_of(slot->in, len), request);

    slot->reply_len = 0;
    slot->owner = SIBLINGS_SELF;
    slot->len = len;
    if (parsed == UDP_DROP) {
        tally->dropped++;
        return false;
    }
    if (request->action == UDP_CONNECT) {
        slot->reply_len = udp_connect_reply(slot->out, request->transaction,
                                            conn_id_make(&front->ids, slot->ip, now_s));
        return false;
    }
    /* Before this, nothing is answered that is longer than a connect. */
    if (!conn_id_is_valid(&front->ids, slot->ip, now_s, request->connection)) {
        tally->dropped++;
        answer_error(slot, "connect again", tally);
        slot->reply_len = MIN(slot->reply_len, len);
        return false;
    }
    if (parsed == UDP_BAD)
        answer_error(slot, request->why, tally);
    return parsed == UDP_OK;
}

/* Under the lock. */
static bool is_admitted(struct tracker *tracker, struct slot *slot, const struct infohash *hash,
                        struct tally *tally)
{
    const struct udp_request *request = &slot->request;

    if (access_list_admits(&tracker->access, bytes_of(request->path, request->path_len)) &&
        access_list_allows(&tracker->access, hash))
        return true;
    tally->denied++;
    answer_error(slot, "this torrent is not tracked here, or a key is missing", tally);
    return false;
}

static void read_announce(const struct tracker *tracker, const struct slot *slot,
                          struct swarm_announce *out)
{
    const struct tracker_settings *settings = tracker->settings;
    const struct udp_request *request = &slot->request;
    const bool is_ipv4 = address_is_mapped(slot->ip);
    const unsigned want =
        (unsigned)(request->want > INT32_MAX ? settings->peers
                                             : MIN(request->want, settings->max_peers_per_answer));
    const size_t skip = is_ipv4 ? sizeof(address_mapped) : 0;

    *out = (struct swarm_announce){
        .hash = request->hash,
        .from = {.is_ipv6 = !is_ipv4, .port = request->port},
        .peer_id = request->peer_id,
        .event = (enum swarm_event)request->event,
        .is_seed = request->left == 0,
        .local = address_is_mapped(slot->local) == is_ipv4 ? slot->local + skip : NULL,
        .want4 = is_ipv4 ? want : 0,
        .want6 = is_ipv4 ? 0 : MIN(want, PEERS6_MAX),
    };
    memcpy(out->from.ip, slot->ip + skip, sizeof(slot->ip) - skip);
}

/* Under the lock. */
static void announce(struct tracker *tracker, struct slot *slot, const struct swarm_announce *in,
                     uint32_t now_s, struct tally *tally)
{
    const struct udp_request *request = &slot->request;
    struct swarm_answer answer = {.peers4 = slot->out + UDP_ANNOUNCE_HEAD,
                                  .peers6 = slot->out + UDP_ANNOUNCE_HEAD};

    if (!is_admitted(tracker, slot, &request->hash, tally))
        return;
    tally->announces++;
    swarms_announce(tracker->swarms, in, now_s, &answer);
    slot->reply_len = udp_announce_reply(slot->out, request->transaction,
                                         (uint32_t)(tracker->settings->interval / 1000),
                                         answer.counts.incomplete, answer.counts.complete,
                                         answer.count4 * PEER4_BYTES + answer.count6 * PEER6_BYTES);
}

static void scrape(struct tracker *tracker, struct slot *slot, struct tally *tally)
{
    const struct udp_request *request = &slot->request;
    struct infohash hash;

    tally->scrapes++;
    slot->reply_len = udp_scrape_reply(slot->out, request->transaction);
    for (size_t i = 0; i < request->scrape_count; i++) {
        struct swarm_counts counts;

        memcpy(hash.bytes, request->hashes + i * sizeof(hash.bytes), sizeof(hash.bytes));
        swarms_scrape(tracker->swarms, &hash, &counts);
        slot->reply_len = udp_scrape_add(slot->out, slot->reply_len, counts.complete,
                                         counts.downloaded, counts.incomplete);
    }
}

/* ---- a batch */

static void read_control(const struct worker *worker, struct msghdr *header, struct slot *slot)
{
    if (!worker->needs_local) {
        memcpy(slot->local, worker->local, sizeof(slot->local));
        return;
    }
    memset(slot->local, 0, sizeof(slot->local));
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            address_map(&info.ipi_addr, slot->local);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(slot->local, &info.ipi6_addr, 16);
        }
    }
}

/* Under the lock. */
static int owner_of(const struct tracker *tracker, const struct udp_request *request)
{
    struct infohash hash;

    if (tracker->siblings == NULL)
        return SIBLINGS_SELF;
    if (request->action == UDP_ANNOUNCE)
        return siblings_owner(tracker, &request->hash);
    for (size_t i = 0; i < request->scrape_count; i++) {
        memcpy(hash.bytes, request->hashes + i * sizeof(hash.bytes), sizeof(hash.bytes));
        if (siblings_owner(tracker, &hash) != SIBLINGS_SELF)
            return TO_SEVERAL;
    }
    return SIBLINGS_SELF;
}

static void answer_batch(struct tracker *tracker, struct slot *slots, const bool *is_open,
                         unsigned count, struct tally *tally)
{
    struct swarm_announce announces[BATCH];
    uint32_t now_s = tracker_now_s();
    size_t announce_count = 0, at = 0;

    _Static_assert((int)BATCH <= SWARM_EXPECT_MAX, "a batch is expected at once");
    for (unsigned i = 0; i < count; i++)
        if (is_open[i] && slots[i].request.action == UDP_ANNOUNCE)
            read_announce(tracker, &slots[i], &announces[announce_count++]);
    pthread_mutex_lock(&tracker->lock);
    swarms_expect(tracker->swarms, announces, announce_count);
    for (unsigned i = 0; i < count; i++) {
        struct slot *slot = &slots[i];
        const struct swarm_announce *in = &announces[at];

        if (!is_open[i])
            continue;
        at += slot->request.action == UDP_ANNOUNCE;
        slot->owner = slot->is_relayed ? SIBLINGS_SELF : owner_of(tracker, &slot->request);
        if (slot->owner != SIBLINGS_SELF)
            continue;
        if (!limiter_takes(&tracker->limiter, slot->ip, now_s))
            tally->limited++;
        else if (slot->request.action == UDP_ANNOUNCE)
            announce(tracker, slot, in, now_s, tally);
        else
            scrape(tracker, slot, tally);
    }
    pthread_mutex_unlock(&tracker->lock);
}

static void send_replies(struct udp_front *front, int fd, struct mmsghdr *headers, unsigned count)
{
    int sent = count > 0 ? sendmmsg(fd, headers, count, 0) : 0;

    if (sent < (int)count)
        front->tracker->metrics.udp_unsent_total += count - (unsigned)MAX(sent, 0);
}

static struct msghdr message_to(union address *to, struct iovec *part)
{
    return (struct msghdr){.msg_name = to,
                           .msg_namelen =
                               to->any.sa_family == AF_INET ? sizeof(to->in) : sizeof(to->in6),
                           .msg_iov = part,
                           .msg_iovlen = 1};
}

/* ---- what is for other instances */

struct udp_bundle {
    struct bundle bundle;
    struct udp_front *front;
    int fds[SIBLINGS_RELAY_MAX]; /* by which they came */
    union address from[SIBLINGS_RELAY_MAX];
    struct udp_bundle *next;
};

static void on_answers(void *arg, const uint32_t *lengths, struct bytes replies)
{
    struct udp_bundle *own = arg;
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    unsigned count = 0;
    int fd = -1;

    for (size_t i = 0; lengths != NULL && i < own->bundle.count; i++) {
        if (lengths[i] == 0)
            continue;
        if (count == BATCH || own->fds[i] != fd) {
            send_replies(own->front, fd, headers, count);
            fd = own->fds[i];
            count = 0;
        }
        parts[count] = (struct iovec){(void *)(uintptr_t)replies.data, lengths[i]};
        headers[count].msg_hdr = message_to(&own->from[i], &parts[count]);
        replies = bytes_of(replies.data + lengths[i], replies.len - lengths[i]);
        count++;
    }
    send_replies(own->front, fd, headers, count);
    free(own);
}

/* A scrape, which several instances answer. */
struct udp_scrape {
    struct udp_front *front;
    int fd;
    union address from;
    size_t len;
    uint8_t data[];
};

static void on_scraped(void *arg, const struct swarm_counts *counts, bool is_whole)
{
    struct udp_scrape *own = arg;
    struct udp_request request;
    uint8_t out[UDP_REPLY_MAX];
    struct iovec part = {out, 0};
    struct mmsghdr header = {.msg_hdr = message_to(&own->from, &part)};

    /* It is what it was when it came. Not whole: asked again, it may be. */
    if (is_whole && udp_request_parse(bytes_of(own->data, own->len), &request) == UDP_OK) {
        part.iov_len = udp_scrape_reply(out, request.transaction);
        for (size_t i = 0; i < request.scrape_count; i++)
            part.iov_len = udp_scrape_add(out, part.iov_len, counts[i].complete,
                                          counts[i].downloaded, counts[i].incomplete);
        own->front->tracker->metrics.scrapes_total++;
        send_replies(own->front, own->fd, &header, 1);
    }
    free(own);
}

static void begin_scrapes(struct udp_bundle *of)
{
    const uint8_t *data = of->bundle.data;

    for (size_t i = 0; i < of->bundle.count; data += of->bundle.lengths[i], i++) {
        const size_t len = of->bundle.lengths[i];
        struct udp_scrape *own = xcalloc(1, sizeof(*own) + len);
        struct infohash hashes[UDP_SCRAPE_MAX];
        struct udp_request request;

        *own = (struct udp_scrape){
            .front = of->front, .fd = of->fds[i], .from = of->from[i], .len = len};
        memcpy(own->data, data, len);
        must(udp_request_parse(bytes_of(own->data, len), &request) == UDP_OK);
        memcpy(hashes, request.hashes, request.scrape_count * sizeof(*hashes));
        siblings_scrape(of->front->tracker, hashes, request.scrape_count, on_scraped, own);
    }
    free(of);
}

/* Under the relay lock: those that are being filled are full. */
static void close_bundle(struct udp_front *front, int owner)
{
    if (front->filling[owner] == NULL)
        return;
    LL_PREPEND(front->full, front->filling[owner]);
    front->filling[owner] = NULL;
}

/* On the main thread. */
static void on_bundles(void *arg)
{
    struct udp_front *front = arg;
    struct udp_bundle *bundles, *own, *next;
    uint64_t ignored;

    if (read(front->relay_fd, &ignored, sizeof(ignored)) < 0)
        return; /* another time was set */
    pthread_mutex_lock(&front->relay_lock);
    for (int owner = 0; owner < OWNERS; owner++)
        close_bundle(front, owner);
    bundles = front->full;
    front->full = NULL;
    front->bundle_count = 0;
    pthread_mutex_unlock(&front->relay_lock);
    LL_FOREACH_SAFE(bundles, own, next)
    {
        if (own->bundle.instance == TO_SEVERAL)
            begin_scrapes(own);
        else
            siblings_relay(front->tracker, &own->bundle, on_answers, own);
    }
}

/* Under the relay lock. The bundle into which `len` bytes for that one go; NULL: too many wait. */
static struct udp_bundle *bundle_for(struct udp_front *front, int owner, size_t len)
{
    struct udp_bundle *own = front->filling[owner];

    if (own != NULL && own->bundle.count < SIBLINGS_RELAY_MAX &&
        own->bundle.len + len <= sizeof(own->bundle.data))
        return own;
    if (front->bundle_count >= BUNDLES_MAX)
        return NULL;
    close_bundle(front, owner);
    own = xcalloc(1, sizeof(*own));
    own->front = front;
    own->bundle.instance = (unsigned)owner;
    front->filling[owner] = own;
    front->bundle_count++;
    return own;
}

/* Under the relay lock. */
static void pass_on(struct worker *worker, const struct slot *slot)
{
    struct udp_front *front = worker->front;
    struct udp_bundle *own = bundle_for(front, slot->owner, slot->len);
    struct bundle *bundle = &own->bundle;

    if (own == NULL) {
        front->tracker->metrics.relays_dropped_total++;
        return;
    }
    own->fds[bundle->count] = worker->fd;
    own->from[bundle->count] = slot->from;
    memcpy(bundle->ips[bundle->count], slot->ip, sizeof(slot->ip));
    memcpy(bundle->locals[bundle->count], slot->local, sizeof(slot->local));
    memcpy(bundle->data + bundle->len, slot->in, slot->len);
    bundle->lengths[bundle->count++] = (uint32_t)slot->len;
    bundle->len += slot->len;
}

static void send_in(const struct udp_front *front, long ns)
{
    const struct itimerspec when = {.it_value.tv_nsec = ns};

    must(timerfd_settime(front->relay_fd, 0, &when, NULL) == 0);
}

static long gather_ns(struct tracker *tracker)
{
    size_t count;

    pthread_mutex_lock(&tracker->lock);
    count = siblings_count(tracker);
    pthread_mutex_unlock(&tracker->lock);
    return (long)MIN(MAX(count, 1) * GATHER_MS, GATHER_MAX_MS) * 1000000;
}

static void pass_on_all(struct worker *worker, const struct slot *slots, const bool *is_open,
                        unsigned count)
{
    struct udp_front *front = worker->front;
    bool was_full = false, was_empty = false, has_any = false;

    for (unsigned i = 0; i < count; i++) {
        if (!is_open[i] || slots[i].owner == SIBLINGS_SELF)
            continue;
        if (!has_any) {
            pthread_mutex_lock(&front->relay_lock);
            was_empty = front->bundle_count == 0;
            was_full = front->full != NULL;
            has_any = true;
        }
        pass_on(worker, &slots[i]);
    }
    if (!has_any)
        return;
    if (!was_full && front->full != NULL)
        send_in(front, 1); /* at once */
    else if (was_empty)
        send_in(front, gather_ns(front->tracker));
    pthread_mutex_unlock(&front->relay_lock);
}

static void add_tally(struct tracker_metrics *metrics, const struct tally *tally)
{
    metrics->udp_datagrams_total += tally->datagrams;
    metrics->udp_dropped_total += tally->dropped;
    metrics->udp_errors_total += tally->errors;
    metrics->announces_udp_total += tally->announces;
    metrics->scrapes_total += tally->scrapes;
    metrics->limited_total += tally->limited;
    metrics->denied_total += tally->denied;
}

static void send_all(const struct worker *worker, struct slot *slots, unsigned count)
{
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    unsigned replies = 0;

    for (unsigned i = 0; i < count; i++) {
        if (slots[i].reply_len == 0)
            continue;
        parts[replies] = (struct iovec){slots[i].out, slots[i].reply_len};
        headers[replies].msg_hdr = message_to(&slots[i].from, &parts[replies]);
        replies++;
    }
    send_replies(worker->front, worker->fd, headers, replies);
}

static void serve_batch(struct worker *worker, struct slot *slots, struct mmsghdr *headers)
{
    bool is_open[BATCH];
    struct tally tally = {0};
    bool is_any_open = false;
    int count;

    for (unsigned i = 0; i < BATCH; i++) {
        headers[i].msg_hdr.msg_namelen = sizeof(slots[i].from);
        headers[i].msg_hdr.msg_controllen = worker->needs_local ? CONTROL_BYTES : 0;
    }
    count = recvmmsg(worker->fd, headers, BATCH, MSG_WAITFORONE, NULL);
    if (count <= 0)
        return; /* time to look whether we are to end */
    uint32_t now_s = tracker_now_s();
    for (int i = 0; i < count; i++) {
        ip_of(&slots[i].from, slots[i].ip);
        read_control(worker, &headers[i].msg_hdr, &slots[i]);
        is_open[i] = prepare(worker->front, &slots[i], headers[i].msg_len, now_s, &tally);
        is_any_open = is_any_open || is_open[i];
    }
    tally.datagrams = (uint64_t)count;
    if (is_any_open) {
        answer_batch(worker->front->tracker, slots, is_open, (unsigned)count, &tally);
        pass_on_all(worker, slots, is_open, (unsigned)count);
    }
    send_all(worker, slots, (unsigned)count);
    add_tally(&worker->front->tracker->metrics, &tally);
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    struct slot *slots = xcalloc(BATCH, sizeof(*slots));
    struct mmsghdr headers[BATCH] = {0};
    struct iovec parts[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){slots[i].in, sizeof(slots[i].in)};
        headers[i].msg_hdr = (struct msghdr){.msg_name = &slots[i].from,
                                             .msg_iov = &parts[i],
                                             .msg_iovlen = 1,
                                             .msg_control = slots[i].control};
    }
    while (!atomic_load(&worker->front->is_stopping))
        serve_batch(worker, slots, headers);
    free(slots);
    return NULL;
}

/* ---- sockets */

static enum err bind_error(const struct endpoint *endpoint, struct error *error)
{
    if (errno == EADDRINUSE)
        return error_set(error, ERR_BUSY,
                         "UDP port %u is taken by another program; stop it or set tracker.listen",
                         endpoint->port);
    return error_set_errno(error, ERR_CONFIG, "tracker.listen: cannot use %s:%u", endpoint->host,
                           endpoint->port);
}

static bool is_any_address(const union address *address)
{
    return address->any.sa_family == AF_INET
               ? address->in.sin_addr.s_addr == INADDR_ANY
               : IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr) != 0;
}

static int bind_one(const union address *address, socklen_t len, bool shares)
{
    static const int on = 1, off = 0, buffer = RECEIVE_BUFFER;
    static const struct timeval wake = {.tv_usec = WAKE_MS * 1000};
    const int tells = is_any_address(address);
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (shares)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof(wake));
    if (address->any.sa_family == AF_INET6) {
        /* "::" stands for IPv4 as well; "::1" does not. */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &tells, sizeof(tells));
    } else {
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &tells, sizeof(tells));
    }
    if (bind(fd, &address->any, len) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool is_loopback(const union address *address)
{
    return address->any.sa_family == AF_INET ? ntohl(address->in.sin_addr.s_addr) >> 24 == 127
                                             : IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr) != 0;
}

/* The first address that is not loopback is the one to name to others. */
static void choose_host(struct udp_front *front, const union address *address)
{
    static const char loopback4[] = "127.0.0.1", loopback6[] = "[::1]";
    char ip[INET6_ADDRSTRLEN];

    if (front->worker_count > 0 && strcmp(front->host, loopback4) != 0 &&
        strcmp(front->host, loopback6) != 0)
        return;
    if (is_loopback(address) && front->worker_count > 0)
        return;
    if (is_any_address(address)) {
        front->host[0] = '\0';
    } else if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->in.sin_addr, front->host, sizeof(front->host));
    } else {
        inet_ntop(AF_INET6, &address->in6.sin6_addr, ip, sizeof(ip));
        snprintf(front->host, sizeof(front->host), "[%s]", ip);
    }
}

static void set_port(union address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET)
        address->in.sin_port = htons(port);
    else
        address->in6.sin6_port = htons(port);
}

static enum err open_address(struct udp_front *front, const struct endpoint *endpoint,
                             size_t workers, struct error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    union address address = {0};
    socklen_t len;
    int probe,
        rc = getaddrinfo(endpoint->host[0] != '\0' ? endpoint->host : NULL, "0", &hints, &found);

    if (rc != 0)
        return error_set(error, ERR_CONFIG,
                         "tracker.listen: '%s' is no address of this machine: %s", endpoint->host,
                         gai_strerror(rc));
    len = found->ai_addrlen;
    memcpy(&address, found->ai_addr, len);
    freeaddrinfo(found);
    /* All sockets have the port of the first one when any will do. */
    set_port(&address, endpoint->port != 0 ? endpoint->port : front->port);
    /* Sockets that share a port would also share it with another tracker, without a word: first try
     * to have it alone. */
    probe = bind_one(&address, len, false);
    if (probe < 0 && address.any.sa_family == AF_INET6 && is_loopback(&address) &&
        (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        log_info("no IPv6 here", "address=%s", endpoint->host);
        return ERR_NONE;
    }
    if (probe < 0)
        return bind_error(endpoint, error);
    getsockname(probe, &address.any, &len);
    close(probe);
    if (front->port == 0)
        front->port =
            ntohs(address.any.sa_family == AF_INET ? address.in.sin_port : address.in6.sin6_port);
    choose_host(front, &address);
    for (size_t i = 0; i < workers; i++) {
        struct worker *worker = &front->workers[front->worker_count];

        worker->front = front;
        worker->fd = bind_one(&address, len, true);
        if (worker->fd < 0)
            return bind_error(endpoint, error);
        worker->needs_local = is_any_address(&address);
        ip_of(&address, worker->local);
        front->worker_count++;
    }
    return ERR_NONE;
}

static size_t choose_workers(const struct tracker_settings *settings)
{
    cpu_set_t set;

    if (settings->workers != 0)
        return (size_t)settings->workers;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (size_t)MIN(MAX(CPU_COUNT(&set) / 4, 1), 4);
}

static enum err open_all(struct udp_front *front, struct error *error)
{
    const char *list = front->tracker->settings->listen;
    size_t workers = choose_workers(front->tracker->settings), count = 0;
    enum err err = ERR_NONE;
    char *text;

    while (err == ERR_NONE && (text = settings_list_take(&list)) != NULL) {
        struct endpoint endpoint;

        if (!parse_endpoint(text, &endpoint))
            err = error_set(error, ERR_CONFIG, "tracker.listen: '%s' is not address:port", text);
        else if (++count > LISTEN_MAX)
            err =
                error_set(error, ERR_CONFIG, "tracker.listen: more than %d addresses", LISTEN_MAX);
        else
            err = open_address(front, &endpoint, workers, error);
        free(text);
    }
    return err;
}

enum err udp_front_start(struct tracker *tracker, struct udp_front **out, struct error *error)
{
    struct udp_front *front = xcalloc(1, sizeof(*front));
    enum err err;

    front->tracker = tracker;
    pthread_mutex_init(&front->relay_lock, NULL);
    front->relay_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    must(front->relay_fd >= 0);
    svc_watch_fd(tracker->svc, front->relay_fd, on_bundles, front);
    conn_ids_init(&front->ids);
    err = open_all(front, error);
    for (size_t i = 0; i < front->worker_count && err == ERR_NONE; i++) {
        struct worker *worker = &front->workers[i];
        int rc = pthread_create(&worker->thread, NULL, run, worker);

        worker->is_running = rc == 0;
        errno = rc;
        if (rc != 0)
            err = error_set_errno(error, ERR_IO, "cannot start a thread");
    }
    *out = front;
    if (err != ERR_NONE || front->worker_count == 0)
        udp_front_stop(out);
    return err;
}

void udp_front_stop(struct udp_front **front_p)
{
    struct udp_front *front = *front_p;
    struct udp_bundle *own, *next;

    if (front == NULL)
        return;
    atomic_store(&front->is_stopping, true);
    for (size_t i = 0; i < front->worker_count; i++) {
        if (front->workers[i].is_running)
            pthread_join(front->workers[i].thread, NULL);
        close(front->workers[i].fd);
    }
    svc_unwatch_fd(front->tracker->svc, front->relay_fd);
    close(front->relay_fd);
    for (int owner = 0; owner < OWNERS; owner++)
        close_bundle(front, owner);
    LL_FOREACH_SAFE(front->full, own, next)
    free(own);
    pthread_mutex_destroy(&front->relay_lock);
    free(front);
    *front_p = NULL;
}

uint16_t udp_front_port(const struct udp_front *front)
{
    return front != NULL ? front->port : 0;
}

const char *udp_front_host(const struct udp_front *front)
{
    return front->host;
}

size_t udp_front_answer(struct tracker *tracker, const struct udp_relayed *relayed, size_t count,
                        uint8_t *out, uint32_t *lengths)
{
    static struct slot slots[BATCH]; /* large; of the main thread */
    struct tally tally = {0};
    bool is_open[BATCH] = {false};
    size_t len = 0;

    _Static_assert((int)UDP_RELAYED_MAX <= (int)BATCH, "they are one batch");
    must(count <= BATCH);
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &slots[i];

        slot->is_relayed = true;
        slot->reply_len = 0;
        memcpy(slot->ip, relayed[i].ip, sizeof(slot->ip));
        memcpy(slot->local, relayed[i].local, sizeof(slot->local));
        is_open[i] = udp_request_parse(relayed[i].data, &slot->request) == UDP_OK &&
                     slot->request.action != UDP_CONNECT;
    }
    answer_batch(tracker, slots, is_open, (unsigned)count, &tally);
    add_tally(&tracker->metrics, &tally);
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (uint32_t)slots[i].reply_len;
        memcpy(out + len, slots[i].out, slots[i].reply_len);
        len += slots[i].reply_len;
    }
    return len;
}
