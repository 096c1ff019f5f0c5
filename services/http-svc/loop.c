/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include <proto/control.pb-c.h>
#include <proto/room.pb-c.h>
#include <proto/rtc.pb-c.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <proto/transcode.pb-c.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "engine.h"
#include "websocket.h"

enum {
    TICKS_PER_S = 1000 / BUS_TICK_MS,
    ROUND_WAIT_MS = 1000,
    CLOSING_ROUNDS = 100,
    GOODBYE_MS = 50,
    LEAVE_MS = 5000
};

/* ---- later: h2o's own zero_timeout runs again and again within one round, so that one fast
 * download would starve everybody else. An eventfd becomes readable in the next round. */

static void wake(struct loop *loop)
{
    eventfd_write(loop->wake_fd, 1);
}

void later_add(struct loop *loop, struct later *later)
{
    if (later_is_waiting(later))
        return;
    if (h2o_linklist_is_empty(&loop->later))
        wake(loop);
    h2o_linklist_insert(&loop->later, &later->link);
}

void later_remove(struct later *later)
{
    if (later_is_waiting(later))
        h2o_linklist_unlink(&later->link);
}

/* Whoever has no turn in this round stays at the head of the queue. */
static void run_later(struct loop *loop)
{
    h2o_linklist_t mark = {0};

    h2o_linklist_insert(&loop->later, &mark);
    while (loop->later.next != &mark && loop->round_sent < LOOP_ROUND_BYTES) {
        struct later *later = H2O_STRUCT_FROM_MEMBER(struct later, link, loop->later.next);

        h2o_linklist_unlink(&later->link);
        later->run(later->arg);
    }
    h2o_linklist_unlink(&mark);
    if (!h2o_linklist_is_empty(&loop->later))
        wake(loop);
}

/* ---- messages from the main thread */

void loop_post(struct loop *loop, struct feed_event *event)
{
    pthread_mutex_lock(&loop->inbox_lock);
    bool was_full = feed_add(&loop->inbox, event);
    pthread_mutex_unlock(&loop->inbox_lock);
    if (was_full)
        loop->http->metrics.events_dropped_total++;
    wake(loop);
}

void loop_want(struct loop *loop, enum loop_wanted wanted)
{
    atomic_store(&loop->wanted, wanted);
    wake(loop);
}

void loop_send(struct loop *to, struct loop_mail *mail)
{
    bool is_over;

    pthread_mutex_lock(&to->inbox_lock);
    is_over = to->is_over;
    if (!is_over)
        DL_APPEND(to->mail, mail);
    pthread_mutex_unlock(&to->inbox_lock);
    if (is_over)
        free(mail);
    else
        wake(to);
}

struct loop *loop_sibling(const struct loop *loop, unsigned index)
{
    struct loop *first = (struct loop *)(uintptr_t)(loop - loop->index);

    return index < loop->count ? first + index : NULL;
}

static struct loop_mail *take_mail(struct loop *loop, bool is_over)
{
    struct loop_mail *mail;

    pthread_mutex_lock(&loop->inbox_lock);
    mail = loop->mail;
    loop->mail = NULL;
    loop->is_over = is_over;
    pthread_mutex_unlock(&loop->inbox_lock);
    return mail;
}

static void read_mail(struct loop *loop)
{
    struct loop_mail *mail = take_mail(loop, false), *next;

    for (; mail != NULL; mail = next) {
        next = mail->next;
        mail->run(loop, mail);
        free(mail);
    }
    websockets_flush(loop);
}

static void end_mail(struct loop *loop)
{
    struct loop_mail *mail = take_mail(loop, true), *next;

    for (; mail != NULL; mail = next) {
        next = mail->next;
        free(mail);
    }
}

static void read_inbox(struct loop *loop)
{
    struct feed_event *event;

    do {
        pthread_mutex_lock(&loop->inbox_lock);
        event = feed_take(&loop->inbox);
        pthread_mutex_unlock(&loop->inbox_lock);
        if (event != NULL) {
            event_bodies_publish(loop, event);
            event_sockets_publish(loop, event);
        }
        feed_event_drop(event);
    } while (event != NULL);
}

static void drain(struct loop *loop)
{
    if (loop->is_draining)
        return;
    loop->is_draining = true;
    loop->drained_ms = clock_ms();
    listeners_stop(loop);
    h2o_context_request_shutdown(&loop->context);
    event_bodies_end(loop);
    engine_drain(loop->engine);
    websockets_drain(loop);
}

static void on_wake(h2o_socket_t *sock, const char *err)
{
    struct loop *loop = sock->data;
    eventfd_t value;

    (void)err;
    eventfd_read(loop->wake_fd, &value);
    if (atomic_load(&loop->wanted) >= LOOP_DRAIN)
        drain(loop);
    read_inbox(loop);
    read_mail(loop);
    run_later(loop);
}

/* ---- the bus and time */

/* What remains after a dispatch keeps the descriptor readable: the next round goes on with it. */
static void on_bus(h2o_socket_t *sock, const char *err)
{
    struct loop *loop = sock->data;

    (void)err;
    bus_dispatch(loop->bus);
}

static void on_side_bus(h2o_socket_t *sock, const char *err)
{
    struct loop *loop = sock->data;

    (void)err;
    bus_dispatch(loop->side_bus);
}

static void count_rounds(struct loop *loop)
{
    struct http_metrics *metrics = &loop->http->metrics;
    uint64_t max = metrics->loop_round_sent_max_bytes;

    metrics->loop_rounds_total += loop->rounds;
    loop->rounds = 0;
    while (loop->round_max > max && !atomic_compare_exchange_weak(
                                        &metrics->loop_round_sent_max_bytes, &max, loop->round_max))
        ;
}

/* Streams and questions that go on do so by another name; what actors were told by ours, they know.
 */
static void leave_name(struct loop *loop, uint64_t now_ms)
{
    bool is_idle = h2o_linklist_is_empty(&loop->websockets);
    char *name;

    for (size_t i = 0; i < COUNT_OF(loop->actors); i++)
        is_idle = is_idle && shards_are_idle(loop->actors[i]);
    if (!is_idle && now_ms - loop->drained_ms < LEAVE_MS)
        return;
    name = svc_retired_name(loop->http->svc);
    bus_retire(loop->bus, name);
    bus_retire(loop->side_bus, name);
    for (size_t i = 0; i < COUNT_OF(loop->actors); i++)
        shards_rename(loop->actors[i], name);
    free(name);
    atomic_store(&loop->has_left, true);
}

static void on_100ms(h2o_timeout_entry_t *entry)
{
    struct loop *loop = H2O_STRUCT_FROM_MEMBER(struct loop, every_100ms, entry);
    uint64_t now_ms = clock_ms();

    h2o_timeout_link(loop->evloop, &loop->context.hundred_ms_timeout, &loop->every_100ms);
    bus_tick(loop->bus);
    bus_tick(loop->side_bus);
    lease_set_tick(loop->leases, now_ms);
    for (size_t i = 0; i < COUNT_OF(loop->actors); i++)
        shards_tick(loop->actors[i], now_ms);
    listeners_tick(loop);
    if (loop->is_draining && atomic_load(&loop->wanted) == LOOP_RETIRE &&
        !atomic_load(&loop->has_left))
        leave_name(loop, now_ms);
    count_rounds(loop);
    if (++loop->ticks % TICKS_PER_S != 0)
        return;
    streams_tick(loop, now_ms);
    event_bodies_tick(loop, loop->ticks / TICKS_PER_S);
    exchange_watch_tick(loop);
    websockets_tick(loop, now_ms);
    engine_tick(loop->engine, now_ms);
    loop_maps_sweep(loop, now_ms);
}

/* ---- a life */

static h2o_socket_t *watch_fd(struct loop *loop, int fd, h2o_socket_cb on_readable)
{
    /* DONT_READ: these descriptors are not ours to read in h2o's way. */
    h2o_socket_t *sock = h2o_evloop_socket_create(loop->evloop, fd, H2O_SOCKET_FLAG_DONT_READ);

    sock->data = loop;
    h2o_socket_read_start(sock, on_readable);
    return sock;
}

/* h2o would close the descriptor, which belongs to others. */
static void unwatch_fd(h2o_socket_t **sock)
{
    h2o_socket_export_t info;

    if (h2o_socket_export(*sock, &info) == 0)
        h2o_buffer_dispose(&info.input);
    *sock = NULL;
}

static void init_lists(struct loop *loop)
{
    h2o_linklist_init_anchor(&loop->later);
    h2o_linklist_init_anchor(&loop->watched);
    h2o_linklist_init_anchor(&loop->streams);
    h2o_linklist_init_anchor(&loop->listeners_of_events);
    h2o_linklist_init_anchor(&loop->event_sockets);
    h2o_linklist_init_anchor(&loop->maps);
    h2o_linklist_init_anchor(&loop->clients);
    h2o_linklist_init_anchor(&loop->websockets);
    h2o_linklist_init_anchor(&loop->websockets_due);
    h2o_linklist_init_anchor(&loop->websockets_closing);
}

static void init_gateways(struct loop *loop, unsigned count)
{
    for (size_t i = 0; i < COUNT_OF(loop->actors); i++) {
        const struct gateway_config config = {
            .loop = loop,
            .bus = loop->bus,
            .actor = route_actor_name((enum route_actor)i),
            .name = loop->http->self,
            .generation = svc_generation(loop->http->svc),
            .index = loop->index,
            .count = count,
            .metrics = &loop->http->metrics,
        };

        loop->actors[i] =
            shards_new(&config, i == ACTOR_TRACKER ? SHARDS_BY_INSTANCE : SHARDS_BY_SEAT);
    }
}

/* For torrents of other machines. What a stream has read may go: it looks at the map before it
 * reads on. */
static enum err init_mirror(struct loop *loop, struct error *error)
{
    char *folder = xasprintf("%s/mirror.%s.%u", loop->http->run_dir, loop->http->self, loop->index);
    const struct mirror_config config = {
        .folder = folder,
        .max_bytes = loop->http->settings->mirror_size / loop->count,
        .may_forget = true,
    };
    enum err err = lease_set_mirror(loop->leases, &config, error);

    free(folder);
    return err;
}

/* Runs on the main thread, before the loop's own exists. */
enum err loop_init(struct loop *loop, struct http *http, unsigned index, unsigned count,
                   h2o_globalconf_t *config, struct error *error)
{
    loop->http = http;
    loop->index = index;
    loop->gather_ms = GATEWAY_IDLE;
    loop->count = count;
    pthread_mutex_init(&loop->inbox_lock, NULL);
    init_lists(loop);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return error_set_errno(error, ERR_IO, "cannot make an eventfd");
    loop->bus = bus_new(svc_bus_config(http->svc), error);
    if (loop->bus == NULL)
        return error->code;
    loop->side_bus = bus_new(svc_bus_config(http->svc), error);
    if (loop->side_bus == NULL)
        return error->code;
    loop->torrent = bus_remote(loop->bus, "torrent", &sharestream__torrent__torrent__descriptor);
    loop->transcode =
        bus_remote(loop->bus, "transcode", &sharestream__transcode__transcode__descriptor);
    loop->room = bus_remote(loop->bus, "room", &sharestream__room__room__descriptor);
    loop->rtc = bus_remote(loop->bus, "rtc", &sharestream__rtc__rtc__descriptor);
    loop->joined = joined_new(loop->bus, loop->transcode, &http->metrics);
    for (enum neighbour i = 0; i < NEIGHBOURS; i++)
        loop->neighbours[i] =
            bus_remote(loop->side_bus, neighbour_name(i), &sharestream__svc__svc__descriptor);
    loop->control = bus_remote(loop->side_bus, neighbour_name(NEIGHBOUR_supervisor),
                               &sharestream__control__control__descriptor);
    loop->leases = lease_set_new(loop->bus, loop->torrent);
    if (bus_is_by_tcp(loop->bus, "torrent") && init_mirror(loop, error) != ERR_NONE)
        return error->code;
    init_gateways(loop, count);
    loop->evloop = h2o_evloop_create();
    h2o_timeout_init(loop->evloop, &loop->ping_timeout, http->settings->websocket_ping);
    loop->engine = engine_new(loop, loop->actors[ACTOR_ROOM]);
    h2o_context_init(&loop->context, loop->evloop, config);
    loop->accept = loop->accept_tls =
        (h2o_accept_ctx_t){.ctx = &loop->context, .hosts = config->hosts};
    loop->wake_socket = watch_fd(loop, loop->wake_fd, on_wake);
    loop->bus_socket = watch_fd(loop, bus_fd(loop->bus), on_bus);
    loop->side_socket = watch_fd(loop, bus_fd(loop->side_bus), on_side_bus);
    loop->every_100ms.cb = on_100ms;
    h2o_timeout_link(loop->evloop, &loop->context.hundred_ms_timeout, &loop->every_100ms);
    return ERR_NONE;
}

static void run_round(struct loop *loop, int32_t wait_ms)
{
    int rc = h2o_evloop_run(loop->evloop, MIN(loop->gather_ms, wait_ms));
    uint64_t now_ms = clock_ms();

    /* A signal is no reason to end; anything else would be our own mistake. */
    must(rc == 0 || errno == EINTR);
    loop->rounds++;
    loop->round_max = MAX(loop->round_max, loop->round_sent);
    loop->round_sent = 0;
    /* Nothing but messages on the bus goes out here: h2o is not to be called outside its rounds. */
    loop->gather_ms = GATEWAY_IDLE;
    for (size_t i = 0; i < COUNT_OF(loop->actors); i++)
        loop->gather_ms = MIN(loop->gather_ms, shards_flush(loop->actors[i], now_ms));
}

/* The deadline has passed: whoever is still there is cut off. */
static void close_clients(struct loop *loop)
{
    h2o_linklist_t *link, *next;

    for (unsigned round = 0; round < CLOSING_ROUNDS; round++) {
        if (h2o_linklist_is_empty(&loop->clients))
            return;
        for (link = loop->clients.next; link != &loop->clients; link = next) {
            struct client *client = H2O_STRUCT_FROM_MEMBER(struct client, link, link);

            next = link->next;
            if (client->current != NULL)
                exchange_abort(client->current);
            else
                shutdown(h2o_socket_get_fd(client->sock), SHUT_RDWR);
        }
        run_round(loop, 10);
    }
    log_warn("connections left open", "");
}

/* What ends of streams tell torrent-svc has to leave before the sockets close; without it, it finds
 * out 10 s later. */
static void say_goodbye(struct loop *loop)
{
    uint64_t until_ms = clock_ms() + GOODBYE_MS;

    while (clock_ms() < until_ms)
        run_round(loop, 10);
}

static void fini(struct loop *loop)
{
    bool had_streams = !h2o_linklist_is_empty(&loop->streams);

    listeners_stop(loop);
    close_clients(loop);
    if (had_streams)
        say_goodbye(loop);
    count_rounds(loop);
    h2o_timeout_unlink(&loop->every_100ms);
    h2o_timeout_dispose(loop->evloop, &loop->ping_timeout);
    engine_free(&loop->engine);
    end_mail(loop);
    for (size_t i = 0; i < COUNT_OF(loop->actors); i++)
        shards_free(&loop->actors[i]);
    lease_set_free(&loop->leases);
    joined_free(&loop->joined);
    unwatch_fd(&loop->bus_socket);
    unwatch_fd(&loop->side_socket);
    unwatch_fd(&loop->wake_socket);
    bus_free(&loop->bus);
    bus_free(&loop->side_bus);
    loop_maps_close(loop);
    feed_fini(&loop->inbox);
    close(loop->wake_fd);
    /* Linked by h2o_context_request_shutdown(), and nobody else unlinks it. */
    h2o_timeout_unlink(&loop->context.http2._graceful_shutdown_timeout);
    h2o_context_dispose(&loop->context);
    /* It asserts on timeouts; whatever an h2o module left linked is no reason to die at the end. */
    if (h2o_linklist_is_empty(&loop->evloop->_timeouts))
        h2o_evloop_destroy(loop->evloop);
}

static void *run(void *arg)
{
    struct loop *loop = arg;

    listeners_start(loop);
    while (atomic_load(&loop->wanted) != LOOP_STOP)
        run_round(loop, ROUND_WAIT_MS);
    fini(loop);
    return NULL;
}

enum err loop_start(struct loop *loop, struct error *error)
{
    int rc = pthread_create(&loop->thread, NULL, run, loop);

    if (rc != 0) {
        errno = rc;
        return error_set_errno(error, ERR_IO, "cannot start a thread");
    }
    loop->is_running = true;
    return ERR_NONE;
}

void loop_join(struct loop *loop)
{
    if (!loop->is_running)
        return;
    pthread_join(loop->thread, NULL);
    loop->is_running = false;
}

#ifdef __SANITIZE_ADDRESS__
/* What h2o itself never gives back: the queue of a context, and buffers that each thread keeps for
 * the next request. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_multithread_create_queue\nleak:h2o_mem_alloc_recycle\n";
}
#endif
