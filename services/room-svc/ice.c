/* SPDX-License-Identifier: MIT */
#include "ice.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/settings.h"
#include "base/text.h"

/* ---- settings */

static enum err add_url(struct ice *ice, const char *key, bool wants_relay, const char *url,
                        struct error *error)
{
    const struct room_settings *settings = ice->settings;
    struct ice_server server = {.is_relay = wants_relay};
    struct turn_url parsed;

    if (!turn_url_parse(bytes_of_text(url), &parsed) || parsed.is_relay != wants_relay)
        return error_set(error, ERR_CONFIG, "room.%s: \"%.80s\" is not like %s:example.org:3478",
                         key, url, wants_relay ? "turn" : "stun");
    if (ice->fixed.count == ICE_SERVERS_MAX)
        return error_set(error, ERR_CONFIG, "room.%s: more than %d servers", key, ICE_SERVERS_MAX);
    snprintf(server.url, sizeof(server.url), "%s", url);
    if (wants_relay) {
        snprintf(server.username, sizeof(server.username), "%s", settings->turn_username);
        snprintf(server.credential, sizeof(server.credential), "%s", settings->turn_password);
    }
    ice_list_add(&ice->fixed, &server);
    return ERR_NONE;
}

/* A relay answers STUN at the same place. */
static enum err add_stun_of(struct ice *ice, const char *url, struct error *error)
{
    struct turn_url parsed;
    char stun[TURN_URL_MAX + 1];

    if (!turn_url_parse(bytes_of_text(url), &parsed) || parsed.is_tls)
        return ERR_NONE; /* what is wrong with it is told when it is added itself */
    snprintf(stun, sizeof(stun), "stun:%.*s", (int)parsed.server.len,
             (const char *)parsed.server.data);
    return add_url(ice, "turn_urls", false, stun, error);
}

typedef enum err url_fn(struct ice *ice, const char *url, struct error *error);

static enum err add_stun(struct ice *ice, const char *url, struct error *error)
{
    return add_url(ice, "stun_urls", false, url, error);
}

static enum err add_turn(struct ice *ice, const char *url, struct error *error)
{
    return add_url(ice, "turn_urls", true, url, error);
}

static enum err for_each_url(struct ice *ice, const char *urls, url_fn *add, struct error *error)
{
    enum err err = ERR_NONE;
    char *url;

    while (err == ERR_NONE && (url = settings_list_take(&urls)) != NULL) {
        err = add(ice, url, error);
        free(url);
    }
    return err;
}

static bool can_be_told(const char *text)
{
    return strlen(text) <= ICE_TEXT_MAX && utf8_valid(bytes_of_text(text));
}

static enum err check_turn(const struct room_settings *settings, struct error *error)
{
    bool has_secret = settings->turn_secret[0] != '\0';
    bool has_fixed = settings->turn_username[0] != '\0' && settings->turn_password[0] != '\0';

    if (settings->turn_urls[0] == '\0')
        return ERR_NONE;
    if (!has_secret && !has_fixed)
        return error_set(error, ERR_CONFIG,
                         "room.turn_urls wants room.turn_secret, or room.turn_username and "
                         "room.turn_password: browsers use no relay without credentials");
    if (has_secret && has_fixed)
        return error_set(error, ERR_CONFIG,
                         "room.turn_secret, or room.turn_username and room.turn_password, not "
                         "both");
    if (!can_be_told(settings->turn_username) || !can_be_told(settings->turn_password))
        return error_set(error, ERR_CONFIG,
                         "room.turn_username and room.turn_password are UTF-8 and at most %d bytes "
                         "long",
                         ICE_TEXT_MAX);
    return ERR_NONE;
}

/* Both become part of a request: nothing that would end a line of it, or the path. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr("-_.~+=", *text) == NULL)
            return false;
    return true;
}

static enum err check_cloudflare(const struct room_settings *settings, struct error *error)
{
    if ((settings->cloudflare_key_id[0] == '\0') != (settings->cloudflare_token[0] == '\0'))
        return error_set(error, ERR_CONFIG,
                         "room.cloudflare_key_id and room.cloudflare_token belong together");
    if (!is_plain(settings->cloudflare_key_id) || !is_plain(settings->cloudflare_token))
        return error_set(error, ERR_CONFIG,
                         "room.cloudflare_key_id and room.cloudflare_token are letters and digits");
    if (strncmp(settings->cloudflare_url, "https://", 8) != 0)
        return error_set(error, ERR_CONFIG, "room.cloudflare_url must begin with https://");
    return ERR_NONE;
}

enum err ice_init(struct ice *ice, const struct room_settings *settings, struct error *error)
{
    bool has_stun = settings->stun_urls[0] != '\0';
    enum err err;

    *ice = (struct ice){.settings = settings};
    if ((err = check_turn(settings, error)) != ERR_NONE ||
        (err = check_cloudflare(settings, error)) != ERR_NONE ||
        (err = for_each_url(ice, has_stun ? settings->stun_urls : settings->turn_urls,
                            has_stun ? add_stun : add_stun_of, error)) != ERR_NONE)
        return err;
    return for_each_url(ice, settings->turn_urls, add_turn, error);
}

bool ice_has_cloudflare(const struct ice *ice)
{
    return ice->settings->cloudflare_key_id[0] != '\0';
}

/* ---- who is told what */

static void add_allowed(struct ice_list *out, const struct ice_list *list, bool with_relays)
{
    for (size_t i = 0; i < list->count; i++)
        if (with_relays || !list->items[i].is_relay)
            ice_list_add(out, &list->items[i]);
}

static void fill_in(struct ice_list *list, const struct turn_credential *credential)
{
    for (size_t i = 0; i < list->count; i++) {
        struct ice_server *server = &list->items[i];

        if (!server->is_relay)
            continue;
        snprintf(server->username, sizeof(server->username), "%s", credential->username);
        snprintf(server->credential, sizeof(server->credential), "%s", credential->password);
    }
}

void ice_gather(const struct ice *ice, const struct ice_asker *asker, struct ice_list *out,
                uint64_t *ttl_s_out)
{
    const struct room_settings *settings = ice->settings;
    const struct ice_list *cloudflare = turn_cache_list(&ice->cloudflare, asker->now_ms);
    bool with_relays = asker->is_member || settings->public_turn;
    uint64_t ttl_s = settings->turn_ttl / 1000;

    out->count = 0;
    add_allowed(out, &ice->fixed, with_relays);
    if (settings->turn_secret[0] != '\0') {
        struct turn_credential credential =
            turn_credential_make(settings->turn_secret, asker->name, asker->unix_s + ttl_s);

        fill_in(out, &credential);
    }
    *ttl_s_out = ttl_s;
    if (cloudflare != NULL) {
        add_allowed(out, cloudflare, with_relays);
        *ttl_s_out = MIN(ttl_s, (ice->cloudflare.expires_ms - asker->now_ms) / 1000);
    }
}
