/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "charset.h"

enum {
    FILE_BYTES = 8 << 20,
    BUFFER_BYTES = 32 << 10,
};

static const char formats[] = "srt,ass,webvtt";

/* A process reads one file. */
static struct {
    struct text text;
    size_t at;
} script;

static int on_read(void *opaque, uint8_t *buf, int size)
{
    size_t len = MIN((size_t)MAX(size, 0), script.text.len - script.at);

    (void)opaque;
    if (len == 0)
        return AVERROR_EOF;
    memcpy(buf, script.text.data + script.at, len);
    script.at += len;
    return (int)len;
}

/* The film's input is only what the text came from: FFmpeg reads the text. */
static void swap_input(struct film *film)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);

    must(buffer != NULL);
    av_freep(&film->input.avio->buffer);
    avio_context_free(&film->input.avio);
    film->input.avio = avio_alloc_context(buffer, BUFFER_BYTES, 0, NULL, on_read, NULL, NULL);
    must(film->input.avio != NULL);
}

static enum err read_all(struct film *film, uint64_t size, struct error *error)
{
    uint8_t *raw = xcalloc(size + 1, 1);
    int got;

    input_begin(&film->input, size + BUFFER_BYTES, size);
    got = avio_read(film->input.avio, raw, (int)size);
    text_clear(&script.text);
    script.at = 0;
    if (film->input.failure == INPUT_FINE && got > 0)
        charset_to_utf8(bytes_of(raw, (size_t)got), &script.text);
    free(raw);
    return script.text.len > 0 ? ERR_NONE : film_error(film, AVERROR_EOF, "reading it", error);
}

static AVFormatContext *new_format(const struct film *film)
{
    AVFormatContext *format = avformat_alloc_context();

    must(format != NULL);
    format->pb = film->input.avio;
    format->flags |= AVFMT_FLAG_CUSTOM_IO;
    av_opt_set(format, "format_whitelist", formats, 0);
    av_opt_set(format, "protocol_whitelist", "", 0);
    return format;
}

/* FFmpeg takes blocks of style for the end of all cues: let it take them for remarks. */
static void hide_styles(void)
{
    static const struct {
        const char *word, *instead;
    } blocks[] = {{"STYLE", "NOTE "}, {"REGION", "NOTE  "}};
    char *line = script.text.data;
    bool was_empty = false;

    for (; line != NULL && *line != '\0'; line += *line == '\n') {
        size_t len = strcspn(line, "\n");

        for (size_t i = 0; i < COUNT_OF(blocks) && was_empty; i++)
            if (strncmp(line, blocks[i].word, strlen(blocks[i].word)) == 0 &&
                strspn(line + strlen(blocks[i].word), " \t\r") + strlen(blocks[i].word) == len)
                memcpy(line, blocks[i].instead, strlen(blocks[i].instead));
        was_empty = len == 0 || (len == 1 && *line == '\r');
        line += len;
    }
}

/* Many begin with something else than the first cue. */
static const AVInputFormat *guess(void)
{
    return strstr(text_str(&script.text), "-->") != NULL &&
                   strstr(text_str(&script.text), "WEBVTT") == NULL
               ? av_find_input_format("srt")
               : NULL;
}

enum err script_open(struct film *film, int fd, uint64_t size, struct error *error)
{
    AVFormatContext *format;
    int rc;

    film_close(film);
    input_open(&film->input, fd, size);
    if (size > FILE_BYTES)
        return error_set(error, ERR_TOO_LARGE, "a file of subtitles has at most %d MiB",
                         FILE_BYTES >> 20);
    if (read_all(film, size, error) != ERR_NONE)
        return error->code;
    hide_styles();
    swap_input(film);
    format = new_format(film);
    rc = avformat_open_input(&format, "", guess(), NULL);
    if (rc < 0)
        return error_set(error, ERR_INVALID, "it is no SubRip, WebVTT or ASS");
    film->format = format;
    return ERR_NONE;
}

bool script_is(const struct film *film)
{
    return strstr(formats, film->format->iformat->name) != NULL;
}
