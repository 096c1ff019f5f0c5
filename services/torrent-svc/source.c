/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "wire/metainfo.h"

enum { TRACKER_BYTES_MAX = 1024, SHOWN_MAX = 60 };

void source_fini(struct source *source)
{
    if (source->is_magnet)
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

static bool names_tracker(const struct magnet *magnet, const char *url)
{
    for (size_t i = 0; i < magnet->tracker_count; i++)
        if (strcmp(magnet->trackers[i], url) == 0)
            return true;
    return false;
}

static void add_tracker(struct text *uri, const struct magnet *known, const char *url)
{
    struct text more = {0};

    text_add(&more, "&tr=");
    text_add_percent(&more, bytes_of_text(url), "");
    if (!names_tracker(known, url) && uri->len + more.len <= MAGNET_BYTES_MAX)
        text_add(uri, text_str(&more));
    text_fini(&more);
}

char *source_with_trackers(const char *magnet, const struct source *source)
{
    struct text text = {0};
    struct magnet known;

    text_add(&text, magnet);
    if (magnet_parse(bytes_of_text(magnet), &known, NULL) != ERR_NONE)
        return text_take(&text);
    for (size_t i = 0; i < source->tracker_count; i++)
        add_tracker(&text, &known, source->trackers[i]);
    for (size_t i = 0; i < source->magnet.tracker_count; i++)
        add_tracker(&text, &known, source->magnet.trackers[i]);
    magnet_fini(&known);
    return text_take(&text);
}

static enum err not_a_source(struct bytes text, struct error *error)
{
    size_t len = MIN(text.len, (size_t)SHOWN_MAX);

    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    if (!utf8_valid(bytes_of(text.data, len)))
        len = 0;
    return error_set(error, ERR_INVALID,
                     "'%.*s' is neither a magnet link, nor a URL of a .torrent, nor an info-hash",
                     (int)len, (const char *)text.data);
}

static enum err read_text(struct source *source, struct bytes text, const char *default_trackers,
                          struct error *error)
{
    char *uri, hex[INFOHASH_TEXT];
    enum err err;

    if (begins_with(text, "magnet:")) {
        if ((err = magnet_parse(text, &source->magnet, error)) != ERR_NONE)
            return err;
        source->is_magnet = true;
        source->metadata_url = source->magnet.source;
        uri = xstrndup((const char *)text.data, text.len);
    } else if (infohash_parse(text, &source->hash)) {
        uri =
            text.len == 64
                ? xasprintf("magnet:?xt=urn:btmh:1220%.*s", (int)text.len, (const char *)text.data)
                : xasprintf("magnet:?xt=urn:btih:%s", infohash_text(&source->hash, hex));
    } else {
        return not_a_source(text, error);
    }
    if (source->magnet.tracker_count == 0)
        add_default_trackers(source, default_trackers);
    source->uri = source_with_trackers(uri, source);
    free(uri);
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
