/* SPDX-License-Identifier: MIT
 *
 * Rooms in one SQLite file (WAL). Written in transactions of a fraction of a millisecond. After a
 * power cut the last seconds may be missing. Whoever can open it holds the rooms: the lock of the
 * run directory lets no second process of this name begin.
 */
#include "store.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"

enum { SCHEMA_VERSION = 1 };

/* A commit waits for no disk; only every few thousand pages the log is written back, and the disk
 * waited for. Parts have rows of their own: SQLite writes rows as a whole. Debian's would write
 * zeros over all that it lets go, too. */
static const char schema[] =
    "PRAGMA secure_delete=FAST;"
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA wal_autocheckpoint=4000;"
    "CREATE TABLE IF NOT EXISTS parts("
    " code TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE(code, part));"
    "CREATE TABLE IF NOT EXISTS gateways(place INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "PRAGMA user_version=1;";

#define STATEMENTS(X)                                                                              \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(PUT_PART, "INSERT INTO parts(code, part, data) VALUES(?1, ?2, ?3)"                           \
                " ON CONFLICT(code, part) DO UPDATE SET data=excluded.data")                       \
    X(DELETE_ROOM, "DELETE FROM parts WHERE code=?1")                                              \
    X(PUT_GATEWAY, "INSERT INTO gateways(place, data) VALUES(?1, ?2)"                              \
                   " ON CONFLICT(place) DO UPDATE SET data=excluded.data")                         \
    X(DELETE_GATEWAY, "DELETE FROM gateways WHERE place=?1")                                       \
    X(EACH_PART, "SELECT code, data FROM parts ORDER BY code, part")                               \
    X(EACH_GATEWAY, "SELECT place, data FROM gateways")

enum statement {
#define X(name, sql) name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

struct sqlite_store {
    struct store store; /* first: one is the other */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct error error; /* what went wrong first in this transaction */
};

static enum err failed(const struct sqlite_store *store, const char *what, struct error *error)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    const char *path = sqlite3_db_filename(store->db, "main");

    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
        return error_set(error, ERR_CONFIG,
                         "the database of rooms %s is damaged (%s); move it away to begin without "
                         "rooms",
                         path, sqlite3_errmsg(store->db));
    return error_set(error, code == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO,
                     "cannot %s the database of rooms %s: %s", what, path,
                     sqlite3_errmsg(store->db));
}

static int read_version(struct sqlite_store *store)
{
    sqlite3_stmt *statement = NULL;
    int version = 0;

    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return version;
}

static enum err prepare(struct sqlite_store *store, struct error *error)
{
    static const char *const sql[] = {
#define X(name, text) [name] = (text),
        STATEMENTS(X)
#undef X
    };

    if (read_version(store) > SCHEMA_VERSION)
        return error_set(error, ERR_CONFIG,
                         "the database of rooms %s is of a newer version of this program",
                         sqlite3_db_filename(store->db, "main"));
    if (sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        return failed(store, "open", error);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return failed(store, "use", error);
    return ERR_NONE;
}

static void free_store(struct sqlite_store *store)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

static struct sqlite_store *of(struct store *store)
{
    return (struct sqlite_store *)store;
}

static void on_close(struct store *store)
{
    free_store(of(store));
}

static enum err on_take(struct store *store, struct store_seat *out, struct error *error)
{
    (void)store;
    (void)error;
    *out = (struct store_seat){.seats = 1, .unix_ms = (int64_t)clock_unix_ms()};
    return ERR_NONE;
}

static enum err on_look(struct store *store, struct store_look *out, struct error *error)
{
    (void)store;
    (void)error;
    *out = (struct store_look){.seats = 1, .held = 1};
    return ERR_NONE;
}

static enum err on_renew(struct store *store, struct error *error)
{
    (void)store;
    (void)error;
    return ERR_NONE;
}

/* ---- writing */

/* Nothing more after a failure: SQLite may have ended the transaction, and what follows would be
 * written by itself. */
static void run(struct sqlite_store *store, enum statement which)
{
    if (store->error.code != ERR_NONE)
        return;
    if (sqlite3_step(store->statements[which]) != SQLITE_DONE)
        failed(store, "write", &store->error);
    sqlite3_reset(store->statements[which]);
}

static void on_begin(struct store *base)
{
    struct sqlite_store *store = of(base);

    store->error = (struct error){0};
    run(store, BEGIN);
}

static enum err on_commit(struct store *base, struct error *error)
{
    struct sqlite_store *store = of(base);

    run(store, COMMIT);
    if (store->error.code != ERR_NONE)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    *error = store->error;
    return error->code;
}

static void bind_data(sqlite3_stmt *statement, int at, struct bytes data)
{
    sqlite3_bind_blob64(statement, at, data.len > 0 ? (const void *)data.data : "", data.len,
                        SQLITE_STATIC);
}

static void on_put_part(struct store *base, const char *code, unsigned part, struct bytes data)
{
    struct sqlite_store *store = of(base);
    sqlite3_stmt *statement = store->statements[PUT_PART];

    sqlite3_bind_text(statement, 1, code, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 2, (int)part);
    bind_data(statement, 3, data);
    run(store, PUT_PART);
}

static void on_delete_room(struct store *base, const char *code)
{
    struct sqlite_store *store = of(base);

    sqlite3_bind_text(store->statements[DELETE_ROOM], 1, code, -1, SQLITE_STATIC);
    run(store, DELETE_ROOM);
}

static void on_put_gateway(struct store *base, uint64_t place, struct bytes data)
{
    struct sqlite_store *store = of(base);
    enum statement which = data.len > 0 ? PUT_GATEWAY : DELETE_GATEWAY;

    sqlite3_bind_int64(store->statements[which], 1, (sqlite3_int64)place);
    if (data.len > 0)
        bind_data(store->statements[which], 2, data);
    run(store, which);
}

/* ---- reading */

static struct bytes column(sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob(statement, at);

    return bytes_of(data, (size_t)sqlite3_column_bytes(statement, at));
}

static enum err end_reading(struct sqlite_store *store, sqlite3_stmt *statement, int code,
                            struct error *error)
{
    enum err err = code == SQLITE_DONE ? ERR_NONE : failed(store, "read", error);

    sqlite3_reset(statement);
    return err;
}

static enum err on_each_room(struct store *base, store_room_fn *on_room, void *arg,
                             struct error *error)
{
    struct sqlite_store *store = of(base);
    sqlite3_stmt *statement = store->statements[EACH_PART];
    struct text code = {0}, parts = {0};
    int result;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *next = (const char *)sqlite3_column_text(statement, 0);

        if (code.len > 0 && strcmp(text_str(&code), next) != 0) {
            on_room(arg, text_str(&code), bytes_of(parts.data, parts.len));
            text_clear(&parts);
        }
        text_clear(&code);
        text_add(&code, next);
        text_add_bytes(&parts, column(statement, 1));
    }
    if (code.len > 0)
        on_room(arg, text_str(&code), bytes_of(parts.data, parts.len));
    text_fini(&code);
    text_fini(&parts);
    return end_reading(store, statement, result, error);
}

static enum err on_each_gateway(struct store *base, store_gateway_fn *on_gateway, void *arg,
                                struct error *error)
{
    struct sqlite_store *store = of(base);
    sqlite3_stmt *statement = store->statements[EACH_GATEWAY];
    int result;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        on_gateway(arg, (uint64_t)sqlite3_column_int64(statement, 0), column(statement, 1));
    return end_reading(store, statement, result, error);
}

/* ---- opening */

enum err store_sqlite_open(const char *path, struct store **out, struct error *error)
{
    static const struct store_back back = {
        .close = on_close,
        .take = on_take,
        .renew = on_renew,
        .look = on_look,
        .begin = on_begin,
        .commit = on_commit,
        .put_part = on_put_part,
        .delete_room = on_delete_room,
        .put_gateway = on_put_gateway,
        .each_room = on_each_room,
        .each_gateway = on_each_gateway,
    };
    struct sqlite_store *store = xcalloc(1, sizeof(*store));
    enum err err;

    store->store.back = &back;
    if (sqlite3_open(path, &store->db) != SQLITE_OK)
        err = failed(store, "open", error);
    else
        err = prepare(store, error);
    if (err != ERR_NONE)
        free_store(store);
    *out = err == ERR_NONE ? &store->store : NULL;
    return err;
}
