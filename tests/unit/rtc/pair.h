/* SPDX-License-Identifier: MIT
 *
 * pair: two connections of one process that are each other's other end, over loopback.
 */
#ifndef UNIT_RTC_PAIR_H
#define UNIT_RTC_PAIR_H

#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "glib_loop.h"
#include "peer.h"

enum { PAIR_WAIT_MS = 60000, PAIR_TICK_MS = 10 };

struct end {
    struct peer *peer;
    struct end *other;
    struct channel *channel;
    struct text sdp; /* as it was told */
    void (*on_received)(struct end *end, struct bytes part, bool is_text, bool is_end);
    void (*on_writable)(struct end *end);
    uint64_t received;
    unsigned messages, channels, channels_closed;
    const char *why; /* set: closed */
};

struct pair {
    struct end offerer, answerer;
};

static struct ice_config pair_ice = {.addresses = {"127.0.0.1"},
                                     .address_count = 1,
                                     .port_min = 20000,
                                     .port_max = 29999,
                                     .has_udp = true};
static struct peers *pair_peers;

static void pair_on_channel(void *arg, struct channel *channel)
{
    struct end *end = arg;

    end->channel = channel;
    end->channels++;
}

static void pair_on_received(void *arg, struct channel *channel, struct bytes part, bool is_text,
                             bool is_end)
{
    struct end *end = arg;

    (void)channel;
    end->received += part.len;
    end->messages += is_end;
    if (end->on_received != NULL)
        end->on_received(end, part, is_text, is_end);
}

static void pair_on_writable(void *arg, struct channel *channel)
{
    struct end *end = arg;

    (void)channel;
    if (end->on_writable != NULL)
        end->on_writable(end);
}

static void pair_on_channel_closed(void *arg, struct channel *channel)
{
    struct end *end = arg;

    if (end->channel == channel)
        end->channel = NULL;
    end->channels_closed++;
}

static void pair_on_closed(void *arg, const char *why)
{
    struct end *end = arg;

    end->peer = NULL;
    end->why = why;
}

static void pair_on_described(void *arg, struct bytes sdp);

static const struct peer_events pair_events = {.on_described = pair_on_described,
                                               .on_channel = pair_on_channel,
                                               .on_received = pair_on_received,
                                               .on_writable = pair_on_writable,
                                               .on_channel_closed = pair_on_channel_closed,
                                               .on_closed = pair_on_closed};

static void pair_on_described(void *arg, struct bytes sdp)
{
    struct end *end = arg;

    text_clear(&end->sdp);
    text_add_bytes(&end->sdp, sdp);
}

static inline bool pair_is_open(const struct pair *pair)
{
    return pair->offerer.channel != NULL && pair->answerer.channel != NULL;
}

static inline void pair_on_tick(void *arg)
{
    (void)arg;
}

/* One round of the loop, which waits a little. */
static inline void pair_turn(void)
{
    static struct loop_timer *timer;
    static bool has_more;

    if (timer == NULL)
        timer = loop_every(PAIR_TICK_MS, pair_on_tick, NULL);
    loop_turn(!has_more);
    has_more = peers_turn(pair_peers);
}

#define pair_until(cond)                                                                           \
    for (uint64_t give_up_ms = clock_ms() + PAIR_WAIT_MS; !(cond);) {                              \
        must(clock_ms() < give_up_ms);                                                             \
        pair_turn();                                                                               \
    }

static inline void pair_offer(struct pair *pair)
{
    struct error error;

    *pair =
        (struct pair){.offerer = {.other = &pair->answerer}, .answerer = {.other = &pair->offerer}};
    must(peer_offer(pair_peers, "test", &pair_events, &pair->offerer, &pair->offerer.peer,
                    &error) == ERR_NONE);
    pair_until(pair->offerer.sdp.len > 0);
}

static inline void pair_answer(struct pair *pair)
{
    struct error error;
    struct text *offer = &pair->offerer.sdp, *answer = &pair->answerer.sdp;

    must(peer_answer(pair_peers, bytes_of(offer->data, offer->len), &pair_events, &pair->answerer,
                     &pair->answerer.peer, &error) == ERR_NONE);
    pair_until(answer->len > 0);
    must(peer_accept(pair->offerer.peer, bytes_of(answer->data, answer->len), &error) == ERR_NONE);
}

static inline void pair_close(struct pair *pair)
{
    if (pair->offerer.peer != NULL)
        peer_close(pair->offerer.peer, "test over");
    pair_until(pair->offerer.peer == NULL && pair->answerer.peer == NULL);
    text_fini(&pair->offerer.sdp);
    text_fini(&pair->answerer.sdp);
}

/* Bytes in use of the heap. */
static inline size_t pair_memory(void)
{
    return mallinfo2().uordblks;
}

/* None where less is in use than then: what opened a connection is freed a little later. */
static inline size_t pair_memory_since(size_t before)
{
    size_t now = pair_memory();

    return now > before ? now - before : 0;
}

/* Around all tests of a program. Non-zero: it cannot be. */
static inline int pair_begin_all(unsigned peers_max)
{
    struct error error;

    pair_peers = peers_new(&pair_ice, peers_max, &error);
    return pair_peers == NULL;
}

static inline void pair_end_all(void)
{
    peers_end(pair_peers);
    pair_until(peers_are_gone(pair_peers));
    peers_free(&pair_peers);
}

#endif
