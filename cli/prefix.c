/* SPDX-License-Identifier: MIT */
#include "prefix.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "wire/media_type.h"

static int compare(const void *a, const void *b)
{
    const Sharestream__Torrent__TorrentInfo *const *one = a, *const *two = b;

    if ((*one)->added_unix_ms != (*two)->added_unix_ms)
        return (*one)->added_unix_ms < (*two)->added_unix_ms ? -1 : 1;
    return strcmp((*one)->info_hash, (*two)->info_hash);
}

void torrents_sort(Sharestream__Torrent__TorrentInfo **torrents, size_t count)
{
    if (count > 0)
        qsort(torrents, count, sizeof(Sharestream__Torrent__TorrentInfo *), compare);
}

bool prefix_is_whole(const char *word, char out[INFOHASH_TEXT])
{
    struct infohash hash;

    if (!infohash_parse(bytes_of_text(word), &hash))
        return false;
    infohash_text(&hash, out);
    return true;
}

static bool find_by_hash(const char *word, Sharestream__Torrent__TorrentInfo *const *torrents,
                         size_t count, size_t *index_out, unsigned *found_out)
{
    size_t len = strlen(word);

    *found_out = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncasecmp(torrents[i]->info_hash, word, len) != 0 &&
            strncasecmp(torrents[i]->info_hash_v2, word, len) != 0)
            continue;
        *index_out = i;
        ++*found_out;
    }
    return *found_out == 1;
}

enum err prefix_find(const char *word, Sharestream__Torrent__TorrentInfo *const *torrents,
                     size_t count, size_t *index_out, struct error *error)
{
    bool is_hex = word[0] != '\0' && word[strspn(word, "0123456789abcdefABCDEF")] == '\0';
    unsigned found = 0;
    uint64_t number;

    if (is_hex && strlen(word) >= PREFIX_MIN &&
        find_by_hash(word, torrents, count, index_out, &found))
        return ERR_NONE;
    if (found > 1)
        return error_set(error, ERR_INVALID, "%u torrents start with %s; give more of its hash",
                         found, word);
    if (parse_count(word, &number) && number >= 1 && number <= count) {
        *index_out = (size_t)number - 1;
        return ERR_NONE;
    }
    if (is_hex && strlen(word) < PREFIX_MIN && word[strspn(word, "0123456789")] != '\0')
        return error_set(error, ERR_INVALID, "%s is too short; give at least %d digits of the hash",
                         word, PREFIX_MIN);
    if (!is_hex)
        return error_set(error, ERR_INVALID,
                         "\"%.80s\" is neither a number of the list nor the start of a hash", word);
    return error_set(error, ERR_NOT_FOUND, "there is no torrent %.80s; see: sharestream list",
                     word);
}

static enum err find_playable(Sharestream__Torrent__File *const *files, size_t count,
                              size_t *index_out, struct error *error)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++)
        if (media_is_rather(files[i]->path, files[i]->size_bytes, files[best]->path,
                            files[best]->size_bytes))
            best = i;
    if (count == 0 ||
        (strcmp(files[best]->kind, "video") != 0 && strcmp(files[best]->kind, "audio") != 0))
        return error_set(error, ERR_NOT_FOUND, "there is no video or audio in it; name a file");
    *index_out = best;
    return ERR_NONE;
}

enum err prefix_find_file(const char *word, Sharestream__Torrent__File *const *files, size_t count,
                          size_t *index_out, struct error *error)
{
    unsigned found = 0;
    uint64_t number;

    if (word == NULL)
        return find_playable(files, count, index_out, error);
    if (parse_count(word, &number)) {
        for (size_t i = 0; i < count; i++) {
            if (files[i]->id == number) {
                *index_out = i;
                return ERR_NONE;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i]->path, word) == 0) {
            *index_out = i;
            return ERR_NONE;
        }
        if (strcasestr(files[i]->path, word) != NULL) {
            *index_out = i;
            found++;
        }
    }
    if (found == 1)
        return ERR_NONE;
    if (found > 1)
        return error_set(error, ERR_INVALID, "%u files have \"%.80s\" in their path; give more",
                         found, word);
    return error_set(error, ERR_NOT_FOUND, "there is no file \"%.80s\"; see: sharestream files",
                     word);
}
