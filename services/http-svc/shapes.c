/* SPDX-License-Identifier: MIT */
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "bus/pb_json.h"
#include "wire/metainfo.h"

static json_t *packed(json_t *json)
{
    must(json != NULL);
    return json;
}

json_t *shape_text(const char *text)
{
    struct text utf8 = {0};
    json_t *json;

    if (utf8_valid(bytes_of_text(text)))
        return packed(json_string_nocheck(text));
    for (const char *c = text; *c != '\0'; c++) {
        if ((uint8_t)*c < 0x80)
            text_addf(&utf8, "%c", *c);
        else
            text_addf(&utf8, "%c%c", 0xc0 | ((uint8_t)*c >> 6), 0x80 | ((uint8_t)*c & 0x3f));
    }
    json = packed(json_string_nocheck(text_str(&utf8)));
    text_fini(&utf8);
    return json;
}

json_t *shape_error(const char *code, const char *message, const char *advice)
{
    json_t *inner = packed(json_pack("{s:s,s:o}", "code", code, "message", shape_text(message)));

    if (advice != NULL)
        json_object_set_new(inner, "advice", shape_text(advice));
    return packed(json_pack("{s:o}", "error", inner));
}

json_t *shape_p2m_error(const char *text)
{
    return packed(json_pack("{s:o}", "error", shape_text(text)));
}

json_t *shape_torrent(const ProtobufCMessage *message, bool is_admin)
{
    json_t *json = pb_to_json(message);

    if (!is_admin) {
        json_array_clear(json_object_get(json, "trackers"));
        json_array_clear(json_object_get(json, "wsTrackers"));
    }
    return json;
}

void shape_metainfo(struct text *out, struct bytes metainfo, bool is_admin)
{
    struct metainfo found;

    if (is_admin) {
        text_add_bytes(out, metainfo);
    } else if (metainfo_check(metainfo, &found, NULL) == ERR_NONE) {
        text_add(out, "d4:info");
        text_add_bytes(out, found.info);
        text_add(out, "e");
    }
}

const char *shape_advice(enum err code)
{
    switch (code) {
    case ERR_UNAVAILABLE:
        return "torrent-svc is away; see 'sharestream why torrent' and try again";
    case ERR_BUSY:
        return "try again in a moment";
    case ERR_TIMEOUT:
        return "no peer answered in time; try again, or look at the peers of the torrent";
    case ERR_NO_SPACE:
        return "free disk space, raise the quota, or remove torrents";
    case ERR_TOO_LARGE:
        return "send less";
    case ERR_NONE:
    case ERR_INVALID:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_IO:
    case ERR_CONFIG:
    case ERR_CANCELLED:
    case ERR_PROTOCOL:
    case ERR_INTERNAL:
        break;
    }
    return NULL;
}

/* What stands between the brackets of `take`. */
static void add_inside(struct text *out, json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT | JSON_REAL_PRECISION(12));

    must(text != NULL);
    text_add_bytes(out, bytes_of(text + 1, strlen(text) - 2));
    free(text);
    json_decref(take);
}

void shape_p2m_begin(struct text *out, const Sharestream__Torrent__TorrentInfo *info)
{
    text_add(out, "{");
    add_inside(out, packed(json_pack("{s:s,s:o}", "infoHash", info->info_hash, "name",
                                     shape_text(info->name))));
    text_add(out, ",\"files\":[");
}

void shape_p2m_files(struct text *out, const Sharestream__Torrent__TorrentInfo *info)
{
    json_t *files = packed(json_array());

    for (size_t i = 0; i < info->n_files; i++) {
        const Sharestream__Torrent__File *file = info->files[i];

        /* An empty file is complete; 0/0 was an error 500 in the original. */
        json_array_append_new(
            files, packed(json_pack("{s:I,s:o,s:I,s:f}", "id", (json_int_t)file->id, "name",
                                    shape_text(file->path), "size", (json_int_t)file->size_bytes,
                                    "progress", file->size_bytes == 0 ? 1.0 : file->progress)));
    }
    if (info->n_files > 0 && out->data[out->len - 1] != '[')
        text_add(out, ",");
    add_inside(out, files);
}

void shape_p2m_end(struct text *out, const Sharestream__Torrent__TorrentInfo *info)
{
    text_add(out, "],");
    add_inside(out, packed(json_pack(
                        "{s:I,s:I}", "seeders", (json_int_t)info->seeds, "leechers",
                        (json_int_t)(info->peers > info->seeds ? info->peers - info->seeds : 0))));
    text_add(out, "}");
}

json_t *shape_ready(const bool is_away[NEIGHBOURS], bool is_draining)
{
    json_t *reasons = packed(json_array());
    const char *status = "ready";

    for (enum neighbour i = 0; i < NEIGHBOURS; i++) {
        if (!is_away[i])
            continue;
        status = "degraded";
        json_array_append_new(reasons, packed(json_sprintf("%s is away", neighbour_binary(i))));
    }
    if (is_draining) {
        status = "stopping";
        json_array_append_new(reasons, json_string("http-svc is shutting down"));
    }
    return packed(json_pack("{s:s,s:o}", "status", status, "reasons", reasons));
}
