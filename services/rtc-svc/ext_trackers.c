/* SPDX-License-Identifier: MIT
 *
 * ext_trackers: browsers that WebSocket trackers elsewhere know: those that a torrent names, and
 * those of the settings. One connection to each, for all torrents. When to say what is decided by
 * meeting.h; connections are websocket.h's.
 *
 * A tracker may be anybody's: what it says is bounded in size, in number, and in how many
 * connections it can begin.
 */
#include <proto/torrent.pb-c.h>
#include <proto/tracker.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/settings.h"
#include "meeting.h"
#include "rtc.h"
#include "websocket.h"
#include "wire/json.h"
#include "wire/tracker_ws_client.h"

enum {
    CALL_MS = 5000,
    ASK_EVERY_MS = 60000,     /* for the trackers of a torrent: adding it again may add some */
    ASK_OWN_EVERY_MS = 15000, /* by which URLs our own tracker is known */
    OWN_MAX = 16,             /* of these */
    MEMBERS_MAX = 50,         /* torrents at one tracker */
    SAID_MAX = 200,           /* messages of a tracker in a second */
    BEGINNING_MAX = 16,       /* connections by a tracker that are not open yet */
    BEGINNING_SHARE = 2,      /* those by all have one of so many ports, at most */
    OFFERS_SHARE = 4,         /* and none of ours is offered beyond that */
};

/* A torrent at a tracker. */
struct member {
    struct infohash hash;
    struct torrent *torrent;
    struct meeting meeting;
    bool is_wanted;
    UT_hash_handle hh;
};

/* Offers that are described at once go into one announce. */
struct collected {
    struct wsc_offer offers[MEETING_OFFERS];
    struct text sdps[MEETING_OFFERS];
    size_t count;
};

struct tracker {
    struct via via; /* links have pointers to it */
    struct rtc *rtc;
    char *url;
    struct tracker_url parts;
    bool is_trusted; /* named by the settings */
    struct websocket *socket;
    bool is_open;
    unsigned failures; /* in a row */
    uint64_t retry_ms;
    unsigned said; /* since the last tick */
    char message[WSC_FAILURE_MAX + 1];
    struct member *members;
    struct collected *collected; /* while offers are made */
    UT_hash_handle hh;
};

struct ext_trackers {
    struct tracker *list; /* by URL */
    char *settings[EXT_TRACKERS_MAX];
    size_t setting_count;
    struct endpoint own[OWN_MAX];
    size_t own_count;
    uint64_t own_asked_ms;
    bool is_over_limit, is_limit_told;
};

/* ---- what we say */

static bool say(struct tracker *tracker, struct text *message)
{
    bool is_sent =
        tracker->is_open && websocket_send(tracker->socket, bytes_of(message->data, message->len));

    text_fini(message);
    return is_sent;
}

static void announce(struct tracker *tracker, const struct torrent *torrent,
                     enum announce_event event, const struct wsc_offer *offers, size_t count)
{
    struct wsc_announce announce = {.hash = torrent->hash,
                                    .left = !torrent->is_seed, /* how much is of no interest */
                                    .event = event,
                                    .offers = offers,
                                    .offer_count = count};
    struct text message = {0};

    memcpy(announce.peer_id, tracker->rtc->peer_id, sizeof(announce.peer_id));
    wsc_announce_write(&message, &announce);
    if (say(tracker, &message))
        tracker->rtc->metrics.tracker_announces_total++;
}

static void tell_answer(struct tracker *tracker, const struct link *link, struct bytes sdp)
{
    struct rtc *rtc = tracker->rtc;
    struct text message = {0};

    wsc_answer_write(&message, &link->torrent->hash, rtc->peer_id, link->peer_id, link->offer_id,
                     sdp);
    rtc->metrics.signals_lost_total += !say(tracker, &message);
}

static void tell(struct via *via, const struct link *link, struct bytes sdp)
{
    struct tracker *tracker = via->arg;
    struct collected *collected = tracker->collected;
    struct wsc_offer offer = {.sdp = sdp};

    memcpy(offer.id, link->offer_id, sizeof(offer.id));
    if (!link->is_offer) {
        tell_answer(tracker, link, sdp);
    } else if (collected != NULL && collected->count < MEETING_OFFERS) {
        struct text *copy = &collected->sdps[collected->count];

        text_add_bytes(copy, sdp);
        offer.sdp = bytes_of(copy->data, copy->len);
        collected->offers[collected->count++] = offer;
    } else {
        /* A relay had to be asked first. */
        announce(tracker, link->torrent, EVENT_NONE, &offer, 1);
    }
}

/* ---- announces */

/* Connections that are not open and take ports all the same: of a tracker, or of all (NULL). */
static unsigned count_beginning(const struct rtc *rtc, const struct tracker *tracker)
{
    struct link *link, *next;
    unsigned count = 0;

    HASH_ITER(hh, rtc->links, link, next)
    {
        count += link->channel == NULL &&
                 (tracker != NULL ? link->via == &tracker->via : link->via->tell == tell);
    }
    return count;
}

static struct meeting_state state_of(const struct tracker *tracker, const struct torrent *torrent)
{
    struct meeting_state state = {.is_seed = torrent->is_seed};
    const struct link *link;

    DL_FOREACH(torrent->links, link)
    {
        if (link->via != &tracker->via)
            continue;
        state.met += link->channel != NULL;
        state.waiting += link->is_offer && link->browser == NULL;
    }
    return state;
}

static void make_offers(struct tracker *tracker, struct torrent *torrent, unsigned count)
{
    struct rtc *rtc = tracker->rtc;
    unsigned room = MAX(rtc->addresses.ports / OFFERS_SHARE, 1), taken = count_beginning(rtc, NULL);

    for (; count > 0 && taken < room; count--, taken++)
        if (link_offer(rtc, torrent, &tracker->via, NULL) == NULL)
            return;
}

static void meet(struct tracker *tracker, struct member *member, uint64_t now_ms)
{
    struct meeting_state state = state_of(tracker, member->torrent);
    struct meeting_step step = meeting_next(&member->meeting, &state, now_ms);
    struct collected collected = {0};

    if (!step.is_due)
        return;
    tracker->collected = &collected;
    make_offers(tracker, member->torrent, step.offers);
    tracker->collected = NULL;
    announce(tracker, member->torrent, step.event, collected.offers, collected.count);
    for (size_t i = 0; i < collected.count; i++)
        text_fini(&collected.sdps[i]);
}

static void meet_all(struct tracker *tracker, uint64_t now_ms)
{
    struct member *member, *next;

    HASH_ITER(hh, tracker->members, member, next)
    {
        meet(tracker, member, now_ms);
    }
}

/* ---- connections */

static void lose(struct tracker *tracker, const char *why)
{
    struct rtc *rtc = tracker->rtc;
    struct member *member, *next;
    uint32_t random;

    must(getrandom(&random, sizeof(random), 0) == sizeof(random));
    tracker->is_open = false;
    tracker->failures++;
    tracker->retry_ms = clock_ms() + meeting_backoff_ms(tracker->failures, random);
    snprintf(tracker->message, sizeof(tracker->message), "%s", why);
    rtc->metrics.tracker_failures_total++;
    HASH_ITER(hh, tracker->members, member, next)
    {
        meeting_lost(&member->meeting);
    }
    if (tracker->is_trusted && tracker->failures == 1)
        log_warn("tracker lost", "url=%s why=%s", tracker->url, why);
    else
        log_debug("tracker lost", "url=%s why=%s", tracker->url, why);
}

static void on_open(void *arg)
{
    struct tracker *tracker = arg;

    tracker->is_open = true;
    tracker->rtc->metrics.tracker_connects_total++;
    log_debug("tracker connected", "url=%s", tracker->url);
    meet_all(tracker, clock_ms());
}

static void on_closed(void *arg, const char *why)
{
    struct tracker *tracker = arg;

    tracker->socket = NULL;
    lose(tracker, why);
}

/* ---- what it says */

static void take_reply(struct tracker *tracker, struct member *member,
                       const struct wsc_message *message)
{
    tracker->failures = 0;
    tracker->message[0] = '\0';
    meeting_answered(&member->meeting, member->torrent->is_seed, message->complete,
                     message->incomplete, message->interval_s, clock_ms());
}

static void take_offer(struct tracker *tracker, struct member *member,
                       const struct wsc_message *message)
{
    static const uint8_t unknown[16];
    struct rtc *rtc = tracker->rtc;

    rtc->metrics.tracker_offers_total++;
    if (memcmp(message->peer_id, rtc->peer_id, PEER_ID_BYTES) == 0)
        return; /* our own */
    if (count_beginning(rtc, tracker) >= BEGINNING_MAX ||
        count_beginning(rtc, NULL) >= MAX(rtc->addresses.ports / BEGINNING_SHARE, 1)) {
        rtc->metrics.offers_refused_total++;
        return;
    }
    link_take_offer(rtc, member->torrent, &tracker->via, message->peer_id, message->offer_id,
                    unknown, message->session);
}

static void take_failure(struct tracker *tracker, const struct wsc_message *message)
{
    struct text text = {0};

    json_string_decode(message->failure, &text);
    snprintf(tracker->message, sizeof(tracker->message), "%s", text_str(&text));
    log_debug("tracker refuses", "url=%s why=%s", tracker->url, tracker->message);
    text_fini(&text);
}

static void take(struct tracker *tracker, const struct wsc_message *message)
{
    struct rtc *rtc = tracker->rtc;
    struct member *member;

    if (message->kind == WSC_FAILURE)
        take_failure(tracker, message);
    HASH_FIND(hh, tracker->members, &message->hash, sizeof(message->hash), member);
    if (member == NULL)
        return; /* it has left */
    if (message->kind == WSC_REPLY)
        take_reply(tracker, member, message);
    if (message->kind == WSC_OFFER)
        take_offer(tracker, member, message);
    if (message->kind == WSC_ANSWER) {
        rtc->metrics.tracker_answers_total++;
        link_take_answer(rtc, member->torrent, message->peer_id, message->offer_id,
                         message->session);
    }
}

static void on_text(void *arg, struct bytes text)
{
    struct tracker *tracker = arg;
    struct wsc_message message;
    struct error error;

    if (++tracker->said > SAID_MAX) {
        tracker->rtc->metrics.tracker_bad_total++;
        websocket_end(&tracker->socket);
        lose(tracker, "it says too much");
        return;
    }
    /* JSON has no NUL, and the parser wants none. */
    if (!utf8_valid(text) || wsc_parse(text, &message, &error) != ERR_NONE)
        tracker->rtc->metrics.tracker_bad_total++;
    else
        take(tracker, &message);
}

static void open_socket(struct tracker *tracker)
{
    static const struct websocket_events events = {
        .on_open = on_open, .on_text = on_text, .on_closed = on_closed};
    const struct rtc_settings *settings = tracker->rtc->settings;
    const struct websocket_config config = {
        .url = tracker->parts,
        .ca_file = settings->tracker_ca,
        .allows_private = tracker->is_trusted || settings->allow_private_urls,
    };

    tracker->socket = websocket_connect(&config, &events, tracker);
}

/* ---- which torrents are where */

static void say_limit(struct rtc *rtc, const char *url)
{
    rtc->metrics.tracker_limits_total++;
    rtc->ext->is_over_limit = true;
    if (!rtc->ext->is_limit_told)
        log_warn("too many trackers, or torrents at one", "url=%s trackers=%d torrents=%d", url,
                 EXT_TRACKERS_MAX, MEMBERS_MAX);
    rtc->ext->is_limit_told = true;
}

static bool is_of_settings(const struct ext_trackers *ext, const char *url)
{
    for (size_t i = 0; i < ext->setting_count; i++)
        if (strcmp(ext->settings[i], url) == 0)
            return true;
    return false;
}

/* NULL: there are too many. */
static struct tracker *find_or_add(struct rtc *rtc, const char *url)
{
    struct ext_trackers *ext = rtc->ext;
    struct tracker *tracker;

    HASH_FIND_STR(ext->list, url, tracker);
    if (tracker != NULL || HASH_COUNT(ext->list) >= EXT_TRACKERS_MAX) /* NOLINT */
        return tracker;
    tracker = xcalloc(1, sizeof(*tracker));
    tracker->rtc = rtc;
    tracker->url = xstrdup(url);
    tracker->is_trusted = is_of_settings(ext, url);
    tracker->via = (struct via){.name = tracker->url, .tell = tell, .arg = tracker};
    must(tracker_url_parse(tracker->url, &tracker->parts));
    HASH_ADD_KEYPTR(hh, ext->list, tracker->url, strlen(tracker->url), tracker);
    return tracker;
}

static void free_tracker(struct ext_trackers *ext, struct tracker *tracker)
{
    struct member *member, *next;

    websocket_end(&tracker->socket);
    HASH_DEL(ext->list, tracker);
    HASH_ITER(hh, tracker->members, member, next)
    {
        HASH_DEL(tracker->members, member);
        free(member);
    }
    free(tracker->url);
    free(tracker);
}

static void remove_member(struct tracker *tracker, struct member *member)
{
    if (member->meeting.is_started)
        announce(tracker, member->torrent, EVENT_STOPPED, NULL, 0);
    HASH_DEL(tracker->members, member);
    free(member);
}

static bool is_own(const struct ext_trackers *ext, const char *url)
{
    struct tracker_url parts;

    if (!tracker_url_parse(url, &parts))
        return false;
    for (size_t i = 0; i < ext->own_count; i++)
        if (ext->own[i].port == parts.place.port && strcmp(ext->own[i].host, parts.place.host) == 0)
            return true;
    return false;
}

static void want(struct rtc *rtc, struct torrent *torrent, const char *url)
{
    struct tracker *tracker;
    struct member *member;

    /* Our own is met without a WebSocket; but own_tracker.c leaves private torrents alone. By UDP
     * and by WebSocket it has the same port, unless somebody wants it otherwise. */
    if (!torrent->is_private && is_own(rtc->ext, url))
        return;
    tracker = find_or_add(rtc, url);
    if (tracker == NULL) {
        say_limit(rtc, url);
        return;
    }
    HASH_FIND(hh, tracker->members, &torrent->hash, sizeof(torrent->hash), member);
    if (member == NULL) {
        if (HASH_COUNT(tracker->members) >= MEMBERS_MAX) { /* NOLINT */
            say_limit(rtc, url);
            return;
        }
        member = xcalloc(1, sizeof(*member));
        member->hash = torrent->hash;
        member->torrent = torrent;
        HASH_ADD(hh, tracker->members, hash, sizeof(member->hash), member);
    }
    member->is_wanted = true;
}

/* Goes where it is to be, and leaves where not. */
static void join(struct rtc *rtc, struct torrent *torrent)
{
    struct tracker *tracker, *next;
    struct member *member;

    torrent->has_joined = true;
    /* A private torrent is of its own trackers alone (BEP 27). */
    for (size_t i = 0; !torrent->is_private && i < rtc->ext->setting_count; i++)
        want(rtc, torrent, rtc->ext->settings[i]);
    for (size_t i = 0; rtc->settings->join_trackers && i < torrent->tracker_count; i++)
        want(rtc, torrent, torrent->trackers[i]);
    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        HASH_FIND(hh, tracker->members, &torrent->hash, sizeof(torrent->hash), member);
        if (member != NULL && !member->is_wanted)
            remove_member(tracker, member);
        else if (member != NULL)
            member->is_wanted = false;
    }
}

static void join_anew(struct rtc *rtc)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        torrent->has_joined = false;
    }
}

void ext_trackers_leave(struct rtc *rtc, struct torrent *torrent)
{
    struct tracker *tracker, *next;
    struct member *member;

    torrent->has_joined = false;
    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        HASH_FIND(hh, tracker->members, &torrent->hash, sizeof(torrent->hash), member);
        if (member != NULL)
            remove_member(tracker, member);
    }
}

/* ---- who names which */

struct asked {
    struct rtc *rtc;
    struct infohash hash;
};

static void on_torrent(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct asked *asked = arg;
    struct torrent *torrent = torrents_find(asked->rtc, &asked->hash);
    struct tracker_url parts;

    free(asked);
    if (info == NULL || torrent == NULL)
        return; /* asked again */
    for (size_t i = 0; i < torrent->tracker_count; i++)
        free(torrent->trackers[i]);
    torrent->tracker_count = 0;
    for (size_t i = 0; i < info->n_ws_trackers && torrent->tracker_count < TORRENT_TRACKERS_MAX;
         i++)
        if (tracker_url_parse(info->ws_trackers[i], &parts) && parts.is_websocket)
            torrent->trackers[torrent->tracker_count++] = xstrdup(info->ws_trackers[i]);
    torrent->has_joined = false;
}

static void ask_torrent(struct rtc *rtc, struct torrent *torrent, uint64_t now_ms)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    struct asked *asked = xcalloc(1, sizeof(*asked));

    *asked = (struct asked){.rtc = rtc, .hash = torrent->hash};
    torrent->asked_ms = now_ms;
    request.info_hash = torrent->hex;
    request.first_file = UINT32_MAX; /* files are of no interest here */
    sharestream__torrent__torrent__get(bus_to(rtc->torrent_svc, CALL_MS, bytes_of(NULL, 0), NULL),
                                       &request, on_torrent, asked);
}

static void on_urls(const Sharestream__Tracker__UrlsReply *reply, void *arg)
{
    struct rtc *rtc = arg;
    struct endpoint own[OWN_MAX] = {0};
    struct tracker_url parts = {0}; /* compared as a whole */
    size_t count = 0;

    if (reply == NULL)
        return; /* asked again */
    for (size_t i = 0; i < reply->n_public_ && count < OWN_MAX; i++)
        if (tracker_url_parse(reply->public_[i], &parts))
            own[count++] = parts.place;
    if (count == rtc->ext->own_count && memcmp(own, rtc->ext->own, sizeof(own)) == 0)
        return;
    memcpy(rtc->ext->own, own, sizeof(own));
    rtc->ext->own_count = count;
    join_anew(rtc);
}

static void ask_own(struct rtc *rtc, uint64_t now_ms)
{
    Sharestream__Tracker__UrlsRequest request = SHARESTREAM__TRACKER__URLS_REQUEST__INIT;

    if (!bus_is_up(rtc->tracker_svc) ||
        (rtc->ext->own_asked_ms != 0 && now_ms - rtc->ext->own_asked_ms < ASK_OWN_EVERY_MS))
        return;
    rtc->ext->own_asked_ms = now_ms;
    sharestream__tracker__tracker__urls(bus_to(rtc->tracker_svc, CALL_MS, bytes_of(NULL, 0), NULL),
                                        &request, on_urls, rtc);
}

/* ---- life */

static bool is_in_use(const struct tracker *tracker)
{
    struct link *link, *next;

    if (tracker->members != NULL)
        return true;
    HASH_ITER(hh, tracker->rtc->links, link, next)
    {
        if (link->via == &tracker->via)
            return true;
    }
    return false;
}

static void tick(struct rtc *rtc, struct tracker *tracker, uint64_t now_ms)
{
    tracker->said = 0;
    if (tracker->is_open)
        meet_all(tracker, now_ms);
    else if (tracker->members != NULL && tracker->socket == NULL && now_ms >= tracker->retry_ms)
        open_socket(tracker);
    if (tracker->members == NULL) {
        websocket_end(&tracker->socket);
        tracker->is_open = false;
    }
    if (is_in_use(tracker))
        return;
    free_tracker(rtc->ext, tracker);
    if (rtc->ext->is_over_limit)
        join_anew(rtc);
    rtc->ext->is_over_limit = false;
}

void ext_trackers_tick(struct rtc *rtc, uint64_t now_ms)
{
    struct torrent *torrent, *next_torrent;
    struct tracker *tracker, *next;

    ask_own(rtc, now_ms);
    HASH_ITER(hh, rtc->torrents, torrent, next_torrent)
    {
        if (torrent->is_gone)
            continue;
        if (bus_is_up(rtc->torrent_svc) &&
            (torrent->asked_ms == 0 || now_ms - torrent->asked_ms >= ASK_EVERY_MS))
            ask_torrent(rtc, torrent, now_ms);
        if (!torrent->has_joined)
            join(rtc, torrent);
    }
    rtc->metrics.trackers = rtc->metrics.trackers_up = 0;
    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        rtc->metrics.trackers += tracker->members != NULL;
        rtc->metrics.trackers_up += tracker->is_open;
        tick(rtc, tracker, now_ms);
    }
}

static enum err read_settings(struct rtc *rtc, struct error *error)
{
    const struct rtc_settings *settings = rtc->settings;
    struct ext_trackers *ext = rtc->ext;
    const char *at = settings->trackers;
    struct tracker_url parts;
    char *url;

    while (error->code == ERR_NONE && (url = settings_list_take(&at)) != NULL) {
        if (!tracker_url_parse(url, &parts) || !parts.is_websocket)
            error_set(error, ERR_CONFIG, "rtc.trackers: %s is not like wss://tracker.example", url);
        else if (ext->setting_count == EXT_TRACKERS_MAX)
            error_set(error, ERR_CONFIG, "rtc.trackers: more than %d", EXT_TRACKERS_MAX);
        else
            ext->settings[ext->setting_count++] = xstrdup(url);
        free(url);
    }
    if (error->code == ERR_NONE && settings->tracker_ca[0] != '\0')
        websocket_ca_is_good(settings->tracker_ca, error);
    return error->code;
}

enum err ext_trackers_start(struct rtc *rtc, struct error *error)
{
    rtc->ext = xcalloc(1, sizeof(*rtc->ext));
    *error = (struct error){0};
    return read_settings(rtc, error);
}

void ext_trackers_drain(struct rtc *rtc)
{
    struct tracker *tracker, *next;
    struct member *member, *next_member;

    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        HASH_ITER(hh, tracker->members, member, next_member)
        {
            remove_member(tracker, member);
        }
        websocket_end(&tracker->socket);
        tracker->is_open = false;
    }
}

bool ext_trackers_are_gone(void)
{
    return websockets_ending() == 0;
}

void ext_trackers_stop(struct rtc *rtc)
{
    struct tracker *tracker, *next;

    if (rtc->ext == NULL)
        return;
    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        free_tracker(rtc->ext, tracker);
    }
    for (size_t i = 0; i < rtc->ext->setting_count; i++)
        free(rtc->ext->settings[i]);
    free(rtc->ext);
    rtc->ext = NULL;
}

/* ---- for people */

size_t ext_trackers_look(const struct rtc *rtc, const struct infohash *hash,
                         struct ext_tracker_view out[EXT_TRACKERS_MAX])
{
    struct tracker *tracker, *next;
    struct member *member = NULL;
    size_t count = 0;

    HASH_ITER(hh, rtc->ext->list, tracker, next)
    {
        if (hash != NULL)
            HASH_FIND(hh, tracker->members, hash, sizeof(*hash), member);
        if (hash != NULL ? member == NULL : tracker->members == NULL)
            continue;
        out[count++] = (struct ext_tracker_view){
            .url = tracker->url,
            .state = tracker->is_open          ? "connected"
                     : tracker->socket != NULL ? "connecting"
                                               : "waiting",
            .message = tracker->message,
            .torrents = HASH_COUNT(tracker->members), /* NOLINT */
        };
    }
    return count;
}
