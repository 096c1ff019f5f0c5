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

enum { SCHEMA_VERSION = 1 };

/* Opening waits for no disk (it would be most of the time until the service is ready): the log is
 * read up to its first torn frame, so what is written here is there whenever something written
 * later is. */
static const char schema[] =
    "PRAGMA synchronous=OFF;"
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE IF NOT EXISTS torrents("
    " hash TEXT PRIMARY KEY, name TEXT NOT NULL, magnet TEXT, save_path TEXT NOT NULL,"
    " added_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, is_paused INTEGER NOT NULL,"
    " is_seed INTEGER NOT NULL, has_background INTEGER NOT NULL, is_checked INTEGER NOT NULL,"
    " is_leaving INTEGER NOT NULL, selected TEXT, download_limit INTEGER NOT NULL,"
    " upload_limit INTEGER NOT NULL, max_connections INTEGER NOT NULL,"
    " metainfo BLOB, resume BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS uploads("
    " hash TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, received INTEGER NOT NULL,"
    " tail_at INTEGER NOT NULL, grown_ms INTEGER NOT NULL, hashes BLOB, torrent TEXT)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS facts(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "PRAGMA user_version=1;";

static enum err failed(const struct store *store, const char *what, struct error *error)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    const char *path = sqlite3_db_filename(store->db, "main");
    const char *advice = "";
    enum err err = ERR_IO;

    if (code == SQLITE_FULL) {
        err = ERR_NO_SPACE;
    } else if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
        err = ERR_CONFIG;
        advice = "; move it away to start with an empty list of torrents";
    }
    return error_set(error, err, "cannot %s the torrent database %s: %s%s", what,
                     path != NULL ? path : "", sqlite3_errmsg(store->db), advice);
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

static enum err check_version(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "PRAGMA user_version");
    int version = 0;

    if (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (version > SCHEMA_VERSION)
        return error_set(error, ERR_CONFIG,
                         "the torrent database %s is of a newer version of this program",
                         sqlite3_db_filename(store->db, "main"));
    return ERR_NONE;
}

/* In one transaction: who dies half-way through the checking that follows an unsafe end must find
 * it still to be done. */
static enum err begin_life(struct store *store, struct error *error)
{
    enum err err;

    read_boot_id(store->boot_id);
    read_last_end(store);
    if (sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
        (!store->was_safe &&
         sqlite3_exec(store->db,
                      "UPDATE torrents SET is_checked=0;"
                      "UPDATE uploads SET received=0, tail_at=size WHERE torrent IS NULL",
                      NULL, NULL, NULL) != SQLITE_OK))
        return failed(store, "write", error);
    err = store_put_value(store, "running_boot", store->boot_id, strlen(store->boot_id), error);
    if (err == ERR_NONE && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        err = failed(store, "write", error);
    return err;
}

enum err store_open(const char *path, struct store **out, struct error *error)
{
    struct store *store = xcalloc(1, sizeof(*store));
    enum err err = ERR_NONE;

    if (sqlite3_open(path, &store->db) != SQLITE_OK)
        err = error_set(error, ERR_IO, "cannot open the torrent database %s: %s", path,
                        sqlite3_errmsg(store->db));
    if (err == ERR_NONE)
        err = check_version(store, error);
    if (err == ERR_NONE && (sqlite3_busy_timeout(store->db, 2000) != SQLITE_OK ||
                            sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK))
        err = failed(store, "open", error);
    if (err == ERR_NONE)
        err = begin_life(store, error);
    if (err == ERR_NONE &&
        sqlite3_exec(store->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL) != SQLITE_OK)
        err = failed(store, "open", error);
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
        store_put_value(store, "running_boot", "", 0, NULL);
    sqlite3_close(store->db);
    free(store);
    *store_p = NULL;
}

bool store_was_safe(const struct store *store)
{
    return store->was_safe;
}

static void bind_hash(sqlite3_stmt *statement, int index, const struct infohash *hash)
{
    char hex[INFOHASH_TEXT];

    sqlite3_bind_text(statement, index, infohash_text(hash, hex), -1, SQLITE_TRANSIENT);
}

/* Positions of the columns, in bindings and results alike (bindings count from 1). */
enum column {
    HASH,
    NAME,
    MAGNET,
    SAVE_PATH,
    ADDED_MS,
    USED_MS,
    IS_PAUSED,
    IS_SEED,
    HAS_BACKGROUND,
    IS_CHECKED,
    IS_LEAVING,
    SELECTED,
    DOWNLOAD_LIMIT,
    UPLOAD_LIMIT,
    MAX_CONNECTIONS,
    METAINFO,
    RESUME,
};

static void bind_text(sqlite3_stmt *statement, enum column column, const char *text)
{
    sqlite3_bind_text(statement, (int)column + 1, text, -1, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *statement, enum column column, uint64_t value)
{
    sqlite3_bind_int64(statement, (int)column + 1, (sqlite3_int64)value);
}

enum err store_put(struct store *store, const struct store_row *row, struct error *error)
{
    sqlite3_stmt *statement = prepare(
        store, "INSERT INTO torrents VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL)"
               " ON CONFLICT(hash) DO UPDATE SET"
               " name=excluded.name, magnet=excluded.magnet, save_path=excluded.save_path,"
               " used_ms=excluded.used_ms, is_paused=excluded.is_paused, is_seed=excluded.is_seed,"
               " has_background=excluded.has_background, is_checked=excluded.is_checked,"
               " is_leaving=excluded.is_leaving, selected=excluded.selected,"
               " download_limit=excluded.download_limit, upload_limit=excluded.upload_limit,"
               " max_connections=excluded.max_connections");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_hash(statement, HASH + 1, &row->hash);
    bind_text(statement, NAME, row->name);
    bind_text(statement, MAGNET, row->magnet);
    bind_text(statement, SAVE_PATH, row->save_path);
    bind_number(statement, ADDED_MS, row->added_ms);
    bind_number(statement, USED_MS, row->used_ms);
    bind_number(statement, IS_PAUSED, row->is_paused);
    bind_number(statement, IS_SEED, row->is_seed);
    bind_number(statement, HAS_BACKGROUND, row->has_background);
    bind_number(statement, IS_CHECKED, row->is_checked);
    bind_number(statement, IS_LEAVING, row->is_leaving);
    bind_text(statement, SELECTED, row->selected);
    bind_number(statement, DOWNLOAD_LIMIT, row->download_limit);
    bind_number(statement, UPLOAD_LIMIT, row->upload_limit);
    bind_number(statement, MAX_CONNECTIONS, row->max_connections);
    return run(store, statement, error);
}

enum err store_put_blob(struct store *store, const struct infohash *hash, enum store_blob which,
                        const uint8_t *data, size_t len, struct error *error)
{
    sqlite3_stmt *statement =
        prepare(store, which == STORE_METAINFO ? "UPDATE torrents SET metainfo=? WHERE hash=?"
                                               : "UPDATE torrents SET resume=? WHERE hash=?");

    if (statement == NULL)
        return failed(store, "write", error);
    sqlite3_bind_blob64(statement, 1, data, len, SQLITE_STATIC);
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

static char *column_text(sqlite3_stmt *statement, enum column column)
{
    const char *text = (const char *)sqlite3_column_text(statement, (int)column);

    return text != NULL ? xstrdup(text) : NULL;
}

static uint64_t column_number(sqlite3_stmt *statement, enum column column)
{
    return (uint64_t)sqlite3_column_int64(statement, (int)column);
}

static struct bytes column_blob(sqlite3_stmt *statement, enum column column)
{
    const void *data = sqlite3_column_blob(statement, (int)column); /* before its length */

    return bytes_of(data, (size_t)sqlite3_column_bytes(statement, (int)column));
}

static bool read_row(sqlite3_stmt *statement, struct store_row *row)
{
    const char *hex = (const char *)sqlite3_column_text(statement, HASH);

    *row = (struct store_row){0};
    if (hex == NULL || !infohash_parse(bytes_of_text(hex), &row->hash))
        return false;
    row->name = column_text(statement, NAME);
    row->magnet = column_text(statement, MAGNET);
    row->save_path = column_text(statement, SAVE_PATH);
    row->has_metainfo = sqlite3_column_type(statement, METAINFO) == SQLITE_BLOB;
    row->added_ms = column_number(statement, ADDED_MS);
    row->used_ms = column_number(statement, USED_MS);
    row->is_paused = column_number(statement, IS_PAUSED) != 0;
    row->is_seed = column_number(statement, IS_SEED) != 0;
    row->has_background = column_number(statement, HAS_BACKGROUND) != 0;
    row->is_checked = column_number(statement, IS_CHECKED) != 0;
    row->is_leaving = column_number(statement, IS_LEAVING) != 0;
    row->selected = column_text(statement, SELECTED);
    row->download_limit = column_number(statement, DOWNLOAD_LIMIT);
    row->upload_limit = column_number(statement, UPLOAD_LIMIT);
    row->max_connections = (uint32_t)column_number(statement, MAX_CONNECTIONS);
    return row->name != NULL && row->save_path != NULL;
}

enum err store_each(struct store *store,
                    void (*on_row)(void *arg, struct store_row *row, struct bytes metainfo,
                                   struct bytes resume),
                    void *arg, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "SELECT * FROM torrents ORDER BY added_ms");
    int code;

    if (statement == NULL)
        return failed(store, "read", error);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_row row;

        if (read_row(statement, &row))
            on_row(arg, &row, column_blob(statement, METAINFO), column_blob(statement, RESUME));
        store_row_clear(&row);
    }
    enum err err = code == SQLITE_DONE ? ERR_NONE : failed(store, "read", error);
    sqlite3_finalize(statement);
    return err;
}

/* ---- uploads */

enum upload_column {
    UPLOAD_HASH,
    UPLOAD_NAME,
    UPLOAD_SIZE,
    UPLOAD_RECEIVED,
    UPLOAD_TAIL_AT,
    UPLOAD_GROWN_MS,
    UPLOAD_HASHES,
    UPLOAD_TORRENT,
};

enum err store_put_upload(struct store *store, const struct store_upload *upload,
                          struct error *error)
{
    sqlite3_stmt *statement =
        prepare(store, "INSERT OR REPLACE INTO uploads VALUES(?,?,?,?,?,?,?,?)");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_hash(statement, UPLOAD_HASH + 1, &upload->hash);
    sqlite3_bind_text(statement, UPLOAD_NAME + 1, upload->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, UPLOAD_SIZE + 1, (sqlite3_int64)upload->size);
    sqlite3_bind_int64(statement, UPLOAD_RECEIVED + 1, (sqlite3_int64)upload->received);
    sqlite3_bind_int64(statement, UPLOAD_TAIL_AT + 1, (sqlite3_int64)upload->tail_at);
    sqlite3_bind_int64(statement, UPLOAD_GROWN_MS + 1, (sqlite3_int64)upload->grown_ms);
    sqlite3_bind_blob64(statement, UPLOAD_HASHES + 1, upload->hashes.data, upload->hashes.len,
                        SQLITE_STATIC);
    if (upload->has_torrent)
        bind_hash(statement, UPLOAD_TORRENT + 1, &upload->torrent);
    return run(store, statement, error);
}

enum err store_delete_upload(struct store *store, const struct infohash *hash, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "DELETE FROM uploads WHERE hash=?");

    if (statement == NULL)
        return failed(store, "write", error);
    bind_hash(statement, 1, hash);
    return run(store, statement, error);
}

static bool read_upload(sqlite3_stmt *statement, struct store_upload *upload)
{
    const char *hex = (const char *)sqlite3_column_text(statement, UPLOAD_HASH);
    const char *torrent = (const char *)sqlite3_column_text(statement, UPLOAD_TORRENT);

    *upload = (struct store_upload){0};
    if (hex == NULL || !infohash_parse(bytes_of_text(hex), &upload->hash))
        return false;
    upload->name = (char *)(uintptr_t)sqlite3_column_text(statement, UPLOAD_NAME);
    upload->size = (uint64_t)sqlite3_column_int64(statement, UPLOAD_SIZE);
    upload->received = (uint64_t)sqlite3_column_int64(statement, UPLOAD_RECEIVED);
    upload->tail_at = (uint64_t)sqlite3_column_int64(statement, UPLOAD_TAIL_AT);
    upload->grown_ms = (uint64_t)sqlite3_column_int64(statement, UPLOAD_GROWN_MS);
    const void *hashes = sqlite3_column_blob(statement, UPLOAD_HASHES); /* before its length */
    upload->hashes = bytes_of(hashes, (size_t)sqlite3_column_bytes(statement, UPLOAD_HASHES));
    upload->has_torrent =
        torrent != NULL && infohash_parse(bytes_of_text(torrent), &upload->torrent);
    return upload->name != NULL;
}

enum err store_each_upload(struct store *store,
                           void (*on_upload)(void *arg, const struct store_upload *upload),
                           void *arg, struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "SELECT * FROM uploads");
    int code;

    if (statement == NULL)
        return failed(store, "read", error);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_upload upload;

        if (read_upload(statement, &upload))
            on_upload(arg, &upload);
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
        struct bytes value =
            bytes_of(sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));

        *data_out = xcalloc(value.len, 1); /* an empty value is a value */
        if (value.len > 0)
            memcpy(*data_out, value.data, value.len);
        *len_out = value.len;
    }
    sqlite3_finalize(statement);
    return ERR_NONE;
}

enum err store_put_value(struct store *store, const char *key, const void *data, size_t len,
                         struct error *error)
{
    sqlite3_stmt *statement = prepare(store, "INSERT OR REPLACE INTO facts VALUES(?,?)");

    if (statement == NULL)
        return failed(store, "write", error);
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, 2, data, len, SQLITE_STATIC);
    return run(store, statement, error);
}

void store_row_clear(struct store_row *row)
{
    free(row->name);
    free(row->magnet);
    free(row->save_path);
    free(row->selected);
    *row = (struct store_row){0};
}

static enum err move_rows(struct store *store, const char *from, const char *to,
                          struct error *error)
{
    sqlite3_stmt *statement =
        prepare(store, "UPDATE torrents SET save_path = ?1 || substr(save_path, length(?2) + 1)"
                       " WHERE substr(save_path, 1, length(?2) + 1) = ?2 || '/'");
    enum err err = ERR_NONE;

    sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, from, -1, SQLITE_STATIC);
    if (statement == NULL || sqlite3_step(statement) != SQLITE_DONE)
        err = failed(store, "write", error);
    sqlite3_finalize(statement);
    return err;
}

enum err store_settle(struct store *store, const char *folder, struct error *error)
{
    uint8_t *value = NULL;
    size_t len = 0;
    enum err err = ERR_NONE;

    if (store_get_value(store, "folder", &value, &len) == ERR_NONE && value != NULL) {
        char *before = xstrndup((const char *)value, len);

        free(value);
        if (strcmp(before, folder) == 0) {
            free(before);
            return ERR_NONE;
        }
        if (sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
            err = failed(store, "write", error);
        if (err == ERR_NONE)
            err = move_rows(store, before, folder, error);
        if (err == ERR_NONE)
            err = store_put_value(store, "folder", folder, strlen(folder), error);
        if (err == ERR_NONE && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
            err = failed(store, "write", error);
        free(before);
        return err;
    }
    return store_put_value(store, "folder", folder, strlen(folder), error);
}
