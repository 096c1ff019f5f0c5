/* SPDX-License-Identifier: MIT
 *
 * stream_answer: what a request for a file gets, by RFC 9110: which status, which headers, which
 * ranges. The bytes are the business of stream_body.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "loop.h"
#include "naming.h"
#include "wire/media_type.h"

enum { ETAG_TEXT = 64 };

static void set_etag(struct exchange *x, const struct infohash *hash, uint32_t file, char *out)
{
    char text[INFOHASH_TEXT];

    snprintf(out, ETAG_TEXT, "\"%s-%" PRIu32 "\"", infohash_text(hash, text), file);
    exchange_add_header(x, "etag", out);
    exchange_add_header(x, "cache-control",
                        x->client->door == DOOR_ENGINE ? "no-cache" /* tomorrow's is another film */
                        : x->loop->http->policy.needs_token ? "private, max-age=3600"
                                                            : "public, max-age=3600");
    exchange_add_header(x, "accept-ranges", "bytes");
}

/* RFC 9110 section 13.2.2. True when the answer is not the file. */
static bool answer_precondition(struct exchange *x, const char *etag)
{
    struct bytes match = exchange_header(x, "if-match");
    struct bytes none_match = exchange_header(x, "if-none-match");

    if (match.data != NULL && !etag_list_matches(match, etag, false)) {
        exchange_fail_as(x, 412, ERR_INVALID, "the file is not the one that If-Match names");
        return true;
    }
    if (none_match.data != NULL && etag_list_matches(none_match, etag, true)) {
        exchange_reply(x, 304, NULL, bytes_of(NULL, 0));
        return true;
    }
    return false;
}

static enum range_result choose_ranges(struct exchange *x, const char *etag, uint64_t size,
                                       struct range ranges[RANGE_MAX], size_t *count)
{
    struct bytes header = exchange_header(x, "range"), condition = exchange_header(x, "if-range");

    *count = 0;
    /* Only GET has ranges. */
    if (exchange_is_head(x) || header.data == NULL ||
        (condition.data != NULL && !if_range_matches(condition, etag)))
        return RANGE_WHOLE;
    return range_parse(header, size, ranges, count);
}

static void add_file_headers(struct exchange *x, const struct parts *parts, bool is_partial,
                             const char *path)
{
    struct text disposition = {0};

    if (is_partial && !parts_is_multipart(parts)) {
        char value[96];

        snprintf(value, sizeof(value), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                 parts->ranges[0].first, parts->ranges[0].last, parts->size);
        exchange_add_header(x, "content-range", value);
    }
    naming_disposition(&disposition, path, false);
    exchange_add_header(x, "content-disposition", text_str(&disposition));
    text_fini(&disposition);
    /* A page or a drawing out of a torrent must not run scripts as a page of ours. */
    if (strstr(parts->type, "html") != NULL || strstr(parts->type, "xml") != NULL)
        exchange_add_header(x, "content-security-policy", "sandbox; default-src 'none'");
}

/* Everything that is answered without sending bytes of the file. True: it was. */
static bool answer_without_body(struct exchange *x, const struct parts *parts,
                                enum range_result result)
{
    char type[PARTS_HEAD_TEXT], value[64];

    if (result == RANGE_UNSATISFIABLE) {
        snprintf(value, sizeof(value), "bytes */%" PRIu64, parts->size);
        exchange_add_header(x, "content-range", value);
        exchange_fail_as(x, 416, ERR_INVALID, "the file has no such range");
        return true;
    }
    if (!exchange_is_head(x) && parts->size > 0)
        return false;
    parts_content_type(parts, type);
    exchange_send_head(x, 200, type, (size_t)parts->size);
    return true;
}

void stream_answer(struct exchange *x, const struct infohash *hash, uint32_t file)
{
    struct map_entry *entry;
    struct ready_map *map = loop_map_take(x->loop, hash, &entry);
    struct range ranges[RANGE_MAX];
    struct parts parts;
    enum range_result result;
    char etag[ETAG_TEXT];
    size_t count;

    if (map == NULL || file >= ready_map_layout(map)->file_count) {
        if (map == NULL)
            exchange_fail_as(x, 500, ERR_INTERNAL, "Failed to get torrent");
        else
            exchange_fail_as(x, 404, ERR_NOT_FOUND, "File not found");
        loop_map_release(&entry);
        return;
    }
    const struct ready_file *info = &ready_map_layout(map)->files[file];
    set_etag(x, hash, file, etag);
    if (answer_precondition(x, etag)) {
        loop_map_release(&entry);
        return;
    }
    result = choose_ranges(x, etag, info->size, ranges, &count);
    if (result != RANGE_PARTIAL) {
        ranges[0] = (struct range){0, info->size > 0 ? info->size - 1 : 0};
        count = 1;
    }
    parts_init(&parts, ranges, count, info->size, media_type(info->path), x->trace);
    if (result != RANGE_UNSATISFIABLE)
        add_file_headers(x, &parts, result == RANGE_PARTIAL, info->path);
    if (answer_without_body(x, &parts, result))
        loop_map_release(&entry);
    else
        stream_body_send(x, entry, map, file, &parts, result == RANGE_PARTIAL ? 206 : 200);
}
