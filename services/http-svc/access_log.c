/* SPDX-License-Identifier: MIT */
#include "access_log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"

struct access_log {
    char *path;
    int fd;
};

static void add_escaped(struct text *out, struct bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];

        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            text_addf(out, "\\x%02x", c);
        else
            text_add_bytes(out, bytes_of(&c, 1));
    }
}

/* The name of a parameter whose value must not be read later; 0 = none begins here. */
static size_t secret_at(struct bytes target, size_t i)
{
    static const char *const names[] = {"token=", "sig="};

    if (i == 0 || (target.data[i - 1] != '?' && target.data[i - 1] != '&'))
        return 0;
    for (size_t k = 0; k < COUNT_OF(names); k++) {
        size_t len = strlen(names[k]);

        if (target.len - i >= len && memcmp(target.data + i, names[k], len) == 0)
            return len;
    }
    return 0;
}

static void add_target(struct text *out, struct bytes target)
{
    size_t from = 0;

    for (size_t i = 0; i < target.len; i++) {
        size_t len = secret_at(target, i);

        if (len == 0)
            continue;
        add_escaped(out, bytes_of(target.data + from, i + len - from));
        text_add(out, "...");
        i += len;
        while (i < target.len && target.data[i] != '&')
            i++;
        from = i;
    }
    if (from < target.len)
        add_escaped(out, bytes_of(target.data + from, target.len - from));
}

static void add_quoted(struct text *out, struct bytes in)
{
    text_add(out, " \"");
    if (in.len == 0)
        text_add(out, "-");
    add_target(out, in);
    text_add(out, "\"");
}

void access_log_format(struct text *out, const struct access_log_entry *entry)
{
    time_t seconds = (time_t)(entry->unix_ms / 1000);
    struct tm tm;
    char when[40];

    gmtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    text_addf(out, "%s - - [%s] \"", entry->address, when);
    add_escaped(out, entry->method);
    text_add(out, " ");
    add_target(out, entry->target);
    text_addf(out, " HTTP/%u.%u\" %d %" PRIu64, entry->version >> 8, entry->version & 0xff,
              entry->status, entry->sent_bytes);
    add_quoted(out, entry->referer);
    add_quoted(out, entry->agent);
    text_addf(out, " %" PRIu64 "ms\n", entry->duration_ms);
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
}

enum err access_log_open(const char *path, struct access_log **out, struct error *error)
{
    bool is_stdout = strcmp(path, "-") == 0;
    int fd;

    *out = NULL;
    if (path[0] == '\0' || strcmp(path, "off") == 0)
        return ERR_NONE;
    fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : open_file(path);
    if (fd < 0)
        return error_set_errno(error, ERR_CONFIG, "cannot open the access log %s", path);
    *out = xcalloc(1, sizeof(**out));
    (*out)->fd = fd;
    (*out)->path = is_stdout ? NULL : xstrdup(path);
    return ERR_NONE;
}

void access_log_close(struct access_log **log_p)
{
    struct access_log *log = *log_p;

    if (log == NULL)
        return;
    close(log->fd);
    free(log->path);
    free(log);
    *log_p = NULL;
}

void access_log_write(struct access_log *log, const struct access_log_entry *entry)
{
    struct text line = {0};

    if (log == NULL)
        return;
    access_log_format(&line, entry);
    if (write(log->fd, line.data, line.len) < 0)
        log_debug("access log not written", "");
    text_fini(&line);
}

void access_log_reopen(struct access_log *log)
{
    int fd;

    if (log == NULL || log->path == NULL)
        return;
    fd = open_file(log->path);
    if (fd < 0) {
        log_warn("access log cannot be opened again", "path=%s", log->path);
        return;
    }
    /* The number stays the same: other threads may be writing to it. */
    dup3(fd, log->fd, O_CLOEXEC);
    close(fd);
}
