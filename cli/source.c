/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/must.h"
#include "human.h"
#include "wire/metainfo.h"

enum {
    HASH_WAIT_MS = 500,    /* small files are done within the first question */
    HASH_LISTEN_MS = 2000, /* then progress is listened to; after silence we ask again */
};

static bool starts_with(const char *word, const char *start)
{
    return strncasecmp(word, start, strlen(start)) == 0;
}

static bool ends_with(const char *word, const char *end)
{
    size_t len = strlen(word), end_len = strlen(end);

    return len > end_len && strcasecmp(word + len - end_len, end) == 0;
}

enum err source_classify(const char *word, enum source_kind *out, struct error *error)
{
    struct infohash hash;
    struct stat found;

    *out = SOURCE_LINK;
    if (starts_with(word, "magnet:") || starts_with(word, "http://") ||
        starts_with(word, "https://"))
        return ERR_NONE;
    if (stat(word, &found) == 0) {
        if (S_ISDIR(found.st_mode))
            *out = SOURCE_DATA;
        else if (S_ISREG(found.st_mode))
            *out = ends_with(word, ".torrent") ? SOURCE_METAINFO : SOURCE_DATA;
        else
            return error_set(error, ERR_INVALID, "%.120s is neither a file nor a folder", word);
        return ERR_NONE;
    }
    if (infohash_parse(bytes_of_text(word), &hash))
        return ERR_NONE;
    return error_set(error, ERR_NOT_FOUND,
                     "\"%.120s\" is no file here, and no magnet link, URL or info-hash", word);
}

/* The whole .torrent, checked, so that a mistake is told before anybody is asked. */
static enum err read_metainfo(const char *path, ProtobufCBinaryData *out, struct error *error)
{
    FILE *file = fopen(path, "rb");
    struct metainfo metainfo;

    if (file == NULL)
        return error_set_errno(error, ERR_IO, "cannot open %.120s", path);
    out->data = xcalloc(METAINFO_BYTES_MAX + 1, 1);
    out->len = fread(out->data, 1, METAINFO_BYTES_MAX + 1, file);
    bool has_failed = ferror(file) != 0;

    fclose(file);
    if (has_failed)
        return error_set(error, ERR_IO, "cannot read %.120s", path);
    struct error why;

    if (metainfo_check(bytes_of(out->data, out->len), &metainfo, &why) != ERR_NONE)
        return error_set(error, why.code, "%.80s is not a usable .torrent file: %.140s", path,
                         why.text);
    return ERR_NONE;
}

/* The values of --tracker. Returns a list to free(). */
static char **trackers(const struct args *args, size_t *count_out)
{
    char **list = xcalloc(args->option_count, sizeof(*list));
    const char *url;

    *count_out = 0;
    while ((url = args_option(args, "--tracker", (unsigned)*count_out)) != NULL)
        list[(*count_out)++] = (char *)(uintptr_t)url;
    return list;
}

Sharestream__Torrent__AddReply *source_add(struct cli *cli, const char *word, enum source_kind kind,
                                           bool is_paused)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    Sharestream__Torrent__AddReply *reply = NULL;
    struct error error;

    request.is_paused = is_paused;
    request.trackers = trackers(&cli->args, &request.n_trackers);
    if (kind == SOURCE_LINK)
        request.source = (char *)(uintptr_t)word;
    if (kind == SOURCE_METAINFO && read_metainfo(word, &request.metainfo, &error) != ERR_NONE)
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
    else
        reply = cli_ask(cli, "torrent", "Add", &request.base);
    free(request.metainfo.data);
    free(request.trackers);
    return reply;
}

struct hashing {
    uint32_t job;
    bool is_over;
    struct live live;
    char info_hash[INFOHASH_TEXT];
    char failure[200];
};

static bool on_event(void *arg, struct bytes payload)
{
    struct hashing *hashing = arg;
    Sharestream__Torrent__Event *event =
        sharestream__torrent__event__unpack(NULL, payload.len, payload.data);

    if (event != NULL && event->kind_case == SHARESTREAM__TORRENT__EVENT__KIND_HASH &&
        event->hash->job == hashing->job) {
        const Sharestream__Torrent__HashProgress *hash = event->hash;
        char line[160], percent[HUMAN_TEXT];

        snprintf(
            line, sizeof(line), "hashing %s",
            human_percent(hash->total ? (double)hash->done / (double)hash->total : 0, percent));
        live_draw(&hashing->live, line, false);
        snprintf(hashing->info_hash, sizeof(hashing->info_hash), "%s", hash->info_hash);
        snprintf(hashing->failure, sizeof(hashing->failure), "%s", hash->error);
        hashing->is_over = hash->info_hash[0] != '\0' || hash->error[0] != '\0';
    }
    reply_free(event);
    return !hashing->is_over && !term_interrupted();
}

static bool seed_round(struct cli *cli, const Sharestream__Torrent__SeedRequest *request,
                       struct hashing *hashing)
{
    Sharestream__Torrent__SeedReply *reply = cli_ask(cli, "torrent", "Seed", &request->base);
    struct error error = {0};

    if (reply == NULL)
        return false;
    hashing->job = reply->job;
    hashing->is_over = reply->info_hash[0] != '\0';
    snprintf(hashing->info_hash, sizeof(hashing->info_hash), "%s", reply->info_hash);
    reply_free(reply);
    if (!hashing->is_over)
        cli_listen(cli, "torrent", "event", HASH_LISTEN_MS, on_event, hashing, &error);
    return true;
}

bool source_seed(struct cli *cli, const char *path, bool is_hybrid, char out[INFOHASH_TEXT])
{
    Sharestream__Torrent__SeedRequest request = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    struct hashing hashing = {.live = {.file = stderr, .is_quiet = cli->wants_json}};
    bool is_asked = true;

    request.path = realpath(path, NULL);
    if (request.path == NULL) {
        struct error error;

        error_set_errno(&error, ERR_NOT_FOUND, "cannot find %.120s", path);
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
        return false;
    }
    request.is_hybrid = is_hybrid;
    request.wait_ms = HASH_WAIT_MS;
    request.trackers = trackers(&cli->args, &request.n_trackers);
    /* An event may be missed; asking again about the same path finds the same job or its torrent.
     */
    while (is_asked && !hashing.is_over && !term_interrupted())
        is_asked = seed_round(cli, &request, &hashing);
    live_erase(&hashing.live);
    free(request.path);
    free(request.trackers);
    if (is_asked && hashing.failure[0] != '\0')
        cli->exit =
            cli_refuse(cli, CLI_ERROR, ERR_IO, "cannot share %.80s: %.160s", path, hashing.failure);
    if (is_asked && !hashing.is_over)
        cli->exit = cli_refuse(cli, CLI_ERROR, ERR_CANCELLED,
                               "not waiting any longer; the hashing goes on");
    snprintf(out, INFOHASH_TEXT, "%s", hashing.info_hash);
    return out[0] != '\0';
}
