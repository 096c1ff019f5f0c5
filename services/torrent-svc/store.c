/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct store {
    sqlite3 *db;
    char boot_id[40];
    bool was_safe;
};

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "CREATE TABLE IF NOT EXISTS torrents("
    " hash TEXT PRIMARY KEY, name TEXT NOT NULL, magnet TEXT, save_path TEXT NOT NULL, metainfo "
    "BLOB, resume BLOB,"
    " added_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, is_paused INTEGER NOT NULL, is_seed "
    "INTEGER NOT NULL,"
    " has_background INTEGER NOT NULL, selected TEXT, download_limit INTEGER NOT NULL, "
    "upload_limit INTEGER NOT NULL,"
    " max_connections INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS facts(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "PRAGMA user_version=1;";

static enum err failed(const struct store *store, const char *what, struct error *error)
{
    int code = sqlite3_errcode(store->db) & 0xff;

    return error_set(error, code == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO,
                     "cannot %s the torrent database: %s", what, sqlite3_errmsg(store->db));
}

static void read_boot_id(char out[40])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    out[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(out, 40, file) == NULL)
        out[0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

static void read_last_end(struct store *store)
{
    uint8_t *value;
    size_t len;

    /* A first start has nothing to distrust. */
    store->was_safe = true;
    if (store_get_value(store, "running_boot", &value, &len) != ERR_NONE || value == NULL)
        return;
    store->was_safe =
        len == 0 || (len == strlen(store->boot_id) && memcmp(value, store->boot_id, len) == 0);
    free(value);
}

enum err store_open(const char *path, struct store **out, struct error *error)
{
    struct store *store = xcalloc(1, sizeof(*store));
    enum err err = ERR_NONE;

    if (sqlite3_open(path, &store->db) != SQLITE_OK ||
        sqlite3_busy_timeout(store->db, 2000) != SQLITE_OK ||
        sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        err = failed(store, "open", error);
    if (err == ERR_NONE) {
        read_boot_id(store->boot_id);
        read_last_end(store);
        err = store_put_value(store, "running_boot", store->boot_id, strlen(store->boot_id));
    }
    if (err != ERR_NONE) {
        sqlite3_close(store->db);
        free(store);
        return err;
    }
    *out = store;
    return ERR_NONE;
}

void store_close(struct store **store_p, bool is_clean)
{
    struct store *store = *store_p;

    if (store == NULL)
        return;
    if (is_clean)
        store_put_value(store, "running_boot", "", 0);
    sqlite3_close(store->db);
    free(store);
    *store_p = NULL;
}

bool store_was_safe(const struct store *store)
{
    return store->was_safe;
}

static sqlite3_stmt *prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    return statement;
}

static enum err run(struct store *store, sqlite3_stmt *statement, struct error *error)
{
    enum err err = ERR_NONE;

    if (statement == NULL || sqlite3_step(statement) != SQLITE_DONE)
        err = failed(store, "write", error);
    sqlite3_finalize(statement);
    return err;
}

static void bind_hash(sqlite3_stmt *statement, int index, const struct infohash *hash)
{
    char hex[INFOHASH_TEXT];

    sqlite3_bind_text(statement, index, infohash_text(hash, hex), -1, SQLITE_TRANSIENT);
}

static void bind_blob(sqlite3_stmt *statement, int index, const uint8_t *data, size_t len)
{
    if (data != NULL)
        sqlite3_bind_blob64(statement, index, data, len, SQLITE_STATIC);
}

enum err store_put(struct store *store, const struct store_row *row, struct error *error)
{
    sqlite3_stmt *statement = prepare(
        store,
        "INSERT INTO torrents VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(hash) DO UPDATE SET"
        " name=excluded.name, magnet=excluded.magnet, save_path=excluded.save_path,"
        " metainfo=excluded.metainfo, used_ms=excluded.used_ms, is_paused=excluded.is_paused,"
        " is_seed=excluded.is_seed, has_background=excluded.has_background,"
        " selected=excluded.selected, download_limit=excluded.download_limit,"
        " upload_limit=excluded.upload_limit, max_connections=excluded.max_connections");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_hash(statement, 1, &row->hash);
    sqlite3_bind_text(statement, 2, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, row->magnet, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, row->save_path, -1, SQLITE_STATIC);
    bind_blob(statement, 5, row->metainfo, row->metainfo_len);
    bind_blob(statement, 6, row->resume, row->resume_len);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)row->added_ms);
    sqlite3_bind_int64(statement, 8, (sqlite3_int64)row->used_ms);
    sqlite3_bind_int(statement, 9, row->is_paused);
    sqlite3_bind_int(statement, 10, row->is_seed);
    sqlite3_bind_int(statement, 11, row->has_background);
    sqlite3_bind_text(statement, 12, row->selected, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 13, (sqlite3_int64)row->download_limit);
    sqlite3_bind_int64(statement, 14, (sqlite3_int64)row->upload_limit);
    sqlite3_bind_int64(statement, 15, row->max_connections);
    return run(store, statement, error);
}

enum err store_put_resume(struct store *store, const struct infohash *hash, const uint8_t *data,
                          size_t len, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "UPDATE torrents SET resume=? WHERE hash=?");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_blob(statement, 1, data, len);
    bind_hash(statement, 2, hash);
    return run(store, statement, error);
}

enum err store_delete(struct store *store, const struct infohash *hash, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "DELETE FROM torrents WHERE hash=?");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_hash(statement, 1, hash);
    return run(store, statement, error);
}

static char *column_text(sqlite3_stmt *statement, int index)
{
    const char *text = (const char *)sqlite3_column_text(statement, index);

    return text != NULL ? xstrdup(text) : NULL;
}

static uint8_t *column_blob(sqlite3_stmt *statement, int index, size_t *len_out)
{
    const void *data = sqlite3_column_blob(statement, index);

    *len_out = (size_t)sqlite3_column_bytes(statement, index);
    if (data == NULL)
        return NULL;
    uint8_t *copy = xcalloc(*len_out, 1);
    memcpy(copy, data, *len_out);
    return copy;
}

static bool read_row(sqlite3_stmt *statement, struct store_row *row)
{
    const char *hex = (const char *)sqlite3_column_text(statement, 0);

    *row = (struct store_row){0};
    if (hex == NULL || !infohash_parse(bytes_of_text(hex), &row->hash))
        return false;
    row->name = column_text(statement, 1);
    row->magnet = column_text(statement, 2);
    row->save_path = column_text(statement, 3);
    row->metainfo = column_blob(statement, 4, &row->metainfo_len);
    row->resume = column_blob(statement, 5, &row->resume_len);
    row->added_ms = (uint64_t)sqlite3_column_int64(statement, 6);
    row->used_ms = (uint64_t)sqlite3_column_int64(statement, 7);
    row->is_paused = sqlite3_column_int(statement, 8) != 0;
    row->is_seed = sqlite3_column_int(statement, 9) != 0;
    row->has_background = sqlite3_column_int(statement, 10) != 0;
    row->selected = column_text(statement, 11);
    row->download_limit = (uint64_t)sqlite3_column_int64(statement, 12);
    row->upload_limit = (uint64_t)sqlite3_column_int64(statement, 13);
    row->max_connections = (uint32_t)sqlite3_column_int64(statement, 14);
    return row->name != NULL && row->save_path != NULL;
}

enum err store_each(struct store *store, void (*on_row)(void *arg, struct store_row *row),
                    void *arg, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "SELECT * FROM torrents ORDER BY added_ms");
    int code;

    if (statement == NULL)
        return failed(store, "read", error);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_row row;

        if (read_row(statement, &row))
            on_row(arg, &row);
        store_row_clear(&row);
    }
    enum err err = code == SQLITE_DONE ? ERR_NONE : failed(store, "read", error);
    sqlite3_finalize(statement);
    return err;
}

enum err store_get_value(struct store *store, const char *key, uint8_t **data_out, size_t *len_out)
{
    sqlite3_stmt *statement = prepare(store, "SELECT value FROM facts WHERE key=?");

    *data_out = NULL;
    *len_out = 0;
    if (statement == NULL)
        return ERR_IO;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *data_out = column_blob(statement, 0, len_out);
        if (*data_out == NULL)
            *data_out = xcalloc(1, 1); /* an empty value is a value */
    }
    sqlite3_finalize(statement);
    return ERR_NONE;
}

enum err store_put_value(struct store *store, const char *key, const void *data, size_t len)
{
    sqlite3_stmt *statement = prepare(store, "INSERT OR REPLACE INTO facts VALUES(?,?)");

    if (statement == NULL)
        return ERR_IO;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 2, data, len, SQLITE_STATIC);
    return run(store, statement, NULL);
}

void store_row_clear(struct store_row *row)
{
    free(row->name);
    free(row->magnet);
    free(row->save_path);
    free(row->metainfo);
    free(row->resume);
    free(row->selected);
    *row = (struct store_row){0};
}
