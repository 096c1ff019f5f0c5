/* SPDX-License-Identifier: MIT */
#include "tracker.h"

#include <inttypes.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "siblings.h"

enum {
    SOCKET_TIMEOUT_FACTOR = 3, /* announces of a browser that may be missed; five in an interval */
    SWEEPS = 60,               /* seconds for the whole table */
    SWEEP_MIN = 4096,
};

uint32_t tracker_now_s(void)
{
    return (uint32_t)(clock_ms() / 1000);
}

static enum err load_lists(struct tracker *tracker, struct access_list *list, struct error *error)
{
    const struct tracker_settings *settings = tracker->settings;

    return access_list_load(list, settings->allow_file, settings->deny_file, settings->keys_file,
                            error);
}

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000);
}

enum err tracker_start(void *state, struct svc *svc, struct error *error)
{
    struct tracker *tracker = state;
    const struct tracker_settings *settings = svc_settings(svc);
    const struct gateway_actor actor = web_front(tracker);
    const struct swarm_limits limits = {
        .peer_timeout_s = seconds(settings->peer_timeout),
        .socket_timeout_s = seconds(settings->interval * SOCKET_TIMEOUT_FACTOR / 5) + 60,
        .max_swarms = (uint32_t)settings->max_swarms,
        .max_peers = (uint32_t)settings->max_peers,
        .max_swarm_peers = (uint32_t)settings->max_peers_per_swarm,
    };
    uint64_t seed;
    enum err err;

    tracker->svc = svc;
    tracker->settings = settings;
    pthread_mutex_init(&tracker->lock, NULL);
    if (sodium_init() < 0)
        return error_set(error, ERR_INTERNAL, "libsodium does not start");
    if (settings->peer_timeout <= settings->interval)
        return error_set(error, ERR_CONFIG,
                         "tracker.peer_timeout must be longer than tracker.interval, else peers "
                         "are dropped between two announces");
    if ((err = load_lists(tracker, &tracker->access, error)) != ERR_NONE)
        return err;
    randombytes_buf(&seed, sizeof(seed));
    tracker->swarms = swarms_new(&limits, seed);
    tracker->server_peers = server_peers_new(seed);
    tracker->limiter.seed = seed;
    tracker->limiter.per_s = (uint32_t)settings->requests_per_s;
    tracker->gateways = gateways_new(&actor);
    if ((err = gateways_serve(tracker->gateways, svc_bus(svc), error)) != ERR_NONE ||
        (err = udp_front_start(tracker, &tracker->udp, error)) != ERR_NONE)
        return err;
    tracker_ask_http(tracker);
    siblings_start(tracker);
    svc_ready_text(svc, "udp_port=%u", udp_front_port(tracker->udp));
    return ERR_NONE;
}

static void expire(struct tracker *tracker, uint64_t now_ms)
{
    struct swarms_stats stats;
    size_t peers, all;

    pthread_mutex_lock(&tracker->lock);
    swarms_stats(tracker->swarms, &stats);
    peers = (size_t)(stats.peers4 + stats.peers6 + stats.sockets);
    all = (size_t)stats.swarms + peers;
    swarms_expire(tracker->swarms, tracker_now_s(), MAX(all / SWEEPS, SWEEP_MIN));
    pthread_mutex_unlock(&tracker->lock);
    server_peers_expire(tracker->server_peers, now_ms);
    svc_note(tracker->svc, "torrents=%" PRIu64 " peers=%zu in_browsers=%" PRIu64 " servers=%zu",
             stats.swarms, peers, stats.sockets, server_peers_count(tracker->server_peers));
}

void tracker_tick(void *state, uint64_t now_ms)
{
    struct tracker *tracker = state;

    expire(tracker, now_ms);
    gateways_tick(tracker->gateways, now_ms);
    tracker_ask_http(tracker);
    siblings_tick(tracker);
}

static bool is_allowed(void *arg, const struct infohash *hash)
{
    return access_list_allows(arg, hash);
}

void tracker_reload(void *state)
{
    struct tracker *tracker = state;
    struct access_list fresh = {0}, old;
    struct error error;

    if (load_lists(tracker, &fresh, &error) != ERR_NONE) {
        log_error("lists not read again", "why=%s", error.text);
        return;
    }
    pthread_mutex_lock(&tracker->lock);
    old = tracker->access;
    tracker->access = fresh;
    swarms_filter(tracker->swarms, is_allowed, &tracker->access);
    server_peers_filter(tracker->server_peers, is_allowed, &tracker->access);
    pthread_mutex_unlock(&tracker->lock);
    access_list_fini(&old);
    log_info("lists read again", "allowed=%zu denied=%zu keys=%zu", fresh.allowed_count,
             fresh.denied_count, fresh.key_count);
}

/* Also after a start that failed half-way. */
void tracker_stop(void *state)
{
    struct tracker *tracker = state;

    udp_front_stop(&tracker->udp);
    siblings_stop(tracker);
    gateways_free(&tracker->gateways);
    swarms_free(&tracker->swarms);
    server_peers_free(&tracker->server_peers);
    access_list_fini(&tracker->access);
    free(tracker->http_url);
    text_fini(&tracker->scratch);
    pthread_mutex_destroy(&tracker->lock);
}

void tracker_refresh_metrics(void *state)
{
    struct tracker *tracker = state;
    struct tracker_metrics *metrics = &tracker->metrics;
    struct swarms_stats stats;

    pthread_mutex_lock(&tracker->lock);
    swarms_stats(tracker->swarms, &stats);
    pthread_mutex_unlock(&tracker->lock);
    metrics->swarms = stats.swarms;
    metrics->peers_ipv4 = stats.peers4;
    metrics->peers_ipv6 = stats.peers6;
    metrics->peers_websocket = stats.sockets;
    metrics->seeders = stats.seeders;
    metrics->server_peers = server_peers_count(tracker->server_peers);
    metrics->peers_expired_total = stats.expired_peers;
    metrics->peers_evicted_total = stats.evicted_peers;
    metrics->swarms_evicted_total = stats.evicted_swarms;
}

void tracker_add_metrics(void *state, struct text *out)
{
    struct tracker *tracker = state;

    metrics_print(out, &gateway_metrics_table, gateways_metrics(tracker->gateways), NULL);
}
