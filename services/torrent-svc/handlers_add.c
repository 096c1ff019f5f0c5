/* SPDX-License-Identifier: MIT */
#include "handlers_add.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"
#include "wire/magnet.h"
#include "wire/metainfo.h"

enum { SOURCE_TRACKERS_MAX = 64 };

static void answer_added(struct service *service, const struct torrent *torrent, bool is_new,
                         Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    Sharestream__Torrent__AddReply reply = SHARESTREAM__TORRENT__ADD_REPLY__INIT;
    Info info;

    info_fill(service, torrent, true, &info);
    reply.info_hash = info.info_hash;
    reply.is_new = is_new;
    reply.info = &info;
    closure(&reply, data);
    info_clear(&info);
}

static void answer_add(struct waiter *waiter, struct service *service, struct torrent *torrent)
{
    answer_added(service, torrent, waiter->is_new,
                 (Sharestream__Torrent__AddReply_Closure)waiter->closure, waiter->data);
}

void handlers_wait(struct service *service, struct torrent *torrent, uint32_t wait_ms,
                   void (*answer)(struct waiter *waiter, struct service *service,
                                  struct torrent *torrent),
                   ProtobufCClosure closure, void *data)
{
    const struct waiter *other;
    unsigned count = 0;

    DL_COUNT(torrent->waiters, other, count);
    if (count >= WAITERS_MAX) {
        bus_fail(data, ERR_BUSY, "%d callers wait for this torrent's metadata already",
                 WAITERS_MAX);
        return;
    }
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    uint64_t longest = MIN((uint64_t)wait_ms, service->settings->metadata_timeout);
    *waiter = (struct waiter){
        .answer = answer,
        .closure = closure,
        .data = data,
        .deadline_ms = MIN(clock_ms() + longest, bus_deadline_ms(data) - ANSWER_MARGIN_MS)};
    torrent_wait(torrent, waiter);
}

/* What the source is, taken apart. Everything points into the request, the settings or `magnet`. */
struct source {
    struct magnet magnet; /* magnet_fini() it */
    bool is_magnet;
    struct infohash hash;
    const char *trackers[SOURCE_TRACKERS_MAX];
    size_t tracker_count;
    char *tracker_list; /* copy of the setting that `trackers` points into */
};

static void source_fini(struct source *source)
{
    if (source->is_magnet)
        magnet_fini(&source->magnet);
    free(source->tracker_list);
}

static void add_default_trackers(const struct service *service, struct source *source)
{
    char *state = NULL;

    source->tracker_list = xstrdup(service->settings->trackers);
    for (char *url = strtok_r(source->tracker_list, ", ", &state);
         url != NULL && source->tracker_count < SOURCE_TRACKERS_MAX;
         url = strtok_r(NULL, ", ", &state))
        source->trackers[source->tracker_count++] = url;
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

static enum err read_source(const struct service *service,
                            const Sharestream__Torrent__AddRequest *request, struct bytes metainfo,
                            struct source *source, struct torrent_add *add, struct error *error)
{
    struct bytes text = trimmed(request->source);
    struct metainfo checked;
    struct lt_hashes hashes;
    char name[256] = "";
    enum err err = ERR_NONE;

    for (size_t i = 0; i < request->n_trackers && source->tracker_count < SOURCE_TRACKERS_MAX; i++)
        source->trackers[source->tracker_count++] = request->trackers[i];
    if (metainfo.len > 0) {
        if ((err = metainfo_check(metainfo, &checked, error)) != ERR_NONE)
            return err;
        add->lt.metainfo = metainfo;
    } else if (text.len > 7 && strncasecmp((const char *)text.data, "magnet:", 7) == 0) {
        if ((err = magnet_parse(text, &source->magnet, error)) != ERR_NONE)
            return err;
        source->is_magnet = true;
        add->row.magnet = xstrndup((const char *)text.data, text.len);
        add->lt.magnet = add->row.magnet;
        if (source->magnet.tracker_count == 0)
            add_default_trackers(service, source);
    } else if (infohash_parse(text, &source->hash)) {
        char hex[INFOHASH_TEXT];

        add->row.magnet = xasprintf("magnet:?xt=urn:btih:%s", infohash_text(&source->hash, hex));
        add->lt.magnet = add->row.magnet;
        add_default_trackers(service, source);
    } else {
        return error_set(
            error, ERR_INVALID,
            "'%.60s' is neither a magnet link, nor a URL of a .torrent, nor an info-hash",
            request->source);
    }
    add->lt.trackers = source->trackers;
    add->lt.tracker_count = source->tracker_count;
    if ((err = lt_peek(&add->lt, &hashes, name, sizeof(name), error)) != ERR_NONE)
        return err;
    memcpy(source->hash.bytes, hashes.key, sizeof(source->hash.bytes));
    char hex[INFOHASH_TEXT];
    add->row.name = xstrdup(
        name[0] && utf8_valid(bytes_of_text(name)) ? name : infohash_text(&source->hash, hex));
    return ERR_NONE;
}

/* Each torrent has a folder of its own, so that two with the same file names do not meet. */
static enum err make_folder(const struct service *service, const struct infohash *hash, char **out,
                            struct error *error)
{
    char hex[INFOHASH_TEXT];

    *out = xasprintf("%s/%s", service->data_dir, infohash_text(hash, hex));
    if (mkdir(*out, 0755) == 0 || errno == EEXIST)
        return ERR_NONE;
    enum err code = errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    error_set_errno(error, code, "cannot create folder %s", *out);
    free(*out);
    *out = NULL;
    return code;
}

static enum err add_torrent(struct service *service,
                            const Sharestream__Torrent__AddRequest *request, struct bytes metainfo,
                            struct torrent **out, bool *is_new_out, struct error *error)
{
    struct source source = {.tracker_count = 0};
    struct torrent_add add = {
        .lt = {.sequential = true,
               .paused = request->is_paused,
               .max_connections = (uint32_t)service->settings->torrent_connections}};
    enum err err = read_source(service, request, metainfo, &source, &add, error);

    if (err == ERR_NONE && torrent_find(service, &source.hash) == NULL &&
        HASH_COUNT(service->torrents) >= 2 * service->settings->max_torrents)
        err = error_set(error, ERR_BUSY,
                        "%u torrents are here, twice torrent.max_torrents: remove some",
                        HASH_COUNT(service->torrents));
    if (err == ERR_NONE)
        err = make_folder(service, &source.hash, &add.row.save_path, error);
    if (err == ERR_NONE) {
        add.lt.save_path = add.row.save_path;
        add.row.added_ms = add.row.used_ms = clock_unix_ms();
        add.row.is_paused = request->is_paused;
        add.row.has_background = service->settings->background && !request->no_background;
        err = torrent_add(service, &add, out, is_new_out, error);
    }
    if (err == ERR_NONE) {
        torrent_used(service, *out);
        torrent_save(service, *out);
        alerts_drain(service); /* a .torrent brings its metadata: have it before the answer */
    }
    store_row_clear(&add.row);
    source_fini(&source);
    return err;
}

void handlers_add(struct service *service, const Sharestream__Torrent__AddRequest *request,
                  struct bytes metainfo, Sharestream__Torrent__AddReply_Closure closure, void *data)
{
    struct bytes text = trimmed(request->source);
    struct torrent *torrent;
    struct error error;
    bool is_new;
    enum err err;

    if (metainfo.len == 0 && text.len > 4 && strncasecmp((const char *)text.data, "http", 4) == 0) {
        if (job_fetch(service, request, closure, data, &error) != ERR_NONE)
            bus_fail_error(data, &error);
        return;
    }
    err = add_torrent(service, request, metainfo, &torrent, &is_new, &error);
    if (err != ERR_NONE) {
        bus_fail_error(data, &error);
        return;
    }
    if (torrent->info != NULL || request->wait_ms == 0) {
        answer_added(service, torrent, is_new, closure, data);
        return;
    }
    handlers_wait(service, torrent, request->wait_ms, answer_add, (ProtobufCClosure)closure, data);
    if (torrent->waiters != NULL)
        torrent->waiters->prev->is_new = is_new; /* the one just appended */
}

enum err handlers_add_seed(struct service *service, const char *path, struct bytes metainfo,
                           struct torrent **out, struct error *error)
{
    const char *slash = strrchr(path, '/');
    struct torrent_add add = {
        .lt = {.metainfo = metainfo,
               .seed = true,
               .max_connections = (uint32_t)service->settings->torrent_connections}};
    bool is_new;

    add.row.save_path = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
    add.row.name = xstrdup(slash + 1);
    add.row.added_ms = add.row.used_ms = clock_unix_ms();
    add.row.is_seed = true;
    add.row.has_background = true;
    add.lt.save_path = add.row.save_path;
    enum err err = torrent_add(service, &add, out, &is_new, error);
    store_row_clear(&add.row);
    if (err == ERR_NONE) {
        torrent_save(service, *out);
        alerts_drain(service);
    }
    return err;
}
