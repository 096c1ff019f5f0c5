/* SPDX-License-Identifier: MIT
 *
 * Verbs about making films playable: what is in a file, and what is being made.
 */
#include <inttypes.h>
#include <proto/torrent.pb-c.h>
#include <proto/transcode.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "base/units.h"
#include "follow.h"
#include "human.h"
#include "play.h"
#include "verbs.h"

enum { MEDIA_WAIT_MS = 30000 }; /* longer than transcode-svc itself waits, so that it says why */

typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Torrent__ListReply ListReply;
typedef Sharestream__Transcode__JobsReply JobsReply;
typedef Sharestream__Transcode__MediaReply MediaReply;
typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

/* ---- jobs */

static const char *name_of(const ListReply *list, const char *info_hash)
{
    for (size_t i = 0; list != NULL && i < list->n_torrents; i++)
        if (strcmp(list->torrents[i]->info_hash, info_hash) == 0)
            return list->torrents[i]->name;
    return "";
}

static void jobs_table(const JobsReply *reply, const ListReply *list, const struct term *term)
{
    static const struct column columns[] = {
        {"HASH", false, false},   {"FILM", false, true},   {"FILE", true, false},
        {"WHAT", false, false},   {"STATE", false, false}, {"WAITED", true, false},
        {"CLIENTS", true, false}, {"PID", true, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < reply->n_jobs; i++) {
        const Sharestream__Transcode__JobsReply__Job *job = reply->jobs[i];
        bool is_working = strcmp(job->state, "working") == 0;
        char text[HUMAN_TEXT];

        table_cell(&table, "%.8s", job->info_hash);
        table_cell(&table, "%s", name_of(list, job->info_hash));
        table_cell(&table, "%u", job->file);
        table_cell(&table, "%s", job->what);
        table_cell_in(&table, is_working ? COLOUR_BUSY : COLOUR_FAINT, "%s", job->state);
        table_cell(&table, "%s", human_span(job->waited_ms, text));
        table_cell(&table, "%u", job->clients);
        if (job->pid > 0)
            table_cell(&table, "%u", job->pid);
        else
            table_cell(&table, "-");
    }
    print_table(term, &table);
    puts("");
}

enum cli_exit do_jobs(struct cli *cli)
{
    Sharestream__Transcode__JobsRequest request = SHARESTREAM__TRANSCODE__JOBS_REQUEST__INIT;
    Sharestream__Torrent__ListRequest all = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    JobsReply *reply = cli_ask(cli, "transcode", "Jobs", &request.base);
    char a[HUMAN_TEXT], b[HUMAN_TEXT];
    struct error ignored;
    void *list = NULL;

    if (reply == NULL)
        return cli->exit;
    if (cli->wants_json) {
        cli_print_json(&reply->base);
    } else {
        /* Without torrent-svc its films have no names here, and jobs go on. */
        if (reply->n_jobs > 0 &&
            cli_try(cli, "torrent", "List", &all.base, &list, &ignored) != CLI_OK)
            list = NULL;
        if (reply->n_jobs > 0)
            jobs_table(reply, list, &cli->term);
        else
            puts("nothing is being made\n");
        print_fact("cache", "%s of %s", format_size(reply->cache_bytes, a),
                   format_size(reply->cache_limit_bytes, b));
        print_fact("workers", "%u", reply->workers);
        print_fact("encoder", "%s", reply->encoder);
        if (reply->no_encoder[0] != '\0')
            print_fact("not", "%s", reply->no_encoder);
        if (list != NULL)
            reply_free(list);
    }
    reply_free(reply);
    return CLI_OK;
}

/* ---- media */

static const char *kind_word(Sharestream__Worker__Kind kind)
{
    static const char *const words[] = {"other", "video", "audio", "subtitle", "font"};

    return (unsigned)kind < COUNT_OF(words) ? words[kind] : "other";
}

static const char *gap(const struct text *text, const char *between)
{
    return text->len > 0 ? between : "";
}

static void add_note(struct text *notes, bool is_so, const char *note)
{
    if (is_so)
        text_addf(notes, "%s%s", gap(notes, ", "), note);
}

static void add_details(struct text *details, const Stream *stream)
{
    char rate[HUMAN_TEXT];

    if (stream->width > 0)
        text_addf(details, "%ux%u", stream->width, stream->height);
    if (stream->frame_rate > 0)
        text_addf(details, "%s%.5g fps", gap(details, " "), stream->frame_rate);
    if (stream->bit_depth > 8)
        text_addf(details, "%s%u bit", gap(details, " "), stream->bit_depth);
    if (stream->channels > 0)
        text_addf(details, "%s%u ch", gap(details, " "), stream->channels);
    if (stream->sample_rate > 0)
        text_addf(details, "%s%.5g kHz", gap(details, " "), stream->sample_rate / 1000.0);
    if (stream->bitrate > 0)
        text_addf(details, "%s%s", gap(details, " "), human_rate(stream->bitrate / 8, rate));
}

static void streams_table(const Media *media, const struct term *term)
{
    static const struct column columns[] = {
        {"#", true, false},         {"KIND", false, false}, {"CODEC", false, false},
        {"PROFILE", false, false},  {"NAME", false, false}, {"DETAILS", false, false},
        {"LANGUAGE", false, false}, {"TITLE", false, true}, {"NOTE", false, false},
    };
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < media->n_streams; i++) {
        const Stream *stream = media->streams[i];
        struct text details = {0}, notes = {0};

        add_details(&details, stream);
        add_note(&notes, stream->is_default, "default");
        add_note(&notes, stream->is_forced, "forced");
        add_note(&notes, stream->is_impaired, "impaired");
        add_note(&notes, stream->is_picture, "cover");
        table_cell(&table, "%u", stream->index);
        table_cell(&table, "%s", kind_word(stream->kind));
        table_cell(&table, "%s", stream->codec);
        table_cell(&table, "%s", stream->profile);
        table_cell(&table, "%s", stream->codec_string);
        table_cell(&table, "%s", text_str(&details));
        table_cell(&table, "%s", stream->language);
        table_cell(&table, "%s", stream->title);
        table_cell_in(&table, COLOUR_FAINT, "%s", text_str(&notes));
        text_fini(&details);
        text_fini(&notes);
    }
    print_table(term, &table);
}

static void chapters_table(const Media *media, const struct term *term)
{
    static const struct column columns[] = {{"CHAPTER", true, false}, {"TITLE", false, true}};
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    for (size_t i = 0; i < media->n_chapters; i++) {
        char text[HUMAN_TEXT];

        table_cell(&table, "%s", human_position(media->chapters[i]->from_us / 1000, text));
        table_cell(&table, "%s", media->chapters[i]->title);
    }
    puts("");
    print_table(term, &table);
}

static void print_media(const MediaReply *reply, const struct term *term)
{
    static const char *const ways[] = {
        "not at all",
        "as it is",
        "copied into segments (HLS)",
        "in segments (HLS): picture copied, sound made anew",
        "in segments (HLS): made anew",
    };
    const Media *media = reply->media;
    char text[HUMAN_TEXT];

    print_fact("container", "%s", media->container);
    print_fact("length", "%s",
               media->duration_us > 0 ? human_position(media->duration_us / 1000, text) : "");
    print_fact("rate", "%s", media->bitrate > 0 ? human_rate(media->bitrate / 8, text) : "");
    print_fact("plays", "%s", (unsigned)reply->way < COUNT_OF(ways) ? ways[reply->way] : "");
    print_fact("why", "%s", reply->why);
    puts("");
    streams_table(media, term);
    if (media->n_chapters > 0)
        chapters_table(media, term);
}

enum cli_exit do_media(struct cli *cli)
{
    Sharestream__Transcode__MediaRequest request = SHARESTREAM__TRANSCODE__MEDIA_REQUEST__INIT;
    Info *info = torrent_named(cli);
    const Sharestream__Torrent__File *file =
        info != NULL ? play_file(cli, info, args_value(&cli->args, 1)) : NULL;
    MediaReply *reply = NULL;

    if (file != NULL) {
        request.info_hash = info->info_hash;
        request.file = file->id;
        if (!args_has(&cli->args, "--timeout"))
            cli->timeout_ms = MEDIA_WAIT_MS;
        reply = cli_ask(cli, "transcode", "Media", &request.base);
    }
    if (info != NULL)
        reply_free(info);
    if (reply == NULL)
        return cli->exit;
    if (cli->wants_json)
        cli_print_json(&reply->base);
    else
        print_media(reply, &cli->term);
    reply_free(reply);
    return CLI_OK;
}
