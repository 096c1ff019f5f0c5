/* SPDX-License-Identifier: MIT
 *
 * speech: the events of sharestream-engine. Each is one write, so that nothing comes between its
 * bytes; an app that does not read makes us wait, but not for ever.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "base/text.h"
#include "engine.h"

enum { UNREAD_MS = 5000, FILES_TOLD_MAX = 1000 };

static void write_line(const char *line, size_t len)
{
    struct pollfd item = {.fd = STDOUT_FILENO, .events = POLLOUT};

    while (len > 0) {
        ssize_t done = poll(&item, 1, UNREAD_MS) == 1 ? write(STDOUT_FILENO, line, len) : -1;

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            log_warn("the app does not read what it is told", "lost_bytes=%zu", len);
            return;
        }
        line += done;
        len -= (size_t)done;
    }
}

static void tell(json_t *take)
{
    char *text = json_dumps(take, JSON_COMPACT);
    struct text line = {0};

    must(text != NULL);
    text_addf(&line, "%s\n", text);
    write_line(line.data, line.len);
    text_fini(&line);
    free(text);
    json_decref(take);
}

/* Names come from strangers, and JSON is UTF-8. */
static json_t *name_of(const char *text)
{
    return json_string(text != NULL && utf8_valid(bytes_of_text(text)) ? text : "?");
}

void say(const char *event)
{
    tell(json_pack("{s:s}", "event", event));
}

void say_error(const char *sentence)
{
    tell(json_pack("{s:s,s:o}", "event", "error", "message", name_of(sentence)));
}

void say_ready(const struct engine *engine)
{
    tell(json_pack("{s:s,s:i}", "event", "ready", "port", engine->port));
}

/* The film in a form that browsers play, made while it is watched. */
static json_t *hls_url(const struct engine *engine)
{
    return json_sprintf("http://localhost:%u/hls/%s/%u/master.m3u8", engine->port, engine->hash,
                        engine->file);
}

void say_seeding(const struct engine *engine, const char *magnet)
{
    tell(json_pack("{s:s,s:s,s:o,s:o,s:o}", "event", "seeding", "serverUrl", engine->server_url,
                   "magnetURI", name_of(magnet), "name", name_of(engine->name), "hlsUrl",
                   hls_url(engine)));
}

void say_added(const struct engine *engine, const Sharestream__Torrent__TorrentInfo *info)
{
    json_t *files = json_array();

    for (size_t i = 0; i < MIN(info->n_files, (size_t)FILES_TOLD_MAX); i++)
        json_array_append_new(files, json_pack("{s:o,s:I}", "name", name_of(info->files[i]->path),
                                               "length", (json_int_t)info->files[i]->size_bytes));
    tell(json_pack("{s:s,s:s,s:o,s:o,s:o}", "event", "added", "serverUrl", engine->server_url,
                   "name", name_of(engine->name), "files", files, "hlsUrl", hls_url(engine)));
}

/* What comes, or when nothing does, what goes. */
static json_int_t speed_of(const struct engine *engine)
{
    return (json_int_t)(engine->now.download != 0 ? engine->now.download : engine->now.upload);
}

void say_progress(const struct engine *engine)
{
    tell(json_pack("{s:s,s:f,s:I,s:i}", "event", "progress", "downloaded", engine->now.progress,
                   "speed", speed_of(engine), "peers", (int)engine->now.peers));
}

/* Flat as one earlier engine has it, with the list of the other. */
void say_info(const struct engine *engine)
{
    json_t *info = json_pack("{s:s}", "event", "info"), *torrents = json_array();

    if (engine->is_told) {
        json_t *flat = json_pack("{s:s,s:o,s:f,s:I,s:i}", "serverUrl", engine->server_url, "name",
                                 name_of(engine->name), "downloaded", engine->now.progress, "speed",
                                 speed_of(engine), "peers", (int)engine->now.peers);

        json_object_update(info, flat);
        json_decref(flat);
        json_array_append_new(torrents,
                              json_pack("{s:o,s:s,s:f,s:I,s:I,s:i}", "name", name_of(engine->name),
                                        "infoHash", engine->hash, "progress", engine->now.progress,
                                        "downloadSpeed", (json_int_t)engine->now.download,
                                        "uploadSpeed", (json_int_t)engine->now.upload, "numPeers",
                                        (int)engine->now.peers));
    }
    json_object_set_new(info, "torrents", torrents);
    tell(info);
}
