/* SPDX-License-Identifier: MIT
 *
 * exchange: h2o's request on one side, our handlers on the other. Everything here runs on the
 * thread of the request's loop.
 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "bus/pb_json.h"
#include "engine.h"
#include "shapes.h"
#include "websocket.h"
#include "wire/query.h"
#include "wire/room_code.h"
#include "wire/tracker_http.h"

enum { SVC_AWAY_MS = 200 };

static h2o_generator_t no_generator;

/* ---- what was asked */

static struct bytes bytes_of_iovec(h2o_iovec_t iovec)
{
    return bytes_of(iovec.base, iovec.len);
}

const struct http *exchange_http(const struct exchange *x)
{
    return x->loop->http;
}

const struct route *exchange_route(const struct exchange *x)
{
    return &x->route;
}

bool exchange_is_head(const struct exchange *x)
{
    return x->route.method == METHOD_HEAD;
}

bool exchange_is_admin(const struct exchange *x)
{
    return x->is_admin;
}

void exchange_set_admin(struct exchange *x, bool is_admin)
{
    x->is_admin = is_admin;
}

struct bytes exchange_header(const struct exchange *x, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&x->req->headers, name, strlen(name), -1);

    return at < 0 ? bytes_of(NULL, 0) : bytes_of_iovec(x->req->headers.entries[at].value);
}

struct bytes exchange_host(const struct exchange *x)
{
    /* Without a Host header h2o puts the name of the host configuration here. */
    if (x->req->authority.base == x->req->hostconf->authority.hostport.base)
        return bytes_of(NULL, 0);
    return bytes_of_iovec(x->req->authority);
}

bool exchange_is_tls(const struct exchange *x)
{
    return x->client->tls != NULL;
}

struct bytes exchange_body(const struct exchange *x)
{
    return bytes_of_iovec(x->req->entity);
}

void *exchange_alloc(struct exchange *x, size_t size)
{
    return memset(h2o_mem_alloc_pool(&x->req->pool, size), 0, size);
}

void *exchange_alloc_until(struct exchange *x, size_t size, void (*fini)(void *memory))
{
    return memset(h2o_mem_alloc_shared(&x->req->pool, size, fini), 0, size);
}

bool exchange_has_neighbour(const struct exchange *x, enum neighbour neighbour)
{
    /* Of room-svc there may be none but standbys, who serve nobody. */
    return bus_is_up(x->loop->neighbours[neighbour]) &&
           (neighbour != NEIGHBOUR_room || bus_is_up(x->loop->room));
}

bool exchange_is_draining(const struct exchange *x)
{
    return x->loop->is_draining;
}

bool exchange_has_map(struct exchange *x, const struct infohash *hash)
{
    struct map_entry *entry;
    bool has = loop_map_take(x->loop, hash, &entry) != NULL;

    loop_map_release(&entry);
    return has;
}

enum err exchange_add_mirror(struct exchange *x, const struct mirror_draft *draft,
                             struct error *error)
{
    return lease_set_add_mirror(x->loop->leases, draft, error);
}

/* ---- answering */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {421, "Misdirected Request"},
        {423, "Locked"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

static void add_view(struct exchange *x, const char *name, struct bytes value)
{
    h2o_iovec_t copy = h2o_strdup(&x->req->pool, (const char *)value.data, value.len);

    h2o_add_header_by_str(&x->req->pool, &x->req->res.headers, name, strlen(name), 1, NULL,
                          copy.base, copy.len);
}

void exchange_add_header(struct exchange *x, const char *name, const char *value)
{
    add_view(x, name, bytes_of_text(value));
}

static void add_cors(struct exchange *x)
{
    struct bytes origin = exchange_header(x, "origin");

    if (x->route.need == NEED_OPEN) {
        exchange_add_header(x, "access-control-allow-origin", "*");
        return;
    }
    exchange_add_header(x, "vary", "Origin");
    if (origin.data == NULL ||
        !access_allows_origin(&x->loop->http->policy, exchange_host(x), origin))
        return;
    /* "*" is refused by browsers together with credentials. */
    add_view(x, "access-control-allow-origin", origin);
    exchange_add_header(x, "access-control-allow-credentials", "true");
    exchange_add_header(x, "access-control-expose-headers",
                        "Content-Range, Content-Length, Accept-Ranges, ETag, Content-Disposition, "
                        "Location, Retry-After, Tus-Resumable, Tus-Version, Upload-Offset, "
                        "Upload-Length, Upload-Expires, traceresponse");
}

/* Whoever asked in a trace of his own, or got an error, is told what to look for in the log. */
static void add_trace(struct exchange *x, int status)
{
    struct traceparent answer = x->parent;
    char text[TRACEPARENT_TEXT];

    if (x->parent.span == 0 && status < 400)
        return;
    answer.trace = x->trace;
    answer.span = x->trace ^ x->parent.span;
    if (answer.span == 0)
        answer.span = 1;
    exchange_add_header(x, "traceresponse", traceparent_text(&answer, text));
}

static uint64_t choose_trace(struct exchange *x)
{
    struct bytes value = exchange_header(x, "traceparent");

    if (value.data != NULL && traceparent_parse(value, &x->parent) && x->parent.trace != 0)
        return x->parent.trace;
    x->parent = (struct traceparent){0};
    return bytes_hash(bytes_of(&x->req->conn->id, sizeof(x->req->conn->id)), clock_us());
}

void exchange_set_head(struct exchange *x, int status, const char *type, size_t length)
{
    must(!x->is_answered);
    x->is_answered = true;
    exchange_unwatch(x);
    if (status >= 500)
        x->loop->http->metrics.requests_failed_total++;
    x->req->res.status = status;
    x->req->res.reason = reason_of(status);
    x->req->res.content_length = length;
    if (type != NULL)
        exchange_add_header(x, "content-type", type);
    exchange_add_header(x, "x-content-type-options", "nosniff");
    add_trace(x, status);
    add_cors(x);
}

void exchange_reply(struct exchange *x, int status, const char *type, struct bytes body)
{
    h2o_req_t *req = x->req;
    h2o_iovec_t copy = {NULL, 0};
    bool has_body = status != 204 && status != 304;

    if (has_body && !exchange_is_head(x) && body.len > 0)
        copy = h2o_strdup(&req->pool, (const char *)body.data, body.len);
    exchange_set_head(x, status, type, has_body ? body.len : SIZE_MAX);
    h2o_start_response(req, &no_generator);
    h2o_send(req, &copy, copy.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void exchange_send_head(struct exchange *x, int status, const char *type, size_t length)
{
    exchange_set_head(x, status, type, length);
    h2o_start_response(x->req, &no_generator);
    h2o_send(x->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void exchange_reply_file(struct exchange *x, const char *type, const char *path)
{
    struct stat about;

    if (stat(path, &about) != 0) {
        exchange_fail_as(x, 503, ERR_UNAVAILABLE, "it has just left the cache; ask again");
    } else if (exchange_is_head(x)) {
        exchange_send_head(x, 200, type, (size_t)about.st_size);
    } else {
        exchange_set_head(x, 200, NULL, (size_t)about.st_size);
        if (h2o_file_send(x->req, 200, "OK", path, h2o_iovec_init(type, strlen(type)), 0) != 0)
            exchange_abort(x);
    }
}

void exchange_reply_json(struct exchange *x, int status, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT | JSON_REAL_PRECISION(12));

    json_decref(take);
    must(text != NULL);
    exchange_reply(x, status, "application/json", bytes_of_text(text));
    free(text);
}

void exchange_reply_message(struct exchange *x, int status, const ProtobufCMessage *message)
{
    exchange_reply_json(x, status, pb_to_json(message));
}

void exchange_fail_as(struct exchange *x, int status, enum err code, const char *text)
{
    if (status == 503 || status == 429)
        exchange_add_header(x, "retry-after", status == 429 ? "1" : "2");
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, status,
                        x->route.is_api ? shape_error(err_word(code), text, shape_advice(code))
                                        : shape_p2m_error(text));
}

void exchange_fail_error(struct exchange *x, const struct error *error)
{
    enum err code = error->code != ERR_NONE ? error->code : ERR_INTERNAL;

    exchange_fail_as(x, err_http_status(code), code, error->text);
}

void exchange_fail(struct exchange *x, enum err code, const char *format, ...)
{
    struct error error = {.code = code};
    va_list args;

    va_start(args, format);
    vsnprintf(error.text, sizeof(error.text), format, args);
    va_end(args);
    exchange_fail_error(x, &error);
}

/* ---- neighbours */

/* It may be restarting just now, but nobody wants to wait for it as long as for peers. */
static uint32_t patience(struct exchange *x, struct bus_remote *remote, uint32_t deadline_ms)
{
    x->called = remote;
    return bus_is_up(remote) ? deadline_ms : MIN(deadline_ms, (uint32_t)NEIGHBOUR_AWAY_MS);
}

static struct bytes key_of(const char *key)
{
    return key != NULL ? bytes_of_text(key) : bytes_of(NULL, 0);
}

static ProtobufCService *call(struct exchange *x, struct bus_remote *remote, uint32_t deadline_ms,
                              const char *key)
{
    return bus_to(remote, patience(x, remote, deadline_ms), key_of(key), &x->call);
}

ProtobufCService *exchange_torrent(struct exchange *x, uint32_t deadline_ms, const char *key)
{
    struct bus_remote *torrent = x->loop->torrent;

    return bus_to_holder(torrent, patience(x, torrent, deadline_ms), key_of(key), &x->call);
}

ProtobufCService *exchange_torrent_instance(struct exchange *x, unsigned instance,
                                            uint32_t deadline_ms)
{
    struct bus_remote *torrent = x->loop->torrent;

    return bus_to_instance(torrent, instance, patience(x, torrent, deadline_ms), &x->call);
}

size_t exchange_torrent_instances(const struct exchange *x, unsigned out[BUS_INSTANCES_MAX])
{
    return bus_instances(x->loop->torrent, out);
}

ProtobufCService *exchange_transcode(struct exchange *x, uint32_t deadline_ms, const char *key)
{
    return call(x, x->loop->transcode, deadline_ms, key);
}

unsigned exchange_room_seats(const struct exchange *x)
{
    return MAX(bus_seats(x->loop->room), 1u);
}

ProtobufCService *exchange_room_seat(struct exchange *x, unsigned seat, uint32_t deadline_ms)
{
    struct bus_remote *room = x->loop->room;

    if (exchange_room_seats(x) == 1)
        return call(x, room, deadline_ms, NULL);
    return bus_to_seat(room, seat, patience(x, room, deadline_ms), &x->call);
}

/* One that somebody holds, and mostly another one. */
static unsigned any_seat(const struct exchange *x, unsigned seats)
{
    unsigned first = (unsigned)(x->trace % seats), instance;

    for (unsigned i = 0; i < seats; i++)
        if (bus_seat_holder(x->loop->room, (first + i) % seats, &instance))
            return (first + i) % seats;
    return first;
}

ProtobufCService *exchange_room(struct exchange *x, uint32_t deadline_ms, const char *typed)
{
    unsigned seats = exchange_room_seats(x);
    char code[CODE_MAX + 1];
    bool is_code = typed != NULL && code_read(typed, code);

    return exchange_room_seat(x, is_code ? code_seat(code, seats) : any_seat(x, seats),
                              deadline_ms);
}

ProtobufCService *exchange_rtc(struct exchange *x, uint32_t deadline_ms)
{
    return call(x, x->loop->rtc, deadline_ms, NULL);
}

/* Where to put the id of a call on the side bus. */
static uint64_t *side_call(struct exchange *x, struct bus_remote *remote, uint32_t *deadline_ms)
{
    must(x->svc_call_count < COUNT_OF(x->svc_calls));
    if (!bus_is_up(remote))
        *deadline_ms = MIN(*deadline_ms, (uint32_t)SVC_AWAY_MS);
    x->called = remote;
    return &x->svc_calls[x->svc_call_count++];
}

ProtobufCService *exchange_svc(struct exchange *x, enum neighbour neighbour, uint32_t deadline_ms)
{
    struct bus_remote *remote = x->loop->neighbours[neighbour];
    uint64_t *call = side_call(x, remote, &deadline_ms);

    return bus_to(remote, deadline_ms, bytes_of(NULL, 0), call);
}

ProtobufCService *exchange_svc_instance(struct exchange *x, enum neighbour neighbour,
                                        unsigned instance, uint32_t deadline_ms)
{
    struct bus_remote *remote = x->loop->neighbours[neighbour];
    uint64_t *call = side_call(x, remote, &deadline_ms);

    return bus_to_instance(remote, instance, deadline_ms, call);
}

ProtobufCService *exchange_control(struct exchange *x, uint32_t deadline_ms)
{
    uint64_t *call = side_call(x, x->loop->control, &deadline_ms);

    return bus_to(x->loop->control, deadline_ms, bytes_of(NULL, 0), call);
}

struct joined *exchange_joined(struct exchange *x, struct joined_asker **asker_out)
{
    *asker_out = &x->asker;
    return x->loop->joined;
}

static enum neighbour called(const struct exchange *x)
{
    for (enum neighbour i = 0; i < NEIGHBOURS; i++)
        if (x->called == x->loop->neighbours[i])
            return i;
    if (x->called == x->loop->control)
        return NEIGHBOUR_supervisor;
    if (x->called == x->loop->torrent)
        return NEIGHBOUR_torrent;
    if (x->called == x->loop->rtc)
        return NEIGHBOUR_rtc;
    return x->called == x->loop->room ? NEIGHBOUR_room : NEIGHBOUR_transcode;
}

const struct error *exchange_call_error(const struct exchange *x)
{
    static _Thread_local struct error error;

    error = *bus_error(x->called);
    neighbour_explain(called(x), bus_is_up(x->called), &error);
    return &error;
}

/* Ids of calls that have ended are fine. */
static void cancel_calls(struct exchange *x)
{
    if (x->call != 0)
        bus_cancel(x->loop->bus, x->call);
    x->call = 0;
    joined_leave(&x->asker);
    for (size_t i = 0; i < x->svc_call_count; i++)
        bus_cancel(x->loop->side_bus, x->svc_calls[i]);
    x->svc_call_count = 0;
}

/* ---- noticing that the client has gone: while a request is being answered h2o does not read, and
 * sees the end of an HTTP/1 connection only at the next failing write */

struct exchange *exchange_of(h2o_socket_t *sock)
{
    return ((struct client *)sock->on_close.data)->current;
}

void exchange_unwatch(struct exchange *x)
{
    if (h2o_linklist_is_linked(&x->watch_link))
        h2o_linklist_unlink(&x->watch_link);
    if (!x->is_watched)
        return;
    x->is_watched = false;
    h2o_socket_read_stop(x->client->sock);
    h2o_socket_dont_read(x->client->sock, 0);
}

static void on_watched_read(h2o_socket_t *sock, const char *err)
{
    struct exchange *x = exchange_of(sock);
    char c;
    ssize_t got = recv(h2o_socket_get_fd(sock), &c, 1, MSG_PEEK | MSG_DONTWAIT);

    (void)err;
    must(x != NULL);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        /* A pipelined request: it stays where it is and would wake us for ever. From here on the
         * end of the connection is looked for once a second. */
        h2o_socket_read_stop(sock);
        h2o_socket_dont_read(sock, 0);
        x->is_watched = false;
        x->is_blind = true;
        return;
    }
    exchange_abort(x);
}

void exchange_watch(struct exchange *x)
{
    if (h2o_linklist_is_linked(&x->watch_link))
        return;
    h2o_linklist_insert(&x->loop->watched, &x->watch_link);
    if (x->is_blind)
        return;
    x->is_watched = true;
    h2o_socket_dont_read(x->client->sock, 1);
    h2o_socket_read_start(x->client->sock, on_watched_read);
}

void exchange_watch_tick(struct loop *loop)
{
    h2o_linklist_t *link, *next;

    for (link = loop->watched.next; link != &loop->watched; link = next) {
        struct exchange *x = H2O_STRUCT_FROM_MEMBER(struct exchange, watch_link, link);
        struct pollfd poll_fd = {.fd = h2o_socket_get_fd(x->client->sock), .events = POLLRDHUP};

        next = link->next;
        if (x->is_blind && poll(&poll_fd, 1, 0) > 0)
            exchange_abort(x);
    }
}

void exchange_abort(struct exchange *x)
{
    h2o_req_t *req = x->req;

    x->loop->http->metrics.aborts_seen_total++;
    cancel_calls(x);
    gateway_forget(&x->question);
    exchange_unwatch(x);
    req->http1_is_persistent = 0;
    if (h2o_socket_is_writing(x->client->sock)) {
        /* h2o must not be given more to send now; it will find out by itself. */
        shutdown(h2o_socket_get_fd(x->client->sock), SHUT_RDWR);
        return;
    }
    if (!x->is_answered) {
        exchange_set_head(x, 499, NULL, 0);
        h2o_start_response(req, &no_generator);
    }
    h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
}

/* ---- questions for actors: a tracker is asked very often, so this path does as little as it can
 */

struct ip client_local(struct client *client)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (client->local.len == 0 &&
        getsockname(h2o_socket_get_fd(client->sock), (struct sockaddr *)&address, &len) == 0)
        client->local = ip_of((struct sockaddr *)&address);
    return client->local;
}

static struct exchange *exchange_of_question(struct gateway_question *question)
{
    return H2O_STRUCT_FROM_MEMBER(struct exchange, question, question);
}

struct gateway_client *exchange_client(struct exchange *x)
{
    struct ip local = client_local(x->client);
    const struct gateway_client client = {
        .target = bytes_of_iovec(x->req->input.path),
        .origin = exchange_header(x, "origin"),
        .address = bytes_of(x->ip.bytes, x->ip.len),
        .local = bytes_of(local.bytes, local.len),
        .is_admin = routes_is_operator(x),
    };

    return gateway_client_copy(&client);
}

/* A scrape of several torrents is put together by any tracker-svc that has one of them. */
static struct gateway *tracker_of(struct exchange *x)
{
    struct bytes path, query = query_split(bytes_of_iovec(x->req->input.path), &path);
    struct infohash hash;
    struct shards *tracker = x->loop->actors[ACTOR_TRACKER];
    bool has_hash = shards_are_many(tracker) &&
                    announce_param(query, "info_hash", hash.bytes, sizeof(hash.bytes)) ==
                        (int)sizeof(hash.bytes);

    return shards_owner(tracker,
                        bytes_of(has_hash ? hash.bytes : NULL, has_hash ? sizeof(hash.bytes) : 0));
}

void exchange_ask(struct exchange *x, enum route_actor actor)
{
    struct gateway *gateway =
        actor == ACTOR_TRACKER ? tracker_of(x) : shards_any(x->loop->actors[actor]);

    client_local(x->client);
    x->question_client = (struct gateway_client){
        .target = bytes_of_iovec(x->req->input.path),
        .address = bytes_of(x->ip.bytes, x->ip.len),
        .local = bytes_of(x->client->local.bytes, x->client->local.len),
    };
    /* Who waits is watched; besides, a connection that is not read for a moment would cost two
     * calls of epoll_ctl(). */
    if (gateway != NULL && gateway_ask(gateway, &x->question, &x->question_client))
        exchange_watch(x);
    else
        exchange_fail_question(&x->question);
}

static void answer_open(struct exchange *x, int status, struct bytes type, struct bytes body)
{
    h2o_req_t *req = x->req;
    char *copy = h2o_mem_alloc_pool(&req->pool, type.len + body.len + 1);
    h2o_iovec_t iovec = {copy + type.len, body.len};

    must(!x->is_answered);
    x->is_answered = true;
    exchange_unwatch(x);
    if (status >= 500)
        x->loop->http->metrics.requests_failed_total++;
    memcpy(copy, type.data, type.len);
    if (body.len > 0)
        memcpy(copy + type.len, body.data, body.len);
    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = body.len;
    if (type.len > 0)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, copy, type.len);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ACCESS_CONTROL_ALLOW_ORIGIN, NULL,
                   H2O_STRLIT("*"));
    h2o_start_response(req, &no_generator);
    h2o_send(req, &iovec, body.len > 0 ? 1 : 0, H2O_SEND_STATE_FINAL);
}

void exchange_answer_question(struct gateway_question *question, int status, const char *type,
                              struct bytes body)
{
    if (status < 200 || status > 599)
        status = 502;
    answer_open(exchange_of_question(question), status, bytes_of_text(type), body);
}

void exchange_fail_question(struct gateway_question *question)
{
    /* What every client of a tracker can read (BEP 3 and 31). */
#define REASON "tracker is restarting, try again"
    static const char text[] = "d14:failure reason32:" REASON "8:retry ini1ee";
    _Static_assert(sizeof(REASON) - 1 == 32, "its length is written in front of it");
#undef REASON
    struct exchange *x = exchange_of_question(question);

    if (x->route.id == ROUTE_ANNOUNCE || x->route.id == ROUTE_SCRAPE)
        answer_open(x, 503, bytes_of_text("text/plain"), bytes_of(text, sizeof(text) - 1));
    else
        exchange_fail_as(x, 503, ERR_UNAVAILABLE, "who answers this is away");
}

/* ---- a request comes and goes */

static void on_dispose(void *memory)
{
    struct exchange *x = memory;

    cancel_calls(x);
    gateway_forget(&x->question);
    exchange_unwatch(x);
    x->client->current = NULL;
    x->loop->http->metrics.requests--;
    atomic_fetch_sub(&x->loop->busy, 1);
}

/* Of all headers of a name; false when there is none. */
static bool find_forwarded(const h2o_req_t *req, struct bytes name, struct forwarded *out)
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];

        if (!bytes_equal(bytes_of_iovec(*header->name), name))
            continue;
        if (out->count == COUNT_OF(out->fields))
            memmove(out->fields, out->fields + 1, --out->count * sizeof(out->fields[0]));
        out->fields[out->count++] = bytes_of_iovec(header->value);
    }
    return out->count > 0;
}

static struct ip who_asks(const struct exchange *x)
{
    struct forwarded forwarded = {.count = 0};

    if (!x->client->is_proxy)
        return x->client->peer;
    if (!find_forwarded(x->req, bytes_of_text("x-forwarded-for"), &forwarded))
        forwarded.is_rfc7239 = find_forwarded(x->req, bytes_of_text("forwarded"), &forwarded);
    return forwarded_client(x->loop->http->trusted, &x->client->peer, &forwarded);
}

/* True when it was for a WebSocket, and is being taken care of. */
static bool begin_websocket(struct exchange *x)
{
    const struct http_settings *settings = x->loop->http->settings;
    const char *known_as;
    enum route_actor actor = route_websocket(x->client->door, x->route.path, &known_as);

    if ((actor == ROUTE_ACTORS && x->route.id != ROUTE_SOCKETIO) ||
        !h2o_lcstris(x->req->upgrade.base, x->req->upgrade.len, H2O_STRLIT("websocket")))
        return false;
    if (known_as != NULL)
        x->req->input.path = h2o_iovec_init(known_as, strlen(known_as));
    if (actor == ACTOR_TRACKER)
        tracker_upgrade(x, x->loop->actors[actor], settings->tracker_origins);
    else if (actor != ROUTE_ACTORS)
        socket_upgrade(x, x->loop->actors[actor], settings->room_origins);
    else
        engine_upgrade(x);
    return true;
}

static bool is_over_limit(struct exchange *x)
{
    struct http *http = x->loop->http;
    struct address address =
        x->client->is_proxy ? address_of_ip(&x->ip) : x->client->counted.address;

    if (x->client->is_refused) {
        x->req->http1_is_persistent = 0;
        exchange_fail_as(x, 503, ERR_BUSY, "too many connections from your address");
        return true;
    }
    if (limits_allow(http, &address))
        return false;
    http->metrics.requests_limited_total++;
    exchange_fail_as(x, 429, ERR_BUSY, "too many requests from your address");
    return true;
}

int exchange_begin(h2o_handler_t *handler, h2o_req_t *req)
{
    struct client *client = req->conn->callbacks->get_socket(req->conn)->on_close.data;
    struct exchange *x = h2o_mem_alloc_shared(&req->pool, sizeof(*x), on_dispose);

    (void)handler;
    memset(x, 0, sizeof(*x));
    x->req = req;
    x->client = client;
    x->loop = client->loop;
    x->route = route_find(client->door, bytes_of_iovec(req->input.method),
                          bytes_of_iovec(req->input.path));
    x->ip = who_asks(x);
    x->trace = choose_trace(x);
    client->current = x;
    atomic_fetch_add(&x->loop->busy, 1);
    x->loop->http->metrics.requests++;
    x->loop->http->metrics.requests_total++;
    if (is_over_limit(x))
        return 0;
    if (req->version >= 0x101 && exchange_host(x).data == NULL) {
        req->http1_is_persistent = 0;
        exchange_fail(x, ERR_INVALID, "a request needs a Host header");
        return 0;
    }
    if (req->upgrade.base != NULL && begin_websocket(x))
        return 0;
    log_set_trace(x->trace);
    routes_dispatch(x);
    log_set_trace(0);
    return 0;
}
