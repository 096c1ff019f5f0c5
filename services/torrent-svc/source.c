/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "wire/metainfo.h"

enum { TRACKER_BYTES_MAX = 1024, SHOWN_MAX = 60 };

void source_fini(struct source *source)
{
    magnet_fini(&source->magnet);
    free(source->name);
    free(source->uri);
    free(source->tracker_list);
    *source = (struct source){0};
}

/* Pasted text comes with blanks around it. */
static struct bytes trimmed(const char *text)
{
    struct bytes in = bytes_of_text(text);

    while (in.len > 0 && isspace(in.data[0]))
        in = bytes_of(in.data + 1, in.len - 1);
    while (in.len > 0 && isspace(in.data[in.len - 1]))
        in.len--;
    return in;
}

static bool begins_with(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && strncasecmp((const char *)text.data, prefix, len) == 0;
}

bool source_is_url(const char *text, struct bytes *url_out)
{
    *url_out = trimmed(text);
    return begins_with(*url_out, "http:") || begins_with(*url_out, "https:");
}

enum err source_check(struct bytes metainfo, struct error *error)
{
    struct metainfo ignored;

    return metainfo_check(metainfo, &ignored, error);
}

static enum err take_trackers(struct source *source,
                              const Sharestream__Torrent__AddRequest *request, struct error *error)
{
    static const char *const schemes[] = {"udp://", "http://", "https://", "ws://", "wss://"};

    if (request->n_trackers > SOURCE_TRACKERS_MAX)
        return error_set(error, ERR_INVALID, "%zu trackers are given, more than %d",
                         request->n_trackers, SOURCE_TRACKERS_MAX);
    for (size_t i = 0; i < request->n_trackers; i++) {
        struct bytes url = bytes_of_text(request->trackers[i]);
        bool is_known = false;

        for (size_t k = 0; k < COUNT_OF(schemes); k++)
            is_known = is_known || begins_with(url, schemes[k]);
        if (!is_known || url.len > TRACKER_BYTES_MAX || !utf8_valid(url))
            return error_set(
                error, ERR_INVALID,
                "tracker %zu is not a URL that begins with udp, http, https, ws or wss", i + 1);
        source->trackers[source->tracker_count++] = request->trackers[i];
    }
    return ERR_NONE;
}

static void add_default_trackers(struct source *source, const char *list)
{
    char *state;

    source->tracker_list = xstrdup(list);
    for (char *url = strtok_r(source->tracker_list, ", ", &state);
         url != NULL && source->tracker_count < SOURCE_TRACKERS_MAX;
         url = strtok_r(NULL, ", ", &state))
        source->trackers[source->tracker_count++] = url;
}

static void add_key(struct text *uri, const char *key, const char *value)
{
    text_addf(uri, "%s%s=", uri->len > strlen("magnet:?") ? "&" : "", key);
    text_add_percent(uri, bytes_of_text(value), ":[],");
}

static void add_hashes(struct text *uri, const struct magnet *magnet)
{
    char value[sizeof("urn:btmh:1220") + 64], hex[65];

    if (magnet->has_v1) {
        snprintf(value, sizeof(value), "urn:btih:%s", infohash_text(&magnet->v1, hex));
        add_key(uri, "xt", value);
    }
    if (magnet->has_v2) {
        snprintf(value, sizeof(value), "urn:btmh:1220%s",
                 hex_encode(bytes_of(magnet->v2, sizeof(magnet->v2)), hex));
        add_key(uri, "xt", value);
    }
}

static void add_selection(struct text *uri, const struct magnet *magnet)
{
    struct text list = {0};

    for (size_t i = 0; i < magnet->selected_count; i++) {
        uint32_t first = magnet->selected[i], last = first;

        while (i + 1 < magnet->selected_count && magnet->selected[i + 1] == last + 1)
            last = magnet->selected[++i];
        text_addf(&list, "%s%u", list.len ? "," : "", first);
        if (last > first)
            text_addf(&list, "-%u", last);
    }
    if (list.len > 0)
        add_key(uri, "so", text_str(&list));
    text_fini(&list);
}

static bool is_among(char *const *list, size_t count, const char *url)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], url) == 0)
            return true;
    return false;
}

/* One spelling for all: what libtorrent reads is what we have understood and checked. */
static char *write_magnet(const struct magnet *magnet, const struct source *more)
{
    struct text uri = {0};

    text_add(&uri, "magnet:?");
    add_hashes(&uri, magnet);
    if (magnet->name != NULL)
        add_key(&uri, "dn", magnet->name);
    for (size_t i = 0; i < magnet->tracker_count; i++)
        add_key(&uri, "tr", magnet->trackers[i]);
    for (size_t i = 0; i < more->tracker_count; i++)
        if (!is_among(magnet->trackers, magnet->tracker_count, more->trackers[i]))
            add_key(&uri, "tr", more->trackers[i]);
    for (size_t i = 0; magnet != &more->magnet && i < more->magnet.tracker_count; i++)
        if (!is_among(magnet->trackers, magnet->tracker_count, more->magnet.trackers[i]))
            add_key(&uri, "tr", more->magnet.trackers[i]);
    for (size_t i = 0; i < magnet->web_seed_count; i++)
        add_key(&uri, "ws", magnet->web_seeds[i]);
    for (size_t i = 0; i < magnet->peer_count; i++)
        add_key(&uri, "x.pe", magnet->peers[i]);
    add_selection(&uri, magnet);
    return text_take(&uri);
}

char *source_with_trackers(const char *magnet, const struct source *source)
{
    struct magnet known;

    if (magnet_parse(bytes_of_text(magnet), &known, NULL) != ERR_NONE)
        return xstrdup(magnet);
    char *uri = write_magnet(&known, source);
    magnet_fini(&known);
    return uri;
}

static enum err not_a_source(struct bytes text, struct error *error)
{
    size_t len = utf8_cut(text, SHOWN_MAX);

    if (!utf8_valid(bytes_of(text.data, len)))
        len = 0;
    return error_set(error, ERR_INVALID,
                     "'%.*s' is neither a magnet link, nor a URL of a .torrent, nor an info-hash",
                     (int)len, (const char *)text.data);
}

static enum err read_text(struct source *source, struct bytes text, const char *default_trackers,
                          struct error *error)
{
    struct magnet *magnet = &source->magnet;
    enum err err = ERR_NONE;

    if (begins_with(text, "magnet:"))
        err = magnet_parse(text, magnet, error);
    else if (text.len == 2 * sizeof(magnet->v2))
        magnet->has_v2 = hex_decode(text, magnet->v2, sizeof(magnet->v2));
    else
        magnet->has_v1 = infohash_parse(text, &magnet->v1);
    if (err != ERR_NONE)
        return err;
    if (!magnet->has_v1 && !magnet->has_v2)
        return not_a_source(text, error);
    source->metadata_url = magnet->source;
    if (magnet->tracker_count == 0)
        add_default_trackers(source, default_trackers);
    source->uri = write_magnet(magnet, source);
    return ERR_NONE;
}

enum err source_read(struct source *out, const Sharestream__Torrent__AddRequest *request,
                     struct bytes metainfo, const char *default_trackers, struct lt_add *add,
                     struct error *error)
{
    char name[256] = "", hex[INFOHASH_TEXT];
    struct lt_hashes hashes;
    enum err err;

    *out = (struct source){0};
    if ((err = take_trackers(out, request, error)) == ERR_NONE)
        err = metainfo.len > 0 ? source_check(metainfo, error)
                               : read_text(out, trimmed(request->source), default_trackers, error);
    if (err == ERR_NONE) {
        add->metainfo = metainfo;
        add->magnet = out->uri;
        add->trackers = out->uri == NULL ? out->trackers : NULL; /* a magnet names them itself */
        add->tracker_count = out->uri == NULL ? out->tracker_count : 0;
        err = lt_peek(add, &hashes, name, sizeof(name), error);
    }
    if (err != ERR_NONE) {
        source_fini(out);
        return err;
    }
    memcpy(out->hash.bytes, hashes.key, sizeof(out->hash.bytes));
    out->name = xstrdup(name[0] ? name : infohash_text(&out->hash, hex));
    return ERR_NONE;
}
