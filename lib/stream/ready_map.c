/* SPDX-License-Identifier: MIT */
#include "stream/ready_map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "stream/ready_map_format.h"

struct ready_map {
    struct ready_layout layout; /* points into `files` and `body` */
    struct ready_file *files;
    char *body;            /* our own copy: cannot change under us */
    struct map_head *head; /* mapped, with the pieces behind it; read-only for a reader */
    size_t mapped_bytes;
    bool is_writer;
    char *path; /* of the file; only for the writer */
};

static _Atomic uint8_t *pieces_of(const struct ready_map *map)
{
    return (_Atomic uint8_t *)(void *)(map->head + 1);
}

/* ---- names */

static enum err map_path(const char *run_dir, const struct infohash *hash, const char *ending,
                         char out[PATH_MAX], struct error *error)
{
    char hex[INFOHASH_TEXT];

    if (snprintf(out, PATH_MAX, "%s/torrents/%s.map%s", run_dir, infohash_text(hash, hex),
                 ending) >= PATH_MAX)
        return error_set(error, ERR_CONFIG, "the path of the run directory is too long");
    return ERR_NONE;
}

/* A map of an earlier boot says what was in the page cache then, not what reached the disk. */
static enum err read_boot(char out[CLOCK_BOOT_TEXT], struct error *error)
{
    return clock_boot(out) ? ERR_NONE
                           : error_set(error, ERR_IO, "cannot read the boot id of the kernel");
}

/* ---- checking */

static enum err check_head(const struct map_head *head, uint64_t file_bytes, struct error *error)
{
    const char *wrong = NULL;

    if (memcmp(head->magic, MAP_MAGIC, sizeof(head->magic)) != 0)
        wrong = "is not a ready map";
    else if (head->version != MAP_VERSION)
        wrong = "is of another version";
    else if (head->piece_count > MAP_PIECES_MAX || head->file_count > MAP_FILES_MAX ||
             head->body_bytes > MAP_BODY_MAX)
        wrong = "is larger than any map may be";
    else if (head->piece_bytes == 0 || head->piece_bytes > MAP_PIECE_BYTES_MAX ||
             head->total_bytes > (uint64_t)head->piece_count * head->piece_bytes ||
             (head->total_bytes + head->piece_bytes - 1) / head->piece_bytes != head->piece_count)
        wrong = "has a number of pieces that does not fit its size";
    else if (map_body_at(head->piece_count) + head->body_bytes != file_bytes ||
             head->file_count * sizeof(struct map_file) > head->body_bytes)
        wrong = "has another length than it says";
    return wrong == NULL ? ERR_NONE : error_set(error, ERR_INVALID, "the map %s", wrong);
}

/* Takes the next string of `len` bytes; NULL when it does not end where it should. */
static const char *take_string(const char **at, const char *end, uint32_t len)
{
    const char *text = *at;

    if (len >= MAP_STRING_MAX || (size_t)(end - text) <= len || memchr(text, '\0', len) != NULL ||
        text[len] != '\0')
        return NULL;
    *at = text + len + 1;
    return text;
}

/* Fills layout and files from a checked head and the body, which the map takes. */
static enum err read_body(struct ready_map *map, const struct map_head *head, char *body,
                          struct error *error)
{
    const char *at = body + head->file_count * sizeof(struct map_file);
    const char *end = body + head->body_bytes;

    map->body = body;
    map->files = xcalloc(head->file_count, sizeof(*map->files));
    map->layout = (struct ready_layout){
        .name = take_string(&at, end, head->name_len),
        .piece_count = head->piece_count,
        .piece_bytes = head->piece_bytes,
        .total_bytes = head->total_bytes,
        .file_count = head->file_count,
        .files = map->files,
    };
    memcpy(map->layout.hash.bytes, head->hash, sizeof(head->hash));
    if (map->layout.name == NULL)
        return error_set(error, ERR_INVALID, "the map has a broken name");
    for (uint32_t i = 0; i < head->file_count; i++) {
        struct map_file record;
        struct ready_file *file = &map->files[i];

        memcpy(&record, body + i * sizeof(record), sizeof(record));
        file->offset = record.offset;
        file->size = record.size;
        if (file->offset > head->total_bytes || file->size > head->total_bytes - file->offset)
            return error_set(error, ERR_INVALID, "file %u is not inside the torrent", i);
        file->path = take_string(&at, end, record.path_len);
        if (file->path == NULL)
            return error_set(error, ERR_INVALID, "file %u has a broken path", i);
        file->disk_path = take_string(&at, end, record.disk_path_len);
        if (file->disk_path == NULL || file->disk_path[0] != '/')
            return error_set(error, ERR_INVALID, "file %u has a broken place on disk", i);
    }
    return at == end ? ERR_NONE : error_set(error, ERR_INVALID, "the map has bytes left over");
}

static bool read_exactly(int fd, void *out, size_t len, uint64_t from)
{
    for (size_t have = 0; have < len;) {
        ssize_t got = pread(fd, (char *)out + have, len - have, (off_t)(from + have));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* Whoever can write a map chooses the files that we send to strangers. Believed are root, ourselves
 * and the owner of the folder, and only files that nobody else can write. */
static enum err check_owner(int fd, const char *path, struct stat *st_out, struct error *error)
{
    char folder[PATH_MAX];
    struct stat folder_st;

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    if (fstat(fd, st_out) != 0 || stat(folder, &folder_st) != 0)
        return error_set_errno(error, ERR_IO, "cannot look at %s", path);
    if (!S_ISREG(st_out->st_mode) || (st_out->st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
        (st_out->st_uid != 0 && st_out->st_uid != geteuid() && st_out->st_uid != folder_st.st_uid))
        return error_set(error, ERR_INVALID, "%s may have been written by a stranger", path);
    return ERR_NONE;
}

/* ---- opening */

static enum err map_pieces(struct ready_map *map, int fd, uint32_t piece_count, struct error *error)
{
    /* The length was compared with st_size before, and no writer of ours ever truncates: a page of
     * it that is missing (SIGBUS) takes somebody with the rights of torrent-svc. */
    map->mapped_bytes = (size_t)map_body_at(piece_count);
    void *memory = mmap(NULL, map->mapped_bytes,
                        map->is_writer ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return error_set_errno(error, ERR_IO, "cannot map the ready map");
    map->head = memory;
    return ERR_NONE;
}

static enum err load(struct ready_map *map, int fd, const char *path, struct error *error)
{
    struct map_head head;
    char boot[CLOCK_BOOT_TEXT];
    struct stat st;
    enum err err = check_owner(fd, path, &st, error);

    if (err != ERR_NONE || (err = read_boot(boot, error)) != ERR_NONE)
        return err;
    if (!read_exactly(fd, &head, sizeof(head), 0))
        return error_set(error, ERR_INVALID, "%s is too short", path);
    if ((err = check_head(&head, (uint64_t)st.st_size, error)) != ERR_NONE)
        return err;
    if (head.is_gone != 0 || memcmp(head.boot, boot, sizeof(boot)) != 0)
        return error_set(error, ERR_NOT_FOUND, "%s is out of date", path);
    char *body = xcalloc(head.body_bytes + 1, 1);
    if (!read_exactly(fd, body, head.body_bytes, map_body_at(head.piece_count))) {
        free(body);
        return error_set(error, ERR_INVALID, "%s is too short", path);
    }
    if ((err = read_body(map, &head, body, error)) != ERR_NONE)
        return err;
    return map_pieces(map, fd, head.piece_count, error);
}

static enum err open_map(const char *path, bool is_writer, struct ready_map **out,
                         struct error *error)
{
    /* Non-blocking: a pipe put there would hold us up. */
    int fd = open(path, (is_writer ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERR_NOT_FOUND, "there is no %s", path);
    if (fd < 0)
        return error_set_errno(error, errno == ELOOP ? ERR_INVALID : ERR_IO, "cannot open %s",
                               path);
    struct ready_map *map = xcalloc(1, sizeof(*map));
    map->is_writer = is_writer;
    enum err err = load(map, fd, path, error);
    close(fd);
    if (err != ERR_NONE)
        ready_map_close(&map);
    else if (is_writer)
        map->path = xstrdup(path);
    *out = map;
    return err;
}

enum err ready_map_open(const char *run_dir, const struct infohash *hash, struct ready_map **out,
                        struct error *error)
{
    char path[PATH_MAX];
    enum err err = map_path(run_dir, hash, "", path, error);

    *out = NULL;
    if (err != ERR_NONE || (err = open_map(path, false, out, error)) != ERR_NONE)
        return err;
    if (memcmp((*out)->layout.hash.bytes, hash->bytes, sizeof(hash->bytes)) == 0)
        return ERR_NONE;
    ready_map_close(out);
    return error_set(error, ERR_INVALID, "%s is the map of another torrent", path);
}

void ready_map_close(struct ready_map **map_p)
{
    struct ready_map *map = *map_p;

    if (map == NULL)
        return;
    if (map->head != NULL)
        munmap(map->head, map->mapped_bytes);
    free(map->files);
    free(map->body);
    free(map->path);
    free(map);
    *map_p = NULL;
}

/* ---- making */

struct image {
    char *data;
    size_t len;
};

/* What is wrong with a layout is found the way a reader would find it, before a map is replaced. */
static enum err check_image(const struct map_head *head, const struct image *image,
                            struct error *error)
{
    struct ready_map *map = xcalloc(1, sizeof(*map));
    enum err err = check_head(head, image->len, error);

    if (err == ERR_NONE) {
        char *body = xcalloc(head->body_bytes, 1);

        memcpy(body, image->data + map_body_at(head->piece_count), head->body_bytes);
        err = read_body(map, head, body, error);
    }
    ready_map_close(&map);
    return err;
}

/* The whole file as it should be, all pieces missing. */
static enum err make_image(const struct ready_layout *layout, struct image *image,
                           struct error *error)
{
    struct map_head head = {
        .magic = MAP_MAGIC,
        .version = MAP_VERSION,
        .total_bytes = layout->total_bytes,
        .piece_count = layout->piece_count,
        .piece_bytes = layout->piece_bytes,
        .file_count = layout->file_count,
        .name_len = (uint32_t)strnlen(layout->name, MAP_STRING_MAX),
    };

    if (layout->file_count > MAP_FILES_MAX || layout->piece_count > MAP_PIECES_MAX)
        return error_set(error, ERR_TOO_LARGE, "a torrent of %u pieces and %u files is too large",
                         layout->piece_count, layout->file_count);
    head.body_bytes = layout->file_count * sizeof(struct map_file) + head.name_len + 1;
    for (uint32_t i = 0; i < layout->file_count; i++)
        head.body_bytes += strnlen(layout->files[i].path, MAP_STRING_MAX) + 1 +
                           strnlen(layout->files[i].disk_path, MAP_STRING_MAX) + 1;
    if (head.body_bytes > MAP_BODY_MAX)
        return error_set(error, ERR_TOO_LARGE, "the paths of %u files are too long together",
                         layout->file_count);
    enum err err = read_boot(head.boot, error);
    if (err != ERR_NONE)
        return err;
    memcpy(head.hash, layout->hash.bytes, sizeof(head.hash));

    size_t body_at = (size_t)map_body_at(layout->piece_count);
    image->len = body_at + (size_t)head.body_bytes;
    image->data = xcalloc(image->len, 1);
    memcpy(image->data, &head, sizeof(head));
    char *record_at = image->data + body_at;
    char *text_at = record_at + layout->file_count * sizeof(struct map_file);
    memcpy(text_at, layout->name, head.name_len);
    text_at += head.name_len + 1;
    for (uint32_t i = 0; i < layout->file_count; i++) {
        const struct ready_file *file = &layout->files[i];
        struct map_file record = {
            .offset = file->offset,
            .size = file->size,
            .path_len = (uint32_t)strnlen(file->path, MAP_STRING_MAX),
            .disk_path_len = (uint32_t)strnlen(file->disk_path, MAP_STRING_MAX),
        };

        memcpy(record_at + i * sizeof(record), &record, sizeof(record));
        memcpy(text_at, file->path, record.path_len);
        text_at += record.path_len + 1;
        memcpy(text_at, file->disk_path, record.disk_path_len);
        text_at += record.disk_path_len + 1;
    }
    return check_image(&head, image, error);
}

static bool is_same_layout(const struct ready_map *map, const struct image *image)
{
    struct map_head head;

    memcpy(&head, image->data, sizeof(head));
    return map->layout.piece_count == head.piece_count &&
           map->layout.piece_bytes == head.piece_bytes &&
           map->layout.total_bytes == head.total_bytes &&
           map->layout.file_count == head.file_count && map->head->name_len == head.name_len &&
           map->head->body_bytes == head.body_bytes &&
           memcmp(map->layout.hash.bytes, head.hash, sizeof(head.hash)) == 0 &&
           memcmp(map->body, image->data + map_body_at(head.piece_count), head.body_bytes) == 0;
}

/* Every byte is written, so that no hole is left to be filled through the mapping on a full disk.
 */
static enum err write_file(const char *path, const struct image *image, struct error *error)
{
    unlink(path); /* left behind by a life that was cut short */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    bool is_good = fd >= 0 && fchmod(fd, 0640) == 0;

    for (size_t done = 0; is_good && done < image->len;) {
        ssize_t put = write(fd, image->data + done, image->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        is_good = put > 0;
        done += is_good ? (size_t)put : 0;
    }
    enum err err = ERR_NONE;
    if (!is_good)
        err = error_set_errno(error, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                              "cannot write %s", path);
    if (fd >= 0)
        close(fd);
    if (!is_good)
        unlink(path);
    return err;
}

static enum err make_folder(const char *run_dir, struct error *error)
{
    char folder[PATH_MAX];

    snprintf(folder, sizeof(folder), "%s/torrents", run_dir);
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return error_set_errno(error, ERR_IO, "cannot make %s", folder);
    return ERR_NONE;
}

/* Tells the readers of a replaced map, whatever else it was. The name is already that of the new
 * one, so that who sees the mark and opens again does not find the old one. */
static void mark_gone(int fd)
{
    static const uint32_t is_gone = 1;
    char magic[sizeof(((struct map_head *)NULL)->magic)];
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_size >= (off_t)sizeof(struct map_head) && read_exactly(fd, magic, sizeof(magic), 0) &&
        memcmp(magic, MAP_MAGIC, sizeof(magic)) == 0 &&
        pwrite(fd, &is_gone, sizeof(is_gone), offsetof(struct map_head, is_gone)) < 0)
        log_warn("cannot mark a replaced map as gone");
}

static enum err replace(const char *run_dir, const struct infohash *hash, const char *path,
                        const struct image *image, struct error *error)
{
    char fresh[PATH_MAX];
    enum err err = map_path(run_dir, hash, ".new", fresh, error);

    if (err != ERR_NONE || (err = write_file(fresh, image, error)) != ERR_NONE)
        return err;
    int old = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (rename(fresh, path) != 0) {
        err = error_set_errno(error, ERR_IO, "cannot rename %s", fresh);
        unlink(fresh);
    }
    if (err == ERR_NONE && old >= 0)
        mark_gone(old);
    if (old >= 0)
        close(old);
    return err;
}

enum err ready_map_create(const char *run_dir, const struct ready_layout *layout,
                          struct ready_map **out, bool *has_pieces_out, struct error *error)
{
    char path[PATH_MAX];
    struct image image = {0};
    enum err err;

    *out = NULL;
    *has_pieces_out = false;
    if ((err = map_path(run_dir, &layout->hash, "", path, error)) != ERR_NONE ||
        (err = make_folder(run_dir, error)) != ERR_NONE ||
        (err = make_image(layout, &image, error)) != ERR_NONE)
        goto out;
    /* A map that cannot be opened, for whatever reason, is one to replace. */
    open_map(path, true, out, NULL);
    if (*out != NULL && is_same_layout(*out, &image)) {
        *has_pieces_out = true;
        goto out;
    }
    ready_map_close(out);
    if ((err = replace(run_dir, &layout->hash, path, &image, error)) == ERR_NONE)
        err = open_map(path, true, out, error);
out:
    free(image.data);
    return err;
}

void ready_map_set(struct ready_map *map, uint32_t piece, bool is_ready)
{
    must(map->is_writer && piece < map->layout.piece_count);
    atomic_store_explicit(&pieces_of(map)[piece], is_ready, memory_order_release);
}

void ready_map_remove(struct ready_map **map)
{
    must((*map)->is_writer);
    atomic_store_explicit(&(*map)->head->is_gone, 1, memory_order_release);
    unlink((*map)->path);
    ready_map_close(map);
}

/* ---- reading */

const struct ready_layout *ready_map_layout(const struct ready_map *map)
{
    return &map->layout;
}

bool ready_map_is_gone(const struct ready_map *map)
{
    return atomic_load_explicit(&map->head->is_gone, memory_order_acquire) != 0;
}

bool ready_map_has(const struct ready_map *map, uint32_t piece)
{
    return piece < map->layout.piece_count &&
           atomic_load_explicit(&pieces_of(map)[piece], memory_order_acquire) != 0;
}

const uint8_t *ready_map_pieces(const struct ready_map *map)
{
    return (const uint8_t *)(map->head + 1);
}

/* Eight pieces at once; the low seven bits of a byte carry into its eighth unless all are zero.
 * memchr() would be quicker still, but may look at a byte twice, and bytes change under it. */
static uint64_t ready_bits(const struct ready_map *map, uint32_t first)
{
    static const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    const _Atomic uint64_t *words = (const _Atomic uint64_t *)(const void *)(map->head + 1);
    uint64_t word = atomic_load_explicit(&words[first / 8], memory_order_acquire);

    return (((word & low) + low) | word) & ~low;
}

/* First missing piece in [first, end), or end. */
static uint32_t first_missing(const struct ready_map *map, uint32_t first, uint32_t end)
{
    uint32_t at = first;

    for (; at < end && at % 8 != 0; at++)
        if (!ready_map_has(map, at))
            return at;
    while (at + 8 <= end && ready_bits(map, at) == 0x8080808080808080u)
        at += 8;
    while (at < end && ready_map_has(map, at))
        at++;
    return at;
}

static uint32_t count_ready(const struct ready_map *map, uint32_t first, uint32_t end)
{
    uint32_t count = 0, at = first;

    for (; at < end && at % 8 != 0; at++)
        count += ready_map_has(map, at);
    for (; at + 8 <= end; at += 8)
        count += (uint32_t)__builtin_popcountll(ready_bits(map, at));
    for (; at < end; at++)
        count += ready_map_has(map, at);
    return count;
}

uint32_t ready_map_count(const struct ready_map *map)
{
    return count_ready(map, 0, map->layout.piece_count);
}

uint64_t ready_map_run(const struct ready_map *map, uint32_t file, uint64_t position, uint64_t max)
{
    if (file >= map->layout.file_count || position >= map->files[file].size || max == 0)
        return 0;
    uint64_t piece_bytes = map->layout.piece_bytes;
    uint64_t start = map->files[file].offset + position;
    uint64_t len = MIN(max, map->files[file].size - position);
    uint32_t end = (uint32_t)((start + len - 1) / piece_bytes) + 1;
    uint64_t ready_end = first_missing(map, (uint32_t)(start / piece_bytes), end) * piece_bytes;

    return ready_end <= start ? 0 : MIN(len, ready_end - start);
}

uint64_t ready_map_file_bytes(const struct ready_map *map, uint32_t file)
{
    if (file >= map->layout.file_count || map->files[file].size == 0)
        return 0;
    uint64_t piece_bytes = map->layout.piece_bytes;
    uint64_t start = map->files[file].offset, end = start + map->files[file].size;
    uint32_t first = (uint32_t)(start / piece_bytes), last = (uint32_t)((end - 1) / piece_bytes);
    bool has_first = ready_map_has(map, first), has_last = ready_map_has(map, last);

    if (first == last)
        return has_first ? end - start : 0;
    return (has_first ? (first + 1) * piece_bytes - start : 0) +
           (has_last ? end - last * piece_bytes : 0) +
           count_ready(map, first + 1, last) * piece_bytes;
}

uint32_t ready_map_piece_at(const struct ready_map *map, uint32_t file, uint64_t position)
{
    if (file >= map->layout.file_count || map->layout.piece_count == 0)
        return 0;
    uint64_t inside = MIN(position, map->files[file].size - (map->files[file].size > 0));

    return MIN((uint32_t)((map->files[file].offset + inside) / map->layout.piece_bytes),
               map->layout.piece_count - 1);
}
