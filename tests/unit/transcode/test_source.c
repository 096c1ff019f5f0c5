/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

enum { PIECE = 16384 };

/* Three pieces; the second file begins in the second. */
struct yard {
    char run_dir[64], film[80];
    struct ready_file files[3];
    struct ready_layout layout;
    struct ready_map *map;
};

static int set_up(void **state)
{
    struct yard *yard = xcalloc(1, sizeof(*yard));
    struct error error = {0};
    bool has_pieces;
    int fd;

    snprintf(yard->run_dir, sizeof(yard->run_dir), "/tmp/ss-source-XXXXXX");
    assert_non_null(mkdtemp(yard->run_dir));
    snprintf(yard->film, sizeof(yard->film), "%s/film.mkv", yard->run_dir);
    fd = open(yard->film, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "film", 4), 4);
    close(fd);
    yard->files[0] = (struct ready_file){"film.mkv", yard->film, 0, PIECE + 1000};
    yard->files[1] = (struct ready_file){"empty.txt", "/nowhere", PIECE + 1000, 0};
    yard->files[2] = (struct ready_file){"film.srt", "/nowhere", PIECE + 1000, 2 * PIECE - 1000};
    yard->layout = (struct ready_layout){.hash = {{0xab}},
                                         .name = "Film",
                                         .piece_count = 3,
                                         .piece_bytes = PIECE,
                                         .total_bytes = 3 * PIECE,
                                         .file_count = 3,
                                         .files = yard->files};
    assert_int_equal(
        ready_map_create(yard->run_dir, &yard->layout, &yard->map, &has_pieces, &error), ERR_NONE);
    *state = yard;
    return 0;
}

static int tear_down(void **state)
{
    struct yard *yard = *state;
    char command[128];

    ready_map_remove(&yard->map);
    snprintf(command, sizeof(command), "rm -r %s", yard->run_dir);
    assert_int_equal(system(command), 0);
    free(yard);
    return 0;
}

static enum err try_open(const struct yard *yard, uint8_t hash, uint32_t file, struct source *out)
{
    const struct file_id id = {.hash = {{hash}}, .file = file};
    struct error error = {0};
    enum err err = source_open(out, yard->run_dir, &id, &error);

    assert_int_equal(error.code, err);
    return err;
}

static void what_is_not_there_is_said_so(void **state)
{
    static const struct {
        uint8_t hash;
        uint32_t file;
        enum err err;
    } cases[] = {
        {0xab, 0, ERR_NONE}, {0xab, 1, ERR_NOT_FOUND}, /* nothing is in it */
        {0xab, 2, ERR_NONE}, {0xab, 3, ERR_NOT_FOUND}, {0xcd, 0, ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct source source;

        assert_int_equal(try_open(*state, cases[i].hash, cases[i].file, &source), cases[i].err);
        if (cases[i].err == ERR_NONE)
            source_close(&source);
    }
}

static void bytes_of_a_torrent_are_here_when_their_pieces_are(void **state)
{
    struct yard *yard = *state;
    struct source source;

    assert_int_equal(try_open(yard, 0xab, 2, &source), ERR_NONE);
    assert_int_equal(source_run(&source, 0), 0);
    ready_map_set(yard->map, 1, true);
    assert_int_equal(source_run(&source, 0), PIECE - 1000);
    assert_int_equal(source_run(&source, 100), PIECE - 1100);
    assert_int_equal(source_run(&source, PIECE - 1000), 0);
    ready_map_set(yard->map, 2, true);
    assert_int_equal(source_run(&source, 0), source.size);
    assert_int_equal(source_run(&source, source.size), 0);
    assert_int_equal(source_run(&source, UINT64_MAX), 0);
    source_close(&source);
}

static void all_of_an_upload_is_here(void **state)
{
    const struct yard *yard = *state;
    const struct file_id film = {.hash = {{0xab}}, .file = 0};
    struct source source;

    source_take(&source, &film, open(yard->film, O_RDONLY | O_CLOEXEC), 4);
    assert_int_equal(source_run(&source, 0), 4);
    assert_int_equal(source_run(&source, 3), 1);
    assert_int_equal(source_run(&source, 4), 0);
    assert_int_equal(source_run(&source, UINT64_MAX), 0);
    source_close(&source);
}

static void read_film(const struct source *source)
{
    struct error error;
    char text[8];
    int fd = source_descriptor(source, &error);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, text, sizeof(text), 0), 4);
    assert_memory_equal(text, "film", 4);
    close(fd);
}

static void each_worker_has_a_descriptor_of_its_own(void **state)
{
    struct yard *yard = *state;
    const struct file_id film = {.hash = {{0xab}}, .file = 0};
    struct source source;
    struct error error = {0};

    source_take(&source, &film, open(yard->film, O_RDONLY | O_CLOEXEC), 4);
    read_film(&source);
    read_film(&source);
    source_close(&source);
    assert_int_equal(try_open(yard, 0xab, 0, &source), ERR_NONE);
    read_film(&source);
    read_film(&source);
    source_close(&source);
    assert_int_equal(try_open(yard, 0xab, 2, &source), ERR_NONE);
    assert_int_equal(source_descriptor(&source, &error), -1);
    assert_int_equal(error.code, ERR_IO);
    source_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_there_is_said_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_of_a_torrent_are_here_when_their_pieces_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_of_an_upload_is_here, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_worker_has_a_descriptor_of_its_own, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
