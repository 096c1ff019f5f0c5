/* SPDX-License-Identifier: MIT
 *
 * ice_front: the edge around ice.h: questions by HTTP, members of rooms, and Cloudflare.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "room_svc.h"
#include "wire/query.h"

enum { STATUS_OK = 200 };

/* ---- Cloudflare: asked in good time, so that nobody waits for it */

static void on_failure(struct room_svc *room, const char *why)
{
    uint64_t now_ms = clock_ms();
    uint64_t pause_ms = turn_cache_fail(&room->ice.cloudflare, now_ms);

    room->metrics.cloudflare_failures_total++;
    log_warn("no credentials from Cloudflare", "why=%s retry_s=%" PRIu64, why, pause_ms / 1000);
}

static void on_reply(void *arg, struct bytes reply, const struct error *error)
{
    struct room_svc *room = arg;
    struct ice_list list;

    if (error != NULL) {
        on_failure(room, error->text);
    } else if (!ice_list_parse(reply, &list)) {
        on_failure(room, "the answer names no relay");
    } else {
        turn_cache_fill(&room->ice.cloudflare, &list, room->asked_ms, room->settings->turn_ttl);
        log_info("credentials from Cloudflare", "urls=%zu", list.count);
    }
}

static void on_fd(void *arg)
{
    struct room_svc *room = arg;

    cloudflare_dispatch(room->cloudflare);
}

enum err ice_front_start(struct room_svc *room, struct error *error)
{
    enum err err = ice_init(&room->ice, room->settings, error);

    if (err != ERR_NONE || !ice_has_cloudflare(&room->ice))
        return err;
    room->cloudflare = cloudflare_new(room->settings, on_reply, room);
    svc_watch_fd(room->svc, cloudflare_fd(room->cloudflare), on_fd, room);
    ice_front_tick(room, clock_ms());
    return ERR_NONE;
}

void ice_front_tick(struct room_svc *room, uint64_t now_ms)
{
    if (room->cloudflare == NULL)
        return;
    if (!cloudflare_is_asking(room->cloudflare) &&
        turn_cache_is_due(&room->ice.cloudflare, now_ms)) {
        room->asked_ms = now_ms;
        cloudflare_ask(room->cloudflare);
    }
}

bool ice_front_lacks_credentials(const struct room_svc *room, uint64_t now_ms)
{
    return room->ice.cloudflare.failures > 0 &&
           turn_cache_list(&room->ice.cloudflare, now_ms) == NULL;
}

void ice_front_stop(struct room_svc *room)
{
    if (room->cloudflare != NULL)
        svc_unwatch_fd(room->svc, cloudflare_fd(room->cloudflare));
    cloudflare_free(&room->cloudflare);
}

/* ---- who asks */

static void gather(struct room_svc *room, bool is_member, struct bytes name, struct ice_list *out,
                   uint64_t *ttl_s_out)
{
    const struct ice_asker asker = {
        .is_member = is_member,
        .name = name,
        .now_ms = clock_ms(),
        .unix_s = clock_unix_ms() / 1000,
    };

    ice_gather(&room->ice, &asker, out, ttl_s_out);
    for (size_t i = 0; i < out->count; i++) {
        if (out->items[i].is_relay) {
            room->metrics.turn_credentials_total++;
            return;
        }
    }
}

json_t *ice_front_member(struct room_svc *room, struct bytes member)
{
    struct ice_list list;
    uint64_t ttl_s;

    gather(room, true, member, &list, &ttl_s);
    return ice_list_json(&list);
}

/* A name for whoever has this address, by which coturn can count. */
static void gather_for_stranger(struct room_svc *room, const uint8_t ip[GATEWAY_ADDRESS_MAX],
                                struct ice_list *out, uint64_t *ttl_s_out)
{
    char name[sizeof("guest-") + 16];
    int len = snprintf(name, sizeof(name), "guest-%016" PRIx64,
                       bytes_hash(bytes_of(ip, GATEWAY_ADDRESS_MAX), room->limiter.seed));

    gather(room, false, bytes_of(name, (size_t)len), out, ttl_s_out);
}

/* ---- questions by HTTP */

static json_t *bare(const struct ice_list *list, uint64_t ttl_s)
{
    (void)ttl_s;
    return ice_list_json(list);
}

static json_t *in_object(const struct ice_list *list, uint64_t ttl_s)
{
    (void)ttl_s;
    return json_pack("{s:o}", "iceServers", ice_list_json(list));
}

/* As TURN REST has it and as an earlier server did, each field by both names: one pair of user and
 * password, and where it holds. */
static json_t *one_credential(const struct ice_list *list, uint64_t ttl_s)
{
    const char *username = "", *credential = "";
    json_t *urls = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct ice_server *server = &list->items[i];

        if (server->is_relay && username[0] == '\0') {
            username = server->username;
            credential = server->credential;
        }
        if (!server->is_relay || strcmp(server->username, username) == 0)
            json_array_append_new(urls, json_string(server->url));
    }
    return json_pack("{s:s,s:s,s:s,s:I,s:O,s:o}", "username", username, "password", credential,
                     "credential", credential, "ttl", (json_int_t)ttl_s, "urls", urls, "uris",
                     urls);
}

static const struct {
    const char *path;
    json_t *(*make)(const struct ice_list *list, uint64_t ttl_s);
} routes[] = {
    {"/ice-servers", bare},
    {"/api/turn", in_object},
    {"/api/turn/credentials", one_credential},
};

static void answer_by(struct room_svc *room, uint64_t question, const struct gateway_client *client,
                      size_t route)
{
    uint8_t ip[GATEWAY_ADDRESS_MAX];
    struct ice_list list;
    uint64_t ttl_s;

    gateway_ip(client->address, ip);
    gather_for_stranger(room, ip, &list, &ttl_s);
    web_front_answer(room, question, STATUS_OK, routes[route].make(&list, ttl_s));
}

bool ice_front_asked(struct room_svc *room, uint64_t question, const struct gateway_client *client)
{
    struct bytes path;

    query_split(client->target, &path);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (bytes_equal_text(path, routes[i].path)) {
            answer_by(room, question, client, i);
            return true;
        }
    }
    return false;
}
