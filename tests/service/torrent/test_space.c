/* SPDX-License-Identifier: MIT
 *
 * The disk never fills: quota, floor, eviction; and what happens when it is full all the same. The
 * data lies on a small tmpfs, which needs root; without it these tests are skipped.
 */
#include "rig.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { DISK_BYTES = 24 * MB };

typedef Sharestream__Torrent__AddRequest AddRequest;

static int setup(void **state)
{
    char options[32];

    rig_setup(state);
    struct rig *rig = *state;
    assert_int_equal(mkdir(rig->data_dir, 0755), 0);
    snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
    if (mount("tmpfs", rig->data_dir, "tmpfs", 0, options) != 0)
        rig->data_dir[0] = '\0'; /* not root: see begin() */
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    char data_dir[sizeof(rig->data_dir)];

    if (rig->data_dir[0] != '\0') {
        if (rig->service.pid != 0)
            rig_stop(rig);
        snprintf(data_dir, sizeof(data_dir), "%s", rig->data_dir);
        umount2(data_dir, MNT_DETACH);
    }
    return rig_teardown(state);
}

static struct rig *begin(void **state)
{
    struct rig *rig = *state;

    if (rig->data_dir[0] == '\0')
        skip();
    return rig;
}

static void make(struct rig *rig, struct film *film, const char *name, unsigned megabytes)
{
    film_make_file(film, rig->originals, name, (uint64_t)megabytes * MB);
}

static void download(struct rig *rig, const struct film *film)
{
    rig_add_film(rig, film, rig_seed_with_aria2(rig, film, "0"));
    rig_wait_state(rig, film->hash, SHARESTREAM__TORRENT__STATE__SEEDING);
}

/* Added, but stopped with this in its error. */
static void is_stopped(struct rig *rig, const char *hash, const char *why)
{
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__FAILED);
    Info *info = rig_get(rig, hash);
    if (strstr(info->error, why) == NULL)
        process_fail(&rig->service, info->error);
    rig_free(info);
}

/* As if nobody had looked at it since yesterday. The database tells the next life. */
static void unused_since_yesterday(struct rig *rig, const struct film *film)
{
    char *path = xasprintf("%s/torrents.sqlite", rig->data_dir);
    char *sql = xasprintf("UPDATE torrents SET used_ms=1 WHERE hash='%s'", film->hash);
    sqlite3 *db;

    assert_int_equal(rig_stop(rig), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    rig_restart(rig);
    free(path);
    free(sql);
}

static void too_large_for_the_quota_is_refused_without_evicting(void **state)
{
    struct rig *rig = begin(state);
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;
    struct film small, large;

    make(rig, &small, "small.mkv", 2);
    make(rig, &large, "large.mkv", 9);
    rig_start(rig, "  disk_quota: 8MiB\n");
    download(rig, &small);
    unused_since_yesterday(rig, &small);
    const char *hash = rig_add_torrent(rig, &large);
    is_stopped(rig, hash, "torrent.disk_quota");
    char code[32];
    rig_diagnose(rig, hash, 0, code);
    assert_string_equal(code, "disk_full");
    name.info_hash = large.hash;
    rig_refused(rig, "Resume", &name, ERR_NO_SPACE);
    Sharestream__Torrent__ReadRequest read = SHARESTREAM__TORRENT__READ_REQUEST__INIT;
    read.info_hash = large.hash;
    read.end = 1;
    rig_refused(rig, "Read", &read, ERR_NO_SPACE);
    rig_check_files(rig, &small); /* it would not have helped */
    assert_int_equal(rig_metric(rig, "evicted_total"), 0);
    film_free(&small);
    film_free(&large);
}

static void longest_unused_goes_to_make_room(void **state)
{
    struct rig *rig = begin(state);
    struct film old, young, wanted;

    make(rig, &old, "old.mkv", 3);
    make(rig, &young, "young.mkv", 3);
    make(rig, &wanted, "wanted.mkv", 3);
    rig_start(rig, "  disk_quota: 8MiB\n");
    download(rig, &old);
    download(rig, &young);
    assert_int_equal(rig_metric(rig, "disk_used_bytes"), 6 * MB);
    unused_since_yesterday(rig, &old);
    char *folder = xasprintf("%s/torrents/%s", rig->data_dir, old.hash);
    assert_int_equal(access(folder, F_OK), 0);
    download(rig, &wanted);
    rig_wait_gone(rig, folder);
    assert_int_equal(rig_metric(rig, "evicted_total"), 1);
    rig_check_files(rig, &young);
    rig_check_files(rig, &wanted);
    free(folder);
    film_free(&old);
    film_free(&young);
    film_free(&wanted);
}

/* Two that fit one by one, and not together: the second must not start. */
static void what_is_promised_is_not_promised_again(void **state)
{
    struct rig *rig = begin(state);
    struct film first, second;

    make(rig, &first, "first.mkv", 5);
    make(rig, &second, "second.mkv", 5);
    rig_start(rig, "  disk_quota: 8MiB\n");
    rig_add_torrent(rig, &first); /* nothing of it has come yet */
    is_stopped(rig, rig_add_torrent(rig, &second), "torrent.disk_quota");
    /* Without the first it may run. */
    rig_remove(rig, first.hash, false);
    rig_order(rig, "Resume", second.hash);
    download(rig, &second);
    film_free(&first);
    film_free(&second);
}

static void a_choice_that_fits_runs(void **state)
{
    static const char *const paths[] = {"a.mkv", "b.mkv"};
    static const uint64_t sizes[] = {12 * MB, 2 * MB};
    Sharestream__Torrent__SelectRequest select = SHARESTREAM__TORRENT__SELECT_REQUEST__INIT;
    struct rig *rig = begin(state);
    struct film film;

    film_make(&film, rig->originals, "Films", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "  disk_quota: 8MiB\n");
    uint16_t port = rig_seed_with_aria2(rig, &film, "0");
    is_stopped(rig, rig_add_torrent(rig, &film), "choose fewer files");
    select.info_hash = film.hash;
    select.files = (uint32_t[]){1};
    select.n_files = 1;
    rig_free(rig_ask(rig, "Select", &select));
    rig_add_film(rig, &film, port);
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__FINISHED);
    /* And a file that does not fit is refused to its reader alone. */
    Sharestream__Torrent__ReadRequest read = SHARESTREAM__TORRENT__READ_REQUEST__INIT;
    read.info_hash = film.hash;
    read.end = sizes[0];
    rig_refused(rig, "Read", &read, ERR_NO_SPACE);
    assert_int_equal(rig_state(rig, film.hash), SHARESTREAM__TORRENT__STATE__FINISHED);
    film_free(&film);
}

static void wait_free_below(struct rig *rig, uint64_t bytes)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;
    struct statvfs disk;

    while (statvfs(rig->data_dir, &disk) == 0 && disk.f_bavail * disk.f_frsize >= bytes)
        process_look_again(&rig->service, until_ms, "the disk does not fill");
}

/* Somebody else takes what is left. */
static void fill_disk(struct rig *rig, uint64_t leave)
{
    char *path = xasprintf("%s/ballast", rig->data_dir);
    struct statvfs disk;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_int_equal(statvfs(rig->data_dir, &disk), 0);
    uint64_t bytes = disk.f_bavail * disk.f_frsize;
    assert_int_equal(posix_fallocate(fd, 0, (off_t)(bytes - leave)), 0);
    close(fd);
    free(path);
}

static void empty_disk(struct rig *rig)
{
    char *path = xasprintf("%s/ballast", rig->data_dir);

    assert_int_equal(unlink(path), 0);
    free(path);
}

static void floor_stops_downloads_and_playing_again_goes_on(void **state)
{
    struct rig *rig = begin(state);
    struct film done, film;

    make(rig, &done, "done.mkv", 2);
    make(rig, &film, "film.mkv", 6);
    rig_start(rig, "  disk_floor: 4MiB\n");
    download(rig, &done);
    rig_add_torrent(rig, &film);
    rig_limit(rig, film.hash, 2 * MB, 0);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_ready(rig, film.hash, 5);
    fill_disk(rig, 3 * MB);
    is_stopped(rig, film.hash, "torrent.disk_floor");
    assert_int_equal(rig_state(rig, done.hash), SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_ready(rig, &film, NULL);
    empty_disk(rig);
    rig_limit(rig, film.hash, 0, 0);
    rig_read(rig, film.hash, 1, 0, 0, film.total);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_files(rig, &film);
    film_free(&done);
    film_free(&film);
}

static void full_disk_is_told_and_resumed_from(void **state)
{
    struct rig *rig = begin(state);
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;
    struct film done, film;

    make(rig, &done, "done.mkv", 2);
    make(rig, &film, "film.mkv", 6);
    rig_start(rig, "  disk_floor: 0\n");
    download(rig, &done);
    rig_add_torrent(rig, &film);
    rig_limit(rig, film.hash, 2 * MB, 0);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_ready(rig, film.hash, 5);
    fill_disk(rig, MB / 2);
    wait_free_below(rig, 4ul * FILM_PIECE);
    is_stopped(rig, film.hash, "disk is full");
    rig_check_ready(rig, &film, NULL);
    rig_check_files(rig, &done);
    assert_int_equal(rig_state(rig, done.hash), SHARESTREAM__TORRENT__STATE__SEEDING);
    name.info_hash = film.hash;
    rig_refused(rig, "Resume", &name, ERR_NO_SPACE);
    empty_disk(rig);
    rig_limit(rig, film.hash, 0, 0);
    rig_order(rig, "Resume", film.hash);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_files(rig, &film);
    film_free(&done);
    film_free(&film);
}

static void too_many_torrents_are_cleaned_up(void **state)
{
    struct rig *rig = begin(state);
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct film old, young;

    make(rig, &old, "old.mkv", 1);
    make(rig, &young, "young.mkv", 1);
    rig_start(rig, "  max_torrents: 1\n  cleanup_interval: 1s\n");
    download(rig, &old);
    download(rig, &young);
    /* Both are in use; twice the number is the end. */
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    assert_non_null(strstr(rig_refused(rig, "Add", &request, ERR_BUSY), "max_torrents"));
    char *folder = xasprintf("%s/torrents/%s", rig->data_dir, old.hash);
    unused_since_yesterday(rig, &old);
    rig_wait_gone(rig, folder);
    rig_check_files(rig, &young);
    rig_free(rig_ask(rig, "Add", &request));
    free(folder);
    film_free(&old);
    film_free(&young);
}

static void read_only_disk_is_told(void **state)
{
    struct rig *rig = begin(state);
    struct film film;

    make(rig, &film, "film.mkv", 6);
    rig_start(rig, "");
    rig_add_torrent(rig, &film);
    rig_limit(rig, film.hash, MB, 0);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_ready(rig, film.hash, 3);
    rig_kill(rig);
    assert_int_equal(mount(NULL, rig->data_dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    assert_int_equal(rig_start_fails(rig, ""), 78);
    assert_true(process_said(&rig->service, "cannot write in folder"));
    assert_int_equal(mount(NULL, rig->data_dir, NULL, MS_REMOUNT, NULL), 0);
    rig_start(rig, "");
    rig_wait_ready(rig, film.hash, 3);
    film_free(&film);
}

#define DISK_STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_STORY(too_large_for_the_quota_is_refused_without_evicting),
        DISK_STORY(longest_unused_goes_to_make_room),
        DISK_STORY(what_is_promised_is_not_promised_again),
        DISK_STORY(a_choice_that_fits_runs),
        DISK_STORY(floor_stops_downloads_and_playing_again_goes_on),
        DISK_STORY(full_disk_is_told_and_resumed_from),
        DISK_STORY(too_many_torrents_are_cleaned_up),
        DISK_STORY(read_only_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
