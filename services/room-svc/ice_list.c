/* SPDX-License-Identifier: MIT */
#include "ice_list.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

enum { PORT_DNS = 53 };

void ice_list_add(struct ice_list *list, const struct ice_server *server)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].url, server->url) == 0)
            return;
    if (list->count < ICE_SERVERS_MAX)
        list->items[list->count++] = *server;
}

static bool copy_text(const json_t *json, char *out)
{
    const char *text = json_string_value(json);

    if (text == NULL || text[0] == '\0' || strlen(text) > ICE_TEXT_MAX)
        return false;
    snprintf(out, ICE_TEXT_MAX + 1, "%s", text);
    return true;
}

/* One element of "iceServers" with one of its URLs. */
static void add_parsed(struct ice_list *list, const json_t *element, const json_t *url)
{
    const char *text = json_string_value(url);
    struct ice_server server = {0};
    struct turn_url parsed;

    /* Browsers refuse to talk to where DNS lives. */
    if (text == NULL || !turn_url_parse(bytes_of_text(text), &parsed) || parsed.port == PORT_DNS)
        return;
    server.is_relay = parsed.is_relay;
    snprintf(server.url, sizeof(server.url), "%s", text);
    if (server.is_relay && (!copy_text(json_object_get(element, "username"), server.username) ||
                            !copy_text(json_object_get(element, "credential"), server.credential)))
        return;
    ice_list_add(list, &server);
}

/* The elements of a list, or what is there instead of one. */
static size_t count_of(const json_t *json)
{
    return json_is_array(json) ? json_array_size(json) : json != NULL;
}

static const json_t *element_of(const json_t *json, size_t i)
{
    return json_is_array(json) ? json_array_get(json, i) : json;
}

bool ice_list_parse(struct bytes reply, struct ice_list *out)
{
    json_t *root = json_loadb((const char *)reply.data, reply.len, 0, NULL);
    const json_t *servers = json_object_get(root, "iceServers");
    bool has_relay = false;

    out->count = 0;
    for (size_t i = 0; i < count_of(servers); i++) {
        const json_t *element = element_of(servers, i), *urls = json_object_get(element, "urls");

        for (size_t k = 0; k < count_of(urls); k++)
            add_parsed(out, element, element_of(urls, k));
    }
    for (size_t i = 0; i < out->count; i++)
        has_relay |= out->items[i].is_relay;
    json_decref(root);
    return has_relay;
}

json_t *ice_list_json(const struct ice_list *list)
{
    json_t *json = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const struct ice_server *server = &list->items[i];
        json_t *item = json_pack("{s:s}", "urls", server->url);

        if (server->is_relay) {
            json_object_set_new(item, "username", json_string(server->username));
            json_object_set_new(item, "credential", json_string(server->credential));
        }
        json_array_append_new(json, item);
    }
    return json;
}
