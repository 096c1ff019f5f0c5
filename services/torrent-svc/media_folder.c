/* SPDX-License-Identifier: MIT */
#include "media_folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/must.h"
#include "base/text.h"
#include "wire/media_type.h"

/* More than is ever told, so that what is told of a huge folder is at least sorted by sense. */
enum { LOOKED_AT_MAX = 10000 };

struct listing {
    struct media_entry *entries;
    size_t count, looked_at;
};

/* Where links have been followed to the end, so that what begins with `root` is in it. */
static bool is_inside(const char *path, const char *root)
{
    size_t len = strlen(root);

    if (strcmp(root, "/") == 0)
        return true;
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static int compare(const void *a, const void *b)
{
    const struct media_entry *left = a, *right = b;

    if (left->is_folder != right->is_folder)
        return left->is_folder ? -1 : 1;
    return strverscmp(left->name, right->name);
}

static void look_at(struct listing *listing, const char *root, const char *folder, const char *name)
{
    char real[PATH_MAX];
    struct stat about;
    enum media_kind kind = media_kind(name);

    if (name[0] == '.' || !utf8_valid(bytes_of_text(name)))
        return;
    char *path = xasprintf("%s/%s", folder, name);
    bool is_good = realpath(path, real) != NULL && is_inside(real, root) &&
                   utf8_valid(bytes_of_text(real)) && stat(real, &about) == 0;
    free(path);
    if (!is_good || !(S_ISDIR(about.st_mode) || (S_ISREG(about.st_mode) && about.st_size > 0 &&
                                                 (kind == MEDIA_VIDEO || kind == MEDIA_AUDIO))))
        return;
    listing->entries = xrealloc(listing->entries, (listing->count + 1) * sizeof(*listing->entries));
    listing->entries[listing->count++] =
        (struct media_entry){.name = xstrdup(name),
                             .path = xstrdup(real),
                             .is_folder = S_ISDIR(about.st_mode),
                             .size = S_ISDIR(about.st_mode) ? 0 : (uint64_t)about.st_size};
}

static enum err open_folder(const char *root, const char *inside, char real_root[PATH_MAX],
                            char real[PATH_MAX], DIR **out, struct error *error)
{
    if (root[0] != '/' || realpath(root, real_root) == NULL)
        return error_set(error, ERR_NOT_FOUND,
                         "torrent.media_folder should be the absolute path of a folder");
    char *path = xasprintf("%s/%s", real_root, inside);
    bool is_there = realpath(path, real) != NULL && is_inside(real, real_root);
    free(path);
    if (!is_there || (*out = opendir(real)) == NULL)
        return error_set(error, ERR_NOT_FOUND, "there is no such folder in the media folder");
    return ERR_NONE;
}

enum err media_folder_list(const char *root, const char *inside,
                           void (*on_entry)(void *arg, const struct media_entry *entry), void *arg,
                           bool *is_cut_out, struct error *error)
{
    char real_root[PATH_MAX], real[PATH_MAX];
    struct listing listing = {.entries = NULL};
    const struct dirent *found;
    DIR *folder;
    enum err err = open_folder(root, inside, real_root, real, &folder, error);

    if (err != ERR_NONE)
        return err;
    while ((found = readdir(folder)) != NULL && listing.looked_at++ < LOOKED_AT_MAX)
        look_at(&listing, real_root, real, found->d_name);
    closedir(folder);
    if (listing.count > 0)
        qsort(listing.entries, listing.count, sizeof(*listing.entries), compare);
    *is_cut_out = found != NULL || listing.count > MEDIA_ENTRIES_MAX;
    for (size_t i = 0; i < listing.count; i++) {
        if (i < MEDIA_ENTRIES_MAX)
            on_entry(arg, &listing.entries[i]);
        free((char *)(uintptr_t)listing.entries[i].name);
        free((char *)(uintptr_t)listing.entries[i].path);
    }
    free(listing.entries);
    return ERR_NONE;
}
