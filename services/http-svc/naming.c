/* SPDX-License-Identifier: MIT */
#include "naming.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/link.h"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

void naming_disposition(struct text *out, const char *path, bool is_attachment)
{
    const char *name = last_part(path);

    text_addf(out, "%s; filename=\"", is_attachment ? "attachment" : "inline");
    for (const char *c = name; *c != '\0'; c++) {
        if (((uint8_t)*c & 0xc0) == 0x80)
            continue; /* one replacement for each character, not for each byte */
        if ((uint8_t)*c < ' ' || (uint8_t)*c >= 0x7f || strchr("\"\\%;/", *c) != NULL)
            text_add(out, "_");
        else
            text_addf(out, "%c", *c);
    }
    text_add(out, "\"");
    if (utf8_valid(bytes_of_text(name))) {
        text_add(out, "; filename*=UTF-8''");
        text_add_percent(out, bytes_of_text(name), "");
    }
}

char *naming_stream_path(const char *hash, uint32_t file, char out[NAMING_STREAM_PATH])
{
    snprintf(out, NAMING_STREAM_PATH, "/stream/%s/%" PRIu32, hash, file);
    return out;
}

char *naming_torrent_path(const char *hash, char out[NAMING_STREAM_PATH])
{
    snprintf(out, NAMING_STREAM_PATH, "/torrents/%s", hash);
    return out;
}

void naming_signature(struct text *out, const uint8_t *key, const char *path, uint64_t expires_s)
{
    char signature[LINK_SIGNATURE_TEXT];

    link_sign(key, path, expires_s, signature);
    text_addf(out, "exp=%" PRIu64 "&sig=%s", expires_s, signature);
}

void naming_url(struct text *out, const struct naming_link *link)
{
    char path[NAMING_STREAM_PATH];

    naming_stream_path(link->hash, link->file, path);
    text_addf(out, "%s%s", link->base, path);
    if (link->path != NULL && *last_part(link->path) != '\0') {
        text_add(out, "/");
        text_add_percent(out, bytes_of_text(last_part(link->path)), "");
    }
    if (link->key == NULL)
        return;
    text_add(out, "?");
    naming_signature(out, link->key, path, link->expires_s);
}

void naming_m3u_begin(struct text *out)
{
    text_add(out, "#EXTM3U\n");
}

void naming_m3u_add(struct text *out, const char *title, const char *url)
{
    text_add(out, "#EXTINF:-1,");
    for (const char *c = title; *c != '\0'; c++)
        text_addf(out, "%c", (uint8_t)*c < ' ' || *c == 0x7f ? ' ' : *c);
    text_addf(out, "\n%s\n", url);
}

void naming_base(struct text *out, bool is_tls, struct bytes host, const char *fallback)
{
    bool is_good = host.len > 0 && host.len < 256;

    for (size_t i = 0; is_good && i < host.len; i++)
        is_good = isalnum(host.data[i]) || strchr(".-_:[]", host.data[i]) != NULL;
    if (!is_good) {
        text_add(out, fallback);
        return;
    }
    text_add(out, is_tls ? "https://" : "http://");
    text_add_bytes(out, host);
}
