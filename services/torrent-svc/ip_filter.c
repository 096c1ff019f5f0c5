/* SPDX-License-Identifier: MIT */
#include "ip_filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"

enum {
    FILE_BYTES_MAX = 256 << 20,
    DAT_LEVEL_BLOCKED = 127, /* ipfilter.dat: a higher level means "allowed" */
};

static char *skip_blanks(char *text)
{
    while (isblank((unsigned char)*text))
        text++;
    return text;
}

struct address {
    char *begin; /* where it stood in the line */
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    bool is_v6;
};

/* Block lists write 001.002.003.004; inet_pton refuses leading zeros, so they go. */
static void drop_zeros(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        bool begins = at == text || at[-1] == '.';

        while (begins && *at == '0' && isdigit((unsigned char)at[1]))
            at++;
        *to++ = *at;
    }
    *to = '\0';
}

/* Moves *at behind the address and the blanks that follow. */
static bool read_address(char **at, struct address *out)
{
    size_t len = strspn(*at, "0123456789abcdefABCDEF.:");

    if (len == 0 || len >= sizeof(out->text))
        return false;
    out->begin = *at;
    memcpy(out->text, *at, len);
    out->text[len] = '\0';
    *at = skip_blanks(*at + len);
    out->is_v6 = strchr(out->text, ':') != NULL;
    if (!out->is_v6)
        drop_zeros(out->text);
    return inet_pton(out->is_v6 ? AF_INET6 : AF_INET, out->text, out->bytes) == 1;
}

/* It can only have become shorter. */
static const char *put_back(const struct address *address)
{
    memcpy(address->begin, address->text, strlen(address->text) + 1);
    return address->begin;
}

/* "first - last", "first", and behind it nothing or ", level, name" of an ipfilter.dat. */
static bool read_range(char *at, struct lt_range *out)
{
    struct address first, last;

    if (!read_address(&at, &first))
        return false;
    last = first;
    if (*at == '-') {
        at = skip_blanks(at + 1);
        if (!read_address(&at, &last))
            return false;
    }
    if ((*at != '\0' && *at != ',') || first.is_v6 != last.is_v6 ||
        memcmp(first.bytes, last.bytes, first.is_v6 ? 16 : 4) > 0 ||
        (*at == ',' && strtol(at + 1, NULL, 10) > DAT_LEVEL_BLOCKED))
        return false;
    *out = (struct lt_range){.first = put_back(&first), .last = put_back(&last)};
    return true;
}

bool ip_filter_line(char *line, struct lt_range *range_out)
{
    char *at = skip_blanks(line), *end = at + strlen(at);

    while (end > at && isspace((unsigned char)end[-1]))
        *--end = '\0';
    if (*at == '#')
        return false;
    /* Plain, or p2p: a name, which may hold anything, and a colon before the range. */
    while (!read_range(at, range_out)) {
        at = strchr(at, ':');
        if (at == NULL)
            return false;
        at = skip_blanks(at + 1);
    }
    return true;
}

static char *read_file(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    size_t used = 0;
    ssize_t got;

    if (fd < 0 || fstat(fd, &info) != 0) {
        error_set_errno(error, ERR_CONFIG, "cannot read torrent.ip_filter %s", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX) {
        error_set(error, ERR_CONFIG, "torrent.ip_filter %s is not a file of at most 256 MiB", path);
        close(fd);
        return NULL;
    }
    char *text = xcalloc(1, (size_t)info.st_size + 1);
    while (used < (size_t)info.st_size &&
           (got = read(fd, text + used, (size_t)info.st_size - used)) > 0)
        used += (size_t)got;
    close(fd);
    return text;
}

enum err ip_filter_load(struct lt_session *session, const char *path, size_t *ranges_out,
                        struct error *error)
{
    char *text = read_file(path, error), *line, *rest = text;
    struct lt_range *ranges = NULL, range;
    size_t count = 0, skipped = 0, cap = 0;

    if (text == NULL)
        return error->code;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (!ip_filter_line(line, &range)) {
            line = skip_blanks(line);
            skipped += *line != '\0' && *line != '#';
            continue;
        }
        if (count == cap) {
            cap = cap ? cap * 2 : 64;
            ranges = xrealloc(ranges, cap * sizeof(*ranges));
        }
        ranges[count++] = range; /* inside `text` */
    }
    enum err err = lt_session_filter(session, ranges, count, error);
    free(ranges);
    free(text);
    *ranges_out = count;
    log_info("peer filter loaded", "file=%s ranges=%zu skipped_lines=%zu", path, count, skipped);
    return err;
}
