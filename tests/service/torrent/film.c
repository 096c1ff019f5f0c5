/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

static void fill(uint8_t *out, uint64_t len, uint64_t seed)
{
    uint64_t i = 0;

    for (; i + 8 <= len; i += 8) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(out + i, &seed, 8);
    }
    memcpy(out + i, &seed, len - i);
}

static void write_file(const char *path, struct bytes data)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(data.data, 1, data.len, file), data.len);
    assert_int_equal(fclose(file), 0);
}

static void write_all(const struct film *film)
{
    char *path = xasprintf("%s/%s", film->folder, film->name);

    if (film->file_count > 1)
        assert_int_equal(mkdir(path, 0755), 0);
    for (uint32_t i = 0; i < film->file_count; i++) {
        char *inside = film->file_count > 1 ? xasprintf("%s/%s", path, film->paths[i]) : NULL;

        write_file(inside != NULL ? inside : path, film_file(film, i));
        free(inside);
    }
    free(path);
}

static void add_text(struct text *out, const char *text)
{
    text_addf(out, "%zu:%s", strlen(text), text);
}

static void add_info(const struct film *film, struct text *out)
{
    uint8_t hash[SHA_DIGEST_LENGTH];

    text_add(out, "d");
    if (film->file_count > 1) {
        text_add(out, "5:filesl");
        for (size_t i = 0; i < film->file_count; i++) {
            text_addf(out, "d6:lengthi%lue4:pathl", (unsigned long)film->sizes[i]);
            add_text(out, film->paths[i]);
            text_add(out, "ee");
        }
        text_add(out, "e");
    } else {
        text_addf(out, "6:lengthi%lue", (unsigned long)film->total);
    }
    text_add(out, "4:name");
    add_text(out, film->name);
    text_addf(out, "12:piece lengthi%de6:pieces%u:", FILM_PIECE,
              film->piece_count * SHA_DIGEST_LENGTH);
    for (uint64_t at = 0; at < film->total; at += FILM_PIECE) {
        SHA1(film->data + at, MIN(film->total - at, (uint64_t)FILM_PIECE), hash);
        text_add_bytes(out, bytes_of(hash, sizeof(hash)));
    }
    text_add(out, "e");
}

static void make_metainfo(struct film *film)
{
    uint8_t hash[SHA_DIGEST_LENGTH];
    struct text info = {0};

    add_info(film, &info);
    SHA1((const uint8_t *)info.data, info.len, hash);
    hex_encode(bytes_of(hash, sizeof(hash)), film->hash);
    text_add(&film->metainfo, "d4:info");
    text_add_bytes(&film->metainfo, bytes_of(info.data, info.len));
    text_add(&film->metainfo, "e");
    text_fini(&info);
}

void film_make(struct film *film, const char *folder, const char *name, size_t count,
               const char *const *paths, const uint64_t *sizes)
{
    assert_in_range(count, 1, FILM_FILES_MAX);
    *film = (struct film){.name = name, .file_count = count};
    snprintf(film->folder, sizeof(film->folder), "%s", folder);
    for (size_t i = 0; i < count; i++) {
        film->paths[i] = paths[i];
        film->sizes[i] = sizes[i];
        film->total += sizes[i];
    }
    film->piece_count = (uint32_t)((film->total + FILM_PIECE - 1) / FILM_PIECE);
    film->data = xcalloc(1, film->total);
    fill(film->data, film->total, bytes_hash(bytes_of_text(name), 0) | 1);
    mkdir(folder, 0755);
    write_all(film);
    make_metainfo(film);
}

void film_make_file(struct film *film, const char *folder, const char *name, uint64_t size)
{
    film_make(film, folder, name, 1, &name, &size);
}

void film_free(struct film *film)
{
    free(film->data);
    text_fini(&film->metainfo);
}

struct bytes film_file(const struct film *film, uint32_t file)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < file; i++)
        at += film->sizes[i];
    return bytes_of(film->data + at, film->sizes[file]);
}

bool film_is_at(const struct film *film, uint32_t file, const char *path)
{
    struct bytes wanted = film_file(film, file);
    uint8_t *got = xcalloc(1, wanted.len + 1);
    FILE *in = fopen(path, "re");
    size_t len = in != NULL ? fread(got, 1, wanted.len + 1, in) : 0;
    bool is_same = in != NULL && bytes_equal(bytes_of(got, len), wanted);

    if (in != NULL)
        fclose(in);
    free(got);
    return is_same;
}

char *film_magnet(const struct film *film, uint16_t peer_port)
{
    return xasprintf("magnet:?xt=urn:btih:%s&x.pe=127.0.0.1:%u", film->hash, peer_port);
}

const char *film_write_torrent(const struct film *film, const char *folder)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s.torrent", folder, film->name);
    write_file(path, bytes_of(film->metainfo.data, film->metainfo.len));
    return path;
}
