/* SPDX-License-Identifier: MIT */
#include "uploads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/must.h"
#include "base/text.h"

enum {
    UPLOADS_MAX = 10000,
    TOTAL_BYTES_MAX = 512 << 20,
    FILE_NAME = 255,
    FIELDS = 6,
};

struct uploads {
    int folder;
    struct upload *list;
    unsigned count;
    uint64_t bytes;
};

static bool is_same(const struct infohash *a, const struct infohash *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- names */

static char *tmp_name(uint32_t id, char out[FILE_NAME + 1])
{
    snprintf(out, FILE_NAME + 1, "tmp.%" PRIu32, id);
    return out;
}

static char *file_name(const struct upload *upload, char out[FILE_NAME + 1])
{
    char hash[INFOHASH_TEXT], name[(UPLOAD_NAME_MAX * 4 + 2) / 3 + 1];

    base64url_encode(bytes_of_text(upload->name), name);
    snprintf(out, FILE_NAME + 1, "%s.%" PRIu32 ".%" PRIu32 ".%s.%s.%s",
             infohash_text(&upload->hash, hash), upload->file, upload->id, upload->codec,
             upload->language, name);
    return out;
}

static bool read_number(struct bytes text, uint32_t *out)
{
    uint64_t number;

    if (text.len == 0 || bytes_decimal(text, &number) != text.len || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool read_word(struct bytes text, char *out, size_t cap)
{
    if (text.len >= cap)
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool read_name(const char *name, struct upload *out)
{
    struct bytes fields[FIELDS];
    size_t len;

    *out = (struct upload){0};
    for (size_t i = 0; i < FIELDS; i++) {
        size_t field = strcspn(name, ".");

        fields[i] = bytes_of(name, field);
        name += field;
        if ((*name == '.') != (i + 1 < FIELDS))
            return false;
        name += *name == '.';
    }
    return infohash_parse(fields[0], &out->hash) && read_number(fields[1], &out->file) &&
           read_number(fields[2], &out->id) &&
           read_word(fields[3], out->codec, sizeof(out->codec)) &&
           read_word(fields[4], out->language, sizeof(out->language)) &&
           base64url_decode(fields[5], (uint8_t *)out->name, UPLOAD_NAME_MAX, &len) &&
           utf8_valid(bytes_of(out->name, len));
}

/* ---- the list */

static void add(struct uploads *uploads, const struct upload *upload)
{
    struct upload *copy = xcalloc(1, sizeof(*copy));

    *copy = *upload;
    LL_APPEND(uploads->list, copy);
    uploads->count++;
    uploads->bytes += copy->size;
}

static void scan(struct uploads *uploads)
{
    int fd = openat(uploads->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *row;
    struct upload upload;
    struct stat about;

    while (dir != NULL && (row = readdir(dir)) != NULL) {
        if (strncmp(row->d_name, "tmp.", 4) == 0)
            unlinkat(uploads->folder, row->d_name, 0);
        else if (read_name(row->d_name, &upload) &&
                 fstatat(uploads->folder, row->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(about.st_mode)) {
            upload.size = (uint64_t)about.st_size;
            add(uploads, &upload);
        }
    }
    if (dir != NULL)
        closedir(dir);
}

enum err uploads_new(const char *folder, struct uploads **out, struct error *error)
{
    struct uploads *uploads;
    int fd = -1;

    *out = NULL;
    if (mkdir(folder, 0700) == 0 || errno == EEXIST)
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot make '%s'", folder);
    uploads = xcalloc(1, sizeof(*uploads));
    uploads->folder = fd;
    scan(uploads);
    *out = uploads;
    return ERR_NONE;
}

void uploads_free(struct uploads **uploads_p)
{
    struct uploads *uploads = *uploads_p;
    struct upload *upload, *next;

    if (uploads == NULL)
        return;
    LL_FOREACH_SAFE(uploads->list, upload, next)
    free(upload);
    close(uploads->folder);
    free(uploads);
    *uploads_p = NULL;
}

/* ---- adding */

static bool write_all(int fd, struct bytes data)
{
    for (size_t at = 0; at < data.len;) {
        ssize_t wrote = write(fd, data.data + at, data.len - at);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += (size_t)wrote;
    }
    return fsync(fd) == 0;
}

static bool has_room(const struct uploads *uploads, const struct upload *upload, size_t bytes)
{
    const struct upload *other;
    unsigned of_film = 0;

    LL_FOREACH(uploads->list, other)
    of_film += is_same(&other->hash, &upload->hash) && other->file == upload->file;
    return of_film < UPLOADS_OF_FILM_MAX && uploads->count < UPLOADS_MAX &&
           uploads->bytes + bytes <= TOTAL_BYTES_MAX;
}

enum err uploads_write(struct uploads *uploads, struct upload *upload, struct bytes data,
                       struct error *error)
{
    char name[FILE_NAME + 1];
    bool is_written;
    int fd;

    if (data.len == 0)
        return error_set(error, ERR_INVALID, "there is nothing in it");
    if (data.len > UPLOAD_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "subtitles have at most %d MiB",
                         UPLOAD_BYTES_MAX >> 20);
    if (!has_room(uploads, upload, data.len))
        return error_set(error, ERR_NO_SPACE, "there are too many uploads; remove some");
    /* By chance, for a number that was removed may still be in somebody's cache. */
    must(getrandom(&upload->id, sizeof(upload->id), 0) == (ssize_t)sizeof(upload->id));
    fd = openat(uploads->folder, tmp_name(upload->id, name),
                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot keep the upload");
    is_written = write_all(fd, data);
    if (!is_written)
        error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, "cannot keep the upload");
    close(fd);
    if (!is_written) {
        uploads_drop(uploads, upload->id);
        return error->code;
    }
    upload->size = data.len;
    return ERR_NONE;
}

enum err uploads_keep(struct uploads *uploads, const struct upload *upload, struct error *error)
{
    char from[FILE_NAME + 1], to[FILE_NAME + 1];

    if (renameat(uploads->folder, tmp_name(upload->id, from), uploads->folder,
                 file_name(upload, to)) != 0 ||
        fsync(uploads->folder) != 0)
        return error_set_errno(error, ERR_IO, "cannot keep the upload");
    add(uploads, upload);
    return ERR_NONE;
}

void uploads_drop(struct uploads *uploads, uint32_t id)
{
    char name[FILE_NAME + 1];

    unlinkat(uploads->folder, tmp_name(id, name), 0);
}

/* ---- use */

const struct upload *uploads_first(const struct uploads *uploads)
{
    return uploads->list;
}

const struct upload *uploads_find(const struct uploads *uploads, const struct infohash *hash,
                                  uint32_t file, uint32_t id)
{
    const struct upload *upload;

    LL_FOREACH(uploads->list, upload)
    if (upload->id == id && upload->file == file && is_same(&upload->hash, hash))
        return upload;
    return NULL;
}

int uploads_open(struct uploads *uploads, uint32_t id, const struct upload *upload)
{
    char name[FILE_NAME + 1];

    return openat(uploads->folder, upload != NULL ? file_name(upload, name) : tmp_name(id, name),
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

bool uploads_remove(struct uploads *uploads, const struct infohash *hash, uint32_t file,
                    uint32_t id)
{
    struct upload *upload = (struct upload *)(uintptr_t)uploads_find(uploads, hash, file, id);
    char name[FILE_NAME + 1];

    if (upload == NULL)
        return false;
    unlinkat(uploads->folder, file_name(upload, name), 0);
    fsync(uploads->folder);
    LL_DELETE(uploads->list, upload);
    uploads->count--;
    uploads->bytes -= upload->size;
    free(upload);
    return true;
}
