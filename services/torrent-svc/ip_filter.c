/* SPDX-License-Identifier: MIT */
#include "ip_filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"

enum { LINES_MAX = 2000000, LINE_BYTES_MAX = 512 };

static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* Block lists write 001.002.003.004; inet_pton refuses leading zeros, so they go. */
static bool clean_address(char *text)
{
    uint8_t ignored[16];
    char *out = text;

    if (strchr(text, ':') != NULL)
        return inet_pton(AF_INET6, text, ignored) == 1;
    for (const char *at = text; *at != '\0'; at++) {
        bool begins = at == text || at[-1] == '.';

        while (begins && *at == '0' && isdigit((unsigned char)at[1]))
            at++;
        *out++ = *at;
    }
    *out = '\0';
    return inet_pton(AF_INET, text, ignored) == 1;
}

bool ip_filter_line(char *line, struct lt_range *range_out)
{
    char *first, *dash, *last, *colon;

    line[strcspn(line, "#\r\n")] = '\0';
    line[strcspn(line, ",")] = '\0';
    first = trim(line);
    dash = strrchr(first, '-');
    last = first;
    if (dash != NULL) {
        *dash = '\0';
        last = trim(dash + 1);
        first = trim(first);
        /* p2p lines begin with a name and a colon; an IPv6 address has several. */
        colon = strrchr(first, ':');
        if (colon != NULL && strchr(last, ':') == NULL)
            first = trim(colon + 1);
    }
    bool is_range = clean_address(first) && (last == first || clean_address(last));
    *range_out = (struct lt_range){first, last};
    return is_range && (strchr(first, ':') == NULL) == (strchr(last, ':') == NULL);
}

enum err ip_filter_load(struct lt_session *session, const char *path, size_t *ranges_out,
                        struct error *error)
{
    FILE *file = fopen(path, "re");
    struct lt_range *ranges = NULL, range;
    char line[LINE_BYTES_MAX];
    size_t count = 0, skipped = 0, cap = 0;

    if (file == NULL)
        return error_set_errno(error, ERR_CONFIG, "cannot read torrent.ip_filter %s", path);
    while (count < LINES_MAX && fgets(line, sizeof(line), file) != NULL) {
        if (!ip_filter_line(line, &range)) {
            skipped += line[strspn(line, " \t")] != '\0';
            continue;
        }
        if (count == cap) {
            cap = cap ? cap * 2 : 64;
            ranges = xrealloc(ranges, cap * sizeof(*ranges));
        }
        ranges[count++] = (struct lt_range){xstrdup(range.first), xstrdup(range.last)};
    }
    fclose(file);
    enum err err = lt_session_filter(session, ranges, count, error);
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)ranges[i].first);
        free((char *)(uintptr_t)ranges[i].last);
    }
    free(ranges);
    *ranges_out = count;
    log_info("peer filter loaded", "file=%s ranges=%zu skipped_lines=%zu", path, count, skipped);
    return err;
}
