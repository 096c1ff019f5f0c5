/* SPDX-License-Identifier: MIT */
#include "stream/ready_map.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "stream/ready_map_format.h"

enum { PIECE = 16384, WAIT_MS = 30000 };

static char run_dir[64];

/* 5 pieces, the last of 100 bytes. b begins in the piece in which a ends; nothing.txt is empty. */
static const struct ready_file files[] = {
    {"Film/a.mkv", "/data/Film/a.mkv", 0, 2 * PIECE + 1000},
    {"Film/nothing.txt", "/data/Film/nothing.txt", 2 * PIECE + 1000, 0},
    {"Film/b.mkv", "/data/Film/b.mkv", 2 * PIECE + 1000, 2 * PIECE - 1000 + 100},
};

static const struct ready_layout film = {
    .hash = {{0xab, 1, 2, 3}},
    .name = "Film",
    .piece_count = 5,
    .piece_bytes = PIECE,
    .total_bytes = 4 * PIECE + 100,
    .file_count = 3,
    .files = files,
};

static char *map_name(const struct infohash *hash)
{
    static char path[256];
    char hex[INFOHASH_TEXT];

    snprintf(path, sizeof(path), "%s/torrents/%s.map", run_dir, infohash_text(hash, hex));
    return path;
}

static int make_run_dir(void **state)
{
    (void)state;
    snprintf(run_dir, sizeof(run_dir), "/tmp/test_ready_map.XXXXXX");
    return mkdtemp(run_dir) == NULL;
}

static int remove_run_dir(void **state)
{
    char path[128];

    (void)state;
    unlink(map_name(&film.hash));
    snprintf(path, sizeof(path), "%s/torrents", run_dir);
    rmdir(path);
    return rmdir(run_dir);
}

static struct ready_map *create(const struct ready_layout *layout, bool has_pieces_expected)
{
    struct ready_map *map;
    struct error error;
    bool has_pieces;

    if (ready_map_create(run_dir, layout, &map, &has_pieces, &error) != ERR_NONE)
        fail_msg("%s", error.text);
    assert_int_equal(has_pieces, has_pieces_expected);
    return map;
}

static struct ready_map *open_film(void)
{
    struct ready_map *map;
    struct error error;

    if (ready_map_open(run_dir, &film.hash, &map, &error) != ERR_NONE)
        fail_msg("%s", error.text);
    return map;
}

static void remove_film(void)
{
    struct ready_map *map = NULL;
    bool has_pieces;

    assert_int_equal(ready_map_create(run_dir, &film, &map, &has_pieces, NULL), ERR_NONE);
    ready_map_remove(&map);
    assert_null(map);
}

static void reader_sees_the_layout_that_was_written(void **state)
{
    struct ready_map *writer = create(&film, false), *reader = open_film();
    const struct ready_layout *layout = ready_map_layout(reader);
    struct stat st;

    (void)state;
    assert_memory_equal(layout->hash.bytes, film.hash.bytes, 20);
    assert_string_equal(layout->name, "Film");
    assert_int_equal(layout->piece_count, 5);
    assert_int_equal(layout->piece_bytes, PIECE);
    assert_int_equal(layout->total_bytes, film.total_bytes);
    assert_int_equal(layout->file_count, 3);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        assert_string_equal(layout->files[i].path, files[i].path);
        assert_string_equal(layout->files[i].disk_path, files[i].disk_path);
        assert_int_equal(layout->files[i].offset, files[i].offset);
        assert_int_equal(layout->files[i].size, files[i].size);
    }
    assert_int_equal(ready_map_count(reader), 0);
    assert_int_equal(stat(map_name(&film.hash), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    ready_map_close(&reader);
    ready_map_close(&writer);
    ready_map_close(&writer);
    remove_film();
}

static void unknown_torrent_is_not_found(void **state)
{
    struct ready_map *map;
    struct error error;

    (void)state;
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, &error), ERR_NOT_FOUND);
    assert_null(map);
}

static void pieces_come_and_go(void **state)
{
    struct ready_map *writer = create(&film, false), *reader = open_film();

    (void)state;
    ready_map_set(writer, 1, true);
    ready_map_set(writer, 4, true);
    assert_false(ready_map_has(reader, 0));
    assert_true(ready_map_has(reader, 1));
    assert_true(ready_map_has(reader, 4));
    assert_false(ready_map_has(reader, 5));
    assert_false(ready_map_has(reader, UINT32_MAX));
    assert_int_equal(ready_map_count(reader), 2);
    assert_memory_equal(ready_map_pieces(reader), "\0\1\0\0\1", 5);
    ready_map_set(writer, 1, false);
    assert_int_equal(ready_map_count(reader), 1);
    ready_map_close(&reader);
    ready_map_remove(&writer);
}

static void run_ends_at_missing_piece_file_end_or_max(void **state)
{
    static const struct {
        const char *name, *pieces;
        uint32_t file;
        uint64_t position, max, run;
    } cases[] = {
        {"nothing ready", "00000", 0, 0, 1 << 20, 0},
        {"first piece", "10000", 0, 0, 1 << 20, PIECE},
        {"inside the first piece", "10000", 0, 100, 1 << 20, PIECE - 100},
        {"last byte of a piece", "10000", 0, PIECE - 1, 1 << 20, 1},
        {"first byte of a missing piece", "10000", 0, PIECE, 1 << 20, 0},
        {"over a border", "11000", 0, 5, 1 << 20, 2 * PIECE - 5},
        {"no further than max", "11000", 0, 5, PIECE, PIECE},
        {"max ends at a border", "11000", 0, 0, PIECE, PIECE},
        {"max is nothing", "11111", 0, 0, 0, 0},
        {"max is everything", "11111", 0, 0, UINT64_MAX, 2 * PIECE + 1000},
        {"to the end of the file only", "11111", 0, 0, 1 << 20, 2 * PIECE + 1000},
        {"at the end of the file", "11111", 0, 2 * PIECE + 1000, 1 << 20, 0},
        {"behind the end of the file", "11111", 0, UINT64_MAX, 1 << 20, 0},
        {"an empty file", "11111", 1, 0, 1 << 20, 0},
        {"a file that begins inside a piece", "00100", 2, 0, 1 << 20, PIECE - 1000},
        {"its second piece", "00010", 2, PIECE - 1000, 1 << 20, PIECE},
        {"the short last piece", "00001", 2, 2 * PIECE - 1000, 1 << 20, 100},
        {"whole second file", "00111", 2, 0, 1 << 20, 2 * PIECE - 1000 + 100},
        {"no such file", "11111", 3, 0, 1 << 20, 0},
        {"no such file at all", "11111", UINT32_MAX, 0, 1 << 20, 0},
    };
    struct ready_map *writer = create(&film, false), *reader = open_film();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint32_t piece = 0; piece < 5; piece++)
            ready_map_set(writer, piece, cases[i].pieces[piece] == '1');
        uint64_t run = ready_map_run(reader, cases[i].file, cases[i].position, cases[i].max);
        if (run != cases[i].run)
            fail_msg("%s: %llu instead of %llu", cases[i].name, (unsigned long long)run,
                     (unsigned long long)cases[i].run);
    }
    ready_map_close(&reader);
    ready_map_remove(&writer);
}

static void ready_bytes_of_a_file_count_partial_pieces(void **state)
{
    static const struct {
        const char *pieces;
        uint64_t a, nothing, b;
    } cases[] = {
        {"00000", 0, 0, 0},
        {"10000", PIECE, 0, 0},
        {"00100", 1000, 0, PIECE - 1000},
        {"00001", 0, 0, 100},
        {"01010", PIECE, 0, PIECE},
        {"11111", 2 * PIECE + 1000, 0, PIECE - 1000 + PIECE + 100},
    };
    struct ready_map *writer = create(&film, false);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (uint32_t piece = 0; piece < 5; piece++)
            ready_map_set(writer, piece, cases[i].pieces[piece] == '1');
        assert_int_equal(ready_map_file_bytes(writer, 0), cases[i].a);
        assert_int_equal(ready_map_file_bytes(writer, 1), cases[i].nothing);
        assert_int_equal(ready_map_file_bytes(writer, 2), cases[i].b);
        assert_int_equal(ready_map_file_bytes(writer, 3), 0);
    }
    ready_map_remove(&writer);
}

static void piece_of_a_byte_stays_inside_the_torrent(void **state)
{
    struct ready_map *map = create(&film, false);

    (void)state;
    assert_int_equal(ready_map_piece_at(map, 0, 0), 0);
    assert_int_equal(ready_map_piece_at(map, 0, PIECE), 1);
    assert_int_equal(ready_map_piece_at(map, 1, 0), 2);
    assert_int_equal(ready_map_piece_at(map, 2, 0), 2);
    assert_int_equal(ready_map_piece_at(map, 2, PIECE), 3);
    assert_int_equal(ready_map_piece_at(map, 2, 2 * PIECE - 1000), 4);
    assert_int_equal(ready_map_piece_at(map, 2, UINT64_MAX), 4);
    assert_int_equal(ready_map_piece_at(map, 9, 0), 0);
    ready_map_remove(&map);
}

/* Against the slow way, over every beginning and end near the borders of eight. */
static void long_runs_are_exact(void **state)
{
    enum { PIECES = 3000000 };
    const struct ready_file file = {"big", "/data/big", 0, (uint64_t)PIECES * PIECE};
    const struct ready_layout layout = {
        .hash = film.hash,
        .name = "big",
        .piece_count = PIECES,
        .piece_bytes = PIECE,
        .total_bytes = file.size,
        .file_count = 1,
        .files = &file,
    };
    struct ready_map *map = create(&layout, false);

    (void)state;
    for (uint32_t piece = 0; piece < PIECES; piece++)
        ready_map_set(map, piece, true);
    assert_int_equal(ready_map_count(map), PIECES);
    assert_int_equal(ready_map_run(map, 0, 0, UINT64_MAX), file.size);
    for (uint32_t missing = 40; missing < 60; missing++) {
        ready_map_set(map, missing, false);
        assert_int_equal(ready_map_count(map), PIECES - 1);
        for (uint32_t from = 30; from < 70; from++) {
            uint64_t run = ready_map_run(map, 0, (uint64_t)from * PIECE, UINT64_MAX) / PIECE;

            assert_int_equal(run, from <= missing ? missing - from : PIECES - from);
        }
        ready_map_set(map, missing, true);
    }
    ready_map_set(map, PIECES - 1, false);
    assert_int_equal(ready_map_run(map, 0, 7, UINT64_MAX), file.size - PIECE - 7);
    assert_int_equal(ready_map_file_bytes(map, 0), file.size - PIECE);
    ready_map_remove(&map);
}

static void same_layout_is_taken_over_with_its_pieces(void **state)
{
    struct ready_map *first = create(&film, false), *reader = open_film();
    struct stat before, after;

    (void)state;
    ready_map_set(first, 3, true);
    assert_int_equal(stat(map_name(&film.hash), &before), 0);
    ready_map_close(&first);

    struct ready_map *second = create(&film, true);
    assert_int_equal(stat(map_name(&film.hash), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(ready_map_has(second, 3));
    ready_map_set(second, 4, true);
    assert_true(ready_map_has(reader, 4));
    assert_false(ready_map_is_gone(reader));
    ready_map_close(&reader);
    ready_map_remove(&second);
}

static void other_layout_replaces_and_marks_the_old_one_gone(void **state)
{
    struct ready_file moved[] = {files[0], files[1], files[2]};
    struct ready_layout other = film;

    (void)state;
    moved[2].disk_path = "/data/Film/B.mkv";
    other.files = moved;
    struct ready_map *first = create(&film, false), *reader = open_film();
    ready_map_set(first, 0, true);
    ready_map_close(&first);

    struct ready_map *second = create(&other, false);
    assert_true(ready_map_is_gone(reader));
    ready_map_close(&reader);
    reader = open_film();
    assert_string_equal(ready_map_layout(reader)->files[2].disk_path, "/data/Film/B.mkv");
    assert_false(ready_map_is_gone(reader));
    assert_int_equal(ready_map_count(reader), 0);
    ready_map_close(&reader);
    ready_map_remove(&second);
}

static void removed_torrent_is_gone_for_attached_readers(void **state)
{
    struct ready_map *writer = create(&film, false), *reader = open_film(), *late;

    (void)state;
    ready_map_set(writer, 0, true);
    ready_map_remove(&writer);
    assert_true(ready_map_is_gone(reader));
    assert_int_equal(ready_map_open(run_dir, &film.hash, &late, NULL), ERR_NOT_FOUND);
    ready_map_close(&reader);
}

static void leftover_of_a_cut_short_life_is_no_obstacle(void **state)
{
    char path[272];

    (void)state;
    remove_film();
    snprintf(path, sizeof(path), "%s.new", map_name(&film.hash));
    close(open(path, O_WRONLY | O_CREAT, 0400));
    struct ready_map *map = create(&film, false);
    assert_int_equal(access(path, F_OK), -1);
    ready_map_remove(&map);
}

static void layout_that_makes_no_sense_is_refused_and_harms_nothing(void **state)
{
    char long_path[5000];
    const struct ready_file relative = {"a", "data/a", 0, 1},
                            outside = {"a", "/a", 1, 4 * PIECE + 100},
                            wraps = {"a", "/a", 1, UINT64_MAX}, too_long = {"a", long_path, 0, 1};
    const struct {
        const char *name;
        struct ready_layout layout;
        enum err err;
    } cases[] = {
        {"too few pieces", {film.hash, "x", 4, PIECE, 4 * PIECE + 100, 0, NULL}, ERR_INVALID},
        {"too many pieces", {film.hash, "x", 6, PIECE, 4 * PIECE + 100, 0, NULL}, ERR_INVALID},
        {"pieces of nothing", {film.hash, "x", 5, 0, 4 * PIECE + 100, 0, NULL}, ERR_INVALID},
        {"size of 2^64", {film.hash, "x", 5, PIECE, UINT64_MAX, 0, NULL}, ERR_INVALID},
        {"relative", {film.hash, "x", 5, PIECE, 4 * PIECE + 100, 1, &relative}, ERR_INVALID},
        {"outside", {film.hash, "x", 5, PIECE, 4 * PIECE + 100, 1, &outside}, ERR_INVALID},
        {"wraps", {film.hash, "x", 5, PIECE, 4 * PIECE + 100, 1, &wraps}, ERR_INVALID},
        {"long path", {film.hash, "x", 5, PIECE, 4 * PIECE + 100, 1, &too_long}, ERR_INVALID},
        {"2^24 + 1 pieces",
         {film.hash, "x", (1 << 24) + 1, 1, (1 << 24) + 1, 0, NULL},
         ERR_TOO_LARGE},
        {"a million and one files", {film.hash, "x", 1, 1, 1, 1000001, NULL}, ERR_TOO_LARGE},
    };
    struct ready_map *kept = create(&film, false);

    (void)state;
    memset(long_path, '/', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ready_map *map;
        struct error error;
        bool has_pieces;

        enum err err = ready_map_create(run_dir, &cases[i].layout, &map, &has_pieces, &error);
        if (err != cases[i].err)
            fail_msg("%s: %s", cases[i].name, err_word(err));
        assert_null(map);
        assert_false(ready_map_is_gone(kept));
    }
    ready_map_remove(&kept);
}

static void torrent_of_no_bytes_has_a_map(void **state)
{
    const struct ready_file file = {"empty", "/data/empty", 0, 0};
    const struct ready_layout layout = {film.hash, "", 0, PIECE, 0, 1, &file};
    struct ready_map *map = create(&layout, false), *reader = open_film();

    (void)state;
    assert_int_equal(ready_map_count(reader), 0);
    assert_int_equal(ready_map_run(reader, 0, 0, 10), 0);
    assert_int_equal(ready_map_file_bytes(reader, 0), 0);
    assert_int_equal(ready_map_piece_at(reader, 0, 0), 0);
    ready_map_close(&reader);
    ready_map_remove(&map);
}

/* ---- what others may put there */

static void patch(size_t at, const void *data, size_t len)
{
    int fd = open(map_name(&film.hash), O_WRONLY);

    assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
    close(fd);
}

#define HEAD(field) offsetof(struct map_head, field), sizeof(((struct map_head *)NULL)->field)
#define FILE_AT(index, field)                                                                      \
    sizeof(struct map_head) + 8 + (index) * sizeof(struct map_file) +                              \
        offsetof(struct map_file, field),                                                          \
        sizeof(((struct map_file *)NULL)->field)

static void corrupt_map_is_refused(void **state)
{
    enum { STRINGS = sizeof(struct map_head) + 8 + 3 * sizeof(struct map_file) };
    static const struct {
        const char *name;
        size_t at, len;
        uint64_t value; /* little-endian here */
        enum err err;
    } cases[] = {
        {"magic", HEAD(magic), 0x1122, ERR_INVALID},
        {"version", HEAD(version), 2, ERR_INVALID},
        {"gone", HEAD(is_gone), 1, ERR_NOT_FOUND},
        {"boot", offsetof(struct map_head, boot), 8, 0x3030303030303030, ERR_NOT_FOUND},
        {"hash", offsetof(struct map_head, hash), 8, 0x3030303030303030, ERR_INVALID},
        {"total too large", HEAD(total_bytes), UINT64_MAX, ERR_INVALID},
        {"total too small", HEAD(total_bytes), 4 * PIECE, ERR_INVALID},
        {"more pieces", HEAD(piece_count), 6, ERR_INVALID},
        {"most pieces", HEAD(piece_count), UINT32_MAX, ERR_INVALID},
        {"no pieces", HEAD(piece_count), 0, ERR_INVALID},
        {"piece bytes 0", HEAD(piece_bytes), 0, ERR_INVALID},
        {"piece bytes 1", HEAD(piece_bytes), 1, ERR_INVALID},
        {"piece bytes huge", HEAD(piece_bytes), UINT32_MAX, ERR_INVALID},
        {"no files", HEAD(file_count), 0, ERR_INVALID},
        {"one file more", HEAD(file_count), 4, ERR_INVALID},
        {"most files", HEAD(file_count), UINT32_MAX, ERR_INVALID},
        {"name too short", HEAD(name_len), 3, ERR_INVALID},
        {"name too long", HEAD(name_len), 5, ERR_INVALID},
        {"name longest", HEAD(name_len), UINT32_MAX, ERR_INVALID},
        {"body shorter", HEAD(body_bytes), 8, ERR_INVALID},
        {"body longest", HEAD(body_bytes), UINT64_MAX, ERR_INVALID},
        {"file behind the end", FILE_AT(2, offset), 4 * PIECE + 101, ERR_INVALID},
        {"file offset wraps", FILE_AT(2, offset), UINT64_MAX, ERR_INVALID},
        {"file too large", FILE_AT(0, size), 4 * PIECE + 101, ERR_INVALID},
        {"file size wraps", FILE_AT(2, size), UINT64_MAX - PIECE, ERR_INVALID},
        {"path longest", FILE_AT(1, path_len), UINT32_MAX, ERR_INVALID},
        {"path into the next", FILE_AT(1, path_len), 17, ERR_INVALID},
        {"last path too long", FILE_AT(2, disk_path_len), 17, ERR_INVALID},
        {"last path too short", FILE_AT(2, disk_path_len), 15, ERR_INVALID},
        {"NUL inside the name", STRINGS + 1, 1, 0, ERR_INVALID},
        {"no NUL behind the name", STRINGS + 4, 1, 'x', ERR_INVALID},
        {"relative place on disk", STRINGS + 5 + 11, 1, 'x', ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ready_map *writer = create(&film, false), *map;
        struct error error = {0};

        patch(cases[i].at, &cases[i].value, cases[i].len);
        enum err err = ready_map_open(run_dir, &film.hash, &map, &error);
        if (err != cases[i].err)
            fail_msg("%s: %s %s", cases[i].name, err_word(err), error.text);
        assert_null(map);
        assert_true(error.text[0] != '\0');
        ready_map_remove(&writer);
    }
}

static void truncated_or_longer_map_is_refused(void **state)
{
    struct ready_map *writer = create(&film, false), *map;
    struct stat st;

    (void)state;
    assert_int_equal(stat(map_name(&film.hash), &st), 0);
    ready_map_close(&writer);
    assert_int_equal(truncate(map_name(&film.hash), st.st_size + 1), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    for (off_t len = st.st_size - 1; len >= 0; len--) {
        assert_int_equal(truncate(map_name(&film.hash), len), 0);
        assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    }
    /* And the writer makes a new one. */
    writer = create(&film, false);
    ready_map_remove(&writer);
}

static void what_is_no_file_or_open_to_others_is_refused(void **state)
{
    struct ready_map *writer = create(&film, false), *map;
    char path[256], other[512];

    (void)state;
    snprintf(path, sizeof(path), "%s", map_name(&film.hash));
    assert_int_equal(chmod(path, 0660), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    assert_int_equal(chmod(path, 0642), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    assert_int_equal(chmod(path, 0640), 0);

    snprintf(other, sizeof(other), "%s.other", path);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    unlink(path);
    unlink(other);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(ready_map_open(run_dir, &film.hash, &map, NULL), ERR_INVALID);
    rmdir(path);
    ready_map_remove(&writer);
}

static void map_of_an_earlier_boot_is_replaced(void **state)
{
    struct ready_map *writer = create(&film, false);

    (void)state;
    ready_map_set(writer, 0, true);
    ready_map_close(&writer);
    patch(offsetof(struct map_head, boot), "00000000", 8);
    writer = create(&film, false);
    assert_int_equal(ready_map_count(writer), 0);
    ready_map_remove(&writer);
}

/* ---- another process */

static bool appears(const struct ready_map *map, uint32_t piece)
{
    for (uint64_t end = clock_ms() + WAIT_MS; clock_ms() < end;)
        if (ready_map_has(map, piece))
            return true;
    return false;
}

/* Tells by single bytes on `tell` what it has seen. */
static int read_in_another_process(int tell)
{
    struct ready_map *map;

    if (ready_map_open(run_dir, &film.hash, &map, NULL) != ERR_NONE || write(tell, "o", 1) != 1 ||
        !appears(map, 0) || write(tell, "0", 1) != 1 || !appears(map, 4) ||
        write(tell, "4", 1) != 1)
        return 1;
    for (uint64_t end = clock_ms() + WAIT_MS; clock_ms() < end;)
        if (ready_map_is_gone(map)) {
            ready_map_close(&map);
            return write(tell, "g", 1) == 1 ? 0 : 1;
        }
    return 1;
}

static char told(int fd)
{
    char byte = '-';

    return read(fd, &byte, 1) == 1 ? byte : '-';
}

static void other_process_stays_attached_over_a_takeover(void **state)
{
    struct ready_map *writer = create(&film, false);
    int pipes[2], status;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(read_in_another_process(pipes[1]));
    close(pipes[1]);
    assert_int_equal(told(pipes[0]), 'o');
    ready_map_set(writer, 0, true);
    assert_int_equal(told(pipes[0]), '0');
    ready_map_close(&writer); /* torrent-svc dies ... */
    writer = create(&film, true);
    ready_map_set(writer, 4, true);
    assert_int_equal(told(pipes[0]), '4');
    ready_map_remove(&writer);
    assert_int_equal(told(pipes[0]), 'g');
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(pipes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_torrent_is_not_found),
        cmocka_unit_test(reader_sees_the_layout_that_was_written),
        cmocka_unit_test(pieces_come_and_go),
        cmocka_unit_test(run_ends_at_missing_piece_file_end_or_max),
        cmocka_unit_test(ready_bytes_of_a_file_count_partial_pieces),
        cmocka_unit_test(piece_of_a_byte_stays_inside_the_torrent),
        cmocka_unit_test(long_runs_are_exact),
        cmocka_unit_test(same_layout_is_taken_over_with_its_pieces),
        cmocka_unit_test(other_layout_replaces_and_marks_the_old_one_gone),
        cmocka_unit_test(removed_torrent_is_gone_for_attached_readers),
        cmocka_unit_test(leftover_of_a_cut_short_life_is_no_obstacle),
        cmocka_unit_test(layout_that_makes_no_sense_is_refused_and_harms_nothing),
        cmocka_unit_test(torrent_of_no_bytes_has_a_map),
        cmocka_unit_test(corrupt_map_is_refused),
        cmocka_unit_test(truncated_or_longer_map_is_refused),
        cmocka_unit_test(what_is_no_file_or_open_to_others_is_refused),
        cmocka_unit_test(map_of_an_earlier_boot_is_replaced),
        cmocka_unit_test(other_process_stays_attached_over_a_takeover),
    };

    return cmocka_run_group_tests(tests, make_run_dir, remove_run_dir);
}
