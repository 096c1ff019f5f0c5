/* SPDX-License-Identifier: MIT */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/must.h"

enum { PATH_MAX_HERE = 600, BOOT_TEXT = 64, TMP_NAME = 32 };

struct entry {
    char name[CACHE_NAME];
    uint64_t size;
    UT_hash_handle hh;
    struct entry *prev, *next; /* of the list, least recently used first */
};

struct cache {
    char *folder;
    uint64_t max_bytes, free_bytes, bytes, evicted;
    struct entry *entries, *used;
    char path[PATH_MAX_HERE];
};

static const char *path_of(struct cache *cache, const char *name)
{
    snprintf(cache->path, sizeof(cache->path), "%s/%s", cache->folder, name);
    return cache->path;
}

static const char *tmp_of(uint64_t ticket, char out[TMP_NAME])
{
    snprintf(out, TMP_NAME, "tmp/%" PRIu64, ticket);
    return out;
}

/* ---- the table */

static void add(struct cache *cache, const char *name, uint64_t size)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    snprintf(entry->name, sizeof(entry->name), "%s", name);
    entry->size = size;
    HASH_ADD_STR(cache->entries, name, entry);
    DL_APPEND(cache->used, entry);
    cache->bytes += size;
}

static void drop(struct cache *cache, struct entry *entry)
{
    HASH_DEL(cache->entries, entry);
    DL_DELETE(cache->used, entry);
    cache->bytes -= entry->size;
    free(entry);
}

static void evict(struct cache *cache)
{
    unlink(path_of(cache, cache->used->name));
    drop(cache, cache->used);
    cache->evicted++;
}

static bool is_disk_full(const struct cache *cache)
{
    struct statvfs disk;

    return statvfs(cache->folder, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize < cache->free_bytes;
}

/* ---- the start */

static void empty(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *row;

    while (dir != NULL && (row = readdir(dir)) != NULL)
        if (row->d_name[0] != '.')
            unlinkat(dirfd(dir), row->d_name, 0); /* "tmp" is a folder and stays */
    if (dir != NULL)
        closedir(dir);
}

static void read_file(const char *path, char out[BOOT_TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, BOOT_TEXT - 1) : 0;

    out[MAX(len, 0)] = '\0';
    if (fd >= 0)
        close(fd);
}

static bool is_of_this_boot(struct cache *cache)
{
    char boot[BOOT_TEXT], kept[BOOT_TEXT];

    read_file("/proc/sys/kernel/random/boot_id", boot);
    read_file(path_of(cache, "boot"), kept);
    return boot[0] != '\0' && strcmp(boot, kept) == 0;
}

static enum err note_boot(struct cache *cache, struct error *error)
{
    char boot[BOOT_TEXT];
    size_t len;
    int fd;

    read_file("/proc/sys/kernel/random/boot_id", boot);
    len = strlen(boot);
    fd = open(path_of(cache, "boot"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot write to '%s'", cache->folder);
    bool is_written = write(fd, boot, len) == (ssize_t)len;
    close(fd);
    return is_written ? ERR_NONE : error_set(error, ERR_IO, "cannot write to '%s'", cache->folder);
}

struct found {
    char name[CACHE_NAME];
    uint64_t size;
    int64_t used;
};

static int oldest_first(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->used, y = ((const struct found *)b)->used;

    return x < y ? -1 : x > y;
}

static void scan(struct cache *cache)
{
    DIR *dir = opendir(cache->folder);
    struct found *found = NULL;
    size_t count = 0, capacity = 0;
    const struct dirent *row;
    struct stat about;

    while (dir != NULL && (row = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), row->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(about.st_mode) || strcmp(row->d_name, "boot") == 0 ||
            strlen(row->d_name) >= CACHE_NAME)
            continue;
        if (count == capacity) {
            capacity = MAX(capacity * 2, 64);
            found = xrealloc(found, capacity * sizeof(*found));
        }
        memcpy(found[count].name, row->d_name, strlen(row->d_name) + 1);
        found[count].size = (uint64_t)about.st_size;
        found[count++].used = about.st_mtim.tv_sec;
    }
    if (dir != NULL)
        closedir(dir);
    if (count > 0)
        qsort(found, count, sizeof(*found), oldest_first);
    for (size_t i = 0; i < count; i++)
        add(cache, found[i].name, found[i].size);
    free(found);
}

enum err cache_new(const char *folder, uint64_t max_bytes, uint64_t free_bytes, struct cache **out,
                   struct error *error)
{
    struct cache *cache = xcalloc(1, sizeof(*cache));
    enum err err = ERR_NONE;

    cache->folder = xstrdup(folder);
    cache->max_bytes = max_bytes;
    cache->free_bytes = free_bytes;
    if (strlen(folder) + CACHE_NAME + 2 > sizeof(cache->path))
        err = error_set(error, ERR_CONFIG, "the path of the cache is too long");
    else if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
             (mkdir(path_of(cache, "tmp"), 0700) != 0 && errno != EEXIST))
        err = error_set_errno(error, ERR_IO, "cannot make '%s'", folder);
    if (err == ERR_NONE) {
        empty(path_of(cache, "tmp"));
        if (is_of_this_boot(cache))
            scan(cache);
        else
            empty(folder);
        err = note_boot(cache, error);
    }
    if (err != ERR_NONE)
        cache_free(&cache);
    *out = cache;
    return err;
}

void cache_free(struct cache **cache_p)
{
    struct cache *cache = *cache_p;

    if (cache == NULL)
        return;
    while (cache->used != NULL)
        drop(cache, cache->used);
    free(cache->folder);
    free(cache);
    *cache_p = NULL;
}

/* ---- use */

const char *cache_find(struct cache *cache, const char *name, uint64_t *size_out)
{
    struct entry *entry;

    HASH_FIND_STR(cache->entries, name, entry);
    if (entry == NULL)
        return NULL;
    if (access(path_of(cache, name), R_OK) != 0) {
        drop(cache, entry); /* somebody tidied up */
        return NULL;
    }
    DL_DELETE(cache->used, entry);
    DL_APPEND(cache->used, entry);
    *size_out = entry->size;
    return cache->path;
}

int cache_begin(struct cache *cache, uint64_t ticket, struct error *error)
{
    char name[TMP_NAME];
    int fd;

    while (cache->used != NULL && (cache->bytes > cache->max_bytes || is_disk_full(cache)))
        evict(cache);
    if (is_disk_full(cache)) {
        error_set(error, ERR_NO_SPACE, "the disk is full: less than %" PRIu64 " MiB are free",
                  cache->free_bytes >> 20);
        return -1;
    }
    fd = open(path_of(cache, tmp_of(ticket, name)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot write to '%s'",
                        cache->folder);
    return fd;
}

enum err cache_commit(struct cache *cache, uint64_t ticket, const char *name, struct error *error)
{
    char tmp[TMP_NAME], from[PATH_MAX_HERE];
    struct entry *before;
    struct stat about;

    snprintf(from, sizeof(from), "%s", path_of(cache, tmp_of(ticket, tmp)));
    if (stat(from, &about) != 0 || rename(from, path_of(cache, name)) != 0)
        return error_set_errno(error, ERR_IO, "cannot keep '%s'", name);
    HASH_FIND_STR(cache->entries, name, before);
    if (before != NULL)
        drop(cache, before);
    add(cache, name, (uint64_t)about.st_size);
    /* Not the one that somebody is about to be given. */
    while (cache->bytes > cache->max_bytes && cache->used->next != NULL)
        evict(cache);
    return ERR_NONE;
}

void cache_abandon(struct cache *cache, uint64_t ticket)
{
    char name[TMP_NAME];

    unlink(path_of(cache, tmp_of(ticket, name)));
}

uint64_t cache_bytes(const struct cache *cache)
{
    return cache->bytes;
}

uint64_t cache_limit(const struct cache *cache)
{
    return cache->max_bytes;
}

uint64_t cache_evicted(const struct cache *cache)
{
    return cache->evicted;
}
