/* SPDX-License-Identifier: MIT */
#include "subtitles.h"

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "charset.h"
#include "decode.h"
#include "output.h"
#include "script.h"
#include "wire/font.h"
#include "wire/vtt.h"

typedef Sharestream__Worker__Cut Cut;

enum {
    LINES_MAX = 200000,
    TEXT_BYTES_MAX = 32 << 20,
    FONT_BYTES_MAX = 16 << 20,
    /* A segment shows what began so long before it and is not over. */
    BEFORE_US = 10 * 1000 * 1000,
    /* A cue may lie so far behind its time in the file. */
    BEHIND_US = 1000 * 1000,
    /* Of a cue that has no end. */
    USUAL_US = 5 * 1000 * 1000,
    SAME_MAX = 8,
};

/* One cue, or one event of a script. */
struct line {
    int64_t from_us, until_us;
    uint32_t number; /* in the order of reading, or of the script */
    unsigned place;  /* of a cue */
    char *text;
};

struct reader {
    struct film *film;
    const Cut *order;
    AVStream *stream;
    AVCodecContext *decoder;   /* of cues; events are taken as they are */
    int64_t from_us, until_us; /* what is wanted, by the times of the film */
    bool is_whole;
    struct line *lines;
    size_t count, capacity, bytes;
    bool is_too_much;
};

/* These decoders, and no others, are given what strangers wrote. */
static bool is_text(const AVCodecParameters *par)
{
    static const enum AVCodecID known[] = {AV_CODEC_ID_SUBRIP, AV_CODEC_ID_ASS,
                                           AV_CODEC_ID_SSA,    AV_CODEC_ID_MOV_TEXT,
                                           AV_CODEC_ID_WEBVTT, AV_CODEC_ID_TEXT};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (par->codec_id == known[i])
            return par->codec_type == AVMEDIA_TYPE_SUBTITLE;
    return false;
}

/* ---- lines */

/* Takes the text, which may be empty. */
static void add_line(struct reader *reader, const struct line *line)
{
    if (line->text[0] == '\0' || reader->count == LINES_MAX || reader->bytes > TEXT_BYTES_MAX) {
        reader->is_too_much |= line->text[0] != '\0';
        free(line->text);
        return;
    }
    if (reader->count == reader->capacity) {
        reader->capacity = MAX(reader->capacity * 2, 64);
        reader->lines = xrealloc(reader->lines, reader->capacity * sizeof(*reader->lines));
    }
    reader->bytes += strlen(line->text);
    reader->lines[reader->count++] = *line;
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->from_us != y->from_us)
        return x->from_us < y->from_us ? -1 : 1;
    if (x->until_us != y->until_us)
        return x->until_us < y->until_us ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int by_number(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    return x->number != y->number ? (x->number < y->number ? -1 : 1) : by_time(a, b);
}

/* Outlines and shadows are often the same text once more. */
static bool is_said(const struct reader *reader, size_t at)
{
    const struct line *line = &reader->lines[at];

    for (size_t i = at; i-- > 0 && at - i <= SAME_MAX;) {
        const struct line *other = &reader->lines[i];

        if (other->from_us != line->from_us || other->until_us != line->until_us)
            return false;
        if (strcmp(other->text, line->text) == 0)
            return true;
    }
    return false;
}

/* ---- packets */

static bool is_wanted(const struct reader *reader, int64_t from_us, int64_t until_us)
{
    const Cut *order = reader->order;

    return (order->is_last || from_us < reader->until_us) &&
           (order->is_first ||
            (until_us > reader->from_us && from_us >= reader->from_us - BEFORE_US));
}

static void add_cues(struct reader *reader, const AVSubtitle *subtitle, struct line line)
{
    struct text text = {0};

    for (unsigned i = 0; i < subtitle->num_rects; i++) {
        const char *event = subtitle->rects[i]->ass;

        if (event == NULL)
            continue;
        line.place = vtt_add_text(&text, vtt_event_text(bytes_of_text(event)));
        line.text = text_take(&text);
        add_line(reader, &line);
    }
}

static void decode(struct reader *reader, AVPacket *packet, const struct line *line)
{
    AVSubtitle subtitle = {0};
    int is_there = 0;

    /* What is damaged is left out: the next one may be better. */
    if (avcodec_decode_subtitle2(reader->decoder, &subtitle, &is_there, packet) < 0 || !is_there)
        return;
    add_cues(reader, &subtitle, *line);
    avsubtitle_free(&subtitle);
}

/* "ReadOrder,Layer,Style,...": the order goes, times come behind the layer. */
static void add_event(struct reader *reader, const AVPacket *packet, struct line line)
{
    char *text = xstrndup((const char *)packet->data, (size_t)packet->size), *rest;

    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    line.number = (uint32_t)strtoul(text, &rest, 10);
    line.text = xstrdup(*rest == ',' ? rest + 1 : "");
    free(text);
    add_line(reader, &line);
}

/* Decoders want UTF-8; muxers of old did not care. */
static void repair(const struct reader *reader, AVPacket *packet)
{
    struct text text = {0};

    if (reader->stream->codecpar->codec_id == AV_CODEC_ID_MOV_TEXT || packet->size <= 0 ||
        utf8_valid(bytes_of(packet->data, (size_t)packet->size)))
        return;
    charset_to_utf8(bytes_of(packet->data, (size_t)packet->size), &text);
    av_buffer_unref(&packet->buf);
    packet->data = NULL;
    packet->size = 0;
    if (text.len < INT_MAX / 2 && av_new_packet(packet, (int)text.len) == 0)
        memcpy(packet->data, text_str(&text), text.len);
    text_fini(&text);
}

static void take(struct reader *reader, AVPacket *packet)
{
    int64_t from_us = film_us(reader->film, reader->stream, packet->pts);
    int64_t lasts_us = av_rescale_q(packet->duration, reader->stream->time_base, AV_TIME_BASE_Q);
    struct line line = {.number = (uint32_t)reader->count};

    if (packet->pts == AV_NOPTS_VALUE || packet->size <= 0)
        return;
    line.from_us = from_us;
    line.until_us = from_us + (lasts_us > 0 ? lasts_us : USUAL_US);
    if (!is_wanted(reader, line.from_us, line.until_us))
        return;
    repair(reader, packet);
    if (reader->decoder != NULL)
        decode(reader, packet, &line);
    else
        add_event(reader, packet, line);
}

/* ---- reading */

/* What tells how far in the file we are: subtitles may be silent for an hour. */
static int pace(const struct reader *reader)
{
    const struct film *film = reader->film;

    if (film->is_mov || (film->video < 0 && film->audio < 0))
        return reader->stream->index; /* MP4 reads just the samples that are asked for */
    return film->video >= 0 ? film->video : film->audio;
}

static int go_to_begin(const struct reader *reader, struct error *error)
{
    const AVStream *by = reader->film->format->streams[pace(reader)];
    int64_t at = MAX(reader->from_us - BEFORE_US, 0) + reader->film->start_us;

    if (script_is(reader->film))
        return 0;
    /* Without an index a seek may read everything; opened anew, it is at the beginning. */
    if (reader->is_whole)
        return film_reopen(reader->film, error) == ERR_NONE ? 0 : AVERROR_EXIT;
    return film_seek(reader->film, by->index, av_rescale_q(at, AV_TIME_BASE_Q, by->time_base));
}

static bool is_behind(const struct reader *reader, const AVPacket *packet)
{
    const AVStream *stream = reader->film->format->streams[packet->stream_index];
    int64_t us = film_stored_us(reader->film, packet);

    if (reader->order->is_last || us == AV_NOPTS_VALUE || packet->stream_index != pace(reader))
        return false;
    return us >= reader->until_us + (stream == reader->stream ? 0 : BEHIND_US);
}

static int read_packets(struct reader *reader)
{
    AVPacket *packet = av_packet_alloc();
    int rc;

    must(packet != NULL);
    while ((rc = av_read_frame(reader->film->format, packet)) >= 0 && !reader->is_too_much) {
        if (is_behind(reader, packet))
            rc = AVERROR_EOF;
        else if (packet->stream_index == reader->stream->index)
            take(reader, packet);
        av_packet_unref(packet);
        if (rc == AVERROR_EOF)
            break;
    }
    av_packet_free(&packet);
    return rc == AVERROR_EOF ? 0 : rc;
}

static enum err gather(struct reader *reader, struct error *error)
{
    struct film *film = reader->film;
    unsigned stream = (unsigned)reader->stream->index;
    int rc = go_to_begin(reader, error);

    if (error->code != ERR_NONE)
        return error->code;
    if (stream >= film->format->nb_streams)
        return error_set(error, ERR_INVALID, "it cannot be read twice");
    reader->stream = film->format->streams[stream];
    /* Opening it has a budget of its own. */
    input_begin(&film->input, reader->order->budget, 0);
    film_read_only(film, film_bit(stream) | (reader->is_whole ? 0 : film_bit(pace(reader))));
    rc = rc < 0 ? rc : read_packets(reader);
    if (rc < 0 || film->input.failure != INPUT_FINE)
        return film_error(film, rc, "reading the subtitles", error);
    if (reader->is_too_much)
        return error_set(error, ERR_TOO_LARGE, "there are more than %d lines in it", LINES_MAX);
    if (reader->count == 0 && script_is(film))
        return error_set(error, ERR_INVALID, "there is no line in it");
    return ERR_NONE;
}

/* ---- writing */

static void print_cues(struct reader *reader, struct text *out)
{
    int64_t delay_us = reader->order->delay_us;

    vtt_add_header(out, !reader->order->is_alone);
    if (reader->count > 0)
        qsort(reader->lines, reader->count, sizeof(*reader->lines), by_time);
    for (size_t i = 0; i < reader->count; i++) {
        const struct line *line = &reader->lines[i];
        const struct vtt_cue cue = {.from_ms = (line->from_us + delay_us) / 1000,
                                    .until_ms = (line->until_us + delay_us) / 1000,
                                    .place = line->place,
                                    .text = line->text};

        if (cue.until_ms > 0 && cue.until_ms > cue.from_ms && !is_said(reader, i))
            vtt_add_cue(out, &cue);
    }
}

static void add_ass_time(struct text *out, int64_t us)
{
    int64_t cs = MAX(us, 0) / 10000;

    text_addf(out, "%" PRId64 ":%02" PRId64 ":%02" PRId64 ".%02" PRId64 ",", cs / 360000,
              cs / 6000 % 60, cs / 100 % 60, cs % 100);
}

static void print_header(const AVCodecParameters *par, struct text *out)
{
    size_t len = par->extradata != NULL
                     ? strnlen((const char *)par->extradata, (size_t)MAX(par->extradata_size, 0))
                     : 0;
    struct bytes header = bytes_of(par->extradata, len);

    if (utf8_valid(header))
        text_add_bytes(out, header);
    else
        charset_to_utf8(header, out);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        text_add(out, "\n");
    if (strstr(text_str(out), "[Events]") == NULL)
        text_add(out, "\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, "
                      "MarginV, Effect, Text\n");
}

static void print_script(struct reader *reader, struct text *out)
{
    int64_t delay_us = reader->order->delay_us;

    print_header(reader->stream->codecpar, out);
    if (reader->count > 0)
        qsort(reader->lines, reader->count, sizeof(*reader->lines), by_number);
    for (size_t i = 0; i < reader->count; i++) {
        const struct line *line = &reader->lines[i];
        size_t layer = strcspn(line->text, ",");

        if (line->text[layer] == '\0' || line->until_us + delay_us <= 0)
            continue;
        text_addf(out, "Dialogue: %.*s,", (int)MIN(layer, INT16_MAX), line->text);
        add_ass_time(out, line->from_us + delay_us);
        add_ass_time(out, line->until_us + delay_us);
        text_addf(out, "%s\n", line->text + layer + 1);
    }
}

/* ---- cuts */

static void set_window(struct reader *reader)
{
    const Cut *order = reader->order;

    reader->is_whole = order->is_first && order->is_last;
    reader->from_us = order->from_us - order->delay_us;
    reader->until_us = order->until_us - order->delay_us;
}

static enum err cut_text(struct reader *reader, int fd, uint64_t *bytes_out, struct error *error)
{
    bool is_script = reader->order->container == SHARESTREAM__WORKER__CONTAINER__ASS;
    struct text out = {0};
    enum err err;
    int rc = 0;

    if (!is_text(reader->stream->codecpar))
        return error_set(error, ERR_NOT_FOUND, "that is no track of text");
    if (is_script && reader->stream->codecpar->codec_id != AV_CODEC_ID_ASS)
        return error_set(error, ERR_NOT_FOUND, "these subtitles were no ASS");
    set_window(reader);
    if (!is_script && (rc = decode_open(reader->film, reader->stream, 1, &reader->decoder)) < 0)
        return film_error(reader->film, rc, "decoding its subtitles", error);
    err = gather(reader, error);
    if (err == ERR_NONE) {
        if (is_script)
            print_script(reader, &out);
        else
            print_cues(reader, &out);
        err = output(fd, bytes_of(out.data, out.len), bytes_out, error);
    }
    text_fini(&out);
    return err;
}

static enum err cut_font(const struct reader *reader, int fd, uint64_t *bytes_out,
                         struct error *error)
{
    const AVCodecParameters *par = reader->stream->codecpar;
    struct bytes font = bytes_of(par->extradata, (size_t)MAX(par->extradata_size, 0));

    if (par->codec_type != AVMEDIA_TYPE_ATTACHMENT || font_type(font) == NULL)
        return error_set(error, ERR_NOT_FOUND, "that is no font");
    if (font.len > FONT_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "that font is larger than %d MiB",
                         FONT_BYTES_MAX >> 20);
    return output(fd, font, bytes_out, error);
}

bool subtitles_are_for(const Cut *order)
{
    return order->container == SHARESTREAM__WORKER__CONTAINER__VTT ||
           order->container == SHARESTREAM__WORKER__CONTAINER__ASS ||
           order->container == SHARESTREAM__WORKER__CONTAINER__ATTACHED;
}

enum err subtitles_cut(struct film *film, const Cut *order, int fd, uint64_t *bytes_out,
                       struct error *error)
{
    struct reader reader = {.film = film, .order = order};
    enum err err;

    if (order->n_tracks != 1 || order->tracks[0]->stream >= film->format->nb_streams)
        return error_set(error, ERR_NOT_FOUND, "there is no such track in it");
    reader.stream = film->format->streams[order->tracks[0]->stream];
    input_begin(&film->input, order->budget, 0);
    if (order->container == SHARESTREAM__WORKER__CONTAINER__ATTACHED)
        err = cut_font(&reader, fd, bytes_out, error);
    else
        err = cut_text(&reader, fd, bytes_out, error);
    for (size_t i = 0; i < reader.count; i++)
        free(reader.lines[i].text);
    free(reader.lines);
    avcodec_free_context(&reader.decoder);
    return err;
}
