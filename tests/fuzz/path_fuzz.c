/* SPDX-License-Identifier: MIT
 *
 * Input: what stands in a URL behind the film. There is one way to write each thing: what was
 * understood, written down again, is the input.
 */
#include "rendition.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *extension_of(const struct path *path)
{
    switch (path->rendition.kind) {
    case RENDITION_TS:
        return "ts";
    case RENDITION_THUMBS:
    case RENDITION_POSTER:
        return "jpg";
    case RENDITION_WAVEFORM:
        return "json";
    case RENDITION_SUBTITLE:
    case RENDITION_EXTERNAL:
    case RENDITION_UPLOAD:
        return "vtt";
    case RENDITION_VIDEO:
    case RENDITION_AUDIO:
        break;
    }
    return "m4s";
}

static void write_segment(const struct path *path, const char *folder, char *out, size_t cap)
{
    if (path->rendition.kind == RENDITION_POSTER || path->rendition.kind == RENDITION_WAVEFORM)
        snprintf(out, cap, "%.*s.%s", (int)strlen(folder) - 1, folder, extension_of(path));
    else
        snprintf(out, cap, "%s%u.%s", folder, path->number, extension_of(path));
}

static void write_path(const struct path *path, char *out, size_t cap)
{
    bool is_ts = path->rendition.kind == RENDITION_TS;
    char folder[RENDITION_NAME + 1] = "", name[RENDITION_NAME];

    if (!is_ts)
        snprintf(folder, sizeof(folder), "%s/", rendition_name(&path->rendition, name));
    switch (path->what) {
    case PATH_MASTER:
        snprintf(out, cap, "master.m3u8");
        break;
    case PATH_PLAYLIST:
        snprintf(out, cap, "%s%s.m3u8", folder, is_ts ? "playlist" : "index");
        break;
    case PATH_INIT:
        snprintf(out, cap, "%sinit.mp4", folder);
        break;
    case PATH_SEGMENT:
        write_segment(path, folder, out, cap);
        break;
    case PATH_CUES:
        snprintf(out, cap, "thumbs.vtt");
        break;
    case PATH_PROGRESS:
        snprintf(out, cap, "thumbs.json");
        break;
    case PATH_ALONE:
        snprintf(out, cap, "%sall.vtt", folder);
        break;
    case PATH_SCRIPT:
        snprintf(out, cap, "%sall.ass", folder);
        break;
    case PATH_FONT:
        snprintf(out, cap, "font/%u", path->rendition.stream);
        break;
    case PATH_NONE:
        must(false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct path path = path_parse(bytes_of(data, size));
    char again[64];

    if (path.what == PATH_NONE)
        return 0;
    write_path(&path, again, sizeof(again));
    must(bytes_equal_text(bytes_of(data, size), again));
    return 0;
}
