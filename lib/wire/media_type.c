/* SPDX-License-Identifier: MIT */
#include "wire/media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"

struct media {
    const char *extension, *type;
    enum media_kind kind;
};

static const struct media table[] = {
    {"3g2", "video/3gpp2", MEDIA_VIDEO},
    {"3gp", "video/3gpp", MEDIA_VIDEO},
    {"asf", "video/x-ms-asf", MEDIA_VIDEO},
    {"avi", "video/x-msvideo", MEDIA_VIDEO},
    {"divx", "video/x-msvideo", MEDIA_VIDEO},
    {"f4v", "video/mp4", MEDIA_VIDEO},
    {"flv", "video/x-flv", MEDIA_VIDEO},
    {"m1v", "video/mpeg", MEDIA_VIDEO},
    {"m2ts", "video/mp2t", MEDIA_VIDEO},
    {"m2v", "video/mpeg", MEDIA_VIDEO},
    {"m4v", "video/mp4", MEDIA_VIDEO},
    {"mk3d", "video/x-matroska", MEDIA_VIDEO},
    {"mkv", "video/x-matroska", MEDIA_VIDEO},
    {"mov", "video/quicktime", MEDIA_VIDEO},
    {"mp4", "video/mp4", MEDIA_VIDEO},
    {"mpe", "video/mpeg", MEDIA_VIDEO},
    {"mpeg", "video/mpeg", MEDIA_VIDEO},
    {"mpg", "video/mpeg", MEDIA_VIDEO},
    {"mts", "video/mp2t", MEDIA_VIDEO},
    {"mxf", "application/mxf", MEDIA_VIDEO},
    {"ogm", "video/ogg", MEDIA_VIDEO},
    {"ogv", "video/ogg", MEDIA_VIDEO},
    {"qt", "video/quicktime", MEDIA_VIDEO},
    {"rm", "application/vnd.rn-realmedia", MEDIA_VIDEO},
    {"rmvb", "application/vnd.rn-realmedia-vbr", MEDIA_VIDEO},
    {"ts", "video/mp2t", MEDIA_VIDEO},
    {"vob", "video/mpeg", MEDIA_VIDEO},
    {"webm", "video/webm", MEDIA_VIDEO},
    {"wmv", "video/x-ms-wmv", MEDIA_VIDEO},

    {"aac", "audio/aac", MEDIA_AUDIO},
    {"ac3", "audio/ac3", MEDIA_AUDIO},
    {"aif", "audio/aiff", MEDIA_AUDIO},
    {"aiff", "audio/aiff", MEDIA_AUDIO},
    {"amr", "audio/amr", MEDIA_AUDIO},
    {"ape", "audio/x-ape", MEDIA_AUDIO},
    {"caf", "audio/x-caf", MEDIA_AUDIO},
    {"dts", "audio/vnd.dts", MEDIA_AUDIO},
    {"dtshd", "audio/vnd.dts.hd", MEDIA_AUDIO},
    {"eac3", "audio/eac3", MEDIA_AUDIO},
    {"ec3", "audio/eac3", MEDIA_AUDIO},
    {"flac", "audio/flac", MEDIA_AUDIO},
    {"m4a", "audio/mp4", MEDIA_AUDIO},
    {"m4b", "audio/mp4", MEDIA_AUDIO},
    {"mid", "audio/midi", MEDIA_AUDIO},
    {"midi", "audio/midi", MEDIA_AUDIO},
    {"mka", "audio/x-matroska", MEDIA_AUDIO},
    {"mlp", "audio/vnd.dolby.mlp", MEDIA_AUDIO},
    {"mp2", "audio/mpeg", MEDIA_AUDIO},
    {"mp3", "audio/mpeg", MEDIA_AUDIO},
    {"oga", "audio/ogg", MEDIA_AUDIO},
    {"ogg", "audio/ogg", MEDIA_AUDIO},
    {"opus", "audio/ogg", MEDIA_AUDIO}, /* RFC 7845 section 9; audio/opus is for RTP */
    {"spx", "audio/ogg", MEDIA_AUDIO},
    {"tta", "audio/x-tta", MEDIA_AUDIO},
    {"wav", "audio/wav", MEDIA_AUDIO},
    {"weba", "audio/webm", MEDIA_AUDIO},
    {"wma", "audio/x-ms-wma", MEDIA_AUDIO},
    {"wv", "audio/x-wavpack", MEDIA_AUDIO},

    {"ass", "text/x-ssa", MEDIA_SUBTITLE},
    {"dfxp", "application/ttml+xml", MEDIA_SUBTITLE},
    {"idx", "application/x-vobsub", MEDIA_SUBTITLE},
    {"mks", "application/x-matroska", MEDIA_SUBTITLE},
    {"sbv", "text/plain", MEDIA_SUBTITLE},
    {"smi", "application/x-sami", MEDIA_SUBTITLE},
    {"srt", "application/x-subrip", MEDIA_SUBTITLE},
    {"ssa", "text/x-ssa", MEDIA_SUBTITLE},
    {"sub", "application/octet-stream", MEDIA_SUBTITLE}, /* VobSub pictures or MicroDVD text */
    {"sup", "application/x-pgs", MEDIA_SUBTITLE},
    {"ttml", "application/ttml+xml", MEDIA_SUBTITLE},
    {"vtt", "text/vtt", MEDIA_SUBTITLE},

    {"avif", "image/avif", MEDIA_IMAGE},
    {"bmp", "image/bmp", MEDIA_IMAGE},
    {"gif", "image/gif", MEDIA_IMAGE},
    {"heic", "image/heic", MEDIA_IMAGE},
    {"heif", "image/heif", MEDIA_IMAGE},
    {"ico", "image/vnd.microsoft.icon", MEDIA_IMAGE},
    {"jfif", "image/jpeg", MEDIA_IMAGE},
    {"jpeg", "image/jpeg", MEDIA_IMAGE},
    {"jpg", "image/jpeg", MEDIA_IMAGE},
    {"jxl", "image/jxl", MEDIA_IMAGE},
    {"png", "image/png", MEDIA_IMAGE},
    {"svg", "image/svg+xml", MEDIA_IMAGE},
    {"tif", "image/tiff", MEDIA_IMAGE},
    {"tiff", "image/tiff", MEDIA_IMAGE},
    {"webp", "image/webp", MEDIA_IMAGE},

    {"azw3", "application/vnd.amazon.mobi8-ebook", MEDIA_DOCUMENT},
    {"cbr", "application/vnd.comicbook-rar", MEDIA_DOCUMENT},
    {"cbz", "application/vnd.comicbook+zip", MEDIA_DOCUMENT},
    {"csv", "text/csv", MEDIA_DOCUMENT},
    {"djvu", "image/vnd.djvu", MEDIA_DOCUMENT},
    {"doc", "application/msword", MEDIA_DOCUMENT},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     MEDIA_DOCUMENT},
    {"epub", "application/epub+zip", MEDIA_DOCUMENT},
    {"json", "application/json", MEDIA_DOCUMENT},
    {"log", "text/plain", MEDIA_DOCUMENT},
    {"md", "text/markdown", MEDIA_DOCUMENT},
    {"mobi", "application/x-mobipocket-ebook", MEDIA_DOCUMENT},
    {"nfo", "text/plain", MEDIA_DOCUMENT},
    {"odp", "application/vnd.oasis.opendocument.presentation", MEDIA_DOCUMENT},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet", MEDIA_DOCUMENT},
    {"odt", "application/vnd.oasis.opendocument.text", MEDIA_DOCUMENT},
    {"pdf", "application/pdf", MEDIA_DOCUMENT},
    {"ppt", "application/vnd.ms-powerpoint", MEDIA_DOCUMENT},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation",
     MEDIA_DOCUMENT},
    {"rtf", "application/rtf", MEDIA_DOCUMENT},
    {"txt", "text/plain", MEDIA_DOCUMENT},
    {"xls", "application/vnd.ms-excel", MEDIA_DOCUMENT},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", MEDIA_DOCUMENT},

    {"7z", "application/x-7z-compressed", MEDIA_OTHER},
    {"bz2", "application/x-bzip2", MEDIA_OTHER},
    {"gz", "application/gzip", MEDIA_OTHER},
    {"iso", "application/x-iso9660-image", MEDIA_OTHER},
    {"m3u", "audio/x-mpegurl", MEDIA_OTHER},
    {"m3u8", "application/vnd.apple.mpegurl", MEDIA_OTHER},
    {"rar", "application/vnd.rar", MEDIA_OTHER},
    {"tar", "application/x-tar", MEDIA_OTHER},
    {"torrent", "application/x-bittorrent", MEDIA_OTHER},
    {"xz", "application/x-xz", MEDIA_OTHER},
    {"zip", "application/zip", MEDIA_OTHER},
    {"zst", "application/zstd", MEDIA_OTHER},
};

static const struct media *find(const char *path)
{
    static const struct media unknown = {"", "application/octet-stream", MEDIA_OTHER};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    /* A dot in front hides a file, it does not begin an extension. */
    if (dot == NULL || dot == name)
        return &unknown;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcasecmp(table[i].extension, dot + 1) == 0)
            return &table[i];
    return &unknown;
}

const char *media_type(const char *path)
{
    return find(path)->type;
}

enum media_kind media_kind(const char *path)
{
    return find(path)->kind;
}

const char *media_kind_word(enum media_kind kind)
{
    static const char *const words[] = {
        [MEDIA_OTHER] = "other",       [MEDIA_VIDEO] = "video", [MEDIA_AUDIO] = "audio",
        [MEDIA_SUBTITLE] = "subtitle", [MEDIA_IMAGE] = "image", [MEDIA_DOCUMENT] = "document",
    };

    must((size_t)kind < COUNT_OF(words));
    return words[kind];
}

static unsigned playability(const char *path)
{
    enum media_kind kind = media_kind(path);

    return kind == MEDIA_VIDEO ? 2 : kind == MEDIA_AUDIO ? 1 : 0;
}

bool media_is_rather(const char *path, uint64_t bytes, const char *than, uint64_t than_bytes)
{
    unsigned one = playability(path), other = playability(than);

    return one != other ? one > other : bytes > than_bytes;
}
