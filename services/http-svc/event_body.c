/* SPDX-License-Identifier: MIT
 *
 * event_body: server-sent events to one client, until it leaves or its torrent goes. A comment
 * every 15 s keeps proxies from closing the connection and shows us who has gone.
 */
#include "loop.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

enum { HEARTBEAT_S = 15 };

struct event_body {
    h2o_generator_t generator; /* first: h2o gives it back to us */
    struct exchange *x;
    h2o_linklist_t link; /* of the loop */
    bool has_hash;
    struct infohash hash;
    struct feed feed;
    struct feed_event *in_flight;
    bool is_sending, is_ending;
    uint64_t sending_since_ms;
};

static void on_dispose(void *memory)
{
    struct event_body *body = memory;

    h2o_linklist_unlink(&body->link);
    feed_fini(&body->feed);
    feed_event_drop(body->in_flight);
    body->x->loop->http->metrics.event_clients--;
}

static void send_text(struct event_body *body, const char *text, size_t len)
{
    h2o_iovec_t iovec = h2o_iovec_init(text, len);

    exchange_unwatch(body->x);
    body->is_sending = true;
    body->sending_since_ms = clock_ms();
    h2o_send(body->x->req, &iovec, 1, H2O_SEND_STATE_IN_PROGRESS);
}

/* May free the body. */
static void send_next(struct event_body *body)
{
    if (body->is_sending)
        return;
    feed_event_drop(body->in_flight);
    body->in_flight = feed_take(&body->feed);
    if (body->in_flight != NULL) {
        send_text(body, body->in_flight->text, body->in_flight->len);
    } else if (body->is_ending) {
        exchange_unwatch(body->x);
        h2o_send(body->x->req, NULL, 0, H2O_SEND_STATE_FINAL);
    } else {
        exchange_watch(body->x);
    }
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    struct event_body *body = (struct event_body *)generator;

    (void)req;
    body->is_sending = false;
    send_next(body);
}

static void add(struct event_body *body, struct feed_event *event)
{
    if (body->is_ending)
        return;
    if (body->has_hash && !feed_event_is_of(event, &body->hash))
        return;
    if (feed_add(&body->feed, event))
        body->x->loop->http->metrics.events_dropped_total++;
    body->is_ending = body->has_hash && event->is_last;
}

void event_body_start(struct exchange *x, const struct infohash *hash, struct feed_event *first)
{
    static const char greeting[] = "retry: 2000\n\n";
    struct event_body *body = h2o_mem_alloc_shared(&x->req->pool, sizeof(*body), on_dispose);

    memset(body, 0, sizeof(*body));
    body->generator.proceed = on_proceed;
    body->x = x;
    if (hash != NULL) {
        body->has_hash = true;
        body->hash = *hash;
    }
    h2o_linklist_insert(&x->loop->listeners_of_events, &body->link);
    x->loop->http->metrics.event_clients++;
    exchange_add_header(x, "cache-control", "no-store");
    exchange_add_header(x, "x-accel-buffering", "no");
    exchange_set_head(x, 200, "text/event-stream", SIZE_MAX);
    if (x->req->version < 0x101)
        x->req->http1_is_persistent = 0; /* no chunks there: the end is the end */
    if (first != NULL)
        add(body, first);
    feed_event_drop(first);
    if (x->loop->is_draining)
        body->is_ending = true;
    h2o_start_response(x->req, &body->generator);
    send_text(body, greeting, sizeof(greeting) - 1);
}

void event_bodies_publish(struct loop *loop, struct feed_event *event)
{
    h2o_linklist_t *link, *next;

    for (link = loop->listeners_of_events.next; link != &loop->listeners_of_events; link = next) {
        struct event_body *body = H2O_STRUCT_FROM_MEMBER(struct event_body, link, link);

        next = link->next;
        add(body, event);
        send_next(body);
    }
}

void event_bodies_tick(struct loop *loop, unsigned seconds)
{
    static const char heartbeat[] = ": still here\n\n";
    uint64_t now_ms = clock_ms();
    h2o_linklist_t *link, *next;

    for (link = loop->listeners_of_events.next; link != &loop->listeners_of_events; link = next) {
        struct event_body *body = H2O_STRUCT_FROM_MEMBER(struct event_body, link, link);

        next = link->next;
        if (body->is_sending) {
            if (now_ms - body->sending_since_ms >= loop->http->settings->send_timeout)
                shutdown(h2o_socket_get_fd(body->x->client->sock), SHUT_RDWR);
        } else if (seconds % HEARTBEAT_S == 0) {
            send_text(body, heartbeat, sizeof(heartbeat) - 1);
        }
    }
}

void event_bodies_end(struct loop *loop)
{
    h2o_linklist_t *link, *next;

    for (link = loop->listeners_of_events.next; link != &loop->listeners_of_events; link = next) {
        struct event_body *body = H2O_STRUCT_FROM_MEMBER(struct event_body, link, link);

        next = link->next;
        body->is_ending = true;
        send_next(body);
    }
}
