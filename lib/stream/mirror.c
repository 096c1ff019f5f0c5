/* SPDX-License-Identifier: MIT */
#include "stream/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <proto/torrent.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "stream/ready_map.h"

enum {
    FETCH_MS = 10000,
    PULLS_MAX = 64,      /* calls in flight, of one torrent */
    PULLS_OF_READER = 2, /* likewise, for what one reader wants */
    IDLE_MS = 60000,     /* a torrent nobody has wanted anything of for so long may go */
    FILES_MAX = 1000000,
    OPEN_FILES = 64,
};

/* A call in flight. */
struct pull {
    struct mirror *mirror;
    uint64_t call; /* 0: the place is free */
    uint32_t file, first, count;
    uint64_t position; /* of block `first` in the file */
};

struct mirror {
    struct mirrors *mirrors;
    struct infohash hash;
    char text[INFOHASH_TEXT];
    struct ready_map *map;
    uint64_t used_ms;
    struct pull pulls[PULLS_MAX];
    UT_hash_handle hh;
};

/* What may be forgotten, oldest first. */
struct block {
    struct mirror *mirror;
    uint32_t file, index;
    uint64_t position;
    struct block *prev, *next;
};

struct mirrors {
    struct mirror_config config;
    struct mirror_owner owner;
    char *folder;
    struct mirror *all; /* hash */
    struct block *blocks;
    uint64_t bytes;
};

struct mirror_draft {
    struct infohash hash;
    char *name;
    uint32_t file_count, have;
    struct ready_file *files; /* paths are ours */
};

/* ---- drafts */

struct mirror_draft *mirror_draft_new(const struct infohash *hash)
{
    struct mirror_draft *draft = xcalloc(1, sizeof(*draft));

    draft->hash = *hash;
    return draft;
}

void mirror_draft_free(struct mirror_draft **draft_p)
{
    struct mirror_draft *draft = *draft_p;

    if (draft == NULL)
        return;
    for (uint32_t i = 0; i < draft->have; i++)
        free((char *)(uintptr_t)draft->files[i].path);
    free(draft->files);
    free(draft->name);
    free(draft);
    *draft_p = NULL;
}

bool mirror_draft_add(struct mirror_draft *draft, const Sharestream__Torrent__TorrentInfo *info,
                      uint32_t *next_out)
{
    if (draft->files == NULL) {
        draft->name = xstrdup(info->name);
        draft->file_count = MIN(info->file_count, (uint32_t)FILES_MAX);
        draft->files = xcalloc(MAX(draft->file_count, 1u), sizeof(*draft->files));
    }
    for (size_t i = 0; i < info->n_files && draft->have < draft->file_count; i++) {
        if (info->files[i]->id != draft->have)
            continue;
        draft->files[draft->have].path = xstrdup(info->files[i]->path);
        draft->files[draft->have++].size = info->files[i]->size_bytes;
    }
    *next_out = draft->have;
    /* A reply without files would be asked for again and again. */
    return draft->have == draft->file_count || info->n_files == 0;
}

/* ---- files */

static const struct ready_file *file_of(const struct mirror *mirror, uint32_t file)
{
    return &ready_map_layout(mirror->map)->files[file];
}

static int open_file(const struct mirror *mirror, uint32_t file)
{
    const struct ready_file *info = file_of(mirror, file);
    int fd = open(info->disk_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

    /* Its whole length, so that what is missing is a hole and not the end. */
    if (fd >= 0 && ftruncate(fd, (off_t)info->size) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static enum err write_block(const struct mirror *mirror, const struct pull *pull, struct bytes data,
                            struct error *error)
{
    int fd = open_file(mirror, pull->file);
    bool is_good = fd >= 0;

    for (size_t done = 0; is_good && done < data.len;) {
        ssize_t put = pwrite(fd, data.data + done, data.len - done, (off_t)(pull->position + done));

        if (put < 0 && errno == EINTR)
            continue;
        is_good = put > 0;
        done += is_good ? (size_t)put : 0;
    }
    if (!is_good)
        error_set_errno(error, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                        "cannot keep what came from another machine in %s",
                        mirror->mirrors->folder);
    if (fd >= 0)
        close(fd);
    return is_good ? ERR_NONE : error->code;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) != 0 && errno != ENOENT;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, OPEN_FILES, FTW_DEPTH | FTW_PHYS);
}

/* ---- torrents */

static struct mirror *find(struct mirrors *mirrors, const struct infohash *hash)
{
    struct mirror *mirror = NULL;

    if (mirrors != NULL)
        HASH_FIND(hh, mirrors->all, hash, sizeof(*hash), mirror);
    return mirror;
}

static void forget_block(struct mirrors *mirrors, struct block *block)
{
    mirrors->bytes -= MIRROR_BLOCK_BYTES;
    DL_DELETE(mirrors->blocks, block);
    free(block);
}

static void mirror_free(struct mirror *mirror)
{
    struct mirrors *mirrors = mirror->mirrors;
    struct block *block, *next;
    char folder[PATH_MAX];

    for (size_t i = 0; i < PULLS_MAX; i++)
        if (mirror->pulls[i].call != 0)
            bus_cancel(mirrors->owner.bus, mirror->pulls[i].call);
    DL_FOREACH_SAFE(mirrors->blocks, block, next)
    if (block->mirror == mirror)
        forget_block(mirrors, block);
    snprintf(folder, sizeof(folder), "%s/%s", mirrors->folder, mirror->text);
    ready_map_remove(&mirror->map);
    remove_tree(folder);
    HASH_DEL(mirrors->all, mirror);
    free(mirror);
}

void mirrors_remove(struct mirrors *mirrors, const struct infohash *hash)
{
    struct mirror *mirror = find(mirrors, hash);

    if (mirror != NULL)
        mirror_free(mirror);
}

/* The one that was not wanted for longest; false: all are in use. */
static bool remove_idle(struct mirrors *mirrors)
{
    struct mirror *mirror, *next, *oldest = NULL;

    HASH_ITER(hh, mirrors->all, mirror, next)
    if (clock_ms() - mirror->used_ms > IDLE_MS &&
        (oldest == NULL || mirror->used_ms < oldest->used_ms))
        oldest = mirror;
    if (oldest != NULL)
        mirror_free(oldest);
    return oldest != NULL;
}

/* Each file begins with a block of its own. */
static void lay_out(const struct mirrors *mirrors, const struct mirror_draft *draft,
                    struct ready_layout *layout, struct ready_file *files)
{
    char text[INFOHASH_TEXT];
    uint64_t at = 0;

    infohash_text(&draft->hash, text);
    for (uint32_t i = 0; i < draft->file_count; i++) {
        files[i] = (struct ready_file){
            .path = draft->files[i].path,
            .disk_path = xasprintf("%s/%s/%u", mirrors->folder, text, i),
            .offset = at,
            .size = draft->files[i].size,
        };
        at += (files[i].size + MIRROR_BLOCK_BYTES - 1) / MIRROR_BLOCK_BYTES * MIRROR_BLOCK_BYTES;
    }
    *layout = (struct ready_layout){
        .hash = draft->hash,
        .name = draft->name,
        .piece_bytes = MIRROR_BLOCK_BYTES,
        .piece_count = (uint32_t)MIN(at / MIRROR_BLOCK_BYTES, (uint64_t)UINT32_MAX),
        .total_bytes = at,
        .file_count = draft->file_count,
        .files = files,
    };
}

static enum err make_map(struct mirrors *mirrors, const struct mirror_draft *draft,
                         struct ready_map **out, struct error *error)
{
    struct ready_file *files = xcalloc(MAX(draft->file_count, 1u), sizeof(*files));
    struct ready_layout layout;
    char folder[PATH_MAX], text[INFOHASH_TEXT];
    bool has_pieces;
    enum err err;

    snprintf(folder, sizeof(folder), "%s/%s", mirrors->folder, infohash_text(&draft->hash, text));
    lay_out(mirrors, draft, &layout, files);
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        err = error_set_errno(error, ERR_IO, "cannot make %s", folder);
    else
        err = ready_map_create(mirrors->folder, &layout, out, &has_pieces, error);
    for (uint32_t i = 0; i < draft->file_count; i++)
        free((char *)(uintptr_t)files[i].disk_path);
    free(files);
    return err;
}

enum err mirrors_make(struct mirrors *mirrors, const struct mirror_draft *draft,
                      struct error *error)
{
    struct mirror *mirror;
    struct ready_map *map = NULL;
    enum err err;

    if (mirrors == NULL)
        return error_set(error, ERR_NOT_FOUND, "its files are not on this machine");
    if (find(mirrors, &draft->hash) != NULL)
        return ERR_NONE;
    if (draft->have != draft->file_count)
        return error_set(error, ERR_PROTOCOL, "its list of files is not whole");
    if (HASH_COUNT(mirrors->all) >= MIRROR_TORRENTS_MAX && !remove_idle(mirrors))
        return error_set(error, ERR_BUSY, "too many torrents of other machines are being read");
    if ((err = make_map(mirrors, draft, &map, error)) != ERR_NONE)
        return err;
    mirror = xcalloc(1, sizeof(*mirror));
    mirror->mirrors = mirrors;
    mirror->hash = draft->hash;
    infohash_text(&mirror->hash, mirror->text);
    mirror->map = map;
    mirror->used_ms = clock_ms();
    HASH_ADD(hh, mirrors->all, hash, sizeof(mirror->hash), mirror);
    return ERR_NONE;
}

enum err mirrors_new(const struct mirror_config *config, const struct mirror_owner *owner,
                     struct mirrors **out, struct error *error)
{
    struct mirrors *mirrors;

    *out = NULL;
    remove_tree(config->folder);
    if (mkdir(config->folder, 0750) != 0)
        return error_set_errno(error, ERR_IO, "cannot make %s", config->folder);
    mirrors = xcalloc(1, sizeof(*mirrors));
    mirrors->config = *config;
    mirrors->owner = *owner;
    mirrors->folder = xstrdup(config->folder);
    *out = mirrors;
    return ERR_NONE;
}

void mirrors_free(struct mirrors **mirrors_p)
{
    struct mirrors *mirrors = *mirrors_p;

    if (mirrors == NULL)
        return;
    while (mirrors->all != NULL)
        mirror_free(mirrors->all);
    remove_tree(mirrors->folder);
    free(mirrors->folder);
    free(mirrors);
    *mirrors_p = NULL;
}

const char *mirrors_folder(const struct mirrors *mirrors)
{
    return mirrors->folder;
}

void mirrors_open_file(struct mirrors *mirrors, const struct infohash *hash, uint32_t file)
{
    struct mirror *mirror = find(mirrors, hash);
    int fd;

    if (mirror == NULL || file >= ready_map_layout(mirror->map)->file_count)
        return;
    if ((fd = open_file(mirror, file)) >= 0)
        close(fd); /* else its reader is told when it opens it */
}

bool mirrors_may_forget(struct mirrors *mirrors, const struct infohash *hash)
{
    return find(mirrors, hash) != NULL && mirrors->config.may_forget;
}

/* ---- room */

static void punch(const struct block *block)
{
    int fd = open_file(block->mirror, block->file);

    ready_map_set(block->mirror->map, block->index, false);
    if (fd < 0)
        return;
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block->position,
                  MIRROR_BLOCK_BYTES) != 0)
        log_warn("cannot give space back", "folder=%s error=%s", block->mirror->mirrors->folder,
                 strerror(errno));
    close(fd);
}

/* Those before a reader stay, even if that is too much: each reader has a few. */
static void forget_oldest(struct mirrors *mirrors)
{
    struct block *block, *next;

    DL_FOREACH_SAFE(mirrors->blocks, block, next)
    {
        if (mirrors->bytes <= mirrors->config.max_bytes)
            return;
        if (mirrors->owner.is_wanted(mirrors->owner.arg, &block->mirror->hash, block->file,
                                     block->position))
            continue;
        punch(block);
        forget_block(mirrors, block);
    }
}

static enum err make_room(struct mirrors *mirrors, size_t bytes, struct error *error)
{
    if (mirrors->config.may_forget)
        return ERR_NONE;
    while (mirrors->bytes + bytes > mirrors->config.max_bytes)
        if (!remove_idle(mirrors))
            return error_set(error, ERR_NO_SPACE,
                             "no more room for bytes of other machines: %s has its limit",
                             mirrors->folder);
    return ERR_NONE;
}

/* ---- fetching */

static bool is_passing(enum err code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_BUSY ||
           code == ERR_CANCELLED;
}

static void add_block(struct mirror *mirror, const struct pull *pull, uint32_t i)
{
    struct block *block = xcalloc(1, sizeof(*block));

    block->mirror = mirror;
    block->file = pull->file;
    block->index = pull->first + i;
    block->position = pull->position + (uint64_t)i * MIRROR_BLOCK_BYTES;
    DL_APPEND(mirror->mirrors->blocks, block);
    mirror->mirrors->bytes += MIRROR_BLOCK_BYTES;
    ready_map_set(mirror->map, block->index, true);
}

/* How many blocks of the answer are whole. */
static uint32_t whole_blocks(const struct mirror *mirror, const struct pull *pull, size_t len)
{
    bool is_end = pull->position + len == file_of(mirror, pull->file)->size;
    uint64_t count = (len + (is_end ? MIRROR_BLOCK_BYTES - 1 : 0)) / MIRROR_BLOCK_BYTES;

    return (uint32_t)MIN(count, (uint64_t)pull->count);
}

static void keep(struct mirror *mirror, const struct pull *pull, struct bytes data)
{
    struct mirrors *mirrors = mirror->mirrors;
    struct infohash hash = mirror->hash;
    struct error error = {0};
    uint32_t count = whole_blocks(mirror, pull, data.len);

    if (count == 0)
        return; /* not there either: the next Ready tells, or the next renewal tries */
    data.len = MIN(data.len, (size_t)count * MIRROR_BLOCK_BYTES);
    mirror->used_ms = clock_ms();
    if (make_room(mirrors, data.len, &error) == ERR_NONE &&
        write_block(mirror, pull, data, &error) == ERR_NONE)
        for (uint32_t i = 0; i < count; i++)
            add_block(mirror, pull, i);
    mirrors->owner.on_arrived(mirrors->owner.arg, &hash, error.code != ERR_NONE ? &error : NULL);
    if (mirrors->config.may_forget)
        forget_oldest(mirrors);
}

static void on_fetched(const Sharestream__Torrent__FetchReply *reply, void *arg)
{
    struct pull *place = arg, pull = *place;
    struct mirror *mirror = pull.mirror;
    struct mirrors *mirrors = mirror->mirrors;

    place->call = 0;
    if (reply != NULL) {
        keep(mirror, &pull, bytes_of(reply->data.data, reply->data.len));
        return;
    }
    const struct error *why = bus_error(mirrors->owner.torrent);

    if (!is_passing(why->code))
        mirrors->owner.on_arrived(mirrors->owner.arg, &mirror->hash, why);
}

static bool is_in_flight(const struct mirror *mirror, uint32_t block)
{
    for (size_t i = 0; i < PULLS_MAX; i++) {
        const struct pull *pull = &mirror->pulls[i];

        if (pull->call != 0 && block >= pull->first && block < pull->first + pull->count)
            return true;
    }
    return false;
}

static struct pull *free_pull(struct mirror *mirror)
{
    for (size_t i = 0; i < PULLS_MAX; i++)
        if (mirror->pulls[i].call == 0)
            return &mirror->pulls[i];
    return NULL;
}

static void fetch(struct mirror *mirror, uint32_t file, uint32_t first, uint32_t count)
{
    Sharestream__Torrent__FetchRequest request = SHARESTREAM__TORRENT__FETCH_REQUEST__INIT;
    struct pull *pull = free_pull(mirror);
    const struct ready_file *info = file_of(mirror, file);

    if (pull == NULL)
        return;
    *pull = (struct pull){.mirror = mirror, .file = file, .first = first, .count = count};
    pull->position = (uint64_t)first * MIRROR_BLOCK_BYTES - info->offset;
    request.info_hash = mirror->text;
    request.file = file;
    request.position = pull->position;
    request.size_bytes =
        (uint32_t)MIN((uint64_t)count * MIRROR_BLOCK_BYTES, info->size - pull->position);
    sharestream__torrent__torrent__fetch(bus_to_holder(mirror->mirrors->owner.torrent, FETCH_MS,
                                                       bytes_of_text(mirror->text), &pull->call),
                                         &request, on_fetched, pull);
}

void mirrors_pull(struct mirrors *mirrors, const struct infohash *hash, uint32_t file,
                  uint64_t position, uint64_t end)
{
    struct mirror *mirror = find(mirrors, hash);
    unsigned in_flight = 0;

    if (mirror == NULL || file >= ready_map_layout(mirror->map)->file_count)
        return;
    const struct ready_file *info = file_of(mirror, file);

    end = MIN(MIN(end, info->size), position + MIRROR_AHEAD_BYTES);
    if (position >= end)
        return;
    mirror->used_ms = clock_ms();
    uint32_t at = (uint32_t)((info->offset + position) / MIRROR_BLOCK_BYTES);
    uint32_t last = (uint32_t)((info->offset + end - 1) / MIRROR_BLOCK_BYTES);

    while (at <= last && in_flight < PULLS_OF_READER) {
        uint32_t count = 0, most = MIRROR_FETCH_BYTES / MIRROR_BLOCK_BYTES;

        if (ready_map_has(mirror->map, at)) {
            at++;
        } else if (is_in_flight(mirror, at)) {
            in_flight += at % most == 0; /* about one for each call */
            at++;
        } else {
            while (count < most && at + count <= last && !ready_map_has(mirror->map, at + count) &&
                   !is_in_flight(mirror, at + count))
                count++;
            fetch(mirror, file, at, count);
            at += count;
            in_flight++;
        }
    }
}
