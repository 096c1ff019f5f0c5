/* SPDX-License-Identifier: MIT
 *
 * link: joins what belongs to one browser: the offer, the connection, the bridge to torrent-svc.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "rtc.h"
#include "wire/bridge_address.h"
#include "wire/tracker_ws_client.h"

#define LABEL "sharestream" /* of the channel that we offer; webtorrent does not look at it */

/* ---- the connection and its bridge */

void link_close(struct link *link, const char *why)
{
    if (link->peer != NULL)
        peer_close(link->peer, why);
}

static void on_bridge_closed(void *arg, const char *why)
{
    struct link *link = arg;

    link_close(link, why);
}

static const struct bridge_events bridge_events = {.on_closed = on_bridge_closed};

/* The next address that no other browser has. */
static uint32_t choose_source(struct rtc *rtc)
{
    struct link *link, *next;
    uint32_t source;
    bool is_taken;

    if (!rtc->comes_by_loopback)
        return 0;
    do {
        /* Addresses that end in 0 look like nets to some. */
        if ((++rtc->next_source & 0xff) == 0)
            rtc->next_source++;
        source = bridge_address(rtc->next_source);
        is_taken = false;
        HASH_ITER(hh, rtc->links, link, next)
        {
            is_taken = is_taken || link->source == source;
        }
    } while (is_taken);
    return source;
}

/* torrent-svc waits for the other to begin, as who is connected to does. If the other is a server
 * like us, there is nobody who begins; so whoever offered does, with the handshake (BEP 3, with
 * extensions and BEP 6) that torrent-svc is going to answer with. */
static void greet(const struct link *link)
{
    static const char protocol[] = "\x13"
                                   "BitTorrent protocol";
    enum { RESERVED = sizeof(protocol) - 1, HASH = RESERVED + 8, ID = HASH + 20, BYTES = ID + 20 };
    uint8_t hello[BYTES] = {[RESERVED + 5] = 0x10, [RESERVED + 7] = 0x04};

    memcpy(hello, protocol, RESERVED);
    memcpy(hello + HASH, link->torrent->hash.bytes, sizeof(link->torrent->hash.bytes));
    memcpy(hello + ID, link->rtc->peer_id, sizeof(link->rtc->peer_id));
    bridge_say_first(link->bridge, bytes_of(hello, sizeof(hello)));
}

static void on_channel(void *arg, struct channel *channel)
{
    struct link *link = arg;
    struct rtc *rtc = link->rtc;
    struct error error;

    if (link->bridge != NULL) {
        channel_close(channel); /* one is enough for BitTorrent */
        return;
    }
    link->channel = channel;
    if (link->browser != NULL)
        browser_open(link->browser);
    if (rtc->bittorrent_len == 0) {
        rtc->metrics.bridges_failed_total++;
        link_close(link, "torrent-svc is not there");
        return;
    }
    link->source = choose_source(rtc);
    link->bridge = bridge_new(rtc->bridges, channel, (const struct sockaddr *)&rtc->bittorrent,
                              rtc->bittorrent_len, link->source, &bridge_events, link, &error);
    if (link->bridge == NULL) {
        rtc->metrics.bridges_failed_total++;
        log_warn("no bridge", "error=%s", error.text);
        link_close(link, "torrent-svc is not there");
        return;
    }
    rtc->metrics.bridges++;
    if (link->is_offer)
        greet(link);
}

static void on_received(void *arg, struct channel *channel, struct bytes part, bool is_text,
                        bool is_end)
{
    struct link *link = arg;

    (void)is_text;
    (void)is_end;
    if (link->bridge != NULL && channel == link->channel)
        bridge_received(link->bridge, part);
}

static void on_writable(void *arg, struct channel *channel)
{
    struct link *link = arg;

    if (link->bridge != NULL && channel == link->channel)
        bridge_writable(link->bridge);
}

static void on_channel_closed(void *arg, struct channel *channel)
{
    struct link *link = arg;

    if (channel != link->channel)
        return;
    link->rtc->metrics.bridges -= link->bridge != NULL;
    bridge_free(&link->bridge);
    link->channel = NULL;
    link_close(link, "the browser closed its channel");
}

static void forget_browser(struct link *link)
{
    if (link->browser != NULL)
        browser_end(link->browser, clock_ms());
    link->browser = NULL;
}

static void on_closed(void *arg, const char *why)
{
    struct link *link = arg;

    log_debug("browser gone", "why=%s", why);
    if (link->via->on_gone != NULL)
        link->via->on_gone(link->via, link, why);
    link->peer = NULL;
    forget_browser(link);
    own_tracker_look(link->torrent);
    DL_DELETE(link->torrent->links, link);
    HASH_DEL(link->rtc->links, link);
    free(link);
}

static void on_described(void *arg, struct bytes sdp)
{
    struct link *link = arg;

    link->via->tell(link->via, link, sdp);
}

static const struct peer_events peer_events = {.on_described = on_described,
                                               .on_channel = on_channel,
                                               .on_received = on_received,
                                               .on_writable = on_writable,
                                               .on_channel_closed = on_channel_closed,
                                               .on_closed = on_closed};

/* ---- how it begins */

static struct link *new_link(struct rtc *rtc, struct torrent *torrent, struct via *via,
                             const uint8_t *offer_id)
{
    struct link *link = xcalloc(1, sizeof(*link));

    link->rtc = rtc;
    link->torrent = torrent;
    link->via = via;
    link->begun_ms = link->rated_ms = clock_ms();
    memcpy(link->offer_id, offer_id, sizeof(link->offer_id));
    DL_APPEND(torrent->links, link);
    HASH_ADD(hh, rtc->links, offer_id, sizeof(link->offer_id), link);
    return link;
}

/* False: too many browsers are known. */
static bool name_browser(struct link *link, const uint8_t *peer_id, const uint8_t ip[16])
{
    struct browser_name name = browser_named(&link->torrent->hash, peer_id);

    memcpy(link->peer_id, peer_id, sizeof(link->peer_id));
    link->browser = browser_begin(link->rtc->browsers, &name, ip, link, clock_ms());
    return link->browser != NULL;
}

static struct link *find_link(struct rtc *rtc, const uint8_t *offer_id)
{
    struct link *link;

    HASH_FIND(hh, rtc->links, offer_id, PEER_ID_BYTES, link);
    return link;
}

/* Whether to answer; the connection that it replaces is closed. */
static bool is_welcome(struct rtc *rtc, const struct torrent *torrent, const uint8_t *peer_id,
                       const uint8_t ip[16])
{
    struct browser_name name = browser_named(&torrent->hash, peer_id);
    struct link *before;
    enum browser_verdict verdict;
    const char *why;

    before = browsers_link(rtc->browsers, &name);
    verdict = browsers_judge(rtc->browsers, &name, ip,
                             before != NULL ? peer_heard_ms(before->peer) : 0, clock_ms(), &why);
    if (verdict == BROWSER_REPLACE) {
        forget_browser(before);
        link_close(before, "the browser offered a new connection");
    }
    if (verdict == BROWSER_REFUSE)
        log_debug("offer refused", "why=%s", why);
    return verdict != BROWSER_REFUSE;
}

bool link_take_offer(struct rtc *rtc, struct torrent *torrent, struct via *via,
                     const uint8_t *peer_id, const uint8_t *offer_id, const uint8_t ip[16],
                     struct bytes session)
{
    struct text sdp = {0};
    struct error error = {.text = "the offer makes no sense"};
    bool is_taken = true;
    struct link *link;

    rtc->metrics.offers_seen_total++;
    if (rtc->is_ending || find_link(rtc, offer_id) != NULL ||
        !is_welcome(rtc, torrent, peer_id, ip)) {
        rtc->metrics.offers_refused_total++;
        return false;
    }
    link = new_link(rtc, torrent, via, offer_id);
    if (!name_browser(link, peer_id, ip) || !wsc_session_parse(session, "offer", &sdp) ||
        peer_answer(rtc->peers, bytes_of(sdp.data, sdp.len), &peer_events, link, &link->peer,
                    &error) != ERR_NONE) {
        log_debug("offer not taken", "error=%s", error.text);
        rtc->metrics.offers_refused_total++;
        on_closed(link, error.text);
        is_taken = false;
    }
    text_fini(&sdp);
    return is_taken;
}

struct link *link_offer(struct rtc *rtc, struct torrent *torrent, struct via *via,
                        const uint8_t *peer_id)
{
    static const uint8_t unknown[16];
    uint8_t offer_id[PEER_ID_BYTES];
    struct error error;
    struct link *link;

    must(getrandom(offer_id, sizeof(offer_id), 0) == sizeof(offer_id));
    link = new_link(rtc, torrent, via, offer_id);
    link->is_offer = true;
    if ((peer_id != NULL && !name_browser(link, peer_id, unknown)) ||
        peer_offer(rtc->peers, LABEL, &peer_events, link, &link->peer, &error) != ERR_NONE) {
        on_closed(link, "no connection could be begun");
        return NULL;
    }
    return link;
}

void link_take_answer(struct rtc *rtc, struct torrent *torrent, const uint8_t *peer_id,
                      const uint8_t *offer_id, struct bytes session)
{
    static const uint8_t unknown[16];
    struct link *link = find_link(rtc, offer_id);
    struct text sdp = {0};
    struct error error = {.text = "it is not an answer"};

    /* One answer counts: a second one does not end what the first began. */
    if (link == NULL || !link->is_offer || link->torrent != torrent || link->peer == NULL ||
        !peer_waits(link->peer) ||
        (link->browser != NULL && memcmp(link->peer_id, peer_id, PEER_ID_BYTES) != 0)) {
        rtc->metrics.signals_lost_total++;
        return;
    }
    if (link->browser == NULL &&
        (!is_welcome(rtc, torrent, peer_id, unknown) || !name_browser(link, peer_id, unknown))) {
        link_close(link, "the browser is connected already, or too many are");
        return;
    }
    if (!wsc_session_parse(session, "answer", &sdp) ||
        peer_accept(link->peer, bytes_of(sdp.data, sdp.len), &error) != ERR_NONE) {
        log_debug("answer not taken", "error=%s", error.text);
        link_close(link, "its answer makes no sense");
    }
    text_fini(&sdp);
}

void link_close_all(struct torrent *torrent, const char *why)
{
    struct link *link;

    DL_FOREACH(torrent->links, link)
    {
        link_close(link, why);
    }
}

void links_tick(struct rtc *rtc, uint64_t now_ms)
{
    struct link *link, *next;

    HASH_ITER(hh, rtc->links, link, next)
    {
        uint64_t span_ms = now_ms - link->rated_ms, in, out;

        if (link->peer == NULL || span_ms == 0)
            continue;
        peer_bytes(link->peer, &in, &out);
        link->rate_in = (in - link->rated_in) * 1000 / span_ms;
        link->rate_out = (out - link->rated_out) * 1000 / span_ms;
        link->rated_in = in;
        link->rated_out = out;
        link->rated_ms = now_ms;
    }
    browsers_expire(rtc->browsers, now_ms);
}
