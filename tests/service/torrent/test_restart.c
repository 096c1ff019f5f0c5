/* SPDX-License-Identifier: MIT
 *
 * What survives: kill -9, a clean stop, a power cut. Ready pieces are compared before and after.
 */
#include "rig.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

enum { FILM_BYTES = 7 * MB };

struct half {
    struct film film;
    uint16_t seeder;
    uint32_t ready;
    uint8_t *have;
};

/* A download stopped in the middle, with the service still running. */
static void get_half(struct rig *rig, struct half *half)
{
    film_make_file(&half->film, rig->originals, "film.mkv", FILM_BYTES);
    half->have = xcalloc(1, half->film.piece_count);
    half->seeder = rig_seed_with_aria2(rig, &half->film, "3M");
    rig_add_film(rig, &half->film, half->seeder);
    rig_wait_ready(rig, half->film.hash, half->film.piece_count / 3);
    half->ready = rig_check_ready(rig, &half->film, half->have);
}

static void free_half(struct half *half)
{
    film_free(&half->film);
    free(half->have);
}

static void kept(struct rig *rig, const struct half *half)
{
    uint8_t *have = xcalloc(1, half->film.piece_count);

    rig_check_ready(rig, &half->film, have);
    for (uint32_t i = 0; i < half->film.piece_count; i++)
        if (half->have[i] && !have[i])
            process_fail(&rig->service, "a piece is lost");
    free(have);
}

static void finishes(struct rig *rig, const struct half *half)
{
    rig_add_film(rig, &half->film, half->seeder); /* the peer, in case it was forgotten */
    rig_wait_state(rig, half->film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_files(rig, &half->film);
}

static void kill_in_mid_download_loses_no_piece(void **state)
{
    struct rig *rig = *state;
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    rig_kill(rig);
    half.ready = rig_check_ready(rig, &half.film, half.have); /* readable while it is dead */
    rig_restart(rig);
    kept(rig, &half);
    rig_wait_said(rig, "by=map");
    rig_wait_state(rig, half.film.hash, SHARESTREAM__TORRENT__STATE__DOWNLOADING);
    kept(rig, &half);
    finishes(rig, &half);
    free_half(&half);
}

static void clean_stop_is_resumed_without_the_map(void **state)
{
    struct rig *rig = *state;
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    assert_int_equal(rig_stop(rig), 0);
    rig_check_ready(rig, &half.film, half.have);
    char *map = xasprintf("%s/torrents/%s.map", rig->run_dir, half.film.hash);
    assert_int_equal(unlink(map), 0); /* as after a reboot */
    free(map);
    rig_restart(rig);
    rig_wait_said(rig, "by=resume");
    rig_wait_ready(rig, half.film.hash, half.ready);
    kept(rig, &half);
    finishes(rig, &half);
    free_half(&half);
}

/* As containers on one machine have it: one run_dir, and data of their own. */
static void map_of_another_one_with_the_same_torrent_is_not_believed(void **state)
{
    struct rig *rig = *state;
    char own[sizeof(rig->data_dir)];
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    assert_int_equal(rig_stop(rig), 0);
    rig_check_ready(rig, &half.film, half.have);
    snprintf(own, sizeof(own), "%s", rig->data_dir);
    snprintf(rig->data_dir, sizeof(rig->data_dir), "%s", rig_path(rig, "other"));
    rig_start(rig, "");
    finishes(rig, &half);
    assert_int_equal(rig_stop(rig), 0);
    snprintf(rig->data_dir, sizeof(rig->data_dir), "%s", own);
    rig_start(rig, "");
    rig_wait_said(rig, "by=resume");
    rig_wait_ready(rig, half.film.hash, half.ready);
    kept(rig, &half);
    finishes(rig, &half);
    free_half(&half);
}

static void change_database(const struct rig *rig, const char *sql)
{
    char *path = xasprintf("%s/torrents.sqlite", rig->data_dir);
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(path);
}

static void forget_map(const struct rig *rig, const char *hash)
{
    char *path = xasprintf("%s/torrents/%s.map", rig->run_dir, hash);

    unlink(path);
    free(path);
}

/* As if the page cache had not reached the disk: the first ready piece is zeros. */
static uint32_t lose_a_piece(const struct rig *rig, const struct half *half)
{
    static const uint8_t zeros[FILM_PIECE];
    char *path = xasprintf("%s/torrents/%s/%s", rig->data_dir, half->film.hash, half->film.name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    uint32_t piece = 0;

    while (!half->have[piece])
        piece++;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (off_t)piece * FILM_PIECE), FILM_PIECE);
    close(fd);
    free(path);
    return piece;
}

static void checks_everything(struct rig *rig, struct half *half, uint32_t lost)
{
    rig_wait_said(rig, "by=check");
    rig_wait_ready(rig, half->film.hash, half->ready - 1);
    half->have[lost] = 0;
    kept(rig, half); /* no other is lost, and none is wrong */
}

static void power_cut_is_followed_by_a_check(void **state)
{
    struct rig *rig = *state;
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    rig_kill(rig);
    half.ready = rig_check_ready(rig, &half.film, half.have);
    forget_map(rig, half.film.hash);
    uint32_t lost = lose_a_piece(rig, &half);
    change_database(rig, "UPDATE facts SET value='another boot' WHERE key='running_boot'");
    rig_restart(rig);
    rig_wait_said(rig, "the machine went down while we ran");
    checks_everything(rig, &half, lost);
    finishes(rig, &half);
    free_half(&half);
}

static void death_while_checking_does_not_end_the_check(void **state)
{
    struct rig *rig = *state;
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    rig_kill(rig);
    half.ready = rig_check_ready(rig, &half.film, half.have);
    forget_map(rig, half.film.hash);
    uint32_t lost = lose_a_piece(rig, &half);
    /* What the start after a power cut leaves behind when it is killed at once. */
    change_database(rig, "UPDATE torrents SET is_checked=0");
    rig_restart(rig);
    checks_everything(rig, &half, lost);
    finishes(rig, &half);
    free_half(&half);
}

static void removal_is_finished_by_the_next_life(void **state)
{
    struct rig *rig = *state;
    struct half half;

    rig_start(rig, "");
    get_half(rig, &half);
    rig_kill(rig);
    change_database(rig, "UPDATE torrents SET is_leaving=1");
    rig_restart(rig);
    char *folder = xasprintf("%s/torrents/%s", rig->data_dir, half.film.hash);
    rig_wait_gone(rig, folder);
    free(folder);
    assert_int_equal(rig_metric(rig, "torrents"), 0);
    assert_int_equal(rig_stop(rig), 0);
    rig_restart(rig);
    assert_int_equal(rig_metric(rig, "torrents"), 0);
    free_half(&half);
}

static void choices_outlive_the_process(void **state)
{
    static const char *const paths[] = {"a.mkv", "b.mkv", "c.srt"};
    static const uint64_t sizes[] = {300000, 200000, 70000};
    Sharestream__Torrent__SelectRequest select = SHARESTREAM__TORRENT__SELECT_REQUEST__INIT;
    struct rig *rig = *state;
    struct film film;

    film_make(&film, rig->originals, "Film", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "");
    rig_add_torrent(rig, &film);
    select.info_hash = film.hash;
    select.files = (uint32_t[]){0, 2};
    select.n_files = 2;
    select.no_background = true;
    rig_free(rig_ask(rig, "Select", &select));
    rig_limit(rig, film.hash, 100000, 50000);
    rig_order(rig, "Pause", film.hash);
    rig_kill(rig);
    rig_restart(rig);
    Info *info = rig_get(rig, film.hash);
    assert_int_equal(info->state, SHARESTREAM__TORRENT__STATE__PAUSED);
    assert_int_equal(info->limits->download, 100000);
    assert_int_equal(info->limits->upload, 50000);
    assert_false(info->has_background);
    assert_int_equal(info->n_files, 3);
    assert_true(info->files[0]->is_wanted);
    assert_false(info->files[1]->is_wanted);
    assert_true(info->files[2]->is_wanted);
    rig_free(info);
    film_free(&film);
}

static void damaged_database_is_a_matter_of_configuration(void **state)
{
    static const char noise[] = "this is not a database, however long one looks at it. really not.";
    struct rig *rig = *state;

    mkdir(rig->data_dir, 0755);
    char *path = xasprintf("%s/torrents.sqlite", rig->data_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, noise, sizeof(noise)), sizeof(noise));
    close(fd);
    assert_int_equal(rig_start_fails(rig, ""), 78);
    assert_true(process_said(&rig->service, "move it away"));
    assert_int_equal(unlink(path), 0);
    rig_start(rig, "");
    assert_int_equal(rig_stop(rig), 0);
    change_database(rig, "PRAGMA user_version=1000");
    assert_int_equal(rig_start_fails(rig, ""), 78);
    assert_true(process_said(&rig->service, "newer version"));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(kill_in_mid_download_loses_no_piece),
        STORY(clean_stop_is_resumed_without_the_map),
        STORY(map_of_another_one_with_the_same_torrent_is_not_believed),
        STORY(power_cut_is_followed_by_a_check),
        STORY(death_while_checking_does_not_end_the_check),
        STORY(removal_is_finished_by_the_next_life),
        STORY(choices_outlive_the_process),
        STORY(damaged_database_is_a_matter_of_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
