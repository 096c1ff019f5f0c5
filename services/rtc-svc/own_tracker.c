/* SPDX-License-Identifier: MIT
 *
 * own_tracker: browsers that tracker-svc knows. We are a server peer of theirs
 * (proto/tracker.proto): their offers come as events, and whom we do not hear of is offered a
 * connection.
 */
#include <proto/tracker.pb-c.h>
#include <utlist.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "rtc.h"
#include "wire/tracker_ws_client.h"

enum {
    CALL_MS = 5000,
    ANNOUNCE_EVERY_MS = 15000, /* a third of the lease */
    LOOK_EVERY_MS = 5000,      /* instead, while somebody is there who is not connected */
    OFFERS_MAX = 16,           /* made at once for one torrent; the others a tick later */
};

static ProtobufCBinaryData binary(const uint8_t *data, size_t len)
{
    /* protobuf-c only reads what is sent. */
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)(uintptr_t)data};
}

/* The torrent may be gone when the answer comes. */
struct announced {
    struct rtc *rtc;
    struct infohash hash;
};

/* ---- what we say */

static void on_answered_reply(const Sharestream__Tracker__AnswerReply *reply, void *arg)
{
    struct rtc *rtc = arg;

    rtc->metrics.signals_lost_total += reply == NULL;
}

static void on_offered_reply(const Sharestream__Tracker__AnnounceReply *reply, void *arg)
{
    struct rtc *rtc = arg;

    rtc->metrics.signals_lost_total += reply == NULL || reply->n_lost > 0;
}

static void tell_answer(struct rtc *rtc, const struct link *link, struct bytes session)
{
    Sharestream__Tracker__Signal signal = SHARESTREAM__TRACKER__SIGNAL__INIT;

    signal.info_hash = link->torrent->hex;
    signal.peer_id = binary(rtc->peer_id, sizeof(rtc->peer_id));
    signal.to_peer_id = binary(link->peer_id, sizeof(link->peer_id));
    signal.offer_id = binary(link->offer_id, sizeof(link->offer_id));
    signal.session = binary(session.data, session.len);
    sharestream__tracker__tracker__answer(
        bus_to(rtc->tracker_svc, CALL_MS, bytes_of(&link->torrent->hash, sizeof(struct infohash)),
               NULL),
        &signal, on_answered_reply, rtc);
}

static void tell_offer(struct rtc *rtc, const struct link *link, struct bytes session)
{
    Sharestream__Tracker__AnnounceRequest request = SHARESTREAM__TRACKER__ANNOUNCE_REQUEST__INIT;
    Sharestream__Tracker__Offer offer = SHARESTREAM__TRACKER__OFFER__INIT, *offers[] = {&offer};

    offer.to_peer_id = binary(link->peer_id, sizeof(link->peer_id));
    offer.offer_id = binary(link->offer_id, sizeof(link->offer_id));
    offer.session = binary(session.data, session.len);
    request.info_hash = link->torrent->hex;
    request.peer_id = binary(rtc->peer_id, sizeof(rtc->peer_id));
    request.is_seed = link->torrent->is_seed;
    request.offers = offers;
    request.n_offers = 1;
    sharestream__tracker__tracker__announce(
        bus_to(rtc->tracker_svc, CALL_MS, bytes_of(&link->torrent->hash, sizeof(struct infohash)),
               NULL),
        &request, on_offered_reply, rtc);
}

static void tell(struct via *via, const struct link *link, struct bytes sdp)
{
    struct rtc *rtc = via->arg;
    struct text session = {0};

    wsc_session_write(&session, link->is_offer ? "offer" : "answer", sdp);
    if (link->is_offer)
        tell_offer(rtc, link, bytes_of(session.data, session.len));
    else
        tell_answer(rtc, link, bytes_of(session.data, session.len));
    text_fini(&session);
}

/* ---- who is there */

/* False: there are more of them. */
static bool offer_to(struct rtc *rtc, struct torrent *torrent, const uint8_t *ids, size_t count)
{
    size_t chosen[OFFERS_MAX], chosen_count;
    bool is_first = !torrent->has_met;

    chosen_count = browsers_choose(rtc->browsers, &torrent->hash, ids, count, is_first, clock_ms(),
                                   chosen, OFFERS_MAX);
    for (size_t i = 0; i < chosen_count; i++)
        if (link_offer(rtc, torrent, &rtc->own, ids + chosen[i] * PEER_ID_BYTES) == NULL)
            return true; /* not now */
    torrent->has_met = torrent->has_met || chosen_count < OFFERS_MAX;
    return chosen_count < OFFERS_MAX;
}

/* Is there anybody whom we have yet to meet? Then the next look comes soon. */
static bool is_somebody_missing(struct rtc *rtc, const struct torrent *torrent, const uint8_t *ids,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct browser_name name = browser_named(&torrent->hash, ids + i * PEER_ID_BYTES);

        if (browsers_link(rtc->browsers, &name) == NULL)
            return true;
    }
    return false;
}

static void on_announced(const Sharestream__Tracker__AnnounceReply *reply, void *arg)
{
    struct announced *asked = arg;
    struct rtc *rtc = asked->rtc;
    struct torrent *torrent = torrents_find(rtc, &asked->hash);
    struct text ids = {0};
    size_t count = 0;

    free(asked);
    if (torrent == NULL)
        return;
    torrent->is_announcing = false;
    if (reply == NULL || rtc->is_ending)
        return; /* away, or it does not track this one: asked again at the usual time */
    for (size_t i = 0; i < reply->n_browsers; i++)
        if (reply->browsers[i].len == PEER_ID_BYTES) {
            text_add_bytes(&ids, bytes_of(reply->browsers[i].data, PEER_ID_BYTES));
            count++;
        }
    if (!offer_to(rtc, torrent, (const uint8_t *)ids.data, count))
        torrent->announce_ms = 0;
    else if (is_somebody_missing(rtc, torrent, (const uint8_t *)ids.data, count))
        torrent->announce_ms = clock_ms() + LOOK_EVERY_MS;
    text_fini(&ids);
}

static void announce(struct rtc *rtc, struct torrent *torrent)
{
    Sharestream__Tracker__AnnounceRequest request = SHARESTREAM__TRACKER__ANNOUNCE_REQUEST__INIT;
    struct announced *asked = xcalloc(1, sizeof(*asked));

    *asked = (struct announced){.rtc = rtc, .hash = torrent->hash};
    torrent->is_announcing = true;
    torrent->announce_ms = clock_ms() + ANNOUNCE_EVERY_MS;
    request.info_hash = torrent->hex;
    request.peer_id = binary(rtc->peer_id, sizeof(rtc->peer_id));
    request.is_seed = torrent->is_seed;
    sharestream__tracker__tracker__announce(
        bus_to(rtc->tracker_svc, CALL_MS, bytes_of(&torrent->hash, sizeof(torrent->hash)), NULL),
        &request, on_announced, asked);
}

static void on_left(const Sharestream__Tracker__AnnounceReply *reply, void *arg)
{
    (void)reply;
    (void)arg;
}

void own_tracker_leave(struct rtc *rtc, const struct torrent *torrent)
{
    Sharestream__Tracker__AnnounceRequest request = SHARESTREAM__TRACKER__ANNOUNCE_REQUEST__INIT;

    if (torrent->is_private || !bus_is_up(rtc->tracker_svc))
        return;
    request.info_hash = (char *)(uintptr_t)torrent->hex;
    request.peer_id = binary(rtc->peer_id, sizeof(rtc->peer_id));
    request.is_leaving = true;
    sharestream__tracker__tracker__announce(
        bus_to(rtc->tracker_svc, CALL_MS, bytes_of(&torrent->hash, sizeof(torrent->hash)), NULL),
        &request, on_left, rtc);
}

void own_tracker_meet(struct torrent *torrent)
{
    torrent->has_met = false;
    torrent->announce_ms = 0;
}

void own_tracker_look(struct torrent *torrent)
{
    torrent->announce_ms = MIN(torrent->announce_ms, clock_ms() + LOOK_EVERY_MS);
}

void own_tracker_tick(struct rtc *rtc, uint64_t now_ms)
{
    struct torrent *torrent, *next;

    if (!bus_is_up(rtc->tracker_svc))
        return;
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        /* A private torrent is of its own trackers alone (BEP 27). */
        if (!torrent->is_gone && !torrent->is_private && !torrent->is_announcing &&
            torrent->announce_ms <= now_ms)
            announce(rtc, torrent);
    }
}

/* ---- what the tracker says */

/* 0.0.0.0 */
static bool is_no_address(const uint8_t ip[16])
{
    static const uint8_t nothing[4];

    return address_is_mapped(ip) && memcmp(ip + sizeof(address_mapped), nothing, 4) == 0;
}

static void on_signal(struct rtc *rtc, const Sharestream__Tracker__Signal *signal, bool is_offer)
{
    struct bytes session = bytes_of(signal->session.data, signal->session.len);
    struct torrent *torrent;
    struct infohash hash;

    if (signal->to_peer_id.len != PEER_ID_BYTES || signal->peer_id.len != PEER_ID_BYTES ||
        signal->offer_id.len != PEER_ID_BYTES ||
        memcmp(signal->to_peer_id.data, rtc->peer_id, PEER_ID_BYTES) != 0)
        return; /* another server's */
    if (!infohash_parse(bytes_of_text(signal->info_hash), &hash) ||
        (torrent = torrents_find(rtc, &hash)) == NULL) {
        rtc->metrics.signals_lost_total++;
        return;
    }
    if (is_offer) {
        uint8_t ip[16] = {0};

        if (signal->address.len == sizeof(ip) && !is_no_address(signal->address.data))
            memcpy(ip, signal->address.data, sizeof(ip));
        link_take_offer(rtc, torrent, &rtc->own, signal->peer_id.data, signal->offer_id.data, ip,
                        session);
    } else {
        link_take_answer(rtc, torrent, signal->peer_id.data, signal->offer_id.data, session);
    }
}

static void on_event(void *arg, unsigned instance, const ProtobufCMessage *message)
{
    const Sharestream__Tracker__Event *event = (const Sharestream__Tracker__Event *)message;

    (void)instance;
    if (event->kind_case == SHARESTREAM__TRACKER__EVENT__KIND_OFFERED)
        on_signal(arg, event->offered, true);
    else if (event->kind_case == SHARESTREAM__TRACKER__EVENT__KIND_ANSWERED)
        on_signal(arg, event->answered, false);
}

/* It knows nothing of us. */
static void on_up(void *arg, unsigned instance)
{
    struct rtc *rtc = arg;
    struct torrent *torrent, *next;

    (void)instance;
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        torrent->announce_ms = 0;
    }
    own_tracker_tick(rtc, clock_ms());
}

void own_tracker_start(struct rtc *rtc)
{
    const struct bus_watch watch = {.event = &sharestream__tracker__event__descriptor,
                                    .on_event = on_event,
                                    .on_up = on_up,
                                    .arg = rtc};

    rtc->own = (struct via){.name = "own", .tell = tell, .arg = rtc};
    rtc->tracker_svc =
        bus_remote(svc_bus(rtc->svc), "tracker", &sharestream__tracker__tracker__descriptor);
    bus_watch(rtc->tracker_svc, &watch);
}
