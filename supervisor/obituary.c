/* SPDX-License-Identifier: MIT */
#include "obituary.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "svc/contract.h"

void obituary_fini(struct obituary *obituary)
{
    for (size_t i = 0; i < obituary->line_count; i++)
        free(obituary->lines[i]);
    *obituary = (struct obituary){0};
}

static const char *exit_word(int code)
{
    switch (code) {
    case EXIT_STOPPED:
        return "stopped";
    case EXIT_FAILED:
        return "failed";
    case EXIT_BUG:
        return "bug";
    case EXIT_RETRY:
        return "try later";
    case EXIT_CONFIG:
        return "configuration";
    default:
        return "unknown";
    }
}

void obituary_cause(char *out, size_t cap, const struct restart *restart, int wait_status,
                    bool was_scarce)
{
    if (restart->reason == RESTART_REASON_SILENT) {
        snprintf(out, cap, "stopped answering");
    } else if (restart->reason == RESTART_REASON_NEVER_READY) {
        snprintf(out, cap, "did not become ready in time");
    } else if (restart->was_killed) {
        snprintf(out, cap, "did not stop in time");
    } else if (WIFSIGNALED(wait_status)) {
        const char *word = sigabbrev_np(WTERMSIG(wait_status));
        const char *more = WCOREDUMP(wait_status)                           ? ", core dumped"
                           : was_scarce && WTERMSIG(wait_status) == SIGKILL ? ", out of memory"
                                                                            : "";

        snprintf(out, cap, "signal %d (%s%s)%s", WTERMSIG(wait_status), word != NULL ? "SIG" : "",
                 word != NULL ? word : "unknown", more);
    } else {
        snprintf(out, cap, "exit code %d (%s)", WEXITSTATUS(wait_status),
                 exit_word(WEXITSTATUS(wait_status)));
    }
}

json_t *obituary_to_json(const struct obituary *obituary)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < obituary->line_count; i++) {
        /* stderr may hold any bytes; JSON may not. */
        json_t *line = json_string(obituary->lines[i]);
        json_array_append_new(lines, line != NULL ? line : json_string("(not text)"));
    }
    json_t *json =
        json_pack("{s:I, s:s, s:i, s:I, s:I, s:s, s:b, s:s, s:o}", "whenUnixMs",
                  (json_int_t)obituary->when_unix_ms, "name", obituary->name, "pid", obituary->pid,
                  "generation", (json_int_t)obituary->generation, "uptimeMs",
                  (json_int_t)obituary->uptime_ms, "cause", obituary->cause, "wasReady",
                  (int)obituary->was_ready, "action", obituary->action, "lastLines", lines);
    must(json != NULL);
    return json;
}

bool obituary_from_json(json_t *json, struct obituary *out)
{
    json_int_t when, generation, uptime;
    const char *name, *cause, *action;
    json_t *lines;
    int pid, was_ready;

    int failed = json_unpack(json, "{s:I, s:s, s:i, s:I, s:I, s:s, s:b, s:s, s:o}", "whenUnixMs",
                             &when, "name", &name, "pid", &pid, "generation", &generation,
                             "uptimeMs", &uptime, "cause", &cause, "wasReady", &was_ready, "action",
                             &action, "lastLines", &lines);
    if (failed != 0 || !json_is_array(lines))
        return false;
    *out = (struct obituary){.when_unix_ms = (uint64_t)when,
                             .pid = pid,
                             .generation = (uint64_t)generation,
                             .uptime_ms = (uint64_t)uptime,
                             .was_ready = was_ready != 0};
    snprintf(out->name, sizeof(out->name), "%s", name);
    snprintf(out->cause, sizeof(out->cause), "%s", cause);
    snprintf(out->action, sizeof(out->action), "%s", action);
    for (size_t i = 0; i < json_array_size(lines) && i < OBITUARY_LINES; i++) {
        const char *line = json_string_value(json_array_get(lines, i));
        out->lines[out->line_count++] = xstrndup(line != NULL ? line : "", OBITUARY_LINE_MAX - 1);
    }
    return true;
}

bool obituary_name_matches(const char *name, const char *asked)
{
    size_t len = strlen(asked);

    return strncmp(name, asked, len) == 0 && (name[len] == '\0' || name[len] == '.');
}

/* "torrent" of "torrent.0". */
static void service_of(const char *name, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", (int)strcspn(name, "."), name);
}

/* Makes room when the service has its full number already. */
static void drop_oldest(struct obituaries *all, const char *name)
{
    size_t count = 0, oldest = 0;
    char service[32];

    service_of(name, service, sizeof(service));
    for (size_t i = all->count; i-- > 0;) {
        if (obituary_name_matches(all->items[i].name, service)) {
            count++;
            oldest = i;
        }
    }
    if (count < OBITUARY_KEPT)
        return;
    obituary_fini(&all->items[oldest]);
    all->count--;
    memmove(&all->items[oldest], &all->items[oldest + 1],
            (all->count - oldest) * sizeof(*all->items));
}

static void keep(struct obituaries *all, struct obituary *obituary)
{
    drop_oldest(all, obituary->name);
    if (all->count == all->cap) {
        all->cap = all->cap == 0 ? OBITUARY_KEPT : 2 * all->cap;
        all->items = xrealloc(all->items, all->cap * sizeof(*all->items));
    }
    all->items[all->count++] = *obituary;
    *obituary = (struct obituary){0};
}

static void load(struct obituaries *all, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;

    if (file == NULL)
        return;
    while (getline(&line, &cap, file) > 0) {
        json_t *json = json_loads(line, 0, NULL);
        struct obituary obituary;

        if (json != NULL && obituary_from_json(json, &obituary))
            keep(all, &obituary);
        json_decref(json);
    }
    free(line);
    fclose(file);
}

void obituaries_open(struct obituaries *all, const char *path)
{
    char *older = xasprintf("%s.1", path);

    load(all, older);
    load(all, path);
    free(older);
    all->path = xstrdup(path);
}

void obituaries_close(struct obituaries *all)
{
    for (size_t i = 0; i < all->count; i++)
        obituary_fini(&all->items[i]);
    free(all->items);
    free(all->path);
    *all = (struct obituaries){0};
}

static enum err append(const char *path, const char *line, struct error *error)
{
    struct stat info;

    if (stat(path, &info) == 0 && info.st_size + (off_t)strlen(line) > OBITUARY_FILE_MAX) {
        char *older = xasprintf("%s.1", path);
        int failed = rename(path, older);
        free(older);
        if (failed != 0)
            return error_set_errno(error, ERR_IO, "cannot rename %s", path);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, ERR_IO, "cannot open %s", path);
    enum err code = ERR_NONE;
    if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
        code = error_set_errno(error, ERR_IO, "cannot write %s", path);
    close(fd);
    return code;
}

enum err obituaries_add(struct obituaries *all, struct obituary *obituary, struct error *error)
{
    enum err code = ERR_NONE;

    if (all->path != NULL) {
        json_t *json = obituary_to_json(obituary);
        char *text = json_dumps(json, JSON_COMPACT);
        char *line = xasprintf("%s\n", text);

        code = append(all->path, line, error);
        free(line);
        free(text);
        json_decref(json);
    }
    keep(all, obituary);
    return code;
}

const struct obituary *obituaries_next(const struct obituaries *all, const char *name, size_t *at)
{
    while (*at < all->count) {
        const struct obituary *obituary = &all->items[all->count - ++*at];
        if (obituary_name_matches(obituary->name, name))
            return obituary;
    }
    return NULL;
}
