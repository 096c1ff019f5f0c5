/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

static char folder[32], path[64];
static struct error error;

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"db", "db-wal", "db-shm"};
    char name[64];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static struct store *open_store(void)
{
    struct store *store = NULL;

    assert_int_equal(store_open(path, &store, &error), ERR_NONE);
    return store;
}

static const struct store_row film = {
    .hash = {{1, 2, 3}},
    .name = (char[]){"caf\xc3\xa9"},
    .magnet = (char[]){"magnet:?xt=urn:btih:01"},
    .save_path = (char[]){"/data/01"},
    .added_ms = 5,
    .used_ms = 6,
    .is_paused = true,
    .has_background = true,
    .is_checked = true,
    .selected = (char[]){"0,2-4"},
    .download_limit = UINT64_MAX,
    .upload_limit = 7,
    .max_connections = UINT32_MAX,
};

struct seen {
    unsigned count;
    struct store_row row; /* the last, taken over */
    char metainfo[16], resume[16];
};

static void on_row(void *arg, struct store_row *row, struct bytes metainfo, struct bytes resume)
{
    struct seen *seen = arg;

    store_row_clear(&seen->row);
    seen->count++;
    seen->row = *row;
    *row = (struct store_row){0};
    assert_true(metainfo.len < sizeof(seen->metainfo) && resume.len < sizeof(seen->resume));
    snprintf(seen->metainfo, sizeof(seen->metainfo), "%.*s", (int)metainfo.len,
             metainfo.data != NULL ? (const char *)metainfo.data : "");
    snprintf(seen->resume, sizeof(seen->resume), "%.*s", (int)resume.len,
             resume.data != NULL ? (const char *)resume.data : "");
}

static struct seen look(struct store *store)
{
    struct seen seen = {0};

    assert_int_equal(store_each(store, on_row, &seen, &error), ERR_NONE);
    return seen;
}

static void rows_come_back_as_they_were(void **state)
{
    struct store *store = open_store();

    (void)state;
    assert_int_equal(store_put(store, &film, &error), ERR_NONE);
    store_close(&store, true);
    store = open_store();
    struct seen seen = look(store);
    assert_int_equal(seen.count, 1);
    assert_memory_equal(&seen.row.hash, &film.hash, sizeof(film.hash));
    assert_string_equal(seen.row.name, film.name);
    assert_string_equal(seen.row.magnet, film.magnet);
    assert_string_equal(seen.row.save_path, film.save_path);
    assert_string_equal(seen.row.selected, film.selected);
    assert_int_equal(seen.row.added_ms, 5);
    assert_int_equal(seen.row.used_ms, 6);
    assert_true(seen.row.is_paused && seen.row.has_background && seen.row.is_checked);
    assert_false(seen.row.is_seed || seen.row.is_leaving || seen.row.has_metainfo);
    assert_true(seen.row.download_limit == UINT64_MAX);
    assert_int_equal(seen.row.upload_limit, 7);
    assert_int_equal(seen.row.max_connections, UINT32_MAX);
    store_row_clear(&seen.row);
    store_close(&store, true);
}

static void blobs_outlive_changes_of_their_row(void **state)
{
    static const struct infohash other = {{9}};
    struct store *store = open_store();
    struct store_row row = film;

    (void)state;
    store_put(store, &row, &error);
    assert_int_equal(
        store_put_blob(store, &film.hash, STORE_METAINFO, (const uint8_t *)"meta", 4, &error),
        ERR_NONE);
    assert_int_equal(
        store_put_blob(store, &film.hash, STORE_RESUME, (const uint8_t *)"resume", 6, &error),
        ERR_NONE);
    assert_int_equal(
        store_put_blob(store, &other, STORE_RESUME, (const uint8_t *)"lost", 4, &error), ERR_NONE);
    row.selected = NULL;
    row.is_seed = true;
    store_put(store, &row, &error);
    struct seen seen = look(store);
    assert_int_equal(seen.count, 1);
    assert_true(seen.row.has_metainfo && seen.row.is_seed);
    assert_null(seen.row.selected);
    assert_string_equal(seen.metainfo, "meta");
    assert_string_equal(seen.resume, "resume");
    store_row_clear(&seen.row);
    assert_int_equal(store_delete(store, &film.hash, &error), ERR_NONE);
    assert_int_equal(store_delete(store, &film.hash, &error), ERR_NONE); /* gone is gone */
    assert_int_equal(look(store).count, 0);
    store_close(&store, true);
}

static void values_may_be_empty(void **state)
{
    struct store *store = open_store();
    uint8_t *data;
    size_t len;

    (void)state;
    assert_int_equal(store_get_value(store, "nothing", &data, &len), ERR_NONE);
    assert_null(data);
    assert_int_equal(store_put_value(store, "empty", "", 0, &error), ERR_NONE);
    assert_int_equal(store_get_value(store, "empty", &data, &len), ERR_NONE);
    assert_non_null(data);
    assert_int_equal(len, 0);
    free(data);
    store_put_value(store, "empty", "full", 4, &error);
    store_get_value(store, "empty", &data, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(data, "full", 4);
    free(data);
    store_close(&store, true);
}

/* Opens after an end of some kind; tells whether it was safe and the row still counts as checked.
 */
static void after(bool was_safe, bool is_checked)
{
    struct store *store = open_store();
    struct seen seen = look(store);

    assert_int_equal(store_was_safe(store), was_safe);
    assert_int_equal(seen.row.is_checked, is_checked);
    store_row_clear(&seen.row);
    store_close(&store, false);
}

static void only_a_power_cut_is_not_safe(void **state)
{
    struct store *store = open_store();

    (void)state;
    assert_true(store_was_safe(store)); /* the first of all */
    store_put(store, &film, &error);
    store_close(&store, true);
    after(true, true);
    after(true, true); /* that one died, in this boot */
    store = open_store();
    assert_int_equal(store_put_value(store, "running_boot", "another boot", 12, &error), ERR_NONE);
    store_close(&store, false);
    after(false, false);
    after(true, false); /* this life was safe; what was to be checked still is */
}

static void rows_move_with_the_folder_of_downloads(void **state)
{
    struct store *store = open_store();
    struct store_row other = film;
    struct seen seen;

    (void)state;
    other.hash.bytes[0] = 9;
    other.save_path =
        (char[]){"/database/02"}; /* begins alike, and is a folder of somebody's own */
    other.added_ms = 7;
    assert_int_equal(store_settle(store, "/data", &error), ERR_NONE);
    assert_int_equal(store_put(store, &film, &error), ERR_NONE);
    assert_int_equal(store_put(store, &other, &error), ERR_NONE);
    assert_int_equal(store_settle(store, "/data", &error), ERR_NONE);
    assert_int_equal(store_settle(store, "/new place", &error), ERR_NONE);
    seen = look(store);
    assert_string_equal(seen.row.save_path, "/database/02");
    assert_int_equal(store_delete(store, &other.hash, &error), ERR_NONE);
    store_row_clear(&seen.row);
    seen = look(store);
    assert_string_equal(seen.row.save_path, "/new place/01");
    store_row_clear(&seen.row);
    store_close(&store, true);
}

static void what_is_no_database_is_refused(void **state)
{
    FILE *file = fopen(path, "we");
    struct store *store = NULL;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        fputs("no database at all ", file);
    fclose(file);
    assert_int_equal(store_open(path, &store, &error), ERR_CONFIG);
    assert_non_null(strstr(error.text, path));
    assert_null(store);
    assert_int_equal(store_open("/nowhere/db", &store, &error), ERR_IO);
    store_close(&store, true); /* accepts NULL */
}

#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

static struct store_upload kept[3];
static uint8_t kept_hash[20];
static size_t kept_count;

static void keep_upload(void *arg, const struct store_upload *upload)
{
    (void)arg;
    assert_true(kept_count < COUNT_OF(kept));
    assert_string_equal(upload->name, "film.mp4");
    if (upload->hashes.len == sizeof(kept_hash))
        memcpy(kept_hash, upload->hashes.data, sizeof(kept_hash));
    kept[kept_count++] = *upload;
}

static void read_uploads(struct store *store)
{
    kept_count = 0;
    assert_int_equal(store_each_upload(store, keep_upload, NULL, &error), ERR_NONE);
}

/* What reached the disk before a power cut is not known; what became a torrent is checked as one.
 */
static void uploads_are_kept_and_begin_anew_after_a_power_cut(void **state)
{
    static const uint8_t hashes[20] = {7, 8, 9};
    struct store_upload arriving = {.hash = {{1}},
                                    .name = (char[]){"film.mp4"},
                                    .size = 1000,
                                    .received = 500,
                                    .tail_at = 900,
                                    .grown_ms = 5,
                                    .hashes = bytes_of(hashes, sizeof(hashes))};
    struct store_upload complete = arriving;
    struct store *store = open_store();

    (void)state;
    complete.hash.bytes[0] = 2;
    complete.has_torrent = true;
    complete.torrent.bytes[19] = 3;
    assert_int_equal(store_put_upload(store, &arriving, &error), ERR_NONE);
    arriving.received = 600;
    assert_int_equal(store_put_upload(store, &arriving, &error), ERR_NONE);
    assert_int_equal(store_put_upload(store, &complete, &error), ERR_NONE);
    read_uploads(store);
    assert_int_equal(kept_count, 2);
    assert_int_equal(kept[0].received, 600);
    assert_int_equal(kept[0].tail_at, 900);
    assert_false(kept[0].has_torrent);
    assert_memory_equal(kept_hash, hashes, sizeof(hashes));
    assert_true(kept[1].has_torrent && kept[1].torrent.bytes[19] == 3);

    assert_int_equal(store_put_value(store, "running_boot", "another boot", 12, &error), ERR_NONE);
    store_close(&store, false);
    store = open_store();
    read_uploads(store);
    assert_int_equal(kept[0].received, 0);
    assert_int_equal(kept[0].tail_at, 1000);
    assert_int_equal(kept[1].received, 500);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(store_delete_upload(store, &kept[i].hash, &error), ERR_NONE);
    read_uploads(store);
    assert_int_equal(kept_count, 0);
    store_close(&store, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(rows_come_back_as_they_were),
        WITH_FOLDER(blobs_outlive_changes_of_their_row),
        WITH_FOLDER(values_may_be_empty),
        WITH_FOLDER(only_a_power_cut_is_not_safe),
        WITH_FOLDER(rows_move_with_the_folder_of_downloads),
        WITH_FOLDER(what_is_no_database_is_refused),
        WITH_FOLDER(uploads_are_kept_and_begin_anew_after_a_power_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
