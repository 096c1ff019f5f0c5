/* SPDX-License-Identifier: MIT */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"

enum { DEPTH_MAX = 4, BUSY_MS = 10000, COPY_BYTES = 64 << 10 };

static const char mark_name[] = "sharestream-backup";
static const char mark_text[] = "1\n"; /* what the folder looks like */

/* What there is in data_dir that must not be lost; each may be absent. */
static const char *const databases[] = {"torrents.sqlite", "rooms.db"};
static const char *const others[] = {"admin-token", "link-key", "subtitles"};

static char *in(const char *folder, const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static bool exists(const char *folder, const char *name)
{
    char *path = in(folder, name);
    bool is_there = access(path, F_OK) == 0;

    free(path);
    return is_there;
}

/* ---- databases */

static enum err check_copy(sqlite3 *db, const char *path, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool is_good =
        sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;

    sqlite3_finalize(statement);
    if (!is_good)
        return error_set(error, ERR_IO, "%s is damaged", path);
    return ERR_NONE;
}

/* Also while its service writes to it. */
static enum err copy_database(const char *from, const char *to, const char *then,
                              struct error *error)
{
    sqlite3 *source = NULL, *target = NULL;
    sqlite3_backup *backup = NULL;
    enum err err = ERR_NONE;

    if (sqlite3_open_v2(from, &source, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(source, BUSY_MS) != SQLITE_OK)
        err = error_set(error, ERR_IO, "cannot open %s: %s", from, sqlite3_errmsg(source));
    else if (sqlite3_open(to, &target) != SQLITE_OK || chmod(to, 0600) != 0 ||
             (backup = sqlite3_backup_init(target, "main", source, "main")) == NULL)
        err = error_set(error, ERR_IO, "cannot write %s: %s", to, sqlite3_errmsg(target));
    if (backup != NULL) {
        int code = sqlite3_backup_step(backup, -1);

        sqlite3_backup_finish(backup);
        if (code != SQLITE_DONE)
            err = error_set(error, code == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO,
                            "cannot copy %s to %s: %s", from, to, sqlite3_errstr(code));
        else if ((err = check_copy(target, to, error)) == ERR_NONE && then != NULL &&
                 sqlite3_exec(target, then, NULL, NULL, NULL) != SQLITE_OK)
            err = error_set(error, ERR_IO, "cannot write %s: %s", to, sqlite3_errmsg(target));
    }
    sqlite3_close(target);
    sqlite3_close(source);
    return err;
}

/* ---- files */

static bool copy_bytes(int from, int to)
{
    char *buffer = xcalloc(1, COPY_BYTES);
    ssize_t got, put = 0;

    while ((got = read(from, buffer, COPY_BYTES)) > 0) {
        for (ssize_t at = 0; at < got; at += put)
            if ((put = write(to, buffer + at, (size_t)(got - at))) <= 0)
                break;
        if (put <= 0)
            break;
    }
    free(buffer);
    return got == 0;
}

static enum err copy_file(const char *from, const char *to, mode_t mode, struct error *error)
{
    int source = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), target = -1;
    enum err err = ERR_NONE;

    if (source < 0)
        return error_set_errno(error, ERR_IO, "cannot read %s", from);
    target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (target < 0 || !copy_bytes(source, target) || fsync(target) != 0)
        err = error_set_errno(error, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                              "cannot copy %s to %s", from, to);
    close(source);
    if (target >= 0)
        close(target);
    return err;
}

/* A file, or a folder with all that is in it; what is neither is left out. */
static enum err copy(const char *from, const char *to, unsigned depth, struct error *error)
{
    struct stat about;
    struct dirent *entry;
    enum err err = ERR_NONE;
    DIR *folder;

    if (lstat(from, &about) != 0)
        return error_set_errno(error, ERR_IO, "cannot read %s", from);
    if (S_ISREG(about.st_mode))
        return copy_file(from, to, about.st_mode & 0777, error);
    if (!S_ISDIR(about.st_mode))
        return ERR_NONE;
    if (depth == 0)
        return error_set(error, ERR_INVALID, "%s has too many folders in each other", from);
    if ((mkdir(to, 0700) != 0 && errno != EEXIST) || (folder = opendir(from)) == NULL)
        return error_set_errno(error, ERR_IO, "cannot copy %s to %s", from, to);
    while (err == ERR_NONE && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = in(from, entry->d_name), *copied = in(to, entry->d_name);

        err = copy(inner, copied, depth - 1, error);
        free(inner);
        free(copied);
    }
    closedir(folder);
    return err;
}

static enum err copy_all(const char *from, const char *to, const char *then, struct error *error)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < COUNT_OF(databases) + COUNT_OF(others) && err == ERR_NONE; i++) {
        bool is_database = i < COUNT_OF(databases);
        const char *name = is_database ? databases[i] : others[i - COUNT_OF(databases)];
        char *source = in(from, name), *target = in(to, name);

        if (exists(from, name))
            err = is_database ? copy_database(source, target, i == 0 ? then : NULL, error)
                              : copy(source, target, DEPTH_MAX, error);
        free(source);
        free(target);
    }
    return err;
}

/* ---- the whole */

static enum err write_mark(const char *folder, struct error *error)
{
    char *path = in(folder, mark_name);
    FILE *file = fopen(path, "we");
    bool is_written = file != NULL && fputs(mark_text, file) >= 0;
    enum err err = ERR_NONE;

    if (file == NULL || fclose(file) != 0 || !is_written)
        err = error_set_errno(error, ERR_IO, "cannot write %s", path);
    free(path);
    return err;
}

enum err backup_make(const char *data_dir, const char *config_file, const char *folder,
                     struct error *error)
{
    char *partial = xasprintf("%s.partial", folder), *config = in(partial, "config.yaml");
    enum err err = ERR_NONE;

    if (!exists(data_dir, databases[0]) && !exists(data_dir, "link-key"))
        err = error_set(error, ERR_NOT_FOUND, "%s holds no state of a server; is it the right one?",
                        data_dir);
    else if (access(folder, F_OK) == 0)
        err = error_set(error, ERR_EXISTS, "%s is there already; name a new folder", folder);
    else if (mkdir(partial, 0700) != 0)
        err = error_set_errno(error, ERR_IO, "cannot make the folder %s", partial);
    if (err == ERR_NONE)
        err = copy_all(data_dir, partial, NULL, error);
    if (err == ERR_NONE && config_file != NULL && access(config_file, F_OK) == 0)
        err = copy_file(config_file, config, 0600, error);
    if (err == ERR_NONE)
        err = write_mark(partial, error);
    if (err == ERR_NONE && rename(partial, folder) != 0)
        err = error_set_errno(error, ERR_IO, "cannot name it %s", folder);
    free(partial);
    free(config);
    return err;
}

enum err backup_restore(const char *folder, const char *data_dir, struct error *error)
{
    /* For torrent-svc it is as after a power cut: what is on the disk has to be looked at. */
    static const char unsafe[] =
        "INSERT OR REPLACE INTO facts(key, value) VALUES('running_boot', 'restored')";

    if (!exists(folder, mark_name))
        return error_set(error, ERR_INVALID, "%s is no backup, or one that was not finished",
                         folder);
    for (size_t i = 0; i < COUNT_OF(databases) + COUNT_OF(others) - 1; i++) {
        const char *name = i < COUNT_OF(databases) ? databases[i] : others[i - COUNT_OF(databases)];

        if (exists(data_dir, name))
            return error_set(error, ERR_EXISTS,
                             "%s holds the state of a server already (%s); move it away first",
                             data_dir, name);
    }
    return copy_all(folder, data_dir, unsafe, error);
}
