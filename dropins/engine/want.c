/* SPDX-License-Identifier: MIT
 *
 * want: one step after the other towards the torrent that the app wants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "engine.h"
#include "wire/media_type.h"

enum {
    CALL_MS = 10000,
    HASH_WAIT_MS = 2000, /* one question about a file that is being read waits so long */
    ROUND_MS = 1000,
};

typedef Sharestream__Torrent__TorrentInfo Info;

static ProtobufCService *torrent(struct engine *engine, uint64_t *call_out)
{
    return bus_to(engine->torrent, CALL_MS, bytes_of(NULL, 0), call_out);
}

static void forget_call(struct engine *engine, uint64_t *call)
{
    if (*call != 0)
        bus_cancel(svc_bus(engine->svc), *call);
    *call = 0;
}

/* What was asked for the sake of the last command no longer matters. */
static void forget(struct engine *engine)
{
    forget_call(engine, &engine->call);
    forget_call(engine, &engine->list_call);
    engine_command_fini(&engine->wanted);
    free(engine->failure);
    free(engine->name);
    free(engine->server_url);
    engine->failure = engine->name = engine->server_url = NULL;
    engine->hash[0] = '\0';
    engine->wants_torrent = engine->is_asked = engine->is_placed = false;
    engine->is_told = engine->is_done = false;
    engine->now.progress = 0;
    engine->now.download = engine->now.upload = engine->now.peers = 0;
}

/* The app is told once. */
static void complain(struct engine *engine, const char *sentence)
{
    if (engine->failure != NULL && strcmp(engine->failure, sentence) == 0)
        return;
    free(engine->failure);
    engine->failure = xstrdup(sentence);
    say_error(sentence);
}

/* Why a question failed: a service that is away comes back, all else ends what was wanted. */
static void on_failed(struct engine *engine)
{
    const struct error *error = bus_error(engine->torrent);

    if (error->code == ERR_UNAVAILABLE || error->code == ERR_TIMEOUT || error->code == ERR_BUSY)
        return;
    complain(engine, error->text);
    forget(engine);
}

/* ---- seeding and adding */

static void on_placed(struct engine *engine, const char *hash)
{
    snprintf(engine->hash, sizeof(engine->hash), "%s", hash);
    engine->is_placed = hash[0] != '\0';
}

static void on_seeded(const Sharestream__Torrent__SeedReply *reply, void *arg)
{
    struct engine *engine = arg;

    engine->call = 0;
    if (reply == NULL)
        on_failed(engine);
    else
        on_placed(engine, reply->info_hash); /* empty: it is still being read */
}

static void on_added(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    struct engine *engine = arg;

    engine->call = 0;
    if (reply == NULL)
        on_failed(engine);
    else
        on_placed(engine, reply->info_hash);
}

static void place(struct engine *engine)
{
    Sharestream__Torrent__SeedRequest seed = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    Sharestream__Torrent__AddRequest add = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    char *tracker = engine->wanted.tracker.data, *what = engine->wanted.what.data;
    ProtobufCService *to = torrent(engine, &engine->call);

    engine->is_asked = true;
    if (engine->wanted.verb == ENGINE_SEED) {
        seed.path = what;
        seed.wait_ms = HASH_WAIT_MS;
        seed.trackers = &tracker;
        seed.n_trackers = tracker != NULL;
        sharestream__torrent__torrent__seed(to, &seed, on_seeded, engine);
    } else {
        add.source = what;
        add.trackers = &tracker;
        add.n_trackers = tracker != NULL;
        sharestream__torrent__torrent__add(to, &add, on_added, engine);
    }
}

/* ---- telling where it plays */

static void on_magnet(const Sharestream__Torrent__MetainfoReply *reply, void *arg)
{
    struct engine *engine = arg;

    engine->call = 0;
    if (reply == NULL) {
        on_failed(engine);
        return;
    }
    engine->is_told = true;
    say_seeding(engine, reply->magnet);
}

static void choose_file(struct engine *engine, const Info *info)
{
    const Sharestream__Torrent__File *best = info->files[0];
    struct text url = {0};

    for (size_t i = 1; i < info->n_files; i++)
        if (media_is_rather(info->files[i]->path, info->files[i]->size_bytes, best->path,
                            best->size_bytes))
            best = info->files[i];
    const char *slash = strrchr(best->path, '/');

    text_addf(&url, "http://localhost:%u/%u/", engine->port, best->id);
    text_add_percent(&url, bytes_of_text(slash != NULL ? slash + 1 : best->path), "!'()*");
    free(engine->server_url);
    free(engine->name);
    engine->server_url = text_take(&url);
    engine->name = xstrdup(info->name);
    engine->file = best->id;
}

static void on_described(const Info *info, void *arg)
{
    struct engine *engine = arg;
    Sharestream__Torrent__Name request = SHARESTREAM__TORRENT__NAME__INIT;

    engine->call = 0;
    if (info == NULL) {
        on_failed(engine);
        return;
    }
    if (info->n_files == 0)
        return;
    choose_file(engine, info);
    if (engine->wanted.verb == ENGINE_ADD) {
        engine->is_told = true;
        say_added(engine, info);
        return;
    }
    request.info_hash = engine->hash;
    sharestream__torrent__torrent__metainfo(torrent(engine, &engine->call), &request, on_magnet,
                                            engine);
}

static void describe(struct engine *engine)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = engine->hash;
    sharestream__torrent__torrent__get(torrent(engine, &engine->call), &request, on_described,
                                       engine);
}

/* ---- looking what there is */

static void on_removed(const Sharestream__Torrent__Empty *reply, void *arg)
{
    (void)reply; /* looked at again soon */
    (void)arg;
}

/* Its data stays, and is found again should it be wanted again. */
static void remove_other(struct engine *engine, char *hash)
{
    Sharestream__Torrent__RemoveRequest request = SHARESTREAM__TORRENT__REMOVE_REQUEST__INIT;

    request.info_hash = hash;
    request.keeps_data = true;
    sharestream__torrent__torrent__remove(torrent(engine, NULL), &request, on_removed, NULL);
}

static void take_figures(struct engine *engine, const Info *info)
{
    uint64_t now_ms = clock_ms();

    engine->now.progress = info->progress;
    engine->now.download = info->download_rate;
    engine->now.upload = info->upload_rate;
    engine->now.peers = info->peers;
    if (info->state == SHARESTREAM__TORRENT__STATE__FAILED)
        complain(engine, info->error);
    if (now_ms - engine->progress_ms >= ROUND_MS) {
        engine->progress_ms = now_ms;
        say_progress(engine);
    }
    if (engine->wanted.verb == ENGINE_ADD && engine->is_told && !engine->is_done &&
        (info->state == SHARESTREAM__TORRENT__STATE__FINISHED ||
         info->state == SHARESTREAM__TORRENT__STATE__SEEDING)) {
        engine->is_done = true;
        say("done");
    }
}

static void on_list(const Sharestream__Torrent__ListReply *reply, void *arg)
{
    struct engine *engine = arg;
    /* The torrent of a file may be there before we know its hash. */
    bool is_hashing = engine->is_asked && engine->hash[0] == '\0';
    const Info *ours = NULL;
    size_t others = 0;

    engine->list_call = 0;
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->n_torrents; i++) {
        if (engine->wants_torrent && strcmp(reply->torrents[i]->info_hash, engine->hash) == 0) {
            ours = reply->torrents[i];
        } else if (!is_hashing) {
            remove_other(engine, reply->torrents[i]->info_hash);
            others++;
        }
    }
    if (engine->is_stopping && others == 0) {
        engine->is_stopping = false;
        say("stopped");
    }
    if (!engine->wants_torrent || others > 0)
        return;
    engine->is_placed = engine->is_placed && ours != NULL;
    if (engine->call == 0 && !engine->is_placed)
        place(engine);
    else if (engine->call == 0 && !engine->is_told && engine->port != 0 && ours->has_metadata)
        describe(engine);
    if (ours != NULL)
        take_figures(engine, ours);
}

void want_tick(struct engine *engine)
{
    Sharestream__Torrent__ListRequest request = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    bool is_settled = !engine->is_stopping && engine->is_told == engine->wants_torrent;
    uint64_t now_ms = clock_ms();

    if (engine->list_call != 0 || (is_settled && now_ms - engine->listed_ms < ROUND_MS))
        return;
    engine->listed_ms = now_ms;
    sharestream__torrent__torrent__list(torrent(engine, &engine->list_call), &request, on_list,
                                        engine);
}

/* ---- commands */

void want_command(struct engine *engine, struct engine_command *take)
{
    switch (take->verb) {
    case ENGINE_SEED:
    case ENGINE_ADD:
        forget(engine);
        engine->is_stopping = false;
        engine->wants_torrent = true;
        engine->wanted = *take;
        if (take->verb == ENGINE_ADD)
            infohash_text(&take->hash, engine->hash);
        *take = (struct engine_command){0};
        want_tick(engine);
        break;
    case ENGINE_STOP:
        forget(engine);
        engine->is_stopping = true;
        want_tick(engine);
        break;
    case ENGINE_INFO:
        say_info(engine);
        break;
    case ENGINE_QUIT:
        engine->has_quit = true;
        svc_shutdown(engine->svc);
        break;
    }
    engine_command_fini(take);
}

void want_fini(struct engine *engine)
{
    forget(engine);
}
