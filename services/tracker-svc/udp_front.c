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
#include <sys/eventfd.h>
#include <sys/socket.h>
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
    PARCELS_MAX = 16384, /* for other instances, waiting for the main thread */
};

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
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
    /* What is for other instances, on its way to the main thread. */
    pthread_mutex_t relay_lock;
    struct parcel *parcels;
    size_t parcel_count;
    int relay_fd;                    /* eventfd */
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
    bool is_others;   /* another instance has the torrent */
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
    slot->is_others = false;
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
static bool is_of_others(const struct tracker *tracker, const struct udp_request *request)
{
    struct infohash hash;

    if (tracker->siblings == NULL)
        return false;
    if (request->action == UDP_ANNOUNCE)
        return siblings_have(tracker, &request->hash);
    for (size_t i = 0; i < request->scrape_count; i++) {
        memcpy(hash.bytes, request->hashes + i * sizeof(hash.bytes), sizeof(hash.bytes));
        if (siblings_have(tracker, &hash))
            return true;
    }
    return false;
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
        if (!slot->is_relayed && is_of_others(tracker, &slot->request))
            slot->is_others = true;
        else if (!limiter_takes(&tracker->limiter, slot->ip, now_s))
            tally->limited++;
        else if (slot->request.action == UDP_ANNOUNCE)
            announce(tracker, slot, in, now_s, tally);
        else
            scrape(tracker, slot, tally);
    }
    pthread_mutex_unlock(&tracker->lock);
}

/* ---- what is for other instances */

struct udp_parcel {
    struct parcel parcel; /* first: one is the other */
    struct udp_front *front;
    int fd;
    union address from;
    uint8_t data[];
};

static void send_to(const struct udp_parcel *own, struct bytes reply)
{
    socklen_t len =
        own->from.any.sa_family == AF_INET ? sizeof(own->from.in) : sizeof(own->from.in6);

    if (sendto(own->fd, reply.data, reply.len, MSG_DONTWAIT, &own->from.any, len) < 0)
        own->front->tracker->metrics.udp_unsent_total++;
}

static void on_answer(const struct parcel *parcel, struct bytes reply)
{
    send_to((const struct udp_parcel *)(const void *)parcel, reply);
}

static void pass_on(struct worker *worker, const struct slot *slot)
{
    struct udp_front *front = worker->front;
    struct udp_parcel *own = xcalloc(1, sizeof(*own) + slot->len);
    bool is_full;

    memcpy(own->data, slot->in, slot->len);
    own->front = front;
    own->fd = worker->fd;
    own->from = slot->from;
    own->parcel.hash = slot->request.hash;
    own->parcel.data = bytes_of(own->data, slot->len);
    own->parcel.answer = on_answer;
    memcpy(own->parcel.ip, slot->ip, sizeof(slot->ip));
    memcpy(own->parcel.local, slot->local, sizeof(slot->local));
    pthread_mutex_lock(&front->relay_lock);
    is_full = front->parcel_count >= PARCELS_MAX;
    if (!is_full) {
        front->parcel_count++;
        DL_APPEND(front->parcels, &own->parcel);
    }
    pthread_mutex_unlock(&front->relay_lock);
    if (is_full) {
        front->tracker->metrics.relays_dropped_total++;
        free(own);
    }
}

static void on_scraped(void *arg, const struct swarm_counts *counts, bool is_whole)
{
    struct udp_parcel *own = arg;
    struct udp_request request;
    uint8_t out[UDP_REPLY_MAX];
    size_t len;

    /* It is what it was when it came. Not whole: asked again, it may be. */
    if (is_whole && udp_request_parse(own->parcel.data, &request) == UDP_OK) {
        len = udp_scrape_reply(out, request.transaction);
        for (size_t i = 0; i < request.scrape_count; i++)
            len = udp_scrape_add(out, len, counts[i].complete, counts[i].downloaded,
                                 counts[i].incomplete);
        own->front->tracker->metrics.scrapes_total++;
        send_to(own, bytes_of(out, len));
    }
    free(own);
}

/* True: it was one, and is being taken care of. */
static bool begin_scrape(struct udp_front *front, struct parcel *parcel)
{
    struct infohash hashes[UDP_SCRAPE_MAX];
    struct udp_request request;

    if (udp_request_parse(parcel->data, &request) != UDP_OK || request.action != UDP_SCRAPE)
        return false;
    memcpy(hashes, request.hashes, request.scrape_count * sizeof(*hashes));
    siblings_scrape(front->tracker, hashes, request.scrape_count, on_scraped, parcel);
    return true;
}

/* On the main thread. */
static void on_parcels(void *arg)
{
    struct udp_front *front = arg;
    struct parcel *parcels, *announces = NULL, *parcel, *next;
    eventfd_t ignored;

    eventfd_read(front->relay_fd, &ignored);
    pthread_mutex_lock(&front->relay_lock);
    parcels = front->parcels;
    front->parcels = NULL;
    front->parcel_count = 0;
    pthread_mutex_unlock(&front->relay_lock);
    DL_FOREACH_SAFE(parcels, parcel, next)
    {
        DL_DELETE(parcels, parcel);
        if (!begin_scrape(front, parcel))
            DL_APPEND(announces, parcel);
    }
    siblings_relay(front->tracker, announces);
}

static void pass_on_all(struct worker *worker, const struct slot *slots, const bool *is_open,
                        unsigned count)
{
    bool has_any = false;

    for (unsigned i = 0; i < count; i++)
        if (is_open[i] && slots[i].is_others) {
            pass_on(worker, &slots[i]);
            has_any = true;
        }
    if (has_any)
        eventfd_write(worker->front->relay_fd, 1);
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
    int sent = 0;

    for (unsigned i = 0; i < count; i++) {
        if (slots[i].reply_len == 0)
            continue;
        parts[replies] = (struct iovec){slots[i].out, slots[i].reply_len};
        headers[replies].msg_hdr = (struct msghdr){
            .msg_name = &slots[i].from,
            .msg_namelen = slots[i].from.any.sa_family == AF_INET ? sizeof(slots[i].from.in)
                                                                  : sizeof(slots[i].from.in6),
            .msg_iov = &parts[replies],
            .msg_iovlen = 1};
        replies++;
    }
    if (replies > 0)
        sent = sendmmsg(worker->fd, headers, replies, 0);
    if (sent < (int)replies)
        worker->front->tracker->metrics.udp_unsent_total += replies - (unsigned)MAX(sent, 0);
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
    front->relay_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(front->relay_fd >= 0);
    svc_watch_fd(tracker->svc, front->relay_fd, on_parcels, front);
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
    struct parcel *parcel, *next;

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
    DL_FOREACH_SAFE(front->parcels, parcel, next)
    free(parcel);
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

size_t udp_front_answer(struct tracker *tracker, const struct udp_relayed *relayed, uint8_t *out)
{
    static struct slot slot; /* large; of the main thread */
    struct tally tally = {0};
    const bool is_open = true;

    if (relayed->data.len == 0 || relayed->data.len > sizeof(slot.in))
        return 0;
    slot.is_relayed = true;
    slot.reply_len = 0;
    memcpy(slot.ip, relayed->ip, sizeof(slot.ip));
    memcpy(slot.local, relayed->local, sizeof(slot.local));
    memcpy(slot.in, relayed->data.data, relayed->data.len);
    if (udp_request_parse(bytes_of(slot.in, relayed->data.len), &slot.request) != UDP_OK ||
        slot.request.action == UDP_CONNECT)
        return 0;
    answer_batch(tracker, &slot, &is_open, 1, &tally);
    add_tally(&tracker->metrics, &tally);
    memcpy(out, slot.out, slot.reply_len);
    return slot.reply_len;
}
