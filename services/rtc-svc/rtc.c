/* SPDX-License-Identifier: MIT */
#include "rtc.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <sys/random.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/must.h"
#include "glib_loop.h"
#include "resolve.h"

enum { RESOLVE_EVERY_MS = 15000 };

static void on_bridges(void *arg)
{
    struct rtc *rtc = arg;

    bridges_dispatch(rtc->bridges);
}

static void make_peer_id(uint8_t peer_id[PEER_ID_BYTES])
{
    static const char prefix[] = "-SS0100-"; /* BEP 20 */
    uint8_t random[PEER_ID_BYTES - sizeof(prefix) + 1];

    must(getrandom(random, sizeof(random), 0) == sizeof(random));
    memcpy(peer_id, prefix, sizeof(prefix) - 1);
    for (size_t i = 0; i < sizeof(random); i++)
        peer_id[sizeof(prefix) - 1 + i] =
            (uint8_t) "0123456789abcdefghijklmnopqrstuvwxyz"[random[i] % 36];
}

static enum err read_bittorrent(struct rtc *rtc, struct error *error)
{
    struct endpoint endpoint;

    if (rtc->settings->bittorrent[0] != '\0' &&
        (!parse_endpoint(rtc->settings->bittorrent, &endpoint) || endpoint.host[0] == '\0' ||
         endpoint.port == 0))
        return error_set(error, ERR_CONFIG, "rtc.bittorrent: %s is not like torrent.example:6881",
                         rtc->settings->bittorrent);
    return ERR_NONE;
}

static unsigned max_peers(const struct rtc *rtc)
{
    return rtc->settings->max_peers > 0 ? (unsigned)rtc->settings->max_peers : rtc->addresses.ports;
}

enum err rtc_start(void *state, struct svc *svc, struct error *error)
{
    struct rtc *rtc = state;
    const struct browser_limits limits = {
        .per_swarm = (unsigned)((const struct rtc_settings *)svc_settings(svc))->max_per_torrent,
        .per_address = (unsigned)((const struct rtc_settings *)svc_settings(svc))->max_per_address};

    rtc->svc = svc;
    rtc->settings = svc_settings(svc);
    if (addresses_read(rtc->settings, &rtc->addresses, error) != ERR_NONE ||
        read_bittorrent(rtc, error) != ERR_NONE || ext_trackers_start(rtc, error) != ERR_NONE)
        return error->code;
    make_peer_id(rtc->peer_id);
    rtc->browsers = browsers_new(&limits);
    rtc->bridges = bridges_new();
    rtc->peers = peers_new(&rtc->addresses.ice, max_peers(rtc), error);
    if (rtc->peers == NULL)
        return error->code;
    svc_watch_fd(svc, bridges_fd(rtc->bridges), on_bridges, rtc);
    torrents_start(rtc);
    own_tracker_start(rtc);
    rooms_start(rtc);
    relays_tick(rtc, clock_ms());
    svc_ready_text(svc, "address=%s ports=%s", rtc->addresses.ice.addresses[0],
                   rtc->settings->ports);
    return ERR_NONE;
}

/* ---- torrent-svc on another machine */

static void on_resolved(void *arg, const uint8_t (*ips)[16], size_t count)
{
    struct rtc *rtc = arg;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&rtc->bittorrent;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&rtc->bittorrent;
    struct endpoint endpoint;

    resolve_free(&rtc->resolve);
    if (count == 0)
        return; /* tried again */
    must(parse_endpoint(rtc->settings->bittorrent, &endpoint));
    if (address_is_mapped(ips[0])) {
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(endpoint.port)};
        memcpy(&v4->sin_addr, ips[0] + 12, 4);
        rtc->bittorrent_len = sizeof(*v4);
    } else {
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(endpoint.port)};
        memcpy(&v6->sin6_addr, ips[0], 16);
        rtc->bittorrent_len = sizeof(*v6);
    }
    rtc->comes_by_loopback = address_is_mapped(ips[0]) && ips[0][12] == 127;
    peers_avoid(rtc->peers, ips[0], endpoint.port);
}

/* Now and then: containers come back by other addresses. */
static void resolve_bittorrent(struct rtc *rtc, uint64_t now_ms)
{
    struct endpoint endpoint;

    if (rtc->settings->bittorrent[0] == '\0' || rtc->resolve != NULL ||
        (rtc->resolved_ms != 0 && now_ms - rtc->resolved_ms < RESOLVE_EVERY_MS))
        return;
    must(parse_endpoint(rtc->settings->bittorrent, &endpoint));
    rtc->resolved_ms = now_ms;
    rtc->resolve = resolve_begin(endpoint.host, on_resolved, rtc);
}

/* ---- life */

/* What a crowd of browsers took is given back once the last is gone. */
static void give_memory_back(struct rtc *rtc)
{
    bool has_peers = !peers_are_forgotten(rtc->peers);

    if (rtc->had_peers && !has_peers)
        malloc_trim(0);
    rtc->had_peers = has_peers;
}

void rtc_tick(void *state, uint64_t now_ms)
{
    struct rtc *rtc = state;

    if (rtc->is_ending)
        return;
    resolve_bittorrent(rtc, now_ms);
    relays_tick(rtc, now_ms);
    torrents_tick(rtc, now_ms);
    own_tracker_tick(rtc, now_ms);
    ext_trackers_tick(rtc, now_ms);
    links_tick(rtc, now_ms);
    give_memory_back(rtc);
    svc_note(rtc->svc, "torrents=%u browsers=%u", HASH_COUNT(rtc->torrents), /* NOLINT */
             (unsigned)rtc->metrics.bridges);
}

/* Browsers are told, so that they look for others at once. */
void rtc_drain(void *state)
{
    struct rtc *rtc = state;
    struct torrent *torrent, *next;

    rtc->is_ending = true;
    HASH_ITER(hh, rtc->torrents, torrent, next)
    {
        if (!torrent->is_gone)
            own_tracker_leave(rtc, torrent);
    }
    ext_trackers_drain(rtc);
    peers_end(rtc->peers);
}

static bool on_turn(void *arg)
{
    struct rtc *rtc = arg;

    return peers_turn(rtc->peers);
}

static bool is_done(void *arg)
{
    const struct rtc *rtc = arg;

    return peers_are_gone(rtc->peers) && ext_trackers_are_gone();
}

void rtc_run(void *state, struct svc *svc)
{
    loop_run(svc, on_turn, is_done, state);
}

/* Also after a start that failed half-way. */
void rtc_stop(void *state)
{
    struct rtc *rtc = state;

    resolve_free(&rtc->resolve);
    probe_stop(rtc);
    relays_stop(rtc);
    peers_free(&rtc->peers);
    ext_trackers_stop(rtc);
    torrents_stop(rtc);
    bridges_free(&rtc->bridges);
    browsers_free(&rtc->browsers);
}

void rtc_refresh_metrics(void *state)
{
    struct rtc *rtc = state;

    rtc->metrics.torrents = HASH_COUNT(rtc->torrents); /* NOLINT */
}

void rtc_add_metrics(void *state, struct text *out)
{
    struct rtc *rtc = state;

    peers_print_metrics(rtc->peers, out);
}
