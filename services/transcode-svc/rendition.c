/* SPDX-License-Identifier: MIT */
#include "rendition.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/must.h"

enum { STREAM_MAX = 63, HEIGHT_MAX = 4320, HEIGHT_MIN = 100 };

static const char *const encoders[ENCODERS] = {"software", "vaapi", "nvenc", "qsv"};

const char *encoder_name(enum encoder encoder)
{
    return encoders[encoder];
}

char *rendition_name(const struct rendition *rendition, char out[RENDITION_NAME])
{
    switch (rendition->kind) {
    case RENDITION_VIDEO:
        if (rendition->has_burnt)
            snprintf(out, RENDITION_NAME, "v%us%u", rendition->height, rendition->burnt);
        else if (rendition->is_made && rendition->encoder != ENCODER_SOFTWARE)
            snprintf(out, RENDITION_NAME, "v%u-%s", rendition->height,
                     encoder_name(rendition->encoder));
        else if (rendition->is_made)
            snprintf(out, RENDITION_NAME, "v%u", rendition->height);
        else
            snprintf(out, RENDITION_NAME, "v");
        break;
    case RENDITION_AUDIO:
        snprintf(out, RENDITION_NAME, "a%u%s", rendition->stream, rendition->is_made ? "t" : "");
        break;
    case RENDITION_TS:
        snprintf(out, RENDITION_NAME, "ts");
        break;
    case RENDITION_THUMBS:
        snprintf(out, RENDITION_NAME, "thumbs");
        break;
    case RENDITION_POSTER:
        snprintf(out, RENDITION_NAME, "poster");
        break;
    case RENDITION_WAVEFORM:
        snprintf(out, RENDITION_NAME, "waveform");
        break;
    case RENDITION_SUBTITLE:
        snprintf(out, RENDITION_NAME, "s%u", rendition->stream);
        break;
    case RENDITION_EXTERNAL:
        snprintf(out, RENDITION_NAME, "x%u", rendition->stream);
        break;
    case RENDITION_UPLOAD:
        snprintf(out, RENDITION_NAME, "u%u", rendition->stream);
        break;
    }
    return out;
}

bool rendition_is_quiet(const struct rendition *rendition)
{
    return rendition->kind >= RENDITION_THUMBS;
}

bool rendition_is_text(const struct rendition *rendition)
{
    return rendition->kind == RENDITION_SUBTITLE || rendition->kind == RENDITION_EXTERNAL ||
           rendition->kind == RENDITION_UPLOAD;
}

char *path_name(const struct path *path, char out[PATH_NAME])
{
    char rendition[RENDITION_NAME];
    int len = 0;

    rendition_name(&path->rendition, rendition);
    switch (path->what) {
    case PATH_SEGMENT:
        len = snprintf(out, PATH_NAME, "%s.%u", rendition, path->number);
        break;
    case PATH_ALONE:
        len = snprintf(out, PATH_NAME, "%s.vtt", rendition);
        break;
    case PATH_SCRIPT:
        len = snprintf(out, PATH_NAME, "%s.ass", rendition);
        break;
    case PATH_FONT:
        len = snprintf(out, PATH_NAME, "%s.font", rendition);
        break;
    case PATH_NONE:
    case PATH_MASTER:
    case PATH_PLAYLIST:
    case PATH_CUES:
    case PATH_PROGRESS:
    case PATH_INIT:
        len = snprintf(out, PATH_NAME, "%s.init", rendition);
        break;
    }
    if (path->delay_ms != 0 && rendition_is_text(&path->rendition))
        snprintf(out + len, PATH_NAME - (size_t)len, ".d%" PRId32, path->delay_ms);
    return out;
}

/* Takes a number without leading zeros; false when there is none or it is over `max`. */
static bool take_number(struct bytes *text, uint32_t max, uint32_t *out)
{
    uint64_t number;
    size_t digits = bytes_decimal(*text, &number);

    if (digits == 0 || number > max || (digits > 1 && text->data[0] == '0'))
        return false;
    *out = (uint32_t)number;
    *text = bytes_of(text->data + digits, text->len - digits);
    return true;
}

static bool take(struct bytes *text, const char *word)
{
    size_t len = strlen(word);

    if (text->len < len || memcmp(text->data, word, len) != 0)
        return false;
    *text = bytes_of(text->data + len, text->len - len);
    return true;
}

static bool take_numbered(struct bytes *text, struct rendition *out)
{
    static const struct {
        const char *letter;
        enum rendition_kind kind;
        uint32_t max;
    } kinds[] = {
        {"a", RENDITION_AUDIO, STREAM_MAX},
        {"s", RENDITION_SUBTITLE, STREAM_MAX},
        {"x", RENDITION_EXTERNAL, UINT32_MAX},
        {"u", RENDITION_UPLOAD, UINT32_MAX},
    };

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (take(text, kinds[i].letter)) {
            out->kind = kinds[i].kind;
            if (!take_number(text, kinds[i].max, &out->stream))
                return false;
            out->is_made = out->kind == RENDITION_AUDIO && take(text, "t");
            return true;
        }
    return false;
}

/* Software has no name, as nothing else was there first. */
static enum encoder take_encoder(struct bytes *text)
{
    struct bytes rest = *text;

    if (take(&rest, "-"))
        for (enum encoder i = ENCODER_SOFTWARE + 1; i < ENCODERS; i++)
            if (take(&rest, encoder_name(i))) {
                *text = rest;
                return i;
            }
    return ENCODER_SOFTWARE;
}

static bool take_rendition(struct bytes *text, struct rendition *out)
{
    *out = (struct rendition){0};
    if (take(text, "v")) {
        out->is_made = take_number(text, HEIGHT_MAX, &out->height);
        if (out->is_made && out->height < HEIGHT_MIN)
            return false;
        out->has_burnt = out->is_made && take(text, "s");
        if (out->has_burnt && !take_number(text, STREAM_MAX, &out->burnt))
            return false;
        if (out->is_made && !out->has_burnt)
            out->encoder = take_encoder(text);
    } else if (!take_numbered(text, out)) {
        return false;
    }
    return take(text, "/");
}

static struct path parse_quiet(struct bytes text)
{
    static const struct {
        const char *text;
        enum path_what what;
        enum rendition_kind kind;
    } files[] = {
        {"thumbs.vtt", PATH_CUES, RENDITION_THUMBS},
        {"thumbs.json", PATH_PROGRESS, RENDITION_THUMBS},
        {"poster.jpg", PATH_SEGMENT, RENDITION_POSTER},
        {"waveform.json", PATH_SEGMENT, RENDITION_WAVEFORM},
    };
    struct path path = {.rendition = {.kind = RENDITION_THUMBS}};

    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (bytes_equal_text(text, files[i].text))
            return (struct path){.what = files[i].what, .rendition = {.kind = files[i].kind}};
    if (take(&text, "thumbs/") && take_number(&text, UINT32_MAX, &path.number) &&
        bytes_equal_text(text, ".jpg"))
        path.what = PATH_SEGMENT;
    return path;
}

struct path path_parse(struct bytes text)
{
    static const struct rendition ts = {.kind = RENDITION_TS};
    struct path path = {.what = PATH_NONE};
    struct bytes rest = text;
    bool is_text;

    if (bytes_equal_text(text, "master.m3u8"))
        return (struct path){.what = PATH_MASTER};
    if (bytes_equal_text(text, "playlist.m3u8"))
        return (struct path){.what = PATH_PLAYLIST, .rendition = ts};
    path = parse_quiet(text);
    if (path.what != PATH_NONE)
        return path;
    if (take_number(&rest, UINT32_MAX, &path.number)) {
        path.rendition = ts;
        if (bytes_equal_text(rest, ".ts"))
            path.what = PATH_SEGMENT;
        return path;
    }
    if (take(&rest, "font/")) {
        path.rendition.kind = RENDITION_SUBTITLE;
        if (take_number(&rest, STREAM_MAX, &path.rendition.stream) && rest.len == 0)
            path.what = PATH_FONT;
        return path;
    }
    if (!take_rendition(&rest, &path.rendition))
        return path;
    is_text = rendition_is_text(&path.rendition);
    if (bytes_equal_text(rest, "index.m3u8"))
        path.what = PATH_PLAYLIST;
    else if (is_text && bytes_equal_text(rest, "all.vtt"))
        path.what = PATH_ALONE;
    else if (is_text && bytes_equal_text(rest, "all.ass"))
        path.what = PATH_SCRIPT;
    else if (!is_text && bytes_equal_text(rest, "init.mp4"))
        path.what = PATH_INIT;
    else if (take_number(&rest, UINT32_MAX, &path.number) &&
             bytes_equal_text(rest, is_text ? ".vtt" : ".m4s"))
        path.what = PATH_SEGMENT;
    return path;
}
