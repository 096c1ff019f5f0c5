/* SPDX-License-Identifier: MIT
 *
 * stream_body: the bytes of a file of a torrent, while it is being downloaded, to one client.
 *
 * What is ready goes out by sendfile (pread where the kernel cannot), at most LOOP_TURN_BYTES a
 * turn; then others have theirs. What is missing is waited for with a lease, with the headers
 * already sent. The stream ends at its end, or is cut (the connection closes before the promised
 * length) when nothing arrives, when the client takes nothing, or when file or torrent vanish.
 *
 *     start -> head sent -> pump -> turn is over -> (next round) pump
 *                            |----> socket is full -> (writable) pump
 *                            |----> piece is missing -> (woken) pump
 *                            `----> end | cut
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "parts.h"

enum {
    SMALL_BYTES = 64 << 10,       /* a body up to this goes out in one piece with its head */
    FIRST_CHUNK_BYTES = 64 << 10, /* by pread, until LARGE_AFTER_BYTES went out */
    LARGE_AFTER_BYTES = 2 << 20,
};

enum stream_state {
    STREAM_SENDING, /* h2o has something of ours in its hands */
    STREAM_QUEUED,  /* waits for its turn */
    STREAM_FULL,    /* waits for the socket */
    STREAM_WAITING, /* waits for a piece */
};

struct stream {
    h2o_generator_t generator; /* first: h2o gives it back to us */
    struct exchange *x;
    h2o_linklist_t link; /* of the loop */
    struct later turn;
    enum stream_state state;
    struct map_entry *map_entry;
    struct ready_map *map;
    uint32_t file;
    int fd; /* -1 until the first ready byte */
    struct parts parts;
    size_t part;
    bool has_part_head;     /* of `part`, sent */
    uint64_t position, end; /* in the file, of `part` */
    struct lease *lease;
    bool can_sendfile, is_corked;
    char *buffer;
    size_t buffer_bytes;
    uint64_t sent;
    uint64_t progress_ms; /* when something last went out or arrived */
    uint64_t acked;       /* by the client's kernel, when we last looked */
    uint32_t seen_pieces; /* of the torrent, when we last looked */
    char head[PARTS_HEAD_TEXT];
};

static void pump(struct stream *s);

static struct http_metrics *metrics_of(const struct stream *s)
{
    return &s->x->loop->http->metrics;
}

static const struct ready_file *file_of(const struct stream *s)
{
    return &ready_map_layout(s->map)->files[s->file];
}

/* Corked, the kernel keeps the head back until bytes of the body fill its packet. */
static void set_cork(struct stream *s, int on)
{
    if (s->is_corked == on)
        return;
    s->is_corked = on;
    setsockopt(h2o_socket_get_fd(s->x->client->sock), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* Whatever comes next, the first turn is over: nothing is kept back longer. */
static void set_state(struct stream *s, enum stream_state state)
{
    set_cork(s, false);
    if (s->state == STREAM_WAITING && state != STREAM_WAITING) {
        metrics_of(s)->streams_waiting--;
        exchange_unwatch(s->x);
        lease_resume(s->lease);
    }
    s->state = state;
}

/* The last thing that happens to a stream, whoever ends it. */
static void on_dispose(void *memory)
{
    struct stream *s = memory;

    if (s->state == STREAM_WAITING)
        metrics_of(s)->streams_waiting--;
    if (s->part < s->parts.count)
        metrics_of(s)->streams_left_total++;
    metrics_of(s)->streams--;
    later_remove(&s->turn);
    h2o_linklist_unlink(&s->link);
    lease_close(&s->lease);
    loop_map_release(&s->map_entry);
    if (s->fd >= 0)
        close(s->fd);
    free(s->buffer);
}

/* No orderly end: the client sees a body shorter than announced. Frees the stream. */
static void cut(struct stream *s, const char *why)
{
    char hash[INFOHASH_TEXT];

    /* Whoever may stream can cause this as often as they like; metrics count it. */
    log_debug("stream cut", "why=%s hash=%s file=%u position=%" PRIu64, why,
              infohash_text(&ready_map_layout(s->map)->hash, hash), s->file, s->position);
    set_state(s, STREAM_SENDING);
    s->part = s->parts.count; /* ours, not one that the client left */
    h2o_send(s->x->req, NULL, 0, H2O_SEND_STATE_ERROR);
}

static void cut_broken(struct stream *s, const char *why)
{
    metrics_of(s)->streams_broken_total++;
    cut(s, why);
}

/* ---- waiting */

static void on_turn(void *arg)
{
    pump(arg);
}

static void queue(struct stream *s)
{
    set_state(s, STREAM_QUEUED);
    later_add(s->x->loop, &s->turn);
}

/* A stream that waits stays in that state until its turn: there may be nothing for it yet. */
static void on_wake(void *arg)
{
    struct stream *s = arg;

    if (s->state == STREAM_WAITING)
        later_add(s->x->loop, &s->turn);
}

static void open_lease(struct stream *s)
{
    if (s->lease == NULL)
        s->lease = lease_open(s->x->loop->leases, &ready_map_layout(s->map)->hash, s->file,
                              s->position, s->end, on_wake, s);
}

/* Last thing in a turn: may end the stream. */
static void wait_for_piece(struct stream *s)
{
    uint32_t pieces = ready_map_count(s->map);

    if (s->lease != NULL && lease_error(s->lease) != NULL) {
        cut_broken(s, lease_error(s->lease)->text);
        return;
    }
    if (s->state == STREAM_WAITING) {
        /* Woken for something else. A piece anywhere shows that the torrent is alive. */
        if (pieces != s->seen_pieces)
            s->progress_ms = clock_ms();
        s->seen_pieces = pieces;
        return;
    }
    open_lease(s);
    set_state(s, STREAM_WAITING);
    s->seen_pieces = pieces;
    metrics_of(s)->streams_waiting++;
    metrics_of(s)->waits_total++;
    lease_move(s->lease, s->position);
    lease_wait(s->lease);
    exchange_watch(s->x);
}

/* ---- sending */

static void went_out(struct stream *s, size_t bytes)
{
    s->position += bytes;
    s->sent += bytes;
    s->progress_ms = clock_ms();
    s->x->loop->round_sent += bytes;
    metrics_of(s)->sent_bytes_total += bytes;
    if (s->lease != NULL)
        lease_move(s->lease, s->position);
}

/* Now, unless this round has sent enough. */
static void go_on(struct stream *s)
{
    if (s->x->loop->round_sent < LOOP_ROUND_BYTES)
        pump(s);
    else
        queue(s);
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    struct exchange *x = exchange_of(sock);

    (void)err; /* the next sendfile will tell */
    must(x != NULL && x->body != NULL);
    go_on(x->body);
}

/* True when the file could be opened; else the stream is cut. */
static bool open_file(struct stream *s)
{
    if (s->fd >= 0)
        return true;
    s->fd = open(file_of(s)->disk_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (s->fd < 0)
        return false;
    if (s->end - s->position > LOOP_TURN_BYTES)
        posix_fadvise(s->fd, (off_t)s->position, 0, POSIX_FADV_SEQUENTIAL);
    return true;
}

/* Sends ready bytes until the turn is over, the socket full or the run ended. False: the stream has
 * been handed on (queued, waiting for the socket, or cut). */
static bool send_by_kernel(struct stream *s, uint64_t run, uint64_t *turn_left)
{
    int to = h2o_socket_get_fd(s->x->client->sock);

    while (run > 0 && *turn_left > 0) {
        off_t from = (off_t)s->position;
        ssize_t put = sendfile(to, s->fd, &from, (size_t)MIN(run, *turn_left));

        if (put > 0) {
            went_out(s, (size_t)put);
            s->x->req->bytes_sent += (size_t)put;
            run -= (uint64_t)put;
            *turn_left -= (uint64_t)put;
        } else if (put == 0) {
            cut_broken(s, "the file on disk is shorter than it should be");
            return false;
        } else if (errno == EAGAIN) {
            set_state(s, STREAM_FULL);
            h2o_socket_notify_write(s->x->client->sock, on_writable);
            return false;
        } else if (errno == EINVAL || errno == ENOSYS) {
            s->can_sendfile = false; /* this file system cannot */
            return true;
        } else if (errno != EINTR) {
            if (errno == EIO || errno == ENXIO || errno == EOVERFLOW) {
                cut_broken(s, "the file cannot be read");
            } else {
                /* TCP_USER_TIMEOUT is the kernel's way to say that nothing was taken. */
                if (errno == ETIMEDOUT)
                    metrics_of(s)->streams_slow_total++;
                exchange_abort(s->x);
            }
            return false;
        }
    }
    return true;
}

/* One buffer through h2o. */
static void send_by_hand(struct stream *s, uint64_t run)
{
    size_t want = s->sent < LARGE_AFTER_BYTES ? FIRST_CHUNK_BYTES : LOOP_CHUNK_BYTES;
    h2o_iovec_t chunk;
    ssize_t got;

    if (s->buffer_bytes < want) {
        s->buffer = xrealloc(s->buffer, want);
        s->buffer_bytes = want;
    }
    do
        got = pread(s->fd, s->buffer, (size_t)MIN(run, want), (off_t)s->position);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        cut_broken(s, got == 0 ? "the file on disk is shorter than it should be"
                               : "the file cannot be read");
        return;
    }
    went_out(s, (size_t)got);
    set_state(s, STREAM_SENDING);
    chunk = h2o_iovec_init(s->buffer, (size_t)got);
    h2o_send(s->x->req, &chunk, 1, H2O_SEND_STATE_IN_PROGRESS);
}

/* ---- the order of things */

static void begin_part(struct stream *s)
{
    s->has_part_head = false;
    if (s->part == s->parts.count)
        return;
    s->position = s->parts.ranges[s->part].first;
    s->end = s->parts.ranges[s->part].last + 1;
    lease_close(&s->lease);
}

/* The text between ranges, or the end. True when h2o has it now (the stream may be gone). */
static bool send_head_or_end(struct stream *s)
{
    bool is_end = s->part == s->parts.count;
    h2o_iovec_t text;

    if (s->has_part_head)
        return false;
    s->has_part_head = true;
    text = h2o_iovec_init(s->head, parts_head(&s->parts, s->part, s->head));
    if (text.len == 0 && !is_end)
        return false;
    set_state(s, STREAM_SENDING);
    h2o_send(s->x->req, &text, text.len > 0 ? 1 : 0,
             is_end ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
    return true;
}

static void pump(struct stream *s)
{
    uint64_t turn_left = LOOP_TURN_BYTES;

    while (turn_left > 0) {
        uint64_t run;

        if (send_head_or_end(s))
            return;
        if (s->position == s->end) {
            s->part++;
            begin_part(s);
            continue;
        }
        if (ready_map_is_gone(s->map)) {
            cut_broken(s, "the torrent was removed");
            return;
        }
        run = ready_map_run(s->map, s->file, s->position, MIN(s->end - s->position, turn_left));
        if (run == 0) {
            wait_for_piece(s);
            return;
        }
        if (s->state == STREAM_WAITING)
            set_state(s, STREAM_QUEUED);
        if (!open_file(s)) {
            cut_broken(s, "the file cannot be opened");
            return;
        }
        if (!s->can_sendfile) {
            send_by_hand(s, run);
            return;
        }
        if (!send_by_kernel(s, run, &turn_left))
            return;
    }
    queue(s);
}

/* h2o has written what we gave it. A write that ends at once comes back within the same round: only
 * the first goes on directly. */
static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct stream *s = (struct stream *)generator;

    (void)req;
    s->progress_ms = clock_ms();
    if (s->can_sendfile)
        go_on(s);
    else
        queue(s);
}

/* ---- beginning */

/* A small body that is there goes out with its head in one write. */
static bool send_small(struct stream *s, int status, const char *type)
{
    struct exchange *x = s->x;
    uint64_t want = s->end - s->position;
    h2o_iovec_t body;
    ssize_t got;

    if (parts_is_multipart(&s->parts) || want > SMALL_BYTES ||
        ready_map_run(s->map, s->file, s->position, want) < want || !open_file(s))
        return false;
    body = h2o_iovec_init(h2o_mem_alloc_pool(&x->req->pool, (size_t)want), (size_t)want);
    got = pread(s->fd, body.base, body.len, (off_t)s->position);
    if (got != (ssize_t)want)
        return false; /* what is wrong comes out on the long way */
    exchange_set_head(x, status, type, body.len);
    went_out(s, body.len);
    s->part = s->parts.count;
    s->has_part_head = true;
    h2o_start_response(x->req, &s->generator);
    h2o_send(x->req, &body, 1, H2O_SEND_STATE_FINAL);
    return true;
}

static struct stream *new_stream(struct exchange *x, struct map_entry *entry, struct ready_map *map,
                                 uint32_t file)
{
    struct stream *s = h2o_mem_alloc_shared(&x->req->pool, sizeof(*s), on_dispose);

    memset(s, 0, sizeof(*s));
    *s = (struct stream){
        .generator = {.proceed = on_proceed},
        .x = x,
        .turn = {.run = on_turn, .arg = s},
        .map_entry = entry,
        .map = map,
        .file = file,
        .fd = -1,
        /* What the kernel still has in its hands must not change either. */
        .can_sendfile = x->loop->http->settings->sendfile && x->client->sock->ssl == NULL &&
                        !lease_set_may_forget(x->loop->leases, &ready_map_layout(map)->hash),
        .progress_ms = clock_ms(),
    };
    x->body = s;
    h2o_linklist_insert(&x->loop->streams, &s->link);
    metrics_of(s)->streams++;
    metrics_of(s)->streams_total++;
    return s;
}

void stream_body_send(struct exchange *x, struct map_entry *entry, struct ready_map *map,
                      uint32_t file, const struct parts *parts, int status)
{
    struct stream *s = new_stream(x, entry, map, file);
    char type[PARTS_HEAD_TEXT];

    s->parts = *parts;
    parts_content_type(&s->parts, type);
    begin_part(s);
    if (send_small(s, status, type))
        return;
    exchange_set_head(x, status, type, (size_t)parts_length(&s->parts));
    /* Not all is there: torrent-svc should know early where somebody reads. */
    if (ready_map_file_bytes(map, file) < file_of(s)->size)
        open_lease(s);
    set_cork(s, s->can_sendfile && ready_map_has(map, ready_map_piece_at(map, file, s->position)));
    h2o_start_response(x->req, &s->generator);
    h2o_send(x->req, NULL, 0, H2O_SEND_STATE_IN_PROGRESS);
}

/* ---- time */

/* Between two writes of ours a slow client may take many bytes. */
static void look_at_client(struct stream *s, uint64_t now_ms)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(h2o_socket_get_fd(s->x->client->sock), IPPROTO_TCP, TCP_INFO, &info, &len) !=
            0 ||
        info.tcpi_bytes_acked == s->acked)
        return;
    s->acked = info.tcpi_bytes_acked;
    s->progress_ms = now_ms;
}

static void check_time(struct stream *s, uint64_t now_ms)
{
    const struct http_settings *settings = s->x->loop->http->settings;
    uint64_t quiet_ms;

    if (s->state != STREAM_WAITING)
        look_at_client(s, now_ms);
    quiet_ms = now_ms > s->progress_ms ? now_ms - s->progress_ms : 0;
    if (s->state == STREAM_WAITING) {
        /* Also finds what a lost event did not tell. */
        later_add(s->x->loop, &s->turn);
        if (quiet_ms >= settings->stall_timeout) {
            metrics_of(s)->streams_stalled_total++;
            cut(s, "no piece arrived in time");
        }
    } else if ((s->state == STREAM_FULL || s->state == STREAM_SENDING) &&
               quiet_ms >= settings->send_timeout) {
        metrics_of(s)->streams_slow_total++;
        s->part = s->parts.count;
        s->progress_ms = now_ms;
        log_debug("stream cut", "why=%s", "the client takes nothing");
        shutdown(h2o_socket_get_fd(s->x->client->sock), SHUT_RDWR);
    }
}

void streams_tick(struct loop *loop, uint64_t now_ms)
{
    h2o_linklist_t *link, *next;

    for (link = loop->streams.next; link != &loop->streams; link = next) {
        next = link->next;
        check_time(H2O_STRUCT_FROM_MEMBER(struct stream, link, link), now_ms);
    }
}
