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

enum {
    PATH_MAX_HERE = 600,
    STAMP_TEXT = 160,
    TMP_NAME = 32,
    ROOM_PART = 2, /* of the budget, at most, is kept for files that are being made */
};

struct entry {
    char name[CACHE_NAME];
    uint64_t size;
    UT_hash_handle hh;
    struct entry *prev, *next; /* of the list, least recently used first */
};

/* Something that is being made, and the room that is kept for it. */
struct writing {
    uint64_t ticket, room;
    UT_hash_handle hh;
};

struct cache {
    char *folder;
    uint64_t max_bytes, free_bytes, bytes, evicted;
    uint64_t largest; /* file so far: the next may be as large */
    uint64_t room;    /* of all that are being written */
    struct entry *entries, *used;
    struct writing *writing;
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
    cache->largest = MAX(cache->largest, size);
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

/* ---- what is being written */

static void stop_writing(struct cache *cache, struct writing *writing)
{
    HASH_DEL(cache->writing, writing);
    cache->room -= writing->room;
    free(writing);
}

static struct writing *find_writing(const struct cache *cache, uint64_t ticket)
{
    struct writing *writing;

    HASH_FIND(hh, cache->writing, &ticket, sizeof(ticket), writing);
    return writing;
}

static void grow(struct cache *cache, struct writing *writing, uint64_t size)
{
    if (size > writing->room) {
        cache->room += size - writing->room;
        writing->room = size;
    }
}

static void measure(struct cache *cache)
{
    struct writing *writing;
    char name[TMP_NAME];
    struct stat about;

    for (writing = cache->writing; writing != NULL; writing = writing->hh.next)
        if (stat(path_of(cache, tmp_of(writing->ticket, name)), &about) == 0)
            grow(cache, writing, (uint64_t)about.st_size);
}

/* As much as the largest file took, while there are few who write at once. */
static uint64_t room_for_next(const struct cache *cache)
{
    uint64_t most = cache->max_bytes / ROOM_PART;

    return MIN(cache->largest, most - MIN(cache->room, most));
}

/* For so much more, and for what is being written. */
static void make_room(struct cache *cache, uint64_t more)
{
    measure(cache);
    while (cache->used != NULL &&
           (cache->bytes + cache->room + more > cache->max_bytes || is_disk_full(cache)))
        evict(cache);
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

/* What the files are worth: nothing in another life of the machine, or made in another way. False
 * when the machine does not tell which life this is: then nothing can be trusted later. */
static bool stamp_now(const char *made_as, char out[STAMP_TEXT])
{
    char boot[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, boot, sizeof(boot) - 1) : 0;

    boot[MAX(len, 0)] = '\0';
    if (fd >= 0)
        close(fd);
    snprintf(out, STAMP_TEXT, "%s%s\n", boot, made_as);
    return boot[0] != '\0';
}

static bool has_stamp(struct cache *cache, const char *stamp)
{
    char kept[STAMP_TEXT];
    int fd = open(path_of(cache, "stamp"), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, kept, sizeof(kept)) : -1;

    if (fd >= 0)
        close(fd);
    return len == (ssize_t)strlen(stamp) && memcmp(kept, stamp, (size_t)len) == 0;
}

static enum err write_stamp(struct cache *cache, const char *stamp, struct error *error)
{
    size_t len = strlen(stamp);
    int fd = open(path_of(cache, "stamp"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot write to '%s'", cache->folder);
    bool is_written = write(fd, stamp, len) == (ssize_t)len;
    close(fd);
    return is_written ? ERR_NONE : error_set(error, ERR_IO, "cannot write to '%s'", cache->folder);
}

struct found {
    char name[CACHE_NAME];
    uint64_t size;
    struct timespec used;
};

static int oldest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct found *)a)->used;
    const struct timespec *y = &((const struct found *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
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
            !S_ISREG(about.st_mode) || strcmp(row->d_name, "stamp") == 0 ||
            strlen(row->d_name) >= CACHE_NAME)
            continue;
        if (count == capacity) {
            capacity = MAX(capacity * 2, 64);
            found = xrealloc(found, capacity * sizeof(*found));
        }
        memcpy(found[count].name, row->d_name, strlen(row->d_name) + 1);
        found[count].size = (uint64_t)about.st_size;
        found[count++].used = about.st_mtim;
    }
    if (dir != NULL)
        closedir(dir);
    if (count > 0)
        qsort(found, count, sizeof(*found), oldest_first);
    for (size_t i = 0; i < count; i++)
        add(cache, found[i].name, found[i].size);
    free(found);
}

static enum err make_folders(struct cache *cache, struct error *error)
{
    if (strlen(cache->folder) + CACHE_NAME + 2 > sizeof(cache->path))
        return error_set(error, ERR_CONFIG, "the path of the cache is too long");
    if ((mkdir(cache->folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path_of(cache, "tmp"), 0700) != 0 && errno != EEXIST))
        return error_set_errno(error, ERR_IO, "cannot make '%s'", cache->folder);
    return ERR_NONE;
}

enum err cache_new(const struct cache_options *options, struct cache **out, struct error *error)
{
    struct cache *cache = xcalloc(1, sizeof(*cache));
    char stamp[STAMP_TEXT];
    bool is_told = stamp_now(options->made_as, stamp);
    enum err err;

    cache->folder = xstrdup(options->folder);
    cache->max_bytes = options->max_bytes;
    cache->free_bytes = options->free_bytes;
    err = make_folders(cache, error);
    if (err == ERR_NONE) {
        empty(path_of(cache, "tmp"));
        if (is_told && has_stamp(cache, stamp))
            scan(cache);
        else
            empty(cache->folder);
        err = write_stamp(cache, stamp, error);
    }
    if (err == ERR_NONE)
        make_room(cache, 0); /* the budget may have been lowered */
    else
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
    while (cache->writing != NULL)
        stop_writing(cache, cache->writing);
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
    uint64_t room = room_for_next(cache);
    struct writing *writing;
    char name[TMP_NAME];
    int fd;

    make_room(cache, room);
    if (is_disk_full(cache)) {
        error_set(error, ERR_NO_SPACE, "the disk is full: less than %" PRIu64 " MiB are free",
                  cache->free_bytes >> 20);
        return -1;
    }
    fd = open(path_of(cache, tmp_of(ticket, name)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot write to '%s'",
                        cache->folder);
        return -1;
    }
    must(find_writing(cache, ticket) == NULL);
    writing = xcalloc(1, sizeof(*writing));
    writing->ticket = ticket;
    HASH_ADD(hh, cache->writing, ticket, sizeof(writing->ticket), writing);
    grow(cache, writing, room);
    return fd;
}

static enum err keep(struct cache *cache, const char *from, const char *name, struct error *error)
{
    struct entry *before;
    struct stat about;

    if (stat(from, &about) != 0)
        return error_set_errno(error, ERR_IO, "cannot keep '%s'", name);
    if ((uint64_t)about.st_size > cache->max_bytes)
        return error_set(error, ERR_NO_SPACE, "the cache is too small for one segment");
    make_room(cache, (uint64_t)about.st_size);
    if (rename(from, path_of(cache, name)) != 0)
        return error_set_errno(error, ERR_IO, "cannot keep '%s'", name);
    HASH_FIND_STR(cache->entries, name, before);
    if (before != NULL)
        drop(cache, before);
    add(cache, name, (uint64_t)about.st_size);
    return ERR_NONE;
}

enum err cache_commit(struct cache *cache, uint64_t ticket, const char *name, struct error *error)
{
    struct writing *writing = find_writing(cache, ticket);
    char tmp[TMP_NAME], from[PATH_MAX_HERE];
    enum err err;

    must(writing != NULL);
    stop_writing(cache, writing);
    snprintf(from, sizeof(from), "%s", path_of(cache, tmp_of(ticket, tmp)));
    err = keep(cache, from, name, error);
    if (err != ERR_NONE)
        unlink(from);
    return err;
}

void cache_abandon(struct cache *cache, uint64_t ticket)
{
    struct writing *writing = find_writing(cache, ticket);
    char name[TMP_NAME];

    unlink(path_of(cache, tmp_of(ticket, name)));
    if (writing != NULL)
        stop_writing(cache, writing);
}

void cache_tick(struct cache *cache)
{
    if (cache->writing != NULL)
        make_room(cache, 0);
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
