/* SPDX-License-Identifier: MIT
 *
 * web_front: announces and scrapes by HTTP and WebSocket, as the gateways bring them. All of it
 * runs on the main thread.
 *
 * What the gateway keeps for a WebSocket (its tag) is the peer id and the swarms it is in: when
 * this process starts anew, those are known again before the browser says anything.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/must.h"
#include "siblings.h"
#include "tracker.h"
#include "wire/query.h"
#include "wire/tracker_http.h"

enum {
    WS_INTERVALS = 5, /* browsers announce so many times in the interval of others */
    TAG_VERSION = 1,
    TAG_HEAD = 1 + PEER_ID_BYTES,
    TAG_MEMBER = sizeof(struct infohash) + 1,
    STATUS_OK = 200,
    STATUS_NOT_FOUND = 404,
    CLOSE_UNSUPPORTED = 1003,
    SCRAPE_HTTP_MAX = 64,
};

struct member {
    struct infohash hash;
    bool is_seed;
};

/* One WebSocket. */
struct socket {
    struct swarm_socket self;
    bool has_peer_id; /* the first announce fixes it */
    uint8_t ip[16];   /* IPv4 mapped */
    struct member *members;
    size_t count, capacity;
};

static bool takes(struct tracker *tracker, const uint8_t ip[16], uint32_t now_s)
{
    bool is_taken = limiter_takes(&tracker->limiter, ip, now_s);

    if (!is_taken)
        tracker->metrics.limited_total++;
    return is_taken;
}

static void reply(struct tracker *tracker, uint64_t question, const char *type)
{
    gateway_answer(tracker->gateways, question, STATUS_OK, type,
                   bytes_of(tracker->scratch.data, tracker->scratch.len));
}

/* ---- scrapes, of which other instances may know a part */

struct scrape {
    struct tracker *tracker;
    uint64_t who; /* question or connection */
    bool is_late; /* told outside of what the gateway brought */
    void (*tell)(struct scrape *scrape, const struct swarm_counts *counts);
    size_t count;
    struct infohash hashes[];
};

/* A part that was not told is as if nobody were there. */
static void on_scraped(void *arg, const struct swarm_counts *counts, bool is_whole)
{
    struct scrape *scrape = arg;

    (void)is_whole;
    if (scrape->tracker->gateways != NULL) { /* else we are at our end */
        scrape->tracker->metrics.scrapes_total++;
        scrape->tell(scrape, counts);
        if (scrape->is_late)
            gateways_flush(scrape->tracker->gateways);
    }
    free(scrape);
}

static void scrape(struct tracker *tracker, uint64_t who, const struct infohash *hashes,
                   size_t count, void (*tell)(struct scrape *, const struct swarm_counts *))
{
    struct scrape *scrape = xcalloc(1, sizeof(*scrape) + count * sizeof(*hashes));

    *scrape = (struct scrape){.tracker = tracker, .who = who, .tell = tell, .count = count};
    memcpy(scrape->hashes, hashes, count * sizeof(*hashes));
    if (!siblings_scrape(tracker, scrape->hashes, count, on_scraped, scrape))
        scrape->is_late = true;
}

/* ---- HTTP */

static void refuse(struct tracker *tracker, uint64_t question, const char *why, uint32_t retry_min)
{
    tracker->metrics.failures_total++;
    text_clear(&tracker->scratch);
    announce_failure_write(&tracker->scratch, why, retry_min);
    reply(tracker, question, "text/plain");
}

/* Where a client says it is, which only those may say who are behind the same router as we are. */
static bool is_private(const uint8_t ip[16])
{
    const uint8_t *four = ip + sizeof(address_mapped);

    if (address_is_mapped(ip))
        return four[0] == 127 || four[0] == 10 || (four[0] == 172 && (four[1] & 0xf0) == 16) ||
               (four[0] == 192 && four[1] == 168);
    return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) ||
           IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)ip);
}

static void take_stated_ip(struct bytes query, uint8_t ip[16])
{
    char text[INET6_ADDRSTRLEN];
    int len = announce_param(query, "ip", (uint8_t *)text, sizeof(text) - 1);
    struct in_addr four;
    uint8_t stated[16];

    if (len <= 0 || !is_private(ip))
        return;
    text[len] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1)
        address_map(&four, ip);
    else if (inet_pton(AF_INET6, text, stated) == 1)
        memcpy(ip, stated, sizeof(stated));
}

static void set_address(struct swarm_address *out, const uint8_t ip[16], uint16_t port)
{
    out->is_ipv6 = !address_is_mapped(ip);
    out->port = port;
    memcpy(out->ip, out->is_ipv6 ? ip : ip + sizeof(address_mapped), out->is_ipv6 ? 16 : 4);
}

/* Under the lock. NULL, or the failure. */
static const char *check_right(struct tracker *tracker, struct bytes target,
                               const struct infohash *hash)
{
    const char *why = NULL;

    if (!access_list_admits(&tracker->access, target))
        why = "this tracker wants a key: announce to /announce/KEY";
    else if (!access_list_allows(&tracker->access, hash))
        why = "this torrent is not tracked here";
    if (why != NULL)
        tracker->metrics.denied_total++;
    return why;
}

static void on_announce(struct tracker *tracker, uint64_t question,
                        const struct gateway_client *client, struct bytes query)
{
    const struct tracker_settings *settings = tracker->settings;
    uint8_t peers4[SWARM_WANT_MAX * PEER4_BYTES], peers6[SWARM_WANT_MAX * PEER6_BYTES];
    struct swarm_answer answer = {.peers4 = peers4, .peers6 = peers6};
    uint32_t now_s = tracker_now_s();
    struct announce_query in;
    uint8_t ip[16], local[16];
    const char *why = announce_query_parse(query, &in);

    if (why == NULL && !gateway_ip(client->address, ip))
        why = "the gateway does not know your address";
    if (why != NULL) {
        refuse(tracker, question, why, 0);
        return;
    }
    pthread_mutex_lock(&tracker->lock);
    bool is_taken = takes(tracker, ip, now_s);
    if (is_taken && (why = check_right(tracker, client->target, &in.hash)) == NULL) {
        unsigned want = (unsigned)(in.has_want ? MIN(in.want, settings->max_peers_per_answer)
                                               : settings->peers);
        struct swarm_announce announce = {.hash = in.hash,
                                          .peer_id = in.peer_id,
                                          .event = (enum swarm_event)in.event,
                                          .is_seed = in.is_seed,
                                          .want4 = want,
                                          .want6 = want};

        if (in.ip.len > 0)
            take_stated_ip(query, ip);
        set_address(&announce.from, ip, in.port);
        if (gateway_ip(client->local, local) && address_is_mapped(local) != announce.from.is_ipv6)
            announce.local = announce.from.is_ipv6 ? local : local + sizeof(address_mapped);
        swarms_announce(tracker->swarms, &announce, now_s, &answer);
    }
    pthread_mutex_unlock(&tracker->lock);
    if (!is_taken || why != NULL) {
        refuse(tracker, question, why != NULL ? why : "too many requests from your address",
               why != NULL ? UINT32_MAX : 1);
        return;
    }
    tracker->metrics.announces_http_total++;
    text_clear(&tracker->scratch);
    announce_reply_write(
        &tracker->scratch,
        &(struct announce_reply){.complete = answer.counts.complete,
                                 .incomplete = answer.counts.incomplete,
                                 .interval_s = (uint32_t)(settings->interval / 1000),
                                 .min_interval_s = (uint32_t)(settings->min_interval / 1000),
                                 .is_compact = in.is_compact,
                                 .peers4 = bytes_of(peers4, answer.count4 * PEER4_BYTES),
                                 .peers6 = bytes_of(peers6, answer.count6 * PEER6_BYTES),
                                 .external_ip = client->address});
    reply(tracker, question, "text/plain");
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct infohash));
}

static size_t drop_doubles(struct infohash *hashes, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_hashes(&hashes[kept - 1], &hashes[i]) != 0)
            hashes[kept++] = hashes[i];
    return kept;
}

static void tell_by_http(struct scrape *scrape, const struct swarm_counts *counts)
{
    struct text *out = &scrape->tracker->scratch;

    text_clear(out);
    scrape_reply_begin(out);
    for (size_t i = 0; i < scrape->count; i++)
        scrape_reply_add(out, &scrape->hashes[i], counts[i].complete, counts[i].downloaded,
                         counts[i].incomplete);
    scrape_reply_end(out, (uint32_t)(scrape->tracker->settings->min_interval / 1000));
    reply(scrape->tracker, scrape->who, "text/plain");
}

static void on_scrape(struct tracker *tracker, uint64_t question,
                      const struct gateway_client *client, struct bytes query)
{
    struct infohash hashes[SCRAPE_HTTP_MAX];
    size_t count = scrape_query_parse(query, hashes, COUNT_OF(hashes));
    uint32_t now_s = tracker_now_s();
    const char *why = NULL;
    uint8_t ip[16] = {0};

    if (count == 0) {
        refuse(tracker, question, "a scrape names 1 to 64 torrents: info_hash=...", UINT32_MAX);
        return;
    }
    qsort(hashes, count, sizeof(*hashes), compare_hashes);
    count = drop_doubles(hashes, count);
    gateway_ip(client->address, ip);
    pthread_mutex_lock(&tracker->lock);
    bool is_taken = takes(tracker, ip, now_s);
    if (is_taken && !access_list_admits(&tracker->access, client->target))
        why = "this tracker wants a key: scrape /scrape/KEY";
    pthread_mutex_unlock(&tracker->lock);
    if (!is_taken || why != NULL) {
        refuse(tracker, question, why != NULL ? why : "too many requests from your address",
               why != NULL ? UINT32_MAX : 1);
        return;
    }
    scrape(tracker, question, hashes, count, tell_by_http);
}

static bool path_is(struct bytes path, const char *name)
{
    size_t len = strlen(name);

    return path.len >= len && memcmp(path.data, name, len) == 0 &&
           (path.len == len || path.data[len] == '/');
}

static void on_asked(void *arg, uint64_t question, const struct gateway_client *client)
{
    struct tracker *tracker = arg;
    struct bytes path, query = query_split(client->target, &path);

    if (path_is(path, "/announce")) {
        on_announce(tracker, question, client, query);
    } else if (path_is(path, "/scrape")) {
        on_scrape(tracker, question, client, query);
    } else if (bytes_equal_text(path, "/stats.json")) {
        text_clear(&tracker->scratch);
        stats_page_json(tracker, &tracker->scratch);
        reply(tracker, question, "application/json");
    } else if (bytes_equal_text(path, "/stats")) {
        text_clear(&tracker->scratch);
        stats_page_html(tracker, &tracker->scratch);
        reply(tracker, question, "text/html; charset=utf-8");
    } else {
        gateway_answer(
            tracker->gateways, question, STATUS_NOT_FOUND, "text/plain",
            bytes_of_text("the tracker has /announce, /scrape, /stats and /stats.json\n"));
    }
}

/* ---- WebSocket */

static void say(struct tracker *tracker, uint64_t connection)
{
    gateway_send(tracker->gateways, connection,
                 bytes_of(tracker->scratch.data, tracker->scratch.len), false);
}

static void say_failure(struct tracker *tracker, const struct socket *socket,
                        const struct infohash *hash, const char *why)
{
    tracker->metrics.failures_total++;
    text_clear(&tracker->scratch);
    ws_failure_write(&tracker->scratch, hash, why);
    say(tracker, socket->self.connection);
}

static struct member *find_member(struct socket *socket, const struct infohash *hash)
{
    for (size_t i = 0; i < socket->count; i++)
        if (memcmp(&socket->members[i].hash, hash, sizeof(*hash)) == 0)
            return &socket->members[i];
    return NULL;
}

static struct member *add_member(struct socket *socket, const struct infohash *hash, bool is_seed)
{
    if (socket->count == socket->capacity) {
        socket->capacity = socket->capacity == 0 ? 1 : socket->capacity * 2;
        socket->members = xrealloc(socket->members, socket->capacity * sizeof(*socket->members));
    }
    socket->members[socket->count] = (struct member){.hash = *hash, .is_seed = is_seed};
    return &socket->members[socket->count++];
}

static void update_tag(struct tracker *tracker, const struct socket *socket)
{
    struct text *tag = &tracker->scratch;

    text_clear(tag);
    text_add_bytes(tag, bytes_of((uint8_t[]){TAG_VERSION}, 1));
    text_add_bytes(tag, bytes_of(socket->self.peer_id, PEER_ID_BYTES));
    for (size_t i = 0; i < socket->count; i++) {
        text_add_bytes(tag, bytes_of(&socket->members[i].hash, sizeof(struct infohash)));
        text_add_bytes(tag, bytes_of((uint8_t[]){socket->members[i].is_seed}, 1));
    }
    gateway_tag(tracker->gateways, socket->self.connection, bytes_of(tag->data, tag->len));
}

/* A connection of before this process started. */
static void restore(struct tracker *tracker, struct socket *socket, struct bytes tag)
{
    uint32_t now_s = tracker_now_s();
    struct swarm_counts counts;

    if (tag.len < TAG_HEAD || tag.data[0] != TAG_VERSION)
        return;
    memcpy(socket->self.peer_id, tag.data + 1, PEER_ID_BYTES);
    socket->has_peer_id = true;
    pthread_mutex_lock(&tracker->lock);
    for (size_t at = TAG_HEAD; at + TAG_MEMBER <= tag.len; at += TAG_MEMBER) {
        struct infohash hash;
        bool is_seed = tag.data[at + sizeof(hash)] != 0;

        memcpy(&hash, tag.data + at, sizeof(hash));
        if (!access_list_allows(&tracker->access, &hash))
            continue;
        add_member(socket, &hash, is_seed);
        swarms_announce_socket(tracker->swarms, &hash, &socket->self, SWARM_NONE, is_seed, 0, now_s,
                               NULL, &counts);
    }
    pthread_mutex_unlock(&tracker->lock);
}

static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    struct tracker *tracker = arg;
    struct socket *socket;
    bool is_admitted;

    pthread_mutex_lock(&tracker->lock);
    is_admitted = access_list_admits(&tracker->access, client->target);
    pthread_mutex_unlock(&tracker->lock);
    if (!is_admitted) {
        tracker->metrics.denied_total++;
        return NULL;
    }
    socket = xcalloc(1, sizeof(*socket));
    socket->self.connection = connection;
    gateway_ip(client->address, socket->ip);
    restore(tracker, socket, client->tag);
    return socket;
}

static void on_closed(void *arg, void *state)
{
    struct tracker *tracker = arg;
    struct socket *socket = state;

    pthread_mutex_lock(&tracker->lock);
    for (size_t i = 0; i < socket->count; i++)
        swarms_leave_socket(tracker->swarms, &socket->members[i].hash, &socket->self);
    pthread_mutex_unlock(&tracker->lock);
    free(socket->members);
    free(socket);
}

/* What the peer told becomes what the gateway keeps. */
static void note_membership(struct tracker *tracker, struct socket *socket,
                            const struct ws_message *message)
{
    struct member *member = find_member(socket, &message->hash);

    if (message->event == EVENT_STOPPED) {
        if (member == NULL)
            return;
        *member = socket->members[--socket->count];
    } else if (member == NULL) {
        add_member(socket, &message->hash, message->is_seed);
    } else if (member->is_seed != message->is_seed) {
        member->is_seed = message->is_seed;
    } else {
        return;
    }
    update_tag(tracker, socket);
}

/* ---- between browsers and server peers */

/* False, and nothing is told: it is larger, or of another form, than server peers take. */
static bool signal_server(struct tracker *tracker, const struct socket *from,
                          const struct ws_message *message, const uint8_t *to,
                          const struct ws_offer *what)
{
    uint8_t id[WS_ID_BYTES];

    if (what->offer.len > SIGNAL_SESSION_MAX || !ws_id_read(what->id, id))
        return false;
    tracker_publish(tracker, &(struct signal){.hash = message->hash,
                                              .from = from->self.peer_id,
                                              .to = to,
                                              .offer_id = id,
                                              .ip = from->ip,
                                              .session = what->offer,
                                              .is_answer = message->kind == WS_ANSWER});
    return true;
}

/* One of the first `count` offers for each server peer, as far as they go. Returns how many are
 * left; these are in front then. */
static size_t offer_to_servers(struct tracker *tracker, const struct socket *from,
                               struct ws_message *message, size_t count)
{
    uint8_t servers[SERVER_PEERS_OF_SWARM_MAX][PEER_ID_BYTES];
    size_t want = MIN(count, SERVER_PEERS_OF_SWARM_MAX), given = 0, left = 0;
    size_t server_count = server_peers_choose(tracker->server_peers, &message->hash,
                                              message->is_seed, want, clock_ms(), servers);

    for (size_t i = 0; i < count; i++)
        if (given < server_count &&
            signal_server(tracker, from, message, servers[given], &message->offers[i]))
            given++;
        else
            message->offers[left++] = message->offers[i];
    tracker->metrics.offers_to_servers_total += given;
    tracker->metrics.offers_total += given;
    return left;
}

/* An offer, or an answer to one. False: the swarm has no browser of that peer id. */
static bool signal_browser(struct tracker *tracker, const struct infohash *hash,
                           const uint8_t *from, const uint8_t *to, const struct ws_offer *what,
                           bool is_answer)
{
    bool is_found;
    uint64_t connection;

    pthread_mutex_lock(&tracker->lock);
    is_found = swarms_find_socket(tracker->swarms, hash, to, &connection);
    pthread_mutex_unlock(&tracker->lock);
    if (!is_found)
        return false;
    text_clear(&tracker->scratch);
    if (is_answer)
        ws_answer_write(&tracker->scratch, hash, from, what->offer, what->id);
    else
        ws_offer_write(&tracker->scratch, hash, from, what);
    say(tracker, connection);
    return true;
}

bool web_front_signal(struct tracker *tracker, const struct signal *signal)
{
    struct ws_offer what = {.offer = signal->session};
    struct text id = {0};
    bool is_told;

    ws_id_write(&id, signal->offer_id);
    what.id = bytes_of(id.data, id.len);
    is_told =
        signal_browser(tracker, &signal->hash, signal->from, signal->to, &what, signal->is_answer);
    text_fini(&id);
    return is_told;
}

/* ---- what browsers say */

static void on_ws_announce(struct tracker *tracker, struct socket *socket,
                           struct ws_message *message)
{
    const struct tracker_settings *settings = tracker->settings;
    struct swarm_socket others[WS_OFFERS_MAX];
    struct swarm_counts counts;
    size_t want = MIN(message->offer_count, settings->max_offers), count;

    if (message->event != EVENT_STOPPED && find_member(socket, &message->hash) == NULL &&
        socket->count >= settings->max_swarms_per_socket) {
        say_failure(tracker, socket, &message->hash, "too many torrents on one connection");
        return;
    }
    if (message->has_want)
        want = MIN(want, message->want);
    if (message->event != EVENT_STOPPED)
        want = offer_to_servers(tracker, socket, message, want);
    pthread_mutex_lock(&tracker->lock);
    count = swarms_announce_socket(tracker->swarms, &message->hash, &socket->self,
                                   (enum swarm_event)message->event, message->is_seed,
                                   (unsigned)want, tracker_now_s(), others, &counts);
    pthread_mutex_unlock(&tracker->lock);
    tracker->metrics.announces_ws_total++;
    text_clear(&tracker->scratch);
    ws_reply_write(&tracker->scratch, &message->hash, counts.complete, counts.incomplete,
                   (uint32_t)(settings->interval / 1000 / WS_INTERVALS));
    say(tracker, socket->self.connection);
    for (size_t i = 0; i < count; i++) {
        text_clear(&tracker->scratch);
        ws_offer_write(&tracker->scratch, &message->hash, socket->self.peer_id,
                       &message->offers[i]);
        say(tracker, others[i].connection);
    }
    tracker->metrics.offers_total += count;
    note_membership(tracker, socket, message);
}

/* Server peers come first: a browser that takes the peer id of one gets nothing of its. */
static void on_ws_answer(struct tracker *tracker, struct socket *socket,
                         const struct ws_message *message)
{
    const struct ws_offer answer = {.offer = message->answer, .id = message->offer_id};
    const uint8_t *to = message->to_peer_id;
    bool is_for_server = server_peers_has(tracker->server_peers, &message->hash, to, clock_ms());

    if (find_member(socket, &message->hash) != NULL &&
        (is_for_server
             ? signal_server(tracker, socket, message, to, &answer)
             : signal_browser(tracker, &message->hash, socket->self.peer_id, to, &answer, true)))
        tracker->metrics.answers_total++;
    else
        tracker->metrics.answers_lost_total++;
}

static void tell_by_socket(struct scrape *scrape, const struct swarm_counts *counts)
{
    struct text *out = &scrape->tracker->scratch;

    text_clear(out);
    ws_scrape_begin(out);
    for (size_t i = 0; i < scrape->count; i++)
        ws_scrape_add(out, &scrape->hashes[i], counts[i].complete, counts[i].downloaded,
                      counts[i].incomplete);
    ws_scrape_end(out, (uint32_t)(scrape->tracker->settings->min_interval / 1000));
    say(scrape->tracker, scrape->who);
}

/* Whoever names no torrent is told of its own. */
static void on_ws_scrape(struct tracker *tracker, struct socket *socket,
                         const struct ws_message *message)
{
    struct infohash own[SIBLINGS_RELAY_MAX];
    size_t count = MIN(socket->count, COUNT_OF(own));

    for (size_t i = 0; i < count; i++)
        own[i] = socket->members[i].hash;
    if (message->scrape_count > 0)
        scrape(tracker, socket->self.connection, message->scrape, message->scrape_count,
               tell_by_socket);
    else
        scrape(tracker, socket->self.connection, own, count, tell_by_socket);
}

static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    struct tracker *tracker = arg;
    struct socket *socket = state;
    static struct ws_message message; /* large; of the main thread */
    char failure[WS_FAILURE_MAX];
    enum ws_parsed parsed;
    bool is_taken, is_allowed = true;

    /* Text is valid UTF-8, which the gateway has seen to, and may be passed on. */
    if (is_binary) {
        gateway_close(tracker->gateways, socket->self.connection, CLOSE_UNSUPPORTED,
                      "text messages only");
        return;
    }
    parsed = ws_message_parse(payload, &message, failure);
    if (parsed != WS_OK) {
        say_failure(tracker, socket, parsed == WS_REFUSED ? &message.hash : NULL, failure);
        return;
    }
    pthread_mutex_lock(&tracker->lock);
    is_taken = takes(tracker, socket->ip, tracker_now_s());
    if (is_taken && message.kind == WS_ANNOUNCE)
        is_allowed = access_list_allows(&tracker->access, &message.hash);
    pthread_mutex_unlock(&tracker->lock);
    if (!is_taken || !is_allowed) {
        tracker->metrics.denied_total += !is_allowed;
        if (message.kind == WS_ANNOUNCE)
            say_failure(tracker, socket, &message.hash,
                        is_taken ? "this torrent is not tracked here"
                                 : "too many messages from your address");
        return;
    }
    if (message.kind == WS_SCRAPE) {
        on_ws_scrape(tracker, socket, &message);
        return;
    }
    if (!socket->has_peer_id) {
        memcpy(socket->self.peer_id, message.peer_id, PEER_ID_BYTES);
        socket->has_peer_id = true;
    }
    if (message.kind == WS_ANSWER)
        on_ws_answer(tracker, socket, &message);
    else
        on_ws_announce(tracker, socket, &message);
}

struct gateway_actor web_front(struct tracker *tracker)
{
    return (struct gateway_actor){.on_opened = on_opened,
                                  .on_received = on_received,
                                  .on_closed = on_closed,
                                  .on_asked = on_asked,
                                  .arg = tracker};
}
